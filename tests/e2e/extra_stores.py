# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Stores that need an environment of their own, LocalEmu and ministack: tests use them where they are installed.

``python -m tests.e2e.extra_stores`` installs them below build/stores (some 450 MB).
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from tools.environment import ensure

ROOT = Path(__file__).resolve().parents[2]
EXTRAS = ("localemu", "ministack")


def python(name: str) -> Path:
    """Return the Python of the store's environment, whether it exists or not."""
    return ROOT / "build" / "stores" / name / "bin" / "python"


def name_installed() -> None:
    """Tell the sandbox of those that are installed, unless somebody has told it of others."""
    for name in EXTRAS:
        if python(name).exists():
            os.environ.setdefault(f"SANDBOX_{name.upper()}_PYTHON", str(python(name)))


def main() -> None:
    """Install what is missing; a store that this Python cannot have is left out, and its tests say so."""
    for name in EXTRAS:
        try:
            ensure(python(name).parents[1], [name])
        except SystemExit as exc:
            print(f"{name} is left out: {exc}", file=sys.stderr)


if __name__ == "__main__":
    main()
