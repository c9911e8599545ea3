# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Test the playbooks verify and teardown, and the options that the role rejects before it sends a request."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
import yaml

from tests.e2e.configured_project import configure_project
from tests.e2e.project_environment import PROBE, ProjectEnvironment
from tests.sandbox import DropConnection, ProxiedRequest

REMOVE_TARGET = "vonage.archiving.archive_storage : Delete the upload target and its access keys"
REMOVE_SETTINGS = "vonage.archiving.archive_storage : Delete the settings of the project in the bucket"
DELETE_BUCKET = "vonage.archiving.archive_storage : Delete the bucket with all recordings of the project"


def test_verify_configured_uploads_probes_and_changes_nothing(project: ProjectEnvironment) -> None:
    configure_project(project)
    state_file, target = project.state_file(), project.target()
    project.clear_request_log()
    run = project.run("verify").ok()
    assert run.changed == []
    assert len(project.probes) == 3
    assert [line for line in project.writes if PROBE not in line] == []
    assert project.calls() == []
    assert all(check["ok"] for check in run.result["checks"])
    assert len(run.result["checks"]) == 8
    assert (project.state_file(), project.target(), project.objects()) == (state_file, target, [project.state_file_key])


def test_verify_drift_fails_and_changes_nothing(project: ProjectEnvironment) -> None:
    configure_project(project)
    project.client.delete_bucket_lifecycle(Bucket=project.bucket)
    project.clear_request_log()
    target_drift = project.run("verify", fallback="none").failed()
    assert target_drift.failed_task == "Fail if something is not as configured"
    assert (
        "Bucket: lifecycle. Uploader: as configured. "
        "Upload target: the last applied values differ from the configured ones." in target_drift.error
    )
    assert (
        "Run the playbook configure to repair it, or with --check --diff to show the differences." in target_drift.error
    )
    bucket_drift = project.run("verify").failed()
    assert "Bucket: lifecycle. Uploader: as configured. Upload target: as configured." in bucket_drift.error
    expired = project.run("verify", max_age=0, retention_day=9, strict=False).failed()
    assert "Did you mean archive_storage_retention_days?" in " ".join(expired.output.split())
    assert "Upload target: set longer ago than archive_storage_max_age allows." in expired.error
    wrong_secret = project.run("verify", uploader_secret_key=project.uploader[1][::-1]).failed()
    assert wrong_secret.failed_task == "Verify the upload target"
    assert "of 1 checks failed. credentials: " in wrong_secret.error
    # The target has another secret key.
    assert wrong_secret.error.endswith(" Nothing was changed.")
    broken = {**project.state_file(), "status": "pending"}
    project.client.put_object(Bucket=project.bucket, Key=project.state_file_key, Body=json.dumps(broken).encode())
    unfinished = project.run("verify").failed()
    assert "Upload target: the run that wrote the state file did not finish." in unfinished.error
    # verify repairs nothing.
    assert project.get_bucket_config("get_bucket_lifecycle_configuration") is None
    assert project.calls() == []
    assert project.leftover_probes() == []


@pytest.mark.parametrize("playbook", ["configure", "rotate", "verify", "teardown", "recover", "fleet"])
def test_playbook_misspelled_variable_fails_before_any_request(project: ProjectEnvironment, playbook: str) -> None:
    misspelled = {"archive_storage_retention_day": 30, "archive_storage_fallback": "x"}
    request = {"archive_recover_project": project.key, "archive_storage_hosts": "localhost"}
    run = project.run_bare(playbook, {**project.variables, **misspelled, **request}).failed()
    assert (
        "archive_storage_retention_day: is not a variable of the role. Use archive_storage_retention_days, or set "
        "archive_storage_strict to false" in run.error
    )
    # recover does not validate the other variables of the role before it knows the host.
    assert ("archive_storage_fallback: 'x' is not one of" in run.error) is (playbook != "recover")
    assert project.no_requests


def test_policy_without_credentials_prints_policies_and_sends_nothing(project: ProjectEnvironment) -> None:
    variables = {
        name: value
        for name, value in project.variables.items()
        if not name.endswith(("secret", "secret_key", "access_key"))
    }
    no_credentials = {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""}
    run = project.run_bare("policy", variables, env=no_credentials).ok()
    documents = [json.loads(text) for text in re.findall(r"^\{$.*?^\}$", run.output, re.DOTALL | re.MULTILINE)]
    operator, upload_user = documents
    assert f"arn:aws:s3:::{project.bucket}" in json.dumps(operator)
    assert json.dumps(upload_user).count(f"arn:aws:s3:::{project.bucket}/{project.key}/*") == 1
    assert project.no_requests


def test_verify_without_bucket_fails(project: ProjectEnvironment) -> None:
    run = project.run("verify").failed()
    assert "NoSuchBucket" in run.error
    assert (project.exists(), project.calls()) == (False, [])


def test_teardown_deletes_target_and_keeps_recordings(project: ProjectEnvironment) -> None:
    configure_project(project)
    archive = project.emulator.record_archive(project.key)["sandbox"]["key"]
    project.clear_request_log()
    planned = project.run("teardown", args=["--check"]).ok()
    assert (project.calls(), project.writes) == ([], [])
    run = project.run("teardown").ok()
    assert planned.changed == run.changed == [REMOVE_TARGET, REMOVE_SETTINGS]
    assert (project.target(), project.methods) == (None, ["DELETE"])
    assert project.get_bucket_config("get_bucket_lifecycle_configuration") is None
    assert sorted(project.objects()) == sorted([archive, project.state_file_key])
    assert project.state_file()["status"] == "absent"
    project.clear_request_log()
    second = project.run("teardown").ok()
    assert (second.changed, project.calls(), project.writes) == ([], [], [])


def test_teardown_delete_bucket_requires_confirmation(project: ProjectEnvironment) -> None:
    configure_project(project)
    project.emulator.record_archive(project.key)
    unconfirmed = project.run("teardown", delete_bucket=True, delete_recordings="yes").failed()
    assert "To confirm, set archive_storage_delete_recordings to the name of the bucket" in unconfirmed.error
    assert project.target() is not None
    confirmed: dict[str, Any] = {"delete_bucket": "true", "delete_recordings": project.bucket}
    # The same applies if the bucket contains recordings of another project.
    other_state_file = {"Bucket": project.bucket, "Key": ".vonage-archiving/47999999.json"}
    project.client.put_object(**other_state_file, Body=b"{}")
    project.clear_request_log()
    shared = project.run("teardown", **confirmed).failed()
    assert "it contains objects that do not belong to this project: .vonage-archiving/47999999.json" in shared.error
    assert (project.writes, project.calls()) == ([], [])
    project.client.delete_object(**other_state_file)
    run = project.run("teardown", **confirmed).ok()
    assert run.changed == [REMOVE_TARGET, DELETE_BUCKET]
    assert (project.exists(), project.target()) == (False, None)
    second = project.run("teardown", **confirmed).ok()
    assert second.changed == []
    assert project.run("teardown").ok().changed == []


def test_teardown_without_bucket_deletes_target(project: ProjectEnvironment) -> None:
    configure_project(project)
    project.store.empty_and_delete(project.bucket)
    run = project.run("teardown").ok()
    assert (run.changed, project.target()) == ([REMOVE_TARGET], None)
    assert run.result["state_file"]["reason"] == "there is no state file: its bucket does not exist"
    assert project.run("teardown").ok().changed == []


def test_teardown_failed_bucket_deletion_keeps_state_file_correct(project: ProjectEnvironment) -> None:
    configure_project(project)

    def refuse(n: int, request: ProxiedRequest) -> None:
        if request.method == "DELETE" and request.path.strip("/") == project.bucket and not request.query:
            raise DropConnection

    project.s3.before = refuse
    run = project.run("teardown", delete_bucket=True, delete_recordings=project.bucket).failed()
    assert run.failed_task == "Delete the bucket with all recordings of the project"
    project.s3.before = None
    assert (project.exists(), project.target()) == (True, None)
    assert project.configure().result["reason"] == "no_state_file"
    assert project.target() is not None


# Variables in addition to the smallest playbook, and a part of the message.
REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"require_encryption": True, "sse": "none"}, "require_encryption: would reject every recording"),
    ({"require_tls": "yes"}, "require_tls: would reject every recording: an endpoint is not https"),
    ({"public": True, "state_file": "s3://{bucket}/{key}/r.json"}, "would make the state file public"),
    ({"delete_bucket": True, "delete_recordings": "{bucket}"}, "delete_bucket: needs archive_storage_state=absent"),
    ({"state": "absent", "delete_bucket": True}, "To confirm, set archive_storage_delete_recordings"),
    ({"state": "deleted"}, "archive_storage_state: 'deleted' is not one of present, absent"),
    ({"api_key": ""}, "archive_storage_api_key: is not set, and archive_storage_application_id is not set"),
    ({"api_key": "a/b"}, "archive_storage_api_key: 'a/b' is not a valid ID"),
    ({"application_id": "78d335fa-323d-0114-9c3d-d6f0d48968cf"}, "cannot be set together with"),
    ({"bucket": ""}, "archive_storage_bucket: is not set"),
    ({"bucket": "No_Bucket"}, "'No_Bucket'"),
    (
        {"uploader_access_key": ""},
        "archive_storage_uploader_access_key: is not set, and archive_storage_upload_key is external",
    ),
    ({"uploader_access_key": "ASIAIOSFODNN7EXAMPLE"}, "temporary"),
    ({"sse": "kms"}, "archive_storage_sse: 'kms' is not one of s3, none"),
    ({"fallback": "maybe"}, "archive_storage_fallback: 'maybe' is not one of none, opentok, vonage"),
    ({"endpoint": "s3.example.com"}, "archive_storage_endpoint: 's3.example.com' is not a valid URL"),
    ({"public": "perhaps"}, "archive_storage_public: 'perhaps' is not one of true, false"),
    ({"retention_days": "-1"}, "archive_storage_retention_days: '-1' is not a number of days"),
    ({"cors_rules": "["}, "archive_storage_cors_rules: is a string that is not valid YAML"),
    ({"cors_rules": [{"allowed_origins": ["*"]}]}, "allowed_methods"),
    ({"tags": "word"}, "archive_storage_tags: is not a dictionary"),
    ({"folders": ["../x"]}, "archive_storage_folders: the prefix '../x'"),
    ({"certificate": "no PEM"}, "certificate"),
    ({"state_file": "states/a.json"}, "is neither an absolute path nor s3://bucket/key"),
    ({"max_age": "soon"}, "archive_storage_max_age: 'soon' is not a duration"),
]
REFUSED_BY_VERIFY: list[tuple[dict[str, Any], str]] = [
    (
        {"uploader_secret_key": ""},
        "archive_storage_uploader_secret_key: is not set. Without it, uploads cannot be verified",
    ),
    ({"state": "absent"}, "archive_storage_state: is absent, which cannot be verified"),
]


def role_block(number: int, variables: dict[str, Any], tasks_from: str) -> dict[str, Any]:
    """Return a block that runs the role and shows the message of its failure."""
    include = {
        "name": "Run the role",
        "ansible.builtin.include_role": {"name": "vonage.archiving.archive_storage", "tasks_from": tasks_from},
        "vars": {f"archive_storage_{name}": value for name, value in variables.items()},
    }
    show_message = {
        "name": f"Show the message of case {number}",
        "ansible.builtin.debug": {"msg": "{{ ansible_failed_result.msg }}"},
    }
    return {"name": f"Case {number}", "block": [include], "rescue": [show_message]}


def test_role_invalid_options_are_rejected_without_requests(project: ProjectEnvironment) -> None:
    """One playbook contains all cases. The task after each rejected call shows its message."""
    cases = [(*case, "main") for case in REFUSED] + [(*case, "verify") for case in REFUSED_BY_VERIFY]
    blocks = []
    for number, (changes, _expected, tasks_from) in enumerate(cases):
        filled = {
            name: value.replace("{bucket}", project.bucket).replace("{key}", project.key)
            if isinstance(value, str)
            else value
            for name, value in changes.items()
        }
        blocks.append(role_block(number, filled, tasks_from))
    play = {
        "name": "Run the role with invalid options",
        "hosts": "localhost",
        "connection": "local",
        "gather_facts": False,
        # Extra variables would override the variables of the cases.
        "vars": {"ansible_python_interpreter": "{{ ansible_playbook_python }}", **project.variables},
        "tasks": blocks,
    }
    playbook = project.home / "invalid_options.yml"
    playbook.write_text(yaml.safe_dump([play], sort_keys=False))
    playbook.chmod(0o600)
    run = project.run_bare(playbook).ok()
    mismatches: list[Any] = []
    for number, (changes, expected, _tasks_from) in enumerate(cases):
        notes = [event for event in run.events if event.task == f"Show the message of case {number}"]
        message = str(notes[0].result["msg"]) if notes else "(no failure)"
        if expected not in message:
            mismatches.append((changes, expected, message))
    assert not mismatches
    assert run.changed == []
    assert project.no_requests, [f"{request.method} {request.path}" for request in project.s3.requests]


@pytest.mark.parametrize("playbook", ["configure", "verify", "teardown"])
def test_playbook_without_variables_passes_syntax_check(project: ProjectEnvironment, playbook: str) -> None:
    run = project.run_bare(playbook, args=["--syntax-check"])
    assert run.rc == 0, run.output
    assert project.no_requests
