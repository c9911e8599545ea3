# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""For how long an announced call can still take effect, at the limits."""

from __future__ import annotations

import typing as t
from dataclasses import replace

import pytest

from ansible_collections.vonage.archiving.plugins.module_utils._core import errors
from ansible_collections.vonage.archiving.plugins.module_utils._core.runtime import Runtime
from ansible_collections.vonage.archiving.plugins.module_utils._state_file import state
from ansible_collections.vonage.archiving.plugins.module_utils._state_file.state import State
from ansible_collections.vonage.archiving.plugins.module_utils._state_file.store import StoredObject
from ansible_collections.vonage.archiving.plugins.module_utils._upload_target.announced_call import (
    AnnouncedCalls,
    seconds_remaining,
)
from ansible_collections.vonage.archiving.plugins.module_utils._vonage.project import Project

NOW = 1_800_000_000.0


def pending(duration: float, **changes: t.Any) -> State:
    """A state file whose announced call takes that long; the writer adds one second."""
    return replace(
        state.create_pending("471", "https://api", NOW, {"bucket": "b"}, "s", "key", (), duration - 1), **changes
    )


@pytest.mark.parametrize(
    ("last", "age", "watched", "seconds"),
    [
        (None, None, 0, 0),
        (pending(1), None, 0, 0),  # a claim
        (pending(2), None, 0, 4),  # the shortest call
        (pending(91), None, 0, 93),
        (pending(91), 40, 0, 53),
        (pending(91), None, 40, 53),
        (pending(91), 40, 50, 43),
        (pending(91), 50, 40, 43),
        (pending(91), 93, 0, 0),
        (pending(91), 1e9, 0, 0),
        (pending(91, status=state.APPLIED), None, 0, 0),
        (pending(91, time=""), None, 0, 0),
        (pending(91, until=""), None, 0, 0),
    ],
)
def test_seconds_remaining(last: State | None, age: float | None, watched: float, seconds: float) -> None:
    assert seconds_remaining(last, age, watched) == seconds


class Store:
    """A state file that does not change."""

    location = "s3://b/state.json"

    def __init__(self, last: State) -> None:
        self.last = last

    def read(self) -> StoredObject:
        return StoredObject(state.dump(self.last))

    def write(self, data: bytes, expected: StoredObject | None) -> StoredObject:
        raise AssertionError


@pytest.mark.parametrize(("duration", "waits"), [(91, True), (92, True), (93, False)])
def test_wait_for_longer_than_the_time_budget_is_a_conflict(duration: float, waits: bool) -> None:
    """The time limit of the calls is 90 seconds; the margin of both clocks is 4 seconds."""
    last, times = pending(duration), [0.0]

    def sleep(seconds: float) -> None:
        times.append(times[-1] + seconds)

    store = Store(last)
    calls = AnnouncedCalls(Project("471", "s"), store, Runtime(lambda: NOW, lambda: times[-1], sleep))
    if waits:
        assert calls.wait(store.read(), last)
        assert duration + 2 <= times[-1] <= duration + 4
        assert not calls.wait(store.read(), last)
    else:
        with pytest.raises(errors.ConflictError, match="within the next 95 seconds"):
            calls.wait(store.read(), last)
        assert times == [0.0]
