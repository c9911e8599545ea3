# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Make a virtual environment and fill it from requirement files or specifiers.

uv does the work where it runs (seconds instead of minutes); pip does where it does not. Only the standard library is
used: this is what makes the first environment.

usage: python -m tools.environment DIRECTORY [-r FILE | SPECIFIER]...
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

from tools.paths import VENV, user_environment

UV = "uv>=0.5,<1"


def run(*command: str | Path) -> bool:
    """Run a command; tell whether it went well."""
    try:
        # uv brings certificate authorities of its own; where a company's proxy has another one, the system knows it.
        env = {"UV_SYSTEM_CERTS": "true", **user_environment("home")}
        return subprocess.run(list(map(str, command)), check=False, env=env).returncode == 0
    except OSError:
        return False


def usable_uv(own: Path) -> Path | None:
    """Return a uv that runs: the environment's own, or that of the main one."""
    for uv in (own / "bin" / "uv", VENV / "bin" / "uv"):
        if uv.exists() and run(uv, "--quiet", "help"):
            return uv
    return None


def version_of(python: Path | str) -> str:
    """Return the version an interpreter says it has; an empty string when it does not run."""
    try:
        return subprocess.run([python, "-V"], check=False, stdout=subprocess.PIPE, text=True).stdout.strip()
    except OSError:
        return ""


def create(directory: Path, interpreter: Path | str = sys.executable) -> None:
    """Make an environment, with pip when there is no uv to fill it; keep one that has the same Python and works.

    Keeping it lets requirements change while somebody uses the environment.
    """
    if version_of(interpreter) == version_of(directory / "bin" / "python"):
        return
    if (directory / "pyvenv.cfg").exists():
        shutil.rmtree(directory)
    directory.parent.mkdir(parents=True, exist_ok=True)
    without_pip = ["--without-pip"] if usable_uv(directory) else []
    if not run(interpreter, "-m", "venv", *without_pip, directory):
        raise SystemExit(f"{interpreter} could not make the environment {directory}")


def install(directory: Path, requirements: Sequence[str]) -> None:
    """Install into an environment, by uv or else by pip."""
    python = directory / "bin" / "python"
    uv = usable_uv(directory)
    if not uv and directory == VENV and run(python, "-m", "pip", "install", "--quiet", UV):
        uv = usable_uv(directory)
    if uv and run(uv, "pip", "install", "--quiet", "--python", python, *requirements):
        return
    if not run(python, "-m", "pip", "--version"):
        run(python, "-m", "ensurepip", "--default-pip")
    if not run(python, "-m", "pip", "install", "--quiet", *requirements):
        raise SystemExit(f"could not install into {directory}: {' '.join(requirements)}")


def ensure(directory: Path, requirements: Sequence[str], interpreter: Path | str = sys.executable) -> None:
    """Make the environment unless one for the same interpreter and the same requirements is there already."""
    stamp = directory / ".requirements"
    files = [Path(file).read_text() for option, file in pairwise(requirements) if option == "-r"]
    wanted = "\n".join([str(interpreter), *requirements, *files])
    if stamp.exists() and stamp.read_text() == wanted:
        return
    create(directory, interpreter)
    install(directory, requirements)
    stamp.write_text(wanted)


if __name__ == "__main__":
    target = Path(sys.argv[1]).absolute()
    create(target)
    install(target, sys.argv[2:])
