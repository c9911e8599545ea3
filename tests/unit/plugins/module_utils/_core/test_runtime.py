# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Concurrent work, and its end when the task is interrupted."""

from __future__ import annotations

import functools
import subprocess
import sys
import threading
import time
import typing as t
from concurrent import futures

import pytest

from ansible_collections.vonage.archiving.plugins.module_utils._core.retry import Deadline
from ansible_collections.vonage.archiving.plugins.module_utils._core.runtime import SYSTEM, DaemonExecutor, Runtime


class Interrupted(BaseException):
    """Like the exception of the keyword ``timeout`` of a task."""


def test_run_concurrently_returns_results_in_order() -> None:
    barrier = threading.Barrier(3)

    def work(number: int) -> int:
        barrier.wait(5)
        return number

    assert SYSTEM.run_concurrently([functools.partial(work, number) for number in range(3)]) == [0, 1, 2]


def test_run_concurrently_limits_workers() -> None:
    lock, active, most = threading.Lock(), [0], [0]

    def work() -> None:
        with lock:
            active[0] += 1
            most[0] = max(most[0], active[0])
        time.sleep(0.01)
        with lock:
            active[0] -= 1

    SYSTEM.run_concurrently([work] * 9, 3)
    assert most == [3]


def test_run_concurrently_raises_first_error_after_all_ended() -> None:
    ended: list[int] = []

    def fail(number: int) -> None:
        time.sleep(0.03 if number else 0)
        ended.append(number)
        raise ValueError(number)

    with pytest.raises(ValueError, match="0"):
        SYSTEM.run_concurrently([lambda: fail(0), lambda: fail(1)])
    assert ended == [0, 1]


def test_executor_interrupted_waits_for_no_task_and_starts_none() -> None:
    release, started = threading.Event(), threading.Semaphore(0)
    ran: list[int] = []

    def work(number: int) -> None:
        ran.append(number)
        started.release()
        release.wait(20)

    start = time.monotonic()
    pool = DaemonExecutor(1)
    pending = [pool.submit(work, number) for number in range(3)]
    started.acquire()
    pool.__exit__(Interrupted, None, None)
    assert time.monotonic() - start < 5
    assert [future.cancelled() for future in pending] == [False, True, True]
    release.set()
    pending[0].result(5)
    time.sleep(0.05)
    assert ran == [0]


def test_executor_interrupted_while_it_waits_starts_no_task(monkeypatch: pytest.MonkeyPatch) -> None:
    release = threading.Event()

    def interrupt(*_args: t.Any) -> t.NoReturn:
        raise Interrupted

    monkeypatch.setattr(futures, "wait", interrupt)
    with pytest.raises(Interrupted), DaemonExecutor(1) as pool:
        pending = [pool.submit(release.wait, 20) for _number in range(2)]
    assert pending[1].cancelled()
    release.set()


def test_executor_error_of_block_waits_for_tasks() -> None:
    ended: list[int] = []

    def work() -> None:
        time.sleep(0.05)
        ended.append(1)

    pool = DaemonExecutor(1)
    pool.submit(work)
    pool.__exit__(ValueError, None, None)
    assert ended == [1]


def test_deadline_interrupted_expires_and_starts_no_task() -> None:
    """The work checks the deadline before each request."""
    release, lefts = threading.Event(), []
    started: list[int] = []

    def interrupt(_event: threading.Event, _seconds: float) -> bool:
        raise Interrupted

    deadline = Deadline(60, Runtime(wait=interrupt))

    def work() -> None:
        started.append(1)
        release.wait(5)
        lefts.append(deadline.left)

    with pytest.raises(Interrupted):
        deadline.run([work, work], workers=1)
    release.set()
    time.sleep(0.1)
    assert started == [1]
    assert lefts
    assert lefts[0] < 0


def test_run_concurrently_interrupted_does_not_delay_exit() -> None:
    """ThreadPoolExecutor waits for its threads when the process ends."""
    program = """
import signal, threading
from ansible_collections.vonage.archiving.plugins.module_utils._core.runtime import SYSTEM

def stop(*_args):
    raise SystemExit(7)

signal.signal(signal.SIGALRM, stop)
signal.setitimer(signal.ITIMER_REAL, 0.2)
SYSTEM.run_concurrently([lambda: threading.Event().wait(30)] * 3, 2)
"""
    paths = [path for path in sys.path if path]
    start = time.monotonic()
    command = [sys.executable, "-c", f"import sys; sys.path[:0] = {paths!r}\n{program}"]
    assert subprocess.run(command, timeout=60, check=False).returncode == 7
    assert time.monotonic() - start < 10
