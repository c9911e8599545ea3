# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The S3 servers of the sandbox, by name."""

from __future__ import annotations

from .._process import Workspace
from .base import Store, StoreUnavailable
from .extras import LocalEmuStore, MinistackStore
from .moto import MotoIamStore, MotoStore
from .policies import upload_only_policy
from .rclone import RcloneStore
from .seaweedfs import SeaweedFSStore

STORES: dict[str, type[Store]] = {
    store.name: store for store in (SeaweedFSStore, MotoStore, MotoIamStore, RcloneStore, LocalEmuStore, MinistackStore)
}

__all__ = ["STORES", "Store", "StoreUnavailable", "create_store", "upload_only_policy"]


def create_store(name: str, workspace: Workspace) -> Store:
    """Return the store with this name, before its launch."""
    return STORES[name](workspace)
