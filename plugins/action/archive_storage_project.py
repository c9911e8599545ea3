# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Action: the archive storage of one project of a fleet, in the process that Ansible has forked for the task."""

from __future__ import annotations

import contextlib
import typing as t
from dataclasses import replace

from ansible.plugins.action import ActionBase

from ansible_collections.vonage.archiving.plugins.module_utils._archive_storage.project import ARGUMENTS, reconcile
from ansible_collections.vonage.archiving.plugins.module_utils._archive_storage.task_variables import (
    read_task_variables,
)
from ansible_collections.vonage.archiving.plugins.module_utils._archive_storage.unknown_variables import (
    describe_unknown_variables,
)
from ansible_collections.vonage.archiving.plugins.module_utils._aws.session import Connection, make_client
from ansible_collections.vonage.archiving.plugins.module_utils._core.action import act, quiet
from ansible_collections.vonage.archiving.plugins.module_utils._core.optional_imports import load
from ansible_collections.vonage.archiving.plugins.module_utils._core.plan import Context, Outcome


def _warm_up() -> None:
    """Ansible loads an action before it forks, and forks for each host: what is loaded here is loaded once."""
    nowhere = Connection("http://localhost", region="us-east-1", access_key="none", secret_key="none")
    # Without the libraries, or with others than these calls are for, the task itself says what is wrong.
    with quiet(), contextlib.suppress(Exception):
        for service in ("s3", "iam"):
            # Its methods and exceptions are made when they are asked for first.
            make_client(replace(nowhere, service=service), isolated=True).exceptions  # noqa: B018
        for library in ("jwt", "requests", "cryptography.hazmat.primitives.serialization"):
            load(library)


_warm_up()


class ActionModule(ActionBase):
    """See the documentation of the module of the same name."""

    _requires_connection = False
    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, t.Any] | None = None) -> dict[str, t.Any]:
        result: dict[str, t.Any] = super().run(tmp, task_vars)
        variables = read_task_variables(self, task_vars or {})

        def use_case(params: t.Mapping[str, t.Any], context: Context) -> Outcome:
            for warning in describe_unknown_variables(variables.names):
                context.warn(warning)
            return reconcile(params, context, variables)

        return {**result, **act(self, use_case, ARGUMENTS)}
