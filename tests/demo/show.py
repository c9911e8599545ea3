# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the demo prints: headings, the tasks of a run as they end, and the summary."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Mapping
from typing import Any

from .judge import Finding
from .playbook import Event, Run

COLOURS = {"changed": "33", "failed": "31", "NO": "31", "ok": "32", "yes": "32", "heading": "1"}
OURS = "vonage.archiving."
# Playbooks tell these two apart; people call both "not needed".
WORDS = {"skipped": "not needed", "ignored": "ignored"}


def say(text: str = "") -> None:
    """Print at once: whoever reads along through a pipe sees each step as it happens."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def paint(word: str, kind: str) -> str:
    """Colour a word where somebody looks at a terminal."""
    plain = kind not in COLOURS or not sys.stdout.isatty() or bool(os.environ.get("NO_COLOR"))
    return word if plain else f"\033[{COLOURS[kind]}m{word}\033[0m"


def heading(number: int, what: str) -> None:
    """Begin a step."""
    say(f"\n{paint(f'{number}. {what}', 'heading')}")


def note(text: str) -> None:
    """Say something about a step."""
    say(f"   {text}")


def task(event: Event) -> None:
    """Show a task that looked at, or changed, something outside of Ansible; and every one that failed."""
    if not event.action.startswith(OURS) and event.status != "failed":
        return
    word = WORDS.get(event.status, event.status)
    detail = summary_of(event)
    say(f"   {paint(f'{word:<10}', event.status)} {event.name}{': ' if detail else ''}{detail}")
    # Of a failure, they are among the facts about it.
    for check in event.result.get("checks") or event.result.get("error", {}).get("checks") or ():
        if not check.get("ok"):
            say(f"{'':14}{paint('NO', 'NO')} {check.get('name')}: {check.get('detail')}")


def summary_of(event: Event) -> str:
    """Return the part of a module's result that says what happened."""
    result = event.result
    if event.status == "failed":
        return str(result.get("msg", ""))
    if event.status == "skipped":
        return ""
    if "changes" in result:
        return ", ".join([*result["changes"], *_checked(result)]) or "as asked for"
    if "reason" in result:
        return _why(result)
    return ""


def _checked(result: Mapping[str, Any]) -> list[str]:
    """Return what was tried, if anything was."""
    checks = result.get("checks") or []
    return [f"{sum(bool(check.get('ok')) for check in checks)} of {len(checks)} checks ok"] if checks else []


def _why(result: Mapping[str, object]) -> str:
    record = result.get("record")
    told = record.get("why") if isinstance(record, Mapping) else None
    return f"{result['reason']}, {told}" if told else str(result["reason"])


def checks(run: Run) -> None:
    """Show every finding of a check."""
    for check in run.facts().get("checks", []):
        word = "yes" if check.get("ok") else "NO"
        say(f"{'':14}{paint(f'{word:<4}', word)}{check.get('name')}")


def recap(run: Run) -> None:
    """Show the numbers of Ansible's own last line."""
    names = {"ok": "ok", "changed": "changed", "failures": "failed", "skipped": "skipped"}
    counted = "  ".join(f"{shown}={run.recap.get(name, 0)}" for name, shown in names.items())
    say(f"   PLAY RECAP  {counted}")


def summary(findings: Iterable[Finding]) -> None:
    """Show what is true and what is not."""
    for finding in findings:
        word = "yes" if finding.ok else "NO"
        say(f"   {paint(f'{word:<4}', word)} {finding.text}")
