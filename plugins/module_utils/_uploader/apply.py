# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Create and update an IAM user and its inline policy.

PRIVATE to the collection ``vonage.archiving``: there is no stability promise outside of it.
"""

from __future__ import annotations

import json
import typing as t

from .._aws.iam_client import Iam
from .._core import errors
from .._core.plan import Plan
from .._core.retry import attempts, backoff, retry
from .fetch import POLICY_NAME, VERIFICATION_TAG, User, fetch_managed_user, fetch_user, response_time
from .keys import is_not_found, propagation_deadline
from .plan import current_values, is_equal, merged_tags, shown_value
from .policy import Document
from .user_params import DesiredUser


def apply_user(iam: Iam, desired: DesiredUser, plan: Plan) -> User | None:
    """Perform the steps of the plan, and read the values back.

    :returns: the user after the writes; ``None`` without any step.
    :raises UnsupportedError: the server accepted a value and does not return it.
    """
    if not plan.steps:
        return None
    deadline = propagation_deadline(iam)
    values = {step.target: step.value for step in plan.steps if step.target != "user"}
    pending = list(values)
    is_new = len(values) < len(plan.steps)
    if is_new:
        _create_user(iam, desired)
        created = retry(lambda: _fetch_new_user(iam, desired), is_not_found, deadline, backoff())
        pending = _pending_names(created, values)
    user: User | None = None
    for _number in attempts(deadline, backoff()):
        try:
            for name in pending:
                with iam.runtime.changes.record(f"IAM user {desired.name}", name.replace("_", " ")):
                    _WRITES[name](iam, desired, values[name])
        except (errors.NotFoundError, errors.ConflictError) as exc:
            if not (is_new and is_not_found(exc)) and exc.facts.get("code") != "ConcurrentModification":
                raise
        user = fetch_user(iam, desired).user
        pending = _pending_names(user, values)
        if not pending:
            return user
    raise _not_applied_error(iam, desired, user, {name: values[name] for name in pending})


def _pending_names(user: User | None, values: t.Mapping[str, t.Any]) -> list[str]:
    return [name for name, value in values.items() if user is None or not is_equal(user, name, value)]


def _fetch_new_user(iam: Iam, desired: DesiredUser) -> User:
    user = fetch_user(iam, desired).user
    if user is None:
        problem = f"{iam.connection.display_name} does not return it"
        raise errors.NotFoundError(f"read the IAM user {desired.name} after its creation", problem, "Run it again.")
    return user


def _not_applied_error(
    iam: Iam, desired: DesiredUser, user: User | None, values: t.Mapping[str, t.Any]
) -> errors.ArchivingError:
    names = " and ".join(name.replace("_", " ") for name in values)
    current = {name: shown_value(name, current_values(user)[name]) for name in values} if user else None
    return errors.UnsupportedError(
        f"write the {names} of the IAM user {desired.name}",
        f"{iam.connection.display_name} accepted it, but returns {current!r} instead of {dict(values)!r}",
        "The store may support only a part of IAM: leave out the options that it does not support.",
        store=iam.connection.display_name,
    )


def _create_user(iam: Iam, desired: DesiredUser) -> None:
    """Create the user; a managed user that another run has created in the meantime is accepted."""
    params: dict[str, t.Any] = {"Path": desired.path, "Tags": _tag_list(merged_tags(desired, {}))}
    params.update({"PermissionsBoundary": desired.boundary} if desired.boundary else {})
    operation = f"create the IAM user {desired.name}"
    try:
        with iam.runtime.changes.record(f"IAM user {desired.name}", "created"):
            iam.call("create_user", operation, "iam:CreateUser", UserName=desired.name, **params)
    except errors.ConflictError as exc:
        if exc.facts.get("code") != "EntityAlreadyExists":
            raise
        if fetch_managed_user(iam, desired).user is None:
            hint = "A user exists whose name differs in upper and lower case only: choose another name."
            raise errors.ConflictError(exc.operation, exc.problem, hint, **exc.facts) from exc


def _tag_list(tags: t.Mapping[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in sorted(tags.items())]


def announce_verification(iam: Iam, desired: DesiredUser) -> None:
    """Tag the user before a temporary key is created, if the server does not return when keys were created.

    Without a creation date other runs could not see that the key is new, and would take it for an unknown key.
    """
    if iam.connection.is_aws:
        return
    operation = f"tag the IAM user {desired.name}"
    response = iam.call("list_user_tags", operation, "iam:ListUserTags", UserName=desired.name)
    now = response_time(response)
    if now is not None:
        _write_tags(iam, desired, {VERIFICATION_TAG: str(int(now))})


def _write_tags(iam: Iam, desired: DesiredUser, tags: t.Mapping[str, str]) -> None:
    """Set these tags, also unchanged ones; TagUser does not delete other tags."""
    operation = f"tag the IAM user {desired.name}"
    iam.call("tag_user", operation, "iam:TagUser", UserName=desired.name, Tags=_tag_list(tags))


def _write_path(iam: Iam, desired: DesiredUser, path: str) -> None:
    operation = f"move the IAM user {desired.name} to the path {path}"
    iam.call("update_user", operation, "iam:UpdateUser", UserName=desired.name, NewPath=path)


def _write_boundary(iam: Iam, desired: DesiredUser, arn: str) -> None:
    operation = f"set the permissions boundary of the IAM user {desired.name}"
    action = "iam:PutUserPermissionsBoundary"
    iam.call("put_user_permissions_boundary", operation, action, UserName=desired.name, PermissionsBoundary=arn)


def _write_policy(iam: Iam, desired: DesiredUser, policy: Document) -> None:
    operation = f"write the policy {POLICY_NAME} of the IAM user {desired.name}"
    names = {"UserName": desired.name, "PolicyName": POLICY_NAME}
    iam.call("put_user_policy", operation, "iam:PutUserPolicy", **names, PolicyDocument=json.dumps(policy))


_WRITES: dict[str, t.Callable[[Iam, DesiredUser, t.Any], None]] = {
    "tags": _write_tags,
    "path": _write_path,
    "permissions_boundary": _write_boundary,
    "policy": _write_policy,
}
