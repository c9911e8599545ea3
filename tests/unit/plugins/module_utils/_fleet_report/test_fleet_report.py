# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is told of a fleet: of each project, of all, on the screen and as data."""

from __future__ import annotations

import json
import random
import typing as t

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.vonage.archiving.plugins.module_utils._fleet_report import report
from ansible_collections.vonage.archiving.plugins.module_utils._fleet_report.report import (
    CHANGED,
    FAILED,
    NOT_RUN,
    OK,
    Row,
)
from ansible_collections.vonage.archiving.plugins.module_utils._state_file import state
from ansible_collections.vonage.archiving.tests.unit.plugins.module_utils._fleet_report import fleet_results as results
from ansible_collections.vonage.archiving.tests.unit.plugins.module_utils._fleet_report.fleet_results import (
    ARCHIVES,
    DAY,
    GIVEN,
    HOSTILE,
    MANAGED,
    NAMED,
    NOW,
    PROJECT,
    ROWS,
)


def row(result: t.Mapping[str, t.Any] | None, host: str = "h", **facts: t.Any) -> Row:
    return report.row(host, {**NAMED, **facts}, result, NOW)


def simple(state: str = OK, host: str = "h", project: str = PROJECT, **more: t.Any) -> Row:
    return Row(host, project, more.pop("name", ""), "", state, more.pop("reason", "unchanged"), **more)


def test_a_project_with_a_key_that_is_given() -> None:
    found = row(GIVEN)
    assert (found.state, found.project, found.name, found.reason) == (OK, PROJECT, "acme", "unchanged")
    assert found.target == f"s3://recordings/{PROJECT}/"
    # The store does not tell of the key: since the target was set.
    assert (found.key_age, found.age) == (3 * DAY, "3 d")
    assert found.uploads == "20 uploaded"
    assert found.dull
    assert not found.troubled


def test_a_project_whose_keys_are_made() -> None:
    found = row(MANAGED)
    assert (found.key_age, found.rotate_at) == (40 * DAY, state.stamp(NOW + 50 * DAY))
    assert row({**MANAGED, "access_keys": [{"in_target": True, "created": None}]}).key_age == 3 * DAY
    changed = row(
        {
            **MANAGED,
            "changed": True,
            "bucket_changes": ["tags"],
            "uploader_changes": ["target"],
            "retained_keys_reason": "w",
        }
    )
    assert (changed.state, changed.changes, changed.cells()[4]) == (CHANGED, ("tags", "target"), "unchanged, w")


def test_a_project_that_failed() -> None:
    found = row(results.FAILED)
    # Although something was changed before.
    assert (found.state, found.reason, found.changes) == (FAILED, "Could not do it: 403.", ("tags",))
    assert found.problem == {"kind": "denied", "operation": "do it", "problem": "403"}
    assert (found.target, found.uploads, found.age, found.dull) == ("", "not known", "not known", False)


@pytest.mark.parametrize(
    ("result", "state", "reason"),
    [
        (None, NOT_RUN, "the run did not get to it"),
        (
            {"skipped": True, "changed": False, "skip_reason": "Conditional result was False"},
            NOT_RUN,
            "its task was skipped",
        ),
        ({"unreachable": True, "changed": False, "msg": "no route"}, FAILED, "no route"),
        ({"failed": True}, FAILED, "no reason was given"),
        ({"failed": True, "msg": ["a", "b"]}, FAILED, "['a', 'b']"),
        ({"failed": True, "msg": "template error", "error": None}, FAILED, "template error"),
        ({}, OK, ""),
        ({"changed": True}, CHANGED, ""),
    ],
)
def test_results_of_other_shapes(result: t.Any, state: str, reason: str) -> None:
    found = row(result, host="acme-1")
    assert (found.state, found.reason, found.project, found.host) == (state, reason, PROJECT, "acme-1")
    json.dumps(report.as_data([found], NOW, False))
    assert report.as_text([found])


def test_hosts_that_are_of_no_inventory_of_ours() -> None:
    assert report.row("h", {}, None, NOW).project == "h"
    assert report.row("h", {"vonage_project_id": 7, "vonage_project_name": None}, None, NOW).cells()[:2] == ("7", "")
    assert report.row("h", {}, GIVEN, NOW).project == PROJECT


@pytest.mark.parametrize(
    ("kept", "age"),
    [
        ({"status": "pending", "time": state.stamp(NOW)}, "not known"),
        ({"status": None, "time": None}, "not known"),
        ({}, "not known"),
        (None, "not known"),
        ({"status": "applied", "time": state.stamp(NOW)}, "0 min"),
        ({"status": "applied", "time": state.stamp(NOW - 3599)}, "59 min"),
        ({"status": "applied", "time": state.stamp(NOW - DAY + 1)}, "23 h"),
        ({"status": "applied", "time": state.stamp(NOW - DAY)}, "1 d"),
        ({"status": "applied", "time": state.stamp(NOW + DAY)}, "0 min"),
    ],
)
def test_ages(kept: t.Any, age: str) -> None:
    assert row({**GIVEN, "state_file": kept}).age == age


@pytest.mark.parametrize(
    ("archives", "text", "troubled"),
    [
        (None, "not known", False),
        ({**ARCHIVES, "uploaded": 0}, "none yet", False),
        ({**ARCHIVES, "ok": None, "in_cloud": 2}, "20 uploaded, 2 in Vonage's cloud", False),
        ({**ARCHIVES, "ok": False, "fell_back": 2, "failed": 1}, "20 uploaded, 2 fell back, 1 failed", True),
    ],
)
def test_uploads(archives: t.Any, text: str, troubled: bool) -> None:
    found = row({**GIVEN, "archives": archives})
    assert (found.uploads, found.troubled, found.dull) == (text, troubled, not troubled)


@given(ROWS, st.randoms(use_true_random=False))
def test_the_order_does_not_depend_on_the_hosts(rows: list[Row], chance: random.Random) -> None:
    rows = [Row(**{**each.__dict__, "host": str(at)}) for at, each in enumerate(rows)]
    shuffled = list(rows)
    chance.shuffle(shuffled)
    found = report.ordered(shuffled)
    assert found == report.ordered(rows)
    assert report.as_text(shuffled) == report.as_text(rows)
    states = [report.STATES.index(each.state) for each in found]
    assert states == sorted(states)
    for before, after in zip(found, found[1:]):
        assert before.state != after.state or before.troubled >= after.troubled


@given(ROWS)
def test_the_counts_add_up(rows: list[Row]) -> None:
    found = report.summary(rows)
    assert found["total"] == len(rows) == sum(found[name] for name in ("ok", "changed", "failed", "not_run"))
    assert sum(found["reasons"].values()) == found["ok"] + found["changed"]
    assert len(found["failed_projects"]) == found["failed"] + found["not_run"]
    assert len(found["troubled_projects"]) == sum(each.troubled for each in rows)
    assert len(found["repeated_projects"]) == len(set(found["repeated_projects"]))


@given(ROWS, st.booleans())
def test_the_screen_obeys_no_name(rows: list[Row], check_mode: bool) -> None:
    lines = report.as_text(rows, check_mode)
    assert all(line.isprintable() for line in lines)
    "\n".join(lines).encode()
    table = lines[2 : 2 + min(len(rows), report.MOST_LINES)]
    assert lines[0].startswith("project  ")
    assert len(table) == len(rows)
    assert lines[-1].endswith(report.DRY) is check_mode


def test_the_table() -> None:
    rows = [
        simple(project="3", name="c", key_age=2 * DAY, archives=ARCHIVES),
        simple(FAILED, project="2", name="b", reason="it broke " * 20),
        simple(NOT_RUN, project="10", reason="the run did not get to it"),
        simple(OK, project="1", archives={**ARCHIVES, "ok": False, "stuck": 1}),
    ]
    lines = report.as_text(rows)
    assert [line.split()[0] for line in lines[2:6]] == ["2", "10", "1", "3"]
    assert "it broke it broke it broke it broke i..." in lines[2]
    assert lines[6:9] == ["", f"2: {'it broke ' * 20}", "10: the run did not get to it"]
    assert lines[-1] == "4 projects: 1 failed, 1 not run, 2 ok. Uploads went wrong in 1: 1."
    assert max(map(len, lines[:6])) < 200


def test_no_rows_and_one() -> None:
    assert report.as_text([])[2:] == ["", "0 projects: none."]
    assert report.as_text([simple()])[-1] == "1 project: 1 ok."


def test_a_thousand_rows() -> None:
    rows = [simple(host=str(at), project=f"{at:04}") for at in range(1000)]
    lines = report.as_text(rows)
    assert len(lines) == 2 + report.MOST_LINES + 3
    assert "... and 950 more in which nothing was to be done" in lines
    # What somebody has to look at is all shown.
    broken = [simple(FAILED, host=str(at), project=f"{at:04}", reason="it broke") for at in range(1000)]
    assert sum("it broke" in line for line in report.as_text(broken)) == 2000
    many = report.sentence(report.summary([simple(archives={"ok": False}, project=str(at)) for at in range(25)]))
    assert many.endswith("and 5 more.")


def test_hosts_that_are_the_same_project() -> None:
    found = report.summary([simple(host="a"), simple(host="b"), simple(host="c", project="other")])
    assert found["repeated_projects"] == [PROJECT]
    assert "More than one host is the same project: 47123456." in report.sentence(found)


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_on_the_screen(name: str) -> None:
    lines = report.as_text([simple(FAILED, host=name, project=name, name=name, reason=name)])
    assert all(line.isprintable() for line in lines)
    # Two lines of header, the row, and with an empty line before each the failure and the sentence.
    assert len(lines) == 7
    plain = report.as_text([simple(name="x" * 10_000)])
    assert len(plain[2]) < 200


@given(ROWS, st.booleans())
def test_the_data(rows: list[Row], check_mode: bool) -> None:
    found = json.loads(json.dumps(report.as_data(rows, NOW, check_mode)))
    assert (found["format"], found["time"], found["check_mode"]) == (1, state.stamp(NOW), check_mode)
    assert len(found["projects"]) == len(rows) == found["summary"]["total"]


def test_the_data_hold_no_more_than_they_have_to() -> None:
    secret = {"api_secret": "hidden", "invocation": {"module_args": {"secret_key": "hidden"}}, "diff": {"a": "hidden"}}
    noisy = {**MANAGED, **secret, "error": {"kind": "x", "secret": "hidden"}, "storage": {"bucket": "b", "k": "hidden"}}
    for result in (noisy, {**noisy, "failed": True}):
        text = json.dumps(report.as_data([row(result, api_secret="hidden")], NOW, False))
        assert "hidden" not in text
        assert "AKIA" not in text
