# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Projects as hosts of an inventory: names, groups, variables, and what is kept in a cache. Pure.

PRIVATE to the collection ``vonage.archiving``: there is no stability promise outside of it.

Nothing here knows a secret: all of it is made of what :meth:`AccountProject.public` shows.
"""

from __future__ import annotations

import re
import typing as t
from collections import Counter

from .project import Project
from .projects import AccountProject

ALL = "vonage_projects"
# What these are in every inventory.
RESERVED = ("all", "ungrouped", "localhost", "127.0.0.1")
VARIABLES = "vonage_project_"
FORMAT = 1


def host_names(projects: t.Sequence[AccountProject], by_name: bool, more_groups: t.Iterable[str] = ()) -> list[str]:
    """A name for each project, no two the same, and none that of a group: Ansible would take the one for the other.

    :param by_name: take the project's name, with its id where it has none or shares it; else the id.
    :param more_groups: groups that there will be beside those of :func:`groups`.
    """
    ids = [_plain(each.id) for each in projects]
    if not by_name:
        return ids
    taken = {*RESERVED, *more_groups, *(group for each in projects for group in groups(each))}
    names = [_plain(each.name) or number for each, number in zip(projects, ids)]
    # A second round: with its id, a name may be the same as a third one.
    for _round in range(2):
        # Names that are the same but for their case count as the same: people and file systems confuse them.
        often = Counter([*(name.lower() for name in names), *{group.lower() for group in taken}])
        names = [f"{name}-{number}" if often[name.lower()] > 1 else name for name, number in zip(names, ids)]
    return names


def variables(project: AccountProject) -> dict[str, t.Any]:
    """The host variables of a project."""
    return {f"{VARIABLES}{name}": value for name, value in project.public().items()}


def groups(project: AccountProject) -> list[str]:
    """The groups of a project."""
    named = (("status", project.status), ("environment", project.environment))
    return [ALL, *(f"vonage_{kind}_{_word(value)}" for kind, value in named if value)]


def to_cache(account: Project, projects: t.Iterable[AccountProject]) -> dict[str, t.Any]:
    """What is kept in a cache, as plain data."""
    return {**_header(account), "projects": [each.public() for each in projects]}


def from_cache(account: Project, kept: t.Any) -> list[AccountProject] | None:
    """The projects out of a cache; ``None`` if it holds those of another account, or nothing that can be used."""
    if not isinstance(kept, dict) or any(kept.get(name) != value for name, value in _header(account).items()):
        return None
    try:
        return [AccountProject(**each) for each in kept["projects"]]
    except (KeyError, TypeError):
        return None


def _header(account: Project) -> dict[str, t.Any]:
    return {"format": FORMAT, "account": account.id, "api_url": account.api_url}


def _plain(text: str) -> str:
    """Without what has a meaning in patterns of hosts, in templates or in paths."""
    return re.sub(r"[^\w.]+", "-", text).strip("-.")


def _word(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", text.lower())
