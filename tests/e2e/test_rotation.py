# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Test the lifecycle of managed keys: creation, verification, rotation, deactivation, and deletion, with failures.

In every test, each key that the target may contain works: uploads arrive at any time.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.vonage.archiving.plugins.module_utils._core import errors
from ansible_collections.vonage.archiving.plugins.module_utils._core.errors import VerificationFailedError
from ansible_collections.vonage.archiving.plugins.module_utils._core.plan import Context
from ansible_collections.vonage.archiving.plugins.module_utils._core.timestamps import format_utc, parse_utc
from ansible_collections.vonage.archiving.plugins.module_utils._upload_target import result
from ansible_collections.vonage.archiving.plugins.module_utils._upload_target.reconcile import reconcile
from ansible_collections.vonage.archiving.plugins.module_utils._vonage.client import Client
from tests.e2e import playbook_runs
from tests.e2e.rotation_environment import RotationEnvironment, new_rotation_environment
from tests.sandbox import DropConnection, ProxiedRequest, Sandbox

DAY = 24 * 3600
READS = [
    "GET /BUCKET/.vonage-archiving/KEY.json",
    "GetUser vonage-archiving-KEY",
    "GetUser vonage-archiving-KEY-spare",
    "GetUserPolicy vonage-archiving-KEY",
    "ListAccessKeys vonage-archiving-KEY",
    "ListUserTags vonage-archiving-KEY",
]
# The requests of a rotation without verification, in the order of the changes. Users alternate.
WRITES = [
    "PUT /BUCKET/.vonage-archiving/KEY.json",
    "CreateUser vonage-archiving-KEY-spare",
    "TagUser vonage-archiving-KEY-spare",
    "PutUserPolicy vonage-archiving-KEY-spare",
    "CreateAccessKey vonage-archiving-KEY-spare",
    "PUT /BUCKET/.vonage-archiving/KEY.json",
    "PUT /v2/project/KEY/archive/storage",
    "PUT /BUCKET/.vonage-archiving/KEY.json",
    "UpdateAccessKey vonage-archiving-KEY",
    "DeleteAccessKey vonage-archiving-KEY",
]
Options = dict[str, Any]


@pytest.fixture
def rotation(e2e_sandbox: Sandbox) -> Iterator[RotationEnvironment]:
    with new_rotation_environment(e2e_sandbox) as rotation:
        yield rotation


@pytest.fixture
def project(rotation: RotationEnvironment) -> RotationEnvironment:
    """A project that has its first key."""
    rotation.run(verify="never")
    rotation.assert_configured()
    return rotation


@pytest.fixture(scope="module")
def moto() -> Iterator[RotationEnvironment]:
    """A project on a store whose IAM returns creation times of keys, and has a quota."""
    with Sandbox(stores=("moto-iam",)) as sandbox, new_rotation_environment(sandbox) as rotation:
        yield rotation


def pass_time(rotation: RotationEnvironment, seconds: float) -> None:
    """Move the time in the state file into the past."""
    document = rotation.state_file()
    moment = (parse_utc(document["time"]) or 0) - seconds
    rotation.write_state_file(json.dumps({**document, "time": format_utc(moment)}))
    rotation.s3.pass_time(f"/{rotation.bucket}/{rotation.state_file_key}", seconds)


def set_external_key(rotation: RotationEnvironment, access_key: str, secret_key: str, **options: Any) -> None:
    """Set the target with an external key. The state file is the same."""
    s3 = {**rotation.params["s3"], "access_key": access_key, "secret_key": secret_key}
    reconcile({**rotation.connection, **rotation.external, "s3": s3, "verify": "never", **options}, Context())


def assert_failure(rotation: RotationEnvironment, kind: type[errors.ArchivingError], **options: Any) -> str:
    """Assert that a run fails with a typed error without secrets, and return its message."""
    with pytest.raises(kind) as caught:
        rotation.run(**options)
    text = f"{caught.value} {caught.value.as_result()}"
    assert not playbook_runs.find_leaks(text, rotation.secrets)
    return str(caught.value)


class TestRotation:
    def test_reconcile_first_run_creates_one_key(self, rotation: RotationEnvironment) -> None:
        preview = rotation.run(check_mode=True)
        assert rotation.writes == []
        assert not rotation.user_exists(rotation.user)
        outcome = rotation.run()
        assert (outcome.changed, outcome.result["reason"]) == (True, "no_state_file")
        assert (outcome.before, outcome.after) == (preview.before, preview.after)
        assert outcome.result["changes"] == preview.result["changes"]
        assert outcome.result["storage"]["access_key"] == rotation.target_key_id
        assert outcome.result["verification"] == f"uploads with {rotation.target_key_id} work"
        assert all(check["ok"] for check in outcome.result["checks"])
        assert [key["in_target"] for key in outcome.result["access_keys"]] == [True]
        assert set(rotation.created_keys) == {rotation.target_key_id}
        rotation.assert_configured()
        assert not rotation.user_exists(f"{rotation.user}-spare")

    def test_reconcile_second_run_only_reads(self, rotation: RotationEnvironment) -> None:
        """The run reads IAM five times and the state file once. It creates no key and needs no secret."""
        rotation.run()
        for check_mode in (False, True):
            outcome = rotation.assert_idempotent(check_mode=check_mode, rotate_after=DAY)
            assert sorted(rotation.described_requests) == READS
            assert outcome.before == outcome.after
            assert (
                outcome.result["changes"],
                outcome.result["retained_keys_reason"],
                outcome.result["verification"],
            ) == ([], "", "")

    def test_rotate_replaces_the_key(self, project: RotationEnvironment) -> None:
        old = project.target_key_id
        project.clear_request_log()
        preview = project.run(check_mode=True, rotate=True)
        assert sorted(project.described_requests) == sorted([*READS, "GET /v2/project/KEY/archive?count=1"])
        outcome = project.run(rotate=True)
        assert outcome.result["reason"] == "forced"
        assert (outcome.before, outcome.after) == (preview.before, preview.after)
        # Probes are written concurrently, and two servers log the requests. Only the order of the writes is
        # significant.
        writes = [
            write for write, _time in sorted(timed_writes(project), key=lambda pair: pair[1]) if "probe" not in write
        ]
        assert writes == WRITES
        assert project.target_key_id != old
        project.assert_configured()
        project.assert_idempotent()

    @pytest.mark.parametrize(
        ("options", "reason"),
        [({"fallback": "opentok"}, "changed"), ({"rotate": True}, "forced"), ({"rotate_after": DAY}, "expired")],
    )
    def test_reconcile_change_or_age_rotates_with_reason(
        self, project: RotationEnvironment, options: Options, reason: str
    ) -> None:
        if reason == "expired":
            pass_time(project, DAY - 60)
            project.assert_idempotent(**options)
            pass_time(project, 61)
        preview = project.run(check_mode=True, **options)
        outcome = project.run(verify="never", **options)
        assert preview.result["reason"] == outcome.result["reason"] == reason
        project.assert_configured()

    def test_rotate_after_is_set_returns_rotate_at(self, project: RotationEnvironment) -> None:
        outcome = project.assert_idempotent(rotate_after=DAY)
        due = parse_utc(outcome.result["rotate_at"])
        assert due == (parse_utc(project.state_file()["time"]) or 0) + DAY
        assert project.assert_idempotent().result["rotate_at"] is None

    def test_rotate_failed_verification_changes_nothing(self, project: RotationEnvironment) -> None:
        before, key = project.state_file_text(), project.target_key_id
        project.clear_request_log()
        text = assert_failure(project, VerificationFailedError, rotate=True, expect_public=True, verify_timeout=1)
        assert "The upload target was not changed" in text
        assert project.state_file_text() == before
        assert project.statuses() == {key: "Active"}
        assert [request.query for request in project.api.requests] == ["count=1"]
        project.assert_configured()
        project.assert_idempotent()

    def test_rotate_state_file_on_disk_is_idempotent(self, rotation: RotationEnvironment, tmp_path: Path) -> None:
        options: Options = {"state_file": str(tmp_path / "state.json"), "verify": "never"}
        rotation.run(**options)
        first = rotation.target_key_id
        rotation.run(rotate=True, **options)
        assert rotation.statuses() == {rotation.target_key_id: "Active"}
        assert rotation.target_key_id != first
        rotation.assert_idempotent(**options)

    def test_rotate_unified_project_is_idempotent(self, rotation: RotationEnvironment) -> None:
        application = rotation.emulator.add_application()
        options: Options = {"api_key": None, "api_secret": None, "application_id": application.key, "verify": "never"}
        options["private_key"] = application.private_key_pem
        rotation.key = application.key
        options["state_file"] = f"s3://{rotation.bucket}/{rotation.state_file_key}"
        rotation.run(**options)
        rotation.run(rotate=True, **options)
        rotation.assert_configured()
        rotation.assert_idempotent(**options)


def timed_writes(rotation: RotationEnvironment) -> Iterator[tuple[str, float]]:
    """The write requests with their times."""
    for request in [*rotation.s3.requests, *rotation.api.requests]:
        description = rotation.describe_request(request)
        if description in rotation.writes:
            yield description, request.time


class TestVerify:
    def test_verify_only_changes_nothing(self, project: RotationEnvironment) -> None:
        before = project.state_file_text()
        outcome = project.run(verify="only", rotate=True)
        assert not outcome.changed
        assert outcome.result["reason"] == "forced"
        assert outcome.result["verification"].startswith("uploads with ")
        assert project.state_file_text() == before
        project.assert_configured()
        assert project.client.list_objects_v2(Bucket=project.bucket, Prefix=f"{project.key}/vonage-")["KeyCount"] == 0
        project.assert_idempotent()

    def test_verify_only_without_user_writes_nothing(self, rotation: RotationEnvironment) -> None:
        outcome = rotation.run(verify="only")
        assert f"the user {rotation.user} does not exist" in outcome.result["verification"]
        assert rotation.writes == []

    def test_verify_only_check_mode_writes_nothing(self, project: RotationEnvironment) -> None:
        project.clear_request_log()
        assert project.run(check_mode=True, verify="only", fallback="opentok").changed
        assert project.writes == []

    def test_verify_only_failed_check_raises_error(self, project: RotationEnvironment) -> None:
        assert_failure(project, VerificationFailedError, verify="only", expect_public=True, verify_timeout=1)
        project.assert_configured()

    def test_verify_always_without_change_verifies(self, project: RotationEnvironment) -> None:
        outcome = project.run(verify="always")
        assert not outcome.changed
        assert outcome.result["verification"].startswith("uploads with ")
        project.assert_configured()

    def test_verify_always_after_deletion_of_old_key_verifies(self, project: RotationEnvironment) -> None:
        """A key can be created after the old key is deleted."""
        project.run(rotate=True, grace_period=DAY, verify="never")
        pass_time(project, DAY)
        outcome = project.run(grace_period=DAY, verify="always")
        assert outcome.changed
        assert outcome.result["verification"].startswith("uploads with ")
        project.assert_configured()

    def test_verify_only_without_free_slot_uploads_nothing(self, project: RotationEnvironment) -> None:
        for _unused in range(3):
            project.run(rotate=True, grace_period=DAY, verify="never")
        outcome = project.run(grace_period=DAY, verify="only")
        assert "uploads were not verified: each user has two keys" in outcome.result["verification"]
        assert len(project.statuses()) == 4
        project.record_archive()

    def test_verify_only_deleted_temporary_key_raises_conflict(self, project: RotationEnvironment) -> None:
        """Another run deletes the temporary key as a leftover. This does not mean that uploads would fail."""
        target_key = project.target_key_id

        def before(n: int, request: ProxiedRequest) -> None:
            if "archive.mp4" in request.path:
                for key in set(project.statuses()) - {target_key}:
                    project.iam.delete_access_key(UserName=project.user, AccessKeyId=key)

        project.s3.before = before
        assert "another run has deleted the temporary key" in assert_failure(
            project, errors.ConflictError, verify="only", verify_timeout=1
        )
        project.s3.before = None
        project.assert_configured()


class TestExternalKey:
    def test_reconcile_external_and_managed_key_replace_each_other(self, rotation: RotationEnvironment) -> None:
        policy = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}
        user = f"external-{rotation.key}"
        external = rotation.store.make_user(user, policy)
        set_external_key(rotation, *external)
        rotation.record_archive()
        outcome = rotation.run(verify="never")
        assert outcome.result["reason"] == "changed"
        rotation.assert_configured()
        managed = rotation.target_key_id
        # In the other direction, the managed key stays with its user.
        set_external_key(rotation, *external)
        assert rotation.target_key_id == external[0]
        assert rotation.statuses() == {managed: "Active"}
        rotation.record_archive()
        rotation.run(verify="never")
        rotation.assert_configured()
        assert rotation.target_key_id not in (managed, external[0])
        # The external key is not managed, and is not changed.
        assert [key["Status"] for key in rotation.keys_of(user)] == ["Active"]

    def test_reconcile_external_key_of_the_same_user_is_adopted(self, project: RotationEnvironment) -> None:
        """A playbook that uses the modules can set a key of the same user. The key is adopted."""
        created = project.iam.create_access_key(UserName=project.user)["AccessKey"]
        old = project.target_key_id
        set_external_key(project, created["AccessKeyId"], created["SecretAccessKey"])
        project.record_archive()
        project.run(verify="never")
        project.assert_configured()
        assert old not in project.statuses()


class TestGracePeriod:
    def test_grace_period_over_deactivates_then_deletes(self, project: RotationEnvironment) -> None:
        times: Options = {"grace_period": 3600, "delete_after": 7200, "verify": "never"}
        old = project.target_key_id
        outcome = project.run(rotate=True, **times)
        assert project.statuses() == {old: "Active", project.target_key_id: "Active"}
        assert outcome.result["retained_keys_reason"] == result.GRACE_PERIOD
        project.assert_idempotent(**times)
        pass_time(project, 3601)
        preview = project.run(check_mode=True, **times)
        outcome = project.run(**times)
        assert project.statuses() == {old: "Inactive", project.target_key_id: "Active"}
        assert (outcome.changed, outcome.result["retained_keys_reason"]) == (True, result.DELETE_AFTER)
        assert (outcome.before, outcome.after) == (preview.before, preview.after)
        project.assert_idempotent(**times)
        pass_time(project, 7200)
        assert project.run(**times).result["retained_keys_reason"] == ""
        project.assert_configured()
        project.assert_idempotent(**times)

    def test_delete_after_without_free_slot_deletes_an_inactive_key(self, project: RotationEnvironment) -> None:
        for count in range(1, 4):
            project.run(rotate=True, delete_after=3600, verify="never")
            assert Counter(project.statuses().values()) == {"Active": 1, "Inactive": count}
        before = set(project.statuses())
        project.run(rotate=True, delete_after=3600, verify="never")
        assert len(before - set(project.statuses())) == 1
        assert Counter(project.statuses().values()) == {"Active": 1, "Inactive": 3}
        project.record_archive()

    def test_grace_period_second_rotation_keeps_old_keys(self, project: RotationEnvironment) -> None:
        """Each new key belongs to the user with fewer keys. Both users can upload."""
        first = project.target_key_id
        project.run(rotate=True, grace_period=DAY, verify="never")
        second = project.target_key_id
        project.run(rotate=True, grace_period=DAY, verify="never")
        assert project.statuses() == {first: "Active", second: "Active", project.target_key_id: "Active"}
        assert [len(project.keys_of(user)) for user in project.users] == [2, 1]
        project.record_archive()
        project.run(rotate=True, grace_period=DAY, verify="never")
        assert len(project.statuses()) == 4
        text = assert_failure(project, errors.QuotaError, rotate=True, grace_period=DAY, verify="never")
        ends = format_utc((parse_utc(project.state_file()["time"]) or 0) + DAY)
        assert f"Run it again after {ends}, when the grace period is over" in text
        project.record_archive()
        pass_time(project, DAY)
        project.run(grace_period=DAY, verify="never")
        project.assert_configured()

    def test_revoke_old_keys_without_free_slot_replaces_every_key(self, project: RotationEnvironment) -> None:
        for _unused in range(3):
            project.run(rotate=True, grace_period=DAY, verify="never")
        assert Counter(project.statuses().values()) == {"Active": 4}
        project.emulator.start_archive(project.key)
        project.run(rotate=True, grace_period=DAY, delete_after=DAY, revoke_old_keys=True, verify="never")
        assert Counter(project.statuses().values()) == {"Active": 1, "Inactive": 3}
        assert project.statuses()[project.target_key_id] == "Active"
        project.record_archive()

    def test_rotate_repeated_alternates_between_users(self, project: RotationEnvironment) -> None:
        owners = []
        for _unused in range(3):
            project.run(rotate=True, verify="never")
            owners.append([len(project.keys_of(user)) for user in project.users])
            project.assert_configured()
            project.assert_idempotent()
        assert owners == [[0, 1], [1, 0], [0, 1]]


class Upload:
    """A recording whose upload with the current key of the target is in progress."""

    def __init__(self, rotation: RotationEnvironment, bucket: str = "") -> None:
        config = rotation.target()["config"]
        self.client = rotation.store.client(config["accessKey"], config["secretKey"])
        location = {"Bucket": bucket or rotation.bucket, "Key": f"{rotation.key}/recording/archive.mp4"}
        upload_id = self.client.create_multipart_upload(**location)["UploadId"]
        self.upload = {**location, "UploadId": upload_id}
        self.key = config["accessKey"]
        self.first = self.part(1)

    def part(self, number: int) -> dict[str, Any]:
        etag = self.client.upload_part(**self.upload, PartNumber=number, Body=b"x" * 5 * 2**20)["ETag"]
        return {"PartNumber": number, "ETag": etag}

    def end(self) -> None:
        parts = [self.first, self.part(2)]
        self.client.complete_multipart_upload(**self.upload, MultipartUpload={"Parts": parts})


class TestUploadsInProgress:
    def test_rotate_upload_in_progress_keeps_its_key(self, project: RotationEnvironment) -> None:
        upload = Upload(project)
        outcome = project.run(rotate=True, verify="never")
        assert outcome.result["retained_keys_reason"] == result.UPLOADS_IN_PROGRESS
        assert project.statuses() == {upload.key: "Active", project.target_key_id: "Active"}
        assert project.assert_idempotent().result["retained_keys_reason"] == result.UPLOADS_IN_PROGRESS
        project.record_archive()
        upload.end()
        assert project.run(check_mode=True).changed
        project.run()
        project.assert_configured()
        project.assert_idempotent()

    def test_rotate_drain_timeout_waits_for_uploads(self, project: RotationEnvironment) -> None:
        upload = Upload(project)
        ended: list[float] = []

        def before(n: int, request: ProxiedRequest) -> None:
            # The third poll: the uploads do not end immediately.
            polls = [
                earlier_request
                for earlier_request in project.s3.requests
                if earlier_request.query.startswith("uploads&prefix")
            ]
            if len(polls) == 3 and not ended:
                ended.append(time.time())
                upload.end()

        project.s3.before = before
        outcome = project.run(rotate=True, verify="never", drain_timeout=20)
        assert ended
        assert outcome.result["retained_keys_reason"] == ""
        project.assert_configured()

    def test_rotate_uploads_with_the_new_key_do_not_delay_deletion(self, project: RotationEnvironment) -> None:
        """Under load, an upload is always in progress. Uploads with the new key do not need the old key."""
        first = Upload(project)
        later: list[Upload] = []

        def before(n: int, request: ProxiedRequest) -> None:
            polls = [
                earlier_request
                for earlier_request in project.s3.requests
                if earlier_request.query.startswith("uploads&prefix")
            ]
            if len(polls) == 2 and not later:
                later.append(Upload(project))
                first.end()

        project.s3.before = before
        outcome = project.run(rotate=True, verify="never", drain_timeout=20)
        assert later[0].key == project.target_key_id != first.key
        assert outcome.result["retained_keys_reason"] == ""
        later[0].end()
        project.assert_configured()

    def test_rotate_twice_upload_in_progress_keeps_its_key(self, project: RotationEnvironment) -> None:
        upload = Upload(project)
        project.run(rotate=True, verify="never")
        project.run(rotate=True, verify="never")
        assert len(project.statuses()) == 3
        upload.end()
        project.run()
        project.assert_configured()

    def test_rotate_abandoned_upload_keeps_its_key_for_one_day(self, project: RotationEnvironment) -> None:
        upload = Upload(project)
        project.run(rotate=True, verify="never")
        project.run(later=DAY - 60)
        assert project.statuses() == {upload.key: "Active", project.target_key_id: "Active"}
        project.run(later=DAY + 60)
        project.assert_configured()

    def test_reconcile_upload_to_the_previous_bucket_keeps_its_key(self, project: RotationEnvironment) -> None:
        """A later run that only deletes old keys reports them, too."""
        upload = Upload(project)
        other_bucket = f"{project.bucket}-2"
        project.client.create_bucket(Bucket=other_bucket)
        options: Options = {"s3": {**project.params["s3"], "bucket": other_bucket}, "verify": "never"}
        outcome = project.run(**options)
        assert outcome.result["retained_keys_reason"] == result.UPLOADS_IN_PROGRESS
        assert project.bucket in project.policy()
        assert project.assert_idempotent(**options).result["retained_keys_reason"] == result.UPLOADS_IN_PROGRESS
        upload.end()
        project.run(**options)
        project.assert_configured()
        assert f"{project.bucket}/" not in project.policy()
        project.store.empty_and_delete(other_bucket)


class TestBucketChange:
    def test_reconcile_another_bucket_is_allowed_before_the_target_is_set(self, project: RotationEnvironment) -> None:
        """Until the target is set, the policy allows both buckets. Then it allows only the new one."""
        other_bucket = f"{project.bucket}-2"
        project.client.create_bucket(Bucket=other_bucket)
        policies: list[str] = []

        def before(n: int, request: ProxiedRequest) -> None:
            if request.path.endswith("/archive/storage"):
                policies.append(project.policy())
                project.record_archive()

        project.api.before = before
        outcome = project.run(s3={**project.params["s3"], "bucket": other_bucket})
        assert outcome.result["reason"] == "changed"
        (policy,) = policies
        assert f"{project.bucket}/" in policy
        assert f"{other_bucket}/" in policy
        assert f"{project.bucket}/" not in project.policy()
        project.assert_configured()
        project.assert_idempotent(s3={**project.params["s3"], "bucket": other_bucket})
        project.store.empty_and_delete(other_bucket)

    def test_reconcile_return_to_bucket_with_old_state_file_sets_the_target(self, project: RotationEnvironment) -> None:
        """The old state file names a key that still exists, but it is not the current state file."""
        other_bucket = f"{project.bucket}-2"
        project.client.create_bucket(Bucket=other_bucket)
        upload = Upload(project)
        other_options: Options = {
            "s3": {**project.params["s3"], "bucket": other_bucket},
            "state_file": f"s3://{other_bucket}/{project.state_file_key}",
        }
        project.run(**other_options, verify="never")
        assert set(project.statuses()) == {upload.key, project.target_key_id}
        key = project.target_key_id
        preview = project.run(check_mode=True)
        assert preview.result["reason"] == "unknown"
        assert preview.result["state_file"]["reason"] == result.UNKNOWN_KEY
        is_active: list[bool] = []

        def before(n: int, request: ProxiedRequest) -> None:
            if request.path.endswith("/archive/storage"):
                is_active.append(project.statuses()[key] == "Active")

        project.api.before = before
        project.run(verify="never")
        assert is_active == [True]
        assert project.target()["config"]["bucket"] == project.bucket
        upload.end()
        project.run()
        project.assert_configured()
        project.assert_idempotent()
        project.store.empty_and_delete(other_bucket)


class TestDrift:
    """Manual changes and accidents."""

    @pytest.mark.parametrize("text", ["", "not JSON"])
    def test_reconcile_state_file_lost_or_damaged_keeps_keys_until_the_target_is_set(
        self, project: RotationEnvironment, text: str
    ) -> None:
        """Both keys are active, and the target may contain either of them."""
        project.run(rotate=True, grace_period=DAY, verify="never")
        assert len(project.statuses()) == 2
        if text:
            project.write_state_file(text)
        else:
            project.client.delete_object(Bucket=project.bucket, Key=project.state_file_key)
        key = project.target_key_id
        statuses: list[str] = []
        project.api.before = lambda n, request: statuses.append(project.statuses()[key])
        reason = "unknown" if text else "no_state_file"
        assert project.run(verify="never", preflight="never").result["reason"] == reason
        assert statuses == ["Active"]
        project.assert_configured()
        project.assert_idempotent()

    @pytest.mark.parametrize("change", ["deactivated", "key deleted", "user deleted", "tag lost"])
    def test_reconcile_manual_change_is_repaired_or_rejected(self, project: RotationEnvironment, change: str) -> None:
        if change == "deactivated":
            project.iam.update_access_key(UserName=project.user, AccessKeyId=project.target_key_id, Status="Inactive")
        elif change != "tag lost":
            project.iam.delete_access_key(UserName=project.user, AccessKeyId=project.target_key_id)
        if change == "user deleted":
            project.iam.delete_user_policy(UserName=project.user, PolicyName="vonage-archiving")
            project.iam.delete_user(UserName=project.user)
        if change == "tag lost":
            project.clear_request_log()
            project.iam.untag_user(UserName=project.user, TagKeys=["vonage-archiving:managed"])
            assert "does not have the tag" in assert_failure(project, errors.NotManagedError)
            assert project.writes == []
            project.run(uploader={"force": True})
        else:
            assert project.run(verify="never").result["reason"] == "changed"
        project.assert_configured()
        project.assert_idempotent()

    def test_reconcile_changed_policy_is_repaired(self, project: RotationEnvironment) -> None:
        statement = {"Effect": "Allow", "Action": "s3:ListBucket", "Resource": "*"}
        policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        project.iam.put_user_policy(UserName=project.user, PolicyName="vonage-archiving", PolicyDocument=policy)
        outcome = project.run()
        assert outcome.result["changes"] == [f"{project.user}: policy"]
        project.assert_configured()

    def test_reconcile_user_of_another_project_is_rejected(
        self, project: RotationEnvironment, e2e_sandbox: Sandbox
    ) -> None:
        """Another state file names its keys. None of them may be deleted."""
        other_project = e2e_sandbox.vonage.add_project()
        options: Options = {
            "api_key": other_project.key,
            "api_secret": other_project.secret,
            "uploader": {"name": project.user},
            "state_file": f"s3://{project.bucket}/other.json",
        }
        project.clear_request_log()
        text = assert_failure(project, errors.NotManagedError, **options)
        assert f"its policy allows uploads for project {project.key}" in text
        assert project.writes == []
        project.assert_configured()

    def test_reconcile_unknown_key_sets_the_target_before_deletion(self, project: RotationEnvironment) -> None:
        """Another state file may name an unknown key. The target is set before the key is deleted."""
        project.iam.create_access_key(UserName=project.user)
        assert project.run(verify="never").result["reason"] == "unknown"
        project.assert_configured()

    def test_reconcile_after_interrupt_repairs_the_state(
        self, project: RotationEnvironment, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def interrupt(*_unused: Any) -> None:
            raise KeyboardInterrupt

        with monkeypatch.context() as patch:
            patch.setattr(Client, "put_storage", interrupt)
            with pytest.raises(KeyboardInterrupt):
                project.run(rotate=True, verify="never")
        assert len(project.statuses()) == 2
        project.record_archive()
        project.run(verify="never")
        project.assert_configured()


DEFINITE: dict[str, Options] = {str(status): {"status": status} for status in (400, 401, 403, 404)}
UNCERTAIN: dict[str, Options] = {
    "500": {"status": 500},
    "409": {"status": 409},
    "hang and applied": {"kind": "hang", "seconds": 30, "apply": True},
    "reset and applied": {"kind": "reset", "apply": True},
    "close and applied": {"kind": "close", "apply": True},
    "truncate and applied": {"kind": "truncate", "apply": True},
    "trickle": {"kind": "trickle", "seconds": 0.5},
}
BRIEF: Options = {"timeout": 0.5, "retries": 0, "total_timeout": 0.5, "verify": "never"}


class TestApiFailures:
    @pytest.mark.parametrize("name", DEFINITE)
    def test_rotate_rejected_request_changes_nothing(self, project: RotationEnvironment, name: str) -> None:
        """The outcome is certain: the API changed nothing."""
        before, key = project.state_file_text(), project.target_key_id
        project.emulator.fail_next(**DEFINITE[name], path=f"/{project.key}/archive/storage")
        assert f"HTTP {name}" in assert_failure(project, errors.ArchivingError, rotate=True, **BRIEF)
        assert project.state_file_text() == before
        assert project.statuses() == {key: "Active"}
        project.assert_configured()
        project.assert_idempotent()

    def test_reconcile_first_run_rejected_deletes_its_key(self, rotation: RotationEnvironment) -> None:
        for _unused in range(3):
            rotation.emulator.fail_next(status=403, path=f"/{rotation.key}/archive/storage")
            assert_failure(rotation, errors.DeniedError, **BRIEF)
            assert rotation.statuses() == {}
        rotation.run(verify="never")
        rotation.assert_configured()

    @pytest.mark.parametrize("name", UNCERTAIN)
    def test_rotate_uncertain_outcome_keeps_both_keys(self, project: RotationEnvironment, name: str) -> None:
        """Both keys work until the next run, which creates a third one."""
        old = project.target_key_id
        project.emulator.fail_next(**UNCERTAIN[name], path=f"/{project.key}/archive/storage", times=9)
        assert_failure(project, errors.ArchivingError, rotate=True, **BRIEF)
        assert Counter(project.statuses().values()) == {"Active": 2}
        assert old in project.statuses()
        pending = project.state_file()
        assert {pending["storage"]["access_key"], *pending["may_hold"]} == set(project.statuses())
        project.record_archive()
        project.emulator.clear_faults()
        assert project.run(verify="never").result["reason"] == "unknown"
        project.assert_configured()
        project.assert_idempotent()

    @pytest.mark.parametrize(("preflight", "keys"), [("auto", 1), ("never", 2)])
    def test_rotate_repeated_during_outage_creates_no_further_key(
        self, project: RotationEnvironment, preflight: str, keys: int
    ) -> None:
        """Any number of runs creates no further key. The first run after the outage repairs the state."""
        project.emulator.fail_next(status=503, path=f"/{project.key}/", times=99)
        for _unused in range(4):
            assert_failure(project, errors.UnreachableError, rotate=True, preflight=preflight, **BRIEF)
            assert Counter(project.statuses().values()) == {"Active": keys}
            project.record_archive()
        project.emulator.clear_faults()
        project.run(verify="never")
        project.assert_configured()


class TestStoreFailures:
    def test_rotate_dropped_requests_keep_uploads_working(self, project: RotationEnvironment) -> None:
        """From one request on, all requests of its kind fail until the end of the run."""
        # Both users exist from here on.
        project.run(rotate=True, verify="never")
        project.use_first_user()
        project.clear_request_log()
        project.run(rotate=True, verify="never")
        kinds = list(dict.fromkeys(project.described_requests))
        assert len(kinds) >= 12
        for kind in kinds:
            for successes in range(request_count(project, kind)):
                # The state is always the same. Otherwise, a run would not send all of these requests.
                project.use_first_user()
                project.clear_request_log()
                failing = FailingRequests(project, kind, successes)
                project.s3.before = project.api.before = failing
                with pytest.raises(errors.ArchivingError) as caught:
                    project.run(rotate=True, **BRIEF)
                project.s3.before = project.api.before = None
                assert not playbook_runs.find_leaks(str(caught.value), project.secrets), kind
                assert project.statuses()[project.target_key_id] == "Active", kind
                project.record_archive()
                project.run(verify="never")
                project.assert_configured()


COUNTS = {"PUT /BUCKET/.vonage-archiving/KEY.json": 3}


def request_count(rotation: RotationEnvironment, kind: str) -> int:
    return COUNTS.get(kind, 1)


class FailingRequests:
    """Drops the connections of one kind of request, after a number of successful ones."""

    def __init__(self, rotation: RotationEnvironment, kind: str, successes: int) -> None:
        self.rotation, self.kind, self.remaining = rotation, kind, successes

    def __call__(self, n: int, request: ProxiedRequest) -> None:
        if self.rotation.describe_request(request) == self.kind:
            self.remaining -= 1
            if self.remaining < 0:
                raise DropConnection


class TestKeyAge:
    def test_rotate_after_without_creation_dates_uses_the_state_file(self, project: RotationEnvironment) -> None:
        assert "CreateDate" not in project.keys_of(project.user)[0]
        pass_time(project, 2 * DAY)
        assert project.run(check_mode=True, rotate_after=DAY).result["reason"] == "expired"

    def test_rotate_after_with_creation_dates_and_quota_rotates(self, moto: RotationEnvironment) -> None:
        """The IAM returns creation times of keys. It rejects a third key, and the deletion of a user with a key."""
        moto.run(verify="never")
        moto.assert_configured()
        moto.assert_idempotent()
        # The same key was set again later.
        pass_time(moto, -200)
        assert moto.run(check_mode=True, rotate_after=3600, later=3500).result["reason"] == "unchanged"
        assert moto.run(check_mode=True, rotate_after=3600, later=3700).result["reason"] == "expired"
        pass_time(moto, 200)
        for _unused in range(2):
            moto.emulator.fail_next(status=503, path=f"/{moto.key}/archive/storage", times=9)
            assert_failure(moto, errors.UnreachableError, rotate=True, **BRIEF)
            moto.emulator.clear_faults()
            moto.record_archive()
        assert len(moto.statuses()) == 3
        moto.run(verify="never")
        moto.assert_configured()
        moto.run(rotate=True, verify="never")
        moto.assert_configured()


def test_reconcile_invalid_options_raise_input_error_without_a_request(rotation: RotationEnvironment) -> None:
    text = assert_failure(
        rotation, errors.InputError, api_secret="", fallback=None, uploader={"name": "not valid"}, grace_period=-1
    )
    assert all(word in text for word in ("api_secret", "fallback", "grace_period"))
    assert rotation.described_requests == []
