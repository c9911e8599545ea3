# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every credential type, injected by AWX's own code with all, with only the required and with no inputs; and what the
modules make of exactly these variables."""

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
    Asked,
    LocalServer,
    Reply,
    reply,
)
from tests.awx.injection import TYPES, amazon, inject, read
from tests.e2e.test_bad_inputs import run_module

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
    # People paste a key without the last line end.
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
# A module that needs the variables of the type, with options for the fake server.
MODULES: dict[str, tuple[str, dict[str, Any]]] = {
    "vonage_video_project": ("vonage_archive_info", {}),
    "vonage_video_application": ("vonage_archive_info", {}),
    "vonage_video_account": ("vonage_project_info", {}),
    "heroku_api_token": ("heroku_config_vars", {"app": "example", "config": {"A": "b"}, "api_url": "{server}"}),
    "s3_compatible_store": ("s3_archive_bucket_info", {"name": "example-recordings"}),
}
# Its error without inputs.
WITHOUT = {
    "vonage_video_project": "api_key: is required",
    "vonage_video_application": "api_key: is required (or application_id in the unified environment)",
    "vonage_video_account": "account_key: is required",
    "heroku_api_token": "api_token: is required",
}


def test_cases_have_every_type() -> None:
    assert {path.stem for path in TYPES.iterdir()} == set(INPUTS) == set(MODULES)
    for name, inputs in INPUTS.items():
        assert {field["id"] for field in read(TYPES / f"{name}.yml")["inputs"]["fields"]} == set(inputs)


@pytest.fixture
def server() -> Iterator[LocalServer]:
    """The fake server of all APIs."""

    def answer(asked: Asked, _count: int) -> Reply:
        if "config-vars" in asked.path:
            return reply(200, {"A": "b"})
        if "x-amz-date" in asked.headers:
            return Reply(404, b"<Error><Code>NoSuchBucket</Code><Message>none</Message></Error>")
        return reply(200, {"count": 0, "items": []} if "archive" in asked.path else [])

    with LocalServer(answer) as running:
        yield running


def inputs_of(name: str, which: str, url: str) -> dict[str, str]:
    required = read(TYPES / f"{name}.yml")["inputs"]["required"]
    wanted = {"all": list(INPUTS[name]), "required": required, "none": []}[which]
    return {field: INPUTS[name][field].replace("{server}", url) for field in wanted}


def run(name: str, which: str, server: LocalServer, folder: Path, **options: Any) -> tuple[dict[str, str], Any]:
    """The injected variables, and the result of the module that runs with them and nothing else."""
    env, shown = inject(read(TYPES / f"{name}.yml"), inputs_of(name, which, server.url), folder)
    for secret in (SECRET, PEM.splitlines()[3], INPUTS["heroku_api_token"]["api_token"]):
        assert secret not in json.dumps(shown)
    module, given = MODULES[name]
    args = {
        key: value.replace("{server}", server.url) if isinstance(value, str) else value for key, value in given.items()
    }
    nothing = dict.fromkeys(("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"), os.devnull)
    surroundings = {"PATH": os.environ["PATH"], **nothing, **amazon("AKIAIOSFODNN7EXAMPLE", SECRET), **env}
    with mock.patch.dict(os.environ, surroundings, clear=True):
        result = run_module(module, {**args, **options})
    assert SECRET not in json.dumps(result)
    return env, result


@pytest.mark.parametrize("which", ["all", "required"])
@pytest.mark.parametrize("name", list(INPUTS))
def test_module_with_injected_variables_succeeds(name: str, which: str, server: LocalServer, tmp_path: Path) -> None:
    # Without the URL, which is optional, these types would send requests to the vendor.
    elsewhere = {"api_url": server.url} if which == "required" and name.startswith("vonage") else {}
    env, result = run(name, which, server, tmp_path, **elsewhere)
    assert not result.get("failed"), result
    assert server.asked
    assert "" in env.values() or which == "all" or name == "heroku_api_token", "empty inputs are empty, not unset"
    for asked in server.asked:
        check_who_asks(name, asked)


def check_who_asks(name: str, asked: Asked) -> None:
    """Every request shows that the secret which was injected is the one that was used."""
    if name == "heroku_api_token":
        assert asked.headers["authorization"] == f"Bearer {INPUTS[name]['api_token']}"
    elif name == "s3_compatible_store":
        assert "Credential=AKIAIOSFODNN7EXAMPLE/" in asked.headers["authorization"]
    elif name == "vonage_video_application":
        bearer = asked.headers["authorization"].removeprefix("Bearer ")
        claims = jwt.decode(bearer, KEY.public_key(), algorithms=["RS256"], options={"verify_aud": False})
        assert claims["application_id"] == APPLICATION
    else:
        claims = jwt.decode(asked.headers["x-opentok-auth"], SECRET, algorithms=["HS256"])
        assert claims["iss"] == INPUTS[name].get("api_key", INPUTS[name].get("account_key"))


@pytest.mark.parametrize("name", list(WITHOUT))
def test_module_without_inputs_sends_nothing(name: str, server: LocalServer, tmp_path: Path) -> None:
    env, result = run(name, "none", server, tmp_path)
    assert set(env.values()) == {""}
    assert result["failed"]
    assert WITHOUT[name] in result["msg"]
    assert "bug" not in result["msg"]
    assert server.asked == []


def test_store_type_without_inputs_has_no_effect(server: LocalServer, tmp_path: Path) -> None:
    """The keys of the other credential still count, and the region is what it is without any."""
    env, result = run("s3_compatible_store", "none", server, tmp_path, endpoint_url=server.url)
    assert env == {
        "AWS_ENDPOINT_URL_S3": "",
        "AWS_ENDPOINT_URL_IAM": "",
        "AWS_REGION": "us-east-1",
        "AWS_CA_BUNDLE": "",
    }
    assert not result.get("failed"), result
    assert all("/us-east-1/s3/" in asked.headers["authorization"] for asked in server.asked)


def test_store_type_region_is_used(server: LocalServer, tmp_path: Path) -> None:
    run("s3_compatible_store", "all", server, tmp_path)
    assert all("/eu-west-1/s3/" in asked.headers["authorization"] for asked in server.asked)


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
    other, _shown = inject(
        read(TYPES / "vonage_video_application.yml"), inputs_of("vonage_video_application", "all", server.url), tmp_path
    )
    with mock.patch.dict(os.environ, other):
        env, _shown = inject(
            read(TYPES / "vonage_video_project.yml"), inputs_of("vonage_video_project", "all", server.url), tmp_path
        )
        with mock.patch.dict(os.environ, env):
            result = run_module("vonage_archive_info", {})
    assert "VONAGE_VIDEO_API_KEY and VONAGE_VIDEO_APPLICATION_ID are both set" in result["msg"]
    assert server.asked == []


ATTACKER = {
    "vonage_video_account": {"account_key": "7654321", "account_secret": "f" * 40},
    "vonage_video_project": {"api_key": "47999999", "api_secret": "f" * 40},
    "vonage_video_application": {"application_id": APPLICATION, "private_key": PEM.strip()},
}


def result_with(module: str, options: dict[str, Any], folder: Path, *credentials: tuple[str, dict[str, str]]) -> Any:
    """The result of a module in a job with these credentials, which AWX injects one after the other."""
    env: dict[str, str] = {}
    for name, inputs in credentials:
        env.update(inject(read(TYPES / f"{name}.yml"), inputs, folder)[0])
    with mock.patch.dict(os.environ, {"PATH": os.environ["PATH"], **env}, clear=True):
        return run_module(module, options)


@pytest.fixture
def attacker() -> Iterator[LocalServer]:
    """The host that the attacker's credential names."""
    with LocalServer(lambda _asked, _count: reply(200, [])) as running:
        yield running


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
    ours = (owned, inputs_of(owned, "all", server.url))
    result = result_with(module, {}, tmp_path, ours, (added, {**ATTACKER[added], "api_url": attacker.url}))
    assert not result.get("failed"), result
    assert attacker.asked == []
    check_who_asks(owned, server.asked[0])


@pytest.mark.parametrize(
    ("owned", "added"),
    [("vonage_video_project", "vonage_video_account"), ("vonage_video_account", "vonage_video_project")],
)
def test_credential_without_an_url_keeps_the_default_host(owned: str, added: str, tmp_path: Path) -> None:
    env: dict[str, str] = {}
    for name, inputs in (
        (owned, inputs_of(owned, "required", "")),
        (added, {**ATTACKER[added], "api_url": "https://attacker.example.com"}),
    ):
        env.update(inject(read(TYPES / f"{name}.yml"), inputs, tmp_path)[0])
    problems = Problems()
    read_it = account.parse_account if owned == "vonage_video_account" else connection.parse_project
    found = read_it({}, env, problems)
    assert not problems
    assert found is not None
    assert found.api_url == "https://api.opentok.com"


@pytest.mark.parametrize(
    ("owned", "added", "option"),
    [
        ("vonage_video_project", "vonage_video_application", {"api_key": "47123456"}),
        ("vonage_video_application", "vonage_video_project", {"application_id": APPLICATION}),
    ],
)
def test_url_that_may_belong_to_another_credential_is_refused(
    owned: str,
    added: str,
    option: dict[str, str],
    server: LocalServer,
    attacker: LocalServer,
    tmp_path: Path,
) -> None:
    """Project and application share the variable of the URL. The option selects the credential."""
    ours = (owned, inputs_of(owned, "all", server.url))
    theirs = (added, {**ATTACKER[added], "api_url": attacker.url})
    result = result_with("vonage_archive_info", option, tmp_path, ours, theirs)
    assert "VONAGE_VIDEO_API_URL" in result["msg"]
    assert (server.asked, attacker.asked) == ([], [])
    result = result_with("vonage_archive_info", {**option, "api_url": server.url}, tmp_path, ours, theirs)
    assert not result.get("failed"), result
    assert attacker.asked == []
