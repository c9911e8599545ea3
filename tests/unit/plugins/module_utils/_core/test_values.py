# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t

import pytest
from hypothesis import given as example
from hypothesis import strategies as st

from ansible_collections.vonage.archiving.plugins.module_utils._core.values import (
    describe_value,
    first_env,
    none_if_blank,
    parse_days,
    parse_duration,
    quote_list,
    url_userinfo,
    without_empty,
)


@pytest.mark.parametrize("value", ["", " ", "\t\n", None])
def test_given_empty_is_none(value: t.Any) -> None:
    assert none_if_blank(value) is None


@pytest.mark.parametrize("value", ["a", " a ", 0, False, [], {}])
def test_given_other_value_is_unchanged(value: t.Any) -> None:
    assert none_if_blank(value) is value


def test_without_empty_keeps_items_of_lists() -> None:
    options = {
        "region": "",
        "name": "b",
        "force": False,
        "s3": {"endpoint": " ", "bucket": "b", "more": {"x": ""}},
        "rules": [{"id": "", "max": 0}, {"id": "a"}],
        "folders": ["", "a"],
        "nothing": None,
    }
    assert without_empty(options) == {
        "name": "b",
        "force": False,
        "s3": {"bucket": "b", "more": {}},
        "rules": [{"max": 0}, {"id": "a"}],
        "folders": ["", "a"],
        "nothing": None,
    }
    assert options["region"] == ""


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=10,
)


def strings_in_dicts(value: t.Any) -> t.Iterator[str]:
    if isinstance(value, dict):
        yield from (item for item in value.values() if isinstance(item, str))
    for item in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from strings_in_dicts(item)


@example(JSON)
def test_without_empty_removes_all_empty_strings_and_is_idempotent(value: t.Any) -> None:
    cleaned = without_empty(value)
    assert all(string.strip() for string in strings_in_dicts(cleaned))
    assert without_empty(cleaned) == cleaned


def test_first_returns_the_first_variable_that_is_not_empty() -> None:
    environ = {"A": "", "B": " ", "C": "c", "D": "d"}
    assert first_env(environ, "A", "B", "missing", "C", "D") == "c"
    assert first_env(environ, "A", "missing") is None


@pytest.mark.parametrize(
    ("url", "found"),
    [
        ("http://user:pass@proxy:3128", "user:pass"),
        ("user:pass@proxy:3128", "user:pass"),
        ("https://user:a/b#c@proxy:3128/", "user:a/b#c"),
        ("s3://AKIA:a/b+c@bucket/key", "AKIA:a/b+c"),
        ("https://token@example.com", "token"),
        ("https://example.com/a@b", ""),
        ("s3://bucket/a@b", ""),
        ("proxy:3128", ""),
        ("", ""),
    ],
)
def test_credentials_of_a_url(url: str, found: str) -> None:
    assert url_userinfo(url) == found


@pytest.mark.parametrize(
    ("values", "text"),
    [([], "none"), (["a"], '"a"'), (["a", "b"], '"a" and "b"'), (["a", "b", "c"], '"a", "b" and "c"')],
)
def test_quote_list(values: list[str], text: str) -> None:
    assert quote_list(values) == text
    assert quote_list(iter(values)) == text


@pytest.mark.parametrize(
    ("value", "seconds", "days"),
    [
        (90, 90, 90),
        ("90", 90, 90),
        (" 90 ", 90, 90),
        ("90d", 7776000, 90),
        ("12h", 43200, None),
        ("15m", 900, None),
        ("30s", 30, None),
        ("0", 0, 0),
        *(
            (value, None, None)
            for value in ("", None, True, -1, "-1d", 1.5, "1.5h", "90D", "1w", "1 d", "1h30m", "٣d", "d")
        ),
    ],
)
def test_parse_duration_and_days_number_has_the_unit_of_the_option(
    value: t.Any, seconds: int | None, days: int | None
) -> None:
    assert (parse_duration(value), parse_days(value)) == (seconds, days)


@pytest.mark.parametrize(
    "secret",
    [
        "0123456789abcdef0123456789abcdef01234567",
        "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
        "-----BEGIN PRIVATE KEY-----",
        "IQoJb3JpZ2luX2VjEXAMPLE" * 10,
    ],
)
def test_describe_value_secret_is_not_shown(secret: str) -> None:
    assert secret not in describe_value(secret)
    assert describe_value("soon") == "'soon'"
