# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which keys stay and which go: whatever is found, none that the target may hold is touched."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.vonage.archiving.plugins.module_utils._core import errors
from ansible_collections.vonage.archiving.plugins.module_utils._upload_target import fetch, plan
from ansible_collections.vonage.archiving.plugins.module_utils._upload_target.fetch import Current
from ansible_collections.vonage.archiving.plugins.module_utils._upload_target.params import ManagedKeyParams
from ansible_collections.vonage.archiving.plugins.module_utils._upload_target.plan import DEACTIVATE, DELETE
from ansible_collections.vonage.archiving.plugins.module_utils._uploader import policy as uploader_policy
from ansible_collections.vonage.archiving.plugins.module_utils._uploader import user as uploader
from ansible_collections.vonage.archiving.plugins.module_utils._uploader.user import QUOTA, AccessKey
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
    begun,
    current_state,
    managed_params,
    user,
)

M1, M2, S1 = (access_key(name) for name in IDS[:3])
LATER = st.floats(0, 1e6).map(lambda seconds: NOW + seconds)


@given(MANAGED_PARAMS, CURRENT, LATER, st.booleans())
def test_decide_never_touches_a_key_that_may_be_in_use(
    asked: ManagedKeyParams, found: Current, now: float, uploads_in_progress: bool
) -> None:
    rotation = plan.plan_rotation(asked, found, now, uploads_in_progress)
    touched = {action.key.id for action in rotation.key_actions}
    assert not touched & keys_in_use(found)
    # Only a state file without any doubt, of a target that stays as it is, lets keys go before there is another one.
    if rotation.reason != "unchanged" or plan.unknown_keys(found):
        assert not touched
    else:
        assert rotation.target_key
        assert rotation.target_key.active
        known = found.state_file.known
        assert known
        assert rotation.target_key.id == known.storage["access_key"]
    if uploads_in_progress:
        assert not any(action.key.active for action in rotation.key_actions)


def keys_in_use(found: Current) -> set[str]:
    """The oracle: what the state file and the age of the keys say, without the code under test."""
    last, every = found.state_file.last, {key.id for key in found.keys}
    named = {last.storage.get("access_key"), *last.others, *(last.may_hold or ())} if last else set()
    new = {key.id for key in found.keys if key.id not in named and key.age is not None and key.age < 900}
    old_unnamed = every - named - new
    if (
        last is None
        or found.state_file.reason
        or last.status == "pending"
        or (last.status == "applied" and old_unnamed)
    ):
        return every
    return new | {last.storage.get("access_key", "")}


@given(CURRENT)
def test_may_hold_contains_every_key_in_use(found: Current) -> None:
    last = found.state_file.last
    if last and last.status == "pending" and not found.state_file.reason.startswith("it is damaged"):
        return  # a pending state file names the keys; see test_what_may_be_held
    assert keys_in_use(found) - {""} <= plan.possible_keys(found)


@given(CURRENT)
def test_what_may_be_held(found: Current) -> None:
    there = {key.id for key in found.keys}
    named, last = found.state_file.in_use, found.state_file.last
    if named is None:
        assert there <= plan.possible_keys(found)
    else:
        assert named <= plan.possible_keys(found)
    if last and last.storage.get("access_key") and not found.state_file.reason:
        assert last.storage["access_key"] in plan.possible_keys(found)


@given(MANAGED_PARAMS, CURRENT, LATER)
def test_nothing_to_do_is_nothing_to_tell(asked: ManagedKeyParams, found: Current, now: float) -> None:
    rotation = plan.plan_rotation(asked, found, now)
    quiet = rotation.reason == "unchanged" and not (rotation.key_actions or rotation.main.steps)
    assert rotation.changed == (not quiet or bool(rotation.spare.steps))


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
def test_no_key_slot_states_what_to_do(in_use: frozenset[str], advice: str) -> None:
    keys = [access_key(name) for name in IDS]
    assert plan.find_key_slot(keys, managed_params().uploader, frozenset(IDS)) is None
    error = plan.no_key_slot(managed_params(), in_use, keys, "Run it again after 12.")
    assert advice in str(error)


@pytest.mark.parametrize(("age", "reason"), [(0, "unchanged"), (899, "unchanged"), (900, "unknown"), (None, "unknown")])
def test_decide_with_a_key_that_the_state_file_does_not_name(age: float | None, reason: str) -> None:
    """A verification creates such a key and deletes it within ten minutes."""
    new = access_key(IDS[1], age=age)
    found = current_state(M1, new, last=applied(M1.id))
    rotation = plan.plan_rotation(managed_params(grace_period=0, delete_after=0), found, NOW)
    assert (rotation.reason, rotation.key_actions) == (reason, ())
    assert new.id in plan.possible_keys(found)


def test_decide_revoke_old_keys_deactivates_all_but_the_targets_key() -> None:
    new = access_key(IDS[3], age=0)
    found = current_state(M1, M2, S1, new, last=applied(M1.id, [M2.id, S1.id]))
    rotation = plan.plan_rotation(managed_params(revoke_old_keys=True), found, NOW, uploads_in_progress=True)
    assert rotation.key_actions == tuple((key, DEACTIVATE) for key in (M2, S1, new))


def test_decide_grace_period_over_deactivates_and_does_not_delete() -> None:
    found = current_state(M1, M2, last=applied(M1.id, [M2.id]))
    assert plan.plan_rotation(managed_params(), found, NOW + 60).key_actions == ()
    assert plan.plan_rotation(managed_params(), found, NOW + 60, grace_period_over=True).key_actions == (
        (M2, DEACTIVATE),
    )
    assert plan.plan_rotation(managed_params(), found, NOW + 42 * 3600).key_actions == ((M2, DELETE),)


RANK = {"": 0, DEACTIVATE: 1, DELETE: 2}


@given(MANAGED_PARAMS, KEYS, st.floats(0, 3e5), st.floats(0, 3e5))
def test_what_is_done_with_keys_never_goes_back(
    asked: ManagedKeyParams, keys: list[AccessKey], first: float, second: float
) -> None:
    early, late = sorted([first, second])
    deeds = [
        {action.key.id: action.action for action in plan.plan_key_actions(asked.uploader, keys, NOW, NOW + age)}
        for age in (early, late)
    ]
    for key in keys:
        before, after = (RANK[deed.get(key.id, "")] for deed in deeds)
        assert before <= after or not key.active
    for age, found in zip((early, late), deeds):
        if age < asked.uploader.grace_period:
            assert found == {}
        if age >= asked.uploader.grace_period + asked.uploader.delete_after:
            assert set(found.values()) <= {DELETE}
            assert set(found) == {key.id for key in keys}


@pytest.mark.parametrize(
    ("found", "reason"),
    [
        (current_state(M1, last=applied(M1.id)), "unchanged"),
        (current_state(M1, M2, last=applied(M1.id, [M2.id])), "unchanged"),
        (current_state(M1, M2, last=applied(M1.id)), "unknown"),
        (current_state(M1), "unknown"),
        (current_state(M1, last=begun(M1.id)), "unknown"),
        (current_state(M1, last=applied(M1.id, bucket="b-2")), "changed"),
        (current_state(last=applied(M1.id)), "changed"),
        (current_state(access_key(M1.id, active=False), last=applied(M1.id)), "changed"),
        (current_state(M1, last=applied(FOREIGN, [M1.id])), "changed"),
    ],
)
def test_reasons(found: Current, reason: str) -> None:
    assert plan.plan_rotation(managed_params(), found, NOW).reason == reason
    if reason == "unchanged":
        assert plan.plan_rotation(managed_params(rotate=True), found, NOW).reason == "forced"


def test_age() -> None:
    """Of the key where IAM tells it, else of the state file, whichever is older."""
    asked = managed_params(rotate_after=3600, grace_period=0, delete_after=0)
    for found, age, reason in (
        (current_state(M1, last=applied(M1.id)), 3599, "unchanged"),
        (current_state(M1, last=applied(M1.id)), 3600, "expired"),
        (current_state(access_key(M1.id, created=NOW - 100), last=applied(M1.id)), 3500, "expired"),
    ):
        assert plan.plan_rotation(asked, found, NOW + age).reason == reason
    assert (
        plan.plan_rotation(
            managed_params(), current_state(access_key(M1.id, created=0), last=applied(M1.id)), NOW
        ).reason
        == "unchanged"
    )


def test_a_clock_that_is_behind() -> None:
    found = current_state(M1, M2, last=applied(M1.id, [M2.id]))
    assert [
        action.action
        for action in plan.plan_rotation(managed_params(grace_period=0, delete_after=0), found, NOW - 5).key_actions
    ] == [DELETE]
    assert not plan.plan_rotation(managed_params(grace_period=60), found, NOW - 5).key_actions


def test_policies_stay_wide_while_other_keys_work() -> None:
    """They may be at work in a bucket that is not managed_params any more."""
    found = current_state(M1, M2, last=applied(M1.id, [M2.id]))
    found = replace(found, main=replace(found.main, user=wide(user(), user(bucket="b-0"))))
    asked = managed_params(grace_period=60)
    assert not plan.plan_rotation(asked, found, NOW).changed
    assert [change.name for change in plan.plan_rotation(asked, found, NOW + 60).main.changes] == ["policy"]
    assert not plan.plan_rotation(asked, found, NOW + 60, uploads_in_progress=True).changed


def wide(one: uploader.User, other: uploader.User) -> uploader.User:
    """A user who is allowed what both are."""
    assert one.policy
    assert other.policy
    return replace(one, policy=uploader_policy.widened(one.policy, other.policy))


def test_places() -> None:
    both = uploader.Observed(wide(user(), user(bucket="b-0")))
    assert fetch.upload_locations("b-1", managed_params().project, [both, uploader.Observed(None)]) == [
        ("b-1", PROJECT),
        ("b-0", PROJECT),
    ]
    assert fetch.upload_locations("b-1", managed_params().project, []) == [("b-1", PROJECT)]
    strange = {"Statement": {"Resource": ["*", "arn:aws:s3:::*/45828062/*", "arn:aws-cn:s3:::b-9/45828062/*"]}}
    found = uploader.Observed(replace(user(), policy=strange))
    assert fetch.upload_locations("b-1", managed_params().project, [found]) == [("b-1", PROJECT), ("b-9", PROJECT)]
    refuse(managed_params(), both, found)


def test_a_user_of_another_project_is_refused() -> None:
    other = uploader.Observed(user(project="1234"))
    with pytest.raises(errors.NotManagedError, match="its policy allows uploads for project 1234"):
        refuse(managed_params(uploader={"name": "shared"}), other)
    refuse(managed_params(uploader={"name": "shared", "force": True}), other)


def refuse(params: ManagedKeyParams, *users: uploader.Observed) -> None:
    fetch.refuse_other_projects(params.uploader, params.project, users)


def test_names_of_users() -> None:
    assert (managed_params().uploader.main.name, managed_params().uploader.spare.name) == (MAIN, SPARE)
    assert S1.user == SPARE
