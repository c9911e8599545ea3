# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ansible callback: writes what every task returned as JSON lines, for tests to assert on.

It also lets runs share the modules that they have packed: finding all that a module imports takes Ansible longer than
most modules run, and it does so anew in every run. What is packed has no arguments in it, and is the same each time.
"""

from __future__ import annotations

import json
import os
from typing import Any

from ansible import constants
from ansible.plugins.callback import CallbackBase

DOCUMENTATION = r"""
name: e2e_events
type: aggregate
short_description: Writes what every task returned as JSON lines
description:
  - To the file that the environment variable E(E2E_EVENTS) names.
  - Modules that were packed are kept in the folder that E(E2E_PACKED) names, if it is set.
requirements:
  - enable in configuration
"""


class CallbackModule(CallbackBase):
    """One line a task and host, and one for the recap."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "e2e_events"
    CALLBACK_NEEDS_ENABLED = True

    def _write(self, **event: Any) -> None:
        with open(os.environ["E2E_EVENTS"], "a", encoding="utf-8") as file:
            file.write(json.dumps(event, default=str) + "\n")

    def _task(self, kind: str, result: Any) -> None:
        # ansible-core 2.19 renamed these and warns of the old names.
        task = getattr(result, "task", None) or result._task
        host = getattr(result, "host", None) or result._host
        told = getattr(result, "result", None)
        self._write(
            kind=kind,
            task=task.get_name(),
            action=task.action,
            host=host.get_name(),
            result=dict(result._result if told is None else told),
        )

    def v2_playbook_on_start(self, playbook: Any) -> None:
        """Put the folder for packed modules where Ansible looks for it."""
        packed = os.environ.get("E2E_PACKED")
        if packed:
            os.symlink(packed, os.path.join(constants.DEFAULT_LOCAL_TMP, "ansiballz_cache"))  # type: ignore[attr-defined]

    def v2_runner_on_ok(self, result: Any) -> None:
        """Note a success."""
        self._task("ok", result)

    def v2_runner_on_failed(self, result: Any, ignore_errors: bool = False) -> None:
        """Note a failure."""
        self._task("failed", result)

    def v2_runner_on_skipped(self, result: Any) -> None:
        """Note a task that was skipped."""
        self._task("skipped", result)

    def v2_runner_on_unreachable(self, result: Any) -> None:
        """Note a host that was not reached."""
        self._task("unreachable", result)

    def v2_playbook_on_stats(self, stats: Any) -> None:
        """Note the recap."""
        self._write(kind="stats", result={host: stats.summarize(host) for host in stats.processed})
