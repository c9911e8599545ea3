# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One project with a managed key, on a store with an IAM API. The use case runs without Ansible."""

from __future__ import annotations

import contextlib
import html
import json
import re
import secrets
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs

from botocore.exceptions import ClientError

from ansible_collections.vonage.archiving.plugins.module_utils._aws.iam_client import Iam
from ansible_collections.vonage.archiving.plugins.module_utils._core.plan import Context, Outcome
from ansible_collections.vonage.archiving.plugins.module_utils._core.runtime import Runtime
from ansible_collections.vonage.archiving.plugins.module_utils._upload_target.params import (
    UPLOADER,
    ManagedKeyParams,
    parse_params,
)
from ansible_collections.vonage.archiving.plugins.module_utils._upload_target.rotation import Rotation
from tests.e2e import playbook_runs
from tests.sandbox import ProxiedRequest, RecordingProxy, Sandbox, Store, VonageEmulator

_SECRET = re.compile(rb"<SecretAccessKey>([^<]+)</SecretAccessKey>")
_ID = re.compile(rb"<AccessKeyId>([^<]+)</AccessKeyId>")


@dataclass
class RotationEnvironment:
    """The environment of one test. The users do not exist before a run creates them."""

    store: Store
    emulator: VonageEmulator
    key: str
    secret: str = field(repr=False)
    bucket: str
    s3: RecordingProxy
    api: RecordingProxy
    client: Any
    iam: Any
    #: the clock of runs, in Unix seconds
    clock: Callable[[], float] = time.time
    _created_keys: dict[str, str] = field(default_factory=dict, repr=False)

    @property
    def user(self) -> str:
        """The name of the first user."""
        return f"vonage-archiving-{self.key}"

    @property
    def users(self) -> tuple[str, str]:
        return self.user, f"{self.user}-spare"

    @property
    def params(self) -> dict[str, Any]:
        """The options of the module, without a grace period and with short time limits."""
        times = {"grace_period": 0, "delete_after": 0, "drain_timeout": 0}
        return {**self.connection, **self.external, "uploader": times}

    def options(self, **options: Any) -> dict[str, Any]:
        """The options of the module with changes. Suboptions of ``uploader`` can be set by their names."""
        nested = {name: options.pop(name) for name in UPLOADER if name in options}
        uploader = {**self.params["uploader"], **(options.pop("uploader", None) or {}), **nested}
        return {**self.params, "uploader": uploader, **options}

    @property
    def external(self) -> dict[str, Any]:
        """The options of the upload target."""
        return {
            "s3": {"bucket": self.bucket, "endpoint": self.s3.url, "sse": "s3"},
            "fallback": "none",
            "verify_timeout": 10,
        }

    @property
    def connection(self) -> dict[str, Any]:
        """The options of the project, the state file, and the operator."""
        return {
            "api_url": self.api.url,
            "api_key": self.key,
            "api_secret": self.secret,
            "timeout": 1,
            "retries": 1,
            "total_timeout": 2,
            "state_file": f"s3://{self.bucket}/{self.state_file_key}",
            "endpoint_url": self.s3.url,
            "region": self.store.region,
            "access_key": self.store.access_key,
            "secret_key": self.store.secret_key,
        }

    @property
    def state_file_key(self) -> str:
        return f".vonage-archiving/{self.key}.json"

    def run(self, check_mode: bool = False, later: float = 0, **options: Any) -> Outcome:
        """Run the use case, and assert that its outcome has no secret.

        :param later: the seconds by which its clock is ahead.
        """
        params = managed_params(self.options(**options))
        context = Context(check_mode, runtime=Runtime(now=lambda: self.clock() + later))
        outcome = Rotation(params, context, Iam(params.uploader.iam)).run()
        output = json.dumps([outcome.result, outcome.before, outcome.after])
        assert not playbook_runs.find_leaks(output, self.secrets)
        assert not outcome.failed
        return outcome

    def assert_idempotent(self, **options: Any) -> Outcome:
        """Run the use case again, and assert that it changes and writes nothing."""
        self.clear_request_log()
        outcome = self.run(**options)
        assert not outcome.changed
        assert outcome.result["reason"] == "unchanged"
        assert self.writes == []
        assert self.api.requests == []
        return outcome

    def clear_request_log(self) -> None:
        """Clear the recorded requests, except the created keys."""
        assert len(self.created_keys) <= len(self._created_keys)
        self.s3.clear()
        self.api.clear()
        self.emulator.clear_log()

    @property
    def described_requests(self) -> list[str]:
        """The descriptions of all requests."""
        return [self.describe_request(request) for request in [*self.s3.requests, *self.api.requests]]

    @property
    def writes(self) -> list[str]:
        """The descriptions of all write requests."""
        reads = ("GET", "HEAD", "OPTIONS", "Get", "List")
        return [line for line in self.described_requests if not line.startswith(reads)]

    def describe_request(self, request: ProxiedRequest) -> str:
        """A request as text without random names: the action of IAM, or method, path, and query."""
        action = iam_action(request)
        if action:
            return f"{action['Action']} {action.get('UserName', '').replace(self.key, 'KEY')}"
        line = f"{request.method} {request.path}?{request.query}".rstrip("?")
        return line.replace(self.bucket, "BUCKET").replace(self.key, "KEY")

    @property
    def created_keys(self) -> dict[str, str]:
        """The secrets of all access keys that were created through the proxy, by ID."""
        for request in self.s3.requests:
            secret, name = _SECRET.search(request.response_body), _ID.search(request.response_body)
            if secret and name:
                self._created_keys[name.group(1).decode()] = html.unescape(secret.group(1).decode())
        return self._created_keys

    @property
    def secrets(self) -> list[str]:
        """Every current and former secret, including tokens."""
        calls = [call for call in self.emulator.log() if f"/{self.key}/" in call["path"]]
        tokens = [call["headers"].get("X-Opentok-Auth", "") for call in calls]
        current = [self.target()["config"]["secretKey"]] if self.emulator.target(self.key) else []
        return [self.secret, self.store.secret_key, *self.created_keys.values(), *current, *filter(None, tokens)]

    def target(self) -> dict[str, Any]:
        """The upload target, including secrets."""
        target = self.emulator.target(self.key)
        assert target is not None
        return target

    @property
    def target_key_id(self) -> str:
        """The ID of the access key in the upload target."""
        return str(self.target()["config"]["accessKey"])

    def state_file(self) -> dict[str, Any]:
        """The state file in the bucket."""
        return dict(json.loads(self.state_file_text()))

    def state_file_text(self) -> str:
        """Return the text of the state file, and assert that it has no secret."""
        text = self.client.get_object(Bucket=self.bucket, Key=self.state_file_key)["Body"].read().decode()
        assert not playbook_runs.find_leaks(text, self.secrets)
        return str(text)

    def write_state_file(self, text: str) -> None:
        """Replace the state file."""
        self.client.put_object(Bucket=self.bucket, Key=self.state_file_key, Body=text.encode())

    def statuses(self) -> dict[str, str]:
        """The statuses of the access keys of both users, by ID."""
        return {key["AccessKeyId"]: key["Status"] for user in self.users for key in self.keys_of(user)}

    def keys_of(self, user: str) -> list[dict[str, Any]]:
        """The access keys of one user, as IAM returns them."""
        try:
            return list(self.iam.list_access_keys(UserName=user)["AccessKeyMetadata"])
        except ClientError as error:
            if error.response["Error"]["Code"] != "NoSuchEntity":
                raise
            return []

    def user_exists(self, user: str) -> bool:
        try:
            self.iam.get_user(UserName=user)
        except ClientError as error:
            if error.response["Error"]["Code"] != "NoSuchEntity":
                raise
            return False
        return True

    def policy(self) -> str:
        """The policy of the first user as text."""
        policy = self.iam.get_user_policy(UserName=self.user, PolicyName="vonage-archiving")["PolicyDocument"]
        return json.dumps(policy)

    def record_archive(self) -> None:
        """Record an archive, and assert that it is uploaded."""
        archive = self.emulator.record_archive(self.key)
        assert archive["status"] == "uploaded", archive["sandbox"]
        self.client.head_object(Bucket=archive["sandbox"]["bucket"], Key=archive["sandbox"]["key"])

    def assert_repaired(self, **options: Any) -> None:
        """Assert that the next run repairs everything, and that the one after it changes nothing."""
        self.s3.before = self.s3.after = self.api.before = self.api.after = None
        self.run(verify="never", **options)
        self.assert_configured()
        self.assert_idempotent(verify="never", **options)

    def use_first_user(self) -> None:
        """Rotate if the current key belongs to the second user, and assert that no other key exists."""
        if self.keys_of(self.users[1]):
            self.run(rotate=True, verify="never")
        assert list(self.statuses()) == [self.target_key_id] == [key["AccessKeyId"] for key in self.keys_of(self.user)]

    def assert_configured(self) -> None:
        """Assert that exactly one key exists, which is active, works, and is in target and state file."""
        state_file = self.state_file()
        assert state_file["status"] == "applied"
        assert self.statuses() == {self.target_key_id: "Active"}
        assert state_file["storage"]["access_key"] == self.target_key_id
        assert self.target()["config"]["bucket"] == state_file["storage"]["bucket"]
        self.record_archive()


def rotate(params: dict[str, Any]) -> None:
    """The entry point of the process that is killed."""
    managed = managed_params(params)
    Rotation(managed, Context(), Iam(managed.uploader.iam)).run()


def managed_params(options: dict[str, Any]) -> ManagedKeyParams:
    """Parse the options of a managed key."""
    params = parse_params(options, {})
    assert isinstance(params, ManagedKeyParams)
    return params


def iam_action(request: ProxiedRequest) -> dict[str, str]:
    """The parameters of a request to the IAM API; empty for other requests."""
    if request.method != "POST" or request.path != "/" or b"Action=" not in request.body:
        return {}
    return {name: values[0] for name, values in parse_qs(request.body.decode()).items()}


@contextlib.contextmanager
def new_rotation_environment(sandbox: Sandbox, store: Store | None = None) -> Iterator[RotationEnvironment]:
    """Create a project and its bucket; delete the bucket and the users at the end."""
    store = store or sandbox.store
    emulator = sandbox.vonage
    project = emulator.add_project()
    bucket = f"rot-{secrets.token_hex(6)}"
    client, iam = store.client(), store.iam_client()
    client.create_bucket(Bucket=bucket)
    with RecordingProxy(store.endpoint_url) as s3, RecordingProxy(emulator.url) as api:
        rotation = RotationEnvironment(store, emulator, project.key, project.secret, bucket, s3, api, client, iam)
        try:
            yield rotation
        finally:
            s3.before = s3.after = api.before = api.after = None
            emulator.clear_faults()
            _delete_resources(rotation)


def _delete_resources(rotation: RotationEnvironment) -> None:
    for user in rotation.users:
        for key in rotation.keys_of(user):
            rotation.iam.delete_access_key(UserName=user, AccessKeyId=key["AccessKeyId"])
        with contextlib.suppress(ClientError):
            rotation.iam.delete_user_policy(UserName=user, PolicyName="vonage-archiving")
        with contextlib.suppress(ClientError):
            rotation.iam.delete_user(UserName=user)
    with contextlib.suppress(ClientError):
        rotation.store.empty_and_delete(rotation.bucket)
