# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Plans and outcomes."""

from __future__ import annotations

import dataclasses

import pytest

from ansible_collections.vonage.archiving.plugins.module_utils._core.plan import Change, Outcome, Plan, Step

CORS, TAGS = Change("cors_rules", None, [1]), Change("tags", {"a": "b"}, None)


def test_plan_without_changes_is_unchanged() -> None:
    plan = Plan()
    assert (plan.changed, plan.names, plan.before(), plan.after()) == (False, [], {}, {})


def test_plan_with_steps_only_is_unchanged() -> None:
    assert not Plan(steps=(Step("bucket"),)).changed


def test_plan_before_and_after_omit_none() -> None:
    plan = Plan(changes=(CORS, TAGS))
    assert plan.changed
    assert plan.before() == {"tags": {"a": "b"}}
    assert plan.after() == {"cors_rules": [1]}


def test_plan_before_and_after_include_empty_and_false_values() -> None:
    plan = Plan(changes=(Change("versioning", False, True), Change("folders", ["a"], [])))
    assert plan.before() == {"versioning": False, "folders": ["a"]}
    assert plan.after() == {"versioning": True, "folders": []}


def test_plan_names_are_unique_and_in_order() -> None:
    assert Plan(changes=(TAGS, CORS, TAGS)).names == ["tags", "cors_rules"]


def test_plan_is_immutable() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        Plan().changes = (CORS,)  # type: ignore[misc]


def test_outcome_results_are_not_shared() -> None:
    one, other = Outcome(changed=False), Outcome(changed=False)
    one.result["a"] = 1
    assert other.result == {}
