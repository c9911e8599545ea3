# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import datetime
import http.server
import ipaddress
import pathlib
import ssl
import threading
import typing as t

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from ansible_collections.vonage.archiving.plugins.module_utils._core.budget import Budget
from ansible_collections.vonage.archiving.plugins.module_utils._core.errors import UnreachableError
from ansible_collections.vonage.archiving.plugins.module_utils._core.http_client import Http

QUICK = Budget(timeout=3, retries=0, total=5)


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(204)
        self.end_headers()

    def log_message(self, format: str, *args: t.Any) -> None:
        """Write no log."""


def create_certificate(folder: pathlib.Path) -> tuple[pathlib.Path, pathlib.Path]:
    """A certificate for 127.0.0.1, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.datetime.now(datetime.timezone.utc)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    paths = folder / "cert.pem", folder / "key.pem"
    paths[0].write_bytes(certificate.public_bytes(pem))
    paths[1].write_bytes(key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
    return paths


@pytest.fixture
def store(tmp_path: pathlib.Path) -> t.Iterator[tuple[str, str]]:
    """The URL of a server, and its certificate."""
    certificate, key = create_certificate(tmp_path)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"https://127.0.0.1:{server.server_port}", str(certificate)
    server.shutdown()
    server.server_close()
    thread.join(5)


def test_send_unknown_certificate_is_an_error(store: tuple[str, str]) -> None:
    with pytest.raises(UnreachableError, match="the TLS connection failed"):
        Http(QUICK).send("GET", store[0], "try")


def test_send_trusts_the_authorities_of_verify(store: tuple[str, str]) -> None:
    assert Http(QUICK, verify=store[1]).send("GET", store[0], "try").status == 204


@pytest.mark.filterwarnings("ignore:Unverified HTTPS request")
def test_send_without_verification_accepts_any_certificate(store: tuple[str, str]) -> None:
    assert Http(QUICK, verify=False).send("GET", store[0], "try").status == 204


def test_send_missing_authorities_are_an_error(store: tuple[str, str]) -> None:
    with pytest.raises(UnreachableError, match="/nowhere"):
        Http(QUICK, verify="/nowhere").send("GET", store[0], "try")
