# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Optional servers that need a Python environment of their own, named by an environment variable."""

from __future__ import annotations

import os
from pathlib import Path
from typing import ClassVar

from .._process import HOST
from .base import Store, StoreUnavailable


class ExtraStore(Store):
    """A server installed elsewhere: ``python_variable`` names that environment's Python."""

    optional: ClassVar[bool] = True
    python_variable: ClassVar[str] = ""

    def python(self) -> str:
        """Return the Python to launch the server with."""
        path = os.environ.get(self.python_variable, "")
        if not path:
            raise StoreUnavailable(
                f"{self.name}: set {self.python_variable} to a Python that has {self.name} installed"
            )
        if not Path(path).exists():
            raise StoreUnavailable(f"{self.name}: {self.python_variable} names {path}, which does not exist")
        return path

    def check_available(self) -> None:
        """Raise StoreUnavailable unless the variable names a Python."""
        self.python()


class LocalEmuStore(ExtraStore):
    """LocalEmu: answers as AWS does and enforces user policies, but does not check the secret."""

    name: ClassVar[str] = "localemu"
    has_iam: ClassVar[bool] = True
    python_variable: ClassVar[str] = "SANDBOX_LOCALEMU_PYTHON"

    def command(self, ports: list[int], directory: Path) -> list[str]:
        """Return the command."""
        return [self.python(), "-m", "localemu.runtime.main"]

    def environment(self, ports: list[int], directory: Path) -> dict[str, str]:
        """Return the listener, which would be all addresses otherwise, and whom the policies do not bind."""
        # Fixed in the program, and left behind when it is killed.
        self._workspace.remove_at_end("/tmp/localemu-s3-storage")
        return {
            "GATEWAY_SERVER": "hypercorn",
            "GATEWAY_LISTEN": f"{HOST}:{ports[0]}",
            "IAM_ENFORCEMENT": "1",
            "ROOT_ACCESS_KEYS": self.access_key,
        }


class MinistackStore(ExtraStore):
    """ministack: the one that enforces BlockPublicPolicy; no authentication."""

    name: ClassVar[str] = "ministack"
    python_variable: ClassVar[str] = "SANDBOX_MINISTACK_PYTHON"

    def command(self, ports: list[int], directory: Path) -> list[str]:
        """Return the command."""
        return [self.python(), "-m", "ministack"]

    def environment(self, ports: list[int], directory: Path) -> dict[str, str]:
        """Return the listener: it would bind all addresses otherwise."""
        return {"GATEWAY_PORT": str(ports[0]), "BIND_HOST": HOST, "S3_DATA_DIR": str(directory / "s3")}
