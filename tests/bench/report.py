# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What was measured, as a table for people and as JSON."""

from __future__ import annotations

import json
import os
import platform
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Any

from tests.bench.runs import Run
from tests.bench.scene import Side
from tools.paths import BUILD, ROOT
from tools.peers import ensure_peers, versions

HEAD = ("", "wall", "of peers", "above floor", "CPU", "of peers", "requests", "of peers")
ROW = "{:<42} {:>8} {:>9} {:>12} {:>8} {:>9} {:>9} {:>9}"
LEGEND = (
    "wall, CPU: median seconds of a whole ansible-playbook. of peers: median of the ratios within each turn.\n"
    "above floor: the same ratio of wall times after what Ansible itself takes in that turn (the floor) is subtracted."
)


@dataclass(frozen=True)
class Cell:
    """The runs of every side on one store with one latency, in the order of the turns."""

    store: str
    latency_ms: int
    runs: dict[str, list[Run]]

    def wall(self, side: str) -> list[float]:
        """Return the seconds of every run."""
        return [run.seconds for run in self.runs[side]]

    def cpu(self, side: str) -> list[float]:
        """Return the seconds of processor time of every run."""
        return [run.cpu for run in self.runs[side]]

    def requests(self, side: str) -> float:
        """Return how many requests a run sends."""
        return median(len(run.requests) for run in self.runs[side])

    def above_floor(self, side: str) -> float | None:
        """Return the ratio of what is left of the wall times without the floor; None where noise ate the peers'."""
        turns = zip(self.wall(side), self.wall("peers"), self.wall("floor"), strict=True)
        ratios = [(own - floor) / (peers - floor) for own, peers, floor in turns if peers > floor]
        return median(ratios) if ratios else None

    def kinds(self, side: str) -> dict[str, int]:
        """Return the requests of the last run by kind."""
        return dict(Counter(self.runs[side][-1].requests))

    def summary(self, side: str) -> dict[str, Any]:
        """Return everything about a side."""
        return {
            "wall_s": round(median(self.wall(side)), 3),
            "wall_of_peers": rounded(ratio(self.wall(side), self.wall("peers"))),
            "wall_of_peers_above_floor": rounded(self.above_floor(side)),
            "cpu_s": round(median(self.cpu(side)), 3),
            "cpu_of_peers": rounded(ratio(self.cpu(side), self.cpu("peers"))),
            "requests": self.requests(side),
            "requests_of_peers": rounded(self.requests(side) / self.requests("peers")),
            "requests_by_kind": self.kinds(side),
            "runs": [asdict(run) for run in self.runs[side]],
        }


def ratio(own: Iterable[float], peers: Iterable[float]) -> float:
    """Return the median of the ratios within each turn."""
    return median(one / other for one, other in zip(own, peers, strict=True))


def rounded(value: float | None) -> float | None:
    """Return two decimals, which is more than the times deserve."""
    return None if value is None else round(value, 2)


def environment() -> dict[str, Any]:
    """Return what the numbers were measured with."""
    names = ("ansible-core", "botocore", "boto3", "requests")
    return {
        "python": platform.python_version(),
        "processors": os.cpu_count(),
        "load": [round(load, 1) for load in os.getloadavg()],
        **{name: version(name) for name in names},
        **versions(ensure_peers()),
    }


def text(sides: Sequence[Side], cells: Sequence[Cell]) -> str:
    """Return the tables, and which requests are sent."""
    about = ", ".join(f"{name} {value}" for name, value in environment().items())
    lines = [f"A run that has nothing to do: {about}", LEGEND]
    for cell in cells:
        turns = len(cell.runs["peers"])
        lines += ["", f"{cell.store}, {cell.latency_ms} ms for every request, {turns} turns", ROW.format(*HEAD)]
        lines += [row(side, cell.summary(side.name)) for side in sides]
    for store, last in {cell.store: cell for cell in cells}.items():
        lines += ["", f"Requests on {store}:"]
        lines += [f"  {side.name}: {listed(last.kinds(side.name))}" for side in sides]
    return "\n".join(lines)


def row(side: Side, found: dict[str, Any]) -> str:
    """Return a line of the table."""
    shown = (
        f"{found['wall_s']:.2f} s",
        found["wall_of_peers"],
        "" if found["wall_of_peers_above_floor"] is None else found["wall_of_peers_above_floor"],
        f"{found['cpu_s']:.2f} s",
        found["cpu_of_peers"],
        int(found["requests"]),
        found["requests_of_peers"],
    )
    return ROW.format(side.title, *shown)


def listed(kinds: dict[str, int]) -> str:
    """Return the kinds of requests in one line."""
    return ", ".join(kind if count == 1 else f"{count} x {kind}" for kind, count in kinds.items()) or "none"


def write(sides: Sequence[Side], cells: Sequence[Cell]) -> Path:
    """Write build/bench.json; return its path, relative to the checkout."""
    document = {
        "environment": environment(),
        "sides": {side.name: side.title for side in sides},
        "cells": [
            {
                "store": cell.store,
                "latency_ms": cell.latency_ms,
                "sides": {side.name: cell.summary(side.name) for side in sides},
            }
            for cell in cells
        ],
    }
    path = BUILD / "bench.json"
    path.write_text(json.dumps(document, indent=2) + "\n")
    return path.relative_to(ROOT)
