# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The locks of the development environments match their input, for all registries and versions of Python."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from tools import environment, locks
from tools.paths import ROOT

PIN = re.compile(r"^([A-Za-z0-9._-]+)==(\S+)( ; .*)? \\$")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Copy the requirements and the files that they include."""
    shutil.copytree(locks.FOLDER, tmp_path / "requirements")
    (tmp_path / "meta").mkdir()
    shutil.copy(ROOT / "meta" / "ee-requirements.txt", tmp_path / "meta")
    return tmp_path / "requirements"


def test_lock_problems_of_the_project_are_none() -> None:
    assert list(locks.lock_problems(locks.FOLDER)) == []


@pytest.mark.parametrize(
    ("file", "old", "new", "stale"),
    [
        ("test.txt", "pytest>=8.2", "pytest>=8.3", ["dev.lock"]),
        ("../meta/ee-requirements.txt", "boto3>=1.36.0", "boto3>=1.37.0", ["dev.lock"]),
        ("project.txt", "zizmor>=1.32", "zizmor>=1.31", ["project.lock"]),
        ("uv.txt", "uv>=0.5,<1", "uv>=0.6,<1", ["uv.lock"]),
        ("importer.txt", "# Galaxy's importer.", "# Another comment.", []),
    ],
)
def test_lock_problems_after_a_change_name_the_stale_lock(
    folder: Path, file: str, old: str, new: str, stale: list[str]
) -> None:
    path = folder / file
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    assert [problem.partition(":")[0] for problem in locks.lock_problems(folder)] == stale


@pytest.mark.parametrize("line", ["--index-url https://pypi.example.com", "six @ https://example.com/six.whl"])
def test_lock_problems_with_a_registry_name_the_lock(folder: Path, line: str) -> None:
    lock = folder / "uv.lock"
    lock.write_text(f"{lock.read_text()}{line}\n")
    assert [problem.partition(":")[0] for problem in locks.lock_problems(folder)] == ["uv.lock"]


def test_lock_problems_with_a_missing_lock_name_it(folder: Path) -> None:
    (folder / "project.lock").unlink()
    assert [problem.partition(":")[0] for problem in locks.lock_problems(folder)] == ["project.lock"]


@pytest.mark.parametrize("name", locks.NAMES)
def test_lock_has_a_version_with_hashes_for_each_requirement(name: str) -> None:
    lines = (locks.FOLDER / f"{name}.lock").read_text().splitlines()
    pins = {
        match[1]
        for line, after in zip(lines, [*lines[1:], ""], strict=True)
        if (match := PIN.match(line)) and "--hash=sha256:" in after
    }
    assert len(pins) == len({line.partition("==")[0] for line in lines if "==" in line})
    required = {re.split(r"[^A-Za-z0-9._-]", line)[0] for line in locks.read_requirements(locks.FOLDER / f"{name}.txt")}
    assert {re.sub(r"[-_.]+", "-", package).lower() for package in required} <= pins


def test_oldest_python_is_that_of_the_makefile() -> None:
    assert f"OLDEST_PYTHON := {locks.OLDEST_PYTHON}\n" in (ROOT / "Makefile").read_text()


@pytest.mark.parametrize(("value", "file"), [("", "dev.lock"), ("true", "dev.txt")])
def test_locked_without_locks_uses_the_requirements(monkeypatch: pytest.MonkeyPatch, value: str, file: str) -> None:
    monkeypatch.setenv("UNLOCKED", value)
    arguments = environment.locked("dev")
    assert arguments[-1] == str(locks.FOLDER / file)
    assert ("--require-hashes" in arguments) is (value == "")
