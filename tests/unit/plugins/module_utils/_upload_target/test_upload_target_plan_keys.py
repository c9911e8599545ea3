# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The keys that the target may hold, and the keys that a verification may use. Expected values are literal."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ansible_collections.vonage.archiving.plugins.module_utils._core.plan import Change, Plan
from ansible_collections.vonage.archiving.plugins.module_utils._state_file import state
from ansible_collections.vonage.archiving.plugins.module_utils._upload_target import plan
from ansible_collections.vonage.archiving.plugins.module_utils._upload_target.fetch import Current, CurrentStateFile
from ansible_collections.vonage.archiving.plugins.module_utils._upload_target.params import (
    ExternalKeyParams,
    parse_params,
)
from ansible_collections.vonage.archiving.plugins.module_utils._upload_target.plan import (
    DELETE,
    KeyAction,
    RotationPlan,
)
from ansible_collections.vonage.archiving.tests.unit.plugins.module_utils._upload_target.upload_target_cases import (
    API_SECRET,
    FOREIGN,
    IDS,
    NOW,
    PROJECT,
    access_key,
    applied,
    current_state,
    managed_params,
    pending,
)

M1, M2, S1, S2 = IDS
OLD = [access_key(id_, age=1e6) for id_ in IDS]
CHANGED = Plan((Change("policy", None, {}),))


def test_possible_target_keys_of_a_restored_state_file_include_the_unknown_key() -> None:
    """A later state file contained S1: the target may hold it, although the state file names M1."""
    current = current_state(*OLD, last=applied(M1, [M2, S2]))
    possible = plan.possible_target_keys(current)
    assert possible == {M1, S1}
    slot = plan.find_key_slot(current.keys, managed_params().uploader, possible)
    assert slot is not None
    assert {key.id for key in slot.to_delete} in ({M2}, {S2})


def test_possible_target_keys_of_a_complete_state_file_are_its_key() -> None:
    assert plan.possible_target_keys(current_state(*OLD, last=applied(M1, [M2, S1, S2]))) == {M1}
    assert plan.possible_target_keys(current_state(*OLD, last=pending(S1, [M2]))) == {M2, S1}


def test_possible_target_keys_contain_the_target_key_that_does_not_exist_any_more() -> None:
    assert plan.possible_target_keys(current_state(*OLD[:2], last=applied(FOREIGN))) == {FOREIGN, M1, M2}


@pytest.mark.parametrize(("age", "is_protected"), [(899.0, True), (900.0, False), (None, False)])
def test_protected_keys_are_new_and_not_in_the_state_file(age: float | None, is_protected: bool) -> None:
    keys = [access_key(id_, age=age) for id_ in IDS]
    expected = {S2} if is_protected else set()
    assert plan.protected_keys(current_state(*keys, last=applied(M1, [M2, S1]))) == expected
    assert plan.protected_keys(current_state(*keys, last=pending(M1, [M2, S1]))) == expected
    assert plan.protected_keys(current_state(*keys, last=pending(M1, None))) == (expected and {M2, S1, S2})
    assert plan.protected_keys(current_state(*keys)) == (set(IDS) if is_protected else set())


def test_unknown_keys_require_a_reliable_state_file_of_a_target() -> None:
    last = applied(M1, [M2])
    assert [key.id for key in plan.unknown_keys(current_state(*OLD, last=last))] == [S1, S2]
    assert plan.unknown_keys(current_state(*OLD, last=last, reason="it is damaged")) == []
    absent = replace(last, status=state.ABSENT)
    assert plan.unknown_keys(current_state(*OLD, last=absent)) == []
    assert plan.find_target_key(current_state(*OLD, last=absent)) is None


@pytest.mark.parametrize(
    ("main", "spare", "actions", "reason", "is_changed"),
    [
        (Plan(), Plan(), (), "unchanged", False),
        (CHANGED, Plan(), (), "unchanged", True),
        (Plan(), CHANGED, (), "unchanged", True),
        (Plan(), Plan(), (KeyAction(OLD[0], DELETE),), "unchanged", True),
        (Plan(), Plan(), (), "unknown", True),
    ],
)
def test_rotation_plan_changed(
    main: Plan, spare: Plan, actions: tuple[KeyAction, ...], reason: str, is_changed: bool
) -> None:
    assert RotationPlan(reason, None, main, spare, actions).changed is is_changed


def test_find_key_slot_of_keys_without_a_creation_date_counts_them_as_the_oldest() -> None:
    keys = [access_key(M1, created=0.5), access_key(M2), access_key(S1, created=0.25), access_key(S2, created=9.0)]
    slot = plan.find_key_slot(keys, managed_params().uploader, frozenset())
    assert slot
    assert slot.to_delete == (keys[1],)


def test_target_set_at_without_a_state_file_is_the_epoch() -> None:
    assert plan.target_set_at(current_state()) == 0
    assert plan.target_set_at(current_state(last=applied(M1, time=NOW - 5))) == NOW - 5


def test_find_target_key_is_the_key_of_the_state_file() -> None:
    target_key = plan.find_target_key(current_state(*OLD, last=applied(M2, [M1])))
    assert target_key
    assert target_key.id == M2
    assert plan.find_target_key(current_state(*OLD, last=applied(FOREIGN))) is None


@pytest.mark.parametrize(
    ("created", "seconds", "expected"),
    [(NOW - 10, 10, True), (NOW - 10, 11, False), (None, 10, False), (NOW - 10, None, False), (NOW + 99, 5, False)],
)
def test_is_older_compares_the_age_of_the_key(created: float | None, seconds: float | None, expected: bool) -> None:
    assert plan.is_older(access_key(M1, created=created), seconds, NOW) is expected


def test_elapsed_is_at_least_zero() -> None:
    assert (plan.elapsed(NOW, NOW - 5), plan.elapsed(NOW, NOW), plan.elapsed(NOW, NOW + 5)) == (0, 0, 5)


def test_plan_rotation_of_an_unchanged_target_with_inactive_old_keys_narrows_the_policy() -> None:
    """The previous location stays allowed only while an old key is active."""
    inactive = access_key(M2, active=False)
    for key, is_changed in ((inactive, True), (replace(inactive, active=True), False)):
        current = current_state(OLD[0], key, last=applied(M1, [M2]))
        policy = {"Version": "2012-10-17", "Statement": [*statements(current), PREVIOUS]}
        assert current.main.user
        main = replace(current.main, user=replace(current.main.user, policy=policy))
        rotation = plan.plan_rotation(managed_params(grace_period=60), replace(current, main=main), NOW)
        assert (rotation.reason, rotation.key_actions, rotation.main.changed) == ("unchanged", (), is_changed)


PREVIOUS = {"Sid": "VonageArchivingUntilRotated1", "Effect": "Allow", "Action": "s3:PutObject", "Resource": "arn:x/*"}


def statements(current: Current) -> list[dict[str, object]]:
    assert current.main.user
    assert current.main.user.policy
    result: list[dict[str, object]] = current.main.user.policy["Statement"]
    return result


def external_params(**options: object) -> ExternalKeyParams:
    s3 = {"bucket": "b-1", "access_key": "AKIAIOSFODNN7EXAMPLE", "secret_key": "x" * 40}
    params = parse_params({"api_key": PROJECT, "api_secret": API_SECRET, "s3": s3, "fallback": "none", **options}, {})
    assert isinstance(params, ExternalKeyParams)
    return params


def test_plan_target_compares_the_public_fields_and_the_secret() -> None:
    params = external_params()
    last = state.create_pending(PROJECT, "https://x", NOW, params.target.public(), "x" * 40, API_SECRET)
    known = last.commit(state.APPLIED, NOW)
    other_secret = state.create_pending(PROJECT, "https://x", NOW, params.target.public(), "y", API_SECRET)
    other_bucket = replace(known, storage={**known.storage, "bucket": "b-2"})
    for current, reason in (
        (known, "unchanged"),
        (replace(other_secret, status=state.APPLIED), "changed"),
        (other_bucket, "changed"),
        (replace(known, status=state.ABSENT), "changed"),
        (None, "unknown"),
    ):
        assert plan.plan_target(params, CurrentStateFile(known=current), NOW) == reason
