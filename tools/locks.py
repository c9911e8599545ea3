# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Write and check the locks of the development environments: exact versions with the hashes of their files.

A lock is valid for all platforms and all versions of Python that `make venv` uses. It contains no URL of a registry:
any mirror can deliver the files. Its header contains a checksum of its input, so the check needs no network.

usage: python -m tools.locks [--write [OPTION]...]     (options of `uv pip compile`, such as --upgrade)
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from tools.paths import ROOT, VENV, user_environment

FOLDER = ROOT / "requirements"
# The environments: .venv, Galaxy's importer, the tools for .github and releases, and uv, which installs them.
NAMES = ("dev", "importer", "project", "uv")
# OLDEST_PYTHON in the Makefile.
OLDEST_PYTHON = "3.11"
HEADER = """\
# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Written by `make lock` from {name}.txt.
# input: {digest}
"""


def read_requirements(path: Path) -> list[str]:
    """Return the requirements in a file and in the files that it includes, without comments."""
    requirements = []
    for line in path.read_text().splitlines():
        text = line.partition(" #")[0].strip()
        if text.startswith("-r "):
            requirements += read_requirements(path.parent / text.removeprefix("-r ").strip())
        elif text and not text.startswith("#"):
            requirements.append(text)
    return requirements


def digest(path: Path) -> str:
    """Return the checksum of the requirements in a file; their order and comments do not change it."""
    return hashlib.sha256("\n".join(sorted(set(read_requirements(path)))).encode()).hexdigest()


def lock_problems(folder: Path) -> Iterator[str]:
    """Yield a problem for each lock that is missing, older than its input, or limited to one registry."""
    for name in NAMES:
        lock = folder / f"{name}.lock"
        lines = lock.read_text().splitlines() if lock.exists() else []
        if f"# input: {digest(folder / f'{name}.txt')}" not in lines:
            yield f"{lock.name}: not the lock of {name}.txt. Run `make lock`."
        if any(line.startswith("--") or "://" in line for line in lines if not line.startswith("#")):
            yield f"{lock.name}: contains an option or a URL. Run `make lock` without the setting of the registry."


def write(folder: Path, name: str, options: list[str]) -> None:
    """Resolve a file of requirements; without ``--upgrade``, versions in the lock that are still valid are kept."""
    lock, source = folder / f"{name}.lock", folder / f"{name}.txt"
    command = [str(VENV / "bin" / "uv"), "pip", "compile", "--quiet", "--universal", "--python-version", OLDEST_PYTHON]
    command += ["--generate-hashes", "--no-header", "--no-annotate", *options, str(source), "--output-file", str(lock)]
    subprocess.run(command, check=True, env=user_environment("home"), stdout=subprocess.DEVNULL)
    lock.write_text(HEADER.format(name=name, digest=digest(source)) + lock.read_text())


def main(arguments: list[str]) -> int:
    """Write all locks, or print the problems."""
    if arguments[:1] == ["--write"]:
        for name in NAMES:
            write(FOLDER, name, arguments[1:])
    problems = list(lock_problems(FOLDER))
    sys.stdout.writelines(f"{problem}\n" for problem in problems)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
