# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Test two concurrent runs of the same project: the state file is always correct."""

from __future__ import annotations

import secrets
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.vonage.archiving.plugins.module_utils._core import errors
from tests.e2e import playbook_runs, workflow_driver
from tests.e2e.configured_project import configure_project, driver_variables
from tests.e2e.project_environment import ProjectEnvironment
from tests.e2e.test_kill import assert_state_file_correct, read_state_file
from tests.sandbox import ProxiedRequest

ROUNDS = 12


def set_target(variables: dict[str, Any], start: threading.Barrier) -> str:
    """Set the target, and return the outcome."""
    start.wait(10)
    try:
        return "done" if workflow_driver.ensure_target(variables).changed else "unchanged"
    except errors.ConflictError as error:
        has_next_step = "another run" in str(error) and "again once the other run has ended" in str(error)
        return "conflict" if has_next_step else str(error)


@pytest.mark.parametrize("location", ["bucket", "file"])
def test_target_two_concurrent_runs_keep_state_file_correct(
    project: ProjectEnvironment, location: str, tmp_path: Path
) -> None:
    common = {} if location == "bucket" else {"state_file": str(tmp_path / "state.json")}
    workflow_driver.configure(driver_variables(project, **common))
    # With this latency, the runs overlap in every order.
    project.api.latency = 0.02
    outcomes = []
    for round_ in range(ROUNDS):
        desired = [driver_variables(project, fallback=fallback, **common) for fallback in ("none", "opentok", "vonage")]
        pair = [desired[round_ % 3], desired[(round_ + 1) % 3]]
        start = threading.Barrier(2)
        with ThreadPoolExecutor(2) as pool:
            results = [future.result() for future in [pool.submit(set_target, variables, start) for variables in pair]]
        outcomes += results
        state_file = read_state_file(project, pair[0])
        assert state_file is not None
        assert_state_file_correct(project, state_file)
        # A run reports "unchanged" only if nothing had to change. At least one run succeeds or reports a conflict.
        if "conflict" not in results:
            assert state_file["status"] == "applied"
        if state_file["status"] == "applied":
            assert (project.target() or {})["fallback"] == state_file["storage"]["fallback"]
    assert {"done", "conflict"} <= set(outcomes) <= {"done", "conflict", "unchanged"}
    # One further run repairs the state.
    last = driver_variables(project, fallback="opentok", **common)
    workflow_driver.ensure_target(last)
    assert (project.target() or {})["fallback"] == "opentok"
    assert not workflow_driver.ensure_target(last).changed


def test_configure_two_concurrent_playbooks_report_conflict(project: ProjectEnvironment) -> None:
    """The second run starts its request while the first request is in progress."""
    configure_project(project)
    barrier = threading.Barrier(2)

    def meet(n: int, request: ProxiedRequest) -> None:
        if request.method == "PUT" and request.path.endswith(f"{project.key}.json") and not barrier.broken:
            try:
                barrier.wait(60)
            except threading.BrokenBarrierError:
                return
            barrier.abort()

    project.s3.before = meet
    homes = [project.home / secrets.token_hex(4) for _unused in range(2)]
    for home in homes:
        home.mkdir()
    variables = [{**project.variables, "archive_storage_fallback": fallback} for fallback in ("none", "vonage")]
    with ThreadPoolExecutor(2) as pool:
        futures = [
            pool.submit(playbook_runs.run_playbook, "configure", options, home, project.operator)
            for options, home in zip(variables, homes, strict=True)
        ]
        runs = [future.result() for future in futures]
    project.s3.before = None
    (loser,) = [run for run in runs if run.rc]
    (winner,) = [run for run in runs if not run.rc]
    assert "another run has written it in between" in loser.failed().error
    assert not playbook_runs.find_leaks(loser.output + winner.output, project.secrets)
    target = project.target() or {}
    assert target["fallback"] == winner.result["storage"]["fallback"] == project.state_file()["storage"]["fallback"]
    assert project.state_file()["status"] == "applied"
    assert len(project.methods) == 2
    last = driver_variables(project, fallback="opentok")
    assert workflow_driver.ensure_target(last).changed
    assert not workflow_driver.ensure_target(last).changed
