# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The variables of the role ``archive_storage`` as a task has them.

PRIVATE to the collection ``vonage.archiving``: there is no stability promise outside of it.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field

from .._core.action import read_variables
from .._core.plan import Context
from .._core.problems import Problem, Problems
from .._core.values import none_if_blank, without_empty
from . import recovery
from .settings import read_boolean
from .unknown_variables import BROADCAST_PREFIX, find_misspellings
from .variables import PREFIX, SECRETS, VARIABLES

# Variables of the playbook fleet for the options of archive_storage_project with the same names.
FLEET_PREFIX = "archive_fleet_"
FLEET = ("archives", "timeout", "total_timeout", "account_key", "account_secret")

# The playbooks of the collection set it, and not archive_storage_strict: a play variable would override the inventory.
STRICT_DEFAULT = "_archive_storage_strict"


@dataclass(frozen=True)
class TaskVariables:
    """The variables of a task, templated.

    :param storage: the variables of the role, without their prefix ``archive_storage_``.
    :param recover: the variables of a recovery, without their prefix ``archive_recover_``.
    :param fleet: the variables of the playbook fleet that are set, without their prefix ``archive_fleet_``.
    :param owner: ``vonage_project_id``, the project of a host of the account's inventory.
    :param names: the names of all variables.
    :param problems: templates of variables that failed.
    """

    storage: t.Mapping[str, t.Any] = field(repr=False)
    recover: t.Mapping[str, t.Any] = field(default_factory=dict)
    fleet: t.Mapping[str, t.Any] = field(default_factory=dict, repr=False)
    owner: str = ""
    names: t.Sequence[str] = ()
    problems: t.Sequence[Problem] = ()

    def with_fleet_defaults(self, options: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
        """Return the options of ``archive_storage_project``, and the variables of the fleet for those that are not set.

        The task reads these variables itself: Ansible would compile a template for each of them and each host.
        """
        return {"project": self.owner, **self.fleet, **without_empty(options)}

    def find_misspelling_problems(self, context: Context) -> list[Problem]:
        """Return the misspelled names as problems if ``archive_storage_strict`` is true, else warn about them."""
        misspellings = find_misspellings(self.names)
        if read_boolean(self.storage, "strict"):
            return [misspelling.problem for misspelling in misspellings]
        for misspelling in misspellings:
            context.warn(misspelling.warning)
        return []

    def register_secrets(self, context: Context) -> None:
        for name in SECRETS:
            value = none_if_blank(self.storage.get(name))
            if value is not None:
                context.register_secret(str(value))


def read_task_variables(action: t.Any, task_vars: t.Mapping[str, t.Any]) -> TaskVariables:
    """Read and template the variables of a task.

    :param action: an ``ActionBase``.
    """
    problems = Problems()

    def read(prefix: str, names: t.Iterable[str]) -> dict[str, t.Any]:
        values = read_variables(action, task_vars, [f"{prefix}{name}" for name in names], problems)
        return {name[len(prefix) :]: value for name, value in values.items()}

    owner = read("", ["vonage_project_id"]).get("vonage_project_id")
    storage = read(PREFIX, VARIABLES)
    if STRICT_DEFAULT in task_vars and none_if_blank(storage.get("strict")) is None:
        storage["strict"] = task_vars[STRICT_DEFAULT]
    return TaskVariables(
        storage=storage,
        recover=read(recovery.PREFIX, recovery.VARIABLES),
        fleet={name: value for name, value in read(FLEET_PREFIX, FLEET).items() if _is_set(name, value)},
        owner="" if owner is None else str(owner).strip(),
        names=[str(name) for name in task_vars if str(name).startswith((PREFIX, BROADCAST_PREFIX))],
        problems=list(problems),
    )


def _is_set(name: str, value: t.Any) -> bool:
    """Whether a variable of the fleet has a value: 0 archives are none, and a timeout of 0 is the default."""
    return none_if_blank(value) is not None and (bool(value) or name == "archives")
