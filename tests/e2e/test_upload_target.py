# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What both kinds of keys share: the upload check before a call, and the end of a target with its users.

Hours pass by moving the times that the state file and the archive list hold into the past.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from ansible_collections.vonage.archiving.plugins.module_utils._core import errors
from ansible_collections.vonage.archiving.plugins.module_utils._core.errors import VerificationFailedError
from ansible_collections.vonage.archiving.plugins.module_utils._core.plan import Context, Outcome
from ansible_collections.vonage.archiving.plugins.module_utils._core.timestamps import format_utc, parse_utc
from ansible_collections.vonage.archiving.plugins.module_utils._upload_target.apply import SecretNeededError
from ansible_collections.vonage.archiving.plugins.module_utils._upload_target.reconcile import reconcile
from tests.e2e import runs
from tests.e2e.rotation_site import RotationSite, rotation_site
from tests.e2e.test_rotation import Upload, earlier
from tests.sandbox import DropConnection, ProxiedRequest, Sandbox

HOUR = 3600
RESULT = {
    "project",
    "reason",
    "storage",
    "state_file",
    "uploader",
    "access_keys",
    "changes",
    "rotate_at",
    "retained_keys_reason",
    "retained_keys_until",
    "checks",
    "verification",
    "previous_target",
}


@pytest.fixture
def site(e2e_sandbox: Sandbox) -> Iterator[RotationSite]:
    with rotation_site(e2e_sandbox) as made:
        yield made


@dataclass
class External:
    """Runs of one project with an external key that may upload."""

    site: RotationSite
    key: tuple[str, str] = field(repr=False)
    warnings: list[str] = field(default_factory=list)

    def run(self, check_mode: bool = False, s3: dict[str, Any] | None = None, **options: Any) -> Outcome:
        """Run the use case; no secret may be in what it returns."""
        key = {"access_key": self.key[0], "secret_key": self.key[1]}
        target = {**self.site.external, "s3": {**self.site.external["s3"], **key, **(s3 or {})}, "expect_public": False}
        context = Context(check_mode=check_mode, warn=self.warnings.append)
        outcome = reconcile({**self.site.connection, **target, **options}, context)
        assert set(outcome.result) == RESULT
        assert not runs.leaks(json.dumps([outcome.result, outcome.before, outcome.after]), self.secrets)
        return outcome

    def refused(self, kind: type[errors.ArchivingError], **options: Any) -> errors.ArchivingError:
        """Run it, which must fail; return the error, which shows no secret."""
        with pytest.raises(kind) as caught:
            self.run(**options)
        assert not runs.leaks(f"{caught.value} {caught.value.as_result()}", self.secrets)
        return caught.value

    @property
    def secrets(self) -> list[str]:
        return [*self.site.secrets, self.key[1]]

    @property
    def probes(self) -> list[str]:
        """The requests of upload checks since the last look."""
        return [line for line in self.site.sent if "vonage-archiving-probe" in line and line.startswith("PUT")]


@pytest.fixture
def external(site: RotationSite) -> External:
    arn = f"arn:aws:s3:::{site.bucket}"
    statements = [
        {"Effect": "Allow", "Action": ["s3:PutObject", "s3:AbortMultipartUpload"], "Resource": f"{arn}/{site.key}/*"},
    ]
    policy = {"Version": "2012-10-17", "Statement": statements}
    return External(site, site.store.make_user(f"external-{site.key}", policy))


class TestVerifyExternalKey:
    def test_new_key_verifies_before_every_call(self, external: External) -> None:
        planned = external.run(check_mode=True)
        assert (planned.changed, planned.result["verification"], external.site.written) == (True, "", [])
        first = external.run()
        assert (first.changed, first.result["changes"]) == (True, ["target"])
        assert first.result["verification"] == f"uploads with {external.key[0]} work"
        assert first.result["checks"]
        assert all(check["ok"] for check in first.result["checks"])
        probed = [line for line in external.site.sent if "probe" in line or "archive/storage" in line]
        assert probed[-1] == "PUT /v2/project/KEY/archive/storage"
        assert len(external.probes) >= 1
        external.site.forget()
        again = external.run()
        assert (again.changed, again.result["checks"], again.result["changes"]) == (False, [], [])
        assert external.site.written == []
        external.site.archive_arrives()

    def test_failed_check_leaves_target_and_state_file(self, external: External) -> None:
        external.run()
        before, target = external.site.record_text(), external.site.target()
        external.site.forget()
        for verify in ("new_key", "always", "only"):
            error = external.refused(
                VerificationFailedError, verify=verify, fallback="opentok", expect_public=True, verify_timeout=1
            )
            assert "The upload target was not changed" in str(error)
            failed = [check["name"] for check in error.facts["checks"] if not check["ok"]]
            assert failed == ["anonymous_read"]
        assert (external.site.record_text(), external.site.target()) == (before, target)
        assert external.site.api.requests == []

    def test_failed_check_of_the_first_run_writes_no_state_file(self, external: External) -> None:
        external.refused(VerificationFailedError, s3={"secret_key": "wrong"}, verify_timeout=0)
        assert external.site.emulator.target(external.site.key) is None
        assert external.site.client.list_objects_v2(Bucket=external.site.bucket)["KeyCount"] == 0

    def test_always_verifies_without_a_call(self, external: External) -> None:
        external.run()
        external.site.forget()
        outcome = external.run(verify="always")
        assert (outcome.changed, outcome.result["reason"]) == (False, "unchanged")
        assert outcome.result["verification"] == f"uploads with {external.key[0]} work"
        assert external.probes
        assert external.site.api.requests == []

    def test_only_verifies_and_changes_nothing(self, external: External) -> None:
        outcome = external.run(verify="only")
        assert (outcome.changed, outcome.result["reason"], outcome.result["changes"]) == (False, "unknown", ["target"])
        assert outcome.result["checks"]
        assert external.site.emulator.target(external.site.key) is None
        planned = external.run(check_mode=True, verify="only")
        assert (planned.changed, planned.result["checks"]) == (True, [])

    def test_never_uploads_nothing(self, external: External) -> None:
        outcome = external.run(verify="never")
        assert (outcome.changed, outcome.result["checks"], external.probes) == (True, [], [])

    def test_without_the_secret_nothing_is_uploaded(self, external: External) -> None:
        without = {"secret_key": ""}
        error = external.refused(SecretNeededError, s3=without)
        assert "s3.secret_key is required now and is not set (reason: unknown" in str(error)
        assert external.site.written == []
        external.run()
        external.site.forget()
        assert not external.run(s3=without).changed
        assert external.run(check_mode=True, s3=without, fallback="opentok").result["reason"] == "changed"
        assert external.site.written == []
        assert "verify: always requires s3.secret_key" in str(
            external.refused(errors.InputError, s3=without, verify="always")
        )

    def test_previous_target_after_another_bucket(self, external: External) -> None:
        assert external.run().result["previous_target"] is None
        earlier_settings(external.site, 20 * HOUR)
        assert external.run(check_previous_target=True).result["previous_target"]["in_use"] is False
        recording = external.site.emulator.start_archive(external.site.key)
        recording.archive.created_at -= HOUR * 1000
        external.run(s3={"sse": "none"})
        earlier_settings(external.site, 60)
        used = external.run(s3={"sse": "none"}, check_previous_target=True).result["previous_target"]
        assert used["in_use"]
        assert recording.archive.id in used["reason"]
        over = external.run(s3={"sse": "none"}, check_previous_target=True, grace_period=30)
        assert over.result["previous_target"]["in_use"] is False


def earlier_settings(site: RotationSite, seconds: float) -> None:
    """Let the last change of the target be earlier."""
    document = site.record()
    for name in ("time", "settings_since"):
        document[name] = format_utc((parse_utc(document[name]) or 0) - seconds)
    site.write_record(json.dumps(document))


def delete(site: RotationSite, check_mode: bool = False, **uploader: Any) -> Outcome:
    """Delete the target and its users; old keys have a grace period of 18 hours."""
    options = {**site.connection, "state": "absent", "uploader": {"drain_timeout": 0, **uploader}}
    outcome = reconcile(options, Context(check_mode=check_mode))
    assert set(outcome.result) == RESULT
    assert not runs.leaks(json.dumps([outcome.result, outcome.before, outcome.after]), site.secrets)
    return outcome


class TestDelete:
    @pytest.fixture
    def begun(self, site: RotationSite) -> RotationSite:
        """Both users have a key."""
        site.run(verify="never")
        site.run(rotate=True, grace_period=HOUR, verify="never")
        assert len(site.statuses()) == 2
        return site

    def test_users_stay_while_recordings_may_use_them(self, begun: RotationSite) -> None:
        keys = begun.statuses()
        recording = begun.emulator.start_archive(begun.key)
        recording.archive.created_at -= 60_000
        planned = delete(begun, check_mode=True)
        assert (planned.changed, planned.result["changes"], begun.target()["type"]) == (True, ["target"], "s3")
        first = delete(begun)
        assert (first.changed, first.result["reason"], first.result["changes"]) == (True, "changed", ["target"])
        assert (first.before["state"], first.after) == ("present", {"state": "absent"})
        assert first.result["retained_keys_reason"] == "the target changed a moment ago"
        deleted_at = parse_utc(begun.record()["time"]) or 0
        assert first.result["retained_keys_until"] == format_utc(deleted_at + 18 * HOUR)
        assert {key["id"]: key["status"] for key in first.result["access_keys"]} == keys
        assert (begun.emulator.target(begun.key), begun.statuses()) == (None, keys)
        earlier(begun, 60)
        second = delete(begun)
        assert not second.changed
        assert recording.archive.id in second.result["retained_keys_reason"]
        assert (second.result["uploader"]["name"], begun.statuses()) == (begun.user, keys)
        begun.emulator.finish_archive(recording)
        last = delete(begun)
        assert last.changed
        assert (last.result["retained_keys_reason"], last.result["retained_keys_until"]) == ("", None)
        assert (last.result["access_keys"], last.result["uploader"]) == ([], {})
        parts = ("access_keys", "policy", "user")
        assert last.result["changes"] == [f"{user}: {part}" for user in begun.users for part in parts]
        assert not any(begun.user_is_there(user) for user in begun.users)
        begun.forget()
        again = delete(begun)
        assert (again.changed, again.result["changes"], begun.written) == (False, [], [])
        # A steady run reads the state file and looks for both users, and no more.
        assert begun.api.requests == []

    def test_users_are_deleted_after_the_grace_period(self, begun: RotationSite) -> None:
        begun.emulator.start_archive(begun.key)
        assert delete(begun).result["retained_keys_reason"]
        earlier(begun, 18 * HOUR)
        begun.forget()
        assert delete(begun).changed
        assert begun.statuses() == {}
        assert begun.api.requests == []

    def test_drain_timeout_waits_for_recordings(self, begun: RotationSite) -> None:
        recording = begun.emulator.start_archive(begun.key)
        recording.archive.created_at -= 60_000
        delete(begun)
        earlier(begun, 60)

        def after(n: int, request: ProxiedRequest) -> None:
            if request.method == "GET" and request.path.endswith("/archive") and n:
                begun.api.after = None
                begun.emulator.finish_archive(recording)

        begun.api.after = after
        assert delete(begun, drain_timeout=30).changed
        assert begun.statuses() == {}

    def test_upload_in_progress_keeps_its_key(self, begun: RotationSite) -> None:
        upload = Upload(begun)
        delete(begun)
        earlier(begun, 60)
        kept = delete(begun, drain_timeout=1)
        assert kept.result["retained_keys_reason"] == "uploads of recordings are in progress"
        assert begun.statuses()[upload.key] == "Active"
        upload.end()
        assert delete(begun, drain_timeout=1).changed
        assert begun.statuses() == {}

    def test_revoke_old_keys_deletes_immediately(self, begun: RotationSite) -> None:
        begun.emulator.start_archive(begun.key)
        Upload(begun)
        planned = delete(begun, check_mode=True, revoke_old_keys=True)
        outcome = delete(begun, revoke_old_keys=True)
        assert (outcome.before, outcome.after) == (planned.before, planned.after)
        assert outcome.result["changes"] == planned.result["changes"]
        assert (begun.emulator.target(begun.key), begun.statuses()) == (None, {})

    def test_without_a_target_and_users_nothing_happens(self, site: RotationSite) -> None:
        outcome = delete(site)
        assert (outcome.changed, outcome.result["reason"], outcome.result["changes"]) == (False, "unknown", [])

    def test_user_that_is_not_managed_keeps_target_and_user(self, begun: RotationSite) -> None:
        begun.iam.untag_user(UserName=begun.user, TagKeys=["vonage-archiving:managed"])
        begun.forget()
        with pytest.raises(errors.NotManagedError, match="does not have the tag"):
            delete(begun)
        assert begun.written == []
        assert delete(begun, force=True, revoke_old_keys=True).changed
        assert begun.statuses() == {}

    def test_user_of_another_project_is_never_deleted(self, begun: RotationSite) -> None:
        other = begun.emulator.add_project()
        options = {**begun.connection, "api_key": other.key, "api_secret": other.secret, "state": "absent"}
        options["state_file"] = f"s3://{begun.bucket}/.vonage-archiving/{other.key}.json"
        begun.forget()
        with pytest.raises(errors.NotManagedError, match=f"its policy allows uploads for project {begun.key}"):
            reconcile({**options, "uploader": {"name": begun.user, "force": True}}, Context())
        assert begun.written == []
        begun.archive_arrives()

    def test_failure_after_the_target_states_what_is_left(self, begun: RotationSite) -> None:
        begun.s3.before = FailingDeletion(begun)
        with pytest.raises(errors.ArchivingError) as caught:
            delete(begun, revoke_old_keys=True)
        assert "is deleted. Run it again to delete its IAM users." in str(caught.value)
        begun.s3.before = None
        assert delete(begun, revoke_old_keys=True).changed
        assert begun.statuses() == {}


class FailingDeletion:
    """The IAM API takes no deletion of a key."""

    def __init__(self, site: RotationSite) -> None:
        self.site = site

    def __call__(self, n: int, request: ProxiedRequest) -> None:
        if self.site.told(request).startswith("DeleteAccessKey"):
            raise DropConnection


def test_previous_target_with_a_managed_key(site: RotationSite) -> None:
    """Its grace period is that of the uploader; a rotation changes no setting of the target."""
    first = site.run(verify="never", check_previous_target=True, grace_period=HOUR)
    assert first.result["previous_target"]["in_use"]
    assert first.result["previous_target"]["until"] == format_utc((parse_utc(site.record()["time"]) or 0) + HOUR)
    earlier_settings(site, HOUR)
    for check_mode in (True, False):
        options: dict[str, Any] = {"rotate": True, "check_previous_target": True, "grace_period": HOUR}
        rotated = site.run(check_mode=check_mode, verify="never", **options)
        assert rotated.result["previous_target"]["in_use"] is False


def test_google_cloud_storage_gets_no_header_for_encryption(external: External) -> None:
    google = {"endpoint": "https://storage.googleapis.com", "sse": None}
    outcome = external.run(verify="never", s3=google)
    assert outcome.result["storage"]["sse"] == "none"
    assert external.site.target()["config"]["sse"] == "none"
    assert [warning.partition(".")[0] for warning in external.warnings] == ["s3"]
    assert external.run(verify="never", s3={**google, "sse": "none"}).changed is False
    assert len(external.warnings) == 1
    assert external.run(check_mode=True, verify="never", s3={**google, "endpoint": "https://s3.example.com"}).changed
    assert len(external.warnings) == 1
