# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A total time budget for each call of an S3, IAM, or STS API.

PRIVATE to the collection ``vonage.archiving``: there is no stability promise outside of it.

The time-outs of botocore limit a single socket operation. A server that sends its response one byte at a time, or that
redirects in a loop, can therefore block a call for hours. Each call runs in a daemon thread, and its caller waits no
longer than the budget. An abandoned call sends no further request, and it does not keep the process from exiting.
"""

from __future__ import annotations

import contextvars
import functools
import typing as t

from .._core.retry import Deadline

T = t.TypeVar("T")

# Covers the retries and redirects of one call, and the waits between them.
CALL_SECONDS = 60.0
# For a call without retries: the time-outs for connecting and for the response. A lease covers such a write
# (``lease.WRITE_SECONDS``). Therefore, the budget has to be shorter than that.
SINGLE_ATTEMPT_SECONDS = 25.0
# The upload of a larger body depends on the bandwidth. It has a stall limit instead: botocore's socket time-outs.
LARGEST_TIMED_BODY = 65536
_READS = ("Get", "Head", "List")


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


class _Call(t.NamedTuple):
    operation: str
    deadline: Deadline

    def check(self) -> None:
        """Fail after the deadline, before another request is sent.

        :raises BudgetExceededError: the deadline has passed.
        """
        if self.deadline.left <= 0:
            raise BudgetExceededError(self.operation, self.deadline.seconds)


_CURRENT: contextvars.ContextVar[_Call | None] = contextvars.ContextVar("call", default=None)


def run(operation: str, work: t.Callable[[], T], tries: int) -> T:
    """Do the work within the time budget of one call; calls inside of it share the budget.

    :param tries: the maximum number of attempts.
    :raises BudgetExceededError: it took longer, and was abandoned.
    """
    return work() if _CURRENT.get() else run_within(budget(tries), operation, work)


def run_within(seconds: float, operation: str, work: t.Callable[[], T]) -> T:
    """Do the work within its own time budget.

    :raises BudgetExceededError: it took longer, and was abandoned.
    """
    call = _Call(operation, Deadline(seconds))
    # The work can find its deadline there.
    context = contextvars.copy_context()
    context.run(_CURRENT.set, call)
    results = call.deadline.run([functools.partial(context.run, work)])
    if not results:
        raise BudgetExceededError(operation, seconds)
    return results[0]


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

    def __init__(self, body: t.Any, call: _Call) -> None:
        self._body = body
        self._call = call

    def __getattr__(self, name: str) -> t.Any:
        return getattr(self._body, name)

    def read(self, size: int = -1) -> t.Any:
        self._call.check()
        self._call.deadline.restart()
        return self._body.read(size)
