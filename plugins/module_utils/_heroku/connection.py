# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which app, as whom, and how patiently: options and environment variables of the Heroku Platform API.

PRIVATE to the collection ``vonage.archiving``: there is no stability promise outside of it.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field

from .._core.http import Budget
from .._core.values import first, given
from .._vonage.project import budget, url_problems
from . import rules

HEROKU_URL = "https://api.heroku.com"
# What Heroku's own command-line tool reads.
TOKEN_VARIABLE = "HEROKU_API_KEY"

# Options of the doc fragment vonage.archiving.heroku.
ARGUMENTS: dict[str, t.Any] = {
    "app": {"type": "str", "required": True},
    "api_token": {"type": "str", "no_log": True},
    "api_url": {"type": "str", "default": HEROKU_URL},
    "timeout": {"type": "float", "default": 20.0},
    "retries": {"type": "int", "default": 4},
    "total_timeout": {"type": "float", "default": 90.0},
}


@dataclass(frozen=True)
class App:
    """An app on Heroku, and the account that is asked about it.

    :param id: name or id.
    """

    id: str
    token: str = field(repr=False)
    api_url: str = HEROKU_URL
    budget: Budget = field(default_factory=Budget)


def app(params: t.Mapping[str, t.Any], environ: t.Mapping[str, str], problems: list[str]) -> App | None:
    """The app that options (first) and environment variables (second) describe.

    :param problems: gets a sentence for everything that is wrong; then, and only then, the answer is ``None``.
    """
    before = len(problems)
    name = str(given(params.get("app")) or "")
    token = str(given(params.get("api_token")) or first(environ, TOKEN_VARIABLE) or "")
    url = str(given(params.get("api_url")) or HEROKU_URL).rstrip("/")
    problems.extend(rules.app(name, token))
    problems.extend(rules.token(token))
    problems.extend(url_problems(url, HEROKU_URL, "api_token"))
    allowed = budget(params, problems)
    return App(name, token, url, allowed) if len(problems) == before else None


def misplaced(params: t.Mapping[str, t.Any]) -> list[str]:
    """Tokens in the option for the app's name, which nothing marks as secret."""
    value = str(given(params.get("app")) or "")
    return [value] if rules.looks_like_token(value) else []
