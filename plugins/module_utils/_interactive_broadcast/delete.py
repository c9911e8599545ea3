# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Deletes the config vars of an application and its IAM user.

PRIVATE to the collection ``vonage.archiving``: there is no stability promise outside of it.
"""

from __future__ import annotations

import typing as t

from .._aws.iam_client import Iam
from .._core.plan import Context, Outcome
from .._heroku import config_vars
from .._uploader.delete import delete_user, fetch_deletable_attachments, parts_to_delete
from .._uploader.fetch import CurrentUser, fetch_managed_user
from . import fetch
from .fetch import Current
from .params import CONFIG_VARS, BroadcastParams
from .plan import validate_app, validate_user


def delete_config_and_user(desired: BroadcastParams, iam: Iam, context: Context) -> Outcome:
    """Delete the config vars in one release, then the user with its keys."""
    client = fetch.heroku_client(desired)
    current_vars = client.fetch()
    names = tuple(name for name in CONFIG_VARS[desired.generation] if name in current_vars)
    plan = config_vars.plan_changes(config_vars.DesiredConfigVars(absent=names), current_vars)
    user = fetch_managed_user(iam, desired.user) if desired.has_key else CurrentUser(None)
    validate_user(desired, user.user)
    if plan.changed:
        validate_app(desired, Current(current_vars, user))
    deleted = parts_to_delete(user, fetch_deletable_attachments(iam, desired.user, user))
    pending: list[str] = []
    if not context.check_mode:
        if plan.changed:
            pending = config_vars.not_yet_visible(plan, client.update(config_vars.request_body(plan)))
        delete_user(iam, desired.user, user)
    result: dict[str, t.Any] = {
        "app": desired.app.id,
        "project": desired.project,
        "reason": "unchanged",
        "url": None,
        "config": {},
        "changes": [*plan.names, *deleted],
        "release": plan.changed,
        "pending": pending,
        "user": None,
        "checks": [],
    }
    before = {**plan.before(), **({"user": user.user.name} if user.user else {})}
    return Outcome(plan.changed or bool(deleted), result, before, {})
