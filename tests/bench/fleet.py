# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``python -m tests.bench.fleet``: a fleet of many projects, against the role run over some of them.

In turn: the first run, a steady one, one with a project changed, one with ten broken. Then the playbook configure over
a few of the same projects in steady state, as a loop over hosts with the same forks: what that costs for each project,
times the number of projects, is what the whole fleet would cost with it. Results are checked; nothing fails for being
slow. Everything, the servers too, runs on the same cores.
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

from tests.e2e import runs
from tests.e2e.fleet_site import FleetSite, failures, new_fleet, report, results
from tests.sandbox import Sandbox

BROKEN = 10
RUN_SECONDS = 3600
OUT = runs.ROOT / "build" / "bench-fleet.json"


@dataclass(frozen=True)
class Figures:
    """Of one run: seconds, requests and the most memory (MiB, of all processes of Ansible, shared pages once).

    ``cpu`` is that of Ansible and all it starts, in seconds.
    """

    what: str
    projects: int
    wall: float
    cpu: float
    api: int
    s3: int
    memory: int
    changed: int
    failed: int

    def line(self) -> str:
        """The row of the table."""
        return (
            f"{self.what:<34} {self.projects:>8} {self.wall:>8.1f} {self.cpu:>8.1f} {self.api:>6} {self.s3:>7} "
            f"{self.memory:>7} {self.changed:>8} {self.failed:>7}"
        )


class Watch:
    """Looks at a process and its children while they run."""

    def __init__(self) -> None:
        self.memory = 0
        self._over = threading.Event()

    def __call__(self, process: Any) -> None:
        threading.Thread(target=self._look, args=[psutil.Process(process.pid)], daemon=True).start()

    def stop(self) -> None:
        """Look no more."""
        self._over.set()

    def _look(self, leader: psutil.Process) -> None:
        while not self._over.wait(0.5):
            total = 0
            try:
                every = [leader, *leader.children(recursive=True)]
            except psutil.NoSuchProcess:
                return
            for each in every:
                try:
                    total += each.memory_full_info().pss
                except (psutil.NoSuchProcess, psutil.AccessDenied):
                    continue
            self.memory = max(self.memory, total)


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Return the options of the command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.fleet", description=__doc__)
    parser.add_argument("--projects", type=int, default=1000, help="(default: 1000)")
    parser.add_argument("--buckets", type=int, default=20, help="that they share (default: 20)")
    parser.add_argument("--forks", type=int, default=20, help="of Ansible (default: 20)")
    parser.add_argument("--naive", type=int, default=20, help="projects that the role is run over (default: 20)")
    return parser.parse_args(arguments)


def measure(
    fleet: FleetSite, what: str, playbook: str, forks: int, args: Sequence[str] = (), **variables: Any
) -> tuple[Figures, runs.Run]:
    """Run a playbook over the inventory."""
    fleet.forget()
    watch = Watch()
    env = {**fleet.operator, "ANSIBLE_FORKS": str(forks), "ANSIBLE_VERBOSITY": "0", "ANSIBLE_DIFF_ALWAYS": "false"}
    before = psutil.Process().cpu_times()
    given = {**fleet.variables, "archive_storage_hosts": "vonage_projects", **variables}
    run = runs.run_playbook(
        playbook, given, fleet.home, env, None, ["-i", str(fleet.inventory), *args], watch, seconds=RUN_SECONDS
    )
    watch.stop()
    after = psutil.Process().cpu_times()
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    hosts = {host: counts for host, counts in run.recap.items() if host != "localhost"}
    figures = Figures(
        what=what,
        projects=len(hosts),
        wall=run.seconds,
        cpu=cpu,
        api=len(fleet.emulator.log()),
        s3=len(fleet.s3.requests),
        memory=watch.memory // 2**20,
        changed=sum(bool(counts["changed"]) for counts in hosts.values()),
        failed=sum(bool(counts["failures"]) for counts in hosts.values()),
    )
    print(figures.line(), flush=True)
    return figures, run


def story(fleet: FleetSite, forks: int, naive: int) -> list[Figures]:
    """All runs.

    :raises AssertionError: a result is not as it should be.
    """
    total = len(fleet.ids)
    (fleet.home / "group_vars").mkdir()
    first, _run = measure(fleet, "first run", "fleet", forks)
    assert (first.changed, first.failed) == (total, 0)
    assert fleet.puts() == fleet.ids
    steady, _run = measure(fleet, "steady", "fleet", forks)
    assert (steady.changed, steady.failed, fleet.puts(), fleet.written) == (0, 0, [], [])
    variables = fleet.home / "host_vars"
    variables.mkdir()
    one = fleet.ids[total // 2]
    (variables / f"{one}.yml").write_text("archive_storage_fallback: none\n")
    changed, _run = measure(fleet, "one changed", "fleet", forks)
    assert (changed.changed, changed.failed, fleet.puts()) == (1, 0, [one])
    broken = break_some(fleet, variables)
    path = fleet.home / "report.html"
    hurt, run = measure(fleet, "ten broken", "fleet", forks, archive_fleet_report_path=str(path))
    assert set(failures(run)) == broken
    assert not any(result["changed"] for host, result in results(run).items() if host not in broken)
    assert set(report(path.with_suffix(".json"))["summary"]["failed_projects"]) == broken
    assert all(f"\n{each}: " in run.stdout for each in broken)
    fleet.emulator.clear_faults()
    some = fleet.ids[:naive]
    for each in {one, *broken} & set(some):
        (variables / f"{each}.yml").unlink()
    secrets = {project.key: project.secret for project in fleet.projects}
    for each in some:
        # The role does not ask the account for the secret: with that, it would take another call, and a task.
        told = {"archive_storage_api_key": each, "archive_storage_api_secret": secrets[each]}
        runs.write_private(variables / f"{each}.yml", yaml.safe_dump(told))
    measure(fleet, "(as it was)", "fleet", forks, ["--limit", ",".join(some)])
    looped, _run = measure(fleet, "the role, steady", "configure", forks, ["--limit", ",".join(some)])
    assert (looped.changed, looped.failed) == (0, 0)
    single, _run = measure(fleet, "the fleet over the same, steady", "fleet", forks, ["--limit", ",".join(some)])
    assert (single.changed, single.failed) == (0, 0)
    return [first, steady, changed, hurt, looped, single]


def break_some(fleet: FleetSite, variables: Path) -> set[str]:
    """Ten that cannot succeed: the API refuses or hangs, or the bucket cannot be."""
    ids = fleet.ids[-BROKEN:]
    for number, each in enumerate(ids):
        told = {"archive_storage_fallback": "none"}
        if number < 4:
            fleet.emulator.fail_next(status=403, path=f"/{each}/archive/storage", times=99)
        elif number < 7:
            fleet.emulator.fail_next("hang", path=f"/{each}/archive/storage", times=99)
        else:
            told = {"archive_storage_bucket": "Not A Bucket"}
        (variables / f"{each}.yml").write_text(yaml.safe_dump(told))
    return set(ids)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run everything."""
    options = parse(arguments)
    names = [f"customer {number}" for number in range(options.projects)]
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="fleet-") as home, Sandbox(stores=("seaweedfs",)) as sandbox:
        print(
            f"{'run':<34} {'projects':>8} {'wall s':>8} {'cpu s':>8} {'API':>6} {'S3':>7} {'MiB':>7} "
            f"{'changed':>8} {'failed':>7}"
        )
        with new_fleet(sandbox, Path(home), names, options.buckets) as fleet:
            figures = story(fleet, options.forks, options.naive)
    steady, looped = figures[1], figures[4]
    each = (steady.wall / steady.projects, looped.wall / looped.projects)
    print(
        f"A project costs {each[0]:.2f} s in the fleet and {each[1]:.2f} s by the role: "
        f"{options.projects} by the role would take {each[1] * options.projects / 60:.0f} min instead of "
        f"{steady.wall / 60:.1f} min, {each[1] / each[0]:.0f} times as long (extrapolated from {looped.projects})."
    )
    OUT.parent.mkdir(exist_ok=True)
    OUT.write_text(json.dumps([vars(figure) for figure in figures], indent=1) + "\n")
    print(f"{OUT.relative_to(runs.ROOT)} written; {time.monotonic() - started:.0f} s in all")
    return 0


if __name__ == "__main__":
    sys.exit(main())
