# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An S3 client for one bucket. Its reads of subresources can be trusted.

PRIVATE to the collection ``vonage.archiving``: there is no stability promise outside of it.

Some stores ignore a subresource that they do not support: they respond to its GET with a listing of the bucket, and
treat its PUT as CreateBucket and its DELETE as DeleteBucket (tested with rclone). A read therefore counts only if the
response has the expected root element, or the error that is documented for "not set". Callers write nothing without
such a read.
"""

from __future__ import annotations

import math
import typing as t
from dataclasses import dataclass, replace

from .._core import errors
from .._core.optional_imports import load
from .._core.retry import Deadline, retry, wait_until
from .._core.runtime import SYSTEM, Runtime
from .bucket_owner import CALLER, CALLER_FOR_WRITES
from .errors import (
    CREDENTIAL_CODES,
    REQUEST_CODES,
    THROTTLED_CODES,
    UNSUPPORTED_CODES,
    ErrorResponse,
    is_of_another_account,
    parse_client_error,
    translate_errors,
)
from .session import Connection, capture_responses, make_client, with_resolved_defaults

T = t.TypeVar("T")

_NO_BUCKET = ("NoSuchBucket",)
# With status 400: these codes are about the request or the credentials, not about the subresource.
_ABOUT_THE_REQUEST = frozenset({*CREDENTIAL_CODES, *THROTTLED_CODES, *REQUEST_CODES})
_OTHER_ACCOUNT = "Or the bucket belongs to another account: names are unique among all accounts."


class MalformedResponseError(errors.UnsupportedError):
    """A response about a subresource that is neither its document nor a clear statement that the store lacks it."""


@dataclass(frozen=True)
class Subresource:
    """The names of a facet in the API.

    :param title: for sentences: "the CORS rules".
    :param get: the client method that reads it; likewise ``put`` and ``delete``.
    :param expected_root_elements: root elements of a well-formed response; empty if the response is not XML.
    :param not_set_codes: error codes that mean "not set".
    :param actions: the IAM actions to read, write and delete it.
    """

    title: str
    get: str
    put: str
    delete: str
    expected_root_elements: frozenset[str]
    not_set_codes: frozenset[str]
    actions: tuple[str, str, str]


class Bucket:
    """A bucket behind a connection; safe to share between threads.

    ``actual_region`` is the region of the bucket once a response has contained it. ``confirmed_exists`` is true after a
    successful request, since no request succeeds for a bucket that does not exist.
    """

    def __init__(self, name: str, connection: Connection, runtime: Runtime = SYSTEM) -> None:
        self.name = name
        self.runtime = runtime
        self.client = make_client(connection)
        self.connection = with_resolved_defaults(connection, self.client)
        self.actual_region: str | None = None
        self.confirmed_exists = False

    def send(self, client: t.Any, method: str, **params: t.Any) -> dict[str, t.Any]:
        """Send a request; errors are those of botocore."""
        with capture_responses() as responses:
            try:
                response: dict[str, t.Any] = getattr(client, method)(Bucket=self.name, **params)
            finally:
                for status, region in responses:
                    self.confirmed_exists = self.confirmed_exists or 200 <= status < 300
                    self.actual_region = region or self.actual_region
        return response

    def read(self, subresource: Subresource) -> dict[str, t.Any] | None:
        """The parsed response; ``None`` if it is the documented response for "not set".

        :raises NotFoundError: the bucket does not exist.
        :raises UnsupportedError: the store does not support the subresource, or its response is malformed.
        :raises DeniedError: these credentials lack the permission to read it.
        """
        operation = f"read {subresource.title} of bucket {self.name}"
        try:
            with translate_errors(operation, self.connection, subresource.actions[0]):
                response: dict[str, t.Any] = self._get(subresource)
        except _NotSet:
            return None
        except errors.DeniedError as exc:
            raise _denied_error(exc) from exc
        root = response.get("RootElement", "")
        if subresource.expected_root_elements and root not in subresource.expected_root_elements:
            raise self.unexpected_root(subresource, root)
        return response

    def _get(self, subresource: Subresource) -> dict[str, t.Any]:
        try:
            return self.send(self.client, subresource.get)
        except load("botocore.exceptions").ClientError as exc:
            response = parse_client_error(exc)
            if response.code in subresource.not_set_codes:
                raise _NotSet from exc
            if exc.response.get("FirstStatus") == 200:
                raise self.malformed_response(subresource) from exc
            if response.code not in _NO_BUCKET and self._is_unsupported(response):
                code = response.code or response.status
                problem = f"{self.connection.display_name} responded with {code}: {response.message}"
                raise self._unsupported_error(subresource, problem, errors.UnsupportedError) from exc
            raise
        except (load("botocore.parsers").ResponseParserError, ValueError) as exc:
            raise self.malformed_response(subresource) from exc

    def _is_unsupported(self, response: ErrorResponse) -> bool:
        if is_of_another_account(response, self.connection):
            return False
        if response.status in (404, 405, 501) or response.code in UNSUPPORTED_CODES:
            return True
        return response.status == 400 and response.code not in _ABOUT_THE_REQUEST

    def unexpected_root(self, subresource: Subresource, root: str) -> errors.UnsupportedError:
        """The error for a response with another root element, such as a listing of the bucket."""
        problem = f"{self.connection.display_name} returned {root or 'no'} XML instead of {subresource.title}"
        kind = errors.UnsupportedError if root else MalformedResponseError
        error = self._unsupported_error(subresource, problem, kind)
        error.facts["answer"] = root or "empty"
        return error

    def malformed_response(self, subresource: Subresource) -> errors.UnsupportedError:
        """The error for a response that cannot be parsed."""
        problem = f"{self.connection.display_name} returned a malformed response instead of {subresource.title}"
        return self._unsupported_error(subresource, problem, MalformedResponseError)

    def _unsupported_error(
        self, subresource: Subresource, problem: str, kind: type[errors.UnsupportedError]
    ) -> errors.UnsupportedError:
        hint = (
            f"The store probably does not support {subresource.title}. Omit the option, or add it to skip_unsupported. "
            "Nothing was written for it."
        )
        operation = f"read {subresource.title} of bucket {self.name}"
        return kind(operation, problem, hint, store=self.connection.display_name, facet=subresource.title)

    def call(self, method: str, operation: str, action: str, **params: t.Any) -> dict[str, t.Any]:
        """Call a client method for this bucket.

        :param operation: for errors, the object of "could not".
        :param action: the IAM action that it needs.
        """
        return self.call_with_client(self.client, method, operation, action, **params)

    def call_with_client(
        self, client: t.Any, method: str, operation: str, action: str, **params: t.Any
    ) -> dict[str, t.Any]:
        """Like ``call``, with another client."""
        with translate_errors(operation, self.connection, action):
            return self.send(client, method, **params)

    def retry(
        self, call: t.Callable[[], T], is_retryable: t.Callable[[Exception], bool], pauses: t.Iterable[float]
    ) -> T:
        """Repeat a call after each pause, in seconds, while its error is retryable.

        :raises Exception: an error that is not retryable, or the last one.
        """
        return retry(call, is_retryable, self._deadline(), pauses)

    def wait_until(self, fetch: t.Callable[[], T], is_done: t.Callable[[T], bool], pauses: t.Iterable[float]) -> T:
        """Fetch a value immediately and after each pause, in seconds, until it is as expected; the last value."""
        # Without an outer deadline, there is always a first attempt.
        return t.cast("T", wait_until(fetch, is_done, self._deadline(), pauses))

    def _deadline(self) -> Deadline:
        """The pauses are the time limit."""
        return Deadline(math.inf, self.runtime, awaited=f"a change of bucket {self.name} to take effect")

    def exists(self) -> bool:
        """Whether the bucket exists.

        :raises DeniedError: it exists, and belongs to another account or is not accessible with these credentials.
        """
        operation = f"check whether bucket {self.name} exists"
        try:
            self.call_with_client(self.client, "head_bucket", operation, "s3:ListBucket")
        except errors.NotFoundError:
            return False
        except errors.DeniedError as exc:
            raise _denied_error(exc) from exc
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
    """The documented response for a subresource that is not set."""


def _denied_error(exc: errors.DeniedError) -> errors.DeniedError:
    """S3 gives the same response for a bucket of another account and for a missing permission."""
    if exc.facts.get("code") in CREDENTIAL_CODES or exc.facts.get("status") != 403:
        return exc
    if exc.facts.get("expected_bucket_owner"):
        return exc  # its hint mentions the owner
    return errors.DeniedError(exc.operation, exc.problem, f"{exc.hint} {_OTHER_ACCOUNT}", **exc.facts)
