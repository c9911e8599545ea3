# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Create environments with several releases of ansible-core, to run the same playbooks with each.

The environment of a release line is build/cores/<line>. It contains that ansible-core and the requirements of the
modules. A line without a suitable interpreter on this machine is skipped: its value in the output is null, and standard
error has the reason.

usage: python -m tools.cores [LINE]...      prints {"2.18": "/.../bin/ansible-playbook", "2.16": null}
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path

from tools import environment
from tools.paths import BUILD, ROOT
from tools.pythons import find_pythons, newest_between

# The oldest and newest Python of each controller.
SUPPORTED = {
    "2.16": ("3.10", "3.12"),
    "2.17": ("3.10", "3.12"),
    "2.18": ("3.11", "3.13"),
    "2.19": ("3.11", "3.13"),
    "2.20": ("3.12", "3.14"),
    "2.21": ("3.12", "3.14"),
}
DEFAULT_LINES = ("2.16", "2.18", "2.19", "2.21")
CORES = BUILD / "cores"


def ensure_core(line: str, pythons: dict[str, Path]) -> Path | None:
    """Create the environment of a line if required, and return its ansible-playbook; None without an interpreter."""
    interpreter = newest_between(*SUPPORTED[line], pythons)
    if interpreter is None:
        return None
    directory = CORES / line
    requirements = [f"ansible-core=={line}.*", "-r", str(ROOT / "meta" / "ee-requirements.txt")]
    with environment.file_lock(CORES / f".{line}.lock"):
        environment.ensure(directory, requirements, interpreter)
    return directory / "bin" / "ansible-playbook"


def ensure_cores(lines: Sequence[str] = DEFAULT_LINES) -> dict[str, Path | None]:
    """Return the ansible-playbook of each of these lines."""
    pythons = find_pythons()
    return {line: ensure_core(line, pythons) for line in lines}


def main(lines: Sequence[str]) -> int:
    """Print the path of each line's ansible-playbook."""
    cores = ensure_cores(lines or DEFAULT_LINES)
    for line, playbook in cores.items():
        if playbook is None:
            oldest, newest = SUPPORTED[line]
            sys.stderr.write(f"ansible-core {line} skipped: it requires Python {oldest} to {newest}\n")
    json.dump({line: str(path) if path else None for line, path in cores.items()}, sys.stdout)
    sys.stdout.write("\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
