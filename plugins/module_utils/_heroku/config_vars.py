# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Use case of the module ``heroku_config_vars``: observe, plan, apply; and reading chosen config vars from Python.

PRIVATE to the collection ``vonage.archiving``: there is no stability promise outside of it.

Every PATCH makes a release and restarts the app, says the article "Configuration and Config Vars": hence one PATCH for
everything that differs, and none where nothing does.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field

from .._core.errors import InputError
from .._core.plan import Change, Context, Outcome, Plan, Step
from .._core.secrets import mark_as_secret
from .._core.values import given, quote_list
from . import connection, rules
from .client import Client

ARGUMENTS: dict[str, t.Any] = {
    **connection.ARGUMENTS,
    "config": {"type": "dict", "no_log": False},
    "secrets": {"type": "dict", "no_log": True},
    "absent": {"type": "list", "elements": "str"},
}
# Options in which an empty string is a value, not "not given".
VERBATIM = ("config", "secrets")

OLD_SECRET, NEW_SECRET, NOT_SHOWN = "(the old secret)", "(the new secret)", "(not shown)"

Variables = t.Mapping[str, str]


@dataclass(frozen=True)
class Desired:
    """What the options ask for.

    :param config: values that may be shown.
    :param secrets: values that may not.
    :param absent: names to remove.
    """

    config: Variables = field(default_factory=dict)
    secrets: Variables = field(default_factory=dict, repr=False)
    absent: tuple[str, ...] = ()

    @property
    def values(self) -> dict[str, str | None]:
        """Every name that is asked for, ``None`` for those to be gone."""
        return {**self.config, **self.secrets, **dict.fromkeys(self.absent)}


def reconcile(params: t.Mapping[str, t.Any], context: Context) -> Outcome:
    """Make these config vars of an app what the options say, and touch no others."""
    app, wanted = desired(params, context.environ)
    for name in short_secrets(wanted):
        context.warn(f"secrets.{name} is shorter than {rules.SHORT_SECRET} characters: other output may look garbled.")
    client = Client(app, list(wanted.secrets.values()))
    observed = client.read()
    todo = plan(wanted, observed)
    for warning in too_large(todo, observed):
        context.warn(warning)
    pending: list[str] = []
    if todo.changed and not context.check_mode:
        pending = missing(todo, client.update(body(todo)))
        if pending:
            context.warn(PENDING.format(quote_list(pending)))
    result = {"app": app.id, "changes": words(todo), "release": todo.changed, "pending": pending}
    return Outcome(todo.changed, result, todo.before(), todo.after())


def read(params: t.Mapping[str, t.Any], environ: t.Mapping[str, str], names: t.Iterable[str]) -> dict[str, str]:
    """Those of ``names`` that the app has, with their values, in clear.

    :param params: the options of ``connection.ARGUMENTS``.
    """
    problems: list[str] = []
    app = connection.app(params, environ, problems)
    if not app:
        raise _input_error(problems, params)
    found = Client(app).read()
    return {name: found[name] for name in names if name in found}


def desired(params: t.Mapping[str, t.Any], environ: t.Mapping[str, str]) -> tuple[connection.App, Desired]:
    """The app, and what the options ask for.

    :raises InputError: with everything that is wrong, before anything is sent.
    """
    problems: list[str] = []
    app = connection.app(params, environ, problems)
    config = _values("config", params, problems)
    secrets = _values("secrets", params, problems)
    absent = tuple(dict.fromkeys(str(name) for name in params.get("absent") or ()))
    if all(given(params.get(option)) is None for option in ("config", "secrets", "absent")):
        problems.append("one of config, secrets and absent is required")
    for option, names in {"config": config, "secrets": secrets, "absent": absent}.items():
        problems.extend(problem for name in names for problem in rules.name(option, name))
    problems.extend(rules.twice({"config": config, "secrets": secrets, "absent": absent}))
    problems.extend(f"secrets.{name} is empty: a secret is missing" for name, value in secrets.items() if not value)
    if rules.size({**config, **secrets}) > rules.HIGHEST_LIMIT:
        problems.append(
            f"config and secrets have more than {rules.HIGHEST_LIMIT} bytes together, which no app may have"
        )
    for value in secrets.values():
        mark_as_secret(value)
    if problems or not app:
        raise _input_error(problems, params)
    mark_as_secret(app.token)
    return app, Desired(config, secrets, absent)


def _input_error(problems: list[str], params: t.Mapping[str, t.Any]) -> InputError:
    error = InputError(problems)
    error.secrets = connection.misplaced(params)
    return error


def _values(option: str, params: t.Mapping[str, t.Any], problems: list[str]) -> dict[str, str]:
    given_values = (params.get(option) or {}).items()
    return {str(name): rules.text(f"{option}.{name}", value, problems) for name, value in given_values}


def short_secrets(wanted: Desired) -> list[str]:
    """Names of secrets so short that hiding them hides parts of other words."""
    return [name for name, value in wanted.secrets.items() if len(value) < rules.SHORT_SECRET]


def plan(wanted: Desired, observed: Variables) -> Plan:
    """What differs, in words that may be shown, and the one step that brings it about; pure."""
    differing = {name: value for name, value in wanted.values.items() if observed.get(name) != value}
    changes = tuple(_change(wanted, name, observed.get(name), value) for name, value in differing.items())
    return Plan(changes, (Step("config vars", differing),) if differing else ())


def _change(wanted: Desired, name: str, before: str | None, after: str | None) -> Change:
    if name in wanted.config:
        return Change(name, before, after)
    # Whether a var that is to be removed held a secret is not known.
    old, new = (OLD_SECRET, NEW_SECRET) if name in wanted.secrets else (NOT_SHOWN, NOT_SHOWN)
    return Change(name, None if before is None else old, None if after is None else new)


def body(todo: Plan) -> dict[str, str | None]:
    """What is sent: only what differs, ``None`` for what is to be gone."""
    return dict(todo.steps[0].value) if todo.steps else {}


def applied(observed: Variables, changes: t.Mapping[str, str | None]) -> dict[str, str]:
    """The config vars as they are after a change."""
    return {name: value for name, value in {**observed, **changes}.items() if value is not None}


def too_large(todo: Plan, observed: Variables) -> list[str]:
    """A warning where Heroku may refuse the change; the limit is not verified, so that it is left to Heroku."""
    after = rules.size(applied(observed, body(todo)))
    if after <= max(rules.EXPECTED_LIMIT, rules.size(observed)):
        return []
    return [f"All config vars of the app will have {after} bytes; Heroku may refuse more than {rules.EXPECTED_LIMIT}."]


PENDING = (
    "Heroku has taken the change, but does not show it yet for {}. That is so while a release command runs: once it "
    "has succeeded, the change counts; if it fails, the config vars stay as they were, and the next run tries again."
)


def missing(todo: Plan, answered: Variables) -> list[str]:
    """Names of what Heroku's answer does not show yet."""
    return [name for name, value in body(todo).items() if answered.get(name) != value]


def words(todo: Plan) -> dict[str, str]:
    """``added``, ``changed`` or ``removed`` for every name that differs."""
    return {change.name: _word(change) for change in todo.changes}


def _word(change: Change) -> str:
    if change.before is None:
        return "added"
    return "removed" if change.after is None else "changed"
