# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Config vars: validation, plan, request, and what results show."""

from __future__ import annotations

import json
import typing as t

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.vonage.archiving.plugins.module_utils._core.errors import InputError, RejectedError
from ansible_collections.vonage.archiving.plugins.module_utils._core.plan import Context
from ansible_collections.vonage.archiving.plugins.module_utils._heroku import config_vars, rules
from ansible_collections.vonage.archiving.plugins.module_utils._heroku.config_vars import DesiredConfigVars
from ansible_collections.vonage.archiving.tests.unit.plugins.module_utils.local_server import (
    LocalServer,
    replies,
    reply,
)

TOKEN = "HRKU-01234567-89ab-cdef-0123-456789abcdef"
SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
APP: dict[str, t.Any] = {"app": "example", "api_token": TOKEN}

names = st.from_regex(r"[A-Z][A-Z0-9_]{0,3}", fullmatch=True)
variables = st.dictionaries(names, st.text(max_size=8), max_size=8)


@st.composite
def desired_states(draw: st.DrawFn) -> DesiredConfigVars:
    """Few different names: some of them are also in the current state. Each is in one option."""
    values = draw(variables)
    options = draw(st.fixed_dictionaries({name: st.sampled_from(["config", "secrets", "absent"]) for name in values}))
    return DesiredConfigVars(
        {name: value for name, value in values.items() if options[name] == "config"},
        {name: value for name, value in values.items() if options[name] == "secrets"},
        tuple(name for name in values if options[name] == "absent"),
    )


@given(desired_states(), variables)
def test_plan_changes_applied_gives_the_desired_state_and_nothing_else(
    desired: DesiredConfigVars, current: dict[str, str]
) -> None:
    plan = config_vars.plan_changes(desired, current)
    after = config_vars.merge_changes(current, config_vars.request_body(plan))
    assert {name: after.get(name) for name in desired.values} == desired.values
    others = {name: value for name, value in current.items() if name not in desired.values}
    assert {name: value for name, value in after.items() if name not in desired.values} == others
    # Only differences are sent, and the result names all of them.
    assert all(current.get(name) != value for name, value in config_vars.request_body(plan).items())
    assert list(config_vars.request_body(plan)) == list(config_vars.summarize_changes(plan)) == plan.names
    assert plan.changed is (after != current)
    assert len(plan.steps) == (1 if plan.changed else 0)
    assert config_vars.not_yet_visible(plan, after) == []
    assert not config_vars.plan_changes(desired, after).changed


@given(desired_states(), variables)
def test_plan_changes_secrets_and_deleted_values_are_not_shown(
    desired: DesiredConfigVars, current: dict[str, str]
) -> None:
    plan = config_vars.plan_changes(desired, current)
    placeholders = {None, config_vars.OLD_SECRET, config_vars.NEW_SECRET, config_vars.NOT_SHOWN}
    for change in plan.changes:
        if change.name in desired.config:
            assert (change.before, change.after) == (current.get(change.name), desired.config[change.name])
        else:
            assert {change.before, change.after} <= placeholders
        assert (change.before is None) is (change.name not in current)
        assert (change.after is None) is (change.name in desired.absent)


def test_summarize_changes_and_diff_show_every_kind_of_change() -> None:
    desired = DesiredConfigVars({"A": "1", "B": "2", "C": "3"}, {"S": SECRET, "T": SECRET}, ("X", "Y"))
    plan = config_vars.plan_changes(desired, {"A": "1", "B": "old", "S": "old", "X": "gone", "Z": "other"})
    assert config_vars.summarize_changes(plan) == {
        "B": "changed",
        "C": "added",
        "S": "changed",
        "T": "added",
        "X": "removed",
    }
    assert plan.before() == {"B": "old", "S": "(the old secret)", "X": "(not shown)"}
    assert plan.after() == {"B": "2", "C": "3", "S": "(the new secret)", "T": "(the new secret)"}
    assert config_vars.request_body(plan) == {"B": "2", "C": "3", "S": SECRET, "T": SECRET, "X": None}


def test_plan_changes_empty_string_is_a_value() -> None:
    plan = config_vars.plan_changes(DesiredConfigVars({"A": "", "B": ""}), {"B": "full"})
    assert config_vars.request_body(plan) == {"A": "", "B": ""}
    assert config_vars.summarize_changes(plan) == {"A": "added", "B": "changed"}
    assert plan.after() == {"A": "", "B": ""}
    assert not config_vars.plan_changes(DesiredConfigVars({"A": ""}), {"A": ""}).changed


def test_parse_params_numbers_become_strings() -> None:
    options = {**APP, "config": {"N": 5, "Z": 0, "E": ""}, "secrets": {"PIN": 12345678}, "absent": ["X", "X"]}
    _app, desired = config_vars.parse_params(options, {})
    assert desired == DesiredConfigVars({"N": "5", "Z": "0", "E": ""}, {"PIN": "12345678"}, ("X",))
    assert "12345678" not in repr(desired)


def test_parse_params_many_problems_are_reported_together_without_secrets() -> None:
    options = {
        "app": "No",
        "config": {"A": True, "B-C": "1"},
        "secrets": {"A": SECRET, "D": [SECRET], "E": ""},
        "absent": ["HEROKU_X"],
    }
    with pytest.raises(InputError) as caught:
        config_vars.parse_params(options, {})
    assert len(caught.value.problems) == 8
    assert SECRET not in str(caught.value)


def test_parse_params_and_fetch_token_as_app_is_not_quoted() -> None:
    with pytest.raises(InputError) as caught:
        config_vars.parse_params({"app": TOKEN, "api_token": "x", "absent": ["A"]}, {})
    assert TOKEN not in str(caught.value)
    with pytest.raises(InputError) as caught:
        config_vars.fetch({"app": TOKEN}, {}, ["A"])
    assert TOKEN not in str(caught.value)


def test_parse_params_more_than_the_highest_limit_is_refused() -> None:
    with pytest.raises(InputError, match="at most 65536 bytes of names and values are allowed, got 65537"):
        config_vars.parse_params({**APP, "config": {"A": "x" * 65536}}, {})
    assert config_vars.parse_params({**APP, "config": {"A": "x" * 65535}}, {})


@pytest.mark.parametrize(
    ("value", "before", "warned"),
    [("x" * 32766, {}, False), ("x" * 32767, {}, False), ("x" * 32768, {}, True), ("ä" * 16384, {}, True)],
)
def test_size_warnings_above_the_expected_limit_warns(value: str, before: dict[str, str], warned: bool) -> None:
    plan = config_vars.plan_changes(DesiredConfigVars({"A": value}), before)
    assert bool(config_vars.size_warnings(plan, before)) is warned


def test_size_warnings_smaller_than_before_does_not_warn() -> None:
    before = {"A": "x" * 40000, "B": "y" * 40000}
    assert config_vars.size_warnings(config_vars.plan_changes(DesiredConfigVars(absent=("A",)), before), before) == []
    assert (
        config_vars.size_warnings(
            config_vars.plan_changes(DesiredConfigVars({"C": "1"}, absent=("A",)), before), before
        )
        == []
    )
    assert config_vars.size_warnings(config_vars.plan_changes(DesiredConfigVars({"C": "1"}), before), before)


def run(server: LocalServer, context: Context, **options: t.Any) -> t.Any:
    return config_vars.reconcile({**APP, "api_url": server.url, **options}, context)


def test_reconcile_difference_sends_one_get_and_one_patch() -> None:
    before, after = {"A": "1", "B": "2"}, {"A": "3", "B": "2"}
    with LocalServer(replies(reply(200, before), reply(200, after))) as server:
        outcome = run(server, Context(), config={"A": "3", "B": "2"})
    assert [request.method for request in server.requests] == ["GET", "PATCH"]
    assert server.requests[1].json() == {"A": "3"}
    assert outcome.result == {"app": "example", "changes": {"A": "changed"}, "release": True, "pending": []}
    assert (outcome.changed, outcome.before, outcome.after) == (True, {"A": "1"}, {"A": "3"})


@pytest.mark.parametrize("check_mode", [True, False])
def test_reconcile_without_difference_or_in_check_mode_sends_no_patch(check_mode: bool) -> None:
    with LocalServer(replies(reply(200, {"A": "1"}))) as server:
        outcome = run(server, Context(check_mode), config={"A": "2" if check_mode else "1"})
    assert [request.method for request in server.requests] == ["GET"]
    assert outcome.changed is outcome.result["release"] is check_mode
    assert outcome.result["pending"] == []


def test_reconcile_response_with_old_values_reports_pending() -> None:
    warnings: list[str] = []
    with LocalServer(replies(reply(200, {"A": "1", "X": "y"}))) as server:
        outcome = run(server, Context(warn=warnings.append), config={"A": "2"}, absent=["X"])
    assert outcome.result["pending"] == ["A", "X"]
    assert 'does not show it yet for "A" and "X"' in warnings[0]


def test_reconcile_error_that_contains_secrets_is_redacted() -> None:
    echo = reply(422, {"id": "invalid_params", "message": f"You sent {SECRET} as {TOKEN}."})
    with LocalServer(replies(reply(200, {}), echo)) as server, pytest.raises(RejectedError) as caught:
        run(server, Context(), secrets={"KEY": SECRET})
    assert "You sent ******** as ********." in str(caught.value)


def test_reconcile_short_secret_warns_without_its_value() -> None:
    warnings: list[str] = []
    with LocalServer(replies(reply(200, {"PIN": "4711", "KEY": "long-enough"}))) as server:
        run(server, Context(warn=warnings.append), secrets={"PIN": "4711", "KEY": "long-enough"})
    assert [warning.partition(": has fewer")[0] for warning in warnings] == ["secrets.PIN"]
    assert "4711" not in json.dumps(warnings)


def test_fetch_selected_names_returns_those_that_exist() -> None:
    with LocalServer(replies(reply(200, {"A": "1", "B": "", "C": "3", "N": None}))) as server:
        values = config_vars.fetch({"app": "example", "api_url": server.url}, {"HEROKU_API_KEY": TOKEN}, "ABDN")
    assert values == {"A": "1", "B": ""}


@given(st.text(alphabet="AÄ_-.1 \n", max_size=4))
def test_name_problem_matches_the_schema(name: str) -> None:
    is_valid = name != "" and all(char in "A_1" for char in name) and not name.startswith("__")
    assert (rules.name_problem(name) is None) is is_valid


@given(st.dictionaries(st.text(max_size=5), st.text(max_size=5)))
def test_size_in_bytes_any_text_has_a_size(values: dict[str, str]) -> None:
    assert rules.size_in_bytes(values) >= sum(len(name) + len(value) for name, value in values.items())


def test_size_in_bytes_text_that_is_not_utf_8_counts_bytes() -> None:
    assert rules.size_in_bytes({"A": "\udc80"}) == 4
