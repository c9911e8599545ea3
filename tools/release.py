# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Prepare a release: version, changelog, artifact, bill of materials, and checksums; RELEASING.md has the other steps.

The files are in build/release, the changelog of the version is in build/release-notes.md. A second run of the same
version changes nothing, and creates the same files.

usage: python -m tools.release VERSION
"""

from __future__ import annotations

import datetime
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import yaml

from tools import artifact
from tools.environment import project_tool
from tools.paths import BUILD, ROOT, homeless_environment

RELEASE = BUILD / "release"
NOTES = BUILD / "release-notes.md"
CHANGELOG = ROOT / "changelogs" / "changelog.yaml"
FRAGMENTS = ROOT / "changelogs" / "fragments"
# Other sections describe a difference from an earlier release.
SECTIONS_OF_FIRST_RELEASE = {"release_summary", "major_changes", "known_issues", "trivial"}
# Semantic versioning, without build metadata, which Galaxy ignores in comparisons.
VERSION = re.compile(r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(-[0-9A-Za-z]+(\.[0-9A-Za-z]+)*)?")
VERSION_LINE = re.compile(r"^version: .*$", re.MULTILINE)
# A release changes these files.
GENERATED = re.compile(r"galaxy\.yml|CHANGELOG\.md|changelogs/(changelog\.yaml|fragments/.*)")


class ReleaseError(Exception):
    """A release cannot be prepared."""


def unrelated_changes(status: str) -> list[str]:
    """Return the files in the output of `git status --porcelain` that a release does not change."""
    return [line[3:] for line in status.splitlines() if not GENERATED.fullmatch(line[3:])]


def releases() -> dict[str, Any]:
    """Return the releases in the changelog."""
    content: dict[str, Any] = yaml.safe_load(CHANGELOG.read_text())
    return content["releases"] or {}


def precedence(version: str) -> tuple[Any, ...]:
    """Return the order of versions: a pre-release precedes its release."""
    numbers, _dash, label = version.partition("-")
    return (*map(int, numbers.split(".")), not label, label)


def check_preconditions(version: str) -> None:
    """Reject an invalid or earlier version, and files that are not committed: the artifact would contain them."""
    if not VERSION.fullmatch(version):
        raise ReleaseError(f"VERSION: {version!r} is not a semantic version. Use, for example, VERSION=1.0.0.")
    latest = max([*releases(), version], key=precedence)
    if version != latest:
        raise ReleaseError(f"VERSION: {version} precedes {latest}, which the changelog contains. Use a later version.")
    command = ["git", "status", "--porcelain", "--untracked-files=all"]
    status = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout
    if changes := unrelated_changes(status):
        raise ReleaseError(f"Working tree: not committed: {', '.join(changes)}. Commit or discard the changes.")
    if not releases() and (problems := first_release_problems(FRAGMENTS)):
        raise ReleaseError(f"Fragments: the first release has no earlier state: {', '.join(problems)}. Delete them.")


def first_release_problems(folder: Path) -> list[str]:
    """Return the sections of fragments that describe changes of states that were never released."""
    fragments = {path.name: yaml.safe_load(path.read_text()) for path in sorted(folder.glob("*.y*ml"))}
    return [
        f"{name} ({section})"
        for name, sections in fragments.items()
        for section in sections
        if section not in SECTIONS_OF_FIRST_RELEASE
    ]


def set_version(galaxy: str, version: str) -> str:
    """Return galaxy.yml with another version."""
    text, count = VERSION_LINE.subn(f"version: {version}", galaxy)
    if count != 1:
        raise ReleaseError(f"galaxy.yml: expected one line with the version, got {count}.")
    return text


def update_changelog(version: str) -> None:
    """Move the fragments to the changelog of the version; without fragments, an existing release stays unchanged."""
    is_new = version not in releases()
    if not is_new and not any(FRAGMENTS.glob("*.y*ml")):
        return
    # The date is in UTC: the time of the artifact is its midnight in UTC.
    date = datetime.datetime.now(datetime.UTC).date().isoformat()
    command = ["antsibull-changelog", "release", "--version", version, "--date", date]
    run(*command, *([] if is_new else ["--update-existing"]))


def write_notes() -> None:
    """Write the changelog of the latest release."""
    run("antsibull-changelog", "generate", "--only-latest", "--output-format", "md", "--output", str(NOTES))


def release_epoch(version: str) -> str:
    """Return the release date as a value of SOURCE_DATE_EPOCH."""
    date = datetime.datetime.fromisoformat(str(releases()[version]["release_date"]))
    return str(int(date.replace(tzinfo=datetime.UTC).timestamp()))


def run(*command: str) -> None:
    """Run a command in the checkout."""
    subprocess.run(command, cwd=ROOT, check=True, env=homeless_environment("release-home"))


def project_metadata(galaxy: dict[str, Any]) -> str:
    """Return the metadata of the collection in the format that cyclonedx-py reads."""
    values = {
        "name": f"{galaxy['namespace']}.{galaxy['name']}",
        "version": galaxy["version"],
        "description": galaxy["description"],
        "license": galaxy["license"][0],
    }
    # A JSON string is a TOML string too.
    lines = [f"{name} = {json.dumps(value)}" for name, value in values.items()]
    return "\n".join(["[project]", *lines, f"urls = {{ Repository = {json.dumps(galaxy['repository'])} }}", ""])


def required_packages() -> list[str]:
    """Return the packages that a user of the collection installs, with ansible-core."""
    runtime = yaml.safe_load((ROOT / "meta" / "runtime.yml").read_text())
    return [*artifact.read_requirements(), f"ansible-core{runtime['requires_ansible']}"]


def write_bill_of_materials(path: Path) -> None:
    """Write a CycloneDX document with the collection and its requirements, which the artifact does not contain."""
    galaxy = yaml.safe_load((ROOT / "galaxy.yml").read_text())
    with tempfile.TemporaryDirectory() as folder:
        requirements, metadata = Path(folder, "requirements.txt"), Path(folder, "pyproject.toml")
        requirements.write_text("\n".join(required_packages()) + "\n")
        metadata.write_text(project_metadata(galaxy))
        command = [project_tool("cyclonedx-py"), "requirements", str(requirements), "--pyproject", str(metadata)]
        run(*command, "--mc-type", "library", "--sv", "1.6", "--output-reproducible", "--output-file", str(path))
    document = json.loads(path.read_text())
    # cyclonedx-py does not relate requirements to the collection.
    packages = [component["bom-ref"] for component in document["components"]]
    root = document["metadata"]["component"]["bom-ref"]
    document["dependencies"] = [{"ref": root, "dependsOn": packages}, *({"ref": package} for package in packages)]
    path.write_text(json.dumps(document, indent=2) + "\n")


def write_checksums(folder: Path) -> None:
    """Write SHA256SUMS for all files of a folder; `sha256sum --check` reads it."""
    files = sorted(path for path in folder.iterdir() if path.name != "SHA256SUMS")
    lines = [f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n" for path in files]
    (folder / "SHA256SUMS").write_text("".join(lines))


def prepare(version: str) -> None:
    """Change the version and the changelog, and create the files of the release."""
    check_preconditions(version)
    galaxy = ROOT / "galaxy.yml"
    galaxy.write_text(set_version(galaxy.read_text(), version))
    update_changelog(version)
    write_notes()
    os.environ.setdefault("SOURCE_DATE_EPOCH", release_epoch(version))
    if artifact.run_importer():
        raise ReleaseError("Galaxy's importer reports errors. Fix them, and run the command again.")
    shutil.rmtree(RELEASE, ignore_errors=True)
    RELEASE.mkdir(parents=True)
    [tarball] = (BUILD / "dist").glob("*.tar.gz")
    shutil.copy2(tarball, RELEASE)
    write_bill_of_materials(RELEASE / f"{tarball.name.removesuffix('.tar.gz')}.cdx.json")
    write_checksums(RELEASE)


def main(arguments: list[str]) -> int:
    """Prepare the release of the command line, and print the checksums."""
    try:
        prepare(*arguments[:1] or [""])
    except ReleaseError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write((RELEASE / "SHA256SUMS").read_text())
    sys.stdout.write(f"The files are in {RELEASE.relative_to(ROOT)}. RELEASING.md describes the next steps.\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
