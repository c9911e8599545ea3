# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The project's own checks find what they are for."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools.checks import LICENCE, action_group_problems, licence_problems, machine_problems, membership_problems


def test_a_file_without_licence_is_named() -> None:
    """Empty files, generated files and those with a .license beside them are not."""
    files = {
        Path("a.py"): "import os\n",
        Path("b.yml"): f"---\n# {LICENCE}\n",
        Path("empty.py"): "",
        Path("README.md"): "no header wanted",
        Path("changelogs/changelog.yaml"): "releases: {}\n",
        Path("c.yml"): "x: 1\n",
        Path("c.yml.license"): LICENCE,
    }
    assert list(licence_problems(files)) == ["a.py: no licence header"]


def test_action_groups_and_modules_agree() -> None:
    """Missing, unknown and unsorted members are told."""
    runtime: dict[str, object] = {"action_groups": {"all": ["b", "a", "gone"], "part": ["a"]}}
    problems = list(action_group_problems(runtime, {"a", "b", "new"}))
    assert problems == [
        "meta/runtime.yml: action group `all` lacks new",
        "meta/runtime.yml: action group `all` names gone, which is no module",
        "meta/runtime.yml: action group `all` is not sorted",
    ]
    assert list(action_group_problems({"action_groups": {"all": ["a"]}}, {"a"})) == []
    assert list(action_group_problems({}, {"a"})) == ["meta/runtime.yml: no action group `all`"]


def test_modules_document_the_groups_they_are_in() -> None:
    """Too few and too many are both told."""
    groups = {"all": ["a", "b"], "aws": ["a"]}
    right = {"a": ["vonage.archiving.aws", "vonage.archiving.all"], "b": ["vonage.archiving.all"]}
    assert list(membership_problems(groups, right)) == []
    problems = list(membership_problems(groups, {"a": ["vonage.archiving.all"], "b": right["a"]}))
    assert [problem.split(":")[0] for problem in problems] == ["plugins/modules/a.py", "plugins/modules/b.py"]


@pytest.mark.parametrize(
    ("line", "found"),
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
def test_paths_of_one_machine_are_found(line: str, found: bool) -> None:
    """Home folders and the checkout's own place; not what only looks like one."""
    assert bool(list(machine_problems({Path("f"): line}, Path("/srv/checkout")))) is found
