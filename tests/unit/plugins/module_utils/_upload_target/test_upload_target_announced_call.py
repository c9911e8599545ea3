# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The wait for a call of another run, which does not depend on the clocks of the two machines."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field, replace
from functools import cached_property

import pytest

from ansible_collections.vonage.archiving.plugins.module_utils._core import errors
from ansible_collections.vonage.archiving.plugins.module_utils._core.budget import Budget
from ansible_collections.vonage.archiving.plugins.module_utils._core.runtime import Runtime
from ansible_collections.vonage.archiving.plugins.module_utils._core.timestamps import MAX_CLOCK_DIFFERENCE
from ansible_collections.vonage.archiving.plugins.module_utils._state_file import state
from ansible_collections.vonage.archiving.plugins.module_utils._state_file.store import StoredObject
from ansible_collections.vonage.archiving.plugins.module_utils._upload_target import announced_call
from ansible_collections.vonage.archiving.plugins.module_utils._vonage.project import Project

NOW = 1_800_000_000.0
PROJECT = Project("45828062", "secret", budget=Budget(total=90))


def announced(seconds: float = 90, clock: float = 0) -> state.State:
    """A pending state file that announces a call of that duration; ``clock`` is the lead of the other clock."""
    return state.create_pending("45828062", "https://api", NOW + clock, {"bucket": "b"}, "s", "key", (), seconds)


@dataclass
class FakeStore:
    """A state file that another run finishes after some time."""

    last: state.State
    finished_after: float = 1e9
    time: float = 0.0
    age: float | None = None
    clock_allowance: float = 0.0
    location: str = "s3://b/state.json"
    pauses: list[float] = field(default_factory=list)

    def read(self) -> StoredObject:
        last = self.last if self.time < self.finished_after else self.last.commit(state.APPLIED, NOW)
        age = None if self.age is None else max(self.age + self.time - self.clock_allowance, 0.0)
        return StoredObject(state.dump(last), age=age)

    def write(self, data: bytes, expected: StoredObject | None) -> StoredObject:
        raise AssertionError

    def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.time += seconds

    def wait(self) -> bool:
        return self.calls.wait(self.read(), self.last)

    @cached_property
    def calls(self) -> announced_call.AnnouncedCalls:
        return announced_call.AnnouncedCalls(PROJECT, self, Runtime(monotonic=lambda: self.time, sleep=self.sleep))


@pytest.mark.parametrize("clock", [-3600, -61, 0, 61, 3600])
def test_wait_does_not_depend_on_the_clock_of_the_other_machine(clock: float) -> None:
    store = FakeStore(announced(clock=clock))
    assert store.wait()
    assert store.time == pytest.approx(93)


@pytest.mark.parametrize(("age", "waited"), [(0, 93), (60, 33), (92.5, 0.5), (93, 0), (1e6, 0)])
def test_wait_subtracts_the_age_by_the_clock_of_the_store(age: float, waited: float) -> None:
    store = FakeStore(announced(), age=age)
    assert store.wait() == (waited > 0)
    assert store.time == pytest.approx(waited, abs=0.01)


def test_wait_is_not_repeated_for_a_local_file_whose_age_is_reduced() -> None:
    store = FakeStore(announced(), age=5, clock_allowance=MAX_CLOCK_DIFFERENCE)
    assert store.wait()
    assert not store.wait()
    assert store.time == pytest.approx(93)


def test_wait_is_repeated_for_another_announced_call() -> None:
    store = FakeStore(announced())
    assert store.wait()
    store.last = announced()
    assert store.wait()
    assert store.time == pytest.approx(2 * 93)


def test_wait_ends_when_the_other_run_finishes() -> None:
    store = FakeStore(announced(), finished_after=5)
    assert store.wait()
    assert store.time == 6


@pytest.mark.parametrize("seconds", [97, 600])
def test_wait_longer_than_the_budget_raises_a_conflict(seconds: float) -> None:
    store = FakeStore(announced(seconds))
    with pytest.raises(errors.ConflictError, match=r"within the next \d+ seconds"):
        store.wait()
    assert store.pauses == []


@pytest.mark.parametrize(
    "last",
    [
        None,
        announced().commit(state.APPLIED, NOW),
        announced().commit(state.ABSENT, NOW),
        announced(0),
        replace(announced(), until="damaged"),
        replace(announced(), until=""),
    ],
    ids=["none", "applied", "absent", "claim", "damaged", "empty"],
)
def test_seconds_remaining_without_an_announced_call_is_zero(last: state.State | None) -> None:
    assert announced_call.seconds_remaining(last, None, 0) == 0


def test_seconds_remaining_never_exceeds_the_announced_duration() -> None:
    values: t.Iterable[float] = (announced_call.seconds_remaining(announced(), age, 0) for age in (None, 0.0, -50.0))
    assert all(value == 93 for value in values)
