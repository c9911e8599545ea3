# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Faults that a test asks for: what the next matching requests get instead of a proper answer."""

from __future__ import annotations

import re
import threading
from dataclasses import dataclass, field
from typing import Any

KINDS = {
    "status": "answer with this HTTP status",
    "hang": "answer nothing for a while, then close the connection",
    "delay": "wait, then answer properly",
    "reset": "reset the connection (RST)",
    "close": "close the connection without an answer",
    "truncate": "announce a whole body, send half of it, close",
    "trickle": "answer properly, a byte at a time",
}
#: those that end in the proper answer: the request has to be processed for it
PROCESSED = {"delay", "trickle"}
DEFAULT_SECONDS = {"hang": 600.0, "delay": 1.0, "trickle": 0.05}


@dataclass
class Fault:
    """One order of ``fail_next``; ``hits`` counts how often it was carried out."""

    kind: str
    times: int = 1
    method: str | None = None
    path: str | None = None
    status: int = 500
    #: the header Retry-After: as it stands, or as an HTTP date so many seconds ahead
    retry_after: int | str | None = None
    retry_after_date: bool = False
    #: how long to hang or to wait; between two bytes for ``trickle``
    seconds: float | None = None
    #: process the request and lose the answer (True), or fail before anything changed (False)
    apply: bool | None = None
    hits: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"no fault is called {self.kind!r}; there are {', '.join(KINDS)}")
        if self.times < 1:
            raise ValueError("times must be at least 1")
        if self.kind in PROCESSED and self.apply is False:
            raise ValueError(f"{self.kind} ends in the proper answer: the request is always processed")
        if self.retry_after_date and not isinstance(self.retry_after, int):
            raise ValueError("retry_after_date needs retry_after in whole seconds")
        if self.path is not None:
            re.compile(self.path)
        if self.apply is None:
            self.apply = self.kind in PROCESSED
        if self.seconds is None:
            self.seconds = DEFAULT_SECONDS.get(self.kind, 0.0)

    @property
    def wait(self) -> float:
        """The seconds, filled in."""
        return self.seconds or 0.0

    def matches(self, method: str, path: str) -> bool:
        """Tell whether this request is to fail."""
        if self.hits >= self.times or (self.method and self.method.upper() != method):
            return False
        return self.path is None or re.search(self.path, path) is not None


class Faults:
    """The orders not yet carried out, in the order given."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._orders: list[Fault] = []

    def add(self, kind: str, **options: Any) -> Fault:
        """Order a fault."""
        fault = Fault(kind, **options)
        with self._lock:
            self._orders.append(fault)
        return fault

    def take(self, method: str, path: str) -> Fault | None:
        """Return the fault for this request, if any, and count it."""
        with self._lock:
            for fault in self._orders:
                if fault.matches(method, path):
                    fault.hits += 1
                    return fault
        return None

    def clear(self) -> None:
        """Forget every order."""
        with self._lock:
            self._orders.clear()
