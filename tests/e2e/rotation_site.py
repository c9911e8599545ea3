# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One project whose keys are made and rotated by the use case itself, without Ansible, on a store that has an IAM."""

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
from tests.e2e import runs
from tests.sandbox import ProxiedRequest, RecordingProxy, Sandbox, Store, VonageEmulator

_SECRET = re.compile(rb"<SecretAccessKey>([^<]+)</SecretAccessKey>")
_ID = re.compile(rb"<AccessKeyId>([^<]+)</AccessKeyId>")


@dataclass
class RotationSite:
    """What one test works on; the user does not exist until a run makes it."""

    store: Store
    emulator: VonageEmulator
    key: str
    secret: str = field(repr=False)
    bucket: str
    s3: RecordingProxy
    api: RecordingProxy
    client: Any
    iam: Any
    #: Unix seconds as runs see them
    clock: Callable[[], float] = time.time
    _made: dict[str, str] = field(default_factory=dict, repr=False)

    @property
    def user(self) -> str:
        """The name of the uploader."""
        return f"vonage-archiving-{self.key}"

    @property
    def users(self) -> tuple[str, str]:
        """The names of both users."""
        return self.user, f"{self.user}-spare"

    @property
    def params(self) -> dict[str, Any]:
        """The options of the module; little time for the API, so that nobody waits long for a run that was killed."""
        times = {"grace_period": 0, "delete_after": 0, "drain_timeout": 0}
        return {**self.connection, **self.external, "uploader": times}

    def options(self, **options: Any) -> dict[str, Any]:
        """The same with other options; those of ``uploader`` can be given by their names."""
        nested = {name: options.pop(name) for name in UPLOADER if name in options}
        uploader = {**self.params["uploader"], **(options.pop("uploader", None) or {}), **nested}
        return {**self.params, "uploader": uploader, **options}

    @property
    def external(self) -> dict[str, Any]:
        """The options of the target."""
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
            "state_file": f"s3://{self.bucket}/{self.record_key}",
            "endpoint_url": self.s3.url,
            "region": self.store.region,
            "access_key": self.store.access_key,
            "secret_key": self.store.secret_key,
        }

    @property
    def record_key(self) -> str:
        """Where the record is."""
        return f".vonage-archiving/{self.key}.json"

    def run(self, check_mode: bool = False, later: float = 0, **options: Any) -> Outcome:
        """Run the use case; no secret may be in what it returns.

        :param later: seconds that its clock is ahead.
        """
        params = managed_params(self.options(**options))
        context = Context(check_mode, runtime=Runtime(now=lambda: self.clock() + later))
        outcome = Rotation(params, context, Iam(params.uploader.iam)).run()
        shown = json.dumps([outcome.result, outcome.before, outcome.after])
        assert not runs.leaks(shown, self.secrets)
        assert not outcome.failed
        return outcome

    def steady(self, **options: Any) -> Outcome:
        """Run it once more: nothing changes, nothing is sent that could change something."""
        self.forget()
        outcome = self.run(**options)
        assert not outcome.changed
        assert outcome.result["reason"] == "unchanged"
        assert self.written == []
        assert self.api.requests == []
        return outcome

    def forget(self) -> None:
        """Forget the requests so far, but for the secrets in them."""
        assert len(self.made) <= len(self._made)
        self.s3.clear()
        self.api.clear()
        self.emulator.clear_log()

    @property
    def sent(self) -> list[str]:
        """All requests so far in words, names of this site left out."""
        return [self.told(each) for each in [*self.s3.requests, *self.api.requests]]

    @property
    def written(self) -> list[str]:
        """Those that could change something."""
        reads = ("GET", "HEAD", "OPTIONS", "Get", "List")
        return [line for line in self.sent if not line.startswith(reads)]

    def told(self, request: ProxiedRequest) -> str:
        """One request in words: of IAM the action, of others method, path and query."""
        action = iam_action(request)
        if action:
            return f"{action['Action']} {action.get('UserName', '').replace(self.key, 'KEY')}"
        line = f"{request.method} {request.path}?{request.query}".rstrip("?")
        return line.replace(self.bucket, "BUCKET").replace(self.key, "KEY")

    @property
    def made(self) -> dict[str, str]:
        """Every access key that was made through the proxy, with its secret."""
        for request in self.s3.requests:
            secret, name = _SECRET.search(request.answer), _ID.search(request.answer)
            if secret and name:
                self._made[name.group(1).decode()] = html.unescape(secret.group(1).decode())
        return self._made

    @property
    def secrets(self) -> list[str]:
        """Every secret that is used, tokens sent so far included."""
        calls = [call for call in self.emulator.log() if f"/{self.key}/" in call["path"]]
        tokens = [call["headers"].get("X-Opentok-Auth", "") for call in calls]
        held = [self.target()["config"]["secretKey"]] if self.emulator.target(self.key) else []
        return [self.secret, self.store.secret_key, *self.made.values(), *held, *filter(None, tokens)]

    def target(self) -> dict[str, Any]:
        """What the API holds, secrets included; there is one."""
        found = self.emulator.target(self.key)
        assert found is not None
        return found

    @property
    def held(self) -> str:
        """The id of the key that the target holds."""
        return str(self.target()["config"]["accessKey"])

    def record(self) -> dict[str, Any]:
        """The record in the bucket."""
        return dict(json.loads(self.record_text()))

    def record_text(self) -> str:
        """The same as it is kept; it holds no secret."""
        text = self.client.get_object(Bucket=self.bucket, Key=self.record_key)["Body"].read().decode()
        assert not runs.leaks(text, self.secrets)
        return str(text)

    def write_record(self, text: str) -> None:
        """Put something in its place."""
        self.client.put_object(Bucket=self.bucket, Key=self.record_key, Body=text.encode())

    def statuses(self) -> dict[str, str]:
        """The access keys there are, of both users: id and status."""
        return {key["AccessKeyId"]: key["Status"] for user in self.users for key in self.keys_of(user)}

    def keys_of(self, user: str) -> list[dict[str, Any]]:
        """The access keys of one user, as IAM shows them."""
        try:
            return list(self.iam.list_access_keys(UserName=user)["AccessKeyMetadata"])
        except ClientError as error:
            if error.response["Error"]["Code"] != "NoSuchEntity":
                raise
            return []

    def user_is_there(self, user: str) -> bool:
        """Whether IAM has this user."""
        try:
            self.iam.get_user(UserName=user)
        except ClientError as error:
            if error.response["Error"]["Code"] != "NoSuchEntity":
                raise
            return False
        return True

    def policy(self) -> str:
        """The policy of the uploader as text."""
        found = self.iam.get_user_policy(UserName=self.user, PolicyName="vonage-archiving")["PolicyDocument"]
        return json.dumps(found)

    def archive_arrives(self) -> None:
        """Let the service record and upload something now, with the key it holds."""
        shown = self.emulator.record_archive(self.key)
        assert shown["status"] == "uploaded", shown["sandbox"]
        self.client.head_object(Bucket=shown["sandbox"]["bucket"], Key=shown["sandbox"]["key"])

    def in_order(self, **options: Any) -> None:
        """The next run brings everything in order, and the one after it has nothing to do."""
        self.s3.before = self.s3.after = self.api.before = self.api.after = None
        self.run(verify="never", **options)
        self.settled()
        self.steady(verify="never", **options)

    def on_main(self) -> None:
        """Have the target hold the only key, one of the first user."""
        if self.keys_of(self.users[1]):
            self.run(rotate=True, verify="never")
        assert list(self.statuses()) == [self.held] == [key["AccessKeyId"] for key in self.keys_of(self.user)]

    def settled(self) -> None:
        """Exactly one key, active, the one that target and record name, and uploads with it arrive."""
        record = self.record()
        assert record["status"] == "applied"
        assert self.statuses() == {self.held: "Active"}
        assert record["storage"]["access_key"] == self.held
        assert self.target()["config"]["bucket"] == record["storage"]["bucket"]
        self.archive_arrives()


def rotate(params: dict[str, Any]) -> None:
    """Entry point of a process that is killed."""
    managed = managed_params(params)
    Rotation(managed, Context(), Iam(managed.uploader.iam)).run()


def managed_params(options: dict[str, Any]) -> ManagedKeyParams:
    """Parse the options of a managed key."""
    params = parse_params(options, {})
    assert isinstance(params, ManagedKeyParams)
    return params


def iam_action(request: ProxiedRequest) -> dict[str, str]:
    """The parameters of a call of IAM; empty for a request of another kind."""
    if request.method != "POST" or request.path != "/" or b"Action=" not in request.body:
        return {}
    return {name: values[0] for name, values in parse_qs(request.body.decode()).items()}


@contextlib.contextmanager
def rotation_site(sandbox: Sandbox, store: Store | None = None) -> Iterator[RotationSite]:
    """Make a project and its bucket; remove the bucket and the users at the end."""
    store = store or sandbox.store
    emulator = sandbox.vonage
    project = emulator.add_project()
    bucket = f"rot-{secrets.token_hex(6)}"
    client, iam = store.client(), store.iam_client()
    client.create_bucket(Bucket=bucket)
    with RecordingProxy(store.endpoint_url) as s3, RecordingProxy(emulator.url) as api:
        site = RotationSite(store, emulator, project.key, project.secret, bucket, s3, api, client, iam)
        try:
            yield site
        finally:
            s3.before = s3.after = api.before = api.after = None
            emulator.clear_faults()
            _remove(site)


def _remove(site: RotationSite) -> None:
    for user in site.users:
        for key in site.keys_of(user):
            site.iam.delete_access_key(UserName=user, AccessKeyId=key["AccessKeyId"])
        with contextlib.suppress(ClientError):
            site.iam.delete_user_policy(UserName=user, PolicyName="vonage-archiving")
        with contextlib.suppress(ClientError):
            site.iam.delete_user(UserName=user)
    with contextlib.suppress(ClientError):
        site.store.empty_and_delete(site.bucket)
