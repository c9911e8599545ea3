# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which keys stay and which go: whatever is found, none that the target may hold is touched."""

from __future__ import annotations

import typing as t
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
def test_no_key_goes_that_the_target_may_hold(asked: Desired, found: Observed, now: float, in_flight: bool) -> None:
    decision = plan.decide(asked, found, now, in_flight)
    touched = {fate.key.id for fate in decision.fates}
    assert not touched & plan.may_hold(found)
    # Only a record without any doubt, of a target that stays as it is, lets keys go before there is another one.
    if decision.reason != "unchanged" or plan.strangers(found):
        assert not touched
        assert not decision.spare_goes
    else:
        assert decision.holder
        assert decision.holder.active
        known = found.record.known
        assert known
        assert decision.holder.id == known.storage["access_key"]
    if decision.spare_goes:
        assert {key.id for key in found.spare.keys} <= {fate.key.id for fate in decision.fates if fate.deed == DELETE}
    if in_flight:
        assert not any(fate.key.active for fate in decision.fates)


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
    quiet = decision.reason == "unchanged" and not (decision.fates or decision.spare_goes or decision.main.steps)
    assert decision.changed == (not quiet or bool(decision.spare.steps))


def allowed(own: t.Sequence[AccessKey], may_hold: t.AbstractSet[str], busy: bool) -> int:
    return sum(key.id not in may_hold and not (key.active and busy) for key in own)


@given(KEYS, SETS, st.booleans())
def test_room(keys: list[AccessKey], may_hold: set[str], busy: bool) -> None:
    """There is room unless all that there can be may be in use; then nothing goes."""
    asked = wanted()
    own = {name: [key for key in keys if key.user == name] for name in (MAIN, SPARE)}
    possible = [name for name in own if len(own[name]) - allowed(own[name], may_hold, busy) < QUOTA]
    if not possible:
        with pytest.raises(errors.QuotaError, match="any of them may be in use"):
            plan.room(keys, asked, frozenset(may_hold), busy)
        return
    place = plan.room(keys, asked, frozenset(may_hold), busy)
    name = SPARE if place.spare else MAIN
    assert name == possible[0]
    gone = {key.id for key in place.give_up}
    assert len(own[name]) - len(gone) + 1 <= QUOTA
    assert not gone & may_hold
    assert gone <= {key.id for key in own[name]}
    assert not (busy and any(key.active for key in place.give_up))
    # No more than have to, and none that works while there is one that does not.
    assert len(gone) == max(len(own[name]) + 1 - QUOTA, 0)
    idle = [key for key in own[name] if not key.active and key.id not in may_hold]
    assert not idle or not any(key.active for key in place.give_up)


def test_the_oldest_goes_first() -> None:
    keys = [access_key(IDS[0], created=NOW), access_key(IDS[1], created=NOW - 1)]
    assert plan.room(keys, wanted(), frozenset(), busy=False).give_up == (keys[1],)


def test_what_to_do_when_there_is_no_room() -> None:
    keys = [access_key(name) for name in IDS]
    with pytest.raises(errors.QuotaError, match="Remove the upload target"):
        plan.room(keys, wanted(), frozenset(IDS), busy=True)
    with pytest.raises(errors.QuotaError, match="Run it again once uploads"):
        plan.room(keys, wanted(), frozenset(IDS[:1]), busy=True)


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
        if age < asked.overlap:
            assert found == {}
        if age >= asked.overlap + asked.retire_delay:
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
    asked = wanted(rotate_after=3600)
    for found, age, reason in (
        (seen(M1, last=applied(M1.id)), 3599, "unchanged"),
        (seen(M1, last=applied(M1.id)), 3600, "expired"),
        (seen(access_key(M1.id, created=NOW - 100), last=applied(M1.id)), 3500, "expired"),
    ):
        assert plan.decide(asked, found, NOW + age).reason == reason
    assert plan.decide(wanted(), seen(access_key(M1.id, created=0), last=applied(M1.id)), NOW).reason == "unchanged"


def test_a_clock_that_is_behind() -> None:
    found = seen(M1, M2, last=applied(M1.id, [M2.id]))
    assert [fate.deed for fate in plan.decide(wanted(), found, NOW - 5).fates] == [DELETE]
    assert not plan.decide(wanted(overlap=60), found, NOW - 5).fates


def test_policies_stay_wide_while_other_keys_work() -> None:
    """They may be at work in a bucket that is not wanted any more."""
    found = seen(M1, M2, last=applied(M1.id, [M2.id]))
    found = replace(found, main=replace(found.main, user=wide(user(), user(bucket="b-0"))))
    asked = wanted(overlap=60)
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
