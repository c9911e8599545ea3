# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Writes of a target with an external key.

PRIVATE to the collection ``vonage.archiving``: there is no stability promise outside of it.

A check of the credentials, which changes nothing, comes first. The order of writes: the upload check; the state file
``pending``; the call of the API; the state file ``applied``.
After an interruption at any point, the state file is ``pending``, which counts as unknown, or correct.
"""

from __future__ import annotations

import typing as t
from dataclasses import replace

from .._core import errors
from .._core.plan import Context
from .._core.runtime import Runtime
from .._state_file import state
from .._state_file.preflight import check_credentials
from .._state_file.store import Store
from .._vonage.client import CallResult, Client
from .fetch import CurrentStateFile
from .journal import Journal, record_call
from .params import ALWAYS, NEW_KEY, ONLY, ExternalKeyParams
from .plan import UNCHANGED, is_preflight_due
from .result import Checks
from .verify import verify_key


def apply_external_key(
    params: ExternalKeyParams, current: CurrentStateFile, reason: str, context: Context
) -> tuple[Checks, state.State | None]:
    """Verify uploads with the key if required, and update the target if it is not up to date.

    :returns: the checks, and the new state file; ``None`` if nothing was written.
    """
    is_due = reason != "unchanged"
    checks: Checks = []
    client = _prepare_client(params, current, reason) if is_due and params.verify != ONLY else None
    if is_preflight_due(params, current, reason):
        check_project(params)
    if params.check and (params.verify in (ALWAYS, ONLY) or (is_due and params.verify == NEW_KEY)):
        operation = f"verify uploads with the access key {params.target.config.get('access_key', '')}"
        try:
            checks = verify_key(params.check, context, operation, is_current=not client)
        except errors.VerificationFailedError as exc:
            exc.facts["reason"] = reason
            raise
    written = _set_target(client, params, current, context.runtime) if client else None
    return checks, written


def check_project(params: ExternalKeyParams) -> None:
    """Check the credentials of the project.

    :raises errors.ArchivingError: the API does not accept them, or does not respond.
    """
    check_credentials(Client(params.project), UNCHANGED)


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


def _set_target(
    client: Client, params: ExternalKeyParams, current: CurrentStateFile, runtime: Runtime
) -> state.State | None:
    """Update the target.

    :returns: the new state file; ``None`` without a state file.
    """
    target, body = params.target, params.target.body()
    if params.store is None:
        with record_call(runtime):
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
        with record_call(runtime):
            call_result = call(limited_client)
    except errors.ArchivingError as exc:
        raise journal.rollback_after_error(exc) from exc
    return journal.commit(state.ABSENT if storage is None else state.APPLIED), call_result
