# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Create a bucket and apply a plan to it.

PRIVATE to the collection ``vonage.archiving``: there is no stability promise outside of it.
"""

from __future__ import annotations

import typing as t

from .._aws.bucket_lock import with_bucket_lock
from .._aws.s3_client import Bucket
from .._core import errors
from .._core.plan import Context, Step
from .facets.base import NotAppliedError
from .facets.registry import FACETS
from .fetch import fetch_current
from .params import BucketParams
from .plan import AppliedPlan, CurrentBucket, plan
from .risks import Risk, check_risks, find_risks
from .unsupported import skip_facet, skip_unsupported

# Seconds between attempts. A new bucket may be unknown to the next request: bucket configurations are eventually
# consistent (S3 User Guide, "Amazon S3 data consistency model").
CREATE_BACKOFF = (0.3, 0.7, 1.5, 3.0, 5.0)
# A write replaces the whole document that was read. Projects that share a bucket need the bucket lock.
LOCKED_FACETS = frozenset({"policy", "block_public_access", "lifecycle", "tags"})


def create_and_apply(bucket: Bucket, planned: AppliedPlan, context: Context) -> AppliedPlan:
    _create(bucket, planned.params)
    current = _fetch_new(bucket, planned.params)
    # For a missing bucket, some stores do not return that they lack the feature.
    params = skip_unsupported(planned.params, current, context)
    applied = apply_plan(bucket, AppliedPlan(params, current, plan(params, current)), context)
    if applied.params.skipped == planned.params.skipped:
        return planned
    return AppliedPlan(applied.params, planned.current, plan(applied.params, planned.current))


def apply_plan(
    bucket: Bucket, planned: AppliedPlan, context: Context, checked: frozenset[Risk] = frozenset()
) -> AppliedPlan:
    """Apply the plan, with the bucket lock if it is needed, and return the applied plan.

    :param checked: the risks that have been checked already.
    """
    params = planned.params
    check_risks(bucket, params, find_risks(*planned) - checked)
    if not params.project or not LOCKED_FACETS.intersection(step.target for step in planned.plan.steps):
        return _apply_and_replan(bucket, planned, context)
    attempts: list[AppliedPlan] = []

    def replan_and_apply(locked_bucket: Bucket) -> None:
        current = fetch_current(locked_bucket, params)
        attempt = AppliedPlan(params, current, plan(params, current))
        # The plan is different if another run has written in between.
        check_risks(bucket, params, find_risks(*attempt) - find_risks(*planned) - checked)
        attempts.append(attempt)
        attempts[-1] = _apply_and_replan(locked_bucket, attempt, context)

    with_bucket_lock(bucket, params.project, replan_and_apply, context.warn)
    # If there was more than one attempt, the first one made the changes.
    return next((attempt for attempt in attempts if attempt.plan.changed), attempts[-1])


def _apply_and_replan(bucket: Bucket, planned: AppliedPlan, context: Context) -> AppliedPlan:
    """Apply the plan. If a write shows that the store lacks a feature, plan again for the result."""
    params, current, _plan = planned
    for step in planned.plan.steps:
        if step.target not in params.facets:
            continue  # skipped after an earlier write
        try:
            effective = FACETS[step.target].write(bucket, params.facets[step.target], step.value)
        except errors.UnsupportedError as exc:
            params = _skip_after_write(bucket, params, current, step, exc, context)
            continue
        if not effective:
            params = params.with_implicit_encryption()
    return planned if params is planned.params else AppliedPlan(params, current, plan(params, current))


def _skip_after_write(
    bucket: Bucket,
    params: BucketParams,
    current: CurrentBucket,
    step: Step,
    exc: errors.UnsupportedError,
    context: Context,
) -> BucketParams:
    """The options without those to skip, if the failed write changed nothing and the remaining options need no write.

    :raises UnsupportedError: otherwise.
    """
    facet, state = FACETS[step.target], current.states.get(step.target, FACETS[step.target].default_state(False))
    changed = isinstance(exc, NotAppliedError) and not facet.equal(exc.state, state)
    if changed or not params.may_lack(step.target, exc):
        raise exc
    remaining = facet.without_required_options(params.facets[step.target])
    if remaining is not None and not facet.equal(facet.target(remaining, state), state):
        raise exc
    bucket.runtime.changes.discard(f"bucket {bucket.name}", step.target)
    return skip_facet(params, step.target, exc, context)


def _create(bucket: Bucket, params: BucketParams) -> None:
    """Create the bucket; accept one of this account that another request has created."""
    connection = bucket.connection
    arguments: dict[str, t.Any] = {}
    # Other stores have their own regions, or none. The request names one only if the option is set.
    region = connection.region if connection.is_aws else params.region
    if region and region != "us-east-1":
        arguments["CreateBucketConfiguration"] = {"LocationConstraint": region}
    bucket.retry(lambda: _send_create(bucket, arguments), _is_being_created, CREATE_BACKOFF)


def _send_create(bucket: Bucket, arguments: t.Mapping[str, t.Any]) -> None:
    try:
        with bucket.runtime.changes.record(f"bucket {bucket.name}", "created"):
            bucket.call("create_bucket", f"create bucket {bucket.name}", "s3:CreateBucket", **arguments)
    except errors.ConflictError as exc:
        code = exc.facts.get("code")
        if code not in ("BucketAlreadyOwnedByYou", "BucketAlreadyExists"):
            raise
        if code == "BucketAlreadyExists" and not _is_of_this_account(bucket):
            hint = "The name belongs to another account: names are unique among all accounts. Choose another name."
            raise errors.DeniedError(exc.operation, exc.problem, hint, **exc.facts) from exc


def _is_being_created(exc: Exception) -> bool:
    """Whether another request is creating the bucket."""
    return isinstance(exc, errors.ConflictError) and exc.facts.get("code") == "OperationAborted"


def _is_of_this_account(bucket: Bucket) -> bool:
    """rclone returns BucketAlreadyExists for its own buckets too. Outside of AWS, access shows the ownership."""
    try:
        return not bucket.connection.is_aws and bucket.exists()
    except errors.DeniedError:
        return False


def _fetch_new(bucket: Bucket, params: BucketParams) -> CurrentBucket:
    current = bucket.wait_until(lambda: fetch_current(bucket, params), lambda current: current.exists, CREATE_BACKOFF)
    if current.exists:
        return current
    raise errors.UnreachableError(
        f"use bucket {params.name} after it was created", "the store does not return it", "Run it again in a minute."
    )
