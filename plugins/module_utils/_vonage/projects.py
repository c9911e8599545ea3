# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Projects of an account in the responses of the API. Pure.

PRIVATE to the collection ``vonage.archiving``: there is no stability promise outside of it.

Fields: "Account management" of the OpenTok developer documents. They list id, secret, status, name, environment, and
createdAt, and state that other fields are to be ignored. Public code (opentok-go-sdk) uses the status VALID, and
environmentName, instead. Every project is returned with its secret.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from .._core.timestamps import format_utc

ACTIVE, SUSPENDED = "ACTIVE", "SUSPENDED"
STATUSES = (ACTIVE, SUSPENDED)
# Statuses in public code, and the documented status for each.
STATUS_ALIASES = {"VALID": ACTIVE}
# The last time that datetime supports, in milliseconds.
MAX_TIME = 253_402_300_799_000


@dataclass(frozen=True)
class AccountProject:
    """A project of an account.

    :param created: ISO 8601 in UTC; ``None`` if unknown.
    """

    id: str
    name: str = ""
    status: str = ""
    environment: str | None = None
    created: str | None = None
    secret: str = field(default="", repr=False)

    def to_result(self) -> dict[str, t.Any]:
        """All fields except the secret."""
        names = ("id", "name", "status", "environment", "created")
        return {name: getattr(self, name) for name in names}


def parse_all(document: t.Any) -> list[AccountProject]:
    """Parse a list of projects, and sort it by name.

    :raises ValueError: it is not a list of projects; the message quotes no part of it, since it contains secrets.
    """
    if not isinstance(document, list):
        raise ValueError("the response is not a list of projects")
    return sorted((parse(item) for item in document), key=lambda project: (project.name, project.id))


def parse(item: t.Any) -> AccountProject:
    """Parse a project.

    :raises ValueError: it is not a project; the message quotes no part of it.
    """
    if not isinstance(item, dict) or isinstance(item.get("id"), (bool, dict, list)) or not item.get("id"):
        raise ValueError("the response contains a project without an id")
    status = _text(item.get("status")).upper()
    return AccountProject(
        id=str(item["id"]),
        name=_text(item.get("name")),
        status=STATUS_ALIASES.get(status, status),
        environment=(_text(item.get("environment")) or _text(item.get("environmentName"))).lower() or None,
        created=_format_time(item.get("createdAt")),
        secret=_text(item.get("secret")),
    )


def select(
    projects: t.Iterable[AccountProject], names: t.Sequence[str], statuses: t.Sequence[str]
) -> list[AccountProject]:
    """Filter projects by name and status.

    :param names: patterns, of which one must match; empty for any name.
    :param statuses: empty for any status.
    """
    return [
        project
        for project in projects
        if (not names or any(fnmatchcase(project.name, pattern) for pattern in names))
        and (not statuses or project.status in statuses)
    ]


def _text(value: t.Any) -> str:
    return value if isinstance(value, str) else ""


def _format_time(milliseconds: t.Any) -> str | None:
    is_number = isinstance(milliseconds, (int, float)) and not isinstance(milliseconds, bool)
    return format_utc(milliseconds / 1000) if is_number and 0 < milliseconds <= MAX_TIME else None
