# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Python interpreters of this machine, from find_pythons.sh."""

from __future__ import annotations

import subprocess
from pathlib import Path

SCRIPT = Path(__file__).with_name("find_pythons.sh")


def minor_of(version: str) -> int:
    """Return 12 for "3.12"."""
    return int(version.removeprefix("3."))


def find_pythons() -> dict[str, Path]:
    """Return an interpreter for each version such as "3.12", newest first."""
    listing = subprocess.run(["sh", str(SCRIPT)], check=False, stdout=subprocess.PIPE, text=True).stdout
    return {version: Path(path) for version, path in (line.split(" ", 1) for line in listing.splitlines())}


def newest_between(oldest: str, newest: str, pythons: dict[str, Path]) -> Path | None:
    """Return the newest interpreter between two versions, both included."""
    for version in sorted(pythons, key=minor_of, reverse=True):
        if minor_of(oldest) <= minor_of(version) <= minor_of(newest):
            return pythons[version]
    return None
