# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Use case of the action ``archive_fleet_report``: show the report, and write it to files or to a bucket.

PRIVATE to the collection ``vonage.archiving``: there is no stability promise outside of it.
"""

from __future__ import annotations

import json
import os
import secrets
import typing as t

from .._aws import session as aws
from .._aws.s3_client import Bucket
from .._aws.s3_naming import STATE_FILE_PREFIX
from .._aws.s3_objects import put_small_object
from .._core import errors
from .._core.atomic_file import replace_file
from .._core.plan import Context, Outcome
from .._core.problems import Problem, Problems
from .._core.validation import bucket_name_problem
from .._core.values import none_if_blank
from . import html_page, report
from .statement import format_statement

ARGUMENTS: dict[str, t.Any] = {
    "report_path": {"type": "str"},
    "show": {"type": "bool", "default": True},
    **aws.ARGUMENTS,
}
S3 = "s3://"
HTML, JSON = "text/html; charset=utf-8", "application/json"
EXTENSIONS = (".html", ".json")
Write = t.Callable[[str, bytes, str], None]


class HostResult(t.NamedTuple):
    """A host of the play, and its registered result.

    :param variables: the id and the name of its project.
    :param result: of its task; ``None`` if there is none.
    """

    host: str
    variables: t.Mapping[str, t.Any]
    result: t.Mapping[str, t.Any] | None


def reconcile(
    params: t.Mapping[str, t.Any], context: Context, hosts: t.Iterable[HostResult], show: t.Callable[[str], None]
) -> Outcome:
    """Show the report, and write it if a path is set.

    :param show: shows a text to the user.
    """
    now = context.runtime.now()
    rows = [report.build_row(host.host, host.variables, host.result, now) for host in hosts]
    if params.get("show") is not False:
        *table, summary = report.format_table(rows, context.check_mode)
        show("\n".join([*table, *format_statement(rows, context.check_mode), summary]))
    path = none_if_blank(params.get("report_path"))
    locations = _write_report(str(path), rows, now, params, context) if path else None
    return Outcome(False, {"summary": report.summarize(rows), "report": locations})


def _write_report(
    path: str, rows: t.Sequence[report.Row], now: float, params: t.Mapping[str, t.Any], context: Context
) -> dict[str, str]:
    """Write the page and the data, and return their locations."""
    stem = path[: -len(".html")] if path.endswith(EXTENSIONS) else path
    if not stem or stem.endswith("/"):
        raise errors.InputError([Problem("report_path", f"{path!r} does not name a file")])
    files = {
        f"{stem}.html": (html_page.format_page(rows, now, context.check_mode), HTML),
        f"{stem}.json": (json.dumps(report.build_data(rows, now, context.check_mode), indent=1) + "\n", JSON),
    }
    write = _bucket_writer(stem, params, context) if path.startswith(S3) else _write_file
    for location, (text, content_type) in files.items():
        write(location, text.encode(), content_type)
    return dict(zip(("html", "json"), files))


def _write_file(path: str, data: bytes, _content_type: str) -> None:
    """Write the file atomically."""
    try:
        final = os.path.expanduser(path)
        # An unpredictable name, and the mode that the umask gives. ``tempfile`` does not offer the latter.
        temporary = os.path.join(os.path.dirname(final) or ".", f".{secrets.token_hex(8)}.part")
        replace_file(final, data, temporary, 0o666)
    except (OSError, ValueError) as exc:  # ValueError: a null character in the name
        reason = getattr(exc, "strerror", None) or str(exc)
        hint = "Set archive_fleet_report_path to a path in an existing folder in which you can create files."
        raise errors.RejectedError(f"write the report {path}", reason, hint) from exc


def _bucket_writer(stem: str, params: t.Mapping[str, t.Any], context: Context) -> Write:
    bucket, _slash, key = stem[len(S3) :].partition("/")
    problems = Problems()
    problems.add_if("report_path", bucket_name_problem(bucket))
    if not key.strip("/"):
        problems.add("report_path", f"{stem} does not name an object in the bucket")
    if key.startswith(STATE_FILE_PREFIX):
        problems.add("report_path", f"keys below {STATE_FILE_PREFIX} are reserved for the state files of projects")
    problems.raise_if_any()
    store = Bucket(bucket, aws.connection(params, context.environ))

    def write(location: str, data: bytes, content_type: str) -> None:
        object_key = location[len(S3) :].partition("/")[2]
        put_small_object(store, object_key, data, f"write the report {location}", ContentType=content_type)

    return write
