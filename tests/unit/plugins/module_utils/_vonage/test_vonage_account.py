# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
import typing as t

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.vonage.archiving.plugins.module_utils._core import errors
from ansible_collections.vonage.archiving.plugins.module_utils._core.misplaced_secrets import find_misplaced_secrets
from ansible_collections.vonage.archiving.plugins.module_utils._core.plan import Context
from ansible_collections.vonage.archiving.plugins.module_utils._vonage import account, projects
from ansible_collections.vonage.archiving.plugins.module_utils._vonage.projects import AccountProject
from ansible_collections.vonage.archiving.tests.unit.plugins.module_utils.local_server import (
    LocalServer,
    replies,
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
    """A project as in the documents."""
    usual = {**SHOWN, "id": 45828062, "secret": SECRET, "createdAt": 1795284000000}
    del usual["created"]
    return {**usual, **changes}


def test_parse_returns_the_project_without_secret_in_repr() -> None:
    found = projects.parse(item())
    assert found.to_result() == SHOWN
    assert found.secret == SECRET
    assert SECRET not in repr(found)


@pytest.mark.parametrize(
    ("status", "expected"),
    [("VALID", "ACTIVE"), ("valid", "ACTIVE"), ("suspended", "SUSPENDED"), ("NEW", "NEW"), (3, "")],
)
def test_parse_status(status: t.Any, expected: str) -> None:
    assert projects.parse(item(status=status)).status == expected


def test_parse_form_of_public_code() -> None:
    seen = {
        "id": "1",
        "secret": SECRET,
        "status": "VALID",
        "environmentName": "Enterprise",
        "environmentDescription": "",
    }
    assert projects.parse(seen).to_result() == {
        "id": "1",
        "name": "",
        "status": "ACTIVE",
        "environment": "enterprise",
        "created": None,
    }


@pytest.mark.parametrize("document", [None, {}, "x", [None], [{}], [{"id": True}], [{"id": {}}], [{"id": ""}]])
def test_parse_all_other_document_is_an_error(document: t.Any) -> None:
    with pytest.raises(
        ValueError, match=r"^the response (is not a list of projects|contains a project without an id)$"
    ):
        projects.parse_all(document)


scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.lists(st.integers())


@given(st.fixed_dictionaries(dict.fromkeys(item(), scalars)))
def test_parse_any_item_is_a_project_or_an_error(strange: dict[str, t.Any]) -> None:
    try:
        found = projects.parse(strange)
    except ValueError as exc:
        assert str(exc) == "the response contains a project without an id"  # noqa: PT017
        return
    json.dumps(found.to_result())


def test_select_filters_by_name_and_status() -> None:
    several = [AccountProject(name, name, status) for name, status in (("a-1", "ACTIVE"), ("b-1", "SUSPENDED"))]

    def names(patterns: t.Sequence[str] = (), statuses: t.Sequence[str] = ()) -> list[str]:
        return [each.name for each in projects.select(several, patterns, statuses)]

    assert names() == ["a-1", "b-1"]
    assert names(["a-*", "x"]) == names([], ["ACTIVE"]) == names(["?-1"], ["ACTIVE"]) == ["a-1"]
    assert names(["A-*"]) == names(["a-1"], ["SUSPENDED"]) == []


def run(server: LocalServer, **params: t.Any) -> dict[str, t.Any]:
    options = {"account_key": 1234567, "account_secret": ACCOUNT_SECRET, "api_url": server.url, "retries": 0}
    outcome = account.reconcile({**options, **params}, Context())
    assert not outcome.changed
    return outcome.result


def test_reconcile_returns_secrets_only_with_include_secrets() -> None:
    all_projects = [item(id=2, name="b", status="SUSPENDED"), item(), item(id=3, name="a")]
    with LocalServer(replies(reply(200, all_projects))) as server:
        plain = run(server)
        assert [each["id"] for each in plain["projects"]] == ["3", "45828062", "2"]
        assert (plain["account"], plain["total"], plain["projects"][1]) == ("1234567", 3, SHOWN)
        assert SECRET not in json.dumps(plain)
        selected = run(server, names=["acme-*", "b"], status=["ACTIVE"], include_secrets=True)
        assert (selected["total"], selected["projects"]) == (3, [{**SHOWN, "secret": SECRET}])
    assert {(request.method, request.path) for request in server.requests} == {("GET", "/v2/project")}
    claims = jwt.decode(server.requests[0].headers["x-opentok-auth"], ACCOUNT_SECRET, algorithms=["HS256"])
    assert (claims["iss"], claims["ist"]) == ("1234567", "account")


def test_reconcile_ids_sends_one_request_each() -> None:
    with LocalServer(lambda request, before: reply(200, item(id=request.path.rpartition("/")[2]))) as server:
        found = run(server, ids=["7", "5", "7"])
    assert [each["id"] for each in found["projects"]] == ["7", "5"]
    assert sorted(request.path for request in server.requests) == ["/v2/project/5", "/v2/project/7"]


@pytest.mark.parametrize(
    ("response", "kind", "message"),
    [
        (
            reply(403),
            errors.DeniedError,
            r"account_secret does not belong to account_key 1234567.*not those of a project",
        ),
        (reply(404), errors.NotFoundError, r"Could not list the projects of account 1234567: .*account_key 1234567"),
        (reply(200, {"projects": [item()]}), errors.RejectedError, r"the response is not a list of projects"),
        (reply(200, [{"secret": SECRET}]), errors.RejectedError, r"a project without an id"),
        (reply(503), errors.UnreachableError, r"HTTP 503"),
    ],
)
def test_reconcile_other_response_is_an_error(response: t.Any, kind: type[errors.ArchivingError], message: str) -> None:
    with LocalServer(replies(response)) as server, pytest.raises(kind, match=message) as caught:
        run(server)
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"account_key": ""}, "account_key: is required"),
        ({"account_key": SECRET}, "are swapped"),
        ({"account_key": "a/b"}, "characters that are not valid in a key"),
        ({"account_key": f"471:{SECRET}"}, "characters that are not valid in a key"),
        ({"account_secret": " "}, "account_secret: is required"),
        ({"account_secret": " x"}, "white space"),
        ({"account_key": "x", "account_secret": "x"}, "is the same as"),
        ({"ids": ["1", "../2"]}, "ids: 1 of 2"),
        ({"ids": [SECRET]}, "ids: 1 of 1"),
        ({"names": [""]}, "empty pattern"),
        ({"status": ["active"]}, 'status: "active" is not one of'),
        ({"api_url": "http://api.example.com"}, "would send secrets unencrypted"),
        ({"timeout": 0}, "timeout"),
    ],
)
def test_reconcile_invalid_option_is_reported_before_any_request(params: dict[str, t.Any], message: str) -> None:
    with (
        LocalServer(replies(reply(200, []))) as server,
        pytest.raises(errors.InputError, match=message) as caught,
    ):
        run(server, **params)
    assert server.requests == []
    assert len(caught.value.problems) == 1
    assert SECRET not in str(caught.value)
    values = [params.get("account_key"), *params.get("ids", [])]
    assert find_misplaced_secrets(params) == [value for value in values if value and SECRET in value]


def test_parse_params_uses_environment_variables_that_are_not_empty() -> None:
    environ = {
        "VONAGE_VIDEO_ACCOUNT_KEY": "9",
        "VONAGE_VIDEO_ACCOUNT_SECRET": ACCOUNT_SECRET,
        "VONAGE_VIDEO_ACCOUNT_API_URL": "https://api.example.com/",
    }
    parsed = account.parse_params({"account_key": "", "api_url": None}, environ)
    assert (parsed.account.id, parsed.account.secret, parsed.account.api_url) == (
        "9",
        ACCOUNT_SECRET,
        "https://api.example.com",
    )
    with pytest.raises(errors.InputError, match="account_key: is required; account_secret: is required"):
        account.parse_params({}, dict.fromkeys(environ, ""))
    empty = {**environ, "VONAGE_VIDEO_ACCOUNT_API_URL": ""}
    assert account.parse_params({}, empty).account.api_url == "https://api.opentok.com"


def test_parse_params_ignores_the_url_of_projects() -> None:
    environ = {
        "VONAGE_VIDEO_ACCOUNT_KEY": "9",
        "VONAGE_VIDEO_ACCOUNT_SECRET": ACCOUNT_SECRET,
        "VONAGE_VIDEO_API_URL": "https://attacker.example.com",
    }
    assert account.parse_params({}, environ).account.api_url == "https://api.opentok.com"


@pytest.mark.parametrize("own", [{"api_secret": "s"}, {"private_key": "p"}, {"api_url": "https://api.example.com"}])
def test_with_account_url_own_secret_keeps_the_options(own: dict[str, str]) -> None:
    environ = {"VONAGE_VIDEO_ACCOUNT_API_URL": "https://account.example.com"}
    assert account.with_account_url(own, environ) == own


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({"VONAGE_VIDEO_ACCOUNT_API_URL": "https://account.example.com/"}, "https://account.example.com"),
        ({"VONAGE_VIDEO_API_URL": "https://attacker.example.com"}, "https://api.opentok.com"),
    ],
)
def test_with_account_url_secret_of_the_account_uses_its_host(environ: dict[str, str], expected: str) -> None:
    params = {"api_secret": "", "private_key": None, "api_url": "", "project": "1"}
    assert account.with_account_url(params, environ) == {**params, "api_url": expected}


def test_reconcile_returns_the_host() -> None:
    with LocalServer(replies(reply(200, []))) as server:
        assert run(server)["api_url"] == server.url
