# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Use case of the module ``archive_key_rotation``: observe, plan, apply.

PRIVATE to the collection ``vonage.archiving``: there is no stability promise outside of it.

The secret of a key that is made here goes to the upload check and to Vonage, in this process, and nowhere else.

The order of writes: the record is claimed, so that no other run makes or retires keys; the key is made and proven; the
record says ``pending``; the API is called; the record says ``applied``; only then do other keys go. Wherever that is
cut off, every key that the target may hold works, and the record names them.
"""

from __future__ import annotations

import time
import typing as t
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from ansible_collections.vonage.archiving.plugins.module_utils import _errors as errors
from ansible_collections.vonage.archiving.plugins.module_utils._aws import uploader
from ansible_collections.vonage.archiving.plugins.module_utils._aws.connection import make_client
from ansible_collections.vonage.archiving.plugins.module_utils._aws.iam import Iam
from ansible_collections.vonage.archiving.plugins.module_utils._aws.upload_probe import Patience
from ansible_collections.vonage.archiving.plugins.module_utils._aws.uploader import AccessKey, NewKey
from ansible_collections.vonage.archiving.plugins.module_utils._plan import Context, Outcome
from ansible_collections.vonage.archiving.plugins.module_utils._rotation import telling
from ansible_collections.vonage.archiving.plugins.module_utils._rotation.flights import Flights
from ansible_collections.vonage.archiving.plugins.module_utils._rotation.options import Desired, desired
from ansible_collections.vonage.archiving.plugins.module_utils._rotation.plan import (
    DELETE,
    Decision,
    Fate,
    Observed,
    decide,
    fates,
    not_in_flight,
    room,
    set_at,
)
from ansible_collections.vonage.archiving.plugins.module_utils._rotation.proof import Prover
from ansible_collections.vonage.archiving.plugins.module_utils._vonage import record, storage
from ansible_collections.vonage.archiving.plugins.module_utils._vonage.api import Client
from ansible_collections.vonage.archiving.plugins.module_utils._vonage.journal import Journal, is_definite, with_hint

# For writes of a record that announce a call, and for clocks that differ a little.
SLACK = 5.0


def reconcile(params: t.Mapping[str, t.Any], context: Context) -> Outcome:
    """See to it that the target holds a key of the uploader that works and is not too old."""
    wanted = desired(params, context.environ)
    return Rotation(wanted, context, Iam(wanted.iam)).run()


@dataclass
class Rotation:
    """One run.

    :param now: Unix seconds.
    """

    wanted: Desired
    context: Context
    iam: Iam
    now: t.Callable[[], float] = time.time
    sleep: t.Callable[[float], None] = time.sleep
    story: telling.Story = field(default_factory=telling.Story)

    def run(self) -> Outcome:
        observed = self._observe()
        decision = self._decide(observed)
        self.story.begin(observed)
        changed = decision.changed
        if self.wanted.proof == "only":
            changed = changed and self.context.check_mode
        if not self.context.check_mode:
            self._apply(observed, decision)
        return telling.outcome(self.wanted, observed, decision, self.story, changed)

    def _apply(self, observed: Observed, decision: Decision) -> None:
        prover = Prover(self.wanted, self.context, self.iam, self.story)
        if self.wanted.proof == "only":
            prover.try_by_the_way(observed)
        elif decision.reason == "unchanged":
            self._tidy(observed, decision)
            if self.wanted.proof == "always":
                prover.try_by_the_way(observed)
        else:
            self._rotate(observed, prover)

    def _observe(self) -> Observed:
        kept = storage.Desired(self.wanted.project, self.wanted.target, self.wanted.store)
        with ThreadPoolExecutor(3) as pool:
            main = pool.submit(uploader.observe, self.iam, self.wanted.main)
            # Hardly ever there: the user is asked for first, and the rest only if there is one.
            spare = pool.submit(uploader.observe, self.iam, self.wanted.spare, eager=False)
            last = pool.submit(storage.observe, kept, self.now())
            return Observed(main.result(), spare.result(), last.result())

    def _decide(self, observed: Observed) -> Decision:
        decision = decide(self.wanted, observed, self.now())
        if any(fate.key.active for fate in decision.fates) and self._flights().begun_before(set_at(observed)):
            self.story.waits = telling.IN_FLIGHT
            return decide(self.wanted, observed, self.now(), in_flight=True)
        return decision

    def _flights(self) -> Flights:
        return Flights(self.wanted, make_client(self.wanted.operator))

    def _tidy(self, observed: Observed, decision: Decision) -> None:
        """The target is as it should be: put right what is around it."""
        uploader.apply(self.iam, self.wanted.main, decision.main)
        uploader.apply(self.iam, self.wanted.spare, decision.spare)
        if not (decision.fates or decision.spare_goes):
            return
        # A key that no record names may be one that another run made a moment ago. That run has claimed the record
        # before: if the record is still the same, the key was seen by nobody, and never will be.
        if self.wanted.store.read().data != observed.record.held.data:
            raise errors.ConflictError(
                f"retire access keys of {self.wanted.main.name}",
                "another run is at work on the same project",
                "Run it again once the other run has ended.",
            )
        self._retire(decision.fates)
        self.story.retired(decision.fates)
        if decision.spare_goes:
            self._remove_spare()

    def _rotate(self, observed: Observed, prover: Prover) -> None:
        """Give the target a new key."""
        last = observed.record
        journal = Journal(
            self.wanted.project, self.wanted.store, last.held, last.known is not None, last.in_use, self.now
        )
        Client(self.wanted.project).prepare()
        widened = self._widen(observed)
        journal.claim()
        try:
            keys, new = self._make_key(last, journal.may_hold)
        except errors.ArchivingError as exc:
            raise self._given_up(exc, journal) from exc
        self._set(journal, new, prover)
        self.story.applied(journal.end(record.APPLIED), new, keys)
        self._finish(keys, new, widened)

    def _widen(self, observed: Observed) -> bool:
        """Allow what is wanted, and until the target is set also what was allowed so far; whether that is more."""
        more = False
        for user, seen in ((self.wanted.main, observed.main), (self.wanted.spare, observed.spare)):
            if seen.user or user is self.wanted.main:
                wide = uploader.plan(user, seen, widen=True)
                uploader.apply(self.iam, user, wide)
                more = more or wide.steps != uploader.plan(user, seen).steps
        return more

    def _make_key(self, last: storage.Observed, may_hold: frozenset[str] | None) -> tuple[list[AccessKey], NewKey]:
        """A new key, and the others that are there then."""
        self._outlast(last)
        keys = self._list_keys()
        place = room(keys, self.wanted, may_hold, in_flight=False)
        if any(key.active for key in place.give_up) and self._flights().begun_before(self.now()):
            place = room(keys, self.wanted, may_hold, in_flight=True)
        self._retire([Fate(key, DELETE) for key in place.give_up])
        if place.spare:
            seen = uploader.observe(self.iam, self.wanted.spare, eager=False)
            uploader.apply(self.iam, self.wanted.spare, uploader.plan(self.wanted.spare, seen, widen=True))
        new = uploader.make_key(self.iam, self.wanted.spare if place.spare else self.wanted.main)
        return [key for key in keys if key not in place.give_up], new

    def _outlast(self, last: storage.Observed) -> None:
        """Where another run did not finish, wait until a call of it would be over: ours has to be the last one."""
        until = record.seconds(last.last.until) if last.pending and last.last else None
        left = min((until or 0) - self.now(), self.wanted.project.budget.total + SLACK)
        if left > 0:
            self.sleep(left)

    def _list_keys(self) -> list[AccessKey]:
        with ThreadPoolExecutor(2) as pool:
            both = pool.map(lambda user: uploader.list_keys(self.iam, user), (self.wanted.main, self.wanted.spare))
            return [key for keys in both for key in keys]

    def _set(self, journal: Journal, new: NewKey, prover: Prover) -> None:
        """Prove the key, and have the target hold it."""
        client = Client(self.wanted.project, [new.secret])
        target = self.wanted.target.with_key(new.id, new.secret)
        try:
            if self.wanted.proof != "none":
                prover.try_key(new)
            journal.begin(target.public(), new.secret)
        except errors.ArchivingError as exc:
            raise self._given_up(exc, journal, new) from exc
        try:
            client.put_storage(target.body())
        except errors.ArchivingError as exc:
            # Unless the answer is a plain no, the target may hold the key: it stays, and the record names it.
            told = journal.failed(exc)
            raise (self._without(told, new) if is_definite(exc) else told) from exc

    def _given_up(
        self, exc: errors.ArchivingError, journal: Journal, new: NewKey | None = None
    ) -> errors.ArchivingError:
        """After a failure before the API was called: leave everything as it was."""
        told = self._without(exc, new) if new else exc
        if isinstance(exc, errors.ConflictError):
            return told
        try:
            journal.release()
        except errors.ArchivingError as second:
            return with_hint(told, f"The record could not be put back either: {second.problem}.")
        return told

    def _without(self, exc: errors.ArchivingError, new: NewKey) -> errors.ArchivingError:
        """After a failure: the key that nobody will use."""
        try:
            uploader.retire(self.iam, self._user(new.user), [new.id])
        except errors.ArchivingError as second:
            return with_hint(
                exc, f"The new key {new.id} could not be deleted again, which the next run will do: {second.problem}."
            )
        return exc

    def _user(self, name: str) -> uploader.Wanted:
        return self.wanted.spare if name == self.wanted.spare.name else self.wanted.main

    def _finish(self, keys: list[AccessKey], new: NewKey, widened: bool) -> None:
        """The target holds the new key: retire the others, as far as their time has come."""
        moment = self.now()
        gone = fates(self.wanted, keys, moment, moment)
        patience = Patience(self.wanted.drain, sleep=self.sleep)
        if any(fate.key.active for fate in gone) and not self._flights().landed(moment, patience):
            self.story.waits = telling.IN_FLIGHT
            gone = not_in_flight(gone)
        self._retire(gone)
        self.story.retired(gone)
        rest = self.story.keys
        if widened and not any(key.active and key.id != new.id for key in rest):
            self._narrow()
        if new.user == self.wanted.main.name and not any(key.user == self.wanted.spare.name for key in rest):
            self._remove_spare()

    def _narrow(self) -> None:
        """Allow what is wanted, and no more."""
        for user in (self.wanted.main, self.wanted.spare):
            seen = uploader.observe(self.iam, user, eager=False)
            if seen.user:
                uploader.apply(self.iam, user, uploader.plan(user, seen))

    def _retire(self, gone: t.Iterable[Fate]) -> None:
        for fate in gone:
            uploader.retire(self.iam, self._user(fate.key.user), [fate.key.id], delete=fate.deed == DELETE)

    def _remove_spare(self) -> None:
        seen = uploader.observe(self.iam, self.wanted.spare, eager=False)
        if seen.user and not seen.keys:
            uploader.remove(self.iam, self.wanted.spare, seen)
