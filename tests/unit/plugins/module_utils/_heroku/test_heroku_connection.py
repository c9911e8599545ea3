# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Parsing of the app, the token, and the time limits."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.vonage.archiving.plugins.module_utils._core.budget import Budget
from ansible_collections.vonage.archiving.plugins.module_utils._core.misplaced_secrets import find_misplaced_secrets
from ansible_collections.vonage.archiving.plugins.module_utils._core.problems import Problems
from ansible_collections.vonage.archiving.plugins.module_utils._heroku import connection
from ansible_collections.vonage.archiving.plugins.module_utils._heroku.connection import App

TOKEN = "HRKU-01234567-89ab-cdef-0123-456789abcdef"


def parse(environ: dict[str, str] | None = None, **options: t.Any) -> App | None:
    problems = Problems()
    app = connection.parse_app({"app": "example", **options}, environ or {}, problems)
    assert (app is None) is bool(problems)
    return app


def test_parse_app_without_options_uses_defaults() -> None:
    assert parse(api_token=TOKEN) == App("example", TOKEN, "https://api.heroku.com", Budget(20, 4, 90))


def test_parse_app_all_options_are_used() -> None:
    identity = "01234567-89ab-CDEF-0123-456789abcdef"
    limits: dict[str, t.Any] = {"timeout": 3, "retries": 0, "total_timeout": 9}
    app = parse(api_token=TOKEN, app=identity, api_url="http://127.0.0.1:8/", **limits)
    assert app == App(identity, TOKEN, "http://127.0.0.1:8", Budget(3, 0, 9))


def test_parse_app_option_takes_precedence_over_environment() -> None:
    environ = {"HEROKU_API_KEY": "of-the-environment"}
    assert (parse(environ) or App("", "")).token == "of-the-environment"
    assert (parse(environ, api_token=TOKEN) or App("", "")).token == TOKEN
    assert parse({"HEROKU_API_KEY": " "}) is None


@pytest.mark.parametrize("name", ["a-b", "abc", "a" * 30, "a1234567-8"])
def test_parse_app_valid_name_is_accepted(name: str) -> None:
    assert parse(api_token=TOKEN, app=name)


@pytest.mark.parametrize("name", ["", "ab", "a" * 31, "1ab", "ab-", "a_b", "Abc", "abc\n", "a/b", "ab.c", TOKEN])
def test_parse_app_invalid_name_is_refused(name: str) -> None:
    assert parse(api_token=TOKEN, app=name) is None


def test_parse_app_token_as_name_is_not_quoted() -> None:
    for options in ({"app": TOKEN, "api_token": "other"}, {"app": "made-up-name", "api_token": "made-up-name"}):
        problems = Problems()
        connection.parse_app(options, {}, problems)
        expected = "app: contains an API token. Set the token in api_token and the name of the app in app"
        assert [str(problem) for problem in problems] == [expected]
    assert find_misplaced_secrets({"app": TOKEN}) == [TOKEN]
    assert find_misplaced_secrets({"app": "example"}) == find_misplaced_secrets({}) == []


@pytest.mark.parametrize("token", ["a b", "a\nb", "tökén", "a ", " a"])
def test_parse_app_invalid_token_is_not_quoted(token: str) -> None:
    problems = Problems()
    assert connection.parse_app({"app": "example", "api_token": token}, {}, problems) is None
    (problem,) = problems
    assert token not in str(problem)
