# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a bucket and a project hold, as the servers describe them."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import requests
from botocore.exceptions import ClientError

TIMEOUT = 30
NOT_SET = {
    "NoSuchCORSConfiguration",
    "NoSuchBucketPolicy",
    "NoSuchLifecycleConfiguration",
    "ServerSideEncryptionConfigurationNotFoundError",
}


def look(client: Any, bucket: str) -> dict[str, Any]:
    """Return the settings and the objects of a bucket; ``exists: false`` if there is none."""
    if bucket not in [each["Name"] for each in client.list_buckets()["Buckets"]]:
        return {"exists": False}
    return {
        "exists": True,
        "encryption": _set(lambda: client.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]),
        "cors": _set(lambda: client.get_bucket_cors(Bucket=bucket)["CORSRules"]),
        "lifecycle": _set(lambda: client.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"]),
        "policy": _set(lambda: json.loads(client.get_bucket_policy(Bucket=bucket)["Policy"])),
        "objects": {key: _object(client, bucket, key) for key in _keys(client, bucket)},
    }


def project(url: str, key: str) -> dict[str, Any]:
    """Return what the emulator holds for a project, and the methods of the calls it has received about it."""

    def ask(path: str) -> Any:
        return requests.get(f"{url}/_sandbox/{path}", timeout=TIMEOUT).json()

    calls = [each["method"] for each in ask("log") if f"/project/{key}/" in each["path"]]
    return {"target": ask(f"target/{key}"), "archives": ask(f"archives/{key}"), "calls": calls}


def _set(read: Callable[[], Any]) -> Any:
    try:
        return read()
    except ClientError as error:
        if error.response["Error"]["Code"] in NOT_SET:
            return None
        raise


def _keys(client: Any, bucket: str) -> list[str]:
    pages = client.get_paginator("list_objects_v2").paginate(Bucket=bucket)
    return [each["Key"] for page in pages for each in page.get("Contents", [])]


def _object(client: Any, bucket: str, key: str) -> dict[str, Any]:
    head = client.head_object(Bucket=bucket, Key=key)
    return {"size": head["ContentLength"], "encryption": head.get("ServerSideEncryption", "none")}
