# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Create a virtual environment and install requirement files or specifiers in it.

uv installs them where it runs (seconds instead of minutes), pip elsewhere. This module uses only the standard library,
because it creates the first environment.

The environments of the project have locks, see tools/locks.py. UNLOCKED=true installs the newest versions that the
requirements allow.

usage: python -m tools.environment DIRECTORY NAME     (installs requirements/NAME.lock)
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

from tools.paths import CACHE, ROOT, VENV, user_environment


def run(*command: str | Path) -> bool:
    """Run a command and return whether it succeeded."""
    try:
        # uv has its own certificate authorities. The authority of a company's proxy is in the system's store.
        env = {"UV_SYSTEM_CERTS": "true", **user_environment("home")}
        return subprocess.run(list(map(str, command)), check=False, env=env).returncode == 0
    except OSError:
        return False


def usable_uv(own: Path) -> Path | None:
    """Return a uv that runs: the one in the environment, or the one in .venv."""
    for uv in (own / "bin" / "uv", VENV / "bin" / "uv"):
        if uv.exists() and run(uv, "--quiet", "help"):
            return uv
    return None


def version_of(python: Path | str) -> str:
    """Return the version that an interpreter reports; an empty string if it does not run."""
    try:
        return subprocess.run([python, "-V"], check=False, stdout=subprocess.PIPE, text=True).stdout.strip()
    except OSError:
        return ""


def create(directory: Path, interpreter: Path | str = sys.executable) -> None:
    """Create an environment, with pip only if there is no uv; keep a working environment with the same Python.

    Keeping it allows requirements to change while another process uses the environment.
    """
    if version_of(interpreter) == version_of(directory / "bin" / "python"):
        return
    if (directory / "pyvenv.cfg").exists():
        shutil.rmtree(directory)
    directory.parent.mkdir(parents=True, exist_ok=True)
    without_pip = ["--without-pip"] if usable_uv(directory) else []
    if not run(interpreter, "-m", "venv", *without_pip, directory):
        raise SystemExit(f"{directory}: {interpreter} could not create the environment.")


def locked(name: str) -> list[str]:
    """Return the arguments of the installers for the requirements of an environment."""
    folder = ROOT / "requirements"
    if os.environ.get("UNLOCKED") == "true":
        return ["-r", str(folder / f"{name}.txt")]
    return ["--require-hashes", "-r", str(folder / f"{name}.lock")]


def install(directory: Path, requirements: Sequence[str]) -> None:
    """Install requirements in an environment, with uv or else with pip."""
    python = directory / "bin" / "python"
    uv = usable_uv(directory)
    if not uv and directory == VENV and run(python, "-m", "pip", "install", "--quiet", *locked("uv")):
        uv = usable_uv(directory)
    if uv and run(uv, "pip", "install", "--quiet", "--python", python, *requirements):
        return
    if not run(python, "-m", "pip", "--version"):
        run(python, "-m", "ensurepip", "--default-pip")
    if not run(python, "-m", "pip", "install", "--quiet", *requirements):
        raise SystemExit(f"{directory}: could not install {' '.join(requirements)}.")


def ensure(directory: Path, requirements: Sequence[str], interpreter: Path | str = sys.executable) -> None:
    """Create the environment, unless one with the same interpreter and requirements exists."""
    stamp = directory / ".requirements"
    files = [Path(file).read_text() for option, file in pairwise(requirements) if option == "-r"]
    content = "\n".join([str(interpreter), *requirements, *files])
    if stamp.exists() and stamp.read_text() == content:
        return
    create(directory, interpreter)
    install(directory, requirements)
    stamp.write_text(content)


@contextmanager
def file_lock(path: Path) -> Iterator[None]:
    """Hold an exclusive lock on a file, because parallel tests and stages create the same environment."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def project_tool(name: str) -> str:
    """Return the executable of a tool in requirements/project.txt, after the installation of these requirements."""
    directory = CACHE / "project-tools"
    with file_lock(CACHE / ".project-tools.lock"):
        ensure(directory, locked("project"))
    return str(directory / "bin" / name)


if __name__ == "__main__":
    target = Path(sys.argv[1]).absolute()
    create(target)
    install(target, locked(sys.argv[2]))
