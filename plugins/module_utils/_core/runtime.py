# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The clock, the sleep, the randomness, the threads, and the progress of a run.

Only this module calls :func:`time.sleep`.

PRIVATE to the collection ``vonage.archiving``: there is no stability promise outside of it.

A test replaces the fields of :class:`Runtime` to control time and the order of concurrent work.
"""

from __future__ import annotations

import queue
import random
import threading
import time
import typing as t
from concurrent import futures
from dataclasses import dataclass, field

from .changes import Changes

T = t.TypeVar("T")


def start_daemon_thread(work: t.Callable[[], None]) -> None:
    """Run the work in a thread that does not keep the process from exiting."""
    threading.Thread(target=work, daemon=True).start()


class DaemonExecutor(futures.Executor):
    """An executor whose threads do not keep the process from exiting.

    The keyword ``timeout`` of a task raises an exception in the main thread. ThreadPoolExecutor would then wait for
    requests in progress, at the end of the block and again at the end of the process.
    """

    def __init__(self, max_workers: int) -> None:
        self._max_workers = max_workers
        self._threads = 0
        self._waiting: queue.SimpleQueue[_Work | None] = queue.SimpleQueue()
        self._futures: list[futures.Future[t.Any]] = []

    def submit(self, fn: t.Callable[..., t.Any], /, *args: t.Any, **kwargs: t.Any) -> futures.Future[t.Any]:
        future: futures.Future[t.Any] = futures.Future()
        self._futures.append(future)
        self._waiting.put(_Work(future, lambda: fn(*args, **kwargs)))
        if self._threads < self._max_workers:
            self._threads += 1
            start_daemon_thread(self._run_waiting)
        return future

    def _run_waiting(self) -> None:
        while (work := self._waiting.get()) is not None:
            work.run()

    def __exit__(self, kind: type[BaseException] | None, *_rest: t.Any) -> None:
        abandoned = kind is not None and not issubclass(kind, Exception)
        self.shutdown(wait=not abandoned, cancel_futures=abandoned)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        for _number in range(self._threads):
            self._waiting.put(None)
        try:
            if wait and not cancel_futures:
                futures.wait(self._futures)
        except BaseException:
            cancel_futures = True
            raise
        finally:
            if cancel_futures:
                for future in self._futures:
                    future.cancel()


class _Work(t.NamedTuple):
    future: futures.Future[t.Any]
    call: t.Callable[[], t.Any]

    def run(self) -> None:
        if not self.future.set_running_or_notify_cancel():
            return
        try:
            result = self.call()
        except BaseException as exc:  # raised again in the thread of the caller
            self.future.set_exception(exc)
        else:
            self.future.set_result(result)


@dataclass(frozen=True)
class Runtime:
    """The clock, randomness, threads, and progress of a run.

    :param now: Unix seconds.
    :param monotonic: seconds that never decrease.
    :param sleep: waits that many seconds.
    :param random: a number from 0 to 1, for jitter.
    :param executor: creates an executor with that many workers.
    :param start: runs work that can be abandoned, concurrently.
    :param wait: waits for an event for that many seconds; whether it is set.
    :param report_wait: shows the user what the run waits for, and for how many seconds at most. A module process cannot
        show anything before it ends.
    :param changes: the changes of the run so far.
    """

    now: t.Callable[[], float] = time.time
    monotonic: t.Callable[[], float] = time.monotonic
    sleep: t.Callable[[float], None] = time.sleep
    random: t.Callable[[], float] = random.random
    executor: t.Callable[[int], futures.Executor] = DaemonExecutor
    start: t.Callable[[t.Callable[[], None]], None] = start_daemon_thread
    wait: t.Callable[[threading.Event, float], bool] = threading.Event.wait
    report_wait: t.Callable[[str, float], None] = lambda awaited, seconds: None
    changes: Changes = field(default_factory=Changes, compare=False)

    def run_concurrently(self, tasks: t.Sequence[t.Callable[[], T]], workers: int = 0) -> list[T]:
        """Run all tasks and return their results in order.

        :param workers: the maximum number of concurrent tasks; 0 for all.
        :raises Exception: the first error in the order of the tasks, after all of them ended.
        """
        if not tasks:
            return []
        with self.executor(min(workers or len(tasks), len(tasks))) as pool:
            submitted = [pool.submit(task) for task in tasks]
        return [future.result() for future in submitted]


SYSTEM = Runtime()
