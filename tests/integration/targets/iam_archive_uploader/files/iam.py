# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tests need of a store that no module of the collection does.

usage: iam.py held USER                     prints what the IAM API has of a user as JSON, null if there is none
       iam.py make USER                     makes a user that is nobody's business
       iam.py upload BUCKET KEY             uploads with UPLOADER_KEY and UPLOADER_SECRET, prints the HTTP status

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


def held(name: str) -> dict[str, Any] | None:
    """Return the user's path, tags, policies and keys."""
    iam = SESSION.create_client("iam")
    try:
        user = iam.get_user(UserName=name)["User"]
    except iam.exceptions.NoSuchEntityException:
        return None
    policies = iam.list_user_policies(UserName=name)["PolicyNames"]
    documents = [iam.get_user_policy(UserName=name, PolicyName=each)["PolicyDocument"] for each in policies]
    keys = iam.list_access_keys(UserName=name)["AccessKeyMetadata"]
    return {
        "path": user["Path"],
        "tags": {tag["Key"]: tag["Value"] for tag in iam.list_user_tags(UserName=name)["Tags"]},
        "policies": dict(zip(policies, documents, strict=True)),
        "states": {key["AccessKeyId"]: key["Status"] for key in keys},
    }


def make(name: str) -> None:
    """Make a user without any tags but with a key."""
    iam = SESSION.create_client("iam")
    iam.create_user(UserName=name)
    iam.create_access_key(UserName=name)


def upload(bucket: str, key: str) -> int:
    """Return the status of an upload."""
    keys = {"aws_access_key_id": os.environ["UPLOADER_KEY"], "aws_secret_access_key": os.environ["UPLOADER_SECRET"]}
    client = SESSION.create_client("s3", **keys)
    try:
        answer = client.put_object(Bucket=bucket, Key=key, Body=b"recording")
    except ClientError as error:
        answer = error.response
    return int(answer["ResponseMetadata"]["HTTPStatusCode"])


COMMANDS: dict[str, Callable[..., Any]] = {"held": held, "make": make, "upload": upload}

if __name__ == "__main__":
    command, *arguments = sys.argv[1:]
    print(json.dumps(COMMANDS[command](*arguments)))
