# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ansible stdout callback that writes one line of JSON for each event of a playbook."""

from __future__ import annotations

import json
from typing import Any

from ansible.plugins.callback import CallbackBase

DOCUMENTATION = r"""
name: demo_events
type: stdout
short_description: One line of JSON for each task and for the recap
version_added: 1.0.0
author:
  - Vonage Archiving Contributors (@vonage-archiving)
description:
  - A program can read the events while the playbook runs. Ansible removes secrets from the results before the callback.
"""


class CallbackModule(CallbackBase):
    """Write the events for the demo."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "stdout"
    CALLBACK_NAME = "demo_events"

    def v2_runner_on_ok(self, result: Any) -> None:
        """Write a task that succeeded."""
        self._write_task(result, "changed" if _content(result).get("changed") else "ok")

    def v2_runner_on_failed(self, result: Any, ignore_errors: bool = False) -> None:
        """Write a task that failed."""
        self._write_task(result, "ignored" if ignore_errors else "failed")

    def v2_runner_on_skipped(self, result: Any) -> None:
        """Write a task that was skipped."""
        self._write_task(result, "skipped")

    def v2_playbook_on_stats(self, stats: Any) -> None:
        """Write the recap."""
        self._write({"recap": {host: stats.summarize(host) for host in sorted(stats.processed)}})

    def _write_task(self, result: Any, status: str) -> None:
        task = getattr(result, "task", None) or result._task
        content = {name: value for name, value in _content(result).items() if not name.startswith("_ansible")}
        self._write({"task": task.name, "action": task.action, "status": status, "result": content})

    def _write(self, event: dict[str, Any]) -> None:
        self._display.display(json.dumps(event, default=str))


def _content(result: Any) -> dict[str, Any]:
    # The attribute has no underscore in ansible-core 2.19 and newer.
    content = getattr(result, "result", None)
    return dict(result._result if content is None else content)
