# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import time

import jwt
import pytest

from ansible_collections.vonage.archiving.plugins.module_utils._vonage import auth_token
from ansible_collections.vonage.archiving.tests.unit.plugins.module_utils._vonage import keys

SECRET = "0123456789abcdef0123456789abcdef01234567"


def test_create_opentok_token_has_the_documented_claims() -> None:
    now = time.time()
    signed = auth_token.create_opentok_token("45828062", SECRET, "project", now)
    claims = jwt.decode(signed, SECRET, algorithms=["HS256"])
    assert jwt.get_unverified_header(signed)["alg"] == "HS256"
    assert {name: claims[name] for name in ("iss", "ist", "iat")} == {
        "iss": "45828062",
        "ist": "project",
        "iat": int(now),
    }
    assert 0 < claims["exp"] - claims["iat"] <= 300
    assert set(claims) == {"iss", "ist", "iat", "exp", "jti"}


def test_create_application_token_is_signed_with_the_private_key() -> None:
    key = keys.rsa_key()
    signed = auth_token.create_application_token(keys.APPLICATION, keys.private_pem(key), time.time())
    claims = jwt.decode(signed, keys.public_pem(key), algorithms=["RS256"])
    assert claims["application_id"] == keys.APPLICATION
    assert set(claims) == {"application_id", "ist", "iat", "exp", "jti"}
    with pytest.raises(jwt.InvalidSignatureError):
        jwt.decode(signed, keys.public_pem(keys.rsa_key(3072)), algorithms=["RS256"])


def test_create_opentok_token_is_unique() -> None:
    assert auth_token.create_opentok_token("1", SECRET, "account", 1.0) != auth_token.create_opentok_token(
        "1", SECRET, "account", 1.0
    )
