# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Times as people write them in options."""

from __future__ import annotations

import typing as t

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.vonage.archiving.plugins.module_utils._core.timestamps import moment
from ansible_collections.vonage.archiving.plugins.module_utils._state_file import state

NOW = 1795284000.0  # 2026-11-21T18:00:00Z


@pytest.mark.parametrize(
    ("value", "meant"),
    [
        (None, None),
        ("", None),
        ("0", NOW),
        (3600, NOW - 3600),
        ("86400", NOW - 86400),
        ("2026-11-21T18:00:00Z", NOW),
        ("2026-11-21T18:00:00", NOW),
        ("2026-11-21T19:00:00+01:00", NOW),
        ("2026-11-21 18:00:00+00:00", NOW),
        ("2026-11-21", NOW - 18 * 3600),
    ],
)
def test_what_is_meant(value: t.Any, meant: float | None) -> None:
    problems: list[str] = []
    assert moment({"since": value}, "since", NOW, problems) == meant
    assert problems == []


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ("yesterday", "since 'yesterday' is neither a time such as"),
        ("-5", "neither a time"),
        ("2026-13-01", "neither a time"),
        ("1795284000", "more than 31 years"),
        ("9" * 5000, "more than 31 years"),
        ("2026-11-21T19:00:00Z", "lies in the future"),
        ("²", "neither a time"),
    ],
)
def test_what_means_nothing(value: str, told: str) -> None:
    problems: list[str] = []
    assert moment({"since": value}, "since", NOW, problems) is None
    assert len(problems) == 1
    assert told in problems[0]


@given(st.text())
def test_no_text_is_an_error_of_ours(value: str) -> None:
    problems: list[str] = []
    found = moment({"since": value}, "since", NOW, problems)
    assert (found is None) == bool(problems or not value.strip())


@given(st.integers(0, int(NOW)))
def test_what_a_record_says_can_be_read(time: int) -> None:
    problems: list[str] = []
    assert moment({"since": state.stamp(time)}, "since", NOW, problems) == time
    assert problems == []
