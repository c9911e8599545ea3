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
from types import FrameType
from typing import Any, NoReturn

SECONDS = 0.001
# The functions in which a thread waits for another one, or for a response.
WAITING = frozenset(
    "wait join acquire _wait_for_tstate_lock select poll accept recv recv_into readinto recv_bytes _recv_bytes _recv "
    "get sleep waitpid result".split()
)
Stack = tuple[tuple[str, str], ...]
samples: collections.Counter[Stack] = collections.Counter()


def sample(_signal: int, frame: FrameType | None) -> None:
    """Add the stacks of all threads that do not wait."""
    own = threading.get_ident()
    frames = {**sys._current_frames(), **({own: frame} if frame else {})}
    busy = [top for top in frames.values() if top.f_code.co_name not in WAITING] or [frame]
    for top in filter(None, busy):
        stack, current = [], top
        while current is not None:
            stack.append((current.f_code.co_filename, current.f_code.co_name))
            current = current.f_back  # type: ignore[assignment]
        samples[tuple(stack)] += 1


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


def _exit(code: int, _exit: Any = os._exit) -> NoReturn:
    write()
    _exit(code)
    raise SystemExit(code)


if "SAMPLER_FOLDER" in os.environ:
    # A fork ends without the handlers of atexit.
    os._exit = _exit
    os.register_at_fork(after_in_child=start)
    atexit.register(write)
    start()
