# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Writing the report of a fleet to files and buckets."""

from __future__ import annotations

import json
import os
import pathlib
import types
import typing as t

import pytest

from ansible_collections.vonage.archiving.plugins.module_utils._aws import s3_client as bucket_api
from ansible_collections.vonage.archiving.plugins.module_utils._aws.session import Connection
from ansible_collections.vonage.archiving.plugins.module_utils._core import errors
from ansible_collections.vonage.archiving.plugins.module_utils._core.argument_spec import validate_options
from ansible_collections.vonage.archiving.plugins.module_utils._core.plan import Context, Outcome
from ansible_collections.vonage.archiving.plugins.module_utils._fleet_report.reconcile import (
    ARGUMENTS,
    HostResult,
    reconcile,
)
from ansible_collections.vonage.archiving.tests.unit.plugins.module_utils._fleet_report.fleet_results import (
    EXTERNAL_KEY,
    FAILED,
    HOSTILE,
    NAMED,
)

HOSTS = [
    HostResult("a", NAMED, EXTERNAL_KEY),
    HostResult("b", {"vonage_project_id": "2", "vonage_project_name": HOSTILE[0]}, {**FAILED, "project": "2"}),
    HostResult("c", {"vonage_project_id": "3", "vonage_project_name": "\ud800"}, None),
]


def write_report(path: t.Any = None, check_mode: bool = False, **options: t.Any) -> tuple[Outcome, str]:
    texts: list[str] = []
    params = validate_options(ARGUMENTS, {"report_path": path, **options})
    outcome = reconcile(params, Context(check_mode), iter(HOSTS), texts.append)
    assert len(texts) == 1
    assert not outcome.changed
    return outcome, texts[0]


@pytest.mark.parametrize("path", [None, "", " "])
def test_reconcile_without_path_only_shows_the_table(
    path: t.Any, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    outcome, table = write_report(path)
    assert outcome.result["report"] is None
    assert (outcome.result["summary"]["total"], outcome.result["summary"]["failed_projects"]) == (3, ["2", "3"])
    assert "3 projects: 1 failed, 1 not run, 1 ok." in table
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["fleet.html", "fleet", "fleet.json"])
@pytest.mark.parametrize("check_mode", [False, True])
def test_reconcile_path_writes_page_and_data(tmp_path: pathlib.Path, name: str, check_mode: bool) -> None:
    (tmp_path / "fleet.json").write_text("previous report")
    outcome, table = write_report(str(tmp_path / name), check_mode)
    assert outcome.result["report"] == {"html": f"{tmp_path}/fleet.html", "json": f"{tmp_path}/fleet.json"}
    assert sorted(os.listdir(tmp_path)) == ["fleet.html", "fleet.json"]
    data = json.loads((tmp_path / "fleet.json").read_text())
    assert (data["check_mode"], [project["host"] for project in data["projects"]]) == (check_mode, ["b", "c", "a"])
    assert data["summary"] == outcome.result["summary"]
    page = (tmp_path / "fleet.html").read_text(encoding="utf-8")
    assert "&lt;script&gt;" in page
    assert ("dry run" in page) is ("dry run" in table) is check_mode


def test_reconcile_path_in_home_folder_is_expanded(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert write_report("~/fleet.html")[0].result["report"]["html"] == "~/fleet.html"
    assert (tmp_path / "fleet.html").exists()


def test_reconcile_name_with_dot_keeps_it(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert write_report("fleet.2026-11")[0].result["report"] == {
        "html": "fleet.2026-11.html",
        "json": "fleet.2026-11.json",
    }


@pytest.mark.parametrize("path", ["{0}/no/fleet.html", "{0}/file/fleet", "{0}/taken", "{0}/a\0b", "{0}/{1}"])
def test_reconcile_path_not_writable_fails(tmp_path: pathlib.Path, path: str) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "taken.html").mkdir()
    before = sorted(os.listdir(tmp_path))
    with pytest.raises(errors.RejectedError, match=r"^Could not write the report ") as caught:
        write_report(path.format(tmp_path, "x" * 300))
    assert caught.value.problem
    assert "in an existing folder" in caught.value.hint
    assert sorted(os.listdir(tmp_path)) == before


@pytest.mark.parametrize(
    "path", ["reports/", "s3://bucket-1/reports/", ".html", ".json", "s3://bucket-1/reports/.html"]
)
def test_reconcile_path_of_folder_is_invalid(
    path: str, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "reports").mkdir()
    with pytest.raises(errors.InputError, match="does not name a file"):
        write_report(path)
    assert list((tmp_path / "reports").iterdir()) == []


def test_reconcile_full_disk_keeps_previous_report(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "fleet.html").write_text("previous report")

    def fail(_part: str, _final: str) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(errors.RejectedError, match="No space left"):
        write_report(str(tmp_path / "fleet.html"))
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"fleet.html": "previous report"}


def test_reconcile_symbolic_links_are_not_followed(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a shared folder, another user can create links under every name that can be predicted."""
    victim, folder = tmp_path / "victim", tmp_path / "shared"
    victim.write_text("data of another user")
    folder.mkdir()
    for name in ("fleet.html", "fleet.json"):
        (folder / f"{name}.{os.getpid()}.part").symlink_to(victim)
        (folder / name).symlink_to(victim)
    assert write_report(str(folder / "fleet.html"))[0].result["report"]
    assert victim.read_text() == "data of another user"
    for name in ("fleet.html", "fleet.json"):
        assert not (folder / name).is_symlink()
        assert (folder / name).read_text() != "data of another user"
    planted = sorted(f"{name}.{os.getpid()}.part" for name in ("fleet.html", "fleet.json"))
    assert sorted(os.listdir(folder)) == sorted([*planted, "fleet.html", "fleet.json"])


def test_reconcile_existing_temporary_file_is_an_error(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    victim = tmp_path / "victim"
    victim.write_text("data of another user")
    monkeypatch.setattr("secrets.token_hex", lambda _size: "guessed")
    (tmp_path / ".guessed.part").symlink_to(victim)
    with pytest.raises(errors.RejectedError, match="File exists"):
        write_report(str(tmp_path / "fleet.html"))
    assert victim.read_text() == "data of another user"
    # The run did not create this file, so it must not delete it.
    assert sorted(os.listdir(tmp_path)) == [".guessed.part", "victim"]


@pytest.mark.parametrize(("umask", "mode"), [(0o022, 0o644), (0o077, 0o600), (0o002, 0o664)])
def test_reconcile_umask_sets_the_mode(tmp_path: pathlib.Path, umask: int, mode: int) -> None:
    before = os.umask(umask)
    try:
        write_report(str(tmp_path / "fleet.html"))
    finally:
        os.umask(before)
    assert [(tmp_path / name).stat().st_mode & 0o777 for name in ("fleet.html", "fleet.json")] == [mode, mode]


class Store:
    """A fake S3 client."""

    def __init__(self) -> None:
        self.puts: list[dict[str, t.Any]] = []
        self.accepts: t.Callable[[dict[str, t.Any]], bool] = lambda request: True
        self.meta = types.SimpleNamespace(region_name="eu-west-1")

    def put_object(self, **request: t.Any) -> dict[str, t.Any]:
        if not self.accepts(request):
            body = {"Error": {"Code": "AccessDenied"}, "ResponseMetadata": {"HTTPStatusCode": 403}}
            raise pytest.importorskip("botocore.exceptions").ClientError(body, "PutObject")
        self.puts.append(request)
        return {}


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Store:
    fake = Store()

    def make_client(connection: Connection) -> Store:
        fake.meta.endpoint_url = connection.endpoint_url or "https://s3.eu-west-1.amazonaws.com"
        return fake

    monkeypatch.setattr(bucket_api, "make_client", make_client)
    return fake


@pytest.mark.parametrize(
    ("path", "keys"),
    [
        ("s3://bucket-1/fleet.html", ["fleet.html", "fleet.json"]),
        ("s3://bucket-1/a/b/fleet", ["a/b/fleet.html", "a/b/fleet.json"]),
        ("s3://bucket-1/fleet.json", ["fleet.html", "fleet.json"]),
    ],
)
@pytest.mark.parametrize("endpoint", [None, "https://s3.example.com", "https://s3.eu-west-1.amazonaws.com"])
def test_reconcile_s3_path_writes_objects(store: Store, path: str, keys: list[str], endpoint: str | None) -> None:
    outcome, _table = write_report(path, endpoint_url=endpoint)
    assert [(put["Bucket"], put["Key"]) for put in store.puts] == [("bucket-1", key) for key in keys]
    assert [put["ContentType"] for put in store.puts] == ["text/html; charset=utf-8", "application/json"]
    assert outcome.result["report"]["html"] == f"s3://bucket-1/{keys[0]}"
    json.loads(store.puts[1]["Body"])
    # As for state files: other stores may reject the header, and a bucket policy on AWS may require it.
    is_other_store = endpoint == "https://s3.example.com"
    assert ["ServerSideEncryption" in put for put in store.puts] == [not is_other_store] * 2


@pytest.mark.parametrize(
    "path",
    [
        "s3://",
        "s3:///fleet.html",
        "s3://bucket-1",
        "s3://No Bucket/fleet.html",
        "s3://bucket-1/.vonage-archiving/47123456.json",
    ],
)
def test_reconcile_s3_path_not_valid_is_rejected(store: Store, path: str) -> None:
    with pytest.raises(errors.InputError, match="report_path"):
        write_report(path)
    assert store.puts == []


def test_reconcile_store_requires_encryption_adds_header(store: Store) -> None:
    store.accepts = lambda request: "ServerSideEncryption" in request
    write_report("s3://bucket-1/fleet.html", endpoint_url="https://s3.example.com")
    assert len(store.puts) == 2


def test_reconcile_access_denied_fails(store: Store) -> None:
    store.accepts = lambda request: False
    with pytest.raises(errors.DeniedError, match="s3:PutObject"):
        write_report("s3://bucket-1/fleet.html")
