# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The archive status callback: how it is registered, what is sent, and how often it is tried.

Documented: the fields of the body (the vendor's archiving overview); that a secured callback has a JWT in the header
Authorization, signed with the signature secret (its guide "Secure callbacks"); four retries (its support pages, of the
older environment). Seen in one public integration, and in a document of 2013, but documented nowhere today: the calls
that register it, that a URL which cannot be reached is answered with 400, and that another one takes its place.
The claims of the token are documented for the Video API (the vendor's guide "Secure callbacks").
"""

from __future__ import annotations

import hashlib
import json
import socket
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import jwt
import requests

from .errors import bad_request

GROUP, EVENT = "archive", "status"
FIELDS = (
    "id",
    "event",
    "createdAt",
    "duration",
    "name",
    "partnerId",
    "reason",
    "resolution",
    "sessionId",
    "size",
    "status",
    "streamMode",
    "streams",
    "url",
)
RETRIES = 4
FIRST_PAUSE = 0.05
SECONDS = 10.0
LOOPBACK = ("127.0.0.1", "localhost", "::1")
PORTS = {"http": 80, "https": 443}


@dataclass
class Callback:
    """Where a project's events go.

    :param signature_secret: set in the dashboard alone; empty for a callback that is not secured.
    """

    url: str = field(repr=False)
    signature_secret: str = field(default="", repr=False)
    id: str = field(default_factory=lambda: str(uuid.uuid4()))

    def as_json(self) -> dict[str, str]:
        """Return what the API shows of it."""
        return {"id": self.id, "group": GROUP, "event": EVENT, "url": self.url}


def check_callback(body: Any) -> str:
    """Return the URL of a registration; it must be one that can be reached now."""
    if not isinstance(body, dict) or set(body) != {"group", "event", "url"}:
        raise bad_request("The body must be a JSON object with group, event and url")
    if (body["group"], body["event"]) != (GROUP, EVENT):
        raise bad_request(f"The sandbox knows the group {GROUP} with the event {EVENT} alone")
    return check_url(body["url"])


def check_url(url: Any) -> str:
    """Return a URL of this machine at which something listens."""
    host, port = _place(url)
    if host not in LOOPBACK:
        raise bad_request("url must be a URL of this machine: the sandbox sends nothing anywhere else")
    try:
        socket.create_connection((host, port), timeout=SECONDS).close()
    except OSError as error:
        raise bad_request("The url could not be reached") from error
    return str(url)


def _place(url: Any) -> tuple[str, int]:
    """Return host and port of a URL; an empty host for what is none."""
    try:
        parts = urlsplit(url) if isinstance(url, str) else None
        port = parts.port if parts else None
    except ValueError:
        return "", 0
    if parts is None or parts.scheme not in PORTS:
        return "", 0
    return parts.hostname or "", port or PORTS[parts.scheme]


def body_of(shown: Mapping[str, Any]) -> bytes:
    """Return what is sent of an archive, from what the API shows of it."""
    # An application of the unified environment has its id there.
    sent = {"partnerId": shown.get("applicationId"), **shown}
    return json.dumps({name: sent[name] for name in FIELDS}, separators=(",", ":")).encode()


def token(secret: str, body: bytes, key: str, now: float) -> str:
    """Return the token of a secured callback."""
    claims = {
        "iss": "Vonage",
        "iat": int(now),
        "jti": str(uuid.uuid4()),
        "api_key": key,
        "payload_hash": hashlib.sha256(body).hexdigest(),
    }
    return jwt.encode(claims, secret, algorithm="HS256")


class Deliveries:
    """Sends events, one after the other, and keeps a list of every attempt.

    Whoever changes an archive waits until its event is delivered or given up: tests need no guesses of how long.
    """

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._lock = threading.Lock()
        self._entries: list[dict[str, Any]] = []
        #: seconds before the first retry, each further one waits for twice as long
        self.pause = FIRST_PAUSE
        #: what a secured callback is sent with the certificate of
        self.verify: bool | str = True

    def entries(self, key: str | None = None) -> list[dict[str, Any]]:
        """Return the attempts so far: ``key``, ``attempt``, ``answer`` (None: there was none), ``json``."""
        with self._lock:
            return [dict(entry) for entry in self._entries if key in (None, entry["key"])]

    def clear(self) -> None:
        """Forget them."""
        with self._lock:
            self._entries.clear()

    def reset(self) -> None:
        """Forget them, and how long to wait."""
        self.clear()
        self.pause, self.verify = FIRST_PAUSE, True

    def send(self, callback: Callback, key: str, shown: Mapping[str, Any]) -> bool:
        """Send one event, again if need be; tell whether it was taken."""
        body = body_of(shown)
        for attempt in range(1 + RETRIES):
            if attempt:
                time.sleep(self.pause * 2 ** (attempt - 1))
            answer = self._try(callback, key, body)
            with self._lock:
                self._entries.append(
                    {"key": key, "attempt": attempt + 1, "answer": answer, "json": json.loads(body)},
                )
            if answer is not None and answer < 300:
                return True
        return False

    def _try(self, callback: Callback, key: str, body: bytes) -> int | None:
        headers = {"Content-Type": "application/json"}
        if callback.signature_secret:
            headers["Authorization"] = f"Bearer {token(callback.signature_secret, body, key, self._now())}"
        try:
            answer = requests.post(
                callback.url, data=body, headers=headers, timeout=SECONDS, verify=self.verify, allow_redirects=False
            )
        except requests.RequestException:
            return None
        return answer.status_code
