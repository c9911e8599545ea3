# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Formats the result and the difference. Pure.

PRIVATE to the collection ``vonage.archiving``: there is no stability promise outside of it.
"""

from __future__ import annotations

import typing as t
from dataclasses import replace

from .._core.plan import Change, Outcome, Plan
from .._heroku import config_vars
from .._uploader.fetch import ACTIVE
from . import urls
from .fetch import AppKey, Current
from .params import KEY_ID, BroadcastParams, is_key_id
from .plan import NEW, BroadcastPlan, desired_config_vars


def format_outcome(
    desired: BroadcastParams,
    current: Current,
    plan: BroadcastPlan,
    changed: bool,
    key_id: str,
    checks: list[dict[str, t.Any]],
    pending: list[str],
) -> Outcome:
    """The outcome of a run.

    :param key_id: the ID of the application's key; empty if it does not exist yet.
    :param pending: the names of config vars that Heroku does not show yet.
    """
    changes = format_changes(desired, current, plan)
    config = desired_config_vars(desired, current, AppKey(key_id or NEW)).config
    result = {
        "app": desired.app.id,
        "project": desired.project,
        "reason": plan.reason,
        "url": config[urls.CONFIG_VARS[desired.generation]],
        "config": dict(config),
        "changes": changes.names,
        "release": changed and plan.config_vars.changed,
        "pending": pending,
        "user": desired.user.name if desired.has_key else None,
        "checks": checks,
    }
    return Outcome(changed, result, changes.before(), changes.after())


def format_changes(desired: BroadcastParams, current: Current, plan: BroadcastPlan) -> Plan:
    """All changes, without secrets."""
    user = [Change(f"{desired.user.name}: {change.name}", change.before, change.after) for change in plan.user.changes]
    before = {key.id: key.status for key in current.user.keys}
    deleted = {key.id for key in plan.keys_to_delete}
    after = {key_id: status for key_id, status in before.items() if key_id not in deleted}
    if plan.replaces_key:
        after[NEW] = ACTIVE
    keys = [Change("access_keys", before, after)] if before != after else []
    return Plan((*user, *map(_redact_misplaced, plan.config_vars.changes), *keys))


def _redact_misplaced(change: Change) -> Change:
    """Redact a secret that a user has set in a config var for something else."""
    before = str(change.before or "")
    is_misplaced = change.name == KEY_ID and not is_key_id(before)
    is_misplaced = is_misplaced or (change.name in urls.CONFIG_VARS.values() and urls.has_credentials(before))
    return replace(change, before=config_vars.NOT_SHOWN) if before and is_misplaced else change
