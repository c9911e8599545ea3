# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Recordings arrive all the time while keys rotate: none is lost, and there are never more than two keys."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.e2e.rotation_site import RotationSite, iam_action, rotation_site
from tests.sandbox import ProxiedRequest, Sandbox

ROTATIONS = 20
# A tenth of the seconds to wait for uploads passes between a target and the end of the key before.
DRAIN = 8
SLOW: dict[str, Any] = {"size": 6 * 2**20, "pause": 0.4}


@pytest.fixture
def rotation(e2e_sandbox: Sandbox) -> Iterator[RotationSite]:
    with rotation_site(e2e_sandbox) as site:
        yield site


@dataclass
class Recorder:
    """Records archives in threads, one after the other in each, until it is told to stop."""

    site: RotationSite
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
            self.archives.append(self.site.emulator.record_archive(self.site.key, **options))
            self.stop.wait(0.1)


@dataclass
class Ledger:
    """How many keys there are, by the calls that make and delete them, in the order of their answers."""

    site: RotationSite
    keys: int
    most: int = 0

    def after(self, n: int, request: ProxiedRequest) -> None:
        action = iam_action(request).get("Action")
        if action == "CreateAccessKey":
            self.keys += 1
            self.most = max(self.most, self.keys, len(self.site.statuses()))
        elif action == "DeleteAccessKey":
            self.keys -= 1


@pytest.mark.slow
def test_no_archive_is_lost_while_keys_rotate(rotation: RotationSite) -> None:
    rotation.run(verify="never")
    ledger = Ledger(rotation, keys=1)
    rotation.s3.after = ledger.after
    held = [rotation.held]
    with Recorder(rotation) as recorder:
        for _unused in range(ROTATIONS):
            rotation.run(rotate=True, verify="never", drain_timeout=DRAIN)
            held.append(rotation.held)
    assert len(set(held)) == ROTATIONS + 1
    assert ledger.most == 2
    lost = [each["sandbox"] for each in recorder.archives if each["status"] != "uploaded"]
    assert lost == []
    pages = rotation.client.get_paginator("list_objects_v2").paginate(Bucket=rotation.bucket, Prefix=f"{rotation.key}/")
    arrived = {each["Key"]: each["Size"] for page in pages for each in page["Contents"]}
    assert arrived == {each["sandbox"]["key"]: each["size"] for each in recorder.archives}
    # Several a rotation, and slow ones among them: there were uploads under way whenever a key went.
    assert len(recorder.archives) > 3 * ROTATIONS
    assert sum(size > 2**20 for size in arrived.values()) >= ROTATIONS
    rotation.settled()
    rotation.steady()
