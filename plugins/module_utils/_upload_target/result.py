# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The result and the diff of the module ``vonage_archive_storage``: the same keys in every mode. Pure.

PRIVATE to the collection ``vonage.archiving``: there is no stability promise outside of it.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field, replace

from .._core.plan import Change, Outcome, Plan
from .._core.timestamps import format_utc, parse_utc
from .._state_file import state
from .._state_file.store import Store
from .._uploader.fetch import ACTIVE, INACTIVE, AccessKey, CurrentUser
from .._uploader.keys import NewKey
from .fetch import Current, CurrentStateFile
from .params import DeleteParams, ExternalKeyParams, ManagedKeyParams, UploaderParams, UploadTargetParams
from .plan import DELETE, NEW, KeyAction, RotationPlan, old_keys, plan_key_actions, unknown_keys
from .target import Target

UPLOADS_IN_PROGRESS = "uploads that started before the target was set are in progress"
GRACE_PERIOD = "the grace period is not over"
DELETE_AFTER = "old keys are inactive, and deleted later"
UNKNOWN_KEY = "an access key exists that the state file does not contain"

Diff = tuple[dict[str, t.Any], dict[str, t.Any]]
Checks = list[dict[str, t.Any]]


def base_result(params: UploadTargetParams, reason: str, state_file: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
    """All keys of the result with default values.

    :param reason: why the API was called.
    """
    return {
        "project": params.project.id,
        "reason": reason,
        "storage": {},
        "state_file": state_file,
        "uploader": {},
        "access_keys": [],
        "changes": [],
        "rotate_at": None,
        "retained_keys_reason": "",
        "retained_keys_until": None,
        "checks": [],
        "verification": "",
        "previous_target": None,
    }


def format_verification(key: str) -> str:
    """The return value ``verification`` of a check that passed."""
    return f"uploads with {key} work"


def format_state_file(store: Store | None, last: state.State | None, reason: str) -> dict[str, t.Any]:
    """The return value ``state_file``.

    :param reason: why it does not reliably show the current target; empty if it does.
    """
    values: dict[str, t.Any] = {
        "location": store.location if store else None,
        "status": last.status if last else None,
        "time": last.time if last else None,
        "since": last.since or None if last else None,
    }
    return {**values, "reason": reason} if reason else values


# The target with an external key, and no target.


def target_result(
    params: ExternalKeyParams | DeleteParams, current: CurrentStateFile, reason: str, written: state.State | None
) -> dict[str, t.Any]:
    """The result without ``changes``.

    :param written: the state file that this run wrote.
    """
    state_file = format_state_file(params.store, written or current.last, "" if written else current.reason)
    result = base_result(params, reason, state_file)
    if isinstance(params, ExternalKeyParams):
        result["storage"] = params.target.public()
    return result


def target_diff(target: Target | None, known: state.State | None, project_secret: str, changed: bool) -> Diff:
    """Both sides of the diff. They contain only whether the secret changes, not the secret.

    :param known: the state file if it reliably shows the current target.
    """
    after: dict[str, t.Any] = {"state": "absent"}
    if target:
        name = target.secret_option.partition(".")[2]
        after = {"state": "present", **target.public(), name: _secret_marker(target, known, project_secret)}
    if not changed:
        return after, after
    if known is None:
        return {"state": "unknown"}, after
    if known.status == state.ABSENT:
        return {"state": "absent"}, after
    name = "account_key" if known.storage.get("type") == "azure" else "secret_key"
    marker = "(unchanged)" if after.get(name) == "(unchanged)" else "(recorded)"
    return {"state": "present", **known.storage, name: marker}, after


def _secret_marker(target: Target, known: state.State | None, project_secret: str) -> str:
    if known is None:
        return "(unknown)"
    is_unchanged = target.secret is None or state.has_secret(known, target.secret, project_secret)
    return "(unchanged)" if is_unchanged else "(changed)"


# A managed key.


@dataclass
class RunLog:
    """The state of one run with a managed key, for its result.

    :param keys: the access keys that exist.
    :param new: the id of the key that this run created for the target; empty without one.
    :param last: the state file.
    :param reason: why it does not reliably show the current target.
    :param retained_keys_reason: why old keys still exist.
    """

    keys: tuple[AccessKey, ...] = ()
    new: str = ""
    last: state.State | None = None
    reason: str = ""
    retained_keys_reason: str = ""
    checks: list[dict[str, t.Any]] = field(default_factory=list)
    verification: str = ""

    def start(self, current: Current) -> None:
        """Set the state before any change."""
        self.keys, self.last = current.keys, current.state_file.last
        self.reason = current.state_file.reason or (UNKNOWN_KEY if unknown_keys(current) else "")

    def add_new_key(self, last: state.State, new: NewKey, other_keys: t.Sequence[AccessKey]) -> None:
        """Add the new key after the update of the target."""
        self.last, self.reason, self.new = last, "", new.id
        created = AccessKey(id=new.id, user=new.user, active=True, created=None, last_used=None)
        self.keys = (*other_keys, created)

    def apply(self, actions: t.Iterable[KeyAction]) -> None:
        """Apply the actions to ``keys``."""
        by_id = {action.key.id: action.action for action in actions}
        keys = [key for key in self.keys if by_id.get(key.id) != DELETE]
        self.keys = tuple(replace(key, active=False) if key.id in by_id else key for key in keys)


def rotation_outcome(
    params: ManagedKeyParams, current: Current, plan: RotationPlan, log: RunLog, changed: bool
) -> Outcome:
    """The result and the diff."""
    changes = rotation_changes(params, current, plan)
    in_target = log.new or (plan.target_key.id if plan.target_key else None)
    result = {
        **base_result(params, plan.reason, format_state_file(params.store, log.last, log.reason)),
        "storage": public_target(params, in_target or NEW),
        "uploader": format_user(params.uploader, current.main),
        "access_keys": [format_key(key, in_target) for key in log.keys],
        "changes": changes.names,
        "rotate_at": rotate_at(params, log),
        "retained_keys_reason": log.retained_keys_reason or retained_keys_reason(log.keys, in_target),
        "retained_keys_until": retained_keys_until(params, log, in_target),
        "checks": log.checks,
        "verification": log.verification,
    }
    return Outcome(changed, result, changes.before(), changes.after())


def retained_keys_reason(keys: t.Sequence[AccessKey], in_target: str | None) -> str:
    """Why old keys still exist; empty if the key of the target is unknown."""
    other_keys = [key for key in keys if key.id != in_target]
    if in_target is None or not other_keys:
        return ""
    return GRACE_PERIOD if any(key.active for key in other_keys) else DELETE_AFTER


def retained_keys_until(params: ManagedKeyParams, log: RunLog, in_target: str | None) -> str | None:
    """The time from which a run deletes the last old key; UTC, ISO 8601. ``None`` without old keys."""
    if log.last is None or log.last.status != state.APPLIED or in_target is None:
        return None
    if all(key.id == in_target for key in log.keys):
        return None
    updated_at = parse_utc(log.last.time) or 0
    return format_utc(updated_at + params.uploader.grace_period + params.uploader.delete_after)


def rotation_changes(params: ManagedKeyParams, current: Current, plan: RotationPlan) -> Plan:
    """The changes for the result and the diff."""
    plans = zip(params.uploader.users, (plan.main, plan.spare))
    changes = [replace(change, name=f"{user.name}: {change.name}") for user, part in plans for change in part.changes]
    before = {key.id: key.status for key in current.keys}
    after = dict(before)
    actions = plan.key_actions
    if plan.reason != "unchanged":
        changes.append(Change("target", _current_target(current.state_file), public_target(params, NEW)))
        # The grace period of the other keys starts when the target holds the new key.
        actions = plan_key_actions(params.uploader, old_keys(params.uploader, current, None), 0, 0)
        after[NEW] = ACTIVE
    for action in actions:
        after[action.key.id] = INACTIVE
        if action.action == DELETE:
            del after[action.key.id]
    if before != after:
        changes.append(Change("access_keys", before, after))
    return Plan(tuple(changes))


def _current_target(state_file: CurrentStateFile) -> t.Any:
    known = state_file.known
    if known is None:
        return "unknown"
    return dict(known.storage) if known.status == state.APPLIED else "absent"


def public_target(params: ManagedKeyParams, key: str) -> dict[str, t.Any]:
    """The public fields of the target."""
    return params.target.with_key(key, "").public()


def format_key(key: AccessKey, in_target: str | None) -> dict[str, t.Any]:
    """One item of ``access_keys``."""
    return {
        "id": key.id,
        "user": key.user,
        "status": key.status,
        "created": None if key.created is None else format_utc(key.created),
        "in_target": key.id == in_target,
    }


def format_user(users: UploaderParams, main: CurrentUser) -> dict[str, t.Any]:
    """The return value ``uploader``."""
    return {"name": users.main.name, "arn": main.user.arn if main.user else None}


def rotate_at(params: ManagedKeyParams, log: RunLog) -> str | None:
    """When the next rotation is due; UTC, ISO 8601."""
    after = params.uploader.rotate_after
    if after is None or log.last is None or log.last.status != state.APPLIED:
        return None
    return format_utc((parse_utc(log.last.time) or 0) + after)
