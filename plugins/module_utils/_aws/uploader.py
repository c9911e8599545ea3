# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The uploader, an IAM user with one inline policy and up to two access keys: observe, plan, apply.

PRIVATE to the collection ``vonage.archiving``: there is no stability promise outside of it.

A user is ours if it has our tag. AWS sets tags as it makes a user (AWS IAM API Reference, CreateUser); SeaweedFS drops
them there and knows TagUser, so that a run that breaks off between the two leaves a bare user, which is taken for ours.
"""

from __future__ import annotations

import typing as t
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from from ansible_collections.vonage.archiving.plugins.module_utils import _errors as errors
from from ansible_collections.vonage.archiving.plugins.module_utils._aws import uploader_policy
from from ansible_collections.vonage.archiving.plugins.module_utils._aws.facets.tagging import tags_from_option
from from ansible_collections.vonage.archiving.plugins.module_utils._aws.iam import Iam
from from ansible_collections.vonage.archiving.plugins.module_utils._aws.upload_probe import Patience
from from ansible_collections.vonage.archiving.plugins.module_utils._aws.uploader_keys import QUOTA, NewKey, is_not_there, make_key, new_patience, retire
from from ansible_collections.vonage.archiving.plugins.module_utils._aws.uploader_options import OWNER_TAG, Wanted, problems
from from ansible_collections.vonage.archiving.plugins.module_utils._aws.uploader_reads import POLICY_NAME, AccessKey, Observed, User, attachments, list_keys, read, with_last_used
from from ansible_collections.vonage.archiving.plugins.module_utils._aws.uploader_removal import removable, remove, removed
from from ansible_collections.vonage.archiving.plugins.module_utils._plan import Change, Plan, Step

# What the parts of an uploader are to others.
__all__ = [
    "OWNER_TAG", "POLICY_NAME", "QUOTA", "AccessKey", "NewKey", "Observed", "User", "Wanted", "apply", "list_keys",
    "make_key", "observe", "plan", "problems", "removable", "remove", "removed", "retire",
]


def observe(iam: Iam, wanted: Wanted, last_used: bool = False, eager: bool = True) -> Observed:
    """Read the user, its keys and our policy.

    :param last_used: whether to ask for each key when it was used.
    :param eager: read all side by side, as is quickest for a user that exists; else the user first, and the rest only
        if there is one.
    :raises NotOursError: the user is there, does not have our tag, and is not to be taken over.
    """
    seen = read(iam, wanted, eager)
    if seen.user is not None and not wanted.force and not _is_ours(iam, wanted, seen):
        raise errors.NotOursError(
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
    # A new path is a new ARN, and there are servers that lose the tags of the old one; they are looked at again.
    due = [name for name in targets if name in differing or (name == "tags" and "path" in differing)]
    changes = (Change(name, _shown(name, _current(user)[name]), _shown(name, targets[name])) for name in differing)
    return Plan(tuple(changes), tuple(Step(name, targets[name]) for name in due))


def _targets(wanted: Wanted, observed: Observed, widen: bool) -> dict[str, t.Any]:
    """By name, in the order of writing: what limits the user comes before what allows it something."""
    user = observed.user
    document = uploader_policy.document(
        wanted.bucket, wanted.prefix, wanted.list_all_my_buckets, partition=observed.partition
    )
    if widen and user and user.policy:
        document = uploader_policy.widened(document, user.policy)
    boundary = {"permissions_boundary": wanted.boundary} if wanted.boundary else {}
    tags = _merged_tags(wanted, user.tags if user else {})
    return {"tags": tags, "path": wanted.path, **boundary, "policy": document}


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
    user: User | None = None
    if todo.steps[0].target == "user":
        _create(iam, wanted)
        user = patience.call(lambda: _existing(iam, wanted), is_not_there)
    wishes = [step for step in todo.steps if step.target != "user"]
    left, written = wishes, set[str]()
    for _pause in patience.pauses():
        if user is None or left is not wishes:
            pass
    return user

