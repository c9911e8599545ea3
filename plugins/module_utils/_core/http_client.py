# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""HTTP requests with retries and a deadline.

PRIVATE to the collection ``vonage.archiving``: there is no stability promise outside of it.

``requests`` sends the requests. This module adds a deadline for all attempts together, which also holds if a server
sends its response byte by byte or a name server never responds; headers that are created for every attempt, since a
token of the first attempt may have expired by the last; and errors without secrets.
"""

from __future__ import annotations

import email.utils
import itertools
import json
import typing as t
from dataclasses import dataclass, field, replace
from urllib.parse import urlsplit

from .budget import Budget
from .errors import UnreachableError
from .optional_imports import load
from .redaction import redact
from .retry import Deadline, attempts, backoff
from .runtime import SYSTEM, Runtime

RETRIED_STATUSES = frozenset({429, 500, 502, 503, 504})
# RFC 9110, section 9.2.2: a request with one of these methods can be repeated if its outcome is unknown.
IDEMPOTENT_METHODS = frozenset({"GET", "HEAD", "PUT", "DELETE", "OPTIONS"})
# Seconds.
FIRST_PAUSE = 0.5
LONGEST_PAUSE = 20.0
SHORTEST_ATTEMPT = 0.1
# Bytes.
LARGEST_BODY = 32 * 1024 * 1024
# A larger Retry-After, 31 years in seconds, is a Unix time: this one is in September 2001.
EARLIEST_TIME = 1e9


@dataclass(frozen=True)
class Response:
    """A complete HTTP response.

    :param tries: the number of attempts.
    """

    status: int
    headers: t.Mapping[str, str]
    body: bytes
    tries: int = 1

    @property
    def ok(self) -> bool:
        return 200 <= self.status < 300

    @property
    def is_page(self) -> bool:
        """Whether the body is HTML or XML."""
        return self.body.lstrip()[:1] == b"<"

    def json(self) -> t.Any:
        """The parsed body; ``None`` if it is not JSON."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            return None


@dataclass
class _Failure:
    """The last failed attempt.

    :param overdue: the pause before the next attempt and the time left, in seconds, if the deadline ended the attempts.
    """

    problem: str = ""
    response: Response | None = None
    attempts: int = 0
    overdue: tuple[float, float] | None = None


@dataclass
class Http:
    """Sends requests. Threads can share it.

    :param secrets: redacted in errors.
    :param verify: whether to verify TLS certificates, or the path of the trusted certificate authorities.
    """

    budget: Budget = field(default_factory=Budget)
    secrets: t.Sequence[str | None] = ()
    verify: bool | str = True
    runtime: Runtime = SYSTEM

    def send(
        self,
        method: str,
        url: str,
        operation: str,
        headers: t.Callable[[], dict[str, str]] = dict,
        payload: t.Any = None,
        idempotent: bool = False,
    ) -> Response:
        """Send a request. An idempotent request is retried until there is a final response or the budget is used up.

        :param operation: for errors, the object of "could not".
        :param headers: called for every attempt.
        :param payload: sent as JSON, unless it is ``None``.
        :param idempotent: whether the payload makes the request idempotent although the method does not.
        :raises UnreachableError: there was no response, or only responses that can be retried.
        """
        deadline = Deadline(self.budget.total, self.runtime)
        retries = self.budget.retries if idempotent or method in IDEMPOTENT_METHODS else 0
        failure = _Failure()
        for attempt in attempts(deadline, self._pauses(retries, failure, deadline)):
            failure.attempts = attempt
            failure.problem, response = self._attempt(method, url, headers(), payload, deadline)
            if response and response.status not in RETRIED_STATUSES:
                return replace(response, tries=attempt)
            failure.response = response
        raise self._unreachable(operation, url, failure)

    def _attempt(
        self, method: str, url: str, headers: dict[str, str], payload: t.Any, deadline: Deadline
    ) -> tuple[str, Response | None]:
        """The problem, and the response if there was one."""
        seconds = max(SHORTEST_ATTEMPT, min(self.budget.timeout, deadline.left))
        exceptions = load("requests.exceptions")

        def request() -> Response:
            return _request(method, url, headers, payload, seconds, self.verify)

        try:
            # The time-outs of sockets limit each wait for a byte, and nothing limits the resolution of a host name.
            responses = Deadline(seconds, self.runtime).run([request])
        except (exceptions.RequestException, load("urllib3.exceptions").HTTPError, OSError) as exc:
            return redact(_reason(exc), self.secrets), None
        if not responses:
            return f"no complete response within {seconds:.0f} s", None
        return f"the response was HTTP {responses[0].status}", responses[0]

    def _pauses(self, retries: int, failure: _Failure, deadline: Deadline) -> t.Iterator[float]:
        """The pauses between attempts: as long as the server requests, else exponential with jitter."""
        for backoff_pause in itertools.islice(backoff(FIRST_PAUSE, LONGEST_PAUSE), retries):
            headers = failure.response.headers if failure.response else {}
            pause = retry_after(headers.get("retry-after", ""), self.runtime.now())
            if pause is None:
                # Jitter spreads the attempts of concurrent processes.
                pause = backoff_pause * (1 + self.runtime.random()) / 2
            left = deadline.left
            if pause >= left:
                failure.overdue = pause, left
                return
            yield pause

    def _unreachable(self, operation: str, url: str, failure: _Failure) -> UnreachableError:
        times = "1 attempt" if failure.attempts == 1 else f"{failure.attempts} attempts"
        problem = f"{redact(_server(url), self.secrets)}: {failure.problem} ({times})"
        status = failure.response.status if failure.response else None
        hint = "Nothing is lost: run it again later."
        if failure.response is None:
            hint = f"{hint} If the problem remains, check the URL, and the connection of this machine to it."
        if status == 429:
            hint = "The service limits the rate of requests: run it again later, or with fewer projects at a time."
        if failure.overdue:
            pause, left = failure.overdue
            hint = (
                f"The next attempt was due in {pause:.0f} s, with {max(left, 0):.0f} s left of the time budget. {hint}"
            )
        return UnreachableError(operation, problem, hint, status=status, tries=failure.attempts)


def _request(
    method: str, url: str, headers: dict[str, str], payload: t.Any, seconds: float, verify: bool | str
) -> Response:
    requests = load("requests")
    with requests.Session() as session:
        # Without this, requests reads ~/.netrc and can replace the Authorization header.
        session.auth = _keep_request
        with session.request(
            method,
            url,
            headers=headers,
            json=payload,
            timeout=seconds,
            verify=verify,
            stream=True,
            allow_redirects=False,
        ) as response:
            # urllib3 1 does not detect truncated responses by default.
            response.raw.enforce_content_length = True
            body = b"".join(_chunks(response))
        return Response(response.status_code, {k.lower(): v for k, v in response.headers.items()}, body)


def _server(url: str) -> str:
    """Scheme, host, and port, without credentials."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"


def _keep_request(request: t.Any) -> t.Any:
    return request


def _chunks(response: t.Any) -> t.Iterator[bytes]:
    size = 0
    for chunk in response.iter_content(65536):
        size += len(chunk)
        if size > LARGEST_BODY:
            raise OSError(f"the response is larger than {LARGEST_BODY} bytes")
        yield chunk


def _reason(exc: BaseException) -> str:
    """The innermost reason: requests and urllib3 wrap it several times, with addresses of objects."""
    exceptions = load("requests.exceptions")
    if isinstance(exc, exceptions.ConnectTimeout):
        return "the connection was not accepted within the time limit"
    if isinstance(exc, exceptions.Timeout):
        return "no response within the time limit"
    if isinstance(exc, exceptions.SSLError):
        return f"the TLS connection failed: {_innermost(exc)}"
    if isinstance(exc, exceptions.ChunkedEncodingError):
        return "the connection was closed before the end of the response"
    if isinstance(exc, OSError) and not isinstance(exc, exceptions.RequestException):
        return str(exc)
    # requests does not wrap every error of urllib3, such as the one for a host name with a label that is too long.
    return f"the connection failed: {_innermost(exc)}"


def _innermost(exc: BaseException) -> str:
    while True:
        context = None if exc.__suppress_context__ else exc.__context__
        cause = exc.__cause__ or context or getattr(exc, "reason", None)
        if not isinstance(cause, BaseException):
            return f"{type(exc).__name__}: {exc}"
        exc = cause


def retry_after(value: str, now: float) -> float | None:
    """Parse a ``Retry-After`` header (RFC 9110, section 10.2.3); ``None`` if it is not valid.

    Heroku has sent a third form, which is not part of the standard: a Unix time (lostboy/workless issue 33).

    :param now: Unix seconds.
    :returns: seconds to wait.
    """
    value = value.strip()
    if value.isascii() and value.isdigit():
        seconds = float(value)
        return max(0.0, seconds - now) if seconds >= EARLIEST_TIME else seconds
    try:
        return max(0.0, email.utils.parsedate_to_datetime(value).timestamp() - now)
    except (TypeError, ValueError, OverflowError):
        return None
