# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The stage runner: every stage runs, failures are told, nothing outlives its stage."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tools import run_stages as runner
from tools.paths import ROOT
from tools.run_stages import Result, Stage, run_stages, summary, verdict_of


def python(code: str) -> list[str]:
    """Return the command that runs a line of Python."""
    return [sys.executable, "-c", code]


def alive(pid: int) -> bool:
    """Tell whether a process runs (a zombie does not)."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def wait_until_gone(pid: int) -> bool:
    """Give a killed process a moment."""
    deadline = time.monotonic() + 5
    while alive(pid) and time.monotonic() < deadline:
        time.sleep(0.05)
    return not alive(pid)


def test_all_stages_run_and_keep_their_order(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A failing stage neither stops the others nor hides its last lines."""
    stages = [
        Stage("slow", python("import time; time.sleep(0.3); print('done')")),
        Stage("bad", python("print('why it failed'); raise SystemExit(3)")),
        Stage("good", python("pass")),
    ]
    results = run_stages(stages, logs=tmp_path, jobs=2, timeout=30)
    assert [(result.name, result.status) for result in results] == [("slow", 0), ("bad", 3), ("good", 0)]
    assert (tmp_path / "slow.log").read_text() == "done\n"
    assert "  | why it failed\n" in capsys.readouterr().out


def test_a_command_that_does_not_exist_fails_its_stage_only(tmp_path: Path) -> None:
    """Its log says so."""
    stages = [Stage("missing", ["/nonexistent/command"]), Stage("good", python("pass"))]
    results = run_stages(stages, logs=tmp_path, jobs=1, timeout=30)
    assert [result.status for result in results] == [127, 0]
    assert "could not be started" in (tmp_path / "missing.log").read_text()


def test_a_stage_that_hangs_is_ended(tmp_path: Path) -> None:
    """With the time it had in its log."""
    [result] = run_stages([Stage("hang", python("import time; time.sleep(60)"))], logs=tmp_path, jobs=1, timeout=0.5)
    assert result.status == 124
    assert result.seconds < 10
    assert "not finished" in (tmp_path / "hang.log").read_text()


def test_what_a_stage_leaves_running_is_ended(tmp_path: Path) -> None:
    """A server forgotten by a test does not outlive the test's stage."""
    code = "import subprocess, sys; print(subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)']).pid)"
    [result] = run_stages([Stage("leaky", python(code))], logs=tmp_path, jobs=1, timeout=30)
    assert result.passed
    assert wait_until_gone(int((tmp_path / "leaky.log").read_text()))


def test_what_ignores_being_asked_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """SIGTERM first, SIGKILL after the time of grace."""
    monkeypatch.setattr(runner, "GRACE_SECONDS", 0.5)
    code = "import os, signal, time; signal.signal(15, signal.SIG_IGN); print(os.getpid(), flush=True); time.sleep(60)"
    [result] = run_stages([Stage("stubborn", python(code))], logs=tmp_path, jobs=1, timeout=1)
    assert not result.passed
    assert wait_until_gone(int((tmp_path / "stubborn.log").read_text().split()[0]))


def test_stopping_starts_nothing_more(tmp_path: Path) -> None:
    """After an interrupt the stages that wait are not begun."""
    stopped = runner.Runner(tmp_path, timeout=30)
    stopped.stop()
    assert stopped.run(Stage("late", ["touch", str(tmp_path / "ran")])).status == 130
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    ("lines", "verdict"),
    [
        ("===== 12 passed, 1 skipped in 3.20s =====\n", "12 passed, 1 skipped"),
        ("noise\n3 passed, 0 failed\nmore noise\n", "3 passed, 0 failed"),
        ("= 2 passed in 1s =\n= 1 failed, 1 passed in 2.00s (0:00:02) =\n", "2 passed; 1 failed, 1 passed"),
        ("all is well\n", ""),
    ],
)
def test_the_verdict_of_a_log(tmp_path: Path, lines: str, verdict: str) -> None:
    """What pytest, or this runner inside a stage, says last."""
    log = tmp_path / "log"
    log.write_text(lines)
    assert verdict_of(log) == verdict


def test_the_summary_ends_with_the_count() -> None:
    """One line a stage; the very last line is for machines."""
    results = [Result("unit", 0, 12.3, Path("x"), "5 passed"), Result("lint", 1, 2.0, Path("y"))]
    lines = summary(results, 14.0).splitlines()
    assert lines[-1] == "1 passed, 1 failed"
    assert any(line.split() == ["unit", "ok", "12", "s", "5", "passed"] for line in lines)
    assert any(line.split() == ["lint", "FAILED", "2", "s"] for line in lines)


@pytest.mark.parametrize(("failing", "status"), [("", 0), ("b", 1)])
def test_the_exit_status_and_the_last_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], failing: str, status: int
) -> None:
    """A failing stage makes the whole run fail."""
    make = tmp_path / "make"
    make.write_text(f'#!/bin/sh\n[ "$2" != "{failing}" ]\n')
    make.chmod(0o755)
    monkeypatch.setenv("MAKE", str(make))
    monkeypatch.setattr(runner, "BUILD", tmp_path)
    assert runner.main(["--jobs", "1", "a", "b"]) == status
    assert capfd.readouterr().out.splitlines()[-1] == f"{2 - status} passed, {status} failed"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_ends_what_runs(tmp_path: Path, number: signal.Signals) -> None:
    """Ctrl-C, or a runner that gives up on the whole: no stage goes on, and none is begun."""
    make = tmp_path / "make"
    make.write_text(f'#!/bin/sh\necho $$ > "{tmp_path}/$2.pid"\nexec sleep 60\n')
    make.chmod(0o755)
    code = f"import pathlib; from tools import run_stages as r; r.BUILD = pathlib.Path({str(tmp_path)!r}); "
    code += "raise SystemExit(r.main(['--jobs', '1', 'a', 'b']))"
    process = subprocess.Popen(python(code), cwd=ROOT, env={**os.environ, "MAKE": str(make)}, stdout=subprocess.DEVNULL)
    pid = tmp_path / "a.pid"
    deadline = time.monotonic() + 10
    while not (pid.exists() and pid.read_text()) and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(number)
    assert process.wait(30) == 130
    assert wait_until_gone(int(pid.read_text()))
    assert not (tmp_path / "b.pid").exists()
