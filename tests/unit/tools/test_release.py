# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Equal files result in equal artifacts, and a release rejects versions and working trees that it cannot release."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tools import release, reproducible
from tools.paths import ROOT
from tools.release import ReleaseError, precedence, set_version, unrelated_changes

GALAXY = {"namespace": "example", "name": "small", "version": "1.0.0", "readme": "README.md", "authors": ["A"]}
NAMES = ["README.md", "plugins/modules/b.py", "plugins/modules/a.py", "meta/runtime.yml"]
EPOCH = 1_700_000_000


def build(folder: Path, names: list[str], mtime: int) -> Path:
    """Build a small collection from files that are created in this order with this time."""
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("requires_ansible: '>=2.16.0'\n" if name.endswith(".yml") else f"# {name}\n")
        os.utime(path, (mtime, mtime))
    (folder / "galaxy.yml").write_text(yaml.safe_dump(GALAXY))
    command = [str(Path(sys.executable).with_name("ansible-galaxy")), "collection", "build", "--output-path", "dist"]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    return folder / "dist" / "example-small-1.0.0.tar.gz"


def test_normalize_with_other_times_and_order_returns_equal_bytes(tmp_path: Path) -> None:
    first = build(tmp_path / "one", NAMES, 1_000_000_000)
    second = build(tmp_path / "two", NAMES[::-1], 1_500_000_000)
    assert first.read_bytes() != second.read_bytes()
    for tarball in (first, second):
        reproducible.normalize(tarball, EPOCH)
    assert first.read_bytes() == second.read_bytes()
    reproducible.normalize(second, EPOCH + 1)
    assert first.read_bytes() != second.read_bytes()


def test_normalize_keeps_the_artifact_valid(tmp_path: Path) -> None:
    """The checksums of the manifest match, and ansible-galaxy installs the artifact."""
    tarball = build(tmp_path / "one", NAMES, 1_000_000_000)
    before = {name: content for name, (_member, content) in reproducible.read_members(tarball).items()}
    reproducible.normalize(tarball, EPOCH)
    members = reproducible.read_members(tarball)
    assert members.keys() == before.keys()
    assert all(members[name][1] == before[name] for name in NAMES)
    assert {member.mtime for member, _content in members.values()} == {EPOCH}
    checksum = json.loads(members["MANIFEST.json"][1])["file_manifest_file"]["chksum_sha256"]
    assert checksum == hashlib.sha256(members["FILES.json"][1]).hexdigest()
    names = [entry["name"] for entry in json.loads(members["FILES.json"][1])["files"]]
    assert names == sorted(names)
    assert set(NAMES) < set(names)
    galaxy = str(Path(sys.executable).with_name("ansible-galaxy"))
    install = [galaxy, "collection", "install", str(tarball), "--offline", "-p", str(tmp_path / "collections")]
    subprocess.run(install, check=True, capture_output=True)
    assert (tmp_path / "collections/ansible_collections/example/small/README.md").read_text() == "# README.md\n"


@pytest.mark.parametrize(("value", "expected"), [("12", 12), (None, None)])
def test_source_date_epoch_without_the_variable_is_the_time_of_the_commit(
    monkeypatch: pytest.MonkeyPatch, value: str | None, expected: int | None
) -> None:
    monkeypatch.delenv("SOURCE_DATE_EPOCH", raising=False)
    if value:
        monkeypatch.setenv("SOURCE_DATE_EPOCH", value)
    log = subprocess.run(["git", "log", "-1", "--format=%ct"], cwd=ROOT, capture_output=True, text=True, check=True)
    assert reproducible.source_date_epoch() == (expected or int(log.stdout))


def test_set_version_changes_the_version_only() -> None:
    galaxy = (ROOT / "galaxy.yml").read_text()
    changed = set_version(galaxy, "7.8.9-rc.1")
    assert yaml.safe_load(changed) == {**yaml.safe_load(galaxy), "version": "7.8.9-rc.1"}
    with pytest.raises(ReleaseError, match="expected one line"):
        set_version("name: archiving\n", "1.0.0")


def test_unrelated_changes_ignores_the_files_of_a_release() -> None:
    status = " M galaxy.yml\n?? CHANGELOG.md\n D changelogs/fragments/a.yml\n M plugins/a.py\n?? new.txt\n"
    assert unrelated_changes(status) == ["plugins/a.py", "new.txt"]


def test_precedence_orders_versions_by_number_and_pre_releases_before_their_release() -> None:
    versions = ["1.10.0", "1.0.0", "0.9.0", "1.2.0", "1.0.0-beta.1"]
    assert sorted(versions, key=precedence) == ["0.9.0", "1.0.0-beta.1", "1.0.0", "1.2.0", "1.10.0"]


@pytest.mark.parametrize(
    ("version", "message"),
    [
        ("", "not a semantic version"),
        ("v1.0.0", "not a semantic version"),
        ("1.0", "not a semantic version"),
        ("01.0.0", "not a semantic version"),
        ("1.0.0", "1.0.0 precedes 1.1.0"),
        ("1.1.0", "not committed: plugins/a.py"),
        ("1.2.0", "not committed: plugins/a.py"),
    ],
)
def test_check_preconditions_rejects_versions_and_changes(
    monkeypatch: pytest.MonkeyPatch, version: str, message: str
) -> None:
    run = subprocess.CompletedProcess([], 0, " M plugins/a.py\n")
    monkeypatch.setattr(release, "releases", lambda: {"1.1.0": {}})
    monkeypatch.setattr(subprocess, "run", lambda *_args, **_kwargs: run)
    with pytest.raises(ReleaseError, match=message):
        release.check_preconditions(version)


def test_check_preconditions_of_the_first_release_rejects_changes_of_unreleased_states(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = subprocess.CompletedProcess([], 0, "")
    monkeypatch.setattr(subprocess, "run", lambda *_args, **_kwargs: run)
    monkeypatch.setattr(release, "FRAGMENTS", tmp_path)
    (tmp_path / "1.0.0.yml").write_text("release_summary: First.\nknown_issues: [one]\nmajor_changes: [two]\n")
    (tmp_path / "later.yml").write_text("bugfixes: [one]\ntrivial: [two]\n")
    with pytest.raises(ReleaseError, match=r"no earlier state: later\.yml \(bugfixes\)\. Delete them\."):
        release.check_preconditions("1.0.0")
    monkeypatch.setattr(release, "releases", lambda: {"1.0.0": {}})
    release.check_preconditions("1.0.1")
    (tmp_path / "later.yml").unlink()
    monkeypatch.setattr(release, "releases", dict)
    release.check_preconditions("1.0.0")


def test_update_changelog_without_fragments_keeps_an_existing_release(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commands: list[tuple[str, ...]] = []
    monkeypatch.setattr(release, "releases", lambda: {"1.0.0": {}})
    monkeypatch.setattr(release, "run", lambda *command: commands.append(command))
    fragments = tmp_path / "fragments"
    fragments.mkdir()
    monkeypatch.setattr(release, "FRAGMENTS", fragments)
    release.update_changelog("1.0.0")
    assert commands == []
    release.update_changelog("1.1.0")
    (fragments / "a.yml").touch()
    release.update_changelog("1.0.0")
    assert [command[:4] for command in commands] == [
        ("antsibull-changelog", "release", "--version", "1.1.0"),
        ("antsibull-changelog", "release", "--version", "1.0.0"),
    ]
    assert ["--update-existing" in command for command in commands] == [False, True]


def test_release_epoch_is_midnight_in_utc(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(release, "releases", lambda: {"1.0.0": {"release_date": "2023-11-14"}})
    assert release.release_epoch("1.0.0") == "1699920000"


def test_write_checksums_can_be_verified(tmp_path: Path) -> None:
    (tmp_path / "b.tar.gz").write_bytes(b"artifact")
    (tmp_path / "a.json").write_text("{}")
    for _run in range(2):
        release.write_checksums(tmp_path)
    command = ["sha256sum", "--check", "SHA256SUMS"]
    check = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (check.returncode, check.stdout) == (0, "a.json: OK\nb.tar.gz: OK\n")


def test_bill_of_materials_contains_the_collection_and_its_requirements(tmp_path: Path) -> None:
    paths = [tmp_path / "one.json", tmp_path / "two.json"]
    for path in paths:
        release.write_bill_of_materials(path)
    assert paths[0].read_bytes() == paths[1].read_bytes()
    document = json.loads(paths[0].read_text())
    version = yaml.safe_load((ROOT / "galaxy.yml").read_text())["version"]
    main = document["metadata"]["component"]
    assert (document["bomFormat"], main["name"], main["version"]) == ("CycloneDX", "vonage.archiving", version)
    assert {component["name"].lower() for component in document["components"]} == {
        "ansible-core",
        "boto3",
        "pyjwt",
        "requests",
    }
    [dependencies] = [entry["dependsOn"] for entry in document["dependencies"] if entry["ref"] == main["bom-ref"]]
    assert dependencies == [component["bom-ref"] for component in document["components"]]
