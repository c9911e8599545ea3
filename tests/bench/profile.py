# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``python -m tests.bench.profile role`` or ``fleet``: list the functions that use most of the processor time.

The run makes no changes. Each process samples its own stacks. A share includes the functions that a function calls.
A sample of several busy threads counts for each of them, so the shares of concurrent requests are too large.
"""

from __future__ import annotations

import argparse
import collections
import re
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from tests.bench import runs
from tests.bench.__main__ import apply_end_state
from tests.bench.fleet import Bench
from tests.bench.servers import ROLE, BenchServers
from tests.e2e.fleet_environment import new_fleet_environment
from tests.sandbox import RecordingProxy, Sandbox

SAMPLER = Path(__file__).with_name("sampler")
# The part of a path that does not depend on the machine.
PREFIX = re.compile(r".*(?:/site-packages/|/python3\.\d+/|/plugins/|ansible_collections/vonage/archiving/)")


def profile_role(profile: Callable[[dict[str, str]], dict[str, str]], times: int) -> None:
    """Run the playbook configure without changes."""
    env = runs.environment()
    with (
        Sandbox(stores=("moto",)) as sandbox,
        RecordingProxy(sandbox.store.endpoint_url) as s3,
        RecordingProxy(sandbox.vonage.url) as vonage,
    ):
        servers = BenchServers(ROLE, sandbox.store, sandbox, s3, vonage)
        apply_end_state(servers, env)
        for _number in range(times):
            runs.run(servers, ROLE.sides[0], profile(env))


def profile_fleet(profile: Callable[[dict[str, str]], dict[str, str]], projects: int) -> None:
    """Run the playbook fleet without changes."""
    names = [f"customer {number}" for number in range(projects)]
    with (
        tempfile.TemporaryDirectory(prefix="fleet-") as home,
        Sandbox(stores=("seaweedfs",)) as sandbox,
        new_fleet_environment(sandbox, Path(home), names, buckets=4) as fleet,
    ):
        Bench(fleet, forks=4).measure("first run", "fleet")
        Bench(fleet, forks=4, env=profile({})).measure_steady()


def read_stacks(folder: Path) -> Iterator[tuple[int, list[str]]]:
    """Return the number of samples and the functions of each stack, from the outermost to the innermost."""
    for path in folder.glob("*.txt"):
        for line in path.read_text().splitlines():
            count, _blank, names = line.partition(" ")
            yield int(count), [PREFIX.sub("", name) for name in names.split(";")]


def format_shares(folder: Path, percent: float) -> str:
    """Format the functions above that share of the processor time."""
    total, own = 0, collections.Counter[str]()
    inclusive = collections.Counter[str]()
    for count, names in read_stacks(folder):
        total += count
        own[names[-1]] += count
        inclusive.update(dict.fromkeys(names, count))
    lines = [f"{total} samples", f"{'share':>6} {'own':>6} function"]
    for name, count in inclusive.most_common():
        if count * 100 >= total * percent:
            lines.append(f"{count * 100 / total:>5.1f}% {own[name] * 100 / total:>5.1f}% {name}")
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.profile", description=__doc__)
    parser.add_argument("run", choices=("role", "fleet"))
    parser.add_argument("--projects", type=int, default=100, help="projects of the fleet (default: 100)")
    parser.add_argument("--runs", type=int, default=10, help="runs of the role (default: 10)")
    parser.add_argument("--percent", type=float, default=1.0, help="the smallest share (default: 1)")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="samples-") as folder:

        def profile(env: dict[str, str]) -> dict[str, str]:
            return {**env, "PYTHONPATH": str(SAMPLER), "SAMPLER_FOLDER": folder}

        if options.run == "role":
            profile_role(profile, options.runs)
        else:
            profile_fleet(profile, options.projects)
        print(format_shares(Path(folder), options.percent))
    return 0


if __name__ == "__main__":
    sys.exit(main())
