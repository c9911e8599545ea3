# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs a use case and returns the result of the task.

PRIVATE to the collection ``vonage.archiving``: there is no stability promise outside of it.

A use case is a function of options and a :class:`.plan.Context`. It does not know Ansible, returns an
:class:`.plan.Outcome` or raises an :class:`.errors.ArchivingError`, and can be called from many threads.
"""

from __future__ import annotations

import traceback
import typing as t
from dataclasses import replace

from .changes import Changes
from .environment import secrets_in_environment
from .errors import ArchivingError
from .misplaced_secrets import find_misplaced_secrets
from .plan import Context, Outcome
from .redaction import redact, redact_nested

UseCase = t.Callable[[t.Mapping[str, t.Any], Context], Outcome]


class ModuleSpec(t.NamedTuple):
    """A module: its use case, its argument spec in the format of AnsibleModule, and its options of type dict that keep
    empty strings.
    """

    use_case: UseCase
    argument_spec: dict[str, t.Any]
    keep_empty_strings: t.Sequence[str] = ()


def execute(use_case: UseCase, params: t.Mapping[str, t.Any], context: Context) -> dict[str, t.Any]:
    """Run a use case and return the result of the task.

    Every outcome has a result: a failure has ``failed`` and ``msg``. Warnings are in ``warnings``.

    :param params: the options. If the task fails, secrets in options for something else are redacted, too.
    """
    warnings: list[str] = []
    secrets: list[str] = []

    def register_secret(secret: str) -> None:
        # Without this condition, the white space between all words would be redacted.
        if secret.strip():
            secrets.append(secret)
            context.register_secret(secret)

    for secret in (*context.secrets, *secrets_in_environment(context.environ)):
        register_secret(secret)

    def report_wait(awaited: str, seconds: float) -> None:
        context.runtime.report_wait(redact(awaited, secrets), seconds)

    runtime = replace(context.runtime, report_wait=report_wait, changes=Changes())
    own_context = replace(context, warn=warnings.append, register_secret=register_secret, runtime=runtime)
    result = _run(use_case, params, own_context)
    if result.get("failed"):
        for secret in find_misplaced_secrets(params):
            register_secret(secret)
        result = redact_nested(result, secrets)
    if warnings:
        result["warnings"] = [redact(warning, secrets) for warning in warnings]
    return result


def _run(use_case: UseCase, params: t.Mapping[str, t.Any], context: Context) -> dict[str, t.Any]:
    try:
        outcome = use_case(params, context)
    except ArchivingError as exc:
        for secret in exc.secrets:
            context.register_secret(secret)
        error = {**exc.as_result(), **context.runtime.changes.as_facts()}
        return {"failed": True, "msg": str(exc), "error": error}
    except Exception as exc:
        message = f"This is a bug in vonage.archiving, please report it: {type(exc).__name__}: {exc}"
        return {"failed": True, "msg": message, "exception": traceback.format_exc()}
    result: dict[str, t.Any] = {"changed": outcome.changed, **outcome.result}
    if context.diff_mode:
        result["diff"] = {"before": outcome.before or {}, "after": outcome.after or {}}
    return {**result, "failed": True, "msg": outcome.failed} if outcome.failed else result
