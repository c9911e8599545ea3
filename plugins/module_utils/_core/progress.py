# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Shows the user what a task waits for, while it waits.

PRIVATE to the collection ``vonage.archiving``: there is no stability promise outside of it.

Only a task that runs in the process that Ansible forks for it can do this: Ansible shows the output of a module process
when the process has ended.
"""

from __future__ import annotations

import contextlib
import sys
import threading
import typing as t
from dataclasses import replace

from .runtime import SYSTEM, Runtime

# Threads report too, and the output is one for all.
_OUTPUT_LOCK = threading.Lock()


def runtime_with_reports(show: t.Callable[[str], None], host: str) -> Runtime:
    """Return the runtime of a task that reports its waits.

    :param show: shows a line to the user, like ``Display.display`` of Ansible, which forwards it to the main process.
    :param host: the name of the host of the task.
    """

    def report_wait(awaited: str, seconds: float) -> None:
        # Without a queue to the main process, Display prints: not into the output that is the result of the module.
        with _OUTPUT_LOCK, contextlib.redirect_stdout(sys.__stdout__):
            show(format_wait(host, awaited, seconds))

    return replace(SYSTEM, report_wait=report_wait)


def format_wait(host: str, awaited: str, seconds: float) -> str:
    """Format the line about a wait. Pure.

    >>> format_wait("localhost", "the lock of bucket b", 42.6)
    '[localhost]: Waiting up to 43 s for the lock of bucket b.'
    """
    return f"[{host}]: Waiting up to {max(seconds, 1):.0f} s for {awaited}."
