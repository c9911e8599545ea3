# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a key rotation tells: its result and its diff. Pure.

PRIVATE to the collection ``vonage.archiving``: there is no stability promise outside of it.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field, replace

from ansible_collections.vonage.archiving.plugins.module_utils._aws.uploader import ACTIVE, INACTIVE, AccessKey, NewKey
from ansible_collections.vonage.archiving.plugins.module_utils._plan import Change, Outcome, Plan
from ansible_collections.vonage.archiving.plugins.module_utils._rotation.options import Desired
from ansible_collections.vonage.archiving.plugins.module_utils._rotation.plan import (
    DELETE,
    NEW,
    Decision,
    Fate,
    Observed,
    fates,
    old_keys,
    strangers,
)
from ansible_collections.vonage.archiving.plugins.module_utils._vonage import record, storage

IN_FLIGHT = "uploads that started before the target was set are in progress"
GRACE_PERIOD = "the grace period is not over"
DELETE_AFTER = "old keys are inactive, and deleted later"
STRANGE = "an access key is there that was made without this record"


@dataclass
class Story:
    """What happened in one run.

    :param keys: the access keys that are there.
    :param new: the id of the key that was made for the target.
    :param last: the record.
    :param why: why it is not believed.
    :param waits: why keys are still there that the target does not hold.
    """

    keys: tuple[AccessKey, ...] = ()
    new: str = ""
    last: record.Record | None = None
    why: str = ""
    waits: str = ""
    checks: list[dict[str, t.Any]] = field(default_factory=list)
    proof: str = ""

    def begin(self, observed: Observed) -> None:
        """What was found."""
        self.keys, self.last = observed.keys, observed.record.last
        self.why = observed.record.why or (STRANGE if strangers(observed) else "")

    def applied(self, last: record.Record, new: NewKey, others: t.Sequence[AccessKey]) -> None:
        """The target holds the new key."""
        self.last, self.why, self.new = last, "", new.id
        made = AccessKey(id=new.id, user=new.user, active=True, created=None, last_used=None)
        self.keys = (*others, made)

    def retired(self, gone: t.Iterable[Fate]) -> None:
        """Keys were deactivated or deleted."""
        deeds = {fate.key.id: fate.deed for fate in gone}
        left = [key for key in self.keys if deeds.get(key.id) != DELETE]
        self.keys = tuple(replace(key, active=False) if key.id in deeds else key for key in left)


def outcome(wanted: Desired, observed: Observed, decision: Decision, story: Story, changed: bool) -> Outcome:
    """The result and the diff."""
    plan = changes(wanted, observed, decision)
    held = story.new or (decision.holder.id if decision.holder else None)
    result = {
        "project": wanted.project.id,
        "reason": decision.reason,
        "storage": aim(wanted, held or NEW),
        "record": shown_record(wanted, story),
        "uploader": shown_user(wanted, observed),
        "access_keys": [shown_key(key, held) for key in story.keys],
        "changes": plan.names,
        "rotate_at": rotate_at(wanted, story),
        "waits": story.waits or waits(story.keys, held),
        "retained_keys_until": retained_until(wanted, story, held),
        "checks": story.checks,
        "proof": story.proof,
    }
    return Outcome(changed, result, plan.before(), plan.after())


def waits(keys: t.Sequence[AccessKey], held: str | None) -> str:
    """Why keys are there that the target does not hold; where that is not known, nothing is said of them."""
    others = [key for key in keys if key.id != held]
    if held is None or not others:
        return ""
    return GRACE_PERIOD if any(key.active for key in others) else DELETE_AFTER


def retained_until(wanted: Desired, story: Story, held: str | None) -> str | None:
    """When the last old key is deleted at the latest, if a run follows; UTC, ISO 8601. ``None`` without old keys."""
    known = story.last is not None and story.last.status == record.APPLIED
    if held is None or not known or all(key.id == held for key in story.keys):
        return None
    set_at = record.seconds(t.cast(record.Record, story.last).time) or 0
    return record.stamp(set_at + wanted.grace_period + wanted.delete_after)


def changes(wanted: Desired, observed: Observed, decision: Decision) -> Plan:
    """All that differs, as a person would write it."""
    users = ((wanted.main.name, decision.main), (wanted.spare.name, decision.spare))
    found = [replace(change, name=f"{name}: {change.name}") for name, plan in users for change in plan.changes]
    before = {key.id: key.status for key in observed.keys}
    after = dict(before)
    if decision.reason != "unchanged":
        found.append(Change("target", _recorded(observed), aim(wanted, NEW)))
        # The grace period of all other keys begins when the target holds the new key.
        gone = fates(wanted, old_keys(wanted, observed, None), 0, 0)
        after[NEW] = ACTIVE
    else:
        gone = decision.fates
    for fate in gone:
        after[fate.key.id] = INACTIVE
        if fate.deed == DELETE:
            del after[fate.key.id]
    if before != after:
        found.append(Change("access_keys", before, after))
    return Plan(tuple(found))


def _recorded(observed: Observed) -> t.Any:
    known = observed.record.known
    if known is None:
        return "unknown"
    return dict(known.storage) if known.status == record.APPLIED else "absent"


def aim(wanted: Desired, key: str) -> dict[str, t.Any]:
    """The public fields of the target."""
    return wanted.target.with_key(key, "").public()


def shown_key(key: AccessKey, held: str | None) -> dict[str, t.Any]:
    """One key of the result."""
    return {
        "id": key.id,
        "user": key.user,
        "status": key.status,
        "created": None if key.created is None else record.stamp(key.created),
        "in_target": key.id == held,
    }


def shown_user(wanted: Desired, observed: Observed) -> dict[str, t.Any]:
    user = observed.main.user
    return {"name": wanted.main.name, "arn": user.arn if user else None}


def shown_record(wanted: Desired, story: Story) -> dict[str, t.Any]:
    return storage.shown_record(wanted.store, story.last, story.why)


def rotate_at(wanted: Desired, story: Story) -> str | None:
    """When the next rotation is due; UTC, ISO 8601."""
    if wanted.rotate_after is None or story.last is None or story.last.status != record.APPLIED:
        return None
    return record.stamp((record.seconds(story.last.time) or 0) + wanted.rotate_after)
