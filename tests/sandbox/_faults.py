# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fault injection: the next matching requests fail in a defined way."""

from __future__ import annotations

import re
import threading
from dataclasses import dataclass, field
from typing import Any

KINDS = {
    "status": "respond with this HTTP status",
    "hang": "send nothing for some time, then close the connection",
    "delay": "wait, then send the normal response",
    "reset": "reset the connection (RST)",
    "close": "close the connection without a response",
    "truncate": "send the Content-Length of the whole body and half of the body, then close the connection",
    "trickle": "send the normal response, one byte at a time",
}
#: kinds that send the normal response, for which the request must be processed
PROCESSED = {"delay", "trickle"}
DEFAULT_SECONDS = {"hang": 600.0, "delay": 1.0, "trickle": 0.05}


@dataclass
class Fault:
    """The options of one ``fail_next`` call, and the number of failed requests in ``hits``."""

    kind: str
    times: int = 1
    method: str | None = None
    path: str | None = None
    status: int = 500
    #: the value of the header Retry-After, or with ``retry_after_date`` its HTTP date in seconds from now
    retry_after: int | str | None = None
    retry_after_date: bool = False
    #: the duration of ``hang`` and ``delay``, or the pause between two bytes of ``trickle``
    seconds: float | None = None
    #: process the request and lose the response (True), or fail before any change (False)
    apply: bool | None = None
    hits: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"kind: must be one of {', '.join(KINDS)}, got {self.kind!r}")
        if self.times < 1:
            raise ValueError(f"times: must be at least 1, got {self.times}")
        if self.kind in PROCESSED and self.apply is False:
            raise ValueError(f"apply: must not be false for {self.kind}, which sends the normal response")
        if self.retry_after_date and not isinstance(self.retry_after, int):
            raise ValueError("retry_after_date: requires retry_after in whole seconds")
        if self.path is not None:
            re.compile(self.path)
        if self.apply is None:
            self.apply = self.kind in PROCESSED
        if self.seconds is None:
            self.seconds = DEFAULT_SECONDS.get(self.kind, 0.0)

    @property
    def wait(self) -> float:
        return self.seconds or 0.0

    def matches(self, method: str, path: str) -> bool:
        """Return whether this request must fail."""
        if self.hits >= self.times or (self.method and self.method.upper() != method):
            return False
        return self.path is None or re.search(self.path, path) is not None


class Faults:
    """The injected faults, in their order."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._faults: list[Fault] = []

    def add(self, kind: str, **options: Any) -> Fault:
        fault = Fault(kind, **options)
        with self._lock:
            self._faults.append(fault)
        return fault

    def take(self, method: str, path: str) -> Fault | None:
        """Return the fault for this request, if any, and count the request."""
        with self._lock:
            for fault in self._faults:
                if fault.matches(method, path):
                    fault.hits += 1
                    return fault
        return None

    def clear(self) -> None:
        with self._lock:
            self._faults.clear()
