# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The sandbox: local stand-ins for S3, IAM, the Vonage Video API and Heroku's, real where a real thing runs locally.

    with Sandbox(stores=("seaweedfs", "moto")) as sandbox:
        sandbox.stores["seaweedfs"].client().create_bucket(Bucket="recordings")
        sandbox.vonage.record_archive()

Everything listens on free ports of 127.0.0.1. Nothing survives the end of the process that made it, SIGKILL included.
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
from .stores import STORES, Store, StoreUnavailable, make_store, upload_only_policy
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
    """Starts the stores named and the emulator; a context manager.

    A store that is optional and not installed is left out and named in ``skipped`` with the reason.
    Targets without an endpoint are uploaded to the first store.
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
            raise SandboxError(f"no store is called {', '.join(unknown)}; there are {', '.join(sorted(STORES))}")
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
        """The emulator."""
        if self._vonage is None:
            raise SandboxError("this sandbox has no Vonage emulator running")
        return self._vonage

    @property
    def heroku(self) -> HerokuEmulator:
        """The emulator of the Heroku Platform API."""
        if self._heroku is None:
            raise SandboxError("this sandbox has no Heroku emulator running")
        return self._heroku

    @property
    def store(self) -> Store:
        """The first store."""
        if not self.stores:
            raise SandboxError("this sandbox has no store running")
        return next(iter(self.stores.values()))

    @property
    def state_dir(self) -> Path:
        """Where the servers keep their data, their administrators' keys and their logs."""
        return self._running().path

    @property
    def pids(self) -> list[int]:
        """The processes of the sandbox."""
        return self._running().pids

    def start(self) -> Sandbox:
        """Start everything and return when all of it answers; after an exception nothing is left running."""
        if self._workspace is not None:
            raise SandboxError("the sandbox runs already")
        self._workspace = Workspace()
        atexit.register(self.stop)
        try:
            self._start_all(self._workspace)
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self) -> None:
        """Stop everything and remove every file; safe to call twice."""
        atexit.unregister(self.stop)
        emulators = [each for each in (self._vonage, self._heroku) if each is not None]
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
        """Start."""
        return self.start()

    def __exit__(self, *_: object) -> None:
        """Stop."""
        self.stop()

    def describe(self) -> dict[str, Any]:
        """Return every address and credential as plain values, for a program to read. It is full of secrets."""
        described: dict[str, Any] = {"stores": {name: store.describe() for name, store in self.stores.items()}}
        if self._vonage is not None:
            described["vonage"] = {
                "url": self._vonage.url,
                "api_key": self._vonage.api_key,
                "api_secret": self._vonage.api_secret,
                "account_key": self._vonage.account_key,
                "account_secret": self._vonage.account_secret,
                "application_id": self._vonage.application_id,
                "private_key": self._vonage.private_key_pem,
            }
        if self._heroku is not None:
            described["heroku"] = {
                "url": self._heroku.url,
                "api_token": self._heroku.api_token,
                "app": self._heroku.app_name,
            }
        return described

    def write_description(self, path: Path, extra: dict[str, Any] | None = None) -> None:
        """Write ``describe()`` as JSON, readable by its owner alone; the file goes when the sandbox stops."""
        self._running().remove_at_end(str(path.resolve()))
        content = json.dumps({"pid": os.getpid(), **self.describe(), **(extra or {})}, indent=2) + "\n"
        # Renamed into place: whoever waits for the file finds it whole.
        handle, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.resolve().parent)
        with os.fdopen(handle, "w") as file:
            file.write(content)
        os.replace(temporary, path)

    def dead(self) -> list[str]:
        """Return the servers that ended by themselves, each with the end of its output."""
        return self._running().dead()

    def _start_all(self, workspace: Workspace) -> None:
        launched: dict[str, Store] = {}
        # All are launched before any is waited for: they get ready side by side.
        for name in self._names:
            store = make_store(name, workspace)
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

    def _running(self) -> Workspace:
        if self._workspace is None:
            raise SandboxError("the sandbox does not run")
        return self._workspace
