# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The state of each archive, from the list of the API and the objects in the bucket. Pure.

PRIVATE to the collection ``vonage.archiving``: there is no stability promise outside of it.

Documented (the vendor's archiving overview): the statuses, the keys of recordings, and the deletion in the vendor's
cloud 72 hours after the creation. Inferred: ``available`` or ``expired`` in a project with an upload target means that
the upload failed. Not documented: the key of a transcript. Every other object of an archive counts as a transcript.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field

from .._archives.archives import IN_CLOUD, IN_PROGRESS, Archive

# The remaining states need no action.
LOST = ("missing", "wrong_size", "wrong_checksum", "expired", "failed")
AT_RISK = ("fell_back", "stuck")
PROBLEMS = (*AT_RISK, *LOST)
STATES = (
    "landed",
    "empty",
    "copied",
    "in_progress",
    "expired_by_retention",
    "previous_bucket",
    "acknowledged",
    "other",
    *PROBLEMS,
)
DAY = 86400
# "archive.mp4", or "archive.zip" for individual streams (the guide "Using S3 storage with archiving"). The extension of
# an encrypted recording is not documented.
RECORDING = "archive."


class ArchiveObject(t.NamedTuple):
    """An object of an archive.

    :param name: the key after ``<project>/<archive>/``.
    :param size: bytes.
    """

    name: str
    size: int

    @property
    def is_recording(self) -> bool:
        return self.name.startswith(RECORDING) and "/" not in self.name


@dataclass(frozen=True)
class Rules:
    """The rules of an audit; times are Unix seconds.

    :param stuck_after: seconds after its end from which a stopped archive counts as stuck.
    :param bucket_since: the start of the period in which the upload target has its bucket; ``None`` if unknown.
    :param retention_days: after this age, a recording may be deleted in the bucket; 0 for never.
    :param corrupt: the ids of archives whose object has another content than the recording.
    """

    now: float
    stuck_after: float
    bucket_since: float | None = None
    retention_days: int = 0
    acknowledged: frozenset[str] = frozenset()
    corrupt: frozenset[str] = frozenset()

    def is_retained(self, archive: Archive) -> bool:
        """Whether the object of an archive must still exist."""
        return not self.retention_days or self.now - archive.created <= self.retention_days * DAY


@dataclass(frozen=True)
class Audit:
    """The archives of each state, by deadline: the oldest first.

    :param transcripts: the number of objects that are not recordings.
    :param missing_transcripts: ids of archives whose transcript is uploaded according to Vonage, and has no object.
    """

    archives: t.Mapping[str, tuple[Archive, ...]] = field(default_factory=dict)
    transcripts: int = 0
    missing_transcripts: tuple[str, ...] = ()

    @property
    def total(self) -> int:
        return sum(map(len, self.archives.values()))

    def count(self, states: t.Iterable[str]) -> int:
        """The number of archives in these states."""
        return sum(len(self.archives[state]) for state in states)


def plan_audit(
    archives: t.Iterable[Archive], objects: t.Mapping[str, t.Sequence[ArchiveObject]], rules: Rules
) -> Audit:
    """Determine the state of each archive.

    :param objects: by the id of the archive.
    """
    by_state: dict[str, list[Archive]] = {state: [] for state in STATES}
    missing_transcripts, transcripts = [], 0
    for archive in sorted(archives, key=lambda archive: (archive.created, archive.id)):
        stored = objects.get(archive.id, ())
        state = determine_state(archive, stored, rules)
        is_silenced = state in PROBLEMS and archive.id in rules.acknowledged
        by_state["acknowledged" if is_silenced else state].append(archive)
        others = sum(not item.is_recording for item in stored)
        transcripts += others
        if archive.transcribed and not others and rules.is_retained(archive):
            missing_transcripts.append(archive.id)
    frozen = {state: tuple(members) for state, members in by_state.items()}
    return Audit(frozen, transcripts, tuple(missing_transcripts))


def determine_state(archive: Archive, objects: t.Sequence[ArchiveObject], rules: Rules) -> str:
    """The state of an archive, without regard to acknowledged ones."""
    recording = find_recording(archive, objects)
    is_whole = recording is not None and recording.size == archive.size and archive.id not in rules.corrupt
    if archive.status in IN_CLOUD:
        return "copied" if is_whole else _state_in_cloud(archive, recording, rules)
    if archive.status == "uploaded":
        return _state_of_uploaded(archive, recording, rules)
    # The status can follow the upload: "uploaded may occur before stopped".
    if is_whole and archive.size:
        return "landed"
    if archive.status == "failed":
        return "failed"
    if archive.is_stuck(rules.now, rules.stuck_after):
        return "stuck"
    return "in_progress" if archive.status in IN_PROGRESS else "other"


def _state_in_cloud(archive: Archive, recording: ArchiveObject | None, rules: Rules) -> str:
    if archive.status == "available":
        return "fell_back"
    return "expired_by_retention" if recording is None and not rules.is_retained(archive) else "expired"


def _state_of_uploaded(archive: Archive, recording: ArchiveObject | None, rules: Rules) -> str:
    if recording is None:
        if not rules.is_retained(archive):
            return "expired_by_retention"
        is_previous = rules.bucket_since is not None and archive.created < rules.bucket_since
        return "previous_bucket" if is_previous else "missing"
    if archive.id in rules.corrupt:
        return "wrong_checksum"
    # The API can return no size.
    if archive.size not in (0, recording.size):
        return "wrong_size"
    return "landed" if recording.size else "empty"


def find_recording(archive: Archive, objects: t.Sequence[ArchiveObject]) -> ArchiveObject | None:
    """The object with the recording: one of the right size, else the largest."""
    candidates = [item for item in objects if item.is_recording]
    return max(candidates, key=lambda item: (item.size == archive.size, item.size, item.name), default=None)


def select_samples(
    audit: Audit, objects: t.Mapping[str, t.Sequence[ArchiveObject]], number: int
) -> list[tuple[Archive, ArchiveObject]]:
    """The newest complete recordings with a known checksum."""
    complete = [archive for state in ("landed", "copied") for archive in audit.archives[state] if archive.sha256]
    newest = sorted(complete, key=lambda archive: (-archive.created, archive.id))[:number]
    recordings = [(archive, find_recording(archive, objects.get(archive.id, ()))) for archive in newest]
    return [(archive, recording) for archive, recording in recordings if recording]
