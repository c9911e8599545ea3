# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Plan the changes of the upload target, its access key, and the old keys. Pure.

PRIVATE to the collection ``vonage.archiving``: there is no stability promise outside of it.

Invariant: a key that the target may hold is never deactivated or deleted.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from .._core import errors
from .._core.plan import Plan
from .._core.timestamps import parse_utc
from .._state_file import state
from .._state_file.preflight import ALWAYS, NEVER
from .._uploader.fetch import AccessKey
from .._uploader.keys import QUOTA
from .._uploader.plan import plan_user
from .fetch import Current, CurrentStateFile
from .params import DeleteParams, ExternalKeyParams, ManagedKeyParams, UploaderParams, UploadTargetParams

DEACTIVATE, DELETE = "deactivate", "delete"
NEW = "(new)"
# The end of the error of the preflight.
UNCHANGED = "The upload target and its access keys were not changed."
NO_STATE_FILE = "no_state_file"
# A deletion for which the API refused the credentials: the target may still exist.
REFUSED = "refused"
# Seconds. A younger key that is not in the state file may belong to a verification, which ends within ten minutes.
PROTECTED_AGE = 15 * 60


def plan_target(params: ExternalKeyParams | DeleteParams, current: CurrentStateFile, now: float) -> str:
    """Why the target needs an update, or ``unchanged``."""
    target = params.target if isinstance(params, ExternalKeyParams) else None
    storage, secret = (target.public(), target.secret) if target else (None, None)
    reason = state.update_reason(
        current.known, storage, secret, params.project.secret, now, params.always, params.max_age
    )
    return reason if params.store is None else explain_unknown(reason, current)


def explain_unknown(reason: str, current: CurrentStateFile) -> str:
    """The reason, or ``no_state_file`` for a target that is unknown because no run has written a state file yet."""
    return NO_STATE_FILE if reason == "unknown" and current.is_missing else reason


def is_preflight_due(params: UploadTargetParams, current: CurrentStateFile, reason: str) -> bool:
    """Whether the credentials of the project are checked before changes.

    :param reason: why the target needs an update, or ``unchanged``.
    """
    if params.preflight in (ALWAYS, NEVER):
        return params.preflight == ALWAYS
    known = current.known
    return reason != "unchanged" or known is None or not state.has_credentials(known, params.project.secret)


class KeyAction(t.NamedTuple):
    """The planned action for a key that the target does not hold."""

    key: AccessKey
    action: str


@dataclass(frozen=True)
class RotationPlan:
    """The changes of a run with a managed key.

    :param reason: why the target needs another key, see :func:`state.update_reason`; ``unchanged`` if it does not.
    :param target_key: the key that the target holds, if known.
    :param main: changes of the user, except its keys; likewise ``spare``, if that user exists.
    :param key_actions: the actions for old keys that are due.
    """

    reason: str
    target_key: AccessKey | None
    main: Plan
    spare: Plan
    key_actions: tuple[KeyAction, ...] = ()

    @property
    def changed(self) -> bool:
        steps = self.main.changed or self.spare.changed or self.key_actions
        return self.reason != "unchanged" or bool(steps)


def plan_rotation(
    params: ManagedKeyParams,
    current: Current,
    now: float,
    uploads_in_progress: bool = False,
    grace_period_over: bool = False,
) -> RotationPlan:
    """Compare the current state with the desired one.

    :param uploads_in_progress: whether uploads that started before the target was set are in progress.
    :param grace_period_over: whether the grace period ends early, because no recording can use an old key any more.
    """
    users, target_key = params.uploader, find_target_key(current)
    reason = rotation_reason(params, current, target_key, now)
    other_keys = old_keys(users, current, target_key)
    actions: tuple[KeyAction, ...] = ()
    if reason == "unchanged":
        actions = plan_key_actions(users, other_keys, target_set_at(current), now, grace_period_over)
    if uploads_in_progress and not users.revoke_old_keys:
        actions = without_active_keys(actions)
    # The locations of an old key stay allowed while the key is active.
    planned = {action.key.id for action in actions}
    widen = reason == "unchanged" and any(key.active and key.id not in planned for key in other_keys)
    main = plan_user(users.main, current.main, widen=widen)
    spare = plan_user(users.spare, current.spare, widen=widen) if current.spare.user else Plan()
    return RotationPlan(reason, target_key, main, spare, actions)


def find_target_key(current: Current) -> AccessKey | None:
    """The key of the users that the target holds; ``None`` if unknown, or if the target holds another key."""
    known = current.state_file.known
    if known is None or known.status != state.APPLIED:
        return None
    return next((key for key in current.keys if key.id == known.storage.get("access_key")), None)


def old_keys(users: UploaderParams, current: Current, target_key: AccessKey | None) -> list[AccessKey]:
    """The keys to deactivate and delete, without the target's key and, except in an emergency, protected keys."""
    protected = frozenset() if users.revoke_old_keys else protected_keys(current)
    kept = protected | ({target_key.id} if target_key else set())
    return [key for key in current.keys if key.id not in kept]


def protected_keys(current: Current) -> frozenset[str]:
    """The ids of new keys that are not in the state file: a verification may use them."""
    last = current.state_file.last
    named = state.named_keys(last) if last else frozenset()
    return frozenset(
        key.id for key in current.keys if key.id not in named and key.age is not None and key.age < PROTECTED_AGE
    )


def unknown_keys(current: Current) -> list[AccessKey]:
    """Older keys that are not in the state file: another state file may be newer, and contain one of them.

    This happens if the location of the state file changes and changes back, for example together with its bucket.
    """
    known = current.state_file.last if current.state_file.names_keys else None
    if known is None or known.status != state.APPLIED:
        return []
    named = {known.storage.get("access_key"), *known.others, *protected_keys(current)}
    return [key for key in current.keys if key.id not in named]


def possible_target_keys(current: Current) -> frozenset[str]:
    """The ids of access keys that the target may hold; all keys if unknown.

    Keys of other users are never changed. The target cannot hold a key that is created later, unless another run calls
    the API. No run sets an older key again: if a state file that is newer than this one exists, the target holds an
    unknown key.
    """
    named = current.state_file.possible_target_keys
    if named is None:
        return frozenset(key.id for key in current.keys)
    return named | protected_keys(current) | {key.id for key in unknown_keys(current)}


def rotation_reason(params: ManagedKeyParams, current: Current, target_key: AccessKey | None, now: float) -> str:
    """Why the target needs another key, or ``unchanged``."""
    users = params.uploader
    key = target_key.id if target_key and target_key.active else NEW
    storage = params.target.with_key(key, "").public()
    known, secret = current.state_file.known, params.project.secret
    reason = state.update_reason(known, storage, None, secret, now, users.rotate, users.rotate_after)
    if reason == "unchanged" and unknown_keys(current):
        return "unknown"
    if reason == "unchanged" and target_key and is_older(target_key, users.rotate_after, now):
        return "expired"
    return explain_unknown(reason, current.state_file)


def is_older(key: AccessKey, seconds: float | None, now: float) -> bool:
    """Whether a key is at least that old; false if the store does not return the creation date."""
    return seconds is not None and key.created is not None and now - key.created >= seconds


def target_set_at(current: Current) -> float:
    """The time of the last update of the target, or of its announcement, in Unix seconds; 0 if unknown."""
    last = current.state_file.last if current.state_file.names_keys else None
    return (parse_utc(last.time) if last else None) or 0


def elapsed(since: float, now: float) -> float:
    """The seconds since then; at least 0, because a clock may be behind."""
    return max(now - since, 0)


def plan_key_actions(
    users: UploaderParams, other_keys: t.Iterable[AccessKey], since: float, now: float, grace_period_over: bool = False
) -> tuple[KeyAction, ...]:
    """Plan to deactivate, and later delete, the keys that have not been in the target since then."""
    passed = elapsed(since, now)
    if passed >= users.grace_period + users.delete_after:
        return tuple(KeyAction(key, DELETE) for key in other_keys)
    if passed >= users.grace_period or grace_period_over or users.revoke_old_keys:
        return tuple(KeyAction(key, DEACTIVATE) for key in other_keys if key.active)
    return ()


def without_active_keys(actions: t.Iterable[KeyAction]) -> tuple[KeyAction, ...]:
    """The actions that cannot abort an upload in progress: no upload uses an inactive key."""
    return tuple(action for action in actions if not action.key.active)


class KeySlot(t.NamedTuple):
    """The user of the next key, and the keys to delete first."""

    spare: bool
    to_delete: tuple[AccessKey, ...]


def find_key_slot(keys: t.Sequence[AccessKey], users: UploaderParams, retained: frozenset[str]) -> KeySlot | None:
    """The slot for the next key. The user with fewer keys gets it: that keeps a free slot at the other user too.

    :param retained: ids of the keys that must not be deleted.
    :returns: ``None`` if both users have two keys that must not be deleted.
    """
    owned = {user.name: [key for key in keys if key.user == user.name] for user in users.users}
    fewest = min(owned, key=lambda name: len(owned[name]))
    if len(owned[fewest]) < QUOTA:
        return KeySlot(fewest == users.spare.name, ())
    # Inactive keys first, then the oldest.
    free = sorted((key for key in keys if key.id not in retained), key=lambda key: (key.active, key.created or 0))
    return KeySlot(free[0].user == users.spare.name, (free[0],)) if free else None


def no_key_slot_error(
    params: ManagedKeyParams, target_keys: frozenset[str], keys: t.Sequence[AccessKey], wait: str
) -> errors.QuotaError:
    """Create the error for a missing slot.

    :param target_keys: ids of the keys that the target may hold.
    :param wait: the hint for the time when another key can be deleted.
    """
    delete = (
        "Delete the upload target (archive_storage_state=absent, or vonage_archive_storage with state=absent) and run "
        "this again. Until then, recordings are stored in Vonage's cloud."
    )
    return errors.QuotaError(
        f"create another access key for {params.project.name}",
        f"{params.uploader.main.name} and {params.uploader.spare.name} have {QUOTA} keys each, and each of them may be "
        "in use",
        wait if any(key.id not in target_keys for key in keys) else delete,
    )
