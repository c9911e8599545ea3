# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Validate the body of a PUT of the upload target.

Fields and values: the vendor's guides "Archiving with S3 server-side encryption", "Encryption" and "Using Azure".
The emulator is at least as strict as the service: it rejects unknown keys, although this is not documented.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from .errors import bad_request

TOP_LEVEL = {"type", "config", "fallback", "certificate"}
CONFIG = {
    "s3": ({"accessKey", "secretKey", "bucket"}, {"endpoint", "sse"}),
    "azure": ({"accountName", "accountKey", "container"}, {"domain"}),
}
SSE = ("s3", "none")
# The guide of Vonage documents "vonage", all others document "opentok".
FALLBACKS = ("none", "opentok", "vonage")
MAX_CERTIFICATE_KEY = 2048


def parse_json(content_type: str, body: bytes) -> Any:
    """Parse the JSON body of a request; all documents require the header."""
    if content_type.split(";")[0].strip().lower() != "application/json":
        raise bad_request("The header Content-Type must be application/json")
    try:
        return json.loads(body.decode("utf-8"))
    except (UnicodeDecodeError, ValueError) as error:
        # The message of the parser does not quote the body.
        raise bad_request("The body is not valid JSON") from error


def validate_target(body: Any) -> dict[str, Any]:
    """Validate the upload target of a PUT, and return it."""
    if not isinstance(body, dict):
        raise bad_request("The body must be a JSON object")
    _reject_unknown("the body", body, TOP_LEVEL)
    kind = body.get("type")
    if not isinstance(kind, str) or kind not in CONFIG:
        raise bad_request("type is not one of the valid set: s3, azure")
    config = body.get("config")
    if not isinstance(config, dict) or not config:
        raise bad_request("config may not be empty")
    _validate_config(kind, config)
    if "fallback" in body and body["fallback"] not in FALLBACKS:
        raise bad_request(f"fallback is not one of the valid set: {', '.join(FALLBACKS)}")
    if body.get("certificate") is not None:
        _validate_certificate(body["certificate"])
    return dict(body)


def _validate_config(kind: str, config: Mapping[str, Any]) -> None:
    required, optional = CONFIG[kind]
    _reject_unknown("config", config, required | optional)
    for name in sorted(required - set(config)):
        raise bad_request(f"config.{name} may not be null")
    for name, value in config.items():
        if not isinstance(value, str) or not value.strip():
            raise bad_request(f"config.{name} may not be empty")
    if config.get("sse", "none") not in SSE:
        raise bad_request(f"config.sse is not one of the valid set: {', '.join(SSE)}")
    if "endpoint" in config:
        _validate_endpoint(config["endpoint"])


def _validate_endpoint(endpoint: str) -> None:
    try:
        parts = urlsplit(endpoint)
    except ValueError as error:
        raise bad_request("config.endpoint is not a valid URL") from error
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise bad_request("config.endpoint must be a URL with its scheme, http or https")


def _validate_certificate(certificate: Any) -> None:
    if not isinstance(certificate, str):
        raise bad_request("certificate must be a string or null")
    text = certificate.encode()
    if b"-----BEGIN" not in text:
        try:
            text = base64.b64decode(text, validate=True)
        except (binascii.Error, ValueError) as error:
            raise bad_request("certificate must be PEM, or PEM in base64") from error
    try:
        key = x509.load_pem_x509_certificate(text).public_key()
    except ValueError as error:
        raise bad_request("certificate is not an X.509 certificate in PEM format") from error
    if not isinstance(key, RSAPublicKey) or key.key_size > MAX_CERTIFICATE_KEY:
        raise bad_request(f"certificate must contain an RSA key of at most {MAX_CERTIFICATE_KEY} bits")


def _reject_unknown(title: str, document: Mapping[str, Any], fields: set[str]) -> None:
    unknown = sorted(str(name) for name in set(document) - fields)
    if unknown:
        raise bad_request(f"{title} has unknown fields: {', '.join(unknown)}")
