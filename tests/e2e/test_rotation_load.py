# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Test rotations while recordings arrive: no recording is lost, and there are at most two keys."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.e2e.rotation_environment import RotationEnvironment, iam_action, new_rotation_environment
from tests.sandbox import ProxiedRequest, Sandbox

ROTATIONS = 20
# Between the request that sets a target and the deletion of the old key, a tenth of the drain timeout passes.
DRAIN = 8
SLOW: dict[str, Any] = {"size": 6 * 2**20, "pause": 0.4}


@pytest.fixture
def rotation(e2e_sandbox: Sandbox) -> Iterator[RotationEnvironment]:
    with new_rotation_environment(e2e_sandbox) as rotation:
        yield rotation


@dataclass
class Recorder:
    """Records archives in threads, one at a time per thread, until it is stopped."""

    rotation: RotationEnvironment
    archives: list[dict[str, Any]] = field(default_factory=list)
    stop: threading.Event = field(default_factory=threading.Event)
    threads: list[threading.Thread] = field(default_factory=list)

    def __enter__(self) -> Recorder:
        for options in ({}, SLOW):
            self.threads.append(threading.Thread(target=self._record, args=(options,)))
            self.threads[-1].start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop.set()
        for thread in self.threads:
            thread.join(60)

    def _record(self, options: dict[str, Any]) -> None:
        while not self.stop.is_set():
            self.archives.append(self.rotation.emulator.record_archive(self.rotation.key, **options))
            self.stop.wait(0.1)


@dataclass
class KeyCounter:
    """Counts keys by the requests that create and delete them, in the order of the responses."""

    rotation: RotationEnvironment
    keys: int
    maximum: int = 0

    def after(self, n: int, request: ProxiedRequest) -> None:
        action = iam_action(request).get("Action")
        if action == "CreateAccessKey":
            self.keys += 1
            self.maximum = max(self.maximum, self.keys, len(self.rotation.statuses()))
        elif action == "DeleteAccessKey":
            self.keys -= 1


@pytest.mark.slow
def test_rotate_during_uploads_loses_no_archive(rotation: RotationEnvironment) -> None:
    rotation.run(verify="never")
    counter = KeyCounter(rotation, keys=1)
    rotation.s3.after = counter.after
    target_keys = [rotation.target_key_id]
    with Recorder(rotation) as recorder:
        for _unused in range(ROTATIONS):
            rotation.run(rotate=True, verify="never", drain_timeout=DRAIN)
            target_keys.append(rotation.target_key_id)
    assert len(set(target_keys)) == ROTATIONS + 1
    assert counter.maximum == 2
    lost = [archive["sandbox"] for archive in recorder.archives if archive["status"] != "uploaded"]
    assert lost == []
    pages = rotation.client.get_paginator("list_objects_v2").paginate(Bucket=rotation.bucket, Prefix=f"{rotation.key}/")
    sizes = {archive["Key"]: archive["Size"] for page in pages for archive in page["Contents"]}
    assert sizes == {archive["sandbox"]["key"]: archive["size"] for archive in recorder.archives}
    # Several recordings, and slow ones, per rotation: uploads were in progress at each deletion of a key.
    assert len(recorder.archives) > 3 * ROTATIONS
    assert sum(size > 2**20 for size in sizes.values()) >= ROTATIONS
    rotation.assert_configured()
    rotation.assert_idempotent()
