# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Print headings, the tasks of a run when they end, and the summary."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Mapping
from typing import Any

from .assertions import Check
from .playbook import Event, Run

COLORS = {"changed": "33", "failed": "31", "NO": "31", "ok": "32", "yes": "32", "heading": "1"}
COLLECTION = "vonage.archiving."
STATUS_LABELS = {"skipped": "not needed"}


def print_line(text: str = "") -> None:
    """Print a line and flush it, because the output may be a pipe."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def colorize(word: str, kind: str) -> str:
    """Return a word in color if the output is a terminal."""
    plain = kind not in COLORS or not sys.stdout.isatty() or bool(os.environ.get("NO_COLOR"))
    return word if plain else f"\033[{COLORS[kind]}m{word}\033[0m"


def print_heading(number: int, title: str) -> None:
    """Print the title of a step."""
    print_line(f"\n{colorize(f'{number}. {title}', 'heading')}")


def print_note(text: str) -> None:
    """Print a line of a step."""
    print_line(f"   {text}")


def print_task(event: Event) -> None:
    """Print a task if it runs a module of the collection or failed."""
    if not event.action.startswith(COLLECTION) and event.status != "failed":
        return
    label = STATUS_LABELS.get(event.status, event.status)
    detail = summarize(event)
    print_line(f"   {colorize(f'{label:<10}', event.status)} {event.name}{': ' if detail else ''}{detail}")
    for line in event.result.get("statement") or ():
        print_line(f"{'':14}{line}")
    # The result of a failed task has the checks in its error.
    for check in event.result.get("checks") or event.result.get("error", {}).get("checks") or ():
        if not check.get("ok"):
            print_line(f"{'':14}{colorize('NO', 'NO')} {check.get('name')}: {check.get('detail')}")


def summarize(event: Event) -> str:
    """Format the changes of a module, or its error."""
    result = event.result
    if event.status == "failed":
        return str(result.get("msg", ""))
    if event.status == "skipped":
        return ""
    if "changes" in result:
        return ", ".join([*result["changes"], *_count_checks(result)]) or "no changes"
    return ""


def _count_checks(result: Mapping[str, Any]) -> list[str]:
    """Format the number of checks, if the module ran checks."""
    checks = result.get("checks") or []
    return [f"{sum(bool(check.get('ok')) for check in checks)} of {len(checks)} checks ok"] if checks else []


def print_checks(run: Run) -> None:
    """Print all checks of a verification."""
    for check in run.facts().get("checks", []):
        label = "yes" if check.get("ok") else "NO"
        print_line(f"{'':14}{colorize(f'{label:<4}', label)}{check.get('name')}")


def print_recap(run: Run) -> None:
    """Print the recap in Ansible's format."""
    labels = {"ok": "ok", "changed": "changed", "failures": "failed", "skipped": "skipped"}
    counts = "  ".join(f"{label}={run.recap.get(name, 0)}" for name, label in labels.items())
    print_line(f"   PLAY RECAP  {counts}")


def print_summary(checks: Iterable[Check]) -> None:
    """Print the result of each check."""
    for check in checks:
        label = "yes" if check.ok else "NO"
        print_line(f"   {colorize(f'{label:<4}', label)} {check.text}")
