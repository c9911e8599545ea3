# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Use case of the module ``vonage_archive_info``: the archives of a project, and the health of their uploads.

PRIVATE to the collection ``vonage.archiving``: there is no stability promise outside of it.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from .._aws import session as aws
from .._aws.s3_client import Bucket
from .._core.errors import InputError
from .._core.params import parse_number, parse_seconds
from .._core.plan import Context, Outcome
from .._core.problems import Problems
from .._core.runtime import Runtime
from .._core.secrets import mark_as_secret
from .._core.timestamps import format_utc, parse_time_option
from .._core.validation import existing_bucket_name_problem
from .._core.values import none_if_blank
from .._state_file.store import Store, parse_store
from .._vonage import project as vonage
from .._vonage.client import Client
from .._vonage.project import Project
from . import archive_objects, archives, listing
from .target import fetch_target

LIMIT = 100
STUCK_AFTER = 3600
BUCKET_LIMIT = 1000

ARGUMENTS: dict[str, t.Any] = {
    "status": {"type": "list", "elements": "str", "choices": list(archives.STATUSES)},
    "since": {"type": "str"},
    "limit": {"type": "int", "default": LIMIT},
    "target_set_at": {"type": "str"},
    "state_file": {"type": "str"},
    "stuck_after": {"type": "str", "default": STUCK_AFTER},
    "bucket": {"type": "str"},
    "bucket_limit": {"type": "int", "default": BUCKET_LIMIT},
    "include_urls": {"type": "bool", "default": False},
    **vonage.ARGUMENTS,
    **aws.ARGUMENTS,
}


@dataclass(frozen=True)
class ArchiveInfoParams:
    """The parsed options; times are Unix seconds.

    :param statuses: the statuses of archives to return; empty for all.
    :param store: the location of the state file.
    :param operator: the connection for the check of ``bucket``.
    """

    project: Project
    statuses: frozenset[str]
    since: float | None
    limit: int
    target_set_at: float | None
    store: Store | None
    stuck_after: float
    bucket: str | None
    bucket_limit: int
    include_urls: bool
    operator: aws.Connection | None


def reconcile(options: t.Mapping[str, t.Any], context: Context) -> Outcome:
    """List the archives of a project, and summarize the health of their uploads."""
    runtime = context.runtime
    now = runtime.now()
    params = parse_params(options, context.environ, now)
    context.register_secret(params.project.secret)
    client = Client(params.project, runtime=runtime)
    client.prepare()
    target_set, unknown_reason = _fetch_target_time(params, now)
    archive_list = listing.fetch_archives(
        lambda offset, count: listing.fetch_page(client, params.project, offset, count), params.since, runtime
    )
    health = archives.health(archive_list.archives, now, target_set, params.stuck_after)
    if not archive_list.complete:
        context.warn(
            f"Archives of {params.project.name} were deleted while the list was fetched: some archives may be missing "
            "in the result."
        )
        # The archives that were not listed may have a problem.
        health["ok"] = None if health["ok"] else health["ok"]
    health["target_set_at"] = None if target_set is None else format_utc(target_set)
    health["reason"] = unknown_reason
    _check_objects(params, archive_list, health, runtime)
    return Outcome(False, _result(params, archive_list, health))


def _check_objects(
    params: ArchiveInfoParams, archive_list: listing.Listing, health: dict[str, t.Any], runtime: Runtime
) -> None:
    if params.bucket and params.operator:
        uploaded = [archive for archive in archive_list.archives if archive.status == "uploaded"]
        bucket = Bucket(params.bucket, params.operator, runtime)
        objects = archive_objects.check_objects(bucket, params.project.id, uploaded, params.bucket_limit)
        health["objects"] = objects
        health["ok"] = health["ok"] if archive_objects.is_ok(objects) else False


def _result(params: ArchiveInfoParams, archive_list: listing.Listing, health: dict[str, t.Any]) -> dict[str, t.Any]:
    matching = [
        archive for archive in archive_list.archives if not params.statuses or archive.status in params.statuses
    ]
    returned = matching[: params.limit]
    for archive in returned if params.include_urls else ():
        # Context.register_secret() would redact the URL in the result.
        mark_as_secret(archive.url)
    return {
        "project": params.project.id,
        "total": archive_list.total,
        "complete": archive_list.complete,
        "matching": len(matching),
        "archives": [archive.to_result(params.include_urls) for archive in returned],
        "health": health,
    }


def parse_params(options: t.Mapping[str, t.Any], environ: t.Mapping[str, str], now: float) -> ArchiveInfoParams:
    """Parse the options, offline.

    :raises InputError: with all problems.
    """
    problems = Problems()
    project = vonage.parse_project(options, environ, problems)
    statuses = frozenset(options.get("status") or ())
    if none_if_blank(options.get("state_file")) and none_if_blank(options.get("target_set_at")):
        problems.add("", "state_file and target_set_at are mutually exclusive")
    bucket = none_if_blank(options.get("bucket"))
    problems.add_if("bucket", existing_bucket_name_problem(str(bucket)) if bucket else None)
    since, target_set_at = (parse_time_option(options, name, now, problems) for name in ("since", "target_set_at"))
    limit, bucket_limit = (
        int(parse_number(options, name, default, problems, whole=True))
        for name, default in (("limit", LIMIT), ("bucket_limit", BUCKET_LIMIT))
    )
    stuck_after = int(parse_seconds(options, "stuck_after", STUCK_AFTER, problems))
    operator = _parse_operator(options, environ, problems) if bucket else None
    store = parse_store(options, environ, project.id if project else "", problems)
    problems.raise_if_any()
    return ArchiveInfoParams(
        project=t.cast("Project", project),
        statuses=statuses,
        since=since,
        limit=limit,
        target_set_at=target_set_at,
        store=store,
        stuck_after=stuck_after,
        bucket=bucket,
        bucket_limit=bucket_limit,
        include_urls=options.get("include_urls") is True,
        operator=operator,
    )


def _parse_operator(
    options: t.Mapping[str, t.Any], environ: t.Mapping[str, str], problems: Problems
) -> aws.Connection | None:
    try:
        return aws.connection(options, environ)
    except InputError as exc:
        problems.extend(exc.problems)
        return None


def _fetch_target_time(params: ArchiveInfoParams, now: float) -> tuple[float | None, str | None]:
    """The time since which there is an upload target; if it is unknown, the reason."""
    if params.store is None:
        unknown = params.target_set_at is None
        return params.target_set_at, "neither state_file nor target_set_at is set" if unknown else None
    target, reason = fetch_target(params.store, params.project, now)
    return (target.target_since, None) if target else (None, reason)
