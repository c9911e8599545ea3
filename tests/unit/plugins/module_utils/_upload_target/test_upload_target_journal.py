# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The state file during a run: it contains every key that the target may hold, and two runs detect each other."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.vonage.archiving.plugins.module_utils._core import errors
from ansible_collections.vonage.archiving.plugins.module_utils._core.runtime import Runtime
from ansible_collections.vonage.archiving.plugins.module_utils._core.timestamps import format_utc, parse_utc
from ansible_collections.vonage.archiving.plugins.module_utils._state_file import state
from ansible_collections.vonage.archiving.plugins.module_utils._state_file.store import StoredObject
from ansible_collections.vonage.archiving.plugins.module_utils._upload_target.journal import Journal
from ansible_collections.vonage.archiving.plugins.module_utils._vonage.project import Project
from ansible_collections.vonage.archiving.tests.unit.plugins.module_utils._upload_target.upload_target_cases import (
    API_SECRET,
    IDS,
    NOW,
    PROJECT,
    STATES,
    applied,
    pending,
)

TARGET = {"type": "s3", "bucket": "b-1", "access_key": IDS[1]}
BEFORE = state.dump(applied(IDS[0]))


@dataclass
class MemoryStore:
    """One state file in memory.

    :param broken: the numbers of the writes that fail, and whether they take effect.
    """

    data: bytes | None = None
    broken: dict[int, bool] = field(default_factory=dict)
    unreadable: bool = False
    writes: int = 0
    location: str = "memory"

    def read(self) -> StoredObject:
        if self.unreadable:
            raise errors.UnreachableError("read the state file", "no response")
        return StoredObject(self.data)

    def write(self, data: bytes, expected: StoredObject | None) -> StoredObject:
        self.writes += 1
        failed = self.broken.get(self.writes)
        if failed is False:
            raise errors.UnreachableError("write the state file", "no response")
        if expected is not None and self.data != expected.data:
            raise errors.ConflictError("write the state file", "another run has written it in between")
        self.data = data
        if failed:
            raise errors.UnreachableError("write the state file", "no response")
        return StoredObject(data)

    def read_state(self) -> state.State:
        assert self.data is not None
        return state.parse(self.data)


def journal(store: MemoryStore, may_hold: t.Iterable[str] | None = (IDS[0],), known: bool = True) -> Journal:
    keys = None if may_hold is None else frozenset(may_hold)
    return Journal(Project(PROJECT, API_SECRET), store, StoredObject(store.data), known, keys, Runtime(lambda: NOW))


def error_of_call(status: int | None, tries: int = 1) -> errors.ArchivingError:
    return errors.RejectedError("set it", "no", status=status, tries=tries)


@given(STATES, st.booleans())
def test_possible_target_keys_contain_every_key_of_the_state_file(last: state.State | None, trusted: bool) -> None:
    keys = state.possible_target_keys(last, trusted)
    if last is None or not trusted or (last.status == state.PENDING and last.may_hold is None):
        assert keys is None
    else:
        assert keys is not None
        own = last.storage.get("access_key")
        assert not own or own in keys
        assert keys - {own} == set(last.may_hold or ()) - {own}


def test_possible_target_keys_of_an_applied_state_file_is_its_key() -> None:
    assert state.possible_target_keys(applied(IDS[0], [IDS[1]]), True) == frozenset({IDS[0]})
    assert state.possible_target_keys(pending(IDS[1], [IDS[0]]), True) == frozenset({IDS[0], IDS[1]})


def test_journal_of_a_successful_run_goes_from_pending_to_applied() -> None:
    store = MemoryStore(BEFORE)
    run = journal(store)
    run.claim()
    claimed = store.read_state()
    assert (claimed.status, claimed.may_hold, dict(claimed.storage)) == (state.PENDING, (IDS[0],), {})
    assert state.possible_target_keys(claimed, True) == frozenset({IDS[0]})
    run.begin(TARGET, "secret")
    pending = store.read_state()
    assert state.possible_target_keys(pending, True) == frozenset({IDS[0], IDS[1]})
    assert NOW + run.project.budget.total <= (parse_utc(pending.until) or 0)
    assert run.seconds_left == pytest.approx(91, abs=1)
    committed = run.commit(state.APPLIED, [IDS[0]])
    assert store.read_state() == committed
    assert (committed.status, committed.may_hold, committed.others, committed.until) == (
        state.APPLIED,
        (),
        (IDS[0],),
        "",
    )


@pytest.mark.parametrize("step", ["claim", "begin", "commit"])
def test_journal_step_after_a_concurrent_run_raises_a_conflict(step: str) -> None:
    """The loser changed nothing, or marks the target as unknown."""
    store = MemoryStore(BEFORE)
    run = journal(store)
    steps: list[t.Callable[[], t.Any]] = [
        run.claim,
        lambda: run.begin(TARGET, "secret"),
        lambda: run.commit(state.APPLIED),
    ]
    for call in steps[: ["claim", "begin", "commit"].index(step)]:
        call()
    other = journal(store)
    other.claim()
    other_data = store.data
    with pytest.raises(errors.ConflictError, match="another run"):
        steps[["claim", "begin", "commit"].index(step)]()
    if step == "commit":
        assert state.possible_target_keys(store.read_state(), True) is None
        with pytest.raises(errors.ConflictError):
            other.begin(TARGET, "secret")
    else:
        assert store.data == other_data
        other.begin(TARGET, "secret")


@pytest.mark.parametrize("status", [400, 401, 403, 404, 422])
def test_rollback_after_a_definite_refusal_restores_the_state_file(status: int) -> None:
    store = MemoryStore(BEFORE)
    run = journal(store)
    run.claim()
    run.begin(TARGET, "secret")
    error = error_of_call(status)
    assert run.rollback_after_error(error) is error
    assert store.data == BEFORE


@pytest.mark.parametrize(
    ("status", "tries"),
    [(400, 2), (408, 1), (409, 1), (425, 1), (429, 1), (500, 1), (503, 1), (200, 1), (302, 1), (None, 1)],
)
def test_rollback_after_an_unknown_outcome_keeps_both_keys(status: int | None, tries: int) -> None:
    assert not errors.is_definite_refusal(error_of_call(status, tries))
    store = MemoryStore(BEFORE)
    run = journal(store)
    run.claim()
    run.begin(TARGET, "secret")
    run.rollback_after_error(error_of_call(status, tries))
    assert state.possible_target_keys(store.read_state(), True) == frozenset({IDS[0], IDS[1]})


def test_rollback_without_a_reliable_state_file_restores_nothing() -> None:
    for data in (None, state.dump(pending(IDS[0])), b"damaged"):
        store = MemoryStore(data)
        run = journal(store, may_hold=[IDS[0]], known=False)
        run.claim()
        run.begin(TARGET, "secret")
        run.rollback_after_error(error_of_call(403))
        assert state.possible_target_keys(store.read_state(), True) == frozenset({IDS[0], IDS[1]})


def test_error_after_which_no_call_takes_effect_ends_the_announcement() -> None:
    """The response may be from a proxy: the target is unknown, but other runs need not wait."""
    unknown = errors.UnreachableError("delete it", "a page", status=404, tries=1)
    cases: list[tuple[errors.ArchivingError, bool, bool]] = [
        (error_of_call(403), False, True),
        (unknown, True, True),
        (error_of_call(503), True, False),
        (errors.UnreachableError("delete it", "a page", status=404, tries=2), True, False),
    ]
    for error, known, ended in cases:
        store = MemoryStore(BEFORE)
        run = journal(store, known=known)
        run.begin(TARGET, "secret")
        before = store.read_state()
        assert before.announced_seconds == 91
        run.rollback_after_error(error)
        after = store.read_state()
        assert after.announced_seconds == (0 if ended else 91)
        assert replace(after, until="") == replace(before, until="")


def test_commit_without_a_target_keeps_the_keys_of_the_previous_state_file() -> None:
    """They do not belong to a verification: a later run may delete them for a free slot."""
    store = MemoryStore(state.dump(applied(IDS[0], [IDS[1], IDS[2]])))
    run = journal(store)
    run.begin({}, None)
    assert store.read_state().others == (IDS[1], IDS[2])
    run.commit(state.ABSENT)
    assert store.read_state().others == tuple(sorted(IDS[:3]))
    run = journal(store)
    run.claim()
    assert store.read_state().others == tuple(sorted(IDS[:3]))
    run.begin(TARGET, "secret")
    run.commit(state.APPLIED, [IDS[3]])
    assert store.read_state().others == (IDS[3],)


def test_rollback_after_an_unknown_outcome_distrusts_a_concurrent_run() -> None:
    """The order of the two calls is unknown: the state file is not reliable any more."""
    store = MemoryStore(BEFORE)
    run = journal(store)
    run.claim()
    run.begin(TARGET, "secret")
    other = journal(store, may_hold=IDS[:2])
    other.claim()
    other.begin({**TARGET, "access_key": IDS[2]}, "secret")
    other.commit(state.APPLIED)
    run.rollback_after_error(error_of_call(None))
    assert state.possible_target_keys(store.read_state(), True) is None


def test_rollback_that_fails_does_not_hide_the_first_error() -> None:
    store = MemoryStore(BEFORE)
    run = journal(store)
    run.claim()
    run.begin(TARGET, "secret")
    store.unreadable = True
    error = run.rollback_after_error(error_of_call(None))
    assert "Could not set it: no." in str(error)
    assert "The state file could not be corrected either: no response" in str(error)
    assert error.facts["tries"] == 1


@pytest.mark.parametrize("written", [False, True])
def test_commit_that_fails_reports_that_the_api_accepted_the_change(written: bool) -> None:
    store = MemoryStore(BEFORE, broken={3: written})
    run = journal(store)
    run.claim()
    run.begin(TARGET, "secret")
    with pytest.raises(errors.UnreachableError, match="The API accepted the change"):
        run.commit(state.APPLIED)
    assert store.read_state().status == (state.APPLIED if written else state.PENDING)


@pytest.mark.parametrize("written", [False, True])
@pytest.mark.parametrize("failing", [1, 2])
def test_rollback_after_a_failed_write_restores_the_state_file(failing: int, written: bool) -> None:
    """A failed write may have taken effect. The state file of another run is not replaced."""
    store = MemoryStore(BEFORE, broken={failing: written})
    run = journal(store)
    with pytest.raises(errors.UnreachableError):
        begin_call(run)
    run.rollback()
    assert store.data == BEFORE
    other = journal(store)
    other.claim()
    with pytest.raises(errors.ConflictError):
        run.rollback()


def begin_call(run: Journal) -> None:
    run.claim()
    run.begin(TARGET, "secret")


@pytest.mark.parametrize(("passed", "seconds"), [(0.0, 90.0), (1.0, 90.0), (61.0, 30.0), (90.5, 0.5), (91.0, 0.0)])
def test_project_for_call_ends_before_the_announced_end(passed: float, seconds: float) -> None:
    times = [NOW]
    store = MemoryStore(BEFORE)
    project = Project(PROJECT, API_SECRET)
    run = Journal(project, store, StoredObject(BEFORE), True, frozenset(), Runtime(lambda: times[-1]))
    run.begin(TARGET, "secret")
    times.append(NOW + passed)
    if seconds:
        limited = run.project_for_call()
        assert limited.budget.total == seconds
        assert replace(limited, budget=project.budget) == project
    else:
        with pytest.raises(errors.UnreachableError, match="took longer than the time limit"):
            run.project_for_call()


def test_rollback_before_call_without_a_previous_state_file_keeps_the_claim() -> None:
    store = MemoryStore(None)
    run = journal(store, may_hold=(), known=False)
    run.claim()
    claimed = store.data
    error = error_of_call(None)
    assert run.rollback_before_call(error) is error
    assert (store.data, store.writes) == (claimed, 1)


def test_seconds_left_after_the_deadline_is_negative() -> None:
    store = MemoryStore(BEFORE)
    clock = [NOW]
    run = Journal(
        Project(PROJECT, API_SECRET), store, StoredObject(store.data), True, frozenset(), Runtime(lambda: clock[0])
    )
    run.begin(TARGET, "secret")
    clock[0] += 200
    assert run.seconds_left < 0


def test_parse_without_others_returns_no_others() -> None:
    text = state.dump(applied(IDS[0])).replace(b'  "others": [],\n', b"")
    assert state.parse(text) == replace(state.parse(BEFORE), **random_fields(text))


def random_fields(text: bytes) -> dict[str, t.Any]:
    parsed = state.parse(text)
    names = ("salt", "secret_hmac", "credentials_hmac", "run")
    return {**{name: getattr(parsed, name) for name in names}, "others": ()}


def read_state(store: MemoryStore) -> state.State:
    return state.parse(store.data or b"")


def journal_at(store: MemoryStore, moment: float) -> Journal:
    """The journal of a run at that time."""
    return Journal(
        Project(PROJECT, API_SECRET), store, store.read(), store.data is not None, None, Runtime(lambda: moment)
    )


def test_since_survives_rotations_and_unfinished_runs() -> None:
    store = MemoryStore()
    for moment in (NOW, NOW + 3600, NOW + 7200):
        journal_at(store, moment - 60).claim()
        run = journal_at(store, moment)
        run.begin(TARGET, "secret")
        run.commit(state.APPLIED)
        assert (read_state(store).since, read_state(store).time) == (format_utc(NOW), format_utc(moment))


def test_since_after_a_deleted_target_restarts() -> None:
    store = MemoryStore(state.dump(applied(IDS[0])))
    assert read_state(store).target_since is not None
    for storage, secret, status in (({}, None, state.ABSENT), (TARGET, "secret", state.APPLIED)):
        run = journal_at(store, NOW)
        run.begin(storage, secret)
        run.commit(status)
        assert read_state(store).since == ("" if secret is None else format_utc(NOW))


@pytest.mark.parametrize(
    "change", [{"project": "1"}, {"time": format_utc(NOW + 86400)}, {"status": state.ABSENT, "since": ""}]
)
def test_since_of_an_unrelated_state_file_is_ignored(change: dict[str, t.Any]) -> None:
    store = MemoryStore(state.dump(replace(applied(IDS[0]), **change)))
    journal_at(store, NOW).begin(TARGET, "secret")
    assert read_state(store).since == ""


def update_target(store: MemoryStore, now: float, storage: dict[str, t.Any], status: str = state.APPLIED) -> str:
    """Update the target.

    :returns: ``settings_since`` after that.
    """
    run = journal_at(store, now)
    run.begin(storage, None if status == state.ABSENT else "secret")
    run.commit(status)
    return read_state(store).settings_since


def test_settings_since_changes_with_bucket_endpoint_or_encryption_only() -> None:
    store = MemoryStore()
    first = update_target(store, NOW, TARGET)
    assert first == format_utc(NOW)
    assert update_target(store, NOW + 60, {**TARGET, "access_key": "AKIAOTHER"}) == first
    assert update_target(store, NOW + 120, {**TARGET, "fallback": "opentok"}) == first
    for seconds, change in enumerate(({"sse": "none"}, {"bucket": "b-2"}, {"endpoint": "http://s3"}), 180):
        assert update_target(store, NOW + seconds, {**TARGET, **change}) == format_utc(NOW + seconds)


def test_settings_since_starts_again_after_a_deleted_target_or_an_unfinished_run() -> None:
    store = MemoryStore()
    update_target(store, NOW, TARGET)
    assert update_target(store, NOW + 60, {}, state.ABSENT) == ""
    assert read_state(store).changed_at == NOW + 60
    assert update_target(store, NOW + 120, TARGET) == format_utc(NOW + 120)
    journal_at(store, NOW + 180).begin(TARGET, "secret")
    run = Journal(Project(PROJECT, API_SECRET), store, store.read(), False, runtime=Runtime(lambda: NOW + 240))
    run.begin(TARGET, "secret")
    run.commit(state.APPLIED)
    assert read_state(store).settings_since == format_utc(NOW + 240)
