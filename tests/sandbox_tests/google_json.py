# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A stand-in for the JSON API of Google Cloud Storage, with users and policies of a store of the sandbox.

It has the requests of ``tests.live.google_policy`` only, in the format of Google's discovery document. A service
account is an IAM user, an HMAC key is an access key, and a binding with a condition is an inline policy.
"""

from __future__ import annotations

import json
import re
from typing import Any

from botocore.exceptions import ClientError
from flask import Flask, jsonify, request

from tests.sandbox import Store
from tests.sandbox._emulator import Emulator

PREFIX = re.compile(r"resource\.name\.startsWith\('projects/_/buckets/([^/]+)/objects/([^']*)'\)")
ACCOUNTS, KEYS = "/projects/<project>/serviceAccounts", "/projects/<project>/hmacKeys"
TOKEN = "ya29.stand-in-token"
Result = tuple[Any, int]


class GoogleJson(Emulator):
    """The stand-in; a context manager."""

    def __init__(self, store: Store) -> None:
        self.iam = store.iam_client()
        self.policies: dict[str, dict[str, Any]] = {}
        self.users: dict[str, str] = {}
        app = Flask("google-json", static_folder=None)
        app.before_request(authenticate)
        app.register_error_handler(ClientError, not_found)
        for method, path, view in (
            ("PATCH", "/b/<bucket>", lambda bucket: ({"name": bucket}, 200)),
            ("GET", "/b/<bucket>/iam", self.read_policy),
            ("PUT", "/b/<bucket>/iam", self.set_policy),
            ("POST", ACCOUNTS, self.create_account),
            ("DELETE", f"{ACCOUNTS}/<account>", self.delete_account),
            ("GET", KEYS, self.list_keys),
            ("POST", KEYS, self.create_key),
            ("PUT", f"{KEYS}/<key>", self.deactivate_key),
            ("DELETE", f"{KEYS}/<key>", self.delete_key),
        ):
            app.add_url_rule(path, f"{method} {path}", view, methods=[method])
        super().__init__(app.wsgi_app)

    def fault_body(self, status: int, request_body: bytes) -> tuple[str, bytes]:
        return "application/json", b"{}"

    def read_policy(self, bucket: str) -> Result:
        assert request.args["optionsRequestedPolicyVersion"] == "3"
        return self.policies.get(bucket, {"version": 1, "etag": "CAE=", "bindings": []}), 200

    def set_policy(self, bucket: str) -> Result:
        policy = request.get_json()
        assert policy["version"] == 3
        for binding in policy["bindings"]:
            condition = PREFIX.fullmatch(binding["condition"]["expression"])
            assert condition
            assert condition[1] == bucket
            self.allow_uploads(binding["members"][0], f"{bucket}/{condition[2]}*")
        self.policies[bucket] = policy
        return policy, 200

    def allow_uploads(self, member: str, objects: str) -> None:
        if not member.startswith("serviceAccount:"):
            return
        statement = {"Effect": "Allow", "Action": "s3:PutObject", "Resource": f"arn:aws:s3:::{objects}"}
        document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        self.iam.put_user_policy(UserName=user_of(member), PolicyName="binding", PolicyDocument=document)

    def create_account(self, project: str) -> Result:
        name = request.get_json()["accountId"]
        assert re.fullmatch(r"[a-z][a-z0-9-]{4,28}[a-z0-9]", name)
        self.iam.create_user(UserName=name)
        return {"email": f"{name}@{project}.iam.gserviceaccount.com"}, 200

    def delete_account(self, project: str, account: str) -> Result:
        name = user_of(account)
        for policy in self.iam.list_user_policies(UserName=name)["PolicyNames"]:
            self.iam.delete_user_policy(UserName=name, PolicyName=policy)
        self.iam.delete_user(UserName=name)
        return {}, 200

    def list_keys(self, project: str) -> Result:
        try:
            keys = self.iam.list_access_keys(UserName=user_of(request.args["serviceAccountEmail"]))["AccessKeyMetadata"]
        except ClientError:
            return {"kind": "storage#hmacKeysMetadata"}, 200
        return {"items": [{"accessId": key["AccessKeyId"], "state": key["Status"].upper()} for key in keys]}, 200

    def create_key(self, project: str) -> Result:
        name = user_of(request.args["serviceAccountEmail"])
        key = self.iam.create_access_key(UserName=name)["AccessKey"]
        self.users[key["AccessKeyId"]] = name
        metadata = {"accessId": key["AccessKeyId"], "state": "ACTIVE"}
        return {"secret": key["SecretAccessKey"], "metadata": metadata}, 200

    def deactivate_key(self, project: str, key: str) -> Result:
        assert request.get_json() == {"state": "INACTIVE"}
        self.iam.update_access_key(UserName=self.users[key], AccessKeyId=key, Status="Inactive")
        return {"accessId": key, "state": "INACTIVE"}, 200

    def delete_key(self, project: str, key: str) -> Result:
        """Delete an inactive key; Google refuses to delete an active one."""
        name = self.users[key]
        [status] = [
            entry["Status"]
            for entry in self.iam.list_access_keys(UserName=name)["AccessKeyMetadata"]
            if entry["AccessKeyId"] == key
        ]
        if status != "Inactive":
            return {"error": {"code": 400, "message": "Cannot delete keys in 'ACTIVE' state."}}, 400
        self.iam.delete_access_key(UserName=name, AccessKeyId=key)
        return "", 204


def user_of(account: str) -> str:
    """Return the user of a service account."""
    return account.removeprefix("serviceAccount:").partition("@")[0]


def authenticate() -> Any:
    """Refuse a request without the token."""
    if request.headers.get("Authorization") != f"Bearer {TOKEN}":
        return jsonify({"error": {"code": 401, "message": "Invalid Credentials"}}), 401
    return None


def not_found(error: ClientError) -> Any:
    """Return Google's response for a missing resource."""
    return jsonify({"error": {"code": 404, "status": "NOT_FOUND", "message": error.operation_name}}), 404
