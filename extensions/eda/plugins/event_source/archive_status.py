# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Event source for ansible-rulebook: a webhook for the archive status callback of the Vonage Video API.

In one file, and without the collection's ``module_utils``: ansible-rulebook runs it by its path, where
``ansible_collections`` cannot be imported. The sections up to "Taking them" are pure; the others listen and log.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import contextlib
import datetime
import errno
import hashlib
import hmac
import ipaddress
import json
import logging
import re
import resource
import socket
import ssl
import time
import traceback
import typing as t
import uuid
from collections import OrderedDict
from dataclasses import dataclass, field
from types import TracebackType

from aiohttp import web

DOCUMENTATION = r"""
---
short_description: Receive the archive status callback of the Vonage Video API
description:
  - Listens for the callback that the Vonage Video API (OpenTok) sends whenever the status of an archive changes, and
    makes an event of each.
  - An event has C(archive) with C(id), C(project), C(status), C(reason), C(name), C(session_id), C(created_at) (UTC),
    C(duration) (seconds) and C(size) (bytes), and C(outcome). That is V(uploaded), V(fell_back) (the status is
    V(available) or V(expired), which in a project with an upload target means that the upload failed), V(failed), or
    V(other) for all that is under way. The address and the password that a callback can hold are dropped.
  - Texts that people write, C(name) and C(reason), come without braces and control characters, and are cut at 200
    characters. An action hands events on as variables, in which a brace could begin a template.
  - What does not prove to be from Vonage, or is no such callback, is refused and makes no event. A callback that was
    delivered before is answered like the first one and makes no second event.
options:
  host:
    description:
      - Address to listen at. V(0.0.0.0) is every address of the machine.
    type: str
    default: 127.0.0.1
  port:
    description:
      - TCP port to listen at.
    type: int
    required: true
  path:
    description:
      - Path of the URL, without the secret.
    type: str
    default: /vonage/archive-status
  certfile:
    description:
      - Path of a certificate, with its chain, for HTTPS. Without it the source speaks HTTP, for a proxy in front of it.
    type: str
  keyfile:
    description:
      - Path of the private key, if it is not in O(certfile).
    type: str
  secret:
    description:
      - A text that only Vonage knows, since the callback URL holds it, as the last part of the path
        (C(https://events.example.com:5000/vonage/archive-status/SECRET)). It is also taken as the password of HTTP
        basic authentication, for a proxy that keeps it out of the URL.
      - At least 16 letters, digits, dots, hyphens, underscores or tildes.
      - Where neither it nor O(signature_secret) is given, the source listens at a loopback address or not at all.
    type: str
  signature_secret:
    description:
      - The signature secret of a secured callback, which the vendor's dashboard shows. Vonage then signs a token with
        it (HS256), which is checked together with the times in it and the SHA-256 of the body that it holds.
      - At least 16 characters. The source does not start with a shorter or a blank one.
      - Together with O(secret), both are needed.
    type: str
  require_payload_hash:
    description:
      - Whether a token must hold the SHA-256 of the body. Without that, whoever has seen a token can send another body
        with it until it is too old.
      - The vendor documents the claim C(payload_hash) for the secure callbacks of the Video API. Not tested with a
        token from the vendor.
    type: bool
    default: true
  api_key:
    description:
      - If set, what the claim C(api_key) of a token must be.
      - The vendor documents that the signature secret belongs to the API key in this claim. Whether that is the key of
        the project or of the account is not documented.
    type: str
  projects:
    description:
      - Ids of the projects (API keys, application ids) whose events are wanted, as a list or with commas. Callbacks of
        others are refused. An empty list takes all.
    type: list
    elements: str
    default: []
  max_age:
    description:
      - Seconds after which a token is too old. Vonage sends a callback that was not answered again, for up to a day;
        whether with a new token is not documented.
    type: int
    default: 300
  max_body:
    description:
      - Bytes that a callback may have.
    type: int
    default: 131072
  remember:
    description:
      - How many callbacks are remembered, to tell a repetition. They are forgotten when the source stops.
    type: int
    default: 10000
  max_queued_events:
    description:
      - Number of events that can wait for the rules. A callback is answered with 200 after its event has entered this
        queue, and with 503 while the queue is full.
      - The queue is in memory. If the process ends, its events are lost, and Vonage does not send them again.
    type: int
    default: 1000
  max_connections:
    description:
      - Number of connections that can be open at the same time. At this limit, a new connection closes the oldest one,
        whose request is incomplete.
      - If this is more than half of the open files that the process may have (C(ulimit -n)), half of them is used
        instead, and a warning is logged.
      - With O(certfile), each connection needs up to 0.3 MiB of memory.
    type: int
    default: 256
  header_timeout:
    description:
      - Seconds from the start of a connection in which the TLS handshake and the request headers must be complete. The
        connection is closed afterwards.
    type: int
    default: 10
  body_timeout:
    description:
      - Seconds in which the body of a request must be complete, after its headers.
    type: int
    default: 10
requirements:
  - aiohttp, which ansible-rulebook brings
notes:
  - A repetition has the project, the id, the status and the times of a callback that was taken before.
  - Refused with 401 are a wrong secret and a wrong token, with 403 other projects, with 404, 405, 408, 413, 415 and 431
    what they say, with 400 what is no JSON and with 422 what is no archive status. 503 asks to send it again.
  - A connection carries one request. Request headers can have 32768 bytes in total.
  - Each kind of log message appears at most 10 times a minute. A summary with the number of suppressed messages
    follows. This applies to the logger C(asyncio), too.
  - These limits keep the source available during a slow attack. They do not replace a firewall rule or a proxy, see
    the guide to events.
author:
  - Vonage Archiving Contributors (@vonage-archiving)
"""

EXAMPLES = r"""
- name: Archives of two projects, secured by a signature
  hosts: all
  sources:
    - vonage.archiving.archive_status:
        host: 0.0.0.0
        port: 5000
        certfile: /etc/eda/tls.pem
        signature_secret: "{{ archive_status_signature_secret }}"
        projects: ["47123456", "47123457"]
  rules:
    - name: Tell of uploads that failed
      condition: event.outcome == "fell_back"
      action:
        debug:
          msg: "{{ event.archive.id }} of {{ event.archive.project }} is not in the bucket"

- name: The same with a secret in the callback URL, behind a proxy that speaks TLS
  hosts: all
  sources:
    - vonage.archiving.archive_status:
        port: 5000
        path: /hooks/archives
        secret: "{{ archive_status_secret }}"
  rules: []
"""

LOGGER = logging.getLogger("vonage.archiving.archive_status")

# As plugins/module_utils/_vonage/archives.py has them.
STATUSES = ("started", "paused", "stopped", "uploaded", "available", "expired", "failed", "deleted")
OUTCOMES = {"uploaded": "uploaded", "available": "fell_back", "expired": "fell_back", "failed": "failed"}
PROJECT_FIELDS = ("partnerId", "projectId", "applicationId")

SECRET = re.compile(r"[A-Za-z0-9._~-]{16,}")
PATH = re.compile(r"(?:/[A-Za-z0-9._~-]+)+")
IDENTITY = re.compile(r"[A-Za-z0-9-]{1,64}")
SEGMENT = re.compile(r"[A-Za-z0-9_-]+")
LONGEST_TEXT = 200
# What datetime can show.
LATEST = datetime.datetime(9999, 12, 31, tzinfo=datetime.timezone.utc).timestamp()
# Seconds by which clocks may differ.
SKEW = 60
MIN_SECRET_LENGTH = 16
# Bytes of the request line and the headers in total.
MAX_HEADERS = 32768
# Bytes to read for each byte of a chunked body: each chunk has a size line.
CHUNKED_OVERHEAD = 8
# Bytes to read from a connection at a time.
READ_SIZE = 16384
# Connections to accept before the event loop continues with the open ones.
ACCEPTS = 16
# Seconds to wait after accept() has failed.
ACCEPT_PAUSE = 1
# Seconds to send a response and to close the connection.
CLOSE_TIMEOUT = 5
# Seconds to read the rest of a refused body. Otherwise, the client may not receive the response.
LINGER = 2
# Messages of one kind to log in each interval, and the seconds of an interval.
LOG_BURST = 10
LOG_INTERVAL = 60
EVENTS = uuid.UUID("7b0b7b0e-7c0c-5ad0-8d55-6a4a3a2f7d11")


# --- The options ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Settings:
    """The options, valid."""

    port: int
    host: str = "127.0.0.1"
    path: str = "/vonage/archive-status"
    certfile: str = ""
    keyfile: str = ""
    secret: str = field(default="", repr=False)
    signature_secret: str = field(default="", repr=False)
    require_payload_hash: bool = True
    api_key: str = ""
    projects: frozenset[str] = frozenset()
    max_age: int = 300
    max_body: int = 131072
    remember: int = 10000
    max_queued_events: int = 1000
    max_connections: int = 256
    header_timeout: int = 10
    body_timeout: int = 10


def settings(args: t.Mapping[str, t.Any]) -> Settings:
    """What the options say; an empty text is one that was not given.

    :raises ValueError: with everything that is wrong; the text holds no value of a secret.
    """
    given = {name: value for name, value in args.items() if value not in (None, "") and name != "eda_feedback_queue"}
    problems = [f"{name} is no option" for name in sorted(set(given) - set(Settings.__dataclass_fields__))]
    found: dict[str, t.Any] = {}
    for names, read in READERS:
        for name in names:
            if name in given:
                value, why = read(given[name])
                found[name] = value
                problems += [f"{name} {why}"] if why else []
    if "port" not in given:
        problems.append("port is missing")
    if problems:
        raise ValueError("; ".join(problems))
    made = Settings(**found)
    problems = list(contradictions(made))
    if problems:
        raise ValueError("; ".join(problems))
    return made


def contradictions(made: Settings) -> t.Iterator[str]:
    """What does not go together."""
    if not 0 < made.port < 65536:
        yield "port is not between 1 and 65535"
    if not PATH.fullmatch(made.path):
        yield "path is no absolute path of letters, digits, dots, hyphens, underscores and tildes"
    if made.secret and not SECRET.fullmatch(made.secret):
        yield "secret is shorter than 16 characters, or has some that need quoting in a URL"
    if made.signature_secret and len(made.signature_secret.strip()) < MIN_SECRET_LENGTH:
        yield f"signature_secret: at least {MIN_SECRET_LENGTH} characters are required, without blanks at the ends"
    if made.keyfile and not made.certfile:
        yield "keyfile belongs to certfile"
    if made.api_key and not made.signature_secret:
        yield "api_key belongs to signature_secret"
    if not made.secret.strip() and not made.signature_secret.strip() and not is_loopback(made.host):
        yield f"without secret or signature_secret anybody could send events: {made.host} is no loopback address"


def is_loopback(host: str) -> bool:
    """Whether only this machine can connect to it."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


Read = tuple[t.Any, str]


def _text(value: t.Any) -> Read:
    # Templates of ansible-rulebook make a number of what looks like one, and lose what is not part of it.
    return value, "" if isinstance(value, str) else "is no text: take one that does not look like a number"


def _identity(value: t.Any) -> Read:
    return str(value), "" if isinstance(value, (str, int)) and IDENTITY.fullmatch(str(value)) else "is no id"


def _number(value: t.Any) -> Read:
    whole = isinstance(value, (int, str)) and not isinstance(value, bool) and re.fullmatch(r"[0-9]{1,9}", str(value))
    return (int(value), "") if whole and int(value) > 0 else (0, "is no whole number above 0")


def _boolean(value: t.Any) -> Read:
    words = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}
    known = value if isinstance(value, bool) else words.get(str(value).lower())
    return known, "is neither true nor false" if known is None else ""


def _identities(value: t.Any) -> Read:
    parts = value if isinstance(value, (list, tuple)) else [part.strip() for part in str(value).split(",")]
    found = [_identity(part) for part in parts if part not in (None, "")]
    return frozenset(part for part, _why in found), "has something that is no id" if any(w for _p, w in found) else ""


READERS: tuple[tuple[tuple[str, ...], t.Callable[[t.Any], Read]], ...] = (
    (("host", "path", "certfile", "keyfile", "secret", "signature_secret"), _text),
    (("api_key",), _identity),
    (("port", "max_age", "max_body", "remember"), _number),
    (("max_queued_events", "max_connections", "header_timeout", "body_timeout"), _number),
    (("require_payload_hash",), _boolean),
    (("projects",), _identities),
)


# --- What a callback says ---------------------------------------------------------------------------------------------


class RefusedError(Exception):
    """A request is not taken. The text is one of ours: nothing of the request is in it."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status = status
        self.why = why


@dataclass(frozen=True)
class Callback:
    """One callback.

    :param key: the same for every delivery of the same.
    """

    event: dict[str, t.Any]
    project: str
    key: tuple[t.Any, ...]


def parse(body: bytes) -> Callback:
    """The callback in a body.

    :raises RefusedError: it is none.
    """
    try:
        document = json.loads(body.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise RefusedError(400, "the body is no JSON") from error
    if not isinstance(document, dict) or document.get("event") != "archive":
        raise RefusedError(422, "the body is no event of an archive")
    status = document.get("status")
    if not isinstance(status, str) or status not in STATUSES:
        raise RefusedError(422, "the status is none of an archive")
    archive, project, created = _identified(document.get("id")), _project(document), _seconds(document.get("createdAt"))
    if not archive or not project or not created:
        raise RefusedError(422, "id, partnerId or createdAt is missing or cannot be right")
    key = (project, archive, status, created, _seconds(document.get("updatedAt")))
    event = {
        "archive": {
            "id": archive,
            "project": project,
            "status": status,
            "reason": plain(document.get("reason")),
            "name": plain(document.get("name")),
            "session_id": plain(document.get("sessionId")),
            "created_at": stamp(created),
            "duration": int(_amount(document.get("duration"))),
            "size": int(_amount(document.get("size"))),
        },
        "outcome": OUTCOMES.get(status, "other"),
        # The same after a restart, so that whoever keeps track of events knows a repetition.
        "meta": {"uuid": str(uuid.uuid5(EVENTS, repr(key)))},
    }
    return Callback(event, project, key)


def _identified(value: t.Any) -> str:
    text = str(value) if isinstance(value, (str, int)) and not isinstance(value, bool) else ""
    return text if IDENTITY.fullmatch(text) else ""


def _project(document: t.Mapping[str, t.Any]) -> str:
    """The project, by whichever name it is given; empty where two names differ."""
    named = {_identified(document[name]) for name in PROJECT_FIELDS if document.get(name) not in (None, "")}
    return named.pop() if len(named) == 1 else ""


def _amount(value: t.Any) -> float:
    """A number that is not negative; 0 for anything else."""
    usable = isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value < LATEST * 1000
    return value if usable else 0


def _seconds(milliseconds: t.Any) -> float:
    """Unix seconds; 0 for what is no time."""
    seconds = _amount(milliseconds) / 1000
    return seconds if seconds < LATEST else 0


def stamp(seconds: float) -> str:
    """UTC, as the collection writes it everywhere."""
    return datetime.datetime.fromtimestamp(int(seconds), datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def plain(value: t.Any) -> str:
    """A text that somebody wrote, without what could be taken for a template, a line of a log or a colour."""
    text = value if isinstance(value, str) else ""
    return "".join(c for c in text if c.isprintable() and c not in "{}")[:LONGEST_TEXT]


# --- Whom it is from --------------------------------------------------------------------------------------------------


def check_secret(wanted: str, segment: str, authorization: str) -> None:
    """Look for the secret in the last part of the path or, where there is none, as a password.

    :raises RefusedError: it is something else.
    """
    given = segment or _password(authorization)
    if not hmac.compare_digest(given.encode("utf-8", "replace"), wanted.encode()):
        raise RefusedError(401, "the secret is wrong or missing")


def _password(authorization: str) -> str:
    scheme, _space, encoded = authorization.partition(" ")
    if scheme.lower() != "basic":
        return ""
    try:
        return base64.b64decode(encoded.strip(), validate=True).decode("utf-8", "replace").partition(":")[2]
    except (binascii.Error, ValueError):
        return ""


def check_token(wanted: Settings, authorization: str, now: float) -> dict[str, t.Any]:
    """The claims of the token in the header.

    :raises RefusedError: there is none, or it is none of Vonage's, or too old.
    """
    scheme, _space, token = authorization.partition(" ")
    parts = token.strip().split(".")
    if scheme.lower() != "bearer" or len(parts) != 3 or not all(SEGMENT.fullmatch(part) for part in parts):
        raise RefusedError(401, "there is no token")
    header = _decoded(parts[0])
    # The algorithm is ours to choose, not the sender's.
    if header.get("alg") != "HS256" or "crit" in header:
        raise RefusedError(401, "the token is not signed with HS256")
    signed = f"{parts[0]}.{parts[1]}".encode()
    good = hmac.new(wanted.signature_secret.encode(), signed, hashlib.sha256).digest()
    if not hmac.compare_digest(good, _bytes(parts[2])):
        raise RefusedError(401, "the signature of the token is wrong")
    claims = _decoded(parts[1])
    _check_times(claims, wanted.max_age, now)
    if wanted.api_key and str(claims.get("api_key")) != wanted.api_key:
        raise RefusedError(401, "the token is of another API key")
    return claims


def _check_times(claims: t.Mapping[str, t.Any], max_age: float, now: float) -> None:
    issued = claims.get("iat")
    times = [issued, claims.get("exp", now + SKEW), claims.get("nbf", now)]
    if any(isinstance(each, bool) or not isinstance(each, (int, float)) for each in times):
        raise RefusedError(401, "the token does not say when it was made")
    made, expires, begins = times
    if not (now - max_age <= made <= now + SKEW and expires > now - SKEW and begins <= now + SKEW):
        raise RefusedError(401, "the token is too old, or of a clock that is off")


def check_payload(wanted: Settings, claims: t.Mapping[str, t.Any], body: bytes) -> None:
    """Whether the token was made for this body.

    :raises RefusedError: it was not.
    """
    told = claims.get("payload_hash")
    if told is None and not wanted.require_payload_hash:
        return
    # A claim can have lone surrogates, which UTF-8 cannot encode.
    if not hmac.compare_digest(str(told).lower().encode("utf-8", "replace"), hashlib.sha256(body).hexdigest().encode()):
        raise RefusedError(401, "the token was not made for this body")


def _bytes(segment: str) -> bytes:
    try:
        return base64.urlsafe_b64decode(segment + "=" * (-len(segment) % 4))
    except (binascii.Error, ValueError):
        return b""


def _decoded(segment: str) -> dict[str, t.Any]:
    try:
        value = json.loads(_bytes(segment).decode("utf-8"))
    except (ValueError, RecursionError):
        value = None
    return value if isinstance(value, dict) else {}


# --- Taking them ------------------------------------------------------------------------------------------------------


class Desk:
    """Decides about one request after the other; events that are taken wait in ``events``."""

    def __init__(self, wanted: Settings, now: t.Callable[[], float] = time.time) -> None:
        self.wanted = wanted
        self.now = now
        self.events: asyncio.Queue[dict[str, t.Any]] = asyncio.Queue(wanted.max_queued_events)
        self._seen: OrderedDict[tuple[t.Any, ...], None] = OrderedDict()

    def admit(self, method: str, path: str, content_type: str, authorization: str) -> dict[str, t.Any]:
        """The claims of a request whose body is worth reading; empty where there is no token.

        :raises RefusedError: it is not.
        """
        wanted = self.wanted
        if path != wanted.path and not (wanted.secret and path.startswith(f"{wanted.path}/")):
            raise RefusedError(404, "there is nothing at this path")
        if wanted.secret:
            check_secret(wanted.secret, path[len(wanted.path) + 1 :], authorization)
        claims = check_token(wanted, authorization, self.now()) if wanted.signature_secret else {}
        if method != "POST":
            raise RefusedError(405, "callbacks are POST requests")
        if content_type != "application/json":
            raise RefusedError(415, "callbacks are application/json")
        return claims

    def take(self, claims: t.Mapping[str, t.Any], body: bytes) -> bool:
        """Take a callback; tell whether it is new.

        :raises RefusedError: it is none, or there is no room.
        """
        if self.wanted.signature_secret:
            check_payload(self.wanted, claims, body)
        callback = parse(body)
        if self.wanted.projects and callback.project not in self.wanted.projects:
            raise RefusedError(403, "the project is none of those that are wanted")
        if callback.key in self._seen:
            return False
        try:
            self.events.put_nowait(callback.event)
        except asyncio.QueueFull as error:
            raise RefusedError(503, "the rules are behind by too many events") from error
        self._seen[callback.key] = None
        if len(self._seen) > self.wanted.remember:
            self._seen.popitem(last=False)
        return True


# --- Log messages -----------------------------------------------------------------------------------------------------


class LogLimiter(logging.Filter):
    """Limit how often loggers repeat a message, and log how many messages were suppressed; a context manager.

    Messages are of one kind if they have the same ``kind`` (in ``extra``) or come from the same line of code.
    """

    def __init__(self, *loggers: logging.Logger) -> None:
        super().__init__()
        self._loggers = loggers
        self._counts: dict[t.Any, int] = {}
        self._suppressed: dict[t.Any, tuple[logging.Logger, int, str]] = {}
        self._timer: asyncio.TimerHandle | None = None

    def __enter__(self) -> LogLimiter:
        for logger in self._loggers:
            logger.addFilter(self)
        self._timer = asyncio.get_running_loop().call_later(LOG_INTERVAL, self._next_interval)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._timer:
            self._timer.cancel()
        self._summarise()
        for logger in self._loggers:
            logger.removeFilter(self)

    def filter(self, record: logging.LogRecord) -> bool:
        if getattr(record, "is_summary", False):
            return True
        error = record.exc_info[0] if record.exc_info else None
        kind = getattr(record, "kind", (record.pathname, record.lineno, error))
        self._counts[kind] = self._counts.get(kind, 0) + 1
        if self._counts[kind] <= LOG_BURST:
            return True
        if kind not in self._suppressed:
            first_line = record.getMessage().partition("\n")[0][:LONGEST_TEXT]
            self._suppressed[kind] = (logging.getLogger(record.name), record.levelno, first_line)
        return False

    def _next_interval(self) -> None:
        self._summarise()
        self._timer = asyncio.get_running_loop().call_later(LOG_INTERVAL, self._next_interval)

    def _summarise(self) -> None:
        for kind, (logger, level, text) in self._suppressed.items():
            count = self._counts[kind] - LOG_BURST
            logger.log(level, "Suppressed %d more messages like this: %s", count, text, extra={"is_summary": True})
        self._counts.clear()
        self._suppressed.clear()


def log_limited(level: int, kind: str, message: str, *args: t.Any) -> None:
    """Log a message of its own kind, where one line of code logs several."""
    LOGGER.log(level, message, *args, extra={"kind": kind})


# --- Connections ------------------------------------------------------------------------------------------------------


class Connection(asyncio.BufferedProtocol):
    """A connection from accept() to its end, which carries one request.

    aiohttp limits neither the time nor the total size of the headers, and some of its versions parse any number of
    requests in a row. Therefore it gets the headers when they are complete, and then the bytes of one body.
    """

    def __init__(self, listener: Listener, sock: socket.socket) -> None:
        self._listener = listener
        self._sock = sock
        self._transport: asyncio.Transport | None = None
        self._http: asyncio.Protocol | None = None
        self._received = bytearray()
        #: Bytes of the body that aiohttp has not received yet; None until the handler asks for the body.
        self._unread: int | None = None
        self._timer = listener.loop.call_later(listener.wanted.header_timeout, self._expire)
        listener.connections[self] = None
        self.opening = listener.loop.create_task(self._open())

    async def _open(self) -> None:
        """Create the transport, which includes the TLS handshake."""
        listener = self._listener
        try:
            await listener.loop.connect_accepted_socket(lambda: self, self._sock, ssl=listener.ssl_context)
        except OSError as error:
            # The handshake has failed. If there was no transport yet, nothing else closes the socket.
            self._sock.close()
            self._end()
            # The frames are a reference cycle, which keeps a TLS buffer of 256 KiB until the next garbage collection.
            traceback.clear_frames(error.__traceback__)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = t.cast(asyncio.Transport, transport)
        if self not in self._listener.connections:
            self._transport.abort()

    def get_buffer(self, sizehint: int) -> memoryview:
        return self._listener.buffer

    def buffer_updated(self, nbytes: int) -> None:
        data = bytes(self._listener.buffer[:nbytes])
        if self._unread is not None:
            self._feed(data)
            return
        searched = max(0, len(self._received) - 3)
        self._received += data
        if not self._http:
            self._check_headers(self._received.find(b"\r\n\r\n", searched) + 4)

    def _check_headers(self, end: int) -> None:
        """Hand the headers to aiohttp if they are complete.

        :param end: their length; less than 4 if they are incomplete.
        """
        transport = self._transport
        if not transport or transport.is_closing():
            return
        if (end if end >= 4 else len(self._received)) > MAX_HEADERS:
            self._refuse("431 Request Header Fields Too Large")
        elif end >= 4:
            transport.pause_reading()
            self._restart_timer(self._listener.wanted.body_timeout + CLOSE_TIMEOUT)
            headers = bytes(self._received[:end])
            del self._received[:end]
            self._http = self._listener.new_handler()
            self._http.connection_made(transport)
            self._schedule_parse(headers)

    def read_body(self, length: int) -> None:
        """Pass this number of bytes to aiohttp, and discard what follows."""
        self._unread = length
        received = bytes(self._received)
        self._received.clear()
        if self._transport:
            self._transport.resume_reading()
        self._feed(received)

    def _feed(self, data: bytes) -> None:
        unread = self._unread or 0
        self._unread = max(0, unread - len(data))
        if data and unread:
            self._schedule_parse(data[:unread])

    def _schedule_parse(self, data: bytes) -> None:
        # aiohttp keeps the error of a malformed request, and with it the calling frames and their TLS buffers.
        self._listener.loop.call_soon(self._parse, data)

    def _parse(self, data: bytes) -> None:
        try:
            if self._http:
                self._http.data_received(data)
        except Exception as error:
            # Older versions of aiohttp do not handle every error of yarl.
            LOGGER.warning("Refused a request that is not valid HTTP (%s)", type(error).__name__)
            self._refuse("400 Bad Request")

    def _refuse(self, status: str) -> None:
        if self._transport:
            self._transport.write(f"HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n".encode())
            self._transport.close()

    def finish(self) -> None:
        """Limit the time to send the response and to close the connection."""
        self._restart_timer(CLOSE_TIMEOUT)

    def pause_writing(self) -> None:
        if self._http:
            self._http.pause_writing()

    def resume_writing(self) -> None:
        if self._http:
            self._http.resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        self._end()
        if self._http:
            self._http.connection_lost(exc)
        # Break the reference cycle with the transport and its TLS buffers.
        self._transport = self._http = None

    def _restart_timer(self, seconds: float) -> None:
        self._timer.cancel()
        self._timer = self._listener.loop.call_later(seconds, self._expire)

    def _expire(self) -> None:
        if not self._http:
            LOGGER.warning("Closed a connection: its request headers were not complete in time")
        self.abort()

    def abort(self) -> None:
        """Close the connection without waiting for the client."""
        self._end()
        if self._transport:
            self._transport.abort()
        else:
            # asyncio does not give access to the transport before the TLS handshake is complete.
            with contextlib.suppress(OSError):
                self._sock.shutdown(socket.SHUT_RDWR)

    def _end(self) -> None:
        self._timer.cancel()
        self._listener.connections.pop(self, None)


class Listener:
    """Accepts connections, at most ``limit`` at a time.

    asyncio's own servers do not limit them, and log a traceback for each accept() that fails without a free descriptor.
    """

    def __init__(self, wanted: Settings, limit: int, new_handler: t.Callable[[], asyncio.Protocol]) -> None:
        self.wanted = wanted
        self.limit = limit
        self.new_handler = new_handler
        self.loop = asyncio.get_running_loop()
        self.ssl_context = tls(wanted)
        #: Shared by all connections: each one copies its data immediately. A bytearray would not do, since asyncio's
        #: TLS slices the buffer.
        self.buffer = memoryview(bytearray(READ_SIZE))
        #: In the order of their age, the oldest one first.
        self.connections: dict[Connection, None] = {}
        self.sockets: list[socket.socket] = []
        self._pauses: list[asyncio.TimerHandle] = []

    async def start(self) -> None:
        """Listen at every address of the host."""
        wanted = self.wanted
        found = await self.loop.getaddrinfo(wanted.host, wanted.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        for family, address in dict.fromkeys((family, address) for family, _type, _proto, _name, address in found):
            server_socket = socket.create_server(address, family=family, backlog=128)
            server_socket.setblocking(False)
            self.sockets.append(server_socket)
            self._resume(server_socket)

    async def stop(self) -> None:
        """Stop listening and close all connections."""
        for pause in self._pauses:
            pause.cancel()
        for server_socket in self.sockets:
            self.loop.remove_reader(server_socket)
            server_socket.close()
        opening = [connection.opening for connection in self.connections]
        for connection in list(self.connections):
            connection.abort()
        if opening:
            _done, pending = await asyncio.wait(opening, timeout=CLOSE_TIMEOUT)
            for task in pending:
                task.cancel()

    def _resume(self, server_socket: socket.socket) -> None:
        self.loop.add_reader(server_socket, self._accept, server_socket)

    def _accept(self, server_socket: socket.socket) -> None:
        for attempt in range(ACCEPTS):
            try:
                sock, _peer = server_socket.accept()
            except OSError as error:
                # Without free descriptors, accept() fails even if no connection waits. One does at the first attempt.
                if attempt == 0 and not isinstance(error, (BlockingIOError, InterruptedError)):
                    self._pause(server_socket, error)
                return
            sock.setblocking(False)
            if len(self.connections) >= self.limit:
                LOGGER.warning("Closed the oldest of %d connections to accept another one", self.limit)
                self._close_oldest()
            Connection(self, sock)

    def _close_oldest(self) -> None:
        """Close the connection that has been open for longest.

        Its request is incomplete: complete ones are answered without delay, and those connections close.
        """
        oldest = next(iter(self.connections), None)
        if oldest:
            oldest.abort()

    def _pause(self, server_socket: socket.socket, error: OSError) -> None:
        """Stop accepting for a moment: the loop would call accept() continuously for a connection that is waiting."""
        name = errno.errorcode.get(error.errno or 0, "unknown error")
        log_limited(logging.ERROR, name, "Could not accept a connection: %s. Trying again in %d s", name, ACCEPT_PAUSE)
        self._close_oldest()
        self.loop.remove_reader(server_socket)
        self._pauses = [pause for pause in self._pauses if pause.when() > self.loop.time()]
        self._pauses.append(self.loop.call_later(ACCEPT_PAUSE, self._resume, server_socket))


def connection_limit(desired: int) -> int:
    """Limit the connections to half of the file descriptors of the process; the rules need some, too."""
    files = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    if files == resource.RLIM_INFINITY or desired <= files // 2:
        return desired
    lowered = max(1, files // 2)
    LOGGER.warning(
        "max_connections: %d is more than half of the limit of %d open files, using %d. Raise the limit (ulimit -n)",
        desired,
        files,
        lowered,
    )
    return lowered


# --- The server -------------------------------------------------------------------------------------------------------


def server(desk: Desk) -> web.AppRunner:
    """The HTTP side of a desk. What aiohttp logs by itself holds the path, and with it the secret."""
    silent = logging.getLogger("vonage.archiving.archive_status.http")
    silent.disabled = True
    # Some versions of aiohttp refuse a body of exactly this size.
    app = web.Application(client_max_size=desk.wanted.max_body + 1)
    app.router.add_route("*", "/{path:.*}", _answer(desk))
    app.on_response_prepare.append(_close_connection)
    # A small body that is packed could be a huge one.
    return web.AppRunner(app, access_log=None, logger=silent, auto_decompress=False, lingering_time=LINGER)


def _answer(desk: Desk) -> t.Callable[[web.Request], t.Awaitable[web.Response]]:

    async def answer(request: web.Request) -> web.Response:
        try:
            connection = _connection(request)
            connection.read_body(_body_size(request, desk.wanted.max_body))
            authorization = request.headers.get("Authorization", "")
            claims = desk.admit(request.method, request.path, request.content_type, authorization)
            new = desk.take(claims, await _body(request, desk.wanted))
        except RefusedError as error:
            log_limited(logging.WARNING, error.why, "Refused a request of %s: %s", request.remote, error.why)
            headers = {"Retry-After": "30"} if error.status == 503 else {}
            headers.update({"Allow": "POST"} if error.status == 405 else {})
            return web.Response(status=error.status, text=f"{error.why}\n", headers=headers)
        return web.Response(text="taken\n" if new else "known\n")

    return answer


async def _close_connection(request: web.Request, response: web.StreamResponse) -> None:
    """Close the connection after every response, including those of aiohttp itself."""
    response.force_close()
    response.headers["Connection"] = "close"
    with contextlib.suppress(RefusedError):
        _connection(request).finish()


def _connection(request: web.Request) -> Connection:
    protocol = request.transport.get_protocol() if request.transport else None
    if not isinstance(protocol, Connection):
        raise RefusedError(400, "the connection is closed")
    return protocol


def _body_size(request: web.Request, max_body: int) -> int:
    """Return the number of bytes to read after the headers."""
    if request.content_length is not None:
        return min(request.content_length, max_body + READ_SIZE)
    return CHUNKED_OVERHEAD * max_body if request.body_exists else 0


async def _body(request: web.Request, wanted: Settings) -> bytes:
    try:
        if (request.content_length or 0) > wanted.max_body:
            raise RefusedError(413, "the body is too large")
        return await asyncio.wait_for(request.read(), wanted.body_timeout)
    except web.HTTPRequestEntityTooLarge as error:
        raise RefusedError(413, "the body is too large") from error
    except asyncio.TimeoutError as error:
        raise RefusedError(408, "the body did not come") from error
    except (web.RequestPayloadError, ConnectionError) as error:
        raise RefusedError(400, "the body broke off") from error


def tls(wanted: Settings) -> ssl.SSLContext | None:
    """The context for HTTPS, if it is wanted."""
    if not wanted.certfile:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(wanted.certfile, wanted.keyfile or None)
    return context


async def serve(wanted: Settings, queue: t.Any) -> None:
    """Listen until cancelled, and hand on what is taken."""
    desk = Desk(wanted)
    with LogLimiter(LOGGER, logging.getLogger("asyncio")):
        async with open_listener(desk):
            LOGGER.info("Listening at %s, port %s", wanted.host, wanted.port)
            if wanted.secret and not wanted.certfile and not is_loopback(wanted.host):
                LOGGER.warning("The secret is sent in clear, unless a proxy in front of this speaks TLS")
            await forward(desk.events, queue)


async def forward(events: asyncio.Queue[dict[str, t.Any]], queue: t.Any) -> None:
    """Deliver events to the rules until cancelled."""
    undelivered = 0
    try:
        while True:
            event = await events.get()
            undelivered = 1
            await queue.put(event)
            undelivered = 0
    finally:
        undelivered += events.qsize()
        if undelivered:
            LOGGER.warning("%d events were not delivered to the rules and are lost", undelivered)


@contextlib.asynccontextmanager
async def open_listener(desk: Desk) -> t.AsyncIterator[Listener]:
    """Listen, and close all connections at the end."""
    async with contextlib.AsyncExitStack() as stack:
        runner = server(desk)
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        listener = Listener(desk.wanted, connection_limit(desk.wanted.max_connections), t.cast(t.Any, runner.server))
        stack.push_async_callback(listener.stop)
        await listener.start()
        yield listener


async def main(queue: t.Any, args: dict[str, t.Any]) -> None:
    """Entry point of ansible-rulebook."""
    await serve(settings(args), queue)
