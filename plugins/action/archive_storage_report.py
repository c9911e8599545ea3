# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Action: report the result of the role archive_storage."""

from __future__ import annotations

import typing as t

from ansible.plugins.action import ActionBase
from ansible.utils.display import Display

from ansible_collections.vonage.archiving.plugins.module_utils._archive_storage import recovery
from ansible_collections.vonage.archiving.plugins.module_utils._archive_storage.report import (
    ARGUMENTS,
    RECOVERY_FACT,
    REGISTERED,
    RESULT,
    report,
)
from ansible_collections.vonage.archiving.plugins.module_utils._core.action import (
    read_variables,
    run_action,
    to_plain_data,
)
from ansible_collections.vonage.archiving.plugins.module_utils._core.plan import Context, Outcome
from ansible_collections.vonage.archiving.plugins.module_utils._core.problems import Problems


class ActionModule(ActionBase):
    """See the documentation of the module of the same name."""

    _requires_connection = False
    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, t.Any] | None = None) -> dict[str, t.Any]:
        result: dict[str, t.Any] = super().run(tmp, task_vars)
        variables = task_vars or {}
        registered = (*REGISTERED.values(), RESULT, RECOVERY_FACT)
        known = {name: to_plain_data(variables[name]) for name in registered if name in variables}
        # A template that cannot be evaluated has failed the validation before.
        request = [f"{recovery.PREFIX}{name}" for name in recovery.VARIABLES]
        known.update(read_variables(self, variables, request, Problems()))

        def use_case(params: t.Mapping[str, t.Any], context: Context) -> Outcome:
            return report(params, context, known, Display().display)

        return {**result, **run_action(self, use_case, ARGUMENTS)}
