# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Plan the writes to a bucket, in an order that is safe to interrupt. Pure.

PRIVATE to the collection ``vonage.archiving``: there is no stability promise outside of it.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field

from .._core import errors
from .._core.plan import Change, Plan, Step
from .facets.encryption import S3
from .facets.policy import OPTIONS, PUBLIC, DesiredPolicy, Policy
from .facets.public_access_block import Block, DesiredPublicAccessBlock
from .facets.registry import FACETS
from .params import BucketParams


@dataclass(frozen=True)
class CurrentBucket:
    """The current state of a bucket.

    :param states: by name of the facet; empty if the bucket does not exist.
    :param unsupported: by name, the errors of facets that the store lacks and that the options do not need.
    :param on_aws: whether the store is AWS, where the default state of a facet may differ.
    """

    exists: bool
    states: t.Mapping[str, t.Any] = field(default_factory=dict)
    unsupported: t.Mapping[str, errors.UnsupportedError] = field(default_factory=dict)
    on_aws: bool = False


@dataclass(frozen=True)
class FacetDiff:
    """A facet with its current state and its state after the run."""

    name: str
    desired: t.Any
    current: t.Any
    target: t.Any


@dataclass(frozen=True)
class BucketPlan(Plan):
    """The plan, with details for the result and for the checks of risks.

    :param diffs: all facets of the options, also those without a change.
    :param pending: the options whose statements are deferred.
    """

    diffs: tuple[FacetDiff, ...] = ()
    pending: tuple[str, ...] = ()


class AppliedPlan(t.NamedTuple):
    """A plan with its inputs.

    :param params: the options, without those that were skipped.
    """

    params: BucketParams
    current: CurrentBucket
    plan: BucketPlan


def plan(params: BucketParams, current: CurrentBucket) -> BucketPlan:
    """Plan the changes, and the writes that apply them.

    :raises RejectedError: the change is not safe.
    """
    _check_unmanaged_statements(params, current)
    changes: list[Change] = [] if current.exists else [Change("bucket", None, params.name)]
    steps: list[Step] = []
    diffs = diff_facets(params, current)
    for diff in diffs:
        facet = FACETS[diff.name]
        facet_changes = facet.changes(diff.desired, diff.current, diff.target)
        if not current.exists:
            facet_changes = tuple(Change(change.name, None, change.after) for change in facet_changes)
        changes += facet_changes
        if not facet.equal(diff.current, diff.target):
            _check_limits(params, current, diff)
            steps.append(Step(diff.name, diff.target))
    pending = tuple(pending_requirements(params, current))
    return BucketPlan(tuple(changes), tuple(_order_steps(steps, params, current)), tuple(diffs), pending)


def diff_facets(params: BucketParams, current: CurrentBucket) -> list[FacetDiff]:
    """The facets of the options, in the order of the registry."""
    diffs = []
    for name, facet in FACETS.items():
        if name in params.facets:
            desired = params.facets[name]
            if isinstance(desired, DesiredPublicAccessBlock):
                desired = _keep_open_for_others(desired, params, current)
            state = current.states.get(name, facet.default_state(current.on_aws))
            diffs.append(FacetDiff(name, desired, state, facet.target(desired, state)))
    return diffs


def pending_requirements(params: BucketParams, current: CurrentBucket) -> list[str]:
    """The options whose statements are deferred."""
    desired, policy = params.facets.get("policy"), current.states.get("policy", Policy())
    return [OPTIONS[sid] for sid in desired.pending(policy)] if isinstance(desired, DesiredPolicy) else []


def _check_limits(params: BucketParams, current: CurrentBucket, diff: FacetDiff) -> None:
    """Check limits that AWS checks only when a run writes.

    :raises RejectedError: the target exceeds a limit.
    """
    facet = FACETS[diff.name]
    limit = facet.limit_exceeded(diff.target) if current.on_aws else ""
    if limit:
        hint = "Use another bucket for the project, or delete rules or statements that are not needed."
        operation = f"write {facet.subresource.title} of bucket {params.name}"
        raise errors.RejectedError(operation, f"it would have {limit}", hint)


def _keep_open_for_others(
    desired: DesiredPublicAccessBlock, params: BucketParams, current: CurrentBucket
) -> DesiredPublicAccessBlock:
    """Keep the public access of another project, or of an unmanaged statement."""
    if desired.policies and _open_for_other_projects(params, current):
        return DesiredPublicAccessBlock(desired.all, kept=True)
    return DesiredPublicAccessBlock() if _open_for_unmanaged(desired, current) else desired


def _open_for_unmanaged(desired: DesiredPublicAccessBlock, current: CurrentBucket) -> bool:
    policy, block = current.states.get("policy"), current.states.get("block_public_access", Block())
    unmanaged = isinstance(policy, Policy) and policy.unmanaged_public_statements
    return bool(desired.policies and desired.all is None and unmanaged and not block.restrict_public_buckets)


def _open_for_other_projects(params: BucketParams, current: CurrentBucket) -> bool:
    desired, policy = params.facets.get("policy"), current.states.get("policy")
    if not isinstance(desired, DesiredPolicy) or not isinstance(policy, Policy) or not desired.project:
        return False
    return bool(policy.excluding_project(desired.project).managed_statements(PUBLIC))


def _order_steps(steps: list[Step], params: BucketParams, current: CurrentBucket) -> list[Step]:
    """An order that is safe to interrupt: writes that close the bucket come first, writes that open it last.

    A policy with public access cannot be written while the block is on. The policy is written before the block is
    switched on, and after it is switched off: if the run is killed between the two, other projects can still write it.
    """
    block = next((step for step in steps if step.target == "block_public_access"), None)
    policy = next((step for step in steps if step.target == "policy"), None)
    first, last = _block_steps(block, current)
    middle = [step for step in steps if step not in (block, policy)]
    if policy is None:
        return first + middle + last
    if last and policy.value.is_public:
        return first + _close_before_opening(policy, params, current) + middle + [*last, policy]
    if policy.value.opens_more_than(current.states.get("policy", Policy())):
        return first + middle + [*last, policy]
    return [policy, *first, *middle, *last]


def _block_steps(step: Step | None, current: CurrentBucket) -> tuple[list[Step], list[Step]]:
    """The settings to switch on, and those to switch off."""
    if step is None:
        return [], []
    block = current.states.get(step.target, Block())
    closed = block | step.value
    first = [Step(step.target, closed)] if closed != block else []
    return first, [step] if closed != step.value else []


def _close_before_opening(policy: Step, params: BucketParams, current: CurrentBucket) -> list[Step]:
    """Delete a managed statement that the block suppresses and that is going to change, before the block is off."""
    state, target = current.states.get("policy", Policy()), policy.value
    if not current.states["block_public_access"].restrict_public_buckets or state.opens_at_most(target):
        return []
    if _open_for_other_projects(params, current):
        raise errors.RejectedError(
            f"open public prefixes of bucket {params.name}",
            f"the public access block suppresses the statement {PUBLIC} of its policy. The statement contains more "
            "than the prefixes of this project, and its deletion for a moment would close other projects too",
            "Switch the block off yourself if everything in the statement is meant to be public.",
        )
    return [Step("policy", target.without(PUBLIC))]


def _check_unmanaged_statements(params: BucketParams, current: CurrentBucket) -> None:
    """Refuse to switch the block off if that would activate unmanaged public statements.

    :raises RejectedError: the block suppresses such a statement.
    """
    block, policy = current.states.get("block_public_access"), current.states.get("policy")
    desired = params.facets.get("policy")
    if not isinstance(block, Block) or not isinstance(policy, Policy) or not isinstance(desired, DesiredPolicy):
        return
    if block.restrict_public_buckets and policy.unmanaged_public_statements and desired.public_prefixes:
        raise errors.RejectedError(
            f"open public prefixes of bucket {params.name}",
            f"its policy has unmanaged public statements ({', '.join(policy.unmanaged_public_statements)}), which the "
            "public access block suppresses now and which would become public too",
            "Delete those statements first, or switch the block off yourself if they are meant to be public.",
        )


def warnings(params: BucketParams, current: CurrentBucket) -> list[str]:
    """Return warnings about the bucket."""
    texts = []
    encryption = current.states.get("encryption")
    desired = params.facets.get("encryption")
    is_replaced = desired is not None and desired.mode == S3
    if is_replaced and encryption is not None and encryption.algorithm not in (None, "AES256"):
        texts.append(
            f"The default encryption of bucket {params.name} is {encryption.algorithm}, with which Vonage cannot "
            "upload. It is replaced by S3-managed keys. Existing objects keep their encryption."
        )
    policy, block = current.states.get("policy", Policy()), params.facets.get("block_public_access")
    if isinstance(block, DesiredPublicAccessBlock) and _open_for_unmanaged(block, current):
        texts.append(
            f"Bucket {params.name} stays open for unmanaged public statements "
            f"({', '.join(policy.unmanaged_public_statements)}). block_public_access=true closes these too."
        )
    return texts
