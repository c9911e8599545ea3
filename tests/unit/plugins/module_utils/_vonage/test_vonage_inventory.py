# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
import re
import typing as t

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.vonage.archiving.plugins.module_utils._vonage import inventory as hosts
from ansible_collections.vonage.archiving.plugins.module_utils._vonage.account import Account
from ansible_collections.vonage.archiving.plugins.module_utils._vonage.projects import AccountProject

SECRET = "0123456789abcdef0123456789abcdef01234567"
OWNER = Account("1234567", "fedcba9876543210fedcba9876543210fedcba98")
LESSONS = AccountProject("45828062", "acme lessons", "ACTIVE", "standard", "2026-11-21T18:00:00Z", SECRET)


def names(*given_names: str) -> list[str]:
    return hosts.host_names([AccountProject(str(at), name) for at, name in enumerate(given_names)], True)


def test_host_names_are_valid_and_unique() -> None:
    assert hosts.host_names([LESSONS], False) == ["45828062"]
    assert names("acme lessons", "x_1.y", "{{ 6 * 7 }}", "a:b/c,d") == ["acme-lessons", "x_1.y", "6-7", "a-b-c-d"]
    assert names("", "one", "ONE", "!", "two!") == ["0", "one-1", "ONE-2", "3", "two"]
    assert names("a", "a", "a-1") == ["a-0", "a-1-1", "a-1-2"]
    assert names("Schüler", "a - b") == ["Schüler", "a-b"]


def test_host_names_differ_from_groups() -> None:
    """Ansible would run a play for the group on the host, and set the variables of the host for the group."""
    assert names("all", "Ungrouped", "localhost", "vonage_projects") == [
        "all-0",
        "Ungrouped-1",
        "localhost-2",
        "vonage_projects-3",
    ]
    several = [AccountProject("7", "vonage_status_active", "ACTIVE"), AccountProject("8", "recent", "ACTIVE")]
    assert hosts.host_names(several, True, {"recent": "true"}) == ["vonage_status_active-7", "recent-8"]


@given(st.lists(st.tuples(st.integers(0, 10**8), st.text(max_size=6)), unique_by=lambda pair: pair[0]), st.booleans())
def test_host_names_any_names_are_unique_and_literal_in_patterns(drawn: list[tuple[int, str]], by_name: bool) -> None:
    found = hosts.host_names([AccountProject(str(number), name) for number, name in drawn], by_name)
    assert len(found) == len(drawn)
    assert all(re.fullmatch(r"[\w.-]+", name) for name in found)
    assert len(set(found)) == len(found)
    assert not by_name or not set(found) & {"all", "ungrouped", "vonage_projects"}


def test_groups_and_variables_of_a_project() -> None:
    assert hosts.groups(LESSONS) == ["vonage_projects", "vonage_status_active", "vonage_environment_standard"]
    assert hosts.groups(AccountProject("1")) == ["vonage_projects"]
    assert hosts.groups(AccountProject("1", environment="on premise-2"))[1] == "vonage_environment_on_premise_2"
    assert hosts.variables(LESSONS) == {
        "vonage_project_id": "45828062",
        "vonage_project_name": "acme lessons",
        "vonage_project_status": "ACTIVE",
        "vonage_project_environment": "standard",
        "vonage_project_created": "2026-11-21T18:00:00Z",
    }


def test_from_cache_returns_projects_without_secrets() -> None:
    cached = json.loads(json.dumps(hosts.to_cache(OWNER, [LESSONS])))
    assert SECRET not in json.dumps(cached)
    assert OWNER.secret not in json.dumps(cached)
    (found,) = hosts.from_cache(OWNER, cached) or []
    assert found.to_result() == LESSONS.to_result()
    assert found.secret == ""


@pytest.mark.parametrize(
    "change",
    [
        {"account": "7654321"},
        {"api_url": "https://elsewhere.example.com"},
        {"format": 0},
        {"projects": None},
        {"projects": [{"number": "1"}]},
        {"projects": ["x"]},
    ],
)
def test_from_cache_other_content_is_none(change: dict[str, t.Any]) -> None:
    assert hosts.from_cache(OWNER, {**hosts.to_cache(OWNER, [LESSONS]), **change}) is None
    assert hosts.from_cache(OWNER, None) is None
    assert hosts.from_cache(OWNER, {}) is None
