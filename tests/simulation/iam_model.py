# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The model of IAM: users, access keys, inline policies, tags, and the delayed effect of changes on S3.

The control plane is consistent. The data plane, which authorizes requests of S3, learns each change after a delay
(IAM User Guide, "Troubleshoot IAM").
"""

from __future__ import annotations

import datetime
import fnmatch
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from .responses import ACCOUNT, ApiError, respond

QUOTA = 2
BASE32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"


@dataclass
class Key:
    """An access key.

    :param known: whether S3 knows the key; ``usable`` whether it also accepts it.
    """

    id: str
    secret: str
    user: str
    created: float
    creator: str = ""
    active: bool = True
    exists: bool = True
    known: bool = False
    usable: bool = False


@dataclass
class User:
    """A user.

    :param effective: the policies by which S3 decides; ``policies`` are those of the control plane.
    """

    name: str
    path: str
    created: float
    tags: dict[str, str] = field(default_factory=dict)
    boundary: str | None = None
    policies: dict[str, str] = field(default_factory=dict)
    effective: dict[str, str] = field(default_factory=dict)
    keys: dict[str, Key] = field(default_factory=dict)


@dataclass
class IamModel:
    """An IAM API.

    :param delay: the seconds until a change reaches S3.
    :param at: performs an action later.
    :param quota: access keys for each user; ``None`` for a store without a limit.
    :param returns_dates: whether listed keys have a creation date.
    :param tags_on_create: whether CreateUser sets tags.
    """

    random_id: Callable[[int], str]
    now: Callable[[], float]
    at: Callable[[float, Callable[[], None]], None]
    delay: Callable[[], float]
    quota: int | None = QUOTA
    returns_dates: bool = True
    tags_on_create: bool = True
    users: dict[str, User] = field(default_factory=dict)
    # All keys that ever existed.
    keys: dict[str, Key] = field(default_factory=dict)
    on_change: Callable[[], None] = lambda: None
    caller: Callable[[], str] = lambda: ""

    def call(self, operation: str, params: Mapping[str, Any]) -> dict[str, Any]:
        """Call an operation by the name of the client's method."""
        method: Callable[..., dict[str, Any]] | None = getattr(self, f"_{operation}", None)
        if method is None:
            raise ApiError(400, "InvalidAction", operation)
        values = method(**params)
        if not operation.startswith(("get_", "list_")):
            self.on_change()
        return respond(self.now(), **values)

    def _user(self, name: str) -> User:
        user = self.users.get(name)
        if user is None:
            raise ApiError(404, "NoSuchEntity", f"The user with name {name} cannot be found.")
        return user

    def _key(self, user: str, key_id: str) -> Key:
        key = self._user(user).keys.get(key_id)
        if key is None:
            raise ApiError(404, "NoSuchEntity", f"The Access Key with id {key_id} cannot be found.")
        return key

    def _later(self, action: Callable[[], None]) -> None:
        seconds = self.delay()
        if seconds <= 0:
            action()
        else:
            self.at(self.now() + seconds, lambda: self._take_effect(action))

    def _take_effect(self, action: Callable[[], None]) -> None:
        action()
        self.on_change()

    # Users.

    def _get_user(self, UserName: str) -> dict[str, Any]:
        user = self._user(UserName)
        value: dict[str, Any] = {
            "UserName": user.name,
            "Path": user.path,
            "Arn": f"arn:aws:iam::{ACCOUNT}:user{user.path}{user.name}",
            "CreateDate": _datetime(user.created),
            "Tags": [{"Key": key, "Value": value} for key, value in user.tags.items()],
        }
        if user.boundary:
            value["PermissionsBoundary"] = {"PermissionsBoundaryArn": user.boundary}
        return {"User": value}

    def _create_user(
        self, UserName: str, Path: str = "/", Tags: Any = (), PermissionsBoundary: str | None = None
    ) -> dict[str, Any]:
        if UserName in self.users:
            raise ApiError(409, "EntityAlreadyExists", f"User with name {UserName} already exists.")
        tags = {tag["Key"]: tag["Value"] for tag in Tags} if self.tags_on_create else {}
        self.users[UserName] = User(UserName, Path, self.now(), tags, PermissionsBoundary)
        return self._get_user(UserName)

    def _update_user(self, UserName: str, NewPath: str) -> dict[str, Any]:
        self._user(UserName).path = NewPath
        return {}

    def _delete_user(self, UserName: str) -> dict[str, Any]:
        user = self._user(UserName)
        if user.keys or user.policies:
            raise ApiError(409, "DeleteConflict", "Cannot delete entity, must delete its keys and policies first.")
        del self.users[UserName]
        return {}

    def _tag_user(self, UserName: str, Tags: Any) -> dict[str, Any]:
        self._user(UserName).tags.update({tag["Key"]: tag["Value"] for tag in Tags})
        return {}

    def _list_user_tags(self, UserName: str, Marker: str = "") -> dict[str, Any]:
        tags = self._user(UserName).tags
        return {"Tags": [{"Key": key, "Value": value} for key, value in tags.items()], "IsTruncated": False}

    def _put_user_permissions_boundary(self, UserName: str, PermissionsBoundary: str) -> dict[str, Any]:
        self._user(UserName).boundary = PermissionsBoundary
        return {}

    # Policies.

    def _get_user_policy(self, UserName: str, PolicyName: str) -> dict[str, Any]:
        document = self._user(UserName).policies.get(PolicyName)
        if document is None:
            raise ApiError(404, "NoSuchEntity", f"The user policy with name {PolicyName} cannot be found.")
        return {"UserName": UserName, "PolicyName": PolicyName, "PolicyDocument": json.loads(document)}

    def _put_user_policy(self, UserName: str, PolicyName: str, PolicyDocument: str) -> dict[str, Any]:
        user = self._user(UserName)
        user.policies[PolicyName] = PolicyDocument

        def take_effect() -> None:
            # A later change that took effect earlier remains.
            if user.policies.get(PolicyName) == PolicyDocument or PolicyName not in user.effective:
                user.effective[PolicyName] = PolicyDocument

        self._later(take_effect)
        return {}

    def _delete_user_policy(self, UserName: str, PolicyName: str) -> dict[str, Any]:
        user = self._user(UserName)
        if PolicyName not in user.policies:
            raise ApiError(404, "NoSuchEntity", f"The user policy with name {PolicyName} cannot be found.")
        del user.policies[PolicyName]
        self._later(lambda: None if PolicyName in user.policies else _discard(user.effective, PolicyName))
        return {}

    def _list_user_policies(self, UserName: str, Marker: str = "") -> dict[str, Any]:
        return {"PolicyNames": list(self._user(UserName).policies), "IsTruncated": False}

    def _list_attached_user_policies(self, UserName: str, Marker: str = "") -> dict[str, Any]:
        self._user(UserName)
        return {"AttachedPolicies": [], "IsTruncated": False}

    def _list_groups_for_user(self, UserName: str, Marker: str = "") -> dict[str, Any]:
        self._user(UserName)
        return {"Groups": [], "IsTruncated": False}

    # Access keys.

    def _list_access_keys(self, UserName: str, Marker: str = "") -> dict[str, Any]:
        items = []
        for key in self._user(UserName).keys.values():
            item = {"UserName": UserName, "AccessKeyId": key.id, "Status": "Active" if key.active else "Inactive"}
            items.append({**item, "CreateDate": _datetime(key.created)} if self.returns_dates else item)
        return {"AccessKeyMetadata": items, "IsTruncated": False}

    def _create_access_key(self, UserName: str) -> dict[str, Any]:
        user = self._user(UserName)
        if self.quota is not None and len(user.keys) >= self.quota:
            raise ApiError(409, "LimitExceeded", f"Cannot exceed quota for AccessKeysPerUser: {self.quota}")
        key_id = f"AKIA{self.random_id(16)}"
        key = Key(key_id, self.random_id(40), UserName, self.now(), self.caller())
        user.keys[key_id] = self.keys[key_id] = key
        self._later(lambda: self._propagate(key))
        value: dict[str, Any] = {"UserName": UserName, "AccessKeyId": key_id, "SecretAccessKey": key.secret}
        value["Status"] = "Active"
        if self.returns_dates:
            value["CreateDate"] = _datetime(key.created)
        return {"AccessKey": value}

    def _propagate(self, key: Key) -> None:
        key.known, key.usable = True, key.exists and key.active

    def _update_access_key(self, UserName: str, AccessKeyId: str, Status: str) -> dict[str, Any]:
        key = self._key(UserName, AccessKeyId)
        key.active = Status == "Active"
        self._later(lambda: self._propagate(key))
        return {}

    def _delete_access_key(self, UserName: str, AccessKeyId: str) -> dict[str, Any]:
        key = self._key(UserName, AccessKeyId)
        del self.users[UserName].keys[AccessKeyId]
        key.exists = False
        self._later(lambda: self._propagate(key))
        return {}

    # The data plane.

    def allows(self, key_id: str, action: str, resource: str, context: Mapping[str, str]) -> bool:
        """Whether the effective policies of the key's user allow an action."""
        user = self.users.get(self.keys[key_id].user)
        if user is None:
            return False
        documents = user.effective.values()
        return any(allows(document, action, resource, context) for document in documents)


def _discard(values: dict[str, str], name: str) -> None:
    values.pop(name, None)


def _datetime(time: float) -> datetime.datetime:
    return datetime.datetime.fromtimestamp(int(time), datetime.UTC)


@lru_cache(maxsize=4096)
def _parse(document: str) -> list[dict[str, Any]]:
    statements = json.loads(document).get("Statement", [])
    return statements if isinstance(statements, list) else [statements]


@lru_cache(maxsize=4096)
def _pattern(pattern: str) -> re.Pattern[str]:
    return re.compile(fnmatch.translate(pattern.replace("[", "[[]")))


def _matches(patterns: Any, value: str) -> bool:
    patterns = patterns if isinstance(patterns, list) else [patterns]
    return any(_pattern(pattern).match(value) for pattern in patterns)


def _is_condition_met(operator: str, key: str, expected: Any, context: Mapping[str, str]) -> bool:
    value = context.get(key)
    if operator == "StringNotEquals":
        return value is None or value not in (expected if isinstance(expected, list) else [expected])
    if value is None:
        return False
    if operator == "Bool":
        return value == str(expected).lower()
    return _matches(expected, value)


def _applies(statement: Mapping[str, Any], action: str, resource: str, context: Mapping[str, str]) -> bool:
    if not (_matches(statement["Action"], action) and _matches(statement["Resource"], resource)):
        return False
    return all(
        _is_condition_met(operator, key, expected, context)
        for operator, tests in (statement.get("Condition") or {}).items()
        for key, expected in tests.items()
    )


def allows(document: str, action: str, resource: str, context: Mapping[str, str]) -> bool:
    """Whether a statement of the policy allows the action."""
    statements = (each for each in _parse(document) if each["Effect"] == "Allow")
    return any(_applies(statement, action, resource, context) for statement in statements)


def denies(document: str, action: str, resource: str, context: Mapping[str, str]) -> bool:
    """Whether a statement of the policy denies the action."""
    statements = (each for each in _parse(document) if each["Effect"] == "Deny")
    return any(_applies(statement, action, resource, context) for statement in statements)
