# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run seeds of the simulation.

usage: python -m tests.simulation --pair configure,verify --seeds 1-200
       python -m tests.simulation --steps 100000            # all 21 pairs of playbooks
       python -m tests.simulation --runs 3 --steps 20000     # all combinations of three
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from collections.abc import Iterator
from itertools import combinations_with_replacement, count

from .faults import PROFILES
from .mutations import MUTATIONS, reverted
from .runs import PLAYBOOKS
from .world import Result, Simulation


def parse_seeds(text: str) -> Iterator[int]:
    """The seeds of a range such as 1-200; without an end, there is no last one."""
    first, separator, last = text.partition("-")
    if not separator:
        return iter((int(first),))
    return iter(range(int(first), int(last) + 1)) if last else count(int(first))


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__.splitlines()[0])
    parser.add_argument(
        "--pair", action="append", default=[], help="playbooks that run concurrently: 2 to 4, by commas"
    )
    parser.add_argument("--runs", type=int, default=2, help="without --pair: all combinations of that many playbooks")
    parser.add_argument("--seeds", default="1-", help="a seed, or a range (default: 1-)")
    parser.add_argument("--steps", type=int, default=0, help="stop after that many steps of each pair")
    parser.add_argument("--seconds", type=float, default=0, help="stop after that many seconds, for all pairs")
    parser.add_argument("--trace", type=int, default=60, help="events to show for a seed that fails")
    parser.add_argument("--keep-going", action="store_true", help="continue after a seed that fails")
    parser.add_argument("--revert", default="", choices=["", *MUTATIONS], help="revert this fix")
    parser.add_argument("--profile", default="", choices=list(PROFILES), help="the faults to concentrate on")
    parser.add_argument("--outcomes", action="store_true", help="show how the runs ended")
    return parser.parse_args()


def show_failure(seed: int, kinds: str, result: Result, arguments: argparse.Namespace) -> None:
    events, profile = arguments.trace, f" --profile {arguments.profile}" if arguments.profile else ""
    print(f"\nSeed {seed} of {kinds} fails after {result.steps} steps: {result.failure}")
    print("  step    seconds  run   event")
    for line in result.trace[-events:] if events else ():
        print(line)
    print(f"Repeat it: python -m tests.simulation --pair {kinds} --seeds {seed}{profile}", flush=True)


def run_kinds(kinds: str, arguments: argparse.Namespace, deadline: float) -> tuple[int, int]:
    """Run the seeds of one combination; returns the numbers of steps and of failures."""
    started, steps, seeds, failures = time.monotonic(), 0, 0, 0
    outcomes: Counter[str] = Counter()
    for seed in parse_seeds(arguments.seeds):
        with reverted(arguments.revert):
            result = Simulation(str(seed), kinds.split(","), arguments.profile).run()
        steps, seeds = steps + result.steps, seeds + 1
        outcomes.update(result.outcomes)
        if result.failure:
            failures += 1
            show_failure(seed, kinds, result, arguments)
            if not arguments.keep_going:
                break
        if (arguments.steps and steps >= arguments.steps) or time.monotonic() >= deadline:
            break
    seconds = time.monotonic() - started
    print(f"{kinds}: {seeds} seeds, {steps} steps, {steps / seconds:.0f} per second, {failures} failures", flush=True)
    if arguments.outcomes:
        print("".join(f"  {number:6} {name}\n" for name, number in sorted(outcomes.items())), end="")
    return steps, failures


def main() -> int:
    arguments = parse_arguments()
    kinds = list(arguments.pair)
    if not kinds:
        kinds = [",".join(names) for names in combinations_with_replacement(PLAYBOOKS, arguments.runs)]
    unknown = sorted({name for each in kinds for name in each.split(",")} - set(PLAYBOOKS))
    if unknown:
        print(f"Unknown playbooks: {', '.join(unknown)}. Choose from {', '.join(PLAYBOOKS)}.", file=sys.stderr)
        return 2
    total = failures = 0
    deadline = time.monotonic() + (arguments.seconds or float("inf"))
    for number, each in enumerate(kinds):
        remaining = deadline - time.monotonic()
        own = time.monotonic() + remaining / (len(kinds) - number)
        steps, failed = run_kinds(each, arguments, own)
        total, failures = total + steps, failures + failed
    print(f"total: {total} steps, {failures} failures")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
