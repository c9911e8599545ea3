# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The clock, the sleep, the randomness, and the threads of a run. Only this module calls :func:`time.sleep`.

PRIVATE to the collection ``vonage.archiving``: there is no stability promise outside of it.

A test replaces the fields of :class:`Runtime` to control time and the order of concurrent work.
"""

from __future__ import annotations

import random
import threading
import time
import typing as t
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass

T = t.TypeVar("T")


def start_daemon_thread(work: t.Callable[[], None]) -> None:
    """Run the work in a thread that does not keep the process from exiting."""
    threading.Thread(target=work, daemon=True).start()


@dataclass(frozen=True)
class Runtime:
    """The clock, randomness, and threads of a run.

    :param now: Unix seconds.
    :param monotonic: seconds that never decrease.
    :param sleep: waits that many seconds.
    :param random: a number from 0 to 1, for jitter.
    :param executor: creates an executor with that many workers.
    :param start: runs work that can be abandoned, concurrently.
    :param wait: waits for an event for that many seconds; whether it is set.
    """

    now: t.Callable[[], float] = time.time
    monotonic: t.Callable[[], float] = time.monotonic
    sleep: t.Callable[[float], None] = time.sleep
    random: t.Callable[[], float] = random.random
    executor: t.Callable[[int], Executor] = ThreadPoolExecutor
    start: t.Callable[[t.Callable[[], None]], None] = start_daemon_thread
    wait: t.Callable[[threading.Event, float], bool] = threading.Event.wait

    def run_concurrently(self, tasks: t.Sequence[t.Callable[[], T]], workers: int = 0) -> list[T]:
        """Run all tasks and return their results in order.

        :param workers: the maximum number of concurrent tasks; 0 for all.
        :raises Exception: the first error in the order of the tasks, after all of them ended.
        """
        if not tasks:
            return []
        with self.executor(min(workers or len(tasks), len(tasks))) as pool:
            futures = [pool.submit(task) for task in tasks]
        return [future.result() for future in futures]


SYSTEM = Runtime()
