# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import email.utils
import time
import typing as t

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.vonage.archiving.plugins.module_utils._core import errors
from ansible_collections.vonage.archiving.plugins.module_utils._core.budget import Budget
from ansible_collections.vonage.archiving.plugins.module_utils._core.http_client import Response
from ansible_collections.vonage.archiving.plugins.module_utils._vonage import client as api
from ansible_collections.vonage.archiving.plugins.module_utils._vonage.client import CallResult, Client
from ansible_collections.vonage.archiving.plugins.module_utils._vonage.project import Project
from ansible_collections.vonage.archiving.tests.unit.plugins.module_utils._vonage import keys
from ansible_collections.vonage.archiving.tests.unit.plugins.module_utils.local_server import (
    LocalServer,
    Reply,
    replies,
    reply,
)

API_SECRET = "0123456789abcdef0123456789abcdef01234567"
SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
BODY = {"type": "s3", "config": {"bucket": "b-1", "secretKey": SECRET}, "fallback": "none"}
QUICK = Budget(timeout=1, retries=2, total=5)


def client(server: LocalServer, unified: bool = False) -> Client:
    if unified:
        pem = keys.private_pem(keys.rsa_key())
        return Client(Project(keys.APPLICATION, pem, True, server.url, QUICK), [SECRET])
    return Client(Project("45828062", API_SECRET, False, server.url, QUICK), [SECRET])


def test_put_storage_sends_the_target_with_a_token() -> None:
    with LocalServer(replies(reply(200, BODY))) as server:
        assert client(server).put_storage(BODY) == CallResult(1)
    (request,) = server.requests
    assert (request.method, request.path, request.json()) == ("PUT", "/v2/project/45828062/archive/storage", BODY)
    assert request.headers["content-type"] == "application/json"
    claims = jwt.decode(request.headers["x-opentok-auth"], API_SECRET, algorithms=["HS256"])
    assert claims["iss"] == "45828062"
    assert "authorization" not in request.headers


def test_put_storage_creates_a_token_for_each_attempt() -> None:
    with LocalServer(replies(reply(429, Retry_After="0"), reply(502), reply(204))) as server:
        assert client(server).put_storage(BODY) == CallResult(3)
    assert len({request.headers["x-opentok-auth"] for request in server.requests}) == 3


def test_put_storage_unified_sends_a_bearer_token() -> None:
    with LocalServer(replies(reply(200, BODY))) as server:
        client(server, unified=True).put_storage(BODY)
    (request,) = server.requests
    assert request.path == f"/v2/project/{keys.APPLICATION}/archive/storage"
    scheme, _unused, signed = request.headers["authorization"].partition(" ")
    claims = jwt.decode(signed, keys.public_pem(keys.rsa_key()), algorithms=["RS256"])
    assert (scheme, claims["application_id"]) == ("Bearer", keys.APPLICATION)
    assert "x-opentok-auth" not in request.headers


@pytest.mark.parametrize("status", [200, 204])
def test_delete_storage_deletes_the_target(status: int) -> None:
    with LocalServer(replies(reply(status))) as server:
        assert client(server).delete_storage() == CallResult(1, existed=True)
    assert (server.requests[0].method, server.requests[0].body) == ("DELETE", b"")


# The form of an error in public code (opentok-node issue 226), which includes the schema of the unified API.
NO_TARGET = {"code": 404, "message": "Not found", "description": "There is no upload target"}


@pytest.mark.parametrize("unified", [False, True], ids=["OpenTok", "unified"])
@pytest.mark.parametrize(
    "document", [NO_TARGET, {"code": -1, "message": "Not found"}, {**NO_TARGET, "description": None}]
)
def test_delete_storage_api_error_404_means_that_there_is_no_target(unified: bool, document: t.Any) -> None:
    with LocalServer(replies(reply(404, document))) as server:
        assert client(server, unified).delete_storage() == CallResult(1, existed=False)


def test_delete_storage_api_error_404_after_a_lost_response_may_have_deleted_the_target() -> None:
    with LocalServer(replies(Reply(fault="reset"), reply(404, NO_TARGET))) as server:
        assert client(server).delete_storage() == CallResult(2, existed=True)


@pytest.mark.parametrize("unified", [False, True], ids=["OpenTok", "unified"])
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html><head><title>404 Not Found</title></head><body><center>nginx</center></body></html>",
        b"Not Found",
        b"[]",
        b'"Not Found"',
        b"{}",
        # API gateways: AWS, Kong and Azure; Google; Kubernetes; Spring; RFC 9457, which other APIs of Vonage use.
        b'{"message": "no Route matched with those values"}',
        b'{"statusCode": 404, "message": "Resource not found"}',
        b'{"error": {"code": 404, "message": "Not found"}}',
        b'{"kind": "Status", "code": 404, "status": "Failure", "message": "not found"}',
        b'{"timestamp": "2026-01-01", "status": 404, "error": "Not Found", "message": "", "path": "/"}',
        b'{"type": "https://developer.vonage.com/api-errors", "title": "Not Found", "detail": "", "instance": "1"}',
        b'{"code": "404", "message": "Not found"}',
        b'{"code": true, "message": "Not found"}',
        b'{"code": 404, "message": {"text": "Not found"}}',
        b'{"code": 404, "message": "Not found", "description": ["a"]}',
    ],
)
def test_delete_storage_any_other_404_leaves_open_whether_there_is_a_target(unified: bool, body: bytes) -> None:
    with LocalServer(replies(Reply(404, body))) as server, pytest.raises(errors.UnreachableError) as caught:
        client(server, unified).delete_storage()
    assert "HTTP 404" in caught.value.problem
    assert "not an error of the Vonage API" in caught.value.problem
    assert "The upload target may still be set" in caught.value.hint
    assert caught.value.facts == {"status": 404, "tries": 1}
    assert not errors.is_definite_refusal(caught.value)


@pytest.mark.parametrize("status", [201, 202, 302, 307, 401, 402, 403, 405, 409, 501, 505])
def test_storage_requests_other_status_is_an_error(status: int) -> None:
    with LocalServer(replies(reply(status, {}))) as server:
        calls: list[t.Callable[[], CallResult]] = [
            lambda: client(server).put_storage(BODY),
            client(server).delete_storage,
        ]
        for call in calls:
            with pytest.raises(errors.ArchivingError, match=f"HTTP {status}") as caught:
                call()
            assert caught.value.facts["status"] == status
            assert caught.value.facts["tries"] == 1


def test_put_storage_other_bucket_in_the_response_is_an_error_without_secret() -> None:
    echo = {**BODY, "config": {"bucket": "somebody-elses", "secretKey": SECRET}}
    with LocalServer(replies(reply(200, echo))) as server, pytest.raises(errors.RejectedError) as caught:
        client(server).put_storage(BODY)
    assert "according to the API, it saved another bucket than 'b-1'" in str(caught.value)
    assert SECRET not in str(caught.value)
    assert "somebody" not in str(caught.value)


def test_storage_requests_web_page_is_an_error() -> None:
    with LocalServer(replies(Reply(200, b"\n<html>Log in"))) as server:
        calls: list[t.Callable[[], CallResult]] = [
            lambda: client(server).put_storage(BODY),
            client(server).delete_storage,
        ]
        for call in calls:
            with pytest.raises(errors.RejectedError, match="the response is a web page"):
                call()


@pytest.mark.parametrize("body", [b"", b"{}", b"[]", b"fine", b'{"config": 7}', b'{"config": {"bucket": "b-1"}}'])
def test_put_storage_ignores_other_bodies(body: bytes) -> None:
    with LocalServer(replies(Reply(200, body))) as server:
        assert client(server).put_storage(BODY) == CallResult(1)


def test_put_storage_error_quotes_the_api_without_secrets_and_tokens() -> None:
    def respond(request: t.Any, before: int) -> Reply:
        token = request.headers["x-opentok-auth"]
        text = f"no {request.json()['config']['secretKey']} with {token}\x1b[2J of {API_SECRET[:20]} {'x' * 400}"
        return reply(400, {"code": -1, "message": text, "description": SECRET})

    with LocalServer(respond) as server, pytest.raises(errors.RejectedError) as caught:
        client(server).put_storage(BODY)
    text = str(caught.value) + str(caught.value.as_result())
    assert "HTTP 400: code -1, no ******** with ******** [2J of ******** xxx" in text
    assert "xxx (truncated). " in text
    for hidden in (SECRET, API_SECRET[:8], server.requests[0].headers["x-opentok-auth"].split(".")[1], "\x1b"):
        assert hidden not in text


@pytest.mark.parametrize(
    ("status", "kind", "message"),
    [
        (400, errors.RejectedError, "The API rejected the upload target"),
        (401, errors.DeniedError, "Possible causes: api_secret does not belong to api_key 45828062"),
        (403, errors.DeniedError, "; api_key 45828062 is not in the OpenTok environment"),
        (404, errors.NotFoundError, "Check that api_url is correct"),
        (302, errors.RejectedError, "Redirects are not followed. Correct api_url."),
        (201, errors.RejectedError, "This response is not documented. The current upload target is unknown."),
        (418, errors.RejectedError, "responded with HTTP 418."),
        (501, errors.UnreachableError, "run it again later"),
    ],
)
def test_response_error_states_possible_causes(status: int, kind: type[errors.ArchivingError], message: str) -> None:
    project = Project("45828062", API_SECRET)
    error = api.response_error(project, "set it", Response(status, {}, b""), "", None)
    assert error.__class__ is kind
    assert str(error).startswith(f"Could not set it: https://api.opentok.com responded with HTTP {status}.")
    assert message in str(error)


@pytest.mark.parametrize("status", [401, 403, 404])
def test_response_error_unified_states_that_it_is_experimental(status: int) -> None:
    project = Project(keys.APPLICATION, "pem", True, "https://video.api.vonage.com")
    error = api.response_error(project, "set it", Response(status, {}, b""), "", None)
    assert isinstance(error, errors.DeniedError)
    assert "is experimental" in str(error)
    assert "create a storage credential in the dashboard" in str(error)
    assert "private_key does not belong to application_id" in str(error)


@pytest.mark.parametrize(
    ("skew", "message"),
    [
        (None, "; the clock of this machine is wrong (tokens are valid for three minutes)."),
        (0.4, "The clock of this machine is correct."),
        (-60.0, "The clock of this machine is correct."),
        (300.2, "Likely cause: the clock of this machine is 300 s ahead of the clock of the API. Set it by NTP."),
        (-4000.0, "Likely cause: the clock of this machine is 4000 s behind the clock of the API. Set it by NTP."),
    ],
)
def test_possible_causes_state_the_clock_skew_in_seconds(skew: float | None, message: str) -> None:
    assert message in api.possible_causes(Project("1", API_SECRET), skew)


@pytest.mark.parametrize(("key", "is_possible"), [("83", True), ("45828062", False)])
def test_possible_causes_of_a_short_key_mention_yaml(key: str, is_possible: bool) -> None:
    message = "api_key has no quotes in YAML, where an unquoted 0123 is 83"
    assert (message in api.possible_causes(Project(key, API_SECRET), 0)) is is_possible


def test_error_clock_skew_is_relative_to_the_response() -> None:
    date = email.utils.formatdate(time.time() - 1000, usegmt=True)
    response = Response(403, {"date": date}, b"")
    error = Client(Project("1", API_SECRET))._error(response, "set it")
    assert error.facts["clock_skew"] == pytest.approx(1000, abs=2)
    assert "s ahead of the clock of the API" in str(error)


def test_put_storage_denied_states_that_the_clock_is_correct() -> None:
    refusal = reply(403, {"code": -1, "message": "Invalid token"})
    with LocalServer(replies(refusal)) as server, pytest.raises(errors.DeniedError) as caught:
        client(server).put_storage(BODY)
    assert "HTTP 403: code -1, Invalid token." in str(caught.value)
    assert "The clock of this machine is correct." in str(caught.value)


@given(st.text(max_size=40), st.floats(0, 4e9))
def test_clock_skew_any_date_is_a_number_or_none(date: str, now: float) -> None:
    assert isinstance(api.clock_skew(date, now), (float, type(None)))


@given(st.binary(max_size=60))
def test_api_message_other_body_is_empty(body: bytes) -> None:
    assert api.api_message(Response(400, {}, body), [SECRET]) == ""


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        ({"code": 403, "message": "Invalid token", "description": "more"}, "code 403, Invalid token"),
        ({"message": "Only this"}, "Only this"),
        ({"code": None, "message": ["x"]}, ""),
        (["x"], ""),
    ],
)
def test_delete_storage_error_contains_code_and_message(document: t.Any, expected: str) -> None:
    with LocalServer(replies(reply(400, document))) as server, pytest.raises(errors.RejectedError) as caught:
        client(server).delete_storage()
    assert f"responded with HTTP 400{f': {expected}' if expected else ''}. " in str(caught.value)


def test_prepare_sends_no_request() -> None:
    with LocalServer(replies(reply())) as server:
        client(server).prepare()
        client(server, unified=True).prepare()
    assert server.requests == []


def test_get_returns_the_document() -> None:
    with LocalServer(replies(reply(429, Retry_After="0"), reply(200, {"count": 0, "items": []}))) as server:
        found = client(server).get("/v2/project/45828062/archive", "list them", offset=0, count=1000)
    assert found == {"count": 0, "items": []}
    assert [request.path for request in server.requests] == ["/v2/project/45828062/archive?offset=0&count=1000"] * 2
    assert {(request.method, request.body) for request in server.requests} == {("GET", b"")}
    assert len({request.headers["x-opentok-auth"] for request in server.requests}) == 2


@pytest.mark.parametrize(
    ("unified", "response", "kind", "detail"),
    [
        (
            False,
            reply(403, {"message": f"no {API_SECRET}"}),
            errors.DeniedError,
            "api_secret does not belong to api_key",
        ),
        (True, reply(401), errors.DeniedError, "private_key does not belong to application_id"),
        (
            True,
            reply(404),
            errors.NotFoundError,
            f"application_id {keys.APPLICATION} belongs to the unified environment",
        ),
        (False, reply(400, {"message": "count"}), errors.RejectedError, "responded with HTTP 400: count"),
        (False, reply(204), errors.RejectedError, "not documented"),
        (False, reply(302), errors.RejectedError, "Correct api_url"),
        (False, reply(501), errors.UnreachableError, "Nothing is lost"),
        (False, Reply(200, b"<html>"), errors.RejectedError, "the response is not JSON"),
    ],
)
def test_get_other_response_is_an_error(
    unified: bool, response: Reply, kind: type[errors.ArchivingError], detail: str
) -> None:
    with LocalServer(replies(response)) as server, pytest.raises(kind, match=r"^Could not list them: ") as caught:
        client(server, unified).get("/v2/project", "list them")
    text = str(caught.value)
    assert detail in text
    assert API_SECRET not in text
    # Hints about the upload target would be wrong here.
    assert "target" not in text
    assert "upload target" not in text
