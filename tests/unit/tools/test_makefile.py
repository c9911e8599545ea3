# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Makefile rejects a folder that make does not support."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]


@pytest.mark.parametrize(("name", "is_supported"), [("clone", True), ("my clone", False)])
def test_makefile_in_a_folder_with_a_space_fails(tmp_path: Path, name: str, is_supported: bool) -> None:
    """Otherwise make splits the path and writes to another folder."""
    folder = tmp_path / name
    folder.mkdir()
    shutil.copy(ROOT / "Makefile", folder)
    run = subprocess.run(["make", "help"], cwd=folder, capture_output=True, text=True, check=False)
    assert (run.returncode == 0) is is_supported
    assert ("The path of the checkout contains a space" in run.stderr) is not is_supported
    assert [path.name for path in folder.iterdir()] == ["Makefile"]
