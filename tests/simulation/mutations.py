# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fixes of the workflow, each of which can be reverted: the simulation must then fail."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from ansible_collections.vonage.archiving.plugins.module_utils._aws.iam_client import Iam
from ansible_collections.vonage.archiving.plugins.module_utils._bucket import plan as bucket_plan
from ansible_collections.vonage.archiving.plugins.module_utils._bucket.facets.policy import DesiredPolicy
from ansible_collections.vonage.archiving.plugins.module_utils._core.timestamps import parse_utc
from ansible_collections.vonage.archiving.plugins.module_utils._state_file import state
from ansible_collections.vonage.archiving.plugins.module_utils._upload_target import (
    announced_call,
    delete,
    external_key,
    plan,
    previous_target,
    rotation,
)
from ansible_collections.vonage.archiving.plugins.module_utils._upload_target import fetch as target_fetch
from ansible_collections.vonage.archiving.plugins.module_utils._upload_target import verify as target_verify
from ansible_collections.vonage.archiving.plugins.module_utils._upload_target.journal import Journal
from ansible_collections.vonage.archiving.plugins.module_utils._upload_target.params import DeleteParams
from ansible_collections.vonage.archiving.plugins.module_utils._uploader import fetch as uploader_fetch
from ansible_collections.vonage.archiving.plugins.module_utils._uploader.delete import delete_user
from ansible_collections.vonage.archiving.plugins.module_utils._vonage import client

# The owner of an attribute, its name, and the value without the fix.
Patch = tuple[Any, str, Any]


def _wait_by_own_clock(self: announced_call.AnnouncedCalls, _stored: Any, last: state.State | None) -> bool:
    """Compare the announced end, of the clock of another machine, with the own clock."""
    end = parse_utc(last.until) if last and last.status == state.PENDING else None
    remaining = (end or 0) - self.runtime.now()
    if remaining <= 0:
        return False
    self.runtime.sleep(min(remaining, 120.0))
    return True


def _delete_users_first() -> Callable[..., Any]:
    original: Callable[..., Any] = vars(delete)["delete_target"]

    def delete_target(params: DeleteParams, context: Any) -> Any:
        if params.uploader and not context.check_mode:
            iam = Iam(params.uploader.iam, context.runtime)
            current = target_fetch.fetch_users(iam, params.uploader, context.runtime)
            for user, existing in zip(params.uploader.users, current, strict=True):
                delete_user(iam, user, existing)
        return original(params, context)

    return delete_target


def _slot_of_any_key() -> Callable[..., Any]:
    original: Callable[..., Any] = vars(rotation)["find_key_slot"]
    return lambda keys, users, _retained: original(keys, users, frozenset())


def _write_any(self: Journal, storage: Any, secret: str | None, seconds: float) -> None:
    self._pending = self._pending_state(storage, secret, seconds)
    self.stored = self.store.write(state.dump(self._pending), None)


def _commit_any() -> Callable[..., Any]:
    def commit(self: Journal, status: str, others: Any = ()) -> state.State:
        committed = self._pending.commit(status, self.runtime.now(), others)
        self.stored = self.store.write(state.dump(committed), None)
        return committed

    return commit


def _without_age() -> Callable[..., Any]:
    original = previous_target.fetch
    return lambda api, project, changed_at, grace, now, _age=None: original(api, project, changed_at, grace, now)


def _all_keys_if_unknown(current: target_fetch.Current) -> frozenset[str]:
    named = current.state_file.possible_target_keys
    if named is None or plan.unknown_keys(current):
        return frozenset(key.id for key in current.keys) | (named or frozenset())
    return named | plan.protected_keys(current)


def _users_before_claim() -> Sequence[Patch]:
    original = rotation.Rotation._fetch_after_announced_call
    users: dict[int, Any] = {}

    def fetch_after_announced_call(self: rotation.Rotation) -> Any:
        current = original(self)
        users[id(self)] = current.users
        return current

    return (
        (rotation.Rotation, "_fetch_after_announced_call", fetch_after_announced_call),
        (rotation.Rotation, "_fetch_users", lambda self: users[id(self)]),
    )


def _keys_if_time_is_plausible(self: target_fetch.CurrentStateFile) -> frozenset[str] | None:
    return state.possible_target_keys(self.last, self.known is not None or self.pending)


def _rollback_if_known() -> Callable[..., Any]:
    original = Journal.rollback
    return lambda self, before_call=False: original(self)


def _tags_before_keys(iam: Iam, desired: Any) -> Any:
    tags = uploader_fetch._fetch_tags(iam, desired)
    return uploader_fetch._fetch_access_keys(iam, desired), tags


@contextmanager
def _announce_nothing(*_args: Any) -> Iterator[None]:
    yield


def _fetch_at_once(project: Any, store: Any, runtime: Any, _read_only: bool) -> Any:
    return target_fetch.fetch_state_file(project, store, runtime.now())


def _wait_for_put() -> Callable[..., bool]:
    original = announced_call.AnnouncedCalls.wait

    def wait(self: announced_call.AnnouncedCalls, stored: Any, last: state.State | None) -> bool:
        is_put = last is None or bool(last.storage) or last.status != state.PENDING
        return is_put and original(self, stored, last)

    return wait


def _block_before_policy() -> Callable[..., Any]:
    original = bucket_plan._order_steps

    def order_steps(steps: Any, params: Any, current: Any) -> Any:
        ordered = original(steps, params, current)
        names = [step.target for step in ordered]
        if names[:2] == ["policy", "block_public_access"] and not ordered[0].value.is_public:
            return [ordered[1], ordered[0], *ordered[2:]]
        return ordered

    return order_steps


def _set_at_if_known(current: target_fetch.Current) -> float:
    known = current.state_file.known
    return (parse_utc(known.time) if known else None) or 0


# By name: the patches that revert the fix, created when they are applied.
MUTATIONS: dict[str, Callable[[], Sequence[Patch]]] = {
    # A key of a verification is not an unknown key.
    "young_unnamed_key": lambda: [(plan, "PROTECTED_AGE", 0)],
    # An old key stays active during the grace period.
    "grace_period": lambda: [(plan, "elapsed", lambda _since, _now: math.inf)],
    # Only an error of the API shows that there is no target.
    "api_error": lambda: [(client, "is_api_error", lambda _response: True)],
    # The clock of the store measures the announced call.
    "announced_call": lambda: [(announced_call.AnnouncedCalls, "wait", _wait_by_own_clock)],
    # Requirements apply after the target.
    "requirements_last": lambda: [(DesiredPolicy, "pending", lambda _self, _current: ())],
    "teardown_order": lambda: [(delete, "delete_target", _delete_users_first())],
    "key_slot": lambda: [(rotation, "find_key_slot", _slot_of_any_key())],
    "compare_and_swap": lambda: [(Journal, "_write_pending", _write_any), (Journal, "commit", _commit_any())],
    "mark_unknown": lambda: [(Journal, "_mark_unknown", lambda _self: None)],
    "read_after_claim": _users_before_claim,
    # Found by this simulation.
    "call_budget": lambda: [(Journal, "project_for_call", lambda self: self.project)],
    "complete_user": lambda: [(target_verify, "_is_complete", lambda current: current.user is not None)],
    # A pending state file, or a wrong time, does not end the grace period.
    "grace_period_unknown": lambda: [(rotation, "target_set_at", _set_at_if_known)],
    # A wrong clock does not change the keys. This includes the order of reading the users and the state file.
    "wrong_clock_keys": lambda: [
        (target_fetch.CurrentStateFile, "possible_target_keys", property(_keys_if_time_is_plausible))
    ],
    "rollback_before_call": lambda: [(Journal, "rollback", _rollback_if_known())],
    "tags_before_keys": lambda: [(uploader_fetch, "_fetch_keys_and_tags", _tags_before_keys)],
    "list_delay": lambda: [(previous_target, "fetch", _without_age())],
    # No run creates a key while another run deletes the users.
    "announced_user_deletion": lambda: [(delete, "announce_deletion", _announce_nothing)],
    # A DELETE of the target that takes effect late must not follow the call of another run.
    "announced_deletion": lambda: [(announced_call.AnnouncedCalls, "wait", _wait_for_put())],
    # A run with an external key waits for an announced call too.
    "external_key_wait": lambda: [(external_key, "fetch_after_announced_call", _fetch_at_once)],
    # The policy is closed before the block is on: otherwise, other projects cannot write it after a crash.
    "policy_before_block": lambda: [(bucket_plan, "_order_steps", _block_before_policy())],
    # The keys of a deleted target do not belong to a verification.
    "keys_without_target": lambda: [(Journal, "_named_keys", lambda _self: frozenset())],
    "unknown_key_slot": lambda: [
        (plan, "possible_target_keys", _all_keys_if_unknown),
        (rotation, "possible_target_keys", _all_keys_if_unknown),
    ],
}


@contextmanager
def reverted(name: str) -> Iterator[None]:
    """Revert a fix inside the block; no fix if the name is empty."""
    patches = list(MUTATIONS[name]()) if name else []
    originals = [(owner, attribute, owner.__dict__[attribute]) for owner, attribute, _value in patches]
    try:
        for owner, attribute, value in patches:
            setattr(owner, attribute, value)
        yield
    finally:
        for owner, attribute, value in originals:
            setattr(owner, attribute, value)
