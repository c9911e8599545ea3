# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``python -m tests.bench.fleet``: measure fleets of several sizes, and compare them with a task that does nothing.

For each size, the fleet is configured. Then each round runs the fleet without changes and the floor, which is one
``debug`` task on the same hosts with the same inventory and forks, in alternating order. A ratio is the median of the
ratios of each round. Runs before the rounds measure the memory, which takes processor time.

``--scenarios`` adds, for the last size, a run with one changed project, a run with ten broken projects, and the
playbook configure for some of these projects. The time of the role per project, multiplied by the number of projects,
is the extrapolated time of the role for the fleet. The results are checked. A slow run does not fail. Ansible and the
servers share the same cores.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any

import psutil
import yaml

from tests.bench.runs import HERE
from tests.e2e import playbook_runs
from tests.e2e.fleet_environment import FleetEnvironment, failures, new_fleet_environment, report, results
from tests.sandbox import Sandbox

BROKEN = 10
RUN_SECONDS = 3 * 3600
OUT = playbook_runs.ROOT / "build" / "bench-fleet.json"
FLOOR = HERE / "playbooks" / "debug.yml"
ROW = "{:<34} {:>8} {:>8} {:>8} {:>10} {:>6} {:>7} {:>7} {:>9} {:>8} {:>7}"
HEAD = ("run", "projects", "wall s", "cpu s", "ms/project", "API", "S3", "MiB", "MiB/fork", "changed", "failed")


@dataclass(frozen=True)
class Figures:
    """The measurements of one run.

    :param wall: seconds.
    :param cpu: seconds of processor time of Ansible and its child processes, without the servers.
    :param memory: peak memory of all processes of Ansible in MiB, in which shared pages are counted once.
    :param fork: peak private memory of a fork in MiB. Both are 0 if the run does not measure memory.
    """

    title: str
    projects: int
    wall: float
    cpu: float
    api: int
    s3: int
    memory: int
    fork: int
    changed: int
    failed: int

    @property
    def cpu_of_project(self) -> float:
        """Return the milliseconds of processor time for each project."""
        return self.cpu * 1000 / self.projects

    def row(self) -> str:
        """Format the row of the table."""
        times = (f"{self.wall:.1f}", f"{self.cpu:.1f}", f"{self.cpu_of_project:.1f}")
        memory = (self.memory or "", self.fork or "")
        return ROW.format(
            self.title, self.projects, *times, self.api, self.s3, *memory, self.changed, self.failed
        ).rstrip()


class MemoryMonitor:
    """Sample the memory of a process and its children while they run."""

    def __init__(self) -> None:
        self.memory = 0
        self.fork = 0
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
                    memory = process.memory_full_info()
                except (psutil.NoSuchProcess, psutil.AccessDenied):
                    continue
                total += memory.pss
                if process != leader:
                    self.fork = max(self.fork, memory.uss)
            self.memory = max(self.memory, total)


class Bench:
    """Runs playbooks for the inventory of a fleet, and prints their measurements.

    :param env: more environment variables of all runs.
    """

    def __init__(self, fleet: FleetEnvironment, forks: int, env: Mapping[str, str] | None = None) -> None:
        self.fleet = fleet
        self.forks = forks
        self.env = env or {}
        self.figures: list[Figures] = []

    def measure(
        self, title: str, playbook: str | Path, args: Sequence[str] = (), *, memory: bool = False, **variables: Any
    ) -> tuple[Figures, playbook_runs.Run]:
        """Run a playbook."""
        fleet = self.fleet
        fleet.clear_request_log()
        monitor = MemoryMonitor()
        env = {
            **fleet.operator,
            "ANSIBLE_FORKS": str(self.forks),
            "ANSIBLE_VERBOSITY": "0",
            "ANSIBLE_DIFF_ALWAYS": "false",
            **self.env,
        }
        extra_vars = {**fleet.variables, "archive_storage_hosts": "vonage_projects", **variables}
        options = ["-i", str(fleet.inventory), *args]
        watch = monitor if memory else _ignore_process
        before = children_cpu()
        run = playbook_runs.run_playbook(
            playbook, extra_vars, fleet.home, env, None, options, watch, seconds=RUN_SECONDS
        )
        cpu = children_cpu() - before
        monitor.stop()
        hosts = {host: counts for host, counts in run.recap.items() if host != "localhost"}
        figures = Figures(
            title=title,
            projects=len(hosts),
            wall=run.seconds,
            cpu=cpu,
            api=len(fleet.emulator.log()),
            s3=len(fleet.s3.requests),
            memory=monitor.memory // 2**20,
            fork=monitor.fork // 2**20,
            changed=sum(bool(counts["changed"]) for counts in hosts.values()),
            failed=sum(bool(counts["failures"]) for counts in hosts.values()),
        )
        print(figures.row(), flush=True)
        self.figures.append(figures)
        return figures, run

    def measure_steady(self, title: str = "steady", *args: str, memory: bool = False) -> Figures:
        """Run the fleet, and check that it makes no changes.

        :raises AssertionError: a result is wrong.
        """
        figures, _run = self.measure(title, "fleet", args, memory=memory)
        assert (figures.changed, figures.failed, self.fleet.puts(), self.fleet.writes) == (0, 0, [], [])
        return figures

    def measure_floor(self, title: str = "floor", *, memory: bool = False) -> Figures:
        """Run one task that does nothing for each project."""
        figures, _run = self.measure(title, FLOOR, memory=memory)
        assert (figures.projects, figures.failed) == (len(self.fleet.ids), 0)
        return figures


def _ignore_process(_process: Any) -> None:
    """Watch nothing: a watched run has its own processes."""


def children_cpu() -> float:
    """Return the processor time of ended child processes, which excludes the servers of the sandbox."""
    times = psutil.Process().cpu_times()
    return float(times.children_user + times.children_system)


def parse_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.fleet", description=__doc__)
    parser.add_argument("--projects", action="append", type=int, help="number of projects, repeatable (default: 1000)")
    parser.add_argument("--rounds", type=int, default=3, help="measured runs of the fleet and the floor (default: 3)")
    parser.add_argument("--per-bucket", type=int, default=50, help="projects that share a bucket (default: 50)")
    parser.add_argument("--forks", type=int, default=20, help="forks of Ansible (default: 20)")
    parser.add_argument("--scenarios", action="store_true", help="also changes, failures, and the role")
    parser.add_argument("--role-projects", type=int, default=20, help="projects to run the role for (default: 20)")
    return parser.parse_args(arguments)


@dataclass(frozen=True)
class Summary:
    """The medians of a size.

    :param of_floor: the wall time of the fleet as a multiple of the floor.
    :param cpu_above_floor: milliseconds of processor time for each project, without those of the floor.
    :param fork: peak private memory of a fork in MiB.
    :param fork_of_floor: the same for the floor.
    """

    projects: int
    rounds: int
    wall: float
    floor: float
    of_floor: float
    cpu_of_project: float
    cpu_above_floor: float
    fork: int
    fork_of_floor: int

    def sentence(self) -> str:
        """Format the summary."""
        return (
            f"{self.projects} projects: {self.wall:.1f} s without changes, {self.of_floor:.2f} times the floor of "
            f"{self.floor:.1f} s; {self.cpu_of_project:.1f} ms of processor time for each project, "
            f"{self.cpu_above_floor:.1f} ms above the floor; {self.fork} MiB private memory of a fork, "
            f"{self.fork_of_floor} MiB with the floor."
        )


def measure_size(bench: Bench, rounds: int) -> Summary:
    """Configure the fleet, and compare runs without changes with the floor."""
    fleet = bench.fleet
    (fleet.home / "group_vars").mkdir()
    first, _run = bench.measure("first run", "fleet", memory=True)
    assert (first.changed, first.failed) == (len(fleet.ids), 0)
    assert fleet.puts() == fleet.ids
    floor_memory = bench.measure_floor("floor, with memory", memory=True)
    memory = bench.measure_steady("steady, with memory", memory=True)
    pairs: list[tuple[Figures, Figures]] = []
    for number in range(rounds):
        if number % 2 == 0:
            floor = bench.measure_floor()
            pairs.append((bench.measure_steady(), floor))
        else:
            pairs.append((bench.measure_steady(), bench.measure_floor()))
    summary = Summary(
        projects=len(fleet.ids),
        rounds=rounds,
        wall=median(steady.wall for steady, _floor in pairs),
        floor=median(floor.wall for _steady, floor in pairs),
        of_floor=median(steady.wall / floor.wall for steady, floor in pairs),
        cpu_of_project=median(steady.cpu_of_project for steady, _floor in pairs),
        cpu_above_floor=median(steady.cpu_of_project - floor.cpu_of_project for steady, floor in pairs),
        fork=memory.fork,
        fork_of_floor=floor_memory.fork,
    )
    print(summary.sentence(), flush=True)
    return summary


def measure_scenarios(bench: Bench, role_projects: int) -> tuple[Figures, Figures]:
    """Measure runs with changes and failures, and return the figures of the role and of the fleet for some projects.

    :raises AssertionError: a result is wrong.
    """
    fleet = bench.fleet
    variables = fleet.home / "host_vars"
    variables.mkdir()
    one = fleet.ids[len(fleet.ids) // 2]
    (variables / f"{one}.yml").write_text("archive_storage_fallback: none\n")
    changed, _run = bench.measure("one changed", "fleet")
    assert (changed.changed, changed.failed, fleet.puts()) == (1, 0, [one])
    broken = break_projects(fleet, variables)
    path = fleet.home / "report.html"
    _figures, run = bench.measure("ten broken", "fleet", archive_fleet_report_path=str(path))
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
    bench.measure("(repair)", "fleet", limit)
    role, _run = bench.measure("the role, steady", "configure", limit)
    assert (role.changed, role.failed) == (0, 0)
    return role, bench.measure_steady("the fleet, same projects, steady", *limit)


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


def describe_role(role: Figures, summary: Summary) -> str:
    """Compare the time of the role with that of the fleet."""
    fleet_seconds, role_seconds = summary.wall / summary.projects, role.wall / role.projects
    return (
        f"One project takes {fleet_seconds:.2f} s with the fleet and {role_seconds:.2f} s with the role. "
        f"The role would take {role_seconds * summary.projects / 60:.0f} min for {summary.projects} projects "
        f"(extrapolated from {role.projects}), {role_seconds / fleet_seconds:.0f} times as long as the fleet "
        f"({summary.wall / 60:.1f} min)."
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command."""
    options = parse_arguments(arguments)
    start = time.monotonic()
    sizes = options.projects or [1000]
    summaries: list[Summary] = []
    figures: list[Figures] = []
    print(ROW.format(*HEAD))
    with Sandbox(stores=("seaweedfs",)) as sandbox:
        for number, projects in enumerate(sizes, start=1):
            names = [f"customer {index}" for index in range(projects)]
            with (
                tempfile.TemporaryDirectory(prefix="fleet-") as home,
                new_fleet_environment(
                    sandbox, Path(home), names, buckets=-(-projects // options.per_bucket), keeps_bodies=False
                ) as fleet,
            ):
                bench = Bench(fleet, options.forks)
                summaries.append(measure_size(bench, options.rounds))
                if options.scenarios and number == len(sizes):
                    role, _same = measure_scenarios(bench, options.role_projects)
                    print(describe_role(role, summaries[-1]))
                figures += bench.figures
    print(*(summary.sentence() for summary in summaries), sep="\n")
    OUT.parent.mkdir(exist_ok=True)
    document = {"sizes": [asdict(summary) for summary in summaries], "runs": [asdict(figure) for figure in figures]}
    OUT.write_text(json.dumps(document, indent=1) + "\n")
    print(f"The results are in {OUT.relative_to(playbook_runs.ROOT)}. The bench took {time.monotonic() - start:.0f} s.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
