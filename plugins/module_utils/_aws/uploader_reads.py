# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What there is of an uploader: the user, its keys, and what hangs on it.

PRIVATE to the collection ``vonage.archiving``: there is no stability promise outside of it.
"""

from __future__ import annotations

import typing as t
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace

from ansible_collections.vonage.archiving.plugins.module_utils import _errors as errors
from ansible_collections.vonage.archiving.plugins.module_utils._aws.iam import Iam
from ansible_collections.vonage.archiving.plugins.module_utils._aws.uploader_options import Wanted

POLICY_NAME = "vonage-archiving"
ACTIVE, INACTIVE = "Active", "Inactive"


@dataclass(frozen=True)
class AccessKey:
    """What can be known of a key later on; times are Unix seconds, ``None`` where the store does not tell."""

    id: str
    user: str
    active: bool
    created: float | None = None
    last_used: float | None = None

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
    reads: dict[str, t.Callable[[Iam, Wanted], t.Any]] = {"user": _user, "keys": list_keys, "policy": _policy}
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
    return Observed(replace(user, tags={**user.tags, **found.get("tags", {})}), found["keys"], iam.partition)


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


def list_keys(iam: Iam, wanted: Wanted) -> tuple[AccessKey, ...]:
    """The keys of the user, the oldest first where the store tells; none if there is no such user."""
    attempted = f"list the access keys of the IAM user {wanted.name}"
    try:
        found = iam.listed(
            "list_access_keys", "AccessKeyMetadata", attempted, "iam:ListAccessKeys", UserName=wanted.name
        )
    except errors.NotFoundError:
        return ()
    keys = [
        AccessKey(key["AccessKeyId"], wanted.name, key.get("Status") == ACTIVE, seconds(key.get("CreateDate")))
        for key in found
    ]
    return tuple(sorted(keys, key=lambda key: (key.created or 0.0, key.id)))


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
