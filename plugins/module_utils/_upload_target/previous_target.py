# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether a recording can still be uploaded with the target that was set before the current one.

PRIVATE to the collection ``vonage.archiving``: there is no stability promise outside of it.

Not documented by the vendor: which target a recording uses that started before the target changed. The collection
assumes the worst, the target of its start.
"""

from __future__ import annotations

import time
import typing as t
from dataclasses import dataclass

from .._archives import listing
from .._archives.archives import Archive
from .._core import errors
from .._core.values import first_few
from .._state_file import state
from .._state_file.store import Store
from .._vonage.client import Client
from .._vonage.project import Project

# Seconds after a change of the target during which the archive list may still lack a recording. Not documented.
LIST_DELAY = 30
# Seconds between two reads of the archive list.
INTERVAL = 5.0
# Seconds by which the clocks of the API and of this machine may differ.
CLOCK_DIFFERENCE = 300
# Seconds: Vonage deletes what it could not upload 72 hours after the recording was created (guide "Archiving").
LONGEST_RECORDING = 72 * 3600
SHOWN_IDS = 3


@dataclass(frozen=True)
class PreviousTarget:
    """Whether a recording can still use the previous upload target.

    :param until: when the grace period ends at the latest, Unix seconds.
    :param reason: why it can still be in use; empty if it is not.
    """

    in_use: bool
    until: float
    reason: str = ""

    def as_result(self) -> dict[str, t.Any]:
        """The return value; times are UTC."""
        return {"in_use": self.in_use, "until": state.stamp(self.until), "reason": self.reason}


def fetch(
    client: listing.ArchiveApi, project: Project, changed_at: float, grace_period: float, now: float
) -> PreviousTarget:
    """Whether the previous target can still be in use; reads the archive list only during the grace period.

    :param changed_at: when the target changed, Unix seconds.
    :param grace_period: seconds.
    :param now: Unix seconds.
    """
    until = changed_at + grace_period
    if now >= until:
        return PreviousTarget(False, until)
    if now - changed_at < LIST_DELAY:
        return PreviousTarget(True, until, "the target changed a moment ago")
    try:
        recordings = list_in_progress(client, project, changed_at)
    except errors.ArchivingError as exc:
        # The list only shortens the wait: without it, the grace period applies.
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
    now: t.Callable[[], float] = time.time,
    sleep: t.Callable[[float], None] = time.sleep,
) -> PreviousTarget:
    """The same as :func:`fetch`, after waiting that many seconds at most until the target is no longer in use."""
    deadline = now() + seconds
    while True:
        previous = fetch(client, project, changed_at, grace_period, now())
        left = deadline - now()
        if not previous.in_use or left <= 0:
            return previous
        sleep(min(left, INTERVAL))


def fetch_for_result(
    project: Project, store: Store | None, last: state.State | None, grace_period: float
) -> dict[str, t.Any]:
    """The return value ``previous_target``.

    :param last: the state file; ``None`` if the target changes in this run.
    """
    now, client = time.time(), Client(project)
    client.prepare()
    if store is None:
        # Without a state file the time of the last change is unknown: only the archive list can tell.
        return fetch(client, project, now - LIST_DELAY, grace_period, now).as_result()
    return fetch(client, project, (last.changed_at if last else None) or now, grace_period, now).as_result()


def unchanged_settings(known: state.State | None, storage: t.Mapping[str, t.Any]) -> state.State | None:
    """The state file, if a run with this target keeps bucket, endpoint, and encryption; else ``None``. Pure."""
    keeps = known is not None and known.status == state.APPLIED and known.has_settings_of(storage)
    return known if keeps else None


def list_in_progress(client: listing.ArchiveApi, project: Project, changed_at: float) -> list[Archive]:
    """The archives that started before the target changed and have not been uploaded yet, with their transcripts.

    :raises errors.ArchivingError: the list cannot be read completely.
    """
    recent = listing.read(
        lambda offset, count: listing.fetch_page(client, project, offset, count), changed_at - LONGEST_RECORDING
    )
    if not recent.complete:
        attempted = f"list the archives of {project.name} that are in progress"
        raise errors.RejectedError(attempted, "archives were deleted while they were listed")
    return [
        archive
        for archive in recent.archives
        if archive.in_progress and archive.created <= changed_at + CLOCK_DIFFERENCE
    ]
