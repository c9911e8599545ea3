# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whose turn it is to write to a bucket that projects share: what the lock says, and for how long. Pure.

PRIVATE to the collection ``vonage.archiving``: there is no stability promise outside of it.

A lease is for some seconds. Who holds it counts them from before the request that wrote it, on a clock of its own; who
waits counts them by the times that the store itself gives (``Date`` and ``Last-Modified`` of one answer), or from when
it has first seen this very lease. So no two machines need to have the same time.
"""

from __future__ import annotations

import datetime
import json
import typing as t
from dataclasses import dataclass

# How long a run that was killed keeps the others waiting. It covers a write with all its time-outs, and some more.
SECONDS = 45.0
# The longest that one request takes that is sent once: botocore's time-outs (5 s to connect, 20 s for the answer).
WRITE_SECONDS = 30.0
# The store's times are in whole seconds.
MARGIN = 2.0
# How long a run waits for its turn, those included that have to wait for a lease to run out.
BUDGET = 180.0
LONGEST_PAUSE = 2.0
# What somebody else put there is respected no longer than this.
MOST_SECONDS = 600.0


@dataclass(frozen=True)
class Lease:
    """:param owner: one run; empty where nobody holds the lock.
    :param scope: the project that it is about.
    :param since: when it took the lock, by its own clock.
    """

    owner: str = ""
    scope: str = ""
    since: str = ""
    seconds: float = 0.0

    def data(self, until: str = "") -> bytes:
        """The object; ``until`` is for people alone."""
        return (json.dumps({**vars(self), "until": until}, sort_keys=True) + "\n").encode()


FREE = Lease()


def parsed(data: bytes | None) -> Lease:
    """What the object says; what is no lease of ours counts as one of somebody, from when it was written."""
    if data is None:
        return FREE
    try:
        found = json.loads(data)
        return Lease(
            str(found["owner"]),
            str(found["scope"]),
            str(found["since"]),
            min(max(float(found["seconds"]), 0.0), MOST_SECONDS),
        )
    except (ValueError, KeyError, TypeError, RecursionError):
        return Lease("unknown", seconds=SECONDS)


def remaining(lease: Lease, age: float | None, watched: float) -> float:
    """For how many seconds the lease may still hold; 0 where it is free or has run out.

    :param age: how old it is by the store's clock, if the store tells.
    :param watched: for how long it has been seen.
    """
    if not lease.owner:
        return 0.0
    return max(0.0, lease.seconds + MARGIN - max(age or 0.0, watched))


def pause(attempt: int, random: float) -> float:
    """How long to wait before the next look: anything up to a limit that doubles, so that many do not come at once.

    :param random: from 0 to 1.
    """
    return random * min(LONGEST_PAUSE, 0.05 * 2.0 ** min(attempt, 10))


def moment(seconds: float) -> str:
    """A time of the clock, for people."""
    found = datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc)
    return found.isoformat(timespec="seconds").replace("+00:00", "Z")


class Holding(t.NamedTuple):
    """When our lease began, by two clocks: one may stand still while the machine sleeps, the other may be set."""

    monotonic: float
    wall: float

    def left(self, seconds: float, now: Holding) -> float:
        """For how long it holds."""
        return seconds - max(now.monotonic - self.monotonic, now.wall - self.wall)
