# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The four lines at the end of a run of a fleet. Pure.

PRIVATE to the collection ``vonage.archiving``: there is no stability promise outside of it.

They contain the same as those of the role: the location of recordings, the verification, the access keys with the next
rotation, and the changes. The summary follows.
"""

from __future__ import annotations

import typing as t

from .._core.values import first_few
from .report import CHANGED, MAX_IDS, OK, Row, to_printable


def format_statement(rows: t.Sequence[Row], check_mode: bool = False) -> list[str]:
    """Return the lines to show to the user."""
    successful = [row for row in rows if row.state in (OK, CHANGED)]
    verb = "would upload" if check_mode else "upload"
    lines = [
        f"Recordings: {len(successful)} of {len(rows)} projects {verb} to the targets in the table.",
        _verification(successful, check_mode),
        _rotation(successful),
        _changes(rows, check_mode),
    ]
    return [to_printable(line) for line in lines]


def _verification(rows: t.Sequence[Row], check_mode: bool) -> str:
    if check_mode:
        return "Not verified: check mode uploads nothing."
    verified = sum(row.verified for row in rows)
    others = [row for row in rows if not row.verified]
    # A changed project is not verified if archive_storage_verify is never.
    has_changed = any(row.state == CHANGED for row in others)
    rest = " The others were not verified." if has_changed else " For the others, nothing changed that affects uploads."
    return f"Verified: uploads of {verified} of these projects passed all checks in this run.{rest if others else ''}"


def _rotation(rows: t.Sequence[Row]) -> str:
    due = sorted((row.rotate_at, row.project) for row in rows if row.rotate_at)
    if not due:
        return "Access keys: no rotation is due."
    time, project = due[0]
    return f"Access keys: the next rotation is due on {str(time)[:10]}, for project {project}."


def _changes(rows: t.Sequence[Row], check_mode: bool) -> str:
    changed = [row.project for row in rows if row.state == CHANGED]
    # Before it failed, a project may have changed something: its message states it.
    has_failed = any(row.state not in (OK, CHANGED) for row in rows)
    if changed:
        verb = "Would change" if check_mode else "Changed"
        text = f"{verb}: {len(changed)} of {len(rows)} projects ({first_few(changed, MAX_IDS)})."
    else:
        text = "No successful project was changed." if has_failed else "Nothing was changed."
    return f"{text} The messages above contain the changes of failed projects." if has_failed else text
