# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Use case of the module ``interactive_broadcast_app``: parse, fetch, plan, apply, verify.

PRIVATE to the collection ``vonage.archiving``: there is no stability promise outside of it.
"""

from __future__ import annotations

import typing as t

from .._aws.iam_client import Iam, warn_of_exposed_keys
from .._core import errors
from .._core.plan import Context, Outcome
from .._core.values import quote_list
from . import urls
from .apply import Applier
from .delete import delete_config_and_user
from .fetch import AppKey, Current, fetch_current
from .params import CONFIG_VARS, BroadcastParams, parse_params
from .plan import BroadcastPlan, plan_changes, validate_app, validate_user
from .result import format_outcome
from .verify import verify_app


def reconcile(params: t.Mapping[str, t.Any], context: Context) -> Outcome:
    """Configure an application, or delete its configuration."""
    desired = parse_params(params, context.environ)
    iam = Iam(desired.iam, context.runtime)
    if not desired.present:
        return delete_config_and_user(desired, iam, context)
    if desired.has_key:
        warn_of_exposed_keys(iam.connection, context.warn)
    return reconcile_present(desired, iam, context)


def reconcile_present(desired: BroadcastParams, iam: Iam, context: Context) -> Outcome:
    """Create or update the user and its key, verify, and set the config vars."""
    current = fetch_current(desired, iam, context)
    validate_user(desired, current.user.user)
    plan = plan_changes(desired, current, context.runtime.now())
    key_id = "" if plan.replaces_key else current.app_key.id
    if desired.verify == "only" and not context.check_mode:
        checks = verify_current(desired, current, context)
        return format_outcome(desired, current, plan, False, key_id, checks, [])
    if plan.changed:
        validate_app(desired, current)
    if context.check_mode:
        return format_outcome(desired, current, plan, plan.changed, key_id, [], [])
    checks = []

    def verify(key: AppKey) -> None:
        checks.extend(verify_desired(desired, current, plan, key, context))

    applier = Applier(desired, current, plan, iam, context, verify)
    key_id = applier.apply()
    return format_outcome(desired, current, plan, plan.changed, key_id, checks, applier.pending)


def verify_current(desired: BroadcastParams, current: Current, context: Context) -> list[dict[str, t.Any]]:
    """Verify with the current config vars of the application.

    :raises NotFoundError: the application does not have all of them.
    """
    missing = [name for name in CONFIG_VARS[desired.generation] if not current.config_vars.get(name)]
    if missing:
        raise errors.NotFoundError(
            f"verify {desired.app.id}",
            f"the application does not have {quote_list(missing)}",
            "Set it up first; verify=only does not change anything.",
        )
    value = current.config_vars[urls.CONFIG_VARS[desired.generation]]
    return verify_app(desired, value, current.locations.images_region, current.app_key, context)


def verify_desired(
    desired: BroadcastParams, current: Current, plan: BroadcastPlan, key: AppKey, context: Context
) -> list[dict[str, t.Any]]:
    """Verify with the desired config vars, before the application gets them."""
    if not (desired.verify == "always" or (desired.verify == "new_key" and plan.changed)):
        return []
    value = urls.config_var_value(desired.generation, current.locations.base_url)
    return verify_app(desired, value, current.locations.images_region, key, context)
