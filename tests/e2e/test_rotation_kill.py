# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A run that rotates is killed before and after every request it sends; uploads go on, and the next run repairs it.

What holds at once, wherever the kill came: the key that the target holds works. What the next run brings about: one
active key, which target and record name, no other key, and no user without one; the run after that writes nothing.

The runs that are killed prove their key, as the role's do. Those that repair do not: what a proof sends and leaves is
the same whoever runs it, and ``test_kill.py`` looks at it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.e2e import forks
from tests.e2e.rotation_site import RotationSite, rotate, rotation_site
from tests.e2e.test_kill import Killer
from tests.sandbox import Sandbox

PARTS = 4
# Fewer checks of the proof would leave out requests that the role sends.
ROLE: dict[str, Any] = {"expect_public": False, "rotate": True}


@pytest.fixture
def rotation(e2e_sandbox: Sandbox) -> Iterator[RotationSite]:
    with rotation_site(e2e_sandbox) as site:
        yield site


def run_and_kill(site: RotationSite, point: int = 0, after: bool = False, **options: Any) -> Killer:
    """Run the use case in a process of its own, and kill that at one of its requests."""
    process = forks.forked(rotate, site.options(**options))
    with Killer(site, point, after, kill=lambda: forks.kill(process)) as killer:
        process.start()
        process.join(60)
    assert process.exitcode == (-9 if killer.hit else 0), (point, after, process.exitcode)
    return killer


def points(count: int, part: int) -> list[tuple[int, bool]]:
    """Before and after every request; every ``PARTS``-th of them, so that workers share."""
    every = [(point, after) for point in range(1, count + 1) for after in (False, True)]
    return every[part::PARTS]


def repaired(site: RotationSite) -> None:
    """Assert what holds at once, and what the next runs bring about."""
    if site.emulator.target(site.key):
        assert site.statuses()[site.held] == "Active"
        site.archive_arrives()
    site.in_order()


@pytest.mark.slow
@pytest.mark.parametrize("part", range(PARTS))
def test_a_rotation_killed_at_every_request(rotation: RotationSite, part: int) -> None:
    rotation.run(verify="never")
    # Both users exist from here on.
    rotation.run(rotate=True, verify="never")
    rotation.on_main()
    count = run_and_kill(rotation, **ROLE).count
    assert count > 30
    rotation.settled()
    for point, after in points(count, part):
        # Always from the same state, or not all of these requests would be met.
        rotation.on_main()
        killer = run_and_kill(rotation, point, after, **ROLE)
        assert killer.hit, point
        repaired(rotation)


@pytest.mark.slow
@pytest.mark.parametrize("part", range(PARTS))
def test_a_first_run_killed_at_every_request(e2e_sandbox: Sandbox, part: int) -> None:
    with rotation_site(e2e_sandbox) as site:
        count = run_and_kill(site, **ROLE).count
        assert count > 30
        site.settled()
    for point, after in points(count, part):
        with rotation_site(e2e_sandbox) as site:
            run_and_kill(site, point, after, **ROLE)
            repaired(site)


@pytest.mark.slow
def test_first_runs_killed_again_and_again(rotation: RotationSite) -> None:
    """In the proof, where most of the time goes: what they leave is not taken for keys that are in use."""
    for _unused in range(6):
        with Killer(rotation, 1, like="PUT /BUCKET/KEY/vonage-archiving-probe-*/archive.mp4?") as killer:
            process = forks.forked(rotate, rotation.options())
            killer.kill = lambda process=process: forks.kill(process)  # type: ignore[misc]
            process.start()
            process.join(60)
        assert killer.hit
        assert len(rotation.statuses()) <= 4
    rotation.in_order()
