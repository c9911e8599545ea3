# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Tokens for the Vonage Video APIs.

PRIVATE to the collection ``vonage.archiving``: there is no stability promise outside of it.

OpenTok environment: claims and algorithm as in "REST API: authentication" of the OpenTok developer documents; ``exp``
is at most five minutes after ``iat``. Unified environment: as in the public Vonage SDKs (not documented for this
endpoint).
"""

from __future__ import annotations

import typing as t
import uuid

from .._core.optional_imports import load

# Seconds. Three minutes are recommended, and five are the limit: the clock can differ by two minutes.
LIFETIME = 180


def create_opentok_token(issuer: str, secret: str, kind: str, now: float) -> str:
    """The value of the header ``X-OPENTOK-AUTH``.

    :param kind: ``project``; ``account`` for requests that list, create, and delete projects ("Account management" of
        the OpenTok developer documents).
    :param now: Unix seconds.
    """
    claims = {"iss": issuer, "ist": kind, **_time_claims(now)}
    return str(load("jwt").encode(claims, secret, algorithm="HS256"))


def create_application_token(application_id: str, private_key: str, now: float) -> str:
    """The bearer token for an application of the unified environment.

    :param private_key: PEM.
    :param now: Unix seconds.
    """
    load("cryptography")  # PyJWT needs it for RS256, and its own error does not name the interpreter.
    claims = {"application_id": application_id, "ist": "project", **_time_claims(now)}
    return str(load("jwt").encode(claims, private_key, algorithm="RS256"))


def _time_claims(now: float) -> dict[str, t.Any]:
    return {"iat": int(now), "exp": int(now) + LIFETIME, "jti": str(uuid.uuid4())}
