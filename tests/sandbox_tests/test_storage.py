# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""PUT and DELETE of the upload target."""

from __future__ import annotations

import base64
import datetime
import json
from typing import Any

import pytest
import requests
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from tests.sandbox import VonageEmulator

from .helpers import SECRET_KEY, TIMEOUT, azure_body, delete, put, s3_body, storage_url, token


def certificate(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> str:
    """Create a self-signed certificate (PEM)."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "archives.example.com")])
    now = datetime.datetime.now(datetime.UTC)
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    signed = builder.not_valid_before(now).not_valid_after(now + datetime.timedelta(days=1)).sign(key, hashes.SHA256())
    return signed.public_bytes(serialization.Encoding.PEM).decode()


def rsa_key(size: int) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=size)


@pytest.mark.parametrize("prefix", ["project", "partner"])
def test_put_stores_and_returns_the_target_with_its_secret(emulator: VonageEmulator, prefix: str) -> None:
    headers = {"X-OPENTOK-AUTH": token(emulator)}
    url = storage_url(emulator, prefix=prefix)
    response = requests.put(url, json=s3_body(), headers=headers, timeout=TIMEOUT)
    assert response.status_code == 200
    assert response.json() == s3_body()
    assert response.json()["config"]["secretKey"] == SECRET_KEY
    assert emulator.target() == s3_body()
    assert requests.delete(url, headers=headers, timeout=TIMEOUT).status_code == 204
    assert emulator.target() is None


def test_put_replaces_the_whole_target(emulator: VonageEmulator) -> None:
    put(emulator, s3_body())
    assert put(emulator, azure_body()).status_code == 200
    assert emulator.target() == azure_body()


def test_delete_twice_is_404(emulator: VonageEmulator) -> None:
    put(emulator, s3_body())
    first = delete(emulator)
    assert (first.status_code, first.content) == (204, b"")
    second = delete(emulator)
    assert second.status_code == 404
    assert set(second.json()) == {"code", "message", "description"}


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PATCH", "OPTIONS"])
def test_other_methods_are_rejected(emulator: VonageEmulator, method: str) -> None:
    put(emulator, s3_body())
    response = requests.request(
        method, storage_url(emulator), headers={"X-OPENTOK-AUTH": token(emulator)}, timeout=TIMEOUT
    )
    assert response.status_code == 405
    assert SECRET_KEY not in response.text


def test_put_minimal_target_is_accepted(emulator: VonageEmulator) -> None:
    minimal = s3_body(endpoint=None, sse=None)
    del minimal["fallback"]
    assert put(emulator, minimal).status_code == 200
    with_domain = azure_body()
    with_domain["config"]["domain"] = "core.chinacloudapi.cn"
    assert put(emulator, with_domain).status_code == 200


@pytest.mark.parametrize("fallback", ["none", "opentok", "vonage"])
def test_put_documented_fallback_is_accepted(emulator: VonageEmulator, fallback: str) -> None:
    assert put(emulator, {**s3_body(), "fallback": fallback}).status_code == 200


def without(*names: str) -> dict[str, Any]:
    """Return a valid body without these fields."""
    return {name: value for name, value in s3_body().items() if name not in names}


BAD_BODIES: dict[str, Any] = {
    "a list": [s3_body()],
    "null": None,
    "keys at the top": {"accessKey": "AKIAIOSFODNN7EXAMPLE", "secretKey": SECRET_KEY, "bucket": "recordings"},
    "no type": without("type"),
    "type null": {**s3_body(), "type": None},
    "type in capitals": {**s3_body(), "type": "S3"},
    "type unknown": {**s3_body(), "type": "gcs"},
    "type a list": {**s3_body(), "type": ["s3"]},
    "no config": without("config"),
    "config null": {**s3_body(), "config": None},
    "config empty": {**s3_body(), "config": {}},
    "config a list": {**s3_body(), "config": ["recordings"]},
    "config of azure": {**s3_body(), "config": azure_body()["config"]},
    "config of s3": {**azure_body(), "config": s3_body()["config"]},
    "unknown field": {**s3_body(), "prefix": "archives"},
    "unknown config field": s3_body(region="eu-west-1"),
    "no accessKey": s3_body(accessKey=None),
    "no secretKey": s3_body(secretKey=None),
    "no bucket": s3_body(bucket=None),
    "bucket empty": s3_body(bucket=""),
    "bucket blank": s3_body(bucket=" "),
    "secret a number": s3_body(secretKey=1234),
    "endpoint without scheme": s3_body(endpoint="s3.example.com"),
    "endpoint with another scheme": s3_body(endpoint="ftp://s3.example.com"),
    "endpoint without host": s3_body(endpoint="https://"),
    "endpoint not a URL": s3_body(endpoint="https://[::1"),
    "sse kms": s3_body(sse="kms"),
    "sse in capitals": s3_body(sse="S3"),
    "fallback unknown": {**s3_body(), "fallback": "tokbox"},
    "fallback null": {**s3_body(), "fallback": None},
    "fallback a boolean": {**s3_body(), "fallback": False},
    "certificate not PEM": {**s3_body(), "certificate": "certificate"},
    "certificate damaged": {
        **s3_body(),
        "certificate": "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
    },
    "certificate a number": {**s3_body(), "certificate": 1},
}


@pytest.mark.parametrize("name", BAD_BODIES)
def test_put_invalid_body_is_rejected_without_changes(emulator: VonageEmulator, name: str) -> None:
    response = put(emulator, BAD_BODIES[name])
    assert response.status_code == 400
    assert response.json()["code"] == -1
    assert set(response.json()) == {"code", "message", "description"}
    assert SECRET_KEY not in response.text
    assert emulator.target() is None


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("application/json", b"{"),
        ("application/json", b""),
        ("application/json", b'{"type": "s3",}'),
        ("application/json", json.dumps(s3_body()).encode("utf-16")),
        ("text/plain", json.dumps(s3_body()).encode()),
        ("application/x-www-form-urlencoded", json.dumps(s3_body()).encode()),
        (None, json.dumps(s3_body()).encode()),
    ],
)
def test_put_other_content_is_rejected(emulator: VonageEmulator, content_type: str | None, body: bytes) -> None:
    headers = {"X-OPENTOK-AUTH": token(emulator), "Content-Type": content_type}
    response = requests.put(storage_url(emulator), data=body, headers=headers, timeout=TIMEOUT)
    assert response.status_code == 400
    assert emulator.target() is None


def test_put_accepts_valid_certificates(emulator: VonageEmulator) -> None:
    pem = certificate(rsa_key(2048))
    for valid in (pem, base64.b64encode(pem.encode()).decode(), None):
        assert put(emulator, {**s3_body(), "certificate": valid}).status_code == 200
        target = emulator.target()
        assert target is not None
        assert target["certificate"] == valid
    for invalid in (certificate(rsa_key(3072)), certificate(ec.generate_private_key(ec.SECP256R1()))):
        assert put(emulator, {**s3_body(), "certificate": invalid}).status_code == 400


def test_put_checks_the_token_before_the_body(emulator: VonageEmulator) -> None:
    assert put(emulator, {}, auth=token(emulator, "0" * 40)).status_code == 403


def test_log_contains_requests_and_responses(emulator: VonageEmulator) -> None:
    put(emulator, s3_body(), params={"a": "b"})
    put(emulator, {})
    delete(emulator)
    first, second, third = emulator.log()
    assert (first["n"], first["method"], first["query"], first["status"]) == (1, "PUT", "a=b", 200)
    assert first["path"] == f"/v2/project/{emulator.api_key}/archive/storage"
    assert first["json"] == s3_body()
    assert first["headers"]["Content-Type"] == "application/json"
    assert first["headers"]["X-Opentok-Auth"].count(".") == 2
    assert (second["n"], second["status"], second["fault"]) == (2, 400, None)
    assert (third["n"], third["method"], third["json"], third["status"]) == (3, "DELETE", None, 204)
    emulator.clear_log()
    assert emulator.log() == []
    delete(emulator)
    assert [entry["n"] for entry in emulator.log()] == [1]


def test_errors_can_contain_the_secrets(emulator: VonageEmulator) -> None:
    emulator.echo_secrets = True
    response = put(emulator, s3_body(sse="kms"))
    assert response.status_code == 400
    assert SECRET_KEY in response.json()["message"]
    assert SECRET_KEY in response.json()["description"]
    for status in (429, 500, 502):
        emulator.fail_next(status=status)
        assert SECRET_KEY in put(emulator, s3_body()).text
