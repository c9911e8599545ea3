# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Environments: kept while they fit, made anew when they do not; lines without interpreter are skipped."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tools import cores, environment


@pytest.fixture(name="calls")
def recorded_calls(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Record what would be made and installed instead of doing it."""
    calls: list[str] = []
    monkeypatch.setattr(environment, "create", lambda directory, _interpreter: directory.mkdir(exist_ok=True))
    monkeypatch.setattr(environment, "install", lambda _directory, wanted: calls.append(" ".join(wanted)))
    return calls


def test_an_environment_is_filled_once(tmp_path: Path, calls: list[str]) -> None:
    """Until other requirements or another interpreter are wanted."""
    environment.ensure(tmp_path / "env", ["six"])
    environment.ensure(tmp_path / "env", ["six"])
    assert calls == ["six"]
    environment.ensure(tmp_path / "env", ["six", "attrs"])
    environment.ensure(tmp_path / "env", ["six", "attrs"], "/other/python")
    assert calls == ["six", "six attrs", "six attrs"]


def test_a_changed_requirement_file_is_seen(tmp_path: Path, calls: list[str]) -> None:
    """The file's content counts, not its name."""
    file = tmp_path / "requirements.txt"
    for content in ("six\n", "six\n", "attrs\n"):
        file.write_text(content)
        environment.ensure(tmp_path / "env", ["-r", str(file)])
    assert len(calls) == 2


def test_a_failed_installation_is_tried_again(
    tmp_path: Path, calls: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """No stamp without success."""

    def fail(_directory: Path, _wanted: list[str]) -> None:
        raise SystemExit("no network")

    with monkeypatch.context() as patch:
        patch.setattr(environment, "install", fail)
        with pytest.raises(SystemExit):
            environment.ensure(tmp_path / "env", ["six"])
    environment.ensure(tmp_path / "env", ["six"])
    assert calls == ["six"]


def test_a_broken_environment_is_made_anew(tmp_path: Path) -> None:
    """Its Python does not run any more: what it held goes, and a working one is there."""
    directory = tmp_path / "env"
    (directory / "bin").mkdir(parents=True)
    (directory / "bin" / "python").symlink_to("/nonexistent/python")
    (directory / "pyvenv.cfg").write_text("")
    (directory / "leftover").write_text("")
    environment.create(directory)
    assert environment.version_of(directory / "bin" / "python") == environment.version_of(sys.executable)
    assert not (directory / "leftover").exists()


def test_a_line_without_interpreter_is_skipped(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """JSON says null, standard error says which Python it wants, the exit status is 0."""
    monkeypatch.setattr(cores, "find_pythons", lambda: {"3.9": Path("/usr/bin/python3.9")})
    assert cores.main(["2.16"]) == 0
    output = capsys.readouterr()
    assert output.out == '{"2.16": null}\n'
    assert "2.16 skipped: it needs Python 3.10 to 3.12" in output.err
