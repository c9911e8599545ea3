# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The life of an upload target's access key: made, proven, set, rotated and retired, whatever else happens.

The rule that every test here looks at: a key that the target may hold works, so that uploads arrive at any moment.
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
from tests.e2e import runs
from tests.e2e.rotation_site import RotationSite, rotation_site
from tests.sandbox import DropConnection, ProxiedRequest, Sandbox

DAY = 24 * 3600
OBSERVING = [
    "GET /BUCKET/.vonage-archiving/KEY.json",
    "GetUser vonage-archiving-KEY",
    "GetUser vonage-archiving-KEY-spare",
    "GetUserPolicy vonage-archiving-KEY",
    "ListAccessKeys vonage-archiving-KEY",
    "ListUserTags vonage-archiving-KEY",
]
# A rotation with what it takes to prove the key left out, in the order of what it changes. Users alternate.
WRITING = [
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
def rotation(e2e_sandbox: Sandbox) -> Iterator[RotationSite]:
    with rotation_site(e2e_sandbox) as site:
        yield site


@pytest.fixture
def begun(rotation: RotationSite) -> RotationSite:
    """A project that has its first key."""
    rotation.run(verify="never")
    rotation.settled()
    return rotation


@pytest.fixture(scope="module")
def moto() -> Iterator[RotationSite]:
    """A project on a store whose IAM tells when a key was made, and has a quota."""
    with Sandbox(stores=("moto-iam",)) as sandbox, rotation_site(sandbox) as site:
        yield site


def earlier(site: RotationSite, seconds: float) -> None:
    """Let the record be older."""
    found = site.record()
    moved = (parse_utc(found["time"]) or 0) - seconds
    site.write_record(json.dumps({**found, "time": format_utc(moved)}))


def give(site: RotationSite, access_key: str, secret_key: str, **options: Any) -> None:
    """Set the target with a key from elsewhere, by the module for that, which keeps the same record."""
    s3 = {**site.params["s3"], "access_key": access_key, "secret_key": secret_key}
    reconcile({**site.connection, **site.external, "s3": s3, "verify": "never", **options}, Context())


def refused(site: RotationSite, kind: type[errors.ArchivingError], **options: Any) -> str:
    """Run it, which must fail; return the message, which shows no secret. Uploads work as before."""
    with pytest.raises(kind) as caught:
        site.run(**options)
    text = f"{caught.value} {caught.value.as_result()}"
    assert not runs.leaks(text, site.secrets)
    return str(caught.value)


class TestTheUsualLife:
    def test_first_run(self, rotation: RotationSite) -> None:
        preview = rotation.run(check_mode=True)
        assert rotation.written == []
        assert not rotation.user_is_there(rotation.user)
        outcome = rotation.run()
        assert (outcome.changed, outcome.result["reason"]) == (True, "unknown")
        assert (outcome.before, outcome.after) == (preview.before, preview.after)
        assert outcome.result["changes"] == preview.result["changes"]
        assert outcome.result["storage"]["access_key"] == rotation.held
        assert outcome.result["verification"] == f"uploads with {rotation.held} work"
        assert all(check["ok"] for check in outcome.result["checks"])
        assert [key["in_target"] for key in outcome.result["access_keys"]] == [True]
        assert set(rotation.made) == {rotation.held}
        rotation.settled()
        assert not rotation.user_is_there(f"{rotation.user}-spare")

    def test_steady_state(self, rotation: RotationSite) -> None:
        """Five reads of IAM, one of the record; no key is made, no secret is needed."""
        rotation.run()
        for check_mode in (False, True):
            outcome = rotation.steady(check_mode=check_mode, rotate_after=DAY)
            assert sorted(rotation.sent) == OBSERVING
            assert outcome.before == outcome.after
            assert (
                outcome.result["changes"],
                outcome.result["retained_keys_reason"],
                outcome.result["verification"],
            ) == ([], "", "")

    def test_rotation(self, begun: RotationSite) -> None:
        old = begun.held
        begun.forget()
        preview = begun.run(check_mode=True, rotate=True)
        assert sorted(begun.sent) == OBSERVING
        outcome = begun.run(rotate=True)
        assert outcome.result["reason"] == "forced"
        assert (outcome.before, outcome.after) == (preview.before, preview.after)
        # Probes are written side by side, and the log is of two servers: what matters is what comes after what.
        writes = [told for told, _when in sorted(timed(begun), key=lambda each: each[1]) if "probe" not in told]
        assert writes == WRITING
        assert begun.held != old
        begun.settled()
        begun.steady()

    @pytest.mark.parametrize(
        ("options", "reason"),
        [({"fallback": "opentok"}, "changed"), ({"rotate": True}, "forced"), ({"rotate_after": DAY}, "expired")],
    )
    def test_reasons(self, begun: RotationSite, options: Options, reason: str) -> None:
        if reason == "expired":
            earlier(begun, DAY - 60)
            begun.steady(**options)
            earlier(begun, 61)
        preview = begun.run(check_mode=True, **options)
        outcome = begun.run(verify="never", **options)
        assert preview.result["reason"] == outcome.result["reason"] == reason
        begun.settled()

    def test_rotate_at(self, begun: RotationSite) -> None:
        outcome = begun.steady(rotate_after=DAY)
        due = parse_utc(outcome.result["rotate_at"])
        assert due == (parse_utc(begun.record()["time"]) or 0) + DAY
        assert begun.steady().result["rotate_at"] is None

    def test_a_key_that_does_not_work_is_not_set(self, begun: RotationSite) -> None:
        before, held = begun.record_text(), begun.held
        begun.forget()
        text = refused(begun, VerificationFailedError, rotate=True, expect_public=True, verify_timeout=1)
        assert "The upload target was not changed" in text
        assert begun.record_text() == before
        assert begun.statuses() == {held: "Active"}
        assert begun.api.requests == []
        begun.settled()
        begun.steady()

    def test_record_in_a_file(self, rotation: RotationSite, tmp_path: Path) -> None:
        options: Options = {"state_file": str(tmp_path / "record.json"), "verify": "never"}
        rotation.run(**options)
        first = rotation.held
        rotation.run(rotate=True, **options)
        assert rotation.statuses() == {rotation.held: "Active"}
        assert rotation.held != first
        rotation.steady(**options)

    def test_unified_project(self, rotation: RotationSite) -> None:
        application = rotation.emulator.add_application()
        options: Options = {"api_key": None, "api_secret": None, "application_id": application.key, "verify": "never"}
        options["private_key"] = application.private_key_pem
        rotation.key = application.key
        options["state_file"] = f"s3://{rotation.bucket}/{rotation.record_key}"
        rotation.run(**options)
        rotation.run(rotate=True, **options)
        rotation.settled()
        rotation.steady(**options)


def timed(site: RotationSite) -> Iterator[tuple[str, float]]:
    """Everything written so far, with its time."""
    for each in [*site.s3.requests, *site.api.requests]:
        told = site.told(each)
        if told in site.written:
            yield told, each.time


class TestProof:
    def test_only(self, begun: RotationSite) -> None:
        before = begun.record_text()
        outcome = begun.run(verify="only", rotate=True)
        assert not outcome.changed
        assert outcome.result["reason"] == "forced"
        assert outcome.result["verification"].startswith("uploads with ")
        assert begun.record_text() == before
        begun.settled()
        assert begun.client.list_objects_v2(Bucket=begun.bucket, Prefix=f"{begun.key}/vonage-")["KeyCount"] == 0
        begun.steady()

    def test_only_without_a_user(self, rotation: RotationSite) -> None:
        outcome = rotation.run(verify="only")
        assert f"the user {rotation.user} does not exist" in outcome.result["verification"]
        assert rotation.written == []

    def test_only_in_check_mode(self, begun: RotationSite) -> None:
        begun.forget()
        assert begun.run(check_mode=True, verify="only", fallback="opentok").changed
        assert begun.written == []

    def test_only_finds_what_is_wrong(self, begun: RotationSite) -> None:
        refused(begun, VerificationFailedError, verify="only", expect_public=True, verify_timeout=1)
        begun.settled()

    def test_always(self, begun: RotationSite) -> None:
        outcome = begun.run(verify="always")
        assert not outcome.changed
        assert outcome.result["verification"].startswith("uploads with ")
        begun.settled()

    def test_always_after_others_have_gone(self, begun: RotationSite) -> None:
        """There is room for it once the key has gone that was left over."""
        begun.run(rotate=True, grace_period=DAY, verify="never")
        earlier(begun, DAY)
        outcome = begun.run(grace_period=DAY, verify="always")
        assert outcome.changed
        assert outcome.result["verification"].startswith("uploads with ")
        begun.settled()

    def test_only_without_a_free_slot_uploads_nothing(self, begun: RotationSite) -> None:
        for _unused in range(3):
            begun.run(rotate=True, grace_period=DAY, verify="never")
        outcome = begun.run(grace_period=DAY, verify="only")
        assert "uploads were not verified: each user has two keys" in outcome.result["verification"]
        assert len(begun.statuses()) == 4
        begun.archive_arrives()

    def test_its_key_is_retired_by_somebody(self, begun: RotationSite) -> None:
        """To others it is a left-over key; that is no proof that uploads would fail."""
        held = begun.held

        def before(n: int, request: ProxiedRequest) -> None:
            if "archive.mp4" in request.path:
                for key in set(begun.statuses()) - {held}:
                    begun.iam.delete_access_key(UserName=begun.user, AccessKeyId=key)

        begun.s3.before = before
        assert "another run has deleted the temporary key" in refused(
            begun, errors.ConflictError, verify="only", verify_timeout=1
        )
        begun.s3.before = None
        begun.settled()


class TestGivenKeys:
    def test_given_managed_given(self, rotation: RotationSite) -> None:
        policy = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}
        name = f"given-{rotation.key}"
        given = rotation.store.make_user(name, policy)
        give(rotation, *given)
        rotation.archive_arrives()
        outcome = rotation.run(verify="never")
        assert outcome.result["reason"] == "changed"
        rotation.settled()
        managed = rotation.held
        # The other way, what was managed is left to its users.
        give(rotation, *given)
        assert rotation.held == given[0]
        assert rotation.statuses() == {managed: "Active"}
        rotation.archive_arrives()
        rotation.run(verify="never")
        rotation.settled()
        assert rotation.held not in (managed, given[0])
        # It is not ours to take away.
        assert [key["Status"] for key in rotation.keys_of(name)] == ["Active"]

    def test_a_given_key_of_the_same_user(self, begun: RotationSite) -> None:
        """As with a playbook of one's own, made of the modules: the key is taken over as it is."""
        made = begun.iam.create_access_key(UserName=begun.user)["AccessKey"]
        old = begun.held
        give(begun, made["AccessKeyId"], made["SecretAccessKey"])
        begun.archive_arrives()
        begun.run(verify="never")
        begun.settled()
        assert old not in begun.statuses()


class TestRetiring:
    def test_overlap_then_delay(self, begun: RotationSite) -> None:
        times: Options = {"grace_period": 3600, "delete_after": 7200, "verify": "never"}
        old = begun.held
        outcome = begun.run(rotate=True, **times)
        assert begun.statuses() == {old: "Active", begun.held: "Active"}
        assert outcome.result["retained_keys_reason"] == result.GRACE_PERIOD
        begun.steady(**times)
        earlier(begun, 3601)
        preview = begun.run(check_mode=True, **times)
        outcome = begun.run(**times)
        assert begun.statuses() == {old: "Inactive", begun.held: "Active"}
        assert (outcome.changed, outcome.result["retained_keys_reason"]) == (True, result.DELETE_AFTER)
        assert (outcome.before, outcome.after) == (preview.before, preview.after)
        begun.steady(**times)
        earlier(begun, 7200)
        assert begun.run(**times).result["retained_keys_reason"] == ""
        begun.settled()
        begun.steady(**times)

    def test_delete_after_without_a_free_slot_deletes_an_inactive_key(self, begun: RotationSite) -> None:
        for count in range(1, 4):
            begun.run(rotate=True, delete_after=3600, verify="never")
            assert Counter(begun.statuses().values()) == {"Active": 1, "Inactive": count}
        before = set(begun.statuses())
        begun.run(rotate=True, delete_after=3600, verify="never")
        assert len(before - set(begun.statuses())) == 1
        assert Counter(begun.statuses().values()) == {"Active": 1, "Inactive": 3}
        begun.archive_arrives()

    def test_grace_period_is_kept_by_the_next_rotation(self, begun: RotationSite) -> None:
        """Each new key goes to the user that has fewer keys; both users are allowed to upload."""
        first = begun.held
        begun.run(rotate=True, grace_period=DAY, verify="never")
        second = begun.held
        begun.run(rotate=True, grace_period=DAY, verify="never")
        assert begun.statuses() == {first: "Active", second: "Active", begun.held: "Active"}
        assert [len(begun.keys_of(user)) for user in begun.users] == [2, 1]
        begun.archive_arrives()
        begun.run(rotate=True, grace_period=DAY, verify="never")
        assert len(begun.statuses()) == 4
        text = refused(begun, errors.QuotaError, rotate=True, grace_period=DAY, verify="never")
        ends = format_utc((parse_utc(begun.record()["time"]) or 0) + DAY)
        assert f"Run it again after {ends}, when the grace period is over" in text
        begun.archive_arrives()
        earlier(begun, DAY)
        begun.run(grace_period=DAY, verify="never")
        begun.settled()

    def test_revoke_old_keys_without_a_free_slot_replaces_every_key(self, begun: RotationSite) -> None:
        for _unused in range(3):
            begun.run(rotate=True, grace_period=DAY, verify="never")
        assert Counter(begun.statuses().values()) == {"Active": 4}
        begun.emulator.start_archive(begun.key)
        begun.run(rotate=True, grace_period=DAY, delete_after=DAY, revoke_old_keys=True, verify="never")
        assert Counter(begun.statuses().values()) == {"Active": 1, "Inactive": 3}
        assert begun.statuses()[begun.held] == "Active"
        begun.archive_arrives()

    def test_rotation_alternates_between_both_users(self, begun: RotationSite) -> None:
        owners = []
        for _unused in range(3):
            begun.run(rotate=True, verify="never")
            owners.append([len(begun.keys_of(user)) for user in begun.users])
            begun.settled()
            begun.steady()
        assert owners == [[0, 1], [1, 0], [0, 1]]


class Upload:
    """A recording that is being uploaded with the key that the target holds now."""

    def __init__(self, site: RotationSite, bucket: str = "") -> None:
        config = site.target()["config"]
        self.client = site.store.client(config["accessKey"], config["secretKey"])
        where = {"Bucket": bucket or site.bucket, "Key": f"{site.key}/recording/archive.mp4"}
        upload = self.client.create_multipart_upload(**where)["UploadId"]
        self.where = {**where, "UploadId": upload}
        self.key = config["accessKey"]
        self.first = self.part(1)

    def part(self, number: int) -> dict[str, Any]:
        etag = self.client.upload_part(**self.where, PartNumber=number, Body=b"x" * 5 * 2**20)["ETag"]
        return {"PartNumber": number, "ETag": etag}

    def end(self) -> None:
        parts = [self.first, self.part(2)]
        self.client.complete_multipart_upload(**self.where, MultipartUpload={"Parts": parts})


class TestUploadsUnderWay:
    def test_keep_the_key_that_they_began_with(self, begun: RotationSite) -> None:
        upload = Upload(begun)
        outcome = begun.run(rotate=True, verify="never")
        assert outcome.result["retained_keys_reason"] == result.UPLOADS_IN_PROGRESS
        assert begun.statuses() == {upload.key: "Active", begun.held: "Active"}
        assert begun.steady().result["retained_keys_reason"] == result.UPLOADS_IN_PROGRESS
        begun.archive_arrives()
        upload.end()
        assert begun.run(check_mode=True).changed
        begun.run()
        begun.settled()
        begun.steady()

    def test_are_waited_for(self, begun: RotationSite) -> None:
        upload = Upload(begun)
        ended: list[float] = []

        def before(n: int, request: ProxiedRequest) -> None:
            # The third look: it is not over at once.
            looks = [each for each in begun.s3.requests if each.query.startswith("uploads&prefix")]
            if len(looks) == 3 and not ended:
                ended.append(time.time())
                upload.end()

        begun.s3.before = before
        outcome = begun.run(rotate=True, verify="never", drain_timeout=20)
        assert ended
        assert outcome.result["retained_keys_reason"] == ""
        begun.settled()

    def test_by_the_new_key_are_not_waited_for(self, begun: RotationSite) -> None:
        """Under load there is no moment without an upload, and none of these needs the old key."""
        first = Upload(begun)
        later: list[Upload] = []

        def before(n: int, request: ProxiedRequest) -> None:
            looks = [each for each in begun.s3.requests if each.query.startswith("uploads&prefix")]
            if len(looks) == 2 and not later:
                later.append(Upload(begun))
                first.end()

        begun.s3.before = before
        outcome = begun.run(rotate=True, verify="never", drain_timeout=20)
        assert later[0].key == begun.held != first.key
        assert outcome.result["retained_keys_reason"] == ""
        later[0].end()
        begun.settled()

    def test_do_not_lose_their_key_to_the_next_rotation(self, begun: RotationSite) -> None:
        upload = Upload(begun)
        begun.run(rotate=True, verify="never")
        begun.run(rotate=True, verify="never")
        assert len(begun.statuses()) == 3
        upload.end()
        begun.run()
        begun.settled()

    def test_given_up_ones_count_for_a_day(self, begun: RotationSite) -> None:
        upload = Upload(begun)
        begun.run(rotate=True, verify="never")
        begun.run(later=DAY - 60)
        assert begun.statuses() == {upload.key: "Active", begun.held: "Active"}
        begun.run(later=DAY + 60)
        begun.settled()

    def test_in_the_bucket_that_was_left(self, begun: RotationSite) -> None:
        """Also when the next run finds nothing to do but to tidy up."""
        upload = Upload(begun)
        other = f"{begun.bucket}-2"
        begun.client.create_bucket(Bucket=other)
        moved: Options = {"s3": {**begun.params["s3"], "bucket": other}, "verify": "never"}
        outcome = begun.run(**moved)
        assert outcome.result["retained_keys_reason"] == result.UPLOADS_IN_PROGRESS
        assert begun.bucket in begun.policy()
        assert begun.steady(**moved).result["retained_keys_reason"] == result.UPLOADS_IN_PROGRESS
        upload.end()
        begun.run(**moved)
        begun.settled()
        assert f"{begun.bucket}/" not in begun.policy()
        begun.store.empty_and_delete(other)


class TestMoving:
    def test_to_another_bucket(self, begun: RotationSite) -> None:
        """Until the target is set, both are allowed; then only the new one."""
        other = f"{begun.bucket}-2"
        begun.client.create_bucket(Bucket=other)
        policies: list[str] = []

        def before(n: int, request: ProxiedRequest) -> None:
            if request.path.endswith("/archive/storage"):
                policies.append(begun.policy())
                begun.archive_arrives()

        begun.api.before = before
        outcome = begun.run(s3={**begun.params["s3"], "bucket": other})
        assert outcome.result["reason"] == "changed"
        (policy,) = policies
        assert f"{begun.bucket}/" in policy
        assert f"{other}/" in policy
        assert f"{begun.bucket}/" not in begun.policy()
        begun.settled()
        begun.steady(s3={**begun.params["s3"], "bucket": other})
        begun.store.empty_and_delete(other)

    def test_there_and_back_with_the_record_in_the_bucket(self, begun: RotationSite) -> None:
        """The record that was left behind still tells of a key that is there: it is not the last word."""
        other = f"{begun.bucket}-2"
        begun.client.create_bucket(Bucket=other)
        upload = Upload(begun)
        there: Options = {
            "s3": {**begun.params["s3"], "bucket": other},
            "state_file": f"s3://{other}/{begun.record_key}",
        }
        begun.run(**there, verify="never")
        assert set(begun.statuses()) == {upload.key, begun.held}
        held = begun.held
        preview = begun.run(check_mode=True)
        assert preview.result["reason"] == "unknown"
        assert preview.result["state_file"]["reason"] == result.UNKNOWN_KEY
        checked: list[bool] = []

        def before(n: int, request: ProxiedRequest) -> None:
            if request.path.endswith("/archive/storage"):
                checked.append(begun.statuses()[held] == "Active")

        begun.api.before = before
        begun.run(verify="never")
        assert checked == [True]
        assert begun.target()["config"]["bucket"] == begun.bucket
        upload.end()
        begun.run()
        begun.settled()
        begun.steady()
        begun.store.empty_and_delete(other)


class TestDamage:
    """What people and accidents do."""

    @pytest.mark.parametrize("text", ["", "not JSON"])
    def test_record_lost_or_damaged(self, begun: RotationSite, text: str) -> None:
        """With two active keys, any of which the target may hold."""
        begun.run(rotate=True, grace_period=DAY, verify="never")
        assert len(begun.statuses()) == 2
        if text:
            begun.write_record(text)
        else:
            begun.client.delete_object(Bucket=begun.bucket, Key=begun.record_key)
        held = begun.held
        seen: list[str] = []
        begun.api.before = lambda n, request: seen.append(begun.statuses()[held])
        assert begun.run(verify="never").result["reason"] == "unknown"
        assert seen == ["Active"]
        begun.settled()
        begun.steady()

    @pytest.mark.parametrize("deed", ["deactivated", "key deleted", "user deleted", "tag lost"])
    def test_done_by_hand(self, begun: RotationSite, deed: str) -> None:
        if deed == "deactivated":
            begun.iam.update_access_key(UserName=begun.user, AccessKeyId=begun.held, Status="Inactive")
        elif deed != "tag lost":
            begun.iam.delete_access_key(UserName=begun.user, AccessKeyId=begun.held)
        if deed == "user deleted":
            begun.iam.delete_user_policy(UserName=begun.user, PolicyName="vonage-archiving")
            begun.iam.delete_user(UserName=begun.user)
        if deed == "tag lost":
            begun.forget()
            begun.iam.untag_user(UserName=begun.user, TagKeys=["vonage-archiving:managed"])
            assert "does not have the tag" in refused(begun, errors.NotManagedError)
            assert begun.written == []
            begun.run(uploader={"force": True})
        else:
            assert begun.run(verify="never").result["reason"] == "changed"
        begun.settled()
        begun.steady()

    def test_a_policy_changed_by_hand_is_put_right(self, begun: RotationSite) -> None:
        statement = {"Effect": "Allow", "Action": "s3:ListBucket", "Resource": "*"}
        policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        begun.iam.put_user_policy(UserName=begun.user, PolicyName="vonage-archiving", PolicyDocument=policy)
        outcome = begun.run()
        assert outcome.result["changes"] == [f"{begun.user}: policy"]
        begun.settled()

    def test_a_user_of_another_project(self, begun: RotationSite, e2e_sandbox: Sandbox) -> None:
        """Its keys are named by another record: none of them may go."""
        other = e2e_sandbox.vonage.add_project()
        options: Options = {
            "api_key": other.key,
            "api_secret": other.secret,
            "uploader": {"name": begun.user},
            "state_file": f"s3://{begun.bucket}/other.json",
        }
        begun.forget()
        text = refused(begun, errors.NotManagedError, **options)
        assert f"its policy allows uploads for project {begun.key}" in text
        assert begun.written == []
        begun.settled()

    def test_made_by_hand(self, begun: RotationSite) -> None:
        """A key that no record knows may be what another record names, so the target is set before it goes."""
        begun.iam.create_access_key(UserName=begun.user)
        assert begun.run(verify="never").result["reason"] == "unknown"
        begun.settled()

    def test_interrupted_by_hand(self, begun: RotationSite, monkeypatch: pytest.MonkeyPatch) -> None:
        def interrupt(*_unused: Any) -> None:
            raise KeyboardInterrupt

        with monkeypatch.context() as patch:
            patch.setattr(Client, "put_storage", interrupt)
            with pytest.raises(KeyboardInterrupt):
                begun.run(rotate=True, verify="never")
        assert len(begun.statuses()) == 2
        begun.archive_arrives()
        begun.run(verify="never")
        begun.settled()


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


class TestFailingCalls:
    @pytest.mark.parametrize("name", DEFINITE)
    def test_a_plain_no(self, begun: RotationSite, name: str) -> None:
        """Nothing has changed for sure: everything is as it was."""
        before, held = begun.record_text(), begun.held
        begun.emulator.fail_next(**DEFINITE[name], path=f"/{begun.key}/")
        assert f"HTTP {name}" in refused(begun, errors.ArchivingError, rotate=True, **BRIEF)
        assert begun.record_text() == before
        assert begun.statuses() == {held: "Active"}
        begun.settled()
        begun.steady()

    def test_a_plain_no_to_the_first_run(self, rotation: RotationSite) -> None:
        for _unused in range(3):
            rotation.emulator.fail_next(status=403, path=f"/{rotation.key}/")
            refused(rotation, errors.DeniedError, **BRIEF)
            assert rotation.statuses() == {}
        rotation.run(verify="never")
        rotation.settled()

    @pytest.mark.parametrize("name", UNCERTAIN)
    def test_nobody_knows(self, begun: RotationSite, name: str) -> None:
        """Both keys work until the next run, which makes a third."""
        old = begun.held
        begun.emulator.fail_next(**UNCERTAIN[name], path=f"/{begun.key}/", times=9)
        refused(begun, errors.ArchivingError, rotate=True, **BRIEF)
        assert Counter(begun.statuses().values()) == {"Active": 2}
        assert old in begun.statuses()
        pending = begun.record()
        assert {pending["storage"]["access_key"], *pending["may_hold"]} == set(begun.statuses())
        begun.archive_arrives()
        begun.emulator.clear_faults()
        assert begun.run(verify="never").result["reason"] == "unknown"
        begun.settled()
        begun.steady()

    def test_an_api_that_is_down_costs_no_more_keys(self, begun: RotationSite) -> None:
        """However often it is run meanwhile; afterwards the next run repairs it."""
        begun.emulator.fail_next(status=503, path=f"/{begun.key}/", times=99)
        for _unused in range(4):
            refused(begun, errors.UnreachableError, rotate=True, **BRIEF)
            assert Counter(begun.statuses().values()) == {"Active": 2}
            begun.archive_arrives()
        begun.emulator.clear_faults()
        begun.run(verify="never")
        begun.settled()

    def test_nobody_knows_again_and_again(self, begun: RotationSite) -> None:
        """Four keys that the target may hold are all there can be. None goes, and what to do is told."""
        begun.emulator.fail_next(status=503, path=f"/{begun.key}/archive/storage", times=99)
        for _unused in range(3):
            refused(begun, errors.UnreachableError, rotate=True, **BRIEF)
            begun.archive_arrives()
        assert Counter(begun.statuses().values()) == {"Active": 4}
        begun.emulator.clear_faults()
        text = refused(begun, errors.QuotaError, verify="never")
        assert "each of them may be in use. Delete the upload target" in text
        begun.archive_arrives()
        reconcile({**begun.connection, "state": "absent"}, Context())
        begun.run(verify="never")
        begun.settled()


class TestFailingStores:
    def test_every_request_that_stays_unanswered(self, begun: RotationSite) -> None:
        """From some request on, all of its kind fail, to the end of the run."""
        # Both users exist from here on.
        begun.run(rotate=True, verify="never")
        begun.on_main()
        begun.forget()
        begun.run(rotate=True, verify="never")
        kinds = list(dict.fromkeys(begun.sent))
        assert len(kinds) >= 12
        for kind in kinds:
            for passed in range(begun_count(begun, kind)):
                # Always from the same state, or not all of these requests would be met.
                begun.on_main()
                begun.forget()
                failing = Failing(begun, kind, passed)
                begun.s3.before = begun.api.before = failing
                with pytest.raises(errors.ArchivingError) as caught:
                    begun.run(rotate=True, **BRIEF)
                begun.s3.before = begun.api.before = None
                assert not runs.leaks(str(caught.value), begun.secrets), kind
                assert begun.statuses()[begun.held] == "Active", kind
                begun.archive_arrives()
                begun.run(verify="never")
                begun.settled()


COUNTS = {"PUT /BUCKET/.vonage-archiving/KEY.json": 3}


def begun_count(site: RotationSite, kind: str) -> int:
    return COUNTS.get(kind, 1)


class Failing:
    """Drops connections of one kind of request, once some have passed."""

    def __init__(self, site: RotationSite, kind: str, passed: int) -> None:
        self.site, self.kind, self.left = site, kind, passed

    def __call__(self, n: int, request: ProxiedRequest) -> None:
        if self.site.told(request) == self.kind:
            self.left -= 1
            if self.left < 0:
                raise DropConnection


class TestAges:
    def test_by_the_record_where_iam_does_not_tell(self, begun: RotationSite) -> None:
        assert "CreateDate" not in begun.keys_of(begun.user)[0]
        earlier(begun, 2 * DAY)
        assert begun.run(check_mode=True, rotate_after=DAY).result["reason"] == "expired"

    def test_on_another_iam(self, moto: RotationSite) -> None:
        """It tells when keys were made, refuses a third key, and to delete a user that has one."""
        moto.run(verify="never")
        moto.settled()
        moto.steady()
        # As if the target had been set again later, with the same key.
        earlier(moto, -200)
        assert moto.run(check_mode=True, rotate_after=3600, later=3500).result["reason"] == "unchanged"
        assert moto.run(check_mode=True, rotate_after=3600, later=3700).result["reason"] == "expired"
        earlier(moto, 200)
        for _unused in range(2):
            moto.emulator.fail_next(status=503, path=f"/{moto.key}/archive/storage", times=9)
            refused(moto, errors.UnreachableError, rotate=True, **BRIEF)
            moto.emulator.clear_faults()
            moto.archive_arrives()
        assert len(moto.statuses()) == 3
        moto.run(verify="never")
        moto.settled()
        moto.run(rotate=True, verify="never")
        moto.settled()


def test_everything_that_is_wrong_is_told_before_anything_is_sent(rotation: RotationSite) -> None:
    text = refused(
        rotation, errors.InputError, api_secret="", fallback=None, uploader={"name": "no good"}, grace_period=-1
    )
    assert all(word in text for word in ("api_secret", "fallback", "grace_period"))
    assert rotation.sent == []
