# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pathlib
import typing as t

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.vonage.archiving.plugins.module_utils._core.budget import Budget
from ansible_collections.vonage.archiving.plugins.module_utils._core.params import parse_number
from ansible_collections.vonage.archiving.plugins.module_utils._core.problems import Problems
from ansible_collections.vonage.archiving.plugins.module_utils._vonage import project as connection
from ansible_collections.vonage.archiving.plugins.module_utils._vonage.project import Project
from ansible_collections.vonage.archiving.tests.unit.plugins.module_utils._vonage import keys

APPLICATION = keys.APPLICATION
OPENTOK = {"api_key": "45828062", "api_secret": "project-secret"}


def parse(params: dict[str, t.Any], environ: dict[str, str] | None = None) -> Project:
    problems = Problems()
    found = connection.parse_project(params, environ or {}, problems)
    assert not problems
    assert found is not None
    return found


def problems_of(params: dict[str, t.Any], environ: dict[str, str] | None = None) -> list[str]:
    problems = Problems()
    assert connection.parse_project(params, environ or {}, problems) is None
    return [*map(str, problems)]


def test_parse_project_options() -> None:
    assert parse(OPENTOK) == Project("45828062", "project-secret", False, "https://api.opentok.com", Budget())


def test_parse_project_accepts_numbers_and_numeric_strings() -> None:
    found = parse({**OPENTOK, "api_key": 45828062, "timeout": "2.5", "retries": "0", "total_timeout": 7})
    assert (found.id, found.budget) == ("45828062", Budget(2.5, 0, 7.0))


def test_project_repr_contains_no_secret() -> None:
    assert "project-secret" not in repr(parse(OPENTOK))


def test_parse_project_uses_environment_variables_that_are_not_empty() -> None:
    environ = {
        "VONAGE_VIDEO_API_KEY": "1",
        "VONAGE_VIDEO_API_SECRET": "s",
        "VONAGE_VIDEO_API_URL": "https://video.example.com/",
        "VONAGE_VIDEO_APPLICATION_ID": " ",
    }
    found = parse({"api_key": "", "api_secret": None, "private_key": ""}, environ)
    assert (found.id, found.secret, found.api_url, found.unified) == ("1", "s", "https://video.example.com", False)


def test_parse_project_options_override_environment_variables() -> None:
    environ = {"VONAGE_VIDEO_API_KEY": "1", "VONAGE_VIDEO_API_SECRET": "s", "VONAGE_VIDEO_API_URL": "https://a.b"}
    found = parse({"api_key": "2", "api_url": "https://c.d"}, environ)
    assert (found.id, found.secret, found.api_url) == ("2", "s", "https://c.d")


def test_parse_project_application_is_unified(tmp_path: pathlib.Path) -> None:
    pem = keys.private_pem(keys.rsa_key())
    path = tmp_path / "private.key"
    path.write_text(pem)
    by_text = parse({"application_id": APPLICATION.upper(), "private_key": pem.replace("\n", "\\n")})
    by_path = parse({"application_id": APPLICATION, "private_key_path": str(path)})
    by_variables = parse({}, {"VONAGE_VIDEO_APPLICATION_ID": APPLICATION, "VONAGE_VIDEO_PRIVATE_KEY_PATH": str(path)})
    assert by_text == by_path == by_variables
    assert by_text == Project(APPLICATION, pem, True, "https://video.api.vonage.com", Budget())


def test_parse_project_options_hide_variables_of_the_other_environment() -> None:
    pem = keys.private_pem(keys.rsa_key())
    environ = {"VONAGE_VIDEO_API_KEY": "1", "VONAGE_VIDEO_API_SECRET": "s"}
    assert parse({"application_id": APPLICATION, "private_key": pem}, environ).unified
    assert not parse(OPENTOK, {"VONAGE_VIDEO_APPLICATION_ID": APPLICATION}).unified


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({}, "api_key: is required (or application_id in the unified environment)"),
        ({"api_key": "1"}, "api_secret: is required with api_key"),
        ({"api_key": APPLICATION, "api_secret": "s"}, "api_key: is a UUID"),
        ({"api_key": "a/b", "api_secret": "s"}, "api_key: 'a/b' contains characters that are not valid in an API key"),
        ({"api_key": "1 ", "api_secret": "s"}, "api_key: '1 ' contains characters"),
        ({"api_key": "1", "api_secret": "s\n"}, "api_secret: begins or ends with white space"),
        ({"api_key": "11", "api_secret": "11"}, "api_secret: is the same as api_key"),
        ({"application_id": "1", "private_key": "x"}, "application_id: '1' is not a UUID"),
        ({"private_key": "x"}, "application_id: is required with private_key"),
        (
            {"application_id": APPLICATION},
            "private_key: private_key or private_key_path is required with application_id",
        ),
        ({**OPENTOK, "application_id": APPLICATION}, "are mutually exclusive. Set api_key with api_secret, or"),
        ({"application_id": APPLICATION, "private_key": "x"}, "private_key: does not contain a PEM private key"),
        (
            {"application_id": APPLICATION, "private_key": "x", "private_key_path": "/x"},
            "private_key and private_key_path are mutually exclusive",
        ),
        (
            {"application_id": APPLICATION, "private_key_path": "/does/not/exist"},
            "private_key_path: '/does/not/exist' cannot be read: No such file or directory",
        ),
        (
            {"application_id": APPLICATION, "private_key_path": "/dev/null"},
            "private_key_path: '/dev/null' is empty",
        ),
        (
            {"application_id": APPLICATION, "private_key": "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END"},
            "private_key: does not contain a readable private key",
        ),
        ({**OPENTOK, "timeout": 0}, "timeout: 0 is not a number greater than 0"),
        ({**OPENTOK, "timeout": "soon"}, "timeout: 'soon' is not a duration. Use "),
        ({**OPENTOK, "timeout": True}, "timeout: True is not a duration. Use "),
        ({**OPENTOK, "total_timeout": "inf"}, "total_timeout: 'inf' is not a duration. Use "),
        ({**OPENTOK, "timeout": 10**400}, "is not a duration. Use "),
        ({**OPENTOK, "retries": -1}, "retries: -1 is not a whole number that is 0 or greater"),
        ({**OPENTOK, "retries": 1.5}, "retries: 1.5 is not a whole number that is 0 or greater"),
        ({**OPENTOK, "api_url": "api.opentok.com"}, "api_url: 'api.opentok.com' is not a valid URL such as"),
        (
            {**OPENTOK, "api_secret": b"\xff".decode("utf-8", "surrogateescape")},
            "characters that are not valid in an API secret",
        ),
        ({**OPENTOK, "timeout": 86401}, "timeout: 86401 is greater than 86400"),
        ({**OPENTOK, "total_timeout": "1e10"}, "total_timeout: '1e10' is greater than 86400"),
        ({**OPENTOK, "api_url": "ftp://api.opentok.com"}, "is not a valid URL such as"),
        ({**OPENTOK, "api_url": "https://a:0"}, "is not a valid URL such as"),
        ({**OPENTOK, "api_url": "https://a:x"}, "is not a valid URL such as"),
        ({**OPENTOK, "api_url": "https://[::1"}, "is not a valid URL such as"),
        ({**OPENTOK, "api_url": "https://a b"}, "is not a valid URL such as"),
        ({**OPENTOK, "api_url": "https://api.opentok.com/?x=1"}, "contains a query or a fragment"),
        (
            {**OPENTOK, "api_url": "https://u:p@api.opentok.com"},
            "contains credentials. Set api_key and api_secret instead",
        ),
        ({**OPENTOK, "api_url": "http://api.opentok.com"}, "would send secrets unencrypted"),
    ],
)
def test_parse_project_invalid_options_are_problems(params: dict[str, t.Any], message: str) -> None:
    problems = problems_of(params)
    assert any(message in problem for problem in problems)
    assert len(problems) == 1 or not params or "private_key" in params


def test_parse_project_unusable_private_key_is_a_problem() -> None:
    for pem, message in (
        (keys.private_pem(keys.ec_key()), "private_key: is not an RSA key"),
        (keys.private_pem(keys.rsa_key(), b"pass"), "private_key: is encrypted with a passphrase"),
        (keys.public_pem(keys.rsa_key()), "private_key: does not contain a readable private key"),
    ):
        (problem,) = problems_of({"application_id": APPLICATION, "private_key": pem})
        assert problem.startswith(message)


def test_parse_project_variables_of_both_environments_are_a_problem() -> None:
    environ = {"VONAGE_VIDEO_API_KEY": "1", "VONAGE_VIDEO_API_SECRET": "s", "VONAGE_VIDEO_APPLICATION_ID": APPLICATION}
    (problem,) = problems_of({}, environ)
    assert "are both set" in problem


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"api_key": "0123456789abcdef0123456789abcdef01234567", "api_secret": "47123456"}, "contains an API secret"),
        ({"api_key": "47123456:0123456789abcdef0123456789abcdef01234567"}, "contains an API secret"),
        ({"api_key": "47123456", "api_secret": "-----BEGIN PRIVATE KEY-----\n0123456789abcdef"}, "contains a PEM key"),
        ({"application_id": "-----BEGIN PRIVATE KEY-----\n0123456789abcdef", "private_key": "x"}, "contains a PEM key"),
        (
            {"application_id": APPLICATION, "private_key_path": "-----BEGIN PRIVATE KEY-----\n89abcdef"},
            "contains a PEM key",
        ),
        ({**OPENTOK, "api_url": "me:0123456789abcdef@api.opentok.com"}, "contains credentials"),
    ],
)
def test_parse_project_misplaced_secret_is_a_problem_and_not_quoted(params: dict[str, t.Any], message: str) -> None:
    problems = problems_of(params)
    assert any(message in problem for problem in problems)
    assert "89abcdef" not in " ".join(problems)


def test_parse_project_reports_all_problems_without_secrets() -> None:
    problems = problems_of(
        {"api_key": "/", "api_secret": " hidden-secret", "api_url": "https://me:hidden@x y", "retries": "x"}
    )
    assert len(problems) == 4
    assert "hidden" not in " ".join(problems)


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.8.9.1", "[::1]"])
def test_parse_project_http_is_valid_for_this_machine(host: str) -> None:
    assert parse({**OPENTOK, "api_url": f"http://{host}:8080/"}).api_url == f"http://{host}:8080"


@given(st.one_of(st.text(), st.integers(), st.floats(), st.booleans(), st.none()))
def test_parse_number_any_value_is_valid_or_a_problem(value: t.Any) -> None:
    problems = Problems()
    found = parse_number({"retries": value}, "retries", 4, problems, whole=True)
    assert found >= 0
    assert found == int(found)


@given(st.text())
def test_parse_project_any_url_is_valid_or_a_problem(url: str) -> None:
    problems = Problems()
    found = connection.parse_project({**OPENTOK, "api_url": url}, {}, problems)
    assert (found is None) == bool(problems)
