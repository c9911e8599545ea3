# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The state file during a run: it names every key that the target may hold, and two runs detect each other."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.vonage.archiving.plugins.module_utils._core import errors
from ansible_collections.vonage.archiving.plugins.module_utils._state_file import state
from ansible_collections.vonage.archiving.plugins.module_utils._state_file.store import StoredObject
from ansible_collections.vonage.archiving.plugins.module_utils._upload_target.journal import Journal
from ansible_collections.vonage.archiving.plugins.module_utils._vonage.project import Project
from ansible_collections.vonage.archiving.tests.unit.plugins.module_utils._upload_target.upload_target_cases import (
    API_SECRET,
    IDS,
    NOW,
    PROJECT,
    RECORDS,
    applied,
    begun,
)

TARGET = {"type": "s3", "bucket": "b-1", "access_key": IDS[1]}
BEFORE = state.dump(applied(IDS[0]))


@dataclass
class MemoryStore:
    """Keeps one state file; ``broken`` are the numbers of the writes that fail, after they took effect or not."""

    data: bytes | None = None
    broken: dict[int, bool] = field(default_factory=dict)
    deaf: bool = False
    writes: int = 0
    location: str = "memory"

    def read(self) -> StoredObject:
        if self.deaf:
            raise errors.UnreachableError("read the state file", "no answer")
        return StoredObject(self.data)

    def write(self, data: bytes, expected: StoredObject | None) -> StoredObject:
        self.writes += 1
        failed = self.broken.get(self.writes)
        if failed is False:
            raise errors.UnreachableError("write the state file", "no answer")
        if expected is not None and self.data != expected.data:
            raise errors.ConflictError("write the state file", "another run has written it in between")
        self.data = data
        if failed:
            raise errors.UnreachableError("write the state file", "no answer")
        return StoredObject(data)

    def kept(self) -> state.State:
        assert self.data is not None
        return state.parse(self.data)


def journal(store: MemoryStore, may_hold: t.Iterable[str] | None = (IDS[0],), known: bool = True) -> Journal:
    held = None if may_hold is None else frozenset(may_hold)
    return Journal(Project(PROJECT, API_SECRET), store, StoredObject(store.data), known, held, lambda: NOW)


def no(status: int | None, tries: int = 1) -> errors.ArchivingError:
    return errors.RejectedError("set it", "no", status=status, tries=tries)


@given(RECORDS, st.booleans())
def test_in_use(last: state.State | None, believed: bool) -> None:
    found = state.in_use(last, believed)
    if last is None or not believed or (last.status == state.PENDING and last.may_hold is None):
        assert found is None
    else:
        assert found is not None
        own = last.storage.get("access_key")
        assert not own or own in found
        assert found - {own} == set(last.may_hold or ()) - {own}


def test_in_use_of_an_applied_record_is_its_own_key() -> None:
    assert state.in_use(applied(IDS[0], [IDS[1]]), True) == frozenset({IDS[0]})
    assert state.in_use(begun(IDS[1], [IDS[0]]), True) == frozenset({IDS[0], IDS[1]})


def test_all_goes_well() -> None:
    store = MemoryStore(BEFORE)
    run = journal(store)
    run.claim()
    claimed = store.kept()
    assert (claimed.status, claimed.may_hold, dict(claimed.storage)) == (state.PENDING, (IDS[0],), {})
    assert state.in_use(claimed, True) == frozenset({IDS[0]})
    run.begin(TARGET, "secret")
    pending = store.kept()
    assert state.in_use(pending, True) == frozenset({IDS[0], IDS[1]})
    assert NOW + run.project.budget.total <= (state.seconds(pending.until) or 0)
    assert run.seconds_left == pytest.approx(91, abs=1)
    done = run.end(state.APPLIED, [IDS[0]])
    assert store.kept() == done
    assert (done.status, done.may_hold, done.others, done.until) == (state.APPLIED, (), (IDS[0],), "")


@pytest.mark.parametrize("step", ["claim", "begin", "end"])
def test_another_run_was_quicker(step: str) -> None:
    """Whoever loses has changed nothing that counts, or says that it is not known what is set."""
    store = MemoryStore(BEFORE)
    run = journal(store)
    steps: list[t.Callable[[], t.Any]] = [
        run.claim,
        lambda: run.begin(TARGET, "secret"),
        lambda: run.end(state.APPLIED),
    ]
    for call in steps[: ["claim", "begin", "end"].index(step)]:
        call()
    other = journal(store)
    other.claim()
    theirs = store.data
    with pytest.raises(errors.ConflictError, match="another run"):
        steps[["claim", "begin", "end"].index(step)]()
    if step == "end":
        assert state.in_use(store.kept(), True) is None
        with pytest.raises(errors.ConflictError):
            other.begin(TARGET, "secret")
    else:
        assert store.data == theirs
        other.begin(TARGET, "secret")


@pytest.mark.parametrize("status", [400, 401, 403, 404, 422])
def test_a_plain_no_puts_back_what_was_there(status: int) -> None:
    store = MemoryStore(BEFORE)
    run = journal(store)
    run.claim()
    run.begin(TARGET, "secret")
    error = no(status)
    assert run.failed(error) is error
    assert store.data == BEFORE


@pytest.mark.parametrize(
    ("status", "tries"),
    [(400, 2), (408, 1), (409, 1), (425, 1), (429, 1), (500, 1), (503, 1), (200, 1), (302, 1), (None, 1)],
)
def test_no_answer_leaves_both_keys_named(status: int | None, tries: int) -> None:
    assert not errors.is_definite(no(status, tries))
    store = MemoryStore(BEFORE)
    run = journal(store)
    run.claim()
    run.begin(TARGET, "secret")
    run.failed(no(status, tries))
    assert state.in_use(store.kept(), True) == frozenset({IDS[0], IDS[1]})


def test_nothing_is_put_back_that_was_not_known() -> None:
    for data in (None, state.dump(begun(IDS[0])), b"damaged"):
        store = MemoryStore(data)
        run = journal(store, may_hold=[IDS[0]], known=False)
        run.claim()
        run.begin(TARGET, "secret")
        run.failed(no(403))
        assert state.in_use(store.kept(), True) == frozenset({IDS[0], IDS[1]})


def test_no_answer_and_another_run_has_finished() -> None:
    """Its call may have come before ours or after: what it says is not believed any more."""
    store = MemoryStore(BEFORE)
    run = journal(store)
    run.claim()
    run.begin(TARGET, "secret")
    other = journal(store, may_hold=IDS[:2])
    other.claim()
    other.begin({**TARGET, "access_key": IDS[2]}, "secret")
    other.end(state.APPLIED)
    run.failed(no(None))
    assert state.in_use(store.kept(), True) is None


def test_what_goes_wrong_with_the_record_does_not_hide_what_went_wrong_before() -> None:
    store = MemoryStore(BEFORE)
    run = journal(store)
    run.claim()
    run.begin(TARGET, "secret")
    store.deaf = True
    told = run.failed(no(None))
    assert "Could not set it: no." in str(told)
    assert "The state file could not be corrected either: no answer" in str(told).replace("Then the", "The")
    assert told.facts["tries"] == 1


@pytest.mark.parametrize("written", [False, True])
def test_the_end_is_not_written_or_not_confirmed(written: bool) -> None:
    store = MemoryStore(BEFORE, broken={3: written})
    run = journal(store)
    run.claim()
    run.begin(TARGET, "secret")
    with pytest.raises(errors.UnreachableError, match="The API has agreed"):
        run.end(state.APPLIED)
    assert store.kept().status == (state.APPLIED if written else state.PENDING)


@pytest.mark.parametrize("written", [False, True])
@pytest.mark.parametrize("failing", [1, 2])
def test_what_was_there_is_put_back_after_a_write_that_failed(failing: int, written: bool) -> None:
    """Whether it took effect or not; but not what another run has written."""
    store = MemoryStore(BEFORE, broken={failing: written})
    run = journal(store)
    with pytest.raises(errors.UnreachableError):
        started(run)
    run.release()
    assert store.data == BEFORE
    other = journal(store)
    other.claim()
    with pytest.raises(errors.ConflictError):
        run.release()


def started(run: Journal) -> None:
    run.claim()
    run.begin(TARGET, "secret")


def test_time_left_runs_out() -> None:
    store = MemoryStore(BEFORE)
    clock = [NOW]
    run = Journal(Project(PROJECT, API_SECRET), store, StoredObject(store.data), True, frozenset(), lambda: clock[0])
    run.begin(TARGET, "secret")
    clock[0] += 200
    assert run.seconds_left < 0


def test_a_record_from_before_there_were_others() -> None:
    text = state.dump(applied(IDS[0])).replace(b'  "others": [],\n', b"")
    assert state.parse(text) == replace(state.parse(BEFORE), **vars_of(text))


def vars_of(text: bytes) -> dict[str, t.Any]:
    found = state.parse(text)
    return {"salt": found.salt, "secret_hmac": found.secret_hmac, "run": found.run, "others": ()}


def kept(store: MemoryStore) -> state.State:
    return state.parse(store.data or b"")


def at(store: MemoryStore, moment: float) -> Journal:
    """A run on what the store holds then."""
    return Journal(Project(PROJECT, API_SECRET), store, store.read(), store.data is not None, None, lambda: moment)


def test_since_when_there_is_a_target_outlives_rotations_and_runs_that_do_not_finish() -> None:
    store = MemoryStore()
    for moment in (NOW, NOW + 3600, NOW + 7200):
        at(store, moment - 60).claim()
        run = at(store, moment)
        run.begin(TARGET, "secret")
        run.end(state.APPLIED)
        assert (kept(store).since, kept(store).time) == (state.stamp(NOW), state.stamp(moment))


def test_a_target_that_was_removed_is_another_one_afterwards() -> None:
    store = MemoryStore(state.dump(applied(IDS[0])))
    assert kept(store).target_since is not None
    for storage, secret, status in (({}, None, state.ABSENT), (TARGET, "secret", state.APPLIED)):
        run = at(store, NOW)
        run.begin(storage, secret)
        run.end(status)
        assert kept(store).since == ("" if secret is None else state.stamp(NOW))


@pytest.mark.parametrize(
    "change", [{"project": "1"}, {"time": state.stamp(NOW + 86400)}, {"status": state.ABSENT, "since": ""}]
)
def test_another_record_says_nothing_of_this_target(change: dict[str, t.Any]) -> None:
    store = MemoryStore(state.dump(replace(applied(IDS[0]), **change)))
    at(store, NOW).begin(TARGET, "secret")
    assert kept(store).since == ""


def write(store: MemoryStore, now: float, storage: dict[str, t.Any], status: str = state.APPLIED) -> str:
    """Change the target; since when the settings are the same."""
    run = at(store, now)
    run.begin(storage, None if status == state.ABSENT else "secret")
    run.end(status)
    return kept(store).settings_since


def test_settings_since_changes_with_bucket_endpoint_or_encryption_only() -> None:
    store = MemoryStore()
    first = write(store, NOW, TARGET)
    assert first == state.stamp(NOW)
    assert write(store, NOW + 60, {**TARGET, "access_key": "AKIAOTHER"}) == first
    assert write(store, NOW + 120, {**TARGET, "fallback": "opentok"}) == first
    for seconds, change in enumerate(({"sse": "none"}, {"bucket": "b-2"}, {"endpoint": "http://s3"}), 180):
        assert write(store, NOW + seconds, {**TARGET, **change}) == state.stamp(NOW + seconds)


def test_settings_since_starts_again_after_a_deleted_target_or_an_unfinished_run() -> None:
    store = MemoryStore()
    write(store, NOW, TARGET)
    assert write(store, NOW + 60, {}, state.ABSENT) == ""
    assert kept(store).changed_at == NOW + 60
    assert write(store, NOW + 120, TARGET) == state.stamp(NOW + 120)
    at(store, NOW + 180).begin(TARGET, "secret")
    run = Journal(Project(PROJECT, API_SECRET), store, store.read(), False, now=lambda: NOW + 240)
    run.begin(TARGET, "secret")
    run.end(state.APPLIED)
    assert kept(store).settings_since == state.stamp(NOW + 240)
