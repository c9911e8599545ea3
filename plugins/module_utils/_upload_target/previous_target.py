# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The previous upload target: whether a recording can still use it.

PRIVATE to the collection ``vonage.archiving``: there is no stability promise outside of it.

The vendor does not document which target a recording uses that started before the target changed. The collection
assumes the worst case, the target at its start.
"""

from __future__ import annotations

import itertools
import math
import typing as t
from dataclasses import dataclass

from .._archives import listing
from .._archives.archives import Archive
from .._core import errors
from .._core.retry import Deadline, attempts
from .._core.runtime import Runtime
from .._core.timestamps import MAX_CLOCK_DIFFERENCE, format_utc
from .._core.values import first_few
from .._state_file import state
from .._state_file.store import Store
from .._vonage.client import Client
from .._vonage.project import Project

# Seconds. The archive list may be eventually consistent: it is not used directly after a change. Not documented.
LIST_DELAY = 30
# Seconds between two reads of the archive list.
INTERVAL = 5.0
# Seconds: Vonage deletes what it could not upload 72 hours after the recording was created (guide "Archiving").
LONGEST_RECORDING = 72 * 3600
SHOWN_IDS = 3


@dataclass(frozen=True)
class PreviousTarget:
    """Whether a recording can still use the previous upload target.

    :param until: the latest end of the grace period, Unix seconds.
    :param reason: why it can still be in use; empty if it cannot.
    """

    in_use: bool
    until: float
    reason: str = ""

    def as_result(self) -> dict[str, t.Any]:
        """The return value; times are UTC."""
        return {"in_use": self.in_use, "until": format_utc(self.until), "reason": self.reason}


def fetch(
    client: listing.ArchiveApi,
    project: Project,
    changed_at: float,
    grace_period: float,
    now: float,
    age: float | None = None,
) -> PreviousTarget:
    """Determine whether the previous target can still be in use. Reads the archive list during the grace period only.

    :param changed_at: the time of the change of the target, Unix seconds.
    :param grace_period: seconds.
    :param now: Unix seconds.
    :param age: seconds since the change, or fewer, by the clock of the store; ``None`` if unknown. The clock of the
        machine that changed the target may differ from this one by more than ``LIST_DELAY``.
    """
    until = changed_at + grace_period
    if now >= until:
        return PreviousTarget(False, until)
    if min(now - changed_at, math.inf if age is None else age) < LIST_DELAY:
        return PreviousTarget(True, until, "the target changed a moment ago")
    try:
        recordings = list_in_progress(client, project, changed_at)
    except errors.ArchivingError as exc:
        # The list can only end the grace period early.
        return PreviousTarget(True, until, f"the archives of the project could not be listed: {exc.problem}")
    if recordings:
        ids = first_few([recording.id for recording in recordings], SHOWN_IDS)
        return PreviousTarget(True, until, f"recordings that started before the target changed are in progress: {ids}")
    return PreviousTarget(False, until)


def wait(
    client: listing.ArchiveApi,
    project: Project,
    changed_at: float,
    grace_period: float,
    seconds: float,
    runtime: Runtime,
    age: float | None = None,
) -> PreviousTarget:
    """Fetch repeatedly until the target is no longer in use, for at most that many seconds."""
    awaited = f"recordings that can still use the previous upload target of {project.name}"
    deadline = Deadline(seconds, runtime, awaited=awaited)
    for _number in attempts(deadline, itertools.repeat(INTERVAL)):
        current_age = None if age is None else age + deadline.elapsed
        previous = fetch(client, project, changed_at, grace_period, runtime.now(), current_age)
        if not previous.in_use:
            break
    return previous


def fetch_for_result(
    project: Project,
    store: Store | None,
    last: state.State | None,
    grace_period: float,
    runtime: Runtime,
    age: float | None = None,
) -> dict[str, t.Any]:
    """The return value ``previous_target``.

    :param last: the state file; ``None`` if this run changes the target.
    :param age: of the state file before this run, by the clock of the store.
    """
    now, client = runtime.now(), Client(project)
    client.prepare()
    if store is None:
        # Without a state file, the time of the last change is unknown: only the archive list is used.
        return fetch(client, project, now - LIST_DELAY, grace_period, now).as_result()
    changed_at = (last.changed_at if last else None) or now
    return fetch(client, project, changed_at, grace_period, now, age).as_result()


def unchanged_settings(known: state.State | None, storage: t.Mapping[str, t.Any]) -> state.State | None:
    """The state file if bucket, endpoint, and encryption equal those of the desired target; else ``None``. Pure."""
    if known is None or known.status != state.APPLIED or not known.has_settings_of(storage):
        return None
    return known


def list_in_progress(client: listing.ArchiveApi, project: Project, changed_at: float) -> list[Archive]:
    """List the archives that started before the target changed and are not uploaded yet, with their transcripts.

    :raises errors.ArchivingError: the list cannot be read completely.
    """
    recent = listing.fetch_archives(
        lambda offset, count: listing.fetch_page(client, project, offset, count), changed_at - LONGEST_RECORDING
    )
    if not recent.complete:
        operation = f"list the archives of {project.name} that are in progress"
        raise errors.RejectedError(operation, "archives were deleted while they were listed")
    return [
        archive
        for archive in recent.archives
        if archive.in_progress and archive.created <= changed_at + MAX_CLOCK_DIFFERENCE
    ]
