# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Copy the collection's files to an ansible_collections tree.

A symlink to the checkout is not sufficient, because ansible-test resolves its working directory. A plain copy of the
checkout includes the virtual environments.

usage: python -m tools.tree DIRECTORY
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from tools.paths import COLLECTION, ROOT


def collection_files() -> list[Path]:
    """List the files that git tracks or does not ignore, relative to the checkout."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listing = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE).stdout.decode()
    return sorted({Path(name) for name in listing.split("\0") if name and (ROOT / name).is_file()})


def copy_tree(parent: Path) -> Path:
    """Replace <parent>/ansible_collections/vonage/archiving with the collection's files and return this path."""
    target = parent / COLLECTION
    if target.exists():
        shutil.rmtree(target)
    for name in collection_files():
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, target / name)
    return target


if __name__ == "__main__":
    sys.stdout.write(f"{copy_tree(Path(sys.argv[1]).absolute())}\n")
