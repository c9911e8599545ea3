# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Starts the server that runs modules for ansible-playbook, once per worker. It halves the time of a run.

Modules run as Ansible has packed them, each in a separate process. Runs that a test watches or kills, the demo, and the
scenarios of molecule do not use the server.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import os
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
PLUGINS = HERE.parents[2] / "plugins"


@functools.cache
def module_cache(ansible_playbook: Path) -> Path:
    """Return the folder in which runs of this program share packed modules, see ``callback_plugins/e2e_events.py``."""
    return Path(tempfile.mkdtemp(prefix="packed-", dir=interpreter().parent))


@functools.cache
def interpreter() -> Path:
    """Start the server, and return the value for ``ansible_python_interpreter``."""
    # The path of a socket is limited to 107 characters. The server deletes the folder even if this process is killed.
    folder = Path(tempfile.mkdtemp(prefix="fork-server-", dir="/tmp" if os.access("/tmp", os.W_OK) else None))
    address = folder / "socket"
    folders = [PLUGINS / "module_utils", PLUGINS / "modules"]
    server = subprocess.Popen(
        [sys.executable, "-P", HERE / "server.py", address, *folders],
        env=_environment(),
        cwd=folder,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    atexit.register(_stop, server)
    assert server.stdout
    assert server.stdout.readline() == "ready\n", server.wait(10)
    client = shlex.join([sys.executable, "-I", "-S", str(HERE / "client.py"), str(address), sys.executable])
    script = folder / "python"
    script.write_text(f'#!/bin/sh\nexec {client} "$@"\n')
    script.chmod(0o700)
    return script


def _environment() -> dict[str, str]:
    """Return the variables that Python needs to start; the client sends the environment of a module."""
    names = ("PATH", "PYTHONPYCACHEPREFIX", "PYTHONDONTWRITEBYTECODE")
    return {"LANG": "C.UTF-8", **{name: os.environ[name] for name in names if name in os.environ}}


def _stop(server: subprocess.Popen[str]) -> None:
    with contextlib.suppress(OSError):
        assert server.stdin
        server.stdin.close()
    server.wait(10)
