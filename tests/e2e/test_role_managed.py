# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Test the role with a managed key with ansible-playbook, and the resulting users, keys, and targets.

The workflow driver, without Ansible, creates the state that a test requires.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from botocore.exceptions import ClientError

from ansible_collections.vonage.archiving.plugins.module_utils._upload_target.delete import UPLOADS_IN_PROGRESS
from tests.e2e import workflow_driver
from tests.e2e.playbook_runs import Run
from tests.e2e.project_environment import (
    MANAGED_KEY,
    PROBE,
    ProjectEnvironment,
    describe_request,
    iam_action,
    new_project_environment,
)
from tests.sandbox import Sandbox

BUCKET = "vonage.archiving.archive_storage : Create or update the bucket"
KEY = "vonage.archiving.archive_storage : Create or update the upload target"
TARGET = "vonage.archiving.archive_storage : Create or update the upload target"
REMOVE_TARGET = "vonage.archiving.archive_storage : Delete the upload target and its access keys"
REMOVE_SETTINGS = "vonage.archiving.archive_storage : Delete the settings of the project in the bucket"
POLICY = "vonage-archiving"
# A key is deactivated before it is deleted.
DELETION = ["UpdateAccessKey", "DeleteAccessKey"]
OWNER_TAG = "vonage-archiving:managed"


def configure(project: ProjectEnvironment) -> list[str]:
    """Run the same steps as the role without Ansible, and return the changes."""
    return workflow_driver.configure(role_variables(project))


def role_variables(project: ProjectEnvironment) -> dict[str, Any]:
    """The variables of the workflow driver."""
    variables = {name.removeprefix("archive_storage_"): value for name, value in project.variables.items()}
    keys = {"access_key": project.store.access_key, "secret_key": project.store.secret_key}
    return {**variables, **keys}


def update_state_file(project: ProjectEnvironment, **changes: Any) -> None:
    """Change fields of the state file."""
    body = json.dumps({**project.state_file(), **changes}).encode()
    project.client.put_object(Bucket=project.bucket, Key=project.state_file_key, Body=body)


def iam_calls(project: ProjectEnvironment) -> list[str]:
    """The write requests to the IAM API."""
    return [
        action for action in map(iam_action, project.s3.requests) if action and not action.startswith(("Get", "List"))
    ]


def policy_permissions(project: ProjectEnvironment) -> dict[str, str]:
    """The actions and resources of the user's only policy."""
    iam = project.store.iam_client()
    (name,) = iam.list_user_policies(UserName=project.user)["PolicyNames"]
    document = iam.get_user_policy(UserName=project.user, PolicyName=name)["PolicyDocument"]
    policy = json.loads(document) if isinstance(document, str) else document
    return {
        action: resource
        for statement in policy["Statement"]
        for action in as_list(statement["Action"])
        for resource in as_list(statement["Resource"])
    }


def as_list(value: Any) -> list[Any]:
    """Return a list: SeaweedFS returns a list with one item as a scalar."""
    return value if isinstance(value, list) else [value]


def users(project: ProjectEnvironment) -> list[str]:
    """The existing users of this project."""
    names = [user["UserName"] for user in project.store.iam_client().list_users()["Users"]]
    return sorted(name for name in names if name.startswith(project.user))


def diffs(run: Run) -> dict[str, Any]:
    """The diffs of the tasks that change something."""
    return {event.task: event.result["diff"] for event in run.events if event.changed}


def test_configure_first_run_creates_key_and_rotate_replaces_it(managed_project: ProjectEnvironment) -> None:
    project = managed_project
    planned = project.configure(args=["--check"])
    assert (project.writes, project.calls(), users(project), project.exists()) == ([], [], [], False)
    first = project.configure()
    assert planned.changed == first.changed == [BUCKET, KEY]
    assert diffs(planned) == diffs(first)
    key, secret = project.target_key
    assert project.target() == {
        "type": "s3",
        "config": {
            "accessKey": key,
            "secretKey": secret,
            "bucket": project.bucket,
            "endpoint": project.s3.url,
            "sse": "s3",
        },
        "fallback": "opentok",
        "certificate": None,
    }
    assert (users(project), project.keys()) == ([project.user], {key: "Active"})
    objects = f"arn:aws:s3:::{project.bucket}/{project.key}/*"
    assert policy_permissions(project) == {
        "s3:PutObject": objects,
        "s3:AbortMultipartUpload": objects,
        "s3:ListBucket": f"arn:aws:s3:::{project.bucket}",
    }
    assert iam_calls(project) == ["CreateUser", "TagUser", "PutUserPolicy", "CreateAccessKey"]
    # The verification precedes the request that sets the target, and its probes are deleted.
    assert (project.methods, len(project.probes), project.objects()) == (["PUT"], 3, [project.state_file_key])
    probe_times = [request.time for request in project.s3.requests if PROBE in request.path]
    assert max(probe_times) < project.calls()[0]["time"]
    assert all(check["ok"] for check in first.result["checks"])
    listed = {"id": key, "user": project.user, "status": "Active", "created": None, "in_target": True}
    assert first.result["access_keys"] == [listed]
    assert (first.result["reason"], first.result["retained_keys_reason"]) == ("no_state_file", "")
    assert first.result["verification"] == f"uploads with {key} work"
    assert (project.state_file()["status"], project.state_file()["storage"]["access_key"]) == ("applied", key)
    assert_unchanged_run_requests(project)
    archives = [project.record_archive()]
    assert_rotation(project, (key, secret))
    archives.append(project.record_archive())
    assert sorted(project.objects()) == sorted([*archives, project.state_file_key])


def assert_unchanged_run_requests(project: ProjectEnvironment) -> None:
    """Assert that a run without changes reads each resource once."""
    key = project.target_key
    state_file = project.state_file()
    run = project.assert_idempotent()
    assert run.result["reason"] == "unchanged"
    facets = ("encryption", "lifecycle", "policy", "publicAccessBlock")
    user = ("GetUser", "GetUserPolicy", "ListAccessKeys", "ListUserTags")
    assert sorted(describe_request(request) for request in project.s3.requests) == sorted(
        [f"GET /{project.bucket}?{facet}" for facet in facets]
        + [f"GET /{project.bucket}/{project.state_file_key}?"]
        # One read to check that the spare user does not exist.
        + [*user, "GetUser"]
    )
    assert (project.target_key, project.state_file(), project.keys()) == (key, state_file, {key[0]: "Active"})


def assert_rotation(project: ProjectEnvironment, old: tuple[str, str]) -> None:
    """Assert that the playbook rotate replaces the key, and that check mode predicts it."""
    project.clear_request_log()
    planned = project.run("rotate", args=["--check"]).ok()
    assert (project.writes, project.calls(), project.all_keys()) == ([], [], {old[0]: "Active"})
    run = project.run("rotate").ok()
    assert planned.changed == run.changed == [KEY]
    assert diffs(planned) == diffs(run)
    assert diffs(run)[KEY]["after"]["target"]["access_key"] == "(new)"
    new = project.target_key
    assert new[0] != old[0]
    assert new[1] != old[1]
    # The old key stays active for recordings that started with it.
    assert project.all_keys() == {old[0]: "Active", new[0]: "Active"}
    assert (project.methods, run.result["reason"]) == (["PUT"], "forced")
    assert iam_calls(project) == ["CreateUser", "TagUser", "PutUserPolicy", "CreateAccessKey"]
    assert project.state_file()["storage"]["access_key"] == new[0]


def test_configure_expired_key_with_awx_values_is_deactivated_then_deleted(
    managed_project: ProjectEnvironment,
) -> None:
    project = managed_project
    configure(project)
    names = ("uploader_access_key", "uploader_secret_key", "uploader_name", "uploader_path", "iam_endpoint_url")
    other_names = (
        "upload_key",
        "uploader_permissions_boundary",
        "uploader_list_all_my_buckets",
        "rotate",
        "max_age",
        "state_file",
    )
    empty: dict[str, Any] = dict.fromkeys(
        (*names, *other_names, "rotate_after", "grace_period", "drain_timeout", "tags"), ""
    )
    survey = {**empty, "delete_after": "3600", "expect_least_privilege": "no", "uploader_tags": "team: video"}
    old = project.target_key[0]
    project.pass_time(91 * 86400)
    project.clear_request_log()
    rotation = project.configure(awx=True, **survey)
    new = project.target_key[0]
    assert (rotation.changed, rotation.result["reason"], rotation.result["retained_keys_reason"]) == (
        [KEY],
        "expired",
        "the grace period is not over",
    )
    assert project.all_keys() == {old: "Active", new: "Active"}
    assert iam_calls(project) == ["TagUser", "CreateUser", "TagUser", "PutUserPolicy", "CreateAccessKey"]
    # The archive list shows that no recording can use the old key.
    project.pass_time(60)
    project.clear_request_log()
    deactivation = project.configure(awx=True, **survey)
    assert (deactivation.changed, deactivation.result["reason"], set(project.methods)) == ([KEY], "unchanged", {"GET"})
    assert (iam_calls(project), project.all_keys()) == (["UpdateAccessKey"], {old: "Inactive", new: "Active"})
    assert deactivation.result["retained_keys_reason"] == "old keys are inactive, and deleted later"
    # After both periods, the key is deleted without a request to the API.
    project.pass_time(64800 + 3600)
    project.clear_request_log()
    deletion = project.configure(awx=True, **survey)
    assert (deletion.changed, deletion.result["reason"], project.calls()) == ([KEY], "unchanged", [])
    assert (iam_calls(project), project.all_keys()) == (["DeleteAccessKey"], {new: "Active"})
    assert (deletion.result["retained_keys_reason"], deletion.result["retained_keys_until"]) == ("", None)
    project.record_archive()


def start_upload(project: ProjectEnvironment) -> Callable[[], None]:
    """Start an upload as Vonage does. The returned function completes it with the same key."""
    vonage = project.store.client(*project.target_key)
    upload = {"Bucket": project.bucket, "Key": f"{project.key}/{uuid.uuid4()}/archive.mp4"}
    upload["UploadId"] = vonage.create_multipart_upload(**upload)["UploadId"]

    def end() -> None:
        part = vonage.upload_part(**upload, PartNumber=1, Body=b"whole")
        parts = [{"PartNumber": 1, "ETag": part["ETag"]}]
        vonage.complete_multipart_upload(**upload, MultipartUpload={"Parts": parts})

    return end


def test_configure_upload_in_progress_keeps_its_key_after_the_grace_period(managed_project: ProjectEnvironment) -> None:
    """The archive list does not contain the upload."""
    project = managed_project
    configure(project)
    old = project.target_key
    end = start_upload(project)
    project.run("rotate").ok()
    new = project.target_key
    project.pass_time(30)
    run = project.configure()
    assert run.result["retained_keys_reason"] == "uploads that started before the target was set are in progress"
    assert project.all_keys() == {old[0]: "Active", new[0]: "Active"}
    end()
    assert configure(project) == ["target"]
    assert project.all_keys() == {old[0]: "Inactive", new[0]: "Active"}
    assert project.target_key == new


def test_teardown_upload_in_progress_keeps_its_key(managed_project: ProjectEnvironment) -> None:
    project = managed_project
    configure(project)
    end = start_upload(project)
    first = project.run("teardown", drain_timeout=1).ok()
    assert first.changed == [REMOVE_TARGET, REMOVE_SETTINGS]
    assert first.result["retained_keys_reason"] == "the target changed a moment ago"
    project.pass_time(30)
    second = project.run("teardown", drain_timeout=1).ok()
    assert (second.changed, second.result["retained_keys_reason"]) == ([], UPLOADS_IN_PROGRESS)
    assert (project.target(), list(project.all_keys().values())) == (None, ["Active"])
    end()
    assert project.run("teardown", drain_timeout=1).ok().changed == [REMOVE_TARGET]
    assert (users(project), project.all_keys()) == ([], {})
    assert [key for key in project.objects() if key.endswith("archive.mp4")] != []


def test_verify_drift_is_reported_and_not_repaired(
    managed_project: ProjectEnvironment,
) -> None:
    project = managed_project
    configure(project)
    key, state_file, keys = project.target_key, project.state_file(), project.keys()
    project.clear_request_log()
    verified = project.run("verify").ok()
    assert (verified.changed, verified.stats["changed"]) == ([], 0)
    assert all(check["ok"] for check in verified.result["checks"])
    assert len(verified.result["checks"]) == 8
    # The temporary key is deleted: the result does not name it.
    assert verified.result["verification"] == f"uploads with a temporary key of {project.user} work"
    assert (len(project.preflights()), {event.task for event in verified.events if "pdate" in event.task}) == (1, set())
    assert iam_calls(project) == ["TagUser", "CreateAccessKey", *DELETION]
    assert len(project.probes) == 3
    assert (project.calls(), project.target_key, project.state_file(), project.keys()) == ([], key, state_file, keys)
    iam = project.store.iam_client()
    wide_policy = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": ["s3:*"], "Resource": ["*"]}]}
    iam.put_user_policy(UserName=project.user, PolicyName=POLICY, PolicyDocument=json.dumps(wide_policy))
    assert_policy_repair(project)
    iam.put_user_policy(UserName=project.user, PolicyName=POLICY, PolicyDocument=json.dumps(wide_policy))
    iam.update_access_key(UserName=project.user, AccessKeyId=key[0], Status="Inactive")
    changed = project.run("verify").failed()
    assert changed.failed_task == "Fail if something is not as configured"
    assert f"Uploader: {project.user}: policy." in changed.error
    assert "Upload target: the last applied values differ from the configured ones." in changed.error
    assert (project.keys(), project.calls()) == ({key[0]: "Inactive"}, [])
    update_state_file(project, status="pending")
    unfinished = project.run("verify").failed()
    assert "Upload target: the run that wrote the state file did not finish." in unfinished.error
    deny_uploads(project)
    denied = project.run("verify").failed()
    assert denied.failed_task == "Verify the upload target"
    assert "put_object: " in denied.error
    assert denied.error.endswith(" Nothing was changed.")
    # verify repairs nothing and leaves no probes.
    assert (project.keys(), project.calls(), project.leftover_probes()) == ({key[0]: "Inactive"}, [], [])
    project.client.delete_bucket_policy(Bucket=project.bucket)
    assert configure(project) == ["target"]
    assert project.all_keys() == {key[0]: "Inactive", project.target_key[0]: "Active"}
    project.record_archive()


def assert_policy_repair(project: ProjectEnvironment) -> None:
    """Assert that a changed policy is repaired, without other changes."""
    project.clear_request_log()
    run = project.configure()
    assert (run.changed, run.result["reason"], run.result["uploader_changes"]) == (
        [KEY],
        "unchanged",
        [f"{project.user}: policy"],
    )
    assert (iam_calls(project), project.calls()) == (["PutUserPolicy"], [])
    assert "s3:PutObject" in policy_permissions(project)
    assert "s3:*" not in policy_permissions(project)


def deny_uploads(project: ProjectEnvironment) -> None:
    """Put a bucket policy that denies uploads."""
    arn = f"arn:aws:s3:::{project.bucket}/{project.key}/*"
    statement = {"Sid": "DenyUploads", "Effect": "Deny", "Principal": "*", "Action": "s3:PutObject", "Resource": arn}
    policy = {"Version": "2012-10-17", "Statement": [statement]}
    project.client.put_bucket_policy(Bucket=project.bucket, Policy=json.dumps(policy))


def test_configure_failure_changes_nothing(managed_project: ProjectEnvironment) -> None:
    project = managed_project
    configure(project)
    deny_uploads(project)
    before = (
        project.target_key,
        project.state_file(),
        project.all_keys(),
        project.get_bucket_config("get_bucket_policy")["Policy"],
    )
    project.clear_request_log()
    failed = project.run("configure", fallback="none").failed()
    assert failed.failed_task == "Create or update the upload target"
    assert "the bucket policy must not deny it" in failed.error
    creation = ["CreateUser", "TagUser", "PutUserPolicy", "CreateAccessKey"]
    assert (iam_calls(project), project.calls()) == ([*creation, *DELETION], [])
    assert (
        project.target_key,
        project.state_file(),
        project.all_keys(),
        project.get_bucket_config("get_bucket_policy")["Policy"],
    ) == before
    project.client.delete_bucket_policy(Bucket=project.bucket)
    # The API rejects the request, and its response contains the secrets of the request.
    project.clear_request_log()
    project.emulator.echo_secrets = True
    project.emulator.fail_next(status=403, path=f"/{project.key}/")
    rejected = project.run("rotate", preflight="never").failed()
    assert "HTTP 403" in rejected.error
    assert (iam_calls(project), project.methods) == (["CreateAccessKey", *DELETION], ["PUT"])
    assert (project.target_key, project.state_file(), project.all_keys()) == before[:3]
    assert project.leftover_probes() == []
    project.record_archive()
    assert configure(project) == []


def test_configure_external_and_managed_key_replace_each_other(project: ProjectEnvironment) -> None:
    configure(project)
    external = project.uploader
    managed = {"upload_key": "managed", "uploader_access_key": "", "uploader_secret_key": ""}
    run = project.configure(**managed)
    assert (run.changed, run.result["reason"]) == ([KEY], "changed")
    key = project.target_key
    assert (key[0] != external[0], project.keys()) == (True, {key[0]: "Active"})
    # The external key is not changed.
    assert project.store.client(*external).list_objects_v2(Bucket=project.bucket)["KeyCount"] > 0
    rejected = project.run("configure", upload_key="managed").failed()
    assert "Remove it, or set archive_storage_upload_key to external" in rejected.error
    run = project.configure()
    assert (run.changed, project.target_key) == ([TARGET], external)
    project.record_archive()


def test_teardown_managed_key_deletes_users(managed_project: ProjectEnvironment) -> None:
    project = managed_project
    configure(project)
    iam = project.store.iam_client()
    spare = f"{project.user}-spare"
    iam.create_user(UserName=spare)
    iam.tag_user(UserName=spare, Tags=[{"Key": OWNER_TAG, "Value": "true"}])
    iam.create_access_key(UserName=spare)
    archive = project.record_archive()
    project.clear_request_log()
    planned = project.run("teardown", args=["--check"]).ok()
    assert (project.methods, project.writes, users(project)) == (["GET"], [], [project.user, spare])
    project.clear_request_log()
    run = project.run("teardown").ok()
    assert planned.changed == run.changed == [REMOVE_TARGET, REMOVE_SETTINGS]
    # The archive list shows that no recording can use the keys.
    assert (project.target(), users(project), set(project.methods)) == (None, [], {"DELETE", "GET"})
    assert (project.keys(), project.keys(spare)) == ({}, {})
    assert sorted(project.objects()) == sorted([archive, project.state_file_key])
    assert project.state_file()["status"] == "absent"
    project.clear_request_log()
    second = project.run("teardown").ok()
    # Without users, no key can be in use.
    assert (second.changed, project.methods, project.writes) == ([], [], [])


def test_role_three_projects_in_one_play_stay_separate(
    e2e_sandbox: Sandbox, managed_project: ProjectEnvironment, tmp_path: Path
) -> None:
    """Users, keys, and state files belong to one project each. One project has an external key."""
    with (
        new_project_environment(e2e_sandbox, tmp_path, MANAGED_KEY) as second,
        new_project_environment(e2e_sandbox, tmp_path) as third,
    ):
        projects = (managed_project, second, third)
        variables = [{**project.variables, "archive_storage_rotate": project is second} for project in projects]
        include = {
            "ansible.builtin.include_role": {"name": "vonage.archiving.archive_storage"},
            # The loop has numbers, because Ansible shows the items.
            "loop": [0, 1, 2],
            "vars": {
                name: f"{{{{ projects[item].{name} | default('') }}}}" for options in variables for name in options
            },
        }
        play = {
            "hosts": "localhost",
            "connection": "local",
            "gather_facts": False,
            "vars": {"ansible_python_interpreter": "{{ ansible_playbook_python }}", "projects": variables},
            "tasks": [{"name": "Configure the projects", **include}],
        }
        playbook = managed_project.home / "projects.yml"
        playbook.write_text(yaml.safe_dump([play], sort_keys=False))
        playbook.chmod(0o600)
        all_secrets = [secret for project in projects for secret in project.secrets]
        first = managed_project.run_bare(playbook, secrets=all_secrets).ok()
        assert first.changed == [BUCKET, KEY, BUCKET, KEY, BUCKET, TARGET]
        keys = [project.target_key for project in projects]
        assert keys[2] == third.uploader
        assert [project.keys() for project in projects] == [{keys[0][0]: "Active"}, {keys[1][0]: "Active"}, {}]
        assert all(project.record_archive() for project in projects)
        all_secrets = [secret for project in projects for secret in project.secrets]
        run = managed_project.run_bare(playbook, secrets=all_secrets).ok()
        assert run.changed == [KEY]
        assert (keys[0], keys[2]) == (managed_project.target_key, third.target_key)
        assert second.target_key[0] != keys[1][0]
        other_client = e2e_sandbox.store.client(*managed_project.target_key)
        with pytest.raises(ClientError, match="AccessDenied"):
            other_client.put_object(Bucket=second.bucket, Key=f"{second.key}/x", Body=b"")
