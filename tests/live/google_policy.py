# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The policy of a bucket of the run in Google Cloud Storage, and a service account of the run.

The XML API has no policies. These requests use the JSON API and an OAuth token (``gcloud auth print-access-token``).
They change the policy of the bucket of the run, not that of the project.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any
from urllib.parse import quote

from tests.live.http import JsonApi, Keys, Response, Transport
from tests.live.question import Run, require
from tests.live.settings import Settings

SERVICE_ACCOUNT = "service account"


def headers_of(settings: Settings) -> dict[str, str]:
    """Return the header with the OAuth token."""
    return {"Authorization": f"Bearer {settings['oauth_token']}"}


def address(settings: Settings, name: str) -> str:
    """Return the e-mail address of a service account of the project."""
    return f"{name}@{settings['project']}.iam.gserviceaccount.com"


def accounts_path(settings: Settings) -> str:
    """Return the path of the service accounts of the project."""
    return f"/projects/{settings['project']}/serviceAccounts"


def keys_path(settings: Settings) -> str:
    """Return the path of the HMAC keys of the project."""
    return f"/projects/{settings['project']}/hmacKeys"


class Policy:
    """The policy of one bucket, and the service account."""

    def __init__(self, run: Run, bucket: str) -> None:
        self.run = run
        self.settings = run.settings
        self.headers = headers_of(run.settings)
        self.storage = JsonApi(run.transport, run.settings["json_url"])
        self.path = f"/b/{bucket}"
        uniform = {"iamConfiguration": {"uniformBucketLevelAccess": {"enabled": True}}}
        require(self.storage.send("PATCH", self.path, self.headers, uniform), "enable uniform access")
        self.prefix = f"projects/_/buckets/{bucket}/objects/"

    @cached_property
    def account(self) -> str:
        """The service account of the run."""
        name = self.run.name
        iam = JsonApi(self.run.transport, self.settings["iam_url"])
        path, document = accounts_path(self.settings), {"accountId": name}
        self.run.create(SERVICE_ACCOUNT, name, lambda: iam.send("POST", path, self.headers, document))
        return address(self.settings, name)

    @property
    def member(self) -> str:
        """The service account in a binding."""
        return f"serviceAccount:{self.account}"

    def create_key(self) -> Keys:
        """Create an HMAC key; the deletion of the service account deletes it."""
        path = f"{keys_path(self.settings)}?serviceAccountEmail={quote(self.account)}"
        # A new service account is not known immediately.
        responses: list[Response] = []

        def is_created() -> bool:
            responses.append(self.storage.send("POST", path, self.headers))
            return responses[-1].is_success

        self.run.seconds_until(is_created)
        document = require(responses[-1], "create an HMAC key").document
        return Keys(str(document["metadata"]["accessId"]), str(document["secret"]))

    def try_binding(self, role: str, member: str, prefix: str) -> Response:
        """Add a binding for the objects with a prefix, and return the response."""
        response = self.storage.send("GET", f"{self.path}/iam?optionsRequestedPolicyVersion=3", self.headers)
        policy: dict[str, Any] = require(response, "read the policy").document
        condition = {"title": "live", "expression": f"resource.name.startsWith('{self.prefix}{prefix}')"}
        bindings = [*policy.get("bindings", []), {"role": role, "members": [member], "condition": condition}]
        return self.storage.send(
            "PUT", f"{self.path}/iam", self.headers, {**policy, "version": 3, "bindings": bindings}
        )

    def add_binding(self, role: str, member: str, prefix: str) -> None:
        """Add a binding; a new service account is not known immediately."""
        self.run.seconds_until(lambda: self.try_binding(role, member, prefix).is_success)


def delete_service_account(transport: Transport, settings: Settings, name: str) -> bool:
    """Delete a service account of a run with its HMAC keys, and return whether it existed."""
    headers, account = headers_of(settings), address(settings, name)
    storage, iam = JsonApi(transport, settings["json_url"]), JsonApi(transport, settings["iam_url"])
    path = keys_path(settings)
    keys = require(storage.send("GET", f"{path}?serviceAccountEmail={quote(account)}", headers), "list the HMAC keys")
    for key in keys.document.get("items", []):
        key_path = f"{path}/{key['accessId']}"
        # Google refuses the deletion of an active key.
        require(storage.send("PUT", key_path, headers, {"state": "INACTIVE"}), "deactivate the HMAC key")
        require(storage.send("DELETE", key_path, headers), "delete the HMAC key")
    deleted = iam.send("DELETE", f"{accounts_path(settings)}/{quote(account)}", headers)
    if deleted.status != 404:
        require(deleted, "delete the service account")
    return deleted.status != 404
