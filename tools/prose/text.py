# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Paragraphs: the text of a file, with the source line of each character."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

# A word of the same length replaces each match, so the sentence stays complete and no offset changes.
CODE = re.compile(
    r"""
      ``.+?``(?!`)                    # reStructuredText, and docstrings
    | `[^`]+`
    | \{\{.*?\}\} | \{%.*?%\}         # Jinja
    | \b(?:[CEMOPUV]|RV)\((?:\\.|[^)\\])*\)   # Ansible's markup for code
    | https?://[^\s)>\]"']+
    | ^:\w+(?:\ [\w. ]+)?:            # fields of a docstring, such as :param name:
    """,
    re.VERBOSE,
)
EMPHASIS = re.compile(r"\b(?:[BILR])\(|\*\*?(?=\w)|(?<=\w)\*\*?")
WORD = re.compile(r"[^\W\d_]{2,}")
# A full stop, exclamation mark, or question mark ends a sentence if a blank and no lower-case letter follow, or at the
# end of the paragraph. Closing quotes and brackets belong to the sentence before them.
SENTENCE_END = re.compile(r"""[.!?]["')\]]*\s+(?=[^\sa-z])""")
LIST_ITEM = re.compile(r"(?:[-*+]|\d+[.)])\s+")
NOT_PROSE = re.compile(
    r"(?:noqa|prose: quoted|type:|pragma|pylint|mypy|nosec|ruff:|yamllint|ansible-lint|!|-\*-"
    r"|SPDX-|Copyright|GNU General)"
)
# A line with this comment quotes another product.
QUOTED = re.compile(r"#\s*prose: quoted\b")

Line = tuple[int, str]


@dataclass(frozen=True)
class Paragraph:
    """Text without line breaks; `starts` has the offset at which each of its source lines starts."""

    text: str
    starts: tuple[tuple[int, int], ...]

    def line_at(self, offset: int) -> int:
        """Return the number of the source line of a character."""
        return self.starts[bisect_right(self.starts, offset, key=lambda start: start[0]) - 1][1]

    @cached_property
    def sentences(self) -> list[range]:
        """Return the offsets of each sentence that has at least two words."""
        edges = [0, *(match.end() for match in SENTENCE_END.finditer(self.text)), len(self.text)]
        spans = [range(start, end) for start, end in pairwise(edges)]
        return [span for span in spans if len(WORD.findall(self.text[span.start : span.stop])) > 1]


def blank_code(text: str) -> str:
    """Replace inline code by a placeholder of the same length, and emphasis markup by blanks."""
    text = CODE.sub(lambda match: "X" * len(match[0]), text)
    return EMPHASIS.sub(lambda match: " " * len(match[0]), text)


def join_lines(lines: Iterable[Line]) -> Paragraph | None:
    """Join source lines to a paragraph; return None if it has fewer than two words."""
    parts: list[str] = []
    starts: list[tuple[int, int]] = []
    offset = 0
    for number, line in lines:
        stripped = line.strip()
        if stripped:
            starts.append((offset, number))
            parts.append(stripped)
            offset += len(stripped) + 1
    text = blank_code(" ".join(parts))
    return Paragraph(text, tuple(starts)) if len(WORD.findall(text)) > 1 else None


def split_paragraphs(lines: Iterable[Line]) -> Iterator[Paragraph]:
    """Split plain text at blank lines, list items, and fields; skip blocks after `::`."""
    block: list[Line] = []
    literal_indent: int | None = None
    for number, line in [*lines, (0, "")]:
        stripped, indent = line.strip(), len(line) - len(line.lstrip())
        if literal_indent is not None and (not stripped or indent > literal_indent):
            continue
        literal_indent = None
        if block and (not stripped or LIST_ITEM.match(stripped) or stripped.startswith((":", ">>> ", "$ "))):
            literal_indent = len(block[0][1]) - len(block[0][1].lstrip()) if block[-1][1].endswith("::") else None
            if (paragraph := join_lines(block)) is not None:
                yield paragraph
            block = []
        if stripped and literal_indent is None:
            block.append((number, LIST_ITEM.sub("", line, count=1) if LIST_ITEM.match(stripped) else line))
