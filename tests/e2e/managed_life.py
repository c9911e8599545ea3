# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The life of one project with a managed uploader, in the order of the role's tasks, without Ansible.

Every step looks for itself at what came of it, with the administrator's keys.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import pytest
from botocore.exceptions import ClientError

from ansible_collections.vonage.archiving.plugins.module_utils._bucket import reconcile as bucket
from ansible_collections.vonage.archiving.plugins.module_utils._core.errors import VerificationFailedError
from ansible_collections.vonage.archiving.plugins.module_utils._core.plan import Context, Outcome
from ansible_collections.vonage.archiving.plugins.module_utils._upload_target.reconcile import reconcile
from tests.sandbox import Store, VonageEmulator

PROBE = "vonage-archiving-probe-"
LONG_AGO = "2026-01-01T00:00:00Z"


class LeftoverError(AssertionError):
    """Probes are left."""


@dataclass
class Life:
    """One project, its bucket and its operator; nothing of it exists before ``live``.

    :param proofs: whether uploads are tried wherever the role does so.
    :param warnings: what the user was warned of.
    """

    store: Store
    emulator: VonageEmulator
    bucket: str
    operator: tuple[str, str] = field(repr=False)
    key: str
    secret: str = field(repr=False)
    proofs: bool = True
    warnings: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.admin, self.iam = self.store.client(), self.store.iam_client()

    def live(self, steps: Iterable[Callable[[], None]]) -> None:
        for step in steps:
            step()

    @property
    def steps(self) -> list[Callable[[], None]]:
        """In an order in which each meets what it is about."""
        return [
            self.begin,
            self.stay,
            self.mend,
            self.open_and_close,
            self.verify,
            self.rotate,
            self.clean_up,
            self.go_on_from_a_kill,
            self.keep_versions,
            self.end,
        ]

    @property
    def user(self) -> str:
        return f"vonage-archiving-{self.key}"

    @property
    def spare(self) -> str:
        return f"{self.user}-spare"

    @property
    def record_key(self) -> str:
        return f".vonage-archiving/{self.key}.json"

    @property
    def _operator(self) -> dict[str, Any]:
        return {"region": "eu-west-1", "access_key": self.operator[0], "secret_key": self.operator[1]}

    @property
    def _project(self) -> dict[str, Any]:
        return {"api_url": self.emulator.url, "api_key": self.key, "api_secret": self.secret}

    def _context(self, check_mode: bool = False) -> Context:
        return Context(check_mode=check_mode, warn=self.warnings.append)

    def bring_about_the_bucket(self, **options: Any) -> Outcome:
        given = {
            "name": self.bucket,
            "project": self.key,
            "encryption": "s3",
            "cors_rules": [{"allowed_origins": ["https://player.example.com"], "allowed_methods": ["GET"]}],
            "folders": [self.key],
            "public_prefixes": [],
            # moto takes a statement about requests without TLS for one about all requests.
            "require_tls": False,
            "require_encryption": False,
            "lifecycle": {"prefix": f"{self.key}/", "expire_days": 90, "abort_incomplete_uploads_days": 7},
            "tags": {"owner": "video"},
        }
        return bucket.reconcile({**self._operator, **given, **options}, self._context())

    def bring_about_the_key(self, check_mode: bool = False, **options: Any) -> Outcome:
        given = {
            "s3": {"bucket": self.bucket, "sse": "s3"},
            "fallback": "opentok",
            "state_file": f"s3://{self.bucket}/{self.record_key}",
            "uploader": {**self.uploader, "rotate": options.pop("rotate", False)},
            "verify_timeout": 10,
        }
        return reconcile({**self._operator, **self._project, **given, **options}, self._context(check_mode))

    @property
    def uploader(self) -> dict[str, Any]:
        """Old keys are deleted in the same run."""
        return {"tags": {"owner": "video"}, "grace_period": 0, "delete_after": 0, "drain_timeout": 1}

    def configure(self, **options: Any) -> bool:
        """Do as tasks/managed.yml does; whether anything was changed."""
        plan = self.bring_about_the_key(check_mode=True, verify="never", **options)
        made = self.bring_about_the_bucket()
        if not (plan.changed or made.changed):
            return False
        verify = "never" if not self.proofs else "always" if made.changed else "new_key"
        done = self.bring_about_the_key(verify=verify, **options)
        return made.changed or done.changed

    def begin(self) -> None:
        assert self.configure()
        self._uploads_work()

    def stay(self) -> None:
        held = self.held
        assert not self.configure()
        assert self.held == held

    def mend(self) -> None:
        """Somebody has changed the user."""
        everything = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}
        self.iam.put_user_policy(
            UserName=self.user, PolicyName="vonage-archiving", PolicyDocument=json.dumps(everything)
        )
        self.iam.untag_user(UserName=self.user, TagKeys=["owner"])
        assert self.configure()
        assert {"Key": "owner", "Value": "video"} in self.iam.list_user_tags(UserName=self.user)["Tags"]
        policy = self.iam.get_user_policy(UserName=self.user, PolicyName="vonage-archiving")["PolicyDocument"]
        assert "s3:*" not in json.dumps(policy)

    def open_and_close(self) -> None:
        self.bring_about_the_bucket(public_prefixes=[self.key])
        assert "public" in self.admin.get_bucket_policy(Bucket=self.bucket)["Policy"].lower()
        self.bring_about_the_bucket()
        assert self._policy() is None

    def verify(self) -> None:
        found = self.bring_about_the_key(verify="only")
        assert found.result["checks"]
        assert all(check["ok"] for check in found.result["checks"])
        assert self.all_keys == [self.held]
        self.see_that_nothing_is_left()

    def rotate(self) -> None:
        old = self.held
        assert self.configure(rotate=True)
        assert self.held != old
        assert self.all_keys == [self.held]
        self._uploads_work()

    def clean_up(self) -> None:
        """A check that was killed left probes behind, one of them of a key that could do more than it should."""
        left = f"{PROBE}{uuid.uuid4()}/probe.bin"
        self.admin.put_object(Bucket=self.bucket, Key=f"{self.key}/{left}", Body=b"left")
        for key in (f"{self.key}/{left}", left):
            self.admin.create_multipart_upload(Bucket=self.bucket, Key=key)
        # moto passes over the condition of the uploader's policy, so that its key can list more than on AWS.
        with pytest.raises(VerificationFailedError) as refused:
            self.bring_about_the_key(verify="only", expect_least_privilege=True)
        assert [check["name"] for check in refused.value.facts["checks"] if not check["ok"]] == ["no_list_outside"]
        self.see_that_nothing_is_left()

    def go_on_from_a_kill(self) -> None:
        """A run was killed while the API was called: which of two keys the target holds, nobody knows."""
        old = self.held
        new = self.iam.create_access_key(UserName=self.user)["AccessKey"]["AccessKeyId"]
        record = json.loads(self.admin.get_object(Bucket=self.bucket, Key=self.record_key)["Body"].read())
        storage_of_new = {**record["storage"], "access_key": new}
        record.update(status="pending", storage=storage_of_new, may_hold=[old], until=LONG_AGO)
        self.admin.put_object(Bucket=self.bucket, Key=self.record_key, Body=json.dumps(record).encode())
        assert self.configure()
        assert self.all_keys == [self.held]
        self._uploads_work()

    def keep_versions(self) -> None:
        """Somebody has turned versions on: what is deleted is still there."""
        self.admin.put_bucket_versioning(Bucket=self.bucket, VersioningConfiguration={"Status": "Enabled"})
        left = f"{self.key}/{PROBE}{uuid.uuid4()}/probe.bin"
        self.admin.put_object(Bucket=self.bucket, Key=left, Body=b"left")
        self.verify()
        self.see_that_nothing_is_left()

    def end(self) -> None:
        """Do as tasks/absent.yml does."""
        self.bring_about_the_key(state="absent")
        assert self.emulator.target(self.key) is None
        assert not self._exists(self.user)

    @property
    def held(self) -> str:
        """The id of the key that the target holds."""
        found = self.emulator.target(self.key)
        assert found
        return str(found["config"]["accessKey"])

    @property
    def all_keys(self) -> list[str]:
        """The ids of all keys of both users."""
        users = [user for user in (self.user, self.spare) if self._exists(user)]
        listed = [self.iam.list_access_keys(UserName=user)["AccessKeyMetadata"] for user in users]
        return [key["AccessKeyId"] for keys in listed for key in keys]

    def see_that_nothing_is_left(self) -> None:
        """Of probes."""
        listed = self.admin.list_object_versions(Bucket=self.bucket)
        found = [*listed.get("Versions", []), *listed.get("DeleteMarkers", [])]
        found += self.admin.list_multipart_uploads(Bucket=self.bucket).get("Uploads", [])
        left = [each["Key"] for each in found if PROBE in each["Key"]]
        if left:
            raise LeftoverError(left)

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
