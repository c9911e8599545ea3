# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The current state of an uploader: the IAM user, its access keys, and its attachments.

PRIVATE to the collection ``vonage.archiving``: there is no stability promise outside of it.

The tag of this collection marks a managed user. AWS sets tags when it creates a user (AWS IAM API Reference,
CreateUser). SeaweedFS ignores them there and supports TagUser: a run that is interrupted between the two calls leaves a
user without tags, keys, and policies. Such a user counts as managed.
"""

from __future__ import annotations

import email.utils
import functools
import typing as t
from dataclasses import dataclass, field, replace

from .._aws.iam_client import Iam
from .._core import errors
from .user_params import OWNER_TAG, DesiredUser

POLICY_NAME = "vonage-archiving"
# When a verification last created a temporary key (Unix seconds, clock of the IAM server). Written where the server
# does not return creation dates.
VERIFICATION_TAG = "vonage-archiving:verification"
ACTIVE, INACTIVE = "Active", "Inactive"


@dataclass(frozen=True)
class AccessKey:
    """An access key without its secret. Times are Unix seconds, ``None`` if the server does not return them.

    :param age: seconds since the key was created, by the clock of the IAM server; ``None`` if unknown.
    """

    id: str
    user: str
    active: bool
    created: float | None = None
    last_used: float | None = None
    age: float | None = field(default=None, compare=False)

    @property
    def status(self) -> str:
        """A status of IAM."""
        return ACTIVE if self.active else INACTIVE


@dataclass(frozen=True)
class User:
    """An IAM user.

    :param policy: the inline policy of this collection; empty if the server returns a value that is not a policy.
    """

    name: str
    arn: str
    path: str
    boundary: str | None = None
    tags: t.Mapping[str, str] = field(default_factory=dict)
    policy: dict[str, t.Any] | None = None
    created: float | None = None


@dataclass(frozen=True)
class CurrentUser:
    """The current state of the user and its keys.

    :param user: ``None`` if it does not exist.
    :param partition: of ARNs in the policy.
    """

    user: User | None
    keys: tuple[AccessKey, ...] = ()
    partition: str = "aws"


def fetch_managed_user(iam: Iam, desired: DesiredUser, last_used: bool = False, eager: bool = True) -> CurrentUser:
    """Read the user, its keys, and the policy of this collection.

    :param last_used: whether to also read when each key was last used.
    :param eager: read all parts concurrently, which is faster if the user exists. Otherwise, read the user first, and
        the other parts only if it exists.
    :raises NotManagedError: the user is not managed, and ``force`` is not set.
    """
    current = fetch_user(iam, desired, eager)
    if current.user is not None and not desired.force and not _is_managed(iam, desired, current):
        raise errors.NotManagedError(
            f"manage the IAM user {desired.name}",
            f"it does not have the tag {OWNER_TAG}. This collection has not created it",
            "Choose another name. To manage this user and its keys, set force=true. Nothing was changed.",
            user=desired.name,
        )
    if last_used and current.keys:
        reads = [functools.partial(_with_last_used, iam, key) for key in current.keys]
        current = replace(current, keys=tuple(iam.runtime.run_concurrently(reads)))
    return current


def _is_managed(iam: Iam, desired: DesiredUser, current: CurrentUser) -> bool:
    user = t.cast(User, current.user)
    if OWNER_TAG in user.tags:
        return True
    is_empty = not (user.tags or current.keys or user.policy is not None or iam.connection.is_aws)
    return is_empty and not fetch_attachments(iam, desired).unmanaged


def fetch_user(iam: Iam, desired: DesiredUser, eager: bool = True) -> CurrentUser:
    """Read a managed or unmanaged user.

    :param eager: see :func:`fetch_managed_user`.
    """
    reads: dict[str, t.Callable[[Iam, DesiredUser], t.Any]] = {
        "user": _fetch_user,
        "keys": _fetch_access_keys,
        "policy": _fetch_policy,
    }
    # Only the IAM API of AWS is documented to return tags with the user (AWS IAM API Reference, GetUser).
    reads.update({} if iam.connection.is_aws else {"keys": _fetch_keys_and_tags})
    parts: dict[str, t.Any] = {}
    if not eager:
        parts["user"] = reads.pop("user")(iam, desired)
        reads = reads if parts["user"] else {}
    tasks = [functools.partial(read, iam, desired) for read in reads.values()]
    parts.update(zip(reads, iam.runtime.run_concurrently(tasks)))
    if parts["user"] is None:
        return CurrentUser(None, partition=iam.partition)
    user = replace(parts["user"], policy=parts["policy"])
    listed, tags = (parts["keys"], {}) if iam.connection.is_aws else parts["keys"]
    user = replace(user, tags={**user.tags, **tags})
    return CurrentUser(user, _with_announced_age(listed, user.tags), iam.partition)


def _with_announced_age(listed: KeyList, tags: t.Mapping[str, str]) -> tuple[AccessKey, ...]:
    """The keys; if the server does not return creation dates, the last verification gives the age of its key."""
    announced = tags.get(VERIFICATION_TAG, "")
    if listed.server_time is None or not announced.isdigit():
        return listed.keys
    age = max(listed.server_time - int(announced), 0.0)
    return tuple(key if key.created is not None else replace(key, age=age) for key in listed.keys)


def _fetch_user(iam: Iam, desired: DesiredUser) -> User | None:
    try:
        response = iam.call("get_user", f"read the IAM user {desired.name}", "iam:GetUser", UserName=desired.name)
    except errors.NotFoundError:
        return None
    user = response["User"]
    return User(
        name=user.get("UserName", desired.name),
        arn=user.get("Arn", ""),
        path=user.get("Path") or "/",
        boundary=(user.get("PermissionsBoundary") or {}).get("PermissionsBoundaryArn"),
        tags={tag["Key"]: tag.get("Value", "") for tag in user.get("Tags") or ()},
        created=unix_seconds(user.get("CreateDate")),
    )


def _fetch_tags(iam: Iam, desired: DesiredUser) -> dict[str, str]:
    operation = f"read the tags of the IAM user {desired.name}"
    try:
        tags = iam.list_all("list_user_tags", "Tags", operation, "iam:ListUserTags", UserName=desired.name)
    except errors.NotFoundError:
        return {}
    return {tag["Key"]: tag.get("Value", "") for tag in tags}


def _fetch_policy(iam: Iam, desired: DesiredUser) -> dict[str, t.Any] | None:
    names = {"UserName": desired.name, "PolicyName": POLICY_NAME}
    operation = f"read the policy {POLICY_NAME} of the IAM user {desired.name}"
    try:
        policy = iam.call("get_user_policy", operation, "iam:GetUserPolicy", **names)["PolicyDocument"]
    except errors.NotFoundError:
        return None
    return policy if isinstance(policy, dict) else {}


class KeyList(t.NamedTuple):
    """The keys of a user, and when the IAM server listed them (Unix seconds, its own clock)."""

    keys: tuple[AccessKey, ...] = ()
    server_time: float | None = None


def list_access_keys(iam: Iam, desired: DesiredUser) -> tuple[AccessKey, ...]:
    """The keys of the user, by creation date if the server returns it; empty without the user."""
    return _fetch_access_keys(iam, desired).keys


def _fetch_access_keys(iam: Iam, desired: DesiredUser) -> KeyList:
    operation = f"list the access keys of the IAM user {desired.name}"
    try:
        pages = list(iam.pages("list_access_keys", operation, "iam:ListAccessKeys", UserName=desired.name))
    except errors.NotFoundError:
        return KeyList()
    server_time = response_time(pages[-1])
    listed = (key for page in pages for key in page.get("AccessKeyMetadata") or [])
    keys = [_access_key(desired.name, key, server_time) for key in listed]
    return KeyList(tuple(sorted(keys, key=lambda key: (key.created or 0.0, key.id))), server_time)


def _fetch_keys_and_tags(iam: Iam, desired: DesiredUser) -> tuple[KeyList, dict[str, str]]:
    """The keys and then the tags: a verification writes its tag before it creates its key."""
    listed = _fetch_access_keys(iam, desired)
    return listed, _fetch_tags(iam, desired)


def _access_key(user: str, listed: t.Mapping[str, t.Any], server_time: float | None) -> AccessKey:
    created = unix_seconds(listed.get("CreateDate"))
    age = None if created is None or server_time is None else max(server_time - created, 0.0)
    return AccessKey(listed["AccessKeyId"], user, listed.get("Status") == ACTIVE, created, age=age)


def response_time(response: t.Mapping[str, t.Any]) -> float | None:
    """The ``Date`` header of a response, Unix seconds."""
    header = response.get("ResponseMetadata", {}).get("HTTPHeaders", {}).get("date", "")
    try:
        return email.utils.parsedate_to_datetime(header).timestamp()
    except (TypeError, ValueError, OverflowError):
        return None


def _with_last_used(iam: Iam, key: AccessKey) -> AccessKey:
    """The key with the time of its last use, if the server returns it and the permissions allow the read."""
    operation = f"read when the access key {key.id} was last used"
    try:
        response = iam.call("get_access_key_last_used", operation, "iam:GetAccessKeyLastUsed", AccessKeyId=key.id)
    except (errors.UnsupportedError, errors.DeniedError, errors.NotFoundError):
        return key
    return replace(key, last_used=unix_seconds((response.get("AccessKeyLastUsed") or {}).get("LastUsedDate")))


def unix_seconds(time: t.Any) -> float | None:
    """Unix seconds of an optional ``datetime``."""
    return time.timestamp() if time is not None else None


@dataclass(frozen=True)
class Attachments:
    """Policies and groups of a user. A user that has any of them cannot be deleted."""

    inline: tuple[str, ...] = ()
    attached: tuple[tuple[str, str], ...] = ()
    groups: tuple[str, ...] = ()

    @property
    def unmanaged(self) -> list[str]:
        """Descriptions of all attachments except the policy of this collection."""
        inline = [f"the inline policy {name}" for name in self.inline if name != POLICY_NAME]
        attached = [f"the attached policy {name}" for name, _arn in self.attached]
        return [*inline, *attached, *(f"the group {name}" for name in self.groups)]


def fetch_attachments(iam: Iam, desired: DesiredUser) -> Attachments:
    owner = f"of the IAM user {desired.name}"
    reads = (
        ("list_user_policies", "PolicyNames", f"list the inline policies {owner}"),
        ("list_attached_user_policies", "AttachedPolicies", f"list the attached policies {owner}"),
        ("list_groups_for_user", "Groups", f"list the groups {owner}"),
    )

    def read(method: str, key: str, operation: str) -> list[t.Any]:
        action = "iam:" + method.title().replace("_", "")
        try:
            return iam.list_all(method, key, operation, action, UserName=desired.name)
        except errors.NotFoundError:
            return []

    tasks = [functools.partial(read, *arguments) for arguments in reads]
    inline, attached, groups = iam.runtime.run_concurrently(tasks)
    policies = tuple((policy["PolicyName"], policy["PolicyArn"]) for policy in attached)
    return Attachments(tuple(inline), policies, tuple(group["GroupName"] for group in groups))
