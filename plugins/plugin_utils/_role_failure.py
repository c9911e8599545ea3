# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Explains the failures of the tasks of the role ``archive_storage``.

PRIVATE to the collection ``vonage.archiving``: there is no stability promise outside of it.

A module does not have the results of the other tasks of the role, and its options have other names than the variables.
"""

from __future__ import annotations

import typing as t

from ansible.utils.unsafe_proxy import wrap_var


def explain_failure_in_role(
    action: t.Any, result: dict[str, t.Any], task_vars: t.Mapping[str, t.Any] | None
) -> dict[str, t.Any]:
    """Return the result of a task; if a task of the role failed, with the final message.

    :param action: an ``ActionBase``. Its task belongs to the role if it registers a private variable of the role.
    """
    if not result.get("failed"):
        return result
    # A run without an error does not load this code.
    from ansible_collections.vonage.archiving.plugins.module_utils._archive_storage.failure import explain_task_failure
    from ansible_collections.vonage.archiving.plugins.module_utils._archive_storage.report import REGISTERED
    from ansible_collections.vonage.archiving.plugins.module_utils._core.action import to_plain_data

    # ansible-core 2.21 and later have a dict of variables.
    registered_as = getattr(action._task, "register", None) or ()
    names = [registered_as] if isinstance(registered_as, str) else [*registered_as]
    step = next((step for step, variable in REGISTERED.items() if variable in names), None)
    if step is None:
        return result
    variables = task_vars or {}
    registered = {name: to_plain_data(variables[v]) for name, v in REGISTERED.items() if v in variables}
    plain = {name: result[name] for name in ("failed", "msg", "error") if name in result}
    explained = explain_task_failure(to_plain_data(plain), step, registered, check_mode=action._task.check_mode)
    # ansible-core 2.19 and later print the message of the exception, which has the names of options, and no ending.
    kept = {name: value for name, value in result.items() if name != "exception" or not result.get("error")}
    # Text of a server must never be evaluated as a template.
    return {**kept, **wrap_var({name: explained[name] for name in ("msg", "error") if name in explained})}
