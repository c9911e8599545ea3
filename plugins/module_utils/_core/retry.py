# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Deadlines, exponential backoff, and retries.

PRIVATE to the collection ``vonage.archiving``: there is no stability promise outside of it.
"""

from __future__ import annotations

import math
import threading
import typing as t
from dataclasses import dataclass, field

from .runtime import SYSTEM, Runtime

T = t.TypeVar("T")

# Seconds between attempts while a change takes effect: a new key, policy, or rule.
FIRST_PAUSE = 0.5
LONGEST_PAUSE = 4.0
# Seconds: a shorter wait is not reported, and a longer one again after the interval.
UNREPORTED_WAIT = 2.0
REPORT_INTERVAL = 30.0


@dataclass
class Deadline:
    """A time limit that starts when it is created.

    :param seconds: until the deadline.
    :param outer: a deadline that ends this one too.
    :param awaited: the object of "Waiting for", which the user sees during a long wait; empty for no report.
    """

    seconds: float
    runtime: Runtime = SYSTEM
    outer: Deadline | None = None
    awaited: str = ""
    _start: float = field(init=False)
    _next_report: float = field(init=False, default=UNREPORTED_WAIT)
    # Threads share a deadline.
    _lock: threading.Lock = field(init=False, default_factory=threading.Lock, repr=False, compare=False)

    def __post_init__(self) -> None:
        self.restart()

    @property
    def elapsed(self) -> float:
        """Seconds since the start."""
        return self.runtime.monotonic() - self._start

    @property
    def left(self) -> float:
        """Seconds until the deadline; negative after it."""
        left = self.seconds - self.elapsed
        return left if self.outer is None else min(left, self.outer.left)

    def restart(self) -> None:
        """Start the time limit again."""
        self._start = self.runtime.monotonic()

    def pause(self, seconds: float) -> None:
        """Sleep, and report a long wait: once, and again after each interval."""
        if self.awaited and self._is_report_due(seconds):
            left = self.left
            self.runtime.report_wait(self.awaited, left if math.isfinite(left) else seconds)
        self.runtime.sleep(seconds)

    def _is_report_due(self, pause: float) -> bool:
        with self._lock:
            end = self.elapsed + pause
            if end < self._next_report:
                return False
            self._next_report = end + REPORT_INTERVAL
            return True

    def expire(self) -> None:
        """Let the time limit end now, for good."""
        self.seconds = -math.inf

    def run(self, tasks: t.Sequence[t.Callable[[], T]], workers: int = 0) -> dict[int, T]:
        """Run the tasks concurrently and return the results of those that end in time, by their index.

        A task that still runs at the deadline is abandoned in its thread, which does not keep the process from exiting:
        the time-outs of sockets limit the wait for a byte, not the whole request. No task starts after the deadline.

        :param workers: the maximum number of concurrent tasks; 0 for all.
        :raises Exception: the error of the first task that failed, in the order of the tasks.
        """
        batch: _Batch[T] = _Batch(tasks, self)
        events = [batch.start() for _number in range(min(workers or len(tasks), len(tasks)))]
        try:
            for event in events:
                # The work can restart the deadline.
                while not self.runtime.wait(event, max(0.0, self.left)) and self.left > 0:
                    pass
        except BaseException:
            # The keyword timeout of the task: the work must send no further request.
            self.expire()
            raise
        return batch.close()


class _Batch(t.Generic[T]):
    """Tasks that several threads share; results after :meth:`close` are dropped."""

    def __init__(self, tasks: t.Sequence[t.Callable[[], T]], deadline: Deadline) -> None:
        self._deadline = deadline
        self._waiting = list(enumerate(tasks))[::-1]
        self._results: dict[int, T] = {}
        self._errors: dict[int, BaseException] = {}
        self._lock = threading.Lock()

    def start(self) -> threading.Event:
        event = threading.Event()
        self._deadline.runtime.start(lambda: self._work(event))
        return event

    def _work(self, event: threading.Event) -> None:
        try:
            while (item := self._next()) is not None:
                self._run(*item)
        finally:
            event.set()

    def _next(self) -> tuple[int, t.Callable[[], T]] | None:
        with self._lock:
            return self._waiting.pop() if self._waiting and self._deadline.left > 0 else None

    def _run(self, index: int, task: t.Callable[[], T]) -> None:
        try:
            result = task()
        except BaseException as exc:  # raised again in the thread of the caller
            with self._lock:
                self._errors[index] = exc
        else:
            with self._lock:
                self._results[index] = result

    def close(self) -> dict[int, T]:
        with self._lock:
            self._waiting.clear()
            if self._errors:
                raise self._errors[min(self._errors)]
            return dict(self._results)


def backoff(first: float = FIRST_PAUSE, longest: float = LONGEST_PAUSE, factor: float = 2.0) -> t.Iterator[float]:
    """Seconds to wait before each next attempt: exponential, up to the longest."""
    pause = first
    while True:
        yield min(pause, longest)
        pause = min(pause * factor, longest)


def attempts(deadline: Deadline, pauses: t.Iterable[float]) -> t.Iterator[int]:
    """Yield the number of each attempt, from 1: the first immediately, each next one after its pause.

    Ends with the pauses or at the deadline. A pause is cut at the deadline; one last attempt follows. Nothing is
    attempted if the outer deadline is over.
    """
    if deadline.outer is not None and deadline.outer.left <= 0:
        return
    yield 1
    for number, pause in enumerate(pauses, start=2):
        left = deadline.left
        if left <= 0:
            return
        deadline.pause(min(pause, left))
        if deadline.outer is not None and deadline.outer.left <= 0:
            return
        yield number


def retry(
    call: t.Callable[[], T],
    is_retryable: t.Callable[[Exception], bool],
    deadline: Deadline,
    pauses: t.Iterable[float],
) -> T:
    """Return the first result of an idempotent call.

    :raises TimeoutError: the outer deadline was over before the first attempt.
    :raises Exception: an error that is not retryable, or the last one.
    """
    failure: Exception = TimeoutError("the time limit was reached before the first attempt")
    for _number in attempts(deadline, pauses):
        try:
            return call()
        except Exception as exc:  # noqa: PERF203 - the loop is there to catch it
            if not is_retryable(exc):
                raise
            failure = exc
    raise failure


def wait_until(
    fetch: t.Callable[[], T], is_done: t.Callable[[T], bool], deadline: Deadline, pauses: t.Iterable[float]
) -> T | None:
    """Fetch a value until it is as expected; the last value, ``None`` without an attempt."""
    value: T | None = None
    for _number in attempts(deadline, pauses):
        value = fetch()
        if is_done(value):
            break
    return value
