# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Calls of the API: what is sent, which answers count, and what errors say."""

from __future__ import annotations

import json

import pytest

from ansible_collections.vonage.archiving.plugins.module_utils._core import errors
from ansible_collections.vonage.archiving.plugins.module_utils._core.http import Answer, Budget
from ansible_collections.vonage.archiving.plugins.module_utils._heroku import client as api
from ansible_collections.vonage.archiving.plugins.module_utils._heroku.client import Client, Told
from ansible_collections.vonage.archiving.plugins.module_utils._heroku.connection import App
from ansible_collections.vonage.archiving.tests.unit.plugins.module_utils.local_server import (
    LocalServer,
    Reply,
    answers,
    reply,
)

TOKEN = "HRKU-01234567-89ab-cdef-0123-456789abcdef"
SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
QUICK = Budget(timeout=1, retries=2, total=5)


def client(server: LocalServer, name: str = "example") -> Client:
    return Client(App(name, TOKEN, server.url, QUICK), [SECRET])


def test_reading_sends_the_documented_headers() -> None:
    with LocalServer(answers(reply(200, {"A": "1", "EMPTY": "", "NULL": None}))) as server:
        assert client(server).read() == {"A": "1", "EMPTY": ""}
    (asked,) = server.asked
    assert (asked.method, asked.path, asked.body) == ("GET", "/apps/example/config-vars", b"")
    assert asked.headers["accept"] == "application/vnd.heroku+json; version=3"
    assert asked.headers["authorization"] == f"Bearer {TOKEN}"


def test_changing_sends_null_for_what_is_to_go() -> None:
    with LocalServer(answers(reply(200, {"A": "1"}))) as server:
        assert client(server).update({"A": "1", "B": None}) == {"A": "1"}
    (asked,) = server.asked
    assert (asked.method, asked.path) == ("PATCH", "/apps/example/config-vars")
    assert json.loads(asked.body) == {"A": "1", "B": None}
    assert asked.headers["content-type"] == "application/json"


@pytest.mark.parametrize("first", [Reply(fault="reset"), reply(429, Retry_After="0"), reply(503), Reply(fault="hang")])
def test_a_change_is_sent_again(first: Reply) -> None:
    with LocalServer(answers(first, reply(200, {"A": "1"}))) as server:
        client(server).update({"A": "1"})
    assert [asked.json() for asked in server.asked] == [{"A": "1"}] * 2


def test_no_more_tries_than_allowed() -> None:
    limited = reply(429, {"id": "rate_limit"}, Retry_After="0")
    with LocalServer(answers(limited)) as server, pytest.raises(errors.UnreachableError) as caught:
        client(server).update({"A": SECRET})
    assert len(server.asked) == 3
    assert caught.value.facts == {"status": 429, "tries": 3}
    assert "the answer was HTTP 429 (tried 3 times). An account may make about 75 calls a minute" in str(caught.value)


@pytest.mark.parametrize(
    "body", [b"", b"[]", b'"A"', b"null", b"{", b'{"A": 1}', b'{"A": {}}', b"<html>login</html>", b"\xff"]
)
def test_what_is_no_object_of_strings_is_no_answer(body: bytes) -> None:
    with LocalServer(answers(Reply(200, body))) as server, pytest.raises(errors.RejectedError) as caught:
        client(server).read()
    what = "a web page" if body.startswith(b"<") else "no object of strings"
    assert f"Could not read the config vars of example: the answer is {what}. Something else" in str(caught.value)


KINDS = {
    400: errors.RejectedError,
    401: errors.DeniedError,
    402: errors.DeniedError,
    403: errors.DeniedError,
    404: errors.NotFoundError,
    406: errors.RejectedError,
    409: errors.ConflictError,
    410: errors.NotFoundError,
    422: errors.RejectedError,
    501: errors.UnreachableError,
    302: errors.RejectedError,
    202: errors.RejectedError,
}


@pytest.mark.parametrize("status", sorted(KINDS))
def test_refusals_are_of_a_kind_and_not_tried_again(status: int) -> None:
    said = {"id": "some_id", "message": "Some words.", "url": "https://devcenter.heroku.com/articles/x"}
    refused = reply(status, said, Location="/elsewhere")
    with LocalServer(answers(refused)) as server, pytest.raises(KINDS[status]) as caught:
        client(server).update({"A": "1"})
    assert len(server.asked) == 1
    assert str(caught.value).startswith(
        f"Could not change the config vars of example: {server.url} answered HTTP {status} (some_id): Some words. "
    )
    assert str(caught.value).endswith("Heroku says more at https://devcenter.heroku.com/articles/x")
    assert caught.value.facts == {"status": status, "tries": 1, "code": "some_id"}


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"<html>", "answered HTTP 404."),
        (b"[]", "answered HTTP 404."),
        (b'{"message": "Gone."}', "answered HTTP 404: Gone."),
        (b'{"id": "not_found"}', "answered HTTP 404 (not_found)."),
        (b'{"id": 5, "message": ["x"], "url": null}', "answered HTTP 404."),
    ],
)
def test_an_error_that_says_less(body: bytes, expected: str) -> None:
    with LocalServer(answers(Reply(404, body))) as server, pytest.raises(errors.NotFoundError) as caught:
        client(server).read()
    assert f"{server.url} {expected} Look whether app is right" in str(caught.value)


@pytest.mark.parametrize("part", ["id", "message", "url"])
def test_no_error_shows_a_secret(part: str) -> None:
    said = {part: f"sent: {SECRET}, by {TOKEN}\n, {SECRET[:12]}"}
    with LocalServer(answers(reply(422, said))) as server, pytest.raises(errors.RejectedError) as caught:
        client(server).update({"A": SECRET})
    shown = f"{caught.value} {caught.value.as_result()}"
    assert SECRET[:12] not in shown
    assert TOKEN[:12] not in shown
    assert "********" in shown


def test_a_long_message_is_cut() -> None:
    with (
        LocalServer(answers(reply(422, {"message": "x " * 400}))) as server,
        pytest.raises(errors.RejectedError) as caught,
    ):
        client(server).read()
    assert "x  (cut)" in str(caught.value)
    assert len(str(caught.value)) < 600


def test_the_scopes_of_a_refused_token_are_told() -> None:
    headers = {"oauth-scope": "read", "oauth-scope-accepted": "global write-protected"}
    said = api.told(Answer(403, headers, b'{"id": "forbidden"}'), [])
    assert said == Told("forbidden", scope="This token has read, the call takes global write-protected.")
    assert api.told(Answer(403, {"oauth-scope": "read"}, b""), []) == Told()
    refused = api.refusal(App("example", TOKEN), "try", Answer(403, headers, b""), said)
    assert "This token has read" in str(refused)
    assert "This token has read" not in str(api.refusal(App("example", TOKEN), "try", Answer(404, headers, b""), said))


def test_a_client_shows_no_token() -> None:
    assert TOKEN not in repr(Client(App("example", TOKEN)))
