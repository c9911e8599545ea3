# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One time limit for all steps of an operation, whatever the servers do.

PRIVATE to the collection ``vonage.archiving``: there is no stability promise outside of it.
"""

from __future__ import annotations

import threading
import time
import typing as t
from dataclasses import dataclass, field

from .errors import ArchivingError, UnreachableError

T = t.TypeVar("T")


@dataclass
class Deadline:
    """A time limit that starts now.

    :param clock: seconds that never go back; for tests, as ``sleep`` and ``wait``.
    """

    seconds: float
    clock: t.Callable[[], float] = time.monotonic
    sleep: t.Callable[[float], None] = time.sleep
    wait: t.Callable[[threading.Event, float], bool] = threading.Event.wait
    _end: float = field(init=False)

    def __post_init__(self) -> None:
        self._end = self.clock() + self.seconds

    @property
    def left(self) -> float:
        return self._end - self.clock()

    def renewed(self, seconds: float) -> Deadline:
        """Another deadline that starts now and uses the same clock."""
        return Deadline(seconds, self.clock, self.sleep, self.wait)

    def run(self, tasks: t.Sequence[t.Callable[[], T]], workers: int = 0) -> dict[int, T]:
        """Run the tasks concurrently and return the results of those that end in time, by their index.

        A task that is still running at the deadline is abandoned in its thread, which does not keep the process alive:
        timeouts of sockets limit each wait for a byte and never the whole request. No task starts after the deadline.

        :param workers: the number of threads; 0 for one per task.
        :raises Exception: the first exception that a task raised.
        """
        batch: _Batch[T] = _Batch(tasks, self)
        done = [batch.start() for _number in range(min(workers or len(tasks), len(tasks)))]
        for event in done:
            self.wait(event, max(0.0, self.left))
        return batch.close()


class _Batch(t.Generic[T]):
    """Tasks that several threads take from; results that come after :meth:`close` are dropped."""

    def __init__(self, tasks: t.Sequence[t.Callable[[], T]], deadline: Deadline) -> None:
        self._deadline = deadline
        self._waiting = list(enumerate(tasks))[::-1]
        self._results: dict[int, T] = {}
        self._errors: dict[int, BaseException] = {}
        self._lock = threading.Lock()

    def start(self) -> threading.Event:
        done = threading.Event()
        threading.Thread(target=self._work, args=(done,), daemon=True).start()
        return done

    def _work(self, done: threading.Event) -> None:
        try:
            while (item := self._next()) is not None:
                self._run(*item)
        finally:
            done.set()

    def _next(self) -> tuple[int, t.Callable[[], T]] | None:
        with self._lock:
            return self._waiting.pop() if self._waiting and self._deadline.left > 0 else None

    def _run(self, index: int, task: t.Callable[[], T]) -> None:
        try:
            result = task()
        except BaseException as exc:  # raised again in the caller's thread, whatever it is
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


FIRST_PAUSE = 0.5


LONGEST_PAUSE = 4.0


@dataclass
class Patience:
    """Waits for what was set a moment ago to take effect, for one time budget of all steps together.

    :param deadline: ends all steps; after it, nothing is attempted.
    """

    seconds: float
    clock: t.Callable[[], float] = time.monotonic
    sleep: t.Callable[[float], None] = time.sleep
    deadline: Deadline | None = None
    _started: float = field(init=False)

    def __post_init__(self) -> None:
        self._started = self.clock()

    @property
    def waited(self) -> float:
        return self.clock() - self._started

    def pauses(self) -> t.Iterator[None]:
        """Yields once at once, then after ever longer pauses, as long as there is time left."""
        pause = FIRST_PAUSE
        if self._is_over():
            return
        yield
        while True:
            left = self.seconds - self.waited
            if left <= 0:
                return
            self.sleep(min(pause, left))
            pause = min(pause * 2, LONGEST_PAUSE)
            if self._is_over():
                return
            yield

    def _is_over(self) -> bool:
        return self.deadline is not None and self.deadline.left <= 0

    def call(self, attempt: t.Callable[[], T], may_pass: t.Callable[[ArchivingError], bool]) -> T:
        """The first answer of ``attempt`` that is none of the errors that may pass."""
        failure: ArchivingError | None = None
        for _pause in self.pauses():
            try:
                return attempt()
            except ArchivingError as exc:  # noqa: PERF203 - to try again is what this loop is for
                if not may_pass(exc):
                    raise
                failure = exc
        raise failure or UnreachableError("verify uploads", "the time limit of the verification was reached")
