# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Download amazon.aws and community.aws for the bench, from the wheel of the `ansible` package.

The package contains a hundred collections, 537 MB unpacked. The wheel stays in build/cache. Only the files that the
bench uses are unpacked, to build/peers/ansible_collections.

usage: python -m tools.peers      prints {"path": "build/peers", "amazon.aws": "11.4.0", ...}
"""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from pathlib import Path

from tools.environment import file_lock
from tools.paths import BUILD, user_environment

REQUIREMENT = "ansible>=12,<17"
PEERS = BUILD / "peers"
COLLECTIONS = ("amazon.aws", "community.aws")
PARTS = ("plugins/", "meta/", "MANIFEST.json", "FILES.json")


def fetch_wheel() -> Path:
    """Return the wheel of the newest `ansible` for this Python; the first call downloads it."""
    cache = BUILD / "cache"
    wheels = sorted(cache.glob("ansible-*.whl"))
    if not wheels:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:"]
        subprocess.run([*command, "--dest", str(cache), REQUIREMENT], check=True, env=user_environment("home"))
        wheels = sorted(cache.glob("ansible-*.whl"))
    return wheels[-1]


def is_required(name: str) -> bool:
    """Return whether the bench uses a member of the wheel."""
    prefixes = (f"ansible_collections/{collection.replace('.', '/')}/" for collection in COLLECTIONS)
    return any(name.startswith(tuple(prefix + part for part in PARTS)) for prefix in prefixes)


def read_versions(root: Path) -> dict[str, str]:
    """Return the versions of the unpacked collections."""
    versions = {}
    for collection in COLLECTIONS:
        manifest = root / "ansible_collections" / collection.replace(".", "/") / "MANIFEST.json"
        versions[collection] = str(json.loads(manifest.read_text())["collection_info"]["version"])
    return versions


def ensure_peers() -> Path:
    """Unpack the collections if required, and return the collections path."""
    with file_lock(BUILD / ".peers.lock"):
        if not (PEERS / ".complete").exists():
            with zipfile.ZipFile(fetch_wheel()) as archive:
                archive.extractall(PEERS, [name for name in archive.namelist() if is_required(name)])
            (PEERS / ".complete").touch()
    return PEERS


def main() -> int:
    """Print the collections path and the versions."""
    root = ensure_peers()
    json.dump({"path": str(root), **read_versions(root)}, sys.stdout)
    sys.stdout.write("\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
