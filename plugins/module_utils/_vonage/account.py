# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The account and its projects: options, requests, and the use case of the module ``vonage_project_info``.

PRIVATE to the collection ``vonage.archiving``: there is no stability promise outside of it.

Requests: "Account management" of the OpenTok developer documents. Neither the documents nor public code mention pages
of the list.
"""

from __future__ import annotations

import functools
import typing as t
from dataclasses import dataclass
from urllib.parse import quote

from .._core import errors
from .._core.params import BUDGET_ARGUMENTS, parse_budget
from .._core.plan import Context, Outcome
from .._core.problems import Problems
from .._core.runtime import SYSTEM, Runtime
from .._core.secrets import mark_as_secret
from .._core.validation import url_problem
from .._core.values import API_SECRET, first_env, none_if_blank, quote_list
from . import project as vonage
from . import projects
from .client import Client
from .project import API_KEY, Project
from .projects import AccountProject

# Options of the doc fragment vonage.archiving.account.
CONNECTION: dict[str, t.Any] = {
    "account_key": {"type": "str", "no_log": False},
    "account_secret": {"type": "str", "no_log": True},
    "api_url": {"type": "str"},
    **BUDGET_ARGUMENTS,
}
ARGUMENTS: dict[str, t.Any] = {
    "ids": {"type": "list", "elements": "str"},
    "names": {"type": "list", "elements": "str"},
    "status": {"type": "list", "elements": "str", "choices": list(projects.STATUSES)},
    "include_secrets": {"type": "bool", "default": False},
    **CONNECTION,
}
# Rate limits are not documented.
WORKERS = 4


class Account(Project):
    """An account of the OpenTok environment. Its key and secret are not those of a project."""

    kind = "account"

    @property
    def name(self) -> str:
        return f"account {self.id}"

    @property
    def id_option(self) -> str:
        return "account_key"

    @property
    def secret_option(self) -> str:
        return "account_secret"


@dataclass(frozen=True)
class ProjectInfoParams:
    """The parsed options; an empty filter matches every project."""

    account: Account
    ids: tuple[str, ...]
    names: tuple[str, ...]
    statuses: tuple[str, ...]
    include_secrets: bool


def reconcile(options: t.Mapping[str, t.Any], context: Context) -> Outcome:
    """List the projects of an account."""
    params = parse_params(options, context.environ)
    account, runtime = params.account, context.runtime
    all_projects = fetch_projects(account, params.ids, runtime) if params.ids else fetch_all_projects(account, runtime)
    selected = projects.select(all_projects, params.names, params.statuses)
    results = [project.to_result() for project in selected]
    if params.include_secrets:
        for result, project in zip(results, selected):
            mark_as_secret(project.secret)
            result["secret"] = project.secret
    facts = {"account": account.id, "api_url": account.api_url, "total": len(all_projects)}
    return Outcome(False, {**facts, "projects": results})


def parse_params(options: t.Mapping[str, t.Any], environ: t.Mapping[str, str]) -> ProjectInfoParams:
    """Validate the options before anything is sent.

    :raises InputError: with all problems.
    """
    problems = Problems()
    account = parse_account(options, environ, problems)
    ids, names, statuses = (tuple(map(str, options.get(name) or ())) for name in ("ids", "names", "status"))
    invalid = [value for value in ids if not API_KEY.fullmatch(value) or API_SECRET.fullmatch(value)]
    if invalid:
        problems.add("ids", f"{len(invalid)} of {len(ids)} are not IDs of projects")
    if any(not name.strip() for name in names):
        problems.add("names", "contains an empty pattern")
    unknown = [status for status in statuses if status not in projects.STATUSES]
    if unknown:
        problems.add("status", f"{quote_list(unknown)} is not one of {', '.join(projects.STATUSES)}")
    problems.raise_if_any()
    return ProjectInfoParams(
        t.cast(Account, account), tuple(dict.fromkeys(ids)), names, statuses, options.get("include_secrets") is True
    )


def parse_account(params: t.Mapping[str, t.Any], environ: t.Mapping[str, str], problems: Problems) -> Account | None:
    """Parse the options of an account, and environment variables for options that are not set.

    :param problems: all problems are added here.
    :returns: ``None`` if there is a problem.
    """
    own = Problems()
    key, secret = (
        str(none_if_blank(params.get(name)) or first_env(environ, f"VONAGE_VIDEO_{name.upper()}") or "")
        for name in ("account_key", "account_secret")
    )
    own.add_if("account_key", _key_problem(key))
    own.add_if("account_secret", _secret_problem(secret, key))
    url = _api_url(params, environ)
    own.add_if("api_url", url_problem(url, vonage.OPENTOK_URL, True, True, "account_key and account_secret"))
    budget = parse_budget(params, own)
    problems.extend(own)
    if own:
        return None
    mark_as_secret(secret)
    return Account(key, secret, False, url, budget)


def _api_url(params: t.Mapping[str, t.Any], environ: t.Mapping[str, str]) -> str:
    """The host of the account.

    ``VONAGE_VIDEO_API_URL`` belongs to a project, whose owner must not receive tokens of the account.
    """
    url = (
        none_if_blank(params.get("api_url")) or first_env(environ, "VONAGE_VIDEO_ACCOUNT_API_URL") or vonage.OPENTOK_URL
    )
    return str(url).rstrip("/")


def with_account_url(params: t.Mapping[str, t.Any], environ: t.Mapping[str, str]) -> dict[str, t.Any]:
    """The options, with the host of the account as ``api_url`` if the account returns the secret of the project.

    The secret is used at the host that it comes from; ``VONAGE_VIDEO_API_URL`` of another credential is ignored.
    """
    own = any(none_if_blank(params.get(name)) for name in ("api_secret", "private_key", "api_url"))
    return dict(params) if own else {**params, "api_url": _api_url(params, environ)}


def _key_problem(key: str) -> str | None:
    if not key:
        return "is required"
    if API_SECRET.fullmatch(key):
        return (
            "is 40 hexadecimal digits, the form of a secret. Check whether account_key and account_secret are swapped"
        )
    return None if API_KEY.fullmatch(key) else "contains characters that are not valid in a key"


def _secret_problem(secret: str, key: str) -> str | None:
    if not secret:
        return "is required with account_key"
    if secret != secret.strip():
        return "begins or ends with white space"
    return "is the same as account_key" if secret == key else None


def fetch_all_projects(account: Account, runtime: Runtime = SYSTEM) -> list[AccountProject]:
    """Fetch all projects of the account, sorted by name."""
    return _fetch(account, "/v2/project", f"list the projects of {account.name}", projects.parse_all, runtime)


def fetch_projects(account: Account, ids: t.Sequence[str], runtime: Runtime = SYSTEM) -> list[AccountProject]:
    """Fetch single projects, with one request each: the list of an account can contain a thousand.

    :raises NotFoundError: one of them does not exist.
    """
    return runtime.run_concurrently([functools.partial(_fetch_project, account, runtime, id) for id in ids], WORKERS)


def _fetch_project(account: Account, runtime: Runtime, project: str) -> AccountProject:
    operation = f"read project {project} of {account.name}"
    return _fetch(account, f"/v2/project/{quote(project, safe='')}", operation, projects.parse, runtime)


Parsed = t.TypeVar("Parsed")


def _fetch(account: Account, path: str, operation: str, parse: t.Callable[[t.Any], Parsed], runtime: Runtime) -> Parsed:
    client = Client(account, runtime=runtime)
    client.prepare()
    try:
        return parse(client.get(path, operation))
    except errors.DeniedError as exc:
        raise exc.with_hint("Use the key and secret of the account, not those of a project.") from exc
    except ValueError as exc:
        hint = f"Check that api_url is correct: {account.api_url}."
        raise errors.RejectedError(operation, str(exc), hint, status=200) from exc
