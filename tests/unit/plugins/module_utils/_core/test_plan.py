# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a plan tells of itself."""

from __future__ import annotations

import dataclasses

import pytest

from ansible_collections.vonage.archiving.plugins.module_utils._core.plan import Change, Outcome, Plan, Step

CORS, TAGS = Change("cors_rules", None, [1]), Change("tags", {"a": "b"}, None)


def test_a_plan_without_changes_changes_nothing() -> None:
    plan = Plan()
    assert (plan.changed, plan.names, plan.before(), plan.after()) == (False, [], {}, {})


def test_steps_alone_are_no_change() -> None:
    assert not Plan(steps=(Step("bucket"),)).changed


def test_before_and_after_leave_out_what_is_not_there() -> None:
    plan = Plan(changes=(CORS, TAGS))
    assert plan.changed
    assert plan.before() == {"tags": {"a": "b"}}
    assert plan.after() == {"cors_rules": [1]}


def test_empty_and_false_values_are_values() -> None:
    plan = Plan(changes=(Change("versioning", False, True), Change("folders", ["a"], [])))
    assert plan.before() == {"versioning": False, "folders": ["a"]}
    assert plan.after() == {"versioning": True, "folders": []}


def test_names_are_told_once_and_in_order() -> None:
    assert Plan(changes=(TAGS, CORS, TAGS)).names == ["tags", "cors_rules"]


def test_a_plan_cannot_be_changed_between_check_and_apply() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        Plan().changes = (CORS,)  # type: ignore[misc]


def test_outcomes_do_not_share_their_results() -> None:
    one, other = Outcome(changed=False), Outcome(changed=False)
    one.result["a"] = 1
    assert other.result == {}
