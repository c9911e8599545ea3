# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An attack on the event source: all valid callbacks receive a response, and the resources of the source stay bounded.

The attack takes 30 seconds for each scheme, or SOAK_SECONDS (``make soak``).
"""

from __future__ import annotations

import contextlib
import datetime
import ipaddress
import json
import os
import secrets
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.e2e.webhook_attack import HOST, PATH
from tests.e2e.webhook_process import OPEN_FILES
from tests.sandbox.vonage.callbacks import create_token
from tools.paths import ROOT

SECONDS = float(os.environ.get("SOAK_SECONDS", "30"))
PROJECT = "47123456"
# Seconds between two valid callbacks, and until a response is expected.
PAUSE = 0.05
RESPONSE_TIMEOUT = 10
MIB = 1024 * 1024
# With TLS, asyncio has a buffer of 256 KiB for each connection.
MAX_GROWTH = {"http": 48 * MIB, "https": 128 * MIB}
# Memory growth in the second half of the attack.
MAX_LATE_GROWTH = 16 * MIB
MAX_LOG_PER_MINUTE = 32 * 1024


@dataclass
class Webhook:
    """The process of the event source, with measurements of its memory and its open files."""

    port: int
    home: Path
    process: psutil.Process
    secret: str
    certfile: str
    memory: list[int] = field(default_factory=list)
    files: list[int] = field(default_factory=list)

    @property
    def log(self) -> str:
        return (self.home / "webhook.log").read_text()

    @property
    def log_size(self) -> int:
        return (self.home / "webhook.log").stat().st_size

    @property
    def events(self) -> list[str]:
        """Return the archive IDs in the order in which the rules receive the events."""
        return (self.home / "webhook.events").read_text().split()

    def measure(self) -> None:
        self.memory.append(self.process.memory_info().rss)
        self.files.append(self.process.num_fds())

    def send_callback(self, identity: str) -> str:
        """Send a valid callback once, and return the first line of the response or the error."""
        fields = {"id": identity, "event": "archive", "status": "available", "partnerId": int(PROJECT)}
        body = json.dumps({**fields, "createdAt": int(time.time() * 1000)}).encode()
        lines = [
            f"POST {PATH} HTTP/1.1",
            f"Host: {HOST}",
            "Content-Type: application/json",
            f"Content-Length: {len(body)}",
            f"Authorization: Bearer {create_token(self.secret, body, PROJECT, time.time())}",
        ]
        try:
            return self._exchange("\r\n".join([*lines, "", ""]).encode() + body).partition(b"\r\n")[0].decode()
        except OSError as error:
            return repr(error)

    def _exchange(self, request: bytes) -> bytes:
        with socket.create_connection((HOST, self.port), RESPONSE_TIMEOUT) as connection:
            if self.certfile:
                context = ssl.create_default_context(cafile=self.certfile)
                connection = context.wrap_socket(connection, server_hostname=HOST)
            with connection:
                connection.sendall(request)
                return connection.recv(4096)


def start_process(module: str, *arguments: str, text: str, log: Path, output: Path) -> psutil.Popen:
    command = [sys.executable, "-m", f"tests.e2e.{module}", *arguments]
    with open(log, "w") as stderr, open(output, "w") as stdout:
        process = psutil.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=stdout, stderr=stderr, text=True)
    process.stdin.write(f"{text}\n")
    process.stdin.close()
    return process


@contextlib.contextmanager
def kill_at_end(process: psutil.Popen) -> Iterator[None]:
    try:
        yield
    finally:
        process.kill()
        process.wait()


def create_certificate(path: Path) -> str:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, HOST)])
    start, end = (datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=days) for days in (-1, 1))
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), start, end)
    names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(HOST))])
    certificate = builder.add_extension(names, critical=False).sign(key, hashes.SHA256())
    encoding, unencrypted = serialization.Encoding.PEM, serialization.NoEncryption()
    pem = key.private_bytes(encoding, serialization.PrivateFormat.PKCS8, unencrypted)
    path.write_bytes(pem + certificate.public_bytes(encoding))
    return str(path)


@pytest.fixture
def webhook(tmp_path: Path, scheme: str) -> Iterator[Webhook]:
    with socket.create_server((HOST, 0)) as probe:
        port = probe.getsockname()[1]
    secret = secrets.token_hex(32)
    log = tmp_path / "webhook.log"
    certfile = create_certificate(tmp_path / "tls.pem") if scheme == "https" else ""
    process = start_process(
        "webhook_process", str(port), certfile, text=secret, log=log, output=tmp_path / "webhook.events"
    )
    with kill_at_end(process):
        webhook = Webhook(port, tmp_path, process, secret, certfile)
        deadline = time.monotonic() + 30
        while "Listening on" not in webhook.log:
            assert process.poll() is None, webhook.log
            assert time.monotonic() < deadline, webhook.log
            time.sleep(0.1)
        yield webhook


@contextlib.contextmanager
def attack(webhook: Webhook, seconds: float) -> Iterator[None]:
    authorization = f"Bearer {create_token(webhook.secret, b'x' * 100_000, PROJECT, time.time())}"
    files = {name: webhook.home / f"attack.{name}" for name in ("log", "output")}
    scheme = "https" if webhook.certfile else "http"
    process = start_process("webhook_attack", scheme, str(webhook.port), str(seconds), text=authorization, **files)
    with kill_at_end(process):
        yield
        assert process.poll() is None, files["log"].read_text()


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.timeout(SECONDS + 120)
def test_webhook_during_attack_answers_callbacks_with_bounded_resources(webhook: Webhook, scheme: str) -> None:
    # The baseline includes memory that the first requests allocate.
    responses = {f"before-{number}": webhook.send_callback(f"before-{number}") for number in range(20)}
    webhook.measure()
    end = time.monotonic() + SECONDS
    number = 0
    with attack(webhook, SECONDS + 60):
        while time.monotonic() < end:
            identity = f"during-{number}"
            responses[identity] = webhook.send_callback(identity)
            if number % 20 == 0:
                webhook.measure()
            number += 1
            time.sleep(PAUSE)
    webhook.measure()
    log = webhook.log[-2000:]
    failed = {identity: response for identity, response in responses.items() if response != "HTTP/1.1 200 OK"}
    usage = f"{max(webhook.memory) // MIB} MiB, {max(webhook.files)} files, {webhook.log_size} bytes of log"
    summary = f"{len(failed)} of {len(responses)} callbacks without 200; {usage}"
    print(summary)
    assert not failed, f"{summary}; {list(failed.items())[:5]}; {log}"
    assert webhook.events == list(responses)
    assert max(webhook.memory) - webhook.memory[0] < MAX_GROWTH[scheme], summary
    assert max(webhook.memory) - max(webhook.memory[: len(webhook.memory) // 2]) < MAX_LATE_GROWTH, webhook.memory
    assert max(webhook.files) < OPEN_FILES, summary
    assert webhook.log_size < MAX_LOG_PER_MINUTE * (1 + SECONDS / 60), f"{summary}; {log}"
    assert "Closed the oldest of 256 connections" in webhook.log
    assert "the signature of the token is wrong" in webhook.log
    assert webhook.secret not in webhook.log
