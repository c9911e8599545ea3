# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Use case of the module ``archive_key_rotation``: observe, plan, apply.

PRIVATE to the collection ``vonage.archiving``: there is no stability promise outside of it.

The secret of a key that is made here goes to the upload check and to Vonage, in this process, and nowhere else.

The order of writes: the record is claimed, so that no other run makes or retires keys or changes what they are allowed;
the user is allowed what is wanted, and still what it was; the key is made and proven; the record says ``pending``; the
API is called; the record says ``applied``. Later runs deactivate and delete the old keys, and narrow the policies;
without a grace period, this run does. Wherever that is cut off, every key that the target may hold works, and the
record names them.
"""

from __future__ import annotations

import time
import typing as t
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace

from ansible_collections.vonage.archiving.plugins.module_utils import _errors as errors
from ansible_collections.vonage.archiving.plugins.module_utils._aws import uploader
from ansible_collections.vonage.archiving.plugins.module_utils._aws.bucket_api import check_owner
from ansible_collections.vonage.archiving.plugins.module_utils._aws.connection import make_client
from ansible_collections.vonage.archiving.plugins.module_utils._aws.flights import Flights
from ansible_collections.vonage.archiving.plugins.module_utils._aws.iam import Iam, warn_of_exposed_keys
from ansible_collections.vonage.archiving.plugins.module_utils._aws.uploader import AccessKey, NewKey
from ansible_collections.vonage.archiving.plugins.module_utils._plan import Context, Outcome
from ansible_collections.vonage.archiving.plugins.module_utils._rotation import telling
from ansible_collections.vonage.archiving.plugins.module_utils._rotation.options import Desired, desired
from ansible_collections.vonage.archiving.plugins.module_utils._rotation.places import of_project, refuse_others
from ansible_collections.vonage.archiving.plugins.module_utils._rotation.plan import (
    DELETE,
    Decision,
    Fate,
    KeySlot,
    Observed,
    decide,
    fates,
    find_key_slot,
    holder,
    may_hold,
    no_key_slot,
    not_in_flight,
    old_keys,
    protected_keys,
    set_at,
)
from ansible_collections.vonage.archiving.plugins.module_utils._rotation.proof import Prover
from ansible_collections.vonage.archiving.plugins.module_utils._vonage import (
    announced_call,
    previous_target,
    record,
    storage,
)
from ansible_collections.vonage.archiving.plugins.module_utils._vonage.api import Client
from ansible_collections.vonage.archiving.plugins.module_utils._vonage.journal import Journal
from ansible_collections.vonage.archiving.plugins.module_utils._vonage.record_store import Held

OTHER_RUN = "another run is at work on the same project"
AGAIN = "Run it again once the other run has ended."


def reconcile(params: t.Mapping[str, t.Any], context: Context) -> Outcome:
    """See to it that the target holds a key of the uploader that works and is not too old."""
    wanted = desired(params, context.environ)
    iam = Iam(wanted.iam)
    warn_of_exposed_keys(iam.connection, context.warn)
    return Rotation(wanted, context, iam).run()


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
        observed = self._settled()
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
            prover.try_by_the_way(observed.users)
        elif decision.reason == "unchanged":
            self._tidy(observed, decision)
            if self.wanted.proof == "always":
                prover.try_by_the_way(observed.users)
        else:
            self._rotate(observed, prover)

    def _settled(self) -> Observed:
        """The current state once no call of another run can be in progress: the call of this run has to be the last."""
        while True:
            observed = self._observe()
            if self.context.check_mode or self.wanted.proof == "only":
                return observed
            known = observed.record
            if not announced_call.wait(
                self.wanted.project, self.wanted.store, known.held, known.last, time.monotonic, self.sleep
            ):
                return observed

    def _is_as(self, held: Held) -> bool:
        """Whether the record is still the same."""
        return self.wanted.store.read().data == held.data

    def _observe(self) -> Observed:
        kept = storage.Desired(self.wanted.project, self.wanted.target, self.wanted.store)
        with ThreadPoolExecutor(2) as pool:
            users = pool.submit(self._observe_users)
            last = pool.submit(storage.observe, kept, self.now())
            return Observed(*users.result(), last.result())

    def _observe_users(self) -> tuple[uploader.Observed, uploader.Observed]:
        with ThreadPoolExecutor(2) as pool:
            main = pool.submit(uploader.observe, self.iam, self.wanted.main)
            # Hardly ever there: the user is asked for first, and the rest only if there is one.
            spare = pool.submit(uploader.observe, self.iam, self.wanted.spare, eager=False)
            users = main.result(), spare.result()
        refuse_others(self.wanted, users)
        return users

    def _decide(self, observed: Observed) -> Decision:
        decision = decide(self.wanted, observed, self.now())
        early = decision.reason == "unchanged" and self._is_grace_period_over(observed)
        if early:
            decision = decide(self.wanted, observed, self.now(), grace_period_over=True)
        active = any(fate.key.active for fate in decision.fates) and not self.wanted.revoke_old_keys
        if active and self._flights(observed).begun_before(set_at(observed)):
            self.story.waits = telling.IN_FLIGHT
            return decide(self.wanted, observed, self.now(), in_flight=True, grace_period_over=early)
        return decision

    def _is_grace_period_over(self, observed: Observed) -> bool:
        """Whether the grace period of active old keys ends early, because no recording can use them any more."""
        active = any(key.active for key in old_keys(self.wanted, observed, holder(observed)))
        if not active or self.wanted.proof == "only" or self.wanted.revoke_old_keys:
            return False
        previous = self._fetch_previous_target(observed)
        if previous.in_use:
            self.story.waits = previous.reason or telling.GRACE_PERIOD
        return not previous.in_use

    def _fetch_previous_target(self, observed: Observed) -> previous_target.PreviousTarget:
        project = self.wanted.project
        return previous_target.fetch(Client(project), project, set_at(observed), self.wanted.grace_period, self.now())

    def _flights(self, seen: Observed) -> Flights:
        operator = self.wanted.operator
        return Flights(operator, make_client(operator), of_project(self.wanted, seen.users), self.now)

    def _tidy(self, observed: Observed, decision: Decision) -> None:
        """The target is as it should be: put right what is around it."""
        if not decision.changed:
            return
        # A key that no record names may be one that another run made a moment ago, and what it is allowed, too. That
        # run has claimed the record before: if the record is still the same, nobody uses the key, and nobody will.
        if not self._is_as(observed.record.held):
            raise errors.ConflictError(f"put right what is around {self.wanted.main.name}", OTHER_RUN, AGAIN)
        uploader.apply(self.iam, self.wanted.main, decision.main)
        uploader.apply(self.iam, self.wanted.spare, decision.spare)
        self._retire(decision.fates)
        self.story.retired(decision.fates)

    def _rotate(self, observed: Observed, prover: Prover) -> None:
        """Give the target a new key."""
        last = observed.record
        journal = Journal(
            self.wanted.project, self.wanted.store, last.held, last.known is not None, may_hold(observed), self.now
        )
        client = Client(self.wanted.project)
        client.prepare()
        check_owner(self.wanted.target.place, self.wanted.operator)
        if last.pending:
            self._see_it_answer(client)
        try:
            journal.claim()
            # From here on nobody else makes keys: what was seen before may be out of date, what is seen now stays true.
            seen = Observed(*self._observe_users(), last)
            widened = self._widen(seen)
            new, deleted = self._make_key(seen, may_hold(observed))
        except errors.ArchivingError as exc:
            raise self._given_up(exc, journal) from exc
        self._set(journal, new, prover)
        done = journal.end(record.APPLIED, [key.id for key in seen.keys])
        self.story.applied(done, new, [key for key in seen.keys if key not in deleted])
        self._finish(journal, seen, new, widened)

    def _see_it_answer(self, client: Client) -> None:
        """A call whose outcome nobody learns costs a key, and there are only so many: one such call is enough to look
        first, with a harmless question, whether the API answers at all.
        """
        project = self.wanted.project
        try:
            client.get(f"/v2/project/{project.id}/archive", f"see whether the API answers for {project.name}", count=1)
        except (errors.UnreachableError, errors.DeniedError):
            raise
        except errors.ArchivingError:
            return  # it answers

    def _widen(self, seen: Observed) -> bool:
        """Allow what is wanted, and until the target is set also what was allowed so far; whether that is more."""
        more = False
        for user, found in zip((self.wanted.main, self.wanted.spare), seen.users):
            if found.user or user is self.wanted.main:
                wide = uploader.plan(user, found, widen=True)
                uploader.apply(self.iam, user, wide)
                more = more or wide.steps != uploader.plan(user, found).steps
        return more

    def _make_key(self, seen: Observed, in_use: frozenset[str]) -> tuple[NewKey, tuple[AccessKey, ...]]:
        """A new key, and the keys that had to be deleted for it."""
        slot = self._find_key_slot(seen, in_use)
        self._retire([Fate(key, DELETE) for key in slot.to_delete])
        if slot.spare:
            uploader.apply(self.iam, self.wanted.spare, uploader.plan(self.wanted.spare, seen.spare, widen=True))
        return uploader.make_key(self.iam, self.wanted.spare if slot.spare else self.wanted.main), slot.to_delete

    def _find_key_slot(self, seen: Observed, in_use: frozenset[str]) -> KeySlot:
        """Where the next key is created; an active old key is deleted for it only if no recording can use it.

        :raises QuotaError: every key may be in use.
        """
        kept = in_use if self.wanted.revoke_old_keys else in_use | protected_keys(seen)
        active = frozenset() if self.wanted.revoke_old_keys else frozenset(key.id for key in seen.keys if key.active)
        slot = find_key_slot(seen.keys, self.wanted, kept | active)
        if slot:
            return slot
        previous = self._fetch_previous_target(seen)
        wait = f"Run it again after {record.stamp(previous.until)}, when the grace period is over: {previous.reason}."
        if not previous.in_use:
            slot = find_key_slot(seen.keys, self.wanted, kept)
            if slot and not self._flights(seen).begun_before(self.now()):
                return slot
            wait = "Run it again in 15 minutes, or once the uploads in progress have ended."
        raise no_key_slot(self.wanted, in_use, seen.keys, wait)

    def _set(self, journal: Journal, new: NewKey, prover: Prover) -> None:
        """Prove the key, and have the target hold it."""
        target = self.wanted.target.with_key(new.id, new.secret)
        try:
            if self.wanted.proof != "none":
                prover.try_key(new)
            journal.begin(target.public(), new.secret)
            client = self._client(journal, new)
        except errors.ArchivingError as exc:
            raise self._given_up(exc, journal, new) from exc
        try:
            client.put_storage(target.body())
        except errors.ArchivingError as exc:
            # Unless the answer is a plain no, the target may hold the key: it stays, and the record names it.
            told = journal.failed(exc)
            raise (self._without(told, new) if errors.is_definite(exc) else told) from exc

    def _client(self, journal: Journal, new: NewKey) -> Client:
        """For one call that is over when the record says so: somebody else's may come after that."""
        project = self.wanted.project
        left = min(project.budget.total, journal.seconds_left)
        if left <= 0:
            raise errors.UnreachableError(
                f"set the upload target of {project.name}",
                f"to write the record {self.wanted.store.location} took longer than the call may take",
                "The target was not touched: run it again.",
            )
        return Client(replace(project, budget=replace(project.budget, total=left)), [new.secret])

    def _given_up(
        self, exc: errors.ArchivingError, journal: Journal, new: NewKey | None = None
    ) -> errors.ArchivingError:
        """After a failure before the API was called: leave everything as it was."""
        told = self._without(exc, new) if new else exc
        try:
            journal.release()
        except errors.ConflictError:
            # Whatever went wrong, it is because the other run took it for dead: a key is gone, or a policy another one.
            return errors.ConflictError(told.attempted, f"{OTHER_RUN}, and has taken over", AGAIN)
        except errors.ArchivingError as second:
            return told.with_hint(f"The record could not be put back either: {second.problem}.")
        return told

    def _without(self, exc: errors.ArchivingError, new: NewKey) -> errors.ArchivingError:
        return uploader.discard(self.iam, self._user(new.user), new, exc)

    def _user(self, name: str) -> uploader.Wanted:
        return self.wanted.spare if name == self.wanted.spare.name else self.wanted.main

    def _finish(self, journal: Journal, seen: Observed, new: NewKey, widened: bool) -> None:
        """The target holds the new key: retire the others, as far as their time has come.

        :param seen: the users as they were before.
        """
        moment = self.now()
        kept = {new.id} if self.wanted.revoke_old_keys else {new.id, *protected_keys(seen)}
        others = [key for key in self.story.keys if key.id not in kept]
        gone = fates(self.wanted, others, moment, moment)
        active = any(fate.key.active for fate in gone) and not self.wanted.revoke_old_keys
        if active and not self._flights(seen).drained(self.wanted.drain, self.sleep):
            self.story.waits = telling.IN_FLIGHT
            gone = not_in_flight(gone)
        if not (gone or widened):
            return
        if not self._is_as(journal.held):
            # The target has been set again while this one waited: the rest is for that run to decide.
            self.story.waits = OTHER_RUN
            return
        self._retire(gone)
        self.story.retired(gone)
        rest = self.story.keys
        if widened and not any(key.active and key.id != new.id for key in rest):
            self._narrow()

    def _narrow(self) -> None:
        """Allow what is wanted, and no more."""
        for user in (self.wanted.main, self.wanted.spare):
            seen = uploader.observe(self.iam, user, eager=False)
            if seen.user:
                uploader.apply(self.iam, user, uploader.plan(user, seen))

    def _retire(self, gone: t.Iterable[Fate]) -> None:
        for fate in gone:
            uploader.retire(self.iam, self._user(fate.key.user), [fate.key.id], delete=fate.deed == DELETE)
