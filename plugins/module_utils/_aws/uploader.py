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
from dataclasses import dataclass, field, replace

from ansible_collections.vonage.archiving.plugins.module_utils import _errors as errors
from ansible_collections.vonage.archiving.plugins.module_utils._aws import uploader_policy
from ansible_collections.vonage.archiving.plugins.module_utils._aws.iam import Iam
from ansible_collections.vonage.archiving.plugins.module_utils._aws.upload_probe import Patience
from ansible_collections.vonage.archiving.plugins.module_utils._plan import Change, Plan, Step
from ansible_collections.vonage.archiving.plugins.module_utils._secrets import mark_as_secret

# Access keys of a user (IAM User Guide, "IAM and AWS STS quotas"). Kept to where a store knows no such limit.
QUOTA = 2
POLICY_NAME = "vonage-archiving"
OWNER_TAG = "vonage-archiving:managed"
# How long what was written may stay unseen. IAM is eventually consistent (IAM User Guide, "Troubleshoot IAM"); the
# stores other than AWS are not, as far as is known.
SECONDS_AT_AWS = 30.0
SECONDS_ELSEWHERE = 3.0


@dataclass(frozen=True)
class Wanted:
    """The user as it is to be.

    :param boundary: ARN of the permissions boundary; ``None`` leaves the one that is there.
    :param tags: those to set; others stay.
    :param force: take over, or remove, also a user that is not ours.
    """

    name: str
    bucket: str
    prefix: str
    path: str = "/"
    boundary: str | None = None
    tags: t.Mapping[str, str] = field(default_factory=dict)
    list_all_my_buckets: bool = False
    force: bool = False


@dataclass(frozen=True)
class AccessKey:
    """What can be known of a key later on; times are Unix seconds, ``None`` where the store does not tell."""

    id: str
    user: str
    active: bool
    created: float | None = None
    last_used: float | None = None


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


@dataclass(frozen=True)
class NewKey:
    """A key in the only moment at which its secret can be had."""

    id: str
    secret: str = field(repr=False)
    created: float | None = None


def observe(iam: Iam, wanted: Wanted, last_used: bool = False, eager: bool = True) -> Observed:
    """Read the user, its keys and our policy.

    :param last_used: whether to ask for each key when it was used.
    :param eager: read all side by side, as is quickest for a user that exists; else the user first, and the rest only
        if there is one.
    :raises NotOursError: the user is there, does not have our tag, and is not to be taken over.
    """
    seen = _read(iam, wanted, eager)
    if seen.user is not None and not wanted.force and not _is_ours(iam, wanted, seen):
        raise errors.NotOursError(
            f"manage the IAM user {wanted.name}",
            f"it is there and does not have the tag {OWNER_TAG}, so it was made by somebody else",
            "Choose another name; force=true takes it over, with its keys. Nothing was changed.",
            user=wanted.name,
        )
    if last_used and seen.keys:
        with ThreadPoolExecutor(max_workers=len(seen.keys)) as pool:
            seen = replace(seen, keys=tuple(pool.map(lambda key: _with_last_used(iam, key), seen.keys)))
    return seen


def _read(iam: Iam, wanted: Wanted, eager: bool = True) -> Observed:
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
        created=_seconds(found.get("CreateDate")),
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
        AccessKey(key["AccessKeyId"], wanted.name, key.get("Status") == "Active", _seconds(key.get("CreateDate")))
        for key in found
    ]
    return tuple(sorted(keys, key=lambda key: (key.created or 0.0, key.id)))


def _with_last_used(iam: Iam, key: AccessKey) -> AccessKey:
    """Nice to know: a store that does not tell, or not these credentials, is no error."""
    attempted = f"read when the access key {key.id} was used last"
    try:
        answer = iam.call("get_access_key_last_used", attempted, "iam:GetAccessKeyLastUsed", AccessKeyId=key.id)
    except (errors.UnsupportedError, errors.DeniedError, errors.NotFoundError):
        return key
    return replace(key, last_used=_seconds((answer.get("AccessKeyLastUsed") or {}).get("LastUsedDate")))


def _seconds(value: t.Any) -> float | None:
    return value.timestamp() if value is not None else None


def _is_ours(iam: Iam, wanted: Wanted, seen: Observed) -> bool:
    user = t.cast(User, seen.user)
    if OWNER_TAG in user.tags:
        return True
    bare = not (user.tags or seen.keys or user.policy is not None or iam.connection.is_aws)
    return bare and not attachments(iam, wanted).named


def plan(wanted: Wanted, observed: Observed) -> Plan:
    """What differs of the user and its policy, and the writes that mend it; pure. Its keys are no part of it.

    What limits the user comes before what allows it something.
    """
    user = observed.user
    targets = _targets(wanted, observed)
    if user is None:
        news = [Change(name, None, value) for name, value in targets.items() if (name, value) != ("path", "/")]
        steps = [Step("user"), Step("policy", targets["policy"])]
        return Plan((Change("user", None, wanted.name), *news), tuple(steps))
    current = {"tags": dict(user.tags), "path": user.path, "permissions_boundary": user.boundary}
    changes = [Change(name, value, targets[name]) for name, value in current.items() if name in targets]
    changes = [change for change in changes if change.before != change.after]
    if not uploader_policy.same(user.policy, targets["policy"]):
        before = uploader_policy.shown(user.policy)
        changes.append(Change("policy", before, uploader_policy.shown(targets["policy"])))
    return Plan(tuple(changes), tuple(Step(change.name, targets[change.name]) for change in changes))


def _targets(wanted: Wanted, observed: Observed) -> dict[str, t.Any]:
    document = uploader_policy.document(
        wanted.bucket, wanted.prefix, wanted.list_all_my_buckets, partition=observed.partition
    )
    boundary = {"permissions_boundary": wanted.boundary} if wanted.boundary else {}
    tags = _merged_tags(wanted, observed.user.tags if observed.user else {})
    return {"tags": tags, "path": wanted.path, **boundary, "policy": document}


def _merged_tags(wanted: Wanted, current: t.Mapping[str, str]) -> dict[str, str]:
    """All tags there are to be; names have no case (IAM User Guide, "Rules for tagging in IAM and AWS STS")."""
    spelled = {key.lower(): key for key in current}
    given = {spelled.get(key.lower(), key): value for key, value in wanted.tags.items()}
    return {OWNER_TAG: "true", **current, **given}


def apply(iam: Iam, wanted: Wanted, todo: Plan, patience: Patience | None = None) -> User:
    """Write what the plan says, and see that it is there.

    :returns: the user as it is then.
    :raises UnsupportedError: the store took something and does not show it.
    """
    patience = patience or _patience(iam)
    seen = Observed(None)
    creates = any(step.target == "user" for step in todo.steps)
    if creates:
        _create(iam, wanted)
        todo = plan(wanted, patience.call(lambda: _existing(iam, wanted), _is_not_there))
    written: set[str] = set()
    for _pause in patience.pauses():
        try:
            for step in todo.steps:
                if step.target not in written:
                    _WRITES[step.target](iam, wanted, step.value)
                    written.add(step.target)
        except (errors.NotFoundError, errors.ConflictError) as exc:
            if not (creates and _is_not_there(exc)) and exc.facts.get("code") != "ConcurrentModification":
                raise
        seen = _read(iam, wanted)
        todo = plan(wanted, seen)
        if seen.user is not None and not todo.changed:
            return seen.user
    raise _not_shown(iam, wanted, todo)


def _patience(iam: Iam) -> Patience:
    return Patience(SECONDS_AT_AWS if iam.connection.is_aws else SECONDS_ELSEWHERE)


def _is_not_there(exc: errors.ArchivingError) -> bool:
    return isinstance(exc, errors.NotFoundError)


def _existing(iam: Iam, wanted: Wanted) -> Observed:
    seen = _read(iam, wanted)
    if seen.user is None:
        problem = f"{iam.connection.store} does not show it"
        raise errors.NotFoundError(f"use the IAM user {wanted.name} after it was made", problem, "Run it again.")
    return seen


def _not_shown(iam: Iam, wanted: Wanted, left: Plan) -> errors.ArchivingError:
    what = " and ".join(name.replace("_", " ") for name in left.names)
    return errors.UnsupportedError(
        f"write the {what} of the IAM user {wanted.name}",
        f"{iam.connection.store} accepted it, but shows {left.before()!r} instead of {left.after()!r}",
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
            raise errors.ConflictError(exc.attempted, exc.problem, hint, **exc.facts) from exc


def _tag_list(tags: t.Mapping[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in sorted(tags.items())]


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
    text = uploader_policy.dump(value)
    iam.call("put_user_policy", attempted, "iam:PutUserPolicy", **named, PolicyDocument=text)


_WRITES: dict[str, t.Callable[[Iam, Wanted, t.Any], None]] = {
    "tags": _write_tags,
    "path": _write_path,
    "permissions_boundary": _write_boundary,
    "policy": _write_policy,
}


def make_key(iam: Iam, wanted: Wanted, patience: Patience | None = None) -> NewKey:
    """Make one more key. Whether there is room is for the caller to look at first.

    :raises QuotaError: there was none; somebody else was quicker.
    """
    attempted = f"make an access key for the IAM user {wanted.name}"
    action = "iam:CreateAccessKey"
    try:
        # A user that is not known yet is a clear refusal: no key was made, and asking again makes no second one.
        answer = (patience or _patience(iam)).call(
            lambda: iam.call("create_access_key", attempted, action, UserName=wanted.name), _is_not_there
        )
    except errors.UnreachableError as exc:
        hint = "It may have been made, with a secret that nobody knows: the next run sees it and can retire it."
        raise errors.UnreachableError(attempted, exc.problem, hint, **exc.facts) from exc
    except errors.RejectedError as exc:
        if exc.facts.get("code") != "LimitExceeded":
            raise
        raise errors.QuotaError(attempted, exc.problem, "Another run has made a key in between.", **exc.facts) from exc
    made = answer["AccessKey"]
    mark_as_secret(made["SecretAccessKey"])
    return NewKey(made["AccessKeyId"], made["SecretAccessKey"], _seconds(made.get("CreateDate")))


def retire(iam: Iam, wanted: Wanted, ids: t.Iterable[str], delete: bool = True) -> list[str]:
    """Deactivate keys and then delete them; those that are gone are passed over.

    :param delete: whether to delete them, or leave it at that.
    :returns: the ids of those that it made a difference to.
    """
    going = frozenset(ids)
    found = [key for key in list_keys(iam, wanted) if key.id in going] if going else []
    changed = [key.id for key in found if key.active and _deactivate(iam, wanted, key.id)]
    deleted = [key.id for key in found if delete and _delete(iam, wanted, key.id)]
    return [key.id for key in found if key.id in changed or key.id in deleted]


def _deactivate(iam: Iam, wanted: Wanted, key: str) -> bool:
    named = {"UserName": wanted.name, "AccessKeyId": key, "Status": "Inactive"}
    return _unless_gone(iam, "update_access_key", f"deactivate the access key {key}", "iam:UpdateAccessKey", **named)


def _delete(iam: Iam, wanted: Wanted, key: str) -> bool:
    named = {"UserName": wanted.name, "AccessKeyId": key}
    return _unless_gone(iam, "delete_access_key", f"delete the access key {key}", "iam:DeleteAccessKey", **named)


def _unless_gone(iam: Iam, operation: str, attempted: str, action: str, **params: t.Any) -> bool:
    try:
        iam.call(operation, attempted, action, **params)
    except errors.NotFoundError:
        return False
    return True


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


def removable(iam: Iam, wanted: Wanted, observed: Observed) -> Attachments:
    """What has to go with the user.

    :raises RejectedError: something of it is not ours, and force is not given.
    """
    found = attachments(iam, wanted) if observed.user else Attachments()
    if found.named and not wanted.force:
        raise errors.RejectedError(
            f"remove the IAM user {wanted.name}",
            f"it has more than this collection gave it: {', '.join(found.named)}",
            "Nothing was removed. Take these away first; force=true takes them away from the user as well.",
        )
    return found


def remove(iam: Iam, wanted: Wanted, observed: Observed) -> list[str]:
    """Remove the user's keys, its policies, and the user.

    :returns: what is gone: "access_keys", "policy", "user".
    """
    if observed.user is None:
        return []
    found = removable(iam, wanted, observed)
    retire(iam, wanted, [key.id for key in observed.keys])
    named, of = {"UserName": wanted.name}, f"of the IAM user {wanted.name}"
    for name in found.inline:
        attempted, action = f"delete the inline policy {name} {of}", "iam:DeleteUserPolicy"
        _unless_gone(iam, "delete_user_policy", attempted, action, **named, PolicyName=name)
    for name, arn in found.attached:
        attempted, action = f"detach the policy {name} {of}", "iam:DetachUserPolicy"
        _unless_gone(iam, "detach_user_policy", attempted, action, **named, PolicyArn=arn)
    for name in found.groups:
        attempted, action = f"take the IAM user {wanted.name} out of the group {name}", "iam:RemoveUserFromGroup"
        _unless_gone(iam, "remove_user_from_group", attempted, action, **named, GroupName=name)
    _unless_gone(iam, "delete_user", f"delete the IAM user {wanted.name}", "iam:DeleteUser", **named)
    return removed(observed, found)


def removed(observed: Observed, found: Attachments) -> list[str]:
    """The names of what goes with the user; pure."""
    if observed.user is None:
        return []
    keys = ["access_keys"] if observed.keys else []
    return [*keys, *(["policy"] if found.inline or found.attached else []), "user"]
