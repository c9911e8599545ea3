# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The border between Ansible and the rest for actions, as ``_module`` is for modules.

PRIVATE to the collection ``vonage.archiving``: there is no stability promise outside of it.

A module is a process of its own, which starts Python and loads its libraries each time. An action runs in the process
that Ansible has forked for the task anyway, and finds loaded what was loaded before: for one host that makes no
difference worth mentioning, for a thousand it does.
"""

from __future__ import annotations

import contextlib
import gc
import os
import typing as t
from warnings import catch_warnings, simplefilter

from ansible.module_utils.common.parameters import remove_values

from . import errors
from .module import GARBAGE_THRESHOLD, UseCase, bug, forget_empty_variables, hidden, refusal, returned, secrets_around
from .params import validated
from .plan import Context, Outcome
from .secrets import mark_as_secret, redact
from .values import given as is_given


def act(
    action: t.Any, use_case: UseCase, arguments: t.Mapping[str, t.Any], verbatim: t.Sequence[str] = ()
) -> dict[str, t.Any]:
    """The result of the task that an action is there for.

    :param action: an ``ActionBase``.
    """
    environ: dict[str, t.Any] = {}
    action._compute_environment_string(environ)
    task = action._task
    return perform(use_case, arguments, task.args, environ, task.check_mode, task.diff, verbatim)


def read_variables(
    action: t.Any, task_vars: t.Mapping[str, t.Any], names: t.Iterable[str], problems: list[str]
) -> dict[str, t.Any]:
    """Return variables of the task, templated, as plain data; those that are not defined are left out.

    :param action: an ``ActionBase``.
    :param names: of the variables.
    :param problems: gets a sentence for each variable whose template fails.
    """
    values: dict[str, t.Any] = {}
    for name in names:
        if name not in task_vars:
            continue
        try:
            value = action._templar.template(task_vars[name])
            if not _is_omitted(value, task_vars):
                values[name] = plain(value)
        except Exception as exc:  # up to ansible-core 2.18, whatever an expression raises
            problems.append(f"{name}: its template cannot be evaluated: {' '.join(str(exc).split()).rstrip('.')}")
    return values


def _is_omitted(value: t.Any, task_vars: t.Mapping[str, t.Any]) -> bool:
    omit = task_vars.get("omit")
    return omit is not None and (value is omit or (isinstance(value, str) and value == omit))


def plain(value: t.Any) -> t.Any:
    """Return plain data: templates of nested values are evaluated when they are read, and vaulted ones decrypted."""
    if hasattr(value, "__ENCRYPTED__") or isinstance(value, str):
        return str(value)
    if isinstance(value, t.Mapping):
        return {plain(key): plain(item) for key, item in value.items()}
    return [plain(item) for item in value] if isinstance(value, (list, tuple)) else value


def perform(
    use_case: UseCase,
    arguments: t.Mapping[str, t.Any],
    given: t.Mapping[str, t.Any],
    environ: t.Mapping[str, t.Any],
    check_mode: bool,
    diff: bool,
    verbatim: t.Sequence[str] = (),
) -> dict[str, t.Any]:
    """The result of a task.

    :param arguments: as AnsibleModule takes them.
    :param given: the task's options.
    :param environ: of the task, on top of the one of this process. Libraries read it for themselves, too: this has to
        be a process that is there for this task alone.
    :param verbatim: options of type dict in which an empty string is a value.
    """
    gc.set_threshold(GARBAGE_THRESHOLD)
    warnings: list[str] = []
    with _surroundings(environ), quiet():
        secrets = _secrets(arguments, given)
        context = Context(check_mode, dict(os.environ), warnings.append, secrets.append)
        result = _result(lambda: use_case(validated(arguments, given, verbatim), context), secrets, diff)
    if warnings:
        result["warnings"] = [redact(each, secrets) for each in warnings]
    shown: dict[str, t.Any] = remove_values(result, secrets)
    return shown


@contextlib.contextmanager
def quiet() -> t.Iterator[None]:
    """Without Python's warnings, of libraries for their users, such as of requests whose certificates nobody checks. Of
    a module nobody sees them; an action would write them onto the user's screen, once for each host.
    """
    with catch_warnings():
        simplefilter("ignore")
        yield


@contextlib.contextmanager
def _surroundings(environ: t.Mapping[str, t.Any]) -> t.Iterator[None]:
    """The environment of the task, and afterwards that of the process: a loop runs a task several times in one."""
    before = dict(os.environ)
    # In YAML, people write numbers and booleans, too.
    os.environ.update({name: str(value) for name, value in environ.items()})
    forget_empty_variables()
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def _secrets(arguments: t.Mapping[str, t.Any], given: t.Mapping[str, t.Any]) -> list[str]:
    """The secrets among the options, by whichever of their names, and in the environment."""
    names = [
        name for main, spec in arguments.items() if spec.get("no_log") for name in (main, *spec.get("aliases", ()))
    ]
    # White space alone is nothing that is given: to hide it would be to hide what is between all words.
    secrets = [str(given[name]) for name in names if is_given(given.get(name)) is not None]
    secrets += secrets_around(os.environ)
    for value in secrets:
        mark_as_secret(value)
    return secrets


def _result(act: t.Callable[[], Outcome], secrets: list[str], diff: bool) -> dict[str, t.Any]:
    try:
        outcome = act()
    except errors.ArchivingError as exc:
        secrets += exc.secrets
        return {"failed": True, **refusal(exc, secrets)}
    except Exception as exc:
        return {"failed": True, **bug(exc, secrets)}
    result = returned(outcome, diff)
    if outcome.failed:
        result = {**hidden(result, secrets), "failed": True, "msg": redact(outcome.failed, secrets)}
    return result
