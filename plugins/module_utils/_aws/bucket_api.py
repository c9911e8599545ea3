# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One bucket, as far as subresources are concerned: reads that can be trusted, and writes.

PRIVATE to the collection ``vonage.archiving``: there is no stability promise outside of it.

Some stores ignore a subresource they do not know: they take its GET for a listing of the bucket, its PUT for
CreateBucket and its DELETE for DeleteBucket (seen on real servers). A read therefore counts only if the answer has
the right root element, or the error that is documented for "not set"; callers write nothing without such a read.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, replace

from ansible_collections.vonage.archiving.plugins.module_utils import _errors as errors
from ansible_collections.vonage.archiving.plugins.module_utils._aws.bucket_owner import CALLER, CALLER_FOR_WRITES
from ansible_collections.vonage.archiving.plugins.module_utils._aws.connection import (
    Connection,
    listening,
    make_client,
    settled,
)
from ansible_collections.vonage.archiving.plugins.module_utils._aws.errors import (
    CREDENTIAL_CODES,
    REQUEST_CODES,
    THROTTLED_CODES,
    UNSUPPORTED_CODES,
    Answered,
    answered,
    is_of_another_account,
    told,
)
from ansible_collections.vonage.archiving.plugins.module_utils._libraries import load

_NO_BUCKET = ("NoSuchBucket",)
# With 400: wrong with any request of these credentials to this bucket, whatever it is about.
_ABOUT_THE_REQUEST = frozenset({*CREDENTIAL_CODES, *THROTTLED_CODES, *REQUEST_CODES})
_NOT_OURS = "Or the bucket belongs to another account: names are unique among all accounts."


@dataclass(frozen=True)
class Subresource:
    """How a facet is named in the API.

    :param title: for sentences: "the CORS rules".
    :param get: the operation that reads it; likewise ``put`` and ``delete``.
    :param roots: root elements of a well-formed answer; empty where the answer is no XML.
    :param absent: error codes that mean "not set".
    :param actions: the IAM actions to read, write and delete it.
    """

    title: str
    get: str
    put: str
    delete: str
    roots: frozenset[str]
    absent: frozenset[str]
    actions: tuple[str, str, str]


class Bucket:
    """A bucket behind a connection; safe to share between threads.

    ``actual_region`` is where it is, once the store has told; ``shown`` whether any request about it succeeded, which
    none does on a bucket that does not exist.
    """

    def __init__(self, name: str, connection: Connection) -> None:
        self.name = name
        self.client = make_client(connection)
        self.connection = settled(connection, self.client)
        self.actual_region: str | None = None
        self.shown = False

    def send(self, client: t.Any, operation: str, **params: t.Any) -> dict[str, t.Any]:
        """Ask the store; errors are botocore's."""
        with listening() as heard:
            try:
                answer: dict[str, t.Any] = getattr(client, operation)(Bucket=self.name, **params)
            finally:
                for status, region in heard:
                    self.shown = self.shown or 200 <= status < 300
                    self.actual_region = region or self.actual_region
        return answer

    def read(self, sub: Subresource) -> dict[str, t.Any] | None:
        """The parsed answer, ``None`` when the store says in the documented way that nothing is set.

        :raises NotFoundError: there is no such bucket.
        :raises UnsupportedError: the store does not have this subresource, or answers nonsense.
        :raises DeniedError: no permission to read it.
        """
        attempted = f"read {sub.title} of bucket {self.name}"
        try:
            with told(attempted, self.connection, sub.actions[0]):
                found: dict[str, t.Any] = self._answer(sub)
        except _NotSet:
            return None
        except errors.DeniedError as exc:
            raise _denied(exc) from exc
        root = found.get("RootElement", "")
        if sub.roots and root not in sub.roots:
            problem = f"{self.connection.store} answered with {root or 'no'} XML where {sub.title} should be"
            error = _unsupported(attempted, problem, sub, self.connection)
            error.facts["answer"] = root or "empty"
            raise error
        return found

    def _answer(self, sub: Subresource) -> dict[str, t.Any]:
        try:
            return self.send(self.client, sub.get)
        except load("botocore.exceptions").ClientError as exc:
            answer = answered(exc)
            if answer.code in sub.absent:
                raise _NotSet from exc
            if exc.response.get("FirstStatus") == 200:
                raise self.nonsense(sub) from exc
            if answer.code not in _NO_BUCKET and self._is_unsupported(answer):
                problem = f"{self.connection.store} answered {answer.code or answer.status}: {answer.message}"
                attempted = f"read {sub.title} of bucket {self.name}"
                raise _unsupported(attempted, problem, sub, self.connection) from exc
            raise
        except (load("botocore.parsers").ResponseParserError, ValueError) as exc:
            raise self.nonsense(sub) from exc

    def _is_unsupported(self, answer: Answered) -> bool:
        if is_of_another_account(answer, self.connection):
            return False
        if answer.status in (404, 405, 501) or answer.code in UNSUPPORTED_CODES:
            return True
        return answer.status == 400 and answer.code not in _ABOUT_THE_REQUEST

    def nonsense(self, sub: Subresource) -> errors.UnsupportedError:
        """For an answer that nobody can make sense of."""
        problem = f"{self.connection.store} answered with something else where {sub.title} should be"
        return _unsupported(f"read {sub.title} of bucket {self.name}", problem, sub, self.connection)

    def call(self, operation: str, attempted: str, action: str, **params: t.Any) -> dict[str, t.Any]:
        """Any operation on this bucket."""
        return self.call_by(self.client, operation, attempted, action, **params)

    def call_by(self, client: t.Any, operation: str, attempted: str, action: str, **params: t.Any) -> dict[str, t.Any]:
        """The same by another client."""
        with told(attempted, self.connection, action):
            return self.send(client, operation, **params)

    def exists(self) -> bool:
        """Whether the bucket is there and ours to look at.

        :raises DeniedError: it is there, and belongs to somebody else or is closed to these credentials.
        """
        try:
            self.call_by(self.client, "head_bucket", f"look for bucket {self.name}", "s3:ListBucket")
        except errors.NotFoundError:
            return False
        except errors.DeniedError as exc:
            raise _denied(exc) from exc
        return True


def check_owner(name: str, operator: Connection) -> None:
    """Refuse a bucket that does not belong to the expected account, before anything refers to it.

    For callers that may send no other request to the bucket. Does nothing if no owner is expected, or if the store is
    not AWS.

    :raises DeniedError: it belongs to another account, or these credentials lack s3:ListBucket.
    """
    if operator.expected_owner is None:
        return
    if operator.expected_owner == CALLER_FOR_WRITES:
        operator = replace(operator, expected_owner=CALLER)
    bucket = Bucket(name, operator)
    if bucket.connection.is_aws:
        bucket.exists()


class _NotSet(Exception):
    """The documented answer for a subresource that is not set."""


def _denied(exc: errors.DeniedError) -> errors.DeniedError:
    """A bucket of somebody else is answered in the same way as a missing permission."""
    if exc.facts.get("code") in CREDENTIAL_CODES or exc.facts.get("status") != 403:
        return exc
    if exc.facts.get("expected_bucket_owner"):
        return exc  # its hint mentions the owner
    return errors.DeniedError(exc.attempted, exc.problem, f"{exc.hint} {_NOT_OURS}", **exc.facts)


def _unsupported(attempted: str, problem: str, sub: Subresource, connection: Connection) -> errors.UnsupportedError:
    hint = f"It seems that this store does not have {sub.title}: leave the option out. Nothing was written for it."
    return errors.UnsupportedError(attempted, problem, hint, store=connection.store, facet=sub.title)
