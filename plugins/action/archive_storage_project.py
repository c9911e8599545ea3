# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Action: configure the archive storage of one project of a fleet, in the process that Ansible forks for the task."""

from __future__ import annotations

import typing as t

from ansible.plugins.action import ActionBase

from ansible_collections.vonage.archiving.plugins.module_utils._archive_storage.failure import explain_project_failure
from ansible_collections.vonage.archiving.plugins.module_utils._archive_storage.project import ARGUMENTS, reconcile
from ansible_collections.vonage.archiving.plugins.module_utils._archive_storage.task_variables import (
    read_task_variables,
)
from ansible_collections.vonage.archiving.plugins.module_utils._core.action import run_action
from ansible_collections.vonage.archiving.plugins.module_utils._core.plan import Context, Outcome
from ansible_collections.vonage.archiving.plugins.module_utils._core.progress import runtime_with_reports
from ansible_collections.vonage.archiving.plugins.plugin_utils._libraries import load_libraries

# Ansible loads an action before it forks. If a library is missing, the task fails with a message.
load_libraries(for_each_run=True)


class ActionModule(ActionBase):
    """See the documentation of the module of the same name."""

    _requires_connection = False
    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, t.Any] | None = None) -> dict[str, t.Any]:
        result: dict[str, t.Any] = super().run(tmp, task_vars)
        variables = read_task_variables(self, task_vars or {})

        def use_case(params: t.Mapping[str, t.Any], context: Context) -> Outcome:
            return reconcile(params, context, variables)

        options = variables.with_fleet_defaults(self._task.args)
        runtime = runtime_with_reports(self._display.display, str((task_vars or {}).get("inventory_hostname", "")))
        return {**result, **explain_project_failure(run_action(self, use_case, ARGUMENTS, options, runtime))}
