# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Heroku emulator, tested with Heroku's published schema and with the client heroku3."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from typing import Any

import jsonschema
import pytest
import requests
from heroku3.api import Heroku
from requests.exceptions import HTTPError

from tests.sandbox import HerokuEmulator, Sandbox, SandboxError

from .helpers import TIMEOUT

# From the schema of the Platform API, in https://github.com/heroku/heroku-go (MIT licence), v5/schema.json at
# 605eb02728e186d820e626f1d2f75c4a96675bcf: "config-var", the schema of the body of the link "Update" and the target
# schema of both calls. The npm package @heroku-cli/schema 2.0.1 has the same pattern as a TypeScript interface.
VARIABLES: dict[str, Any] = {
    "type": ["object"],
    "patternProperties": {r"^\w+$": {"type": ["string", "null"]}},
    "additionalProperties": False,
}
RATE_LIMIT: dict[str, Any] = {"type": ["object"], "properties": {"remaining": {"type": ["integer"]}}}
# The error format is published only as prose: "Platform API Reference", section "Errors".
ERROR: dict[str, Any] = {
    "type": "object",
    "properties": {"id": {"type": "string"}, "message": {"type": "string"}, "url": {"type": "string"}},
    "required": ["id", "message"],
    "additionalProperties": False,
}

V3 = "application/vnd.heroku+json; version=3"


@pytest.fixture(scope="module")
def _heroku() -> Iterator[HerokuEmulator]:
    with HerokuEmulator() as emulator:
        yield emulator


@pytest.fixture
def heroku(_heroku: HerokuEmulator) -> HerokuEmulator:
    _heroku.reset()
    return _heroku


def call(heroku: HerokuEmulator, method: str = "GET", path: str = "", **options: Any) -> requests.Response:
    """Send a request, which is valid unless ``options`` change it, and validate the response with the schema."""
    headers = {"Accept": V3, "Authorization": f"Bearer {heroku.api_token}", **options.pop("headers", {})}
    url = heroku.url + (path or f"/apps/{heroku.app_name}/config-vars")
    response = requests.request(method, url, headers=headers, timeout=TIMEOUT, **options)
    jsonschema.validate(response.json(), VARIABLES if response.ok else ERROR)
    return response


def parse_error(response: requests.Response) -> tuple[int, str]:
    return response.status_code, str(response.json()["id"])


def client(heroku: HerokuEmulator, token: str = "") -> Heroku:
    """The client ``heroku3``, with the URL of the emulator."""
    session = requests.session()
    session.trust_env = False
    connection = Heroku(session)
    connection._heroku_url = heroku.url
    connection.authenticate(token or heroku.api_token)
    return connection


def test_heroku3_sets_reads_and_deletes_config_vars(heroku: HerokuEmulator) -> None:
    heroku.add_app("example", {"KEPT": "unchanged", "OLD": "1"})
    app = client(heroku).app("example")
    variables = app.config()
    assert variables.to_dict() == {"KEPT": "unchanged", "OLD": "1"}
    variables.update({"NEW": "two words", "EMPTY": "", "OLD": None})
    assert variables.to_dict() == {"KEPT": "unchanged", "NEW": "two words", "EMPTY": ""}
    del variables["KEPT"]
    assert app.config().to_dict() == heroku.app("example").config == {"NEW": "two words", "EMPTY": ""}
    assert [release.version for release in heroku.app("example").releases] == [1, 2, 3]
    # The ID of the app is accepted too.
    assert app.update_config({"NEW": "3"}).to_dict() == {"NEW": "3", "EMPTY": ""}


def test_heroku3_wrong_token_app_or_name_is_refused(heroku: HerokuEmulator) -> None:
    heroku.add_app("other-app", account="another account")
    assert not client(heroku, "HRKU-wrong").is_authenticated
    for name, status in (("missing-app", 404), ("other-app", 403)):
        with pytest.raises(HTTPError) as caught:
            client(heroku).app(name)
        assert caught.value.response.status_code == status
    with pytest.raises(HTTPError, match="reserved"):
        client(heroku).app(heroku.app_name).config().update({"HEROKU_X": "1"})


def test_patch_accepts_exactly_what_the_schema_accepts(heroku: HerokuEmulator) -> None:
    bodies: list[Any] = [
        {"A": "1"},
        {"a_1": "", "B": None},
        {},
        {"A": 1},
        {"A": True},
        {"A": ["1"]},
        {"A": {"B": "1"}},
        {"A-B": "1"},
        {"A.B": None},
        {"": "1"},
        {"A B": "1"},
        ["A"],
        "A",
        None,
    ]
    for body in bodies:
        is_valid = jsonschema.Draft4Validator(VARIABLES).is_valid(body)
        response = call(heroku, "PATCH", data=json.dumps(body), headers={"Content-Type": "application/json"})
        assert response.ok is is_valid, (body, response.text)
        assert is_valid or parse_error(response) == (422, "invalid_params")


@pytest.mark.parametrize("body", [{"HEROKU_APP": "x"}, {"__A": "x"}, {"\u00c4": "x"}, {"A": "x" * 32768}])
def test_patch_name_or_size_that_only_prose_excludes_is_refused(heroku: HerokuEmulator, body: dict[str, str]) -> None:
    assert parse_error(call(heroku, "PATCH", json=body)) == (422, "invalid_params")
    assert heroku.app().config == {}
    assert len(heroku.app().releases) == 1


def test_patch_size_limit_applies_to_the_result(heroku: HerokuEmulator) -> None:
    assert call(heroku, "PATCH", json={"A": "x" * 20000}).ok
    assert parse_error(call(heroku, "PATCH", json={"B": "x" * 20000})) == (422, "invalid_params")
    assert call(heroku, "PATCH", json={"B": "x" * 20000, "A": None}).ok


def test_get_without_valid_accept_header_is_refused(heroku: HerokuEmulator) -> None:
    for accept in (
        "*/*",
        "application/json",
        "application/vnd.heroku+json",
        f"{V3}1",
        "application/vnd.heroku+json; version=2",
    ):
        assert parse_error(call(heroku, headers={"Accept": accept})) == (406, "not_acceptable")
    assert call(heroku, headers={"Accept": f"{V3}.cedar-acm"}).ok


def test_get_without_valid_token_is_refused(heroku: HerokuEmulator) -> None:
    basic = base64.b64encode(f":{heroku.api_token}".encode()).decode()
    for value in ("", "Bearer", "Bearer HRKU-wrong", f"Token {heroku.api_token}", heroku.api_token, "Basic ???"):
        assert parse_error(call(heroku, headers={"Authorization": value})) == (401, "unauthorized")
    assert call(heroku, headers={"Authorization": f"Basic {basic}"}).ok


@pytest.mark.parametrize(
    ("scope", "reads", "writes"),
    [("global", True, True), ("write-protected", True, True), ("read-protected", True, False), ("write", False, False)],
)
def test_scope_limits_reading_and_writing(heroku: HerokuEmulator, scope: str, reads: bool, writes: bool) -> None:
    headers = {"Authorization": f"Bearer {heroku.add_token(scope).value}"}
    read, write = call(heroku, headers=headers), call(heroku, "PATCH", json={"A": "1"}, headers=headers)
    assert (read.ok, write.ok) == (reads, writes)
    for response in (read, write):
        if not response.ok:
            assert parse_error(response) == (403, "forbidden")
            assert response.headers["Oauth-Scope"] == scope
            assert "write-protected" in response.headers["Oauth-Scope-Accepted"].split()


def test_patch_body_is_not_json_is_refused(heroku: HerokuEmulator) -> None:
    assert parse_error(call(heroku, "PATCH", data=b"A=1", headers={"Content-Type": "application/json"})) == (
        400,
        "bad_request",
    )
    assert parse_error(call(heroku, "PATCH", data=b"{}")) == (400, "bad_request")
    assert parse_error(call(heroku, "DELETE"))[0] == 405


def test_rate_limit_without_remaining_calls_is_refused(heroku: HerokuEmulator) -> None:
    assert call(heroku).headers["RateLimit-Remaining"] == "4499"
    heroku.set_remaining_calls(1)
    assert [call(heroku).status_code for _unused in range(2)] == [200, 429]
    assert parse_error(call(heroku)) == (429, "rate_limit")
    headers = {"Accept": V3, "Authorization": f"Bearer {heroku.api_token}"}
    limits = requests.get(f"{heroku.url}/account/rate-limits", headers=headers, timeout=TIMEOUT).json()
    jsonschema.validate(limits, RATE_LIMIT)
    assert limits == {"remaining": 0}


def test_release_command_delays_changes_until_it_succeeds(heroku: HerokuEmulator) -> None:
    call(heroku, "PATCH", json={"A": "old"})
    heroku.app().release_command = True
    assert call(heroku, "PATCH", json={"A": "new"}).json() == {"A": "old"}
    heroku.app().finish_releases(succeeded=False)
    assert call(heroku).json() == {"A": "old"}
    call(heroku, "PATCH", json={"A": "newer"})
    heroku.app().finish_releases(succeeded=True)
    assert call(heroku).json() == {"A": "newer"}


def test_faults_are_injected_and_logged(heroku: HerokuEmulator) -> None:
    heroku.fail_next(status=503, method="PATCH", apply=True)
    url = f"{heroku.url}/apps/{heroku.app_name}/config-vars"
    headers = {"Accept": V3, "Authorization": f"Bearer {heroku.api_token}"}
    response = requests.patch(url, json={"A": "1"}, headers=headers, timeout=TIMEOUT)
    assert (response.status_code, response.headers["Content-Type"]) == (503, "text/html")
    assert call(heroku).json() == {"A": "1"}
    heroku.fail_next(status=429)
    assert parse_error(call(heroku)) == (429, "rate_limit")
    assert [(item["method"], item["status"]) for item in heroku.log()] == [("PATCH", 503), ("GET", 200), ("GET", 429)]
    assert heroku.log()[0]["json"] == {"A": "1"}


def test_control_calls_add_apps_and_faults(heroku: HerokuEmulator) -> None:
    control = f"{heroku.url}/_sandbox"
    app = requests.post(f"{control}/apps", json={"name": "created", "config": {"A": "1"}}, timeout=TIMEOUT).json()
    assert requests.get(f"{control}/apps/{app['id']}", timeout=TIMEOUT).json()["config"] == {"A": "1"}
    assert requests.get(f"{control}/apps/missing", timeout=TIMEOUT).status_code == 404
    assert requests.post(f"{control}/faults", json={"kind": "nonsense"}, timeout=TIMEOUT).status_code == 400
    assert heroku.log() == []


def test_sandbox_includes_the_emulator_only_if_requested() -> None:
    with Sandbox(stores=(), vonage=False, heroku=True) as sandbox:
        assert sandbox.describe()["heroku"] == {
            "url": sandbox.heroku.url,
            "api_token": sandbox.heroku.api_token,
            "app": sandbox.heroku.app_name,
        }
        assert call(sandbox.heroku).json() == {}
        with pytest.raises(SandboxError, match="no Vonage emulator"):
            str(sandbox.vonage)
    with Sandbox(stores=(), vonage=False) as without, pytest.raises(SandboxError, match="no Heroku emulator"):
        str(without.heroku)
