# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One sandbox for all end-to-end tests of a worker; a project and a bucket of its own for each test."""

from __future__ import annotations

import functools
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped]

from tests.e2e import quick_clients
from tests.e2e.site import MANAGED, Site, new_site
from tests.sandbox import Sandbox


class Groups(LoadScopeScheduling):  # type: ignore[misc]
    """Give a file that is a group to one worker, which starts its servers once, and any other test to whoever is free.

    As ``--dist loadgroup`` would: pytest 9.2 does not let xdist write the name of a group into a test's id, by which
    its scheduler knows it. The largest groups come first, so that no worker waits for one at the end.
    """

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        return file if _is_group(self.config.rootpath / file) else nodeid


@functools.cache
def _is_group(path: Path) -> bool:
    return "\npytestmark = pytest.mark.xdist_group(" in path.read_text()


def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> Groups | None:
    return Groups(config, log) if config.getvalue("dist") == "loadgroup" else None


quick_clients.remember()


@pytest.fixture(scope="session")
def e2e_sandbox() -> Iterator[Sandbox]:
    """SeaweedFS and the emulator."""
    with Sandbox(stores=("seaweedfs",)) as running:
        yield running


@pytest.fixture
def home() -> Iterator[Path]:
    """A home folder with a short name: Ansible makes sockets below it, whose paths must not exceed 107 characters."""
    with tempfile.TemporaryDirectory(prefix="e2e-", dir="/tmp" if os.access("/tmp", os.W_OK) else None) as folder:
        yield Path(folder)


@pytest.fixture
def site(e2e_sandbox: Sandbox, home: Path) -> Iterator[Site]:
    """A project that has nothing yet."""
    e2e_sandbox.vonage.echo_secrets = False
    with new_site(e2e_sandbox, home) as made:
        yield made


@pytest.fixture
def managed(e2e_sandbox: Sandbox, home: Path) -> Iterator[Site]:
    """A project that has nothing yet, whose uploader the role makes."""
    e2e_sandbox.vonage.echo_secrets = False
    with new_site(e2e_sandbox, home, MANAGED) as made:
        yield made
