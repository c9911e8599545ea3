# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The last lines of a run: four after success, and what a failed run left behind, compared with the servers."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.e2e.configured_project import configure_project
from tests.e2e.playbook_runs import Run
from tests.e2e.project_environment import ProjectEnvironment

# The verbosity of a user, who sees no results of tasks.
QUIET = {"ANSIBLE_VERBOSITY": "0", "ANSIBLE_DIFF_ALWAYS": "false"}
PREVIOUS = "recordings go to the previous target."


def statement(run: Run) -> list[str]:
    """Return the lines that the report shows to the user."""
    lines = list(run.result["statement"])
    assert "\n".join(lines) in run.stdout
    return lines


def ending(run: Run) -> str:
    """Return the last line of a failed run, and assert that the failed task has the same one."""
    last = statement(run.failed())[-1]
    assert run.error.endswith(last)
    assert run.result["error"]["ending"] == last
    return last


def test_configure_ends_with_four_lines(managed_project: ProjectEnvironment) -> None:
    project = managed_project
    first = project.configure(env=QUIET)
    destination, verified, key, changes = statement(first)
    assert destination.startswith(
        f"Recordings of project {project.key} go to s3://{project.bucket}/{project.key}/ (sse:"
    )
    assert verified.startswith("Verified: 8 of 8 upload checks passed (credentials, put_object, ")
    key_id, _secret = project.target_key
    rotation = first.result["rotate_at"][:10]
    assert key == f"Access key: {key_id} of IAM user {project.user}. The next rotation is due on {rotation}."
    assert changes.startswith(f"Changed: bucket {project.bucket} (created, encryption")
    assert changes.endswith("upload target (reason: no_state_file).")
    # The fact is complete, and only shown with -v.
    assert first.result["state_file"]["status"] == "applied"
    assert '"state_file"' not in first.stdout
    lines = statement(project.configure(env=QUIET))
    assert (lines[0], lines[2:]) == (destination, [key, "Nothing was changed."])
    verbose = project.run("verify", env={**QUIET, "ANSIBLE_VERBOSITY": "1"}).ok()
    assert statement(verbose) == [destination, verified, key, "Nothing was changed."]
    assert '"state_file"' in verbose.stdout


def test_configure_failure_names_what_it_left_behind(managed_project: ProjectEnvironment) -> None:
    project = managed_project
    project.emulator.fail_next(status=403, path=f"/{project.key}/archive/storage", times=9)
    run = project.run("configure")
    assert ending(run) == (
        f"Left behind: bucket {project.bucket} (created, encryption, lifecycle); "
        f"state file s3://{project.bucket}/{project.state_file_key} (pending); "
        f"IAM user {project.user} (created, tags, policy); {PREVIOUS}"
    )
    assert project.exists()
    assert project.all_keys() == {}
    assert project.state_file()["status"] == "pending"
    # The error names the variables of the user.
    assert "archive_storage_api_secret does not belong to archive_storage_api_key" in run.error
    assert " api_secret" not in run.error
    assert " api_secret does not belong" not in run.output
    project.emulator.clear_faults()
    project.configure()
    project.emulator.fail_next(status=403, path=f"/{project.key}/archive/storage", times=9)
    rotation = project.run("configure", rotate=True)
    assert ending(rotation) == f"Left behind: IAM user {project.user}-spare (created, tags, policy); {PREVIOUS}"
    assert len(project.all_keys()) == 1


def test_configure_without_response_does_not_know_the_target(managed_project: ProjectEnvironment) -> None:
    project = managed_project
    project.emulator.fail_next(status=503, path=f"/{project.key}/archive/storage", times=9)
    unknown = project.run("configure")
    assert ending(unknown) == "It is unknown whether the target was set; the next run sets it again."
    assert project.state_file()["status"] == "pending"


@pytest.mark.parametrize("allowed", [True, False])
def test_verify_with_refused_uploads_reports_the_loss(managed_project: ProjectEnvironment, allowed: bool) -> None:
    project = configure_project(managed_project)
    policy: dict[str, Any] = {
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:PutObject",
        "Resource": f"arn:aws:s3:::{project.bucket}/{project.key}/*",
    }
    if not allowed:
        text = json.dumps({"Version": "2012-10-17", "Statement": [policy]})
        project.client.put_bucket_policy(Bucket=project.bucket, Policy=text)
    run = project.run("verify")
    if allowed:
        assert statement(run.ok())[-1] == "Nothing was changed."
        return
    assert ending(run).startswith("Recordings are not arriving: uploads with the settings of the upload target fail (")
    assert "previous target" not in run.error
    assert "still uploaded" not in run.output


def test_verify_with_a_deleted_key_reports_the_loss(managed_project: ProjectEnvironment) -> None:
    project = configure_project(managed_project)
    key, _secret = project.target_key
    project.store.iam_client().delete_access_key(UserName=project.user, AccessKeyId=key)
    run = project.run("verify").failed()
    expected = "Recordings are not arriving: the access key of the upload target does not exist."
    assert run.error.endswith(expected)
    assert statement(run)[-1].endswith(expected)


def test_configure_reports_all_problems_in_one_run(managed_project: ProjectEnvironment) -> None:
    project = managed_project
    tags = {"aws:owner": "video"}
    run = project.run("configure", bucket="", api_secret="", fallback="nowhere", tags=tags)
    for text in (
        "archive_storage_bucket: is not set",
        "archive_storage_api_secret: is required with archive_storage_api_key",
        "archive_storage_fallback: 'nowhere' is not one of",
        "archive_storage_tags: the tag name 'aws:owner'",
    ):
        assert text in run.error
    assert "missing required arguments" not in run.error
    assert ending(run) == "Nothing was changed."
    assert project.no_requests


def test_configure_with_a_wrong_operator_secret_has_no_advice_about_iam(managed_project: ProjectEnvironment) -> None:
    project = managed_project
    run = project.run("configure", access_key=project.store.access_key, secret_key="x" * 40)
    assert ending(run) == "Nothing was changed."
    assert "SignatureDoesNotMatch" in run.error
    assert "iam_endpoint_url" not in run.error


def test_teardown_ends_with_four_lines(managed_project: ProjectEnvironment) -> None:
    project = configure_project(managed_project)
    lines = statement(project.run("teardown").ok())
    assert lines[0] == f"The upload target of project {project.key} is deleted."
    assert lines[2] == f"Access keys: all are deleted, with IAM user {project.user}."
    assert (
        lines[1]
        == f"Recordings: those in bucket {project.bucket} stay. Later ones stay in Vonage's cloud for 72 hours."
    )
    assert lines[3].startswith(f"Changed: bucket {project.bucket} (lifecycle); IAM user {project.user} (")
    assert lines[3].endswith("; upload target (deleted).")
    assert statement(project.run("teardown").ok())[0] == f"Project {project.key} has no upload target."
