# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Test operations on an IAM API for which the collection has no module.

usage: iam.py show USER                     print user, policies, and keys as JSON; null if the user does not exist
       iam.py create USER                   create an unmanaged user
       iam.py upload BUCKET KEY             upload with UPLOADER_KEY and UPLOADER_SECRET, and print the HTTP status

The connection comes from the environment, as boto3 reads it.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from typing import Any

import botocore.session
from botocore.exceptions import ClientError

SESSION = botocore.session.get_session()


def fetch_user(name: str) -> dict[str, Any] | None:
    """Return path, tags, policies, and keys of the user; ``None`` if it does not exist."""
    iam = SESSION.create_client("iam")
    try:
        user = iam.get_user(UserName=name)["User"]
    except iam.exceptions.NoSuchEntityException:
        return None
    policies = iam.list_user_policies(UserName=name)["PolicyNames"]
    documents = [iam.get_user_policy(UserName=name, PolicyName=policy)["PolicyDocument"] for policy in policies]
    keys = iam.list_access_keys(UserName=name)["AccessKeyMetadata"]
    return {
        "path": user["Path"],
        "tags": {tag["Key"]: tag["Value"] for tag in iam.list_user_tags(UserName=name)["Tags"]},
        "policies": dict(zip(policies, documents, strict=True)),
        "states": {key["AccessKeyId"]: key["Status"] for key in keys},
    }


def create_user(name: str) -> None:
    """Create a user with a key and without tags."""
    iam = SESSION.create_client("iam")
    iam.create_user(UserName=name)
    iam.create_access_key(UserName=name)


def upload(bucket: str, key: str) -> int:
    """Upload an object, and return the HTTP status."""
    keys = {"aws_access_key_id": os.environ["UPLOADER_KEY"], "aws_secret_access_key": os.environ["UPLOADER_SECRET"]}
    client = SESSION.create_client("s3", **keys)
    try:
        response = client.put_object(Bucket=bucket, Key=key, Body=b"recording")
    except ClientError as error:
        response = error.response
    return int(response["ResponseMetadata"]["HTTPStatusCode"])


COMMANDS: dict[str, Callable[..., Any]] = {"show": fetch_user, "create": create_user, "upload": upload}

if __name__ == "__main__":
    command, *arguments = sys.argv[1:]
    print(json.dumps(COMMANDS[command](*arguments)))
