# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.vonage.archiving.plugins.module_utils._core.problems import Problems
from ansible_collections.vonage.archiving.plugins.module_utils._core.timestamps import (
    format_utc,
    parse_time_option,
    parse_utc,
)

NOW = 1795284000.0  # 2026-11-21T18:00:00Z


@given(st.floats(0, 4e9))
def test_parse_utc_returns_what_format_utc_formatted(time: float) -> None:
    assert parse_utc(format_utc(time)) == int(time)


@pytest.mark.parametrize("text", ["", "soon", "2026-11-21", "2026-11-21T18:00:00", "2026-11-21T18:00:00+00:00"])
def test_parse_utc_other_text_is_none(text: str) -> None:
    assert parse_utc(text) is None


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, None),
        ("", None),
        ("0", NOW),
        (3600, NOW - 3600),
        ("86400", NOW - 86400),
        ("7d", NOW - 7 * 86400),
        ("90m", NOW - 5400),
        ("2026-11-21T18:00:00Z", NOW),
        ("2026-11-21T18:00:00", NOW),
        ("2026-11-21T19:00:00+01:00", NOW),
        ("2026-11-21 18:00:00+00:00", NOW),
        ("2026-11-21", NOW - 18 * 3600),
    ],
)
def test_parse_time_option_valid_value_returns_unix_seconds(value: t.Any, expected: float | None) -> None:
    problems = Problems()
    assert parse_time_option({"since": value}, "since", NOW, problems) == expected
    assert not problems


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("yesterday", "since: 'yesterday' is not a time such as"),
        ("-5", "is not a time"),
        ("2026-13-01", "is not a time"),
        ("1795284000", "more than 31 years"),
        ("9" * 5000, "more than 31 years"),
        ("2026-11-21T19:00:00Z", "is in the future"),
        ("²", "is not a time"),
        ("1w", "is not a time"),
        ("99999d", "more than 31 years"),
    ],
)
def test_parse_time_option_invalid_value_is_one_problem(value: str, message: str) -> None:
    problems = Problems()
    assert parse_time_option({"since": value}, "since", NOW, problems) is None
    (problem,) = problems
    assert message in str(problem)


@given(st.text())
def test_parse_time_option_any_text_is_a_time_or_a_problem(value: str) -> None:
    problems = Problems()
    time = parse_time_option({"since": value}, "since", NOW, problems)
    assert (time is None) == bool(problems or not value.strip())


@given(st.integers(0, int(NOW)))
def test_parse_time_option_accepts_what_format_utc_formatted(time: int) -> None:
    problems = Problems()
    assert parse_time_option({"since": format_utc(time)}, "since", NOW, problems) == time
    assert not problems
