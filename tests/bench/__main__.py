# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``python -m tests.bench``: measure all sides, print a table, and write build/bench.json. A slow side does not fail.

First, each side applies its end state, and all end states must be equal. Then each round runs all sides, in alternating
order, to distribute the load of other processes evenly. A ratio is the median of the ratios of each round. The empty
play starts no module: its time is that of Ansible itself.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from tests.bench import report
from tests.bench.runs import BenchError, Run, environment, run
from tests.bench.servers import BUCKETS, EMPTY, ROLE, BenchServers, Part
from tests.sandbox import RecordingProxy, Sandbox, SandboxError

PARTS = {part.name: part for part in (ROLE, BUCKETS)}
STORES = ("moto", "seaweedfs")
LATENCIES = (0, 50)
# Eventually consistent stores may require a second run.
SETUP_RUNS = 2


def parse_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--part", action="append", choices=PARTS, help="repeatable (default: both)")
    parser.add_argument("--rounds", type=int, default=5, help="measured runs of each side (default: 5)")
    parser.add_argument("--buckets", type=int, default=100, help='buckets of the part "buckets" (default: 100)')
    parser.add_argument("--store", action="append", choices=STORES, help="repeatable (default: both)")
    parser.add_argument("--latency", action="append", type=int, help="ms for each request, repeatable (default: 0, 50)")
    return parser.parse_args(arguments)


def apply_end_state(servers: BenchServers, env: dict[str, str]) -> None:
    """Apply the end state of each side.

    :raises BenchError: the end states differ.
    """
    snapshots = {}
    for side in servers.part.sides:
        if side is EMPTY:
            continue
        servers.create_buckets(side)
        for _unused in range(SETUP_RUNS):
            run(servers, side, env)
        snapshots[side.name] = servers.snapshot(side)
    expected = snapshots["peers"]
    differences = [f"{name}: {snapshot}" for name, snapshot in snapshots.items() if snapshot != expected]
    if differences:
        raise BenchError(f"The end states differ. peers: {expected}; " + "; ".join(differences))


def measure(servers: BenchServers, rounds: int, env: dict[str, str]) -> dict[str, list[Run]]:
    """Run all sides in each round, in alternating order.

    :raises BenchError: a run of this collection made changes.
    """
    sides = servers.part.sides
    runs: dict[str, list[Run]] = {side.name: [] for side in sides}
    for number in range(rounds):
        for side in sides if number % 2 == 0 else reversed(sides):
            result = run(servers, side, env)
            if side.is_own and result.changed:
                raise BenchError(f"{side.name}: a run must make no changes, but {result.changed} tasks changed.")
            runs[side.name].append(result)
            print(".", end="", file=sys.stderr, flush=True)
    return runs


def measure_store(part: Part, store: str, options: argparse.Namespace, env: dict[str, str]) -> list[report.Cell]:
    """Measure all sides of a part on one store, with each latency."""
    cells = []
    with (
        Sandbox(stores=(store,)) as sandbox,
        RecordingProxy(sandbox.store.endpoint_url) as s3,
        RecordingProxy(sandbox.vonage.url) as vonage,
    ):
        servers = BenchServers(part, sandbox.store, sandbox, s3, vonage, options.buckets)
        apply_end_state(servers, env)
        for latency in options.latency or LATENCIES:
            servers.set_latency(latency / 1000)
            cells.append(report.Cell(part, store, latency, measure(servers, options.rounds, env)))
            print(f" {part.name}, {store}, {latency} ms", file=sys.stderr, flush=True)
    return cells


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command."""
    options = parse_arguments(arguments)
    cells: list[report.Cell] = []
    try:
        env = environment()
        for part in options.part or PARTS:
            for store in options.store or STORES:
                cells += measure_store(PARTS[part], store, options, env)
    except KeyboardInterrupt:
        return 130
    except (BenchError, SandboxError) as error:
        print(f"The bench failed: {error}", file=sys.stderr)
        return 1
    print(report.format_report(cells))
    print(f"\nThe results of all runs are in {report.write_report(cells)}.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
