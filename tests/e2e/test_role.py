# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Test the role and the playbook configure with ansible-playbook, and the resulting state of the store and the API."""

from __future__ import annotations

import json
from typing import Any

import pytest
import requests
from botocore.exceptions import ClientError

from tests.e2e import workflow_driver
from tests.e2e.configured_project import configure_project, driver_variables
from tests.e2e.playbook_runs import Run
from tests.e2e.project_environment import ProjectEnvironment, create_uploader

BUCKET = "vonage.archiving.archive_storage : Create or update the bucket"
TARGET = "vonage.archiving.archive_storage : Create or update the upload target"
CORS = """
- id: player
  allowed_origins: ["https://*.example.com"]
  allowed_methods: [GET, HEAD]
  max_age_seconds: 300
"""


def test_configure_first_run_sets_everything_and_second_changes_nothing(project: ProjectEnvironment) -> None:
    first = project.configure()
    assert first.changed == [BUCKET, TARGET]
    assert first.stats["changed"] == 3
    assert first.task("Report").changed
    assert first.result["changed"] is True
    assert project.target() == {
        "type": "s3",
        "config": {
            "accessKey": project.uploader[0],
            "secretKey": project.uploader[1],
            "bucket": project.bucket,
            "endpoint": project.s3.url,
            "sse": "s3",
        },
        "fallback": "opentok",
        "certificate": None,
    }
    rules = project.get_bucket_config("get_bucket_encryption")["ServerSideEncryptionConfiguration"]["Rules"]
    assert rules[0]["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"] == "AES256"
    state_file = project.state_file()
    assert (state_file["status"], state_file["storage"]["access_key"]) == ("applied", project.uploader[0])
    assert first.result["state_file"] == {
        "location": f"s3://{project.bucket}/{project.state_file_key}",
        "status": "applied",
        "time": state_file["time"],
        "since": state_file["time"],
    }
    # The verification precedes the request that sets the target, and its probes are deleted.
    assert all(check["ok"] for check in first.result["checks"])
    (put,) = project.calls()
    uploads = [request for request in project.s3.requests if request.method == "PUT" and "probe" in request.path]
    assert len(uploads) == 3
    assert max(request.time for request in uploads) < put["time"]
    assert project.objects() == [project.state_file_key]
    second = project.assert_idempotent()
    assert second.result["reason"] == "unchanged"
    assert project.state_file() == state_file


def test_configure_archives_are_uploaded_encrypted_or_kept_by_vonage(project: ProjectEnvironment) -> None:
    configure_project(project)
    first = project.emulator.record_archive(project.key)
    key = f"{project.key}/{first['id']}/archive.mp4"
    assert (first["status"], first["sandbox"]["key"]) == ("uploaded", key)
    stored = project.client.head_object(Bucket=project.bucket, Key=key)
    assert stored["ServerSideEncryption"] == "AES256"
    assert stored["ContentLength"] == first["size"]
    delete_access_key(project, project.uploader[0])
    second = project.emulator.record_archive(project.key)
    assert second["status"] == "available"
    assert second["sandbox"]["upload_error"]
    assert requests.get(second["url"], timeout=10).content[4:8] == b"ftyp"


def delete_access_key(project: ProjectEnvironment, access_key: str) -> None:
    """Delete an access key of an unknown user."""
    iam = project.store.iam_client()
    for user in iam.list_users()["Users"]:
        keys = iam.list_access_keys(UserName=user["UserName"])["AccessKeyMetadata"]
        if access_key in [key["AccessKeyId"] for key in keys]:
            iam.delete_access_key(UserName=user["UserName"], AccessKeyId=access_key)
            return
    raise AssertionError(f"no user has the key {access_key}")


def diffs(run: Run) -> dict[str, Any]:
    """The diffs of the tasks that change something."""
    return {event.task: event.result["diff"] for event in run.events if event.changed}


def test_configure_check_mode_predicts_the_diff_of_the_run(project: ProjectEnvironment) -> None:
    planned = project.configure(args=["--check", "--diff"])
    assert project.writes == []
    assert project.calls() == []
    assert not project.exists()
    assert planned.result["checks"] == []
    run = project.configure(args=["--diff"])
    assert planned.changed == run.changed == [BUCKET, TARGET]
    assert diffs(planned) == diffs(run)
    assert planned.result["bucket_changes"] == run.result["bucket_changes"]
    project.clear_request_log()
    planned = project.configure(args=["--check", "--diff"], fallback="none", tags={"team": "video"})
    assert (project.writes, project.calls()) == ([], [])
    assert project.state_file()["storage"]["fallback"] == "opentok"
    run = project.configure(args=["--diff"], fallback="none", tags={"team": "video"})
    assert planned.changed == run.changed == [BUCKET, TARGET]
    assert diffs(planned) == diffs(run)
    diff = diffs(run)
    assert (diff[TARGET]["before"]["fallback"], diff[TARGET]["after"]["fallback"]) == ("opentok", "none")
    assert (diff[BUCKET]["before"]["tags"], diff[BUCKET]["after"]["tags"]) == ({}, {"team": "video"})
    assert project.configure(args=["--check"], fallback="none", tags={"team": "video"}).changed == []


def test_configure_bucket_variables_are_applied_and_removed(project: ProjectEnvironment) -> None:
    project.client.create_bucket(Bucket=project.bucket)
    configure_project(project)
    project.client.put_bucket_tagging(Bucket=project.bucket, Tagging={"TagSet": [{"Key": "unmanaged", "Value": "1"}]})
    options: dict[str, Any] = {
        "cors_rules": CORS,
        "folders": "incoming, done/2026",
        "tags": "{team: video, cost: 47}",
        "retention_days": "30",
        "abort_incomplete_uploads_days": 2,
    }
    run = project.configure(**options)
    assert run.changed == [BUCKET]
    assert sorted(run.result["bucket_changes"]) == ["cors_rules", "folders", "lifecycle", "tags"]
    assert project.methods == ["PUT"]
    (rule,) = project.get_bucket_config("get_bucket_cors")["CORSRules"]
    assert (rule["AllowedOrigins"], sorted(rule["AllowedMethods"])) == (["https://*.example.com"], ["GET", "HEAD"])
    assert {check["name"]: check["ok"] for check in run.result["checks"]}["cors_preflight"]
    assert {"incoming/", "done/2026/"} <= set(project.objects())
    tags = {tag["Key"]: tag["Value"] for tag in project.get_bucket_config("get_bucket_tagging")["TagSet"]}
    assert tags == {"unmanaged": "1", "team": "video", "cost": "47"}
    assert lifecycle(project) == (f"{project.key}/", 30, 2)
    project.assert_idempotent(**options)
    removal = project.configure(cors_rules="[]", retention_days="", abort_incomplete_uploads_days="0")
    assert sorted(removal.result["bucket_changes"]) == ["cors_rules", "lifecycle"]
    assert project.get_bucket_config("get_bucket_cors") is None
    assert project.get_bucket_config("get_bucket_lifecycle_configuration") is None


def test_configure_require_encryption_rejects_unencrypted_uploads(project: ProjectEnvironment) -> None:
    project.configure(require_encryption="yes", verify="never")
    # For this project only, and immediately: no recording can be in progress to a bucket that did not exist.
    with pytest.raises(ClientError, match="AccessDenied"):
        project.client.put_object(Bucket=project.bucket, Key=f"{project.key}/plain", Body=b"")
    project.client.put_object(
        Bucket=project.bucket, Key=f"{project.key}/encrypted", Body=b"", ServerSideEncryption="AES256"
    )
    project.client.put_object(Bucket=project.bucket, Key="elsewhere", Body=b"")
    assert project.state_file()["status"] == "applied"
    project.assert_idempotent(require_encryption=True, verify="never")
    project.clear_request_log()
    # If a policy evaluates their header, SeaweedFS 4.48 rejects encrypted uploads of users, too. The
    # verification fails.
    failed = project.run("configure", require_encryption=True, fallback="none", verify_timeout=2).failed()
    assert failed.failed_task == "Create or update the upload target"
    assert "the bucket policy must not deny it" in failed.error
    assert project.methods == []
    removal = project.configure()
    assert removal.result["bucket_changes"] == ["require_encryption"]
    assert all(check["ok"] for check in removal.result["checks"])


def test_configure_requirement_that_uploads_do_not_meet_is_removed(project: ProjectEnvironment) -> None:
    """The run that detects this fails, and recordings arrive as before."""
    project.configure(verify="never", sse="none")
    pending = project.configure(require_encryption=True)
    assert pending.result["pending_requirements"] == ["require_encryption"]
    assert project.get_bucket_config("get_bucket_policy") is None
    project.pass_time(60)
    project.clear_request_log()
    # If a policy evaluates their header, SeaweedFS 4.48 rejects encrypted uploads of users.
    failed = project.run("configure", require_encryption=True, verify_timeout=2).failed()
    assert failed.failed_task == "Verify that uploads meet the new requirements"
    assert "the bucket policy must not deny it" in failed.error
    assert any("policy" in line and line.startswith("PUT") for line in project.writes)
    assert project.get_bucket_config("get_bucket_policy") is None
    assert project.emulator.record_archive(project.key)["status"] == "uploaded"
    # A requirement from an earlier run is not removed.
    project.configure(require_encryption=True, verify="never")
    project.run("configure", require_encryption=True, fallback="none", verify_timeout=2).failed()
    assert "RequireEncryption" in project.get_bucket_config("get_bucket_policy")["Policy"]


def lifecycle(project: ProjectEnvironment) -> tuple[str, int, int]:
    """The prefix and the days of the only rule."""
    (rule,) = project.get_bucket_config("get_bucket_lifecycle_configuration")["Rules"]
    prefix = rule.get("Prefix") or rule["Filter"]["Prefix"]
    return prefix, rule["Expiration"]["Days"], rule["AbortIncompleteMultipartUpload"]["DaysAfterInitiation"]


def test_configure_public_makes_only_recordings_public(project: ProjectEnvironment) -> None:
    def status(key: str) -> int:
        return requests.get(f"{project.store.endpoint_url}/{project.bucket}/{key}", timeout=10).status_code

    project.configure(public="true")
    archive = project.emulator.record_archive(project.key)["sandbox"]["key"]
    project.client.put_object(Bucket=project.bucket, Key="elsewhere/archive.mp4", Body=b"")
    assert [status(key) for key in (archive, "elsewhere/archive.mp4", project.state_file_key, "")] == [
        200,
        403,
        403,
        403,
    ]
    project.assert_idempotent(public=True)
    closed = project.configure(public="")
    assert closed.changed == [BUCKET]
    assert closed.result["bucket_changes"] == ["public_prefixes"]
    assert status(archive) == 403
    assert [check["ok"] for check in closed.result["checks"] if check["name"] == "anonymous_read"] == [True]


def test_configure_target_variables_are_applied(project: ProjectEnvironment) -> None:
    configure_project(project)
    new = create_uploader(project.store, project.bucket)
    changes: dict[str, Any] = {"fallback": "none", "sse": "none", "endpoint": project.store.endpoint_url}
    keys = {"uploader_access_key": new[0], "uploader_secret_key": new[1]}
    run = project.configure(**changes, **keys)
    assert run.changed == [TARGET]
    assert run.result["reason"] == "changed"
    target = project.target()
    assert target is not None
    assert target["fallback"] == "none"
    assert target["config"] == {
        "accessKey": new[0],
        "secretKey": new[1],
        "bucket": project.bucket,
        "endpoint": project.store.endpoint_url,
        "sse": "none",
    }
    assert project.emulator.record_archive(project.key)["status"] == "uploaded"
    project.assert_idempotent(**changes, **keys)


def test_configure_changed_uploader_secret_is_verified_before_the_target_is_set(project: ProjectEnvironment) -> None:
    """Only the HMAC in the state file shows the difference."""
    configure_project(project)
    other_key = create_uploader(project.store, project.bucket)
    run = project.run("configure", uploader_secret_key=other_key[1]).failed()
    assert run.failed_task == "Create or update the upload target"
    assert project.methods == ["PUT"]
    project.assert_idempotent()


def test_configure_new_api_secret_sets_the_target_once(project: ProjectEnvironment) -> None:
    """The project's secret is the key of the HMAC. With a new secret, the target's values cannot be compared."""
    configure_project(project)
    new = project.emulator.refresh_secret(project.key)["secret"]
    run = project.configure(api_secret=new)
    assert run.changed == [TARGET]
    project.assert_idempotent(api_secret=new)


def test_configure_unified_application_sets_its_target(project: ProjectEnvironment) -> None:
    application = project.emulator.add_application()
    options = {
        "api_key": "",
        "api_secret": "",
        "application_id": application.key,
        "private_key": application.private_key_pem,
    }
    first = project.configure(**options, secrets=[application.private_key_pem])
    assert first.result["project"] == application.key
    assert (project.emulator.target(application.key) or {})["config"]["bucket"] == project.bucket
    assert project.objects() == [f".vonage-archiving/{application.key}.json"]
    second = project.configure(**options, secrets=[application.private_key_pem])
    assert second.changed == []


def test_configure_without_state_file_every_run_verifies_and_sets_the_target(project: ProjectEnvironment) -> None:
    for count in (1, 2):
        run = project.configure(state_file="none")
        assert TARGET in run.changed
        assert run.result["reason"] == "unknown"
        assert len(project.calls()) == count
        assert len(project.probes) == 3 * count
    assert project.objects() == []


def test_configure_state_file_on_disk_is_private_and_idempotent(project: ProjectEnvironment) -> None:
    path = project.home / "states" / "project.json"
    path.parent.mkdir()
    configure_project(project, state_file=str(path))
    assert path.stat().st_mode & 0o777 == 0o600
    assert json.loads(path.read_text())["status"] == "applied"
    assert list(path.parent.iterdir()) == [path]
    assert project.objects() == []
    project.assert_idempotent(state_file=str(path))


def test_configure_state_file_in_another_bucket_is_idempotent(project: ProjectEnvironment) -> None:
    other_bucket = f"{project.bucket}-states"
    project.client.create_bucket(Bucket=other_bucket)
    try:
        configure_project(project, state_file=f"s3://{other_bucket}/projects/a.json")
        project.assert_idempotent(state_file=f"s3://{other_bucket}/projects/a.json")
        assert [entry["Key"] for entry in project.client.list_objects_v2(Bucket=other_bucket)["Contents"]] == [
            "projects/a.json"
        ]
        assert project.objects() == []
    finally:
        project.store.empty_and_delete(other_bucket)


def test_configure_update_always_or_max_age_sets_the_target(project: ProjectEnvironment) -> None:
    configure_project(project)
    assert project.assert_idempotent(max_age="3600").result["reason"] == "unchanged"
    for options, reason in (({"update": "always"}, "forced"), ({"max_age": 0}, "expired")):
        project.clear_request_log()
        run = project.configure(**options)
        assert (run.changed, run.result["reason"]) == ([TARGET], reason)
        assert project.methods == ["PUT"]
        assert len(project.probes) == 3


def test_configure_without_uploader_secret_fails_only_if_it_is_needed(project: ProjectEnvironment) -> None:
    failed = project.run("configure", uploader_secret_key="").failed()
    assert "archive_storage_uploader_secret_key is not set, and the upload target needs an update" in failed.error
    assert failed.error.endswith(
        "(reason: no_state_file). Set archive_storage_uploader_secret_key. Nothing was changed."
    )
    assert (project.writes, project.calls(), project.exists()) == ([], [], False)
    configure_project(project)
    project.assert_idempotent(uploader_secret_key="")
    bucket_only = project.configure(uploader_secret_key="", tags={"a": "b"})
    assert (bucket_only.changed, bucket_only.result["checks"]) == ([BUCKET], [])
    project.clear_request_log()
    changes: list[dict[str, Any]] = [
        {"fallback": "none"},
        {"uploader_access_key": "AKIAIOSFODNN7EXAMPLE"},
        {"update": "always"},
    ]
    for change in changes:
        run = project.run("configure", uploader_secret_key="", **change, tags={"a": "c"}).failed()
        assert "archive_storage_uploader_secret_key is not set, and the upload target needs" in run.error
        planned = project.configure(args=["--check"], uploader_secret_key="", **change)
        assert planned.changed == [TARGET]
    assert (project.writes, project.calls()) == ([], [])
    assert project.state_file()["status"] == "applied"


def test_configure_wrong_uploader_secret_does_not_set_the_target(project: ProjectEnvironment) -> None:
    wrong = project.uploader[1][::-1]
    run = project.run("configure", uploader_secret_key=wrong).failed()
    assert run.failed_task == "Create or update the upload target"
    assert "credentials:" in run.error
    assert (project.methods, project.target()) == ([], None)
    assert project.objects() == []
    assert workflow_driver.configure(driver_variables(project)) == ["target"]
    project.clear_request_log()
    # A current target is not replaced either.
    run = project.run("configure", uploader_secret_key=wrong).failed()
    assert (project.methods, project.leftover_probes(), project.state_file()["status"]) == ([], [], "applied")
    assert project.emulator.record_archive(project.key)["status"] == "uploaded"


def test_configure_verify_never_uploads_no_probe(project: ProjectEnvironment) -> None:
    run = project.configure(verify="never")
    assert run.changed == [BUCKET, TARGET]
    assert (project.probes, run.result["checks"]) == ([], [])


def test_configure_wrong_api_secret_fails_and_the_next_run_succeeds(project: ProjectEnvironment) -> None:
    run = project.run("configure", api_secret="0" * 40).failed()
    assert run.failed_task == "Create or update the bucket"
    assert f"archive_storage_api_secret does not belong to archive_storage_api_key {project.key}" in run.error
    assert (project.target(), project.exists()) == (None, False)
    # Without the check, the API refuses the target itself.
    run = project.run("configure", api_secret="0" * 40, preflight="never").failed()
    assert run.failed_task == "Create or update the upload target"
    assert project.target() is None
    assert project.state_file()["status"] == "pending"
    assert workflow_driver.configure(driver_variables(project)) == ["target"]
    assert project.state_file()["status"] == "applied"


def test_configure_awx_values_equal_typed_values(project: ProjectEnvironment) -> None:
    """Empty inputs are empty strings. Numbers and booleans of a survey are strings, or Ansible converts them.

    The second run reads the project from a credential, that is, from the environment, and changes nothing.
    """
    names = ("access_key", "secret_key", "session_token", "profile", "aws_ca_bundle", "application_id", "private_key")
    empty = dict.fromkeys(
        (*names, "certificate", "state_file", "max_age", "require_tls", "cors_rules", "endpoint_url"), ""
    )
    survey: dict[str, Any] = {
        **empty,
        "public": "no",
        "require_encryption": "no",
        "verify": "new_key",
        "retention_days": "30",
        "abort_incomplete_uploads_days": "",
        "tags": "team: video\ncost: 47\n",
        "folders": "",
        "delete_bucket": "false",
        "validate_certs": "",
    }
    env = dict.fromkeys(("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_CA_BUNDLE", "AWS_DEFAULT_REGION"), "")
    first = project.configure(awx=True, env=env, **survey)
    assert first.changed == [BUCKET, TARGET]
    assert first.result["project"] == project.key
    assert lifecycle(project) == (f"{project.key}/", 30, 7)
    survey.update(api_key="", api_secret="")
    env.update(VONAGE_VIDEO_API_KEY=project.key, VONAGE_VIDEO_API_SECRET=project.secret)
    env.update(VONAGE_VIDEO_APPLICATION_ID="", VONAGE_VIDEO_PRIVATE_KEY_PATH="")
    second = project.assert_idempotent(awx=True, env=env, **survey)
    assert second.result["project"] == project.key
    assert second.result["bucket"]["tags"] == {"team": "video", "cost": "47"}
