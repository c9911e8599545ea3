# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two runs on the same project at the same time: whatever comes of it, the state file is never wrong."""

from __future__ import annotations

import secrets
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.vonage.archiving.plugins.module_utils._core import errors
from tests.e2e import driver, runs
from tests.e2e.prepared import configured, variables
from tests.e2e.site import Site
from tests.e2e.test_kill import kept, truth
from tests.sandbox import ProxiedRequest

ROUNDS = 12


def attempt(given: dict[str, Any], start: threading.Barrier) -> str:
    """Set the target; return what came of it."""
    start.wait(10)
    try:
        return "done" if driver.reach_target(given).changed else "unchanged"
    except errors.ConflictError as error:
        told = "another run" in str(error) and "again once the other run has ended" in str(error)
        return "conflict" if told else str(error)


@pytest.mark.parametrize("where", ["bucket", "file"])
def test_two_use_cases(site: Site, where: str, tmp_path: Path) -> None:
    common = {} if where == "bucket" else {"state_file": str(tmp_path / "record.json")}
    driver.configure(variables(site, **common))
    # Answers that take a moment let the two overlap in every order.
    site.api.latency = 0.02
    outcomes = []
    for round_ in range(ROUNDS):
        wanted = [variables(site, fallback=fallback, **common) for fallback in ("none", "opentok", "vonage")]
        two = [wanted[round_ % 3], wanted[(round_ + 1) % 3]]
        start = threading.Barrier(2)
        with ThreadPoolExecutor(2) as pool:
            came = [future.result() for future in [pool.submit(attempt, given, start) for given in two]]
        outcomes += came
        record = kept(site, two[0])
        assert record is not None
        truth(site, record)
        # Nobody is told that nothing had to be done unless it is so, and one of them gets through or knows why not.
        if "conflict" not in came:
            assert record["status"] == "applied"
        if record["status"] == "applied":
            assert (site.target() or {})["fallback"] == record["storage"]["fallback"]
    assert {"done", "conflict"} <= set(outcomes) <= {"done", "conflict", "unchanged"}
    # Whatever is left is mended by one more run.
    last = variables(site, fallback="opentok", **common)
    driver.reach_target(last)
    assert (site.target() or {})["fallback"] == "opentok"
    assert not driver.reach_target(last).changed


def test_two_playbooks(site: Site) -> None:
    """The second one starts its call while that of the first is under way."""
    configured(site)
    met = threading.Barrier(2)

    def meet(n: int, request: ProxiedRequest) -> None:
        if request.method == "PUT" and request.path.endswith(f"{site.key}.json") and not met.broken:
            try:
                met.wait(60)
            except threading.BrokenBarrierError:
                return
            met.abort()

    site.s3.before = meet
    homes = [site.home / secrets.token_hex(4) for _unused in range(2)]
    for home in homes:
        home.mkdir()
    given = [{**site.variables, "archive_storage_fallback": fallback} for fallback in ("none", "vonage")]
    with ThreadPoolExecutor(2) as pool:
        futures = [
            pool.submit(runs.run_playbook, "configure", each, home, site.operator)
            for each, home in zip(given, homes, strict=True)
        ]
        both = [future.result() for future in futures]
    site.s3.before = None
    (loser,) = [run for run in both if run.rc]
    (winner,) = [run for run in both if not run.rc]
    assert "another run has written it in between" in loser.failed().error
    assert not runs.leaks(loser.output + winner.output, site.secrets)
    target = site.target() or {}
    assert target["fallback"] == winner.result["storage"]["fallback"] == site.record()["storage"]["fallback"]
    assert site.record()["status"] == "applied"
    assert len(site.methods) == 2
    last = variables(site, fallback="opentok")
    assert driver.reach_target(last).changed
    assert not driver.reach_target(last).changed
