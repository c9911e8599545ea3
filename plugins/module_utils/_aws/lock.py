# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Turns at writing to a bucket that projects share.

PRIVATE to the collection ``vonage.archiving``: there is no stability promise outside of it.

S3 has no conditional write of a policy, a lifecycle configuration or tags: whoever replaces one of these documents by
what was read a moment ago takes away what others have put into it since. So runs take turns, by an object in the bucket
which S3 does replace conditionally. The turn ends with a write, not with a deletion, so that every change of the object
is a conditional one; and a run that was killed is waited for only as long as its lease says.
"""

from __future__ import annotations

import random
import time
import typing as t
import uuid
from dataclasses import dataclass, field

from ansible_collections.vonage.archiving.plugins.module_utils import _errors as errors
from ansible_collections.vonage.archiving.plugins.module_utils._aws import lease as leases
from ansible_collections.vonage.archiving.plugins.module_utils._aws.bucket_api import Bucket
from ansible_collections.vonage.archiving.plugins.module_utils._aws.conditional import ConditionalObject, Held
from ansible_collections.vonage.archiving.plugins.module_utils._aws.connection import TRIES, make_client
from ansible_collections.vonage.archiving.plugins.module_utils._aws.lease import FREE, Holding, Lease
from ansible_collections.vonage.archiving.plugins.module_utils._aws.names import LOCK_KEY, RECORDS_PREFIX


class TurnLostError(errors.ConflictError):
    """The lease has run out, and somebody else holds the lock now."""


class UnusableError(Exception):
    """There is no taking turns, for a reason that is no failure; its text tells."""


class Object(t.Protocol):
    """What a lock needs of the object that it is."""

    def read(self) -> Held:
        """What is there now."""

    def write(self, data: bytes, expected: Held | None) -> Held:
        """Replace this, or raise ConflictError."""


@dataclass(frozen=True)
class Clock:
    """Time and chance, which tests replace."""

    monotonic: t.Callable[[], float] = time.monotonic
    wall: t.Callable[[], float] = time.time
    sleep: t.Callable[[float], None] = time.sleep
    random: t.Callable[[], float] = random.random

    def now(self) -> Holding:
        return Holding(self.monotonic(), self.wall())


@dataclass
class Lock:
    """One run's turn, from ``acquire`` to ``release``.

    :param place: what messages call the bucket.
    """

    object: Object
    place: str
    scope: str
    clock: Clock = field(default_factory=Clock)
    _mine: Held | None = None
    _lease: Lease = FREE
    _began: Holding = field(default_factory=lambda: Holding(0.0, 0.0))

    def acquire(self) -> None:
        """Wait for the turn.

        :raises ConflictError: others had it for all of the time that there is.
        """
        begun, attempt = self.clock.monotonic(), 0
        seen, first = Held(None), begun
        while True:
            held, now = self.object.read(), self.clock.monotonic()
            if held.data != seen.data:
                seen, first = held, now
            lease = leases.parsed(held.data)
            if not leases.remaining(lease, held.age, now - first) and self._take(held):
                return
            if self.clock.monotonic() - begun > leases.BUDGET:
                raise self._busy(lease)
            self.clock.sleep(leases.pause(attempt, self.clock.random()))
            attempt += 1

    def _take(self, held: Held) -> bool:
        """Write a lease over what was seen; whether nobody else was quicker."""
        began = self.clock.now()
        lease = Lease(str(uuid.uuid4()), self.scope, leases.moment(began.wall), leases.SECONDS)
        return self._write(lease, held, began)

    def _write(self, lease: Lease, held: Held | None, began: Holding) -> bool:
        # Never the same twice: what has come back to how it was would look as if nobody had written it meanwhile.
        until = leases.moment(began.wall + lease.seconds) if lease.owner else f"released {uuid.uuid4()}"
        data = lease.data(until)
        try:
            self._mine = self.object.write(data, held)
        except errors.ConflictError:
            return False
        self._lease, self._began = lease, began
        return True

    def hold(self) -> None:
        """See that the lease covers one more request, and make it longer if it does not.

        :raises TurnLostError: somebody else holds the lock now.
        """
        if self._left() >= leases.WRITE_SECONDS:
            return
        # A new name, so that nobody who watches takes the longer lease for the old one.
        longer = Lease(str(uuid.uuid4()), self.scope, self._lease.since, leases.SECONDS)
        if not self._write(longer, self._mine, self.clock.now()) or self._left() < leases.WRITE_SECONDS:
            raise self._lost()

    def _left(self) -> float:
        return self._began.left(self._lease.seconds, self.clock.now())

    def release(self) -> None:
        """End the turn.

        :raises TurnLostError: it had ended before, so that others may have written in between.
        """
        if not self._write(FREE, self._mine, self.clock.now()):
            raise self._lost()

    def _lost(self) -> TurnLostError:
        return TurnLostError(
            f"write to {self.place}",
            f"it took longer than the {leases.SECONDS:g} s that a run has for it, and another run has begun",
            "Run it again.",
        )

    def _busy(self, lease: Lease) -> errors.ConflictError:
        who = f"the run of project {lease.scope} since {lease.since}" if lease.scope else "runs of other projects"
        return errors.ConflictError(
            f"write to {self.place}",
            f"it was other projects' turn for {leases.BUDGET:g} s, the last time that of {who}",
            "Run it again later, or let fewer runs that change this bucket work at once. A run that was killed keeps "
            f"others waiting for {leases.SECONDS:g} s at most; who has the turn is said in {LOCK_KEY} in the bucket.",
        )


class BucketInTurn(Bucket):
    """A bucket to which nothing is written unless it is this run's turn for as long as the write may take."""

    def __init__(self, bucket: Bucket, lock: Lock) -> None:
        super().__init__(bucket.name, bucket.connection)
        self._lock = lock
        # What botocore sends again, it sends whatever the time is.
        self._once = make_client(bucket.connection, tries=1)

    def call(self, operation: str, attempted: str, action: str, **params: t.Any) -> dict[str, t.Any]:
        tries = 1
        while True:
            self._lock.hold()
            try:
                return self.call_by(self._once, operation, attempted, action, **params)
            except errors.UnreachableError as exc:
                # An abandoned write may still take effect: another one beside it would not help.
                if tries == TRIES or exc.facts.get("time_budget"):
                    raise
            time.sleep(tries * 0.5)
            tries += 1


def bucket_lock(bucket: Bucket, scope: str) -> Lock:
    """The lock of a bucket."""
    place = f"bucket {bucket.name}, which projects share"
    found = ConditionalObject(
        bucket.connection, bucket.name, LOCK_KEY, bucket.client, f"the lock of bucket {bucket.name}"
    )
    return Lock(found, place, scope)


def in_turn(bucket: Bucket, scope: str, work: t.Callable[[Bucket], None], warn: t.Callable[[str], None]) -> None:
    """Do some work on a bucket while no other run that takes turns is at it; again if that was not sure to the end.

    :param work: reads what is there, and writes what that calls for.
    :raises ConflictError: the turn did not come.
    """
    lock = bucket_lock(bucket, scope)
    for tries_left in (2, 1, 0):
        try:
            _acquired(lock)
        except UnusableError as exc:
            warn(_unusable(bucket, str(exc)))
            return work(bucket)
        try:
            return _worked(bucket, lock, work, warn)
        except TurnLostError:
            if not tries_left:
                raise
    return None


def _acquired(lock: Lock) -> None:
    try:
        lock.acquire()
    except errors.UnsupportedError as exc:
        raise UnusableError(exc.problem) from exc
    except errors.DeniedError as exc:
        if exc.facts.get("action") is None:
            raise
        raise UnusableError(exc.problem) from exc


def _worked(bucket: Bucket, lock: Lock, work: t.Callable[[Bucket], None], warn: t.Callable[[str], None]) -> None:
    try:
        work(BucketInTurn(bucket, lock))
    except TurnLostError:
        raise
    except errors.ArchivingError as exc:
        # Where no answer came, the write may yet take effect: the lease then has to run out by itself.
        if not isinstance(exc, errors.UnreachableError) or exc.facts.get("status"):
            _give_up(lock)
        raise
    try:
        lock.release()
    except (errors.UnreachableError, errors.DeniedError) as exc:
        warn(f"{exc} Runs of other projects have to wait until the lock of bucket {bucket.name} runs out.")


def _give_up(lock: Lock) -> None:
    """Let others go on; the failure that there is already is what will be told."""
    try:
        lock.release()
    except errors.ArchivingError:
        return


def _unusable(bucket: Bucket, why: str) -> str:
    return (
        f"Bucket {bucket.name} is shared, and the lock by which projects take turns at it cannot be used: {why}. What "
        "another project changes at the same moment may be lost. These credentials need the permissions s3:GetObject "
        f"and s3:PutObject on {bucket.name}/{RECORDS_PREFIX}*."
    )
