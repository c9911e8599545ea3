# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One project of a fleet: use case of the action ``archive_storage_project``.

PRIVATE to the collection ``vonage.archiving``: there is no stability promise outside of it.
"""

from __future__ import annotations

import time
import typing as t
from dataclasses import replace

from .._archives import archives, listing
from .._archives import reconcile as archive_info
from .._core import errors
from .._core.plan import Context, Outcome
from .._core.secrets import mark_as_secret
from .._core.values import given
from .._state_file import state
from .._vonage import account
from .._vonage import project as vonage
from .._vonage.client import Client
from .._vonage.project import Project
from . import workflow
from .params import OF_ONE_PROJECT, Params, parse_params
from .task_variables import TaskVariables

TIMES = ("timeout", "retries", "total_timeout")
ARCHIVES = 20
LARGEST_PAGE = 1000
ARGUMENTS: dict[str, t.Any] = {
    "project": {"type": "str"},
    "archives": {"type": "int", "default": ARCHIVES},
    **{name: vonage.ARGUMENTS[name] for name in TIMES},
    **{name: account.ARGUMENTS[name] for name in ("account_key", "account_secret")},
}
# All problems are found before the account is asked for the secret of the project.
_SECRET_OF_ACCOUNT = "the secret that the account returns"


def reconcile(params: t.Mapping[str, t.Any], context: Context, variables: TaskVariables) -> Outcome:
    """Configure the archive storage of one project of many, and fetch its latest archives.

    :param params: the options of the action.
    """
    started = time.monotonic()
    variables.learn_secrets(context)
    environ = {name: value for name, value in context.environ.items() if name not in OF_ONE_PROJECT}
    context = replace(context, environ=environ)
    desired, by_account = _parse(params, variables, environ)
    for warning in desired.warnings:
        context.warn(warning)
    outcome = _configure(params, desired, context, by_account=by_account)
    outcome.result["seconds"] = round(time.monotonic() - started, 1)
    return outcome


def _configure(params: t.Mapping[str, t.Any], desired: Params, context: Context, *, by_account: bool) -> Outcome:
    try:
        if by_account:
            desired = _with_secret(desired, fetch_secret(params, desired, context))
    except errors.ArchivingError as exc:
        for secret in exc.secrets:
            context.learn(secret)
        error = {"project": desired.project, "bucket_changes": [], "error": exc.as_result()}
        return Outcome(False, error, failed=str(exc))
    outcome = workflow.configure(desired, context)
    if not outcome.failed:
        count = int(params["archives"])
        project = desired.desired_target.project
        outcome.result["archives"] = fetch_archives(project, count, outcome.result, context) if count else None
    return outcome


def _parse(
    params: t.Mapping[str, t.Any], variables: TaskVariables, environ: t.Mapping[str, str]
) -> tuple[Params, bool]:
    """Return the parameters, and whether the account has to be asked for the secret of the project.

    :raises InputError: with all problems, before anything is sent.
    """
    owner = str(given(params.get("project")) or "").strip()
    storage = account.with_account_url(variables.storage, environ)
    if given(storage.get("api_key")) is None and given(storage.get("application_id")) is None:
        storage = {**storage, "api_key": owner}
    by_account = given(storage.get("application_id")) is None and given(storage.get("api_secret")) is None
    if by_account:
        storage = {**storage, "api_secret": _SECRET_OF_ACCOUNT}
    problems = [*variables.problems, *_fleet_problems(params, storage, owner)]
    times = {name: params.get(name) for name in TIMES}
    try:
        return parse_params(storage, environ, problems=problems, times=times), by_account
    except errors.InputError as exc:
        exc.secrets = [*exc.secrets, *vonage.misplaced({"api_key": owner}), *account.misplaced(params)]
        raise


def _fleet_problems(params: t.Mapping[str, t.Any], storage: t.Mapping[str, t.Any], owner: str) -> list[str]:
    problems: list[str] = []
    if str(storage.get("state") or "").strip() == "absent":
        problems.append("archive_storage_state is absent: a fleet is configured. Use the playbook teardown to delete")
    count = vonage.number(params, "archives", ARCHIVES, problems, whole=True)
    if count > LARGEST_PAGE:
        problems.append(f"archives: at most {LARGEST_PAGE} are allowed, got {count:.0f}")
    return problems + _other_project(storage, owner)


def _other_project(storage: t.Mapping[str, t.Any], owner: str) -> list[str]:
    """Return a problem if the variables name another project than the host: it would be the same for many hosts."""
    api_key, application_id = (str(given(storage.get(name)) or "").strip() for name in ("api_key", "application_id"))
    # Ids of applications are not case-sensitive.
    named, owned = (application_id.lower(), owner.lower()) if application_id else (api_key, owner)
    if not owner or named in ("", owned):
        return []
    name = "application_id" if application_id else "api_key"
    return [
        f"archive_storage_{name} is {named}, and this host is project {owner}: set it for single hosts, not for the "
        f"fleet"
    ]


def fetch_secret(params: t.Mapping[str, t.Any], desired: Params, context: Context) -> str:
    """Return the secret of the project from its account.

    :raises InputError: no account is configured.
    """
    problems: list[str] = []
    options = {**params, "api_url": desired.connection["vonage"]["api_url"]}
    owner = account.account(options, context.environ, problems)
    if owner is None:
        reasons = "; ".join(problems)
        error = errors.InputError(
            [f"archive_storage_api_secret is not set, and the account cannot return it: {reasons}"]
        )
        error.secrets = account.misplaced(params)
        raise error
    secret = account.fetch_some(owner, [desired.project])[0].secret
    mark_as_secret(secret)
    context.learn(secret)
    return secret


def _with_secret(desired: Params, secret: str) -> Params:
    target = desired.desired_target
    return replace(desired, desired_target=replace(target, project=replace(target.project, secret=secret)))


def fetch_archives(
    project: Project, count: int, result: t.Mapping[str, t.Any], context: Context
) -> dict[str, t.Any] | None:
    """Return how the latest archives were uploaded; ``None``, with a warning, if the API does not return them.

    :param result: of the run.
    """
    client = Client(project)
    try:
        client.prepare()
        page = listing.fetch_page(client, project, 0, count)
    except errors.ArchivingError as exc:
        context.warn(f"Its latest archives are not known. {exc}")
        return None
    state_file = result["state_file"]
    is_applied = state_file.get("status") == state.APPLIED
    since = state.seconds(state_file["since"] or state_file["time"]) if is_applied else None
    health = archives.health(page.archives, time.time(), since, archive_info.STUCK_AFTER)
    newest = max((archive.created for archive in page.archives), default=None)
    categories = {name: health[name] or archives.counted([]) for name in archives.CATEGORIES}
    return {
        "checked": len(page.archives),
        "newest": None if newest is None else state.stamp(newest),
        "ok": health["ok"],
        **{name: category["count"] for name, category in categories.items()},
        "ids": {name: categories[name]["ids"] for name in archives.TROUBLE if categories[name]["ids"]},
    }
