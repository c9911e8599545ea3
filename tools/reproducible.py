# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rewrite the artifact of `ansible-galaxy collection build` so that equal files result in equal bytes.

`ansible-galaxy` writes the current time, the times of the files, and the order of the file system. The rewritten
artifact has one time and sorted entries, also in FILES.json, whose checksum is in MANIFEST.json.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import subprocess
import tarfile
from pathlib import Path
from typing import Any

from tools.paths import ROOT

FILES = "FILES.json"
MANIFEST = "MANIFEST.json"


def source_date_epoch() -> int:
    """Return the time of all files of an artifact: SOURCE_DATE_EPOCH, or else the time of the last commit."""
    value = os.environ.get("SOURCE_DATE_EPOCH")
    if value is None:
        command = ["git", "log", "-1", "--format=%ct"]
        value = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout
    return int(value)


def read_members(tarball: Path) -> dict[str, tuple[tarfile.TarInfo, bytes]]:
    """Return the members of an artifact and their contents, by name."""
    with tarfile.open(tarball) as archive:
        files = [(member, archive.extractfile(member) if member.isfile() else None) for member in archive]
        return {member.name: (member, file.read() if file else b"") for member, file in files}


def sorted_lists(files: bytes, manifest: bytes) -> tuple[bytes, bytes]:
    """Return FILES.json with sorted entries, and MANIFEST.json with its checksum."""
    listing: dict[str, Any] = json.loads(files)
    listing["files"].sort(key=lambda entry: entry["name"])
    # The format of ansible-galaxy.
    files = json.dumps(listing, indent=True).encode()
    content: dict[str, Any] = json.loads(manifest)
    content["file_manifest_file"]["chksum_sha256"] = hashlib.sha256(files).hexdigest()
    return files, json.dumps(content, indent=True).encode()


def normalize(tarball: Path, epoch: int) -> None:
    """Rewrite an artifact with sorted entries and one time."""
    members = read_members(tarball)
    files, manifest = sorted_lists(members[FILES][1], members[MANIFEST][1])
    contents = {name: content for name, (_member, content) in members.items()}
    contents.update({FILES: files, MANIFEST: manifest})
    first = (MANIFEST, FILES)
    with (
        tarball.open("wb") as raw,
        gzip.GzipFile(filename="", mode="wb", fileobj=raw, compresslevel=9, mtime=epoch) as compressed,
        tarfile.open(fileobj=compressed, mode="w", format=tarfile.PAX_FORMAT) as archive,
    ):
        for name in (*first, *sorted(members.keys() - set(first))):
            member = members[name][0]
            member.mtime = epoch
            member.size = len(contents[name])
            member.pax_headers = {}
            archive.addfile(member, io.BytesIO(contents[name]))
