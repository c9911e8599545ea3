# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Plan what to change: the upload target, its access key, and the old keys. Pure.

PRIVATE to the collection ``vonage.archiving``: there is no stability promise outside of it.

The rule of everything here: a key that the target may hold is never deactivated, and never deleted.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from .._core import errors
from .._core.plan import Plan
from .._state_file import state
from .._uploader import user as uploader
from .._uploader.user import QUOTA, AccessKey
from .fetch import Current, CurrentStateFile
from .params import DeleteParams, ExternalKeyParams, ManagedKeyParams, UploaderParams

DEACTIVATE, DELETE = "deactivate", "delete"
NEW = "(new)"
# Seconds. A key that the state file does not name and that is younger may belong to a verification, which ends within
# ten minutes.
PROTECTED_AGE = 15 * 60


def plan_target(params: ExternalKeyParams | DeleteParams, current: CurrentStateFile, now: float) -> str:
    """Why the API has to be called, or ``unchanged``."""
    target = params.target if isinstance(params, ExternalKeyParams) else None
    storage, secret = (target.public(), target.secret) if target else (None, None)
    return state.reason(current.known, storage, secret, params.project.secret, now, params.always, params.max_age)


class KeyAction(t.NamedTuple):
    """What to do with a key that the target does not hold."""

    key: AccessKey
    action: str


@dataclass(frozen=True)
class RotationPlan:
    """What to change.

    :param reason: why the target needs another key: as :func:`state.reason`; ``unchanged`` if it needs none.
    :param target_key: the key that the target holds, if that is known.
    :param main: changes to the user, except its keys; likewise ``spare``, if that user exists.
    :param key_actions: for the old keys, as far as they are due.
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

    :param uploads_in_progress: whether uploads are in progress that started before the target was set.
    :param grace_period_over: whether no recording can use an older key any more, although the grace period lasts.
    """
    users, target_key = params.uploader, find_target_key(current)
    reason = rotation_reason(params, current, target_key, now)
    others = old_keys(users, current, target_key)
    actions: tuple[KeyAction, ...] = ()
    if reason == "unchanged":
        actions = plan_key_actions(users, others, set_at(current), now, grace_period_over)
    if uploads_in_progress and not users.revoke_old_keys:
        actions = without_active_keys(actions)
    # As long as an old key works, its locations stay allowed.
    touched = {action.key.id for action in actions}
    widen = reason == "unchanged" and any(key.active and key.id not in touched for key in others)
    main = uploader.plan(users.main, current.main, widen=widen)
    spare = uploader.plan(users.spare, current.spare, widen=widen) if current.spare.user else Plan()
    return RotationPlan(reason, target_key, main, spare, actions)


def find_target_key(current: Current) -> AccessKey | None:
    """The key of the users that the target holds; ``None`` if that is not known, or it is another key."""
    known = current.state_file.known
    if known is None or known.status != state.APPLIED:
        return None
    return next((key for key in current.keys if key.id == known.storage.get("access_key")), None)


def old_keys(users: UploaderParams, current: Current, target_key: AccessKey | None) -> list[AccessKey]:
    """The keys to deactivate and delete: neither the target's key nor, except in an emergency, a protected one."""
    protected = frozenset() if users.revoke_old_keys else protected_keys(current)
    kept = protected | ({target_key.id} if target_key else set())
    return [key for key in current.keys if key.id not in kept]


def protected_keys(current: Current) -> frozenset[str]:
    """The ids of keys that the state file does not name and that are new: a verification may use them."""
    last = current.state_file.last
    named = {last.storage.get("access_key"), *last.others, *(last.may_hold or ())} if last else set()
    return frozenset(
        key.id for key in current.keys if key.id not in named and key.age is not None and key.age < PROTECTED_AGE
    )


def unknown_keys(current: Current) -> list[AccessKey]:
    """Older keys that the state file does not name: another state file may be newer, and name one of them.

    This happens if the state file moved and came back, for example together with its bucket.
    """
    known = current.state_file.known
    if known is None or known.status != state.APPLIED:
        return []
    named = {known.storage.get("access_key"), *known.others, *protected_keys(current)}
    return [key for key in current.keys if key.id not in named]


def possible_keys(current: Current) -> frozenset[str]:
    """The ids of access keys that the target may hold; all keys if that is not known.

    Keys of other users are never changed. The target cannot hold a key that is created later, as long as no other run
    calls the API.
    """
    named = current.state_file.in_use
    if named is None or unknown_keys(current):
        return frozenset(key.id for key in current.keys) | (named or frozenset())
    return named | protected_keys(current)


def rotation_reason(params: ManagedKeyParams, current: Current, target_key: AccessKey | None, now: float) -> str:
    """Why the target needs another key, or ``unchanged``."""
    users = params.uploader
    key = target_key.id if target_key and target_key.active else NEW
    storage = params.target.with_key(key, "").public()
    known, secret = current.state_file.known, params.project.secret
    reason = state.reason(known, storage, None, secret, now, users.rotate, users.rotate_after)
    if reason == "unchanged" and unknown_keys(current):
        return "unknown"
    if reason == "unchanged" and target_key and is_older(target_key, users.rotate_after, now):
        return "expired"
    return reason


def is_older(key: AccessKey, seconds: float | None, now: float) -> bool:
    """Whether a key is older than that. Not every store returns the creation date."""
    return seconds is not None and key.created is not None and now - key.created >= seconds


def set_at(current: Current) -> float:
    """When the target was set, in Unix seconds."""
    known = current.state_file.known
    return (state.seconds(known.time) if known else None) or 0


def age(since: float, now: float) -> float:
    """The seconds that have passed, at least 0: a clock may be a little behind."""
    return max(now - since, 0)


def plan_key_actions(
    users: UploaderParams, others: t.Iterable[AccessKey], since: float, now: float, grace_period_over: bool = False
) -> tuple[KeyAction, ...]:
    """Deactivate and later delete the keys that the target has not held since then."""
    passed = age(since, now)
    if passed >= users.grace_period + users.delete_after:
        return tuple(KeyAction(key, DELETE) for key in others)
    if passed >= users.grace_period or grace_period_over or users.revoke_old_keys:
        return tuple(KeyAction(key, DEACTIVATE) for key in others if key.active)
    return ()


def without_active_keys(actions: t.Iterable[KeyAction]) -> tuple[KeyAction, ...]:
    """The actions that cannot break an upload in progress: no upload uses an inactive key."""
    return tuple(action for action in actions if not action.key.active)


class KeySlot(t.NamedTuple):
    """Which user gets the next key, and which keys are deleted before that."""

    spare: bool
    to_delete: tuple[AccessKey, ...]


def find_key_slot(keys: t.Sequence[AccessKey], users: UploaderParams, in_use: frozenset[str]) -> KeySlot | None:
    """Where the next key is created: at the user that has fewer keys, so that the other one keeps a free slot too.

    :param in_use: ids of the keys that must stay.
    :returns: ``None`` if both users have two keys and all of them must stay.
    """
    owned = {user.name: [key for key in keys if key.user == user.name] for user in users.users}
    fewest = min(owned, key=lambda name: len(owned[name]))
    if len(owned[fewest]) < QUOTA:
        return KeySlot(fewest == users.spare.name, ())
    # Inactive keys first, then the oldest.
    free = sorted((key for key in keys if key.id not in in_use), key=lambda key: (key.active, key.created or 0))
    return KeySlot(free[0].user == users.spare.name, (free[0],)) if free else None


def no_key_slot(
    params: ManagedKeyParams, in_use: frozenset[str], keys: t.Sequence[AccessKey], wait: str
) -> errors.QuotaError:
    """Translate a missing slot into an error.

    :param in_use: ids of the keys that the target may hold.
    :param wait: until when the keys must stay, a sentence.
    """
    remove = (
        "Delete the upload target (archive_storage_state=absent, or vonage_archive_storage with state=absent) and run "
        "this again. Until then recordings go to Vonage's cloud."
    )
    return errors.QuotaError(
        f"create another access key for {params.project.name}",
        f"{params.uploader.main.name} and {params.uploader.spare.name} have {QUOTA} keys each, and each of them may be "
        "in use",
        wait if any(key.id not in in_use for key in keys) else remove,
    )
