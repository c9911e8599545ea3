# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The certificate that encrypts archives: canonical form, fingerprint, and what can be known to be wrong. Pure.

PRIVATE to the collection ``vonage.archiving``: there is no stability promise outside of it.

The vendor's guide "Encrypted archives" asks for an X.509 certificate in PEM, with an RSA key of at most 2048 bits.
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

BLOCK = re.compile(r"-----BEGIN CERTIFICATE-----(.*?)-----END CERTIFICATE-----", re.DOTALL)
LARGEST_KEY = 2048


def canonical(text: str | None, problems: list[str]) -> str | None:
    """The one PEM block of the text, the same however it was wrapped or escaped.

    :param problems: gets a sentence for everything that is wrong; then the answer is ``None``.
    """
    if not text:
        return None
    # Forms and environment variables take one line only; PEM in them comes with its line ends escaped.
    text = text.replace("\\r", "").replace("\\n", "\n")
    blocks = BLOCK.findall(text)
    if "PRIVATE KEY" in text:
        problems.append("certificate holds a private key, which must never be sent: give the certificate alone")
    elif len(blocks) != 1:
        content = f"holds {len(blocks)} PEM certificates" if blocks else "holds no PEM certificate"
        problems.append(f"certificate {content}: exactly one is needed")
    else:
        der = _der(blocks[0])
        problem = _problem(der) if der else "is no PEM certificate: what is between its lines is not base64 of one"
        if der and not problem:
            return ssl.DER_cert_to_PEM_cert(der)
        problems.append(f"certificate {problem}")
    return None


def fingerprint(pem: str) -> str:
    """SHA-256 of the certificate, as ``openssl x509 -fingerprint -sha256`` computes it, in plain hex."""
    return hashlib.sha256(ssl.PEM_cert_to_DER_cert(pem)).hexdigest()


def _der(block: str) -> bytes:
    """The bytes of a certificate; empty where they are not even the outer shell of one."""
    try:
        data = base64.b64decode("".join(block.split()), validate=True)
    except (binascii.Error, ValueError):
        return b""
    # A certificate is an ASN.1 SEQUENCE of more than 255 bytes: tag 0x30, then a length in two bytes.
    whole = len(data) > 4 and data[:2] == b"\x30\x82" and int.from_bytes(data[2:4], "big") == len(data) - 4
    return data if whole else b""


def _problem(der: bytes) -> str:
    """What is wrong inside; nothing is looked at without the library that can."""
    try:
        x509: t.Any = load("cryptography.x509")
        rsa: t.Any = load("cryptography.hazmat.primitives.asymmetric.rsa")
    except MissingLibraryError:
        return ""
    try:
        key = x509.load_der_x509_certificate(der).public_key()
    except Exception:  # what cryptography raises here has no common base
        return "is no certificate that can be read"
    if not isinstance(key, rsa.RSAPublicKey):
        return "has no RSA key, which Vonage needs"
    if key.key_size > LARGEST_KEY:
        return f"has an RSA key of {key.key_size} bits; Vonage takes at most {LARGEST_KEY}"
    return ""
