# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Environments with older and newer ansible-cores, for running the same playbooks on each.

Each line lies in build/cores/<line> and holds that ansible-core and the modules' requirements. A line that no
interpreter of this machine runs is skipped, not failed: JSON says null, and standard error says why.

usage: python -m tools.cores [LINE]...      prints {"2.18": "/.../bin/ansible-playbook", "2.16": null}
"""

from __future__ import annotations

import fcntl
import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tools import environment
from tools.paths import BUILD, ROOT
from tools.pythons import find_pythons, newest_between

# Which Pythons ansible-core runs on (its controller side).
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


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Let one process at a time make an environment: parallel test workers ask for the same."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def ensure_core(line: str, pythons: dict[str, Path]) -> Path | None:
    """Return the ansible-playbook of that line, its environment made if need be; None where no interpreter runs it."""
    interpreter = newest_between(*SUPPORTED[line], pythons)
    if interpreter is None:
        return None
    directory = CORES / line
    requirements = [f"ansible-core=={line}.*", "-r", str(ROOT / "meta" / "ee-requirements.txt")]
    with locked(CORES / f".{line}.lock"):
        environment.ensure(directory, requirements, interpreter)
    return directory / "bin" / "ansible-playbook"


def ensure_cores(lines: Sequence[str] = DEFAULT_LINES) -> dict[str, Path | None]:
    """Return the ansible-playbook of every line asked for."""
    pythons = find_pythons()
    return {line: ensure_core(line, pythons) for line in lines}


def main(lines: Sequence[str]) -> int:
    """Print where each line's ansible-playbook is."""
    found = ensure_cores(lines or DEFAULT_LINES)
    for line, playbook in found.items():
        if playbook is None:
            oldest, newest = SUPPORTED[line]
            sys.stderr.write(f"ansible-core {line} skipped: it needs Python {oldest} to {newest}\n")
    json.dump({line: str(path) if path else None for line, path in found.items()}, sys.stdout)
    sys.stdout.write("\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
