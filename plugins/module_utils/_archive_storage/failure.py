# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The error of a run for the user of the role: names of variables, and a last sentence about the consequences. Pure.

PRIVATE to the collection ``vonage.archiving``: there is no stability promise outside of it.
"""

from __future__ import annotations

import typing as t

from .ending import NOTHING_CHANGED, describe_ending
from .option_names import rename_mentions
from .result import Steps, read_steps

# Sentences of single modules, which do not consider the other steps.
_OF_ONE_MODULE = (
    NOTHING_CHANGED,
    "Nothing was sent.",
    "The upload target was not changed.",
    "The upload target and its access keys were not changed.",
    "Recordings are still uploaded to the current target.",
    "It has the same settings: recordings do not arrive until this is corrected.",
)


def explain_task_failure(
    result: t.Mapping[str, t.Any], step: str, registered: t.Mapping[str, t.Any], *, check_mode: bool
) -> dict[str, t.Any]:
    """Return the result of a failed task of the role, with the final message.

    :param step: the name of the step of the task, see :class:`.result.Steps`.
    :param registered: the results of the earlier steps, by their names.
    """
    steps = read_steps({**registered, step: result}, check_mode=check_mode)
    if step == "requirements_check":
        # The next task removes the requirements that uploads do not meet.
        steps.is_rolled_back = True
    ending = describe_ending(steps)
    # A failed rollback has its own error, after that of the check.
    steps.error = result.get("error")
    failure = _complete(str(result.get("msg") or ""), steps, ending)
    # After a bug, there is no error.
    return {**result, **failure} if result.get("error") else {**result, "msg": failure["msg"]}


def explain_project_failure(result: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
    """Return the result of the action of a fleet, with an ending also if its variables are invalid, or after a bug."""
    error = result.get("error")
    if not result.get("failed") or (error or {}).get("ending"):
        return {**result}
    # After a bug, the run may have stopped anywhere.
    failure = explain_failure(str(result.get("msg") or ""), Steps(error=error, failed="target"))
    return {**result, **failure} if error else {**result, "msg": failure["msg"]}


def explain_failure(message: str, steps: Steps) -> dict[str, t.Any]:
    """Return ``msg`` and ``error`` of a failed run.

    :param message: of the step that failed.
    """
    return _complete(message, steps, describe_ending(steps))


def _complete(message: str, steps: Steps, ending: str) -> dict[str, t.Any]:
    return {"msg": f"{_rename(message, ending)} {ending}".strip(), "error": complete_error(steps, ending)}


def complete_error(steps: Steps, ending: str) -> dict[str, t.Any]:
    """Return ``error`` with the names of variables, and with the ending."""
    error = dict(steps.error or {})
    error.update({name: _rename(error[name], ending) for name in ("operation", "problem", "hint") if error.get(name)})
    if isinstance(error.get("problems"), list):
        error["problems"] = [rename_mentions(str(problem)) for problem in error["problems"]]
    return {**error, "ending": ending}


def _rename(text: str, ending: str) -> str:
    """Rename the options, and remove a last sentence that the ending repeats or contradicts."""
    text = rename_mentions(text.strip())
    for sentence in (*_OF_ONE_MODULE, ending):
        text = text.replace(sentence, " ").strip()
    return " ".join(text.split())
