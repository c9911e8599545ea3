# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Screenshots require a browser, and show the first steps of the demo."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tools import docs, screenshots


def test_main_without_a_browser_builds_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(docs, "main", lambda: pytest.fail("the site is built"))
    assert screenshots.main() == 0
    assert capsys.readouterr().out.startswith("Skipped: no browser on PATH. Install one of: chromium, ")


def test_find_browser_returns_the_first_browser_on_path(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("google-chrome", "chromium-browser"):
        (tmp_path / name).touch(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert screenshots.find_browser() == str(tmp_path / "chromium-browser")


def test_run_demo_returns_the_first_steps_with_short_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    output = f"1. Start\n   {'x' * 200}\n\n4. Record\n"
    monkeypatch.setattr(subprocess, "run", lambda *_args, **_kwargs: subprocess.CompletedProcess([], 0, output))
    lines = screenshots.run_demo().splitlines()
    assert lines[:2] == ["$ make demo", "1. Start"]
    assert lines[2].endswith("x…")
    assert max(map(len, lines)) == screenshots.COLUMNS
    assert "4. Record" not in lines


def test_format_terminal_escapes_the_output_and_colors_the_status() -> None:
    page = screenshots.format_terminal("$ make demo\n   ok      <one>\n   changed two\n   okay\n")
    assert "<b>$ make demo</b>" in page
    assert '<span class="ok">ok</span>      &lt;one&gt;' in page
    assert '<span class="changed">changed</span> two' in page
    assert "   okay" in page
