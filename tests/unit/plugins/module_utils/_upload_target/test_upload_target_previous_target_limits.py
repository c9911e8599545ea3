# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The previous target at its limits, and with an archive list that cannot be trusted."""

from __future__ import annotations

import typing as t
from dataclasses import replace

import pytest

from ansible_collections.vonage.archiving.plugins.module_utils._core import errors
from ansible_collections.vonage.archiving.plugins.module_utils._core.runtime import Runtime
from ansible_collections.vonage.archiving.plugins.module_utils._state_file import state
from ansible_collections.vonage.archiving.plugins.module_utils._upload_target import previous_target
from ansible_collections.vonage.archiving.plugins.module_utils._vonage.project import Project
from ansible_collections.vonage.archiving.tests.unit.plugins.module_utils._upload_target.upload_target_cases import (
    applied,
    pending,
)

CHANGED = 1_800_000_000.0
PROJECT = Project("471", "secret")
HOUR = 3600.0


class Api:
    """An archive list with ``missing`` archives fewer than it counts."""

    def __init__(self, *archives: tuple[str, float], missing: int = 0, ends_at: float = 1e18) -> None:
        self.archives, self.missing, self.calls = archives, missing, 0

    def get(self, path: str, operation: str, **query: t.Any) -> t.Any:
        self.calls += 1
        items = [
            {"id": f"a{number}", "status": status, "createdAt": (CHANGED + started) * 1000}
            for number, (status, started) in enumerate(self.archives)
        ]
        start = int(query["offset"])
        return {"count": len(items) + self.missing, "items": items[start : start + int(query["count"])]}


def fetch(api: Api, after: float, grace_period: float = HOUR) -> previous_target.PreviousTarget:
    return previous_target.fetch(api, PROJECT, CHANGED, grace_period, CHANGED + after)


@pytest.mark.parametrize(
    ("after", "in_use", "calls"), [(0, True, 0), (29, True, 0), (30, False, 1), (HOUR - 1, False, 1), (HOUR, False, 0)]
)
def test_fetch_lists_archives_only_within_the_grace_period(after: float, in_use: bool, calls: int) -> None:
    api = Api(("uploaded", -60))
    previous = fetch(api, after)
    assert (previous.in_use, previous.until, api.calls) == (in_use, CHANGED + HOUR, calls)
    assert bool(previous.reason) is in_use


def test_fetch_with_an_incomplete_list_is_in_use() -> None:
    previous = fetch(Api(("uploaded", -60), missing=2), 600)
    assert previous.in_use
    assert "archives were deleted while they were listed" in previous.reason


@pytest.mark.parametrize(
    ("started", "in_use"), [(-72 * HOUR, True), (-72 * HOUR - 1, False), (0, True), (300, True), (301, False)]
)
def test_fetch_counts_recordings_that_can_use_the_previous_target(started: float, in_use: bool) -> None:
    """A clock may differ by five minutes, and Vonage keeps a recording for 72 hours."""
    assert fetch(Api(("started", started)), 600).in_use is in_use


def test_fetch_names_three_recordings() -> None:
    reason = fetch(Api(*[("started", -60)] * 5), 600).reason
    assert "a2" in reason
    assert "a3" not in reason


@pytest.mark.parametrize(("seconds", "elapsed"), [(0, 0), (12, 12), (1e6, 3570)])
def test_wait_ends_with_the_time_limit_or_the_grace_period(seconds: float, elapsed: float) -> None:
    times = [CHANGED + 30]

    def sleep(pause: float) -> None:
        times.append(times[-1] + pause)

    runtime = Runtime(lambda: times[-1], lambda: times[-1], sleep)
    previous = previous_target.wait(Api(("started", -60)), PROJECT, CHANGED, HOUR, seconds, runtime)
    assert previous.in_use is (seconds < HOUR)
    assert 0 <= times[-1] - times[0] - elapsed <= 5


def test_unchanged_settings_require_an_applied_state_file_with_equal_settings() -> None:
    known = applied("AKIA")
    assert previous_target.unchanged_settings(known, {**known.storage, "access_key": "other"}) == known
    assert previous_target.unchanged_settings(known, {**known.storage, "bucket": "other"}) is None
    assert previous_target.unchanged_settings(replace(known, status=state.ABSENT), known.storage) is None
    assert previous_target.unchanged_settings(pending("AKIA"), known.storage) is None
    assert previous_target.unchanged_settings(None, known.storage) is None


def test_list_in_progress_with_an_incomplete_list_raises() -> None:
    with pytest.raises(errors.RejectedError, match="Could not list the archives of project 471 that are in progress"):
        previous_target.list_in_progress(Api(missing=1), PROJECT, CHANGED)
