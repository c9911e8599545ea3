# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Archives with an injected fault. The expected state follows from the fault, and not from the code under test."""

from __future__ import annotations

import random
import typing as t
import uuid
from dataclasses import dataclass, replace

from ansible_collections.vonage.archiving.plugins.module_utils._archive_audit.plan import ArchiveObject, Rules
from ansible_collections.vonage.archiving.plugins.module_utils._archives.archives import Archive

HOUR, DAY = 3600.0, 86400.0
NOW = 1_795_000_000.0
BUCKET_SINCE = NOW - 20 * DAY
RETENTION_DAYS = 40
SIZE = 7000


@dataclass(frozen=True)
class Case:
    """An archive, its objects, and its state by construction."""

    state: str
    archive: Archive
    objects: tuple[ArchiveObject, ...] = ()


def create_archive(status: str, age: float, **fields: t.Any) -> Archive:
    return Archive(
        **{"id": str(uuid.uuid4()), "created": NOW - age, "size": SIZE, "duration": 60.0, **fields}, status=status
    )


def mp4(size: int) -> ArchiveObject:
    return ArchiveObject("archive.mp4", size)


# For each kind of fault: the state, the status, the range of ages in hours, the size of the object (None without an
# object), and fields of the archive.
FAULTS: dict[str, tuple[str, str, tuple[float, float], int | None, dict[str, t.Any]]] = {
    "arrived": ("landed", "uploaded", (0, 2000), SIZE, {}),
    "size is unknown": ("landed", "uploaded", (0, 2000), SIZE, {"size": 0}),
    "status is late": ("landed", "stopped", (2, 2000), SIZE, {}),
    "no streams": ("empty", "uploaded", (0, 2000), 0, {"size": 0, "duration": 0.0}),
    "copied in time": ("copied", "available", (0, 72), SIZE, {}),
    "copied, and expired": ("copied", "expired", (72, 2000), SIZE, {}),
    "deleted": ("missing", "uploaded", (0, 479), None, {}),
    "deleted by the rule": ("expired_by_retention", "uploaded", (961, 2000), None, {}),
    "in another bucket": ("previous_bucket", "uploaded", (481, 959), None, {}),
    "truncated": ("wrong_size", "uploaded", (0, 2000), SIZE - 1, {}),
    "emptied": ("wrong_size", "uploaded", (0, 2000), 0, {}),
    "upload failed": ("fell_back", "available", (0, 72), None, {}),
    "copy is incomplete": ("fell_back", "available", (0, 72), SIZE - 1, {}),
    "upload failed long ago": ("expired", "expired", (72, 959), None, {}),
    "incomplete copy expired": ("expired", "expired", (72, 2000), SIZE - 1, {}),
    "lost before the rule": ("expired_by_retention", "expired", (961, 2000), None, {}),
    "recording failed": ("failed", "failed", (0, 2000), None, {"size": 0}),
    "never uploaded": ("stuck", "stopped", (2, 2000), None, {}),
    "never ends": ("stuck", "started", (14, 2000), None, {"size": 0, "duration": 0.0}),
    "ended just now": ("in_progress", "stopped", (0, 0.9), None, {}),
    "running": ("in_progress", "started", (0, 12), None, {"size": 0, "duration": 0.0}),
    "paused": ("in_progress", "paused", (0, 12), None, {"size": 0, "duration": 0.0}),
    "deleted by a user": ("other", "deleted", (0, 2000), None, {}),
}


def create_case(fault: str, chance: random.Random) -> Case:
    """An archive with a fault, of a random age."""
    state, status, ages, stored, fields = FAULTS[fault]
    archive = create_archive(status, chance.uniform(*ages) * HOUR, id=str(uuid.UUID(int=chance.getrandbits(128))))
    archive = replace(archive, **fields)
    objects = () if stored is None else (ArchiveObject(chance.choice(("archive.mp4", "archive.zip")), stored),)
    transcript = (ArchiveObject("transcription.json", 3),) if chance.random() < 0.3 else ()
    return Case(state, archive, (*transcript, *objects))


def create_rules(**fields: t.Any) -> Rules:
    return replace(Rules(NOW, HOUR, BUCKET_SINCE, RETENTION_DAYS), **fields)
