# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run the stages of `make test` concurrently, and print the result and duration of each stage.

A stage is a make target. Its output is written to build/logs/<stage>.log; the last lines are printed if it fails. The
last line of the output is the number of stages, "N passed, N failed". The exit status is 0 only if no stage failed.

usage: python -m tools.run_stages [--jobs N] [--timeout SECONDS] STAGE...
"""

from __future__ import annotations

import argparse
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from tools.paths import BUILD, ROOT

TAIL_LINES = 60
# From SIGTERM to SIGKILL.
TERMINATION_SECONDS = 20.0
# The last line of pytest, or of this module in a stage.
VERDICT = re.compile(r"((?:\d+ (?:passed|failed|skipped|errors?|xfailed|warnings?|deselected)(?:, )?)+)(?: in .*)?")


@dataclass(frozen=True)
class Stage:
    """A command with a name."""

    name: str
    command: Sequence[str]


@dataclass(frozen=True)
class Result:
    """The exit status, duration, and log of a stage."""

    name: str
    status: int
    seconds: float
    log: Path
    verdict: str = ""

    @property
    def passed(self) -> bool:
        """Return whether the exit status is 0."""
        return self.status == 0


@dataclass
class Runner:
    """Run each stage in its own process group, and end the whole group after the stage."""

    logs: Path
    timeout: float
    _running: set[subprocess.Popen[bytes]] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _stopped: bool = False

    def run(self, stage: Stage) -> Result:
        """Run one stage until it ends or its time limit expires."""
        log = self.logs / f"{stage.name}.log"
        start = time.monotonic()
        _print(f"{stage.name}: started")
        with log.open("wb") as output:
            try:
                status = self._execute(stage, output.fileno())
            except OSError as error:
                output.write(f"The stage could not be started: {error}\n".encode())
                status = 127
        result = Result(stage.name, status, time.monotonic() - start, log, verdict_of(log))
        _print(f"{stage.name}: {'ok' if result.passed else 'FAILED'} after {result.seconds:.0f} s")
        if not result.passed:
            _print(tail_of(log))
        return result

    def _execute(self, stage: Stage, output: int) -> int:
        process = self._start(stage, output)
        if process is None:
            return 130
        try:
            return process.wait(self.timeout)
        except subprocess.TimeoutExpired:
            os.write(output, f"\nThe stage was stopped: not finished after {self.timeout:.0f} s.\n".encode())
            return 124
        finally:
            end_group(process)
            with self._lock:
                self._running.discard(process)

    def _start(self, stage: Stage, output: int) -> subprocess.Popen[bytes] | None:
        with self._lock:
            if self._stopped:
                return None
            process = subprocess.Popen(
                stage.command,
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            self._running.add(process)
        return process

    def stop(self) -> None:
        """End all running stages and start no other stage."""
        with self._lock:
            self._stopped = True
            running = list(self._running)
        for process in running:
            _signal_group(process, signal.SIGTERM)


def _signal_group(process: subprocess.Popen[bytes], number: int) -> bool:
    """Send a signal to the group and return whether it still has processes; the number 0 sends no signal."""
    try:
        os.killpg(process.pid, number)
    except (ProcessLookupError, PermissionError):
        return False
    return True


def end_group(process: subprocess.Popen[bytes]) -> None:
    """End all processes of the group with SIGTERM, then with SIGKILL."""
    if _signal_group(process, signal.SIGTERM):
        deadline = time.monotonic() + TERMINATION_SECONDS
        while time.monotonic() < deadline:
            process.poll()
            if not _signal_group(process, 0):
                return
            time.sleep(0.1)
        _signal_group(process, signal.SIGKILL)
    process.wait()


def tail_of(log: Path, lines: int = TAIL_LINES) -> str:
    """Return the last lines of a log."""
    with log.open(errors="replace") as text:
        return "".join(f"  | {line}" for line in deque(text, lines)) + f"  (full log: {log})"


def verdict_of(log: Path) -> str:
    """Return the summary lines of the test runners in a log, or an empty string."""
    with log.open(errors="replace") as text:
        verdicts = [match[1] for line in text if (match := VERDICT.fullmatch(line.strip(" =\n")))]
    return "; ".join(verdicts)


def format_summary(results: Sequence[Result], wall: float) -> str:
    """Format the table of results; the last line is machine-readable."""
    width = max((len(result.name) for result in results), default=0)
    rows = [
        f"  {result.name:<{width}}  {'ok' if result.passed else 'FAILED':<6}  {result.seconds:6.0f} s  {result.verdict}"
        for result in results
    ]
    passed = sum(result.passed for result in results)
    last = f"{passed} passed, {len(results) - passed} failed"
    return "\n".join(["", f"Stages, {wall:.0f} s in total:", *(row.rstrip() for row in rows), "", last])


def run_stages(stages: Sequence[Stage], *, logs: Path, jobs: int, timeout: float) -> list[Result]:
    """Start the stages in this order, at most `jobs` concurrently, and return their results in the same order."""
    logs.mkdir(parents=True, exist_ok=True)
    runner = Runner(logs, timeout)
    with ThreadPoolExecutor(max_workers=jobs) as pool:
        try:
            return list(pool.map(runner.run, stages))
        except BaseException:
            runner.stop()
            raise


def _print(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def _raise_interrupt(_number: int, _frame: object) -> None:
    raise KeyboardInterrupt


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the make targets of the command line."""
    parser = argparse.ArgumentParser(description="run make targets as stages")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--timeout", type=float, default=2400.0, help="seconds for each stage")
    parser.add_argument("stages", nargs="+", metavar="STAGE")
    options = parser.parse_args(arguments)
    # SIGINT too, because a shell starts background processes with SIGINT ignored.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _raise_interrupt)
    make = os.environ.get("MAKE", "make")
    stages = [Stage(name, [make, "--no-print-directory", name]) for name in options.stages]
    start = time.monotonic()
    try:
        results = run_stages(stages, logs=BUILD / "logs", jobs=options.jobs, timeout=options.timeout)
    except KeyboardInterrupt:
        _print("Interrupted: all stages are stopped.")
        return 130
    _print(format_summary(results, time.monotonic() - start))
    return 0 if all(result.passed for result in results) else 1


if __name__ == "__main__":
    sys.exit(main())
