# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Stores in separate Python environments, LocalEmu and ministack. Tests skip stores that are not installed.

``python -m tests.e2e.extra_stores`` installs them in build/stores (about 450 MB).
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from tools.environment import ensure

ROOT = Path(__file__).resolve().parents[2]
EXTRAS = ("localemu", "ministack")


def python(name: str) -> Path:
    """Return the path of Python in the environment of a store, even if it is not installed."""
    return ROOT / "build" / "stores" / name / "bin" / "python"


def name_installed() -> None:
    """Set the variables with which the sandbox finds the installed stores, unless they are set."""
    for name in EXTRAS:
        if python(name).exists():
            os.environ.setdefault(f"SANDBOX_{name.upper()}_PYTHON", str(python(name)))


def main() -> None:
    """Install the stores; tests skip a store that does not support this version of Python."""
    for name in EXTRAS:
        try:
            ensure(python(name).parents[1], [name])
        except SystemExit as exc:
            print(f"{name} is not installed: {exc}", file=sys.stderr)


if __name__ == "__main__":
    main()
