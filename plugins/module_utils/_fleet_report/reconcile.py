# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where the report of a fleet is written to: files on the controller, or objects in a bucket.

PRIVATE to the collection ``vonage.archiving``: there is no stability promise outside of it.
"""

from __future__ import annotations

import json
import os
import secrets
import time
import typing as t

from .._aws import session as aws
from .._aws.s3_client import Bucket
from .._aws.s3_naming import RECORDS_PREFIX, bucket_problem
from .._aws.s3_objects import put_small_object
from .._core import errors
from .._core.atomic_file import replace_file
from .._core.plan import Context, Outcome
from .._core.values import given
from . import html_page, report

ARGUMENTS: dict[str, t.Any] = {
    "report_path": {"type": "str"},
    "show": {"type": "bool", "default": True},
    **aws.ARGUMENTS,
}
S3 = "s3://"
HTML, JSON = "text/html; charset=utf-8", "application/json"
ENDINGS = (".html", ".json")


class Told(t.NamedTuple):
    """A host, its variables as far as they matter here, and the result of its task if there was one."""

    host: str
    facts: t.Mapping[str, t.Any]
    result: t.Mapping[str, t.Any] | None


def publish(
    params: t.Mapping[str, t.Any], context: Context, every: t.Iterable[Told], show: t.Callable[[str], None]
) -> Outcome:
    """Tell what became of the projects; write the report if that is asked for.

    :param show: shows a text to the user.
    """
    now = time.time()
    rows = [report.row(*each, now) for each in every]
    if params.get("show") is not False:
        show("\n".join(report.as_text(rows, context.check_mode)))
    found = report.summary(rows)
    path = given(params.get("report_path"))
    places = _write(str(path), rows, now, params, context) if path else None
    return Outcome(False, {"summary": found, "report": places})


def _write(
    path: str, rows: t.Sequence[report.Row], now: float, params: t.Mapping[str, t.Any], context: Context
) -> dict[str, str]:
    """Both forms; where they are."""
    stem = path[: -len(".html")] if path.endswith(ENDINGS) else path
    if not stem or stem.endswith("/"):
        raise errors.InputError([f"report_path {path!r} names no file"])
    texts = {
        f"{stem}.html": (html_page.page(rows, now, context.check_mode), HTML),
        f"{stem}.json": (json.dumps(report.as_data(rows, now, context.check_mode), indent=1) + "\n", JSON),
    }
    write = _to_bucket(stem, params, context) if path.startswith(S3) else _to_file
    for where, (text, kind) in texts.items():
        write(where, text.encode(), kind)
    return dict(zip(("html", "json"), texts))


def _to_file(path: str, data: bytes, _kind: str) -> None:
    """Whole or not at all."""
    try:
        final = os.path.expanduser(path)
        # A name that cannot be predicted, and the mode that the umask gives, which ``tempfile`` does not offer.
        temporary = os.path.join(os.path.dirname(final) or ".", f".{secrets.token_hex(8)}.part")
        replace_file(final, data, temporary, 0o666)
    except (OSError, ValueError) as exc:  # the latter for a name that none can be
        why = getattr(exc, "strerror", None) or str(exc)
        hint = "Give archive_fleet_report_path in a folder that is there and may be written to."
        raise errors.RejectedError(f"write the report {path}", why, hint) from exc


def _to_bucket(stem: str, params: t.Mapping[str, t.Any], context: Context) -> t.Callable[[str, bytes, str], None]:
    bucket, _slash, key = stem[len(S3) :].partition("/")
    problem = bucket_problem(bucket) or ("" if key.strip("/") else f"{stem} names no object in the bucket")
    if key.startswith(RECORDS_PREFIX):
        problem = f"below {RECORDS_PREFIX} are the records of projects, which a report could replace"
    if problem:
        raise errors.InputError([f"report_path: {problem}"])
    store = Bucket(bucket, aws.connection(params, context.environ))

    def write(where: str, data: bytes, kind: str) -> None:
        key = where[len(S3) :].partition("/")[2]
        put_small_object(store, key, data, f"write the report {where}", ContentType=kind)

    return write
