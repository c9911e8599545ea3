# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The app, the token, and the time limits: options and environment variables of the Heroku Platform API.

PRIVATE to the collection ``vonage.archiving``: there is no stability promise outside of it.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field

from .._core.budget import Budget
from .._core.params import BUDGET_ARGUMENTS, parse_budget
from .._core.problems import Problems
from .._core.validation import url_problem
from .._core.values import first_env, none_if_blank
from . import rules

HEROKU_URL = "https://api.heroku.com"
# Heroku's command-line tool reads this variable.
TOKEN_VARIABLE = "HEROKU_API_KEY"

# Options of the doc fragment vonage.archiving.heroku.
ARGUMENTS: dict[str, t.Any] = {
    "app": {"type": "str", "required": True},
    "api_token": {"type": "str", "no_log": True},
    "api_url": {"type": "str", "default": HEROKU_URL},
    **BUDGET_ARGUMENTS,
}


@dataclass(frozen=True)
class App:
    """An app on Heroku, and the credentials for it.

    :param id: name or ID.
    """

    id: str
    token: str = field(repr=False)
    api_url: str = HEROKU_URL
    budget: Budget = field(default_factory=Budget)


def parse_app(params: t.Mapping[str, t.Any], environ: t.Mapping[str, str], problems: Problems) -> App | None:
    """Parse the app from options, or environment variables where an option is not set.

    :returns: ``None`` if there is a problem, which is added to ``problems``.
    """
    app_problems = Problems()
    name = str(none_if_blank(params.get("app")) or "")
    token = str(none_if_blank(params.get("api_token")) or first_env(environ, TOKEN_VARIABLE) or "")
    url = str(none_if_blank(params.get("api_url")) or HEROKU_URL).rstrip("/")
    app_problems.add_if("app", rules.app_problem(name, token))
    app_problems.add_if("api_token", rules.token_problem(token))
    wrong_url = url_problem(url, HEROKU_URL, allow_path=True, require_https=True, credentials="api_token")
    app_problems.add_if("api_url", wrong_url)
    http_budget = parse_budget(params, app_problems)
    problems.extend(app_problems)
    return None if app_problems else App(name, token, url, http_budget)
