# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Extract the text of YAML files: comments, names of tasks, messages, and descriptions of options and results."""

from __future__ import annotations

import re
from collections.abc import Iterator

import yaml
from yamllint.parser import Comment, token_or_comment_generator

from tools.prose.text import NOT_PROSE, QUOTED, Line, Paragraph, split_paragraphs

# All values below these keys are text.
TEXT_KEYS = {
    "description",
    "details",
    "fail_msg",
    "help_text",
    "label",
    "msg",
    "notes",
    "question_description",
    "question_name",
    "requirements",
    "returned",
    "short_description",
    "success_msg",
    "warning_text",
}
# Names of tasks and plays are items of a list; elsewhere `name` is an identifier, which has no blank.
NAME_KEYS = {"name", "title"}
BLOCK_HEADER = re.compile(r"[|>][-+\d]*\s*(?:#.*)?$")


def paragraphs(text: str, *, everything: bool = False) -> Iterator[Paragraph]:
    """Yield the paragraphs of a YAML document; `everything` takes all values, as in changelog fragments."""
    lines = text.splitlines()
    quoted = {number for number, line in enumerate(lines, 1) if QUOTED.search(line)}
    yield from _comments(text)
    for document in yaml.compose_all(text, Loader=yaml.SafeLoader):
        for scalar in _texts(document, inside=everything):
            if scalar.start_mark.line + 1 not in quoted:
                yield from split_paragraphs(_source(scalar, text))


def _texts(node: yaml.Node | None, *, inside: bool) -> Iterator[yaml.ScalarNode]:
    """Yield the scalars that are text: those below a key of TEXT_KEYS, and names."""
    if isinstance(node, yaml.ScalarNode):
        if inside:
            yield node
    elif isinstance(node, yaml.SequenceNode):
        for item in node.value:
            yield from _texts(item, inside=inside)
    elif isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            is_name = key.value in NAME_KEYS and isinstance(value, yaml.ScalarNode)
            # Options may have the names of the keys: `description` of an option called `msg`.
            is_text = key.value in TEXT_KEYS and not isinstance(value, yaml.MappingNode)
            yield from _texts(value, inside=inside or is_name or is_text)


def _source(scalar: yaml.ScalarNode, text: str) -> Iterator[Line]:
    """Yield the lines of a scalar as they are in the file, without its quotes or its block header."""
    raw = text[scalar.start_mark.index : scalar.end_mark.index]
    first, *rest = raw.split("\n")
    if scalar.style in ("|", ">"):
        first = BLOCK_HEADER.sub("", first)
    elif scalar.style in ("'", '"'):
        first, *rest = raw[1:-1].split("\n")
    for offset, line in enumerate([first, *rest]):
        yield scalar.start_mark.line + 1 + offset, line


def _comments(text: str) -> Iterator[Paragraph]:
    """Yield comments; those on consecutive lines of their own are one text."""
    block: list[Line] = []
    previous = (-1, -1)
    for item in token_or_comment_generator(text):
        if not isinstance(item, Comment):
            continue
        content = item.buffer[item.pointer :].split("\n", 1)[0].lstrip("#")
        position = (item.line_no, item.column_no)
        if item.is_inline() or position != (previous[0] + 1, previous[1]):
            yield from split_paragraphs(block)
            block = []
        previous = (-1, -1) if item.is_inline() else position
        block.append((item.line_no, "" if NOT_PROSE.match(content.strip()) else content.removeprefix(" ")))
    yield from split_paragraphs(block)
