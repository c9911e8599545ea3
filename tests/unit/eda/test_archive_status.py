# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The event source: options, callbacks, duplicates, authentication, and the HTTP server."""

from __future__ import annotations

import asyncio
import base64
import dataclasses
import gzip
import hashlib
import json
import logging
import re
import runpy
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import jwt
import pytest
import yaml
from aiohttp import ClientSession
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.vonage.archiving.extensions.eda.plugins.event_source import archive_status as source
from ansible_collections.vonage.archiving.plugins.module_utils._archives import archives

NOW = 1_790_000_000.0
SECRET = "a-secret-of-the-callback-URL"
SIGNATURE = "the signature secret, which is long enough for HS256"
PATH = "/vonage/archive-status"
SCHEMA = Path(source.__file__).with_name("schemas") / "archive_status.json"
GUIDE = Path(__file__).resolve().parents[3] / "docs/docsite/rst/guide_events.rst"
FIELDS: dict[str, Any] = {
    "id": "ab0baa3d-2539-43a6-be42-b41ff1488af3",
    "event": "archive",
    "createdAt": 1_789_999_000_000,
    "duration": 12,
    "name": "lesson",
    "partnerId": 47123456,
    "reason": "user initiated",
    "resolution": "640x480",
    "sessionId": "1_MX40NzEyMzQ1Nn5-",
    "size": 4711,
    "status": "available",
    "streamMode": "auto",
    "streams": [],
    "url": "https://example.com/archive.mp4?Signature=whoever-has-this-has-the-recording",
    "password": "of an encrypted archive",
}


def payload(**changes: Any) -> bytes:
    return json.dumps({**FIELDS, **changes}).encode()


def create_handler(**args: Any) -> source.CallbackHandler:
    params = source.parse_params({"port": 5000, **args})
    # Port 0 listens on any free port.
    return source.CallbackHandler(dataclasses.replace(params, port=0), lambda: NOW)


def bearer(content: bytes, secret: str = SIGNATURE, algorithm: str = "HS256", **claims: Any) -> str:
    defaults = {"iss": "Vonage", "iat": int(NOW), "jti": "1", "payload_hash": hashlib.sha256(content).hexdigest()}
    present = {name: value for name, value in {**defaults, **claims}.items() if value is not None}
    return "Bearer " + jwt.encode(present, secret, algorithm=algorithm)


def send(
    handler: source.CallbackHandler, content: bytes, authorization: str = "", path: str = PATH, **request: str
) -> bool:
    """Handle a request without the HTTP server."""
    claims = handler.authenticate(
        request.get("method", "POST"), path, request.get("content_type", "application/json"), authorization
    )
    return handler.accept(claims, content)


def error_status(
    handler: source.CallbackHandler, content: bytes, authorization: str = "", path: str = PATH, **request: str
) -> int:
    with pytest.raises(source.HttpError) as caught:
        send(handler, content, authorization, path, **request)
    assert handler.events.empty()
    return int(caught.value.status)


# --- Options ---


@pytest.mark.parametrize(
    ("args", "message"),
    [
        ({}, "port: this option is required"),
        ({"port": 0}, "port: must be an integer from 1 to 65535, got 0"),
        ({"port": True}, "port: must be an integer from 1 to 65535, got True"),
        ({"port": 70000}, "port: must be an integer from 1 to 65535, got 70000"),
        ({"port": 1, "path": "archives"}, "path: must be an absolute path"),
        ({"port": 1, "path": "/"}, "path: must be an absolute path"),
        ({"port": 1, "secret": "hunter2"}, "secret: at least 16 characters are required"),
        (
            {"port": 1, "secret": "a/b/c/d/e/f/g/h/i/j/k"},
            "only letters, digits, dots, hyphens, underscores, and tildes are allowed",
        ),
        (
            {"port": 1, "secret": 1234567890123456},
            "secret: must be a string. Use a value that does not look like a number",
        ),
        ({"port": 1, "signature_secret": 12}, "signature_secret: must be a string"),
        ({"port": 1, "signature_secret": "Q"}, "signature_secret: at least 16 characters are required"),
        ({"port": 1, "signature_secret": "fifteen of these"[:15]}, "at least 16 characters"),
        ({"port": 1, "signature_secret": " " * 20}, "at least 16 characters"),
        ({"port": 1, "signature_secret": "short" + " " * 20}, "at least 16 characters"),
        ({"port": 1, "host": "0.0.0.0", "signature_secret": " \t "}, "anyone could send events"),
        ({"port": 1, "secret": " " * 20}, "only letters, digits, dots, hyphens, underscores, and tildes are allowed"),
        ({"port": 1, "host": "0.0.0.0", "secret": " " * 20}, "anyone could send events"),
        ({"port": 1, "max_connections": 0}, "max_connections: must be an integer from 1 to 999999999, got 0"),
        ({"port": 1, "header_timeout": 0.5}, "header_timeout: must be an integer from 1 to 999999999, got 0.5"),
        ({"port": 1, "body_timeout": "forever"}, "body_timeout: must be an integer from 1 to 999999999, got 'forever'"),
        ({"port": 1, "max_queued_events": -1}, "max_queued_events: must be an integer from 1 to 999999999, got -1"),
        ({"port": 1, "keyfile": "k.pem"}, "keyfile: requires certfile"),
        ({"port": 1, "api_key": "abc"}, "api_key: requires signature_secret"),
        ({"port": 1, "projects": ["4711", "a b"]}, "projects: each ID must have 1 to 64 letters, digits, or hyphens"),
        ({"port": 1, "require_payload_hash": "maybe"}, "require_payload_hash: must be true or false, got 'maybe'"),
        ({"port": 1, "max_age": "soon"}, "max_age: must be an integer from 1 to 999999999, got 'soon'"),
        ({"port": 1, "tokens": "x"}, "tokens: unknown option"),
        (
            {"port": 1, "host": "0.0.0.0"},
            "host: 0.0.0.0 is not a loopback address, and without a secret, anyone could send events",
        ),
        ({"port": 1, "host": "events.example.com"}, "anyone could send events"),
    ],
)
def test_parse_params_invalid_option_raises_message_without_secrets(args: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message) as caught:
        source.parse_params(args)
    assert not any(str(value) in str(caught.value) for name, value in args.items() if "secret" in name)


def test_parse_params_strings_from_variables_are_converted() -> None:
    params = source.parse_params(
        {
            "port": "5000",
            "host": "::1",
            "secret": "",
            "signature_secret": None,
            "projects": "47123456, 47123457,",
            "require_payload_hash": "no",
            "eda_feedback_queue": object(),
        }
    )
    assert params == source.SourceParams(
        5000, "::1", projects=frozenset({"47123456", "47123457"}), require_payload_hash=False
    )
    assert source.parse_params({"port": 1, "projects": [47123456]}).projects == {"47123456"}
    text = repr(source.parse_params({"port": 1, "host": "0.0.0.0", "secret": SECRET, "signature_secret": SIGNATURE}))
    assert SECRET not in text
    assert SIGNATURE not in text


def test_options_in_documentation_schema_and_params_are_equal() -> None:
    options = yaml.safe_load(source.DOCUMENTATION)["options"]
    schema = json.loads(SCHEMA.read_text())
    types = {"str": "string", "int": "integer", "bool": "boolean", "list": "array"}
    assert set(options) == set(schema["properties"]) == set(source.SourceParams.__dataclass_fields__)
    assert [name for name, option in options.items() if option.get("required")] == schema["required"] == ["port"]
    defaults = vars(source.parse_params({"port": 1}))
    for name, option in options.items():
        assert types[option["type"]] == schema["properties"][name]["type"], name
        default = option.get("default", "")
        if name != "port":
            assert schema["properties"][name]["default"] == default, name
            assert (sorted(defaults[name]) if name == "projects" else defaults[name]) == default, name


def test_guide_lists_options_with_defaults() -> None:
    rows = re.findall(r"^``(\w+)`` +(none|all|``\S+``) +\w", GUIDE.read_text(), re.MULTILINE)
    special = {"port": "none", "projects": "all", "require_payload_hash": "``true``"}
    options = yaml.safe_load(source.DOCUMENTATION)["options"]
    defaults = {name: f"``{option['default']}``" if "default" in option else "none" for name, option in options.items()}
    assert dict(rows) == {**defaults, **special}


def test_examples_options_are_valid() -> None:
    for ruleset in yaml.safe_load(source.EXAMPLES):
        (args,) = [entry["vonage.archiving.archive_status"] for entry in ruleset["sources"]]
        source.parse_params({n: SECRET if "secret" in n else v for n, v in args.items()})


def test_statuses_and_outcomes_match_modules() -> None:
    assert source.STATUSES == archives.STATUSES
    fell_back = {status for status, outcome in source.OUTCOMES.items() if outcome == "fell_back"}
    assert fell_back == archives.IN_CLOUD
    for status in archives.STATUSES:
        archive = archives.Archive(id="1", status=status, created=NOW)
        category = archives.category(archive, NOW, NOW - 1, 3600)
        outcome = source.OUTCOMES.get(status, "other")
        assert outcome == (category if category in set(source.OUTCOMES.values()) else "other"), status


def test_main_run_by_path_is_coroutine_function() -> None:
    assert asyncio.iscoroutinefunction(runpy.run_path(source.__file__)["main"])


# --- Callbacks ---


def test_parse_callback_returns_event() -> None:
    callback = source.parse_callback(payload())
    meta = callback.event.pop("meta")
    assert callback.event == {
        "archive": {
            "id": "ab0baa3d-2539-43a6-be42-b41ff1488af3",
            "project": "47123456",
            "status": "available",
            "reason": "user initiated",
            "name": "lesson",
            "session_id": "1_MX40NzEyMzQ1Nn5-",
            "created_at": "2026-09-21T13:56:40Z",
            "duration": 12,
            "size": 4711,
        },
        "outcome": "fell_back",
    }
    assert source.parse_callback(payload(name="another")).event["meta"] == meta
    assert source.parse_callback(payload(status="expired")).event["meta"] != meta


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"createdAt": ' + b"9" * 5000 + b"}",
    ],
)
def test_handler_body_not_json_rejects_with_400(content: bytes) -> None:
    assert error_status(create_handler(), content) == 400


@pytest.mark.parametrize(
    "changes",
    [
        {"event": "stream"},
        {"event": None},
        {"status": "exploded"},
        {"status": "AVAILABLE"},
        {"status": ["available"]},
        {"id": None},
        {"id": "../../etc"},
        {"id": True},
        {"id": "x" * 65},
        {"partnerId": None},
        {"partnerId": "{{ 1 }}"},
        {"partnerId": 47123456, "projectId": 47123457},
        {"createdAt": 0},
        {"createdAt": -5},
        {"createdAt": True},
        {"createdAt": "1789999000000"},
        {"createdAt": 1e300},
        {"createdAt": float("nan")},
    ],
)
def test_handler_invalid_field_rejects_with_422(changes: dict[str, Any]) -> None:
    assert error_status(create_handler(), payload(**changes)) == 422


@pytest.mark.parametrize("content", [b"[]", b"null", b'"archive"', b"7"])
def test_handler_json_not_object_rejects_with_422(content: bytes) -> None:
    assert error_status(create_handler(), content) == 422


def test_parse_callback_application_id_is_project() -> None:
    identity = "78d335fa-323d-0114-9c3d-d6f0d48968cf"
    assert source.parse_callback(payload(partnerId=None, applicationId=identity)).project == identity
    assert source.parse_callback(payload(partnerId=identity, applicationId=identity)).project == identity


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from(source.STATUSES),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(st.fixed_dictionaries({}, optional=dict.fromkeys((*FIELDS, *source.PROJECT_FIELDS, "updatedAt"), JSON_VALUES)))
def test_parse_callback_any_field_values_are_harmless_or_rejected(changes: dict[str, Any]) -> None:
    try:
        event = source.parse_callback(payload(**changes)).event
    except source.HttpError as error:
        assert 400 <= error.status < 500  # noqa: PT017 - a rejection is a valid result
        return
    assert_harmless(event)


def assert_harmless(event: dict[str, Any]) -> None:
    texts = [str(value) for value in event["archive"].values()]
    assert not any(brace in text for text in texts for brace in "{}")
    assert all(text.isprintable() and len(text) <= source.MAX_TEXT_LENGTH for text in texts)
    assert event["outcome"] in {"uploaded", "fell_back", "failed", "other"}
    assert not {"url", "password"} & set(event["archive"])
    assert yaml.safe_load(yaml.safe_dump(event)) == event


@given(st.binary(max_size=200))
def test_parse_callback_any_bytes_are_rejected(content: bytes) -> None:
    with pytest.raises(source.HttpError):
        source.parse_callback(content)


@given(st.text())
def test_verify_token_any_text_is_rejected(text: str) -> None:
    params = source.parse_params({"port": 1, "signature_secret": SIGNATURE})
    for authorization in (text, f"Bearer {text}", f"Bearer {text}.{text}.{text}"):
        with pytest.raises(source.HttpError):
            source.verify_token(params, authorization, NOW)


def test_parse_callback_text_with_template_is_sanitized() -> None:
    event = source.parse_callback(
        payload(name="{{ lookup('pipe', 'id') }}", reason="{% raw %}\n\x1b[31m" + "x" * 500)
    ).event
    assert event["archive"]["name"] == " lookup('pipe', 'id') "
    assert event["archive"]["reason"].startswith("% raw %[31mxxx")
    assert_harmless(event)


# --- Duplicates ---


def test_handler_duplicate_creates_no_event_and_change_creates_one() -> None:
    handler = create_handler()
    assert send(handler, payload())
    assert not send(handler, payload())
    assert not send(handler, payload(name="another", size=0))
    assert send(handler, payload(status="expired"))
    assert send(handler, payload(id="another"))
    assert send(handler, payload(partnerId=47123457))
    assert handler.events.qsize() == 4


def test_handler_full_dedup_cache_drops_oldest_callback() -> None:
    handler = create_handler(dedup_cache_size=2)
    assert [send(handler, payload(id=archive_id)) for archive_id in "aabcca"] == [True, False, True, True, False, True]


def test_handler_full_queue_rejects_with_503_and_accepts_retry() -> None:
    handler = create_handler(max_queued_events=3)
    for number in range(3):
        send(handler, payload(id=f"n{number}"))
    with pytest.raises(source.HttpError) as caught:
        send(handler, payload())
    assert caught.value.status == 503
    handler.events.get_nowait()
    assert send(handler, payload())


def test_handler_other_project_rejects_with_403() -> None:
    handler = create_handler(projects=["47123457"])
    assert error_status(handler, payload()) == 403
    assert send(handler, payload(partnerId=47123457))


# --- Authentication ---


def test_handler_secret_in_path_or_password_is_accepted() -> None:
    basic = base64.b64encode(f"vonage:{SECRET}".encode()).decode()
    handler = create_handler(secret=SECRET, host="0.0.0.0")
    assert send(handler, payload(id="1"), path=f"{PATH}/{SECRET}")
    assert send(handler, payload(id="2"), f"Basic {basic}")
    handler = create_handler(secret=SECRET, host="0.0.0.0")
    for path in (
        PATH,
        f"{PATH}/",
        f"{PATH}/{SECRET}/",
        f"{PATH}/{SECRET[:-1]}",
        f"{PATH}/é",
        f"{PATH}/{SECRET.upper()}",
    ):
        assert error_status(handler, payload(), path=path) == 401, path
    for authorization in ("Basic", "Basic !", "Basic eDp5", f"Bearer {SECRET}", f"Basic {SECRET}"):
        assert error_status(handler, payload(), authorization) == 401, authorization


def test_handler_other_path_method_or_content_type_is_rejected() -> None:
    handler = create_handler()
    for path in ("/", f"{PATH}x", f"{PATH}/x", PATH.upper()):
        assert error_status(handler, payload(), path=path) == 404, path
    assert error_status(handler, payload(), method="GET") == 405
    assert error_status(handler, payload(), content_type="text/plain") == 415
    # Without the secret, a response does not reveal which methods are allowed.
    assert error_status(create_handler(secret=SECRET), payload(), method="GET") == 401


def test_handler_valid_token_is_accepted() -> None:
    handler = create_handler(signature_secret=SIGNATURE, host="0.0.0.0", api_key="abcd1234")
    assert send(handler, payload(id="1"), bearer(payload(id="1"), api_key="abcd1234"))
    oldest = bearer(payload(id="2"), api_key="abcd1234", iat=NOW - 300, exp=NOW - 30, nbf=NOW + 30)
    assert send(handler, payload(id="2"), oldest)


@pytest.mark.parametrize(
    ("claims", "encoding"),
    [
        ({}, {"secret": "another secret, long enough as well"}),
        ({}, {"algorithm": "HS384"}),
        ({"iat": None}, {}),
        ({"iat": "now"}, {}),
        ({"iat": True}, {}),
        ({"iat": NOW - 301}, {}),
        ({"iat": NOW + 61}, {}),
        ({"exp": NOW - 60}, {}),
        ({"exp": "never"}, {}),
        ({"nbf": NOW + 61}, {}),
        ({"payload_hash": None}, {}),
        ({"payload_hash": hashlib.sha256(b"{}").hexdigest()}, {}),
        ({"payload_hash": 7}, {}),
        ({"payload_hash": "\ud800"}, {}),
        ({"payload_hash": ["\udfff"]}, {}),
        ({"api_key": "\ud800"}, {}),
        ({"api_key": "another"}, {}),
        ({"api_key": None}, {}),
    ],
)
def test_handler_invalid_token_rejects_with_401(claims: dict[str, Any], encoding: dict[str, str]) -> None:
    handler = create_handler(signature_secret=SIGNATURE, api_key="abcd1234")
    assert error_status(handler, payload(), bearer(payload(), **{"api_key": "abcd1234", **claims}, **encoding)) == 401


def json_segment(value: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


def test_handler_unsigned_or_malformed_token_rejects_with_401() -> None:
    handler = create_handler(signature_secret=SIGNATURE)
    claims = json_segment({"iat": NOW, "payload_hash": hashlib.sha256(payload()).hexdigest()})
    header_and_claims = f"{json_segment({'alg': 'none'})}.{claims}"
    for encoded in (
        f"{header_and_claims}.",
        f"{header_and_claims}.e30",
        claims,
        "..",
        f"{claims}.{claims}.{claims}",
        f"W10.{claims}.e30",
    ):
        assert error_status(handler, payload(), f"Bearer {encoded}") == 401
    assert error_status(handler, payload()) == 401
    critical = jwt.encode({"iat": NOW}, SIGNATURE, algorithm="HS256", headers={"crit": ["b64"], "b64": False})
    assert error_status(handler, payload(), f"Bearer {critical}") == 401


def test_handler_token_without_payload_hash_is_accepted_if_not_required() -> None:
    def create() -> source.CallbackHandler:
        return create_handler(signature_secret=SIGNATURE, require_payload_hash=False)

    assert send(create(), payload(), bearer(payload(), payload_hash=None))
    assert error_status(create(), payload(), bearer(b"{}")) == 401


def test_handler_secret_and_signature_secret_requires_both() -> None:
    handler = create_handler(secret=SECRET, signature_secret=SIGNATURE)
    assert error_status(handler, payload(), bearer(payload())) == 401
    assert error_status(handler, payload(), path=f"{PATH}/{SECRET}") == 401
    assert send(handler, payload(), bearer(payload()), path=f"{PATH}/{SECRET}")


# --- Server ---

Post = Callable[..., Awaitable[tuple[int, str]]]


def run_server(handler: source.CallbackHandler, talk: Callable[[Post], Awaitable[None]]) -> None:
    """Run a client against the HTTP server."""

    async def run() -> None:
        async with source.open_listener(handler) as listener, ClientSession() as client:
            base = "http://{}:{}".format(*listener.sockets[0].getsockname())

            async def post(content: Any, path: str = PATH, method: str = "POST", **headers: str) -> tuple[int, str]:
                headers = {"Content-Type": "application/json", **headers}
                async with client.request(method, base + path, data=content, headers=headers) as response:
                    return response.status, response.headers.get("Allow", "") or await response.text()

            await talk(post)

    asyncio.run(run())


def test_server_responses_and_log_without_secrets(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    handler = create_handler(secret=SECRET, max_body=2000)
    url = f"{PATH}/{SECRET}"

    async def talk(post: Post) -> None:
        assert [await post(payload(), url) for _time in range(2)] == [(200, "accepted\n"), (200, "duplicate\n")]
        assert await post(payload(name="x" * 3000), url) == (413, "the body is too large\n")
        assert (await post(gzip.compress(payload(id="packed")), url, **{"Content-Encoding": "gzip"}))[0] == 400
        assert (await post(b"no gzip", url, **{"Content-Encoding": "gzip"}))[0] == 400
        assert (await post(b"{", url))[0] == 400
        assert (await post(payload(status="exploded"), url))[0] == 422
        assert (await post(payload(), f"{url}x"))[0] == 401
        assert (await post(payload(), f"/elsewhere/{SECRET}"))[0] == 404
        assert (await post(payload(), url, **{"Content-Type": ";;"}))[0] == 415
        assert await post(None, url, "GET") == (405, "POST")
        assert (await post(None, url, "PUT"))[0] == 405
        assert (await post(payload(id="more"), url))[0] == 200

    run_server(handler, talk)
    assert handler.events.qsize() == 2
    assert "Rejected a request from 127.0.0.1: the secret is wrong or missing" in caplog.text
    for text in (SECRET, "Signature=", "exploded", "lesson", "Traceback"):
        assert text not in caplog.text


def test_server_malformed_http_is_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)

    async def run() -> bytes:
        async with source.open_listener(create_handler(secret=SECRET)) as listener:
            reader, writer = await asyncio.open_connection(*listener.sockets[0].getsockname())
            writer.write(f"POST {PATH}/{SECRET} HTTP/9\r\nno header\r\n\r\n".encode())
            response = await reader.readline()
            writer.close()
        return response

    assert b" 400 " in asyncio.run(run())
    assert SECRET not in caplog.text


def test_server_incomplete_body_responds_with_408() -> None:
    async def slow_content() -> Any:
        yield b"{"
        await asyncio.sleep(2)
        yield b"}"

    async def talk(post: Post) -> None:
        assert (await post(slow_content()))[0] == 408

    run_server(create_handler(body_timeout=1), talk)


def test_main_queue_for_one_event_delivers_events_in_order() -> None:
    """The queue of ansible-rulebook has room for one event, and is full while the rules are busy."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]

    async def run() -> list[str]:
        queue: asyncio.Queue[Any] = asyncio.Queue(1)
        task = asyncio.create_task(source.main(queue, {"port": port, "path": "/hook"}))
        async with ClientSession() as client:
            for archive_id in "abc":
                response = post_when_listening(client, f"http://127.0.0.1:{port}/hook", payload(id=archive_id))
                assert await asyncio.wait_for(response, 5) == 200
        ids = [(await asyncio.wait_for(queue.get(), 5))["archive"]["id"] for _event in range(3)]
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        return ids

    assert asyncio.run(run()) == ["a", "b", "c"]


async def post_when_listening(client: ClientSession, url: str, content: bytes) -> int:
    while True:
        try:
            async with client.post(url, data=content, headers={"Content-Type": "application/json"}) as response:
                return response.status
        except OSError:
            await asyncio.sleep(0.02)
