# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The lease of the bucket lock: the contents of the lock object, and how long it holds. Pure.

PRIVATE to the collection ``vonage.archiving``: there is no stability promise outside of it.

A lease holds for some seconds. The owner counts them on its own clock, from before the request that wrote the lease. A
waiting run counts them by the times of the store (``Date`` and ``Last-Modified`` of one response), or from when it
first read this lease. So no two machines need synchronized clocks.
"""

from __future__ import annotations

import json
import typing as t
from dataclasses import dataclass

from .._core.retry import backoff
from .._core.runtime import Runtime

# How long other runs wait after a run was killed. It covers a write with all its time-outs, and some more.
SECONDS = 45.0
# The longest duration of one request without retries: 5 s to connect, 20 s for the response.
WRITE_SECONDS = 30.0
# The store's times are in whole seconds.
MARGIN = 2.0
# How long a run waits for the lock, including the time until a lease expires.
BUDGET = 180.0
FIRST_PAUSE = 0.05
LONGEST_PAUSE = 2.0
# A lease of another program is respected no longer than this.
MOST_SECONDS = 600.0


@dataclass(frozen=True)
class Lease:
    """:param owner: the id of a run; empty if no run holds the lock.
    :param project: the project of the run.
    :param since: when the run acquired the lock, by its own clock.
    """

    owner: str = ""
    project: str = ""
    since: str = ""
    seconds: float = 0.0

    def data(self, until: str = "") -> bytes:
        """The contents of the object; ``until`` is for people only."""
        return (json.dumps({**vars(self), "until": until}, sort_keys=True) + "\n").encode()


FREE = Lease()


def parse_lease(data: bytes | None) -> Lease:
    """The lease in the object. Other data counts as a lease of an unknown run, from when it was written."""
    if data is None:
        return FREE
    try:
        document = json.loads(data)
        return Lease(
            str(document["owner"]),
            str(document["project"]),
            str(document["since"]),
            min(max(float(document["seconds"]), 0.0), MOST_SECONDS),
        )
    except (ValueError, KeyError, TypeError, RecursionError):
        return Lease("unknown", seconds=SECONDS)


def remaining(lease: Lease, age: float | None, watched: float) -> float:
    """How many seconds the lease may still hold; 0 if the lock is free or the lease has expired.

    :param age: the age by the clock of the store, if it is known.
    :param watched: how long this run has known the lease.
    """
    if not lease.owner:
        return 0.0
    return max(0.0, lease.seconds + MARGIN - max(age or 0.0, watched))


def pauses(random: t.Callable[[], float]) -> t.Iterator[float]:
    """The exponential backoff between attempts to acquire the lock, with jitter.

    :param random: a number from 0 to 1.
    """
    return (random() * pause for pause in backoff(FIRST_PAUSE, LONGEST_PAUSE))


class ClockReading(t.NamedTuple):
    """The time on two clocks: one may stop while the machine sleeps, the other may be set."""

    monotonic: float
    wall: float

    @classmethod
    def read(cls, runtime: Runtime) -> ClockReading:
        return cls(runtime.monotonic(), runtime.now())

    def left(self, seconds: float, now: ClockReading) -> float:
        """The remaining seconds of a lease that began at this reading."""
        return seconds - max(now.monotonic - self.monotonic, now.wall - self.wall)
