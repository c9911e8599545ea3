# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Use case of the module ``s3_archive_bucket_info``: return the facets of a bucket as options.

PRIVATE to the collection ``vonage.archiving``: there is no stability promise outside of it.
"""

from __future__ import annotations

import typing as t
from functools import partial

from .._aws import s3_naming as names
from .._aws.errors import CREDENTIAL_CODES
from .._aws.s3_client import Bucket
from .._aws.s3_objects import list_top_level_prefixes
from .._aws.session import connection
from .._core import errors
from .._core.plan import Context, Outcome
from .._core.problems import Problems
from .._core.validation import existing_bucket_name_problem
from .facets.lifecycle import DesiredLifecycle, Lifecycle
from .facets.policy import Policy, policy_options
from .facets.registry import FACET_NAMES, FACETS
from .fetch import bucket_location


def gather(params: t.Mapping[str, t.Any], context: Context) -> Outcome:
    options, project = _parse_facets(params), params.get("project")
    bucket = Bucket(params["name"], connection(params, context.environ), context.runtime)
    states = _fetch_states(bucket, sorted({FACET_NAMES[option] for option in options}), project)
    if states is None:
        return Outcome(False, {"bucket": {"name": bucket.name, "exists": False}, "unavailable": {}})
    result: dict[str, t.Any] = {"name": bucket.name, "exists": True, **bucket_location(bucket)}
    unavailable: dict[str, str] = {}
    for option in options:
        state = states[FACET_NAMES[option]]
        if isinstance(state, errors.ArchivingError):
            unavailable[option] = state.kind
        result[option] = None if option in unavailable else _to_option(option, state, project)
    if isinstance(states.get("lifecycle"), Lifecycle):
        result["lifecycle_projects"] = states["lifecycle"].projects
    if "require_encryption" in options and isinstance(states.get("policy"), Policy):
        result["encryption_projects"] = states["policy"].encryption_projects
    return Outcome(False, {"bucket": result, "unavailable": unavailable})


def _parse_facets(params: t.Mapping[str, t.Any]) -> list[str]:
    """Return the option ``facets``.

    :raises InputError: with all problems of the options.
    """
    problems = Problems()
    problems.add_if("name", existing_bucket_name_problem(params["name"]))
    problems.add_if("project", names.project_problem(params.get("project") or "any"))
    problems.raise_if_any()
    return list(dict.fromkeys(params.get("facets") or FACET_NAMES))


def _fetch_states(bucket: Bucket, facets: list[str], project: str | None) -> dict[str, t.Any] | None:
    """Fetch the state of each facet, or its error, by name; ``None`` if the bucket does not exist.

    :raises DeniedError: these credentials cannot read any of the facets.
    """
    denial = None
    try:
        if not bucket.exists():
            return None
    except errors.DeniedError as exc:
        denial = exc  # the permission to read a facet does not include s3:ListBucket
    reads = [partial(_read, bucket, name, project) for name in facets]
    states = dict(zip(facets, bucket.runtime.run_concurrently(reads)))
    if any(isinstance(state, errors.NotFoundError) for state in states.values()):
        return None
    if denial and all(isinstance(state, errors.DeniedError) for state in states.values()):
        # The response to HEAD contains no reason.
        raise next((state for state in states.values() if state.facts.get("code") in CREDENTIAL_CODES), denial)
    return states


def _read(bucket: Bucket, name: str, project: str | None) -> t.Any:
    """The state of a facet, or the error."""
    desired = DesiredLifecycle(project=project) if name == "lifecycle" else None
    try:
        return list_top_level_prefixes(bucket) if name == "folders" else FACETS[name].read(bucket, desired)
    except (errors.UnsupportedError, errors.DeniedError, errors.NotFoundError) as exc:
        return exc


def _to_option(option: str, state: t.Any, project: str | None) -> t.Any:
    if isinstance(state, Policy):
        return policy_options(state, project)[option]
    return FACETS[FACET_NAMES[option]].to_option(state)
