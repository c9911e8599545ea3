# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The sandbox: local S3 and IAM servers, and emulators of the Vonage Video API and the Heroku Platform API.

    with Sandbox(stores=("seaweedfs", "moto")) as sandbox:
        sandbox.stores["seaweedfs"].client().create_bucket(Bucket="recordings")
        sandbox.vonage.record_archive()

All servers listen on free ports of 127.0.0.1. They end with the process that started them, even after SIGKILL.
"""

from __future__ import annotations

import atexit
import json
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ._faults import Fault
from ._process import SandboxError, Workspace
from .heroku import HerokuEmulator
from .proxy import DropConnection, ProxiedRequest, RecordingProxy
from .stores import STORES, Store, StoreUnavailable, create_store, upload_only_policy
from .vonage import VonageEmulator

__all__ = [
    "STORES",
    "DropConnection",
    "Fault",
    "HerokuEmulator",
    "ProxiedRequest",
    "RecordingProxy",
    "Sandbox",
    "SandboxError",
    "Store",
    "StoreUnavailable",
    "VonageEmulator",
    "upload_only_policy",
]


class Sandbox:
    """A context manager that runs the stores and the emulators.

    ``skipped`` contains the optional stores that are not installed, each with the reason. Targets without an endpoint
    use the first store.
    """

    def __init__(
        self,
        stores: Sequence[str] = ("seaweedfs",),
        vonage: bool = True,
        vonage_port: int = 0,
        heroku: bool = False,
    ) -> None:
        unknown = sorted(set(stores) - set(STORES))
        if unknown:
            raise SandboxError(f"stores: unknown names: {', '.join(unknown)}. Use {', '.join(sorted(STORES))}.")
        self._names = tuple(dict.fromkeys(stores))
        self._with_vonage = vonage
        self._vonage_port = vonage_port
        self._vonage: VonageEmulator | None = None
        self._with_heroku = heroku
        self._heroku: HerokuEmulator | None = None
        self._workspace: Workspace | None = None
        self.stores: dict[str, Store] = {}
        self.skipped: dict[str, str] = {}

    @property
    def vonage(self) -> VonageEmulator:
        """The emulator of the Vonage Video API."""
        if self._vonage is None:
            raise SandboxError("no Vonage emulator runs in this sandbox")
        return self._vonage

    @property
    def heroku(self) -> HerokuEmulator:
        """The emulator of the Heroku Platform API."""
        if self._heroku is None:
            raise SandboxError("no Heroku emulator runs in this sandbox")
        return self._heroku

    @property
    def store(self) -> Store:
        """The first store."""
        if not self.stores:
            raise SandboxError("no store runs in this sandbox")
        return next(iter(self.stores.values()))

    @property
    def state_dir(self) -> Path:
        """The folder with the data, the administrators' keys, and the logs of the servers."""
        return self._require_workspace().path

    @property
    def pids(self) -> list[int]:
        return self._require_workspace().pids

    def start(self) -> Sandbox:
        """Start all servers and wait until they are ready; after an exception, none of them runs."""
        if self._workspace is not None:
            raise SandboxError("the sandbox is already running")
        self._workspace = Workspace()
        atexit.register(self.stop)
        try:
            self._start_all(self._workspace)
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self) -> None:
        """Stop all servers and delete all files; safe to call twice."""
        atexit.unregister(self.stop)
        emulators = [emulator for emulator in (self._vonage, self._heroku) if emulator is not None]
        self._vonage = self._heroku = None
        workspace, self._workspace = self._workspace, None
        self.stores = {}
        try:
            for emulator in emulators:
                emulator.stop()
        finally:
            if workspace is not None:
                workspace.close()

    def __enter__(self) -> Sandbox:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def describe(self) -> dict[str, Any]:
        """Return all URLs and credentials, which include secrets, as plain values."""
        description: dict[str, Any] = {"stores": {name: store.describe() for name, store in self.stores.items()}}
        if self._vonage is not None:
            description["vonage"] = {
                "url": self._vonage.url,
                "api_key": self._vonage.api_key,
                "api_secret": self._vonage.api_secret,
                "account_key": self._vonage.account_key,
                "account_secret": self._vonage.account_secret,
                "application_id": self._vonage.application_id,
                "private_key": self._vonage.private_key_pem,
            }
        if self._heroku is not None:
            description["heroku"] = {
                "url": self._heroku.url,
                "api_token": self._heroku.api_token,
                "app": self._heroku.app_name,
            }
        return description

    def write_description(self, path: Path, extra: dict[str, Any] | None = None) -> None:
        """Write ``describe()`` as JSON."""
        description = {"pid": os.getpid(), **self.describe(), **(extra or {})}
        self.write_private_file(path, json.dumps(description, indent=2) + "\n")

    def write_private_file(self, path: Path, content: str) -> None:
        """Write a file that only its owner can read; the sandbox deletes it when it stops."""
        self._require_workspace().remove_at_end(str(path.resolve()))
        # Renamed, because other processes wait for the file and must read it complete.
        handle, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.resolve().parent)
        with os.fdopen(handle, "w") as file:
            file.write(content)
        os.replace(temporary, path)

    def unexpected_exits(self) -> list[str]:
        """Return the servers that ended without a stop, each with the end of its output."""
        return self._require_workspace().unexpected_exits()

    def _start_all(self, workspace: Workspace) -> None:
        launched: dict[str, Store] = {}
        # Servers start concurrently: all are launched before the first wait.
        for name in self._names:
            store = create_store(name, workspace)
            try:
                store.launch()
            except StoreUnavailable as error:
                if not store.optional:
                    raise
                self.skipped[name] = str(error)
                continue
            launched[name] = store
        for store in launched.values():
            store.wait_ready()
        self.stores = launched
        if self._with_vonage:
            default = next(iter(launched.values())).endpoint_url if launched else None
            self._vonage = VonageEmulator(default, self._vonage_port).start()
        if self._with_heroku:
            self._heroku = HerokuEmulator().start()

    def _require_workspace(self) -> Workspace:
        if self._workspace is None:
            raise SandboxError("the sandbox is not running")
        return self._workspace
