# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The result of a rotation."""

from __future__ import annotations

import json
import typing as t

from hypothesis import given

from ansible_collections.vonage.archiving.plugins.module_utils._core.plan import Outcome
from ansible_collections.vonage.archiving.plugins.module_utils._core.timestamps import format_utc
from ansible_collections.vonage.archiving.plugins.module_utils._state_file import state
from ansible_collections.vonage.archiving.plugins.module_utils._upload_target import plan, result
from ansible_collections.vonage.archiving.plugins.module_utils._upload_target.fetch import Current
from ansible_collections.vonage.archiving.plugins.module_utils._upload_target.params import ManagedKeyParams
from ansible_collections.vonage.archiving.plugins.module_utils._uploader.keys import NewKey
from ansible_collections.vonage.archiving.tests.unit.plugins.module_utils._upload_target.upload_target_cases import (
    API_SECRET,
    CURRENT,
    IDS,
    MAIN,
    MANAGED_PARAMS,
    NOW,
    access_key,
    applied,
    current_state,
    managed_params,
)

SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
M1, M2 = (access_key(name) for name in IDS[:2])


def rotation_outcome(params: ManagedKeyParams, current: Current, log: result.RunLog | None = None) -> Outcome:
    rotation = plan.plan_rotation(params, current, NOW)
    if log is None:
        log = result.RunLog()
        log.start(current)
    return result.rotation_outcome(params, current, rotation, log, rotation.changed)


@given(MANAGED_PARAMS, CURRENT)
def test_rotation_outcome_in_check_mode_equals_a_real_run(params: ManagedKeyParams, current: Current) -> None:
    """The results differ in the new key and the new state file only."""
    preview = rotation_outcome(params, current)
    log = result.RunLog()
    log.start(current)
    rotation = plan.plan_rotation(params, current, NOW)
    if rotation.reason != "unchanged":
        done = applied(IDS[0]).commit(state.APPLIED, NOW)
        log.add_new_key(done, NewKey(IDS[0], SECRET, MAIN), [])
    log.apply(rotation.key_actions)
    real = rotation_outcome(params, current, log)
    assert (real.changed, real.before, real.after) == (preview.changed, preview.before, preview.after)
    assert [real.result[name] for name in ("reason", "changes")] == [
        preview.result[name] for name in ("reason", "changes")
    ]
    assert set(real.result) == set(preview.result)
    assert preview.changed == (preview.before != preview.after)
    for outcome in (preview, real):
        text = json.dumps([outcome.result, outcome.before, outcome.after])
        assert SECRET not in text
        assert API_SECRET not in text


def test_rotation_outcome_of_the_first_run() -> None:
    outcome = rotation_outcome(managed_params(), current_state())
    assert outcome.result["changes"] == ["target", "access_keys"]
    assert outcome.after["target"]["access_key"] == "(new)"
    assert outcome.after["access_keys"] == {"(new)": "Active"}
    assert (outcome.before["target"], outcome.before["access_keys"]) == ("unknown", {})


def test_rotation_outcome_with_an_unknown_key_contains_the_reason() -> None:
    assert (
        rotation_outcome(managed_params(), current_state(M1, M2, last=applied(M1.id))).result["state_file"]["reason"]
        == result.UNKNOWN_KEY
    )
    assert (
        "reason" not in rotation_outcome(managed_params(), current_state(M1, last=applied(M1.id))).result["state_file"]
    )


def test_rotation_outcome_with_old_keys_contains_the_reason_and_the_time() -> None:
    current = current_state(M1, access_key(M2.id, active=False), last=applied(M1.id, [M2.id]))
    assert (
        rotation_outcome(managed_params(grace_period=60), current).result["retained_keys_reason"] == result.DELETE_AFTER
    )
    current = current_state(M1, M2, last=applied(M1.id, [M2.id]))
    assert (
        rotation_outcome(managed_params(grace_period=60), current).result["retained_keys_reason"] == result.GRACE_PERIOD
    )
    assert rotation_outcome(managed_params(), current).result["retained_keys_until"] == format_utc(NOW + 42 * 3600)
    alone = rotation_outcome(managed_params(), current_state(M1, last=applied(M1.id))).result
    assert (alone["retained_keys_reason"], alone["retained_keys_until"]) == ("", None)


def test_rotation_outcome_contains_the_time_of_the_next_rotation() -> None:
    current = current_state(M1, last=applied(M1.id))
    times: dict[str, t.Any] = {"rotate_after": 60, "grace_period": 0, "delete_after": 0}
    assert rotation_outcome(managed_params(**times), current).result["rotate_at"] == format_utc(NOW + 60)
    assert rotation_outcome(managed_params(), current).result["rotate_at"] is None
    assert rotation_outcome(managed_params(**times), current_state(M1)).result["rotate_at"] is None
