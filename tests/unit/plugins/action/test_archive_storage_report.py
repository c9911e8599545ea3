# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The action that reports: the result, the summary for a workflow, and the recovery."""

from __future__ import annotations

import gc
import typing as t

import pytest
import yaml
from ansible.utils.display import Display

from ansible_collections.vonage.archiving.plugins.action.archive_storage_report import ActionModule
from ansible_collections.vonage.archiving.plugins.module_utils._archive_storage.report import ARGUMENTS
from ansible_collections.vonage.archiving.plugins.modules import archive_storage_report as documentation
from ansible_collections.vonage.archiving.tests.unit.plugins.action.acting import act

VALIDATED: dict[str, t.Any] = {
    "project": "47123456",
    "state": "present",
    "managed": True,
    "verify_only": False,
    "lacks_secret_key": False,
    "delete_bucket": False,
    "bucket": {"name": "recordings"},
}
BUCKET = {"changed": True, "bucket": {"name": "recordings"}, "changes": ["tags"]}
TARGET: dict[str, t.Any] = {
    "changed": False,
    "reason": "unchanged",
    "storage": {"bucket": "recordings"},
    "state_file": {"location": "s3://recordings/r.json", "status": "applied", "time": "2026-11-21T09:12:44Z"},
    "changes": [],
    "checks": [],
    "verification": "",
    "access_keys": [{"id": "AKIA", "in_target": True, "status": "Active"}],
}
REGISTERED: dict[str, t.Any] = {
    "_archive_storage": VALIDATED,
    "_archive_storage_bucket": BUCKET,
    "_archive_storage_target": TARGET,
}
FAILED: dict[str, t.Any] = {
    "failed": True,
    "msg": "no",
    "error": {"kind": "denied", "operation": "read it", "problem": "403", "hint": ""},
}
RECOVERY = {
    "is_target_project": True,
    "project": "47123456",
    "bucket": "recordings",
    "changed": False,
    "reason": "manual_repair_required",
    "findings": "",
    "by_account": False,
}
REQUEST = {"archive_recover_project": "47123456"}


@pytest.fixture(autouse=True)
def shown(monkeypatch: pytest.MonkeyPatch) -> t.Iterator[list[str]]:
    lines: list[str] = []
    monkeypatch.setattr(Display, "display", lambda _self, text, **_options: lines.append(text))
    usual = gc.get_threshold()
    yield lines
    gc.set_threshold(*usual)


def report(mode: str = "run", check_mode: bool = False, **variables: t.Any) -> dict[str, t.Any]:
    return act(ActionModule, {"mode": mode}, {**REGISTERED, **variables}, check_mode=check_mode)


def summary(result: dict[str, t.Any]) -> dict[str, t.Any]:
    assert (result["ansible_stats"]["per_host"], result["ansible_stats"]["aggregate"]) == (False, False)
    return dict(result["ansible_stats"]["data"]["archive_storage_summary"])


def test_action_run_returns_result_and_stats(shown: list[str]) -> None:
    result = report(check_mode=True)
    assert (result["changed"], result["bucket_changes"], result["reason"]) == (True, ["tags"], "unchanged")
    assert (result["mismatch"], "error" in result, result.get("failed")) == ("", False, None)
    assert summary(result) == {
        "project": "47123456",
        "bucket": "recordings",
        "changed": True,
        "reason": "unchanged",
        "failed": False,
        "check_mode": True,
    }
    assert shown == ["\n".join(result["statement"])]
    assert len(result["statement"]) == 4
    assert result["statement"][3] == "Would change: bucket recordings (tags)."


def test_action_failed_run_does_not_fail() -> None:
    result = report(_archive_storage_bucket=FAILED)
    assert not result.get("failed")
    assert (result["changed"], result["error"]) == (False, {**FAILED["error"], "ending": "Nothing was changed."})
    assert (summary(result)["reason"], summary(result)["failed"]) == ("failed", True)


def test_action_invalid_variables_are_reported() -> None:
    invalid = {**FAILED, "project": "47123456", "bucket": {"name": "recordings"}}
    result = report(_archive_storage=invalid)
    assert (result["project"], result["error"]) == ("47123456", {**FAILED["error"], "ending": "Nothing was changed."})
    assert (summary(result)["bucket"], summary(result)["failed"]) == ("recordings", True)
    nothing = act(ActionModule, {}, {})
    assert nothing["error"]["operation"] == "validate the variables"


def test_action_mismatch_is_failed_in_stats() -> None:
    result = report(_archive_storage={**VALIDATED, "verify_only": True})
    assert "Bucket: tags." in result["mismatch"]
    assert (result["changed"], summary(result)["failed"]) == (False, True)


def planned(**variables: t.Any) -> dict[str, t.Any]:
    verified = report(_archive_storage={**VALIDATED, "verify_only": True}, **variables)
    known = {"archive_storage_result": verified, "archive_storage_recovery": RECOVERY, **REQUEST}
    return report("recovery_plan", **{**known, **variables})


def test_action_recovery_plan_without_rotation_has_message() -> None:
    result = planned()
    assert not result["rotate"]
    assert "Bucket: tags." in result["message"]
    assert "A new access key does not repair this" in result["message"]
    fact = result["ansible_facts"]["archive_storage_recovery"]
    assert (fact["reason"], fact["findings"]) == ("manual_repair_required", fact["findings"])
    assert fact["findings"] in result["message"]
    assert result["message"].endswith("Repair the findings first. Nothing was changed.")


def test_action_recovery_plan_with_rotation() -> None:
    target = {**TARGET, "changes": ["policy"]}
    result = planned(_archive_storage_target=target)
    assert result["rotate"]
    assert result["ansible_facts"]["archive_storage_recovery"]["reason"] == "bad_credentials"


def test_action_recovery_plan_after_failed_verification() -> None:
    error = {**FAILED["error"], "kind": "verification_failed", "reason": "unchanged", "changes": ["policy"]}
    result = planned(_archive_storage_target={**FAILED, "error": error})
    assert result["rotate"]
    other = planned(_archive_storage_target={**FAILED, "error": {**error, "changes": []}})
    assert not other["rotate"]
    assert "Could not read it: 403." in other["message"]


@pytest.mark.parametrize(
    ("reason", "result", "changed", "failed"),
    [
        ("bad_credentials", {"changed": True}, True, False),
        ("bad_credentials", {"changed": True, "error": {}}, True, True),
        ("forced_rotation", {"changed": False}, False, False),
        ("already_rotated", {"changed": True}, False, False),
        ("manual_repair_required", {"changed": False}, False, True),
    ],
)
def test_action_recovery_returns_fact_and_stats(
    reason: str, result: dict[str, t.Any], changed: bool, failed: bool
) -> None:
    fact = {**RECOVERY, "reason": reason}
    result = report("recovery", archive_storage_result=result, archive_storage_recovery=fact)
    assert result["changed"] is changed
    assert result["ansible_facts"]["archive_storage_recovery"]["changed"] is changed
    assert summary(result) == {
        "project": "47123456",
        "bucket": "recordings",
        "changed": changed,
        "reason": reason,
        "failed": failed,
        "check_mode": False,
    }


def test_documentation_has_all_options_and_results() -> None:
    documented = yaml.safe_load(documentation.DOCUMENTATION)["options"]
    assert {name: (option["choices"], option["default"]) for name, option in documented.items()} == {
        name: (spec["choices"], spec["default"]) for name, spec in ARGUMENTS.items()
    }
    returned = {*report(_archive_storage_bucket=FAILED), *planned()} - {"changed", "ansible_facts", "ansible_stats"}
    assert set(yaml.safe_load(documentation.RETURN)) == returned
