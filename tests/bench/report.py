# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Format the results as a table, and write them as JSON."""

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
from tests.bench.servers import EMPTY, Part, Side
from tools.paths import BUILD, ROOT
from tools.peers import ensure_peers, read_versions

HEAD = ("", "wall", "of peers", "above empty", "CPU", "of peers", "requests", "of peers")
ROW = "{:<42} {:>8} {:>9} {:>12} {:>8} {:>9} {:>9} {:>9}"
LEGEND = (
    "wall, CPU: median seconds of a whole ansible-playbook. of peers: median of the ratios of each round.\n"
    "above empty: the same ratio of wall times, minus the time of the empty play in the same round."
)


@dataclass(frozen=True)
class Cell:
    """The runs of each side of a part on one store with one latency, in the order of the rounds."""

    part: Part
    store: str
    latency_ms: int
    runs: dict[str, list[Run]]

    def wall(self, side: str) -> list[float]:
        """Return the seconds of each run."""
        return [run.seconds for run in self.runs[side]]

    def cpu(self, side: str) -> list[float]:
        """Return the seconds of processor time of each run."""
        return [run.cpu for run in self.runs[side]]

    def requests(self, side: str) -> float:
        """Return the median number of requests of a run."""
        return median(len(run.requests) for run in self.runs[side])

    def above_empty(self, side: str) -> float | None:
        """Return the ratio of the wall times above the empty play; None if the peers were never slower than it."""
        rounds = zip(self.wall(side), self.wall("peers"), self.wall(EMPTY.name), strict=True)
        ratios = [(own - empty) / (peers - empty) for own, peers, empty in rounds if peers > empty]
        return median(ratios) if ratios else None

    def request_kinds(self, side: str) -> dict[str, int]:
        """Return the requests of the last run by kind."""
        return dict(Counter(self.runs[side][-1].requests))

    def summary(self, side: str) -> dict[str, Any]:
        """Return the results of a side."""
        return {
            "wall_s": round(median(self.wall(side)), 3),
            "wall_of_peers": rounded(ratio(self.wall(side), self.wall("peers"))),
            "wall_of_peers_above_empty": rounded(self.above_empty(side)),
            "cpu_s": round(median(self.cpu(side)), 3),
            "cpu_of_peers": rounded(ratio(self.cpu(side), self.cpu("peers"))),
            "requests": self.requests(side),
            "requests_of_peers": rounded(self.requests(side) / self.requests("peers")),
            "requests_by_kind": self.request_kinds(side),
            "runs": [asdict(run) for run in self.runs[side]],
        }


def ratio(own: Iterable[float], peers: Iterable[float]) -> float:
    """Return the median of the ratios of each round."""
    return median(side / peer for side, peer in zip(own, peers, strict=True))


def rounded(value: float | None) -> float | None:
    """Round to two decimals, because the measurements are less precise."""
    return None if value is None else round(value, 2)


def environment() -> dict[str, Any]:
    """Return the versions, the number of processors, and the load during the measurement."""
    names = ("ansible-core", "botocore", "boto3", "requests")
    return {
        "python": platform.python_version(),
        "processors": os.cpu_count(),
        "load": [round(load, 1) for load in os.getloadavg()],
        **{name: version(name) for name in names},
        **read_versions(ensure_peers()),
    }


def format_report(cells: Sequence[Cell]) -> str:
    """Format a table for each cell, and the requests of each side."""
    versions = ", ".join(f"{name} {value}" for name, value in environment().items())
    lines = [f"Run without changes: {versions}", LEGEND]
    for cell in cells:
        rounds = len(cell.runs["peers"])
        conditions = f"{cell.store}, {cell.latency_ms} ms for each request, {rounds} rounds"
        lines += ["", f"{cell.part.title}: {conditions}", ROW.format(*HEAD)]
        lines += [format_row(side, cell.summary(side.name)) for side in cell.part.sides]
    for (part, store), last in {(cell.part, cell.store): cell for cell in cells}.items():
        lines += ["", f"{part.title}: requests to {store}"]
        lines += [f"  {side.name}: {format_kinds(last.request_kinds(side.name))}" for side in part.sides]
    return "\n".join(lines)


def format_row(side: Side, summary: dict[str, Any]) -> str:
    """Format a line of the table."""
    above_empty = summary["wall_of_peers_above_empty"]
    values = (
        f"{summary['wall_s']:.2f} s",
        summary["wall_of_peers"],
        "" if above_empty is None else above_empty,
        f"{summary['cpu_s']:.2f} s",
        summary["cpu_of_peers"],
        int(summary["requests"]),
        summary["requests_of_peers"],
    )
    return ROW.format(side.title, *values)


def format_kinds(kinds: dict[str, int]) -> str:
    """Format the kinds of requests in one line."""
    return ", ".join(kind if count == 1 else f"{count} x {kind}" for kind, count in kinds.items()) or "none"


def write_report(cells: Sequence[Cell]) -> Path:
    """Write build/bench.json and return its path, relative to the checkout."""
    document = {
        "environment": environment(),
        "cells": [
            {
                "part": cell.part.name,
                "store": cell.store,
                "latency_ms": cell.latency_ms,
                "sides": {side.name: {"title": side.title, **cell.summary(side.name)} for side in cell.part.sides},
            }
            for cell in cells
        ],
    }
    path = BUILD / "bench.json"
    path.write_text(json.dumps(document, indent=2) + "\n")
    return path.relative_to(ROOT)
