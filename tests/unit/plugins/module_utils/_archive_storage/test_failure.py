# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Messages for the user of the role: names of variables, and one last sentence."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.vonage.archiving.plugins.module_utils._archive_storage import failure
from ansible_collections.vonage.archiving.plugins.module_utils._archive_storage.option_names import rename_mentions
from ansible_collections.vonage.archiving.plugins.module_utils._archive_storage.result import Steps

VALIDATED: dict[str, t.Any] = {"state": "present", "verify_only": False, "lacks_secret_key": False}
BUCKET: dict[str, t.Any] = {"changed": True, "bucket": {"name": "b"}, "changes": ["bucket"]}


def failed(hint: str = "", **facts: t.Any) -> dict[str, t.Any]:
    error = {"kind": "denied", "operation": "do it", "problem": "403", "hint": hint, **facts}
    return {"failed": True, "msg": f"Could not do it: 403. {hint}".strip(), "error": error}


@pytest.mark.parametrize(
    ("text", "renamed"),
    [
        ("Check that api_url is correct.", "Check that archive_storage_api_url is correct."),
        (
            "api_secret does not belong to api_key 471",
            "archive_storage_api_secret does not belong to archive_storage_api_key 471",
        ),
        (
            "Set access_key and secret_key, profile",
            "Set archive_storage_access_key and archive_storage_secret_key, profile",
        ),
        (
            "The region is not that of the bucket. Correct region.",
            "The region is not that of the bucket. Correct archive_storage_region.",
        ),
        ("set iam_endpoint_url. If", "set archive_storage_iam_endpoint_url. If"),
        ("Correct uploader.name.", "Correct archive_storage_uploader_name."),
        ("s3.secret_key is required", "archive_storage_uploader_secret_key is required"),
        ("than expected_bucket_owner=caller (the", "than archive_storage_expected_bucket_owner=caller (the"),
        ("Set allow=adopt_bucket", "Set archive_storage_allow=adopt_bucket"),
        ("add adopt_bucket to the option allow.", "add adopt_bucket to archive_storage_allow."),
        ("region to the region of the bucket", "region to the region of the bucket"),
        ("set region of", "set region of"),
        # Names of buckets and files can begin with the name of an option.
        ("create bucket bucket.example.com", "create bucket bucket.example.com"),
        ("the state file state.json", "the state file state.json"),
        ("Set archive_storage_state_file", "Set archive_storage_state_file"),
        (
            "s3://b/.x/state_file and https://api_url.example.com",
            "s3://b/.x/state_file and https://api_url.example.com",
        ),
    ],
)
def test_rename_mentions_names_variables(text: str, renamed: str) -> None:
    assert rename_mentions(text) == renamed


def test_explain_task_failure_has_names_and_ending_in_message_and_error() -> None:
    registered = {"validate": VALIDATED, "bucket": BUCKET}
    result = failure.explain_task_failure(failed("Correct api_url."), "target", registered, check_mode=False)
    ending = "Left behind: bucket b (created); recordings go to the previous target."
    assert result["msg"] == f"Could not do it: 403. Correct archive_storage_api_url. {ending}"
    assert (result["error"]["hint"], result["error"]["ending"]) == ("Correct archive_storage_api_url.", ending)


def test_explain_task_failure_of_a_bug_has_no_error() -> None:
    registered = {"validate": VALIDATED, "bucket": BUCKET}
    result = failure.explain_task_failure({"failed": True, "msg": "A bug."}, "target", registered, check_mode=False)
    expected = "A bug. It is unknown whether the target was set; the next run sets it again."
    assert result == {"failed": True, "msg": expected}


def test_explain_task_failure_ignores_results_of_an_earlier_run() -> None:
    registered = {"validate": VALIDATED, "bucket": BUCKET, "target": BUCKET}
    result = failure.explain_task_failure(failed(), "bucket", registered, check_mode=False)
    assert result["msg"] == "Could not do it: 403. Nothing was changed."


@pytest.mark.parametrize(
    "sentence", ["Nothing was changed.", "Nothing was sent.", "The upload target was not changed."]
)
def test_explain_task_failure_replaces_the_sentence_of_a_single_module(sentence: str) -> None:
    registered = {"validate": VALIDATED, "bucket": BUCKET}
    result = failure.explain_task_failure(failed(sentence), "target", registered, check_mode=False)
    assert (
        result["msg"] == "Could not do it: 403. Left behind: bucket b (created); recordings go to the previous target."
    )
    assert result["error"]["hint"] == ""


def test_explain_task_failure_of_a_requirement_expects_the_rollback() -> None:
    bucket = {**BUCKET, "pending_requirements": ["require_tls"]}
    target = {"changed": False, "reason": "unchanged", "previous_target": {"in_use": False}}
    requirements = {"changed": True, "changes": ["require_tls"]}
    registered = {"validate": VALIDATED, "bucket": bucket, "target": target, "requirements": requirements}
    checks = [{"name": "put_object", "ok": False}]
    error = failed(kind="verification_failed", checks=checks, reason="unchanged")
    result = failure.explain_task_failure(error, "requirements_check", registered, check_mode=False)
    assert result["error"]["ending"] == "Left behind: bucket b (created); recordings go to the previous target."


def test_explain_task_failure_of_the_rollback_states_that_recordings_do_not_arrive() -> None:
    bucket = {**BUCKET, "pending_requirements": ["require_tls"]}
    target = {"changed": False, "reason": "unchanged", "previous_target": {"in_use": False}}
    requirements = {"changed": True, "changes": ["require_tls"]}
    check = failed(kind="verification_failed", checks=[{"name": "put_object", "ok": False}], reason="unchanged")
    registered = {
        "validate": VALIDATED,
        "bucket": bucket,
        "target": target,
        "requirements": requirements,
        "requirements_check": check,
    }
    result = failure.explain_task_failure(failed(), "rollback", registered, check_mode=False)
    ending = "Recordings are not arriving: uploads with the settings of the upload target fail (put_object)."
    assert (result["msg"], result["error"]["ending"]) == (f"Could not do it: 403. {ending}", ending)
    assert result["error"]["kind"] == "denied"


def test_explain_failure_renames_all_problems() -> None:
    error = {"kind": "input", "operation": "o", "problem": "api_url: is 1", "problems": ["api_url: is 1"], "hint": ""}
    result = failure.explain_failure("Invalid options: api_url: is 1.", Steps(error=error, failed="validate"))
    assert result["error"]["problems"] == ["archive_storage_api_url: is 1"]
    assert result["msg"] == "Invalid options: archive_storage_api_url: is 1. Nothing was changed."


def test_explain_project_failure_adds_a_missing_ending() -> None:
    bug = failure.explain_project_failure({"failed": True, "msg": "This is a bug."})
    expected = "This is a bug. It is unknown whether the target was set; the next run sets it again."
    assert bug == {"failed": True, "msg": expected}
    invalid = failed(kind="input")
    assert failure.explain_project_failure(invalid)["error"]["ending"] == "Nothing was changed."
    for result in ({"changed": True}, failed(ending="The end.")):
        assert failure.explain_project_failure(result) == result
