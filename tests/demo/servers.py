# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Looks at what the servers hold once Ansible is done, without asking Ansible."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import requests
from botocore.exceptions import ClientError

from tests.sandbox import Sandbox, Store

TIMEOUT = 30


@dataclass(frozen=True)
class Stored:
    """An object as the server describes it."""

    bucket: str = ""
    key: str = ""
    size: int = -1
    encryption: str = ""
    url: str = ""
    anonymous_status: int = 0


@dataclass(frozen=True)
class Holdings:
    """What the servers hold, and which calls the emulator has received.

    :param archives: the recordings, the last of them after the rotation; likewise ``stored``.
    :param keys: the access keys of all users that were made, each with its status.
    :param old_key: the one that the target held before the rotation.
    """

    bucket: str
    bucket_exists: bool = False
    encryption: str = ""
    cors_rules: list[dict[str, Any]] = field(default_factory=list)
    target: Mapping[str, Any] = field(default_factory=dict)
    calls_of_runs: tuple[int, ...] = ()
    archives: Sequence[Mapping[str, Any]] = ()
    stored: Sequence[Stored] = ()
    keys: Mapping[str, str] = field(default_factory=dict)
    old_key: str = ""


def look(
    sandbox: Sandbox,
    bucket: str,
    calls_of_runs: tuple[int, ...],
    archives: Sequence[Mapping[str, Any]],
    old_key: str,
) -> Holdings:
    """Ask the servers."""
    client = sandbox.store.client()
    target = sandbox.vonage.target() or {}
    return Holdings(
        bucket=bucket,
        bucket_exists=bucket in [each["Name"] for each in client.list_buckets()["Buckets"]],
        encryption=default_encryption(client, bucket),
        cors_rules=cors_rules(client, bucket),
        target={**target.get("config", {}), "fallback": target.get("fallback")} if target else {},
        calls_of_runs=calls_of_runs,
        archives=archives,
        stored=[stored(sandbox.store, archive.get("sandbox", {})) for archive in archives],
        keys=keys(sandbox.store),
        old_key=old_key,
    )


def held_key(sandbox: Sandbox) -> str:
    """Return the id of the access key that the project's upload target holds."""
    target = sandbox.vonage.target() or {}
    return str(target.get("config", {}).get("accessKey", ""))


def keys(store: Store) -> dict[str, str]:
    """Return the access keys of all users but the operator, each with its status."""
    iam = store.iam_client()
    found = [
        key
        for user in iam.list_users()["Users"]
        for key in iam.list_access_keys(UserName=user["UserName"])["AccessKeyMetadata"]
    ]
    return {key["AccessKeyId"]: key["Status"] for key in found if key["AccessKeyId"] != store.access_key}


def calls(sandbox: Sandbox) -> int:
    """Return how many requests the emulator has received."""
    return len(sandbox.vonage.log())


def default_encryption(client: Any, bucket: str) -> str:
    """Return the algorithm of the bucket's default encryption, or nothing."""
    try:
        rules = client.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]["Rules"]
    except ClientError:
        return ""
    return str(rules[0]["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"]) if rules else ""


def cors_rules(client: Any, bucket: str) -> list[dict[str, Any]]:
    """Return the bucket's CORS rules."""
    try:
        return list(client.get_bucket_cors(Bucket=bucket)["CORSRules"])
    except ClientError:
        return []


def stored(store: Store, where: Mapping[str, Any]) -> Stored:
    """Return what the store says of an object to its owner (HEAD), and what it answers to somebody without a key."""
    bucket, key = where.get("bucket"), where.get("key")
    if not (bucket and key):
        return Stored()
    url = f"{store.endpoint_url}/{bucket}/{key}"
    status = requests.get(url, timeout=TIMEOUT).status_code
    try:
        head = store.client().head_object(Bucket=bucket, Key=key)
    except ClientError:
        return Stored(bucket, key, url=url, anonymous_status=status)
    return Stored(bucket, key, head["ContentLength"], head.get("ServerSideEncryption", ""), url, status)
