# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Processes to kill, forked from a process that has loaded the libraries: a hundred imports would take minutes."""

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

from tests.e2e.playbook_runs import ROOT, TREE

PROCESSES = multiprocessing.get_context("forkserver")


def create_process(target: Callable[..., None], *args: Any) -> ForkServerProcess:
    """Return a process that is not started."""
    PROCESSES.set_forkserver_preload(
        [
            "tests.e2e.workflow_driver",
            "tests.e2e.fork_server.preload",
            "tests.e2e.rotation_environment",
            "boto3",
            "requests",
            "jwt",
        ]
    )
    # The first call starts the process that forks. In some versions of Python, it takes its search path only from
    # this variable, and ignores modules that it cannot import.
    with mock.patch.dict(os.environ, PYTHONPATH=f"{ROOT}{os.pathsep}{TREE}"):
        multiprocessing.forkserver.ensure_running()
    return PROCESSES.Process(target=target, args=args)


def kill_process(process: ForkServerProcess) -> None:
    """Kill a process from any thread, and return when it has ended."""
    # It can send its first request before the thread that starts it knows its ID.
    deadline = time.monotonic() + 10
    while not process.pid and time.monotonic() < deadline:
        time.sleep(0.001)
    process.kill()
    # Only the thread that started the process can call join().
    with contextlib.suppress(psutil.NoSuchProcess):
        psutil.Process(process.pid).wait(10)
