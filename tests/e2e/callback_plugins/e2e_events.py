# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ansible callback: writes the result of every task as JSON lines, for assertions of tests.

It also lets runs share packed modules: to find the imports of a module takes Ansible longer than most modules run, and
Ansible repeats it in every run. A packed module has no arguments, and is the same in every run.
"""

from __future__ import annotations

import json
import os
import sys
import time
from typing import Any

from ansible import constants
from ansible.plugins.callback import CallbackBase

DOCUMENTATION = r"""
name: e2e_events
type: aggregate
short_description: Writes the result of every task as JSON lines
description:
  - The environment variable E(E2E_EVENTS) is the path of the file.
  - E(E2E_MODULE_CACHE) is the path of a folder in which runs share packed modules.
requirements:
  - enable in configuration
"""


class CallbackModule(CallbackBase):
    """Writes one line for each task and host, and one for the recap."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "e2e_events"
    CALLBACK_NEEDS_ENABLED = True

    def _write(self, **event: Any) -> None:
        with open(os.environ["E2E_EVENTS"], "a", encoding="utf-8") as file:
            file.write(json.dumps({**event, "time": time.monotonic()}, default=str) + "\n")

    def _task(self, kind: str, result: Any) -> None:
        # ansible-core 2.19 renamed these attributes, and warns about the old names.
        task = getattr(result, "task", None) or result._task
        host = getattr(result, "host", None) or result._host
        fields = getattr(result, "result", None)
        self._write(
            kind=kind,
            task=task.get_name(),
            action=task.action,
            host=host.get_name(),
            result=dict(result._result if fields is None else fields),
        )

    def v2_playbook_on_start(self, playbook: Any) -> None:
        """Create a link to the shared folder at the path that Ansible uses."""
        cache = os.environ.get("E2E_MODULE_CACHE")
        if cache:
            os.symlink(cache, os.path.join(constants.DEFAULT_LOCAL_TMP, "ansiballz_cache"))  # type: ignore[attr-defined]

    def v2_runner_on_ok(self, result: Any) -> None:
        """Write a success."""
        self._task("ok", result)

    def v2_runner_on_failed(self, result: Any, ignore_errors: bool = False) -> None:
        """Write a failure."""
        self._task("failed", result)

    def v2_runner_on_skipped(self, result: Any) -> None:
        """Write a skipped task."""
        self._task("skipped", result)

    def v2_runner_on_unreachable(self, result: Any) -> None:
        """Write an unreachable host."""
        self._task("unreachable", result)

    def v2_playbook_on_stats(self, stats: Any) -> None:
        """Write the recap, and the libraries in the process that forks for tasks."""
        libraries = [name for name in ("botocore", "jwt", "requests") if name in sys.modules]
        self._write(kind="libraries", result=libraries)
        self._write(kind="stats", result={host: stats.summarize(host) for host in stats.processed})
