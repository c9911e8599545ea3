# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Action: validate the variables of the role archive_storage."""

from __future__ import annotations

import os
import typing as t

from ansible.plugins.action import ActionBase

from ansible_collections.vonage.archiving.plugins.module_utils._archive_storage.task_variables import (
    read_task_variables,
)
from ansible_collections.vonage.archiving.plugins.module_utils._archive_storage.validate import ARGUMENTS, validate
from ansible_collections.vonage.archiving.plugins.module_utils._core.action import run_action
from ansible_collections.vonage.archiving.plugins.module_utils._core.plan import Context, Outcome
from ansible_collections.vonage.archiving.plugins.plugin_utils._libraries import load_early
from ansible_collections.vonage.archiving.plugins.plugin_utils._role_failure import explain_failure_in_role

# The validation creates a client, and the following tasks of the role use the libraries too.
load_early()


class ActionModule(ActionBase):
    """See the documentation of the module of the same name."""

    _requires_connection = False
    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, t.Any] | None = None) -> dict[str, t.Any]:
        result: dict[str, t.Any] = super().run(tmp, task_vars)
        variables = read_task_variables(self, task_vars or {})
        # As the lookup plugin env has it: without the keyword environment of the task.
        environ = dict(os.environ)

        def use_case(params: t.Mapping[str, t.Any], context: Context) -> Outcome:
            return validate(params, context, variables, environ)

        return explain_failure_in_role(self, {**result, **run_action(self, use_case, ARGUMENTS)}, task_vars)
