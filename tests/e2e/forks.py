# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Processes that are to be killed, forked from one that has everything loaded: a hundred imports would take minutes."""

from __future__ import annotations

import contextlib
import multiprocessing
import multiprocessing.forkserver
import os
import time
from collections.abc import Callable
from multiprocessing.context import ForkServerProcess
from typing import Any
from unittest import mock

import psutil

from tests.e2e.runs import ROOT, TREE

PROCESSES = multiprocessing.get_context("forkserver")


def forked(target: Callable[..., None], *args: Any) -> ForkServerProcess:
    """Return a process that is ready to start."""
    PROCESSES.set_forkserver_preload(
        ["tests.e2e.driver", "tests.e2e.warm", "tests.e2e.rotation_site", "boto3", "requests", "jwt"]
    )
    # The first call starts the one that forks. Some versions of Python take its search path from nowhere else, and
    # say nothing of what they could not import.
    with mock.patch.dict(os.environ, PYTHONPATH=f"{ROOT}{os.pathsep}{TREE}"):
        multiprocessing.forkserver.ensure_running()
    return PROCESSES.Process(target=target, args=args)


def kill(process: ForkServerProcess) -> None:
    """Kill it, from whatever thread, and return when it is gone."""
    # It may have sent its first request before the thread that starts it knows its id.
    until = time.monotonic() + 10
    while not process.pid and time.monotonic() < until:
        time.sleep(0.001)
    process.kill()
    # join() belongs to the thread that started it.
    with contextlib.suppress(psutil.NoSuchProcess):
        psutil.Process(process.pid).wait(10)
