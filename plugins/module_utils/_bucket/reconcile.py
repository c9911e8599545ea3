# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The use case of the module ``s3_archive_bucket``: fetch the current state, plan, check risks, apply.

PRIVATE to the collection ``vonage.archiving``: there is no stability promise outside of it.
"""

from __future__ import annotations

import time
import typing as t
from concurrent.futures import ThreadPoolExecutor

from .._aws import s3_naming as names
from .._aws import s3_objects as objects
from .._aws.bucket_lock import with_bucket_lock
from .._aws.s3_client import Bucket
from .._aws.session import Connection
from .._core import errors
from .._core.plan import Context, Outcome, Step
from .._core.secrets import redact
from .delete import Part, delete_part, refuse_other_contents
from .facets.base import NotAppliedError
from .facets.registry import FACETS
from .params import BucketParams, parse_params
from .plan import BucketPlan, CurrentBucket, plan, warnings
from .risks import Risk, check_risks, find_risks

# A new bucket may be unknown to the next request: bucket configurations are eventually consistent (S3 User Guide,
# "Amazon S3 data consistency model").
CREATE_BACKOFF = (0.0, 0.3, 0.7, 1.5, 3.0, 5.0)
# A write replaces these as a whole, with what a read returned. Projects that share a bucket need the bucket lock.
LOCKED_FACETS = frozenset({"policy", "block_public_access", "lifecycle", "tags"})


class AppliedPlan(t.NamedTuple):
    """A plan with what it was made of; ``params`` lacks the options that were skipped."""

    params: BucketParams
    current: CurrentBucket
    plan: BucketPlan


def reconcile(params: t.Mapping[str, t.Any], context: Context) -> Outcome:
    """The use case of the module ``s3_archive_bucket``."""
    return ensure_bucket(parse_params(params, context.environ), context)


def ensure_bucket(params: BucketParams, context: Context) -> Outcome:
    """Create, update or delete the bucket.

    :raises UnsupportedError: the store lacks a feature that an option needs. Reads come first, so that nothing has been
        written unless only a write shows it.
    """
    bucket = Bucket(params.name, params.connection)
    # The region and the endpoint may come from a configuration file that only botocore reads.
    params = params.for_connection(bucket.connection)
    return _ensure_present(bucket, params, context) if params.present else _ensure_absent(bucket, params, context)


def _ensure_present(bucket: Bucket, params: BucketParams, context: Context) -> Outcome:
    current = fetch_current(bucket, params)
    params = _skip_unsupported(params, current, context)
    if not current.exists:
        params = params.for_new_bucket()
    planned = AppliedPlan(params, current, plan(params, current))
    risks = find_risks(*planned)
    check_risks(bucket, params, risks)
    for warning in warnings(params, current):
        context.warn(warning)
    if planned.plan.changed and not context.check_mode:
        if current.exists:
            planned = _apply_plan(bucket, planned, context, risks)
        else:
            planned = _create_and_apply(bucket, planned, context)
    return _to_outcome(bucket, planned)


def _to_outcome(bucket: Bucket, applied: AppliedPlan) -> Outcome:
    """The bucket as the next task needs it, with the facets of the options after this run."""
    params, _current, applied_plan = applied
    shown: dict[str, t.Any] = {"name": params.name, "exists": True, **bucket_location(bucket)}
    for diff in applied_plan.diffs:
        shown.update(FACETS[diff.name].to_result(diff.desired, diff.target))
    result: dict[str, t.Any] = {"bucket": shown, "changes": applied_plan.names}
    result.update(pending_requirements=list(applied_plan.pending), unsupported=sorted(params.skipped))
    return Outcome(applied_plan.changed, result, applied_plan.before(), applied_plan.after())


def _create_and_apply(bucket: Bucket, planned: AppliedPlan, context: Context) -> AppliedPlan:
    create(bucket, planned.params)
    current = _fetch_new(bucket, planned.params)
    # Some stores answer for a missing bucket before they look whether they support the request.
    params = _skip_unsupported(planned.params, current, context)
    applied = _apply_plan(bucket, AppliedPlan(params, current, plan(params, current)), context)
    if applied.params.skipped == planned.params.skipped:
        return planned
    return AppliedPlan(applied.params, planned.current, plan(applied.params, planned.current))


def _apply_plan(
    bucket: Bucket, planned: AppliedPlan, context: Context, checked: frozenset[Risk] = frozenset()
) -> AppliedPlan:
    """Apply the plan, with the bucket lock if it is needed. Returns the plan that was applied in the end.

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
        # The plan differs from the one before if another run has written in between.
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
            params = _skip_after_write(params, current, step, exc, context)
            continue
        if not effective:
            params = params.with_implicit_encryption()
    return planned if params is planned.params else AppliedPlan(params, current, plan(params, current))


def _skip_unsupported(params: BucketParams, current: CurrentBucket, context: Context) -> BucketParams:
    """The options without those to skip, each with a warning."""
    for name, exc in current.unsupported.items():
        params = _skip_facet(params, name, exc, context)
    return params.without_opening_the_block() if "public_prefixes" in params.skipped else params


def _skip_after_write(
    params: BucketParams, current: CurrentBucket, step: Step, exc: errors.UnsupportedError, context: Context
) -> BucketParams:
    """The options without those to skip, if a failed write has changed nothing and the others need no write.

    :raises UnsupportedError: otherwise.
    """
    facet, state = FACETS[step.target], current.states.get(step.target, FACETS[step.target].default_state(False))
    changed = isinstance(exc, NotAppliedError) and not facet.equal(exc.state, state)
    if changed or not params.may_lack(step.target, exc):
        raise exc
    remaining = facet.without_required_options(params.facets[step.target])
    if remaining is not None and not facet.equal(facet.target(remaining, state), state):
        raise exc
    return _skip_facet(params, step.target, exc, context)


def _skip_facet(params: BucketParams, name: str, exc: errors.UnsupportedError, context: Context) -> BucketParams:
    # The problem contains a message of the store.
    problem = redact(exc.problem, params.connection.secrets)
    for option in FACETS[name].required_options(params.facets[name]):
        context.warn(f"{option} is skipped, since it is in skip_unsupported: {problem}.")
    return params.without_facet(name)


def _ensure_absent(bucket: Bucket, params: BucketParams, context: Context) -> Outcome:
    exists = _exists(bucket, params)
    part = Part(params.project, params.folders) if params.force and params.project else None
    if exists and part:
        refuse_other_contents(bucket, part)
    # The lock does not belong to a project. It is deleted with the bucket.
    locked = exists and not params.force and _only_lock_object_remains(bucket)
    removed: dict[str, int] = {}
    if exists and not context.check_mode:
        if locked:
            objects.remove(bucket, names.LOCK_KEY)
            # Some stores delete a bucket with its contents.
            _only_lock_object_remains(bucket)
        removed = delete_part(bucket, part) if part else _delete_bucket(bucket, params.force)
    result: dict[str, t.Any] = {"bucket": {"name": params.name, "exists": False}}
    result.update(changes=["bucket"] if exists else [], removed=removed)
    return Outcome(exists, result, {"bucket": params.name} if exists else {}, {})


def _delete_bucket(bucket: Bucket, force: bool) -> dict[str, int]:
    """Delete the bucket; how many objects and uploads were deleted with it."""
    removed: dict[str, int] = {}
    try:
        removed = objects.empty(bucket) if force else {}
        bucket.call("delete_bucket", f"delete bucket {bucket.name}", "s3:DeleteBucket")
    except errors.NotFoundError as exc:
        # Another run has deleted it; or this request did, and its first response was lost.
        if exc.facts.get("code") != "NoSuchBucket":
            raise
    return removed


def _only_lock_object_remains(bucket: Bucket) -> bool:
    """Whether the bucket contains the lock, and nothing else.

    :raises RejectedError: it contains something else.
    """
    locked, more = objects.what_it_holds(bucket, names.LOCK_KEY)
    if more:
        raise errors.RejectedError(
            f"delete bucket {bucket.name}",
            "it contains objects, versions of objects or uploads in progress",
            "Nothing was deleted. Check its contents. force=true deletes all of it, which cannot be undone.",
        )
    return locked


def fetch_current(bucket: Bucket, params: BucketParams) -> CurrentBucket:
    """Read the facets of the options, in parallel.

    :raises UnsupportedError: the store lacks a facet that an option needs. Nothing has been written by then.
    """
    if not params.facets:
        return CurrentBucket(_exists(bucket, params))
    with ThreadPoolExecutor(max_workers=len(params.facets)) as pool:
        reads = {name: pool.submit(_read, bucket, name, desired) for name, desired in params.facets.items()}
    states = {name: read.result() for name, read in reads.items()}
    _check_region(bucket, params)
    failures = {name: state for name, state in states.items() if isinstance(state, errors.ArchivingError)}
    unsupported: dict[str, errors.UnsupportedError] = {}
    for name, failure in failures.items():
        if isinstance(failure, errors.UnsupportedError) and params.may_lack(name, failure):
            unsupported[name] = failure
        elif not isinstance(failure, errors.NotFoundError):
            raise failure
    states = {name: state for name, state in states.items() if name not in failures}
    exists = failures.keys() == unsupported.keys() and (
        bool(set(states) - {"encryption"}) or _confirm_exists(bucket, params)
    )
    states.update((name, FACETS[name].parse(None)) for name in unsupported)
    return CurrentBucket(exists, states if exists else {}, unsupported, bucket.connection.is_aws)


def _confirm_exists(bucket: Bucket, params: BucketParams) -> bool:
    """SeaweedFS returns "not set" for the default encryption of a missing bucket, where AWS returns NoSuchBucket."""
    if bucket.confirmed_exists or bucket.connection.is_aws:
        return True
    try:
        return bucket.exists()
    except errors.DeniedError:
        return True  # the permission to read a facet does not include s3:ListBucket


def _exists(bucket: Bucket, params: BucketParams) -> bool:
    try:
        exists = bucket.exists()
    except errors.ArchivingError:
        _check_region(bucket, params)
        raise
    _check_region(bucket, params)
    return exists


def _read(bucket: Bucket, name: str, desired: t.Any) -> t.Any:
    """The state; or the error, so that one error does not hide the others."""
    try:
        return FACETS[name].read(bucket, desired)
    except errors.ArchivingError as exc:
        return exc


def _check_region(bucket: Bucket, params: BucketParams) -> None:
    actual = bucket.actual_region
    if params.region and actual and actual != params.region:
        raise errors.RejectedError(
            f"use bucket {params.name} in region {params.region}",
            f"the bucket is in {actual}",
            f"A bucket cannot be moved: set region={actual}, or choose another name.",
            region=actual,
        )


def create(bucket: Bucket, params: BucketParams) -> None:
    """Create the bucket; accept one of this account that appeared meanwhile."""
    connection = bucket.connection
    arguments: dict[str, t.Any] = {}
    # Other stores have no regions, or their own. They get one only if the user names it.
    region = connection.region if connection.is_aws else params.region
    if region and region != "us-east-1":
        arguments["CreateBucketConfiguration"] = {"LocationConstraint": region}
    for delay in CREATE_BACKOFF[1:]:
        if _create(bucket, arguments, retry=True):
            return
        time.sleep(delay)
    _create(bucket, arguments, retry=False)


def _create(bucket: Bucket, arguments: t.Mapping[str, t.Any], retry: bool) -> bool:
    """Create the bucket; ``False`` while another request creates it."""
    try:
        bucket.call("create_bucket", f"create bucket {bucket.name}", "s3:CreateBucket", **arguments)
    except errors.ConflictError as exc:
        code = exc.facts.get("code")
        if code == "OperationAborted" and retry:
            return False
        if code not in ("BucketAlreadyOwnedByYou", "BucketAlreadyExists"):
            raise
        if code == "BucketAlreadyExists" and not _is_of_this_account(bucket):
            hint = "The name belongs to another account: names are unique among all accounts. Choose another one."
            raise errors.DeniedError(exc.operation, exc.problem, hint, **exc.facts) from exc
    return True


def _is_of_this_account(bucket: Bucket) -> bool:
    """rclone returns BucketAlreadyExists for its own buckets too. Outside of AWS, access shows the ownership."""
    try:
        return not bucket.connection.is_aws and bucket.exists()
    except errors.DeniedError:
        return False


def _fetch_new(bucket: Bucket, params: BucketParams) -> CurrentBucket:
    current = CurrentBucket(False)
    for delay in CREATE_BACKOFF:
        time.sleep(delay)
        current = fetch_current(bucket, params)
        if current.exists:
            return current
    raise errors.UnreachableError(
        f"use bucket {params.name} after it was created", "the store does not return it", "Run it again in a minute."
    )


def bucket_location(bucket: Bucket) -> dict[str, str]:
    return location(bucket.name, bucket.connection, bucket.actual_region)


def location(name: str, connection: Connection, actual_region: str | None = None) -> dict[str, str]:
    """``url`` is the base of the URLs of objects, without a slash at its end."""
    region = actual_region or connection.region or "us-east-1"
    if not connection.is_aws:
        return {"url": f"{connection.endpoint_url}/{name}", "region": region}
    # A certificate for *.s3.region.amazonaws.com does not cover names with dots (S3 User Guide, "Virtual hosting").
    host = names.aws_host(region)
    return {"url": f"https://{host}/{name}" if "." in name else f"https://{name}.{host}", "region": region}
