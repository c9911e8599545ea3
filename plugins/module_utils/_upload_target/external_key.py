# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A target with an external key: fetch, plan, apply.

PRIVATE to the collection ``vonage.archiving``: there is no stability promise outside of it.
"""

from __future__ import annotations

import typing as t

from .._core.plan import Context, Outcome
from .._state_file import state
from . import result
from .announced_call import fetch_after_announced_call
from .fetch import CurrentStateFile
from .params import ALWAYS, ONLY, ExternalKeyParams
from .plan import is_preflight_due, plan_target


def ensure_external_key(params: ExternalKeyParams, context: Context) -> Outcome:
    """Ensure that the target holds this key, and that uploads with it work."""
    read_only = context.check_mode or params.verify == ONLY
    current = fetch_after_announced_call(params.project, params.store, context.runtime, read_only)
    reason = plan_target(params, current, context.runtime.now())
    is_due = reason != "unchanged"
    checks: result.Checks = []
    written: state.State | None = None
    if not context.check_mode and (is_due or params.verify in (ALWAYS, ONLY)):
        # A run without changes does not load the code of uploads and writes, which is most of the package.
        from .apply import apply_external_key

        checks, written = apply_external_key(params, current, reason, context)
    elif is_preflight_due(params, current, reason):
        from .apply import check_project

        check_project(params)
    changed = is_due and (context.check_mode or params.verify != ONLY)
    outcome = _outcome(params, current, reason, changed, written)
    verification = result.format_verification(params.target.config.get("access_key", "")) if checks else ""
    outcome.result.update(checks=checks, verification=verification)
    if params.check_previous_target:
        outcome.result["previous_target"] = _previous_target(params, current, written, context)
    return outcome


def _previous_target(
    params: ExternalKeyParams, current: CurrentStateFile, written: state.State | None, context: Context
) -> dict[str, t.Any]:
    """The return value ``previous_target``, after this run."""
    from . import previous_target

    last = written or previous_target.unchanged_settings(current.known, params.target.public())
    return previous_target.fetch_for_result(
        params.project, params.store, last, params.grace_period, context.runtime, current.stored.age
    )


def _outcome(
    params: ExternalKeyParams, current: CurrentStateFile, reason: str, changed: bool, written: state.State | None
) -> Outcome:
    is_due = reason != "unchanged"
    before, after = result.target_diff(params.target, current.known, params.project.secret, is_due)
    values = result.target_result(params, current, reason, written)
    values["changes"] = ["target"] if is_due else []
    return Outcome(changed, values, before, after)
