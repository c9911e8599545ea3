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

from ansible_collections.vonage.archiving.plugins.module_utils import _errors as errors
from ansible_collections.vonage.archiving.plugins.module_utils._aws import names, objects
from ansible_collections.vonage.archiving.plugins.module_utils._aws.bucket_api import Bucket
from ansible_collections.vonage.archiving.plugins.module_utils._aws.bucket_consent import Risk, check_risks, find_risks
from ansible_collections.vonage.archiving.plugins.module_utils._aws.bucket_delete import (
    Part,
    delete_part,
    refuse_other_contents,
)
from ansible_collections.vonage.archiving.plugins.module_utils._aws.bucket_options import Desired, desired
from ansible_collections.vonage.archiving.plugins.module_utils._aws.bucket_plan import (
    Observed,
    faced,
    pending_requirements,
    plan,
    warnings,
)
from ansible_collections.vonage.archiving.plugins.module_utils._aws.connection import Connection, connection
from ansible_collections.vonage.archiving.plugins.module_utils._aws.facets.block import BlockWish
from ansible_collections.vonage.archiving.plugins.module_utils._aws.facets.registry import FACETS
from ansible_collections.vonage.archiving.plugins.module_utils._aws.lock import in_turn
from ansible_collections.vonage.archiving.plugins.module_utils._plan import Context, Outcome, Plan

# A bucket that was just made may be unknown to the next request for a moment (S3 User Guide, "Amazon S3 data
# consistency model": bucket configurations are eventually consistent).
APPEAR_PAUSES = (0.0, 0.3, 0.7, 1.5, 3.0, 5.0)


# What is replaced as a whole by something that was made of what was read, so that runs have to take turns at it.
TAKING_TURNS = frozenset({"policy", "block_public_access", "lifecycle", "tags"})
# In place of a state: the store lacks the facet, and nobody asked for it by name.
_LACKING = object()


def reconcile(params: t.Mapping[str, t.Any], context: Context) -> Outcome:
    """The use case of the module ``s3_archive_bucket``."""
    reach = connection(params, context.environ)
    bucket = Bucket(desired(params, reach).name, reach)
    # Once more, for region and endpoint may come out of a configuration file that only botocore reads.
    want = desired(params, bucket.connection)
    return _present(bucket, want, context) if want.present else _absent(bucket, want, context)


def _present(bucket: Bucket, want: Desired, context: Context) -> Outcome:
    seen = observe(bucket, want)
    if not seen.exists:
        want = want.for_new_bucket()
    todo = plan(want, seen)
    risks = find_risks(want, seen, todo)
    check_risks(bucket, want, risks)
    for warning in warnings(want, seen):
        context.warn(warning)
    if todo.changed and not context.check_mode:
        if seen.exists:
            want, seen, todo = _bring_about(bucket, want, seen, context, risks)
        else:
            create(bucket, want)
            _bring_about(bucket, want, _observe_new(bucket, want), context)
    result: dict[str, t.Any] = {"bucket": described(bucket, want, seen), "changes": todo.names}
    result["pending_requirements"] = pending_requirements(want, seen)
    return Outcome(todo.changed, result, todo.before(), todo.after())


Deed = tuple[Desired, Observed, Plan]


def _bring_about(
    bucket: Bucket, want: Desired, seen: Observed, context: Context, checked: frozenset[Risk] = frozenset()
) -> Deed:
    """Write what differs; what was asked for, found and done in the end.

    :param checked: the risks that have been checked already.
    """
    todo = plan(want, seen)
    risks = find_risks(want, seen, todo)
    check_risks(bucket, want, risks - checked)
    if not want.scope or not TAKING_TURNS.intersection(step.target for step in todo.steps):
        return _written(bucket, want, seen, todo)
    deeds: list[Deed] = []

    def look_again_and_write(held: Bucket) -> None:
        found = observe(held, want)
        deeds.append((want, found, plan(want, found)))
        # The plan differs from the one before if another run has written in between.
        check_risks(bucket, want, find_risks(*deeds[-1]) - risks - checked)
        deeds[-1] = _written(held, *deeds[-1])

    in_turn(bucket, want.scope, look_again_and_write, context.warn)
    # Where the work was done again, what the first try was about is what was changed.
    return next((deed for deed in deeds if deed[2].changed), deeds[-1])


def _written(bucket: Bucket, want: Desired, seen: Observed, todo: Plan) -> Deed:
    if apply(bucket, want, todo):
        return want, seen, todo
    want = want.on_a_store_that_encrypts()
    return want, seen, plan(want, seen)


def _absent(bucket: Bucket, want: Desired, context: Context) -> Outcome:
    exists = _exists(bucket, want)
    part = Part(want.scope, want.folders) if want.force and want.scope else None
    if exists and part:
        refuse_other_contents(bucket, part)
    # The object by which projects take turns is nobody's: it goes with the bucket.
    locked = exists and not want.force and _has_nothing_but_the_lock(bucket)
    removed: dict[str, int] = {}
    if exists and not context.check_mode:
        if locked:
            objects.remove(bucket, names.LOCK_KEY)
            # There are stores that delete a bucket with what is in it.
            _has_nothing_but_the_lock(bucket)
        removed = delete_part(bucket, part) if part else _deleted(bucket, want.force)
    result: dict[str, t.Any] = {"bucket": {"name": want.name, "exists": False}}
    result.update(changes=["bucket"] if exists else [], removed=removed)
    return Outcome(exists, result, {"bucket": want.name} if exists else {}, {})


def _deleted(bucket: Bucket, force: bool) -> dict[str, int]:
    """What was removed from the bucket, of which nothing is there any more."""
    removed: dict[str, int] = {}
    try:
        removed = objects.empty(bucket) if force else {}
        bucket.call("delete_bucket", f"delete bucket {bucket.name}", "s3:DeleteBucket")
    except errors.NotFoundError as exc:
        # By another run; or by this very request, whose first answer was lost.
        if exc.facts.get("code") != "NoSuchBucket":
            raise
    return removed


def _has_nothing_but_the_lock(bucket: Bucket) -> bool:
    """Whether it has that.

    :raises RejectedError: it has more.
    """
    locked, more = objects.what_it_holds(bucket, names.LOCK_KEY)
    if more:
        raise errors.RejectedError(
            f"delete bucket {bucket.name}",
            "it holds objects, versions of objects or open uploads",
            "Nothing was deleted. Look at what is in it; force=true deletes all of it, and it cannot be undone.",
        )
    return locked


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
        # AWS has one: an answer that breaks off must not leave a bucket open.
        implied = isinstance(wish, BlockWish) and wish.all is None and not bucket.connection.is_aws
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


def apply(bucket: Bucket, want: Desired, todo: Plan) -> bool:
    """Write what the plan says, step by step, each read back before the next.

    :returns: whether every write made a difference.
    """
    effects = [FACETS[step.target].write(bucket, want.wishes[step.target], step.value) for step in todo.steps]
    return all(effects)


def create(bucket: Bucket, want: Desired) -> None:
    """Make the bucket; one that appeared meanwhile and is ours will do."""
    reach = bucket.connection
    params: dict[str, t.Any] = {}
    # Other stores know no regions, or their own; they are told one only if the user names it.
    region = reach.region if reach.is_aws else want.region
    if region and region != "us-east-1":
        params["CreateBucketConfiguration"] = {"LocationConstraint": region}
    for pause in APPEAR_PAUSES[1:]:
        if _created(bucket, params, patient=True):
            return
        time.sleep(pause)
    _created(bucket, params, patient=False)


def _created(bucket: Bucket, params: t.Mapping[str, t.Any], patient: bool) -> bool:
    """Whether the bucket is there and ours; while another run is about to make it, it is not yet."""
    try:
        bucket.call("create_bucket", f"create bucket {bucket.name}", "s3:CreateBucket", **params)
    except errors.ConflictError as exc:
        code = exc.facts.get("code")
        if code == "OperationAborted" and patient:
            return False
        if code not in ("BucketAlreadyOwnedByYou", "BucketAlreadyExists"):
            raise
        if code == "BucketAlreadyExists" and not _is_ours(bucket):
            hint = "The name belongs to another account: names are unique among all accounts. Choose another one."
            raise errors.DeniedError(exc.attempted, exc.problem, hint, **exc.facts) from exc
    return True


def _is_ours(bucket: Bucket) -> bool:
    """rclone says of its own buckets, too, that they exist. That one can be seen proves it, but not on AWS."""
    try:
        return not bucket.connection.is_aws and bucket.exists()
    except errors.DeniedError:
        return False


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
