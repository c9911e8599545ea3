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

import botocore.session
import pytest

from tests.e2e.site import MANAGED, Site, new_site
from tests.sandbox import Sandbox


@pytest.fixture(scope="session", autouse=True)
def _service_descriptions() -> Iterator[None]:
    """Let botocore read what it knows of S3 and IAM once in a worker, not again for each of a thousand clients."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(botocore.session, "create_loader", functools.cache(botocore.session.create_loader))
        yield


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
