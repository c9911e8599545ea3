# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Test operations on a store for which the collection has no module.

usage: store.py create-key BUCKET ACTION=PATH...    create a user with these permissions, and print its key as JSON
       store.py list BUCKET                         print objects, versions, delete markers, and uploads as JSON

The connection comes from the environment, as boto3 reads it.
"""

from __future__ import annotations

import json
import secrets
import sys
from collections.abc import Callable
from typing import Any

import botocore.session
from botocore.exceptions import ClientError

SESSION = botocore.session.get_session()


def create_key(bucket: str, *permissions: str) -> dict[str, str]:
    """Create a user with an access key."""
    allowed = [permission.split("=", 1) for permission in permissions]
    statements = [
        {"Effect": "Allow", "Action": [action], "Resource": [f"arn:aws:s3:::{bucket}{path}"]}
        for action, path in allowed
    ]
    policy = json.dumps({"Version": "2012-10-17", "Statement": statements})
    iam, name = SESSION.create_client("iam"), f"check-{secrets.token_hex(6)}"
    iam.create_user(UserName=name)
    iam.put_user_policy(UserName=name, PolicyName=name, PolicyDocument=policy)
    key = iam.create_access_key(UserName=name)["AccessKey"]
    return {"access_key": key["AccessKeyId"], "secret_key": key["SecretAccessKey"]}


def list_content(bucket: str) -> list[str]:
    """Return the keys of objects and uploads in progress, and all versions and delete markers."""
    s3 = SESSION.create_client("s3")
    keys = [entry["Key"] for entry in s3.list_objects_v2(Bucket=bucket).get("Contents", [])]
    keys += [entry["Key"] for entry in list_if_supported(s3.list_multipart_uploads, bucket).get("Uploads", [])]
    response = list_if_supported(s3.list_object_versions, bucket)
    entries = [*response.get("Versions", []), *response.get("DeleteMarkers", [])]
    return keys + [f"{entry['Key']}@{entry['VersionId']}" for entry in entries if entry["VersionId"] != "null"]


def list_if_supported(operation: Callable[..., Any], bucket: str) -> Any:
    """Return a listing; empty if the store does not support versions, or never had a multipart upload."""
    try:
        return operation(Bucket=bucket)
    except ClientError as error:
        if error.response["Error"]["Code"] not in ("NotImplemented", "NoSuchUpload"):
            raise
        return {}


if __name__ == "__main__":
    command, *arguments = sys.argv[1:]
    print(json.dumps(create_key(*arguments) if command == "create-key" else list_content(*arguments)))
