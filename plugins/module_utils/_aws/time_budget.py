# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A total time budget for each call of an S3, IAM, or STS API.

PRIVATE to the collection ``vonage.archiving``: there is no stability promise outside of it.

The time-outs of botocore limit a single socket operation. A server that sends its response one byte at a time, or that
redirects in a loop, can therefore hold a call for hours. Each call runs in a daemon thread, and its caller waits no
longer than the budget. An abandoned call sends no further request, and it does not keep the process from exiting.
"""

from __future__ import annotations

import contextvars
import functools
import os
import queue
import threading
import time
import typing as t
from collections import deque

# Covers the retries and redirects of one call, and the waits between them.
CALL_SECONDS = 60.0
# For a call without retries: the time-outs for connecting and for the response. A lease covers such a write
# (``lease.WRITE_SECONDS``), so the budget has to be shorter than that.
SINGLE_ATTEMPT_SECONDS = 25.0
# The upload of a larger body depends on the bandwidth. It has a stall limit instead: botocore's socket time-outs.
LARGEST_TIMED_BODY = 65536
_READS = ("Get", "Head", "List")

if t.TYPE_CHECKING:
    # The job queues of idle threads.
    Workers = deque[queue.SimpleQueue["Call"]]
# Threads do not survive a fork, so each process has its own.
_IDLE_WORKERS: dict[int, Workers] = {}
_CURRENT: contextvars.ContextVar[Call | None] = contextvars.ContextVar("call", default=None)


class BudgetExceededError(Exception):
    """A call was abandoned.

    :param operation: the API's name of the operation.
    :param seconds: the budget.
    """

    def __init__(self, operation: str, seconds: float) -> None:
        super().__init__(f"{operation} exceeded its time budget of {seconds:g} s")
        self.operation = operation
        self.seconds = seconds

    @property
    def is_write(self) -> bool:
        """Whether the operation may have changed something."""
        return not self.operation.startswith(_READS)


class Call:
    """Work that runs in a daemon thread, with a deadline for its callers."""

    def __init__(self, operation: str, seconds: float, work: t.Callable[[], t.Any]) -> None:
        self.operation = operation
        self.seconds = seconds
        self._deadline = time.monotonic() + seconds
        self._finished = threading.Event()
        self._value: t.Any = None
        self._error: BaseException | None = None
        # Includes the call itself, so that code below it can find its deadline.
        context = contextvars.copy_context()
        context.run(_CURRENT.set, self)
        self._work: t.Callable[[], t.Any] = functools.partial(context.run, work)

    def start(self) -> Call:
        idle = _IDLE_WORKERS.setdefault(os.getpid(), deque())
        try:
            jobs = idle.pop()
        except IndexError:
            jobs = queue.SimpleQueue()
            threading.Thread(target=_serve, args=(jobs, idle), name="vonage-archiving-call", daemon=True).start()
        jobs.put(self)
        return self

    def result(self) -> t.Any:
        """Wait for the work.

        :raises BudgetExceededError: it was not done by the deadline, and is abandoned.
        """
        while not self._finished.wait(self._deadline - time.monotonic()):
            self.check()
        if self._error is not None:
            raise self._error
        return self._value

    def check(self) -> None:
        """Fail after the deadline, before another request is sent.

        :raises BudgetExceededError: the deadline has passed.
        """
        if time.monotonic() >= self._deadline:
            raise BudgetExceededError(self.operation, self.seconds)

    def prolong(self) -> None:
        """Start the budget again, unless the deadline has passed."""
        self.check()
        self._deadline = time.monotonic() + self.seconds

    def run(self, when_done: t.Callable[[], None]) -> None:
        """Do the work, in the worker thread.

        :param when_done: is called before the waiting threads continue, so that the next call finds an idle worker.
        """
        # The context refers to the call: a cycle would keep the response, and its connection, alive.
        work, self._work = self._work, _nothing
        try:
            self._value = work()
        # pylint: disable-next=broad-exception-caught # result() raises it again
        except BaseException as exc:
            self._error = exc
        when_done()
        self._finished.set()


def _nothing() -> None:
    """The work of a call that has ended."""


def _serve(jobs: queue.SimpleQueue[Call], idle: Workers) -> None:
    while True:
        jobs.get().run(lambda: idle.append(jobs))


def run(operation: str, work: t.Callable[[], t.Any], tries: int) -> t.Any:
    """Do the work within the time budget of one call; calls inside of it share the budget.

    :param tries: the maximum number of attempts.
    :raises BudgetExceededError: it took longer, and was abandoned.
    """
    if _CURRENT.get() is not None:
        return work()
    return Call(operation, budget(tries), work).start().result()


def budget(tries: int) -> float:
    """The seconds for one call."""
    return min(CALL_SECONDS, SINGLE_ATTEMPT_SECONDS) if tries == 1 else CALL_SECONDS


def limit_calls(tries: int) -> t.Callable[..., None]:
    """A handler of botocore's event ``creating-client-class``: all calls of the client get a time budget."""

    class Limited:
        def _make_api_call(self, operation_name: str, api_params: t.Any) -> t.Any:
            call = super()._make_api_call  # type: ignore[misc]
            return run(operation_name, lambda: call(operation_name, api_params), tries)

    def add(base_classes: list[type], **_kwargs: t.Any) -> None:
        base_classes.insert(0, Limited)

    return add


def before_send(request: t.Any, **_kwargs: t.Any) -> None:
    """A handler of botocore's event ``before-send``.

    :raises BudgetExceededError: the call was abandoned, and this would be another request.
    """
    call = _CURRENT.get()
    if call is None:
        return
    call.check()
    # botocore converts the body of an upload to a file object.
    if hasattr(request.body, "read") and int(request.headers.get("Content-Length") or 0) > LARGEST_TIMED_BODY:
        request.body = _Upload(request.body, call)


class _Upload:
    """A body that starts the time budget again with each block that is sent."""

    def __init__(self, body: t.Any, call: Call) -> None:
        self._body = body
        self._call = call

    def __getattr__(self, name: str) -> t.Any:
        return getattr(self._body, name)

    def read(self, size: int = -1) -> t.Any:
        self._call.prolong()
        return self._body.read(size)
