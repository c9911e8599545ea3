# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The location of a state file: the option, and the kind of its store."""

from __future__ import annotations

import pathlib
import typing as t

import pytest

from ansible_collections.vonage.archiving.plugins.module_utils._aws.session import Connection
from ansible_collections.vonage.archiving.plugins.module_utils._core.problems import Problems
from ansible_collections.vonage.archiving.plugins.module_utils._state_file import store
from ansible_collections.vonage.archiving.plugins.module_utils._state_file.bucket_object import ObjectStore
from ansible_collections.vonage.archiving.plugins.module_utils._state_file.local_file import FileStore
from ansible_collections.vonage.archiving.plugins.module_utils._state_file.store import Location

OPERATOR = {"region": "eu-west-1", "access_key": "AKIAOPERATOR", "secret_key": "of-the-operator"}


def parse(text: str, project: str = "471") -> tuple[Location | None, list[str]]:
    problems = Problems()
    location = store.parse_location(text, project, problems)
    return location, [str(problem) for problem in problems]


@pytest.mark.parametrize(
    ("text", "location"),
    [
        ("/a/b.json", Location("", "/a/b.json")),
        ("/a/../b//c.json", Location("", "/b/c.json")),
        ("s3://bucket/a/b.json", Location("bucket", "a/b.json")),
        ("s3://bucket/4711/b.json", Location("bucket", "4711/b.json")),
    ],
)
def test_parse_location_of_a_file_and_an_object(text: str, location: Location) -> None:
    assert parse(text) == (location, [])


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("a/b.json", "is neither an absolute path nor s3://bucket/key"),
        ("/a/", "is a folder, not a file"),
        ("s3://bucket/a/", "is not of the form s3://bucket/key"),
        ("s3://bucket/a?b", "is not of the form s3://bucket/key"),
        ("s3://bucket/a#b", "is not of the form s3://bucket/key"),
        ("s3://bucket", "is not of the form s3://bucket/key"),
        ("https://bucket/a", "is not of the form s3://bucket/key"),
        ("s3://bucket/471/state.json", "is below 471/, the prefix of recordings"),
    ],
)
def test_parse_location_names_the_option_and_the_problem(text: str, problem: str) -> None:
    location, problems = parse(text)
    assert location is None
    assert len(problems) == 1
    assert problems[0].startswith("state_file: ")
    assert problem in problems[0]


def test_parse_location_expands_the_home_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/somewhere")
    assert parse("~/state.json") == (Location("", "/somewhere/state.json"), [])


def test_parse_location_without_a_project_accepts_any_key() -> None:
    assert parse("s3://bucket/471/state.json", "") == (Location("bucket", "471/state.json"), [])


def parse_store(**options: t.Any) -> tuple[store.Store | None, list[str]]:
    problems = Problems()
    parsed = store.parse_store({**OPERATOR, **options}, {}, "471", problems)
    return parsed, [str(problem) for problem in problems]


@pytest.mark.parametrize("options", [{}, {"state_file": None}, {"state_file": " "}])
def test_parse_store_without_the_option_is_none(options: dict[str, t.Any]) -> None:
    assert parse_store(**options) == (None, [])


def test_parse_store_of_a_file(tmp_path: pathlib.Path) -> None:
    path = str(tmp_path / "state.json")
    assert parse_store(state_file=path) == (FileStore(path), [])
    # The options of the connection are for buckets only.
    assert parse_store(state_file=path, endpoint_url="nonsense") == (FileStore(path), [])
    assert parse_store(state_file="relative")[0] is None


def test_parse_store_of_an_object_uses_the_connection() -> None:
    parsed, problems = parse_store(state_file="s3://bucket/a.json", endpoint_url="http://127.0.0.1:9")
    assert problems == []
    assert isinstance(parsed, ObjectStore)
    assert (parsed.location, parsed.bucket, parsed.key) == ("s3://bucket/a.json", "bucket", "a.json")
    assert parsed.connection.endpoint_url == "http://127.0.0.1:9"
    assert parsed.title == "the state file"


def test_parse_store_of_an_object_reports_problems_of_the_connection() -> None:
    parsed, problems = parse_store(state_file="s3://bucket/a.json", endpoint_url="nonsense")
    assert parsed is None
    assert any("endpoint_url" in problem for problem in problems)


def test_open_store_of_a_location() -> None:
    assert store.open_store(Location("", "/a/b.json"), Connection()) == FileStore("/a/b.json")


@pytest.mark.parametrize(
    ("location", "is_reserved"),
    [
        ("s3://bucket/.vonage-archiving/471.json", True),
        ("s3://bucket/a/.vonage-archiving/471.json", False),
        ("s3:///.vonage-archiving/471.json", False),
        (".vonage-archiving/471.json", False),
        ("/.vonage-archiving/471.json", False),
    ],
)
def test_is_reserved_below_the_prefix_of_the_collection(location: str, is_reserved: bool) -> None:
    assert store.is_reserved(location) is is_reserved
