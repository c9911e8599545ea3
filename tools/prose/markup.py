# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Extract the text of Markdown and reStructuredText files."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from docutils import nodes
from docutils.core import publish_doctree
from docutils.parsers.rst import roles
from markdown_it import MarkdownIt
from markdown_it.token import Token

from tools.prose.text import Line, Paragraph, join_lines

ROLE = re.compile(r":([a-z][\w:+.-]*):`")
TITLE_AND_TARGET = re.compile(r"(.+?)\s*<[^<>]+>", re.DOTALL)
# Their text is code or is not displayed.
CODE_NODES = (nodes.literal, nodes.target, nodes.footnote_reference, nodes.problematic)
BLOCKS = (nodes.paragraph, nodes.title, nodes.term, nodes.caption, nodes.rubric, nodes.field_name)


def markdown_paragraphs(text: str) -> Iterator[Paragraph]:
    """Yield the paragraphs, headings, and table cells of a Markdown file."""
    for token in MarkdownIt("commonmark").enable("table").parse(text):
        if token.type == "inline" and token.map and token.children:
            yield from filter(None, [join_lines(_markdown_lines(token.children, token.map[0] + 1))])


def _markdown_lines(children: list[Token], number: int) -> Iterator[Line]:
    line = ""
    for child in children:
        if child.type in ("softbreak", "hardbreak"):
            yield number, line
            number, line = number + 1, ""
        elif child.type == "code_inline":
            line += "X" * len(child.content)
        elif child.type == "text":
            line += child.content
    yield number, line


def rst_paragraphs(text: str) -> Iterator[Paragraph]:
    """Yield the paragraphs, headings, terms, and table cells of a reStructuredText file."""
    source = text.splitlines()
    for node in parse_rst(text).findall(lambda node: isinstance(node, BLOCKS)):
        if isinstance(node.parent, nodes.system_message):
            continue
        lines = node_text(node).split("\n")
        first = node.rawsource.split("\n")[0].strip() if node.rawsource else lines[0].strip()
        number = _line_of(first, source, getattr(node, "line", None) or 1)
        yield from filter(None, [join_lines(enumerate(lines, number))])


def parse_rst(text: str) -> nodes.document:
    """Parse reStructuredText; Sphinx's roles are code, except for the title of a reference."""
    for name in set(ROLE.findall(text)):
        roles.register_local_role(name, _role)
    settings = {"report_level": 5, "halt_level": 5, "file_insertion_enabled": False, "raw_enabled": False}
    return publish_doctree(text, settings_overrides=settings)


def _role(name: str, rawtext: str, text: str, *_unused: Any, **_options: Any) -> tuple[list[nodes.Node], list[Any]]:
    titled = TITLE_AND_TARGET.fullmatch(text)
    if titled and name in ("ref", "doc"):
        return [nodes.inline(rawtext, titled[1])], []
    return [nodes.literal(rawtext, text)], []


def node_text(node: Any) -> str:
    """Return the text of a node, with a placeholder for code."""
    if isinstance(node, CODE_NODES):
        return re.sub(r"[^\n]", "X", node.astext())
    if isinstance(node, nodes.Text):
        return str(node.astext())
    return "".join(map(node_text, node.children))


def _line_of(first: str, source: list[str], near: int) -> int:
    """Return the line with this text that is nearest to the line from docutils, which is not exact."""
    matching = [number for number, line in enumerate(source, 1) if first in line]
    return min(matching, key=lambda number: abs(number - near), default=near)
