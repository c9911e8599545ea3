# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Event source for ansible-rulebook: a webhook for the archive status callback of the Vonage Video API.

In one file, and without the collection's ``module_utils``: ansible-rulebook runs it by its path, where
``ansible_collections`` cannot be imported. All but the last section is pure.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import datetime
import hashlib
import hmac
import ipaddress
import json
import logging
import re
import ssl
import time
import typing as t
import uuid
from collections import OrderedDict
from dataclasses import dataclass, field

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
      - Together with O(secret), both are needed.
    type: str
  require_payload_hash:
    description:
      - Whether a token must hold the SHA-256 of the body. Without that, whoever has seen a token can send another body
        with it until it is too old.
      - The vendor documents the claim for the signed webhooks of other products, not for those of this one.
    type: bool
    default: true
  api_key:
    description:
      - If set, what the claim C(api_key) of a token must be.
      - The vendor does not document whether that is the key of the project or of the account.
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
requirements:
  - aiohttp, which ansible-rulebook brings
notes:
  - A repetition has the project, the id, the status and the times of a callback that was taken before.
  - Refused with 401 are a wrong secret and a wrong token, with 403 other projects, with 404, 405, 408, 413 and 415 what
    they say, with 400 what is no JSON and with 422 what is no archive status. 503 asks to send it again.
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
# Seconds for which the body of a callback is waited for.
PATIENCE = 10
# Events that wait for the rules: those are busy while a playbook runs.
BACKLOG = 1000
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
    if made.keyfile and not made.certfile:
        yield "keyfile belongs to certfile"
    if made.api_key and not made.signature_secret:
        yield "api_key belongs to signature_secret"
    if not made.secret and not made.signature_secret and not is_loopback(made.host):
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
    if not hmac.compare_digest(str(told).lower().encode(), hashlib.sha256(body).hexdigest().encode()):
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
        self.events: asyncio.Queue[dict[str, t.Any]] = asyncio.Queue(BACKLOG)
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


# --- The server -------------------------------------------------------------------------------------------------------


def server(desk: Desk) -> web.AppRunner:
    """The HTTP side of a desk. What aiohttp logs by itself holds the path, and with it the secret."""
    silent = logging.getLogger("vonage.archiving.archive_status.http")
    silent.disabled = True
    app = web.Application(client_max_size=desk.wanted.max_body)
    app.router.add_route("*", "/{path:.*}", _answer(desk))
    # A small body that is packed could be a huge one.
    return web.AppRunner(app, access_log=None, logger=silent, auto_decompress=False)


def _answer(desk: Desk) -> t.Callable[[web.Request], t.Awaitable[web.Response]]:

    async def answer(request: web.Request) -> web.Response:
        try:
            authorization = request.headers.get("Authorization", "")
            claims = desk.admit(request.method, request.path, request.content_type, authorization)
            new = desk.take(claims, await _body(request))
        except RefusedError as error:
            LOGGER.warning("Refused a request of %s: %s", request.remote, error.why)
            headers = {"Retry-After": "30"} if error.status == 503 else {}
            headers.update({"Allow": "POST"} if error.status == 405 else {})
            return web.Response(status=error.status, text=f"{error.why}\n", headers=headers)
        return web.Response(text="taken\n" if new else "known\n")

    return answer


async def _body(request: web.Request) -> bytes:
    try:
        return await asyncio.wait_for(request.read(), PATIENCE)
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
    runner = server(desk)
    await runner.setup()
    try:
        await web.TCPSite(runner, wanted.host, wanted.port, ssl_context=tls(wanted)).start()
        LOGGER.info("Listening at %s, port %s", wanted.host, wanted.port)
        if wanted.secret and not wanted.certfile and not is_loopback(wanted.host):
            LOGGER.warning("The secret is sent in clear, unless a proxy in front of this speaks TLS")
        while True:
            await queue.put(await desk.events.get())
    finally:
        await runner.cleanup()


async def main(queue: t.Any, args: dict[str, t.Any]) -> None:
    """Entry point of ansible-rulebook."""
    await serve(settings(args), queue)
