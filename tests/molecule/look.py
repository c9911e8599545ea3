# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a bucket, a project and its users hold, as the servers describe them."""

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


def users(iam: Any, key: str) -> dict[str, Any]:
    """Return the users that have the project's key in their names, with all that they have."""
    names = [each["UserName"] for page in iam.get_paginator("list_users").paginate() for each in page["Users"]]
    return {name: _user(iam, name) for name in names if key in name}


def _user(iam: Any, name: str) -> dict[str, Any]:
    keys = iam.list_access_keys(UserName=name)["AccessKeyMetadata"]
    policies = {each: _document(iam, name, each) for each in iam.list_user_policies(UserName=name)["PolicyNames"]}
    return {
        "keys": {each["AccessKeyId"]: each["Status"] for each in keys},
        "tags": {each["Key"]: each["Value"] for each in iam.list_user_tags(UserName=name)["Tags"]},
        # What may be done on what; the store makes a scalar of a list with one item.
        "allowed": {
            name: [
                {"on": _many(each["Resource"]), "do": sorted(_many(each["Action"])), "if": each.get("Condition", {})}
                for each in document["Statement"]
                if each["Effect"] == "Allow"
            ]
            for name, document in policies.items()
        },
        "attached": [each["PolicyArn"] for each in iam.list_attached_user_policies(UserName=name)["AttachedPolicies"]],
    }


def _document(iam: Any, user: str, name: str) -> Any:
    found = iam.get_user_policy(UserName=user, PolicyName=name)["PolicyDocument"]
    return json.loads(found) if isinstance(found, str) else found


def _many(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


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
