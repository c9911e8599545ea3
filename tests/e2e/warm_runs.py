# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What runs of ansible-playbook share, so that each takes half the time: a Python that has loaded what modules import,
and the modules that Ansible has packed.

Each worker has them from its first run to its end. Modules are those that Ansible has packed, and each has a process
of its own. Nothing is shared where a run is watched or killed, in the demonstration, and in molecule's scenarios.
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
PLUGINS = HERE.parents[1] / "plugins"


@functools.cache
def packed(ansible_playbook: Path) -> Path:
    """Return where runs of this program keep modules that they have packed, see ``callback_plugins/e2e_events.py``."""
    return Path(tempfile.mkdtemp(prefix="packed-", dir=interpreter().parent))


@functools.cache
def interpreter() -> Path:
    """Return what ``ansible_python_interpreter`` may name."""
    # Sockets have paths of 107 characters at most. The server removes the folder, however this process ends.
    folder = Path(tempfile.mkdtemp(prefix="warm-", dir="/tmp" if os.access("/tmp", os.W_OK) else None))
    address = folder / "socket"
    folders = [PLUGINS / "module_utils", PLUGINS / "modules"]
    server = subprocess.Popen(
        [sys.executable, "-P", HERE / "warm_server.py", address, *folders],
        env=_environment(),
        cwd=folder,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    atexit.register(_end, server)
    assert server.stdout
    assert server.stdout.readline() == "ready\n", server.wait(10)
    client = shlex.join([sys.executable, "-I", "-S", str(HERE / "warm_client.py"), str(address), sys.executable])
    script = folder / "python"
    script.write_text(f'#!/bin/sh\nexec {client} "$@"\n')
    script.chmod(0o700)
    return script


def _environment() -> dict[str, str]:
    """What decides how Python starts, and nothing of a cloud or of Ansible; a module gets that of its run."""
    kept = ("PATH", "PYTHONPYCACHEPREFIX", "PYTHONDONTWRITEBYTECODE")
    return {"LANG": "C.UTF-8", **{name: os.environ[name] for name in kept if name in os.environ}}


def _end(server: subprocess.Popen[str]) -> None:
    with contextlib.suppress(OSError):
        assert server.stdin
        server.stdin.close()
    server.wait(10)
