# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Action: report the results of a fleet of projects."""

from __future__ import annotations

import typing as t

from ansible.plugins.action import ActionBase
from ansible.utils.display import Display

from ansible_collections.vonage.archiving.plugins.module_utils._core.action import run_action
from ansible_collections.vonage.archiving.plugins.module_utils._core.plan import Context, Outcome
from ansible_collections.vonage.archiving.plugins.module_utils._fleet_report.reconcile import (
    ARGUMENTS,
    HostResult,
    reconcile,
)

VARIABLES = ("vonage_project_id", "vonage_project_name")


class ActionModule(ActionBase):
    """See the documentation of the module of the same name."""

    _requires_connection = False
    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, t.Any] | None = None) -> dict[str, t.Any]:
        result: dict[str, t.Any] = super().run(tmp, task_vars)
        variables = task_vars or {}
        hosts = [_read_host(host, variables["hostvars"][host]) for host in variables["ansible_play_hosts_all"]]

        def use_case(params: t.Mapping[str, t.Any], context: Context) -> Outcome:
            return reconcile(params, context, hosts, Display().display)

        return {**result, **run_action(self, use_case, ARGUMENTS)}


def _read_host(host: str, variables: t.Mapping[str, t.Any]) -> HostResult:
    result = variables.get("archive_storage_result")
    names = {name: _read_text(variables, name) for name in VARIABLES}
    return HostResult(host, names, result if isinstance(result, dict) else None)


def _read_text(variables: t.Any, name: str) -> str:
    """Return a variable of a host; empty if its template fails, which must not prevent the report of all hosts."""
    try:
        return str(variables.get(name) or "")
    except Exception:  # up to ansible-core 2.18, any exception that an expression raises
        return ""
