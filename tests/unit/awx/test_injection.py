# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Credential types, injected by the code of AWX with all, only required, or no inputs, and modules that use them."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from ansible_collections.vonage.archiving.plugins.module_utils._core.problems import Problems
from ansible_collections.vonage.archiving.plugins.module_utils._vonage import account
from ansible_collections.vonage.archiving.plugins.module_utils._vonage import project as connection
from ansible_collections.vonage.archiving.tests.unit.plugins.module_utils.local_server import (
    LocalServer,
    ReceivedRequest,
    Reply,
    reply,
)
from tests.awx.injection import TYPES, amazon_variables, inject, read
from tests.e2e.module_runs import run_module

SECRET = "0123456789abcdef0123456789abcdef01234567"
KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
PEM = KEY.private_bytes(
    serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
).decode()
APPLICATION = "78d335fa-323d-0114-9c3d-d6f0d48968cf"
AUTHORITY = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"
# All inputs of each type; {server} is the address of the fake server.
INPUTS: dict[str, dict[str, str]] = {
    "vonage_video_project": {"api_key": "47123456", "api_secret": SECRET, "api_url": "{server}"},
    # Without the last newline, as after copy and paste.
    "vonage_video_application": {
        "application_id": APPLICATION,
        "private_key": PEM.strip(),
        "api_url": "{server}",
    },
    "vonage_video_account": {"account_key": "1234567", "account_secret": SECRET, "api_url": "{server}"},
    "heroku_api_token": {"api_token": "HRKU-5f3c1a9e-0b7d-4c2e-8f6a-1d2e3f4a5b6c"},
    "s3_compatible_store": {
        "endpoint_url": "{server}",
        "iam_endpoint_url": "{server}/iam",
        "region": "eu-west-1",
        "ca_bundle": AUTHORITY,
    },
}
# A module that uses the variables of the type, with options for the fake server.
MODULES: dict[str, tuple[str, dict[str, Any]]] = {
    "vonage_video_project": ("vonage_archive_info", {}),
    "vonage_video_application": ("vonage_archive_info", {}),
    "vonage_video_account": ("vonage_project_info", {}),
    "heroku_api_token": ("heroku_config_vars", {"app": "example", "config": {"A": "b"}, "api_url": "{server}"}),
    "s3_compatible_store": ("s3_archive_bucket_info", {"name": "example-recordings"}),
}
# The error of the module without inputs.
ERRORS_WITHOUT_INPUTS = {
    "vonage_video_project": "api_key: is required",
    "vonage_video_application": "api_key: is required (or application_id in the unified environment)",
    "vonage_video_account": "account_key: is required",
    "heroku_api_token": "api_token: is required",
}


def test_cases_include_every_type() -> None:
    assert {path.stem for path in TYPES.iterdir()} == set(INPUTS) == set(MODULES)
    for name, inputs in INPUTS.items():
        assert {field["id"] for field in read(TYPES / f"{name}.yml")["inputs"]["fields"]} == set(inputs)


@pytest.fixture
def server() -> Iterator[LocalServer]:
    """The fake server of all APIs."""

    def respond(request: ReceivedRequest, _count: int) -> Reply:
        if "config-vars" in request.path:
            return reply(200, {"A": "b"})
        if "x-amz-date" in request.headers:
            return Reply(404, b"<Error><Code>NoSuchBucket</Code><Message>none</Message></Error>")
        return reply(200, {"count": 0, "items": []} if "archive" in request.path else [])

    with LocalServer(respond) as server:
        yield server


def select_inputs(name: str, selection: str, url: str) -> dict[str, str]:
    """Return ``all``, the ``required``, or ``none`` of the inputs of a type."""
    required = read(TYPES / f"{name}.yml")["inputs"]["required"]
    fields = {"all": list(INPUTS[name]), "required": required, "none": []}[selection]
    return {field: INPUTS[name][field].replace("{server}", url) for field in fields}


def run(name: str, selection: str, server: LocalServer, folder: Path, **options: Any) -> tuple[dict[str, str], Any]:
    """Run a module with only the injected variables; return these variables and the result."""
    env, displayed = inject(read(TYPES / f"{name}.yml"), select_inputs(name, selection, server.url), folder)
    for secret in (SECRET, PEM.splitlines()[3], INPUTS["heroku_api_token"]["api_token"]):
        assert secret not in json.dumps(displayed)
    module, templates = MODULES[name]
    args = {
        key: value.replace("{server}", server.url) if isinstance(value, str) else value
        for key, value in templates.items()
    }
    no_files = dict.fromkeys(("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"), os.devnull)
    amazon = amazon_variables("AKIAIOSFODNN7EXAMPLE", SECRET)
    with mock.patch.dict(os.environ, {"PATH": os.environ["PATH"], **no_files, **amazon, **env}, clear=True):
        result = run_module(module, {**args, **options})
    assert SECRET not in json.dumps(result)
    return env, result


@pytest.mark.parametrize("selection", ["all", "required"])
@pytest.mark.parametrize("name", list(INPUTS))
def test_module_with_injected_variables_succeeds(
    name: str, selection: str, server: LocalServer, tmp_path: Path
) -> None:
    # Without the URL, which is optional, these types would send requests to the vendor.
    url = {"api_url": server.url} if selection == "required" and name.startswith("vonage") else {}
    env, result = run(name, selection, server, tmp_path, **url)
    assert not result.get("failed"), result
    assert server.requests
    has_empty = "" in env.values()
    assert has_empty or selection == "all" or name == "heroku_api_token", "AWX sets the variables of empty inputs."
    for request in server.requests:
        assert_authenticated(name, request)


def assert_authenticated(name: str, request: ReceivedRequest) -> None:
    """Assert that a request uses the injected secret."""
    if name == "heroku_api_token":
        assert request.headers["authorization"] == f"Bearer {INPUTS[name]['api_token']}"
    elif name == "s3_compatible_store":
        assert "Credential=AKIAIOSFODNN7EXAMPLE/" in request.headers["authorization"]
    elif name == "vonage_video_application":
        bearer = request.headers["authorization"].removeprefix("Bearer ")
        claims = jwt.decode(bearer, KEY.public_key(), algorithms=["RS256"], options={"verify_aud": False})
        assert claims["application_id"] == APPLICATION
    else:
        claims = jwt.decode(request.headers["x-opentok-auth"], SECRET, algorithms=["HS256"])
        assert claims["iss"] == INPUTS[name].get("api_key", INPUTS[name].get("account_key"))


@pytest.mark.parametrize("name", list(ERRORS_WITHOUT_INPUTS))
def test_module_without_inputs_sends_nothing(name: str, server: LocalServer, tmp_path: Path) -> None:
    env, result = run(name, "none", server, tmp_path)
    assert set(env.values()) == {""}
    assert result["failed"]
    assert ERRORS_WITHOUT_INPUTS[name] in result["msg"]
    assert "bug" not in result["msg"]
    assert server.requests == []


def test_store_type_without_inputs_has_no_effect(server: LocalServer, tmp_path: Path) -> None:
    """The module uses the keys of the other credential and the default region."""
    env, result = run("s3_compatible_store", "none", server, tmp_path, endpoint_url=server.url)
    assert env == {
        "AWS_ENDPOINT_URL_S3": "",
        "AWS_ENDPOINT_URL_IAM": "",
        "AWS_REGION": "us-east-1",
        "AWS_CA_BUNDLE": "",
    }
    assert not result.get("failed"), result
    assert all("/us-east-1/s3/" in request.headers["authorization"] for request in server.requests)


def test_store_type_region_is_used(server: LocalServer, tmp_path: Path) -> None:
    run("s3_compatible_store", "all", server, tmp_path)
    assert all("/eu-west-1/s3/" in request.headers["authorization"] for request in server.requests)


@pytest.mark.parametrize(
    ("name", "variable", "content"),
    [
        ("vonage_video_application", "VONAGE_VIDEO_PRIVATE_KEY_PATH", PEM),
        ("s3_compatible_store", "AWS_CA_BUNDLE", AUTHORITY),
    ],
)
def test_multiline_inputs_are_private_files(name: str, variable: str, content: str, tmp_path: Path) -> None:
    env, _shown = inject(read(TYPES / f"{name}.yml"), INPUTS[name], tmp_path)
    path = Path(env[variable])
    assert path.parent == tmp_path / "env"
    assert path.read_text() == content
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_project_and_application_in_one_job_are_rejected(server: LocalServer, tmp_path: Path) -> None:
    names = ("vonage_video_application", "vonage_video_project")
    credentials = [(name, select_inputs(name, "all", server.url)) for name in names]
    result = run_with_credentials("vonage_archive_info", {}, tmp_path, *credentials)
    assert "VONAGE_VIDEO_API_KEY and VONAGE_VIDEO_APPLICATION_ID are both set" in result["msg"]
    assert server.requests == []


ATTACKER = {
    "vonage_video_account": {"account_key": "7654321", "account_secret": "f" * 40},
    "vonage_video_project": {"api_key": "47999999", "api_secret": "f" * 40},
    "vonage_video_application": {"application_id": APPLICATION, "private_key": PEM.strip()},
}


def inject_all(folder: Path, *credentials: tuple[str, dict[str, str]]) -> dict[str, str]:
    """Return the variables of a job with several credentials, which AWX injects sequentially."""
    env: dict[str, str] = {}
    for name, inputs in credentials:
        env.update(inject(read(TYPES / f"{name}.yml"), inputs, folder)[0])
    return env


def run_with_credentials(
    module: str, options: dict[str, Any], folder: Path, *credentials: tuple[str, dict[str, str]]
) -> Any:
    """Run a module in a job with these credentials."""
    env = {"PATH": os.environ["PATH"], **inject_all(folder, *credentials)}
    with mock.patch.dict(os.environ, env, clear=True):
        return run_module(module, options)


@pytest.fixture
def attacker() -> Iterator[LocalServer]:
    """The host in the attacker's credential."""
    with LocalServer(lambda _request, _count: reply(200, [])) as server:
        yield server


@pytest.mark.parametrize(
    ("owned", "module", "added"),
    [
        ("vonage_video_project", "vonage_archive_info", "vonage_video_account"),
        ("vonage_video_application", "vonage_archive_info", "vonage_video_account"),
        ("vonage_video_account", "vonage_project_info", "vonage_video_project"),
        ("vonage_video_account", "vonage_project_info", "vonage_video_application"),
    ],
)
def test_credential_added_last_does_not_redirect_tokens_of_another(
    owned: str, module: str, added: str, server: LocalServer, attacker: LocalServer, tmp_path: Path
) -> None:
    own_credential = (owned, select_inputs(owned, "all", server.url))
    added_credential = (added, {**ATTACKER[added], "api_url": attacker.url})
    result = run_with_credentials(module, {}, tmp_path, own_credential, added_credential)
    assert not result.get("failed"), result
    assert attacker.requests == []
    assert_authenticated(owned, server.requests[0])


@pytest.mark.parametrize(
    ("owned", "added"),
    [("vonage_video_project", "vonage_video_account"), ("vonage_video_account", "vonage_video_project")],
)
def test_credential_without_an_url_keeps_the_default_host(owned: str, added: str, tmp_path: Path) -> None:
    added_credential = (added, {**ATTACKER[added], "api_url": "https://attacker.example.com"})
    env = inject_all(tmp_path, (owned, select_inputs(owned, "required", "")), added_credential)
    problems = Problems()
    parse = account.parse_account if owned == "vonage_video_account" else connection.parse_project
    connection_params = parse({}, env, problems)
    assert not problems
    assert connection_params is not None
    assert connection_params.api_url == "https://api.opentok.com"


@pytest.mark.parametrize(
    ("owned", "added", "option"),
    [
        ("vonage_video_project", "vonage_video_application", {"api_key": "47123456"}),
        ("vonage_video_application", "vonage_video_project", {"application_id": APPLICATION}),
    ],
)
def test_url_of_two_credentials_is_rejected(
    owned: str,
    added: str,
    option: dict[str, str],
    server: LocalServer,
    attacker: LocalServer,
    tmp_path: Path,
) -> None:
    """Project and application share the variable of the URL. The option selects the credential."""
    own_credential = (owned, select_inputs(owned, "all", server.url))
    credentials = (own_credential, (added, {**ATTACKER[added], "api_url": attacker.url}))
    result = run_with_credentials("vonage_archive_info", option, tmp_path, *credentials)
    assert "VONAGE_VIDEO_API_URL" in result["msg"]
    assert (server.requests, attacker.requests) == ([], [])
    result = run_with_credentials("vonage_archive_info", {**option, "api_url": server.url}, tmp_path, *credentials)
    assert not result.get("failed"), result
    assert attacker.requests == []
