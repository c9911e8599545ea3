# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Requests and tokens without the code of the collection, to test the emulator independently."""

from __future__ import annotations

import subprocess
import time
import uuid
from typing import Any

import jwt
import requests
from opentok import Client

from tests.sandbox import VonageEmulator

SECRET_KEY = "wJalrXUtnFEMIK7MDENGbPxRfiCYEXAMPLEKEY00"
TIMEOUT = 20


def token(
    emulator: VonageEmulator,
    secret: str | None = None,
    algorithm: str = "HS256",
    drop: tuple[str, ...] = (),
    **claims: Any,
) -> str:
    """Create a documented project token, with claims changed or removed."""
    now = int(time.time())
    content = {
        "iss": emulator.api_key,
        "ist": "project",
        "iat": now,
        "exp": now + 180,
        "jti": str(uuid.uuid4()),
        **claims,
    }
    for name in drop:
        del content[name]
    return jwt.encode(content, emulator.api_secret if secret is None else secret, algorithm=algorithm)


def account_token(emulator: VonageEmulator) -> str:
    """Create a token for account requests."""
    return token(emulator, emulator.account_secret, iss=emulator.account_key, ist="account")


def application_token(emulator: VonageEmulator, key: str | None = None, **claims: Any) -> str:
    """Create a token of the unified environment, as in the official SDKs."""
    now = int(time.time())
    content = {
        "application_id": emulator.application_id,
        "iat": now,
        "exp": now + 900,
        "jti": str(uuid.uuid4()),
        **claims,
    }
    return jwt.encode({k: v for k, v in content.items() if v is not None}, key or emulator.private_key_pem, "RS256")


def official_sdk(key: str, secret: str, **options: Any) -> Any:
    """Create a client of the official SDK, which has no types."""
    client_type: Any = Client
    return client_type(key, secret, **options)


def storage_url(emulator: VonageEmulator, key: str | None = None, prefix: str = "project") -> str:
    """Return the URL of the upload target."""
    return f"{emulator.url}/v2/{prefix}/{key or emulator.api_key}/archive/storage"


def s3_body(**config: Any) -> dict[str, Any]:
    """Return a valid body, with changes of ``config``; None removes a field."""
    full = {
        "accessKey": "AKIAIOSFODNN7EXAMPLE",
        "secretKey": SECRET_KEY,
        "bucket": "recordings",
        "endpoint": "https://s3.example.com",
        "sse": "s3",
        **config,
    }
    return {"type": "s3", "config": {k: v for k, v in full.items() if v is not None}, "fallback": "opentok"}


def azure_body() -> dict[str, Any]:
    config = {"accountName": "recordings", "accountKey": "c2VjcmV0", "container": "archives"}
    return {"type": "azure", "config": config, "fallback": "none"}


def put(emulator: VonageEmulator, body: Any, auth: str | None = None, **options: Any) -> requests.Response:
    """PUT the upload target, by default with a valid token."""
    headers = {"X-OPENTOK-AUTH": token(emulator) if auth is None else auth}
    return requests.put(storage_url(emulator), json=body, headers=headers, timeout=TIMEOUT, **options)


def delete(emulator: VonageEmulator) -> requests.Response:
    """DELETE the upload target."""
    return requests.delete(storage_url(emulator), headers={"X-OPENTOK-AUTH": token(emulator)}, timeout=TIMEOUT)


def is_running(pid: int) -> bool:
    """Return whether a process exists and is not a zombie."""
    status = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False).stdout
    return bool(status.strip()) and not status.strip().startswith("Z")


def wait_for(condition: Any, timeout: float = 15) -> bool:
    """Return whether the condition becomes true in time."""
    deadline = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True
