# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The result of a run: from the results of its tasks, never from those of an earlier run."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.vonage.archiving.plugins.module_utils._archive_storage.result import (
    EMPTY,
    Steps,
    build_result,
    describe_mismatch,
    read_steps,
    summarize,
)

Registered = dict[str, dict[str, t.Any]]

VALIDATED: dict[str, t.Any] = {
    "project": "47123456",
    "state": "present",
    "managed": True,
    "verify_only": False,
    "lacks_secret_key": False,
    "delete_bucket": False,
}
BUCKET: dict[str, t.Any] = {
    "changed": True,
    "bucket": {"name": "recordings", "require_tls": False},
    "changes": ["tags"],
    "pending_requirements": [],
    "unsupported": ["lifecycle"],
}
TARGET: dict[str, t.Any] = {
    "changed": True,
    "reason": "expired",
    "storage": {"bucket": "recordings"},
    "state_file": {"location": "s3://recordings/r.json", "status": "applied", "time": "2026-11-21T09:12:44Z"},
    "changes": ["target", "access_keys"],
    "checks": [{"name": "put_object", "ok": True}],
    "verification": "uploads with AKIA work",
    "uploader": {"name": "vonage-archiving-47123456", "arn": "arn"},
    "access_keys": [{"id": "AKIA"}],
    "rotate_at": "2027-02-19T09:12:44Z",
    "retained_keys_reason": "the grace period is not over",
    "retained_keys_until": "2026-11-23T14:05:09Z",
    "previous_target": None,
}
ERROR = {"kind": "denied", "operation": "read it", "problem": "403", "hint": "Allow it."}
FAILED = {"failed": True, "msg": "Could not read it: 403. Allow it.", "error": ERROR}
PENDING = {**BUCKET, "pending_requirements": ["require_tls"]}
UNUSED = {**TARGET, "previous_target": {"in_use": False}}
APPLIED = {"changed": True, "changes": ["require_tls"], "bucket": {"require_tls": True}}


def run(check_mode: bool = False, **registered: t.Any) -> tuple[Steps, dict[str, t.Any]]:
    everything: Registered = {"validate": VALIDATED, "bucket": BUCKET, "target": TARGET, **registered}
    validated = everything["validate"]
    steps = read_steps(everything, check_mode=check_mode)
    managed, verify_only = bool(validated.get("managed")), bool(validated.get("verify_only"))
    return steps, build_result("47123456", managed, steps, verify_only=verify_only)


def test_build_result_complete_run_has_all_fields() -> None:
    _steps, result = run()
    assert result == {
        "changed": True,
        "project": "47123456",
        "bucket": BUCKET["bucket"],
        "bucket_changes": ["tags"],
        "pending_requirements": [],
        "unsupported": ["lifecycle"],
        **{name: TARGET[name] for name in EMPTY if name in TARGET},
        "uploader_changes": ["target", "access_keys"],
    }


def test_build_result_external_key_has_no_uploader() -> None:
    _steps, result = run(validate={**VALIDATED, "managed": False})
    assert (result["uploader"], result["uploader_changes"], result["access_keys"]) == ({}, [], [])
    assert result["reason"] == "expired"


@pytest.mark.parametrize(
    ("bucket", "target", "changed"), [(False, False, False), (True, False, True), (False, True, True)]
)
def test_build_result_is_changed_if_a_step_is(bucket: bool, target: bool, changed: bool) -> None:
    _steps, result = run(bucket={**BUCKET, "changed": bucket}, target={**TARGET, "changed": target})
    assert result["changed"] is changed
    _steps, result = run(validate={**VALIDATED, "verify_only": True}, bucket={**BUCKET, "changed": bucket})
    assert result["changed"] is False


def test_read_steps_failed_validation_ignores_earlier_run() -> None:
    steps, result = run(validate=FAILED, requirements=APPLIED)
    assert (steps.bucket, steps.target, steps.requirements) == (None, None, None)
    assert result == {**EMPTY, "project": "47123456", "error": ERROR, "changed": False}


def test_read_steps_failed_bucket_ignores_earlier_target() -> None:
    steps, result = run(bucket=FAILED)
    assert steps.target is None
    assert (result["reason"], result["error"], result["changed"]) == ("", ERROR, False)


def test_read_steps_failed_target_keeps_bucket_changes() -> None:
    steps, result = run(bucket=PENDING, target={**FAILED, "changed": False}, requirements=APPLIED)
    assert steps.requirements is None
    assert (result["bucket_changes"], result["changed"], result["error"]) == (["tags"], True, ERROR)
    assert result["pending_requirements"] == ["require_tls"]


@pytest.mark.parametrize(
    ("failure", "problem"),
    [
        ({"failed": True, "msg": "no\n module"}, "no module"),
        ({"unreachable": True, "msg": "no host"}, "no host"),
        ({"failed": True, "msg": "", "error": "text"}, "the task failed without a message"),
    ],
)
def test_read_steps_failure_without_error_has_message(failure: dict[str, t.Any], problem: str) -> None:
    _steps, result = run(bucket=failure)
    assert result["error"] == {
        "kind": "error",
        "operation": "create or update the bucket",
        "problem": problem,
        "hint": "",
    }


def test_read_steps_missing_step_is_an_error() -> None:
    steps = read_steps({"validate": VALIDATED}, check_mode=False)
    assert (steps.error or {})["problem"] == "the task was not executed"


def test_build_result_applied_requirements_are_not_pending() -> None:
    _steps, result = run(bucket=PENDING, target=UNUSED, requirements=APPLIED, requirements_check={"changed": False})
    assert (result["bucket_changes"], result["pending_requirements"]) == (["tags", "require_tls"], [])
    assert result["bucket"]["require_tls"] is True


@pytest.mark.parametrize("in_use", [True, None])
def test_read_steps_requirements_of_earlier_run_are_ignored(in_use: bool | None) -> None:
    target = {**TARGET, "previous_target": None if in_use is None else {"in_use": in_use}}
    _steps, result = run(bucket=PENDING, target=target, requirements=APPLIED)
    assert (result["bucket_changes"], result["pending_requirements"]) == (["tags"], ["require_tls"])


@pytest.mark.parametrize(
    ("rollback", "pending"), [({"changed": True}, ["require_tls"]), ({"failed": True}, []), ({"skipped": True}, [])]
)
def test_read_steps_failed_requirements_are_rolled_back(rollback: dict[str, t.Any], pending: list[str]) -> None:
    steps, result = run(
        bucket=PENDING, target=UNUSED, requirements=APPLIED, requirements_check=FAILED, rollback=rollback
    )
    assert steps.is_rolled_back is bool(pending)
    assert (result["pending_requirements"], result["error"]) == (pending, ERROR)


CHECKED = {**VALIDATED, "managed": False, "lacks_secret_key": True}


@pytest.mark.parametrize(("reason", "check_mode"), [("unchanged", False), ("unchanged", True), ("changed", True)])
def test_read_steps_secret_key_not_needed_succeeds(reason: str, check_mode: bool) -> None:
    check = {**TARGET, "reason": reason, "changed": True}
    steps, result = run(check_mode, validate=CHECKED, secret_check=check, target={"skipped": True, "changed": False})
    assert steps.error is None
    assert (result["reason"], result["changed"]) == (reason, True)
    _steps, result = run(check_mode, validate=CHECKED, secret_check=check, target={"skipped": True}, bucket={})
    assert result["changed"] is False


def test_read_steps_secret_key_needed_is_an_error() -> None:
    steps, result = run(validate=CHECKED, secret_check={**TARGET, "reason": "changed"})
    assert (result["error"]["kind"], result["error"]["reason"]) == ("secret_needed", "changed")
    assert "archive_storage_uploader_secret_key is not set" in result["error"]["problem"]
    assert steps.bucket is None


ABSENT = {**VALIDATED, "state": "absent"}
DELETED = {"changed": True, "bucket": {"name": "recordings", "exists": False}, "changes": ["bucket"]}


def test_read_steps_absent_without_bucket() -> None:
    _steps, result = run(validate=ABSENT, bucket_check=FAILED, deletion=DELETED)
    assert (result["bucket"], result["bucket_changes"], result["reason"]) == ({}, [], "expired")


def test_read_steps_absent_with_bucket() -> None:
    validated = {**ABSENT, "delete_bucket": True}
    _steps, result = run(validate=validated, bucket_check={"changed": False}, deletion=DELETED)
    assert result["bucket_changes"] == ["bucket"]
    steps, result = run(validate=validated, bucket_check=FAILED, deletion=DELETED)
    assert (steps.target, result["error"]) == (None, ERROR)


USER = {"name": "u", "arn": "arn:aws:iam::1:user/u"}
APPLIED_FILE = {"location": "s3://b/r.json", "status": "applied"}
FINE = {**EMPTY, "project": "1", "reason": "unchanged", "state_file": {"location": "s3://b/r.json"}}


@pytest.mark.parametrize(
    ("changes", "managed", "part"),
    [
        ({}, True, ""),
        ({"reason": "forced"}, True, ""),
        ({"uploader_changes": ["access_keys"]}, True, ""),
        ({"reason": "unknown", "state_file": {"location": None}}, False, ""),
        ({"bucket_changes": ["tags"]}, True, "Something is not as configured. Bucket: tags. Uploader: as configured."),
        ({"bucket_changes": ["tags"], "checks": [{"ok": True}]}, True, "Uploads arrive, but something is not"),
        ({"uploader_changes": ["policy", "target"]}, True, "Uploader: policy."),
        ({"reason": "changed"}, True, "Upload target: the last applied values differ from the configured ones."),
        ({"reason": "expired"}, True, "longer ago than archive_storage_rotate_after allows"),
        ({"reason": "expired"}, False, "longer ago than archive_storage_max_age allows"),
        ({"reason": "unknown"}, True, "Upload target: not known."),
        ({"reason": "no_state_file"}, True, "Upload target: not known."),
        ({"reason": "no_state_file", "state_file": {"location": None}}, False, ""),
        ({"reason": "changed"}, True, "show the differences. Nothing was changed."),
        (
            {"reason": "changed", "state_file": APPLIED_FILE, "uploader": USER, "checks": [{"ok": True}]},
            True,
            "Something is not as configured.",
        ),
        (
            {"reason": "changed", "state_file": APPLIED_FILE, "uploader": USER},
            True,
            "Recordings are not arriving: the access key of the upload target does not exist.",
        ),
        # The target may contain an external key.
        ({"reason": "changed", "state_file": APPLIED_FILE}, True, "show the differences. Nothing was changed."),
        (
            {"reason": "changed", "state_file": APPLIED_FILE, "uploader": USER, "access_keys": [{"status": "Active"}]},
            True,
            "show the differences. Nothing was changed.",
        ),
        (
            {
                "reason": "changed",
                "state_file": APPLIED_FILE,
                "access_keys": [{"in_target": True, "status": "Inactive"}],
            },
            True,
            "Recordings are not arriving: the access key of the upload target is inactive.",
        ),
        (
            {"reason": "expired", "state_file": APPLIED_FILE, "access_keys": [{"in_target": True, "status": "Active"}]},
            True,
            "show the differences. Nothing was changed.",
        ),
        ({"reason": "changed", "state_file": APPLIED_FILE}, False, "show the differences. Nothing was changed."),
        (
            {"reason": "unknown", "state_file": {"location": "s3://b/r", "reason": "it is pending"}},
            True,
            "Upload target: it is pending.",
        ),
    ],
)
def test_describe_mismatch_names_the_part(changes: dict[str, t.Any], managed: bool, part: str) -> None:
    text = describe_mismatch({**FINE, **changes}, managed)
    assert part in text
    assert bool(text) is bool(part)


def test_summarize_changed_and_failed_run() -> None:
    _steps, result = run()
    assert summarize(result, "recordings", failed=False, check_mode=True) == {
        "project": "47123456",
        "bucket": "recordings",
        "changed": True,
        "reason": "expired",
        "failed": False,
        "check_mode": True,
    }
    _steps, result = run(bucket=FAILED)
    assert summarize(result, "recordings", failed=True, check_mode=False)["reason"] == "failed"
