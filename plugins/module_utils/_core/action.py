# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs a use case as an action.

PRIVATE to the collection ``vonage.archiving``: there is no stability promise outside of it.

A module starts a Python process and loads its libraries. An action runs in the process that Ansible forks for the task,
where the libraries are already loaded. This makes a difference for fleets.
"""

from __future__ import annotations

import gc
import os
import typing as t

from ansible.module_utils.common.parameters import remove_values

from .argument_spec import validate_options
from .environment import GARBAGE_THRESHOLD, drop_empty_aws_variables
from .execute import UseCase, execute
from .plan import Context, Outcome
from .problems import Problems
from .process_state import isolated_process
from .runtime import SYSTEM, Runtime
from .secrets import mark_as_secret
from .values import none_if_blank


def run_action(
    action: t.Any,
    use_case: UseCase,
    argument_spec: t.Mapping[str, t.Any],
    options: t.Mapping[str, t.Any] | None = None,
    runtime: Runtime = SYSTEM,
) -> dict[str, t.Any]:
    """Run a use case as an action, and return the result of its task.

    :param action: an ``ActionBase``.
    :param argument_spec: the argument spec, in the format of AnsibleModule.
    :param options: replaces the options of the task.
    :param runtime: see :func:`.progress.runtime_with_reports`.
    """
    environ: dict[str, t.Any] = {}
    action._compute_environment_string(environ)
    task = action._task
    if options is None:
        options = task.args
    modes = {"check_mode": task.check_mode, "diff_mode": task.diff}
    return run_task(use_case, argument_spec, options, environ, **modes, runtime=runtime)


def run_task(
    use_case: UseCase,
    argument_spec: t.Mapping[str, t.Any],
    options: t.Mapping[str, t.Any],
    environ: t.Mapping[str, t.Any],
    *,
    check_mode: bool,
    diff_mode: bool,
    keep_empty_strings: t.Sequence[str] = (),
    runtime: Runtime = SYSTEM,
) -> dict[str, t.Any]:
    """Run a use case with the options of a task.

    :param environ: the environment of the task. Libraries read it, too: the process must run no other task at the same
        time.
    :param keep_empty_strings: options of type dict in which an empty string is a value.
    """
    secrets: list[str] = []

    def register_secret(secret: str) -> None:
        secrets.append(secret)
        mark_as_secret(secret)

    def use_case_with_validation(options: t.Mapping[str, t.Any], context: Context) -> Outcome:
        return use_case(validate_options(argument_spec, options, keep_empty_strings), context)

    with isolated_process():
        gc.set_threshold(GARBAGE_THRESHOLD)
        # YAML can contain numbers and booleans.
        os.environ.update({name: str(value) for name, value in environ.items()})
        drop_empty_aws_variables()
        context = Context(
            check_mode=check_mode,
            diff_mode=diff_mode,
            environ=dict(os.environ),
            secrets=_secret_options(argument_spec, options),
            register_secret=register_secret,
            runtime=runtime,
        )
        result = execute(use_case_with_validation, options, context)
    redacted: dict[str, t.Any] = remove_values(result, secrets)
    return redacted


def _secret_options(argument_spec: t.Mapping[str, t.Any], options: t.Mapping[str, t.Any]) -> list[str]:
    """The values of ``no_log`` options, which can be set by an alias."""
    names = [
        name
        for option, spec in argument_spec.items()
        if spec.get("no_log")
        for name in (option, *spec.get("aliases", ()))
    ]
    return [str(options[name]) for name in names if none_if_blank(options.get(name)) is not None]


def read_variables(
    action: t.Any, task_vars: t.Mapping[str, t.Any], names: t.Iterable[str], problems: Problems
) -> dict[str, t.Any]:
    """Return those of the variables that are defined, templated, as plain data.

    :param action: an ``ActionBase``.
    :param problems: problems with templates are added here.
    """
    values: dict[str, t.Any] = {}
    for name in names:
        if name not in task_vars:
            continue
        try:
            value = action._templar.template(task_vars[name])
            if not _is_omitted(value, task_vars):
                values[name] = to_plain_data(value)
        except Exception as exc:  # ansible-core 2.18 and older do not wrap exceptions of expressions
            problems.add(name, f"its template cannot be evaluated: {' '.join(str(exc).split()).rstrip('.')}")
    return values


def _is_omitted(value: t.Any, task_vars: t.Mapping[str, t.Any]) -> bool:
    omit = task_vars.get("omit")
    return omit is not None and (value is omit or (isinstance(value, str) and value == omit))


def to_plain_data(value: t.Any) -> t.Any:
    """Return a copy in which templates of nested values are evaluated, and vaulted values are decrypted."""
    if hasattr(value, "__ENCRYPTED__") or isinstance(value, str):
        return str(value)
    if isinstance(value, t.Mapping):
        return {to_plain_data(key): to_plain_data(item) for key, item in value.items()}
    return [to_plain_data(item) for item in value] if isinstance(value, (list, tuple)) else value
