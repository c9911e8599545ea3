# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What every facet of a bucket has in common.

PRIVATE to the collection ``vonage.archiving``: there is no stability promise outside of it.

A facet is one subresource of the bucket. It knows how to read it into a comparable state, what that state should
become for given options (pure: ``target``), how to show a state to a person (pure: ``show``), and what to send for it
(pure: ``payload``). Adding a facet is adding one such class to ``facets/registry.py`` and documenting its option.
"""

from __future__ import annotations

import time
import typing as t
from abc import ABC, abstractmethod

from ansible_collections.vonage.archiving.plugins.module_utils._aws.bucket_api import Bucket, Subresource
from ansible_collections.vonage.archiving.plugins.module_utils._errors import (
    ConflictError,
    NotFoundError,
    UnsupportedError,
)
from ansible_collections.vonage.archiving.plugins.module_utils._plan import Change

Wanted = t.TypeVar("Wanted")
State = t.TypeVar("State")

# S3 API Reference, "Error responses": "A conflicting conditional operation is currently in progress against this
# resource. Try again."; and a bucket that was just made may be unknown to the next request.
NOT_YET = frozenset({"OperationAborted", "NoSuchBucket"})
# AWS promises that bucket configuration is consistent "eventually" (S3 User Guide, "Amazon S3 data consistency
# model"): a read right after a write may still show the old value for some seconds.
CONFIRM_PAUSES = (0.0, 0.2, 0.5, 1.0, 2.0, 3.0, 4.0)


class Facet(ABC, t.Generic[Wanted, State]):
    """One subresource of a bucket."""

    name: t.ClassVar[str]
    sub: t.ClassVar[Subresource]

    @abstractmethod
    def parse(self, found: dict[str, t.Any] | None) -> State:
        """The state in an answer; ``None`` stands for "not set", as on a bucket that does not exist yet."""

    def fresh(self, on_aws: bool) -> State:
        """The state on a bucket that is made now."""
        return self.parse(None)

    @abstractmethod
    def target(self, wanted: Wanted, current: State) -> State:
        """The state to bring about; equal to ``current`` where that will do. What others own stays in it."""

    @abstractmethod
    def show(self, state: State) -> t.Any:
        """Plain data as the option would be written."""

    @abstractmethod
    def payload(self, state: State) -> dict[str, t.Any] | None:
        """The arguments of the operation that writes the state; ``None`` where it has to be deleted."""

    def excess(self, state: State) -> str:
        """By how much a state is more than S3 takes; empty where it is not."""
        return ""

    def read(self, bucket: Bucket, wanted: Wanted) -> State:
        found = bucket.read(self.sub)
        try:
            return self.understood(found, wanted)
        except (AttributeError, KeyError, TypeError, ValueError, RecursionError) as exc:
            raise bucket.nonsense(self.sub) from exc

    def understood(self, found: dict[str, t.Any] | None, wanted: Wanted) -> State:
        """``parse`` for facets of which there may be one for each project."""
        return self.parse(found)

    def same(self, one: State, other: State) -> bool:
        return one == other

    def changes(self, wanted: Wanted, current: State, target: State) -> tuple[Change, ...]:
        if self.same(current, target):
            return ()
        return (Change(self.name, self.show(current), self.show(target)),)

    def described(self, wanted: Wanted, state: State) -> dict[str, t.Any]:
        """The options that were given, with their values as the state has them."""
        return {self.name: self.show(state)}

    def write(self, bucket: Bucket, wanted: Wanted, state: State) -> bool:
        """Bring the state about and see that it is there.

        :returns: whether it made a difference.
        """
        payload = self.payload(state)
        verb, operation, action = ("write", self.sub.put, self.sub.actions[1])
        if payload is None:
            verb, operation, action = ("remove", self.sub.delete, self.sub.actions[2])
        self._send(bucket, operation, f"{verb} {self.sub.title} of bucket {bucket.name}", action, payload or {})
        return self.confirm(bucket, wanted, state)

    def _send(
        self, bucket: Bucket, operation: str, attempted: str, action: str, payload: t.Mapping[str, t.Any]
    ) -> None:
        """Write, again where a bucket that was just made or written to is not ready for it yet."""
        for pause in CONFIRM_PAUSES[1:]:
            try:
                bucket.call(operation, attempted, action, **payload)
                return
            except (ConflictError, NotFoundError) as exc:
                if exc.facts.get("code") not in NOT_YET:
                    raise
            time.sleep(pause)
        bucket.call(operation, attempted, action, **payload)

    def confirm(self, bucket: Bucket, wanted: Wanted, state: State) -> bool:
        """Read back what was written.

        :returns: whether the store did with it what it says.
        :raises UnsupportedError: the store took it and does not show it.
        """
        found = state
        for pause in CONFIRM_PAUSES:
            time.sleep(pause)
            found = self.read(bucket, wanted)
            # A step on the way is not what is wanted in the end; a store may show the same in another form.
            if self.same(found, state) or self.same(found, self.target(wanted, found)):
                return True
        raise UnsupportedError(
            f"write {self.sub.title} of bucket {bucket.name}",
            f"{bucket.connection.store} accepted it, but shows {self.show(found)!r} instead of {self.show(state)!r}",
            "The store may keep only a part of what it accepts: compare the two, and leave out what it lacks.",
            store=bucket.connection.store,
            facet=self.sub.title,
        )
