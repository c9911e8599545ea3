# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""HTTP calls within a total time budget.

PRIVATE to the collection ``vonage.archiving``: there is no stability promise outside of it.

requests does the talking. What is added here is what requests cannot do: an upper bound for all tries together that
also holds against a server that trickles its answer or a name server that never answers, headers that are made anew
for every try (a token signed for the first one may be too old for the last), and errors that hold no secret.
"""

from __future__ import annotations

import email.utils
import json
import random
import threading
import time
import typing as t
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from .errors import UnreachableError
from .optional_imports import load
from .secrets import redact

RETRIED_STATUSES = frozenset({429, 500, 502, 503, 504})
# RFC 9110, section 9.2.2: these may be sent again when it is not known whether they arrived.
IDEMPOTENT_METHODS = frozenset({"GET", "HEAD", "PUT", "DELETE", "OPTIONS"})
LONGEST_PAUSE = 20.0
LARGEST_BODY = 32 * 1024 * 1024
# September 2001 in Unix seconds, 31 years as a pause.
EARLIEST_TIME = 1e9


@dataclass(frozen=True)
class Budget:
    """How long calls may take.

    :param timeout: seconds for one try.
    :param retries: tries after the first.
    :param total: seconds for all tries of one call together, pauses included.
    """

    timeout: float = 20.0
    retries: int = 4
    total: float = 90.0


@dataclass(frozen=True)
class Answer:
    """A complete HTTP answer.

    :param tries: how many requests it took.
    """

    status: int
    headers: t.Mapping[str, str]
    body: bytes
    tries: int = 1

    @property
    def ok(self) -> bool:
        return 200 <= self.status < 300

    def json(self) -> t.Any:
        """The decoded body, ``None`` where it is not JSON."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            return None


@dataclass
class Http:
    """Sends requests; safe to share between threads.

    :param secrets: never shown in an error.
    :param verify: whether to check TLS certificates, or the path of the authorities to check them with.
    :param clock: seconds that never go back; for tests.
    :param sleep: for tests.
    """

    budget: Budget = field(default_factory=Budget)
    secrets: t.Sequence[str | None] = ()
    verify: bool | str = True
    clock: t.Callable[[], float] = time.monotonic
    sleep: t.Callable[[float], None] = time.sleep

    def send(
        self,
        method: str,
        url: str,
        attempted: str,
        headers: t.Callable[[], dict[str, str]] = dict,
        payload: t.Any = None,
        repeatable: bool = False,
    ) -> Answer:
        """One call, sent again where that is safe, until it is answered or the budget is spent.

        :param attempted: for errors, the object of "could not".
        :param headers: called for every try.
        :param payload: sent as JSON unless it is ``None``.
        :param repeatable: this content does twice what it does once, whatever the method promises.
        :raises UnreachableError: no answer, or only answers that ask to come back later.
        """
        until = self.clock() + self.budget.total
        again = repeatable or method in IDEMPOTENT_METHODS
        tries = 0
        while True:
            tries += 1
            problem, answer = self._try(method, url, headers(), payload, until)
            if answer and answer.status not in RETRIED_STATUSES:
                return Answer(answer.status, answer.headers, answer.body, tries)
            pause = _pause(tries, answer)
            left = until - self.clock()
            if tries > self.budget.retries or not again or pause >= left:
                told = f"{redact(_server(url), self.secrets)}: {problem}"
                raise self._given_up(attempted, told, answer, tries, pause, left)
            self.sleep(pause)

    def _try(
        self, method: str, url: str, headers: dict[str, str], payload: t.Any, until: float
    ) -> tuple[str, Answer | None]:
        seconds = max(0.1, min(self.budget.timeout, until - self.clock()))
        exceptions = load("requests.exceptions")
        try:
            answer = _bounded(lambda: _request(method, url, headers, payload, seconds, self.verify), seconds)
        except (exceptions.RequestException, load("urllib3.exceptions").HTTPError, OSError) as exc:
            return redact(_reason(exc), self.secrets), None
        return f"the answer was HTTP {answer.status}", answer

    def _given_up(
        self, attempted: str, problem: str, answer: Answer | None, tries: int, pause: float, left: float
    ) -> UnreachableError:
        times = "once" if tries == 1 else f"{tries} times"
        hint = "Nothing is lost: run it again later."
        if answer and answer.status == 429:
            hint = "The service limits the rate of calls: run it again later, or with fewer projects at a time."
        if pause >= left and tries <= self.budget.retries:
            hint = f"The next try was due in {pause:.0f} s, with {max(left, 0):.0f} s left of the time budget. {hint}"
        status = answer.status if answer else None
        return UnreachableError(attempted, f"{problem} (tried {times})", hint, status=status, tries=tries)


def _request(
    method: str, url: str, headers: dict[str, str], payload: t.Any, seconds: float, verify: bool | str
) -> Answer:
    requests = load("requests")
    with requests.Session() as session:
        # Without an auth callable, requests would look into ~/.netrc and could replace our Authorization header.
        session.auth = _unchanged
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
            # Before urllib3 2 this was off, and half an answer counted as a whole one.
            response.raw.enforce_content_length = True
            body = b"".join(_chunks(response))
        return Answer(response.status_code, {k.lower(): v for k, v in response.headers.items()}, body)


def _server(url: str) -> str:
    """Scheme, host and port: what may be shown of any URL."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"


def _unchanged(request: t.Any) -> t.Any:
    return request


def _chunks(response: t.Any) -> t.Iterator[bytes]:
    size = 0
    for chunk in response.iter_content(65536):
        size += len(chunk)
        if size > LARGEST_BODY:
            raise OSError(f"the answer is larger than {LARGEST_BODY} bytes")
        yield chunk


def _bounded(call: t.Callable[[], Answer], seconds: float) -> Answer:
    """Run ``call`` in a thread and leave it behind when it takes longer than ``seconds``.

    Timeouts of sockets bound each wait for a byte, and name look-ups have none at all; only this bounds the whole.
    """
    answers: list[Answer] = []
    errors: list[BaseException] = []

    def work() -> None:
        try:
            answers.append(call())
        except BaseException as exc:  # handed over to the caller's thread below, whatever it is
            errors.append(exc)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    thread.join(seconds)
    if errors:
        raise errors[0]
    if not answers:
        raise TimeoutError(f"no complete answer within {seconds:.0f} s")
    return answers[0]


def _reason(exc: BaseException) -> str:
    """The innermost reason: the outer layers of requests and urllib3 repeat it with object addresses around it."""
    exceptions = load("requests.exceptions")
    if isinstance(exc, exceptions.ConnectTimeout):
        return "the connection was not accepted in time"
    if isinstance(exc, exceptions.Timeout):
        return "no answer came in time"
    if isinstance(exc, exceptions.SSLError):
        return f"the TLS connection failed: {_innermost(exc)}"
    if isinstance(exc, exceptions.ChunkedEncodingError):
        return "the connection broke in the middle of the answer"
    if isinstance(exc, OSError) and not isinstance(exc, exceptions.RequestException):
        return str(exc)
    # What urllib3 raises itself is not always turned into something of requests: a host name with too long a part.
    return f"the connection failed: {_innermost(exc)}"


def _innermost(exc: BaseException) -> str:
    seen: BaseException = exc
    while True:
        context = None if seen.__suppress_context__ else seen.__context__
        inner = seen.__cause__ or context or getattr(seen, "reason", None)
        if not isinstance(inner, BaseException):
            return f"{type(seen).__name__}: {seen}"
        seen = inner


def _pause(tries: int, answer: Answer | None) -> float:
    """Seconds until the next try: what the server asks for, else exponential with jitter."""
    asked = retry_after(answer.headers.get("retry-after", ""), time.time()) if answer else None
    if asked is not None:
        return asked
    # Jitter spreads the tries of many processes; nothing secret depends on it.
    return min(LONGEST_PAUSE, 0.5 * 2.0 ** min(tries - 1, 10)) * random.uniform(0.5, 1.0)  # noqa: S311


def retry_after(value: str, now: float) -> float | None:
    """Seconds asked for by a ``Retry-After`` header (RFC 9110, section 10.2.3), ``None`` where it says nothing usable.

    A third form is no standard: Heroku has sent the time in Unix seconds (seen in lostboy/workless issue 33).

    :param now: Unix seconds, for the forms that are a time.
    """
    value = value.strip()
    if value.isascii() and value.isdigit():
        seconds = float(value)
        return max(0.0, seconds - now) if seconds >= EARLIEST_TIME else seconds
    try:
        return max(0.0, email.utils.parsedate_to_datetime(value).timestamp() - now)
    except (TypeError, ValueError, OverflowError):
        return None
