# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The archive bucket as one resource: observe, plan, apply.

PRIVATE to the collection ``vonage.archiving``: there is no stability promise outside of it.
"""

from __future__ import annotations

import time
import typing as t
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from ansible_collections.vonage.archiving.plugins.module_utils import _errors as errors
from ansible_collections.vonage.archiving.plugins.module_utils._aws import names, objects
from ansible_collections.vonage.archiving.plugins.module_utils._aws.bucket_api import Bucket
from ansible_collections.vonage.archiving.plugins.module_utils._aws.bucket_options import Desired, desired
from ansible_collections.vonage.archiving.plugins.module_utils._aws.connection import Connection, connection
from ansible_collections.vonage.archiving.plugins.module_utils._aws.facets.block import Block, BlockWish
from ansible_collections.vonage.archiving.plugins.module_utils._aws.facets.policy import PUBLIC, Policy, PolicyWish
from ansible_collections.vonage.archiving.plugins.module_utils._aws.facets.registry import FACETS
from ansible_collections.vonage.archiving.plugins.module_utils._plan import Change, Context, Outcome, Plan, Step

# A bucket that was just made may be unknown to the next request for a moment (S3 User Guide, "Amazon S3 data
# consistency model": bucket configurations are eventually consistent).
APPEAR_PAUSES = (0.0, 0.3, 0.7, 1.5, 3.0, 5.0)


# In place of a state: the store lacks the facet, and nobody asked for it by name.
_LACKING = object()


@dataclass(frozen=True)
class Observed:
    """What is there.

    :param states: by name of the facet; empty where the bucket does not exist.
    :param lacking: names of facets that the store lacks and that nobody asked for by name.
    :param on_aws: whether the store is AWS itself, whose new buckets are not bare.
    """

    exists: bool
    states: t.Mapping[str, t.Any] = field(default_factory=dict)
    lacking: frozenset[str] = frozenset()
    on_aws: bool = False


def reconcile(params: t.Mapping[str, t.Any], context: Context) -> Outcome:
    """The use case of the module ``s3_archive_bucket``."""
    reach = connection(params, context.environ)
    bucket = Bucket(desired(params, reach).name, reach)
    # Once more, for region and endpoint may come out of a configuration file that only botocore reads.
    want = desired(params, bucket.connection)
    return _present(bucket, want, context) if want.present else _absent(bucket, want, context)


def _present(bucket: Bucket, want: Desired, context: Context) -> Outcome:
    seen = observe(bucket, want)
    todo = plan(want, seen)
    for warning in warnings(want, seen):
        context.warn(warning)
    if todo.changed and not context.check_mode:
        if not seen.exists:
            create(bucket, want)
            made = _observe_new(bucket, want)
            apply(bucket, want, plan(want, made))
        elif not apply(bucket, want, todo):
            want = want.on_a_store_that_encrypts()
            todo = plan(want, seen)
    result = {"bucket": described(bucket, want, seen), "changes": todo.names}
    return Outcome(todo.changed, result, todo.before(), todo.after())


def _absent(bucket: Bucket, want: Desired, context: Context) -> Outcome:
    exists = _exists(bucket, want)
    if exists and not want.force and objects.holds_something(bucket):
        raise errors.RejectedError(
            f"delete bucket {want.name}",
            "it holds objects, versions of objects or open uploads",
            "Nothing was deleted. Look at what is in it; force=true deletes all of it, and it cannot be undone.",
        )
    removed: dict[str, int] = {}
    if exists and not context.check_mode:
        removed = objects.empty(bucket) if want.force else {}
        bucket.call("delete_bucket", f"delete bucket {want.name}", "s3:DeleteBucket")
    result: dict[str, t.Any] = {"bucket": {"name": want.name, "exists": False}}
    result.update(changes=["bucket"] if exists else [], removed=removed)
    return Outcome(exists, result, {"bucket": want.name} if exists else {}, {})


def observe(bucket: Bucket, want: Desired) -> Observed:
    """Read what the options ask for, side by side.

    :raises UnsupportedError: the store lacks a facet that was asked for; nothing has been written by then.
    """
    if not want.wishes:
        return Observed(_exists(bucket, want))
    with ThreadPoolExecutor(max_workers=len(want.wishes)) as pool:
        reads = {name: pool.submit(_read, bucket, name, wish) for name, wish in want.wishes.items()}
    found = {name: read.result() for name, read in reads.items()}
    _check_region(bucket, want)
    failures = [state for state in found.values() if isinstance(state, errors.ArchivingError)]
    for failure in failures:
        if not isinstance(failure, errors.NotFoundError):
            raise failure
    lacking = frozenset(name for name, state in found.items() if state is _LACKING)
    states = {name: state for name, state in found.items() if name not in lacking}
    exists = not failures and (bool(set(states) - {"encryption"}) or _exists_indeed(bucket))
    return Observed(exists, states if exists else {}, lacking, bucket.connection.is_aws)


def _exists_indeed(bucket: Bucket) -> bool:
    """SeaweedFS says of the default encryption of a missing bucket that it is not set; AWS says NoSuchBucket."""
    if bucket.shown or bucket.connection.is_aws:
        return True
    try:
        return bucket.exists()
    except errors.DeniedError:
        return True  # who may read a facet need not be allowed to look for the bucket


def _exists(bucket: Bucket, want: Desired) -> bool:
    try:
        exists = bucket.exists()
    except errors.ArchivingError:
        _check_region(bucket, want)
        raise
    _check_region(bucket, want)
    return exists


def _read(bucket: Bucket, name: str, wish: t.Any) -> t.Any:
    """The state; the error instead of raising it, so that one cannot hide the others; ``_LACKING`` for what nobody
    asked for by name: a store without a public access block has nothing that could keep a prefix closed.
    """
    try:
        return FACETS[name].read(bucket, wish)
    except errors.UnsupportedError as exc:
        implied = isinstance(wish, BlockWish) and wish.all is None
        return _LACKING if implied else exc
    except errors.ArchivingError as exc:
        return exc


def _check_region(bucket: Bucket, want: Desired) -> None:
    actual = bucket.actual_region
    if want.region and actual and actual != want.region:
        raise errors.RejectedError(
            f"use bucket {want.name} in region {want.region}",
            f"the bucket is in {actual}",
            f"A bucket cannot be moved: set region={actual}, or choose another name.",
            region=actual,
        )


@dataclass(frozen=True)
class Facing:
    """A facet with what is there and what is to be."""

    name: str
    wish: t.Any
    current: t.Any
    target: t.Any


def faced(want: Desired, seen: Observed) -> list[Facing]:
    """Every facet that was asked for and that the store has, in the order of the registry; pure."""
    found = []
    for name, facet in FACETS.items():
        if name in want.wishes and name not in seen.lacking:
            wish = want.wishes[name]
            if isinstance(wish, BlockWish):
                wish = _block_wish(wish, seen)
            current = seen.states[name] if name in seen.states else facet.fresh(seen.on_aws)
            found.append(Facing(name, wish, current, facet.target(wish, current)))
    return found


def plan(want: Desired, seen: Observed) -> Plan:
    """What differs, and the writes that mend it; pure.

    :raises RejectedError: it must not be done, in check mode neither.
    """
    _refuse_to_open_for_others(want, seen)
    changes: list[Change] = [] if seen.exists else [Change("bucket", None, want.name)]
    steps: list[Step] = []
    for facing in faced(want, seen):
        facet = FACETS[facing.name]
        found = facet.changes(facing.wish, facing.current, facing.target)
        changes += found if seen.exists else [Change(change.name, None, change.after) for change in found]
        if not facet.same(facing.current, facing.target):
            steps.append(Step(facing.name, facing.target))
    return Plan(tuple(changes), tuple(_ordered(steps, seen)))


def _block_wish(wish: BlockWish, seen: Observed) -> BlockWish:
    """Closing again must not take away public access that somebody else gave by a statement of theirs."""
    policy, block = seen.states.get("policy"), seen.states.get("block_public_access", Block())
    others = isinstance(policy, Policy) and policy.public_elsewhere
    if wish.policies and wish.all is None and others and not block.restrict_public_buckets:
        return BlockWish()
    return wish


def _ordered(steps: list[Step], seen: Observed) -> list[Step]:
    """The order is safe to interrupt: what closes comes first, and the writes that open come last.

    A policy that gives public access cannot be written while the block is on, so that it goes before the write that
    sets the block, and after the one that takes it off.
    """
    block = next((step for step in steps if step.target == "block_public_access"), None)
    policy = next((step for step in steps if step.target == "policy"), None)
    first, last = _block_steps(block, seen)
    middle = [step for step in steps if step not in (block, policy)]
    if policy is None:
        return first + middle + last
    if last and policy.value.is_public:
        return first + _closed_meanwhile(policy, seen) + middle + [*last, policy]
    if policy.value.opens_more_than(seen.states.get("policy", Policy())):
        return first + middle + [*last, policy]
    return [*first, policy, *middle, *last] if not policy.value.is_public else [policy, *first, *middle, *last]


def _block_steps(step: Step | None, seen: Observed) -> tuple[list[Step], list[Step]]:
    """The settings that are set, and those that are taken off."""
    if step is None:
        return [], []
    current = seen.states.get(step.target, Block())
    closed = current | step.value
    first = [Step(step.target, closed)] if closed != current else []
    return first, [step] if closed != step.value else []


def _closed_meanwhile(policy: Step, seen: Observed) -> list[Step]:
    """The block holds back a statement of ours that is to change: without it, taking the block off shows nothing."""
    current, target = seen.states.get("policy", Policy()), policy.value
    if not seen.states["block_public_access"].restrict_public_buckets or current.opens_at_most(target):
        return []
    return [Step("policy", target.without(PUBLIC))]


def apply(bucket: Bucket, want: Desired, todo: Plan) -> bool:
    """Write what the plan says, step by step, each read back before the next.

    :returns: whether every write made a difference.
    """
    effects = [FACETS[step.target].write(bucket, want.wishes[step.target], step.value) for step in todo.steps]
    return all(effects)


def _refuse_to_open_for_others(want: Desired, seen: Observed) -> None:
    """Taking the block off would also let others' public statements take effect, which it holds back now."""
    block, policy = seen.states.get("block_public_access"), seen.states.get("policy")
    wish = want.wishes.get("policy")
    if not isinstance(block, Block) or not isinstance(policy, Policy) or not isinstance(wish, PolicyWish):
        return
    if block.restrict_public_buckets and policy.public_elsewhere and wish.public_prefixes:
        raise errors.RejectedError(
            f"open public prefixes of bucket {want.name}",
            f"its policy has public statements of others ({', '.join(policy.public_elsewhere)}), "
            "which the public access block holds back now and which would become public too",
            "Remove those statements first, or take the block off yourself if they are meant to be public.",
        )


def warnings(want: Desired, seen: Observed) -> list[str]:
    """What a person should know although it is no error."""
    texts = []
    encryption = seen.states.get("encryption")
    if encryption is not None and encryption.algorithm not in (None, "AES256"):
        texts.append(
            f"The default encryption of bucket {want.name} is {encryption.algorithm}, with which Vonage cannot upload; "
            "it is replaced by S3-managed keys. Objects that are there keep the encryption they have."
        )
    policy, block = seen.states.get("policy"), want.wishes.get("block_public_access")
    if isinstance(policy, Policy) and isinstance(block, BlockWish) and _block_wish(block, seen) != block:
        texts.append(
            f"Bucket {want.name} stays open for the public statements of others "
            f"({', '.join(policy.public_elsewhere)}); block_public_access=true closes these too."
        )
    return texts


def create(bucket: Bucket, want: Desired) -> None:
    """Make the bucket; one that appeared meanwhile and is ours will do."""
    reach = bucket.connection
    params: dict[str, t.Any] = {}
    # Other stores know no regions, or their own; they are told one only if the user names it.
    region = reach.region if reach.is_aws else want.region
    if region and region != "us-east-1":
        params["CreateBucketConfiguration"] = {"LocationConstraint": region}
    try:
        bucket.call("create_bucket", f"create bucket {want.name}", "s3:CreateBucket", **params)
    except errors.ConflictError as exc:
        if exc.facts.get("code") == "BucketAlreadyOwnedByYou":
            return
        if exc.facts.get("code") != "BucketAlreadyExists":
            raise
        hint = "The name belongs to another account: names are unique among all accounts. Choose another one."
        raise errors.DeniedError(exc.attempted, exc.problem, hint, **exc.facts) from exc


def _observe_new(bucket: Bucket, want: Desired) -> Observed:
    seen = Observed(False)
    for pause in APPEAR_PAUSES:
        time.sleep(pause)
        seen = observe(bucket, want)
        if seen.exists:
            return seen
    raise errors.UnreachableError(
        f"use bucket {want.name} after it was created", "the store does not show it", "Run it again in a minute."
    )


def described(bucket: Bucket, want: Desired, seen: Observed) -> dict[str, t.Any]:
    """The bucket as the next task needs it; facets that were asked for as they are after this run."""
    shown: dict[str, t.Any] = {"name": want.name, "exists": True, **bucket_location(bucket)}
    for facing in faced(want, seen):
        shown.update(FACETS[facing.name].described(facing.wish, facing.target))
    return shown


def bucket_location(bucket: Bucket) -> dict[str, str]:
    return location(bucket.name, bucket.connection, bucket.actual_region)


def location(name: str, reach: Connection, actual_region: str | None = None) -> dict[str, str]:
    """Where a bucket is: ``url`` is the base of its objects' URLs, without a slash at its end."""
    region = actual_region or reach.region or "us-east-1"
    if not reach.is_aws:
        return {"url": f"{reach.endpoint_url}/{name}", "region": region}
    # A certificate for *.s3.region.amazonaws.com does not cover names with dots (S3 User Guide, "Virtual hosting").
    host = names.aws_host(region)
    return {"url": f"https://{host}/{name}" if "." in name else f"https://{name}.{host}", "region": region}
