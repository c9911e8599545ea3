# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The results of a fleet of projects: rows and their summary, as text and as data. Pure.

PRIVATE to the collection ``vonage.archiving``: there is no stability promise outside of it.
"""

from __future__ import annotations

import typing as t
from collections import Counter
from dataclasses import asdict, dataclass, field

from .._archives import archives
from .._core.timestamps import format_utc, parse_utc
from .._core.values import first_few
from .._state_file import state

FORMAT = 1
DAY = 86400
FAILED, CHANGED, OK, NOT_RUN = "failed", "changed", "ok", "not run"
# The order of the table: projects that need attention come first.
STATES = (FAILED, NOT_RUN, CHANGED, OK)
# Lines of routine projects on the screen.
MAX_ROUTINE_LINES = 50
# Ids in a sentence.
MAX_IDS = 20
HEADINGS = ("project", "name", "target", "state", "reason", "last uploads", "key age")
CHECK_MODE_NOTE = "Nothing was changed: this was a dry run (check mode)."
MAX_WIDTHS = {"name": 24, "target": 48, "reason": 40}
CATEGORY_NAMES = {"fell_back": "fell back", "in_progress": "in progress", "in_cloud": "in Vonage's cloud"}


@dataclass(frozen=True)
class Row:
    """One project.

    :param state: one of ``STATES``.
    :param reason: why the upload target was set; for a failed project, the error message.
    :param archives: the state of the latest uploads; ``None`` if it is not known.
    :param key_age: seconds since the access key of the upload target was created, or, if the store does not return
        that, since the target was set; ``None`` if it is not known.
    :param verified: whether the run has verified uploads.
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
    verified: bool = False
    problem: t.Mapping[str, t.Any] = field(default_factory=dict)

    @property
    def uploads(self) -> str:
        """The state of the latest uploads as text."""
        if self.archives is None:
            return "not known"
        counts = [(name, self.archives[name]) for name in archives.CATEGORIES if self.archives.get(name)]
        return ", ".join(f"{count} {CATEGORY_NAMES.get(name, name)}" for name, count in counts) or "none yet"

    @property
    def has_failed_uploads(self) -> bool:
        return self.archives is not None and self.archives.get("ok") is False

    @property
    def is_routine(self) -> bool:
        """Whether nothing changed, and nothing needs attention."""
        return self.state == OK and not self.has_failed_uploads

    @property
    def age(self) -> str:
        """The age of the access key as text."""
        if self.key_age is None:
            return "not known"
        days, rest = divmod(max(int(self.key_age), 0), DAY)
        return f"{days} d" if days else f"{rest // 3600} h" if rest >= 3600 else f"{rest // 60} min"

    def cells(self) -> tuple[str, ...]:
        """Return the printable cells of the table, in the order of ``HEADINGS``."""
        reason = self.reason
        if self.state not in (FAILED, NOT_RUN):
            reason = ", ".join(filter(None, [self.reason, self.retained_keys_reason]))
        cells = (self.project, self.name, self.target, self.state, reason, self.uploads, self.age)
        return tuple(map(to_printable, cells))


def build_row(host: str, variables: t.Mapping[str, t.Any], result: t.Mapping[str, t.Any] | None, now: float) -> Row:
    """Return the row of one host.

    :param variables: the id and the name of its project.
    :param result: of its task; ``None`` if there is none.
    """
    name, project_id = (str(variables.get(f"vonage_project_{part}") or "") for part in ("name", "id"))
    if result is None or result.get("skipped"):
        reason = "the run did not reach it" if result is None else "its task was skipped"
        return Row(host, project_id or host, name, "", NOT_RUN, reason)
    failed = bool(result.get("failed") or result.get("unreachable"))
    project = str(result.get("project") or project_id or host)
    storage, error = result.get("storage") or {}, result.get("error") or {}
    return Row(
        host=host,
        project=project,
        name=name,
        target=f"s3://{storage['bucket']}/{project}/" if storage.get("bucket") else "",
        state=FAILED if failed else CHANGED if result.get("changed") else OK,
        reason=_error_message(result) if failed else str(result.get("reason") or ""),
        changes=(*(result.get("bucket_changes") or ()), *(result.get("uploader_changes") or ())),
        archives=result.get("archives"),
        key_age=_key_age(result, now),
        rotate_at=result.get("rotate_at"),
        retained_keys_reason=str(result.get("retained_keys_reason") or ""),
        seconds=result.get("seconds"),
        verified=bool(result.get("checks")),
        problem={part: error[part] for part in ("kind", "operation", "problem", "hint", "ending") if error.get(part)},
    )


def _error_message(result: t.Mapping[str, t.Any]) -> str:
    return " ".join(str(result.get("msg") or "the task failed without a message").split())


def _key_age(result: t.Mapping[str, t.Any], now: float) -> float | None:
    keys = [key for key in result.get("access_keys") or () if key.get("in_target")]
    state_file = result.get("state_file") or {}
    since = keys[0].get("created") if keys else None
    if since is None and state_file.get("status") == state.APPLIED:
        since = state_file.get("time")
    created = parse_utc(since) if since else None
    return None if created is None else max(now - created, 0)


def sort_rows(rows: t.Iterable[Row]) -> list[Row]:
    """Return the rows with those first that need attention."""
    return sorted(rows, key=lambda row: (STATES.index(row.state), not row.has_failed_uploads, row.project, row.host))


def summarize(rows: t.Sequence[Row]) -> dict[str, t.Any]:
    """Return the counts, and the projects that need attention: the data for ``set_stats``."""
    reasons = Counter(row.reason for row in rows if row.state in (CHANGED, OK))
    hosts = Counter(row.project for row in rows)
    return {
        "total": len(rows),
        **{state_key(name): sum(row.state == name for row in rows) for name in STATES},
        "reasons": dict(sorted(reasons.items())),
        "failed_projects": [row.project for row in sort_rows(rows) if row.state in (FAILED, NOT_RUN)],
        "troubled_projects": [row.project for row in sort_rows(rows) if row.has_failed_uploads],
        "repeated_projects": sorted(project for project, count in hosts.items() if count > 1),
    }


def state_key(name: str) -> str:
    """Return the key of a state in the summary."""
    return name.replace(" ", "_")


def format_summary(summary: t.Mapping[str, t.Any]) -> str:
    """Format the summary as sentences."""
    total, failed_uploads = summary["total"], summary["troubled_projects"]
    counts = [f"{summary[state_key(name)]} {name}" for name in STATES if summary[state_key(name)]]
    text = f"{_count_projects(total)}: {', '.join(counts) or 'none'}."
    if failed_uploads:
        text += f" Uploads failed in {_count_projects(len(failed_uploads))}: {first_few(failed_uploads, MAX_IDS)}."
    if summary["repeated_projects"]:
        text += f" Projects of more than one host: {first_few(summary['repeated_projects'], MAX_IDS)}."
    return text


def _count_projects(count: int) -> str:
    return f"{count} project{'' if count == 1 else 's'}"


def format_table(rows: t.Sequence[Row], check_mode: bool = False) -> list[str]:
    """Format the table for the screen, with the whole message of each failure below it."""
    sorted_rows = sort_rows(rows)
    routine = [row for row in sorted_rows if row.is_routine]
    visible = [row for row in sorted_rows if not row.is_routine] + routine[:MAX_ROUTINE_LINES]
    cells = [[_truncate(name, cell) for name, cell in zip(HEADINGS, row.cells())] for row in visible]
    widths = [max(len(line[at]) for line in [HEADINGS, *cells]) for at in range(len(HEADINGS))]
    lines = [_format_line(HEADINGS, widths), _format_line(["-" * width for width in widths], widths)]
    lines += [_format_line(row, widths) for row in cells]
    if len(routine) > MAX_ROUTINE_LINES:
        lines.append(f"... and {len(routine) - MAX_ROUTINE_LINES} more without changes")
    messages = [to_printable(f"{row.project}: {row.reason}") for row in sorted_rows if row.state in (FAILED, NOT_RUN)]
    note = f" {CHECK_MODE_NOTE}" if check_mode else ""
    return [*lines, *(["", *messages] if messages else []), "", to_printable(format_summary(summarize(rows))) + note]


def _truncate(heading: str, text: str) -> str:
    width = MAX_WIDTHS.get(heading, len(text))
    return text if len(text) <= width else f"{text[: width - 3]}..."


def to_printable(text: str) -> str:
    """Replace characters that are not printable: names of projects are free text.

    Terminals execute control characters, some characters change the direction of the text, and some cannot be encoded.
    """
    return "".join(char if char.isprintable() else " " for char in text)


def _format_line(cells: t.Sequence[str], widths: t.Sequence[int]) -> str:
    return "  ".join(cell.ljust(width) for cell, width in zip(cells, widths)).rstrip()


def build_data(rows: t.Sequence[Row], now: float, check_mode: bool) -> dict[str, t.Any]:
    """Return the report as plain data."""
    projects = [{**asdict(row), "archives": row.archives, "problem": dict(row.problem)} for row in sort_rows(rows)]
    head = {"format": FORMAT, "time": format_utc(now), "check_mode": check_mode}
    return {**head, "summary": summarize(rows), "projects": projects}
