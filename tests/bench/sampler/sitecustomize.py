# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sample the stacks of a Python process and of its forks, for ``tests.bench.profile``.

Python imports this module at its start if its folder is in PYTHONPATH. A signal arrives after each millisecond of
processor time. Tools for processes miss workers of Ansible, which end after a few hundredths of a second.
"""

from __future__ import annotations

import atexit
import collections
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from types import FrameType
from typing import NoReturn

SECONDS = 0.001
# The functions in which a thread waits for another one, or for a response.
WAITING = frozenset(
    (
        *("wait", "join", "acquire", "_wait_for_tstate_lock", "get", "result"),
        *("select", "poll", "accept", "recv", "recv_into", "readinto", "recv_bytes", "_recv_bytes", "_recv"),
        *("sleep", "waitpid"),
    )
)
Stack = tuple[tuple[str, str], ...]
samples: collections.Counter[Stack] = collections.Counter()


def sample(_signal: int, frame: FrameType | None) -> None:
    """Add the stacks of all threads that do not wait."""
    own = threading.get_ident()
    tops = [top for ident, top in sys._current_frames().items() if ident != own]
    if frame:
        tops.append(frame)
    for top in [top for top in tops if top.f_code.co_name not in WAITING] or tops[-1:]:
        samples[tuple((caller.f_code.co_filename, caller.f_code.co_name) for caller in callers(top))] += 1


def callers(top: FrameType) -> Iterator[FrameType]:
    """Return a frame and its callers, from the innermost to the outermost."""
    current: FrameType | None = top
    while current is not None:
        yield current
        current = current.f_back


def start() -> None:
    """Start in a new process, which gets no timer from its parent."""
    samples.clear()
    signal.signal(signal.SIGPROF, sample)
    signal.setitimer(signal.ITIMER_PROF, SECONDS, SECONDS)


def write() -> None:
    """Write a line for each stack, from the outermost function to the innermost."""
    signal.setitimer(signal.ITIMER_PROF, 0)
    path = os.path.join(os.environ["SAMPLER_FOLDER"], f"{os.getpid()}.txt")
    with open(path, "a", encoding="utf-8") as file:
        for stack, count in samples.items():
            names = ";".join(f"{name}:{function}" for name, function in reversed(stack))
            file.write(f"{count} {names}\n")


def write_and_exit(status: int, exit_process: Callable[[int], NoReturn] = os._exit) -> NoReturn:
    """End a fork, which ends without the handlers of atexit."""
    write()
    exit_process(status)


if "SAMPLER_FOLDER" in os.environ:
    os._exit = write_and_exit
    os.register_at_fork(after_in_child=start)
    atexit.register(write)
    start()
