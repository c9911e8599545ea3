# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether recordings can still use the previous target: by the grace period, and by the archive list."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field

import pytest

from ansible_collections.vonage.archiving.plugins.module_utils._core import errors
from ansible_collections.vonage.archiving.plugins.module_utils._core.runtime import Runtime
from ansible_collections.vonage.archiving.plugins.module_utils._upload_target import previous_target
from ansible_collections.vonage.archiving.plugins.module_utils._vonage.project import Project

HOUR = 3600.0
CHANGED = 1_800_000_000.0
GRACE_PERIOD = 18 * HOUR
PROJECT = Project("45828062", "secret")


def archive(status: str, started: float = -HOUR, id_: str = "a") -> dict[str, t.Any]:
    """An archive of the list; ``started`` is in seconds after the change of the target."""
    return {"id": id_, "status": status, "createdAt": (CHANGED + started) * 1000}


@dataclass
class Api:
    """Lists archives in pages like the API."""

    archives: list[dict[str, t.Any]] = field(default_factory=list)
    error: errors.ArchivingError | None = None
    calls: list[dict[str, t.Any]] = field(default_factory=list)

    def get(self, path: str, operation: str, **query: t.Any) -> t.Any:
        assert path == "/v2/project/45828062/archive"
        self.calls.append(query)
        if self.error:
            raise self.error
        start = query["offset"]
        return {"count": len(self.archives), "items": self.archives[start : start + query["count"]]}


def fetch(api: Api, after: float) -> previous_target.PreviousTarget:
    return previous_target.fetch(api, PROJECT, CHANGED, GRACE_PERIOD, CHANGED + after)


@pytest.mark.parametrize("status", ["started", "paused", "stopped"])
@pytest.mark.parametrize("started", [-60 * HOUR, -12 * HOUR, 0, 299])
def test_fetch_with_a_recording_in_progress_is_in_use(status: str, started: float) -> None:
    previous = fetch(Api([archive(status, started)]), HOUR)
    assert (previous.in_use, previous.until) == (True, CHANGED + GRACE_PERIOD)
    assert previous.reason.endswith("in progress: a")


@pytest.mark.parametrize(("status", "in_use"), [("requested", True), ("started", True), ("uploaded", False)])
def test_fetch_with_a_transcript_in_progress_is_in_use(status: str, in_use: bool) -> None:
    """A transcript is uploaded after the recording."""
    transcribed = {**archive("uploaded"), "transcription": {"status": status}}
    assert fetch(Api([transcribed]), HOUR).in_use == in_use


@pytest.mark.parametrize(
    "archives",
    [
        [],
        [archive(status, id_=status) for status in ("uploaded", "available", "failed", "expired")],
        [archive("started", 301)],
        [archive("stopped", -73 * HOUR)],
    ],
    ids=["none", "finished", "started later", "older than 72 hours"],
)
def test_fetch_without_a_recording_in_progress_is_not_in_use(archives: list[dict[str, t.Any]]) -> None:
    previous = fetch(Api(archives), HOUR)
    assert (previous.in_use, previous.reason) == (False, "")


def test_fetch_after_the_grace_period_reads_no_list() -> None:
    api = Api([archive("started")])
    assert not fetch(api, GRACE_PERIOD).in_use
    assert api.calls == []


def test_fetch_directly_after_the_change_does_not_read_the_list() -> None:
    api = Api()
    assert fetch(api, 29).in_use
    assert api.calls == []
    assert not fetch(api, 30).in_use


def test_fetch_with_an_unreadable_list_keeps_the_grace_period() -> None:
    previous = fetch(Api(error=errors.UnreachableError("list archives", "no response")), HOUR)
    assert previous.in_use
    assert "no response" in previous.reason


def test_fetch_finds_a_recording_on_a_later_page() -> None:
    archives = [archive("uploaded", -index, f"u{index}") for index in range(1500)]
    archives.append(archive("paused", -5 * HOUR, "late"))
    api = Api(archives)
    previous = fetch(api, HOUR)
    assert previous.reason.endswith("in progress: late")
    assert len(api.calls) == 2


def test_wait_ends_with_the_recording() -> None:
    api, clock, pauses = Api([archive("started")]), [CHANGED + HOUR], []

    def sleep(seconds: float) -> None:
        pauses.append(seconds)
        clock[0] += seconds
        if len(pauses) == 2:
            api.archives[:] = [archive("uploaded")]

    previous = previous_target.wait(
        api, PROJECT, CHANGED, GRACE_PERIOD, 12, Runtime(lambda: clock[0], lambda: clock[0], sleep)
    )
    assert not previous.in_use
    assert pauses == [5, 5]


def test_wait_ends_at_the_deadline() -> None:
    clock, pauses = [CHANGED + HOUR], []

    def sleep(seconds: float) -> None:
        pauses.append(seconds)
        clock[0] += seconds

    api = Api([archive("started")])
    assert previous_target.wait(
        api, PROJECT, CHANGED, GRACE_PERIOD, 12, Runtime(lambda: clock[0], lambda: clock[0], sleep)
    ).in_use
    assert sum(pauses) == 12
