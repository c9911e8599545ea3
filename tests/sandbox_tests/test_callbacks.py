# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The archive status callback: registration as in a public integration, and delivery of every change."""

from __future__ import annotations

import hashlib
import http.server
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import jwt
import pytest
import requests

from tests.sandbox import VonageEmulator
from tests.sandbox.vonage.callbacks import FIELDS, RETRIES

from .helpers import TIMEOUT, application_token, put, s3_body, token

SECRET = "the signature secret of the project, which only the dashboard shows"


@dataclass
class Listener:
    """A webhook: the received requests, and the next responses."""

    url: str
    requests: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    responses: list[int] = field(default_factory=list)

    @property
    def statuses(self) -> list[str]:
        return [json.loads(body)["status"] for _headers, body in self.requests]


@pytest.fixture
def listener() -> Iterator[Listener]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            webhook.requests.append((dict(self.headers), body))
            self.send_response(webhook.responses.pop(0) if webhook.responses else 200)
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            return

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        webhook = Listener(f"http://127.0.0.1:{server.server_address[1]}/hook")
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        yield webhook
        server.shutdown()
        thread.join(TIMEOUT)


def call(emulator: VonageEmulator, method: str, path: str = "", body: Any = None, auth: str = "") -> requests.Response:
    url = f"{emulator.url}/v2/project/{emulator.api_key}/callback{path}"
    headers = {"X-OPENTOK-AUTH": auth or token(emulator)}
    return requests.request(method, url, json=body, headers=headers, timeout=TIMEOUT)


def registration(url: str) -> dict[str, Any]:
    return {"group": "archive", "event": "status", "url": url}


def test_callback_is_registered_listed_replaced_and_deleted(emulator: VonageEmulator, listener: Listener) -> None:
    first = call(emulator, "POST", body=registration(listener.url))
    assert first.status_code == 200
    second = call(emulator, "POST", body=registration(f"{listener.url}/other")).json()
    assert second["id"] != first.json()["id"]
    response = call(emulator, "GET", "/")
    assert (response.status_code, response.json()) == (200, [second])
    assert call(emulator, "DELETE", f"/{first.json()['id']}").status_code == 404
    assert call(emulator, "DELETE", f"/{second['id']}").status_code == 204
    assert call(emulator, "GET", "/").json() == []
    emulator.record_archive()
    assert listener.requests == []


@pytest.mark.parametrize(
    "changes",
    [
        {"url": "http://127.0.0.1:9/nobody-listens"},
        {"url": "https://example.com/hook"},
        {"url": "ftp://127.0.0.1/hook"},
        {"url": "http://127.0.0.1:none/"},
        {"url": None},
        {"group": "session"},
        {"event": "created"},
        {"secret": "x"},
    ],
)
def test_register_invalid_callback_is_rejected(
    emulator: VonageEmulator, listener: Listener, changes: dict[str, Any]
) -> None:
    assert call(emulator, "POST", body=registration(listener.url) | changes).status_code == 400
    assert call(emulator, "GET", "/").json() == []


def test_register_requires_a_token_of_the_project(emulator: VonageEmulator, listener: Listener) -> None:
    body = registration(listener.url)
    assert call(emulator, "POST", body=body, auth=token(emulator, "another secret" * 3)).status_code == 403
    url = f"{emulator.url}/v2/project/{emulator.application_id}/callback"
    headers = {"Authorization": f"Bearer {application_token(emulator)}"}
    assert requests.post(url, json=body, headers=headers, timeout=TIMEOUT).status_code == 404


def test_deliveries_contain_the_documented_fields_of_every_change(emulator: VonageEmulator, listener: Listener) -> None:
    emulator.set_callback(listener.url)
    archive = emulator.record_archive(name="lesson")
    assert listener.statuses == ["started", "stopped", "available"]
    bodies = [json.loads(body) for _headers, body in listener.requests]
    assert all(set(body) == set(FIELDS) for body in bodies)
    last = bodies[-1]
    assert (last["id"], last["event"], last["name"]) == (archive["id"], "archive", "lesson")
    assert last["partnerId"] == int(emulator.api_key)
    assert (bodies[0]["size"], last["size"]) == (0, archive["size"])
    assert [body["url"] for body in bodies[:2]] == [None, None]
    assert last["url"] == archive["url"]
    assert all("Authorization" not in headers for headers, _body in listener.requests)


def test_deliveries_failed_upload_without_fallback(emulator: VonageEmulator, listener: Listener) -> None:
    put(emulator, {**s3_body(endpoint="http://127.0.0.1:9"), "fallback": "none"})
    emulator.set_callback(listener.url)
    assert emulator.record_archive()["status"] == "failed"
    assert listener.statuses == ["started", "stopped", "failed"]
    assert emulator.record_archive(on_failure="stopped")["status"] == "stopped"
    assert listener.statuses[3:] == ["started", "stopped"]


def test_deliveries_secured_callback_has_a_new_token_each_time(emulator: VonageEmulator, listener: Listener) -> None:
    emulator.set_callback(listener.url, signature_secret=SECRET)
    emulator.record_archive()
    token_ids = []
    for headers, body in listener.requests:
        scheme, _space, encoded = headers["Authorization"].partition(" ")
        claims = jwt.decode(encoded, SECRET, algorithms=["HS256"])
        assert (scheme, claims["api_key"]) == ("Bearer", emulator.api_key)
        assert claims["payload_hash"] == hashlib.sha256(body).hexdigest()
        token_ids.append(claims["jti"])
    assert len(set(token_ids)) == len(token_ids) == 3


def test_deliveries_are_retried_a_limited_number_of_times(emulator: VonageEmulator, listener: Listener) -> None:
    emulator.deliveries.pause = 0.001
    emulator.set_callback(listener.url)
    listener.responses = [503, 302, 200]
    emulator.record_archive()
    assert listener.statuses == ["started", "started", "started", "stopped", "available"]
    assert [entry["status"] for entry in emulator.deliveries.entries(emulator.api_key)] == [503, 302, 200, 200, 200]
    emulator.deliveries.clear()
    listener.responses = [500] * (1 + RETRIES)
    emulator.record_archive()
    attempts = [(entry["json"]["status"], entry["attempt"]) for entry in emulator.deliveries.entries()]
    assert attempts == [*(("started", n) for n in range(1, RETRIES + 2)), ("stopped", 1), ("available", 1)]


def test_callback_is_set_over_http(emulator: VonageEmulator, listener: Listener) -> None:
    base = f"{emulator.url}/_sandbox"
    options = {"url": listener.url, "signature_secret": SECRET}
    assert requests.post(f"{base}/callback/{emulator.api_key}", json=options, timeout=TIMEOUT).status_code == 200
    requests.post(f"{base}/record/{emulator.api_key}", timeout=TIMEOUT)
    entries = requests.get(f"{base}/deliveries/{emulator.api_key}", timeout=TIMEOUT).json()
    assert [entry["json"]["status"] for entry in entries] == listener.statuses == ["started", "stopped", "available"]
