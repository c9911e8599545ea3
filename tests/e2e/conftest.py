# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One sandbox for all end-to-end tests of a worker, and a separate project and bucket for each test."""

from __future__ import annotations

import contextlib
import functools
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped]

from tests.e2e import botocore_cache
from tests.e2e.broadcast_environment import BroadcastEnvironment, new_broadcast_environment
from tests.e2e.module_runs import CoreProcesses
from tests.e2e.project_environment import MANAGED_KEY, ProjectEnvironment, new_project_environment
from tests.sandbox import HerokuEmulator, Sandbox


class GroupScheduling(LoadScopeScheduling):  # type: ignore[misc]
    """Run each file with the mark ``xdist_group`` in one worker, which starts its servers once.

    ``--dist loadgroup`` does the same, but with pytest 9.2, xdist cannot append the group to the test ID, and its
    scheduler needs the group there. The largest groups run first.
    """

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        return file if _is_group(self.config.rootpath / file) else nodeid


@functools.cache
def _is_group(path: Path) -> bool:
    return "\npytestmark = pytest.mark.xdist_group(" in path.read_text()


def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> GroupScheduling | None:
    return GroupScheduling(config, log) if config.getvalue("dist") == "loadgroup" else None


botocore_cache.enable()


@pytest.fixture(scope="session")
def e2e_sandbox() -> Iterator[Sandbox]:
    """SeaweedFS and the emulator of Vonage."""
    with Sandbox(stores=("seaweedfs",)) as running:
        yield running


@pytest.fixture(scope="session")
def core_processes() -> Iterator[CoreProcesses]:
    """Processes that run modules with each supported ansible-core."""
    with contextlib.ExitStack() as stack:
        yield CoreProcesses(stack)


@pytest.fixture
def home() -> Iterator[Path]:
    """A folder with a short path: Ansible creates sockets in it, and their paths are limited to 107 characters."""
    with tempfile.TemporaryDirectory(prefix="e2e-", dir="/tmp" if os.access("/tmp", os.W_OK) else None) as folder:
        yield Path(folder)


@pytest.fixture
def project(e2e_sandbox: Sandbox, home: Path) -> Iterator[ProjectEnvironment]:
    """A project with an external key, without bucket and upload target."""
    e2e_sandbox.vonage.echo_secrets = False
    with new_project_environment(e2e_sandbox, home) as environment:
        yield environment


@pytest.fixture
def managed_project(e2e_sandbox: Sandbox, home: Path) -> Iterator[ProjectEnvironment]:
    """A project with a managed key, without bucket and upload target."""
    e2e_sandbox.vonage.echo_secrets = False
    with new_project_environment(e2e_sandbox, home, MANAGED_KEY) as environment:
        yield environment


@pytest.fixture(scope="module")
def heroku() -> Iterator[HerokuEmulator]:
    with HerokuEmulator() as running:
        # Errors quote the request, including secrets.
        running.echo_secrets = True
        yield running


@pytest.fixture
def broadcast(e2e_sandbox: Sandbox, heroku: HerokuEmulator) -> Iterator[BroadcastEnvironment]:
    """An application with a bucket, without a user."""
    with new_broadcast_environment(e2e_sandbox, heroku) as broadcast:
        broadcast.ensure_bucket()
        yield broadcast
