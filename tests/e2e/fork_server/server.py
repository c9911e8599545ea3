# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A Python process that has loaded the libraries of the modules, and forks for each module that Ansible runs.

Files of the checkout are not loaded: a module uses the files that Ansible has packed. A file that Ansible does not pack
is missing here too. Only the compiled code is reused if the source is the same.

The server ends when its standard input is closed, and deletes the folder of its socket. It kills the process of a
client that disconnects.

usage: python -P server.py SOCKET FOLDER...   (folders with sources that can be packed)
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
    """Import the libraries of the modules, and load botocore's descriptions of services."""
    for name in PRELOADED:
        importlib.import_module(name)
    # By its path: modules must not be able to import from the checkout.
    runpy.run_path(str(Path(__file__).parents[1] / "botocore_cache.py"))["enable"]()
    session = importlib.import_module("botocore.session").Session()
    session.register_component("data_loader", importlib.import_module("botocore.loaders").create_loader(None))
    for service in SERVICES:
        keys = {"aws_access_key_id": "none", "aws_secret_access_key": "none"}
        session.create_client(service, region_name="us-east-1", endpoint_url="http://127.0.0.1:9", **keys)


def cache_compiled_code(folders: Sequence[str]) -> None:
    """Let ``zipimport`` reuse the compiled code of sources in these folders."""
    code_by_source: dict[bytes, CodeType] = {}
    for path in (path for folder in folders for path in Path(folder).rglob("*.py")):
        code = SourceFileLoader(path.stem, str(path)).get_code(path.stem)
        if code:
            code_by_source[path.read_bytes()] = code
    namespace = vars(zipimport)
    compile_source = namespace["_compile_source"]
    namespace["_compile_source"] = lambda path, source: code_by_source.get(source) or compile_source(path, source)


class Server:
    """Forks a process for each connection, and sends its exit status to the client."""

    def __init__(self, address: str) -> None:
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.bind(address)
        self.socket.listen(64)
        self.ended, wakeup = os.pipe()
        for end in (self.ended, wakeup):
            os.set_blocking(end, False)
        signal.set_wakeup_fd(wakeup)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        self.selector = selectors.DefaultSelector()
        for file in (sys.stdin, self.socket, self.ended):
            self.selector.register(file, selectors.EVENT_READ)
        self.clients: dict[int, socket.socket] = {}
        self.inherited = [self.ended, wakeup]

    def serve(self) -> list[str]:
        """Serve forever; return the arguments of the module in each forked process."""
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
                    # A client sends nothing else: it has disconnected.
                    os.kill(key.data, signal.SIGKILL)
                    self.selector.unregister(key.fileobj)

    def accept(self) -> list[str] | None:
        client, _address = self.socket.accept()
        message, files, _flags, _from = socket.recv_fds(client, 1 << 16, 3)
        while len(message) < 4 or len(message) - 4 < int.from_bytes(message[:4], "little"):
            message += client.recv(1 << 16)
        pid = os.fork()
        if not pid:
            client.close()
            # The data is from the client of this test run.
            return self.become(files, *marshal.loads(message[4:]))  # noqa: S302
        for file in files:
            os.close(file)
        self.clients[pid] = client
        self.selector.register(client, selectors.EVENT_READ, pid)
        return None

    def become(
        self, files: Sequence[int], arguments: list[str], folder: str, env: dict[bytes, bytes], mask: int
    ) -> list[str]:
        """Take over the files, folder, environment, and umask of the client."""
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
        """Send the exit statuses of processes that have ended."""
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
    """Return the arguments of the module in each forked process, see ``Server.serve``."""
    preload()
    cache_compiled_code(folders)
    # Forked processes do not have to collect these objects.
    gc.collect()
    gc.freeze()
    server = Server(address)
    print("ready", flush=True)
    return server.serve()


if __name__ == "__main__":
    # Not in a function: the forked process must end like any Python process.
    sys.argv = main(sys.argv[1], sys.argv[2:])
    sys.path.insert(0, os.path.dirname(sys.argv[0]))
    runpy.run_path(sys.argv[0], run_name="__main__")
