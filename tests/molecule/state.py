# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fetch the state of a bucket, a project, and its users from the servers."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import requests
from botocore.exceptions import ClientError

TIMEOUT = 30
NOT_SET_CODES = {
    "NoSuchCORSConfiguration",
    "NoSuchBucketPolicy",
    "NoSuchLifecycleConfiguration",
    "ServerSideEncryptionConfigurationNotFoundError",
}


def fetch_bucket(client: Any, bucket: str) -> dict[str, Any]:
    """Return the settings and the objects of a bucket; ``exists: false`` if it does not exist."""
    if bucket not in [entry["Name"] for entry in client.list_buckets()["Buckets"]]:
        return {"exists": False}
    return {
        "exists": True,
        "encryption": _fetch(lambda: client.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]),
        "cors": _fetch(lambda: client.get_bucket_cors(Bucket=bucket)["CORSRules"]),
        "lifecycle": _fetch(lambda: client.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"]),
        "policy": _fetch(lambda: json.loads(client.get_bucket_policy(Bucket=bucket)["Policy"])),
        "objects": {key: _fetch_object(client, bucket, key) for key in _list_keys(client, bucket)},
    }


def fetch_project(url: str, key: str) -> dict[str, Any]:
    """Return the upload target and the archives of a project, and the methods of the requests for it."""

    def fetch(path: str) -> Any:
        return requests.get(f"{url}/_sandbox/{path}", timeout=TIMEOUT).json()

    calls = [call["method"] for call in fetch("log") if f"/project/{key}/" in call["path"]]
    return {"target": fetch(f"target/{key}"), "archives": fetch(f"archives/{key}"), "calls": calls}


def fetch_users(iam: Any, key: str) -> dict[str, Any]:
    """Return the users with the project's key in their names, with their keys, tags, and policies."""
    names = [user["UserName"] for page in iam.get_paginator("list_users").paginate() for user in page["Users"]]
    return {name: _fetch_user(iam, name) for name in names if key in name}


def _fetch_user(iam: Any, name: str) -> dict[str, Any]:
    keys = iam.list_access_keys(UserName=name)["AccessKeyMetadata"]
    policies = {
        policy: _fetch_policy(iam, name, policy) for policy in iam.list_user_policies(UserName=name)["PolicyNames"]
    }
    attached = iam.list_attached_user_policies(UserName=name)["AttachedPolicies"]
    return {
        "keys": {key["AccessKeyId"]: key["Status"] for key in keys},
        "tags": {tag["Key"]: tag["Value"] for tag in iam.list_user_tags(UserName=name)["Tags"]},
        "allowed": {policy: _allowed(document["Statement"]) for policy, document in policies.items()},
        "attached": [policy["PolicyArn"] for policy in attached],
    }


def _allowed(statements: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the allowed actions; the store returns a list with one item as a scalar."""
    return [
        {
            "on": _as_list(statement["Resource"]),
            "do": sorted(_as_list(statement["Action"])),
            "if": statement.get("Condition", {}),
        }
        for statement in statements
        if statement["Effect"] == "Allow"
    ]


def _fetch_policy(iam: Any, user: str, name: str) -> Any:
    document = iam.get_user_policy(UserName=user, PolicyName=name)["PolicyDocument"]
    return json.loads(document) if isinstance(document, str) else document


def _as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _fetch(request: Callable[[], Any]) -> Any:
    """Return the setting, or None if it is not set."""
    try:
        return request()
    except ClientError as error:
        if error.response["Error"]["Code"] in NOT_SET_CODES:
            return None
        raise


def _list_keys(client: Any, bucket: str) -> list[str]:
    pages = client.get_paginator("list_objects_v2").paginate(Bucket=bucket)
    return [item["Key"] for page in pages for item in page.get("Contents", [])]


def _fetch_object(client: Any, bucket: str, key: str) -> dict[str, Any]:
    head = client.head_object(Bucket=bucket, Key=key)
    return {"size": head["ContentLength"], "encryption": head.get("ServerSideEncryption", "none")}
