# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fetch the current state from the servers, without Ansible."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import requests
from botocore.exceptions import ClientError

from tests.sandbox import Sandbox, Store

TIMEOUT = 30


@dataclass(frozen=True)
class StoredObject:
    """The properties of an object that the store returns."""

    bucket: str = ""
    key: str = ""
    size: int = -1
    encryption: str = ""
    url: str = ""
    anonymous_status: int = 0


@dataclass(frozen=True)
class ServerState:
    """The current state of the servers, and the number of requests to the emulator.

    :param archives: the recordings; the last one was recorded after the rotation.
    :param objects: the object of each recording.
    :param keys: the access keys of all users except the operator, each with its status.
    :param old_key: the access key of the upload target before the rotation.
    """

    bucket: str
    bucket_exists: bool = False
    encryption: str = ""
    cors_rules: list[dict[str, Any]] = field(default_factory=list)
    target: Mapping[str, Any] = field(default_factory=dict)
    requests_of_runs: tuple[int, ...] = ()
    archives: Sequence[Mapping[str, Any]] = ()
    objects: Sequence[StoredObject] = ()
    keys: Mapping[str, str] = field(default_factory=dict)
    old_key: str = ""


def fetch_state(
    sandbox: Sandbox,
    bucket: str,
    requests_of_runs: tuple[int, ...],
    archives: Sequence[Mapping[str, Any]],
    old_key: str,
) -> ServerState:
    """Fetch the state of the bucket, the upload target, the recordings, and the access keys."""
    client = sandbox.store.client()
    target = sandbox.vonage.target() or {}
    return ServerState(
        bucket=bucket,
        bucket_exists=bucket in [entry["Name"] for entry in client.list_buckets()["Buckets"]],
        encryption=fetch_default_encryption(client, bucket),
        cors_rules=fetch_cors_rules(client, bucket),
        target={**target.get("config", {}), "fallback": target.get("fallback")} if target else {},
        requests_of_runs=requests_of_runs,
        archives=archives,
        objects=[fetch_object(sandbox.store, archive.get("sandbox", {})) for archive in archives],
        keys=fetch_access_keys(sandbox.store),
        old_key=old_key,
    )


def fetch_target_key(sandbox: Sandbox) -> str:
    """Return the id of the access key in the project's upload target."""
    target = sandbox.vonage.target() or {}
    return str(target.get("config", {}).get("accessKey", ""))


def fetch_access_keys(store: Store) -> dict[str, str]:
    """Return the access keys of all users except the operator, each with its status."""
    iam = store.iam_client()
    keys = [
        key
        for user in iam.list_users()["Users"]
        for key in iam.list_access_keys(UserName=user["UserName"])["AccessKeyMetadata"]
    ]
    return {key["AccessKeyId"]: key["Status"] for key in keys if key["AccessKeyId"] != store.access_key}


def count_requests(sandbox: Sandbox) -> int:
    """Return the number of requests that the emulator has received."""
    return len(sandbox.vonage.log())


def fetch_default_encryption(client: Any, bucket: str) -> str:
    """Return the algorithm of the bucket's default encryption, or an empty string."""
    try:
        rules = client.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]["Rules"]
    except ClientError:
        return ""
    return str(rules[0]["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"]) if rules else ""


def fetch_cors_rules(client: Any, bucket: str) -> list[dict[str, Any]]:
    try:
        return list(client.get_bucket_cors(Bucket=bucket)["CORSRules"])
    except ClientError:
        return []


def fetch_object(store: Store, location: Mapping[str, Any]) -> StoredObject:
    """Return the properties of an object (HEAD), and the HTTP status of a request without a key."""
    bucket, key = location.get("bucket"), location.get("key")
    if not (bucket and key):
        return StoredObject()
    url = f"{store.endpoint_url}/{bucket}/{key}"
    status = requests.get(url, timeout=TIMEOUT).status_code
    try:
        head = store.client().head_object(Bucket=bucket, Key=key)
    except ClientError:
        return StoredObject(bucket, key, url=url, anonymous_status=status)
    return StoredObject(bucket, key, head["ContentLength"], head.get("ServerSideEncryption", ""), url, status)
