# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Deadlines, backoff, retries, and waits, with a clock that only advances with each sleep."""

from __future__ import annotations

import functools
import itertools
import math
import threading
import time
import typing as t
from dataclasses import dataclass, replace

import pytest

from ansible_collections.vonage.archiving.plugins.module_utils._core.retry import (
    Deadline,
    attempts,
    backoff,
    retry,
    wait_until,
)
from ansible_collections.vonage.archiving.plugins.module_utils._core.runtime import SYSTEM, Runtime


@dataclass
class ManualClock:
    """Time that advances with each sleep."""

    seconds: float = 0.0

    def sleep(self, seconds: float) -> None:
        self.seconds += seconds

    def runtime(self) -> Runtime:
        return Runtime(now=lambda: self.seconds, monotonic=lambda: self.seconds, sleep=self.sleep)


class RetryableError(Exception):
    """An error that a retry may fix."""


def is_retryable(exc: Exception) -> bool:
    return isinstance(exc, RetryableError)


def test_backoff_doubles_up_to_the_longest_pause() -> None:
    assert list(itertools.islice(backoff(0.5, 3.0), 5)) == [0.5, 1.0, 2.0, 3.0, 3.0]


def test_backoff_by_default_is_for_changes_that_take_effect() -> None:
    clock, pauses = ManualClock(), list[float]()

    def sleep(seconds: float) -> None:
        pauses.append(seconds)
        clock.sleep(seconds)

    runtime = replace(clock.runtime(), sleep=sleep)
    assert len(list(attempts(Deadline(20, runtime), backoff()))) == 9
    assert pauses == [0.5, 1, 2, 4, 4, 4, 4, 0.5]


def test_attempts_end_with_the_pauses() -> None:
    clock = ManualClock()
    assert list(attempts(Deadline(100, clock.runtime()), [1, 2])) == [1, 2, 3]
    assert clock.seconds == 3


def test_attempts_cut_the_last_pause_at_the_deadline() -> None:
    clock = ManualClock()
    assert list(attempts(Deadline(5, clock.runtime()), backoff(2, 10))) == [1, 2, 3]
    assert clock.seconds == 5


def test_attempts_without_time_are_one_attempt() -> None:
    clock = ManualClock()
    assert list(attempts(Deadline(0, clock.runtime()), backoff(1, 1))) == [1]
    assert clock.seconds == 0


def test_attempts_end_at_the_outer_deadline() -> None:
    clock = ManualClock()
    outer = Deadline(3, clock.runtime())
    assert list(attempts(Deadline(100, clock.runtime(), outer), backoff(2, 2))) == [1, 2]
    assert clock.seconds == 3


def test_attempts_after_the_outer_deadline_are_none() -> None:
    clock = ManualClock()
    outer = Deadline(1, clock.runtime())
    clock.sleep(2)
    assert list(attempts(Deadline(100, clock.runtime(), outer), backoff(1, 1))) == []


def test_retry_returns_the_first_result() -> None:
    clock = ManualClock()
    results: list[t.Any] = [RetryableError(), RetryableError(), "result"]

    def call() -> t.Any:
        result = results.pop(0)
        if isinstance(result, Exception):
            raise result
        return result

    assert retry(call, is_retryable, Deadline(10, clock.runtime()), backoff(1, 4)) == "result"
    assert clock.seconds == 3


def test_retry_raises_the_last_retryable_error_at_the_deadline() -> None:
    clock, calls = ManualClock(), itertools.count(1)

    def call() -> t.NoReturn:
        raise RetryableError(next(calls))

    with pytest.raises(RetryableError, match="3"):
        retry(call, is_retryable, Deadline(3, clock.runtime()), backoff(1, 4))


def test_retry_raises_another_error_immediately() -> None:
    clock = ManualClock()

    def call() -> t.NoReturn:
        raise ValueError("rejected")

    with pytest.raises(ValueError, match="rejected"):
        retry(call, is_retryable, Deadline(10, clock.runtime()), backoff(1, 4))
    assert clock.seconds == 0


def test_retry_after_the_outer_deadline_attempts_nothing() -> None:
    clock = ManualClock()
    outer = Deadline(0, clock.runtime())

    def call() -> t.NoReturn:
        raise AssertionError("called after the deadline")

    with pytest.raises(TimeoutError):
        retry(call, is_retryable, Deadline(10, clock.runtime(), outer), backoff(1, 4))


def test_wait_until_returns_the_value_when_it_is_as_expected() -> None:
    clock, values = ManualClock(), iter([1, 2, 3, 4])
    assert wait_until(lambda: next(values), lambda value: value == 3, Deadline(10, clock.runtime()), backoff(1, 1)) == 3
    assert clock.seconds == 2


def test_wait_until_returns_the_last_value_at_the_deadline() -> None:
    clock, values = ManualClock(), itertools.count(1)
    last = wait_until(lambda: next(values), lambda _value: False, Deadline(2, clock.runtime()), backoff(1, 1))
    assert last == 3


def test_deadline_left_is_the_shorter_of_both() -> None:
    clock = ManualClock()
    inner = Deadline(10, clock.runtime(), Deadline(4, clock.runtime()))
    clock.sleep(1)
    assert inner.left == 3
    assert inner.elapsed == 1


def test_deadline_run_returns_the_results_of_the_tasks_that_end_in_time() -> None:
    hanging = threading.Event()
    start = time.monotonic()
    assert Deadline(0.2).run([lambda: 1, lambda: int(hanging.wait(60)), lambda: 3]) == {0: 1, 2: 3}
    assert time.monotonic() - start < 5
    hanging.set()


def test_deadline_run_with_few_workers_runs_every_task_and_starts_none_after_the_deadline() -> None:
    numbers = [functools.partial(int, number) for number in range(20)]
    assert Deadline(10).run(numbers, workers=3) == {number: number for number in range(20)}
    started: list[int] = []

    def task() -> None:
        started.append(1)
        time.sleep(0.3)

    assert len(Deadline(0.4).run([task] * 20, workers=1)) < 3
    time.sleep(0.4)
    assert len(started) < 4


def test_deadline_run_waits_for_a_task_that_restarts_the_deadline() -> None:
    deadline = Deadline(1)

    def task() -> str:
        for _block in range(3):
            time.sleep(0.5)
            deadline.restart()
        return "complete"

    assert deadline.run([task]) == {0: "complete"}
    assert deadline.left > 0


def test_deadline_run_without_tasks_or_after_the_deadline_runs_nothing() -> None:
    assert Deadline(5).run([]) == {}
    assert Deadline(0).run([lambda: 1]) == {}


def test_deadline_run_raises_the_error_of_the_first_failed_task() -> None:
    def fail() -> t.NoReturn:
        raise ValueError("second task")

    with pytest.raises(ValueError, match="second task"):
        Deadline(5).run([lambda: 1, fail])


def test_runtime_run_concurrently_returns_results_in_order() -> None:
    barrier = threading.Barrier(3, timeout=5)

    def task(number: int) -> int:
        barrier.wait()
        return number

    assert SYSTEM.run_concurrently([lambda n=n: task(n) for n in range(3)]) == [0, 1, 2]  # type: ignore[misc]
    assert SYSTEM.run_concurrently([]) == []


def test_runtime_run_concurrently_raises_the_first_error_after_all_tasks_ended() -> None:
    ended = []

    def fail() -> None:
        raise ValueError("first task")

    with pytest.raises(ValueError, match="first task"):
        SYSTEM.run_concurrently([fail, lambda: ended.append("second task")])
    assert ended == ["second task"]


def report_waits(
    seconds: float, pauses: t.Iterable[float], awaited: str = "the lock"
) -> list[tuple[float, str, float]]:
    """Return the time and the content of each report of attempts that all fail."""
    clock, reports = ManualClock(), list[tuple[float, str, float]]()

    def report(awaited: str, left: float) -> None:
        reports.append((clock.seconds, awaited, left))

    deadline = Deadline(seconds, replace(clock.runtime(), report_wait=report), awaited=awaited)
    assert list(attempts(deadline, pauses))
    return reports


def test_attempts_long_wait_is_reported_once_and_after_each_interval() -> None:
    assert report_waits(85, itertools.repeat(2.0)) == [(0, "the lock", 85), (30, "the lock", 55), (60, "the lock", 25)]


def test_attempts_short_wait_is_not_reported() -> None:
    assert report_waits(1.9, backoff()) == []
    assert report_waits(math.inf, (0.9, 1.0)) == []


def test_attempts_growing_wait_is_reported_before_it_is_long() -> None:
    assert report_waits(20, backoff()) == [(1.5, "the lock", 18.5)]


def test_attempts_without_deadline_report_the_pause() -> None:
    assert report_waits(math.inf, (0.5, 1.5, 3.0)) == [(0.5, "the lock", 1.5)]


def test_attempts_wait_without_a_name_is_not_reported() -> None:
    assert report_waits(85, itertools.repeat(2.0), awaited="") == []


def test_pause_in_threads_is_reported_once() -> None:
    reports: list[float] = []
    runtime = replace(SYSTEM, sleep=lambda seconds: None, report_wait=lambda awaited, seconds: reports.append(seconds))
    deadline = Deadline(30, runtime, awaited="the key")
    threads = [threading.Thread(target=deadline.pause, args=[3]) for _number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(reports) == 1
