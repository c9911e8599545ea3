# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A target with an external key: fetch, plan, verify, apply.

PRIVATE to the collection ``vonage.archiving``: there is no stability promise outside of it.

The order of writes: the upload check; the state file ``pending``; the call of the API; the state file ``applied``.
After an interruption at any point, the state file is ``pending``, which counts as unknown, or correct.
"""

from __future__ import annotations

import typing as t
from dataclasses import replace

from .._core import errors
from .._core.plan import Context, Outcome
from .._core.runtime import Runtime
from .._state_file import state
from .._state_file.store import Store
from .._vonage.client import CallResult, Client
from . import previous_target, result
from .announced_call import fetch_after_announced_call
from .fetch import CurrentStateFile
from .journal import Journal
from .params import ALWAYS, NEW_KEY, ONLY, ExternalKeyParams
from .plan import plan_target
from .verify import Checks, format_verification, verify_key


def ensure_external_key(params: ExternalKeyParams, context: Context) -> Outcome:
    """Ensure that the target holds this key, and that uploads with it work."""
    read_only = context.check_mode or params.verify == ONLY
    current = fetch_after_announced_call(params.project, params.store, context.runtime, read_only)
    now = context.runtime.now()
    reason = plan_target(params, current, now)
    is_due = reason != "unchanged"
    checks: Checks = []
    written: state.State | None = None
    if not context.check_mode:
        client = _prepare_client(params, current, reason) if is_due and params.verify != ONLY else None
        if params.verify in (ALWAYS, ONLY) or (is_due and params.verify == NEW_KEY):
            checks = _verify(params, context)
        if client:
            written = _set_target(client, params, current, context.runtime)
    changed = is_due and (context.check_mode or params.verify != ONLY)
    outcome = _outcome(params, current, reason, changed, written)
    outcome.result.update(checks=checks, verification=format_verification(_key_id(params)) if checks else "")
    if params.check_previous_target:
        last = written or previous_target.unchanged_settings(current.known, params.target.public())
        outcome.result["previous_target"] = previous_target.fetch_for_result(
            params.project, params.store, last, params.grace_period, context.runtime, current.stored.age
        )
    return outcome


def _prepare_client(params: ExternalKeyParams, current: CurrentStateFile, reason: str) -> Client:
    """Run all validation that needs no request.

    :raises errors.SecretNeededError: the secret is not set.
    """
    target = params.target
    if target.secret is None:
        detail = f", {current.reason}" if current.reason else ""
        raise errors.SecretNeededError(
            f"set the upload target of {params.project.name}",
            f"{target.secret_option} is required now and is not set (reason: {reason}{detail})",
            "Set it. It is optional only while the state file shows that the target has the desired configuration. "
            "Nothing was sent.",
            reason=reason,
        )
    client = Client(params.project, [target.secret])
    client.prepare()
    return client


def _verify(params: ExternalKeyParams, context: Context) -> Checks:
    if params.check is None:
        return []
    return verify_key(params.check, context, f"verify uploads with the access key {_key_id(params)}")


def _key_id(params: ExternalKeyParams) -> str:
    return params.target.config.get("access_key", "")


def _set_target(
    client: Client, params: ExternalKeyParams, current: CurrentStateFile, runtime: Runtime
) -> state.State | None:
    """Update the target.

    :returns: the new state file; ``None`` without a state file.
    """
    target, body = params.target, params.target.body()
    if params.store is None:
        client.put_storage(body)
        return None
    written, _result = call_with_state_file(
        client,
        params.store,
        current,
        lambda limited_client: limited_client.put_storage(body),
        runtime,
        storage=target.public(),
        secret=target.secret,
    )
    return written


def call_with_state_file(
    client: Client,
    store: Store,
    current: CurrentStateFile,
    call: t.Callable[[Client], CallResult],
    runtime: Runtime,
    storage: t.Mapping[str, t.Any] | None = None,
    secret: str | None = None,
) -> tuple[state.State, CallResult]:
    """Write the state file, call the API, and write the state file again.

    :param call: takes the client whose time limit is the announced end.
    :param storage: the public fields of the target; ``None`` to delete it.
    """
    known = current.known is not None
    journal = Journal(client.project, store, current.stored, known, current.possible_target_keys, runtime)
    journal.begin(storage or {}, secret)
    try:
        limited_client = replace(client, project=journal.project_for_call())
    except errors.ArchivingError as exc:
        raise journal.rollback_before_call(exc) from exc
    try:
        call_result = call(limited_client)
    except errors.ArchivingError as exc:
        raise journal.rollback_after_error(exc) from exc
    return journal.commit(state.ABSENT if storage is None else state.APPLIED), call_result


def _outcome(
    params: ExternalKeyParams, current: CurrentStateFile, reason: str, changed: bool, written: state.State | None
) -> Outcome:
    is_due = reason != "unchanged"
    before, after = result.target_diff(params.target, current.known, params.project.secret, is_due)
    values = result.target_result(params, current, reason, written)
    values["changes"] = ["target"] if is_due else []
    return Outcome(changed, values, before, after)
