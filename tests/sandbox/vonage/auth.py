# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Verify tokens: ``X-OPENTOK-AUTH`` as documented, and ``Authorization: Bearer`` as the SDKs send it.

OpenTok (tokbox.com/developer/rest, "Authentication"): HS256 with the API secret, claims ``iss``, ``ist``, ``iat`` and
``exp``, at most 300 seconds between them. Unified: RS256 with the key of the application, and ``application_id``,
``iat``, ``jti``, ``exp`` as the official SDKs send them. No upper limit of ``exp`` is documented there.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jwt
from werkzeug.datastructures import Headers

from .errors import forbidden

MAX_LIFETIME = 300
CLOCK_SKEW = 5


def verify_opentok_token(headers: Headers, issuer: str, secret: str, kind: str, now: float) -> None:
    """Verify the token of an OpenTok request; ``kind`` is the required ``ist``."""
    token = headers.get("X-OPENTOK-AUTH", "")
    if not token:
        raise forbidden("The header X-OPENTOK-AUTH is missing")
    claims = _decode(token, "HS256", secret)
    if claims.get("ist") != kind:
        raise forbidden(f"The claim ist must be {kind!r}")
    if claims.get("iss") != issuer:
        raise forbidden("The claim iss is not the key of this call")
    issued, expires = _verify_times(claims, now)
    if expires - issued > MAX_LIFETIME or expires - now > MAX_LIFETIME + CLOCK_SKEW:
        raise forbidden(f"The claim exp is more than {MAX_LIFETIME} seconds ahead")


def verify_application_token(headers: Headers, application_id: str, public_key: str, now: float) -> None:
    """Verify the token of a request in the unified environment."""
    scheme, _unused, token = headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise forbidden("The header Authorization: Bearer is missing")
    claims = _decode(token.strip(), "RS256", public_key)
    if claims.get("application_id") != application_id:
        raise forbidden("The claim application_id is not the application of this call")
    if not isinstance(claims.get("jti"), str) or not claims["jti"]:
        raise forbidden("The claim jti is missing")
    _verify_times(claims, now)


def _decode(token: str, algorithm: str, key: str) -> dict[str, Any]:
    try:
        if jwt.get_unverified_header(token).get("alg") != algorithm:
            raise forbidden(f"The algorithm must be {algorithm}")
        # _verify_times() checks the times: the clock of the emulator can be changed.
        options: Any = {"verify_exp": False, "verify_iat": False, "verify_nbf": False, "verify_aud": False}
        claims: dict[str, Any] = jwt.decode(token, key, algorithms=[algorithm], options=options)
    except jwt.InvalidTokenError as error:
        raise forbidden(f"The token is not valid: {error}") from error
    return claims


def _verify_times(claims: Mapping[str, Any], now: float) -> tuple[float, float]:
    times = []
    for name in ("iat", "exp"):
        value = claims.get(name)
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise forbidden(f"The claim {name} must be a number")
        times.append(float(value))
    issued, expires = times
    # Python parses NaN in JSON, for which all comparisons are false. It must not be accepted.
    if not issued <= now + CLOCK_SKEW:
        raise forbidden("The claim iat is in the future")
    if not expires > now:
        raise forbidden("The token has expired")
    return issued, expires
