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
    :param spare_goes: whether the spare user has done its work.
    """

    reason: str
    holder: AccessKey | None
    main: Plan
    spare: Plan
    fates: tuple[Fate, ...] = ()
    spare_goes: bool = False

    @property
    def changed(self) -> bool:
        steps = self.main.changed or self.spare.changed or self.fates or self.spare_goes
        return self.reason != "unchanged" or bool(steps)


def decide(wanted: Desired, observed: Observed, now: float, in_flight: bool = False) -> Decision:
    """What there is to do.

    :param in_flight: whether uploads are under way that began before the target was set.
    """
    held = holder(observed)
    reason = why(wanted, observed, held, now)
    others = [key for key in observed.keys if not held or key.id != held.id]
    gone = fates(wanted, others, set_at(observed), now) if reason == "unchanged" else ()
    gone = not_in_flight(gone) if in_flight else gone
    # What keys were made for that still work stays allowed.
    touched = {fate.key.id for fate in gone}
    stays = reason == "unchanged" and any(key.active and key.id not in touched for key in others)
    main = uploader.plan(wanted.main, observed.main, widen=stays)
    if observed.spare.user is None:
        return Decision(reason, held, main, Plan(), gone)
    goes = reason == "unchanged" and not [key for key in left(observed.keys, gone) if key.user == wanted.spare.name]
    spare = Plan() if goes else uploader.plan(wanted.spare, observed.spare, widen=stays)
    return Decision(reason, held, main, spare, gone, goes)


def left(keys: t.Iterable[AccessKey], gone: t.Iterable[Fate]) -> list[AccessKey]:
    """The keys that are there after these deeds, as they were before."""
    deleted = {fate.key.id for fate in gone if fate.deed == DELETE}
    return [key for key in keys if key.id not in deleted]


def holder(observed: Observed) -> AccessKey | None:
    """The key of ours that the target holds; ``None`` where that is not known or the key is nobody's."""
    known = observed.record.known
    if known is None or known.status != record.APPLIED:
        return None
    found = [key for key in observed.keys if key.id == known.storage.get("access_key")]
    return found[0] if found else None


def strangers(observed: Observed) -> list[AccessKey]:
    """Keys that are there without a record that can be believed: then another one may be newer, and name one of them.

    So it is where the record moved and came back, as it does with the bucket it is in.
    """
    known = observed.record.known
    if known is None or known.status != record.APPLIED:
        return []
    named = {known.storage.get("access_key"), *known.others}
    return [key for key in observed.keys if key.id not in named]


def may_hold(observed: Observed) -> frozenset[str]:
    """The ids of access keys that the target may hold; where it is not known, all that are there.

    The target may also hold a key of others, which is not touched anyway. One that is made later it does not hold, as
    long as this run is the only one that calls the API.
    """
    named = observed.record.in_use
    if named is None or strangers(observed):
        return frozenset(key.id for key in observed.keys) | (named or frozenset())
    return named


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


def fates(wanted: Desired, others: t.Iterable[AccessKey], since: float, now: float) -> tuple[Fate, ...]:
    """What is to be done now with keys that the target does not hold since then."""
    passed = age(since, now)
    if passed < wanted.overlap:
        return ()
    if passed < wanted.overlap + wanted.retire_delay:
        return tuple(Fate(key, DEACTIVATE) for key in others if key.active)
    return tuple(Fate(key, DELETE) for key in others)


def not_in_flight(found: t.Iterable[Fate]) -> tuple[Fate, ...]:
    """Those that cannot hurt an upload that is under way: an inactive key has none."""
    return tuple(fate for fate in found if not fate.key.active)


class Room(t.NamedTuple):
    """Where the next key is made, and which keys go before that."""

    spare: bool
    give_up: tuple[AccessKey, ...]


def room(keys: t.Sequence[AccessKey], wanted: Desired, may_hold: frozenset[str], busy: bool) -> Room:
    """Where there is room for another key.

    :param may_hold: ids of the keys that the target may hold.
    :param busy: whether any key that is active has to stay: uploads are under way, or the overlap is not over.
    :raises QuotaError: there is none: every key may be in use.
    """
    for user in (wanted.main, wanted.spare):
        own = [key for key in keys if key.user == user.name]
        surplus = len(own) + 1 - QUOTA
        free = [key for key in own if key.id not in may_hold and not (key.active and busy)]
        # Inactive ones first, and of these the oldest.
        free.sort(key=lambda key: (key.active, key.created or 0))
        if surplus <= len(free):
            return Room(user is wanted.spare, tuple(free[: max(surplus, 0)]))
    wait = "Run it again once uploads that are under way have ended and the overlap is over."
    remove = (
        "Remove the upload target (archive_storage_state=absent, or vonage_archive_storage with state=absent) and run "
        "this again: until then recordings go to Vonage's cloud."
    )
    raise errors.QuotaError(
        f"make another access key for {wanted.project.name}",
        f"{wanted.main.name} and {wanted.spare.name} have {QUOTA} each, and any of them may be in use",
        wait if any(key.id not in may_hold for key in keys) else remove,
    )
