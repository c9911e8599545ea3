# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs actions without the worker of Ansible."""

from __future__ import annotations

import typing as t
from types import SimpleNamespace


class Templar:
    """Returns each value unchanged."""

    def template(self, value: t.Any, **_options: t.Any) -> t.Any:
        return value


def act(
    plugin: t.Any,
    args: dict[str, t.Any],
    task_vars: dict[str, t.Any] | None = None,
    environment: list[dict[str, t.Any]] | None = None,
    check_mode: bool = False,
    diff: bool = False,
) -> dict[str, t.Any]:
    """Run an action, and return the result of its task."""
    task = SimpleNamespace(
        args=args,
        environment=environment or [],
        check_mode=check_mode,
        diff=diff,
        async_val=0,
        action="a",
        delegate_to=None,
    )
    shell = SimpleNamespace(tmpdir=None, env_prefix=lambda **_variables: "")
    connection = SimpleNamespace(_shell=shell)
    action = plugin(task, connection, SimpleNamespace(), SimpleNamespace(), Templar(), SimpleNamespace())
    return dict(action.run(None, task_vars or {}))
