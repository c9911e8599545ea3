# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The last four lines of a run of a fleet."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.vonage.archiving.plugins.module_utils._fleet_report.report import (
    CHANGED,
    FAILED,
    NOT_RUN,
    OK,
    Row,
)
from ansible_collections.vonage.archiving.plugins.module_utils._fleet_report.statement import format_statement


def row(project: str, state: str = OK, **values: t.Any) -> Row:
    return Row(host=project, project=project, name="", target=f"s3://b/{project}/", state=state, reason="", **values)


STEADY = [row("2", rotate_at="2027-03-01T00:00:00Z"), row("1", rotate_at="2027-02-19T09:12:44Z")]
NEW = row("3", CHANGED, rotate_at="2027-04-01T00:00:00Z", verified=True)


def test_format_statement_of_a_steady_fleet() -> None:
    assert format_statement(STEADY) == [
        "Recordings: 2 of 2 projects upload to the targets in the table.",
        "Verified: uploads of 0 of these projects passed all checks in this run. For the others, nothing changed that "
        "affects uploads.",
        "Access keys: the next rotation is due on 2027-02-19, for project 1.",
        "Nothing was changed.",
    ]


def test_format_statement_of_changed_and_failed_projects() -> None:
    lines = format_statement([*STEADY, NEW, row("4", FAILED), row("5", NOT_RUN)])
    assert lines[0] == "Recordings: 3 of 5 projects upload to the targets in the table."
    assert lines[1].startswith("Verified: uploads of 1 of these projects passed all checks in this run. For the others")
    assert lines[3] == "Changed: 1 of 5 projects (3). The messages above contain the changes of failed projects."


def test_format_statement_does_not_claim_that_a_changed_project_without_verification_is_unaffected() -> None:
    assert format_statement([NEW, row("4", CHANGED)])[1].endswith(" in this run. The others were not verified.")


@pytest.mark.parametrize(
    ("rows", "check_mode", "line", "text"),
    [
        ([NEW], True, 0, "Recordings: 1 of 1 projects would upload to the targets in the table."),
        ([NEW], True, 1, "Not verified: check mode uploads nothing."),
        ([NEW], True, 3, "Would change: 1 of 1 projects (3)."),
        ([NEW], False, 1, "Verified: uploads of 1 of these projects passed all checks in this run."),
        ([row("1")], False, 2, "Access keys: no rotation is due."),
        ([row("1", FAILED)], False, 3, "No successful project was changed. The messages above contain the changes of"),
        ([row("\x1b[31m", CHANGED)], False, 3, "Changed: 1 of 1 projects ("),
    ],
)
def test_format_statement_lines(rows: list[Row], check_mode: bool, line: int, text: str) -> None:
    lines = format_statement(rows, check_mode)
    assert lines[line].startswith(text)
    assert all(line.isprintable() for line in lines)
