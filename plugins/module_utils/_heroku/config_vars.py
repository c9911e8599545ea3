# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Use case of the module ``heroku_config_vars``: fetch, plan, apply; and fetching selected config vars from Python.

PRIVATE to the collection ``vonage.archiving``: there is no stability promise outside of it.

Every PATCH creates a release and restarts the app (article "Configuration and Config Vars"): all changes are sent in
one PATCH, and none is sent without a change.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field

from .._core.plan import Change, Context, Outcome, Plan, Step
from .._core.problems import Problems
from .._core.secrets import mark_as_secret
from .._core.values import none_if_blank, quote_list
from . import connection, rules
from .client import Client

ARGUMENTS: dict[str, t.Any] = {
    **connection.ARGUMENTS,
    "config": {"type": "dict", "no_log": False},
    "secrets": {"type": "dict", "no_log": True},
    "absent": {"type": "list", "elements": "str"},
}
# Options in which an empty string is a value, not "not set".
VERBATIM = ("config", "secrets")

OLD_SECRET, NEW_SECRET, NOT_SHOWN = "(the old secret)", "(the new secret)", "(not shown)"

Variables = t.Mapping[str, str]


@dataclass(frozen=True)
class DesiredConfigVars:
    """The desired config vars; others are not managed.

    :param config: values that results show.
    :param secrets: values that nothing shows.
    :param absent: names to delete.
    """

    config: Variables = field(default_factory=dict)
    secrets: Variables = field(default_factory=dict, repr=False)
    absent: tuple[str, ...] = ()

    @property
    def values(self) -> dict[str, str | None]:
        """The value of every managed name, ``None`` for those to delete."""
        return {**self.config, **self.secrets, **dict.fromkeys(self.absent)}


class ConfigVarsParams(t.NamedTuple):
    app: connection.App
    desired: DesiredConfigVars


def reconcile(params: t.Mapping[str, t.Any], context: Context) -> Outcome:
    """Set and delete config vars of an app in one release."""
    app, desired = parse_params(params, context.environ)
    for name in short_secrets(desired):
        minimum = rules.SHORT_SECRET
        context.warn(f"secrets.{name}: has fewer than {minimum} characters. Other output may be redacted by chance.")
    client = Client(app, list(desired.secrets.values()))
    current = client.fetch()
    plan = plan_changes(desired, current)
    for warning in size_warnings(plan, current):
        context.warn(warning)
    pending: list[str] = []
    if plan.changed and not context.check_mode:
        pending = not_yet_visible(plan, client.update(request_body(plan)))
        if pending:
            context.warn(format_pending_warning(pending))
    result = {"app": app.id, "changes": summarize_changes(plan), "release": plan.changed, "pending": pending}
    return Outcome(plan.changed, result, plan.before(), plan.after())


def fetch(params: t.Mapping[str, t.Any], environ: t.Mapping[str, str], names: t.Iterable[str]) -> dict[str, str]:
    """Fetch the config vars with these names that the app has, in clear text.

    :param params: the options of ``connection.ARGUMENTS``.
    """
    problems = Problems()
    app = connection.parse_app(params, environ, problems)
    problems.raise_if_any()
    current = Client(t.cast(connection.App, app)).fetch()
    return {name: current[name] for name in names if name in current}


def parse_params(params: t.Mapping[str, t.Any], environ: t.Mapping[str, str]) -> ConfigVarsParams:
    """Parse and validate the options.

    :raises InputError: with every problem; nothing was sent.
    """
    problems = Problems()
    app = connection.parse_app(params, environ, problems)
    config = _parse_values("config", params, problems)
    secrets = _parse_values("secrets", params, problems)
    absent = tuple(dict.fromkeys(str(name) for name in params.get("absent") or ()))
    names_by_option: dict[str, t.Iterable[str]] = {"config": config, "secrets": secrets, "absent": absent}
    if all(none_if_blank(params.get(option)) is None for option in names_by_option):
        problems.add("", "one of config, secrets, and absent is required")
    _validate_names(names_by_option, problems)
    for name, value in secrets.items():
        mark_as_secret(value)
        problems.add_if(f"secrets.{name}", None if value else "is empty. Set the secret")
    size = rules.size_in_bytes({**config, **secrets})
    if size > rules.HIGHEST_LIMIT:
        limit = rules.HIGHEST_LIMIT
        problems.add("", f"config and secrets: at most {limit} bytes of names and values are allowed, got {size}")
    problems.raise_if_any()
    valid_app = t.cast(connection.App, app)
    mark_as_secret(valid_app.token)
    return ConfigVarsParams(valid_app, DesiredConfigVars(config, secrets, absent))


def _validate_names(names_by_option: t.Mapping[str, t.Iterable[str]], problems: Problems) -> None:
    for option, names in names_by_option.items():
        for name in names:
            problems.add_if(option, rules.name_problem(name))
    for name, options in rules.duplicate_names(names_by_option).items():
        problems.add("", f"{' and '.join(options)}: {name} is set in more than one option")


def _parse_values(option: str, params: t.Mapping[str, t.Any], problems: Problems) -> dict[str, str]:
    values = (params.get(option) or {}).items()
    return {str(name): rules.parse_value(f"{option}.{name}", value, problems) for name, value in values}


def short_secrets(desired: DesiredConfigVars) -> list[str]:
    """The names of secrets that are so short that redacting them redacts parts of other words."""
    return [name for name, value in desired.secrets.items() if len(value) < rules.SHORT_SECRET]


def plan_changes(desired: DesiredConfigVars, current: Variables) -> Plan:
    """Plan the differences, without secrets, and the one step that applies them; pure."""
    values = {name: value for name, value in desired.values.items() if current.get(name) != value}
    changes = tuple(_plan_change(desired, name, current.get(name), value) for name, value in values.items())
    return Plan(changes, (Step("config vars", values),) if values else ())


def _plan_change(desired: DesiredConfigVars, name: str, before: str | None, after: str | None) -> Change:
    if name in desired.config:
        return Change(name, before, after)
    # A config var to delete may contain a secret.
    old, new = (OLD_SECRET, NEW_SECRET) if name in desired.secrets else (NOT_SHOWN, NOT_SHOWN)
    return Change(name, None if before is None else old, None if after is None else new)


def request_body(plan: Plan) -> dict[str, str | None]:
    """The values that differ, ``None`` for those to delete."""
    return dict(plan.steps[0].value) if plan.steps else {}


def merge_changes(current: Variables, changes: t.Mapping[str, str | None]) -> dict[str, str]:
    """The config vars after a change."""
    return {name: value for name, value in {**current, **changes}.items() if value is not None}


def size_warnings(plan: Plan, current: Variables) -> list[str]:
    """A warning if Heroku may refuse the change; the limit is not verified, so Heroku decides."""
    size = rules.size_in_bytes(merge_changes(current, request_body(plan)))
    if size <= max(rules.EXPECTED_LIMIT, rules.size_in_bytes(current)):
        return []
    return [f"All config vars of the app will have {size} bytes; Heroku may refuse more than {rules.EXPECTED_LIMIT}."]


def format_pending_warning(names: t.Iterable[str]) -> str:
    """The warning for config vars that Heroku does not show yet."""
    return (
        f"Heroku accepted the change, but does not show it yet for {quote_list(names)}. This happens while a release "
        "command runs. The change takes effect when the command succeeds. If the command fails, the config vars keep "
        "their old values, and the next run tries again."
    )


def not_yet_visible(plan: Plan, response: Variables) -> list[str]:
    """The names of changes that a response of Heroku does not show yet."""
    return [name for name, value in request_body(plan).items() if response.get(name) != value]


def summarize_changes(plan: Plan) -> dict[str, str]:
    """``added``, ``changed`` or ``removed`` for every name that differs."""
    return {change.name: _summarize_change(change) for change in plan.changes}


def _summarize_change(change: Change) -> str:
    if change.before is None:
        return "added"
    return "removed" if change.after is None else "changed"
