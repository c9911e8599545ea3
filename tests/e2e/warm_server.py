# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A Python that has loaded what modules import, and forks a process for every program that Ansible starts with it.

What comes from the checkout is not loaded: it is read from what Ansible has packed, so that something that Ansible
would not pack is missing here as well. Only its compilation is known already, for a source that is the same.

The server ends when its standard input does, and removes the folder of its socket. A client that is gone takes its
process with it.

usage: python -P warm_server.py SOCKET FOLDER...   (folders: of sources that may come packed)
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import marshal
import os
import runpy
import selectors
import shutil
import signal
import socket
import sys
import time
import zipimport
from collections.abc import Sequence
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import CodeType

PRELOADED = (
    "ansible.module_utils._internal._ansiballz._loader",
    "ansible.module_utils._internal._json._profiles._module_legacy_c2m",
    "ansible.module_utils._internal._json._profiles._module_legacy_m2c",
    "ansible.module_utils.basic",
    "ansible.module_utils.urls",
    "botocore.httpsession",
    "botocore.session",
    "cryptography.hazmat.primitives.serialization",
    "jwt",
    "requests",
    "yaml",
)
SERVICES = ("s3", "iam")


def preload() -> None:
    """Import what modules import that is not of the checkout, and read botocore's descriptions of services."""
    for name in PRELOADED:
        importlib.import_module(name)
    # By its path: the checkout is nowhere that modules could import it from.
    runpy.run_path(str(Path(__file__).with_name("quick_clients.py")))["remember"]()
    session = importlib.import_module("botocore.session").Session()
    session.register_component("data_loader", importlib.import_module("botocore.loaders").create_loader(None))
    for service in SERVICES:
        keys = {"aws_access_key_id": "none", "aws_secret_access_key": "none"}
        session.create_client(service, region_name="us-east-1", endpoint_url="http://127.0.0.1:9", **keys)


def know(folders: Sequence[str]) -> None:
    """Let ``zipimport`` take the code of a source that is below one of the folders from there, compiled."""
    known: dict[bytes, CodeType] = {}
    for path in (path for folder in folders for path in Path(folder).rglob("*.py")):
        code = SourceFileLoader(path.stem, str(path)).get_code(path.stem)
        if code:
            known[path.read_bytes()] = code
    hidden = vars(zipimport)
    compiled = hidden["_compile_source"]
    hidden["_compile_source"] = lambda place, source: known.get(source) or compiled(place, source)


class Server:
    """Forks; every process has a connection, by which its client is told how it ended."""

    def __init__(self, address: str) -> None:
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.bind(address)
        self.socket.listen(64)
        self.ended, told = os.pipe()
        for end in (self.ended, told):
            os.set_blocking(end, False)
        signal.set_wakeup_fd(told)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        self.selector = selectors.DefaultSelector()
        for file in (sys.stdin, self.socket, self.ended):
            self.selector.register(file, selectors.EVENT_READ)
        self.clients: dict[int, socket.socket] = {}
        self.inherited = [self.ended, told]

    def serve(self) -> list[str]:
        """Return in every process that is forked, with its arguments."""
        while True:
            for key, _events in self.selector.select():
                if key.fileobj is sys.stdin:
                    shutil.rmtree(os.path.dirname(self.socket.getsockname()), ignore_errors=True)
                    os._exit(0)
                elif key.fileobj is self.socket:
                    arguments = self.accept()
                    if arguments is not None:
                        return arguments
                elif key.fileobj == self.ended:
                    self.reap()
                elif key.data in self.clients:
                    # A client says nothing more: it is gone.
                    os.kill(key.data, signal.SIGKILL)
                    self.selector.unregister(key.fileobj)

    def accept(self) -> list[str] | None:
        client, _address = self.socket.accept()
        told, files, _flags, _from = socket.recv_fds(client, 1 << 16, 3)
        while len(told) < 4 or len(told) - 4 < int.from_bytes(told[:4], "little"):
            told += client.recv(1 << 16)
        pid = os.fork()
        if not pid:
            client.close()
            # What it reads comes from the client of this very test run.
            return self.become(files, *marshal.loads(told[4:]))  # noqa: S302
        for file in files:
            os.close(file)
        self.clients[pid] = client
        self.selector.register(client, selectors.EVENT_READ, pid)
        return None

    def become(
        self, files: Sequence[int], arguments: list[str], folder: str, env: dict[bytes, bytes], mask: int
    ) -> list[str]:
        """Turn into the process that the client would have been."""
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        self.selector.close()
        for inherited in (self.socket, *self.clients.values()):
            inherited.close()
        for number in self.inherited:
            os.close(number)
        for number, file in enumerate(files):
            os.dup2(file, number)
            os.close(file)
        os.chdir(folder)
        os.umask(mask)
        os.environ.clear()
        os.environb.update(env)
        time.tzset()
        return arguments

    def reap(self) -> None:
        """Tell the clients of processes that have ended."""
        os.read(self.ended, 1 << 16)
        while self.clients:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if not pid:
                return
            client = self.clients.pop(pid)
            if client in self.selector.get_map():
                self.selector.unregister(client)
            with contextlib.suppress(OSError):
                client.sendall(bytes([os.waitstatus_to_exitcode(status) & 0xFF]))
            client.close()


def main(address: str, folders: Sequence[str]) -> list[str]:
    """Return in every process that is forked, see ``Server.serve``."""
    preload()
    know(folders)
    # What is there by now stays: no process needs to look through it again.
    gc.collect()
    gc.freeze()
    server = Server(address)
    print("ready", flush=True)
    return server.serve()


if __name__ == "__main__":
    # Here rather than in a function: the process ends as any other does, with all that is to be done at its end.
    sys.argv = main(sys.argv[1], sys.argv[2:])
    sys.path.insert(0, os.path.dirname(sys.argv[0]))
    runpy.run_path(sys.argv[0], run_name="__main__")
