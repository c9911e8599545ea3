# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import email.utils
import math
import pathlib
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.vonage.archiving.plugins.module_utils._core import http_client as _http
from ansible_collections.vonage.archiving.plugins.module_utils._core.budget import Budget
from ansible_collections.vonage.archiving.plugins.module_utils._core.errors import UnreachableError
from ansible_collections.vonage.archiving.plugins.module_utils._core.http_client import Http, Response
from ansible_collections.vonage.archiving.plugins.module_utils._core.runtime import Runtime
from ansible_collections.vonage.archiving.tests.unit.plugins.module_utils.local_server import (
    LocalServer,
    Reply,
    replies,
    reply,
)

QUICK = Budget(timeout=0.4, retries=2, total=2.0)
WITHOUT_PAUSES = Runtime(sleep=lambda seconds: None)


def test_send_returns_the_response() -> None:
    with LocalServer(replies(reply(200, {"a": 1}, X_Thing="v"))) as server:
        response = Http(QUICK).send("PUT", f"{server.url}/x", "try", lambda: {"X-Mine": "1"}, {"b": 2})
    assert (response.status, response.ok, response.json(), response.tries) == (200, True, {"a": 1}, 1)
    assert response.headers["x-thing"] == "v"
    (request,) = server.requests
    assert (request.method, request.path, request.json()) == ("PUT", "/x", {"b": 2})
    assert request.headers["content-type"] == "application/json"
    assert request.headers["x-mine"] == "1"


def test_json_other_body_is_none() -> None:
    assert Response(200, {}, b"\xff<html>").json() is None
    assert Response(200, {}, b"[" * 100_000).json() is None


@pytest.mark.parametrize("status", sorted(_http.RETRIED_STATUSES))
def test_send_retried_status_sends_new_headers(status: int) -> None:
    tokens = iter("abc")
    with LocalServer(replies(reply(status), reply(204))) as server:
        response = Http(QUICK, runtime=WITHOUT_PAUSES).send(
            "DELETE", server.url, "try", lambda: {"X-Token": next(tokens)}
        )
    assert (response.status, response.tries) == (204, 2)
    assert [request.headers["x-token"] for request in server.requests] == ["a", "b"]


@pytest.mark.parametrize("status", [301, 400, 401, 403, 404, 409, 501])
def test_send_other_status_is_final_and_redirects_are_not_followed(status: int) -> None:
    with LocalServer(replies(reply(status, {}, Location="/elsewhere"))) as server:
        response = Http(QUICK).send("PUT", server.url, "try")
    assert (response.status, len(server.requests)) == (status, 1)


def test_send_not_idempotent_method_is_sent_once() -> None:
    with LocalServer(replies(reply(503), reply(200))) as server, pytest.raises(UnreachableError) as caught:
        Http(QUICK).send("POST", server.url, "create it")
    assert len(server.requests) == 1
    assert str(caught.value) == (
        f"Could not create it: {server.url}: the response was HTTP 503 (1 attempt). "
        "Nothing is lost: run it again later."
    )
    assert caught.value.facts == {"status": 503, "tries": 1}


def test_send_repeatable_payload_is_retried() -> None:
    with LocalServer(replies(reply(503), reply(200))) as server:
        response = Http(QUICK, runtime=WITHOUT_PAUSES).send(
            "PATCH", server.url, "set it", payload={"a": 1}, idempotent=True
        )
    assert (response.status, [request.json() for request in server.requests]) == (200, [{"a": 1}] * 2)


@pytest.mark.parametrize(
    ("bad", "says"),
    [
        (Reply(fault="hang"), "no response within the time limit|no complete response within"),
        (Reply(fault="reset"), "the connection failed: ConnectionResetError"),
        (Reply(body=b"x" * 1000, fault="truncate"), "the connection was closed before the end of the response"),
        (Reply(body=b"x" * 1000, fault="trickle"), "no complete response within 0 s"),
        (reply(502), "the response was HTTP 502"),
    ],
)
def test_send_fault_ends_within_the_budget(bad: Reply, says: str) -> None:
    budget = Budget(timeout=0.4, retries=9, total=1.5)
    started = time.monotonic()
    with LocalServer(replies(bad)) as server, pytest.raises(UnreachableError, match=says):
        Http(budget).send("PUT", server.url, "try")
    assert time.monotonic() - started < budget.total + 1
    assert 1 < len(server.requests) <= 10


def test_send_attempt_ends_at_the_deadline() -> None:
    started = time.monotonic()
    with LocalServer(replies(Reply(fault="hang"))) as server, pytest.raises(UnreachableError):
        Http(Budget(timeout=20, retries=0, total=0.4)).send("PUT", server.url, "try")
    assert time.monotonic() - started < 10


@pytest.mark.parametrize("fault", ["hang", "reset", "truncate", "trickle"])
def test_send_one_fault_is_retried(fault: str) -> None:
    with LocalServer(replies(Reply(body=b"x" * 1000, fault=fault), reply(200, "fine"))) as server:
        response = Http(Budget(timeout=0.4, retries=2, total=5)).send("PUT", server.url, "try")
    assert (response.json(), response.tries) == ("fine", 2)


def test_send_closed_port_error_states_server_and_attempts() -> None:
    with LocalServer(replies(reply())) as server:
        url = server.url
    with pytest.raises(UnreachableError) as caught:
        Http(Budget(timeout=1, retries=1, total=5), runtime=WITHOUT_PAUSES).send("GET", url, "read")
    assert str(caught.value).startswith(f"Could not read: {url}: the connection failed: ConnectionRefusedError: ")
    assert "(2 attempts)" in str(caught.value)


def test_send_error_contains_no_credentials_of_the_url() -> None:
    with LocalServer(replies(reply())) as server:
        closed = server.url
    url = f"{closed.replace('://', '://user:hidden@')}/path?token=hidden"
    with pytest.raises(UnreachableError) as caught:
        Http(QUICK, runtime=WITHOUT_PAUSES).send("GET", url, "read")
    assert f"Could not read: {closed}: the connection failed" in str(caught.value)
    assert "hidden" not in str(caught.value)


@pytest.mark.parametrize("host", ["a" * 64 + ".invalid", "a..b.invalid"])
def test_send_invalid_host_name_is_a_failed_connection(host: str) -> None:
    with pytest.raises(UnreachableError, match="the connection failed: LocationParseError"):
        Http(Budget(timeout=5, retries=0, total=5)).send("GET", f"https://{host}/", "read")


def test_send_waits_as_long_as_retry_after() -> None:
    pauses: list[float] = []
    soon = email.utils.formatdate(time.time() + 30, usegmt=True)
    script = replies(reply(429, Retry_After="3"), reply(503, Retry_After=soon), reply(200))
    with LocalServer(script) as server:
        Http(Budget(timeout=1, retries=3, total=60), runtime=Runtime(sleep=pauses.append)).send(
            "PUT", server.url, "try"
        )
    assert pauses[0] == 3
    assert 25 < pauses[1] <= 30


def test_send_retry_after_beyond_the_budget_fails_immediately() -> None:
    started = time.monotonic()
    with (
        LocalServer(replies(reply(429, Retry_After="3600"))) as server,
        pytest.raises(UnreachableError) as caught,
    ):
        Http(QUICK).send("PUT", server.url, "try")
    assert time.monotonic() - started < 1
    assert len(server.requests) == 1
    assert "The next attempt was due in 3600 s, with " in str(caught.value)
    assert "limits the rate of requests" in str(caught.value)


@pytest.mark.parametrize(("random", "share"), [(0.0, 0.5), (1.0, 1.0)])
def test_send_pauses_grow_up_to_a_limit(random: float, share: float) -> None:
    pauses: list[float] = []
    runtime = Runtime(sleep=pauses.append, random=lambda: random)
    with LocalServer(replies(reply(503))) as server, pytest.raises(UnreachableError):
        Http(Budget(timeout=10, retries=9, total=3600), runtime=runtime).send("GET", server.url, "read")
    assert pauses == [share * pause for pause in (0.5, 1, 2, 4, 8, 16, 20, 20, 20)]


def test_send_too_large_response_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_http, "LARGEST_BODY", 10)
    with (
        LocalServer(replies(Reply(body=b"x" * 11))) as server,
        pytest.raises(UnreachableError, match="larger than 10"),
    ):
        Http(Budget(retries=0)).send("GET", server.url, "read")


def test_send_ignores_netrc(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("default login user password else\n")
    monkeypatch.setenv("NETRC", str(netrc))
    with LocalServer(replies(reply())) as server:
        Http(QUICK).send("GET", server.url, "read", lambda: {"Authorization": "Bearer mine"})
        Http(QUICK).send("GET", server.url, "read")
    assert [request.headers.get("authorization") for request in server.requests] == ["Bearer mine", None]


def test_send_error_contains_no_secret() -> None:
    with pytest.raises(UnreachableError) as caught:
        Http(Budget(timeout=1, retries=0), secrets=["extremely-secret-host"]).send(
            "GET", "http://extremely-secret-host.invalid:x/", "read"
        )
    assert "extremely" not in str(caught.value)
    assert "********" in str(caught.value)


@given(st.text(max_size=30), st.floats(0, 4e9))
def test_retry_after_any_text_is_a_pause_or_none(value: str, now: float) -> None:
    pause = _http.retry_after(value, now)
    assert pause is None or pause >= 0


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("0", 0.0),
        (" 7 ", 7.0),
        ("", None),
        ("-1", None),
        ("soon", None),
        ("²", None),
        ("999999999", 999999999.0),
        ("Wed, 3 Apr 2002 12:34:56 +9999999999999", None),
        ("9" * 400, math.inf),
        ("Thu, 01 Jan 1970 00:02:00 GMT", 20.0),
        ("Thu, 01 Jan 1970 00:00:00 GMT", 0.0),
    ],
)
def test_retry_after_seconds_and_dates(value: str, expected: float | None) -> None:
    assert _http.retry_after(value, 100.0) == expected


@pytest.mark.parametrize(("value", "expected"), [("1353003093", 93.0), ("1353002999", 0.0)])
def test_retry_after_unix_time(value: str, expected: float) -> None:
    assert _http.retry_after(value, 1353003000.0) == expected
