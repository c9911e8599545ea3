# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Child processes, ports, and temporary files of the sandbox. If it is killed, a reaper process removes them."""

from __future__ import annotations

import contextlib
import os
import random
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from ._reaper import remove

HOST = "127.0.0.1"
# Below the kernel's range of ephemeral ports: an outgoing connection cannot use a free port between check and bind.
PORTS = range(20000, 30000)


class SandboxError(Exception):
    """The sandbox could not start or stop a server."""


def free_ports(count: int) -> list[int]:
    """Return ``count`` different free ports of 127.0.0.1."""
    sockets: list[socket.socket] = []
    try:
        for port in random.sample(PORTS, len(PORTS)):
            candidate = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
            try:
                candidate.bind((HOST, port))
            except OSError:
                candidate.close()
                continue
            sockets.append(candidate)
            if len(sockets) == count:
                return [int(bound.getsockname()[1]) for bound in sockets]
    finally:
        for bound in sockets:
            bound.close()
    raise SandboxError(f"ports: fewer than {count} of {PORTS.start} to {PORTS.stop - 1} are free")


def clean_environment(home: Path, extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the environment of a server, with its own home folder and without the caller's cloud settings."""
    env = {
        name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "RCLONE_", "WEED_", "S3_"))
    }
    env.update(HOME=str(home), TMPDIR=str(home), PYTHONUNBUFFERED="1")
    env.update(extra or {})
    return env


class Workspace:
    """The temporary directory and the child processes of one sandbox, with their reaper process."""

    def __init__(self) -> None:
        self.path = Path(tempfile.gettempdir()) / f"vonage-archiving-sandbox-{secrets.token_hex(6)}"
        self._lock = threading.Lock()
        self._children: list[Child] = []
        self._extra_paths: list[str] = []
        self._reaper = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("_reaper.py"))],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            text=True,
            bufsize=1,
        )
        # The reaper must have a complete list at any Ctrl-C. Paths are therefore announced before they exist, and
        # children are started in a thread, which signals do not interrupt.
        self.announce(f"path {self.path}")
        self.path.mkdir(mode=0o700)
        self._starter = ThreadPoolExecutor(max_workers=1)

    @property
    def pids(self) -> list[int]:
        """All processes of this workspace, including the reaper."""
        return [self._reaper.pid, *(child.pid for child in self._children)]

    def announce(self, line: str) -> None:
        """Send a line to the reaper, which adds or deletes a resource of its list."""
        with self._lock:
            if self._reaper.stdin is None or self._reaper.poll() is not None:
                raise SandboxError("the reaper process of the sandbox has ended")
            self._reaper.stdin.write(line + "\n")
            self._reaper.stdin.flush()

    def remove_at_end(self, path: str) -> None:
        """Delete a path outside of the workspace when the sandbox stops."""
        self._extra_paths.append(path)
        self.announce(f"path {path}")

    def directory(self, name: str) -> Path:
        """Return a new private directory below the workspace."""
        return Path(tempfile.mkdtemp(prefix=f"{name}-", dir=self.path))

    def spawn(self, name: str, command: Sequence[str], env: Mapping[str, str], cwd: Path) -> Child:
        """Start a server in its own process group, with a log file in ``cwd``."""

        def start() -> Child:
            child = Child(name, command, env, cwd)
            self._children.append(child)
            self.announce(f"group {child.pid}")
            return child

        return self._starter.submit(start).result()

    def end(self, child: Child) -> None:
        """Stop one server."""
        child.stop()
        self._children.remove(child)
        self.announce(f"group-ended {child.pid}")

    def unexpected_exits(self) -> list[str]:
        """Return the servers that ended without a stop, each with the end of its output."""
        return [f"{child.name} ended:\n{child.log_tail()}" for child in self._children if not child.is_alive()]

    def close(self) -> None:
        """Stop all servers and delete all files; safe to call twice."""
        self._starter.shutdown(wait=True)
        for child in reversed(self._children):
            child.stop()
        self._children.clear()
        for path in [*self._extra_paths, str(self.path)]:
            remove(path)
        with contextlib.suppress(OSError, ValueError):
            if self._reaper.stdin is not None:
                self._reaper.stdin.close()
        self._reaper.wait(timeout=10)


class Child:
    """One server process in its own process group."""

    def __init__(self, name: str, command: Sequence[str], env: Mapping[str, str], cwd: Path) -> None:
        self.name = name
        self.log_path = cwd / "server.log"
        with self.log_path.open("ab") as log:
            self._process = subprocess.Popen(
                list(command),
                env=dict(env),
                cwd=cwd,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self.pid = self._process.pid

    def is_alive(self) -> bool:
        return self._process.poll() is None

    def log_tail(self, lines: int = 15) -> str:
        """Return the end of the server's output."""
        with contextlib.suppress(OSError):
            return "\n".join(self.log_path.read_text(errors="replace").splitlines()[-lines:])
        return ""

    def wait_until(self, ready: Callable[[], bool], timeout: float) -> None:
        """Wait until ``ready`` returns true.

        :raises SandboxError: the server ended, or was not ready within ``timeout`` seconds.
        """
        deadline = time.monotonic() + timeout
        while True:
            if not self.is_alive():
                raise SandboxError(f"{self.name} ended while it started:\n{self.log_tail()}")
            if ready():
                return
            if time.monotonic() > deadline:
                raise SandboxError(f"{self.name} was not ready within {timeout:.0f} s:\n{self.log_tail()}")
            time.sleep(0.05)

    def stop(self) -> None:
        """Kill the process group; a graceful end is not needed, because the data is deleted."""
        with contextlib.suppress(OSError):
            os.killpg(self.pid, signal.SIGKILL)
        self._process.wait(timeout=10)
