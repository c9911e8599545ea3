# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Plan the changes of an IAM user and its inline policy. The plan does not include its access keys.

PRIVATE to the collection ``vonage.archiving``: there is no stability promise outside of it.
"""

from __future__ import annotations

import typing as t

from .._aws.tags import tags_from_option
from .._core.plan import Change, Plan, Step
from . import policy as uploader_policy
from .fetch import CurrentUser, User
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
