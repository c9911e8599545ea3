# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The seeded scheduler: simulated time, and greenlets that pause before and after every outgoing call.

A run is a greenlet. It pauses for a random time around each call; the scheduler resumes the run, or performs the event,
whose time comes next. Random times give every order of calls, and nothing sleeps.
"""

from __future__ import annotations

import heapq
import random
from collections import deque
from collections.abc import Callable
from typing import Any

from greenlet import getcurrent, greenlet

# 2026-06-01, Unix seconds.
START = 1_780_272_000.0
TRACE_LENGTH = 400


class CrashedError(BaseException):
    """Every call of a run that has crashed raises it, also in ``finally`` blocks."""


class Run:
    """One run of a playbook, or the set-up of the test.

    :param offset: seconds by which the clock of its machine is ahead.
    :param crash_at: the number of the call at which it crashes; 0 for never.
    :param crash_applied: whether that call takes effect.
    :param crash_late: whether it crashes during the first call that changes the target, which takes effect later.
    :param faulty: whether its calls can fail.
    :param suspended: whether its machine was suspended: until its end, the state file may differ from the target.
    """

    def __init__(self, name: str, kind: str, project: str, work: Callable[[], Any], offset: float = 0.0) -> None:
        self.name, self.kind, self.project, self.work, self.offset = name, kind, project, work, offset
        self.crash_at, self.crash_applied, self.crash_late, self.faulty = 0, False, False, True
        self.suspended = False
        self.calls = 0
        self.dead = self.ended = self.started = False
        self.result: Any = None
        self.error: Exception | None = None
        # See invariants.py: whether something during the run is a reason for a rotation.
        self.reasons: set[str] = set()
        self.has_claimed = False
        # The keys of the project when the run claimed the state file.
        self.claimed_keys: frozenset[str] | None = None
        self.greenlet: greenlet | None = None

    @property
    def alive(self) -> bool:
        return self.started and not self.ended and not self.dead


class Scheduler:
    """Simulated time, and the order of events.

    :param check: called after every step.
    """

    def __init__(self, seed: int | str) -> None:
        self.random = random.Random(seed)
        self.now = START
        self.steps = 0
        self.active: Run | None = None
        self.trace: deque[tuple[int, float, str, str]] = deque(maxlen=TRACE_LENGTH)
        self.check: Callable[[], None] = lambda: None
        self._queue: list[tuple[float, float, int, Callable[[], Any]]] = []
        self._number = 0
        self._hub = getcurrent()

    def log(self, text: str) -> None:
        self.trace.append((self.steps, self.now, self.active.name if self.active else "world", text))

    def at(self, time: float, action: Callable[[], Any]) -> None:
        """Perform an action at that time; the order of simultaneous actions is random."""
        self._number += 1
        heapq.heappush(self._queue, (max(time, self.now), self.random.random(), self._number, action))

    def start(self, run: Run, time: float) -> None:
        run.greenlet = greenlet(lambda: self._work(run))
        self.at(time, lambda: self._resume(run))

    def _work(self, run: Run) -> None:
        run.started = True
        self.log(f"starts {run.kind} for {run.project}, clock {run.offset:+.0f} s")
        try:
            run.result = run.work()
        except CrashedError:
            self.log("has crashed")
        except Exception as exc:  # the result of the run
            run.error = exc
            self.log(f"ends with {type(exc).__name__}: {exc}")
        else:
            self.log(f"ends: {run.result}")
        run.ended = True

    def _resume(self, run: Run) -> None:
        self.active = run
        try:
            assert run.greenlet is not None
            run.greenlet.switch()
        finally:
            self.active = None

    def pause(self, seconds: float) -> None:
        """Let others continue; called by a run.

        :raises CrashedError: the run has crashed.
        """
        run = self.active
        assert run is not None
        if run.dead:
            raise CrashedError
        self.at(self.now + seconds, lambda: self._resume(run))
        self._hub.switch()
        if run.dead:
            raise CrashedError

    def crash(self) -> None:
        """End the active run here."""
        assert self.active is not None
        self.active.dead = True
        raise CrashedError

    def run(self, until: Callable[[], bool] = lambda: False, before: float = float("inf")) -> None:
        """Perform events until the condition holds, until a time, or until none remains."""
        while self._queue and not until():
            if self._queue[0][0] > before:
                self.now = before
                return
            time, _tie, _number, action = heapq.heappop(self._queue)
            self.now = max(self.now, time)
            self.steps += 1
            action()
            self.check()
        if before != float("inf") and not self._queue:
            self.now = max(self.now, before)

    def kill_all(self, runs: list[Run]) -> None:
        """Unwind greenlets that have not ended: none must continue in another simulation."""
        for run in runs:
            if run.greenlet is not None and run.started and not run.ended:
                run.dead = True
                self.active = run
                run.greenlet.throw(CrashedError)
                self.active = None
