# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Projects as hosts of an inventory: names, groups, variables, and the cache. Pure.

PRIVATE to the collection ``vonage.archiving``: there is no stability promise outside of it.

This module uses only :meth:`AccountProject.to_result`, which contains no secret.
"""

from __future__ import annotations

import re
import typing as t
from collections import Counter

from .project import Project
from .projects import AccountProject

GROUP_ALL = "vonage_projects"
# Groups and hosts of every inventory.
RESERVED = ("all", "ungrouped", "localhost", "127.0.0.1")
VARIABLE_PREFIX = "vonage_project_"
CACHE_FORMAT = 1


def host_names(projects: t.Sequence[AccountProject], by_name: bool, more_groups: t.Iterable[str] = ()) -> list[str]:
    """A unique host name for each project, different from all groups: Ansible confuses hosts and groups of one name.

    :param by_name: use the name of the project, with the ID if it has no name or the name is not unique; else the ID.
    :param more_groups: groups in addition to those of :func:`groups`.
    """
    ids = [_sanitize(project.id) for project in projects]
    if not by_name:
        return ids
    taken = {*RESERVED, *more_groups, *(group for project in projects for group in groups(project))}
    names = [_sanitize(project.name) or number for project, number in zip(projects, ids)]
    # The second round: with its ID, a name can be equal to another name.
    for _round in range(2):
        # Names that differ only in case count as equal, as in some file systems.
        occurrences = Counter([*(name.lower() for name in names), *{group.lower() for group in taken}])
        names = [f"{name}-{number}" if occurrences[name.lower()] > 1 else name for name, number in zip(names, ids)]
    return names


def variables(project: AccountProject) -> dict[str, t.Any]:
    return {f"{VARIABLE_PREFIX}{name}": value for name, value in project.to_result().items()}


def groups(project: AccountProject) -> list[str]:
    named = (("status", project.status), ("environment", project.environment))
    return [GROUP_ALL, *(f"vonage_{kind}_{_group_part(value)}" for kind, value in named if value)]


def to_cache(account: Project, projects: t.Iterable[AccountProject]) -> dict[str, t.Any]:
    """The projects as plain data for the cache."""
    return {**_header(account), "projects": [project.to_result() for project in projects]}


def from_cache(account: Project, cached: t.Any) -> list[AccountProject] | None:
    """The projects in the cache; ``None`` if it is of another account or not valid."""
    if not isinstance(cached, dict) or any(cached.get(name) != value for name, value in _header(account).items()):
        return None
    try:
        return [AccountProject(**fields) for fields in cached["projects"]]
    except (KeyError, TypeError):
        return None


def _header(account: Project) -> dict[str, t.Any]:
    return {"format": CACHE_FORMAT, "account": account.id, "api_url": account.api_url}


def _sanitize(text: str) -> str:
    """Replace characters with a meaning in host patterns, templates, or paths."""
    return re.sub(r"[^\w.]+", "-", text).strip("-.")


def _group_part(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", text.lower())
