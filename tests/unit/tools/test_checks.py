# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The project's own checks report the problems that they are for."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools.checks import LICENSE, action_group_problems, license_problems, machine_problems, membership_problems


def test_license_problems_without_a_header_names_the_file() -> None:
    """Empty files, generated files, and files with a .license file beside them are valid."""
    files = {
        Path("a.py"): "import os\n",
        Path("b.yml"): f"---\n# {LICENSE}\n",
        Path("empty.py"): "",
        Path("README.md"): "no header required",
        Path("changelogs/changelog.yaml"): "releases: {}\n",
        Path("c.yml"): "x: 1\n",
        Path("c.yml.license"): LICENSE,
    }
    assert list(license_problems(files)) == ["a.py: no license header. Add one, or a file a.py.license."]


def test_action_group_problems_lists_missing_unknown_and_unsorted_members() -> None:
    runtime: dict[str, object] = {"action_groups": {"all": ["b", "a", "deleted"], "part": ["a"]}}
    problems = list(action_group_problems(runtime, {"a", "b", "new"}))
    assert problems == [
        "meta/runtime.yml: action group `all` lacks new",
        "meta/runtime.yml: action group `all` names deleted, which is not a module",
        "meta/runtime.yml: action group `all` is not sorted",
    ]
    assert list(action_group_problems({"action_groups": {"all": ["a"]}}, {"a"})) == []
    assert list(action_group_problems({}, {"a"})) == ["meta/runtime.yml: no action group `all`"]


def test_membership_problems_lists_modules_with_too_few_and_too_many_groups() -> None:
    groups = {"all": ["a", "b"], "aws": ["a"]}
    documented = {"a": ["vonage.archiving.aws", "vonage.archiving.all"], "b": ["vonage.archiving.all"]}
    assert list(membership_problems(groups, documented)) == []
    problems = list(membership_problems(groups, {"a": ["vonage.archiving.all"], "b": documented["a"]}))
    assert [problem.split(":")[0] for problem in problems] == ["plugins/modules/a.py", "plugins/modules/b.py"]


@pytest.mark.parametrize(
    ("line", "is_problem"),
    [
        ("/ro" + "ot/.ssh", True),
        ("path: /ho" + "me/alice/x", True),
        ("/Us" + "ers/alice", True),
        ("C:\\Us" + "ers\\alice", True),
        ("see /srv/checkout/plugins", True),
        ("/srv/checkout2/plugins", False),
        ("$(BUILD)/home/tmp", False),
        ("https://example.org/home/page", False),
        ("the container's /home/runner", False),
    ],
)
def test_machine_problems_lists_home_folders_and_the_checkout_only(line: str, is_problem: bool) -> None:
    assert bool(list(machine_problems({Path("f"): line}, Path("/srv/checkout")))) is is_problem
