# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Discovery of interpreters: only those that run are found, shims never."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tools.pythons import SCRIPT, newest_between


def fake_python(directory: Path, name: str, body: str) -> Path:
    """Write an executable that stands for an interpreter."""
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / name
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)
    return path


def answering(minor: int, path: Path) -> str:
    """Return the script of an interpreter that answers the probe."""
    return f"echo {minor} {path}"


def discover(path: Path | str, *arguments: str, home: Path, **env: str) -> subprocess.CompletedProcess[str]:
    """Run the script with a PATH of its own (sed, sort and awk come from the end of it)."""
    environment = {"PATH": f"{path}:/usr/bin:/bin", "HOME": str(home), **env}
    command = ["sh", str(SCRIPT), *arguments]
    return subprocess.run(command, check=False, capture_output=True, text=True, env=environment)


def test_the_running_interpreter_is_found(tmp_path: Path) -> None:
    """A real interpreter passes the probe and is named with its version."""
    version = f"3.{sys.version_info[1]}"
    (tmp_path / f"python{version}").symlink_to(Path(sys.executable).resolve())
    listing = discover(tmp_path, home=tmp_path).stdout.splitlines()
    found = dict(line.split(" ", 1) for line in listing)
    assert os.access(found[version], os.X_OK)


def test_shims_are_replaced_by_what_lies_beside_them(tmp_path: Path) -> None:
    """A pyenv shim answers 127 although it is on PATH; the versions lie in ../versions."""
    fake_python(tmp_path / "shims", "python3.98", "exit 127")
    real = tmp_path / "versions" / "3.98.1" / "bin" / "python3.98"
    fake_python(real.parent, real.name, answering(98, real))
    assert discover(tmp_path / "shims", "--newest", home=tmp_path / "home").stdout == f"{real}\n"


@pytest.mark.parametrize("variable", ["PYENV_ROOT", "HOME"])
def test_pyenv_is_searched_without_being_on_path(tmp_path: Path, variable: str) -> None:
    """PYENV_ROOT, or .pyenv in the home folder."""
    root = tmp_path / ".pyenv" if variable == "HOME" else tmp_path / "elsewhere"
    real = root / "versions" / "3.98.1" / "bin" / "python3.98"
    fake_python(real.parent, real.name, answering(98, real))
    env = {"PYENV_ROOT": str(root)} if variable == "PYENV_ROOT" else {}
    assert discover(tmp_path / "empty", "--newest", home=tmp_path, **env).stdout == f"{real}\n"


def test_what_does_not_run_or_fails_the_probe_is_passed_over(tmp_path: Path) -> None:
    """The next directory's interpreter of the same version is taken."""
    fake_python(tmp_path / "broken", "python3.98", "exit 127")
    real = tmp_path / "good" / "python3.98"
    fake_python(real.parent, real.name, answering(98, real))
    assert discover(f"{real.parent.parent}/broken:{real.parent}", "--newest", home=tmp_path).stdout == f"{real}\n"


def test_newest_first_within_bounds(tmp_path: Path) -> None:
    """3.98 is newer than 3.9 and 3.97; the bounds are included."""
    for minor in (96, 97, 98, 99):
        fake_python(tmp_path, f"python3.{minor}", answering(minor, tmp_path / f"python3.{minor}"))
    listing = discover(tmp_path, "3.96", "3.98", home=tmp_path).stdout.splitlines()
    assert [line.split()[0] for line in listing] == ["3.98", "3.97", "3.96"]


def test_a_python3_without_a_version_in_its_name_counts(tmp_path: Path) -> None:
    """It says its version itself, and the bounds hold for it too."""
    fake_python(tmp_path, "python3", answering(98, tmp_path / "python3"))
    assert discover(tmp_path, "--newest", "3.98", "3.98", home=tmp_path).stdout == f"{tmp_path}/python3\n"
    assert str(tmp_path) not in discover(tmp_path, "3.0", "3.97", home=tmp_path).stdout


def test_none_found_says_what_was_looked_for(tmp_path: Path) -> None:
    """Exit status 1 and one sentence, nothing on standard output."""
    result = discover(tmp_path, "3.98", "3.99", home=tmp_path)
    assert (result.returncode, result.stdout) == (1, "")
    assert "no Python 3.98 to 3.99" in result.stderr


def test_newest_between() -> None:
    """Versions are numbers, not text."""
    pythons = {version: Path(version) for version in ("3.9", "3.10", "3.12")}
    assert newest_between("3.9", "3.11", pythons) == Path("3.10")
    assert newest_between("3.13", "3.14", pythons) is None
