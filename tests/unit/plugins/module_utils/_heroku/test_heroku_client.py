# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The client of the Heroku Platform API: requests, responses, and errors."""

from __future__ import annotations

import json

import pytest

from ansible_collections.vonage.archiving.plugins.module_utils._core import errors
from ansible_collections.vonage.archiving.plugins.module_utils._core.budget import Budget
from ansible_collections.vonage.archiving.plugins.module_utils._core.http_client import Response
from ansible_collections.vonage.archiving.plugins.module_utils._heroku import client as heroku_client
from ansible_collections.vonage.archiving.plugins.module_utils._heroku.client import ApiErrorDetails, Client
from ansible_collections.vonage.archiving.plugins.module_utils._heroku.connection import App
from ansible_collections.vonage.archiving.tests.unit.plugins.module_utils.local_server import (
    LocalServer,
    Reply,
    replies,
    reply,
)

TOKEN = "HRKU-01234567-89ab-cdef-0123-456789abcdef"
SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
QUICK = Budget(timeout=1, retries=2, total=5)


def client(server: LocalServer, name: str = "example") -> Client:
    return Client(App(name, TOKEN, server.url, QUICK), [SECRET])


def test_fetch_sends_documented_headers() -> None:
    with LocalServer(replies(reply(200, {"A": "1", "EMPTY": "", "NULL": None}))) as server:
        assert client(server).fetch() == {"A": "1", "EMPTY": ""}
    (request,) = server.requests
    assert (request.method, request.path, request.body) == ("GET", "/apps/example/config-vars", b"")
    assert request.headers["accept"] == "application/vnd.heroku+json; version=3"
    assert request.headers["authorization"] == f"Bearer {TOKEN}"


def test_update_name_without_value_sends_null() -> None:
    with LocalServer(replies(reply(200, {"A": "1"}))) as server:
        assert client(server).update({"A": "1", "B": None}) == {"A": "1"}
    (request,) = server.requests
    assert (request.method, request.path) == ("PATCH", "/apps/example/config-vars")
    assert json.loads(request.body) == {"A": "1", "B": None}
    assert request.headers["content-type"] == "application/json"


@pytest.mark.parametrize("first", [Reply(fault="reset"), reply(429, Retry_After="0"), reply(503), Reply(fault="hang")])
def test_update_first_attempt_fails_is_repeated(first: Reply) -> None:
    with LocalServer(replies(first, reply(200, {"A": "1"}))) as server:
        client(server).update({"A": "1"})
    assert [request.json() for request in server.requests] == [{"A": "1"}] * 2


def test_update_permanent_rate_limit_stops_after_retries() -> None:
    limited = reply(429, {"id": "rate_limit"}, Retry_After="0")
    with LocalServer(replies(limited)) as server, pytest.raises(errors.UnreachableError) as caught:
        client(server).update({"A": SECRET})
    assert len(server.requests) == 3
    assert caught.value.facts == {"status": 429, "tries": 3}
    assert "the response was HTTP 429 (3 attempts). An account can send about 75 calls a minute" in str(caught.value)


@pytest.mark.parametrize(
    "body", [b"", b"[]", b'"A"', b"null", b"{", b'{"A": 1}', b'{"A": {}}', b"<html>login</html>", b"\xff"]
)
def test_fetch_response_is_not_an_object_of_strings_raises_rejected_error(body: bytes) -> None:
    with LocalServer(replies(Reply(200, body))) as server, pytest.raises(errors.RejectedError) as caught:
        client(server).fetch()
    expected = "a web page" if body.startswith(b"<") else "not an object of strings"
    assert f"Could not read the config vars of example: the response is {expected}. {server.url} is not the" in str(
        caught.value
    )


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
def test_update_error_status_raises_typed_error_without_retry(status: int) -> None:
    body = {"id": "some_id", "message": "Some words.", "url": "https://devcenter.heroku.com/articles/x"}
    refused = reply(status, body, Location="/elsewhere")
    with LocalServer(replies(refused)) as server, pytest.raises(KINDS[status]) as caught:
        client(server).update({"A": "1"})
    assert len(server.requests) == 1
    problem = f"{server.url} responded with HTTP {status} (some_id): Some words. "
    assert str(caught.value).startswith(f"Could not change the config vars of example: {problem}")
    assert str(caught.value).endswith("See https://devcenter.heroku.com/articles/x")
    assert caught.value.facts == {"status": status, "tries": 1, "code": "some_id"}


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"<html>", "responded with HTTP 404."),
        (b"[]", "responded with HTTP 404."),
        (b'{"message": "Missing."}', "responded with HTTP 404: Missing."),
        (b'{"id": "not_found"}', "responded with HTTP 404 (not_found)."),
        (b'{"id": 5, "message": ["x"], "url": null}', "responded with HTTP 404."),
    ],
)
def test_fetch_error_with_missing_fields_shows_the_rest(body: bytes, expected: str) -> None:
    with LocalServer(replies(Reply(404, body))) as server, pytest.raises(errors.NotFoundError) as caught:
        client(server).fetch()
    assert f"{server.url} {expected} Check app, and that" in str(caught.value)


@pytest.mark.parametrize("part", ["id", "message", "url"])
def test_update_error_that_contains_secrets_is_redacted(part: str) -> None:
    body = {part: f"sent: {SECRET}, by {TOKEN}\n, {SECRET[:12]}"}
    with LocalServer(replies(reply(422, body))) as server, pytest.raises(errors.RejectedError) as caught:
        client(server).update({"A": SECRET})
    shown = f"{caught.value} {caught.value.as_result()}"
    assert SECRET[:12] not in shown
    assert TOKEN[:12] not in shown
    assert "********" in shown


def test_fetch_error_with_long_message_is_cut() -> None:
    with (
        LocalServer(replies(reply(422, {"message": "x " * 400}))) as server,
        pytest.raises(errors.RejectedError) as caught,
    ):
        client(server).fetch()
    assert "x  (truncated)" in str(caught.value)
    assert len(str(caught.value)) < 600


def test_parse_error_scope_headers_become_a_sentence() -> None:
    headers = {"oauth-scope": "read", "oauth-scope-accepted": "global write-protected"}
    details = heroku_client.parse_error(Response(403, headers, b'{"id": "forbidden"}'), [])
    sentence = "The scope of this token is read; the call accepts global write-protected."
    assert details == ApiErrorDetails("forbidden", scope=sentence)
    assert heroku_client.parse_error(Response(403, {"oauth-scope": "read"}, b""), []) == ApiErrorDetails()
    app = App("example", TOKEN)
    assert sentence in str(heroku_client.translate_error(app, "test", Response(403, headers, b""), details))
    assert sentence not in str(heroku_client.translate_error(app, "test", Response(404, headers, b""), details))


def test_client_repr_does_not_contain_the_token() -> None:
    assert TOKEN not in repr(Client(App("example", TOKEN)))
