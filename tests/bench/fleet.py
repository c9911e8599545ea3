# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``python -m tests.bench.fleet``: measure a fleet of many projects, and compare it with the role.

The fleet runs four times: the first run, a run without changes, a run with one changed project, and a run with ten
broken projects. Then the playbook configure runs without changes for some of these projects, as a loop over hosts with
the same forks. Its time per project, multiplied by the number of projects, is the extrapolated time of the role for the
fleet. The results are checked. A slow run does not fail. Ansible and the servers share the same cores.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import yaml

from tests.e2e import playbook_runs
from tests.e2e.fleet_environment import FleetEnvironment, failures, new_fleet_environment, report, results
from tests.sandbox import Sandbox

BROKEN = 10
RUN_SECONDS = 3600
OUT = playbook_runs.ROOT / "build" / "bench-fleet.json"


@dataclass(frozen=True)
class Figures:
    """The measurements of one run.

    :param wall: seconds.
    :param cpu: seconds of processor time of Ansible and its child processes.
    :param memory: peak memory of all processes of Ansible in MiB; shared pages are counted once.
    """

    title: str
    projects: int
    wall: float
    cpu: float
    api: int
    s3: int
    memory: int
    changed: int
    failed: int

    def row(self) -> str:
        """Format the row of the table."""
        return (
            f"{self.title:<34} {self.projects:>8} {self.wall:>8.1f} {self.cpu:>8.1f} {self.api:>6} {self.s3:>7} "
            f"{self.memory:>7} {self.changed:>8} {self.failed:>7}"
        )


class MemoryMonitor:
    """Sample the memory of a process and its children while they run."""

    def __init__(self) -> None:
        self.memory = 0
        self._stopped = threading.Event()

    def __call__(self, process: Any) -> None:
        threading.Thread(target=self._sample, args=[psutil.Process(process.pid)], daemon=True).start()

    def stop(self) -> None:
        self._stopped.set()

    def _sample(self, leader: psutil.Process) -> None:
        while not self._stopped.wait(0.5):
            total = 0
            try:
                processes = [leader, *leader.children(recursive=True)]
            except psutil.NoSuchProcess:
                return
            for process in processes:
                try:
                    total += process.memory_full_info().pss
                except (psutil.NoSuchProcess, psutil.AccessDenied):
                    continue
            self.memory = max(self.memory, total)


def parse_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.fleet", description=__doc__)
    parser.add_argument("--projects", type=int, default=1000, help="number of projects (default: 1000)")
    parser.add_argument("--buckets", type=int, default=20, help="number of shared buckets (default: 20)")
    parser.add_argument("--forks", type=int, default=20, help="forks of Ansible (default: 20)")
    parser.add_argument("--role-projects", type=int, default=20, help="projects to run the role for (default: 20)")
    return parser.parse_args(arguments)


def measure(
    fleet: FleetEnvironment, title: str, playbook: str, forks: int, args: Sequence[str] = (), **variables: Any
) -> tuple[Figures, playbook_runs.Run]:
    """Run a playbook for the inventory, and print its measurements."""
    fleet.clear_request_log()
    monitor = MemoryMonitor()
    env = {**fleet.operator, "ANSIBLE_FORKS": str(forks), "ANSIBLE_VERBOSITY": "0", "ANSIBLE_DIFF_ALWAYS": "false"}
    before = psutil.Process().cpu_times()
    extra_vars = {**fleet.variables, "archive_storage_hosts": "vonage_projects", **variables}
    run = playbook_runs.run_playbook(
        playbook, extra_vars, fleet.home, env, None, ["-i", str(fleet.inventory), *args], monitor, seconds=RUN_SECONDS
    )
    monitor.stop()
    after = psutil.Process().cpu_times()
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    hosts = {host: counts for host, counts in run.recap.items() if host != "localhost"}
    figures = Figures(
        title=title,
        projects=len(hosts),
        wall=run.seconds,
        cpu=cpu,
        api=len(fleet.emulator.log()),
        s3=len(fleet.s3.requests),
        memory=monitor.memory // 2**20,
        changed=sum(bool(counts["changed"]) for counts in hosts.values()),
        failed=sum(bool(counts["failures"]) for counts in hosts.values()),
    )
    print(figures.row(), flush=True)
    return figures, run


def measure_all(fleet: FleetEnvironment, forks: int, role_projects: int) -> list[Figures]:
    """Measure all runs and check their results.

    :raises AssertionError: a result is wrong.
    """
    total = len(fleet.ids)
    (fleet.home / "group_vars").mkdir()
    first, _run = measure(fleet, "first run", "fleet", forks)
    assert (first.changed, first.failed) == (total, 0)
    assert fleet.puts() == fleet.ids
    steady, _run = measure(fleet, "steady", "fleet", forks)
    assert (steady.changed, steady.failed, fleet.puts(), fleet.writes) == (0, 0, [], [])
    variables = fleet.home / "host_vars"
    variables.mkdir()
    one = fleet.ids[total // 2]
    (variables / f"{one}.yml").write_text("archive_storage_fallback: none\n")
    changed, _run = measure(fleet, "one changed", "fleet", forks)
    assert (changed.changed, changed.failed, fleet.puts()) == (1, 0, [one])
    broken = break_projects(fleet, variables)
    path = fleet.home / "report.html"
    with_failures, run = measure(fleet, "ten broken", "fleet", forks, archive_fleet_report_path=str(path))
    assert set(failures(run)) == broken
    assert not any(result["changed"] for host, result in results(run).items() if host not in broken)
    assert set(report(path.with_suffix(".json"))["summary"]["failed_projects"]) == broken
    assert all(f"\n{project}: " in run.stdout for project in broken)
    fleet.emulator.clear_faults()
    selected = fleet.ids[:role_projects]
    for project_id in {one, *broken} & set(selected):
        (variables / f"{project_id}.yml").unlink()
    secrets = {project.key: project.secret for project in fleet.projects}
    for project_id in selected:
        # The secret is a variable, because the role would need another request and task to fetch it from the account.
        credentials = {"archive_storage_api_key": project_id, "archive_storage_api_secret": secrets[project_id]}
        playbook_runs.write_private(variables / f"{project_id}.yml", yaml.safe_dump(credentials))
    limit = ["--limit", ",".join(selected)]
    measure(fleet, "(repair)", "fleet", forks, limit)
    role, _run = measure(fleet, "the role, steady", "configure", forks, limit)
    assert (role.changed, role.failed) == (0, 0)
    same, _run = measure(fleet, "the fleet, same projects, steady", "fleet", forks, limit)
    assert (same.changed, same.failed) == (0, 0)
    return [first, steady, changed, with_failures, role, same]


def break_projects(fleet: FleetEnvironment, variables: Path) -> set[str]:
    """Break ten projects: the API returns 403 or hangs, or the name of the bucket is invalid."""
    ids = fleet.ids[-BROKEN:]
    for number, project_id in enumerate(ids):
        host_vars = {"archive_storage_fallback": "none"}
        if number < 4:
            fleet.emulator.fail_next(status=403, path=f"/{project_id}/archive/storage", times=99)
        elif number < 7:
            fleet.emulator.fail_next("hang", path=f"/{project_id}/archive/storage", times=99)
        else:
            host_vars = {"archive_storage_bucket": "Not A Bucket"}
        (variables / f"{project_id}.yml").write_text(yaml.safe_dump(host_vars))
    return set(ids)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command."""
    options = parse_arguments(arguments)
    names = [f"customer {number}" for number in range(options.projects)]
    start = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="fleet-") as home, Sandbox(stores=("seaweedfs",)) as sandbox:
        print(
            f"{'run':<34} {'projects':>8} {'wall s':>8} {'cpu s':>8} {'API':>6} {'S3':>7} {'MiB':>7} "
            f"{'changed':>8} {'failed':>7}"
        )
        with new_fleet_environment(sandbox, Path(home), names, options.buckets) as fleet:
            figures = measure_all(fleet, options.forks, options.role_projects)
    steady, role = figures[1], figures[4]
    fleet_seconds, role_seconds = steady.wall / steady.projects, role.wall / role.projects
    print(
        f"One project takes {fleet_seconds:.2f} s with the fleet and {role_seconds:.2f} s with the role. "
        f"The role would take {role_seconds * options.projects / 60:.0f} min for {options.projects} projects "
        f"(extrapolated from {role.projects}), {role_seconds / fleet_seconds:.0f} times as long as the fleet "
        f"({steady.wall / 60:.1f} min)."
    )
    OUT.parent.mkdir(exist_ok=True)
    OUT.write_text(json.dumps([vars(figure) for figure in figures], indent=1) + "\n")
    print(f"The results are in {OUT.relative_to(playbook_runs.ROOT)}. The bench took {time.monotonic() - start:.0f} s.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
