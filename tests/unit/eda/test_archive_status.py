# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The event source: what it takes, what it refuses, and that nothing makes it stumble or talk."""

from __future__ import annotations

import asyncio
import base64
import dataclasses
import gzip
import hashlib
import json
import logging
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
from ansible_collections.vonage.archiving.plugins.module_utils._vonage import archives

NOW = 1_790_000_000.0
SECRET = "a-secret-of-the-callback-URL"
SIGNATURE = "the signature secret, which is long enough for HS256"
PATH = "/vonage/archive-status"
SCHEMA = Path(source.__file__).with_name("schemas") / "archive_status.json"
BODY: dict[str, Any] = {
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


def body(**changes: Any) -> bytes:
    return json.dumps({**BODY, **changes}).encode()


def desk(**args: Any) -> source.Desk:
    settings = source.settings({"port": 5000, **args})
    # The port is any that is free, if it comes to listening.
    return source.Desk(dataclasses.replace(settings, port=0), lambda: NOW)


def token(content: bytes, secret: str = SIGNATURE, algorithm: str = "HS256", **claims: Any) -> str:
    full = {"iss": "Vonage", "iat": int(NOW), "jti": "1", "payload_hash": hashlib.sha256(content).hexdigest(), **claims}
    made = {name: value for name, value in full.items() if value is not None}
    return "Bearer " + jwt.encode(made, secret, algorithm=algorithm)


def offer(at: source.Desk, content: bytes, authorization: str = "", path: str = PATH, **request: str) -> bool:
    """Do what the HTTP side does."""
    claims = at.admit(request.get("method", "POST"), path, request.get("kind", "application/json"), authorization)
    return at.take(claims, content)


def refusal(at: source.Desk, content: bytes, authorization: str = "", path: str = PATH, **request: str) -> int:
    with pytest.raises(source.RefusedError) as caught:
        offer(at, content, authorization, path, **request)
    assert at.events.empty()
    return int(caught.value.status)


# --- The options ---


@pytest.mark.parametrize(
    ("args", "told"),
    [
        ({}, "port is missing"),
        ({"port": 0}, "port is no whole number above 0"),
        ({"port": True}, "port is no whole number above 0"),
        ({"port": 70000}, "port is not between 1 and 65535"),
        ({"port": 1, "path": "archives"}, "path is no absolute path"),
        ({"port": 1, "path": "/"}, "path is no absolute path"),
        ({"port": 1, "secret": "hunter2"}, "secret is shorter than 16 characters"),
        ({"port": 1, "secret": "a/b/c/d/e/f/g/h/i/j/k"}, "need quoting"),
        ({"port": 1, "secret": 1234567890123456}, "secret is no text: take one that does not look like a number"),
        ({"port": 1, "signature_secret": 12}, "signature_secret is no text"),
        ({"port": 1, "signature_secret": "Q"}, "signature_secret: at least 16 characters are required"),
        ({"port": 1, "signature_secret": "fifteen of these"[:15]}, "at least 16 characters"),
        ({"port": 1, "signature_secret": " " * 20}, "at least 16 characters"),
        ({"port": 1, "signature_secret": "short" + " " * 20}, "at least 16 characters"),
        ({"port": 1, "host": "0.0.0.0", "signature_secret": " \t "}, "anybody could send events"),
        ({"port": 1, "secret": " " * 20}, "need quoting"),
        ({"port": 1, "host": "0.0.0.0", "secret": " " * 20}, "anybody could send events"),
        ({"port": 1, "max_connections": 0}, "max_connections is no whole number above 0"),
        ({"port": 1, "header_timeout": 0.5}, "header_timeout is no whole number above 0"),
        ({"port": 1, "body_timeout": "forever"}, "body_timeout is no whole number above 0"),
        ({"port": 1, "max_queued_events": -1}, "max_queued_events is no whole number above 0"),
        ({"port": 1, "keyfile": "k.pem"}, "keyfile belongs to certfile"),
        ({"port": 1, "api_key": "abc"}, "api_key belongs to signature_secret"),
        ({"port": 1, "projects": ["4711", "a b"]}, "projects has something that is no id"),
        ({"port": 1, "require_payload_hash": "maybe"}, "neither true nor false"),
        ({"port": 1, "max_age": "soon"}, "max_age is no whole number"),
        ({"port": 1, "tokens": "x"}, "tokens is no option"),
        ({"port": 1, "host": "0.0.0.0"}, "anybody could send events: 0.0.0.0 is no loopback address"),
        ({"port": 1, "host": "events.example.com"}, "anybody could send events"),
    ],
)
def test_options_that_cannot_be_right(args: dict[str, Any], told: str) -> None:
    with pytest.raises(ValueError, match=told) as caught:
        source.settings(args)
    assert not any(str(value) in str(caught.value) for name, value in args.items() if "secret" in name)


def test_options_as_variables_give_them() -> None:
    found = source.settings(
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
    assert found == source.Settings(
        5000, "::1", projects=frozenset({"47123456", "47123457"}), require_payload_hash=False
    )
    assert source.settings({"port": 1, "projects": [47123456]}).projects == {"47123456"}
    shown = repr(source.settings({"port": 1, "host": "0.0.0.0", "secret": SECRET, "signature_secret": SIGNATURE}))
    assert SECRET not in shown
    assert SIGNATURE not in shown


def test_documentation_schema_and_defaults_agree() -> None:
    options = yaml.safe_load(source.DOCUMENTATION)["options"]
    schema = json.loads(SCHEMA.read_text())
    types = {"str": "string", "int": "integer", "bool": "boolean", "list": "array"}
    assert set(options) == set(schema["properties"]) == set(source.Settings.__dataclass_fields__)
    assert [name for name, option in options.items() if option.get("required")] == schema["required"] == ["port"]
    defaults = vars(source.settings({"port": 1}))
    for name, option in options.items():
        assert types[option["type"]] == schema["properties"][name]["type"], name
        default = option.get("default", "")
        if name != "port":
            assert schema["properties"][name]["default"] == default, name
            assert (sorted(defaults[name]) if name == "projects" else defaults[name]) == default, name


def test_examples_are_rulebooks_whose_options_are_valid() -> None:
    for ruleset in yaml.safe_load(source.EXAMPLES):
        (args,) = [entry["vonage.archiving.archive_status"] for entry in ruleset["sources"]]
        source.settings({n: SECRET if "secret" in n else v for n, v in args.items()})


def test_statuses_are_those_of_the_modules() -> None:
    assert source.STATUSES == archives.STATUSES
    fell_back = {status for status, outcome in source.OUTCOMES.items() if outcome == "fell_back"}
    assert fell_back == archives.IN_CLOUD
    for status in archives.STATUSES:
        archive = archives.Archive(id="1", status=status, created=NOW)
        judged = archives.category(archive, NOW, NOW - 1, 3600)
        ours = source.OUTCOMES.get(status, "other")
        assert ours == (judged if judged in set(source.OUTCOMES.values()) else "other"), status


def test_ansible_rulebook_can_run_it_by_its_path() -> None:
    assert asyncio.iscoroutinefunction(runpy.run_path(source.__file__)["main"])


# --- What a callback says ---


def test_an_event() -> None:
    callback = source.parse(body())
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
    assert source.parse(body(name="another")).event["meta"] == meta
    assert source.parse(body(status="expired")).event["meta"] != meta


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
def test_no_json(content: bytes) -> None:
    assert refusal(desk(), content) == 400


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
def test_no_archive_status(changes: dict[str, Any]) -> None:
    assert refusal(desk(), body(**changes)) == 422


@pytest.mark.parametrize("content", [b"[]", b"null", b'"archive"', b"7"])
def test_json_of_another_kind(content: bytes) -> None:
    assert refusal(desk(), content) == 422


def test_an_application_of_the_unified_environment() -> None:
    identity = "78d335fa-323d-0114-9c3d-d6f0d48968cf"
    assert source.parse(body(partnerId=None, applicationId=identity)).project == identity
    assert source.parse(body(partnerId=identity, applicationId=identity)).project == identity


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from(source.STATUSES),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(st.fixed_dictionaries({}, optional=dict.fromkeys((*BODY, *source.PROJECT_FIELDS, "updatedAt"), ANYTHING)))
def test_whatever_a_field_holds_it_is_an_event_or_refused(changes: dict[str, Any]) -> None:
    try:
        event = source.parse(body(**changes)).event
    except source.RefusedError as error:
        assert 400 <= error.status < 500  # noqa: PT017 - refused is one of the two things that may happen
        return
    _is_harmless(event)


def _is_harmless(event: dict[str, Any]) -> None:
    texts = [str(value) for value in event["archive"].values()]
    assert not any(brace in text for text in texts for brace in "{}")
    assert all(text.isprintable() and len(text) <= source.LONGEST_TEXT for text in texts)
    assert event["outcome"] in {"uploaded", "fell_back", "failed", "other"}
    assert not {"url", "password"} & set(event["archive"])
    assert yaml.safe_load(yaml.safe_dump(event)) == event


@given(st.binary(max_size=200))
def test_any_bytes_are_refused(content: bytes) -> None:
    with pytest.raises(source.RefusedError):
        source.parse(content)


@given(st.text())
def test_any_text_in_place_of_a_token_is_refused(text: str) -> None:
    wanted = source.settings({"port": 1, "signature_secret": SIGNATURE})
    for authorization in (text, f"Bearer {text}", f"Bearer {text}.{text}.{text}"):
        with pytest.raises(source.RefusedError):
            source.check_token(wanted, authorization, NOW)


def test_what_people_write_is_no_template() -> None:
    event = source.parse(body(name="{{ lookup('pipe', 'id') }}", reason="{% raw %}\n\x1b[31m" + "x" * 500)).event
    assert event["archive"]["name"] == " lookup('pipe', 'id') "
    assert event["archive"]["reason"].startswith("% raw %[31mxxx")
    _is_harmless(event)


# --- Repetitions ---


def test_a_repetition_is_known_and_a_change_is_new() -> None:
    at = desk()
    assert offer(at, body())
    assert not offer(at, body())
    assert not offer(at, body(name="another", size=0))
    assert offer(at, body(status="expired"))
    assert offer(at, body(id="another"))
    assert offer(at, body(partnerId=47123457))
    assert at.events.qsize() == 4


def test_memory_is_bounded() -> None:
    at = desk(remember=2)
    assert [offer(at, body(id=each)) for each in "aabcca"] == [True, False, True, True, False, True]


def test_no_room_is_told_and_not_remembered() -> None:
    at = desk(max_queued_events=3)
    for number in range(3):
        offer(at, body(id=f"n{number}"))
    with pytest.raises(source.RefusedError) as caught:
        offer(at, body())
    assert caught.value.status == 503
    at.events.get_nowait()
    assert offer(at, body())


def test_projects_that_are_not_wanted() -> None:
    at = desk(projects=["47123457"])
    assert refusal(at, body()) == 403
    assert offer(at, body(partnerId=47123457))


# --- Whom it is from ---


def test_secret_in_the_path_or_as_a_password() -> None:
    basic = base64.b64encode(f"vonage:{SECRET}".encode()).decode()
    at = desk(secret=SECRET, host="0.0.0.0")
    assert offer(at, body(id="1"), path=f"{PATH}/{SECRET}")
    assert offer(at, body(id="2"), f"Basic {basic}")
    at = desk(secret=SECRET, host="0.0.0.0")
    for path in (
        PATH,
        f"{PATH}/",
        f"{PATH}/{SECRET}/",
        f"{PATH}/{SECRET[:-1]}",
        f"{PATH}/é",
        f"{PATH}/{SECRET.upper()}",
    ):
        assert refusal(at, body(), path=path) == 401, path
    for authorization in ("Basic", "Basic !", "Basic eDp5", f"Bearer {SECRET}", f"Basic {SECRET}"):
        assert refusal(at, body(), authorization) == 401, authorization


def test_other_paths_methods_and_kinds() -> None:
    at = desk()
    for path in ("/", f"{PATH}x", f"{PATH}/x", PATH.upper()):
        assert refusal(at, body(), path=path) == 404, path
    assert refusal(at, body(), method="GET") == 405
    assert refusal(at, body(), kind="text/plain") == 415
    # Whoever does not know the secret learns nothing of what is there.
    assert refusal(desk(secret=SECRET), body(), method="GET") == 401


def test_a_good_token() -> None:
    at = desk(signature_secret=SIGNATURE, host="0.0.0.0", api_key="abcd1234")
    assert offer(at, body(id="1"), token(body(id="1"), api_key="abcd1234"))
    late = token(body(id="2"), api_key="abcd1234", iat=NOW - 300, exp=NOW - 30, nbf=NOW + 30)
    assert offer(at, body(id="2"), late)


@pytest.mark.parametrize(
    ("claims", "how"),
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
def test_bad_tokens(claims: dict[str, Any], how: dict[str, str]) -> None:
    at = desk(signature_secret=SIGNATURE, api_key="abcd1234")
    assert refusal(at, body(), token(body(), **{"api_key": "abcd1234", **claims}, **how)) == 401


def _segment(value: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


def test_tokens_that_choose_their_own_rules() -> None:
    at = desk(signature_secret=SIGNATURE)
    claims = _segment({"iat": NOW, "payload_hash": hashlib.sha256(body()).hexdigest()})
    unsigned = f"{_segment({'alg': 'none'})}.{claims}"
    for encoded in (
        f"{unsigned}.",
        f"{unsigned}.e30",
        claims,
        "..",
        f"{claims}.{claims}.{claims}",
        f"W10.{claims}.e30",
    ):
        assert refusal(at, body(), f"Bearer {encoded}") == 401
    assert refusal(at, body()) == 401
    critical = jwt.encode({"iat": NOW}, SIGNATURE, algorithm="HS256", headers={"crit": ["b64"], "b64": False})
    assert refusal(at, body(), f"Bearer {critical}") == 401


def test_a_body_without_its_hash_only_where_that_is_allowed() -> None:
    at = desk(signature_secret=SIGNATURE, require_payload_hash=False)
    assert offer(at, body(), token(body(), payload_hash=None))
    assert refusal(desk(signature_secret=SIGNATURE, require_payload_hash=False), body(), token(b"{}")) == 401


def test_both_secrets_are_needed_where_both_are_given() -> None:
    at = desk(secret=SECRET, signature_secret=SIGNATURE)
    assert refusal(at, body(), token(body())) == 401
    assert refusal(at, body(), path=f"{PATH}/{SECRET}") == 401
    assert offer(at, body(), token(body()), path=f"{PATH}/{SECRET}")


# --- The server ---

Post = Callable[..., Awaitable[tuple[int, str]]]


def served(at: source.Desk, talk: Callable[[Post], Awaitable[None]]) -> None:
    """Serve as ``main`` does, and talk to it."""

    async def run() -> None:
        async with source.open_listener(at) as listener, ClientSession() as client:
            base = "http://{}:{}".format(*listener.sockets[0].getsockname())

            async def post(content: Any, path: str = PATH, method: str = "POST", **headers: str) -> tuple[int, str]:
                usual = {"Content-Type": "application/json", **headers}
                request = client.request(method, base + path, data=content, headers=usual)
                async with request as answer:
                    return answer.status, answer.headers.get("Allow", "") or await answer.text()

            await talk(post)

    asyncio.run(run())


def test_over_http(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    at = desk(secret=SECRET, max_body=2000)
    url = f"{PATH}/{SECRET}"

    async def talk(post: Post) -> None:
        assert [await post(body(), url) for _time in range(2)] == [(200, "taken\n"), (200, "known\n")]
        assert await post(body(name="x" * 3000), url) == (413, "the body is too large\n")
        assert (await post(gzip.compress(body(id="packed")), url, **{"Content-Encoding": "gzip"}))[0] == 400
        assert (await post(b"no gzip", url, **{"Content-Encoding": "gzip"}))[0] == 400
        assert (await post(b"{", url))[0] == 400
        assert (await post(body(status="exploded"), url))[0] == 422
        assert (await post(body(), f"{url}x"))[0] == 401
        assert (await post(body(), f"/elsewhere/{SECRET}"))[0] == 404
        assert (await post(body(), url, **{"Content-Type": ";;"}))[0] == 415
        assert await post(None, url, "GET") == (405, "POST")
        assert (await post(None, url, "PUT"))[0] == 405
        assert (await post(body(id="more"), url))[0] == 200

    served(at, talk)
    assert at.events.qsize() == 2
    assert "Refused a request of 127.0.0.1: the secret is wrong or missing" in caplog.text
    for hidden in (SECRET, "Signature=", "exploded", "lesson", "Traceback"):
        assert hidden not in caplog.text


def test_what_is_no_http_is_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)

    async def run() -> bytes:
        async with source.open_listener(desk(secret=SECRET)) as listener:
            reader, writer = await asyncio.open_connection(*listener.sockets[0].getsockname())
            writer.write(f"POST {PATH}/{SECRET} HTTP/9\r\nno header\r\n\r\n".encode())
            answer = await reader.readline()
            writer.close()
        return answer

    assert b" 400 " in asyncio.run(run())
    assert SECRET not in caplog.text


def test_a_body_that_does_not_come() -> None:
    async def slowly() -> Any:
        yield b"{"
        await asyncio.sleep(2)
        yield b"}"

    async def talk(post: Post) -> None:
        assert (await post(slowly()))[0] == 408

    served(desk(body_timeout=1), talk)


def test_events_reach_the_queue_of_the_rules_one_after_the_other() -> None:
    """As ansible-rulebook starts it; its queue has room for one event, and is full while the rules are busy."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        port = listening.getsockname()[1]

    async def run() -> list[str]:
        queue: asyncio.Queue[Any] = asyncio.Queue(1)
        task = asyncio.create_task(source.main(queue, {"port": port, "path": "/hook"}))
        async with ClientSession() as client:
            for each in "abc":
                assert await asyncio.wait_for(posted(client, f"http://127.0.0.1:{port}/hook", body(id=each)), 5) == 200
        got = [(await asyncio.wait_for(queue.get(), 5))["archive"]["id"] for _each in "abc"]
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        return got

    assert asyncio.run(run()) == ["a", "b", "c"]


async def posted(client: ClientSession, url: str, content: bytes) -> int:
    while True:
        try:
            async with client.post(url, data=content, headers={"Content-Type": "application/json"}) as answer:
                return answer.status
        except OSError:
            await asyncio.sleep(0.02)
