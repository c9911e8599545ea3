# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Plan the changes of an IAM user, its inline policy, and its access keys. Pure.

PRIVATE to the collection ``vonage.archiving``: there is no stability promise outside of it.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, replace

from .._aws.tags import tags_from_option
from .._core.errors import QuotaError
from .._core.plan import Change, Plan, Step
from . import policy as uploader_policy
from .fetch import AccessKey, CurrentUser, User
from .keys import QUOTA
from .params import UploaderParams
from .user_params import OWNER_TAG, DesiredUser


def plan_user(desired: DesiredUser, current: CurrentUser, widen: bool = False) -> Plan:
    """Plan the user and its policy.

    :param widen: whether the policy also keeps the permissions that it currently allows.
    """
    user = current.user
    values = _desired_values(desired, current, widen)
    if user is None:
        changes = [Change(name, None, value) for name, value in values.items() if (name, value) != ("path", "/")]
        steps = [Step(name, value) for name, value in values.items()]
        return Plan((Change("user", None, desired.name), *changes), (Step("user"), *steps))
    different = [name for name, value in values.items() if not is_equal(user, name, value)]
    # A new path is a new ARN, and moto does not move the tags to it.
    to_write = [name for name in values if name in different or (name == "tags" and "path" in different)]
    changes = [
        Change(name, shown_value(name, current_values(user)[name]), shown_value(name, values[name]))
        for name in different
    ]
    return Plan(tuple(changes), tuple(Step(name, values[name]) for name in to_write))


def _desired_values(desired: DesiredUser, current: CurrentUser, widen: bool) -> dict[str, t.Any]:
    """The values by name, in the order of writing: the limits of the user come before its permissions."""
    user = current.user
    document = desired.document(current.partition)
    if widen and user and user.policy:
        document = uploader_policy.merge_with_current(document, user.policy)
    boundary = {"permissions_boundary": desired.boundary} if desired.boundary else {}
    tags = merged_tags(desired, user.tags if user else {})
    return {"path": desired.path, "tags": tags, **boundary, "policy": document}


def merged_tags(desired: DesiredUser, current: t.Mapping[str, str]) -> dict[str, str]:
    """All tags; names are not case-sensitive (IAM User Guide, "Rules for tagging in IAM and AWS STS")."""
    names = {key.lower(): key for key in current}
    tags = {names.get(key.lower(), key): value for key, value in tags_from_option(desired.tags)}
    return {OWNER_TAG: "true", **current, **tags}


def current_values(user: User) -> dict[str, t.Any]:
    return {
        "tags": dict(user.tags),
        "path": user.path,
        "permissions_boundary": user.boundary,
        "policy": user.policy,
    }


def is_equal(user: User, name: str, value: t.Any) -> bool:
    """Whether a value of the user is the desired one."""
    current = current_values(user)[name]
    return uploader_policy.is_equal(current, value) if name == "policy" else bool(current == value)


def shown_value(name: str, value: t.Any) -> t.Any:
    """A value for the diff."""
    return uploader_policy.format_policy(value) if name == "policy" else value


@dataclass(frozen=True)
class KeyPlan:
    """The plan for the access keys of a user.

    :param to_retire: the keys to delete or deactivate.
    :param remaining: the existing keys after that, in their new status.
    :param creates_key: whether a new key is created.
    :param unknown_ids: IDs in ``keep_keys`` of keys that do not exist, if ``to_retire`` contains keys.
    """

    to_retire: tuple[AccessKey, ...] = ()
    remaining: tuple[AccessKey, ...] = ()
    creates_key: bool = False
    unknown_ids: tuple[str, ...] = ()


def plan_keys(desired: UploaderParams, current: t.Sequence[AccessKey]) -> KeyPlan:
    """Plan the access keys of a user.

    :raises QuotaError: a new key would exceed the quota.
    """
    current_ids = {key.id for key in current}
    retired_ids = desired.retire_keys if desired.keep_keys is None else current_ids - desired.keep_keys
    to_retire = tuple(key for key in current if key.id in retired_ids and (key.active or not desired.deactivate_only))
    if desired.deactivate_only:
        remaining = tuple(replace(key, active=False) if key.id in retired_ids else key for key in current)
    else:
        remaining = tuple(key for key in current if key.id not in retired_ids)
    is_missing = not any(key.active for key in remaining)
    creates_key = desired.create_key == "always" or (desired.create_key == "when_missing" and is_missing)
    if creates_key and len(remaining) >= QUOTA:
        raise _quota_error(desired, remaining)
    unknown_ids = (desired.keep_keys or frozenset()) - current_ids if to_retire else frozenset()
    return KeyPlan(to_retire, remaining, creates_key, tuple(sorted(unknown_ids)))


def _quota_error(desired: UploaderParams, keys: t.Sequence[AccessKey]) -> QuotaError:
    listed = " and ".join(f"{key.id} ({'active' if key.active else 'inactive'})" for key in keys)
    return QuotaError(
        f"create an access key for the IAM user {desired.user.name}",
        f"it has {len(keys)} keys, and IAM allows {QUOTA}: {listed}",
        "Set keep_keys to the key to keep, or retire_keys to the key to delete. Nothing was changed.",
        access_keys=[key.id for key in keys],
    )


def is_rotation_due(desired: UploaderParams, plan: KeyPlan, now: float) -> bool | None:
    """Whether the newest active key is too old; ``None`` without ``max_key_age``, or if the age is unknown.

    The newest key counts: a rotation that has begun switches to it.
    """
    active = [key for key in plan.remaining if key.active]
    max_age = desired.max_key_age
    if max_age is None or not (active or plan.creates_key):
        return None
    if plan.creates_key or any(key.created is not None and now - key.created < max_age for key in active):
        return False
    return None if any(key.created is None for key in active) else True
