# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The linter's rules, read from the tables of the style guide."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from docutils import nodes

from tools.paths import ROOT
from tools.prose.markup import node_text, parse_rst

PAGE = ROOT / "docs" / "docsite" / "rst" / "dev_style.rst"
# A table with these columns has rules.
REPLACEMENT, PATTERNS, EXAMPLE = "Write", "Not", "Example"


@dataclass(frozen=True)
class Rule:
    """One pattern of the page, with the replacement and the examples of its row."""

    subject: str
    pattern: str
    replacement: str
    examples: tuple[str, ...] = ()

    @property
    def flags(self) -> str:
        """The flag to ignore case, unless the pattern has an upper-case letter."""
        return "" if re.search(r"[A-Z]", re.sub(r"\\.", "", self.pattern)) else "i"

    @property
    def expression(self) -> str:
        """The pattern, which must match whole words if it starts or ends with a word."""
        return rf"(?:(?<![\w-])(?=\w)|(?=\W))(?:{self.pattern})(?:(?<=\w)(?![\w-])|(?<=\W))"

    def compile(self) -> re.Pattern[str]:
        """Compile the rule; the syntax has the same meaning in JavaScript."""
        return re.compile(self.expression, re.IGNORECASE if self.flags else 0)


def read_rules(page: Path = PAGE) -> list[Rule]:
    """Return the rules of all tables of the page."""
    return [rule for table in parse_rst(page.read_text()).findall(nodes.table) for rule in _rules_of(table)]


def _rules_of(table: nodes.table) -> Iterator[Rule]:
    head, *rows = [list(row.findall(nodes.entry)) for row in table.findall(nodes.row)]
    columns = [cell.astext() for cell in head]
    if not {REPLACEMENT, PATTERNS} <= set(columns):
        return
    for row in rows:
        cells = dict(zip(columns, row, strict=True))
        examples = tuple(_literals(cells[EXAMPLE])) if EXAMPLE in cells else ()
        for pattern in _literals(cells[PATTERNS]):
            yield Rule(row[0].astext(), pattern, _plain(cells[REPLACEMENT]), examples)


def _literals(cell: nodes.entry) -> list[str]:
    return [literal.astext() for literal in cell.findall(nodes.literal)]


def _plain(cell: nodes.entry) -> str:
    """Return a cell's text on one line, without the names of code in brackets."""
    return re.sub(r"\s*\([^()]*X[^()]*\)", "", " ".join(node_text(cell).split()))
