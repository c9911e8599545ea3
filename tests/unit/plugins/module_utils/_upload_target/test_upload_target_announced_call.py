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


ABSENT = announced().commit(state.ABSENT, NOW)


class MemoryStore:
    """One state file in memory."""

    location = "s3://b/state.json"

    def __init__(self, last: state.State | None, *, bucket_exists: bool = True) -> None:
        self.data = None if last is None else state.dump(last)
        self.bucket_exists = bucket_exists

    def read(self) -> StoredObject:
        return StoredObject(self.data, bucket_exists=self.bucket_exists)

    def write(self, data: bytes, expected: StoredObject | None) -> StoredObject:
        if expected is not None and expected.data != self.data:
            raise errors.ConflictError("write the state file", "another run has written it in between")
        self.data = data
        return StoredObject(data)

    def announced_seconds(self) -> float:
        assert self.data is not None
        return state.parse(self.data).announced_seconds


def announcement(store: MemoryStore | None) -> t.ContextManager[None]:
    project = Project("45828062", "secret", api_url="https://api", budget=Budget(total=90))
    return announced_call.announce_deletion(project, store, "delete the user", 60, Runtime(now=lambda: NOW + 9))


def test_announce_deletion_announces_it_inside_the_block_only() -> None:
    store = MemoryStore(ABSENT)
    with announcement(store):
        assert store.announced_seconds() == 60
        last = state.parse(store.data or b"")
        assert (last.status, last.time) == (ABSENT.status, ABSENT.time)
    assert store.data == state.dump(ABSENT)


@pytest.mark.parametrize(
    ("error", "seconds"),
    [
        (errors.UnreachableError("delete the user", "no response"), 60),
        (errors.DeniedError("delete the user", "no"), 0),
    ],
)
def test_announce_deletion_after_an_error_stays_if_a_request_may_take_effect(
    error: errors.ArchivingError, seconds: float
) -> None:
    store = MemoryStore(ABSENT)
    with pytest.raises(type(error)), announcement(store):
        raise error
    assert store.announced_seconds() == seconds


@pytest.mark.parametrize("last", [None, announced(), announced().commit(state.APPLIED, NOW)])
def test_announce_deletion_after_a_change_by_another_run_is_a_conflict(last: state.State | None) -> None:
    store = MemoryStore(last)
    before = store.data
    with pytest.raises(errors.ConflictError), announcement(store):
        pytest.fail("the block must not run")
    assert store.data == before


def test_announce_deletion_of_another_run_during_the_block_is_a_conflict() -> None:
    store = MemoryStore(ABSENT)
    other = state.dump(announced())
    with pytest.raises(errors.ConflictError), announcement(store):
        store.data = other
    assert store.data == other


@pytest.mark.parametrize("store", [None, MemoryStore(None, bucket_exists=False)])
def test_announce_deletion_without_a_state_file_writes_nothing(store: MemoryStore | None) -> None:
    with announcement(store):
        assert store is None or store.data is None


def test_wait_for_an_announced_deletion() -> None:
    store = FakeStore(state.announce_deletion(ABSENT, NOW, 60))
    assert store.wait()
    assert store.time == pytest.approx(62)


def fetch_and_wait(store: FakeStore | None, *, read_only: bool = False) -> tuple[float, state.State | None]:
    """The seconds of the wait, and the fetched state file."""
    project = Project("45828062", "secret", api_url="https://api", budget=Budget(total=90))
    seconds = store or FakeStore(announced())
    runtime = Runtime(now=lambda: NOW, monotonic=lambda: seconds.time, sleep=seconds.sleep)
    current = announced_call.fetch_after_announced_call(project, store, runtime, read_only)
    return seconds.time, current.last


def test_fetch_after_announced_call_returns_the_state_file_of_the_end() -> None:
    waited, last = fetch_and_wait(FakeStore(announced(), finished_after=5))
    assert waited == 6
    assert last is not None
    assert last.status == state.APPLIED
    waited, last = fetch_and_wait(FakeStore(announced()))
    assert waited == pytest.approx(93)
    assert last is not None
    assert last.status == state.PENDING


def test_fetch_after_announced_call_without_a_call_does_not_wait() -> None:
    assert fetch_and_wait(FakeStore(announced(0)))[0] == 0
    assert fetch_and_wait(FakeStore(announced(), finished_after=0))[0] == 0
    assert fetch_and_wait(None) == (0, None)


def test_fetch_after_announced_call_read_only_does_not_wait() -> None:
    assert fetch_and_wait(FakeStore(announced()), read_only=True)[0] == 0


def test_fetch_after_announced_call_does_not_wait_for_the_deletion_of_users() -> None:
    """The target cannot be set by it."""
    deleting = state.announce_deletion(ABSENT, NOW, 60)
    assert fetch_and_wait(FakeStore(deleting)) == (0, deleting)
