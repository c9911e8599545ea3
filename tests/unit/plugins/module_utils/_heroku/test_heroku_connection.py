# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which app, as whom, and how patiently."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.vonage.archiving.plugins.module_utils._core.http import Budget
from ansible_collections.vonage.archiving.plugins.module_utils._heroku import connection
from ansible_collections.vonage.archiving.plugins.module_utils._heroku.connection import App

TOKEN = "HRKU-01234567-89ab-cdef-0123-456789abcdef"


def made(environ: dict[str, str] | None = None, **options: t.Any) -> App | None:
    problems: list[str] = []
    found = connection.app({"app": "example", **options}, environ or {}, problems)
    assert (found is None) is bool(problems)
    return found


def test_the_defaults() -> None:
    assert made(api_token=TOKEN) == App("example", TOKEN, "https://api.heroku.com", Budget(20, 4, 90))


def test_all_options() -> None:
    identity = "01234567-89ab-CDEF-0123-456789abcdef"
    patience: dict[str, t.Any] = {"timeout": 3, "retries": 0, "total_timeout": 9}
    found = made(api_token=TOKEN, app=identity, api_url="http://127.0.0.1:8/", **patience)
    assert found == App(identity, TOKEN, "http://127.0.0.1:8", Budget(3, 0, 9))


def test_the_token_of_the_environment_is_second() -> None:
    environ = {"HEROKU_API_KEY": "of-the-environment"}
    assert (made(environ) or App("", "")).token == "of-the-environment"
    assert (made(environ, api_token=TOKEN) or App("", "")).token == TOKEN
    assert made({"HEROKU_API_KEY": " "}) is None


@pytest.mark.parametrize("name", ["a-b", "abc", "a" * 30, "a1234567-8"])
def test_names_that_are_taken(name: str) -> None:
    assert made(api_token=TOKEN, app=name)


@pytest.mark.parametrize("name", ["", "ab", "a" * 31, "1ab", "ab-", "a_b", "Abc", "abc\n", "a/b", "ab.c", TOKEN])
def test_names_that_are_not(name: str) -> None:
    assert made(api_token=TOKEN, app=name) is None


def test_a_token_as_the_name_is_not_quoted() -> None:
    for options in ({"app": TOKEN, "api_token": "other"}, {"app": "made-up-name", "api_token": "made-up-name"}):
        problems: list[str] = []
        connection.app(options, {}, problems)
        assert problems == ["app holds an API token: that belongs in api_token, and the name of the app here"]
    assert connection.misplaced({"app": TOKEN}) == [TOKEN]
    assert connection.misplaced({"app": "example"}) == connection.misplaced({}) == []


@pytest.mark.parametrize("token", ["a b", "a\nb", "tökén", "a ", " a"])
def test_tokens_that_cannot_be_are_not_quoted(token: str) -> None:
    problems: list[str] = []
    assert connection.app({"app": "example", "api_token": token}, {}, problems) is None
    assert len(problems) == 1
    assert token not in problems[0]
