# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``python -m tests.bench``: measure all sides, print a table, and write build/bench.json. A slow side does not fail.

First, each side applies its end state, and all end states must be equal. Then each round runs all sides, in alternating
order, to distribute the load of other processes evenly. A ratio is the median of the ratios of each round.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from tests.bench import report
from tests.bench.runs import BenchError, Run, environment, run
from tests.bench.servers import BenchServers, Side
from tests.sandbox import RecordingProxy, Sandbox, SandboxError

SIDES = (
    Side("configure", "configure.yml", "playbooks/configure.yml, the role"),
    Side("modules", "modules.yml", "the two modules without the role"),
    Side("peers", "peers.yml", "s3_bucket, s3_cors and uri", is_own=False),
    Side("floor", "nothing.yml", "ping, twice (the floor)", is_own=False),
)
STORES = ("moto", "seaweedfs")
LATENCIES = (0, 50)
# Eventually consistent stores may require a second run.
SETUP_RUNS = 2


def parse_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="measured runs of each side (default: 5)")
    parser.add_argument("--store", action="append", choices=STORES, help="repeatable (default: both)")
    parser.add_argument("--latency", action="append", type=int, help="ms for each request, repeatable (default: 0, 50)")
    return parser.parse_args(arguments)


def apply_end_state(servers: BenchServers, env: dict[str, str]) -> None:
    """Apply the end state of each side.

    :raises BenchError: the end states differ.
    """
    snapshots = {}
    for side in SIDES[:-1]:
        servers.create_bucket(side)
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
    runs: dict[str, list[Run]] = {side.name: [] for side in SIDES}
    for number in range(rounds):
        for side in SIDES if number % 2 == 0 else reversed(SIDES):
            result = run(servers, side, env)
            if side.is_own and result.changed:
                raise BenchError(f"{side.name}: a run must make no changes, but {result.changed} tasks changed.")
            runs[side.name].append(result)
            print(".", end="", file=sys.stderr, flush=True)
    return runs


def measure_store(store: str, latencies: Sequence[int], rounds: int, env: dict[str, str]) -> list[report.Cell]:
    """Measure all sides on one store, with each latency."""
    cells = []
    with (
        Sandbox(stores=(store,)) as sandbox,
        RecordingProxy(sandbox.store.endpoint_url) as s3,
        RecordingProxy(sandbox.vonage.url) as vonage,
    ):
        servers = BenchServers(sandbox.store, sandbox, s3, vonage)
        apply_end_state(servers, env)
        for latency in latencies:
            servers.set_latency(latency / 1000)
            cells.append(report.Cell(store, latency, measure(servers, rounds, env)))
            print(f" {store}, {latency} ms", file=sys.stderr, flush=True)
    return cells


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command."""
    options = parse_arguments(arguments)
    cells: list[report.Cell] = []
    try:
        env = environment()
        for store in options.store or STORES:
            cells += measure_store(store, options.latency or LATENCIES, options.rounds, env)
    except KeyboardInterrupt:
        return 130
    except (BenchError, SandboxError) as error:
        print(f"The bench failed: {error}", file=sys.stderr)
        return 1
    print(report.format_report(SIDES, cells))
    print(f"\nThe results of all runs are in {report.write_report(SIDES, cells)}.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
