# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What differs, what is sent for it, and what of it is shown."""

from __future__ import annotations

import json
import typing as t

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.vonage.archiving.plugins.module_utils._core.errors import InputError, RejectedError
from ansible_collections.vonage.archiving.plugins.module_utils._core.plan import Context
from ansible_collections.vonage.archiving.plugins.module_utils._heroku import config_vars, rules
from ansible_collections.vonage.archiving.plugins.module_utils._heroku.config_vars import Desired
from ansible_collections.vonage.archiving.tests.unit.plugins.module_utils.local_server import (
    LocalServer,
    answers,
    reply,
)

TOKEN = "HRKU-01234567-89ab-cdef-0123-456789abcdef"
SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
APP: dict[str, t.Any] = {"app": "example", "api_token": TOKEN}

names = st.from_regex(r"[A-Z][A-Z0-9_]{0,3}", fullmatch=True)
variables = st.dictionaries(names, st.text(max_size=8), max_size=8)


@st.composite
def wishes(draw: st.DrawFn) -> Desired:
    """Names that are few, so that they meet those that are there, each in one place only."""
    wanted = draw(variables)
    places = draw(st.fixed_dictionaries({name: st.sampled_from(["config", "secrets", "absent"]) for name in wanted}))
    return Desired(
        {name: value for name, value in wanted.items() if places[name] == "config"},
        {name: value for name, value in wanted.items() if places[name] == "secrets"},
        tuple(name for name in wanted if places[name] == "absent"),
    )


@given(wishes(), variables)
def test_what_is_sent_brings_about_what_is_wanted_and_nothing_else(wanted: Desired, observed: dict[str, str]) -> None:
    todo = config_vars.plan(wanted, observed)
    after = config_vars.applied(observed, config_vars.body(todo))
    assert {name: after.get(name) for name in wanted.values} == wanted.values
    others = {name: value for name, value in observed.items() if name not in wanted.values}
    assert {name: value for name, value in after.items() if name not in wanted.values} == others
    # Only what differs is sent, and what is sent is what is told.
    assert all(observed.get(name) != value for name, value in config_vars.body(todo).items())
    assert list(config_vars.body(todo)) == list(config_vars.words(todo)) == todo.names
    assert todo.changed is (after != observed)
    assert len(todo.steps) == (1 if todo.changed else 0)
    assert config_vars.missing(todo, after) == []
    assert not config_vars.plan(wanted, after).changed


@given(wishes(), variables)
def test_of_secrets_and_of_what_goes_no_value_is_shown(wanted: Desired, observed: dict[str, str]) -> None:
    todo = config_vars.plan(wanted, observed)
    words = {None, config_vars.OLD_SECRET, config_vars.NEW_SECRET, config_vars.NOT_SHOWN}
    for change in todo.changes:
        if change.name in wanted.config:
            assert (change.before, change.after) == (observed.get(change.name), wanted.config[change.name])
        else:
            assert {change.before, change.after} <= words
        assert (change.before is None) is (change.name not in observed)
        assert (change.after is None) is (change.name in wanted.absent)


def test_the_words_for_changes_and_the_difference() -> None:
    wanted = Desired({"A": "1", "B": "2", "C": "3"}, {"S": SECRET, "T": SECRET}, ("X", "Y"))
    todo = config_vars.plan(wanted, {"A": "1", "B": "old", "S": "old", "X": "gone", "Z": "other"})
    assert config_vars.words(todo) == {"B": "changed", "C": "added", "S": "changed", "T": "added", "X": "removed"}
    assert todo.before() == {"B": "old", "S": "(the old secret)", "X": "(not shown)"}
    assert todo.after() == {"B": "2", "C": "3", "S": "(the new secret)", "T": "(the new secret)"}
    assert config_vars.body(todo) == {"B": "2", "C": "3", "S": SECRET, "T": SECRET, "X": None}


def test_an_empty_string_is_a_value() -> None:
    todo = config_vars.plan(Desired({"A": "", "B": ""}), {"B": "full"})
    assert config_vars.body(todo) == {"A": "", "B": ""}
    assert config_vars.words(todo) == {"A": "added", "B": "changed"}
    assert todo.after() == {"A": "", "B": ""}
    assert not config_vars.plan(Desired({"A": ""}), {"A": ""}).changed


def test_options_become_values() -> None:
    options = {**APP, "config": {"N": 5, "Z": 0, "E": ""}, "secrets": {"PIN": 12345678}, "absent": ["X", "X"]}
    _app, wanted = config_vars.desired(options, {})
    assert wanted == Desired({"N": "5", "Z": "0", "E": ""}, {"PIN": "12345678"}, ("X",))
    assert "12345678" not in repr(wanted)


def test_everything_wrong_is_told_at_once_and_no_value_of_a_secret() -> None:
    options = {
        "app": "No",
        "config": {"A": True, "B-C": "1"},
        "secrets": {"A": SECRET, "D": [SECRET], "E": ""},
        "absent": ["HEROKU_X"],
    }
    with pytest.raises(InputError) as caught:
        config_vars.desired(options, {})
    assert len(caught.value.problems) == 8
    assert SECRET not in str(caught.value)


def test_a_token_in_the_place_of_the_app_is_hidden() -> None:
    with pytest.raises(InputError) as caught:
        config_vars.desired({"app": TOKEN, "api_token": "x", "absent": ["A"]}, {})
    assert TOKEN not in str(caught.value)
    assert caught.value.secrets == [TOKEN]
    with pytest.raises(InputError) as caught:
        config_vars.read({"app": TOKEN}, {}, ["A"])
    assert caught.value.secrets == [TOKEN]


def test_more_than_any_app_may_have_is_refused() -> None:
    with pytest.raises(InputError, match="more than 65536 bytes"):
        config_vars.desired({**APP, "config": {"A": "x" * 65536}}, {})
    assert config_vars.desired({**APP, "config": {"A": "x" * 65535}}, {})


@pytest.mark.parametrize(
    ("value", "before", "warned"),
    [("x" * 32766, {}, False), ("x" * 32767, {}, False), ("x" * 32768, {}, True), ("ä" * 16384, {}, True)],
)
def test_a_warning_where_the_service_may_refuse(value: str, before: dict[str, str], warned: bool) -> None:
    todo = config_vars.plan(Desired({"A": value}), before)
    assert bool(config_vars.too_large(todo, before)) is warned


def test_no_warning_where_it_becomes_less() -> None:
    before = {"A": "x" * 40000, "B": "y" * 40000}
    assert config_vars.too_large(config_vars.plan(Desired(absent=("A",)), before), before) == []
    assert config_vars.too_large(config_vars.plan(Desired({"C": "1"}, absent=("A",)), before), before) == []
    assert config_vars.too_large(config_vars.plan(Desired({"C": "1"}), before), before)


def run(server: LocalServer, context: Context, **options: t.Any) -> t.Any:
    return config_vars.reconcile({**APP, "api_url": server.url, **options}, context)


def test_one_read_and_one_change() -> None:
    before, after = {"A": "1", "B": "2"}, {"A": "3", "B": "2"}
    with LocalServer(answers(reply(200, before), reply(200, after))) as server:
        outcome = run(server, Context(), config={"A": "3", "B": "2"})
    assert [asked.method for asked in server.asked] == ["GET", "PATCH"]
    assert server.asked[1].json() == {"A": "3"}
    assert outcome.result == {"app": "example", "changes": {"A": "changed"}, "release": True, "pending": []}
    assert (outcome.changed, outcome.before, outcome.after) == (True, {"A": "1"}, {"A": "3"})


@pytest.mark.parametrize("check_mode", [True, False])
def test_nothing_is_sent_without_a_difference_or_in_check_mode(check_mode: bool) -> None:
    with LocalServer(answers(reply(200, {"A": "1"}))) as server:
        outcome = run(server, Context(check_mode), config={"A": "2" if check_mode else "1"})
    assert [asked.method for asked in server.asked] == ["GET"]
    assert outcome.changed is outcome.result["release"] is check_mode
    assert outcome.result["pending"] == []


def test_what_the_answer_does_not_show_yet_is_told() -> None:
    warnings: list[str] = []
    with LocalServer(answers(reply(200, {"A": "1", "X": "y"}))) as server:
        outcome = run(server, Context(warn=warnings.append), config={"A": "2"}, absent=["X"])
    assert outcome.result["pending"] == ["A", "X"]
    assert 'does not show it yet for "A" and "X"' in warnings[0]


def test_no_error_of_the_service_shows_a_secret() -> None:
    echo = reply(422, {"id": "invalid_params", "message": f"You sent {SECRET} as {TOKEN}."})
    with LocalServer(answers(reply(200, {}), echo)) as server, pytest.raises(RejectedError) as caught:
        run(server, Context(), secrets={"KEY": SECRET})
    assert "You sent ******** as ********." in str(caught.value)


def test_a_short_secret_is_warned_of_without_its_value() -> None:
    warnings: list[str] = []
    with LocalServer(answers(reply(200, {"PIN": "4711", "KEY": "long-enough"}))) as server:
        run(server, Context(warn=warnings.append), secrets={"PIN": "4711", "KEY": "long-enough"})
    assert [warning.partition(" is shorter")[0] for warning in warnings] == ["secrets.PIN"]
    assert "4711" not in json.dumps(warnings)


def test_reading_chosen_names() -> None:
    with LocalServer(answers(reply(200, {"A": "1", "B": "", "C": "3", "N": None}))) as server:
        found = config_vars.read({"app": "example", "api_url": server.url}, {"HEROKU_API_KEY": TOKEN}, "ABDN")
    assert found == {"A": "1", "B": ""}


@given(st.text(alphabet="AÄ_-.1 \n", max_size=4))
def test_a_name_is_taken_if_the_schema_takes_it(name: str) -> None:
    fits = name != "" and all(char in "A_1" for char in name) and not name.startswith("__")
    assert (rules.name("config", name) == []) is fits


@given(st.dictionaries(st.text(max_size=5), st.text(max_size=5)))
def test_any_text_has_a_size(found: dict[str, str]) -> None:
    assert rules.size(found) >= sum(len(name) + len(value) for name, value in found.items())


def test_a_size_of_what_is_no_utf_8() -> None:
    assert rules.size({"A": "\udc80"}) == 4
