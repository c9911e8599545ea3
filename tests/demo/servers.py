# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Looks at what the servers hold once Ansible is done, without asking Ansible."""

from __future__ import annotations

from collections.abc import Mapping
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
    """What the servers hold, and which calls the emulator has received."""

    bucket: str
    bucket_exists: bool = False
    encryption: str = ""
    cors_rules: list[dict[str, Any]] = field(default_factory=list)
    target: Mapping[str, Any] = field(default_factory=dict)
    calls_of_runs: tuple[int, ...] = ()
    archive: Mapping[str, Any] = field(default_factory=dict)
    stored: Stored = field(default_factory=Stored)


def look(sandbox: Sandbox, bucket: str, calls_of_runs: tuple[int, ...], archive: Mapping[str, Any]) -> Holdings:
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
        archive=archive,
        stored=stored(sandbox.store, archive.get("sandbox", {})),
    )


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
