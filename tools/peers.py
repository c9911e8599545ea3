# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fetch amazon.aws and community.aws for the bench, out of the `ansible` package's wheel.

The package holds a hundred collections, 537 MB unpacked; the wheel is kept in build/cache, and only what the bench
runs is unpacked from it, into build/peers/ansible_collections.

usage: python -m tools.peers      prints {"path": "build/peers", "amazon.aws": "11.4.0", ...}
"""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from pathlib import Path

from tools.cores import locked
from tools.paths import BUILD, user_environment

REQUIREMENT = "ansible>=12,<17"
PEERS = BUILD / "peers"
COLLECTIONS = ("amazon.aws", "community.aws")
PARTS = ("plugins/", "meta/", "MANIFEST.json", "FILES.json")


def wheel() -> Path:
    """Return the wheel of the newest `ansible` for the running Python, downloaded once."""
    cache = BUILD / "cache"
    found = sorted(cache.glob("ansible-*.whl"))
    if not found:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:"]
        subprocess.run([*command, "--dest", str(cache), REQUIREMENT], check=True, env=user_environment("home"))
        found = sorted(cache.glob("ansible-*.whl"))
    return found[-1]


def wanted(name: str) -> bool:
    """Tell whether a member of the wheel is one the bench needs."""
    prefixes = (f"ansible_collections/{collection.replace('.', '/')}/" for collection in COLLECTIONS)
    return any(name.startswith(tuple(prefix + part for part in PARTS)) for prefix in prefixes)


def versions(root: Path) -> dict[str, str]:
    """Read the versions of the unpacked collections."""
    found = {}
    for collection in COLLECTIONS:
        manifest = root / "ansible_collections" / collection.replace(".", "/") / "MANIFEST.json"
        found[collection] = str(json.loads(manifest.read_text())["collection_info"]["version"])
    return found


def ensure_peers() -> Path:
    """Return a collections path that holds the peers."""
    with locked(BUILD / ".peers.lock"):
        if not (PEERS / ".complete").exists():
            with zipfile.ZipFile(wheel()) as archive:
                archive.extractall(PEERS, [name for name in archive.namelist() if wanted(name)])
            (PEERS / ".complete").touch()
    return PEERS


def main() -> int:
    """Print where the peers are, and their versions."""
    root = ensure_peers()
    json.dump({"path": str(root), **versions(root)}, sys.stdout)
    sys.stdout.write("\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
