# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What there is of an uploader: the user, its keys, and what hangs on it.

PRIVATE to the collection ``vonage.archiving``: there is no stability promise outside of it.
"""

from __future__ import annotations

import email.utils
import typing as t
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace

from .._aws.iam_client import Iam
from .._core import errors
from .user_params import Wanted

POLICY_NAME = "vonage-archiving"
# When a verification last created a temporary key (Unix seconds, clock of the IAM server). Written where the server
# does not return creation dates.
VERIFICATION_TAG = "vonage-archiving:verification"
ACTIVE, INACTIVE = "Active", "Inactive"


@dataclass(frozen=True)
class AccessKey:
    """What can be known of a key later on; times are Unix seconds, ``None`` where the store does not tell.

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
        """In the words of IAM."""
        return ACTIVE if self.active else INACTIVE


@dataclass(frozen=True)
class User:
    """The user as it is.

    :param policy: our inline policy; empty where the store shows something that is none.
    """

    name: str
    arn: str
    path: str
    boundary: str | None = None
    tags: t.Mapping[str, str] = field(default_factory=dict)
    policy: dict[str, t.Any] | None = None
    created: float | None = None


@dataclass(frozen=True)
class Observed:
    """What is there.

    :param partition: of ARNs in the policy.
    """

    user: User | None
    keys: tuple[AccessKey, ...] = ()
    partition: str = "aws"


def read(iam: Iam, wanted: Wanted, eager: bool = True) -> Observed:
    """What is there, whoever owns it."""
    reads: dict[str, t.Callable[[Iam, Wanted], t.Any]] = {"user": _user, "keys": _list_keys, "policy": _policy}
    # Of the IAMs known here, only that of AWS is sure to show tags with the user (AWS IAM API Reference, GetUser).
    reads.update({} if iam.connection.is_aws else {"tags": _tags})
    found: dict[str, t.Any] = {}
    if not eager:
        found["user"] = reads.pop("user")(iam, wanted)
        reads = reads if found["user"] else {}
    with ThreadPoolExecutor(max_workers=len(reads) or 1) as pool:
        answers = {name: pool.submit(read, iam, wanted) for name, read in reads.items()}
    found.update({name: answer.result() for name, answer in answers.items()})
    if found["user"] is None:
        return Observed(None, partition=iam.partition)
    user = replace(found["user"], policy=found["policy"])
    user = replace(user, tags={**user.tags, **found.get("tags", {})})
    return Observed(user, _with_announced_age(found["keys"], user.tags), iam.partition)


def _with_announced_age(listed: KeyList, tags: t.Mapping[str, str]) -> tuple[AccessKey, ...]:
    """The keys; if the server does not return creation dates, the last verification gives the age of its key."""
    announced = tags.get(VERIFICATION_TAG, "")
    if listed.server_time is None or not announced.isdigit():
        return listed.keys
    age = max(listed.server_time - int(announced), 0.0)
    return tuple(key if key.created is not None else replace(key, age=age) for key in listed.keys)


def _user(iam: Iam, wanted: Wanted) -> User | None:
    try:
        answer = iam.call("get_user", f"read the IAM user {wanted.name}", "iam:GetUser", UserName=wanted.name)
    except errors.NotFoundError:
        return None
    found = answer["User"]
    return User(
        name=found.get("UserName", wanted.name),
        arn=found.get("Arn", ""),
        path=found.get("Path") or "/",
        boundary=(found.get("PermissionsBoundary") or {}).get("PermissionsBoundaryArn"),
        tags={tag["Key"]: tag.get("Value", "") for tag in found.get("Tags") or ()},
        created=seconds(found.get("CreateDate")),
    )


def _tags(iam: Iam, wanted: Wanted) -> dict[str, str]:
    attempted = f"read the tags of the IAM user {wanted.name}"
    try:
        found = iam.listed("list_user_tags", "Tags", attempted, "iam:ListUserTags", UserName=wanted.name)
    except errors.NotFoundError:
        return {}
    return {tag["Key"]: tag.get("Value", "") for tag in found}


def _policy(iam: Iam, wanted: Wanted) -> dict[str, t.Any] | None:
    named = {"UserName": wanted.name, "PolicyName": POLICY_NAME}
    attempted = f"read the policy {POLICY_NAME} of the IAM user {wanted.name}"
    try:
        found = iam.call("get_user_policy", attempted, "iam:GetUserPolicy", **named)["PolicyDocument"]
    except errors.NotFoundError:
        return None
    return found if isinstance(found, dict) else {}


class KeyList(t.NamedTuple):
    """The keys of a user, and when the IAM server listed them (Unix seconds, its own clock)."""

    keys: tuple[AccessKey, ...] = ()
    server_time: float | None = None


def list_keys(iam: Iam, wanted: Wanted) -> tuple[AccessKey, ...]:
    """The keys of the user, the oldest first where the store tells; none if there is no such user."""
    return _list_keys(iam, wanted).keys


def _list_keys(iam: Iam, wanted: Wanted) -> KeyList:
    attempted = f"list the access keys of the IAM user {wanted.name}"
    try:
        pages = list(iam.pages("list_access_keys", attempted, "iam:ListAccessKeys", UserName=wanted.name))
    except errors.NotFoundError:
        return KeyList()
    server_time = response_time(pages[-1])
    keys = [_access_key(wanted.name, key, server_time) for page in pages for key in page.get("AccessKeyMetadata") or []]
    return KeyList(tuple(sorted(keys, key=lambda key: (key.created or 0.0, key.id))), server_time)


def _access_key(user: str, listed: t.Mapping[str, t.Any], server_time: float | None) -> AccessKey:
    created = seconds(listed.get("CreateDate"))
    age = None if created is None or server_time is None else max(server_time - created, 0.0)
    return AccessKey(listed["AccessKeyId"], user, listed.get("Status") == ACTIVE, created, age=age)


def response_time(response: t.Mapping[str, t.Any]) -> float | None:
    """The ``Date`` header of a response, Unix seconds."""
    header = response.get("ResponseMetadata", {}).get("HTTPHeaders", {}).get("date", "")
    try:
        return email.utils.parsedate_to_datetime(header).timestamp()
    except (TypeError, ValueError, OverflowError):
        return None


def with_last_used(iam: Iam, key: AccessKey) -> AccessKey:
    """Nice to know: a store that does not tell, or not these credentials, is no error."""
    attempted = f"read when the access key {key.id} was used last"
    try:
        answer = iam.call("get_access_key_last_used", attempted, "iam:GetAccessKeyLastUsed", AccessKeyId=key.id)
    except (errors.UnsupportedError, errors.DeniedError, errors.NotFoundError):
        return key
    return replace(key, last_used=seconds((answer.get("AccessKeyLastUsed") or {}).get("LastUsedDate")))


def seconds(value: t.Any) -> float | None:
    return value.timestamp() if value is not None else None


@dataclass(frozen=True)
class Attachments:
    """What hangs on a user besides its keys, by name; a user with any of it cannot be deleted."""

    inline: tuple[str, ...] = ()
    attached: tuple[tuple[str, str], ...] = ()
    groups: tuple[str, ...] = ()

    @property
    def named(self) -> list[str]:
        """What is not ours, for a sentence."""
        inline = [f"the inline policy {name}" for name in self.inline if name != POLICY_NAME]
        attached = [f"the attached policy {name}" for name, _arn in self.attached]
        return [*inline, *attached, *(f"the group {name}" for name in self.groups)]


def attachments(iam: Iam, wanted: Wanted) -> Attachments:
    """All policies and groups of the user, ours among them."""
    of = f"of the IAM user {wanted.name}"
    reads = (
        ("list_user_policies", "PolicyNames", f"list the inline policies {of}"),
        ("list_attached_user_policies", "AttachedPolicies", f"list the attached policies {of}"),
        ("list_groups_for_user", "Groups", f"list the groups {of}"),
    )

    def read(operation: str, key: str, attempted: str) -> list[t.Any]:
        action = "iam:" + operation.title().replace("_", "")
        try:
            return iam.listed(operation, key, attempted, action, UserName=wanted.name)
        except errors.NotFoundError:
            return []

    with ThreadPoolExecutor(max_workers=len(reads)) as pool:
        inline, attached, groups = pool.map(lambda each: read(*each), reads)
    pairs = tuple((each["PolicyName"], each["PolicyArn"]) for each in attached)
    return Attachments(tuple(inline), pairs, tuple(group["GroupName"] for group in groups))
