# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The options of the module ``vonage_archive_audit``.

PRIVATE to the collection ``vonage.archiving``: there is no stability promise outside of it.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from .._archives.archives import MAX_IDS
from .._aws import session as aws
from .._core.params import parse_number, parse_seconds
from .._core.problems import Problems
from .._core.timestamps import parse_time_option
from .._core.validation import existing_bucket_name_problem
from .._core.values import DAYS_FORMS, describe_value, none_if_blank, parse_days
from .._state_file.store import Store, parse_store
from .._vonage import project as vonage
from .._vonage.project import Project

SINCE = "7d"
STUCK_AFTER = 3600
MISSING = ("fail", "report")

ARGUMENTS: dict[str, t.Any] = {
    "bucket": {"type": "str"},
    "since": {"type": "str", "default": SINCE},
    "state_file": {"type": "str"},
    "target_set_at": {"type": "str"},
    "stuck_after": {"type": "str", "default": "1h"},
    "retention_days": {"type": "str"},
    "missing": {"type": "str", "choices": list(MISSING), "default": MISSING[0]},
    "acknowledged": {"type": "list", "elements": "str"},
    "sample": {"type": "int", "default": 0},
    "limit": {"type": "int", "default": MAX_IDS},
    **vonage.ARGUMENTS,
    **aws.ARGUMENTS,
}


@dataclass(frozen=True)
class AuditParams:
    """The parsed options; times are Unix seconds.

    :param bucket: empty for the bucket in the state file.
    :param store: the location of the state file.
    :param stuck_after: seconds.
    :param retention_days: ``None`` to read the lifecycle rules of the bucket; 0 for no retention.
    :param fails_if_missing: whether missing recordings are lost, and not deleted on purpose.
    :param sample: the number of objects to verify by their content.
    :param limit: the maximum number of ids for each state.
    """

    project: Project
    operator: aws.Connection
    bucket: str
    since: float
    target_set_at: float | None
    store: Store | None
    stuck_after: float
    retention_days: int | None
    fails_if_missing: bool
    acknowledged: frozenset[str]
    sample: int
    limit: int


def parse_params(options: t.Mapping[str, t.Any], environ: t.Mapping[str, str], now: float) -> AuditParams:
    """Parse the options, offline.

    :raises InputError: with all problems.
    """
    problems = Problems()
    project = vonage.parse_project(options, environ, problems)
    operator = problems.collect(aws.connection, options, environ)
    bucket = str(none_if_blank(options.get("bucket")) or "")
    problems.add_if("bucket", existing_bucket_name_problem(bucket) if bucket else None)
    has_state_file = bool(none_if_blank(options.get("state_file")))
    if has_state_file and none_if_blank(options.get("target_set_at")):
        problems.add("", "state_file and target_set_at are mutually exclusive")
    if not bucket and not has_state_file:
        problems.add("bucket", "is required without state_file, which contains the bucket of the upload target")
    since = parse_time_option({"since": none_if_blank(options.get("since")) or SINCE}, "since", now, problems)
    target_set_at = parse_time_option(options, "target_set_at", now, problems)
    retention_days = none_if_blank(options.get("retention_days"))
    if retention_days is not None and parse_days(retention_days) is None:
        problem = f"{describe_value(retention_days)} is not a number of days. Use {DAYS_FORMS}, or 0 for never"
        problems.add("retention_days", problem)
    sample, limit = (
        int(parse_number(options, name, default, problems, whole=True))
        for name, default in (("sample", 0), ("limit", MAX_IDS))
    )
    stuck_after = parse_seconds(options, "stuck_after", STUCK_AFTER, problems)
    store = parse_store(options, environ, project.id if project else "", problems) if operator else None
    problems.raise_if_any()
    return AuditParams(
        project=t.cast("Project", project),
        operator=t.cast("aws.Connection", operator),
        bucket=bucket,
        since=t.cast(float, since),
        target_set_at=target_set_at,
        store=store,
        stuck_after=stuck_after,
        retention_days=parse_days(retention_days),
        fails_if_missing=options.get("missing") != "report",
        acknowledged=frozenset(str(item).strip() for item in options.get("acknowledged") or ()),
        sample=sample,
        limit=limit,
    )
