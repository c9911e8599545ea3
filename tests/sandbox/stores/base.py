# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What every S3 server of the sandbox has in common."""

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
# What servers answer while a new key has not yet reached the part that checks signatures.
KEY_UNKNOWN = {"InvalidAccessKeyId", "SignatureDoesNotMatch", "InvalidClientTokenId"}


class StoreUnavailable(SandboxError):
    """An optional store is not installed; the text says how to name it."""


class Store:
    """An S3 server: ``launch`` starts it, ``wait_ready`` waits and fills in what is known only then."""

    name: ClassVar[str] = ""
    #: whether users can be made and their policies are enforced
    has_iam: ClassVar[bool] = False
    #: left out of a sandbox where it is not installed, instead of failing it
    optional: ClassVar[bool] = False
    #: how many ports the server needs; the first is the S3 port
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
        """Return the command line; never a secret in it."""
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
        """Wait until the server answers; launch it again should somebody have taken a port in between."""
        for attempt in range(1, LAUNCH_ATTEMPTS + 1):
            child = self._running()
            try:
                child.wait_until(self.is_ready, START_TIMEOUT)
                break
            except SandboxError:
                if child.alive() or attempt == LAUNCH_ATTEMPTS:
                    raise
                self._workspace.end(child)
                self.launch()
        self.after_start()

    def is_ready(self) -> bool:
        """Tell whether the S3 API answers our own key."""
        try:
            self.client(timeout=2).list_buckets()
        except (BotoCoreError, ClientError):
            return False
        return True

    def after_start(self) -> None:
        """Do what can be done only once the server answers."""

    def client(self, access_key: str | None = None, secret_key: str | None = None, timeout: float = 30) -> Any:
        """Return a boto3 S3 client of the administrator, or of the key given."""
        return self._client("s3", access_key, secret_key, timeout)

    def iam_client(self) -> Any:
        """Return a boto3 IAM client of the administrator."""
        return self._client("iam", None, None, 30)

    def make_user(self, name: str, policy: Mapping[str, Any] | str) -> tuple[str, str]:
        """Make an IAM user with an inline policy and return its access key, once that key works."""
        if not self.has_iam:
            raise SandboxError(f"{self.name} has no users: use its administrator's key")
        document = policy if isinstance(policy, str) else json.dumps(policy)
        iam = self.iam_client()
        iam.create_user(UserName=name)
        iam.put_user_policy(UserName=name, PolicyName=f"{name}-policy", PolicyDocument=document)
        key = iam.create_access_key(UserName=name)["AccessKey"]
        access_key, secret_key = str(key["AccessKeyId"]), str(key["SecretAccessKey"])
        self._wait_for_key(access_key, secret_key)
        return access_key, secret_key

    def empty_and_delete(self, bucket: str) -> None:
        """Remove a bucket with everything in it; for tests that share a server."""
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
                # Denied is an answer about the policy: the key itself is known by then.
                if error_code(error) not in KEY_UNKNOWN:
                    return
                if time.monotonic() > deadline:
                    raise SandboxError(f"{self.name}: a new key did not work within {KEY_TIMEOUT:.0f} s") from error
            time.sleep(0.1)

    def _running(self) -> Child:
        if self._child is None:
            raise SandboxError(f"{self.name} was not launched")
        return self._child


def new_access_key() -> str:
    """Return an access key id of the form that long-lived AWS keys have."""
    return "AKIA" + "".join(secrets.choice(string.ascii_uppercase + "234567") for _unused in range(16))


def new_secret_key() -> str:
    """Return a secret of 40 letters and digits, as long as those of AWS."""
    return "".join(secrets.choice(string.ascii_letters + string.digits) for _unused in range(40))


def find_program(name: str) -> str:
    """Return the path of a program that a Python package brought: beside this Python first, then on PATH."""
    beside = Path(sys.executable).with_name(name)
    found = str(beside) if beside.exists() else shutil.which(name)
    if not found:
        raise StoreUnavailable(f"the program {name!r} is not installed in this Python environment")
    return found
