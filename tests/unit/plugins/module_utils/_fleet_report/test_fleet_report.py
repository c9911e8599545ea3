# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The report of a fleet: rows, summary, table, and data."""

from __future__ import annotations

import json
import random
import typing as t

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.vonage.archiving.plugins.module_utils._core.timestamps import format_utc
from ansible_collections.vonage.archiving.plugins.module_utils._fleet_report import report
from ansible_collections.vonage.archiving.plugins.module_utils._fleet_report.report import (
    CHANGED,
    FAILED,
    NOT_RUN,
    OK,
    Row,
)
from ansible_collections.vonage.archiving.tests.unit.plugins.module_utils._fleet_report import fleet_results as results
from ansible_collections.vonage.archiving.tests.unit.plugins.module_utils._fleet_report.fleet_results import (
    ARCHIVES,
    DAY,
    EXTERNAL_KEY,
    HOSTILE,
    MANAGED_KEY,
    NAMED,
    NOW,
    PROJECT,
    ROWS,
)


def build_row(result: t.Mapping[str, t.Any] | None, host: str = "h", **facts: t.Any) -> Row:
    return report.build_row(host, {**NAMED, **facts}, result, NOW)


def create_row(state: str = OK, host: str = "h", project: str = PROJECT, **fields: t.Any) -> Row:
    return Row(host, project, fields.pop("name", ""), "", state, fields.pop("reason", "unchanged"), **fields)


def test_build_row_external_key_returns_age_of_target() -> None:
    actual = build_row(EXTERNAL_KEY)
    assert (actual.state, actual.project, actual.name, actual.reason) == (OK, PROJECT, "acme", "unchanged")
    assert actual.target == f"s3://recordings/{PROJECT}/"
    # The store does not return when the key was created: since the target was set.
    assert (actual.key_age, actual.age) == (3 * DAY, "3 d")
    assert actual.uploads == "20 uploaded"
    assert actual.is_routine
    assert not actual.has_failed_uploads


def test_build_row_managed_key_returns_age_of_key() -> None:
    actual = build_row(MANAGED_KEY)
    assert (actual.key_age, actual.rotate_at) == (40 * DAY, format_utc(NOW + 50 * DAY))
    assert build_row({**MANAGED_KEY, "access_keys": [{"in_target": True, "created": None}]}).key_age == 3 * DAY
    changed = build_row(
        {
            **MANAGED_KEY,
            "changed": True,
            "bucket_changes": ["tags"],
            "uploader_changes": ["target"],
            "retained_keys_reason": "w",
        }
    )
    assert (changed.state, changed.changes, changed.cells()[4]) == (CHANGED, ("tags", "target"), "unchanged, w")


def test_build_row_failed_returns_message_and_changes() -> None:
    actual = build_row(results.FAILED)
    # Although the run changed the bucket before.
    assert (actual.state, actual.reason, actual.changes) == (FAILED, "Could not do it: 403.", ("tags",))
    assert actual.problem == {"kind": "denied", "operation": "do it", "problem": "403"}
    assert (actual.target, actual.uploads, actual.age, actual.is_routine) == ("", "not known", "not known", False)


@pytest.mark.parametrize(
    ("result", "state", "reason"),
    [
        (None, NOT_RUN, "the run did not reach it"),
        (
            {"skipped": True, "changed": False, "skip_reason": "Conditional result was False"},
            NOT_RUN,
            "its task was skipped",
        ),
        ({"unreachable": True, "changed": False, "msg": "no route"}, FAILED, "no route"),
        ({"failed": True}, FAILED, "the task failed without a message"),
        ({"failed": True, "msg": ["a", "b"]}, FAILED, "['a', 'b']"),
        ({"failed": True, "msg": "template error", "error": None}, FAILED, "template error"),
        ({}, OK, ""),
        ({"changed": True}, CHANGED, ""),
    ],
)
def test_build_row_other_results_returns_state_and_reason(result: t.Any, state: str, reason: str) -> None:
    actual = build_row(result, host="acme-1")
    assert (actual.state, actual.reason, actual.project, actual.host) == (state, reason, PROJECT, "acme-1")
    json.dumps(report.build_data([actual], NOW, False))
    assert report.format_table([actual])


def test_build_row_host_of_another_inventory_returns_project() -> None:
    assert report.build_row("h", {}, None, NOW).project == "h"
    assert report.build_row("h", {"vonage_project_id": 7, "vonage_project_name": None}, None, NOW).cells()[:2] == (
        "7",
        "",
    )
    assert report.build_row("h", {}, EXTERNAL_KEY, NOW).project == PROJECT


@pytest.mark.parametrize(
    ("state_file", "age"),
    [
        ({"status": "pending", "time": format_utc(NOW)}, "not known"),
        ({"status": None, "time": None}, "not known"),
        ({}, "not known"),
        (None, "not known"),
        ({"status": "applied", "time": format_utc(NOW)}, "0 min"),
        ({"status": "applied", "time": format_utc(NOW - 3599)}, "59 min"),
        ({"status": "applied", "time": format_utc(NOW - DAY + 1)}, "23 h"),
        ({"status": "applied", "time": format_utc(NOW - DAY)}, "1 d"),
        ({"status": "applied", "time": format_utc(NOW + DAY)}, "0 min"),
    ],
)
def test_age_of_state_file_is_formatted(state_file: t.Any, age: str) -> None:
    assert build_row({**EXTERNAL_KEY, "state_file": state_file}).age == age


@pytest.mark.parametrize(
    ("archives", "text", "has_failed_uploads"),
    [
        (None, "not known", False),
        ({**ARCHIVES, "uploaded": 0}, "none yet", False),
        ({**ARCHIVES, "ok": None, "in_cloud": 2}, "20 uploaded, 2 in Vonage's cloud", False),
        ({**ARCHIVES, "ok": False, "fell_back": 2, "failed": 1}, "20 uploaded, 2 fell back, 1 failed", True),
    ],
)
def test_uploads_any_counts_are_formatted(archives: t.Any, text: str, has_failed_uploads: bool) -> None:
    actual = build_row({**EXTERNAL_KEY, "archives": archives})
    assert (actual.uploads, actual.has_failed_uploads, actual.is_routine) == (
        text,
        has_failed_uploads,
        not has_failed_uploads,
    )


@given(ROWS, st.randoms(use_true_random=False))
def test_sort_rows_shuffled_returns_same_order(rows: list[Row], rng: random.Random) -> None:
    rows = [Row(**{**row.__dict__, "host": str(at)}) for at, row in enumerate(rows)]
    shuffled = list(rows)
    rng.shuffle(shuffled)
    sorted_rows = report.sort_rows(shuffled)
    assert sorted_rows == report.sort_rows(rows)
    assert report.format_table(shuffled) == report.format_table(rows)
    states = [report.STATES.index(row.state) for row in sorted_rows]
    assert states == sorted(states)
    for before, after in zip(sorted_rows, sorted_rows[1:]):
        assert before.state != after.state or before.has_failed_uploads >= after.has_failed_uploads


@given(ROWS)
def test_summarize_any_rows_counts_add_up(rows: list[Row]) -> None:
    summary = report.summarize(rows)
    assert summary["total"] == len(rows) == sum(summary[name] for name in ("ok", "changed", "failed", "not_run"))
    assert sum(summary["reasons"].values()) == summary["ok"] + summary["changed"]
    assert len(summary["failed_projects"]) == summary["failed"] + summary["not_run"]
    assert len(summary["troubled_projects"]) == sum(row.has_failed_uploads for row in rows)
    assert len(summary["repeated_projects"]) == len(set(summary["repeated_projects"]))


@given(ROWS, st.booleans())
def test_format_table_any_rows_is_printable(rows: list[Row], check_mode: bool) -> None:
    lines = report.format_table(rows, check_mode)
    assert all(line.isprintable() for line in lines)
    "\n".join(lines).encode()
    table = lines[2 : 2 + min(len(rows), report.MAX_ROUTINE_LINES)]
    assert lines[0].startswith("project  ")
    assert len(table) == len(rows)
    assert lines[-1].endswith(report.CHECK_MODE_NOTE) is check_mode


def test_format_table_rows_that_need_attention_come_first() -> None:
    rows = [
        create_row(project="3", name="c", key_age=2 * DAY, archives=ARCHIVES),
        create_row(FAILED, project="2", name="b", reason="it broke " * 20),
        create_row(NOT_RUN, project="10", reason="the run did not reach it"),
        create_row(OK, project="1", archives={**ARCHIVES, "ok": False, "stuck": 1}),
    ]
    lines = report.format_table(rows)
    assert [line.split()[0] for line in lines[2:6]] == ["2", "10", "1", "3"]
    assert "it broke it broke it broke it broke i..." in lines[2]
    assert lines[6:9] == ["", f"2: {'it broke ' * 20}", "10: the run did not reach it"]
    assert lines[-1] == "4 projects: 1 failed, 1 not run, 2 ok. Uploads failed in 1 project: 1."
    assert max(map(len, lines[:6])) < 200


def test_format_table_none_and_one_row_returns_summary() -> None:
    assert report.format_table([])[2:] == ["", "0 projects: none."]
    assert report.format_table([create_row()])[-1] == "1 project: 1 ok."


def test_format_table_thousand_rows_limits_routine_rows() -> None:
    rows = [create_row(host=str(at), project=f"{at:04}") for at in range(1000)]
    lines = report.format_table(rows)
    assert len(lines) == 2 + report.MAX_ROUTINE_LINES + 3
    assert "... and 950 more without changes" in lines
    # Rows that need attention are not limited.
    broken = [create_row(FAILED, host=str(at), project=f"{at:04}", reason="it broke") for at in range(1000)]
    assert sum("it broke" in line for line in report.format_table(broken)) == 2000
    many = report.format_summary(
        report.summarize([create_row(archives={"ok": False}, project=str(at)) for at in range(25)])
    )
    assert many.endswith("and 5 more.")


def test_summarize_hosts_of_same_project_are_repeated() -> None:
    summary = report.summarize([create_row(host="a"), create_row(host="b"), create_row(host="c", project="other")])
    assert summary["repeated_projects"] == [PROJECT]
    assert "Projects of more than one host: 47123456." in report.format_summary(summary)


@pytest.mark.parametrize("name", HOSTILE)
def test_format_table_hostile_name_is_printable(name: str) -> None:
    lines = report.format_table([create_row(FAILED, host=name, project=name, name=name, reason=name)])
    assert all(line.isprintable() for line in lines)
    # Two lines of header, the row, the message, and the summary, the latter two after an empty line.
    assert len(lines) == 7
    plain = report.format_table([create_row(name="x" * 10_000)])
    assert len(plain[2]) < 200


@given(ROWS, st.booleans())
def test_build_data_any_rows_is_json(rows: list[Row], check_mode: bool) -> None:
    data = json.loads(json.dumps(report.build_data(rows, NOW, check_mode)))
    assert (data["format"], data["time"], data["check_mode"]) == (1, format_utc(NOW), check_mode)
    assert len(data["projects"]) == len(rows) == data["summary"]["total"]


def test_build_data_noisy_result_contains_no_secret() -> None:
    secret = {"api_secret": "hidden", "invocation": {"module_args": {"secret_key": "hidden"}}, "diff": {"a": "hidden"}}
    noisy = {
        **MANAGED_KEY,
        **secret,
        "error": {"kind": "x", "secret": "hidden"},
        "storage": {"bucket": "b", "k": "hidden"},
    }
    for result in (noisy, {**noisy, "failed": True}):
        text = json.dumps(report.build_data([build_row(result, api_secret="hidden")], NOW, False))
        assert "hidden" not in text
        assert "AKIA" not in text
