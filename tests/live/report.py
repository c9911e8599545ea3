# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The report of a run, as JSON and Markdown."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

STAND_IN = "These are results of a stand-in. They state nothing about the live service."
REDACTED = "********"


@dataclass(frozen=True)
class Result:
    """The result of one question, with the requests."""

    name: str
    part: str
    statement: str
    answer: str
    evidence: str
    requests: list[str]


def redact(text: str, secrets: Iterable[str]) -> str:
    """Return a text without secrets: the last barrier, because no evidence should contain one."""
    for secret in secrets:
        text = text.replace(secret, REDACTED)
    return text


def build(date: str, is_stand_in: bool, endpoints: Mapping[str, list[str]], results: list[Result]) -> dict[str, Any]:
    """Return the report as plain values."""
    return {
        "date": date,
        "stand_in": is_stand_in,
        "endpoints": dict(endpoints),
        "results": [asdict(result) for result in results],
    }


def format_markdown(report: Mapping[str, Any]) -> str:
    """Return the report as Markdown."""
    lines = [f"# Answers of {report['date']}", ""]
    lines += [STAND_IN, ""] if report["stand_in"] else []
    lines += [f"- {part}: {', '.join(urls)}" for part, urls in report["endpoints"].items()]
    lines += ["", "| question | statement | answer | evidence |", "| --- | --- | --- | --- |"]
    for result in report["results"]:
        cells = [result[name].replace("|", "\\|") for name in ("name", "statement", "answer", "evidence")]
        lines.append(f"| {' | '.join(cells)} |")
    lines += ["", "## Requests"]
    for result in report["results"]:
        lines += ["", f"### {result['name']}", "", "```text", *(result["requests"] or ["none"]), "```"]
    return "\n".join(lines) + "\n"


def write(folder: Path, report: Mapping[str, Any], secrets: list[str]) -> None:
    """Write report.json and report.md."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "report.json").write_text(redact(json.dumps(report, indent=2) + "\n", secrets))
    (folder / "report.md").write_text(redact(format_markdown(report), secrets))
