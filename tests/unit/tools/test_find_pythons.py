# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The search for interpreters returns only interpreters that run, and never a shim."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tools.pythons import SCRIPT, newest_between


def write_python(directory: Path, name: str, body: str) -> Path:
    """Write a script in the place of an interpreter."""
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / name
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)
    return path


def probe_response(minor: int, path: Path) -> str:
    """Return a script that responds to the probe as an interpreter."""
    return f"echo {minor} {path}"


def discover(path: Path | str, *arguments: str, home: Path, **env: str) -> subprocess.CompletedProcess[str]:
    """Run the script with this PATH, and with the folders of sed, sort, and awk at its end."""
    environment = {"PATH": f"{path}:/usr/bin:/bin", "HOME": str(home), **env}
    command = ["sh", str(SCRIPT), *arguments]
    return subprocess.run(command, check=False, capture_output=True, text=True, env=environment)


def test_find_pythons_with_a_real_interpreter_lists_it_with_its_version(tmp_path: Path) -> None:
    version = f"3.{sys.version_info[1]}"
    (tmp_path / f"python{version}").symlink_to(Path(sys.executable).resolve())
    listing = discover(tmp_path, home=tmp_path).stdout.splitlines()
    interpreters = dict(line.split(" ", 1) for line in listing)
    assert os.access(interpreters[version], os.X_OK)


def test_find_pythons_with_shims_on_path_reads_the_versions_folder(tmp_path: Path) -> None:
    """A pyenv shim on PATH exits with 127; the interpreters are in ../versions."""
    write_python(tmp_path / "shims", "python3.98", "exit 127")
    real = tmp_path / "versions" / "3.98.1" / "bin" / "python3.98"
    write_python(real.parent, real.name, probe_response(98, real))
    assert discover(tmp_path / "shims", "--newest", home=tmp_path / "home").stdout == f"{real}\n"


@pytest.mark.parametrize("variable", ["PYENV_ROOT", "HOME"])
def test_find_pythons_without_pyenv_on_path_searches_its_folder(tmp_path: Path, variable: str) -> None:
    root = tmp_path / ".pyenv" if variable == "HOME" else tmp_path / "elsewhere"
    real = root / "versions" / "3.98.1" / "bin" / "python3.98"
    write_python(real.parent, real.name, probe_response(98, real))
    env = {"PYENV_ROOT": str(root)} if variable == "PYENV_ROOT" else {}
    assert discover(tmp_path / "empty", "--newest", home=tmp_path, **env).stdout == f"{real}\n"


def test_find_pythons_with_a_broken_interpreter_lists_the_next_one(tmp_path: Path) -> None:
    """The next folder on PATH has an interpreter of the same version."""
    write_python(tmp_path / "broken", "python3.98", "exit 127")
    real = tmp_path / "good" / "python3.98"
    write_python(real.parent, real.name, probe_response(98, real))
    assert discover(f"{real.parent.parent}/broken:{real.parent}", "--newest", home=tmp_path).stdout == f"{real}\n"


def test_find_pythons_with_bounds_lists_the_newest_first(tmp_path: Path) -> None:
    """3.98 is newer than 3.9 and 3.97; the bounds are included."""
    for minor in (96, 97, 98, 99):
        write_python(tmp_path, f"python3.{minor}", probe_response(minor, tmp_path / f"python3.{minor}"))
    listing = discover(tmp_path, "3.96", "3.98", home=tmp_path).stdout.splitlines()
    assert [line.split()[0] for line in listing] == ["3.98", "3.97", "3.96"]


def test_find_pythons_with_python3_applies_the_bounds_to_its_version(tmp_path: Path) -> None:
    write_python(tmp_path, "python3", probe_response(98, tmp_path / "python3"))
    assert discover(tmp_path, "--newest", "3.98", "3.98", home=tmp_path).stdout == f"{tmp_path}/python3\n"
    assert str(tmp_path) not in discover(tmp_path, "3.0", "3.97", home=tmp_path).stdout


def test_find_pythons_without_an_interpreter_fails_with_the_bounds(tmp_path: Path) -> None:
    result = discover(tmp_path, "3.98", "3.99", home=tmp_path)
    assert (result.returncode, result.stdout) == (1, "")
    assert "no Python 3.98 to 3.99" in result.stderr


def test_newest_between_compares_versions_as_numbers() -> None:
    pythons = {version: Path(version) for version in ("3.9", "3.10", "3.12")}
    assert newest_between("3.9", "3.11", pythons) == Path("3.10")
    assert newest_between("3.13", "3.14", pythons) is None
