# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The base of the S3 servers of the sandbox."""

from __future__ import annotations

import json
import secrets
import shutil
import string
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from botocore.exceptions import BotoCoreError, ClientError

from .._aws import aws_client, error_code
from .._process import HOST, Child, SandboxError, Workspace, clean_environment, free_ports

START_TIMEOUT = 60.0
LAUNCH_ATTEMPTS = 3
KEY_TIMEOUT = 20.0
# Error codes of servers until a new key has reached the part that verifies signatures.
UNKNOWN_KEY_CODES = {"InvalidAccessKeyId", "SignatureDoesNotMatch", "InvalidClientTokenId"}


class StoreUnavailable(SandboxError):
    """An optional store is not installed; the message states how to set its location."""


class Store:
    """An S3 server: ``launch`` starts it, and ``wait_ready`` waits until it is ready."""

    name: ClassVar[str] = ""
    #: whether the server has users and enforces their policies
    has_iam: ClassVar[bool] = False
    #: whether the sandbox skips the store if it is not installed, instead of an error
    optional: ClassVar[bool] = False
    #: the number of ports of the server; the first is the S3 port
    ports_needed: ClassVar[int] = 1

    def __init__(self, workspace: Workspace) -> None:
        self.region = "us-east-1"
        self.access_key = new_access_key()
        self.secret_key = new_secret_key()
        self.endpoint_url = ""
        self._workspace = workspace
        self._child: Child | None = None
        self._directory = Path()

    def check_available(self) -> None:
        """Raise StoreUnavailable if the server is not installed."""

    def command(self, ports: list[int], directory: Path) -> list[str]:
        """Return the command line, which must not contain a secret."""
        raise NotImplementedError

    def environment(self, ports: list[int], directory: Path) -> dict[str, str]:
        """Return the server's environment."""
        raise NotImplementedError

    def launch(self) -> None:
        """Start the server without waiting for it."""
        self.check_available()
        self._directory = self._workspace.directory(self.name)
        ports = free_ports(self.ports_needed)
        self.endpoint_url = f"http://{HOST}:{ports[0]}"
        env = clean_environment(self._directory, self.environment(ports, self._directory))
        self._child = self._workspace.spawn(self.name, self.command(ports, self._directory), env, self._directory)

    def wait_ready(self) -> None:
        """Wait until the server is ready; launch it again if it ends, because another process may use its port."""
        for attempt in range(1, LAUNCH_ATTEMPTS + 1):
            child = self._require_child()
            try:
                child.wait_until(self.is_ready, START_TIMEOUT)
                break
            except SandboxError:
                if child.is_alive() or attempt == LAUNCH_ATTEMPTS:
                    raise
                self._workspace.end(child)
                self.launch()
        self.after_start()

    def is_ready(self) -> bool:
        """Return whether the S3 API accepts the administrator's key."""
        try:
            self.client(timeout=2).list_buckets()
        except (BotoCoreError, ClientError):
            return False
        return True

    def after_start(self) -> None:
        """Configure the server after it is ready."""

    def client(self, access_key: str | None = None, secret_key: str | None = None, timeout: float = 30) -> Any:
        """Return a boto3 S3 client for a key, by default for the administrator's key."""
        return self._client("s3", access_key, secret_key, timeout)

    def iam_client(self) -> Any:
        """Return a boto3 IAM client for the administrator's key."""
        return self._client("iam", None, None, 30)

    def make_user(self, name: str, policy: Mapping[str, Any] | str) -> tuple[str, str]:
        """Create an IAM user with an inline policy, and return its access key when that key works."""
        if not self.has_iam:
            raise SandboxError(f"{self.name} has no users. Use its administrator's key.")
        document = policy if isinstance(policy, str) else json.dumps(policy)
        iam = self.iam_client()
        iam.create_user(UserName=name)
        iam.put_user_policy(UserName=name, PolicyName=f"{name}-policy", PolicyDocument=document)
        key = iam.create_access_key(UserName=name)["AccessKey"]
        access_key, secret_key = str(key["AccessKeyId"]), str(key["SecretAccessKey"])
        self._wait_for_key(access_key, secret_key)
        return access_key, secret_key

    def empty_and_delete(self, bucket: str) -> None:
        """Delete a bucket with its objects, versions, and uploads; for tests that share a server."""
        client = self.client()
        for page in client.get_paginator("list_object_versions").paginate(Bucket=bucket):
            for entry in [*page.get("Versions", []), *page.get("DeleteMarkers", [])]:
                client.delete_object(Bucket=bucket, Key=entry["Key"], VersionId=entry["VersionId"])
        for upload in client.list_multipart_uploads(Bucket=bucket).get("Uploads", []):
            client.abort_multipart_upload(Bucket=bucket, Key=upload["Key"], UploadId=upload["UploadId"])
        client.delete_bucket(Bucket=bucket)

    def describe(self) -> dict[str, Any]:
        """Return the connection data as plain values, secrets included."""
        return {
            "name": self.name,
            "endpoint_url": self.endpoint_url,
            "access_key": self.access_key,
            "secret_key": self.secret_key,
            "region": self.region,
            "has_iam": self.has_iam,
        }

    def _client(self, service: str, access_key: str | None, secret_key: str | None, timeout: float) -> Any:
        return aws_client(
            service,
            self.endpoint_url,
            access_key or self.access_key,
            secret_key or self.secret_key,
            self.region,
            timeout,
        )

    def _wait_for_key(self, access_key: str, secret_key: str) -> None:
        client = self.client(access_key, secret_key)
        deadline = time.monotonic() + KEY_TIMEOUT
        while True:
            try:
                client.list_buckets()
                return
            except ClientError as error:
                # AccessDenied is an error of the policy, not of the key.
                if error_code(error) not in UNKNOWN_KEY_CODES:
                    return
                if time.monotonic() > deadline:
                    raise SandboxError(f"{self.name}: a new key did not work within {KEY_TIMEOUT:.0f} s") from error
            time.sleep(0.1)

    def _require_child(self) -> Child:
        if self._child is None:
            raise SandboxError(f"{self.name} was not launched")
        return self._child


def new_access_key() -> str:
    """Return an access key id in the format of long-lived AWS keys."""
    return "AKIA" + "".join(secrets.choice(string.ascii_uppercase + "234567") for _unused in range(16))


def new_secret_key() -> str:
    """Return a secret of 40 letters and digits, the length of AWS secrets."""
    return "".join(secrets.choice(string.ascii_letters + string.digits) for _unused in range(40))


def find_program(name: str) -> str:
    """Return the path of a program of a Python package: in the folder of this Python, or else on PATH."""
    beside = Path(sys.executable).with_name(name)
    path = str(beside) if beside.exists() else shutil.which(name)
    if not path:
        raise StoreUnavailable(f"the program {name!r} is not installed in this Python environment")
    return path
