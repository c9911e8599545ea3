# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The role and the playbook configure, as ansible-playbook runs them: what the store and the API hold afterwards."""

from __future__ import annotations

import json
from typing import Any

import pytest
import requests
from botocore.exceptions import ClientError

from tests.e2e import driver
from tests.e2e.prepared import configured, variables
from tests.e2e.runs import Run
from tests.e2e.site import Site, make_uploader

BUCKET = "vonage.archiving.archive_storage : Create or update the bucket"
TARGET = "vonage.archiving.archive_storage : Create or update the upload target"
CORS = """
- id: player
  allowed_origins: ["https://*.example.com"]
  allowed_methods: [GET, HEAD]
  max_age_seconds: 300
"""


def test_the_first_run_does_it_all_and_the_second_nothing(site: Site) -> None:
    first = site.configure()
    assert first.changed == [BUCKET, TARGET]
    assert first.stats["changed"] == 3
    assert first.task("Report").changed
    assert first.result["changed"] is True
    assert site.target() == {
        "type": "s3",
        "config": {
            "accessKey": site.uploader[0],
            "secretKey": site.uploader[1],
            "bucket": site.bucket,
            "endpoint": site.s3.url,
            "sse": "s3",
        },
        "fallback": "opentok",
        "certificate": None,
    }
    rules = site.holds("get_bucket_encryption")["ServerSideEncryptionConfiguration"]["Rules"]
    assert rules[0]["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"] == "AES256"
    record = site.record()
    assert (record["status"], record["storage"]["access_key"]) == ("applied", site.uploader[0])
    assert first.result["state_file"] == {
        "location": f"s3://{site.bucket}/{site.record_key}",
        "status": "applied",
        "time": record["time"],
        "since": record["time"],
    }
    # The proof came before the target was set, and nothing of it is left.
    assert all(check["ok"] for check in first.result["checks"])
    (put,) = site.calls()
    uploads = [each for each in site.s3.requests if each.method == "PUT" and "probe" in each.path]
    assert len(uploads) == 3
    assert max(each.time for each in uploads) < put["time"]
    assert site.objects() == [site.record_key]
    second = site.steady()
    assert second.result["reason"] == "unchanged"
    assert site.record() == record


def test_archives_land_encrypted_and_are_kept_when_they_cannot(site: Site) -> None:
    configured(site)
    archive = site.emulator.record_archive(site.key)
    key = f"{site.key}/{archive['id']}/archive.mp4"
    assert (archive["status"], archive["sandbox"]["key"]) == ("uploaded", key)
    stored = site.client.head_object(Bucket=site.bucket, Key=key)
    assert stored["ServerSideEncryption"] == "AES256"
    assert stored["ContentLength"] == archive["size"]
    revoke(site, site.uploader[0])
    kept = site.emulator.record_archive(site.key)
    assert kept["status"] == "available"
    assert kept["sandbox"]["upload_error"]
    assert requests.get(kept["url"], timeout=10).content[4:8] == b"ftyp"


def revoke(site: Site, access_key: str) -> None:
    """Take a key away from its user."""
    iam = site.store.iam_client()
    for user in iam.list_users()["Users"]:
        keys = iam.list_access_keys(UserName=user["UserName"])["AccessKeyMetadata"]
        if access_key in [key["AccessKeyId"] for key in keys]:
            iam.delete_access_key(UserName=user["UserName"], AccessKeyId=access_key)
            return
    raise AssertionError(f"nobody has the key {access_key}")


def diffs(run: Run) -> dict[str, Any]:
    """What the tasks that change something showed as a difference."""
    return {event.task: event.result["diff"] for event in run.events if event.changed}


def test_check_mode_on_nothing_says_what_the_run_does(site: Site) -> None:
    planned = site.configure(args=["--check", "--diff"])
    assert site.written == []
    assert site.calls() == []
    assert not site.exists()
    assert planned.result["checks"] == []
    done = site.configure(args=["--diff"])
    assert planned.changed == done.changed == [BUCKET, TARGET]
    assert diffs(planned) == diffs(done)
    assert planned.result["bucket_changes"] == done.result["bucket_changes"]
    site.forget()
    planned = site.configure(args=["--check", "--diff"], fallback="none", tags={"team": "video"})
    assert (site.written, site.calls()) == ([], [])
    assert site.record()["storage"]["fallback"] == "opentok"
    done = site.configure(args=["--diff"], fallback="none", tags={"team": "video"})
    assert planned.changed == done.changed == [BUCKET, TARGET]
    assert diffs(planned) == diffs(done)
    diff = diffs(done)
    assert (diff[TARGET]["before"]["fallback"], diff[TARGET]["after"]["fallback"]) == ("opentok", "none")
    assert (diff[BUCKET]["before"]["tags"], diff[BUCKET]["after"]["tags"]) == ({}, {"team": "video"})
    assert site.configure(args=["--check"], fallback="none", tags={"team": "video"}).changed == []


def test_every_variable_of_the_bucket_reaches_it_and_goes_again(site: Site) -> None:
    site.client.create_bucket(Bucket=site.bucket)
    configured(site)
    site.client.put_bucket_tagging(Bucket=site.bucket, Tagging={"TagSet": [{"Key": "left", "Value": "alone"}]})
    wanted: dict[str, Any] = {
        "cors_rules": CORS,
        "folders": "incoming, done/2026",
        "tags": "{team: video, cost: 47}",
        "retention_days": "30",
        "abort_incomplete_uploads_days": 2,
    }
    run = site.configure(**wanted)
    assert run.changed == [BUCKET]
    assert sorted(run.result["bucket_changes"]) == ["cors_rules", "folders", "lifecycle", "tags"]
    assert site.methods == ["PUT"]
    (rule,) = site.holds("get_bucket_cors")["CORSRules"]
    assert (rule["AllowedOrigins"], sorted(rule["AllowedMethods"])) == (["https://*.example.com"], ["GET", "HEAD"])
    assert {check["name"]: check["ok"] for check in run.result["checks"]}["cors_preflight"]
    assert {"incoming/", "done/2026/"} <= set(site.objects())
    tags = {tag["Key"]: tag["Value"] for tag in site.holds("get_bucket_tagging")["TagSet"]}
    assert tags == {"left": "alone", "team": "video", "cost": "47"}
    assert lifecycle(site) == (f"{site.key}/", 30, 2)
    site.steady(**wanted)
    back = site.configure(cors_rules="[]", retention_days="", abort_incomplete_uploads_days="0")
    assert sorted(back.result["bucket_changes"]) == ["cors_rules", "lifecycle"]
    assert site.holds("get_bucket_cors") is None
    assert site.holds("get_bucket_lifecycle_configuration") is None


def test_encryption_can_be_required(site: Site) -> None:
    site.configure(require_encryption="yes", verify="never")
    # Of this project only, and immediately: no recording was on its way to a bucket that did not exist.
    with pytest.raises(ClientError, match="AccessDenied"):
        site.client.put_object(Bucket=site.bucket, Key=f"{site.key}/plain", Body=b"")
    site.client.put_object(Bucket=site.bucket, Key=f"{site.key}/encrypted", Body=b"", ServerSideEncryption="AES256")
    site.client.put_object(Bucket=site.bucket, Key="elsewhere", Body=b"")
    assert site.record()["status"] == "applied"
    site.steady(require_encryption=True, verify="never")
    site.forget()
    # SeaweedFS 4.48 refuses a user's encrypted uploads, too, once a policy looks at their header: the proof finds it.
    refused = site.run("configure", require_encryption=True, fallback="none", verify_timeout=2).failed()
    assert refused.failed_task == "Create or update the upload target"
    assert "the bucket policy must not deny it" in refused.error
    assert site.methods == []
    back = site.configure()
    assert back.result["bucket_changes"] == ["require_encryption"]
    assert all(check["ok"] for check in back.result["checks"])


def test_requirement_that_uploads_do_not_meet_is_removed_again(site: Site) -> None:
    """The run that finds this fails, and recordings arrive as before."""
    site.configure(verify="never", sse="none")
    pending = site.configure(require_encryption=True)
    assert pending.result["pending_requirements"] == ["require_encryption"]
    assert site.holds("get_bucket_policy") is None
    site.pass_time(60)
    site.forget()
    # SeaweedFS 4.48 refuses a user's encrypted uploads once a policy looks at their header.
    failed = site.run("configure", require_encryption=True, verify_timeout=2).failed()
    assert failed.failed_task == "Verify that uploads meet the new requirements"
    assert "the bucket policy must not deny it" in failed.error
    assert any("policy" in line and line.startswith("PUT") for line in site.written)
    assert site.holds("get_bucket_policy") is None
    assert site.emulator.record_archive(site.key)["status"] == "uploaded"
    # A requirement of an earlier run stays.
    site.configure(require_encryption=True, verify="never")
    site.run("configure", require_encryption=True, fallback="none", verify_timeout=2).failed()
    assert "RequireEncryption" in site.holds("get_bucket_policy")["Policy"]


def lifecycle(site: Site) -> tuple[str, int, int]:
    """The prefix and the days of the one rule."""
    (rule,) = site.holds("get_bucket_lifecycle_configuration")["Rules"]
    prefix = rule.get("Prefix") or rule["Filter"]["Prefix"]
    return prefix, rule["Expiration"]["Days"], rule["AbortIncompleteMultipartUpload"]["DaysAfterInitiation"]


def test_public_opens_the_recordings_and_nothing_else(site: Site) -> None:
    def status(key: str) -> int:
        return requests.get(f"{site.store.endpoint_url}/{site.bucket}/{key}", timeout=10).status_code

    site.configure(public="true")
    archive = site.emulator.record_archive(site.key)["sandbox"]["key"]
    site.client.put_object(Bucket=site.bucket, Key="elsewhere/archive.mp4", Body=b"")
    assert [status(key) for key in (archive, "elsewhere/archive.mp4", site.record_key, "")] == [200, 403, 403, 403]
    site.steady(public=True)
    closed = site.configure(public="")
    assert closed.changed == [BUCKET]
    assert closed.result["bucket_changes"] == ["public_prefixes"]
    assert status(archive) == 403
    assert [check["ok"] for check in closed.result["checks"] if check["name"] == "anonymous_read"] == [True]


def test_every_variable_of_the_target_reaches_it(site: Site) -> None:
    configured(site)
    new = make_uploader(site.store, site.bucket)
    changes: dict[str, Any] = {"fallback": "none", "sse": "none", "endpoint": site.store.endpoint_url}
    keys = {"uploader_access_key": new[0], "uploader_secret_key": new[1]}
    run = site.configure(**changes, **keys)
    assert run.changed == [TARGET]
    assert run.result["reason"] == "changed"
    target = site.target()
    assert target is not None
    assert target["fallback"] == "none"
    assert target["config"] == {
        "accessKey": new[0],
        "secretKey": new[1],
        "bucket": site.bucket,
        "endpoint": site.store.endpoint_url,
        "sse": "none",
    }
    assert site.emulator.record_archive(site.key)["status"] == "uploaded"
    site.steady(**changes, **keys)


def test_only_a_new_secret(site: Site) -> None:
    """Nothing but the HMAC in the record tells of it."""
    configured(site)
    other = make_uploader(site.store, site.bucket)
    run = site.run("configure", uploader_secret_key=other[1]).failed()
    assert run.failed_task == "Create or update the upload target"
    assert site.methods == ["PUT"]
    site.steady()


def test_a_new_api_secret_is_no_reason_to_call_but_for_the_doubt(site: Site) -> None:
    """The HMAC is keyed by the project's secret: with a new one nothing proves that the target's is the same."""
    configured(site)
    new = site.emulator.refresh_secret(site.key)["secret"]
    run = site.configure(api_secret=new)
    assert run.changed == [TARGET]
    site.steady(api_secret=new)


def test_an_application_of_the_unified_environment(site: Site) -> None:
    application = site.emulator.add_application()
    options = {
        "api_key": "",
        "api_secret": "",
        "application_id": application.key,
        "private_key": application.private_key_pem,
    }
    first = site.configure(**options, secrets=[application.private_key_pem])
    assert first.result["project"] == application.key
    assert (site.emulator.target(application.key) or {})["config"]["bucket"] == site.bucket
    assert site.objects() == [f".vonage-archiving/{application.key}.json"]
    second = site.configure(**options, secrets=[application.private_key_pem])
    assert second.changed == []


def test_without_a_record_every_run_proves_and_sets(site: Site) -> None:
    for count in (1, 2):
        run = site.configure(state_file="none")
        assert TARGET in run.changed
        assert run.result["reason"] == "unknown"
        assert len(site.calls()) == count
        assert len(site.probes) == 3 * count
    assert site.objects() == []


def test_a_record_in_a_file(site: Site) -> None:
    path = site.home / "records" / "project.json"
    path.parent.mkdir()
    configured(site, state_file=str(path))
    assert path.stat().st_mode & 0o777 == 0o600
    assert json.loads(path.read_text())["status"] == "applied"
    assert list(path.parent.iterdir()) == [path]
    assert site.objects() == []
    site.steady(state_file=str(path))


def test_a_record_in_another_bucket(site: Site) -> None:
    other = f"{site.bucket}-records"
    site.client.create_bucket(Bucket=other)
    try:
        configured(site, state_file=f"s3://{other}/projects/a.json")
        site.steady(state_file=f"s3://{other}/projects/a.json")
        assert [each["Key"] for each in site.client.list_objects_v2(Bucket=other)["Contents"]] == ["projects/a.json"]
        assert site.objects() == []
    finally:
        site.store.empty_and_delete(other)


def test_forced_and_expired(site: Site) -> None:
    configured(site)
    assert site.steady(max_age="3600").result["reason"] == "unchanged"
    for options, reason in (({"update": "always"}, "forced"), ({"max_age": 0}, "expired")):
        site.forget()
        run = site.configure(**options)
        assert (run.changed, run.result["reason"]) == ([TARGET], reason)
        assert site.methods == ["PUT"]
        assert len(site.probes) == 3


def test_the_secret_may_be_left_out_until_it_is_needed(site: Site) -> None:
    early = site.run("configure", uploader_secret_key="").failed()
    assert "archive_storage_uploader_secret_key is not set, and the upload target needs an update" in early.error
    assert "reason: unknown). Nothing was changed." in early.error
    assert (site.written, site.calls(), site.exists()) == ([], [], False)
    configured(site)
    site.steady(uploader_secret_key="")
    bucket_only = site.configure(uploader_secret_key="", tags={"a": "b"})
    assert (bucket_only.changed, bucket_only.result["checks"]) == ([BUCKET], [])
    site.forget()
    changes: list[dict[str, Any]] = [
        {"fallback": "none"},
        {"uploader_access_key": "AKIAIOSFODNN7EXAMPLE"},
        {"update": "always"},
    ]
    for change in changes:
        run = site.run("configure", uploader_secret_key="", **change, tags={"a": "c"}).failed()
        assert "archive_storage_uploader_secret_key is not set, and the upload target needs" in run.error
        planned = site.configure(args=["--check"], uploader_secret_key="", **change)
        assert planned.changed == [TARGET]
    assert (site.written, site.calls()) == ([], [])
    assert site.record()["status"] == "applied"


def test_a_wrong_uploader_secret_is_found_before_the_target_is_set(site: Site) -> None:
    wrong = site.uploader[1][::-1]
    run = site.run("configure", uploader_secret_key=wrong).failed()
    assert run.failed_task == "Create or update the upload target"
    assert "credentials:" in run.error
    assert (site.methods, site.target()) == ([], None)
    assert site.objects() == []
    assert driver.configure(variables(site)) == ["target"]
    site.forget()
    # Nor does it replace a target that works.
    run = site.run("configure", uploader_secret_key=wrong).failed()
    assert (site.methods, site.left_probes(), site.record()["status"]) == ([], [], "applied")
    assert site.emulator.record_archive(site.key)["status"] == "uploaded"


def test_without_verify_nothing_is_uploaded(site: Site) -> None:
    run = site.configure(verify="never")
    assert run.changed == [BUCKET, TARGET]
    assert (site.probes, run.result["checks"]) == ([], [])


def test_a_wrong_api_secret(site: Site) -> None:
    run = site.run("configure", api_secret="0" * 40).failed()
    assert run.failed_task == "Create or update the upload target"
    assert f"api_secret does not belong to api_key {site.key}" in run.error
    assert site.target() is None
    assert site.record()["status"] == "pending"
    assert driver.configure(variables(site)) == ["target"]
    assert site.record()["status"] == "applied"


def test_values_as_awx_sends_them(site: Site) -> None:
    """Inputs that were left empty are empty strings; a survey's digits and booleans are strings or become values.

    The second run has the project from a credential, that is from the environment, and finds nothing to do.
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
    first = site.configure(awx=True, env=env, **survey)
    assert first.changed == [BUCKET, TARGET]
    assert first.result["project"] == site.key
    assert lifecycle(site) == (f"{site.key}/", 30, 7)
    survey.update(api_key="", api_secret="")
    env.update(VONAGE_VIDEO_API_KEY=site.key, VONAGE_VIDEO_API_SECRET=site.secret)
    env.update(VONAGE_VIDEO_APPLICATION_ID="", VONAGE_VIDEO_PRIVATE_KEY_PATH="")
    second = site.steady(awx=True, env=env, **survey)
    assert second.result["project"] == site.key
    assert second.result["bucket"]["tags"] == {"team": "video", "cost": "47"}
