# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the Makefile works."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]


@pytest.mark.parametrize(("folder", "works"), [("clone", True), ("my clone", False)])
def test_a_folder_that_make_cannot_work_in_is_told(tmp_path: Path, folder: str, works: bool) -> None:
    """Else it would write half a name of a file, somewhere."""
    place = tmp_path / folder
    place.mkdir()
    shutil.copy(ROOT / "Makefile", place)
    run = subprocess.run(["make", "help"], cwd=place, capture_output=True, text=True, check=False)
    assert (run.returncode == 0) is works
    assert ("has a blank in it" in run.stderr) is not works
    assert [each.name for each in place.iterdir()] == ["Makefile"]
