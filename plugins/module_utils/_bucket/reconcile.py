# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Use case of the module ``s3_archive_bucket``: fetch the current state, plan, check risks, apply.

PRIVATE to the collection ``vonage.archiving``: there is no stability promise outside of it.
"""

from __future__ import annotations

import typing as t
from functools import partial

from .._aws import s3_naming as names
from .._aws import s3_objects as objects
from .._aws.s3_client import Bucket
from .._core.plan import Context, Outcome
from .._state_file.preflight import NEVER, check_before_changes
from .facets.policy import Policy, policy_options
from .facets.registry import FACETS
from .fetch import bucket_exists, bucket_location, fetch_current
from .params import BucketParams, parse_params
from .plan import AppliedPlan, plan, warnings
from .risks import check_risks, find_risks
from .unsupported import skip_unsupported

if t.TYPE_CHECKING:
    from .._vonage.project import Project

Check = t.Callable[[], t.Any]


def reconcile(params: t.Mapping[str, t.Any], context: Context) -> Outcome:
    desired = parse_params(params, context.environ)
    is_checked = desired.present and params.get("preflight", NEVER) != NEVER
    return ensure_bucket(desired, context, partial(_check_project, params, desired, context) if is_checked else None)


def _check_project(options: t.Mapping[str, t.Any], params: BucketParams, context: Context) -> None:
    """Check the credentials of the project.

    :param options: their options are parsed only now: this loads a library for a private key, and most runs change
        nothing.
    """
    # A run without changes loads none of this.
    from .._core.problems import Problems
    from .._state_file.store import open_store
    from .._vonage.project import parse_project

    problems = Problems()
    project = parse_project(options, context.environ, problems)
    if project and project.id != params.project:
        problems.add("project", f"must be {project.id}, the {project.id_option} that preflight checks")
    problems.raise_if_any()
    store = open_store(params.state_file, params.connection) if params.state_file else None
    check_before_changes(options["preflight"], t.cast("Project", project), store, context.runtime)


def ensure_bucket(params: BucketParams, context: Context, before_changes: Check | None = None) -> Outcome:
    """Create, update, or delete the bucket.

    :param before_changes: is called before the first write, or in check mode if there would be one.
    :raises UnsupportedError: the store lacks a feature that an option needs. Nothing has been written, unless only a
        write shows that the feature is missing.
    """
    bucket = Bucket(params.name, params.connection, context.runtime)
    # The region and the endpoint may come from a configuration file that only botocore reads.
    params = params.for_connection(bucket.connection)
    if params.present:
        return _ensure_present(bucket, params, context, before_changes)
    return _ensure_absent(bucket, params, context)


def _ensure_present(bucket: Bucket, params: BucketParams, context: Context, before_changes: Check | None) -> Outcome:
    current = fetch_current(bucket, params)
    if params.only_project and not current.exists:
        return _missing_outcome(params)
    params = skip_unsupported(params, current, context)
    if not current.exists:
        params = params.for_new_bucket()
    planned = AppliedPlan(params, current, plan(params, current))
    risks = find_risks(*planned)
    check_risks(bucket, params, risks)
    for warning in warnings(params, current):
        context.warn(warning)
    if _public_prefixes(planned).get("public_prefixes"):
        context.warn(
            f"Recordings of project {params.project} in bucket {params.name} stay public. To close its prefix, set "
            "public_prefixes to an empty list (in the role archive_storage_public to false)."
        )
    if planned.plan.changed and before_changes:
        before_changes()
    if planned.plan.changed and not context.check_mode:
        # A run without changes does not load it: Ansible compiles the code of a collection in each run.
        from .apply import apply_plan, create_and_apply

        if current.exists:
            planned = apply_plan(bucket, planned, context, risks)
        else:
            planned = create_and_apply(bucket, planned, context)
    return _to_outcome(bucket, planned)


def _to_outcome(bucket: Bucket, applied: AppliedPlan) -> Outcome:
    """Return the bucket with the facets of the options after this run."""
    params, _current, applied_plan = applied
    attributes: dict[str, t.Any] = {"name": params.name, "exists": True, **bucket_location(bucket)}
    for diff in applied_plan.diffs:
        attributes.update(FACETS[diff.name].to_result(diff.desired, diff.target))
    attributes.update(_public_prefixes(applied))
    result = {
        "bucket": attributes,
        "changes": applied_plan.names,
        "pending_requirements": list(applied_plan.pending),
        "unsupported": sorted(params.skipped),
    }
    return Outcome(applied_plan.changed, result, applied_plan.before(), applied_plan.after())


def _public_prefixes(applied: AppliedPlan) -> dict[str, t.Any]:
    """The public prefixes of a project whose settings are deleted, also if they stay."""
    policy = next((diff.target for diff in applied.plan.diffs if isinstance(diff.target, Policy)), None)
    if policy is None or not applied.params.only_project:
        return {}
    return {"public_prefixes": policy_options(policy, applied.params.project)["public_prefixes"]}


def _missing_outcome(params: BucketParams) -> Outcome:
    bucket = {"name": params.name, "exists": False}
    return Outcome(False, {"bucket": bucket, "changes": [], "pending_requirements": [], "unsupported": []})


def _ensure_absent(bucket: Bucket, params: BucketParams, context: Context) -> Outcome:
    from .delete import Part, delete_bucket, delete_part, only_lock_object_remains, refuse_other_contents

    exists = bucket_exists(bucket, params)
    part = Part(params.project, params.folders) if params.force and params.project else None
    if exists and part:
        refuse_other_contents(bucket, part)
    # The lock does not belong to a project. It is deleted with the bucket.
    has_lock = exists and not params.force and only_lock_object_remains(bucket)
    removed: dict[str, int] = {}
    if exists and not context.check_mode:
        if has_lock:
            objects.remove(bucket, names.LOCK_KEY)
            # Some stores delete a bucket with its contents.
            only_lock_object_remains(bucket)
        # After an error, some of the contents may be deleted.
        with bucket.runtime.changes.record(f"bucket {bucket.name}", "contents deleted", lambda _exc: False):
            removed = delete_part(bucket, part) if part else delete_bucket(bucket, params.force)
    attributes = {"name": params.name, "exists": False}
    result = {"bucket": attributes, "changes": ["bucket"] if exists else [], "removed": removed}
    return Outcome(exists, result, {"bucket": params.name} if exists else {}, {})
