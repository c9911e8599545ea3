# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A sandbox and an emulator for all tests, reset for each test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.sandbox import Sandbox, Store, VonageEmulator


@pytest.fixture(scope="session")
def _emulator() -> Iterator[VonageEmulator]:
    with VonageEmulator() as emulator:
        yield emulator


@pytest.fixture
def emulator(_emulator: VonageEmulator) -> VonageEmulator:
    """An emulator without a store."""
    _emulator.reset()
    return _emulator


@pytest.fixture(scope="session")
def _sandbox() -> Iterator[Sandbox]:
    with Sandbox(stores=("seaweedfs", "moto", "moto-iam", "rclone")) as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(_sandbox: Sandbox) -> Sandbox:
    """All stores that are available on PyPI, and an emulator."""
    _sandbox.vonage.reset()
    return _sandbox


@pytest.fixture
def seaweedfs(sandbox: Sandbox) -> Store:
    """The main store of the tests."""
    return sandbox.stores["seaweedfs"]


@pytest.fixture
def bucket(seaweedfs: Store, request: pytest.FixtureRequest) -> Iterator[str]:
    """A new bucket for each test."""
    name = "test-" + "".join(c if c.isalnum() else "-" for c in request.node.name.lower())[:50].strip("-")
    seaweedfs.client().create_bucket(Bucket=name)
    yield name
    seaweedfs.empty_and_delete(name)
