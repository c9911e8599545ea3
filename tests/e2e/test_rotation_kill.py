# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Test that a rotation killed before or after any request is repaired by the next run, and uploads arrive.

Immediately after each kill, the key in the target works. After the next run, there is one active key, which the
target and the state file name, no other key, and no user without a key. The run after that writes nothing.

Runs that are killed verify their key, as with the role. The runs that repair do not: ``test_kill.py`` tests kills of
verifications.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.e2e import forked_process
from tests.e2e.rotation_environment import RotationEnvironment, new_rotation_environment, rotate
from tests.e2e.test_kill import Killer
from tests.sandbox import Sandbox

PARTS = 4
# The same checks as with the role: all of its requests are sent.
ROLE: dict[str, Any] = {"expect_public": False, "rotate": True}


@pytest.fixture
def rotation(e2e_sandbox: Sandbox) -> Iterator[RotationEnvironment]:
    with new_rotation_environment(e2e_sandbox) as rotation:
        yield rotation


def run_and_kill(rotation: RotationEnvironment, point: int = 0, after: bool = False, **options: Any) -> Killer:
    """Run the use case in its own process, and kill it at one of its requests."""
    process = forked_process.create_process(rotate, rotation.options(**options))
    with Killer(rotation, point, after, kill=lambda: forked_process.kill_process(process)) as killer:
        process.start()
        process.join(60)
    assert process.exitcode == (-9 if killer.hit else 0), (point, after, process.exitcode)
    return killer


def points(count: int, part: int) -> list[tuple[int, bool]]:
    """Before and after every request, divided into ``PARTS`` for several workers."""
    all_points = [(point, after) for point in range(1, count + 1) for after in (False, True)]
    return all_points[part::PARTS]


def assert_repaired_after_kill(rotation: RotationEnvironment) -> None:
    """Assert that the key in the target works, and that the next runs repair the state."""
    if rotation.emulator.target(rotation.key):
        assert rotation.statuses()[rotation.target_key_id] == "Active"
        rotation.record_archive()
    rotation.assert_repaired()


@pytest.mark.slow
@pytest.mark.parametrize("part", range(PARTS))
def test_rotate_killed_at_every_request_is_repaired(rotation: RotationEnvironment, part: int) -> None:
    rotation.run(verify="never")
    # Both users exist from here on.
    rotation.run(rotate=True, verify="never")
    rotation.use_first_user()
    count = run_and_kill(rotation, **ROLE).count
    assert count > 30
    rotation.assert_configured()
    for point, after in points(count, part):
        # The state is always the same. Otherwise, a run would not send all of these requests.
        rotation.use_first_user()
        killer = run_and_kill(rotation, point, after, **ROLE)
        assert killer.hit, point
        assert_repaired_after_kill(rotation)


@pytest.mark.slow
@pytest.mark.parametrize("part", range(PARTS))
def test_first_run_killed_at_every_request_is_repaired(e2e_sandbox: Sandbox, part: int) -> None:
    with new_rotation_environment(e2e_sandbox) as rotation:
        count = run_and_kill(rotation, **ROLE).count
        assert count > 30
        rotation.assert_configured()
    for point, after in points(count, part):
        with new_rotation_environment(e2e_sandbox) as rotation:
            run_and_kill(rotation, point, after, **ROLE)
            assert_repaired_after_kill(rotation)


@pytest.mark.slow
def test_first_run_killed_repeatedly_leaves_at_most_four_keys(rotation: RotationEnvironment) -> None:
    """The kills are in the verification, the longest step. The next run does not treat leftover keys as keys in use."""
    for _unused in range(6):
        with Killer(rotation, 1, like="PUT /BUCKET/KEY/vonage-archiving-probe-*/archive.mp4?") as killer:
            process = forked_process.create_process(rotate, rotation.options())
            killer.kill = lambda process=process: forked_process.kill_process(process)  # type: ignore[misc]
            process.start()
            process.join(60)
        assert killer.hit
        assert len(rotation.statuses()) <= 4
    rotation.assert_repaired()
