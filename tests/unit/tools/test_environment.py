# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Environments are kept while they match and are recreated otherwise; lines without an interpreter are skipped."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tools import cores, environment


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Record the requirements instead of installing them."""
    calls: list[str] = []
    monkeypatch.setattr(environment, "create", lambda directory, _interpreter: directory.mkdir(exist_ok=True))
    monkeypatch.setattr(environment, "install", lambda _directory, requirements: calls.append(" ".join(requirements)))
    return calls


def test_ensure_installs_only_for_other_requirements_or_another_interpreter(tmp_path: Path, calls: list[str]) -> None:
    environment.ensure(tmp_path / "env", ["six"])
    environment.ensure(tmp_path / "env", ["six"])
    assert calls == ["six"]
    environment.ensure(tmp_path / "env", ["six", "attrs"])
    environment.ensure(tmp_path / "env", ["six", "attrs"], "/other/python")
    assert calls == ["six", "six attrs", "six attrs"]


def test_ensure_with_a_changed_requirements_file_installs_again(tmp_path: Path, calls: list[str]) -> None:
    file = tmp_path / "requirements.txt"
    for content in ("six\n", "six\n", "attrs\n"):
        file.write_text(content)
        environment.ensure(tmp_path / "env", ["-r", str(file)])
    assert len(calls) == 2


def test_ensure_after_a_failed_installation_installs_again(
    tmp_path: Path, calls: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_directory: Path, _requirements: list[str]) -> None:
        raise SystemExit("no network")

    with monkeypatch.context() as patch:
        patch.setattr(environment, "install", fail)
        with pytest.raises(SystemExit):
            environment.ensure(tmp_path / "env", ["six"])
    environment.ensure(tmp_path / "env", ["six"])
    assert calls == ["six"]


def test_create_with_a_broken_environment_replaces_it(tmp_path: Path) -> None:
    directory = tmp_path / "env"
    (directory / "bin").mkdir(parents=True)
    (directory / "bin" / "python").symlink_to("/nonexistent/python")
    (directory / "pyvenv.cfg").write_text("")
    (directory / "leftover").write_text("")
    environment.create(directory)
    assert environment.version_of(directory / "bin" / "python") == environment.version_of(sys.executable)
    assert not (directory / "leftover").exists()


def test_cores_without_an_interpreter_skips_the_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The output has null, standard error names the required Python, and the exit status is 0."""
    monkeypatch.setattr(cores, "find_pythons", lambda: {"3.9": Path("/usr/bin/python3.9")})
    assert cores.main(["2.16"]) == 0
    output = capsys.readouterr()
    assert output.out == '{"2.16": null}\n'
    assert "2.16 skipped: it requires Python 3.10 to 3.12" in output.err
