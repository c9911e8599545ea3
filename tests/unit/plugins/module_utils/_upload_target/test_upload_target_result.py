# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a rotation tells, and how it looks for uploads."""

from __future__ import annotations

import json
import typing as t

from hypothesis import given

from ansible_collections.vonage.archiving.plugins.module_utils._core.plan import Outcome
from ansible_collections.vonage.archiving.plugins.module_utils._state_file import state
from ansible_collections.vonage.archiving.plugins.module_utils._upload_target import plan, result
from ansible_collections.vonage.archiving.plugins.module_utils._upload_target.fetch import Current
from ansible_collections.vonage.archiving.plugins.module_utils._upload_target.params import ManagedKeyParams
from ansible_collections.vonage.archiving.plugins.module_utils._uploader.user import NewKey
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


def told(asked: ManagedKeyParams, found: Current, log: result.RunLog | None = None) -> Outcome:
    rotation = plan.plan_rotation(asked, found, NOW)
    if log is None:
        log = result.RunLog()
        log.begin(found)
    return result.rotation_outcome(asked, found, rotation, log, rotation.changed)


@given(MANAGED_PARAMS, CURRENT)
def test_what_is_told_before_is_what_is_told_after(asked: ManagedKeyParams, found: Current) -> None:
    """Check mode knows no new key and no new state file; all else is the same."""
    preview = told(asked, found)
    log = result.RunLog()
    log.begin(found)
    rotation = plan.plan_rotation(asked, found, NOW)
    if rotation.reason != "unchanged":
        done = applied(IDS[0]).done(state.APPLIED, NOW)
        log.add_new_key(done, NewKey(IDS[0], SECRET, MAIN), [])
    log.apply(rotation.key_actions)
    real = told(asked, found, log)
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


def test_a_first_run() -> None:
    outcome = told(managed_params(), current_state())
    assert outcome.result["changes"] == ["target", "access_keys"]
    assert outcome.after["target"]["access_key"] == "(new)"
    assert outcome.after["access_keys"] == {"(new)": "Active"}
    assert (outcome.before["target"], outcome.before["access_keys"]) == ("unknown", {})


def test_why_the_record_is_not_believed() -> None:
    assert (
        told(managed_params(), current_state(M1, M2, last=applied(M1.id))).result["state_file"]["reason"]
        == result.UNKNOWN_KEY
    )
    assert "reason" not in told(managed_params(), current_state(M1, last=applied(M1.id))).result["state_file"]


def test_what_is_waited_for() -> None:
    found = current_state(M1, access_key(M2.id, active=False), last=applied(M1.id, [M2.id]))
    assert told(managed_params(grace_period=60), found).result["retained_keys_reason"] == result.DELETE_AFTER
    found = current_state(M1, M2, last=applied(M1.id, [M2.id]))
    assert told(managed_params(grace_period=60), found).result["retained_keys_reason"] == result.GRACE_PERIOD
    assert told(managed_params(), found).result["retained_keys_until"] == state.stamp(NOW + 42 * 3600)
    alone = told(managed_params(), current_state(M1, last=applied(M1.id))).result
    assert (alone["retained_keys_reason"], alone["retained_keys_until"]) == ("", None)


def test_when_the_next_rotation_is_due() -> None:
    found = current_state(M1, last=applied(M1.id))
    times: dict[str, t.Any] = {"rotate_after": 60, "grace_period": 0, "delete_after": 0}
    assert told(managed_params(**times), found).result["rotate_at"] == state.stamp(NOW + 60)
    assert told(managed_params(), found).result["rotate_at"] is None
    assert told(managed_params(**times), current_state(M1)).result["rotate_at"] is None
