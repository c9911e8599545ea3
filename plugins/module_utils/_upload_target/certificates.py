# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The certificate that encrypts archives: validation, canonical form, and fingerprint. Pure.

PRIVATE to the collection ``vonage.archiving``: there is no stability promise outside of it.

The vendor's guide "Encrypted archives" requires an X.509 certificate in PEM, with an RSA key of at most 2048 bits.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
import ssl
import typing as t

from .._core.errors import MissingLibraryError
from .._core.optional_imports import load
from .._core.problems import Problems

BLOCK = re.compile(r"-----BEGIN CERTIFICATE-----(.*?)-----END CERTIFICATE-----", re.DOTALL)
MAX_KEY_BITS = 2048


def parse_certificate(text: str | None, problems: Problems) -> str | None:
    """Parse the option ``certificate``.

    :returns: PEM in canonical form: line breaks and escapes of the text have no effect. ``None`` after a problem.
    """
    if not text:
        return None
    # Forms and environment variables accept one line only: line ends of PEM in them are escaped.
    text = text.replace("\\r", "").replace("\\n", "\n")
    blocks = BLOCK.findall(text)
    der = _decode_der(blocks[0]) if blocks else b""
    problem = _text_problem(text, len(blocks)) or _certificate_problem(der)
    problems.add_if("certificate", problem)
    return None if problem else ssl.DER_cert_to_PEM_cert(der)


def _text_problem(text: str, count: int) -> str | None:
    if "PRIVATE KEY" in text:
        return "contains a private key, which must not be sent. Set the certificate alone"
    if count != 1:
        content = f"contains {count} PEM certificates" if count else "does not contain a PEM certificate"
        return f"{content}. Set exactly one"
    return None


def fingerprint(pem: str) -> str:
    """SHA-256 of the certificate, as ``openssl x509 -fingerprint -sha256`` computes it, in plain hex."""
    return hashlib.sha256(ssl.PEM_cert_to_DER_cert(pem)).hexdigest()


def _decode_der(block: str) -> bytes:
    """The DER bytes; empty if their outer structure is not one of a certificate."""
    try:
        data = base64.b64decode("".join(block.split()), validate=True)
    except (binascii.Error, ValueError):
        return b""
    # A certificate is an ASN.1 SEQUENCE of more than 255 bytes: tag 0x30, then a length in two bytes.
    is_complete = len(data) > 4 and data[:2] == b"\x30\x82" and int.from_bytes(data[2:4], "big") == len(data) - 4
    return data if is_complete else b""


def _certificate_problem(der: bytes) -> str | None:
    """The problem of the certificate. Without the library cryptography, only its outer structure is validated."""
    if not der:
        return "is not a valid PEM certificate: its body is not the base64 form of a certificate"
    try:
        x509: t.Any = load("cryptography.x509")
        rsa: t.Any = load("cryptography.hazmat.primitives.asymmetric.rsa")
    except MissingLibraryError:
        return None
    try:
        key = x509.load_der_x509_certificate(der).public_key()
    except Exception:  # the exceptions of cryptography have no common base class
        return "is not a valid X.509 certificate"
    if not isinstance(key, rsa.RSAPublicKey):
        return "does not have an RSA key, which Vonage requires"
    if key.key_size > MAX_KEY_BITS:
        return f"has an RSA key of {key.key_size} bits; Vonage accepts at most {MAX_KEY_BITS}"
    return None
