# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``python -m tests.bench``: measures, prints a table and writes build/bench.json. Nothing fails for being slow.

Before anything is measured, every side brings its end state about, and these must be equal. Then the sides take turns,
in both directions, so that whatever else the machine does meets them alike; ratios are medians of ratios within a turn.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from tests.bench import report
from tests.bench.runs import BenchError, Run, environment, run
from tests.bench.scene import Scene, Side
from tests.sandbox import RecordingProxy, Sandbox, SandboxError

SIDES = (
    Side("configure", "configure.yml", "playbooks/configure.yml, the role"),
    Side("modules", "modules.yml", "our two modules in a plain play"),
    Side("peers", "peers.yml", "s3_bucket, s3_cors and uri", is_ours=False),
    Side("floor", "nothing.yml", "Ansible with two modules that do nothing", is_ours=False),
)
STORES = ("moto", "seaweedfs")
LATENCIES = (0, 50)
# The first run makes everything; a store that has to settle may need a second.
SETTLING_RUNS = 2


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Return the options of the command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--turns", type=int, default=5, help="measured runs of every side (default: 5)")
    parser.add_argument("--store", action="append", choices=STORES, help="may be repeated (default: both)")
    parser.add_argument("--latency", action="append", type=int, help="ms per request, may be repeated (default: 0, 50)")
    return parser.parse_args(arguments)


def settle(scene: Scene, env: dict[str, str]) -> None:
    """Bring every side's end state about.

    :raises BenchError: they are not equal.
    """
    snapshots = {}
    for side in SIDES[:-1]:
        scene.make_bucket(side)
        for _unused in range(SETTLING_RUNS):
            run(scene, side, env)
        snapshots[side.name] = scene.snapshot(side)
    usual = snapshots["peers"]
    differing = [f"{name}: {found}" for name, found in snapshots.items() if found != usual]
    if differing:
        raise BenchError(f"the sides have not the same end state. peers: {usual}; " + "; ".join(differing))


def measure(scene: Scene, turns: int, env: dict[str, str]) -> dict[str, list[Run]]:
    """Let the sides take turns.

    :raises BenchError: a run of ours found something to do.
    """
    runs: dict[str, list[Run]] = {side.name: [] for side in SIDES}
    for turn in range(turns):
        for side in SIDES if turn % 2 == 0 else reversed(SIDES):
            done = run(scene, side, env)
            if side.is_ours and done.changed:
                raise BenchError(f"{side.name} is not in its steady state: it changed {done.changed}")
            runs[side.name].append(done)
            print(".", end="", file=sys.stderr, flush=True)
    return runs


def bench(store: str, latencies: Sequence[int], turns: int, env: dict[str, str]) -> list[report.Cell]:
    """Measure on one store."""
    cells = []
    with (
        Sandbox(stores=(store,)) as sandbox,
        RecordingProxy(sandbox.store.endpoint_url) as s3,
        RecordingProxy(sandbox.vonage.url) as vonage,
    ):
        scene = Scene(sandbox.store, sandbox, s3, vonage)
        settle(scene, env)
        for latency in latencies:
            scene.set_latency(latency / 1000)
            cells.append(report.Cell(store, latency, measure(scene, turns, env)))
            print(f" {store}, {latency} ms", file=sys.stderr, flush=True)
    return cells


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command."""
    options = parse(arguments)
    cells: list[report.Cell] = []
    try:
        env = environment()
        for store in options.store or STORES:
            cells += bench(store, options.latency or LATENCIES, options.turns, env)
    except KeyboardInterrupt:
        return 130
    except (BenchError, SandboxError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(report.text(SIDES, cells))
    print(f"\nAll of it is in {report.write(SIDES, cells)}.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
