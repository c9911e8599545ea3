# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tests need of a store that no module of the collection does.

usage: store.py key BUCKET ACTION=PATH...    makes a user who may do that, prints the key as JSON
       store.py held BUCKET                  prints all objects, versions, delete markers and open uploads as JSON

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


def key(bucket: str, *permissions: str) -> dict[str, str]:
    """Return the key of a new user."""
    allowed = [permission.split("=", 1) for permission in permissions]
    statements = [
        {"Effect": "Allow", "Action": [action], "Resource": [f"arn:aws:s3:::{bucket}{path}"]}
        for action, path in allowed
    ]
    policy = json.dumps({"Version": "2012-10-17", "Statement": statements})
    iam, name = SESSION.create_client("iam"), f"check-{secrets.token_hex(6)}"
    iam.create_user(UserName=name)
    iam.put_user_policy(UserName=name, PolicyName=name, PolicyDocument=policy)
    made = iam.create_access_key(UserName=name)["AccessKey"]
    return {"access_key": made["AccessKeyId"], "secret_key": made["SecretAccessKey"]}


def held(bucket: str) -> list[str]:
    """Return everything in a bucket."""
    s3 = SESSION.create_client("s3")
    found = [each["Key"] for each in s3.list_objects_v2(Bucket=bucket).get("Contents", [])]
    found += [each["Key"] for each in listed(s3.list_multipart_uploads, bucket).get("Uploads", [])]
    answer = listed(s3.list_object_versions, bucket)
    entries = [*answer.get("Versions", []), *answer.get("DeleteMarkers", [])]
    return found + [f"{each['Key']}@{each['VersionId']}" for each in entries if each["VersionId"] != "null"]


def listed(operation: Callable[..., Any], bucket: str) -> Any:
    """Return a listing, an empty one where the store knows of no versions, or never had an upload in parts."""
    try:
        return operation(Bucket=bucket)
    except ClientError as error:
        if error.response["Error"]["Code"] not in ("NotImplemented", "NoSuchUpload"):
            raise
        return {}


if __name__ == "__main__":
    command, *arguments = sys.argv[1:]
    print(json.dumps(key(*arguments) if command == "key" else held(*arguments)))
