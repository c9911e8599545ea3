# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The report of a fleet as one HTML page that loads and runs nothing. Pure.

PRIVATE to the collection ``vonage.archiving``: there is no stability promise outside of it.
"""

from __future__ import annotations

import typing as t
from html import escape

from .._core.timestamps import format_utc
from .report import (
    CHECK_MODE_NOTE,
    HEADINGS,
    STATES,
    Row,
    format_summary,
    sort_rows,
    state_key,
    summarize,
    to_printable,
)

# The page can be mailed: names of projects in it must not load or run anything.
_POLICY = "default-src 'none'; style-src 'unsafe-inline'"
_STYLE = """
:root { color-scheme: light dark; --ink: #1d2530; --paper: #fff; --line: #d5dae1; --soft: #f3f5f8;
  --failed: #b3261e; --changed: #8a5a00; --ok: #1b6e3c; }
@media (prefers-color-scheme: dark) { :root { --ink: #e4e8ee; --paper: #14181e; --line: #333b46; --soft: #1d232b;
  --failed: #ff8a80; --changed: #f2c14e; --ok: #6fd08c; } }
body { font: 15px/1.45 system-ui, sans-serif; color: var(--ink); background: var(--paper); margin: 2rem; }
h1 { font-size: 1.4rem; margin: 0; } p { margin: .3rem 0 1.2rem; }
ul.tiles { display: flex; flex-wrap: wrap; gap: .8rem; list-style: none; padding: 0; margin: 0 0 1.4rem; }
ul.tiles li { background: var(--soft); border-left: .3rem solid var(--line); padding: .5rem 1rem; }
ul.tiles b { display: block; font-size: 1.6rem; }
table { border-collapse: collapse; width: 100%; }
th { position: sticky; top: 0; background: var(--soft); text-align: left; }
th, td { border-bottom: 1px solid var(--line); padding: .35rem .7rem; vertical-align: top; }
td { overflow-wrap: anywhere; } td:first-child, td:last-child, td:nth-child(4) { white-space: nowrap; }
.failed, .not-run { color: var(--failed); } .changed, .failed-uploads { color: var(--changed); }
.ok { color: var(--ok); }
li.failed, li.not-run { border-color: var(--failed); } li.changed { border-color: var(--changed); }
li.ok { border-color: var(--ok); } td.state { font-weight: 600; }
"""


def format_page(rows: t.Sequence[Row], now: float, check_mode: bool) -> str:
    """Return the page."""
    summary = summarize(rows)
    note = f" {CHECK_MODE_NOTE}" if check_mode else ""
    tiles = "".join(_format_tile(name, summary[state_key(name)]) for name in STATES)
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in HEADINGS)
    body = "\n".join(map(_format_row, sort_rows(rows)))
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{_POLICY}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Archive storage: {summary["total"]} projects, {summary["failed"]} failed</title>
<style>{_STYLE}</style>
</head>
<body>
<h1>Archive storage of {summary["total"]} projects</h1>
<p>{escape(format_utc(now))}. {escape(to_printable(format_summary(summary)))}{note}</p>
<ul class="tiles">{tiles}</ul>
<table>
<thead><tr>{head}</tr></thead>
<tbody>
{body}
</tbody>
</table>
</body>
</html>
"""


def _format_tile(name: str, count: int) -> str:
    return f'<li class="{_css_class(name)}"><b>{count}</b>{escape(name)}</li>'


def _format_row(row: Row) -> str:
    project, name, target, state, reason, uploads, age = (escape(cell) for cell in row.cells())
    uploads_class = ' class="failed-uploads"' if row.has_failed_uploads else ""
    return (
        f"<tr><td>{project}</td><td>{name}</td><td>{target}</td>"
        f'<td class="state {_css_class(row.state)}">{state}</td><td>{reason}</td>'
        f"<td{uploads_class}>{uploads}</td><td>{age}</td></tr>"
    )


def _css_class(state: str) -> str:
    return state.replace(" ", "-")
