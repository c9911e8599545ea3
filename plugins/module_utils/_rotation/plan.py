# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which key the target holds, whether it has to be another one, and what becomes of the rest. Pure.

PRIVATE to the collection ``vonage.archiving``: there is no stability promise outside of it.

The rule under everything here: a key that the target may hold is never deactivated, and never deleted.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from ansible_collections.vonage.archiving.plugins.module_utils import _errors as errors
from ansible_collections.vonage.archiving.plugins.module_utils._aws import uploader
from ansible_collections.vonage.archiving.plugins.module_utils._aws.uploader import QUOTA, AccessKey
from ansible_collections.vonage.archiving.plugins.module_utils._plan import Plan
from ansible_collections.vonage.archiving.plugins.module_utils._rotation.options import Desired
from ansible_collections.vonage.archiving.plugins.module_utils._vonage import record, storage

DEACTIVATE, DELETE = "deactivate", "delete"
NEW = "(new)"
# Seconds. A key that the state file does not name and that is younger may belong to a verification, which ends within
# ten minutes.
PROTECTED_AGE = 15 * 60


@dataclass(frozen=True)
class Observed:
    """The users, their keys, and the record."""

    main: uploader.Observed
    spare: uploader.Observed
    record: storage.Observed

    @property
    def users(self) -> tuple[uploader.Observed, uploader.Observed]:
        return self.main, self.spare

    @property
    def keys(self) -> tuple[AccessKey, ...]:
        return (*self.main.keys, *self.spare.keys)


class Fate(t.NamedTuple):
    """What is to be done with a key that the target does not hold."""

    key: AccessKey
    deed: str


@dataclass(frozen=True)
class Decision:
    """What there is to do.

    :param reason: why the target needs another key: as :func:`record.reason`; ``unchanged`` where it needs none.
    :param holder: the key that the target holds, where that is known.
    :param main: changes to the user, but for its keys; likewise ``spare``, where that user is there.
    :param fates: of the other keys, as far as their time has come.
    """

    reason: str
    holder: AccessKey | None
    main: Plan
    spare: Plan
    fates: tuple[Fate, ...] = ()

    @property
    def changed(self) -> bool:
        steps = self.main.changed or self.spare.changed or self.fates
        return self.reason != "unchanged" or bool(steps)


def decide(
    wanted: Desired, observed: Observed, now: float, in_flight: bool = False, grace_period_over: bool = False
) -> Decision:
    """What there is to do.

    :param in_flight: whether uploads are in progress that started before the target was set.
    :param grace_period_over: whether no recording can use an older key any more, although the grace period lasts.
    """
    held = holder(observed)
    reason = why(wanted, observed, held, now)
    others = old_keys(wanted, observed, held)
    gone = fates(wanted, others, set_at(observed), now, grace_period_over) if reason == "unchanged" else ()
    gone = not_in_flight(gone) if in_flight and not wanted.revoke_old_keys else gone
    # What keys were made for that still work stays allowed.
    touched = {fate.key.id for fate in gone}
    stays = reason == "unchanged" and any(key.active and key.id not in touched for key in others)
    main = uploader.plan(wanted.main, observed.main, widen=stays)
    if observed.spare.user is None:
        return Decision(reason, held, main, Plan(), gone)
    return Decision(reason, held, main, uploader.plan(wanted.spare, observed.spare, widen=stays), gone)


def holder(observed: Observed) -> AccessKey | None:
    """The key of ours that the target holds; ``None`` where that is not known or the key is nobody's."""
    known = observed.record.known
    if known is None or known.status != record.APPLIED:
        return None
    found = [key for key in observed.keys if key.id == known.storage.get("access_key")]
    return found[0] if found else None


def old_keys(wanted: Desired, observed: Observed, held: AccessKey | None) -> list[AccessKey]:
    """The keys to deactivate and delete: neither the target's key nor, except in an emergency, a protected one."""
    protected = frozenset() if wanted.revoke_old_keys else protected_keys(observed)
    kept = protected | ({held.id} if held else set())
    return [key for key in observed.keys if key.id not in kept]


def protected_keys(observed: Observed) -> frozenset[str]:
    """The ids of keys that the state file does not name and that are new: a verification may use them."""
    last = observed.record.last
    named = {last.storage.get("access_key"), *last.others, *(last.may_hold or ())} if last else set()
    return frozenset(
        key.id for key in observed.keys if key.id not in named and key.age is not None and key.age < PROTECTED_AGE
    )


def strangers(observed: Observed) -> list[AccessKey]:
    """Older keys that the state file does not name: another state file may be newer, and name one of them.

    This happens if the state file moved and came back, for example together with its bucket.
    """
    known = observed.record.known
    if known is None or known.status != record.APPLIED:
        return []
    named = {known.storage.get("access_key"), *known.others, *protected_keys(observed)}
    return [key for key in observed.keys if key.id not in named]


def may_hold(observed: Observed) -> frozenset[str]:
    """The ids of access keys that the target may hold; all keys if that is not known.

    Keys of other users are never changed. The target cannot hold a key that is created later, as long as no other run
    calls the API.
    """
    named = observed.record.in_use
    if named is None or strangers(observed):
        return frozenset(key.id for key in observed.keys) | (named or frozenset())
    return named | protected_keys(observed)


def why(wanted: Desired, observed: Observed, held: AccessKey | None, now: float) -> str:
    """Why the target needs another key, or ``unchanged``."""
    key = held.id if held and held.active else NEW
    aim = wanted.target.with_key(key, "").public()
    reason = record.reason(
        observed.record.known, aim, None, wanted.project.secret, now, wanted.rotate, wanted.rotate_after
    )
    if reason == "unchanged" and strangers(observed):
        return "unknown"
    if reason == "unchanged" and held and is_older(held, wanted.rotate_after, now):
        return "expired"
    return reason


def is_older(key: AccessKey, seconds: float | None, now: float) -> bool:
    """Whether a key is older than that; not every store knows."""
    return seconds is not None and key.created is not None and now - key.created >= seconds


def set_at(observed: Observed) -> float:
    """When the target was set, in Unix seconds."""
    known = observed.record.known
    return (record.seconds(known.time) if known else None) or 0


def age(since: float, now: float) -> float:
    """The seconds that have passed; a clock that is a little behind makes them none rather than less."""
    return max(now - since, 0)


def fates(
    wanted: Desired, others: t.Iterable[AccessKey], since: float, now: float, grace_period_over: bool = False
) -> tuple[Fate, ...]:
    """What to do with old keys that the target has not held since then: deactivate, then delete."""
    passed = age(since, now)
    if passed >= wanted.grace_period + wanted.delete_after:
        return tuple(Fate(key, DELETE) for key in others)
    if passed >= wanted.grace_period or grace_period_over or wanted.revoke_old_keys:
        return tuple(Fate(key, DEACTIVATE) for key in others if key.active)
    return ()


def not_in_flight(found: t.Iterable[Fate]) -> tuple[Fate, ...]:
    """Those that cannot hurt an upload that is under way: an inactive key has none."""
    return tuple(fate for fate in found if not fate.key.active)


class KeySlot(t.NamedTuple):
    """Which user gets the next key, and which keys are deleted before that."""

    spare: bool
    to_delete: tuple[AccessKey, ...]


def find_key_slot(keys: t.Sequence[AccessKey], wanted: Desired, in_use: frozenset[str]) -> KeySlot | None:
    """Where the next key is created: at the user that has fewer keys, so that the other one keeps a free slot too.

    :param in_use: ids of the keys that must stay.
    :returns: ``None`` if both users have two keys and all of them must stay.
    """
    owned = {user.name: [key for key in keys if key.user == user.name] for user in (wanted.main, wanted.spare)}
    fewest = min(owned, key=lambda name: len(owned[name]))
    if len(owned[fewest]) < QUOTA:
        return KeySlot(fewest == wanted.spare.name, ())
    # Inactive keys first, then the oldest.
    free = sorted((key for key in keys if key.id not in in_use), key=lambda key: (key.active, key.created or 0))
    return KeySlot(free[0].user == wanted.spare.name, (free[0],)) if free else None


def no_key_slot(wanted: Desired, in_use: frozenset[str], keys: t.Sequence[AccessKey], wait: str) -> errors.QuotaError:
    """Translate a missing slot into an error.

    :param in_use: ids of the keys that the target may hold.
    :param wait: until when the keys must stay, a sentence.
    """
    remove = (
        "Delete the upload target (archive_storage_state=absent, or vonage_archive_storage with state=absent) and run "
        "this again. Until then recordings go to Vonage's cloud."
    )
    return errors.QuotaError(
        f"create another access key for {wanted.project.name}",
        f"{wanted.main.name} and {wanted.spare.name} have {QUOTA} keys each, and each of them may be in use",
        wait if any(key.id not in in_use for key in keys) else remove,
    )
