# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The bucket lock: mutual exclusion between the runs of projects that share a bucket.

PRIVATE to the collection ``vonage.archiving``: there is no stability promise outside of it.

S3 has no conditional write of a policy, a lifecycle configuration or tags. A run that replaces one of these documents
by what it read a moment ago would revert what another run has written meanwhile. The lock is an object in the bucket,
which S3 does replace conditionally. A run releases the lock by a write, not by a deletion: every change of the object
is conditional. If a run is killed, other runs wait until its lease expires.
"""

from __future__ import annotations

import contextlib
import math
import typing as t
import uuid
from dataclasses import dataclass, field

from .._core import errors
from .._core.retry import Deadline, attempts
from .._core.runtime import SYSTEM, Runtime
from .._core.timestamps import format_utc
from . import lease as leases
from .conditional_object import ConditionalObject, StoredObject
from .lease import FREE, ClockReading, Lease
from .s3_client import Bucket
from .s3_naming import LOCK_KEY, STATE_FILE_PREFIX
from .session import TRIES, make_client

# Seconds between the attempts of a write.
RETRY_PAUSES = tuple(0.5 * number for number in range(1, TRIES))


class LeaseLostError(errors.ConflictError):
    """The lease has expired, and another run holds the lock now."""


class LockUnavailableError(Exception):
    """The lock cannot be used, for the reason in the text. That is not a failure."""


class ConditionalStore(t.Protocol):
    """An object that is replaced conditionally."""

    def read(self) -> StoredObject:
        """The current object."""

    def write(self, data: bytes, expected: StoredObject | None) -> StoredObject:
        """Replace the expected object, or raise ConflictError."""


@dataclass
class Lock:
    """The lock of one run.

    :param title: the name of the bucket in messages.
    """

    object: ConditionalStore
    title: str
    project: str
    runtime: Runtime = SYSTEM
    _stored: StoredObject | None = None
    _lease: Lease = FREE
    _start: ClockReading = field(default_factory=lambda: ClockReading(0.0, 0.0))

    def acquire(self) -> None:
        """Acquire the lock; wait if another run holds it.

        :raises ConflictError: other runs owned it until the deadline.
        """
        deadline, lease = Deadline(leases.BUDGET, self.runtime, awaited=f"the lock of {self.title}"), FREE
        latest, first_read = StoredObject(None), self.runtime.monotonic()
        for _number in attempts(deadline, leases.pauses(self.runtime.random)):
            stored, now = self.object.read(), self.runtime.monotonic()
            if stored.data != latest.data:
                latest, first_read = stored, now
            lease = leases.parse_lease(stored.data)
            if not leases.remaining(lease, stored.age, now - first_read) and self._try_lease(stored):
                return
        raise self._unavailable_error(lease)

    def _try_lease(self, stored: StoredObject) -> bool:
        """Replace the object by a lease; ``False`` if another run was faster."""
        start = ClockReading.read(self.runtime)
        lease = Lease(str(uuid.uuid4()), self.project, format_utc(start.wall), leases.SECONDS)
        return self._write(lease, stored, start)

    def _write(self, lease: Lease, stored: StoredObject | None, start: ClockReading) -> bool:
        # Never the same data twice, because of the ABA problem.
        until = format_utc(start.wall + lease.seconds) if lease.owner else f"released {uuid.uuid4()}"
        data = lease.data(until)
        try:
            self._stored = self.object.write(data, stored)
        except errors.ConflictError:
            return False
        self._lease, self._start = lease, start
        return True

    def renew(self) -> None:
        """Renew the lease if it does not cover one more request.

        :raises LeaseLostError: another run holds the lock now.
        """
        if self._left() >= leases.WRITE_SECONDS:
            return
        # With a new owner, waiting runs can distinguish the new lease from the old one.
        longer = Lease(str(uuid.uuid4()), self.project, self._lease.since, leases.SECONDS)
        is_written = self._write(longer, self._stored, ClockReading.read(self.runtime))
        if not is_written or self._left() < leases.WRITE_SECONDS:
            raise self._lease_lost_error()

    def _left(self) -> float:
        return self._start.left(self._lease.seconds, ClockReading.read(self.runtime))

    def release(self) -> None:
        """Release the lock.

        :raises LeaseLostError: the lease had expired: other runs may have written in between.
        """
        if not self._write(FREE, self._stored, ClockReading.read(self.runtime)):
            raise self._lease_lost_error()

    def _lease_lost_error(self) -> LeaseLostError:
        return LeaseLostError(
            f"write to {self.title}",
            f"the lease of {leases.SECONDS:g} s has expired, and another run holds the bucket lock",
            "Run it again.",
        )

    def _unavailable_error(self, lease: Lease) -> errors.ConflictError:
        owner = f"the run of project {lease.project} since {lease.since}" if lease.project else "runs of other projects"
        return errors.ConflictError(
            f"write to {self.title}",
            f"runs of other projects owned the bucket lock for {leases.BUDGET:g} s, most recently {owner}",
            "Run it again later, or run fewer changes of this bucket concurrently. The lease of a run that was killed "
            f"expires after {leases.SECONDS:g} s. The object {LOCK_KEY} in the bucket names the owner of the lock.",
        )


class LockedBucket(Bucket):
    """A bucket to which this run writes only while its lease covers the write."""

    def __init__(self, bucket: Bucket, lock: Lock) -> None:
        super().__init__(bucket.name, bucket.connection, bucket.runtime)
        self._lock = lock
        # botocore would retry without regard to the lease.
        self._once = make_client(bucket.connection, tries=1)

    def call(self, method: str, operation: str, action: str, **params: t.Any) -> dict[str, t.Any]:
        failure = errors.UnreachableError(operation, "no request was sent")
        for _number in attempts(Deadline(math.inf, self.runtime), RETRY_PAUSES):
            self._lock.renew()
            try:
                return self.call_with_client(self._once, method, operation, action, **params)
            except errors.UnreachableError as exc:
                # An abandoned write may still take effect. A second write beside it does not help.
                if exc.facts.get("time_budget"):
                    raise
                failure = exc
        raise failure


def bucket_lock(bucket: Bucket, project: str) -> Lock:
    """The lock of a bucket."""
    title = f"the lock of bucket {bucket.name}"
    lock_object = ConditionalObject(bucket.connection, bucket.name, LOCK_KEY, bucket.client, title)
    return Lock(lock_object, f"bucket {bucket.name}, which projects share", project, bucket.runtime)


def with_bucket_lock(
    bucket: Bucket, project: str, work: t.Callable[[Bucket], None], warn: t.Callable[[str], None]
) -> None:
    """Run some work on a bucket while this run holds the bucket lock; run it again if the lease was lost.

    :param work: reads the current state, and writes what differs.
    :raises ConflictError: the lock could not be acquired.
    """
    lock = bucket_lock(bucket, project)
    for attempts_left in (2, 1, 0):
        try:
            _acquire(lock)
        except LockUnavailableError as exc:
            warn(_unusable_lock_warning(bucket, str(exc)))
            return work(bucket)
        try:
            return _run_locked(bucket, lock, work, warn)
        except LeaseLostError:
            if not attempts_left:
                raise
    return None


def _acquire(lock: Lock) -> None:
    try:
        lock.acquire()
    except errors.UnsupportedError as exc:
        raise LockUnavailableError(exc.problem) from exc
    except errors.DeniedError as exc:
        if exc.facts.get("action") is None:
            raise
        raise LockUnavailableError(exc.problem) from exc


def _run_locked(bucket: Bucket, lock: Lock, work: t.Callable[[Bucket], None], warn: t.Callable[[str], None]) -> None:
    try:
        work(LockedBucket(bucket, lock))
    except LeaseLostError:
        raise
    except errors.ArchivingError as exc:
        # Without a response, the write may still take effect. The lock is then kept until the lease expires.
        if not isinstance(exc, errors.UnreachableError) or exc.facts.get("status"):
            with contextlib.suppress(errors.ArchivingError):  # the first error is reported
                lock.release()
        raise
    try:
        lock.release()
    except (errors.UnreachableError, errors.DeniedError) as exc:
        warn(f"{exc} Runs of other projects wait until the lease of the lock of bucket {bucket.name} expires.")


def _unusable_lock_warning(bucket: Bucket, reason: str) -> str:
    return (
        f"Bucket {bucket.name} is shared, and its bucket lock cannot be used: {reason}. Concurrent changes of another "
        "project may be lost. These credentials need the permissions s3:GetObject and s3:PutObject on "
        f"{bucket.name}/{STATE_FILE_PREFIX}*."
    )
