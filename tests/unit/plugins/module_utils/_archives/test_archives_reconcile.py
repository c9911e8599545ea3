# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
import pathlib
import time
import typing as t

import pytest

from ansible_collections.vonage.archiving.plugins.module_utils._archives import listing
from ansible_collections.vonage.archiving.plugins.module_utils._archives import reconcile as archive_info
from ansible_collections.vonage.archiving.plugins.module_utils._core import errors
from ansible_collections.vonage.archiving.plugins.module_utils._core.plan import Context
from ansible_collections.vonage.archiving.plugins.module_utils._core.timestamps import format_utc, parse_utc
from ansible_collections.vonage.archiving.plugins.module_utils._state_file import state
from ansible_collections.vonage.archiving.tests.unit.plugins.module_utils.local_server import (
    LocalServer,
    ReceivedRequest,
    Reply,
    reply,
)

API_SECRET = "0123456789abcdef0123456789abcdef01234567"
DAY = 86400
SIGNED = "https://archive.example.com/x.mp4?Signature=hush"
PASSWORD = "p4ssw0rd-of-an-archive"


def create_archives(now: float) -> list[dict[str, t.Any]]:
    """Newest first: one of each kind, an hour old, and one that is older than any target."""
    hour = int(now - 3600) * 1000
    common = {"password": PASSWORD, "duration": 60, "size": 7}
    return [
        {**common, "id": "a1", "status": "uploaded", "createdAt": hour},
        {**common, "id": "a2", "status": "available", "createdAt": hour - 1, "url": SIGNED},
        {**common, "id": "a3", "status": "stopped", "createdAt": hour - 2},
        {**common, "id": "a4", "status": "expired", "createdAt": int(now - 9 * DAY) * 1000},
    ]


class ArchiveProject:
    """A project, and a server that lists its archives."""

    def __init__(self, server: LocalServer, folder: pathlib.Path) -> None:
        self.server = server
        self.path = folder / "state.json"
        self.warnings: list[str] = []

    def run(self, **params: t.Any) -> dict[str, t.Any]:
        options = {
            "api_key": "45828062",
            "api_secret": API_SECRET,
            "api_url": self.server.url,
            "timeout": 10,
            "retries": 0,
            **params,
        }
        outcome = archive_info.reconcile(options, Context(warn=self.warnings.append))
        assert not outcome.changed
        for secret in (API_SECRET, PASSWORD):
            assert secret not in json.dumps(outcome.result)
        return outcome.result

    def write_state_file(self, status: str, age: float, project: str = "45828062", since: float | None = None) -> str:
        """Write a state file of this age; ``since`` is the age of the first target."""
        then = time.time() - age
        first = "" if since is None else format_utc(time.time() - since)
        pending = state.create_pending(
            project, self.server.url, then, {"type": "s3"}, "secret", API_SECRET, since=first
        )
        self.path.write_bytes(state.dump(pending if status == state.PENDING else pending.commit(status, then)))
        return str(self.path)


def list_response(request: ReceivedRequest, before: int) -> Reply:
    archives = create_archives(time.time())
    return reply(200, {"count": len(archives), "items": archives})


@pytest.fixture
def archive_project(tmp_path: pathlib.Path) -> t.Iterator[ArchiveProject]:
    with LocalServer(list_response) as server:
        yield ArchiveProject(server, tmp_path)


def test_reconcile_any_archives_returns_them_and_health(archive_project: ArchiveProject) -> None:
    result = archive_project.run(target_set_at=str(DAY), stuck_after=600)
    assert [archive["id"] for archive in result["archives"]] == ["a1", "a2", "a3", "a4"]
    assert (result["project"], result["total"], result["matching"], result["complete"]) == ("45828062", 4, 4, True)
    health = result["health"]
    assert (health["ok"], health["checked"], health["reason"]) == (False, 4, None)
    assert {name: health[name]["ids"] for name in ("uploaded", "fell_back", "stuck", "in_cloud")} == {
        "uploaded": ["a1"],
        "fell_back": ["a2"],
        "stuck": ["a3"],
        "in_cloud": ["a4"],
    }
    assert SIGNED not in json.dumps(result)
    assert archive_project.warnings == []


def test_reconcile_status_and_limit_do_not_change_health(archive_project: ArchiveProject) -> None:
    result = archive_project.run(status=["stopped", "expired"], limit=1)
    assert ([archive["id"] for archive in result["archives"]], result["matching"]) == (["a3"], 2)
    assert result["health"]["checked"] == 4
    none = archive_project.run(limit=0, since="7200")
    assert (none["archives"], none["matching"], none["total"], none["health"]["checked"]) == ([], 3, 4, 3)


def test_reconcile_include_urls_returns_urls(archive_project: ArchiveProject) -> None:
    result = archive_project.run(include_urls=True)
    assert [archive["url"] for archive in result["archives"]] == [None, SIGNED, None, None]


@pytest.mark.parametrize("set_again", [DAY, 60])
def test_reconcile_state_file_sets_the_target_time(archive_project: ArchiveProject, set_again: int) -> None:
    """A rotation after the recording does not hide the fallback."""
    path = archive_project.write_state_file(state.APPLIED, set_again, since=DAY)
    health = archive_project.run(state_file=path)["health"]
    assert (health["fell_back"]["ids"], health["reason"]) == (["a2"], None)
    assert abs((parse_utc(health["target_set_at"]) or 0) - (time.time() - DAY)) < 5


@pytest.mark.parametrize(
    ("status", "project", "reason"),
    [
        (state.PENDING, "45828062", state.UNFINISHED),
        (state.ABSENT, "45828062", "the state file states that there is no upload target"),
        (state.APPLIED, "9", "the state file is of another project (9)"),
    ],
)
def test_reconcile_state_file_without_target_time_states_the_reason(
    archive_project: ArchiveProject, status: str, project: str, reason: str
) -> None:
    path = archive_project.write_state_file(status, DAY, project)
    health = archive_project.run(state_file=path, stuck_after=7200)["health"]
    assert (health["ok"], health["fell_back"], health["target_set_at"], health["reason"]) == (None, None, None, reason)


def test_reconcile_missing_or_invalid_state_file_states_the_reason(archive_project: ArchiveProject) -> None:
    assert archive_project.run(state_file=str(archive_project.path))["health"]["reason"] == "there is no state file"
    archive_project.path.write_text("x")
    assert archive_project.run(state_file=str(archive_project.path))["health"]["reason"] == "its content is not JSON"
    assert archive_project.run()["health"]["reason"] == "neither state_file nor target_set_at is set"


def test_reconcile_invalid_options_are_reported_together_before_any_request(archive_project: ArchiveProject) -> None:
    with pytest.raises(errors.InputError) as caught:
        archive_project.run(
            api_key=API_SECRET,
            since="soon",
            target_set_at="later",
            state_file="relative",
            limit=-1,
            stuck_after=1.5,
            bucket="b/c",
            bucket_limit="many",
            session_token="x",
            endpoint_url="nowhere",
        )
    text = " ".join(map(str, caught.value.problems))
    names = (
        "since:",
        "target_set_at:",
        "state_file: '",
        "limit: -1",
        "stuck_after:",
        "bucket: 'b/c'",
        "bucket_limit:",
    )
    for name in (
        *names,
        "api_key: contains an API secret",
        "mutually exclusive",
        "session_token: is set without access_key",
        "endpoint_url",
    ):
        assert name in text, name
    assert API_SECRET not in text
    assert archive_project.server.requests == []


def test_reconcile_other_response_is_an_error(archive_project: ArchiveProject) -> None:
    archive_project.server.respond = lambda request, before: reply(200, {"items": "none"})
    with pytest.raises(errors.RejectedError, match="the response is not a list of archives with count and items"):
        archive_project.run()


def test_reconcile_incomplete_list_is_a_warning(archive_project: ArchiveProject) -> None:
    archives = create_archives(time.time())[:2]
    archive_project.server.respond = lambda request, before: reply(200, {"count": 9 - before, "items": archives})
    incomplete = archive_project.run(target_set_at=str(DAY))
    assert (incomplete["complete"], incomplete["health"]["ok"]) == (False, False)
    assert len(archive_project.warnings) == 1
    assert "deleted while the list was fetched" in archive_project.warnings[0]


def test_reconcile_incomplete_list_without_problems_is_unknown(archive_project: ArchiveProject) -> None:
    archives = create_archives(time.time())[:1]
    archive_project.server.respond = lambda request, before: reply(200, {"count": 10**9, "items": archives})
    health = archive_project.run(target_set_at=str(DAY))["health"]
    assert (health["checked"], health["ok"]) == (1, None)
    assert len(archive_project.server.requests) <= 2 * (1 + listing.WORKERS)
