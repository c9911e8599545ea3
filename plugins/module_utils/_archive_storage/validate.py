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
from .._core.problems import Problem, Problems
from .params import InvalidVariablesError, parse_params
from .recovery import MANUAL_REPAIR_REQUIRED, parse_request
from .settings import read_settings
from .task_variables import TaskVariables

MODES = APPLY, VERIFY, RECOVER, NAMES = ("apply", "verify", "recover", "names")
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
    misspellings = variables.find_misspelling_problems(context)
    if params["mode"] == NAMES:
        _raise_if_any(misspellings)
        return Outcome(False, {})
    if params["mode"] == RECOVER:
        return _validate_recovery(variables, role_environ, misspellings)
    try:
        parsed = parse_params(
            variables.storage,
            context.environ,
            role_environ,
            verify_only=params["mode"] == VERIFY,
            problems=variables.problems,
            misspellings=misspellings,
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


def _raise_if_any(problems: t.Iterable[Problem]) -> None:
    collected = list(problems)
    if collected:
        raise InputError(collected, "Nothing was changed.")


def _validate_recovery(
    variables: TaskVariables, role_environ: t.Mapping[str, str], misspellings: list[Problem]
) -> Outcome:
    """Compare the project of the recording with the project of this host."""
    problems = Problems()
    request = parse_request(variables.recover, problems)
    if problems:
        _raise_if_any([*problems, *misspellings])
    # Other problems do not matter if this host is not that project.
    settings = read_settings(variables.storage, role_environ)
    # As in the playbook fleet: a host of the account's inventory without its own secret. The environment may name
    # another project.
    by_account = bool(variables.owner) and not {"api_secret", "private_key"}.intersection(settings["secrets"])
    project = variables.owner if by_account else settings["project"]
    is_target_project = request.is_about(project)
    if is_target_project:
        _raise_if_any(misspellings)
    recovery = {
        "is_target_project": is_target_project,
        "project": project,
        "bucket": settings["bucket"],
        "changed": False,
        "reason": MANUAL_REPAIR_REQUIRED,
        "findings": "",
        "by_account": by_account,
    }
    return Outcome(False, {"ansible_facts": {"archive_storage_recovery": recovery}})
