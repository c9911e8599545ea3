# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Extract the text of Python files: docstrings, comments, messages, and the documentation of plugins."""

from __future__ import annotations

import ast
import inspect
import io
import re
import tokenize
from collections.abc import Iterable, Iterator

from tools.prose import yaml_text
from tools.prose.text import NOT_PROSE, QUOTED, Line, Paragraph, join_lines, split_paragraphs

DOCUMENTATION = {"DOCUMENTATION", "EXAMPLES", "RETURN"}
# Python 3.12 and later split f-strings into tokens; Python 3.14 has t-strings too.
OPENING = {getattr(tokenize, name) for name in ("FSTRING_START", "TSTRING_START") if hasattr(tokenize, name)}
CLOSING = {getattr(tokenize, name) for name in ("FSTRING_END", "TSTRING_END") if hasattr(tokenize, name)}
# Between two of these tokens, strings are still one string.
LAYOUT = {tokenize.NL, tokenize.COMMENT}
# A message has three words in a row, and few words with characters of code.
MESSAGE = re.compile(r"[A-Za-z]{2,}[,;:]? [A-Za-z]+[,;:]? [A-Za-z]{2}")
PLAIN = re.compile(r"[\"'(\[]*[\w'./:@*-]+[\"')\],.;:!?]*")
LEAST_PLAIN = 0.75
YAML = re.compile(r"^\s*(?:- |[\w.-]+:(?:\s|$))", re.MULTILINE)


def paragraphs(text: str) -> Iterator[Paragraph]:
    """Yield the paragraphs of a Python file."""
    tree = ast.parse(text)
    quoted = {number for number, line in enumerate(text.splitlines(), 1) if QUOTED.search(line)}
    docstrings = _docstrings(tree)
    documentation = _documentation(tree)
    yield from _comments(text)
    for lines in _strings(text):
        start = lines[0][0]
        if start in quoted:
            continue
        if start in documentation:
            yield from yaml_text.paragraphs("\n" * (start - 1) + documentation[start])
        elif start in docstrings:
            yield from split_paragraphs(_dedent(lines))
        elif _is_message("\n".join(line for _number, line in lines)):
            yield from filter(None, [join_lines(lines)])


def _text_of(node: ast.AST) -> str | None:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None


def _docstrings(tree: ast.Module) -> set[int]:
    """Return the first lines of docstrings, including those of attributes."""
    statements = [node.value for node in ast.walk(tree) if isinstance(node, ast.Expr)]
    return {value.lineno for value in statements if _text_of(value) is not None}


def _documentation(tree: ast.Module) -> dict[int, str]:
    """Return the YAML documentation of plugins, by its first line."""
    documentation = {}
    owners: list[ast.Module | ast.ClassDef] = [tree]
    owners += [node for node in tree.body if isinstance(node, ast.ClassDef)]
    for owner in owners:
        is_fragment = isinstance(owner, ast.ClassDef) and owner.name == "ModuleDocFragment"
        for node in owner.body:
            if not isinstance(node, ast.Assign) or not isinstance(node.targets[0], ast.Name):
                continue
            text = _text_of(node.value)
            if text and (is_fragment or (owner is tree and node.targets[0].id in DOCUMENTATION)):
                documentation[node.value.lineno] = text
    return documentation


def _is_message(text: str) -> bool:
    """Distinguish a message from data, such as YAML, HTML, a pattern or a command."""
    words = text.split()
    plain = sum(PLAIN.fullmatch(word) is not None for word in words)
    is_yaml = len(YAML.findall(text)) > 1
    return MESSAGE.search(text) is not None and plain >= LEAST_PLAIN * len(words) and not is_yaml


def _dedent(lines: list[Line]) -> Iterator[Line]:
    """Remove the indentation of a docstring, whose first line is not indented."""
    clean = inspect.cleandoc("x\n" + "\n".join(line for _number, line in lines[1:])).split("\n")[1:]
    yield lines[0]
    yield from zip((number for number, _line in lines[1:]), clean, strict=False)


def _tokens(text: str) -> Iterator[tokenize.TokenInfo]:
    yield from tokenize.generate_tokens(io.StringIO(text).readline)


def _strings(text: str) -> Iterator[list[Line]]:
    """Yield the lines of every string; adjacent literals are one string."""
    rows = text.splitlines(keepends=True)
    lines: list[Line] = []
    depth = 0
    opened = (0, 0)
    for token in _tokens(text):
        if token.type in OPENING:
            opened = opened if depth else token.start
            depth += 1
        elif token.type in CLOSING:
            depth -= 1
            if not depth:
                lines += _literal(_slice(rows, opened, token.end), opened[0])
        elif depth:
            continue
        elif token.type == tokenize.STRING:
            lines += _literal(token.string, token.start[0])
        elif token.type not in LAYOUT and lines:
            yield lines
            lines = []


def _slice(rows: list[str], start: tuple[int, int], end: tuple[int, int]) -> str:
    """Return the source between two positions."""
    if start[0] == end[0]:
        return rows[start[0] - 1][start[1] : end[1]]
    return "".join([rows[start[0] - 1][start[1] :], *rows[start[0] : end[0] - 1], rows[end[0] - 1][: end[1]]])


def _literal(source: str, start: int) -> Iterator[Line]:
    """Yield the lines of a string literal, with a placeholder for each expression of an f-string."""
    value = ast.parse(source, mode="eval").body
    parts: Iterable[ast.expr] = value.values if hasattr(value, "values") else [value]
    text = "".join("X" if (part := _text_of(node)) is None else part for node in parts)
    several = '"""' in source or "'''" in source
    for offset, line in enumerate(text.split("\n")):
        yield start + (offset if several else 0), line


def _comments(text: str) -> Iterator[Paragraph]:
    """Yield comments; those on consecutive lines of their own are one text."""
    block: list[Line] = []
    previous = (-1, -1)
    for token in _tokens(text):
        if token.type != tokenize.COMMENT:
            continue
        own_line = not token.line[: token.start[1]].strip()
        if not own_line or token.start != (previous[0] + 1, previous[1]):
            yield from split_paragraphs(block)
            block = []
        previous = token.start if own_line else (-1, -1)
        content = token.string.lstrip("#:").removeprefix(" ")
        block.append((token.start[0], "" if NOT_PROSE.match(content) else content))
    yield from split_paragraphs(block)
