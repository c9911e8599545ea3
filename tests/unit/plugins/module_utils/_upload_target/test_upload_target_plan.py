# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The plan of a rotation: in no current state does it change a key that the target may hold."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.vonage.archiving.plugins.module_utils._core import errors
from ansible_collections.vonage.archiving.plugins.module_utils._state_file import state
from ansible_collections.vonage.archiving.plugins.module_utils._state_file.state import State
from ansible_collections.vonage.archiving.plugins.module_utils._state_file.store import StoredObject
from ansible_collections.vonage.archiving.plugins.module_utils._upload_target import fetch, plan
from ansible_collections.vonage.archiving.plugins.module_utils._upload_target.fetch import Current, CurrentStateFile
from ansible_collections.vonage.archiving.plugins.module_utils._upload_target.params import ManagedKeyParams
from ansible_collections.vonage.archiving.plugins.module_utils._upload_target.plan import DEACTIVATE, DELETE
from ansible_collections.vonage.archiving.plugins.module_utils._uploader import policy as uploader_policy
from ansible_collections.vonage.archiving.plugins.module_utils._uploader.fetch import AccessKey, CurrentUser, User
from ansible_collections.vonage.archiving.plugins.module_utils._uploader.keys import QUOTA
from ansible_collections.vonage.archiving.tests.unit.plugins.module_utils._upload_target.upload_target_cases import (
    CURRENT,
    FOREIGN,
    IDS,
    KEYS,
    MAIN,
    MANAGED_PARAMS,
    NOW,
    PROJECT,
    SETS,
    SPARE,
    access_key,
    applied,
    current_state,
    managed_params,
    pending,
    user,
)


class MemoryStore:
    """A state file that exists."""

    location = "s3://b-1/state.json"

    def __init__(self, last: State) -> None:
        self.last = last

    def read(self) -> StoredObject:
        return StoredObject(state.dump(self.last))

    def write(self, data: bytes, expected: StoredObject | None) -> StoredObject:
        raise AssertionError


M1, M2, S1 = (access_key(name) for name in IDS[:3])
LATER = st.floats(0, 1e6).map(lambda seconds: NOW + seconds)


@given(MANAGED_PARAMS, CURRENT, LATER, st.booleans())
def test_plan_rotation_never_changes_a_key_that_may_be_in_use(
    params: ManagedKeyParams, current: Current, now: float, uploads_in_progress: bool
) -> None:
    rotation = plan.plan_rotation(params, current, now, uploads_in_progress)
    changed = {action.key.id for action in rotation.key_actions}
    assert not changed & keys_in_use(current)
    # Old keys are changed only with a reliable state file, and only if the target keeps its key.
    if rotation.reason != "unchanged" or plan.unknown_keys(current):
        assert not changed
    else:
        assert rotation.target_key
        assert rotation.target_key.active
        known = current.state_file.known
        assert known
        assert rotation.target_key.id == known.storage["access_key"]
    if uploads_in_progress:
        assert not any(action.key.active for action in rotation.key_actions)


def keys_in_use(current: Current) -> set[str]:
    """The oracle: the keys in use by the state file and the age of the keys, without the code under test."""
    last, every = current.state_file.last, {key.id for key in current.keys}
    named = {last.storage.get("access_key"), *last.others, *(last.may_hold or ())} if last else set()
    new = {key.id for key in current.keys if key.id not in named and key.age is not None and key.age < 900}
    old_unnamed = every - named - new
    if last is None or current.state_file.reason or last.status == "pending":
        return every
    # A newer state file may name an unnamed key, but no run sets a key again that was not in the target.
    unknown = old_unnamed if last.status == "applied" else set()
    return new | unknown | {last.storage.get("access_key", "")}


@given(CURRENT)
def test_possible_target_keys_contain_every_key_in_use(current: Current) -> None:
    last = current.state_file.last
    if last and last.status == "pending" and not current.state_file.reason.startswith("it is damaged"):
        return  # see test_possible_target_keys_contain_the_keys_of_the_state_file
    assert keys_in_use(current) - {""} <= plan.possible_target_keys(current)


@given(CURRENT)
def test_possible_target_keys_contain_the_keys_of_the_state_file(current: Current) -> None:
    existing = {key.id for key in current.keys}
    named, last = current.state_file.possible_target_keys, current.state_file.last
    if named is None:
        assert existing <= plan.possible_target_keys(current)
    else:
        assert named <= plan.possible_target_keys(current)
    if last and last.storage.get("access_key") and not current.state_file.reason:
        assert last.storage["access_key"] in plan.possible_target_keys(current)


@given(MANAGED_PARAMS, CURRENT, LATER)
def test_plan_rotation_without_changes_is_not_changed(params: ManagedKeyParams, current: Current, now: float) -> None:
    rotation = plan.plan_rotation(params, current, now)
    is_unchanged = rotation.reason == "unchanged" and not (rotation.key_actions or rotation.main.steps)
    assert rotation.changed == (not is_unchanged or bool(rotation.spare.steps))


@given(KEYS, SETS)
def test_find_key_slot_prefers_the_user_with_fewer_keys(keys: list[AccessKey], in_use: set[str]) -> None:
    """An existing key is deleted only if both users have two keys; then an unused one, inactive and oldest first."""
    owned = {name: [key for key in keys if key.user == name] for name in (MAIN, SPARE)}
    unused = [key for key in keys if key.id not in in_use]
    slot = plan.find_key_slot(keys, managed_params().uploader, frozenset(in_use))
    if len(keys) < 2 * QUOTA:
        assert slot
        assert slot.to_delete == ()
        assert len(owned[SPARE if slot.spare else MAIN]) == min(map(len, owned.values()))
        assert slot.spare == (len(owned[SPARE]) < len(owned[MAIN]))
    elif not unused:
        assert slot is None
    else:
        assert slot
        (deleted,) = slot.to_delete
        assert deleted in unused
        assert deleted.user == (SPARE if slot.spare else MAIN)
        assert not deleted.active or all(key.active for key in unused)
        same = [key for key in unused if key.active == deleted.active]
        assert (deleted.created or 0) == min(key.created or 0 for key in same)


@pytest.mark.parametrize(
    ("in_use", "advice"), [(frozenset(IDS), "Delete the upload target"), (frozenset(IDS[:1]), "Run it again after 12")]
)
def test_no_key_slot_error_states_the_next_step(in_use: frozenset[str], advice: str) -> None:
    keys = [access_key(name) for name in IDS]
    assert plan.find_key_slot(keys, managed_params().uploader, frozenset(IDS)) is None
    error = plan.no_key_slot_error(managed_params(), in_use, keys, "Run it again after 12.")
    assert advice in str(error)


@pytest.mark.parametrize(("age", "reason"), [(0, "unchanged"), (899, "unchanged"), (900, "unknown"), (None, "unknown")])
def test_plan_rotation_with_a_key_that_is_not_in_the_state_file(age: float | None, reason: str) -> None:
    """A verification creates such a key and deletes it within ten minutes."""
    new = access_key(IDS[1], age=age)
    current = current_state(M1, new, last=applied(M1.id))
    rotation = plan.plan_rotation(managed_params(grace_period=0, delete_after=0), current, NOW)
    assert (rotation.reason, rotation.key_actions) == (reason, ())
    assert new.id in plan.possible_target_keys(current)


def test_plan_rotation_with_revoke_old_keys_deactivates_all_except_the_target_key() -> None:
    new = access_key(IDS[3], age=0)
    current = current_state(M1, M2, S1, new, last=applied(M1.id, [M2.id, S1.id]))
    rotation = plan.plan_rotation(managed_params(revoke_old_keys=True), current, NOW, uploads_in_progress=True)
    assert rotation.key_actions == tuple((key, DEACTIVATE) for key in (M2, S1, new))


def test_plan_rotation_after_the_grace_period_deactivates_and_does_not_delete() -> None:
    current = current_state(M1, M2, last=applied(M1.id, [M2.id]))
    assert plan.plan_rotation(managed_params(), current, NOW + 60).key_actions == ()
    assert plan.plan_rotation(managed_params(), current, NOW + 60, grace_period_over=True).key_actions == (
        (M2, DEACTIVATE),
    )
    assert plan.plan_rotation(managed_params(), current, NOW + 42 * 3600).key_actions == ((M2, DELETE),)


RANK = {"": 0, DEACTIVATE: 1, DELETE: 2}


@given(MANAGED_PARAMS, KEYS, st.floats(0, 3e5), st.floats(0, 3e5))
def test_plan_key_actions_are_monotonic(
    params: ManagedKeyParams, keys: list[AccessKey], first: float, second: float
) -> None:
    early, late = sorted([first, second])
    actions_by_age = [
        {action.key.id: action.action for action in plan.plan_key_actions(params.uploader, keys, NOW, NOW + age)}
        for age in (early, late)
    ]
    for key in keys:
        before, after = (RANK[actions.get(key.id, "")] for actions in actions_by_age)
        assert before <= after or not key.active
    for age, planned in zip((early, late), actions_by_age):
        if age < params.uploader.grace_period:
            assert planned == {}
        if age >= params.uploader.grace_period + params.uploader.delete_after:
            assert set(planned.values()) <= {DELETE}
            assert set(planned) == {key.id for key in keys}


@pytest.mark.parametrize(
    ("current", "reason"),
    [
        (current_state(M1, last=applied(M1.id)), "unchanged"),
        (current_state(M1, M2, last=applied(M1.id, [M2.id])), "unchanged"),
        (current_state(M1, M2, last=applied(M1.id)), "unknown"),
        (current_state(M1), "no_state_file"),
        (current_state(M1, last=pending(M1.id)), "unknown"),
        (current_state(M1, last=applied(M1.id, bucket="b-2")), "changed"),
        (current_state(last=applied(M1.id)), "changed"),
        (current_state(access_key(M1.id, active=False), last=applied(M1.id)), "changed"),
        (current_state(M1, last=applied(FOREIGN, [M1.id])), "changed"),
    ],
)
def test_plan_rotation_reason(current: Current, reason: str) -> None:
    assert plan.plan_rotation(managed_params(), current, NOW).reason == reason
    if reason == "unchanged":
        assert plan.plan_rotation(managed_params(rotate=True), current, NOW).reason == "forced"


def test_plan_rotation_with_an_old_key_is_expired() -> None:
    """The age of the key if IAM returns it, or of the state file; the older one counts."""
    params = managed_params(rotate_after=3600, grace_period=0, delete_after=0)
    for current, age, reason in (
        (current_state(M1, last=applied(M1.id)), 3599, "unchanged"),
        (current_state(M1, last=applied(M1.id)), 3600, "expired"),
        (current_state(access_key(M1.id, created=NOW - 100), last=applied(M1.id)), 3500, "expired"),
    ):
        assert plan.plan_rotation(params, current, NOW + age).reason == reason
    assert (
        plan.plan_rotation(
            managed_params(), current_state(access_key(M1.id, created=0), last=applied(M1.id)), NOW
        ).reason
        == "unchanged"
    )


def test_plan_rotation_with_a_clock_that_is_behind_uses_zero_seconds() -> None:
    current = current_state(M1, M2, last=applied(M1.id, [M2.id]))
    assert [
        action.action
        for action in plan.plan_rotation(managed_params(grace_period=0, delete_after=0), current, NOW - 5).key_actions
    ] == [DELETE]
    assert not plan.plan_rotation(managed_params(grace_period=60), current, NOW - 5).key_actions


def test_plan_rotation_keeps_wide_policies_while_old_keys_are_active() -> None:
    """An old key may still be used for the previous bucket."""
    current = current_state(M1, M2, last=applied(M1.id, [M2.id]))
    current = replace(current, main=replace(current.main, user=wide(user(), user(bucket="b-0"))))
    params = managed_params(grace_period=60)
    assert not plan.plan_rotation(params, current, NOW).changed
    assert [change.name for change in plan.plan_rotation(params, current, NOW + 60).main.changes] == ["policy"]
    assert not plan.plan_rotation(params, current, NOW + 60, uploads_in_progress=True).changed


def wide(one: User, other: User) -> User:
    """A user with the permissions of both."""
    assert one.policy
    assert other.policy
    return replace(one, policy=uploader_policy.merge_with_current(one.policy, other.policy))


def test_upload_locations_contain_the_buckets_of_the_policies() -> None:
    both = CurrentUser(wide(user(), user(bucket="b-0")))
    assert fetch.upload_locations("b-1", managed_params().project, [both, CurrentUser(None)]) == [
        ("b-1", PROJECT),
        ("b-0", PROJECT),
    ]
    assert fetch.upload_locations("b-1", managed_params().project, []) == [("b-1", PROJECT)]
    other_policy = {"Statement": {"Resource": ["*", "arn:aws:s3:::*/45828062/*", "arn:aws-cn:s3:::b-9/45828062/*"]}}
    observed = CurrentUser(replace(user(), policy=other_policy))
    assert fetch.upload_locations("b-1", managed_params().project, [observed]) == [("b-1", PROJECT), ("b-9", PROJECT)]
    refuse(managed_params(), both, observed)


def test_refuse_other_projects_with_another_project_raises() -> None:
    other = CurrentUser(user(project="1234"))
    with pytest.raises(errors.NotManagedError, match="its policy allows uploads for project 1234"):
        refuse(managed_params(uploader={"name": "shared"}), other)
    refuse(managed_params(uploader={"name": "shared", "force": True}), other)


def refuse(params: ManagedKeyParams, *users: CurrentUser) -> None:
    fetch.refuse_other_projects(params.uploader, params.project, users)


def test_managed_params_default_user_names() -> None:
    assert (managed_params().uploader.main.name, managed_params().uploader.spare.name) == (MAIN, SPARE)
    assert S1.user == SPARE


def test_possible_target_keys_do_not_depend_on_the_clock() -> None:
    params = managed_params()
    store = MemoryStore(applied(IDS[0], [IDS[1]], time=NOW + 3600))
    current: CurrentStateFile = fetch.fetch_state_file(params.project, store, NOW)
    assert current.known is None
    assert "in the future" in current.reason
    assert current.possible_target_keys == frozenset({IDS[0]})
