# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The uploader, an IAM user with one inline policy and up to two access keys: observe, plan, apply.

PRIVATE to the collection ``vonage.archiving``: there is no stability promise outside of it.

A user is ours if it has our tag. AWS sets tags as it makes a user (AWS IAM API Reference, CreateUser); SeaweedFS drops
them there and knows TagUser, so that a run that breaks off between the two leaves a bare user, which is taken for ours.
"""

from __future__ import annotations

import json
import typing as t
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from .._aws.iam_client import Iam
from .._aws.tags import tags_from_option
from .._core import errors
from .._core.deadline import Patience
from .._core.plan import Change, Plan, Step
from . import policy as uploader_policy
from .delete import removable, remove, removed
from .fetch import (
    ACTIVE,
    INACTIVE,
    POLICY_NAME,
    VERIFICATION_TAG,
    AccessKey,
    Observed,
    User,
    attachments,
    list_keys,
    read,
    response_time,
    with_last_used,
)
from .keys import QUOTA, NewKey, is_not_there, make_key, new_patience, retire
from .user_params import OWNER_TAG, Wanted, problems

# What the parts of an uploader are to others.
__all__ = [
    "ACTIVE",
    "INACTIVE",
    "OWNER_TAG",
    "POLICY_NAME",
    "QUOTA",
    "AccessKey",
    "NewKey",
    "Observed",
    "User",
    "Wanted",
    "announce_verification",
    "apply",
    "discard",
    "list_keys",
    "make_key",
    "observe",
    "plan",
    "problems",
    "removable",
    "remove",
    "removed",
    "retire",
]


def observe(iam: Iam, wanted: Wanted, last_used: bool = False, eager: bool = True) -> Observed:
    """Read the user, its keys and our policy.

    :param last_used: whether to ask for each key when it was used.
    :param eager: read all side by side, as is quickest for a user that exists; else the user first, and the rest only
        if there is one.
    :raises NotManagedError: the user is there, does not have our tag, and is not to be taken over.
    """
    seen = read(iam, wanted, eager)
    if seen.user is not None and not wanted.force and not _is_ours(iam, wanted, seen):
        raise errors.NotManagedError(
            f"manage the IAM user {wanted.name}",
            f"it is there and does not have the tag {OWNER_TAG}, so it was made by somebody else",
            "Choose another name; force=true takes it over, with its keys. Nothing was changed.",
            user=wanted.name,
        )
    if last_used and seen.keys:
        with ThreadPoolExecutor(max_workers=len(seen.keys)) as pool:
            seen = replace(seen, keys=tuple(pool.map(lambda key: with_last_used(iam, key), seen.keys)))
    return seen


def _is_ours(iam: Iam, wanted: Wanted, seen: Observed) -> bool:
    user = t.cast(User, seen.user)
    if OWNER_TAG in user.tags:
        return True
    bare = not (user.tags or seen.keys or user.policy is not None or iam.connection.is_aws)
    return bare and not attachments(iam, wanted).named


def plan(wanted: Wanted, observed: Observed, widen: bool = False) -> Plan:
    """What differs of the user and its policy, and the writes that mend it; pure. Its keys are no part of it.

    :param widen: whether what our policy allows so far stays allowed next to what is wanted.
    """
    user = observed.user
    targets = _targets(wanted, observed, widen)
    if user is None:
        news = [Change(name, None, value) for name, value in targets.items() if (name, value) != ("path", "/")]
        steps = [Step(name, value) for name, value in targets.items()]
        return Plan((Change("user", None, wanted.name), *news), (Step("user"), *steps))
    differing = [name for name, value in targets.items() if not _holds(user, name, value)]
    # A new path is a new ARN, and moto leaves the tags at the old one.
    due = [name for name in targets if name in differing or (name == "tags" and "path" in differing)]
    changes = (Change(name, _shown(name, _current(user)[name]), _shown(name, targets[name])) for name in differing)
    return Plan(tuple(changes), tuple(Step(name, targets[name]) for name in due))


def _targets(wanted: Wanted, observed: Observed, widen: bool) -> dict[str, t.Any]:
    """By name, in the order of writing: what limits the user comes before what allows it something."""
    user = observed.user
    document = wanted.document(observed.partition)
    if widen and user and user.policy:
        document = uploader_policy.widened(document, user.policy)
    boundary = {"permissions_boundary": wanted.boundary} if wanted.boundary else {}
    tags = _merged_tags(wanted, user.tags if user else {})
    return {"path": wanted.path, "tags": tags, **boundary, "policy": document}


def _merged_tags(wanted: Wanted, current: t.Mapping[str, str]) -> dict[str, str]:
    """All tags there are to be; names have no case (IAM User Guide, "Rules for tagging in IAM and AWS STS")."""
    spelled = {key.lower(): key for key in current}
    given = {spelled.get(key.lower(), key): value for key, value in tags_from_option(wanted.tags)}
    return {OWNER_TAG: "true", **current, **given}


def _current(user: User) -> dict[str, t.Any]:
    return {
        "tags": dict(user.tags),
        "path": user.path,
        "permissions_boundary": user.boundary,
        "policy": user.policy,
    }


def _holds(user: User, name: str, value: t.Any) -> bool:
    """Whether the user is as it should be in this respect."""
    current = _current(user)[name]
    return uploader_policy.same(current, value) if name == "policy" else bool(current == value)


def _shown(name: str, value: t.Any) -> t.Any:
    return uploader_policy.shown(value) if name == "policy" else value


def apply(iam: Iam, wanted: Wanted, todo: Plan, patience: Patience | None = None) -> User | None:
    """Write what the plan says, and see that it is there.

    :returns: the user as it is then; ``None`` if there was nothing to do.
    :raises UnsupportedError: the store took something and does not show it.
    """
    if not todo.steps:
        return None
    patience = patience or new_patience(iam)
    wishes = {step.target: step.value for step in todo.steps if step.target != "user"}
    left = list(wishes)
    makes = len(wishes) < len(todo.steps)
    if makes:
        _create(iam, wanted)
        left = _left(patience.call(lambda: _existing(iam, wanted), is_not_there), wishes)
    user: User | None = None
    for _pause in patience.pauses():
        try:
            for name in left:
                _WRITES[name](iam, wanted, wishes[name])
        except (errors.NotFoundError, errors.ConflictError) as exc:
            if not (makes and is_not_there(exc)) and exc.facts.get("code") != "ConcurrentModification":
                raise
        user = read(iam, wanted).user
        left = _left(user, wishes)
        if not left:
            return user
    raise _not_shown(iam, wanted, user, {name: wishes[name] for name in left})


def _left(user: User | None, wishes: t.Mapping[str, t.Any]) -> list[str]:
    return [name for name, value in wishes.items() if user is None or not _holds(user, name, value)]


def _existing(iam: Iam, wanted: Wanted) -> User:
    user = read(iam, wanted).user
    if user is None:
        problem = f"{iam.connection.store} does not show it"
        raise errors.NotFoundError(f"use the IAM user {wanted.name} after it was made", problem, "Run it again.")
    return user


def _not_shown(iam: Iam, wanted: Wanted, user: User | None, left: t.Mapping[str, t.Any]) -> errors.ArchivingError:
    what = " and ".join(name.replace("_", " ") for name in left)
    shown = {name: _shown(name, _current(user)[name]) for name in left} if user else None
    return errors.UnsupportedError(
        f"write the {what} of the IAM user {wanted.name}",
        f"{iam.connection.store} accepted it, but shows {shown!r} instead of {dict(left)!r}",
        "The store may know only a part of IAM: leave out what it lacks.",
        store=iam.connection.store,
    )


def _create(iam: Iam, wanted: Wanted) -> None:
    """Make the user; one that appeared meanwhile will do if it is ours."""
    params: dict[str, t.Any] = {"Path": wanted.path, "Tags": _tag_list(_merged_tags(wanted, {}))}
    params.update({"PermissionsBoundary": wanted.boundary} if wanted.boundary else {})
    try:
        iam.call("create_user", f"create the IAM user {wanted.name}", "iam:CreateUser", UserName=wanted.name, **params)
    except errors.ConflictError as exc:
        if exc.facts.get("code") != "EntityAlreadyExists":
            raise
        if observe(iam, wanted).user is None:
            hint = "There is a user whose name differs in upper and lower case only: choose another name."
            raise errors.ConflictError(exc.operation, exc.problem, hint, **exc.facts) from exc


def _tag_list(tags: t.Mapping[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in sorted(tags.items())]


def announce_verification(iam: Iam, wanted: Wanted) -> None:
    """Tag the user before a temporary key is created, if the server does not return when keys were created.

    Without a creation date other runs could not see that the key is new, and would take it for an unknown key.
    """
    if iam.connection.is_aws:
        return
    attempted = f"tag the IAM user {wanted.name}"
    response = iam.call("list_user_tags", attempted, "iam:ListUserTags", UserName=wanted.name)
    now = response_time(response)
    if now is not None:
        _write_tags(iam, wanted, {VERIFICATION_TAG: str(int(now))})


def _write_tags(iam: Iam, wanted: Wanted, value: t.Mapping[str, str]) -> None:
    """Sets tags that are as they are already too, which changes nothing; the API takes no tag away by this."""
    attempted = f"tag the IAM user {wanted.name}"
    iam.call("tag_user", attempted, "iam:TagUser", UserName=wanted.name, Tags=_tag_list(value))


def _write_path(iam: Iam, wanted: Wanted, value: str) -> None:
    attempted = f"move the IAM user {wanted.name} to the path {value}"
    iam.call("update_user", attempted, "iam:UpdateUser", UserName=wanted.name, NewPath=value)


def _write_boundary(iam: Iam, wanted: Wanted, value: str) -> None:
    attempted = f"set the permissions boundary of the IAM user {wanted.name}"
    action = "iam:PutUserPermissionsBoundary"
    iam.call("put_user_permissions_boundary", attempted, action, UserName=wanted.name, PermissionsBoundary=value)


def _write_policy(iam: Iam, wanted: Wanted, value: uploader_policy.Document) -> None:
    attempted = f"write the policy {POLICY_NAME} of the IAM user {wanted.name}"
    named = {"UserName": wanted.name, "PolicyName": POLICY_NAME}
    iam.call("put_user_policy", attempted, "iam:PutUserPolicy", **named, PolicyDocument=json.dumps(value))


_WRITES: dict[str, t.Callable[[Iam, Wanted, t.Any], None]] = {
    "tags": _write_tags,
    "path": _write_path,
    "permissions_boundary": _write_boundary,
    "policy": _write_policy,
}


def discard(iam: Iam, wanted: Wanted, new: NewKey, exc: errors.ArchivingError) -> errors.ArchivingError:
    """After a failure: away with the key that nobody will use.

    :returns: the error to raise, which says so if that did not work either.
    """
    try:
        retire(iam, wanted, [new.id])
    except errors.ArchivingError as second:
        return exc.with_hint(
            f"The new key {new.id} could not be deleted again, which the next run will do: {second.problem}."
        )
    return exc
