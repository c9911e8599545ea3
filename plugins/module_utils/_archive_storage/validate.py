# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Use case of the action ``archive_storage_validate``. Nothing is sent.

PRIVATE to the collection ``vonage.archiving``: there is no stability promise outside of it.
"""

from __future__ import annotations

import typing as t

from .._core.errors import InputError
from .._core.plan import Context, Outcome
from .._core.problems import Problems
from .params import InvalidVariablesError, parse_params
from .recovery import MANUAL_REPAIR_REQUIRED, parse_request
from .settings import read_settings
from .task_variables import TaskVariables
from .unknown_variables import describe_unknown_variables

MODES = APPLY, VERIFY, RECOVER = ("apply", "verify", "recover")
ARGUMENTS: dict[str, t.Any] = {"mode": {"type": "str", "choices": list(MODES), "default": APPLY}}


def validate(
    params: t.Mapping[str, t.Any], context: Context, variables: TaskVariables, role_environ: t.Mapping[str, str]
) -> Outcome:
    """Return the options of the modules, without secrets.

    :param params: the options of the action.
    :param role_environ: the environment of the controller.
    :raises InputError: the variables of a recovery are invalid.
    """
    variables.register_secrets(context)
    if params["mode"] == RECOVER:
        return _validate_recovery(variables, role_environ)
    for warning in describe_unknown_variables(variables.names):
        context.warn(warning)
    try:
        parsed = parse_params(
            variables.storage,
            context.environ,
            role_environ,
            verify_only=params["mode"] == VERIFY,
            problems=variables.problems,
        )
    except InvalidVariablesError as exc:
        for secret in exc.secrets:
            context.register_secret(secret)
        identity = {"project": exc.settings["project"], "bucket": {"name": exc.settings["bucket"]}}
        return Outcome(False, {**identity, "error": exc.as_result()}, failed=str(exc))
    for warning in parsed.warnings:
        context.warn(warning)
    settings = parsed.settings
    return Outcome(
        False,
        {
            "project": parsed.project,
            "state": settings["state"],
            "managed": parsed.managed,
            "verify_only": settings["verify_only"],
            "can_verify": parsed.can_verify,
            "lacks_secret_key": parsed.lacks_secret_key,
            "delete_bucket": settings["delete_bucket"],
            "bucket": parsed.bucket,
            "upload_target": parsed.upload_target,
            "connection": parsed.connection,
        },
    )


def _validate_recovery(variables: TaskVariables, role_environ: t.Mapping[str, str]) -> Outcome:
    """Compare the project of the recording with the project of this host."""
    problems = Problems()
    request = parse_request(variables.recover, problems)
    if problems:
        raise InputError(list(problems), "Nothing was changed.")
    # Other problems do not matter if this host is not that project.
    settings = read_settings(variables.storage, role_environ)
    # As in the playbook fleet: a host of the account's inventory without its own secret. The environment may name
    # another project.
    by_account = bool(variables.owner) and not {"api_secret", "private_key"}.intersection(settings["secrets"])
    project = variables.owner if by_account else settings["project"]
    recovery = {
        "is_target_project": request.is_about(project),
        "project": project,
        "bucket": settings["bucket"],
        "changed": False,
        "reason": MANUAL_REPAIR_REQUIRED,
        "findings": "",
        "by_account": by_account,
    }
    return Outcome(False, {"ansible_facts": {"archive_storage_recovery": recovery}})
