# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The base class of the facets of a bucket.

PRIVATE to the collection ``vonage.archiving``: there is no stability promise outside of it.

A facet is one subresource of the bucket. ``parse`` turns a response into a comparable state, ``target`` computes the
state for the desired options, ``to_option`` formats a state for people, and ``payload`` builds the request. These
methods are pure. To add a facet, add a subclass to ``facets/registry.py`` and document its option.
"""

from __future__ import annotations

import typing as t
from abc import ABC, abstractmethod

from ..._aws.s3_client import Bucket, Subresource
from ..._core.errors import ConflictError, NotFoundError, UnsupportedError
from ..._core.plan import Change

DesiredT = t.TypeVar("DesiredT")
StateT = t.TypeVar("StateT")

# S3 API Reference, "Error responses": "A conflicting conditional operation is currently in progress against this
# resource. Try again." A new bucket may be unknown to the next request.
NOT_YET = frozenset({"OperationAborted", "NoSuchBucket"})
# Seconds between reads that confirm a write. Bucket configurations are eventually consistent (S3 User Guide, "Amazon S3
# data consistency model").
CONFIRM_BACKOFF = (0.2, 0.5, 1.0, 2.0, 3.0, 4.0)


class NotAppliedError(UnsupportedError):
    """The store accepted a write, and returns another state.

    :param state: the state that the store returns.
    """

    state: t.Any = None


class Facet(ABC, t.Generic[DesiredT, StateT]):
    """One subresource of a bucket."""

    name: t.ClassVar[str]
    subresource: t.ClassVar[Subresource]

    @abstractmethod
    def parse(self, response: dict[str, t.Any] | None) -> StateT:
        """The state in a response; ``None`` means "not set"."""

    def parse_scoped(self, response: dict[str, t.Any] | None, desired: DesiredT) -> StateT:
        """``parse`` for facets that have one part for each project."""
        return self.parse(response)

    def unexpected_root(self, response: dict[str, t.Any] | None) -> str:
        """The root element of a response that is not about the facet, if the client does not check it."""
        return ""

    def default_state(self, on_aws: bool) -> StateT:
        """The state of a new bucket."""
        return self.parse(None)

    @abstractmethod
    def target(self, desired: DesiredT, current: StateT) -> StateT:
        """The state after the run; equal to ``current`` if that satisfies the options. It keeps unmanaged parts."""

    @abstractmethod
    def to_option(self, state: StateT) -> t.Any:
        """The state as plain data, in the form of the option."""

    @abstractmethod
    def payload(self, state: StateT) -> dict[str, t.Any] | None:
        """The arguments of the write operation; ``None`` if the subresource has to be deleted."""

    def limit_exceeded(self, state: StateT) -> str:
        """The limit of S3 that the state exceeds; empty if none."""
        return ""

    def equal(self, one: StateT, other: StateT) -> bool:
        return one == other

    def required_options(self, desired: DesiredT) -> tuple[str, ...]:
        """The options that a store without this facet cannot satisfy: all whose desired value is not "none"."""
        state = self.parse(None)
        return () if self.equal(self.target(desired, state), state) else (self.name,)

    def without_required_options(self, desired: DesiredT) -> DesiredT | None:
        """The part of the options that a store without this facet satisfies; ``None`` if there is none."""
        return None if self.required_options(desired) else desired

    def changes(self, desired: DesiredT, current: StateT, target: StateT) -> tuple[Change, ...]:
        if self.equal(current, target):
            return ()
        return (Change(self.name, self.to_option(current), self.to_option(target)),)

    def to_result(self, desired: DesiredT, state: StateT) -> dict[str, t.Any]:
        """The options that are set, with their values in this state."""
        return {self.name: self.to_option(state)}

    def read(self, bucket: Bucket, desired: DesiredT) -> StateT:
        response = bucket.read(self.subresource)
        if self.unexpected_root(response):
            raise bucket.unexpected_root(self.subresource, self.unexpected_root(response))
        try:
            return self.parse_scoped(response, desired)
        except (AttributeError, KeyError, TypeError, ValueError, RecursionError) as exc:
            raise bucket.malformed_response(self.subresource) from exc

    def write(self, bucket: Bucket, desired: DesiredT, state: StateT) -> bool:
        """Write the state and read it back.

        :returns: whether the write had an effect.
        """
        payload = self.payload(state)
        verb, method, action = ("write", self.subresource.put, self.subresource.actions[1])
        if payload is None:
            verb, method, action = ("delete", self.subresource.delete, self.subresource.actions[2])
        self._send(bucket, method, f"{verb} {self.subresource.title} of bucket {bucket.name}", action, payload or {})
        return self.confirm(bucket, desired, state)

    def _send(self, bucket: Bucket, method: str, operation: str, action: str, payload: t.Mapping[str, t.Any]) -> None:
        """Write; retry while a new bucket, or one that another request changes, is not ready."""
        with bucket.runtime.changes.record(f"bucket {bucket.name}", self.name):
            bucket.retry(lambda: bucket.call(method, operation, action, **payload), _is_not_ready, CONFIRM_BACKOFF)

    def confirm(self, bucket: Bucket, desired: DesiredT, state: StateT) -> bool:
        """Read the state back.

        :returns: whether the write had an effect.
        :raises NotAppliedError: the store accepted the write, and returns another state.
        """

        def is_confirmed(current: StateT) -> bool:
            # The state may be an intermediate step of the plan; a store may return it in another form.
            return self.equal(current, state) or self.equal(current, self.target(desired, current))

        current = bucket.wait_until(lambda: self.read(bucket, desired), is_confirmed, CONFIRM_BACKOFF)
        if is_confirmed(current):
            return True
        error = NotAppliedError(
            f"write {self.subresource.title} of bucket {bucket.name}",
            f"{bucket.connection.display_name} accepted it, but returns {self.to_option(current)!r} instead of "
            f"{self.to_option(state)!r}",
            "The store may ignore a part of the request. Compare the two values, and leave out this part.",
            store=bucket.connection.display_name,
            facet=self.subresource.title,
        )
        error.state = current
        raise error


def _is_not_ready(exc: Exception) -> bool:
    return isinstance(exc, (ConflictError, NotFoundError)) and exc.facts.get("code") in NOT_YET
