# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The account and its projects: options, calls, and the use case of the module ``vonage_project_info``.

PRIVATE to the collection ``vonage.archiving``: there is no stability promise outside of it.

Calls: "Account management" of the OpenTok developer documents. No paging of the list is documented or was seen in
public code.
"""

from __future__ import annotations

import typing as t
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from urllib.parse import quote

from .._core import errors
from .._core.plan import Context, Outcome
from .._core.secrets import mark_as_secret
from .._core.values import API_SECRET, first, given, quote_list
from . import project as connection
from . import projects
from .client import Client
from .project import API_KEY, Project
from .projects import AccountProject

# Options of the doc fragment vonage.archiving.account.
CONNECTION: dict[str, t.Any] = {
    "account_key": {"type": "str", "no_log": False},
    "account_secret": {"type": "str", "no_log": True},
    **{name: connection.ARGUMENTS[name] for name in ("api_url", "timeout", "retries", "total_timeout")},
}
ARGUMENTS: dict[str, t.Any] = {
    "ids": {"type": "list", "elements": "str"},
    "names": {"type": "list", "elements": "str"},
    "status": {"type": "list", "elements": "str", "choices": list(projects.STATUSES)},
    "include_secrets": {"type": "bool", "default": False},
    **CONNECTION,
}
# Limits of rate are not documented; four at a time stay polite.
WORKERS = 4


class Account(Project):
    """An account of the OpenTok environment, which has keys of its own beside those of its projects."""

    kind = "account"

    @property
    def name(self) -> str:
        """For messages."""
        return f"account {self.id}"

    @property
    def terms(self) -> tuple[str, str, str]:
        """For messages: the environment, and the options of the id and of the secret."""
        return "OpenTok", "account_key", "account_secret"


@dataclass(frozen=True)
class Asked:
    """What the options ask for; empty filters let everything pass."""

    account: Account
    ids: tuple[str, ...]
    names: tuple[str, ...]
    statuses: tuple[str, ...]
    secrets: bool


def gather(params: t.Mapping[str, t.Any], context: Context) -> Outcome:
    """The use case of the module ``vonage_project_info``."""
    asked = options(params, context.environ)
    found = fetch_some(asked.account, asked.ids) if asked.ids else fetch(asked.account)
    selected = projects.select(found, asked.names, asked.statuses)
    shown = [each.public() for each in selected]
    if asked.secrets:
        for public, each in zip(shown, selected):
            mark_as_secret(each.secret)
            public["secret"] = each.secret
    facts = {"account": asked.account.id, "api_url": asked.account.api_url, "total": len(found)}
    return Outcome(False, {**facts, "projects": shown})


def options(params: t.Mapping[str, t.Any], environ: t.Mapping[str, str]) -> Asked:
    """What the options ask for.

    :raises InputError: with everything that is wrong, before anything is sent.
    """
    problems: list[str] = []
    found = account(params, environ, problems)
    ids, names, statuses = (tuple(map(str, params.get(name) or ())) for name in ("ids", "names", "status"))
    wrong = [each for each in ids if not API_KEY.fullmatch(each) or API_SECRET.fullmatch(each)]
    if wrong:
        problems.append(f"ids has {len(wrong)} of {len(ids)} that are no ids of projects")
    if any(not name.strip() for name in names):
        problems.append("names has an empty pattern")
    unknown = [each for each in statuses if each not in projects.STATUSES]
    if unknown:
        problems.append(f"status has {quote_list(unknown)}; known are {', '.join(projects.STATUSES)}")
    if problems or found is None:
        error = errors.InputError(problems)
        error.secrets = [*misplaced(params), *filter(API_SECRET.fullmatch, ids)]
        raise error
    return Asked(found, tuple(dict.fromkeys(ids)), names, statuses, params.get("include_secrets") is True)


def account(params: t.Mapping[str, t.Any], environ: t.Mapping[str, str], problems: list[str]) -> Account | None:
    """The account that options (first) and environment variables (second) describe.

    :param problems: gets a sentence for everything that is wrong; then, and only then, the answer is ``None``.
    """
    before = len(problems)
    key, secret = (
        str(given(params.get(name)) or first(environ, f"VONAGE_VIDEO_{name.upper()}") or "")
        for name in ("account_key", "account_secret")
    )
    problems.extend(_key_problems(key, secret))
    url = _api_url(params, environ)
    problems.extend(connection.url_problems(url, connection.OPENTOK_URL, "account_key and account_secret"))
    budget = connection.budget(params, problems)
    if len(problems) > before:
        return None
    mark_as_secret(secret)
    return Account(key, secret, False, url, budget)


def _api_url(params: t.Mapping[str, t.Any], environ: t.Mapping[str, str]) -> str:
    """The host of the account.

    ``VONAGE_VIDEO_API_URL`` belongs to a project, whose owner must not receive tokens of the account.
    """
    url = given(params.get("api_url")) or first(environ, "VONAGE_VIDEO_ACCOUNT_API_URL") or connection.OPENTOK_URL
    return str(url).rstrip("/")


def with_account_url(params: t.Mapping[str, t.Any], environ: t.Mapping[str, str]) -> dict[str, t.Any]:
    """The options, with the host of the account as ``api_url`` if the account returns the secret of the project.

    The secret is used at the host that it comes from; ``VONAGE_VIDEO_API_URL`` of another credential is ignored.
    """
    own = any(given(params.get(name)) for name in ("api_secret", "private_key", "api_url"))
    return dict(params) if own else {**params, "api_url": _api_url(params, environ)}


def _key_problems(key: str, secret: str) -> list[str]:
    problems = []
    if not key:
        problems.append("account_key is required")
    elif API_SECRET.fullmatch(key):
        problems.append(
            "account_key has the form of a secret, 40 hexadecimal digits: it and account_secret look swapped"
        )
    elif not API_KEY.fullmatch(key):
        problems.append("account_key holds characters that no key has")
    if not secret:
        problems.append("account_secret is required with account_key")
    elif secret != secret.strip():
        problems.append("account_secret begins or ends with white space")
    elif secret == key:
        problems.append("account_secret is the same as account_key")
    return problems


def misplaced(params: t.Mapping[str, t.Any]) -> list[str]:
    """Secrets in options for something else, which nothing marks as secret."""
    return connection.misplaced(params, ["account_key"])


def fetch(account: Account) -> list[AccountProject]:
    """All projects of the account, in the order of their names."""
    return _parsed(account, "/v2/project", f"list the projects of {account.name}", projects.parse_all)


def fetch_some(account: Account, ids: t.Sequence[str]) -> list[AccountProject]:
    """These projects, each with a call of its own: of an account with a thousand, the list would hold them all.

    :raises NotFoundError: one of them is not there.
    """

    def one(project: str) -> AccountProject:
        attempted = f"read project {project} of {account.name}"
        return _parsed(account, f"/v2/project/{quote(project, safe='')}", attempted, projects.parse)

    with ThreadPoolExecutor(max_workers=WORKERS) as pool:
        return list(pool.map(one, ids))


Parsed = t.TypeVar("Parsed")


def _parsed(account: Account, path: str, attempted: str, parse: t.Callable[[t.Any], Parsed]) -> Parsed:
    client = Client(account)
    client.prepare()
    try:
        return parse(client.get(path, attempted))
    except errors.DeniedError as exc:
        raise exc.with_hint("It takes the key and secret of the account; those of a project are others.") from exc
    except ValueError as exc:
        hint = f"Look whether api_url is right: {account.api_url}."
        raise errors.RejectedError(attempted, str(exc), hint, status=200) from exc
