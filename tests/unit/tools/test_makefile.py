# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Makefile rejects a folder that make does not support, and CI runs the stages of `make test`."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[3]


@pytest.mark.parametrize(("name", "is_supported"), [("clone", True), ("my clone", False)])
def test_makefile_in_a_folder_with_a_space_fails(tmp_path: Path, name: str, is_supported: bool) -> None:
    """Otherwise make splits the path and writes to another folder."""
    folder = tmp_path / name
    folder.mkdir()
    shutil.copy(ROOT / "Makefile", folder)
    run = subprocess.run(["make", "help"], cwd=folder, capture_output=True, text=True, check=False)
    assert (run.returncode == 0) is is_supported
    assert ("The path of the checkout contains a space" in run.stderr) is not is_supported
    assert [path.name for path in folder.iterdir()] == ["Makefile"]


def dry_run(target: str) -> str:
    """Return the commands of a target, which make prints but does not run."""
    run = subprocess.run(["make", "--dry-run", target], cwd=ROOT, capture_output=True, text=True, check=True)
    # make would run a command with its own name, and the stages would overwrite the logs of the current run.
    assert "started" not in run.stdout
    return run.stdout.replace("\\\n", " ")


def test_stages_of_the_workflow_are_those_of_make_test() -> None:
    [command] = [line for line in dry_run("test").splitlines() if "tools.run_stages" in line]
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text())
    stages = workflow["jobs"]["stages"]["strategy"]["matrix"]["stage"]
    assert len(stages) == 9
    assert stages == command.split()[-len(stages) :]
    assert not command.split()[-len(stages) - 1].isalpha()


def test_make_test_states_its_duration_first() -> None:
    commands = dry_run("test").splitlines()
    duration = next(number for number, line in enumerate(commands) if "about 25 minutes" in line)
    stages = next(number for number, line in enumerate(commands) if "tools.run_stages" in line)
    assert duration < stages
