# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Projects of an account: how they are read, filtered and shown, and which options make sense."""

from __future__ import annotations

import json
import typing as t

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.vonage.archiving.plugins.module_utils._core import errors
from ansible_collections.vonage.archiving.plugins.module_utils._core.plan import Context
from ansible_collections.vonage.archiving.plugins.module_utils._vonage import account, projects
from ansible_collections.vonage.archiving.plugins.module_utils._vonage.projects import AccountProject
from ansible_collections.vonage.archiving.tests.unit.plugins.module_utils.local_server import (
    LocalServer,
    answers,
    reply,
)

ACCOUNT_SECRET = "fedcba9876543210fedcba9876543210fedcba98"
SECRET = "0123456789abcdef0123456789abcdef01234567"
SHOWN = {
    "id": "45828062",
    "name": "acme-lessons",
    "status": "ACTIVE",
    "environment": "standard",
    "created": "2026-11-21T18:00:00Z",
}


def item(**changes: t.Any) -> dict[str, t.Any]:
    """A project as the documents show it."""
    usual = {**SHOWN, "id": 45828062, "secret": SECRET, "createdAt": 1795284000000}
    del usual["created"]
    return {**usual, **changes}


def test_a_project_is_read_and_shown() -> None:
    found = projects.parse(item())
    assert found.public() == SHOWN
    assert found.secret == SECRET
    assert SECRET not in repr(found)


@pytest.mark.parametrize(
    ("said", "meant"), [("VALID", "ACTIVE"), ("valid", "ACTIVE"), ("suspended", "SUSPENDED"), ("NEW", "NEW"), (3, "")]
)
def test_statuses(said: t.Any, meant: str) -> None:
    assert projects.parse(item(status=said)).status == meant


def test_the_shape_that_public_code_has_seen() -> None:
    seen = {
        "id": "1",
        "secret": SECRET,
        "status": "VALID",
        "environmentName": "Enterprise",
        "environmentDescription": "",
    }
    assert projects.parse(seen).public() == {
        "id": "1",
        "name": "",
        "status": "ACTIVE",
        "environment": "enterprise",
        "created": None,
    }


@pytest.mark.parametrize("document", [None, {}, "x", [None], [{}], [{"id": True}], [{"id": {}}], [{"id": ""}]])
def test_what_is_no_list_of_projects(document: t.Any) -> None:
    with pytest.raises(ValueError, match=r"^the answer (is no list of projects|holds a project without an id)$"):
        projects.parse_all(document)


scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.lists(st.integers())


@given(st.fixed_dictionaries(dict.fromkeys(item(), scalars)))
def test_no_project_is_an_error_of_ours(strange: dict[str, t.Any]) -> None:
    try:
        found = projects.parse(strange)
    except ValueError as exc:
        assert str(exc) == "the answer holds a project without an id"  # noqa: PT017
        return
    json.dumps(found.public())


def test_filters() -> None:
    several = [AccountProject(name, name, status) for name, status in (("a-1", "ACTIVE"), ("b-1", "SUSPENDED"))]

    def names(patterns: t.Sequence[str] = (), statuses: t.Sequence[str] = ()) -> list[str]:
        return [each.name for each in projects.select(several, patterns, statuses)]

    assert names() == ["a-1", "b-1"]
    assert names(["a-*", "x"]) == names([], ["ACTIVE"]) == names(["?-1"], ["ACTIVE"]) == ["a-1"]
    assert names(["A-*"]) == names(["a-1"], ["SUSPENDED"]) == []


def run(server: LocalServer, **params: t.Any) -> dict[str, t.Any]:
    options = {"account_key": 1234567, "account_secret": ACCOUNT_SECRET, "api_url": server.url, "retries": 0}
    outcome = account.gather({**options, **params}, Context())
    assert not outcome.changed
    return outcome.result


def test_the_list_without_secrets_and_with_them() -> None:
    listed = [item(id=2, name="b", status="SUSPENDED"), item(), item(id=3, name="a")]
    with LocalServer(answers(reply(200, listed))) as server:
        plain = run(server)
        assert [each["id"] for each in plain["projects"]] == ["3", "45828062", "2"]
        assert (plain["account"], plain["total"], plain["projects"][1]) == ("1234567", 3, SHOWN)
        assert SECRET not in json.dumps(plain)
        some = run(server, names=["acme-*", "b"], status=["ACTIVE"], include_secrets=True)
        assert (some["total"], some["projects"]) == (3, [{**SHOWN, "secret": SECRET}])
    assert {(asked.method, asked.path) for asked in server.asked} == {("GET", "/v2/project")}
    claims = jwt.decode(server.asked[0].headers["x-opentok-auth"], ACCOUNT_SECRET, algorithms=["HS256"])
    assert (claims["iss"], claims["ist"]) == ("1234567", "account")


def test_some_projects_are_read_one_by_one() -> None:
    with LocalServer(lambda asked, before: reply(200, item(id=asked.path.rpartition("/")[2]))) as server:
        found = run(server, ids=["7", "5", "7"])
    assert [each["id"] for each in found["projects"]] == ["7", "5"]
    assert sorted(asked.path for asked in server.asked) == ["/v2/project/5", "/v2/project/7"]


@pytest.mark.parametrize(
    ("answer", "kind", "told"),
    [
        (reply(403), errors.DeniedError, r"account_secret does not belong to account_key 1234567.*those of a project"),
        (reply(404), errors.NotFoundError, r"Could not list the projects of account 1234567: .*account_key 1234567"),
        (reply(200, {"projects": [item()]}), errors.RejectedError, r"the answer is no list of projects"),
        (reply(200, [{"secret": SECRET}]), errors.RejectedError, r"a project without an id"),
        (reply(503), errors.UnreachableError, r"HTTP 503"),
    ],
)
def test_what_came_instead(answer: t.Any, kind: type[errors.ArchivingError], told: str) -> None:
    with LocalServer(answers(answer)) as server, pytest.raises(kind, match=told) as caught:
        run(server)
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize(
    ("params", "told"),
    [
        ({"account_key": ""}, "account_key is required"),
        ({"account_key": SECRET}, "look swapped"),
        ({"account_key": "a/b"}, "characters that no key has"),
        ({"account_key": f"471:{SECRET}"}, "characters that no key has"),
        ({"account_secret": " "}, "account_secret is required"),
        ({"account_secret": " x"}, "white space"),
        ({"account_key": "x", "account_secret": "x"}, "is the same as"),
        ({"ids": ["1", "../2"]}, "ids has 1 of 2"),
        ({"ids": [SECRET]}, "ids has 1 of 1"),
        ({"names": [""]}, "empty pattern"),
        ({"status": ["active"]}, 'status has "active"'),
        ({"api_url": "http://api.example.com"}, "would send secrets unencrypted"),
        ({"timeout": 0}, "timeout"),
    ],
)
def test_what_is_wrong_is_told_and_nothing_sent(params: dict[str, t.Any], told: str) -> None:
    with LocalServer(answers(reply(200, []))) as server, pytest.raises(errors.InputError, match=told) as caught:
        run(server, **params)
    assert server.asked == []
    assert len(caught.value.problems) == 1
    assert SECRET not in str(caught.value)
    values = [params.get("account_key"), *params.get("ids", [])]
    assert list(caught.value.secrets) == [value for value in values if value and SECRET in value]


def test_the_environment_serves_and_empty_means_unset() -> None:
    environ = {
        "VONAGE_VIDEO_ACCOUNT_KEY": "9",
        "VONAGE_VIDEO_ACCOUNT_SECRET": ACCOUNT_SECRET,
        "VONAGE_VIDEO_ACCOUNT_API_URL": "https://api.example.com/",
    }
    asked = account.options({"account_key": "", "api_url": None}, environ)
    assert (asked.account.id, asked.account.secret, asked.account.api_url) == (
        "9",
        ACCOUNT_SECRET,
        "https://api.example.com",
    )
    with pytest.raises(errors.InputError, match="account_key is required; account_secret is required"):
        account.options({}, dict.fromkeys(environ, ""))
    empty = {**environ, "VONAGE_VIDEO_ACCOUNT_API_URL": ""}
    assert account.options({}, empty).account.api_url == "https://api.opentok.com"


def test_account_ignores_the_url_of_projects() -> None:
    environ = {
        "VONAGE_VIDEO_ACCOUNT_KEY": "9",
        "VONAGE_VIDEO_ACCOUNT_SECRET": ACCOUNT_SECRET,
        "VONAGE_VIDEO_API_URL": "https://attacker.example.com",
    }
    assert account.options({}, environ).account.api_url == "https://api.opentok.com"


@pytest.mark.parametrize("own", [{"api_secret": "s"}, {"private_key": "p"}, {"api_url": "https://api.example.com"}])
def test_secret_of_the_project_keeps_its_own_host(own: dict[str, str]) -> None:
    environ = {"VONAGE_VIDEO_ACCOUNT_API_URL": "https://account.example.com"}
    assert account.with_account_url(own, environ) == own


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({"VONAGE_VIDEO_ACCOUNT_API_URL": "https://account.example.com/"}, "https://account.example.com"),
        ({"VONAGE_VIDEO_API_URL": "https://attacker.example.com"}, "https://api.opentok.com"),
    ],
)
def test_secret_that_the_account_returns_is_used_at_the_host_of_the_account(
    environ: dict[str, str], expected: str
) -> None:
    params = {"api_secret": "", "private_key": None, "api_url": "", "project": "1"}
    assert account.with_account_url(params, environ) == {**params, "api_url": expected}


def test_result_contains_the_host_that_returned_the_secrets() -> None:
    with LocalServer(answers(reply(200, []))) as server:
        assert run(server)["api_url"] == server.url
