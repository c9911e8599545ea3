# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""HTTP calls: what is tried again, how long everything may take, and what errors say."""

from __future__ import annotations

import email.utils
import math
import pathlib
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.vonage.archiving.plugins.module_utils._core import http as _http
from ansible_collections.vonage.archiving.plugins.module_utils._core.errors import UnreachableError
from ansible_collections.vonage.archiving.plugins.module_utils._core.http import Answer, Budget, Http
from ansible_collections.vonage.archiving.tests.unit.plugins.module_utils.local_server import (
    LocalServer,
    Reply,
    answers,
    reply,
)

QUICK = Budget(timeout=0.4, retries=2, total=2.0)


def test_an_answer_is_handed_over() -> None:
    with LocalServer(answers(reply(200, {"a": 1}, X_Thing="v"))) as server:
        answer = Http(QUICK).send("PUT", f"{server.url}/x", "try", lambda: {"X-Mine": "1"}, {"b": 2})
    assert (answer.status, answer.ok, answer.json(), answer.tries) == (200, True, {"a": 1}, 1)
    assert answer.headers["x-thing"] == "v"
    (asked,) = server.asked
    assert (asked.method, asked.path, asked.json()) == ("PUT", "/x", {"b": 2})
    assert asked.headers["content-type"] == "application/json"
    assert asked.headers["x-mine"] == "1"


def test_a_body_that_is_no_json_is_none() -> None:
    assert Answer(200, {}, b"\xff<html>").json() is None
    assert Answer(200, {}, b"[" * 100_000).json() is None


@pytest.mark.parametrize("status", sorted(_http.RETRIED_STATUSES))
def test_a_try_again_status_is_tried_again_with_new_headers(status: int) -> None:
    tokens = iter("abc")
    with LocalServer(answers(reply(status), reply(204))) as server:
        answer = Http(QUICK, sleep=lambda _: None).send("DELETE", server.url, "try", lambda: {"X-Token": next(tokens)})
    assert (answer.status, answer.tries) == (204, 2)
    assert [asked.headers["x-token"] for asked in server.asked] == ["a", "b"]


@pytest.mark.parametrize("status", [301, 400, 401, 403, 404, 409, 501])
def test_other_statuses_are_final_and_redirects_not_followed(status: int) -> None:
    with LocalServer(answers(reply(status, {}, Location="/elsewhere"))) as server:
        answer = Http(QUICK).send("PUT", server.url, "try")
    assert (answer.status, len(server.asked)) == (status, 1)


def test_what_is_not_idempotent_is_sent_once() -> None:
    with LocalServer(answers(reply(503), reply(200))) as server, pytest.raises(UnreachableError) as caught:
        Http(QUICK).send("POST", server.url, "create it")
    assert len(server.asked) == 1
    assert str(caught.value) == (
        f"Could not create it: {server.url}: the answer was HTTP 503 (tried once). Nothing is lost: run it again later."
    )
    assert caught.value.facts == {"status": 503, "tries": 1}


def test_what_its_content_makes_repeatable_is_sent_again() -> None:
    with LocalServer(answers(reply(503), reply(200))) as server:
        answer = Http(QUICK, sleep=lambda _: None).send(
            "PATCH", server.url, "set it", payload={"a": 1}, repeatable=True
        )
    assert (answer.status, [asked.json() for asked in server.asked]) == (200, [{"a": 1}] * 2)


@pytest.mark.parametrize(
    ("bad", "says"),
    [
        (Reply(fault="hang"), "no answer came in time|no complete answer within"),
        (Reply(fault="reset"), "the connection failed: ConnectionResetError"),
        (Reply(body=b"x" * 1000, fault="truncate"), "the connection broke in the middle of the answer"),
        (Reply(body=b"x" * 1000, fault="trickle"), "no complete answer within 0 s"),
        (reply(502), "the answer was HTTP 502"),
    ],
)
def test_every_fault_ends_within_the_budget(bad: Reply, says: str) -> None:
    budget = Budget(timeout=0.4, retries=9, total=1.5)
    started = time.monotonic()
    with LocalServer(answers(bad)) as server, pytest.raises(UnreachableError, match=says):
        Http(budget).send("PUT", server.url, "try")
    assert time.monotonic() - started < budget.total + 1
    assert 1 < len(server.asked) <= 10


def test_no_try_takes_longer_than_all_may() -> None:
    started = time.monotonic()
    with LocalServer(answers(Reply(fault="hang"))) as server, pytest.raises(UnreachableError):
        Http(Budget(timeout=20, retries=0, total=0.4)).send("PUT", server.url, "try")
    assert time.monotonic() - started < 10


@pytest.mark.parametrize("fault", ["hang", "reset", "truncate", "trickle"])
def test_one_fault_is_survived(fault: str) -> None:
    with LocalServer(answers(Reply(body=b"x" * 1000, fault=fault), reply(200, "fine"))) as server:
        answer = Http(Budget(timeout=0.4, retries=2, total=5)).send("PUT", server.url, "try")
    assert (answer.json(), answer.tries) == ("fine", 2)


def test_a_closed_port_is_told_in_one_sentence() -> None:
    with LocalServer(answers(reply())) as server:
        url = server.url
    with pytest.raises(UnreachableError) as caught:
        Http(Budget(timeout=1, retries=1, total=5), sleep=lambda _: None).send("GET", url, "look")
    assert str(caught.value).startswith(f"Could not look: {url}: the connection failed: ConnectionRefusedError: ")
    assert "(tried 2 times)" in str(caught.value)


def test_the_server_is_named_without_credentials() -> None:
    with LocalServer(answers(reply())) as server:
        closed = server.url
    url = f"{closed.replace('://', '://user:hidden@')}/path?token=hidden"
    with pytest.raises(UnreachableError) as caught:
        Http(QUICK, sleep=lambda _: None).send("GET", url, "look")
    assert f"Could not look: {closed}: the connection failed" in str(caught.value)
    assert "hidden" not in str(caught.value)


@pytest.mark.parametrize("host", ["a" * 64 + ".invalid", "a..b.invalid"])
def test_a_host_name_that_cannot_be_is_told_as_any_failed_connection(host: str) -> None:
    with pytest.raises(UnreachableError, match="the connection failed: LocationParseError"):
        Http(Budget(timeout=5, retries=0, total=5)).send("GET", f"https://{host}/", "look")


def test_what_the_server_asks_for_is_kept_to() -> None:
    pauses: list[float] = []
    soon = email.utils.formatdate(time.time() + 30, usegmt=True)
    script = answers(reply(429, Retry_After="3"), reply(503, Retry_After=soon), reply(200))
    with LocalServer(script) as server:
        Http(Budget(timeout=1, retries=3, total=60), sleep=pauses.append).send("PUT", server.url, "try")
    assert pauses[0] == 3
    assert 25 < pauses[1] <= 30


def test_a_pause_beyond_the_budget_ends_it_at_once() -> None:
    started = time.monotonic()
    with LocalServer(answers(reply(429, Retry_After="3600"))) as server, pytest.raises(UnreachableError) as caught:
        Http(QUICK).send("PUT", server.url, "try")
    assert time.monotonic() - started < 1
    assert len(server.asked) == 1
    assert "The next try was due in 3600 s, with " in str(caught.value)
    assert "limits the rate of calls" in str(caught.value)


def test_pauses_grow_and_stay_below_their_limit() -> None:
    pauses = [[_http._pause(tries, None) for _unused in range(50)] for tries in (1, 2, 3, 20)]
    assert [math.ceil(max(each) / min(each)) for each in pauses] == [2, 2, 2, 2]
    assert max(pauses[0]) <= min(pauses[2])
    assert max(pauses[3]) <= _http.LONGEST_PAUSE
    assert _http._pause(5000, None) <= _http.LONGEST_PAUSE


def test_a_huge_answer_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_http, "LARGEST_BODY", 10)
    with LocalServer(answers(Reply(body=b"x" * 11))) as server, pytest.raises(UnreachableError, match="larger than 10"):
        Http(Budget(retries=0)).send("GET", server.url, "look")


def test_a_netrc_file_changes_nothing(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("default login somebody password else\n")
    monkeypatch.setenv("NETRC", str(netrc))
    with LocalServer(answers(reply())) as server:
        Http(QUICK).send("GET", server.url, "look", lambda: {"Authorization": "Bearer mine"})
        Http(QUICK).send("GET", server.url, "look")
    assert [asked.headers.get("authorization") for asked in server.asked] == ["Bearer mine", None]


def test_errors_hold_no_secret() -> None:
    with pytest.raises(UnreachableError) as caught:
        Http(Budget(timeout=1, retries=0), secrets=["extremely-secret-host"]).send(
            "GET", "http://extremely-secret-host.invalid:x/", "look"
        )
    assert "extremely" not in str(caught.value)
    assert "********" in str(caught.value)


@given(st.text(max_size=30), st.floats(0, 4e9))
def test_any_retry_after_is_a_pause_or_nothing(value: str, now: float) -> None:
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
def test_both_forms_of_retry_after(value: str, expected: float | None) -> None:
    assert _http.retry_after(value, 100.0) == expected


@pytest.mark.parametrize(("value", "expected"), [("1353003093", 93.0), ("1353002999", 0.0)])
def test_a_retry_after_in_unix_seconds(value: str, expected: float) -> None:
    assert _http.retry_after(value, 1353003000.0) == expected
