# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What became of a fleet of projects: rows, their summary, and both as text and as data. Pure.

PRIVATE to the collection ``vonage.archiving``: there is no stability promise outside of it.
"""

from __future__ import annotations

import typing as t
from collections import Counter
from dataclasses import asdict, dataclass, field

from .._archives import archives
from .._core.values import first_few
from .._state_file import state

FORMAT = 1
DAY = 86400
FAILED, CHANGED, OK, NOT_RUN = "failed", "changed", "ok", "not run"
# The order of the table: what a person has to look at comes first.
STATES = (FAILED, NOT_RUN, CHANGED, OK)
# Of projects in which there is nothing to see, in the text.
MOST_LINES = 50
# Of ids in a sentence.
MOST_NAMES = 20
HEADINGS = ("project", "name", "target", "state", "reason", "last uploads", "key age")
DRY = "Nothing was changed: this was a dry run (check mode)."
LONGEST = {"name": 24, "target": 48, "reason": 40}
WORDS = {"fell_back": "fell back", "in_progress": "in progress", "in_cloud": "in Vonage's cloud"}


@dataclass(frozen=True)
class Row:
    """One project.

    :param state: one of ``STATES``.
    :param reason: why the target was set; of a failure, what went wrong.
    :param archives: how the latest uploads went; ``None`` where that is not known.
    :param key_age: seconds since the key that the target holds was made, or, where the store does not tell, since the
        target was set; ``None`` where that is not known.
    """

    host: str
    project: str
    name: str
    target: str
    state: str
    reason: str
    changes: tuple[str, ...] = ()
    archives: t.Mapping[str, t.Any] | None = None
    key_age: float | None = None
    rotate_at: str | None = None
    retained_keys_reason: str = ""
    seconds: float | None = None
    problem: t.Mapping[str, t.Any] = field(default_factory=dict)

    @property
    def uploads(self) -> str:
        """How the latest uploads went, in words."""
        if self.archives is None:
            return "not known"
        counts = [(name, self.archives[name]) for name in archives.CATEGORIES if self.archives.get(name)]
        return ", ".join(f"{count} {WORDS.get(name, name)}" for name, count in counts) or "none yet"

    @property
    def troubled(self) -> bool:
        """Whether uploads went wrong."""
        return self.archives is not None and self.archives.get("ok") is False

    @property
    def dull(self) -> bool:
        """Whether there is nothing to see."""
        return self.state == OK and not self.troubled

    @property
    def age(self) -> str:
        """The age of the key, in words."""
        if self.key_age is None:
            return "not known"
        days, rest = divmod(max(int(self.key_age), 0), DAY)
        return f"{days} d" if days else f"{rest // 3600} h" if rest >= 3600 else f"{rest // 60} min"

    def cells(self) -> tuple[str, ...]:
        """The row of the table."""
        reason = (
            self.reason
            if self.state in (FAILED, NOT_RUN)
            else ", ".join(filter(None, [self.reason, self.retained_keys_reason]))
        )
        cells = (self.project, self.name, self.target, self.state, reason, self.uploads, self.age)
        return tuple(map(plain, cells))


def row(host: str, facts: t.Mapping[str, t.Any], result: t.Mapping[str, t.Any] | None, now: float) -> Row:
    """What became of one host.

    :param facts: its variables.
    :param result: of its task; ``None`` where it had none.
    """
    name, owner = (str(facts.get(f"vonage_project_{each}") or "") for each in ("name", "id"))
    if result is None or result.get("skipped"):
        why = "the run did not get to it" if result is None else "its task was skipped"
        return Row(host, owner or host, name, "", NOT_RUN, why)
    failed = bool(result.get("failed") or result.get("unreachable"))
    project = str(result.get("project") or owner or host)
    held = result.get("storage") or {}
    target = f"s3://{held['bucket']}/{project}/" if held.get("bucket") else ""
    error = result.get("error") or {}
    return Row(
        host=host,
        project=project,
        name=name,
        target=target,
        state=FAILED if failed else CHANGED if result.get("changed") else OK,
        reason=_problem(result) if failed else str(result.get("reason") or ""),
        changes=(*(result.get("bucket_changes") or ()), *(result.get("uploader_changes") or ())),
        archives=result.get("archives"),
        key_age=_key_age(result, now),
        rotate_at=result.get("rotate_at"),
        retained_keys_reason=str(result.get("retained_keys_reason") or ""),
        seconds=result.get("seconds"),
        problem={name: error[name] for name in ("kind", "operation", "problem", "hint") if error.get(name)},
    )


def _problem(result: t.Mapping[str, t.Any]) -> str:
    return " ".join(str(result.get("msg") or "no reason was given").split())


def _key_age(result: t.Mapping[str, t.Any], now: float) -> float | None:
    held = [key for key in result.get("access_keys") or () if key.get("in_target")]
    kept = result.get("state_file") or {}
    since = held[0].get("created") if held else None
    if since is None and kept.get("status") == state.APPLIED:
        since = kept.get("time")
    made = state.seconds(since) if since else None
    return None if made is None else max(now - made, 0)


def ordered(rows: t.Iterable[Row]) -> list[Row]:
    """What a person has to look at first."""
    return sorted(rows, key=lambda each: (STATES.index(each.state), not each.troubled, each.project, each.host))


def summary(rows: t.Sequence[Row]) -> dict[str, t.Any]:
    """The counts, and the projects that somebody has to look at; what ``set_stats`` hands on."""
    reasons = Counter(each.reason for each in rows if each.state in (CHANGED, OK))
    often = Counter(each.project for each in rows)
    return {
        "total": len(rows),
        **{state.replace(" ", "_"): sum(each.state == state for each in rows) for state in STATES},
        "reasons": dict(sorted(reasons.items())),
        "failed_projects": [each.project for each in ordered(rows) if each.state in (FAILED, NOT_RUN)],
        "troubled_projects": [each.project for each in ordered(rows) if each.troubled],
        "repeated_projects": sorted(project for project, count in often.items() if count > 1),
    }


def sentence(found: t.Mapping[str, t.Any]) -> str:
    """The summary in words."""
    counts = [f"{found[state.replace(' ', '_')]} {state}" for state in STATES if found[state.replace(" ", "_")]]
    text = f"{found['total']} project{'' if found['total'] == 1 else 's'}: {', '.join(counts) or 'none'}."
    troubled = found["troubled_projects"]
    if troubled:
        text += f" Uploads went wrong in {len(troubled)}: {first_few(troubled, MOST_NAMES)}."
    if found["repeated_projects"]:
        text += f" More than one host is the same project: {first_few(found['repeated_projects'], MOST_NAMES)}."
    return text


def as_text(rows: t.Sequence[Row], check_mode: bool = False) -> list[str]:
    """The table for the screen, each failure told in full below it."""
    found = ordered(rows)
    dull = [each for each in found if each.dull]
    shown = [each for each in found if not each.dull] + dull[:MOST_LINES]
    cells = [[_cut(name, cell) for name, cell in zip(HEADINGS, each.cells())] for each in shown]
    widths = [max(len(line[at]) for line in [HEADINGS, *cells]) for at in range(len(HEADINGS))]
    lines = [_line(HEADINGS, widths), _line(["-" * width for width in widths], widths)]
    lines += [_line(each, widths) for each in cells]
    if len(dull) > MOST_LINES:
        lines.append(f"... and {len(dull) - MOST_LINES} more in which nothing was to be done")
    told = [plain(f"{each.project}: {each.reason}") for each in found if each.state in (FAILED, NOT_RUN)]
    dry = f" {DRY}" if check_mode else ""
    return [*lines, *(["", *told] if told else []), "", plain(sentence(summary(rows))) + dry]


def _cut(name: str, text: str) -> str:
    most = LONGEST.get(name, len(text))
    return text if len(text) <= most else f"{text[: most - 3]}..."


def plain(text: str) -> str:
    """Names of projects are what people write: without control characters, which terminals obey, some of which turn
    the direction of what follows, and some of which no file can hold.
    """
    return "".join(char if char.isprintable() else " " for char in text)


def _line(cells: t.Sequence[str], widths: t.Sequence[int]) -> str:
    return "  ".join(cell.ljust(width) for cell, width in zip(cells, widths)).rstrip()


def as_data(rows: t.Sequence[Row], now: float, check_mode: bool) -> dict[str, t.Any]:
    """The report as plain data."""
    projects = [{**asdict(each), "archives": each.archives, "problem": dict(each.problem)} for each in ordered(rows)]
    head = {"format": FORMAT, "time": state.stamp(now), "check_mode": check_mode}
    return {**head, "summary": summary(rows), "projects": projects}
