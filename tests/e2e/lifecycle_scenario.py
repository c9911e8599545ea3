# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The full lifecycle of one project with a managed key, by the workflow of the role, without Ansible.

Each step checks its effect with the administrator's keys.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from ansible_collections.vonage.archiving.plugins.module_utils._archive_storage import workflow
from ansible_collections.vonage.archiving.plugins.module_utils._archive_storage.params import (
    Params,
    bucket_options_of,
    parse_params,
    target_options_of,
)
from ansible_collections.vonage.archiving.plugins.module_utils._archive_storage.settings import read_settings
from ansible_collections.vonage.archiving.plugins.module_utils._bucket import params as bucket_params
from ansible_collections.vonage.archiving.plugins.module_utils._bucket import reconcile as bucket
from ansible_collections.vonage.archiving.plugins.module_utils._core.argument_spec import validate_options
from ansible_collections.vonage.archiving.plugins.module_utils._core.errors import (
    ArchivingError,
    DeniedError,
    RejectedError,
    VerificationFailedError,
)
from ansible_collections.vonage.archiving.plugins.module_utils._core.plan import Context, Outcome
from ansible_collections.vonage.archiving.plugins.module_utils._upload_target import params as target_params
from ansible_collections.vonage.archiving.plugins.module_utils._upload_target.reconcile import reconcile
from tests.sandbox import Store, VonageEmulator

PROBE = "vonage-archiving-probe-"
# The project and the bucket in the guide, and the variables of its policy.
PROJECT, BUCKET = "47123456", "example-recordings"
VARIABLES: dict[str, Any] = {
    "cors_rules": [{"allowed_origins": ["https://player.example.com"], "allowed_methods": ["GET"]}],
    "expect_least_privilege": True,
    "folders": [PROJECT],
    "retention_days": 90,
    "tags": {"owner": "video"},
}
LONG_AGO = "2026-01-01T00:00:00Z"
ERROR_TYPES = {error.kind: error for error in (DeniedError, VerificationFailedError)}


class LeftoverError(AssertionError):
    """Probes were not deleted."""


@dataclass
class LifecycleScenario:
    """One project, its bucket, and its operator. The first step creates them.

    :param verifies_uploads: whether uploads are verified as in the role.
    :param variables: of the role, without their prefix and without those of the project and its operator.
    :param warnings: the warnings for the user.
    """

    store: Store
    emulator: VonageEmulator
    bucket: str
    operator: tuple[str, str] = field(repr=False)
    key: str
    secret: str = field(repr=False)
    verifies_uploads: bool = True
    variables: dict[str, Any] = field(default_factory=lambda: dict(VARIABLES))
    warnings: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.verifies_uploads = self.variables.get("verify") != "never"
        self.admin, self.iam = self.store.client(), self.store.iam_client()

    def run(self, steps: Iterable[Callable[[], None]]) -> None:
        for step in steps:
            step()

    @property
    def steps(self) -> list[Callable[[], None]]:
        """The steps for these variables, in an order that satisfies the precondition of each step."""
        managed, probes = self.is_managed, not self.is_managed or self.variables.get("verify") != "never"
        steps = {
            self.create: True,
            self.rerun: True,
            self.repair_drift: managed,
            self.change_options: True,
            self.verify: probes,
            self.rotate: managed,
            self.delete_leftover_probes: probes,
            self.recover_after_kill: managed and "state_file" not in self.variables,
            self.enable_versioning: probes,
            self.refuse_tls: self.variables.get("require_tls") is not False,
            self.teardown: True,
            self.delete_bucket: self.variables.get("delete_bucket") is True,
        }
        return [step for step, has_effect in steps.items() if has_effect]

    @property
    def is_managed(self) -> bool:
        return self.variables.get("upload_key") != "external"

    @property
    def user(self) -> str:
        return str(self.variables.get("uploader_name", f"vonage-archiving-{self.key}"))

    @property
    def spare(self) -> str:
        return f"{self.user}-spare"

    @property
    def state_file_key(self) -> str:
        return f".vonage-archiving/{self.key}.json"

    @property
    def _operator(self) -> dict[str, Any]:
        return {"region": "eu-west-1", "access_key": self.operator[0], "secret_key": self.operator[1]}

    @property
    def _project(self) -> dict[str, Any]:
        return {"api_url": self.emulator.url, "api_key": self.key, "api_secret": self.secret}

    def _context(self) -> Context:
        return Context(warn=self.warnings.append)

    @property
    def role_variables(self) -> dict[str, Any]:
        """The variables of the role. Old keys are deleted in the same run."""
        defaults: dict[str, Any] = {"grace_period": 0, "delete_after": 0, "drain_timeout": 1, "verify_timeout": 10}
        defaults.update({"uploader_tags": {"owner": "video"}, "bucket": self.bucket, "region": "eu-west-1"})
        text = json.dumps(self.variables).replace(PROJECT, self.key).replace(BUCKET, self.bucket)
        # moto ignores conditions. Own steps test the requirement and the check.
        ignored = {"require_tls": False, "expect_least_privilege": False, "delete_bucket": False}
        return {**defaults, "api_key": self.key, **json.loads(text), **ignored}

    def _settings(self, **changes: Any) -> dict[str, Any]:
        return read_settings({**self.role_variables, **changes})

    def _bucket_options(self, **options: Any) -> dict[str, Any]:
        # The preflight needs no permission.
        defaults = {**bucket_options_of(self._settings()), "defer_requirements": False, "preflight": "never"}
        return validate_options(bucket_params.ARGUMENTS, {**self._operator, **defaults, **options})

    def _target_options(self, *, rotate: bool = False, **options: Any) -> dict[str, Any]:
        # Changes of the options of the uploader.
        uploader = options.pop("uploader", {})
        state = str(options.pop("state", "present"))
        defaults = target_options_of(self._settings(rotate=rotate, state=state))
        # The environment cannot send requests without a key to addresses of AWS.
        defaults.update(expect_public="", cors_origin="", cors_method="")
        if not self.is_managed and state == "present":
            defaults["s3"]["secret_key"] = self.variables["uploader_secret_key"]
        changed = {"uploader": {**defaults["uploader"], **uploader}} if defaults["uploader"] else {}
        return validate_options(
            target_params.ARGUMENTS, {**self._operator, **self._project, **defaults, **changed, **options}
        )

    def ensure_bucket(self, **options: Any) -> Outcome:
        return bucket.reconcile(self._bucket_options(**options), self._context())

    def ensure_target(self, **options: Any) -> Outcome:
        return reconcile(self._target_options(**options), self._context())

    def _params(self, **options: Any) -> Params:
        verify = "new_key" if self.verifies_uploads else "never"
        variables = {"api_key": self.key, "api_secret": self.secret, "bucket": self.bucket, "verify": verify}
        return replace(
            parse_params(variables, {}),
            desired_bucket=bucket_params.parse_params(self._bucket_options(), {}),
            desired_target=target_params.parse_params(self._target_options(verify=verify, **options), {}),
        )

    def configure(self, **options: Any) -> bool:
        """Run the workflow of the role, and return whether it changed anything.

        :raises ArchivingError: the workflow failed.
        """
        outcome = workflow.configure(self._params(**options), self._context())
        if outcome.failed:
            error = outcome.result["error"]
            error_type = ERROR_TYPES.get(error["kind"], ArchivingError)
            raise error_type(error["operation"], error["problem"], error["hint"])
        return outcome.changed

    def create(self) -> None:
        assert self.configure()
        self._uploads_work()

    def rerun(self) -> None:
        key_id = self.target_key_id
        assert not self.configure()
        assert self.target_key_id == key_id

    def repair_drift(self) -> None:
        """Another administrator changed the user."""
        everything = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}
        self.iam.put_user_policy(
            UserName=self.user, PolicyName="vonage-archiving", PolicyDocument=json.dumps(everything)
        )
        self.iam.untag_user(UserName=self.user, TagKeys=["owner"])
        assert self.configure()
        assert {"Key": "owner", "Value": "video"} in self.iam.list_user_tags(UserName=self.user)["Tags"]
        policy = self.iam.get_user_policy(UserName=self.user, PolicyName="vonage-archiving")["PolicyDocument"]
        assert "s3:*" not in json.dumps(policy)

    def change_options(self) -> None:
        """Earlier variables requested a lifecycle rule, and the opposite public access."""
        is_public = self.variables.get("public", False)
        options = {"lifecycle": {"prefix": f"{self.key}/", "expire_days": 500}, "allow": ["shorter_retention"]}
        self.ensure_bucket(public_prefixes=[] if is_public else [self.key], **options)
        assert (self._policy() is None) is is_public
        self.ensure_bucket(allow=["shorter_retention"])
        assert (self._policy() is None) is not is_public

    def verify(self) -> None:
        outcome = self.ensure_target(verify="only")
        assert outcome.result["checks"]
        assert all(check["ok"] for check in outcome.result["checks"])
        assert not self.is_managed or self.all_keys == [self.target_key_id]
        self.assert_no_leftovers()

    def rotate(self) -> None:
        old = self.target_key_id
        assert self.configure(rotate=True)
        assert self.target_key_id != old
        assert self.all_keys == [self.target_key_id]
        self._uploads_work()

    def delete_leftover_probes(self) -> None:
        """A killed check left probes, one of them with a key that had too many permissions."""
        probe = f"{PROBE}{uuid.uuid4()}/probe.bin"
        self.admin.put_object(Bucket=self.bucket, Key=f"{self.key}/{probe}", Body=b"probe")
        self.admin.create_multipart_upload(Bucket=self.bucket, Key=f"{self.key}/{probe}")
        if self.variables.get("expect_least_privilege"):
            self.admin.create_multipart_upload(Bucket=self.bucket, Key=probe)
        if self.variables.get("expect_least_privilege") and self.is_managed:
            # moto ignores the condition of the uploader's policy: its key can list more than on AWS.
            with pytest.raises(VerificationFailedError) as caught:
                self.ensure_target(verify="only", expect_least_privilege=True)
            assert [check["name"] for check in caught.value.facts["checks"] if not check["ok"]] == ["no_list_outside"]
        else:
            self.ensure_target(verify="only", expect_least_privilege=self.variables.get("expect_least_privilege"))
        self.assert_no_leftovers()

    def refuse_tls(self) -> None:
        """Another project uploads to this bucket without TLS. moto cannot evaluate the statement itself."""
        other = {"Bucket": self.bucket, "Key": ".vonage-archiving/47999999.json"}
        storage = {"project": "47999999", "storage": {"endpoint": "http://store.example"}}
        self.admin.put_object(**other, Body=json.dumps(storage).encode())
        with pytest.raises(RejectedError, match="without TLS"):
            self.ensure_bucket(require_tls=True)
        self.admin.delete_object(**other)

    def recover_after_kill(self) -> None:
        """A run was killed while it called the API: the target has one of two keys."""
        old = self.target_key_id
        new = self.iam.create_access_key(UserName=self.user)["AccessKey"]["AccessKeyId"]
        state_file = json.loads(self.admin.get_object(Bucket=self.bucket, Key=self.state_file_key)["Body"].read())
        storage_of_new = {**state_file["storage"], "access_key": new}
        state_file.update(status="pending", storage=storage_of_new, may_hold=[old], until=LONG_AGO)
        self.admin.put_object(Bucket=self.bucket, Key=self.state_file_key, Body=json.dumps(state_file).encode())
        assert self.configure()
        assert self.all_keys == [self.target_key_id]
        self._uploads_work()

    def enable_versioning(self) -> None:
        """With versioning, deleted objects have versions."""
        self.admin.put_bucket_versioning(Bucket=self.bucket, VersioningConfiguration={"Status": "Enabled"})
        probe = f"{self.key}/{PROBE}{uuid.uuid4()}/probe.bin"
        self.admin.put_object(Bucket=self.bucket, Key=probe, Body=b"probe")
        self.verify()
        self.assert_no_leftovers()

    def teardown(self) -> None:
        self.ensure_target(state="absent")
        assert self.emulator.target(self.key) is None
        assert not self._exists(self.user)

    def delete_bucket(self) -> None:
        self._add_recordings()
        settings = {**self._settings(state="absent"), "delete_bucket": True}
        options = bucket_options_of(settings)
        bucket.reconcile(validate_options(bucket_params.ARGUMENTS, {**self._operator, **options}), self._context())
        with pytest.raises(ClientError, match="404"):
            self.admin.head_bucket(Bucket=self.bucket)

    def _add_recordings(self) -> None:
        """Recordings with several versions, a probe of a killed check, and uploads in progress."""
        key = f"{self.key}/archive/archive.mp4"
        for body in (b"one", b"two"):
            self.admin.put_object(Bucket=self.bucket, Key=key, Body=body)
        probe = f"{PROBE}{uuid.uuid4()}/probe.bin"
        self.admin.put_object(Bucket=self.bucket, Key=probe, Body=b"probe")
        for name in (key, probe):
            self.admin.create_multipart_upload(Bucket=self.bucket, Key=name)

    @property
    def target_key_id(self) -> str:
        """The ID of the access key in the upload target."""
        target = self.emulator.target(self.key)
        assert target
        return str(target["config"]["accessKey"])

    @property
    def all_keys(self) -> list[str]:
        """The IDs of all access keys of both users."""
        users = [user for user in (self.user, self.spare) if self._exists(user)]
        responses = [self.iam.list_access_keys(UserName=user)["AccessKeyMetadata"] for user in users]
        return [key["AccessKeyId"] for keys in responses for key in keys]

    def assert_no_leftovers(self) -> None:
        listed = self.admin.list_object_versions(Bucket=self.bucket)
        entries = [*listed.get("Versions", []), *listed.get("DeleteMarkers", [])]
        entries += self.admin.list_multipart_uploads(Bucket=self.bucket).get("Uploads", [])
        probes = [entry["Key"] for entry in entries if PROBE in entry["Key"]]
        if probes:
            raise LeftoverError(probes)

    def _uploads_work(self) -> None:
        assert self.emulator.record_archive(self.key)["status"] == "uploaded"

    def _exists(self, user: str) -> bool:
        try:
            self.iam.get_user(UserName=user)
        except ClientError:
            return False
        return True

    def _policy(self) -> str | None:
        try:
            return str(self.admin.get_bucket_policy(Bucket=self.bucket)["Policy"])
        except ClientError:
            return None
