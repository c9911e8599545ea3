# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Event source for ansible-rulebook: a webhook for the archive status callback of the Vonage Video API.

One file without ``module_utils``: ansible-rulebook runs it by its path and cannot import ``ansible_collections`` there.
The sections up to "Requests" do no I/O.
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
  - Receives the callback that the Vonage Video API (OpenTok) sends when the status of an archive changes, and creates
    an event for each callback.
  - An event contains C(archive) with C(id), C(project), C(status), C(reason), C(name), C(session_id), C(created_at)
    (UTC), C(duration) (seconds), and C(size) (bytes). It does not contain the URL and the password of the archive.
  - An event also contains C(outcome). It is V(uploaded) or V(failed) for the status of the same name, and V(fell_back)
    for V(available) and V(expired), which mean that the upload failed if the project has an upload target. It is
    V(other) for all other statuses.
  - In C(name), C(reason), and C(session_id), braces and control characters are removed, and the text is cut at 200
    characters. Actions pass events on as variables, in which a brace can start a template.
  - Rejects requests that are not authenticated, and requests that are not an archive status callback. A duplicate of a
    callback receives the response 200 and does not create another event.
options:
  host:
    description:
      - Address to listen on. V(0.0.0.0) means all addresses.
    type: str
    default: 127.0.0.1
  port:
    description:
      - TCP port to listen on.
    type: int
    required: true
  path:
    description:
      - Path of the callback URL, without the secret.
    type: str
    default: /vonage/archive-status
  certfile:
    description:
      - Path of a certificate with its chain, for HTTPS. Without it, the source uses HTTP, for use behind a proxy.
    type: str
  keyfile:
    description:
      - Path of the private key, if O(certfile) does not contain it.
    type: str
  secret:
    description:
      - Last part of the path of the callback URL, for example
        C(https://events.example.com:5000/vonage/archive-status/SECRET). Also accepted as the password of HTTP basic
        authentication, which a proxy can add to keep the secret out of the URL.
      - At least 16 letters, digits, dots, hyphens, underscores, or tildes.
      - If neither O(secret) nor O(signature_secret) is set, O(host) must be a loopback address.
    type: str
  signature_secret:
    description:
      - Signature secret of a secured callback, from the vendor's dashboard. Vonage signs a token with it (HS256). The
        source verifies the signature, the times in the token, and the SHA-256 of the body in the token.
      - At least 16 characters, without blanks at the ends.
      - If O(secret) is also set, a request needs both.
    type: str
  require_payload_hash:
    description:
      - Whether a token must contain the SHA-256 of the body. Without it, anyone who obtains a token can send other
        bodies with it until it is older than O(max_age).
      - The vendor documents the claim C(payload_hash) for secure callbacks of the Video API. Not tested with a token
        from the vendor.
    type: bool
    default: true
  api_key:
    description:
      - Required value of the claim C(api_key) of a token. By default, any value is accepted.
      - The vendor documents that the signature secret belongs to the API key in this claim. It is not documented
        whether this is the key of the project or of the account.
    type: str
  projects:
    description:
      - IDs of the projects to accept (API keys, application IDs), as a list or separated by commas. Callbacks of other
        projects are rejected. An empty list accepts all projects.
    type: list
    elements: str
    default: []
  max_age:
    description:
      - Maximum age of a token in seconds. Vonage repeats a failed callback for up to a day. It is not documented
        whether the repetition has a new token.
    type: int
    default: 300
  max_body:
    description:
      - Maximum size of a request body in bytes.
    type: int
    default: 131072
  dedup_cache_size:
    description:
      - Number of callbacks to keep in memory to detect duplicates. The cache is lost when the source stops.
    type: int
    default: 10000
  max_queued_events:
    description:
      - Maximum number of events that wait for the rules. The response to a callback is 200 after its event has entered
        this queue, and 503 while the queue is full.
      - The queue is in memory. If the process ends, its events are lost, and Vonage does not send them again.
    type: int
    default: 1000
  max_connections:
    description:
      - Maximum number of open connections. At this limit, a new connection closes the oldest one, whose request is
        incomplete.
      - If this is more than half of the open files that the process may have (C(ulimit -n)), the source uses half of
        them instead and logs a warning.
      - With O(certfile), each connection needs up to 0.3 MiB of memory.
    type: int
    default: 256
  header_timeout:
    description:
      - Seconds from the start of a connection until the TLS handshake and the request headers must be complete. The
        connection is closed afterwards.
    type: int
    default: 10
  body_timeout:
    description:
      - Seconds from the end of the request headers until the body must be complete.
    type: int
    default: 10
requirements:
  - aiohttp, which is a dependency of ansible-rulebook
notes:
  - A duplicate has the project, ID, status, and times of a callback that was accepted before.
  - The response is 401 for a wrong secret or token, 403 for a project that is not in O(projects), 400 for a body that
    is not JSON, 422 for JSON that is not an archive status, and 503 while the queue is full. 404, 405, 408, 413, 415,
    and 431 have their usual meaning.
  - A connection carries one request. The request headers can have 32768 bytes in total.
  - Each kind of log message appears at most 10 times per minute, followed by a summary with the number of suppressed
    messages. This also applies to the logger C(asyncio).
  - These limits keep the source available during a slow attack. They do not replace a firewall rule or a proxy. See the
    guide to events.
author:
  - Vonage Archiving Contributors (@vonage-archiving)
"""

EXAMPLES = r"""
- name: Archives of two projects, with a signature secret
  hosts: all
  sources:
    - vonage.archiving.archive_status:
        host: 0.0.0.0
        port: 5000
        certfile: /etc/eda/tls.pem
        signature_secret: "{{ archive_status_signature_secret }}"
        projects: ["47123456", "47123457"]
  rules:
    - name: Report a failed upload
      condition: event.outcome == "fell_back"
      action:
        debug:
          msg: "{{ event.archive.id }} of {{ event.archive.project }} is not in the bucket"

- name: Archives of all projects, with a secret in the callback URL, behind a TLS proxy
  hosts: all
  sources:
    - vonage.archiving.archive_status:
        port: 5000
        path: /hooks/archives
        secret: "{{ archive_status_secret }}"
  rules: []
"""

LOGGER = logging.getLogger("vonage.archiving.archive_status")

# The same values as in plugins/module_utils/_archives/archives.py.
STATUSES = ("started", "paused", "stopped", "uploaded", "available", "expired", "failed", "deleted")
OUTCOMES = {"uploaded": "uploaded", "available": "fell_back", "expired": "fell_back", "failed": "failed"}
PROJECT_FIELDS = ("partnerId", "projectId", "applicationId")

SECRET_PATTERN = re.compile(r"[A-Za-z0-9._~-]{16,}")
PATH_PATTERN = re.compile(r"(?:/[A-Za-z0-9._~-]+)+")
ID_PATTERN = re.compile(r"[A-Za-z0-9-]{1,64}")
BASE64URL_PATTERN = re.compile(r"[A-Za-z0-9_-]+")
MIN_SECRET_LENGTH = 16
MAX_TEXT_LENGTH = 200
MAX_INTEGER = 999_999_999
MAX_PORT = 65535
# datetime cannot represent later times.
MAX_TIMESTAMP = datetime.datetime(9999, 12, 31, tzinfo=datetime.timezone.utc).timestamp()
# Seconds that the clocks of Vonage and of this machine may differ.
CLOCK_SKEW = 60
# Bytes of the request line and the headers in total.
MAX_HEADERS = 32768
# Bytes to read for each byte of a chunked body: each chunk has a size line.
CHUNKED_OVERHEAD = 8
# Bytes to read from a connection at a time.
READ_SIZE = 16384
# Connections to accept before the event loop continues with the open ones.
MAX_ACCEPTS = 16
# Seconds to wait after accept() has failed.
ACCEPT_PAUSE = 1
# Seconds to send a response and to close the connection.
CLOSE_TIMEOUT = 5
# Seconds to read the rest of a rejected body. Otherwise, the client may not receive the response.
LINGER_TIMEOUT = 2
# Messages of one kind to log in each interval, and the seconds of an interval.
LOG_BURST = 10
LOG_INTERVAL = 60
EVENT_NAMESPACE = uuid.UUID("7b0b7b0e-7c0c-5ad0-8d55-6a4a3a2f7d11")


# --- Options ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class SourceParams:
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
    dedup_cache_size: int = 10000
    max_queued_events: int = 1000
    max_connections: int = 256
    header_timeout: int = 10
    body_timeout: int = 10


def parse_params(args: t.Mapping[str, t.Any]) -> SourceParams:
    """Parse and validate the options. An empty string means that an option is not set.

    :raises ValueError: lists all problems, without the values of secrets.
    """
    options = {name: value for name, value in args.items() if value not in (None, "") and name != "eda_feedback_queue"}
    problems = [f"{name}: unknown option. Remove it." for name in sorted(set(options) - set(PARSERS))]
    values: dict[str, t.Any] = {}
    for name, parse_value in PARSERS.items():
        if name in options:
            values[name], problem = parse_value(options[name])
            problems += [f"{name}: {problem}"] if problem else []
    if "port" not in options:
        problems.append("port: this option is required. Set it.")
    _raise_problems(problems)
    params = SourceParams(**values)
    _raise_problems(list(param_problems(params)))
    return params


def _raise_problems(problems: t.Sequence[str]) -> None:
    if problems:
        raise ValueError(f"Invalid options: {' '.join(problems)}")


def param_problems(params: SourceParams) -> t.Iterator[str]:
    """Check the formats and the combinations of options that have the correct types."""
    if not PATH_PATTERN.fullmatch(params.path):
        yield (
            "path: must be an absolute path of letters, digits, dots, hyphens, underscores, and tildes, without a "
            "slash at the end."
        )
    if params.secret and not SECRET_PATTERN.fullmatch(params.secret):
        yield (
            f"secret: at least {MIN_SECRET_LENGTH} characters are required, and only letters, digits, dots, hyphens, "
            "underscores, and tildes are allowed. Create one with: openssl rand -hex 24."
        )
    if params.signature_secret and len(params.signature_secret.strip()) < MIN_SECRET_LENGTH:
        yield f"signature_secret: at least {MIN_SECRET_LENGTH} characters are required, without blanks at the ends."
    if params.keyfile and not params.certfile:
        yield "keyfile: requires certfile. Set certfile or remove keyfile."
    if params.api_key and not params.signature_secret:
        yield "api_key: requires signature_secret. Set signature_secret or remove api_key."
    if not params.secret.strip() and not params.signature_secret.strip() and not is_loopback(params.host):
        yield (
            f"host: {params.host} is not a loopback address, and without a secret, anyone could send events. "
            "Set secret or signature_secret."
        )


def is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


# The value, and the problem or an empty string.
ParsedValue = tuple[t.Any, str]


def _parse_string(value: t.Any) -> ParsedValue:
    # The templates of ansible-rulebook convert strings that look like numbers, and can lose characters.
    return value, "" if isinstance(value, str) else "must be a string. Use a value that does not look like a number."


def _parse_id(value: t.Any) -> ParsedValue:
    is_id = isinstance(value, (str, int)) and ID_PATTERN.fullmatch(str(value))
    return str(value), "" if is_id else "must have 1 to 64 letters, digits, or hyphens."


def _parse_ids(value: t.Any) -> ParsedValue:
    items = value if isinstance(value, (list, tuple)) else [item.strip() for item in str(value).split(",")]
    parsed = [_parse_id(item) for item in items if item not in (None, "")]
    problem = next((f"each ID {problem}" for _id, problem in parsed if problem), "")
    return frozenset(project_id for project_id, _problem in parsed), problem


def _parse_integer(value: t.Any, maximum: int = MAX_INTEGER) -> ParsedValue:
    is_valid_type = isinstance(value, (int, str)) and not isinstance(value, bool)
    number = int(value) if is_valid_type and re.fullmatch(r"[0-9]{1,9}", str(value)) else 0
    return number, "" if 0 < number <= maximum else f"must be an integer from 1 to {maximum}, got {value!r:.50}."


def _parse_port(value: t.Any) -> ParsedValue:
    return _parse_integer(value, MAX_PORT)


def _parse_boolean(value: t.Any) -> ParsedValue:
    words = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}
    boolean = value if isinstance(value, bool) else words.get(str(value).lower())
    return boolean, f"must be true or false, got {value!r:.50}." if boolean is None else ""


PARSERS: dict[str, t.Callable[[t.Any], ParsedValue]] = {
    **dict.fromkeys(("host", "path", "certfile", "keyfile", "secret", "signature_secret"), _parse_string),
    "api_key": _parse_id,
    "projects": _parse_ids,
    "require_payload_hash": _parse_boolean,
    "port": _parse_port,
    **dict.fromkeys(("max_age", "max_body", "dedup_cache_size", "max_queued_events"), _parse_integer),
    **dict.fromkeys(("max_connections", "header_timeout", "body_timeout"), _parse_integer),
}


# --- Callbacks --------------------------------------------------------------------------------------------------------


class HttpError(Exception):
    """An error response. The message goes to the client and to the log, so it contains nothing of the request."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


@dataclass(frozen=True)
class Callback:
    """A callback as an event.

    :param dedup_key: the same for all deliveries of a callback.
    """

    event: dict[str, t.Any]
    project: str
    dedup_key: tuple[t.Any, ...]


def parse_callback(body: bytes) -> Callback:
    """:raises HttpError: the body is not an archive status callback."""
    document = _parse_document(body)
    archive_id, project = _parse_callback_id(document.get("id")), _parse_project(document)
    created = _parse_timestamp(document.get("createdAt"))
    if not archive_id or not project or not created:
        raise HttpError(422, "id, partnerId, or createdAt: the value is missing or not valid")
    status = document["status"]
    dedup_key = (project, archive_id, status, created, _parse_timestamp(document.get("updatedAt")))
    event = {
        "archive": {
            "id": archive_id,
            "project": project,
            "status": status,
            "reason": sanitize_text(document.get("reason")),
            "name": sanitize_text(document.get("name")),
            "session_id": sanitize_text(document.get("sessionId")),
            "created_at": format_timestamp(created),
            "duration": int(_parse_quantity(document.get("duration"))),
            "size": int(_parse_quantity(document.get("size"))),
        },
        "outcome": OUTCOMES.get(status, "other"),
        # Consumers can detect duplicates, because the ID is the same after a restart.
        "meta": {"uuid": str(uuid.uuid5(EVENT_NAMESPACE, repr(dedup_key)))},
    }
    return Callback(event, project, dedup_key)


def _parse_document(body: bytes) -> dict[str, t.Any]:
    try:
        document = json.loads(body.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise HttpError(400, "the body is not valid JSON") from error
    if not isinstance(document, dict) or document.get("event") != "archive":
        raise HttpError(422, "the body is not an archive event")
    status = document.get("status")
    if not isinstance(status, str) or status not in STATUSES:
        raise HttpError(422, "status: the value is not an archive status")
    return document


def _parse_callback_id(value: t.Any) -> str:
    text = str(value) if isinstance(value, (str, int)) and not isinstance(value, bool) else ""
    return text if ID_PATTERN.fullmatch(text) else ""


def _parse_project(document: t.Mapping[str, t.Any]) -> str:
    """Return the project ID, or an empty string if fields contradict each other."""
    ids = {_parse_callback_id(document[name]) for name in PROJECT_FIELDS if document.get(name) not in (None, "")}
    return ids.pop() if len(ids) == 1 else ""


def _parse_quantity(value: t.Any) -> float:
    """Return a number that is not negative, or 0 if the value is not one."""
    is_valid = isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value < MAX_TIMESTAMP * 1000
    return value if is_valid else 0


def _parse_timestamp(milliseconds: t.Any) -> float:
    """Return Unix seconds, or 0 if the value is not a time."""
    seconds = _parse_quantity(milliseconds) / 1000
    return seconds if seconds < MAX_TIMESTAMP else 0


def format_timestamp(seconds: float) -> str:
    return datetime.datetime.fromtimestamp(int(seconds), datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def sanitize_text(value: t.Any) -> str:
    """Remove characters that could start a template, a log line, or a terminal escape sequence."""
    text = value if isinstance(value, str) else ""
    return "".join(c for c in text if c.isprintable() and c not in "{}")[:MAX_TEXT_LENGTH]


# --- Authentication ---------------------------------------------------------------------------------------------------


def verify_secret(secret: str, segment: str, authorization: str) -> None:
    """Compare the secret with the last part of the path or, if that is empty, with the basic authentication password.

    :raises HttpError: the secret is wrong or missing.
    """
    candidate = segment or _parse_basic_password(authorization)
    if not hmac.compare_digest(candidate.encode("utf-8", "replace"), secret.encode()):
        raise HttpError(401, "the secret is wrong or missing")


def _parse_basic_password(authorization: str) -> str:
    scheme, _space, encoded = authorization.partition(" ")
    if scheme.lower() != "basic":
        return ""
    try:
        return base64.b64decode(encoded.strip(), validate=True).decode("utf-8", "replace").partition(":")[2]
    except (binascii.Error, ValueError):
        return ""


def verify_token(params: SourceParams, authorization: str, now: float) -> dict[str, t.Any]:
    """Verify the token in the header, and return its claims.

    :raises HttpError: the token is missing, not signed by Vonage, or too old.
    """
    scheme, _space, token = authorization.partition(" ")
    segments = token.strip().split(".")
    if scheme.lower() != "bearer" or len(segments) != 3 or not all(map(BASE64URL_PATTERN.fullmatch, segments)):
        raise HttpError(401, "the token is missing or malformed")
    header = _decode_json(segments[0])
    # The token must not choose its algorithm.
    if header.get("alg") != "HS256" or "crit" in header:
        raise HttpError(401, "the token is not signed with HS256")
    signed = f"{segments[0]}.{segments[1]}".encode()
    signature = hmac.new(params.signature_secret.encode(), signed, hashlib.sha256).digest()
    if not hmac.compare_digest(signature, _decode_base64url(segments[2])):
        raise HttpError(401, "the signature of the token is wrong")
    claims = _decode_json(segments[1])
    _verify_token_times(claims, params.max_age, now)
    if params.api_key and str(claims.get("api_key")) != params.api_key:
        raise HttpError(401, "the token has another API key")
    return claims


def _verify_token_times(claims: t.Mapping[str, t.Any], max_age: float, now: float) -> None:
    issued_at, expires_at, not_before = claims.get("iat"), claims.get("exp", now + CLOCK_SKEW), claims.get("nbf", now)
    if not (_is_number(issued_at) and _is_number(expires_at) and _is_number(not_before)):
        raise HttpError(401, "iat, exp, or nbf of the token: the value is missing or not a number")
    is_recent = now - max_age <= issued_at <= now + CLOCK_SKEW
    if not (is_recent and expires_at > now - CLOCK_SKEW and not_before <= now + CLOCK_SKEW):
        raise HttpError(401, "the token is too old or not yet valid, or a clock is wrong")


def _is_number(value: t.Any) -> t.TypeGuard[float]:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def verify_payload_hash(params: SourceParams, claims: t.Mapping[str, t.Any], body: bytes) -> None:
    """:raises HttpError: the token was issued for another body."""
    payload_hash = claims.get("payload_hash")
    if payload_hash is None and not params.require_payload_hash:
        return
    # A claim can have lone surrogates, which UTF-8 cannot encode.
    candidate = str(payload_hash).lower().encode("utf-8", "replace")
    if not hmac.compare_digest(candidate, hashlib.sha256(body).hexdigest().encode()):
        raise HttpError(401, "the token was not issued for this body")


def _decode_base64url(segment: str) -> bytes:
    try:
        return base64.urlsafe_b64decode(segment + "=" * (-len(segment) % 4))
    except (binascii.Error, ValueError):
        return b""


def _decode_json(segment: str) -> dict[str, t.Any]:
    try:
        value = json.loads(_decode_base64url(segment).decode("utf-8"))
    except (ValueError, RecursionError):
        value = None
    return value if isinstance(value, dict) else {}


# --- Requests ---------------------------------------------------------------------------------------------------------


class CallbackHandler:
    """Authenticates requests and queues their events."""

    def __init__(self, params: SourceParams, now: t.Callable[[], float] = time.time) -> None:
        self.params = params
        self.now = now
        self.events: asyncio.Queue[dict[str, t.Any]] = asyncio.Queue(params.max_queued_events)
        self._dedup_cache: OrderedDict[tuple[t.Any, ...], None] = OrderedDict()

    def authenticate(self, method: str, path: str, content_type: str, authorization: str) -> dict[str, t.Any]:
        """Check a request before its body is read. Return the claims of its token, which are empty without a token.

        :raises HttpError: the request is rejected.
        """
        params = self.params
        if path != params.path and not (params.secret and path.startswith(f"{params.path}/")):
            raise HttpError(404, "there is no webhook at this path")
        if params.secret:
            verify_secret(params.secret, path[len(params.path) + 1 :], authorization)
        claims = verify_token(params, authorization, self.now()) if params.signature_secret else {}
        if method != "POST":
            raise HttpError(405, "the method must be POST")
        if content_type != "application/json":
            raise HttpError(415, "the content type must be application/json")
        return claims

    def accept(self, claims: t.Mapping[str, t.Any], body: bytes) -> bool:
        """Queue the event of a callback. Return whether it is not a duplicate.

        :raises HttpError: the callback is rejected, or the queue is full.
        """
        if self.params.signature_secret:
            verify_payload_hash(self.params, claims, body)
        callback = parse_callback(body)
        if self.params.projects and callback.project not in self.params.projects:
            raise HttpError(403, "the project is not one of the accepted projects")
        if callback.dedup_key in self._dedup_cache:
            return False
        try:
            self.events.put_nowait(callback.event)
        except asyncio.QueueFull as error:
            raise HttpError(503, "the event queue is full") from error
        self._dedup_cache[callback.dedup_key] = None
        if len(self._dedup_cache) > self.params.dedup_cache_size:
            self._dedup_cache.popitem(last=False)
        return True


# --- Log messages -----------------------------------------------------------------------------------------------------


class LogLimiter(logging.Filter):
    """Limit how often loggers repeat a message, and log how many messages were suppressed. Use as a context manager.

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
        self._timer = asyncio.get_running_loop().call_later(LOG_INTERVAL, self._start_interval)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._timer:
            self._timer.cancel()
        self._log_summaries()
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
            first_line = record.getMessage().partition("\n")[0][:MAX_TEXT_LENGTH]
            self._suppressed[kind] = (logging.getLogger(record.name), record.levelno, first_line)
        return False

    def _start_interval(self) -> None:
        self._log_summaries()
        self._timer = asyncio.get_running_loop().call_later(LOG_INTERVAL, self._start_interval)

    def _log_summaries(self) -> None:
        for kind, (logger, level, text) in self._suppressed.items():
            count = self._counts[kind] - LOG_BURST
            logger.log(level, "Suppressed %d more messages like this: %s", count, text, extra={"is_summary": True})
        self._counts.clear()
        self._suppressed.clear()


def log_with_kind(level: int, kind: str, message: str, *args: t.Any) -> None:
    """Log a message with its own limit, for a line of code that logs several kinds."""
    LOGGER.log(level, message, *args, extra={"kind": kind})


# --- Connections ------------------------------------------------------------------------------------------------------


class Connection(asyncio.BufferedProtocol):
    """A connection from accept() to its end, which carries one request.

    aiohttp limits neither the time nor the total size of the headers, and some of its versions parse any number of
    requests in a row. Therefore, it receives the headers when they are complete, and then the bytes of one body.
    """

    def __init__(self, listener: Listener, sock: socket.socket) -> None:
        self._listener = listener
        self._sock = sock
        self._transport: asyncio.Transport | None = None
        self._http_protocol: asyncio.Protocol | None = None
        self._buffer = bytearray()
        #: Bytes of the body that aiohttp has not received yet; None until the request handler reads the body.
        self._remaining: int | None = None
        self._timer = listener.loop.call_later(listener.params.header_timeout, self._handle_timeout)
        listener.connections[self] = None
        self.open_task = listener.loop.create_task(self._open())

    async def _open(self) -> None:
        """Create the transport, which includes the TLS handshake."""
        listener = self._listener
        try:
            await listener.loop.connect_accepted_socket(lambda: self, self._sock, ssl=listener.ssl_context)
        except OSError as error:
            # The handshake has failed. If there was no transport yet, nothing else closes the socket.
            self._sock.close()
            self._unregister()
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
        if self._remaining is not None:
            self._feed_body(data)
            return
        search_start = max(0, len(self._buffer) - 3)
        self._buffer += data
        if not self._http_protocol:
            self._handle_headers(self._buffer.find(b"\r\n\r\n", search_start) + 4)

    def _handle_headers(self, length: int) -> None:
        """Pass the headers to aiohttp if they are complete.

        :param length: less than 4 if the headers are incomplete.
        """
        transport = self._transport
        if not transport or transport.is_closing():
            return
        if (length if length >= 4 else len(self._buffer)) > MAX_HEADERS:
            self._send_error("431 Request Header Fields Too Large")
        elif length >= 4:
            transport.pause_reading()
            self._restart_timer(self._listener.params.body_timeout + CLOSE_TIMEOUT)
            headers = bytes(self._buffer[:length])
            del self._buffer[:length]
            self._http_protocol = self._listener.create_http_protocol()
            self._http_protocol.connection_made(transport)
            self._schedule_feed(headers)

    def read_body(self, length: int) -> None:
        """Pass this number of bytes to aiohttp, and discard what follows."""
        self._remaining = length
        data = bytes(self._buffer)
        self._buffer.clear()
        if self._transport:
            self._transport.resume_reading()
        self._feed_body(data)

    def _feed_body(self, data: bytes) -> None:
        remaining = self._remaining or 0
        self._remaining = max(0, remaining - len(data))
        if data and remaining:
            self._schedule_feed(data[:remaining])

    def _schedule_feed(self, data: bytes) -> None:
        # aiohttp keeps the error of a malformed request, and with it the calling frames and their TLS buffers.
        self._listener.loop.call_soon(self._feed, data)

    def _feed(self, data: bytes) -> None:
        try:
            if self._http_protocol:
                self._http_protocol.data_received(data)
        except Exception as error:
            # Older versions of aiohttp do not handle every error of yarl.
            LOGGER.warning("Rejected a request that is not valid HTTP (%s)", type(error).__name__)
            self._send_error("400 Bad Request")

    def _send_error(self, status: str) -> None:
        if self._transport:
            self._transport.write(f"HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n".encode())
            self._transport.close()

    def limit_close_time(self) -> None:
        """Limit the time to send the response and to close the connection."""
        self._restart_timer(CLOSE_TIMEOUT)

    def pause_writing(self) -> None:
        if self._http_protocol:
            self._http_protocol.pause_writing()

    def resume_writing(self) -> None:
        if self._http_protocol:
            self._http_protocol.resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        self._unregister()
        if self._http_protocol:
            self._http_protocol.connection_lost(exc)
        # Break the reference cycle with the transport and its TLS buffers.
        self._transport = self._http_protocol = None

    def _restart_timer(self, seconds: float) -> None:
        self._timer.cancel()
        self._timer = self._listener.loop.call_later(seconds, self._handle_timeout)

    def _handle_timeout(self) -> None:
        if not self._http_protocol:
            LOGGER.warning("Closed a connection: its request headers were not complete in time")
        self.abort()

    def abort(self) -> None:
        """Close the connection without waiting for the client."""
        self._unregister()
        if self._transport:
            self._transport.abort()
        else:
            # asyncio does not give access to the transport before the TLS handshake is complete.
            with contextlib.suppress(OSError):
                self._sock.shutdown(socket.SHUT_RDWR)

    def _unregister(self) -> None:
        self._timer.cancel()
        self._listener.connections.pop(self, None)


class Listener:
    """Accepts connections, at most ``limit`` at a time.

    asyncio's own servers do not limit them, and log a traceback for each accept() that fails without a free descriptor.
    """

    def __init__(
        self, params: SourceParams, limit: int, create_http_protocol: t.Callable[[], asyncio.Protocol]
    ) -> None:
        self.params = params
        self.limit = limit
        self.create_http_protocol = create_http_protocol
        self.loop = asyncio.get_running_loop()
        self.ssl_context = create_ssl_context(params)
        #: Shared by all connections: each one copies its data immediately. Not a bytearray, because asyncio's TLS
        #: slices the buffer.
        self.buffer = memoryview(bytearray(READ_SIZE))
        #: The oldest connection first.
        self.connections: dict[Connection, None] = {}
        self.sockets: list[socket.socket] = []
        self._accept_timers: list[asyncio.TimerHandle] = []

    async def start(self) -> None:
        """Listen on all addresses of the host."""
        host, port = self.params.host, self.params.port
        infos = await self.loop.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        for family, address in dict.fromkeys((family, address) for family, _type, _proto, _name, address in infos):
            server_socket = socket.create_server(address, family=family, backlog=128)
            server_socket.setblocking(False)
            self.sockets.append(server_socket)
            self._start_accepting(server_socket)

    async def stop(self) -> None:
        """Stop listening and close all connections."""
        for timer in self._accept_timers:
            timer.cancel()
        for server_socket in self.sockets:
            self.loop.remove_reader(server_socket)
            server_socket.close()
        open_tasks = [connection.open_task for connection in self.connections]
        for connection in list(self.connections):
            connection.abort()
        if open_tasks:
            _done, pending = await asyncio.wait(open_tasks, timeout=CLOSE_TIMEOUT)
            for task in pending:
                task.cancel()

    def _start_accepting(self, server_socket: socket.socket) -> None:
        self.loop.add_reader(server_socket, self._accept, server_socket)

    def _accept(self, server_socket: socket.socket) -> None:
        for attempt in range(MAX_ACCEPTS):
            try:
                sock, _peer = server_socket.accept()
            except OSError as error:
                # Without free descriptors, accept() fails even if no connection waits. One does at the first attempt.
                if attempt == 0 and not isinstance(error, (BlockingIOError, InterruptedError)):
                    self._pause_accepting(server_socket, error)
                return
            sock.setblocking(False)
            if len(self.connections) >= self.limit:
                LOGGER.warning("Closed the oldest of %d connections to accept another one", self.limit)
                self._close_oldest()
            Connection(self, sock)

    def _close_oldest(self) -> None:
        """Close the connection that has been open for longest.

        Its request is incomplete: a complete request receives its response immediately, and the connection closes.
        """
        oldest = next(iter(self.connections), None)
        if oldest:
            oldest.abort()

    def _pause_accepting(self, server_socket: socket.socket, error: OSError) -> None:
        """Retry later: the event loop calls accept() continuously while a connection is waiting."""
        name = errno.errorcode.get(error.errno or 0, "unknown error")
        log_with_kind(logging.ERROR, name, "Could not accept a connection: %s. Retrying in %d s", name, ACCEPT_PAUSE)
        self._close_oldest()
        self.loop.remove_reader(server_socket)
        self._accept_timers = [timer for timer in self._accept_timers if timer.when() > self.loop.time()]
        self._accept_timers.append(self.loop.call_later(ACCEPT_PAUSE, self._start_accepting, server_socket))


def connection_limit(desired: int) -> int:
    """Limit the connections to half of the file descriptors of the process: the rules also need some."""
    files = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    if files == resource.RLIM_INFINITY or desired <= files // 2:
        return desired
    limit = max(1, files // 2)
    LOGGER.warning(
        "max_connections: %d is more than half of the limit of %d open files, using %d. Raise the limit (ulimit -n)",
        desired,
        files,
        limit,
    )
    return limit


# --- Server -----------------------------------------------------------------------------------------------------------


def create_runner(handler: CallbackHandler) -> web.AppRunner:
    """Create the HTTP server without the log messages of aiohttp, which contain the path and therefore the secret."""
    disabled_logger = logging.getLogger("vonage.archiving.archive_status.http")
    disabled_logger.disabled = True
    # Some versions of aiohttp reject a body of exactly this size.
    app = web.Application(client_max_size=handler.params.max_body + 1)
    app.router.add_route("*", "/{path:.*}", create_request_handler(handler))
    app.on_response_prepare.append(_close_connection)
    # A small compressed body could decompress to a huge one.
    return web.AppRunner(
        app, access_log=None, logger=disabled_logger, auto_decompress=False, lingering_time=LINGER_TIMEOUT
    )


def create_request_handler(handler: CallbackHandler) -> t.Callable[[web.Request], t.Awaitable[web.Response]]:

    async def handle_request(request: web.Request) -> web.Response:
        try:
            _get_connection(request).read_body(_max_body_bytes(request, handler.params.max_body))
            authorization = request.headers.get("Authorization", "")
            claims = handler.authenticate(request.method, request.path, request.content_type, authorization)
            is_new = handler.accept(claims, await _read_body(request, handler.params))
        except HttpError as error:
            log_with_kind(
                logging.WARNING, error.message, "Rejected a request from %s: %s", request.remote, error.message
            )
            headers = {"Retry-After": "30"} if error.status == 503 else {}
            headers.update({"Allow": "POST"} if error.status == 405 else {})
            return web.Response(status=error.status, text=f"{error.message}\n", headers=headers)
        return web.Response(text="accepted\n" if is_new else "duplicate\n")

    return handle_request


async def _close_connection(request: web.Request, response: web.StreamResponse) -> None:
    """Close the connection after every response, including those of aiohttp itself."""
    response.force_close()
    response.headers["Connection"] = "close"
    with contextlib.suppress(HttpError):
        _get_connection(request).limit_close_time()


def _get_connection(request: web.Request) -> Connection:
    protocol = request.transport.get_protocol() if request.transport else None
    if not isinstance(protocol, Connection):
        raise HttpError(400, "the connection is closed")
    return protocol


def _max_body_bytes(request: web.Request, max_body: int) -> int:
    """Return the number of bytes to read after the headers."""
    if request.content_length is not None:
        return min(request.content_length, max_body + READ_SIZE)
    return CHUNKED_OVERHEAD * max_body if request.body_exists else 0


async def _read_body(request: web.Request, params: SourceParams) -> bytes:
    try:
        if (request.content_length or 0) > params.max_body:
            raise HttpError(413, "the body is too large")
        return await asyncio.wait_for(request.read(), params.body_timeout)
    except web.HTTPRequestEntityTooLarge as error:
        raise HttpError(413, "the body is too large") from error
    except asyncio.TimeoutError as error:
        raise HttpError(408, "the body was not complete in time") from error
    except (web.RequestPayloadError, ConnectionError) as error:
        raise HttpError(400, "the body is malformed or incomplete") from error


def create_ssl_context(params: SourceParams) -> ssl.SSLContext | None:
    if not params.certfile:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(params.certfile, params.keyfile or None)
    return context


async def serve(params: SourceParams, queue: t.Any) -> None:
    """Listen and deliver events to the rules until cancelled."""
    handler = CallbackHandler(params)
    with LogLimiter(LOGGER, logging.getLogger("asyncio")):
        async with open_listener(handler):
            LOGGER.info("Listening on %s, port %s", params.host, params.port)
            if params.secret and not params.certfile and not is_loopback(params.host):
                LOGGER.warning("secret: sent in cleartext over HTTP. Set certfile, or use a TLS proxy.")
            await deliver_events(handler.events, queue)


async def deliver_events(events: asyncio.Queue[dict[str, t.Any]], queue: t.Any) -> None:
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
async def open_listener(handler: CallbackHandler) -> t.AsyncIterator[Listener]:
    """Listen, and close all connections at the end."""
    params = handler.params
    async with contextlib.AsyncExitStack() as stack:
        runner = create_runner(handler)
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        listener = Listener(params, connection_limit(params.max_connections), t.cast(t.Any, runner.server))
        stack.push_async_callback(listener.stop)
        await listener.start()
        yield listener


async def main(queue: t.Any, args: dict[str, t.Any]) -> None:
    """Entry point of ansible-rulebook."""
    await serve(parse_params(args), queue)
