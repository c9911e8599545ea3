# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The rotation of a managed key: the order of writes, its errors, concurrent runs, and the deletion of old keys."""

from __future__ import annotations

import json
import typing as t
from dataclasses import replace

import pytest

from ansible_collections.vonage.archiving.plugins.module_utils._core import errors
from ansible_collections.vonage.archiving.plugins.module_utils._core.timestamps import parse_utc
from ansible_collections.vonage.archiving.plugins.module_utils._state_file import state
from ansible_collections.vonage.archiving.plugins.module_utils._upload_target.params import ALWAYS, NEVER, NEW_KEY, ONLY
from ansible_collections.vonage.archiving.tests.unit.plugins.module_utils._upload_target.rotation_world import (
    DAY,
    Killed,
    World,
    connect,
    raising,
    world,
)
from ansible_collections.vonage.archiving.tests.unit.plugins.module_utils._upload_target.upload_target_cases import (
    API_SECRET,
    IDS,
    MAIN,
    NOW,
    SPARE,
    applied,
    pending,
    user,
)

__all__ = ["world"]

M1, M2, S1, S2 = IDS
NEW1 = "AKIANEW1"
LONG_AGO = NOW - 10 * DAY
IMMEDIATE: dict[str, t.Any] = {"grace_period": 0, "delete_after": 0}
CREATE = ["state pending", f"create user {MAIN}", f"policy {MAIN}", "create key 1"]
SET = ["state pending", f"put {NEW1}", "state applied"]


def archive(status: str, created: float) -> dict[str, t.Any]:
    return {
        "id": f"archive-{status}",
        "status": status,
        "createdAt": int(created * 1000),
        "duration": 0,
        "size": 0,
        "updatedAt": int(created * 1000),
        "name": "",
        "reason": "",
        "sessionId": "s",
        "outputMode": "composed",
    }


def rotated(world: World, **options: t.Any) -> t.Any:
    return world.run(rotate=True, **options).result


# Without interference.


def test_rotation_without_a_target_writes_in_an_order_that_is_safe_to_interrupt(world: World) -> None:
    outcome = world.run(verify=NEW_KEY)
    assert world.log == ["check the credentials", "check owner of b-1", *CREATE, f"verify {NEW1}", *SET]
    assert outcome.changed
    assert (outcome.result["reason"], outcome.result["storage"]["access_key"]) == ("no_state_file", NEW1)
    assert [key["id"] for key in outcome.result["access_keys"]] == [NEW1]
    assert outcome.result["retained_keys_reason"] == ""
    assert world.read_state().storage["access_key"] == NEW1
    assert world.read_state().others == ()


def test_rotation_twice_writes_once(world: World) -> None:
    world.run()
    first = len(world.log)
    outcome = world.run()
    assert (outcome.changed, outcome.result["reason"], world.log[first:]) == (False, "unchanged", [])


def test_rotation_with_verify_never_does_not_verify(world: World) -> None:
    world.run(verify=NEVER)
    assert not any(entry.startswith("verify") for entry in world.log)


def test_rotation_in_check_mode_writes_nothing(world: World) -> None:
    for options in ({}, {"verify": ONLY}):
        assert world.run(check_mode=True, **options).changed
    assert world.log == ["check the credentials"] * 2


def test_rotation_with_verify_always_and_a_current_target_verifies_with_a_temporary_key(world: World) -> None:
    world.add(M1, target=M1, last=applied(M1, time=LONG_AGO))
    world.run(verify=NEW_KEY)
    assert world.log == []
    assert not world.run(verify=ALWAYS).changed
    assert world.log == ["verify with a temporary key"]


def test_rotation_with_verify_only_writes_nothing_and_reports_the_differences(world: World) -> None:
    world.add(M1, M2, target=M1, last=applied(M1, [M2], bucket="b-2", time=LONG_AGO))
    outcome = world.run(verify=ONLY)
    assert (outcome.changed, outcome.result["reason"]) == (False, "changed")
    world.hooks["verify"] = raising(errors.VerificationFailedError("verify uploads", "no", "Repair it."))
    with pytest.raises(errors.VerificationFailedError) as failure:
        world.run(verify=ONLY)
    assert failure.value.facts["reason"] == "changed"
    assert "target" in failure.value.facts["changes"]
    assert world.log == ["check the credentials", "verify with a temporary key", "check the credentials"]


def test_rotation_with_verify_only_does_not_wait_for_another_run(world: World) -> None:
    world.add(M1, target=M1, last=pending(M1, [M1]))
    world.run(verify=ONLY)
    assert world.now == NOW


def test_rotation_creates_the_next_key_at_the_other_user_and_keeps_the_old_key_active(world: World) -> None:
    world.add(M1, target=M1, last=applied(M1, time=LONG_AGO))
    result = rotated(world)
    assert world.writes == ["state pending", f"create user {SPARE}", f"policy {SPARE}", "create key 1", *SET]
    assert {id_: key.active for id_, key in world.keys.items()} == {M1: True, NEW1: True}
    assert world.read_state().others == (M1,)
    assert result["retained_keys_reason"] == "the grace period is not over"
    assert [(key["id"], key["status"]) for key in result["access_keys"]] == [(M1, "Active"), (NEW1, "Active")]


def test_rotation_without_a_grace_period_deletes_old_keys_after_the_target_is_set(world: World) -> None:
    world.add(M1, M2, target=M1, last=applied(M1, [M2], time=NOW - 1))
    result = rotated(world, **IMMEDIATE)
    assert world.writes[-5:] == [
        "state applied",
        f"deactivate {M1}",
        f"delete {M1}",
        f"deactivate {M2}",
        f"delete {M2}",
    ]
    assert set(world.keys) == {NEW1}
    assert [key["id"] for key in result["access_keys"]] == [NEW1]


def test_rotation_with_revoke_old_keys_deactivates_them_despite_uploads(world: World) -> None:
    world.add(M1, target=M1, last=applied(M1, time=LONG_AGO)).uploads = [("b-1", NOW - 60)]
    result = rotated(world, revoke_old_keys=True, drain_timeout=5)
    assert (world.writes[-1], world.keys[M1].active, set(world.keys)) == (f"deactivate {M1}", False, {M1, NEW1})
    assert result["retained_keys_reason"] == "old keys are inactive, and deleted later"


def test_rotation_with_uploads_in_progress_keeps_active_old_keys(world: World) -> None:
    world.add(M1, target=M1, last=applied(M1, time=LONG_AGO)).add(M2, active=False)
    world.data = state.dump(applied(M1, [M2], time=LONG_AGO))
    world.uploads = [("b-1", NOW - 60)]
    result = rotated(world, **IMMEDIATE, drain_timeout=5)
    assert world.keys[M1].active
    assert M2 not in world.keys, "no upload uses an inactive key"
    assert result["retained_keys_reason"] == "uploads that started before the target was set are in progress"


def test_rotation_protects_a_new_key_that_is_not_in_the_state_file(world: World) -> None:
    """It may belong to a verification of another run."""
    world.add(M1, M2, target=M1, last=applied(M1, time=LONG_AGO))
    world.keys[M2].created = NOW - 60
    rotated(world, **IMMEDIATE)
    assert set(world.keys) == {M2, NEW1}
    world.keys[S1] = replace(world.keys[M2], user=SPARE)
    rotated(world, revoke_old_keys=True)
    assert {id_ for id_, key in world.keys.items() if key.active} == {"AKIANEW2"}


# Policies.


def locations(world: World, name: str) -> set[str]:
    """The buckets that the policy allows uploads to."""
    text = json.dumps(world.users[name]["policy"])
    return {bucket for bucket in ("b-1", "b-2") if f"arn:aws:s3:::{bucket}/" in text}


@pytest.mark.parametrize(("options", "buckets"), [({}, {"b-1", "b-2"}), (IMMEDIATE, {"b-1"})])
def test_rotation_to_another_bucket_keeps_the_previous_location_while_an_old_key_is_active(
    world: World, options: dict[str, t.Any], buckets: set[str]
) -> None:
    world.add(M1, target=M1, last=applied(M1, bucket="b-2", time=LONG_AGO))
    world.users[MAIN]["policy"] = user(bucket="b-2").policy
    world.hooks["put"] = lambda: world.log.append(f"check {sorted(locations(world, MAIN))}")
    world.run(**options)
    assert "check ['b-1', 'b-2']" in world.log, "until the update of the target, its key needs the previous location"
    assert locations(world, MAIN) == buckets
    assert locations(world, SPARE) == {"b-1"}


def test_rotation_narrows_policies_only_if_no_other_run_has_written_the_state_file(world: World) -> None:
    world.add(M1, target=M1, last=applied(M1, bucket="b-2", time=LONG_AGO))
    world.users[MAIN]["policy"] = user(bucket="b-2").policy
    world.hooks["check uploads"] = world.write_as_other_run
    result = world.run(**IMMEDIATE).result
    assert locations(world, MAIN) == {"b-1", "b-2"}
    assert result["retained_keys_reason"] == "another run is changing the same project"


# Concurrent runs.


def test_rotation_during_the_drain_another_run_updates_the_target_keeps_all_keys(world: World) -> None:
    """The other run has set the target to the old key of this run again."""
    world.add(M1, target=M1, last=applied(M1, time=LONG_AGO))
    world.hooks["check uploads"] = lambda: world.write_as_other_run(M1)
    result = rotated(world, **IMMEDIATE)
    assert {id_: key.active for id_, key in world.keys.items()} == {M1: True, NEW1: True}
    assert result["retained_keys_reason"] == "another run is changing the same project"


def test_rotation_without_a_new_key_and_another_run_has_written_the_state_file_changes_nothing(world: World) -> None:
    """The other run has set the target to the key that is due."""
    world.add(M1, M2, target=M1, last=applied(M1, [M2], time=LONG_AGO))
    world.hooks["check uploads"] = lambda: world.write_as_other_run(M2)
    with pytest.raises(errors.ConflictError, match="another run is changing the same project"):
        world.run()
    assert (world.writes, world.keys[M2].active) == ([], True)


def test_rotation_that_loses_the_race_for_the_state_file_changes_nothing(world: World) -> None:
    world.add(M1, target=M1, last=applied(M1, time=LONG_AGO))
    world.hooks["check owner"] = world.write_as_other_run
    with pytest.raises(errors.ConflictError, match="another run is changing the same project"):
        rotated(world)
    assert (world.read_state().status, set(world.keys), set(world.users)) == ("applied", {M1}, {MAIN})


def test_rotation_whose_claim_another_run_overwrites_deletes_its_key_and_names_the_other_run(world: World) -> None:
    world.add(M1, target=M1, last=applied(M1, time=LONG_AGO))
    world.hooks[f"verify {NEW1}"] = world.write_as_other_run
    with pytest.raises(errors.ConflictError, match="another run is changing the same project, and has claimed"):
        rotated(world, verify=NEW_KEY)
    assert (set(world.keys), world.target, world.read_state().status) == ({M1}, M1, "applied")


def test_rotation_uses_the_keys_that_exist_after_the_claim(world: World) -> None:
    """Another run has created a key between the read and the claim: the state file must contain it."""
    world.add(M1, target=M1, last=applied(M1, time=LONG_AGO))
    world.hooks["check owner"] = lambda: t.cast(None, world.add(S1))
    rotated(world)
    assert world.read_state().others == (M1, S1)


def test_rotation_waits_for_the_announced_call_of_another_run(world: World) -> None:
    world.add(M1, M2, target=M1, last=pending(M2, [M1]))
    world.run()
    assert world.now >= NOW + 90
    assert world.target == NEW1
    assert {M1, M2} <= set(world.keys)


# Errors.


@pytest.mark.parametrize("step", ["create user", "create key", "verify"])
def test_rotation_that_fails_before_the_call_restores_the_state_file_and_deletes_its_key(
    world: World, step: str
) -> None:
    before = world.add(M1, target=M1, last=applied(M1, time=LONG_AGO)).data
    world.hooks[step] = raising(errors.RejectedError("do it", "no", status=400))
    with pytest.raises(errors.RejectedError, match="Could not do it: no"):
        rotated(world, verify=NEW_KEY)
    assert (world.data, set(world.keys), world.target) == (before, {M1}, M1)


def test_rotation_that_the_api_refuses_restores_the_state_file_and_deletes_its_key(world: World) -> None:
    before = world.add(M1, target=M1, last=applied(M1, time=LONG_AGO)).data
    world.hooks["put"] = raising(errors.RejectedError("set it", "no", status=400, tries=1))
    with pytest.raises(errors.RejectedError):
        rotated(world)
    assert (world.data, set(world.keys), world.target) == (before, {M1}, M1)


def test_rotation_with_an_unknown_outcome_keeps_both_keys_and_names_them(world: World) -> None:
    world.add(M1, target=M1, last=applied(M1, time=LONG_AGO))
    world.hooks["put"] = raising(errors.UnreachableError("set it", "no response"))
    with pytest.raises(errors.UnreachableError):
        rotated(world, **IMMEDIATE)
    last = world.read_state()
    assert (last.status, last.storage["access_key"], last.may_hold) == ("pending", NEW1, (M1,))
    assert {id_: key.active for id_, key in world.keys.items()} == {M1: True, NEW1: True}


def test_rotation_whose_state_file_cannot_be_restored_adds_a_hint(world: World) -> None:
    world.add(M1, target=M1, last=applied(M1, time=LONG_AGO))

    def fail() -> None:
        world.hooks["state"] = raising(errors.UnreachableError("write the state file", "no response"))
        raise errors.RejectedError("create it", "no")

    world.hooks["create key"] = fail
    with pytest.raises(errors.RejectedError, match="The state file could not be restored either: no response"):
        rotated(world)


def test_rotation_after_an_interruption_checks_that_the_api_responds_before_it_creates_a_key(world: World) -> None:
    world.add(M1, target=M1, last=pending(M1, (), time=LONG_AGO))
    for error in (errors.UnreachableError("ask", "no response"), errors.DeniedError("ask", "denied")):
        world.hooks["check that the API responds"] = raising(error)
        with pytest.raises(type(error)):
            world.run(preflight="never")
    assert world.writes == []
    world.hooks["check that the API responds"] = raising(errors.RejectedError("ask", "not found", status=404))
    world.run(preflight="never")
    assert world.target == NEW1
    assert "check the credentials" not in world.log


def test_rotation_that_creates_a_key_checks_the_credentials_first_and_the_api_once(world: World) -> None:
    rotated(world.add(M1, target=M1, last=applied(M1, time=LONG_AGO)))
    assert world.log[0] == "check the credentials"
    assert "check that the API responds" not in world.log


@pytest.mark.parametrize("check_mode", [False, True])
def test_rotation_with_refused_credentials_writes_nothing(world: World, check_mode: bool) -> None:
    world.hooks["check the credentials"] = raising(errors.DeniedError("check the credentials", "403", status=403))
    with pytest.raises(errors.DeniedError, match="The upload target and its access keys were not changed"):
        world.run(check_mode)
    assert (world.writes, world.users, world.data) == ([], {}, None)


@pytest.mark.parametrize(
    ("secret", "options", "checks"),
    [
        (API_SECRET, {}, 0),
        (API_SECRET, {"verify": ALWAYS}, 0),
        (API_SECRET, {"preflight": "always"}, 1),
        ("f" * 40, {}, 1),
        ("f" * 40, {"preflight": "never"}, 0),
    ],
)
@pytest.mark.parametrize("check_mode", [False, True])
def test_rotation_without_changes_checks_the_credentials_only_if_the_secret_is_another_one(
    world: World, secret: str, options: dict[str, t.Any], checks: int, check_mode: bool
) -> None:
    world.add(M1, target=M1, last=applied(M1, time=LONG_AGO))
    assert not world.run(check_mode, api_secret=secret, **options).changed
    assert world.log.count("check the credentials") == checks


def test_rotation_call_ends_before_its_announced_end(world: World) -> None:
    """A slow write of the state file shortens the call."""
    ends: list[float] = []

    def delay() -> None:
        world.hooks["state pending"] = lambda: world.sleep(40)

    world.hooks["create key"] = delay
    world.hooks["put"] = lambda: ends.append(parse_utc(world.read_state().until) or 0)
    world.run()
    [project] = world.clients
    assert 40 < project.budget.total <= ends[0] - world.now


def test_rotation_call_is_not_longer_than_its_time_limit(world: World) -> None:
    world.run(total_timeout=60)
    assert [project.budget.total for project in world.clients] == [60]


def test_rotation_after_the_announced_end_does_not_call(world: World) -> None:
    before = world.add(M1, target=M1, last=applied(M1, time=LONG_AGO)).data

    def delay() -> None:
        world.hooks["state pending"] = lambda: world.sleep(91)

    world.hooks["create key"] = delay
    with pytest.raises(errors.UnreachableError, match="The upload target was not changed"):
        rotated(world)
    assert (world.data, set(world.keys), world.target) == (before, {M1}, M1)


# Old keys in a run without a new key.


def test_rotation_with_a_recording_of_the_previous_target_keeps_the_old_key(world: World) -> None:
    world.add(M1, M2, target=M1, last=applied(M1, [M2], time=NOW - 3600))
    world.archives = [archive("started", NOW - 7200)]
    result = world.run().result
    assert world.writes == []
    assert "archive-started" in result["retained_keys_reason"]


def test_rotation_without_a_recording_of_the_previous_target_deactivates_the_old_key(world: World) -> None:
    world.add(M1, M2, target=M1, last=applied(M1, [M2], time=NOW - 3600))
    world.archives = [archive("started", NOW - 600), archive("uploaded", NOW - 7200)]
    result = world.run().result
    assert world.writes == [f"deactivate {M2}"]
    assert result["retained_keys_reason"] == "old keys are inactive, and deleted later"


def test_rotation_without_active_old_keys_does_not_list_archives(world: World) -> None:
    world.add(M1, target=M1).add(M2, active=False, last=applied(M1, [M2], time=NOW - 3600))
    world.run()
    assert world.log == []


def test_rotation_with_uploads_of_the_previous_target_keeps_the_old_key(world: World) -> None:
    world.add(M1, M2, target=M1, last=applied(M1, [M2], time=NOW - 3600))
    world.uploads = [("b-1", NOW - 7200)]
    result = world.run().result
    assert world.writes == []
    assert result["retained_keys_reason"] == "uploads that started before the target was set are in progress"
    world.uploads = [("b-1", NOW - 60)]
    world.run()
    assert world.writes == [f"deactivate {M2}"]


def test_rotation_with_revoke_old_keys_ignores_recordings_and_uploads(world: World) -> None:
    world.add(M1, M2, target=M1, last=applied(M1, [M2], time=NOW - 3600))
    world.archives, world.uploads = [archive("started", NOW - 7200)], [("b-1", NOW - 7200)]
    world.run(revoke_old_keys=True)
    assert world.log == [f"deactivate {M2}"]


def test_rotation_with_verify_only_reads_no_archives(world: World) -> None:
    world.add(M1, M2, target=M1, last=applied(M1, [M2], time=NOW - 3600))
    world.run(verify=ONLY)
    assert world.log == ["verify with a temporary key"]


def test_rotation_after_all_periods_deletes_the_old_key(world: World) -> None:
    world.add(M1, target=M1).add(M2, active=False, last=applied(M1, [M2], time=LONG_AGO))
    world.run()
    assert world.writes == [f"delete {M2}"]


def test_rotation_result_states_if_the_previous_target_is_in_use(world: World) -> None:
    world.add(M1, target=M1, last=applied(M1, time=NOW - 3600))
    world.archives = [archive("started", NOW - 7200)]
    assert "previous_target" in world.run().result
    assert world.run().result["previous_target"] is None
    world.data = state.dump(replace(world.read_state(), settings_since="2027-01-15T07:00:00Z"))
    result = world.run(check_previous_target=True).result["previous_target"]
    assert (result["in_use"], result["until"]) == (True, "2027-01-16T01:00:00Z")


# Slots for keys.


def full(world: World, target: str = M1) -> World:
    return world.add(*IDS, target=target, last=applied(M1, [M2, S1, S2], time=LONG_AGO))


def test_rotation_with_four_keys_deletes_an_inactive_key_first(world: World) -> None:
    full(world).keys[S2].active = False
    rotated(world)
    assert world.writes == ["state pending", f"delete {S2}", "create key 1", *SET]
    assert world.keys[NEW1].user == SPARE
    assert world.read_state().others == (M1, M2, S1, S2)


def test_rotation_with_four_active_keys_and_a_recording_in_progress_fails_without_a_change(world: World) -> None:
    full(world)
    world.data = before = state.dump(applied(M1, [M2, S1, S2], time=NOW - 3600))
    world.archives = [archive("started", NOW - 7200)]
    with pytest.raises(errors.QuotaError, match="when the grace period is over"):
        rotated(world, drain_timeout=0)
    assert (world.data, set(world.keys)) == (before, set(IDS))


def test_rotation_with_four_active_keys_and_an_upload_in_progress_fails_without_a_change(world: World) -> None:
    before = full(world).data
    world.uploads = [("b-1", NOW - 60)]
    with pytest.raises(errors.QuotaError, match="once the uploads in progress have ended"):
        rotated(world)
    assert (world.data, set(world.keys)) == (before, set(IDS))


def test_rotation_with_four_active_keys_after_the_grace_period_deletes_the_oldest(world: World) -> None:
    full(world).keys[S1].created -= DAY
    world.hooks["state applied"] = lambda: world.log.append(f"check {sorted(set(IDS) - set(world.keys))}")
    rotated(world)
    assert f"check ['{S1}']" in world.log


def test_rotation_with_four_keys_and_revoke_old_keys_deletes_an_active_key(world: World) -> None:
    full(world).uploads = [("b-1", NOW - 60)]
    rotated(world, revoke_old_keys=True)
    assert world.target == NEW1
    assert [id_ for id_, key in world.keys.items() if key.active] == [NEW1]


@pytest.mark.parametrize("options", [{}, {"revoke_old_keys": True}])
def test_rotation_with_an_old_key_that_the_state_file_does_not_contain_keeps_it_until_the_call(
    world: World, options: dict[str, t.Any]
) -> None:
    """The state file was restored from a backup: the target holds a key that a later state file contained."""
    world.add(*IDS, target=S1, last=applied(M1, [M2, S2], time=LONG_AGO))
    world.keys[S1].created = NOW - 20 * DAY
    for key in (M2, S2):
        world.keys[key].created = NOW - DAY
    usable: list[set[str]] = []
    world.hooks["put"] = lambda: usable.append({id_ for id_, key in world.keys.items() if key.active} & {M1, S1})
    rotated(world, **options)
    assert (world.target, usable[0]) == (NEW1, {M1, S1})


# Interruptions.


@pytest.mark.parametrize("options", [{}, IMMEDIATE, {"revoke_old_keys": True}])
@pytest.mark.parametrize("keys", [(), (M1,), (M1, M2), (M1, M2, S1)])
def test_rotation_killed_before_any_write_leaves_a_working_target_and_the_next_run_repairs_it(
    monkeypatch: pytest.MonkeyPatch, keys: tuple[str, ...], options: dict[str, t.Any]
) -> None:
    for number in range(40):
        scene = connect(World(), monkeypatch)
        if keys:
            scene.add(*keys, target=M1, last=applied(M1, keys[1:], bucket="b-2", time=LONG_AGO))
        scene.kill_after = number
        try:
            scene.run(rotate=True, verify=NEW_KEY, **options)
        except Killed:
            assert_target_works(scene)
        else:
            assert number > 5
            return
        scene.kill_after, scene.now = None, scene.now + 600
        scene.run(**options)
        assert_target_works(scene)
        assert (scene.read_state().status, scene.read_state().storage["access_key"]) == ("applied", scene.target)
    raise AssertionError("the run does not end")


def assert_target_works(world: World) -> None:
    """The key of the target is active, and the state file contains it."""
    if world.target is None:
        return
    assert world.keys[world.target].active
    last = world.read_state()
    possible = {last.storage.get("access_key"), *(last.may_hold or IDS)}
    assert world.target in possible


# Details of the above.


def test_rotation_in_check_mode_with_verify_only_and_a_current_target_is_not_changed(world: World) -> None:
    world.add(M1, target=M1, last=applied(M1, time=LONG_AGO))
    assert not world.run(check_mode=True, verify=ONLY).changed


def test_rotation_of_a_user_of_another_project_is_refused(world: World) -> None:
    world.add(M1, target=M1, last=applied(M1, time=LONG_AGO))
    world.users[MAIN]["policy"] = user(project="1234").policy
    for options in ({}, {"check_mode": True}):
        with pytest.raises(errors.NotManagedError, match="its policy allows uploads for project 1234"):
            world.run(**options)
    assert world.log == []


def test_rotation_of_a_user_that_another_project_uses_after_the_claim_is_refused(world: World) -> None:
    before = world.add(M1, target=M1, last=applied(M1, time=LONG_AGO)).data

    def use_for_another_project() -> None:
        world.users[MAIN]["policy"] = user(project="1234").policy

    world.hooks["check owner"] = use_for_another_project
    with pytest.raises(errors.NotManagedError, match="its policy allows uploads for project 1234"):
        rotated(world)
    assert (world.data, set(world.keys)) == (before, {M1})


def test_rotation_with_a_new_key_does_not_list_archives(world: World) -> None:
    world.add(M1, M2, target=M1, last=applied(M1, [M2], time=NOW - 3600))
    rotated(world)
    assert "check the archives" not in world.log


def test_rotation_in_check_mode_to_another_bucket_states_that_the_previous_target_is_in_use(world: World) -> None:
    world.add(M1, target=M1, last=applied(M1, bucket="b-2", time=LONG_AGO))
    result = world.run(check_mode=True, check_previous_target=True).result["previous_target"]
    assert result["in_use"]


def test_rotation_without_a_new_key_repairs_the_policies_of_both_users(world: World) -> None:
    world.add(M1, S1, target=M1, last=applied(M1, [S1], time=LONG_AGO))
    for name in (MAIN, SPARE):
        world.users[name]["policy"] = None
    assert world.run(rotate_after=None).result["reason"] == "unchanged"
    assert world.writes[:2] == [f"policy {MAIN}", f"policy {SPARE}"]
    assert (locations(world, MAIN), locations(world, SPARE)) == ({"b-1"}, {"b-1"})


def test_rotation_result_does_not_contain_the_key_that_was_deleted_for_its_slot(world: World) -> None:
    full(world).keys[S2].active = False
    assert {key["id"] for key in rotated(world)["access_keys"]} == {M1, M2, S1, NEW1}


def test_rotation_to_another_bucket_widens_the_policy_of_the_spare_user(world: World) -> None:
    world.add(M1, M2, S1, target=S1, last=applied(S1, [M1, M2], bucket="b-2", time=LONG_AGO))
    for name in (MAIN, SPARE):
        world.users[name]["policy"] = user(name, bucket="b-2").policy
    world.hooks["put"] = lambda: world.log.append(f"check {sorted(locations(world, SPARE))}")
    world.run()
    assert world.keys[NEW1].user == SPARE
    assert "check ['b-1', 'b-2']" in world.log, "the target holds a key of the spare user"


@pytest.mark.parametrize("options", [{}, {"revoke_old_keys": True}])
def test_rotation_with_four_keys_protects_the_key_of_a_verification(world: World, options: dict[str, t.Any]) -> None:
    """A verification creates the key between the read and the claim. It is the oldest of the four keys."""
    world.add(M1, M2, S1, target=M1, last=applied(M1, [M2, S1], time=LONG_AGO))
    world.keys[M2].created = world.keys[S1].created = NOW - 10

    def create_key() -> None:
        world.add(S2).keys[S2].created = NOW - 600

    world.hooks["check owner"] = create_key
    rotated(world, **options)
    assert S2 in world.keys
    assert world.target == NEW1


def test_rotation_one_second_before_the_announced_end_calls(world: World) -> None:
    def delay() -> None:
        world.hooks["state pending"] = lambda: world.sleep(90)

    world.hooks["create key"] = delay
    world.run()
    assert [project.budget.total for project in world.clients] == [1]


@pytest.mark.parametrize("is_deleted", [True, False])
def test_rotation_to_another_bucket_without_active_old_keys_narrows_the_policies(
    world: World, is_deleted: bool
) -> None:
    world.add(M1, target=M1, last=applied(M1, bucket="b-2", time=LONG_AGO))
    world.users[MAIN]["policy"] = user(bucket="b-2").policy
    if is_deleted:
        del world.keys[M1]
    world.run(revoke_old_keys=True)
    assert locations(world, MAIN) == {"b-1"}
    assert (SPARE in world.users) is not is_deleted, "a user without a key is not created"


def test_rotation_to_another_bucket_from_the_spare_user_narrows_its_policy(world: World) -> None:
    world.add(S1, target=S1, last=applied(S1, bucket="b-2", time=LONG_AGO))
    world.users[SPARE]["policy"] = user(SPARE, bucket="b-2").policy
    world.hooks["put"] = lambda: world.log.append(f"check {sorted(locations(world, SPARE))}")
    world.run(**IMMEDIATE)
    assert world.keys[NEW1].user == MAIN
    assert "check ['b-1', 'b-2']" in world.log
    assert (locations(world, MAIN), locations(world, SPARE)) == ({"b-1"}, {"b-1"})
