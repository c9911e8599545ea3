# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The runtime of simulated runs: clocks, sleep, threads, and random names, all by the scheduler."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

from ansible_collections.vonage.archiving.plugins.module_utils._aws import session, time_budget
from ansible_collections.vonage.archiving.plugins.module_utils._core import http_client
from ansible_collections.vonage.archiving.plugins.module_utils._core.retry import Deadline
from ansible_collections.vonage.archiving.plugins.module_utils._core.runtime import SYSTEM
from ansible_collections.vonage.archiving.plugins.module_utils._state_file import state

from .scheduler import Scheduler

HEX = "0123456789abcdef"


class LazyFuture(Future[Any]):
    """A result that is computed when it is needed."""

    def __init__(self, executor: SerialExecutor) -> None:
        super().__init__()
        self._executor = executor

    def result(self, timeout: float | None = None) -> Any:
        self._executor.drain()
        return super().result(0)


class SerialExecutor(Executor):
    """Runs all tasks in one greenlet, in a random order: concurrent tasks of one run do not depend on their order."""

    def __init__(self, scheduler: Scheduler) -> None:
        self._scheduler = scheduler
        self._tasks: list[tuple[LazyFuture, Callable[[], Any]]] = []

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> LazyFuture:
        future = LazyFuture(self)
        self._tasks.append((future, lambda: fn(*args, **kwargs)))
        return future

    def drain(self) -> None:
        while self._tasks:
            future, task = self._tasks.pop(int(self._scheduler.random.random() * len(self._tasks)))
            try:
                future.set_result(task())
            except Exception as exc:  # result() raises it
                future.set_exception(exc)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        self.drain()


class SimulatedRuntime:
    """The fields of ``Runtime``, for the active run."""

    def __init__(self, scheduler: Scheduler) -> None:
        self._scheduler = scheduler
        self._tasks: list[Callable[[], None]] = []

    def now(self) -> float:
        run = self._scheduler.active
        return self._scheduler.now + (run.offset if run else 0.0)

    def monotonic(self) -> float:
        return self._scheduler.now

    def sleep(self, seconds: float) -> None:
        self._scheduler.pause(max(seconds, 0.0))

    def random(self) -> float:
        return self._scheduler.random.random()

    def executor(self, _workers: int) -> Executor:
        return SerialExecutor(self._scheduler)

    def start(self, work: Callable[[], None]) -> None:
        """Keep the work until its caller waits for it."""
        self._tasks.append(work)

    def wait(self, event: threading.Event, _seconds: float) -> bool:
        # Only the tasks of the active run are here: a run waits immediately after it has started them.
        tasks, self._tasks = self._tasks, []
        self._scheduler.random.shuffle(tasks)
        for task in tasks:
            task()
        return event.is_set()


def _run_within(seconds: float, operation: str, work: Callable[[], Any]) -> Any:
    """Do the work in this greenlet; its calls find the time limit as those of botocore do."""
    token = time_budget._CURRENT.set(time_budget._Call(operation, Deadline(seconds)))
    try:
        return work()
    finally:
        time_budget._CURRENT.reset(token)


def random_hex(scheduler: Scheduler, length: int) -> str:
    return "".join(scheduler.random.choices(HEX, k=length))


@contextmanager
def installed(scheduler: Scheduler, create_client: Callable[..., Any], request: Callable[..., Any]) -> Iterator[None]:
    """Replace the runtime and the clients of the collection by simulated ones.

    The fields of the shared runtime are replaced too, because not every client gets the runtime of its run.
    """
    runtime = SimulatedRuntime(scheduler)
    names = ("now", "monotonic", "sleep", "random", "executor", "start", "wait")
    fields = {name: getattr(SYSTEM, name) for name in names}
    tokens = SimpleNamespace(token_hex=lambda size: random_hex(scheduler, 2 * size))
    patches: list[tuple[Any, str, Any]] = [
        (session, "_create_client", create_client),
        (session, "os", SimpleNamespace(environ={}, getpid=lambda: 0)),
        (time_budget, "run", lambda _operation, work, _tries: work()),
        (time_budget, "run_within", _run_within),
        (http_client, "_request", request),
        (state, "secrets", tokens),
        (uuid, "uuid4", lambda: uuid.UUID(random_hex(scheduler, 32))),
    ]
    originals = [(owner, name, getattr(owner, name)) for owner, name, _value in patches]
    session._SHARED.clear()
    try:
        for name in names:
            object.__setattr__(SYSTEM, name, getattr(runtime, name))
        for owner, name, value in patches:
            setattr(owner, name, value)
        yield
    finally:
        for name, value in fields.items():
            object.__setattr__(SYSTEM, name, value)
        for owner, name, value in originals:
            setattr(owner, name, value)
        session._SHARED.clear()
