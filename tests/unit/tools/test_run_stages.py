# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""All stages run, failures are reported, and no process continues after its stage."""

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
from tools.run_stages import Result, Stage, format_summary, run_stages, verdict_of


def python(code: str) -> list[str]:
    """Return the command that runs a line of Python."""
    return [sys.executable, "-c", code]


def is_running(pid: int) -> bool:
    """Return whether a process runs; a zombie does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def wait_for_end(pid: int) -> bool:
    """Return whether a process ends within 5 seconds."""
    deadline = time.monotonic() + 5
    while is_running(pid) and time.monotonic() < deadline:
        time.sleep(0.05)
    return not is_running(pid)


def test_run_stages_with_a_failed_stage_runs_all_in_order(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The output has the last lines of the failed stage."""
    stages = [
        Stage("slow", python("import time; time.sleep(0.3); print('done')")),
        Stage("bad", python("print('the reason'); raise SystemExit(3)")),
        Stage("good", python("pass")),
    ]
    results = run_stages(stages, logs=tmp_path, jobs=2, timeout=30)
    assert [(result.name, result.status) for result in results] == [("slow", 0), ("bad", 3), ("good", 0)]
    assert (tmp_path / "slow.log").read_text() == "done\n"
    assert "  | the reason\n" in capsys.readouterr().out


def test_run_stages_with_a_missing_command_fails_this_stage_only(tmp_path: Path) -> None:
    stages = [Stage("missing", ["/nonexistent/command"]), Stage("good", python("pass"))]
    results = run_stages(stages, logs=tmp_path, jobs=1, timeout=30)
    assert [result.status for result in results] == [127, 0]
    assert "could not be started" in (tmp_path / "missing.log").read_text()


def test_run_stages_with_a_stage_over_its_time_limit_ends_it(tmp_path: Path) -> None:
    [result] = run_stages([Stage("hang", python("import time; time.sleep(60)"))], logs=tmp_path, jobs=1, timeout=0.5)
    assert result.status == 124
    assert result.seconds < 10
    assert "not finished" in (tmp_path / "hang.log").read_text()


def test_run_stages_with_a_process_that_a_stage_did_not_end_ends_it(tmp_path: Path) -> None:
    code = "import subprocess, sys; print(subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)']).pid)"
    [result] = run_stages([Stage("leaky", python(code))], logs=tmp_path, jobs=1, timeout=30)
    assert result.passed
    assert wait_for_end(int((tmp_path / "leaky.log").read_text()))


def test_run_stages_with_a_process_that_ignores_sigterm_kills_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner, "TERMINATION_SECONDS", 0.5)
    code = "import os, signal, time; signal.signal(15, signal.SIG_IGN); print(os.getpid(), flush=True); time.sleep(60)"
    [result] = run_stages([Stage("stubborn", python(code))], logs=tmp_path, jobs=1, timeout=1)
    assert not result.passed
    assert wait_for_end(int((tmp_path / "stubborn.log").read_text().split()[0]))


def test_runner_after_stop_starts_no_stage(tmp_path: Path) -> None:
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
def test_verdict_of_a_log_returns_the_summary_lines(tmp_path: Path, lines: str, verdict: str) -> None:
    log = tmp_path / "log"
    log.write_text(lines)
    assert verdict_of(log) == verdict


def test_format_summary_ends_with_the_number_of_stages() -> None:
    results = [Result("unit", 0, 12.3, Path("x"), "5 passed"), Result("lint", 1, 2.0, Path("y"))]
    lines = format_summary(results, 14.0).splitlines()
    assert lines[-1] == "1 passed, 1 failed"
    assert any(line.split() == ["unit", "ok", "12", "s", "5", "passed"] for line in lines)
    assert any(line.split() == ["lint", "FAILED", "2", "s"] for line in lines)


@pytest.mark.parametrize(("failing", "status"), [("", 0), ("b", 1)])
def test_main_with_a_failed_stage_exits_with_1(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], failing: str, status: int
) -> None:
    make = tmp_path / "make"
    make.write_text(f'#!/bin/sh\n[ "$2" != "{failing}" ]\n')
    make.chmod(0o755)
    monkeypatch.setenv("MAKE", str(make))
    monkeypatch.setattr(runner, "BUILD", tmp_path)
    assert runner.main(["--jobs", "1", "a", "b"]) == status
    assert capfd.readouterr().out.splitlines()[-1] == f"{2 - status} passed, {status} failed"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_main_after_a_signal_ends_running_stages_and_starts_no_other(tmp_path: Path, number: signal.Signals) -> None:
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
    assert wait_for_end(int(pid.read_text()))
    assert not (tmp_path / "b.pid").exists()
