# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Optional servers with a separate Python environment, whose path is in an environment variable."""

from __future__ import annotations

import os
from pathlib import Path
from typing import ClassVar

from .._process import HOST
from .base import Store, StoreUnavailable


class ExtraStore(Store):
    """A server in another environment; ``python_variable`` contains the path of its Python."""

    optional: ClassVar[bool] = True
    python_variable: ClassVar[str] = ""

    def python(self) -> str:
        """Return the path of the server's Python."""
        path = os.environ.get(self.python_variable, "")
        if not path:
            raise StoreUnavailable(
                f"{self.name}: {self.python_variable} is not set. "
                f"Set it to the path of a Python that has {self.name} installed."
            )
        if not Path(path).exists():
            raise StoreUnavailable(f"{self.name}: {self.python_variable}: the file {path} does not exist")
        return path

    def check_available(self) -> None:
        """Raise StoreUnavailable if the variable does not contain the path of a Python."""
        self.python()


class LocalEmuStore(ExtraStore):
    """LocalEmu: returns the responses of AWS and enforces user policies, but does not check the secret."""

    name: ClassVar[str] = "localemu"
    has_iam: ClassVar[bool] = True
    python_variable: ClassVar[str] = "SANDBOX_LOCALEMU_PYTHON"

    def command(self, ports: list[int], directory: Path) -> list[str]:
        return [self.python(), "-m", "localemu.runtime.main"]

    def environment(self, ports: list[int], directory: Path) -> dict[str, str]:
        """Return the address, which is 0.0.0.0 by default, and the key to which policies do not apply."""
        # A fixed path of the program, which a killed program does not delete.
        self._workspace.remove_at_end("/tmp/localemu-s3-storage")
        return {
            "GATEWAY_SERVER": "hypercorn",
            "GATEWAY_LISTEN": f"{HOST}:{ports[0]}",
            "IAM_ENFORCEMENT": "1",
            "ROOT_ACCESS_KEYS": self.access_key,
        }


class MinistackStore(ExtraStore):
    """ministack: the only store that enforces BlockPublicPolicy; it has no authentication."""

    name: ClassVar[str] = "ministack"
    python_variable: ClassVar[str] = "SANDBOX_MINISTACK_PYTHON"

    def command(self, ports: list[int], directory: Path) -> list[str]:
        return [self.python(), "-m", "ministack"]

    def environment(self, ports: list[int], directory: Path) -> dict[str, str]:
        """Return the address, which is 0.0.0.0 by default."""
        return {"GATEWAY_PORT": str(ports[0]), "BIND_HOST": HOST, "S3_DATA_DIR": str(directory / "s3")}
