# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tokens: documented tokens and those of the official SDK are accepted, all others are rejected."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jwt
import pytest
import requests
from opentok.endpoints import Endpoints
from opentok.exceptions import AuthError

from tests.sandbox import VonageEmulator

from .helpers import TIMEOUT, application_token, azure_body, official_sdk, put, s3_body, storage_url, token


def unsigned(emulator: VonageEmulator) -> str:
    """Create a valid token without a signature, with the algorithm ``none``."""
    payload = token(emulator).split(".")[1]
    header = base64.urlsafe_b64encode(json.dumps({"alg": "none", "typ": "JWT"}).encode()).decode().rstrip("=")
    return f"{header}.{payload}."


def forged(emulator: VonageEmulator) -> str:
    """Create a token whose claims were changed after it was signed."""
    header, _unused, signature = token(emulator).split(".")
    claims = {"iss": emulator.api_key, "ist": "project", "iat": 1, "exp": int(time.time()) + 100}
    payload = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    return f"{header}.{payload}.{signature}"


NOW = time.time
TAMPERED: dict[str, Callable[[VonageEmulator], str]] = {
    "no token": lambda e: "",
    "not a JWT": lambda e: "not.a.token",
    "wrong secret": lambda e: token(e, "0" * 40),
    "account secret": lambda e: token(e, e.account_secret),
    "alg none": unsigned,
    "alg RS256": lambda e: token(e, e.private_key_pem, "RS256"),
    "alg HS384": lambda e: token(e, e.api_secret * 2, "HS384"),
    "claims changed": forged,
    "ist account": lambda e: token(e, ist="account"),
    "no ist": lambda e: token(e, drop=("ist",)),
    "iss of another": lambda e: token(e, iss=e.account_key),
    "no iss": lambda e: token(e, drop=("iss",)),
    "no iat": lambda e: token(e, drop=("iat",)),
    "no exp": lambda e: token(e, drop=("exp",)),
    "exp past": lambda e: token(e, iat=int(NOW()) - 200, exp=int(NOW()) - 1),
    "exp too far from iat": lambda e: token(e, exp=int(NOW()) + 301),
    "exp too far from now": lambda e: token(e, iat=int(NOW()) + 60, exp=int(NOW()) + 340),
    "range too long though near": lambda e: token(e, iat=int(NOW()) - 200, exp=int(NOW()) + 150),
    "iat in the future": lambda e: token(e, iat=int(NOW()) + 60, exp=int(NOW()) + 90),
    "iat a text": lambda e: token(e, iat="now"),
    "iat not a number": lambda e: token(e, iat=float("nan")),
    "exp not a number": lambda e: token(e, exp=float("nan")),
    "exp a boolean": lambda e: token(e, exp=True),
}


@pytest.mark.parametrize("name", TAMPERED)
def test_invalid_token_is_rejected_without_changes(emulator: VonageEmulator, name: str) -> None:
    response = put(emulator, s3_body(), auth=TAMPERED[name](emulator))
    assert response.status_code == 403
    assert set(response.json()) == {"code", "message", "description"}
    assert emulator.target() is None


@pytest.mark.parametrize("lifetime", [1, 180, 300])
def test_documented_token_is_accepted(emulator: VonageEmulator, lifetime: int) -> None:
    auth = token(emulator, exp=int(time.time()) + lifetime + 1, iat=int(time.time()) + 1)
    assert put(emulator, s3_body(), auth=auth).status_code == 200


def test_token_without_jti_is_accepted(emulator: VonageEmulator) -> None:
    assert put(emulator, s3_body(), auth=token(emulator, drop=("jti",))).status_code == 200


def test_token_of_another_project_is_rejected(emulator: VonageEmulator) -> None:
    other = emulator.add_project("other")
    url = storage_url(emulator, other.key)
    response = requests.put(url, json=s3_body(), headers={"X-OPENTOK-AUTH": token(emulator)}, timeout=TIMEOUT)
    assert response.status_code == 403
    valid = token(emulator, other.secret, iss=other.key)
    assert requests.put(url, json=s3_body(), headers={"X-OPENTOK-AUTH": valid}, timeout=TIMEOUT).status_code == 200
    assert emulator.target() is None
    assert emulator.target(other.key) == s3_body()


def test_bearer_token_is_rejected_for_a_project(emulator: VonageEmulator) -> None:
    headers = {"Authorization": f"Bearer {token(emulator)}"}
    assert requests.put(storage_url(emulator), json=s3_body(), headers=headers, timeout=TIMEOUT).status_code == 403


@pytest.mark.parametrize("offset", [-3600, 3600])
def test_wrong_clock_rejects_valid_tokens(emulator: VonageEmulator, offset: int) -> None:
    emulator.clock_offset = offset
    response = put(emulator, s3_body())
    assert response.status_code == 403
    date = time.mktime(time.strptime(response.headers["Date"], "%a, %d %b %Y %H:%M:%S GMT")) - time.timezone
    assert abs(date - (time.time() + offset)) < 5


def application_put(emulator: VonageEmulator, headers: dict[str, str]) -> requests.Response:
    """PUT the target of the application."""
    url = storage_url(emulator, emulator.application_id)
    return requests.put(url, json=azure_body(), headers=headers, timeout=TIMEOUT)


def test_application_token_is_accepted(emulator: VonageEmulator) -> None:
    response = application_put(emulator, {"Authorization": f"Bearer {application_token(emulator)}"})
    assert response.status_code == 200
    assert emulator.target(emulator.application_id) == azure_body()


BAD_APPLICATION_CLAIMS: dict[str, dict[str, Any]] = {
    "another application": {"application_id": "00000000-0000-0000-0000-000000000000"},
    "no jti": {"jti": None},
    "no iat": {"iat": None},
    "no exp": {"exp": None},
    "exp past": {"exp": 1_600_000_000},
    "iat in the future": {"iat": 4_000_000_000, "exp": 4_000_000_100},
}


@pytest.mark.parametrize("name", BAD_APPLICATION_CLAIMS)
def test_application_token_with_invalid_claims_is_rejected(emulator: VonageEmulator, name: str) -> None:
    bearer = application_token(emulator, **BAD_APPLICATION_CLAIMS[name])
    assert application_put(emulator, {"Authorization": f"Bearer {bearer}"}).status_code == 403
    assert emulator.target(emulator.application_id) is None


def test_application_requires_its_own_key_and_header(emulator: VonageEmulator) -> None:
    other = emulator.add_application()
    other_token = application_token(emulator, other.private_key_pem)
    hmac = jwt.encode({"application_id": emulator.application_id}, "0" * 40, "HS256")
    for headers in (
        {"Authorization": f"Bearer {other_token}"},
        {"Authorization": f"Bearer {hmac}"},
        {"Authorization": f"Basic {application_token(emulator)}"},
        {"X-OPENTOK-AUTH": application_token(emulator)},
        {"X-OPENTOK-AUTH": token(emulator, iss=emulator.application_id)},
        {},
    ):
        assert application_put(emulator, headers).status_code == 403


def test_tokens_of_the_official_sdk_are_accepted(emulator: VonageEmulator, tmp_path: Path) -> None:
    """A token of the SDK with a wrong secret leads to an AuthError of the SDK."""
    assert len(official_sdk(emulator.api_key, emulator.api_secret, api_url=emulator.url).get_archives()) == 0
    with pytest.raises(AuthError):
        official_sdk(emulator.api_key, "0" * 40, api_url=emulator.url).get_archives()
    key_file = tmp_path / "private.key"
    key_file.write_text(emulator.private_key_pem)
    unified = official_sdk(emulator.application_id, str(key_file))
    # In this mode, the SDK has no option for the URL.
    endpoints: Any = Endpoints
    unified.endpoints = endpoints(emulator.url, emulator.application_id)
    assert len(unified.get_archives()) == 0
    request = emulator.log()[-1]
    assert request["headers"]["Authorization"].startswith("Bearer ")
    assert request["status"] == 200
