# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Creation and replacement of an application's key with runs killed at every request.

After a kill at any request, the key in the config vars works. After the next run, the user has one active key, which is
in the config vars; the run after that writes nothing and sends no PATCH.
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.e2e import forked_process
from tests.e2e.broadcast_environment import (
    OTHERS,
    UNVERIFIED,
    BroadcastEnvironment,
    run_use_case,
)
from tests.e2e.test_kill import Killer


def run_and_kill(broadcast: BroadcastEnvironment, point: int = 0, after: bool = False, **options: Any) -> Killer:
    """Run the use case in another process, and kill that process at one of its requests."""
    process = forked_process.create_process(run_use_case, {**broadcast.params, **options})
    with Killer(broadcast, point, after, kill=lambda: forked_process.kill_process(process)) as killer:
        process.start()
        process.join(60)
    assert process.exitcode == (-9 if killer.hit else 0), (point, after, process.exitcode)
    return killer


def reset_app(broadcast: BroadcastEnvironment) -> None:
    broadcast.run(state="absent")
    assert (broadcast.config, broadcast.keys()) == (OTHERS, {})


@pytest.mark.slow
def test_first_run_killed_at_every_request_recovers(broadcast: BroadcastEnvironment) -> None:
    count = run_and_kill(broadcast).count
    assert count > 15
    broadcast.assert_configured()
    for point in range(1, count + 1):
        for after in (False, True):
            reset_app(broadcast)
            run_and_kill(broadcast, point, after)
            broadcast.assert_recovered()


@pytest.mark.slow
def test_rotation_killed_at_every_request_recovers(broadcast: BroadcastEnvironment) -> None:
    broadcast.run(**UNVERIFIED)
    count = run_and_kill(broadcast, rotate=True).count
    assert count > 15
    for point in range(1, count + 1):
        for after in (False, True):
            assert len(broadcast.keys()) == 1
            run_and_kill(broadcast, point, after, rotate=True)
            broadcast.assert_recovered()
