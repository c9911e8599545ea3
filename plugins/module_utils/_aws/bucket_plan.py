# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is to be written to a bucket, and in which order. Pure.

PRIVATE to the collection ``vonage.archiving``: there is no stability promise outside of it.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field

from ansible_collections.vonage.archiving.plugins.module_utils import _errors as errors
from ansible_collections.vonage.archiving.plugins.module_utils._aws.bucket_options import Desired
from ansible_collections.vonage.archiving.plugins.module_utils._aws.facets.block import Block, BlockWish
from ansible_collections.vonage.archiving.plugins.module_utils._aws.facets.policy import (
    OPTIONS,
    PUBLIC,
    Policy,
    PolicyWish,
)
from ansible_collections.vonage.archiving.plugins.module_utils._aws.facets.registry import FACETS
from ansible_collections.vonage.archiving.plugins.module_utils._plan import Change, Plan, Step


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
                wish = _block_wish(wish, want, seen)
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
            _refuse_too_much(want, seen, facing)
            steps.append(Step(facing.name, facing.target))
    return Plan(tuple(changes), tuple(_ordered(steps, want, seen)))


def pending_requirements(want: Desired, seen: Observed) -> list[str]:
    """The options whose statements are deferred; pure."""
    wish, current = want.wishes.get("policy"), seen.states.get("policy", Policy())
    return [OPTIONS[sid] for sid in wish.pending(current)] if isinstance(wish, PolicyWish) else []


def _refuse_too_much(want: Desired, seen: Observed, facing: Facing) -> None:
    """AWS would refuse it only when it is written."""
    facet = FACETS[facing.name]
    excess = facet.excess(facing.target) if seen.on_aws else ""
    if excess:
        hint = "Another project would need another bucket, or what is not needed any more has to go first."
        raise errors.RejectedError(f"write {facet.sub.title} of bucket {want.name}", f"it would have {excess}", hint)


def _block_wish(wish: BlockWish, want: Desired, seen: Observed) -> BlockWish:
    """Closing again must not take away public access that is another project's, or that somebody else gave by a
    statement of theirs.
    """
    if wish.policies and _open_for_others_of_ours(want, seen):
        return BlockWish(wish.all, kept=True)
    return BlockWish() if _open_for_others(wish, seen) else wish


def _open_for_others(wish: BlockWish, seen: Observed) -> bool:
    policy, block = seen.states.get("policy"), seen.states.get("block_public_access", Block())
    others = isinstance(policy, Policy) and policy.public_elsewhere
    return bool(wish.policies and wish.all is None and others and not block.restrict_public_buckets)


def _open_for_others_of_ours(want: Desired, seen: Observed) -> bool:
    wish, policy = want.wishes.get("policy"), seen.states.get("policy")
    if not isinstance(wish, PolicyWish) or not isinstance(policy, Policy) or not wish.scope:
        return False
    return bool(policy.outside(wish.scope).all_ours(PUBLIC))


def _ordered(steps: list[Step], want: Desired, seen: Observed) -> list[Step]:
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
        return first + _closed_meanwhile(policy, want, seen) + middle + [*last, policy]
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


def _closed_meanwhile(policy: Step, want: Desired, seen: Observed) -> list[Step]:
    """The block holds back a statement of ours that is to change: without it, taking the block off shows nothing."""
    current, target = seen.states.get("policy", Policy()), policy.value
    if not seen.states["block_public_access"].restrict_public_buckets or current.opens_at_most(target):
        return []
    if _open_for_others_of_ours(want, seen):
        raise errors.RejectedError(
            f"open public prefixes of bucket {want.name}",
            f"the public access block holds back the statement {PUBLIC} of its policy, which names more than this "
            "project asks for, and which cannot be taken away for a moment without taking it from other projects too",
            "Take the block off yourself if what the statement names is meant to be public.",
        )
    return [Step("policy", target.without(PUBLIC))]


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
    if isinstance(policy, Policy) and isinstance(block, BlockWish) and _open_for_others(block, seen):
        texts.append(
            f"Bucket {want.name} stays open for the public statements of others "
            f"({', '.join(policy.public_elsewhere)}); block_public_access=true closes these too."
        )
    return texts
