# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One project of a fleet: use case of the action ``archive_storage_project``.

PRIVATE to the collection ``vonage.archiving``: there is no stability promise outside of it.
"""

from __future__ import annotations

import typing as t
from dataclasses import replace

from .._archives import archives, listing
from .._archives import reconcile as archive_info
from .._core import errors
from .._core.params import parse_number
from .._core.plan import Context, Outcome
from .._core.problems import Problem, Problems
from .._core.secrets import mark_as_secret
from .._core.timestamps import format_utc, parse_utc
from .._core.values import none_if_blank
from .._state_file import state
from .._vonage import account
from .._vonage import project as vonage
from .._vonage.client import Client
from .._vonage.project import Project
from . import workflow
from .failure import explain_failure
from .params import OF_ONE_PROJECT, Params, parse_params
from .result import Steps
from .task_variables import TaskVariables

TIMEOUTS = ("timeout", "retries", "total_timeout")
DEFAULT_ARCHIVES = 20
MAX_ARCHIVES = 1000
ARGUMENTS: dict[str, t.Any] = {
    "project": {"type": "str"},
    "archives": {"type": "int", "default": DEFAULT_ARCHIVES},
    **{name: vonage.ARGUMENTS[name] for name in TIMEOUTS},
    **{name: account.ARGUMENTS[name] for name in ("account_key", "account_secret")},
}
# Stands for the secret while the variables are validated: no request is sent before that.
_SECRET_PLACEHOLDER = "the secret that the account returns"


def reconcile(params: t.Mapping[str, t.Any], context: Context, variables: TaskVariables) -> Outcome:
    """Configure the archive storage of one project of a fleet, and fetch its latest archives.

    :param params: the options of the action.
    """
    started = context.runtime.monotonic()
    variables.register_secrets(context)
    environ = {name: value for name, value in context.environ.items() if name not in OF_ONE_PROJECT}
    context = replace(context, environ=environ)
    desired, by_account = _parse_params(params, variables, environ, variables.find_misspelling_problems(context))
    for warning in desired.warnings:
        context.warn(warning)
    outcome = _configure(params, desired, context, by_account=by_account)
    outcome.result["seconds"] = round(context.runtime.monotonic() - started, 1)
    return outcome


def _configure(params: t.Mapping[str, t.Any], desired: Params, context: Context, *, by_account: bool) -> Outcome:
    try:
        if by_account:
            desired = _with_secret(desired, fetch_secret(params, desired, context))
    except errors.ArchivingError as exc:
        for secret in exc.secrets:
            context.register_secret(secret)
        failure = explain_failure(str(exc), Steps(error=exc.as_result(), failed="validate"))
        result = {"project": desired.project, "bucket_changes": [], "error": failure["error"]}
        return Outcome(False, result, failed=failure["msg"])
    outcome = workflow.configure(desired, context)
    if not outcome.failed:
        count = int(params["archives"])
        project = desired.desired_target.project
        outcome.result["archives"] = fetch_archives(project, count, outcome.result, context) if count else None
    return outcome


def _parse_params(
    params: t.Mapping[str, t.Any],
    variables: TaskVariables,
    environ: t.Mapping[str, str],
    misspellings: t.Sequence[Problem],
) -> tuple[Params, bool]:
    """Return the parameters, and whether the secret of the project comes from its account.

    :raises InputError: with all problems, before anything is sent.
    """
    host_project = str(none_if_blank(params.get("project")) or "").strip()
    storage = account.with_account_url(variables.storage, environ)
    if none_if_blank(storage.get("api_key")) is None and none_if_blank(storage.get("application_id")) is None:
        storage = {**storage, "api_key": host_project}
    by_account = (
        none_if_blank(storage.get("application_id")) is None and none_if_blank(storage.get("api_secret")) is None
    )
    if by_account:
        storage = {**storage, "api_secret": _SECRET_PLACEHOLDER}
    problems = Problems()
    problems.extend(variables.problems)
    _validate_fleet(params, storage, host_project, problems)
    timeouts = {name: params.get(name) for name in TIMEOUTS}
    desired = parse_params(storage, environ, problems=problems, misspellings=misspellings, times=timeouts)
    return desired, by_account


def _validate_fleet(
    params: t.Mapping[str, t.Any], storage: t.Mapping[str, t.Any], host_project: str, problems: Problems
) -> None:
    if str(storage.get("state") or "").strip() == "absent":
        problems.add("archive_storage_state", "a fleet cannot be absent. Use the playbook teardown to delete a project")
    count = parse_number(params, "archives", DEFAULT_ARCHIVES, problems, whole=True)
    if count > MAX_ARCHIVES:
        problems.add("archives", f"at most {MAX_ARCHIVES} are allowed, got {count:.0f}")
    _validate_project(storage, host_project, problems)


def _validate_project(storage: t.Mapping[str, t.Any], host_project: str, problems: Problems) -> None:
    """Reject variables that name another project than the host: all hosts would configure that project."""
    api_key, application_id = (
        str(none_if_blank(storage.get(name)) or "").strip() for name in ("api_key", "application_id")
    )
    # Ids of applications are not case-sensitive.
    project = application_id.lower() or api_key
    if not host_project or project in ("", host_project.lower() if application_id else host_project):
        return
    problems.add(
        f"archive_storage_{'application_id' if application_id else 'api_key'}",
        f"is {project}, and this host is project {host_project}. Set it for single hosts, not for the fleet",
    )


def fetch_secret(params: t.Mapping[str, t.Any], desired: Params, context: Context) -> str:
    """Return the secret of the project from its account.

    :raises InputError: no account is configured.
    """
    problems = Problems()
    options = {**params, "api_url": desired.connection["vonage"]["api_url"]}
    project_account = account.parse_account(options, context.environ, problems)
    if project_account is None:
        reasons = "; ".join(map(str, problems))
        problem = f"is not set, and the account cannot return it: {reasons}"
        raise errors.InputError([Problem("archive_storage_api_secret", problem)])
    secret = account.fetch_projects(project_account, [desired.project])[0].secret
    mark_as_secret(secret)
    context.register_secret(secret)
    return secret


def _with_secret(desired: Params, secret: str) -> Params:
    target = desired.desired_target
    return replace(desired, desired_target=replace(target, project=replace(target.project, secret=secret)))


def fetch_archives(
    project: Project, count: int, result: t.Mapping[str, t.Any], context: Context
) -> dict[str, t.Any] | None:
    """Return the state of the latest uploads; ``None``, with a warning, if the API does not return the archives.

    :param result: of the run.
    """
    client = Client(project)
    try:
        client.prepare()
        page = listing.fetch_page(client, project, 0, count)
    except errors.ArchivingError as exc:
        context.warn(f"The latest archives are not known. {exc}")
        return None
    state_file = result["state_file"]
    is_applied = state_file.get("status") == state.APPLIED
    since = parse_utc(state_file["since"] or state_file["time"]) if is_applied else None
    health = archives.health(page.archives, context.runtime.now(), since, archive_info.STUCK_AFTER)
    newest = max((archive.created for archive in page.archives), default=None)
    categories = {name: health[name] or archives.summarize_ids([]) for name in archives.CATEGORIES}
    return {
        "checked": len(page.archives),
        "newest": None if newest is None else format_utc(newest),
        "ok": health["ok"],
        **{name: category["count"] for name, category in categories.items()},
        "ids": {name: categories[name]["ids"] for name in archives.PROBLEM_CATEGORIES if categories[name]["ids"]},
    }
