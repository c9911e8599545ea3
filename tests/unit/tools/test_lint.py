# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Unknown checks are rejected, and the checks of GitHub's files find errors without a network."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tools import environment, lint
from tools.paths import ROOT
from tools.run_stages import Stage

WORKFLOW = """---
name: CI
"on": push
permissions: {}
concurrency:
  group: ci
  cancel-in-progress: true
jobs:
  unit:
    name: unit
    runs-on: ubuntu-24.04
    timeout-minutes: 5
    steps:
      - name: Test
        run: make unit
"""


def test_main_with_an_unknown_check_lists_the_valid_names(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(lint, "stages", lambda: [Stage("ruff", ["false"]), Stage("mypy", ["false"])])
    monkeypatch.setattr(lint, "run_stages", pytest.fail)
    assert lint.main(["ruff", "typo"]) == 2
    assert capsys.readouterr().err == "ARGS: unknown checks: typo. Valid names are: ruff, mypy.\n"


@pytest.mark.parametrize("folder", ["workflows", "ISSUE_TEMPLATE"])
def test_schemas_cover_every_file(folder: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lint, "copy_tree", lambda parent: parent)
    checked = [
        word for stage in lint.stages() if stage.command[0].endswith("check-jsonschema") for word in stage.command
    ]
    files = [str(path.relative_to(ROOT)) for path in (ROOT / ".github" / folder).iterdir()]
    assert files
    assert [file for file in files if checked.count(file) != 1] == []


def run_check(folder: Path, *command: str) -> int:
    """Run a check in a folder, without access to a network proxy."""
    env = {"PATH": str(ROOT / ".venv" / "bin"), "HOME": str(folder), "HTTPS_PROXY": "http://127.0.0.1:1"}
    return subprocess.run(command, cwd=folder, env=env, capture_output=True, check=False).returncode


@pytest.mark.parametrize(
    ("old", "new", "is_valid"),
    [
        ("name: unit", "name: unit", True),
        ("runs-on:", "runs_on:", False),
        ("- name: Test\n        run:", "- nam: Test\n        run:", False),
    ],
)
def test_workflow_schema_with_a_wrong_key_fails(tmp_path: Path, old: str, new: str, is_valid: bool) -> None:
    (tmp_path / "ci.yml").write_text(WORKFLOW.replace(old, new))
    stage = lint.schema("workflows", "github-workflows", "workflows/ci.yml")
    assert (run_check(tmp_path, *stage.command[:-1], "ci.yml") == 0) is is_valid


@pytest.mark.parametrize(
    ("step", "is_valid"),
    [
        ("run: make unit", True),
        ("uses: actions/checkout@v7", False),
        ("run: echo ${{ github.event.pull_request.title }}", False),
    ],
)
def test_zizmor_with_an_unpinned_action_or_an_injection_fails(tmp_path: Path, step: str, is_valid: bool) -> None:
    for name in lint.ZIZMOR_FILES:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix:
            shutil.copy(ROOT / name, path)
    (tmp_path / ".github" / "workflows").mkdir()
    (tmp_path / ".github" / "workflows" / "ci.yml").write_text(WORKFLOW.replace("run: make unit", step))
    assert (run_check(tmp_path, environment.project_tool("zizmor"), *lint.ZIZMOR_ARGUMENTS) == 0) is is_valid
