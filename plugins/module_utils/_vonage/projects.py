# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Projects of an account as the API shows them. Pure.

PRIVATE to the collection ``vonage.archiving``: there is no stability promise outside of it.

Fields: "Account management" of the OpenTok developer documents, which names id, secret, status, name, environment and
createdAt and asks to disregard others. Seen in public code instead: the status VALID, and environmentName
(opentok-go-sdk). Every project comes with its secret.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from .._state_file import state

ACTIVE, SUSPENDED = "ACTIVE", "SUSPENDED"
STATUSES = (ACTIVE, SUSPENDED)
# What the API has been seen to say, and the word of the documents for it.
SAME = {"VALID": ACTIVE}
# The year 9999 in milliseconds: what a time can show.
LATEST = 253_402_300_799_000


@dataclass(frozen=True)
class AccountProject:
    """One project.

    :param created: UTC, ISO 8601; ``None`` where the API does not say.
    """

    id: str
    name: str = ""
    status: str = ""
    environment: str | None = None
    created: str | None = None
    secret: str = field(default="", repr=False)

    def public(self) -> dict[str, t.Any]:
        """All but the secret."""
        names = ("id", "name", "status", "environment", "created")
        return {name: getattr(self, name) for name in names}


def parse_all(document: t.Any) -> list[AccountProject]:
    """The projects of a list, in the order of their names.

    :raises ValueError: it is none; the text quotes nothing of it, since it is full of secrets.
    """
    if not isinstance(document, list):
        raise ValueError("the answer is no list of projects")
    return sorted((parse(item) for item in document), key=lambda each: (each.name, each.id))


def parse(item: t.Any) -> AccountProject:
    """One project.

    :raises ValueError: it is none; the text quotes nothing of it.
    """
    if not isinstance(item, dict) or isinstance(item.get("id"), (bool, dict, list)) or not item.get("id"):
        raise ValueError("the answer holds a project without an id")
    status = _text(item.get("status")).upper()
    return AccountProject(
        id=str(item["id"]),
        name=_text(item.get("name")),
        status=SAME.get(status, status),
        environment=(_text(item.get("environment")) or _text(item.get("environmentName"))).lower() or None,
        created=_time(item.get("createdAt")),
        secret=_text(item.get("secret")),
    )


def select(
    projects: t.Iterable[AccountProject], names: t.Sequence[str], statuses: t.Sequence[str]
) -> list[AccountProject]:
    """Those whose name matches one of the patterns, with one of the statuses; empty means any."""
    return [
        each
        for each in projects
        if (not names or any(fnmatchcase(each.name, pattern) for pattern in names))
        and (not statuses or each.status in statuses)
    ]


def _text(value: t.Any) -> str:
    return value if isinstance(value, str) else ""


def _time(milliseconds: t.Any) -> str | None:
    usable = isinstance(milliseconds, (int, float)) and not isinstance(milliseconds, bool)
    return state.stamp(milliseconds / 1000) if usable and 0 < milliseconds <= LATEST else None
