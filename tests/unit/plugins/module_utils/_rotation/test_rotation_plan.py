# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which keys stay and which go: whatever is found, none that the target may hold is touched."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.vonage.archiving.plugins.module_utils import _errors as errors
from ansible_collections.vonage.archiving.plugins.module_utils._aws import uploader, uploader_policy
from ansible_collections.vonage.archiving.plugins.module_utils._aws.uploader import QUOTA, AccessKey
from ansible_collections.vonage.archiving.plugins.module_utils._rotation import places, plan
from ansible_collections.vonage.archiving.plugins.module_utils._rotation.options import Desired
from ansible_collections.vonage.archiving.plugins.module_utils._rotation.plan import DEACTIVATE, DELETE, Observed
from ansible_collections.vonage.archiving.tests.unit.plugins.module_utils._rotation.rotation_cases import (
    FOREIGN,
    IDS,
    KEYS,
    MAIN,
    NOW,
    OBSERVED,
    PROJECT,
    SETS,
    SPARE,
    WANTED,
    access_key,
    applied,
    begun,
    seen,
    user,
    wanted,
)

M1, M2, S1 = (access_key(name) for name in IDS[:3])
LATER = st.floats(0, 1e6).map(lambda seconds: NOW + seconds)


@given(WANTED, OBSERVED, LATER, st.booleans())
def test_decide_never_touches_a_key_that_may_be_in_use(
    asked: Desired, found: Observed, now: float, in_flight: bool
) -> None:
    decision = plan.decide(asked, found, now, in_flight)
    touched = {fate.key.id for fate in decision.fates}
    assert not touched & keys_in_use(found)
    # Only a record without any doubt, of a target that stays as it is, lets keys go before there is another one.
    if decision.reason != "unchanged" or plan.strangers(found):
        assert not touched
    else:
        assert decision.holder
        assert decision.holder.active
        known = found.record.known
        assert known
        assert decision.holder.id == known.storage["access_key"]
    if in_flight:
        assert not any(fate.key.active for fate in decision.fates)


def keys_in_use(found: Observed) -> set[str]:
    """The oracle: what the state file and the age of the keys say, without the code under test."""
    last, every = found.record.last, {key.id for key in found.keys}
    named = {last.storage.get("access_key"), *last.others, *(last.may_hold or ())} if last else set()
    new = {key.id for key in found.keys if key.id not in named and key.age is not None and key.age < 900}
    old_unnamed = every - named - new
    if last is None or found.record.why or last.status == "pending" or (last.status == "applied" and old_unnamed):
        return every
    return new | {last.storage.get("access_key", "")}


@given(OBSERVED)
def test_may_hold_contains_every_key_in_use(found: Observed) -> None:
    last = found.record.last
    if last and last.status == "pending" and not found.record.why.startswith("it is damaged"):
        return  # a pending state file names the keys; see test_what_may_be_held
    assert keys_in_use(found) - {""} <= plan.may_hold(found)


@given(OBSERVED)
def test_what_may_be_held(found: Observed) -> None:
    there = {key.id for key in found.keys}
    named, last = found.record.in_use, found.record.last
    if named is None:
        assert there <= plan.may_hold(found)
    else:
        assert named <= plan.may_hold(found)
    if last and last.storage.get("access_key") and not found.record.why:
        assert last.storage["access_key"] in plan.may_hold(found)


@given(WANTED, OBSERVED, LATER)
def test_nothing_to_do_is_nothing_to_tell(asked: Desired, found: Observed, now: float) -> None:
    decision = plan.decide(asked, found, now)
    quiet = decision.reason == "unchanged" and not (decision.fates or decision.main.steps)
    assert decision.changed == (not quiet or bool(decision.spare.steps))


@given(KEYS, SETS)
def test_find_key_slot_prefers_the_user_with_fewer_keys(keys: list[AccessKey], in_use: set[str]) -> None:
    """An existing key is deleted only if both users have two keys; then an unused one, inactive and oldest first."""
    owned = {name: [key for key in keys if key.user == name] for name in (MAIN, SPARE)}
    unused = [key for key in keys if key.id not in in_use]
    slot = plan.find_key_slot(keys, wanted(), frozenset(in_use))
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
    assert plan.find_key_slot(keys, wanted(), frozenset(IDS)) is None
    error = plan.no_key_slot(wanted(), in_use, keys, "Run it again after 12.")
    assert advice in str(error)


@pytest.mark.parametrize(("age", "reason"), [(0, "unchanged"), (899, "unchanged"), (900, "unknown"), (None, "unknown")])
def test_decide_with_a_key_that_the_state_file_does_not_name(age: float | None, reason: str) -> None:
    """A verification creates such a key and deletes it within ten minutes."""
    new = access_key(IDS[1], age=age)
    found = seen(M1, new, last=applied(M1.id))
    decision = plan.decide(wanted(grace_period=0, delete_after=0), found, NOW)
    assert (decision.reason, decision.fates) == (reason, ())
    assert new.id in plan.may_hold(found)


def test_decide_revoke_old_keys_deactivates_all_but_the_targets_key() -> None:
    new = access_key(IDS[3], age=0)
    found = seen(M1, M2, S1, new, last=applied(M1.id, [M2.id, S1.id]))
    decision = plan.decide(wanted(revoke_old_keys=True), found, NOW, in_flight=True)
    assert decision.fates == tuple((key, DEACTIVATE) for key in (M2, S1, new))


def test_decide_grace_period_over_deactivates_and_does_not_delete() -> None:
    found = seen(M1, M2, last=applied(M1.id, [M2.id]))
    assert plan.decide(wanted(), found, NOW + 60).fates == ()
    assert plan.decide(wanted(), found, NOW + 60, grace_period_over=True).fates == ((M2, DEACTIVATE),)
    assert plan.decide(wanted(), found, NOW + 42 * 3600).fates == ((M2, DELETE),)


RANK = {"": 0, DEACTIVATE: 1, DELETE: 2}


@given(WANTED, KEYS, st.floats(0, 3e5), st.floats(0, 3e5))
def test_what_is_done_with_keys_never_goes_back(
    asked: Desired, keys: list[AccessKey], first: float, second: float
) -> None:
    early, late = sorted([first, second])
    deeds = [{fate.key.id: fate.deed for fate in plan.fates(asked, keys, NOW, NOW + age)} for age in (early, late)]
    for key in keys:
        before, after = (RANK[deed.get(key.id, "")] for deed in deeds)
        assert before <= after or not key.active
    for age, found in zip((early, late), deeds):
        if age < asked.grace_period:
            assert found == {}
        if age >= asked.grace_period + asked.delete_after:
            assert set(found.values()) <= {DELETE}
            assert set(found) == {key.id for key in keys}


@pytest.mark.parametrize(
    ("found", "reason"),
    [
        (seen(M1, last=applied(M1.id)), "unchanged"),
        (seen(M1, M2, last=applied(M1.id, [M2.id])), "unchanged"),
        (seen(M1, M2, last=applied(M1.id)), "unknown"),
        (seen(M1), "unknown"),
        (seen(M1, last=begun(M1.id)), "unknown"),
        (seen(M1, last=applied(M1.id, bucket="b-2")), "changed"),
        (seen(last=applied(M1.id)), "changed"),
        (seen(access_key(M1.id, active=False), last=applied(M1.id)), "changed"),
        (seen(M1, last=applied(FOREIGN, [M1.id])), "changed"),
    ],
)
def test_reasons(found: Observed, reason: str) -> None:
    assert plan.decide(wanted(), found, NOW).reason == reason
    if reason == "unchanged":
        assert plan.decide(wanted(rotate=True), found, NOW).reason == "forced"


def test_age() -> None:
    """Of the key where IAM tells it, else of the record, whichever is older."""
    asked = wanted(rotate_after=3600, grace_period=0, delete_after=0)
    for found, age, reason in (
        (seen(M1, last=applied(M1.id)), 3599, "unchanged"),
        (seen(M1, last=applied(M1.id)), 3600, "expired"),
        (seen(access_key(M1.id, created=NOW - 100), last=applied(M1.id)), 3500, "expired"),
    ):
        assert plan.decide(asked, found, NOW + age).reason == reason
    assert plan.decide(wanted(), seen(access_key(M1.id, created=0), last=applied(M1.id)), NOW).reason == "unchanged"


def test_a_clock_that_is_behind() -> None:
    found = seen(M1, M2, last=applied(M1.id, [M2.id]))
    assert [fate.deed for fate in plan.decide(wanted(grace_period=0, delete_after=0), found, NOW - 5).fates] == [DELETE]
    assert not plan.decide(wanted(grace_period=60), found, NOW - 5).fates


def test_policies_stay_wide_while_other_keys_work() -> None:
    """They may be at work in a bucket that is not wanted any more."""
    found = seen(M1, M2, last=applied(M1.id, [M2.id]))
    found = replace(found, main=replace(found.main, user=wide(user(), user(bucket="b-0"))))
    asked = wanted(grace_period=60)
    assert not plan.decide(asked, found, NOW).changed
    assert [change.name for change in plan.decide(asked, found, NOW + 60).main.changes] == ["policy"]
    assert not plan.decide(asked, found, NOW + 60, in_flight=True).changed


def wide(one: uploader.User, other: uploader.User) -> uploader.User:
    """A user who is allowed what both are."""
    assert one.policy
    assert other.policy
    return replace(one, policy=uploader_policy.widened(one.policy, other.policy))


def test_places() -> None:
    both = uploader.Observed(wide(user(), user(bucket="b-0")))
    assert places.of_project(wanted(), [both, uploader.Observed(None)]) == [("b-1", PROJECT), ("b-0", PROJECT)]
    assert places.of_project(wanted(), []) == [("b-1", PROJECT)]
    strange = {"Statement": {"Resource": ["*", "arn:aws:s3:::*/45828062/*", "arn:aws-cn:s3:::b-9/45828062/*"]}}
    found = uploader.Observed(replace(user(), policy=strange))
    assert places.of_project(wanted(), [found]) == [("b-1", PROJECT), ("b-9", PROJECT)]
    places.refuse_others(wanted(), [both, found])


def test_a_user_of_another_project_is_refused() -> None:
    other = uploader.Observed(user(project="1234"))
    with pytest.raises(errors.NotOursError, match="1234 uploads with them"):
        places.refuse_others(wanted(uploader={"name": "shared"}), [other])
    places.refuse_others(wanted(uploader={"name": "shared", "force": True}), [other])


def test_names_of_users() -> None:
    assert (wanted().main.name, wanted().spare.name) == (MAIN, SPARE)
    assert S1.user == SPARE
