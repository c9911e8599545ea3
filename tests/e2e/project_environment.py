# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One project and its bucket behind proxies that record every request, and the playbooks that run against them."""

from __future__ import annotations

import contextlib
import functools
import html
import json
import re
import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

from botocore.exceptions import ClientError

from ansible_collections.vonage.archiving.plugins.module_utils._aws.s3_naming import LOCK_KEY
from ansible_collections.vonage.archiving.plugins.module_utils._core.timestamps import format_utc, parse_utc
from tests.e2e import playbook_runs
from tests.e2e.playbook_runs import Run
from tests.sandbox import ProxiedRequest, RecordingProxy, Sandbox, Store, VonageEmulator, upload_only_policy

PROBE = "vonage-archiving-probe-"
# Instead of an external key: the role creates the key.
MANAGED_KEY = ("", "")


@dataclass
class ProjectEnvironment:
    """The environment of one test. The bucket does not exist before a run creates it.

    :param uploader: the external key, or ``MANAGED_KEY``.
    """

    store: Store
    emulator: VonageEmulator
    key: str
    secret: str = field(repr=False)
    bucket: str
    uploader: tuple[str, str] = field(repr=False)
    s3: RecordingProxy
    api: RecordingProxy
    home: Path
    #: the secrets of created keys whose requests are not in the log any more
    created_secrets: list[str] = field(default_factory=list, repr=False)

    @functools.cached_property
    def client(self) -> Any:
        """The operator's client, which does not use the proxy."""
        return self.store.client()

    @property
    def variables(self) -> dict[str, Any]:
        """The variables of the smallest playbook."""
        return {
            "archive_storage_api_url": self.api.url,
            "archive_storage_api_key": self.key,
            "archive_storage_api_secret": self.secret,
            "archive_storage_bucket": self.bucket,
            "archive_storage_region": self.store.region,
            "archive_storage_endpoint": self.s3.url,
            "archive_storage_verify_timeout": 10,
            **(external_key_variables(*self.uploader) if self.uploader[0] else {}),
        }

    @property
    def operator(self) -> dict[str, str]:
        """The operator's environment."""
        return {"AWS_ACCESS_KEY_ID": self.store.access_key, "AWS_SECRET_ACCESS_KEY": self.store.secret_key}

    @property
    def secrets(self) -> list[str]:
        """Every current and former secret, including tokens."""
        headers = [call["headers"] for call in (*self.calls(), *self.preflights())]
        tokens = [names.get("X-Opentok-Auth", "") for names in headers]
        bearers = [names.get("Authorization", "").removeprefix("Bearer ") for names in headers]
        secrets = [
            self.secret,
            self.uploader[1],
            self.store.secret_key,
            *self.created_secrets,
            *created_secrets(self.s3.requests),
        ]
        return list(filter(None, secrets + tokens + bearers))

    def run(
        self,
        playbook: str | Path,
        *,
        args: Sequence[str] = (),
        env: Mapping[str, str] | None = None,
        awx: bool = False,
        ansible_playbook: Path | None = None,
        secrets: Sequence[str] = (),
        **changes: Any,
    ) -> Run:
        """Run a playbook, and assert that it shows no secret and leaves no temporary file.

        :param changes: variables of the role without their prefix, which override ``variables``.
        """
        combined = {**self.variables, **{f"archive_storage_{name}": value for name, value in changes.items()}}
        hidden = [str(value) for name, value in changes.items() if name.endswith(("secret", "secret_key")) and value]
        return self.run_bare(
            playbook,
            playbook_runs.awx_variables(combined) if awx else combined,
            args=args,
            env=env,
            ansible_playbook=ansible_playbook,
            secrets=[*secrets, *hidden],
        )

    def run_bare(
        self,
        playbook: str | Path,
        variables: Mapping[str, Any] | str | None = None,
        *,
        args: Sequence[str] = (),
        env: Mapping[str, str] | None = None,
        ansible_playbook: Path | None = None,
        secrets: Sequence[str] = (),
    ) -> Run:
        """Run a playbook with these extra variables only, with the assertions of ``run``."""
        environment = {**self.operator, **(env or {})}
        run = playbook_runs.run_playbook(playbook, variables or {}, self.home, environment, ansible_playbook, args)
        all_secrets = [*self.secrets, *secrets]
        assert not playbook_runs.find_leaks(run.output, all_secrets)
        assert not playbook_runs.find_leaks(run.events_text, all_secrets)
        assert leftovers(self.home) == []
        return run

    def configure(self, **options: Any) -> Run:
        return self.run("configure", **options).ok()

    def assert_idempotent(self, **options: Any) -> Run:
        """Configure again, and assert that nothing is changed or written."""
        self.clear_request_log()
        run = self.configure(**options)
        assert run.changed == []
        assert run.stats["changed"] == 0
        assert self.writes == []
        assert (self.calls(), self.preflights()) == ([], [])
        return run

    def clear_request_log(self) -> None:
        """Clear the recorded requests."""
        self.created_secrets += created_secrets(self.s3.requests)
        self.s3.clear()
        self.api.clear()
        self.emulator.clear_log()

    def calls(self) -> list[dict[str, Any]]:
        """The requests of this project to the emulator, except those that only check its credentials."""
        return [call for call in self._requests() if not is_preflight(call)]

    def preflights(self) -> list[dict[str, Any]]:
        """The requests that check the credentials of this project."""
        return [call for call in self._requests() if is_preflight(call)]

    def _requests(self) -> list[dict[str, Any]]:
        return [call for call in self.emulator.log() if f"/{self.key}/" in call["path"]]

    @property
    def methods(self) -> list[str]:
        return [call["method"] for call in self.calls()]

    @property
    def writes(self) -> list[str]:
        """The write requests to the store and to its IAM API."""
        return [describe_request(request) for request in self.s3.requests if not is_read(request)]

    @property
    def probes(self) -> list[str]:
        """The uploads of probes."""
        return [line for line in self.writes if PROBE in line and line.startswith("PUT")]

    @property
    def no_requests(self) -> bool:
        """Whether neither the store nor the API received a request."""
        return self.s3.requests == [] and self.calls() == [] and self.api.requests == []

    def target(self) -> dict[str, Any] | None:
        """The upload target, including secrets."""
        return self.emulator.target(self.key)

    @property
    def user(self) -> str:
        """The name of the first user with a managed key."""
        return f"vonage-archiving-{self.key}"

    @property
    def target_key(self) -> tuple[str, str]:
        """The ID and secret of the access key in the upload target."""
        config = (self.target() or {})["config"]
        return config["accessKey"], config["secretKey"]

    def keys(self, user: str = "") -> dict[str, str]:
        """The statuses of the access keys of a user, by default of the first one."""
        keys = self.store.iam_client().list_access_keys(UserName=user or self.user)["AccessKeyMetadata"]
        return {key["AccessKeyId"]: key["Status"] for key in keys}

    def all_keys(self) -> dict[str, str]:
        """The statuses of the access keys of both users."""
        names = {user["UserName"] for user in self.store.iam_client().list_users()["Users"]}
        list_users = [name for name in (self.user, f"{self.user}-spare") if name in names]
        return {key: status for user in list_users for key, status in self.keys(user).items()}

    def pass_time(self, seconds: float) -> None:
        """Move the times in the state file, and that of its last write, into the past."""
        document = self.state_file()
        for name in ("time", "since", "settings_since"):
            moment = parse_utc(document.get(name, ""))
            document.update({} if moment is None else {name: format_utc(moment - seconds)})
        self.client.put_object(Bucket=self.bucket, Key=self.state_file_key, Body=json.dumps(document).encode())
        self.s3.pass_time(f"/{self.bucket}/{self.state_file_key}", seconds)

    def record_archive(self) -> str:
        """Record an archive, assert that it is uploaded, and return its object key."""
        archive = self.emulator.record_archive(self.key)
        assert archive["status"] == "uploaded", archive["sandbox"]
        key = f"{self.key}/{archive['id']}/archive.mp4"
        assert self.client.head_object(Bucket=self.bucket, Key=key)["ContentLength"] == archive["size"]
        return key

    @property
    def state_file_key(self) -> str:
        """The object key of the state file by default."""
        return f".vonage-archiving/{self.key}.json"

    def state_file(self) -> dict[str, Any]:
        """Return the state file in the bucket, and assert that it has no secret."""
        text = self.client.get_object(Bucket=self.bucket, Key=self.state_file_key)["Body"].read().decode()
        assert not playbook_runs.find_leaks(text, self.secrets)
        return dict(json.loads(text))

    def objects(self) -> list[str]:
        """The keys of all objects except the bucket lock, and all uploads in progress."""
        listed = self.client.list_objects_v2(Bucket=self.bucket).get("Contents", [])
        keys = [entry["Key"] for entry in listed if entry["Key"] != LOCK_KEY]
        uploads = self.client.list_multipart_uploads(Bucket=self.bucket).get("Uploads", [])
        return keys + [f"open upload of {upload['Key']}" for upload in uploads]

    def leftover_probes(self) -> list[str]:
        return [key for key in self.objects() if PROBE in key]

    def exists(self) -> bool:
        try:
            self.client.head_bucket(Bucket=self.bucket)
        except ClientError:
            return False
        return True

    def get_bucket_config(self, operation: str) -> Any:
        """Return the response of an operation of the S3 client, or None if it fails."""
        try:
            return getattr(self.client, operation)(Bucket=self.bucket)
        except ClientError:
            return None


def iam_action(request: ProxiedRequest) -> str:
    """The operation of a request to the IAM API; empty for a request to S3."""
    if (request.method, request.path, request.query) != ("POST", "/", ""):
        return ""
    return parse_qs(request.body.decode()).get("Action", [""])[0]


def is_preflight(call: dict[str, Any]) -> bool:
    """Whether a request to the emulator lists one archive."""
    return (call["method"], call["query"]) == ("GET", "count=1")


def created_secrets(requests: Sequence[ProxiedRequest]) -> list[str]:
    """The secrets of all created access keys."""
    responses = [request.response_body.decode() for request in requests if iam_action(request) == "CreateAccessKey"]
    return [html.unescape(key) for text in responses for key in re.findall("<SecretAccessKey>([^<]+)<", text)]


def external_key_variables(access_key: str, secret_key: str) -> dict[str, Any]:
    """The variables of an external key."""
    return {
        "archive_storage_upload_key": "external",
        "archive_storage_uploader_access_key": access_key,
        "archive_storage_uploader_secret_key": secret_key,
    }


def is_read(request: ProxiedRequest) -> bool:
    return request.method in ("GET", "HEAD", "OPTIONS") or iam_action(request).startswith(("Get", "List"))


def describe_request(request: ProxiedRequest) -> str:
    return iam_action(request) or f"{request.method} {request.path}?{request.query}"


def leftovers(home: Path) -> list[str]:
    """The temporary files that a run did not delete."""
    folders = [home / "tmp", home / "ansible" / "tmp", home / "ansible" / "local", home / "ansible" / "remote"]
    return sorted(str(path.relative_to(home)) for folder in folders if folder.exists() for path in folder.iterdir())


def create_uploader(store: Store, bucket: str) -> tuple[str, str]:
    """Create a user that can only upload to the bucket, and return its key."""
    return store.make_user(f"uploader-{secrets.token_hex(4)}", upload_only_policy(bucket))


def list_users(store: Store) -> set[str]:
    """The users of SeaweedFS; empty for other stores.

    With a hundred users, SeaweedFS takes three seconds to create another one. It deletes a user with its keys and
    policies.
    """
    if store.name != "seaweedfs":
        return set()
    pages = store.iam_client().get_paginator("list_users").paginate()
    return {user["UserName"] for page in pages for user in page["Users"]}


@contextlib.contextmanager
def new_project_environment(
    sandbox: Sandbox, home: Path, uploader: tuple[str, str] | None = None
) -> Iterator[ProjectEnvironment]:
    """Create a project, and delete its bucket and users at the end.

    :param uploader: the external key, or ``MANAGED_KEY``; by default, a new external key.
    """
    store = sandbox.store
    emulator = sandbox.vonage
    identity = emulator.add_project()
    bucket = f"e2e-{secrets.token_hex(6)}"
    before = list_users(store)
    uploader = uploader or create_uploader(store, bucket)
    with RecordingProxy(store.endpoint_url) as s3, RecordingProxy(emulator.url) as api:
        project = ProjectEnvironment(store, emulator, identity.key, identity.secret, bucket, uploader, s3, api, home)
        emulator.clear_log()
        try:
            yield project
        finally:
            emulator.clear_faults()
            if project.exists():
                _delete_bucket(project)
            for user in list_users(store) - before:
                store.iam_client().delete_user(UserName=user)


def _delete_bucket(project: ProjectEnvironment) -> None:
    # The policy can require encryption or TLS.
    with contextlib.suppress(ClientError):
        project.client.delete_bucket_policy(Bucket=project.bucket)
    project.store.empty_and_delete(project.bucket)
