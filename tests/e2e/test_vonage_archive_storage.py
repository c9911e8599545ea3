# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Test vonage_archive_storage: the verification, the deletion of the target and its users, and every kind of error.

The integration target vonage_archive_storage tests the module with Ansible, and ``test_rotation*.py`` test managed
keys. The tests move the times in the state file and the archive list into the past.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from ansible_collections.vonage.archiving.plugins.module_utils._core import errors
from ansible_collections.vonage.archiving.plugins.module_utils._core.errors import VerificationFailedError
from ansible_collections.vonage.archiving.plugins.module_utils._core.plan import Context, Outcome
from ansible_collections.vonage.archiving.plugins.module_utils._core.timestamps import format_utc, parse_utc
from ansible_collections.vonage.archiving.plugins.module_utils._upload_target.reconcile import reconcile
from tests.e2e import playbook_runs
from tests.e2e.error_responses import error_server
from tests.e2e.module_runs import without_libraries
from tests.e2e.rotation_environment import RotationEnvironment, new_rotation_environment
from tests.e2e.test_rotation import BRIEF, Upload, pass_time
from tests.e2e.test_rotation import assert_failure as assert_rotation_failure
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
def rotation(e2e_sandbox: Sandbox) -> Iterator[RotationEnvironment]:
    with new_rotation_environment(e2e_sandbox) as environment:
        yield environment


@dataclass
class ExternalKeyRuns:
    """Runs of one project with an external key that can upload."""

    rotation: RotationEnvironment
    key: tuple[str, str] = field(repr=False)
    warnings: list[str] = field(default_factory=list)

    def run(self, check_mode: bool = False, s3: dict[str, Any] | None = None, **options: Any) -> Outcome:
        """Run the use case, and assert that its outcome has no secret."""
        key = {"access_key": self.key[0], "secret_key": self.key[1]}
        target = {
            **self.rotation.external,
            "s3": {**self.rotation.external["s3"], **key, **(s3 or {})},
            "expect_public": False,
        }
        context = Context(check_mode=check_mode, warn=self.warnings.append)
        outcome = reconcile({**self.rotation.connection, **target, **options}, context)
        assert set(outcome.result) == RESULT
        assert not playbook_runs.find_leaks(json.dumps([outcome.result, outcome.before, outcome.after]), self.secrets)
        return outcome

    def assert_failure(self, kind: type[errors.ArchivingError], **options: Any) -> errors.ArchivingError:
        """Assert that a run fails with a typed error without secrets, and return the error."""
        with pytest.raises(kind) as caught:
            self.run(**options)
        assert not playbook_runs.find_leaks(f"{caught.value} {caught.value.as_result()}", self.secrets)
        return caught.value

    @property
    def secrets(self) -> list[str]:
        return [*self.rotation.secrets, self.key[1]]

    @property
    def probes(self) -> list[str]:
        """The uploads of probes."""
        return [
            line
            for line in self.rotation.described_requests
            if "vonage-archiving-probe" in line and line.startswith("PUT")
        ]


@pytest.fixture
def external(rotation: RotationEnvironment) -> ExternalKeyRuns:
    arn = f"arn:aws:s3:::{rotation.bucket}"
    statements = [
        {
            "Effect": "Allow",
            "Action": ["s3:PutObject", "s3:AbortMultipartUpload"],
            "Resource": f"{arn}/{rotation.key}/*",
        },
    ]
    policy = {"Version": "2012-10-17", "Statement": statements}
    return ExternalKeyRuns(rotation, rotation.store.make_user(f"external-{rotation.key}", policy))


class TestExternalKey:
    def test_reconcile_check_mode_then_set_then_idempotent(self, external: ExternalKeyRuns) -> None:
        planned = external.run(check_mode=True)
        assert (planned.changed, planned.result["verification"], external.rotation.writes) == (True, "", [])
        first = external.run()
        assert (first.changed, first.result["changes"]) == (True, ["target"])
        assert (planned.before, planned.after) == (first.before, first.after)
        assert first.result["verification"] == f"uploads with {external.key[0]} work"
        assert first.result["checks"]
        assert all(check["ok"] for check in first.result["checks"])
        verification_and_put = [
            line for line in external.rotation.described_requests if "probe" in line or "archive/storage" in line
        ]
        assert verification_and_put[-1] == "PUT /v2/project/KEY/archive/storage"
        assert len(external.probes) >= 1
        external.rotation.clear_request_log()
        second = external.run()
        assert (second.changed, second.result["checks"], second.result["changes"]) == (False, [], [])
        assert external.rotation.writes == []
        external.rotation.record_archive()

    def test_reconcile_failed_check_changes_nothing(self, external: ExternalKeyRuns) -> None:
        external.run()
        before, target = external.rotation.state_file_text(), external.rotation.target()
        external.rotation.clear_request_log()
        for verify in ("new_key", "always", "only"):
            error = external.assert_failure(
                VerificationFailedError, verify=verify, fallback="opentok", expect_public=True, verify_timeout=1
            )
            assert "The upload target was not changed" in str(error)
            failed = [check["name"] for check in error.facts["checks"] if not check["ok"]]
            assert failed == ["anonymous_read"]
        assert (external.rotation.state_file_text(), external.rotation.target()) == (before, target)
        # The check of the credentials.
        assert {request.method for request in external.rotation.api.requests} <= {"GET"}

    def test_reconcile_failed_check_of_first_run_writes_nothing(self, external: ExternalKeyRuns) -> None:
        external.assert_failure(VerificationFailedError, s3={"secret_key": "wrong"}, verify_timeout=0)
        assert external.rotation.emulator.target(external.rotation.key) is None
        assert external.rotation.client.list_objects_v2(Bucket=external.rotation.bucket)["KeyCount"] == 0

    def test_verify_always_without_change_sends_no_request_to_the_api(self, external: ExternalKeyRuns) -> None:
        external.run()
        external.rotation.clear_request_log()
        outcome = external.run(verify="always")
        assert (outcome.changed, outcome.result["reason"]) == (False, "unchanged")
        assert outcome.result["verification"] == f"uploads with {external.key[0]} work"
        assert external.probes
        assert external.rotation.api.requests == []

    def test_verify_only_changes_nothing(self, external: ExternalKeyRuns) -> None:
        outcome = external.run(verify="only")
        assert (outcome.changed, outcome.result["reason"], outcome.result["changes"]) == (
            False,
            "no_state_file",
            ["target"],
        )
        assert outcome.result["checks"]
        assert external.rotation.emulator.target(external.rotation.key) is None
        planned = external.run(check_mode=True, verify="only")
        assert (planned.changed, planned.result["checks"]) == (True, [])

    def test_verify_never_uploads_nothing(self, external: ExternalKeyRuns) -> None:
        outcome = external.run(verify="never")
        assert (outcome.changed, outcome.result["checks"], external.probes) == (True, [], [])

    def test_reconcile_without_secret_raises_secret_needed_error(self, external: ExternalKeyRuns) -> None:
        s3 = {"secret_key": ""}
        error = external.assert_failure(errors.SecretNeededError, s3=s3)
        assert "s3.secret_key is required now and is not set (reason: no_state_file" in str(error)
        assert external.rotation.writes == []
        external.run()
        external.rotation.clear_request_log()
        assert not external.run(s3=s3).changed
        assert external.run(check_mode=True, s3=s3, fallback="opentok").result["reason"] == "changed"
        assert external.rotation.writes == []
        assert "verify: always requires s3.secret_key" in str(
            external.assert_failure(errors.InputError, s3=s3, verify="always")
        )

    def test_previous_target_after_change_is_in_use(self, external: ExternalKeyRuns) -> None:
        assert external.run().result["previous_target"] is None
        pass_time_since_change(external.rotation, 20 * HOUR)
        assert external.run(check_previous_target=True).result["previous_target"]["in_use"] is False
        recording = external.rotation.emulator.start_archive(external.rotation.key)
        recording.archive.created_at -= HOUR * 1000
        external.run(s3={"sse": "none"})
        pass_time_since_change(external.rotation, 60)
        previous_target = external.run(s3={"sse": "none"}, check_previous_target=True).result["previous_target"]
        assert previous_target["in_use"]
        assert recording.archive.id in previous_target["reason"]
        outcome = external.run(s3={"sse": "none"}, check_previous_target=True, grace_period=30)
        assert outcome.result["previous_target"]["in_use"] is False


def pass_time_since_change(rotation: RotationEnvironment, seconds: float) -> None:
    """Move the last change of the target into the past."""
    document = rotation.state_file()
    for name in ("time", "settings_since"):
        document[name] = format_utc((parse_utc(document[name]) or 0) - seconds)
    rotation.write_state_file(json.dumps(document))
    rotation.s3.pass_time(f"/{rotation.bucket}/{rotation.state_file_key}", seconds)


def delete(rotation: RotationEnvironment, check_mode: bool = False, **uploader: Any) -> Outcome:
    """Delete the target and its users. Old keys have a grace period of 18 hours."""
    options = {**rotation.connection, "state": "absent", "uploader": {"drain_timeout": 0, **uploader}}
    outcome = reconcile(options, Context(check_mode=check_mode))
    assert set(outcome.result) == RESULT
    assert not playbook_runs.find_leaks(json.dumps([outcome.result, outcome.before, outcome.after]), rotation.secrets)
    return outcome


class TestDelete:
    @pytest.fixture
    def two_keys(self, rotation: RotationEnvironment) -> RotationEnvironment:
        """A project whose two users have a key each."""
        rotation.run(verify="never")
        rotation.run(rotate=True, grace_period=HOUR, verify="never")
        assert len(rotation.statuses()) == 2
        return rotation

    def test_absent_recording_in_progress_keeps_users(self, two_keys: RotationEnvironment) -> None:
        keys = two_keys.statuses()
        recording = two_keys.emulator.start_archive(two_keys.key)
        recording.archive.created_at -= 60_000
        planned = delete(two_keys, check_mode=True)
        assert (planned.changed, planned.result["changes"], two_keys.target()["type"]) == (True, ["target"], "s3")
        first = delete(two_keys)
        assert (first.changed, first.result["reason"], first.result["changes"]) == (True, "changed", ["target"])
        assert (first.before["state"], first.after) == ("present", {"state": "absent"})
        assert first.result["retained_keys_reason"] == "the target changed a moment ago"
        deleted_at = parse_utc(two_keys.state_file()["time"]) or 0
        assert first.result["retained_keys_until"] == format_utc(deleted_at + 18 * HOUR)
        assert {key["id"]: key["status"] for key in first.result["access_keys"]} == keys
        assert (two_keys.emulator.target(two_keys.key), two_keys.statuses()) == (None, keys)
        pass_time(two_keys, 60)
        second = delete(two_keys)
        assert not second.changed
        assert recording.archive.id in second.result["retained_keys_reason"]
        assert (second.result["uploader"]["name"], two_keys.statuses()) == (two_keys.user, keys)
        two_keys.emulator.finish_archive(recording)
        last = delete(two_keys)
        assert last.changed
        assert (last.result["retained_keys_reason"], last.result["retained_keys_until"]) == ("", None)
        assert (last.result["access_keys"], last.result["uploader"]) == ([], {})
        parts = ("access_keys", "policy", "user")
        assert last.result["changes"] == [f"{user}: {part}" for user in two_keys.users for part in parts]
        assert not any(two_keys.user_exists(user) for user in two_keys.users)
        two_keys.clear_request_log()
        steady = delete(two_keys)
        assert (steady.changed, steady.result["changes"], two_keys.writes) == (False, [], [])
        # A run without changes reads the state file and both users.
        assert two_keys.api.requests == []

    def test_absent_grace_period_over_deletes_users(self, two_keys: RotationEnvironment) -> None:
        two_keys.emulator.start_archive(two_keys.key)
        assert delete(two_keys).result["retained_keys_reason"]
        pass_time(two_keys, 18 * HOUR)
        two_keys.clear_request_log()
        assert delete(two_keys).changed
        assert two_keys.statuses() == {}
        assert two_keys.api.requests == []

    def test_absent_drain_timeout_waits_for_recordings(self, two_keys: RotationEnvironment) -> None:
        recording = two_keys.emulator.start_archive(two_keys.key)
        recording.archive.created_at -= 60_000
        delete(two_keys)
        pass_time(two_keys, 60)

        def after(n: int, request: ProxiedRequest) -> None:
            if request.method == "GET" and request.path.endswith("/archive") and n:
                two_keys.api.after = None
                two_keys.emulator.finish_archive(recording)

        two_keys.api.after = after
        assert delete(two_keys, drain_timeout=30).changed
        assert two_keys.statuses() == {}

    def test_absent_upload_in_progress_keeps_its_key(self, two_keys: RotationEnvironment) -> None:
        upload = Upload(two_keys)
        delete(two_keys)
        pass_time(two_keys, 60)
        outcome = delete(two_keys, drain_timeout=1)
        assert outcome.result["retained_keys_reason"] == "uploads of recordings are in progress"
        assert two_keys.statuses()[upload.key] == "Active"
        upload.end()
        assert delete(two_keys, drain_timeout=1).changed
        assert two_keys.statuses() == {}

    def test_absent_revoke_old_keys_deletes_users_immediately(self, two_keys: RotationEnvironment) -> None:
        two_keys.emulator.start_archive(two_keys.key)
        Upload(two_keys)
        planned = delete(two_keys, check_mode=True, revoke_old_keys=True)
        outcome = delete(two_keys, revoke_old_keys=True)
        assert (outcome.before, outcome.after) == (planned.before, planned.after)
        assert outcome.result["changes"] == planned.result["changes"]
        assert (two_keys.emulator.target(two_keys.key), two_keys.statuses()) == (None, {})

    def test_absent_without_target_and_users_is_unchanged(self, rotation: RotationEnvironment) -> None:
        outcome = delete(rotation)
        assert (outcome.changed, outcome.result["reason"], outcome.result["changes"]) == (False, "no_state_file", [])

    def test_absent_unmanaged_user_raises_not_managed_error(self, two_keys: RotationEnvironment) -> None:
        two_keys.iam.untag_user(UserName=two_keys.user, TagKeys=["vonage-archiving:managed"])
        two_keys.clear_request_log()
        with pytest.raises(errors.NotManagedError, match="does not have the tag"):
            delete(two_keys)
        assert two_keys.writes == []
        assert delete(two_keys, force=True, revoke_old_keys=True).changed
        assert two_keys.statuses() == {}

    def test_absent_user_of_another_project_raises_not_managed_error(self, two_keys: RotationEnvironment) -> None:
        other_project = two_keys.emulator.add_project()
        credentials = {"api_key": other_project.key, "api_secret": other_project.secret}
        options = {**two_keys.connection, **credentials, "state": "absent"}
        options["state_file"] = f"s3://{two_keys.bucket}/.vonage-archiving/{other_project.key}.json"
        two_keys.clear_request_log()
        with pytest.raises(errors.NotManagedError, match=f"its policy allows uploads for project {two_keys.key}"):
            reconcile({**options, "uploader": {"name": two_keys.user, "force": True}}, Context())
        assert two_keys.writes == []
        two_keys.record_archive()

    def test_absent_failed_deletion_of_users_names_the_next_step(self, two_keys: RotationEnvironment) -> None:
        two_keys.s3.before = FailingDeletion(two_keys)
        with pytest.raises(errors.ArchivingError) as caught:
            delete(two_keys, revoke_old_keys=True)
        assert "is deleted. Run it again to delete its IAM users." in str(caught.value)
        two_keys.s3.before = None
        assert delete(two_keys, revoke_old_keys=True).changed
        assert two_keys.statuses() == {}


class FailingDeletion:
    """Drops connections of requests that delete a key."""

    def __init__(self, rotation: RotationEnvironment) -> None:
        self.rotation = rotation

    def __call__(self, n: int, request: ProxiedRequest) -> None:
        if self.rotation.describe_request(request).startswith("DeleteAccessKey"):
            raise DropConnection


class TestErrors:
    @pytest.mark.parametrize(
        ("status", "kind"),
        [
            (400, errors.RejectedError),
            (403, errors.DeniedError),
            (404, errors.NotFoundError),
            (503, errors.UnreachableError),
        ],
    )
    def test_reconcile_error_response_of_api_raises_typed_error(
        self, external: ExternalKeyRuns, status: int, kind: type[errors.ArchivingError]
    ) -> None:
        rotation = external.rotation
        rotation.emulator.fail_next(status=status, path=f"/{rotation.key}/archive/storage", times=9)
        error = external.assert_failure(kind, **BRIEF)
        assert error.facts["status"] == status
        assert rotation.emulator.target(rotation.key) is None
        rotation.emulator.clear_faults()
        assert external.run(verify="never").changed

    def test_reconcile_missing_bucket_of_state_file_raises_not_found_error(self, external: ExternalKeyRuns) -> None:
        location = f"s3://{external.rotation.bucket}-2/state.json"
        external.assert_failure(errors.NotFoundError, verify="never", state_file=location)
        assert [request.method for request in external.rotation.api.requests] == ["GET"]

    def test_reconcile_state_file_changed_concurrently_raises_conflict_error(self, external: ExternalKeyRuns) -> None:
        external.run(verify="never")
        rotation = external.rotation
        rotation.clear_request_log()
        text = rotation.state_file_text()

        def change_state_file(_n: int, request: ProxiedRequest) -> None:
            if request.method == "PUT" and request.path.endswith(rotation.state_file_key):
                rotation.write_state_file(f"{text} ")

        rotation.s3.before = change_state_file
        error = external.assert_failure(errors.ConflictError, verify="never", fallback="opentok")
        assert "another run has written it in between" in str(error)
        assert rotation.state_file_text() == f"{text} "
        assert [request.method for request in rotation.api.requests] == ["GET"]

    def test_reconcile_store_without_iam_raises_unsupported_error(self, rotation: RotationEnvironment) -> None:
        with error_server(501, "NotImplemented") as url:
            assert_rotation_failure(rotation, errors.UnsupportedError, iam_endpoint_url=url)
        assert rotation.writes == []

    def test_reconcile_four_keys_in_use_raises_quota_error(self, rotation: RotationEnvironment) -> None:
        """The target may contain any of the four keys. None is deleted, and the message names the next step."""
        rotation.run(verify="never")
        rotation.emulator.fail_next(status=503, path=f"/{rotation.key}/archive/storage", times=99)
        for _unused in range(3):
            assert_rotation_failure(rotation, errors.UnreachableError, rotate=True, **BRIEF)
            rotation.record_archive()
        assert Counter(rotation.statuses().values()) == {"Active": 4}
        rotation.emulator.clear_faults()
        text = assert_rotation_failure(rotation, errors.QuotaError, verify="never")
        assert "each of them may be in use. Delete the upload target" in text
        rotation.record_archive()
        reconcile({**rotation.connection, "state": "absent"}, Context())
        rotation.run(verify="never")
        rotation.assert_configured()

    def test_reconcile_invalid_options_raise_input_error_without_a_request(self, external: ExternalKeyRuns) -> None:
        error = external.assert_failure(errors.InputError, api_secret="", max_age=-1)
        assert isinstance(error, errors.InputError)
        assert len(error.problems) == 2
        assert external.rotation.described_requests == []

    @pytest.mark.parametrize(
        ("library", "package"), [("requests", "requests"), ("jwt", "PyJWT"), ("botocore", "boto3")]
    )
    def test_reconcile_missing_library_raises_typed_error(
        self, external: ExternalKeyRuns, monkeypatch: pytest.MonkeyPatch, library: str, package: str
    ) -> None:
        with monkeypatch.context() as patch:
            without_libraries(patch, library)
            error = external.assert_failure(errors.MissingLibraryError)
        assert f"Install {package} for this interpreter" in str(error)
        assert external.rotation.emulator.target(external.rotation.key) is None


def test_previous_target_managed_key_has_grace_period_of_uploader(rotation: RotationEnvironment) -> None:
    """The grace period is the one of the uploader. A rotation changes no setting of the target."""
    first = rotation.run(verify="never", check_previous_target=True, grace_period=HOUR)
    assert first.result["previous_target"]["in_use"]
    assert first.result["previous_target"]["until"] == format_utc(
        (parse_utc(rotation.state_file()["time"]) or 0) + HOUR
    )
    pass_time_since_change(rotation, HOUR)
    for check_mode in (True, False):
        options: dict[str, Any] = {"rotate": True, "check_previous_target": True, "grace_period": HOUR}
        rotated = rotation.run(check_mode=check_mode, verify="never", **options)
        assert rotated.result["previous_target"]["in_use"] is False


def test_reconcile_google_cloud_storage_sets_no_encryption(external: ExternalKeyRuns) -> None:
    google = {"endpoint": "https://storage.googleapis.com", "sse": None}
    outcome = external.run(verify="never", s3=google)
    assert outcome.result["storage"]["sse"] == "none"
    assert external.rotation.target()["config"]["sse"] == "none"
    assert [warning.partition(".")[0] for warning in external.warnings] == ["s3"]
    assert external.run(verify="never", s3={**google, "sse": "none"}).changed is False
    assert len(external.warnings) == 1
    assert external.run(check_mode=True, verify="never", s3={**google, "endpoint": "https://s3.example.com"}).changed
    assert len(external.warnings) == 1
