# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Use case of the module ``vonage_archive_info``: what became of a project's recordings.

PRIVATE to the collection ``vonage.archiving``: there is no stability promise outside of it.
"""

from __future__ import annotations

import time
import typing as t
from dataclasses import dataclass

from .._aws import s3_naming as names
from .._aws import session as aws
from .._aws.s3_client import Bucket
from .._core import errors
from .._core.plan import Context, Outcome
from .._core.secrets import mark_as_secret
from .._core.timestamps import moment
from .._core.values import given, quote_list
from .._state_file import state
from .._state_file.store import Store, parse_store
from .._vonage import project as vonage
from .._vonage.client import Client
from .._vonage.project import Project
from . import archive_objects, archives, listing

LIMIT = 100
STUCK_AFTER = 3600
BUCKET_LIMIT = 1000

ARGUMENTS: dict[str, t.Any] = {
    "status": {"type": "list", "elements": "str", "choices": list(archives.STATUSES)},
    "since": {"type": "str"},
    "limit": {"type": "int", "default": LIMIT},
    "target_set_at": {"type": "str"},
    "state_file": {"type": "str"},
    "stuck_after": {"type": "int", "default": STUCK_AFTER},
    "bucket": {"type": "str"},
    "bucket_limit": {"type": "int", "default": BUCKET_LIMIT},
    "include_urls": {"type": "bool", "default": False},
    **vonage.ARGUMENTS,
    **aws.ARGUMENTS,
}


@dataclass(frozen=True)
class Asked:
    """What the options ask for; times are Unix seconds.

    :param statuses: of the archives to return; empty for all.
    :param operator: for the check of ``bucket``.
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
    urls: bool
    operator: aws.Connection | None


def gather(params: t.Mapping[str, t.Any], context: Context) -> Outcome:
    """List the archives and say how their uploads went."""
    now = time.time()
    asked = options(params, context.environ, now)
    client = Client(asked.project)
    client.prepare()
    target_set, why = _target_set(asked, now)
    found = listing.read(lambda offset, count: listing.fetch_page(client, asked.project, offset, count), asked.since)
    health = archives.health(found.archives, now, target_set, asked.stuck_after)
    if not found.complete:
        context.warn(f"Archives of {asked.project.name} were deleted while they were listed: some may be left out.")
        # Nothing wrong among what was found says nothing of the rest.
        health["ok"] = None if health["ok"] else health["ok"]
    health["target_set_at"] = None if target_set is None else state.stamp(target_set)
    health["why"] = why
    _look_into_bucket(asked, found, health)
    return Outcome(False, _result(asked, found, health))


def _look_into_bucket(asked: Asked, found: listing.Listing, health: dict[str, t.Any]) -> None:
    if asked.bucket and asked.operator:
        uploaded = [each for each in found.archives if each.status == "uploaded"]
        bucket = Bucket(asked.bucket, asked.operator)
        health["objects"] = archive_objects.check(bucket, asked.project.id, uploaded, asked.bucket_limit)
        health["ok"] = health["ok"] if archive_objects.is_good(health["objects"]) else False


def _result(asked: Asked, found: listing.Listing, health: dict[str, t.Any]) -> dict[str, t.Any]:
    matching = [each for each in found.archives if not asked.statuses or each.status in asked.statuses]
    returned = matching[: asked.limit]
    for each in returned if asked.urls else ():
        mark_as_secret(each.url)
    return {
        "project": asked.project.id,
        "total": found.total,
        "complete": found.complete,
        "matching": len(matching),
        "archives": [each.shown(asked.urls) for each in returned],
        "health": health,
    }


def options(params: t.Mapping[str, t.Any], environ: t.Mapping[str, str], now: float) -> Asked:
    """What the options ask for.

    :raises InputError: with everything that is wrong, before anything is sent.
    """
    problems: list[str] = []
    project = vonage.project(params, environ, problems)
    statuses = frozenset(params.get("status") or ())
    unknown = sorted(statuses - set(archives.STATUSES))
    if unknown:
        problems.append(f"status has {quote_list(unknown)}; known are {', '.join(archives.STATUSES)}")
    if given(params.get("state_file")) and given(params.get("target_set_at")):
        problems.append("state_file and target_set_at are mutually exclusive")
    bucket = given(params.get("bucket"))
    problems += [why for why in [names.legacy_bucket_problem(bucket) if bucket else None] if why]
    since, target_set_at = (moment(params, name, now, problems) for name in ("since", "target_set_at"))
    limit, bucket_limit, stuck_after = (
        int(vonage.number(params, name, usual, problems, whole=True))
        for name, usual in (("limit", LIMIT), ("bucket_limit", BUCKET_LIMIT), ("stuck_after", STUCK_AFTER))
    )
    operator = _operator(params, environ, problems) if bucket else None
    store = parse_store(params, environ, project.id if project else "", problems)
    if problems or not project:
        error = errors.InputError(list(dict.fromkeys(problems)))
        error.secrets = vonage.misplaced(params)
        raise error
    mark_as_secret(project.secret)
    urls = params.get("include_urls") is True
    return Asked(
        project, statuses, since, limit, target_set_at, store, stuck_after, bucket, bucket_limit, urls, operator
    )


def _operator(
    params: t.Mapping[str, t.Any], environ: t.Mapping[str, str], problems: list[str]
) -> aws.Connection | None:
    try:
        return aws.connection(params, environ)
    except errors.InputError as exc:
        problems.extend(exc.problems)
        return None


def _target_set(asked: Asked, now: float) -> tuple[float | None, str | None]:
    """Since when there is an upload target; where that is not known, why."""
    if asked.store is None:
        unknown = asked.target_set_at is None
        return asked.target_set_at, "neither state_file nor target_set_at is set" if unknown else None
    held = asked.store.read()
    if held.data is None:
        return (
            None,
            "there is no state file" if held.bucket_exists else "there is no state file: its bucket does not exist",
        )
    try:
        last = state.parse(held.data)
    except ValueError as exc:
        return None, str(exc)
    why = state.doubt(last, asked.project.id, asked.project.api_url, now)
    if last.status == state.ABSENT:
        why = why or "the state file says that there is no upload target"
    return (None, why) if why else (last.target_since, None)
