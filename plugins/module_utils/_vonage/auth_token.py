# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Tokens for the Vonage Video APIs.

PRIVATE to the collection ``vonage.archiving``: there is no stability promise outside of it.

OpenTok environment: claims and algorithm as in "REST API: authentication" of the OpenTok developer documents; ``exp``
may lie at most five minutes after ``iat``. Unified environment: as the public Vonage SDKs sign (not stated for this
endpoint by any document).
"""

from __future__ import annotations

import typing as t
import uuid

from .._core.optional_imports import load

# Three minutes is what the documents recommend; the limit of five leaves room for a clock that is off by two.
LIFETIME = 180


def opentok_token(issuer: str, secret: str, kind: str, now: float) -> str:
    """The value of ``X-OPENTOK-AUTH``.

    :param kind: ``project``, or ``account`` for calls that list, make and remove projects ("Account management" of the
        OpenTok developer documents).
    :param now: Unix seconds.
    """
    claims = {"iss": issuer, "ist": kind, **_times(now)}
    return str(load("jwt").encode(claims, secret, algorithm="HS256"))


def application_token(application_id: str, private_key: str, now: float) -> str:
    """The bearer token for calls about one application of the unified environment.

    :param private_key: PEM.
    :param now: Unix seconds.
    """
    load("cryptography")  # PyJWT alone knows no RS256, and its own complaint does not name the interpreter
    claims = {"application_id": application_id, "ist": "project", **_times(now)}
    return str(load("jwt").encode(claims, private_key, algorithm="RS256"))


def _times(now: float) -> dict[str, t.Any]:
    return {"iat": int(now), "exp": int(now) + LIFETIME, "jti": str(uuid.uuid4())}
