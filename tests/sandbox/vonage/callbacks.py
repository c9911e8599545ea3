# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The archive status callback: registration, content, and retries.

Documented: the fields of the body (the vendor's archiving overview); the JWT of a secured callback in the header
Authorization, signed with the signature secret (its guide "Secure callbacks"); four retries (its support pages, for the
older environment). In one public integration and a document of 2013 only: the requests that register a callback, the
response 400 for a URL that cannot be reached, and that a new callback replaces the old one. The claims of the token are
documented for the Video API (the vendor's guide "Secure callbacks").
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
    """The callback of a project.

    :param signature_secret: set only in the dashboard; empty for a callback that is not secured.
    """

    url: str = field(repr=False)
    signature_secret: str = field(default="", repr=False)
    id: str = field(default_factory=lambda: str(uuid.uuid4()))

    def as_json(self) -> dict[str, str]:
        """Return the callback in the format of the API."""
        return {"id": self.id, "group": GROUP, "event": EVENT, "url": self.url}


def validate_callback(body: Any) -> str:
    """Return the URL of a registration, which must be reachable."""
    if not isinstance(body, dict) or set(body) != {"group", "event", "url"}:
        raise bad_request("The body must be a JSON object with group, event and url")
    if (body["group"], body["event"]) != (GROUP, EVENT):
        raise bad_request(f"The sandbox supports only the group {GROUP} with the event {EVENT}")
    return validate_url(body["url"])


def validate_url(url: Any) -> str:
    """Return the URL, which must be reachable and on this machine."""
    host, port = _host_and_port(url)
    if host not in LOOPBACK:
        raise bad_request("url must be a URL of this machine, because the sandbox contacts no other machine")
    try:
        socket.create_connection((host, port), timeout=SECONDS).close()
    except OSError as error:
        raise bad_request("The url could not be reached") from error
    return str(url)


def _host_and_port(url: Any) -> tuple[str, int]:
    """Return the host and port of a URL; an empty host if it is not valid."""
    try:
        parts = urlsplit(url) if isinstance(url, str) else None
        port = parts.port if parts else None
    except ValueError:
        return "", 0
    if parts is None or parts.scheme not in PORTS:
        return "", 0
    return parts.hostname or "", port or PORTS[parts.scheme]


def create_body(document: Mapping[str, Any]) -> bytes:
    """Create the body of a callback from the archive in a response of the API."""
    # For an application of the unified environment, this is its ID.
    values = {"partnerId": document.get("applicationId"), **document}
    return json.dumps({name: values[name] for name in FIELDS}, separators=(",", ":")).encode()


def create_token(secret: str, body: bytes, key: str, now: float) -> str:
    """Create the token of a secured callback."""
    claims = {
        "iss": "Vonage",
        "iat": int(now),
        "jti": str(uuid.uuid4()),
        "api_key": key,
        "payload_hash": hashlib.sha256(body).hexdigest(),
    }
    return jwt.encode(claims, secret, algorithm="HS256")


class Deliveries:
    """Sends events sequentially, and records every attempt.

    A change of an archive returns after the delivery of its event, or after the last attempt. Tests need no wait.
    """

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._lock = threading.Lock()
        self._entries: list[dict[str, Any]] = []
        #: seconds before the first retry; twice as long before each next one
        self.pause = FIRST_PAUSE
        #: whether to verify TLS certificates, or the path of the trusted authorities
        self.verify: bool | str = True

    def entries(self, key: str | None = None) -> list[dict[str, Any]]:
        """Return the attempts: ``key``, ``attempt``, ``status`` (None without a response), ``json``."""
        with self._lock:
            return [dict(entry) for entry in self._entries if key in (None, entry["key"])]

    def clear(self) -> None:
        """Delete the recorded attempts."""
        with self._lock:
            self._entries.clear()

    def reset(self) -> None:
        """Delete the recorded attempts, and reset the settings."""
        self.clear()
        self.pause, self.verify = FIRST_PAUSE, True

    def send(self, callback: Callback, key: str, document: Mapping[str, Any]) -> bool:
        """Send an event with retries; return whether it was accepted."""
        body = create_body(document)
        for attempt in range(1 + RETRIES):
            if attempt:
                time.sleep(self.pause * 2 ** (attempt - 1))
            status = self._post(callback, key, body)
            with self._lock:
                self._entries.append(
                    {"key": key, "attempt": attempt + 1, "status": status, "json": json.loads(body)},
                )
            if status is not None and status < 300:
                return True
        return False

    def _post(self, callback: Callback, key: str, body: bytes) -> int | None:
        headers = {"Content-Type": "application/json"}
        if callback.signature_secret:
            headers["Authorization"] = f"Bearer {create_token(callback.signature_secret, body, key, self._now())}"
        try:
            response = requests.post(
                callback.url, data=body, headers=headers, timeout=SECONDS, verify=self.verify, allow_redirects=False
            )
        except requests.RequestException:
            return None
        return response.status_code
