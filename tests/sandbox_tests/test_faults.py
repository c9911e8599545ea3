# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Faults: the effect of each kind on a client; with ``apply``, the request is processed."""

from __future__ import annotations

import email.utils
import socket
import threading
import time

import pytest
import requests

from tests.sandbox import VonageEmulator

from .helpers import TIMEOUT, delete, put, s3_body, storage_url, token

LOSING = ["status", "reset", "close", "truncate"]


def raw_put(emulator: VonageEmulator, timeout: float = TIMEOUT) -> socket.socket:
    """Send a PUT over a plain socket, and return the socket without reading."""
    body = requests.Request("PUT", "http://unused", json=s3_body()).prepare().body
    assert isinstance(body, bytes)
    host, port = emulator.url.removeprefix("http://").split(":")
    connection = socket.create_connection((host, int(port)), timeout=timeout)
    path = storage_url(emulator).removeprefix(emulator.url)
    head = (
        f"PUT {path} HTTP/1.1\r\nHost: {host}\r\nX-OPENTOK-AUTH: {token(emulator)}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    connection.sendall(head.encode() + body)
    return connection


def read_all(connection: socket.socket) -> bytes:
    """Read until the server closes the connection."""
    received = b""
    while chunk := connection.recv(65536):
        received += chunk
    return received


@pytest.mark.parametrize("status", [429, 500, 502, 503])
def test_fault_status_is_sent_the_requested_number_of_times(emulator: VonageEmulator, status: int) -> None:
    fault = emulator.fail_next(status=status, times=2)
    assert [put(emulator, s3_body()).status_code for _unused in range(3)] == [status, status, 200]
    assert fault.hits == 2
    assert [entry["status"] for entry in emulator.log()] == [status, status, 200]
    assert [entry["fault"] for entry in emulator.log()] == ["status", "status", None]


def test_fault_retry_after_forms(emulator: VonageEmulator) -> None:
    emulator.fail_next(status=429)
    assert "Retry-After" not in put(emulator, s3_body()).headers
    emulator.fail_next(status=429, retry_after=7)
    assert put(emulator, s3_body()).headers["Retry-After"] == "7"
    emulator.fail_next(status=503, retry_after=30, retry_after_date=True)
    date = email.utils.parsedate_to_datetime(put(emulator, s3_body()).headers["Retry-After"])
    assert 25 < date.timestamp() - time.time() < 31
    emulator.fail_next(status=429, retry_after="soon")
    assert put(emulator, s3_body()).headers["Retry-After"] == "soon"


def test_fault_of_a_gateway_is_not_json(emulator: VonageEmulator) -> None:
    emulator.fail_next(status=502)
    response = put(emulator, s3_body())
    assert response.headers["Content-Type"].startswith("text/html")
    with pytest.raises(requests.JSONDecodeError):
        response.json()


def test_fault_matches_method_and_path(emulator: VonageEmulator) -> None:
    emulator.fail_next(status=500, method="delete")
    emulator.fail_next(status=502, path=r"/v2/partner/")
    assert put(emulator, s3_body()).status_code == 200
    url = storage_url(emulator, prefix="partner")
    headers = {"X-OPENTOK-AUTH": token(emulator)}
    assert requests.put(url, json=s3_body(), headers=headers, timeout=TIMEOUT).status_code == 502
    assert delete(emulator).status_code == 500
    assert delete(emulator).status_code == 204


@pytest.mark.parametrize("kind", LOSING)
@pytest.mark.parametrize("apply", [True, False])
def test_fault_apply_controls_the_change(emulator: VonageEmulator, kind: str, apply: bool) -> None:
    emulator.fail_next(kind, apply=apply)
    if kind == "status":
        assert put(emulator, s3_body()).status_code == 500
    else:
        with pytest.raises(requests.RequestException):
            put(emulator, s3_body())
    assert emulator.target() == (s3_body() if apply else None)
    assert emulator.log()[-1]["applied"] is apply


def test_fault_reset_resets_the_connection(emulator: VonageEmulator) -> None:
    emulator.fail_next("reset")
    with raw_put(emulator) as connection, pytest.raises(ConnectionResetError):
        connection.recv(1)
    assert emulator.log()[-1]["status"] is None


def test_fault_close_closes_the_connection(emulator: VonageEmulator) -> None:
    emulator.fail_next("close")
    with raw_put(emulator) as connection:
        assert read_all(connection) == b""


@pytest.mark.parametrize("apply", [True, False])
def test_fault_truncate_sends_half_of_the_body(emulator: VonageEmulator, apply: bool) -> None:
    emulator.fail_next("truncate", apply=apply)
    with raw_put(emulator) as connection:
        head, _unused, body = read_all(connection).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200")
    announced = int(head.lower().split(b"content-length:")[1].split()[0])
    assert 0 < len(body) == announced // 2


def test_fault_trickle_sends_the_body_slowly(emulator: VonageEmulator) -> None:
    emulator.fail_next("trickle", seconds=0.005)
    started = time.monotonic()
    assert put(emulator, s3_body()).json() == s3_body()
    assert time.monotonic() - started > 0.5
    assert emulator.target() == s3_body()


def test_fault_delay_delays_the_response(emulator: VonageEmulator) -> None:
    emulator.fail_next("delay", seconds=0.4)
    started = time.monotonic()
    assert put(emulator, s3_body()).status_code == 200
    assert time.monotonic() - started >= 0.4


@pytest.mark.parametrize("apply", [True, False])
def test_fault_hang_sends_nothing(emulator: VonageEmulator, apply: bool) -> None:
    emulator.fail_next("hang", apply=apply)
    with raw_put(emulator, timeout=0.5) as connection, pytest.raises(TimeoutError):
        connection.recv(1)
    assert (emulator.target() is not None) is apply
    assert put(emulator, s3_body()).status_code == 200


def test_clear_faults_ends_hanging_requests(emulator: VonageEmulator) -> None:
    emulator.fail_next("hang")
    with raw_put(emulator) as connection:
        threading.Timer(0.3, emulator.clear_faults).start()
        assert read_all(connection) == b""


def test_stop_ends_hanging_requests() -> None:
    before = set(threading.enumerate())
    with VonageEmulator() as emulator:
        emulator.fail_next("hang")
        connection = raw_put(emulator)
        time.sleep(0.2)
        started = time.monotonic()
    assert time.monotonic() - started < 2
    assert connection.recv(1) == b""
    connection.close()
    with pytest.raises(ConnectionError):
        raw_put(emulator)
    # pytest-xdist starts threads of its own.
    started_here = [thread for thread in set(threading.enumerate()) - before if "execnet" not in thread.name]
    for thread in started_here:
        thread.join(5)
    assert not any(thread.is_alive() for thread in started_here)


def test_fail_next_invalid_fault_is_an_error(emulator: VonageEmulator) -> None:
    for options in (
        {"kind": "explode"},
        {"kind": "trickle", "apply": False},
        {"times": 0},
        {"retry_after": "soon", "retry_after_date": True},
    ):
        with pytest.raises(ValueError):  # noqa: PT011 - the messages differ
            emulator.fail_next(**options)


def test_faults_are_injected_over_http(emulator: VonageEmulator) -> None:
    url = f"{emulator.url}/_sandbox/faults"
    assert requests.post(url, json={"kind": "status", "status": 503}, timeout=TIMEOUT).status_code == 200
    assert put(emulator, s3_body()).status_code == 503
    requests.post(url, json={"kind": "status", "times": 5}, timeout=TIMEOUT)
    requests.delete(url, timeout=TIMEOUT)
    assert put(emulator, s3_body()).status_code == 200
    assert requests.post(url, json={"kind": "explode"}, timeout=TIMEOUT).status_code == 400
    assert requests.post(url, json={"colour": "red"}, timeout=TIMEOUT).status_code == 400
    log = requests.get(f"{emulator.url}/_sandbox/log", timeout=TIMEOUT).json()
    assert [entry["status"] for entry in log] == [503, 200]
