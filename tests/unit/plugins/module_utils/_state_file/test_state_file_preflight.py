# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The check of the credentials before changes: when it is sent, and which responses it accepts."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, replace

import pytest

from ansible_collections.vonage.archiving.plugins.module_utils._core import errors
from ansible_collections.vonage.archiving.plugins.module_utils._core.budget import Budget
from ansible_collections.vonage.archiving.plugins.module_utils._core.runtime import Runtime
from ansible_collections.vonage.archiving.plugins.module_utils._state_file import preflight, state
from ansible_collections.vonage.archiving.plugins.module_utils._state_file.store import StoredObject
from ansible_collections.vonage.archiving.plugins.module_utils._vonage.project import Project
from ansible_collections.vonage.archiving.tests.unit.plugins.module_utils.local_server import LocalServer, Reply, reply

NOW = 1_800_000_000.0
SECRET = "0123456789abcdef0123456789abcdef01234567"
URL = "https://api.opentok.com"
STORAGE = {"type": "s3", "bucket": "b-1", "access_key": "AKIA", "sse": "s3", "fallback": "none"}
LIST = {"count": 0, "items": []}
PROJECT = Project("45828062", SECRET, budget=Budget(timeout=5, retries=0, total=5))


def applied(**changes: t.Any) -> state.State:
    pending = state.create_pending("45828062", URL, NOW, STORAGE, "secret", SECRET)
    return replace(pending.commit(state.APPLIED, NOW), **changes)


def test_has_accepted_credentials_only_of_a_reliable_state_file() -> None:
    data = state.dump(applied())
    assert preflight.has_accepted_credentials(data, PROJECT, NOW)
    assert not preflight.has_accepted_credentials(data, replace(PROJECT, secret="f" * 40), NOW)
    assert not preflight.has_accepted_credentials(data, replace(PROJECT, id="83"), NOW)
    assert not preflight.has_accepted_credentials(data, replace(PROJECT, api_url="https://other.example.com"), NOW)
    assert not preflight.has_accepted_credentials(data, PROJECT, NOW - 7 * 86400)
    for unusable in (None, b"", b"{", state.dump(applied(status="pending")), state.dump(applied(status="absent"))):
        assert not preflight.has_accepted_credentials(unusable, PROJECT, NOW)


@dataclass
class Store:
    data: bytes | None = None
    location: str = "memory"

    def read(self) -> StoredObject:
        return StoredObject(self.data)


def run(mode: str, store: Store | None, response: Reply) -> list[str]:
    """Check the credentials, and return the requests."""
    with LocalServer(lambda _request, _before: response) as server:
        project = replace(PROJECT, api_url=server.url)
        if store and store.data:
            store.data = state.dump(replace(state.parse(store.data), api_url=server.url))
        preflight.check_before_changes(mode, project, t.cast(t.Any, store), Runtime(now=lambda: NOW))
        return [f"{request.method} {request.path}" for request in server.requests]


REQUEST = ["GET /v2/project/45828062/archive?count=1"]


@pytest.mark.parametrize(
    ("mode", "store", "requests"),
    [
        ("auto", None, REQUEST),
        ("auto", Store(), REQUEST),
        ("auto", Store(state.dump(applied())), []),
        ("auto", Store(state.dump(applied(credentials_hmac=""))), REQUEST),
        ("always", Store(state.dump(applied())), REQUEST),
        ("never", None, []),
    ],
    ids=["no state file option", "no state file", "applied", "another secret", "always", "never"],
)
def test_check_before_changes_sends_one_request_if_the_credentials_are_not_known(
    mode: str, store: Store | None, requests: list[str]
) -> None:
    store = replace(store) if store else None
    assert run(mode, store, reply(200, LIST)) == requests


@pytest.mark.parametrize(
    ("response", "error"),
    [
        (reply(401, {"code": 401, "message": "no"}), errors.DeniedError),
        (reply(403, {"code": 403, "message": "no"}), errors.DeniedError),
        (reply(404), errors.NotFoundError),
        (reply(503), errors.UnreachableError),
        (Reply(200, b"<html>a portal</html>"), errors.RejectedError),
    ],
)
def test_check_before_changes_any_other_response_is_an_error(response: Reply, error: type[Exception]) -> None:
    with pytest.raises(error, match=r"Could not check the credentials of project 45828062: .*Nothing was changed\.$"):
        run("auto", None, response)
