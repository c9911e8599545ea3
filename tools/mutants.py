# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The mutants of a source file: mutmut's operators, and operators for conditions and statements.

mutmut itself cannot run them: it skips decorated functions, and its names of modules do not fit `ansible_collections`.

Message texts, docstrings, annotations, decorators, and the arguments of errors are not mutated. In other calls, only
keyword arguments are removed: without a positional argument, nearly every call fails. For the same reason, local
variables keep their value.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import libcst as cst
from libcst.metadata import CodePosition, MetadataWrapper, PositionProvider
from mutmut.mutation import mutators

# Creates the replacements of a node of one type.
Operator = Callable[[Any], Iterable[cst.CSTNode]]

# Calls without an effect at run time, or that describe a field of a dataclass.
DECLARATIONS = frozenset({"cast", "dataclass", "field", "TypeVar"})
BLANK = re.compile(r"\s*(#|$)")


@dataclass(frozen=True)
class Mutant:
    """One change of one node.

    :param text: the line of the node, without blanks at its ends.
    :param mutation: the code of the node before and after.
    :param occurrence: the number among the mutants of the module with equal text and mutation.
    """

    module: str
    line: int
    text: str
    mutation: str
    occurrence: int
    tree: cst.Module = field(repr=False, compare=False)
    node: cst.CSTNode = field(repr=False, compare=False)
    changed: cst.CSTNode = field(repr=False, compare=False)

    @property
    def code(self) -> str:
        """The code of the module; empty if it does not compile."""
        code = cst.ensure_type(self.tree.deep_replace(self.node, self.changed), cst.Module).code
        try:
            compile(code, "<mutant>", "exec")
        except (SyntaxError, ValueError):
            return ""
        return code

    @property
    def id(self) -> str:
        """An ID that does not depend on other lines."""
        identity = "\0".join([self.module, self.text, self.mutation, str(self.occurrence)])
        return hashlib.sha256(identity.encode()).hexdigest()[:12]


def create_mutants(module: str, source: str) -> list[Mutant]:
    """Create all mutants of a source file, in the order of the lines."""
    wrapper = MetadataWrapper(cst.parse_module(source))
    tree, positions, lines = wrapper.module, wrapper.resolve(PositionProvider), source.splitlines()
    occurrences: Counter[tuple[str, str]] = Counter()
    mutants = []
    for node, changed in _mutations(tree):
        if node not in positions:
            continue
        line = _first_line(lines, positions[node].start)
        text, before, after = lines[line - 1].strip(), _code(tree, node), _code(tree, changed)
        if before == after:
            continue
        mutation = f"{before} -> {after}"
        occurrences[text, mutation] += 1
        mutants.append(Mutant(module, line, text, mutation, occurrences[text, mutation], tree, node, changed))
    return sorted(mutants, key=lambda mutant: mutant.line)


def _first_line(lines: Sequence[str], start: CodePosition) -> int:
    """The line of a node. For libcst, line breaks and comments before an operator are part of it."""
    rest = [lines[start.line - 1][start.column :], *lines[start.line :]]
    return next(number for number, text in enumerate(rest, start.line) if not BLANK.match(text))


def _mutations(tree: cst.Module) -> Iterator[tuple[cst.CSTNode, cst.CSTNode]]:
    """Yield each node with a replacement."""
    stack: list[cst.CSTNode] = [tree]
    while stack:
        node = stack.pop()
        if _is_skipped(node):
            continue
        stack.extend(reversed(node.children))
        for kind, operator in OPERATORS:
            if isinstance(node, kind):
                for changed in operator(node):
                    yield node, changed


def _is_skipped(node: cst.CSTNode) -> bool:
    """Whether the node and everything in it stays unchanged."""
    if isinstance(node, cst.Annotation | cst.Decorator | cst.Import | cst.ImportFrom):
        return True
    if isinstance(node, cst.Assign) and isinstance(node.targets[0].target, cst.Name):
        return bool(node.targets[0].target.value == "__all__")
    return _is_message(node) or (isinstance(node, cst.Call) and _function_name(node) in DECLARATIONS)


def _is_message(node: cst.CSTNode | None) -> bool:
    """Whether the node is a text for people, or a docstring: it contains blanks."""
    if isinstance(node, cst.SimpleString):
        return " " in node.raw_value or node.quote in ('"""', "'''")
    if isinstance(node, cst.ConcatenatedString):
        return _is_message(node.left) or _is_message(node.right)
    if isinstance(node, cst.FormattedString):
        return any(isinstance(part, cst.FormattedStringText) and " " in part.value for part in node.parts)
    return False


def _function_name(call: cst.Call) -> str:
    name = call.func.attr if isinstance(call.func, cst.Attribute) else call.func
    return str(name.value) if isinstance(name, cst.Name) else ""


def _mark_string(node: cst.SimpleString) -> Iterator[cst.CSTNode]:
    """Only the first of mutmut's changes: the others change the case."""
    yield from list(mutators.operator_string(node))[:1]


def _assign_none(node: cst.Assign) -> Iterator[cst.CSTNode]:
    if isinstance(node.targets[0].target, cst.Attribute):
        yield from mutators.operator_assignment(node)


def _remove_keyword_argument(node: cst.Call) -> Iterator[cst.CSTNode]:
    if not _function_name(node).endswith("Error"):
        for at, argument in enumerate(node.args):
            if argument.keyword:
                yield node.with_changes(args=[*node.args[:at], *node.args[at + 1 :]])


def _fix_condition(node: cst.If | cst.While | cst.CompIf) -> Iterator[cst.CSTNode]:
    """Replace a condition by a constant; `while True` would only exceed the time limit."""
    blank = cst.SimpleWhitespace(" ")
    names: dict[type, tuple[str, tuple[str, ...]]] = {
        cst.If: ("whitespace_before_test", ("True", "False")),
        cst.While: ("whitespace_after_while", ("False",)),
        cst.CompIf: ("whitespace_before_test", ("True",)),
    }
    whitespace, values = names[type(node)]
    for value in values:
        yield node.with_changes(test=cst.Name(value), **{whitespace: blank})


def _remove_operand(node: cst.BooleanOperation) -> Iterator[cst.CSTNode]:
    """Parentheses keep the precedence, and lines that continue."""
    for operand in (node.left, node.right):
        yield operand.with_changes(lpar=[cst.LeftParen(), *operand.lpar], rpar=[*operand.rpar, cst.RightParen()])


def _remove_call(node: cst.SimpleStatementLine) -> Iterator[cst.CSTNode]:
    """Remove a statement that is only a call."""
    if len(node.body) == 1 and isinstance(node.body[0], cst.Expr) and isinstance(node.body[0].value, cst.Call):
        yield node.with_changes(body=[cst.Pass()])


OPERATORS: list[tuple[type, Operator]] = [
    (cst.BaseNumber, mutators.operator_number),
    (cst.SimpleString, _mark_string),
    (cst.Name, mutators.operator_name),
    (cst.Assign, _assign_none),
    (cst.AugAssign, mutators.operator_augmented_assignment),
    (cst.UnaryOperation, mutators.operator_remove_unary_ops),
    (cst.Call, mutators.operator_symmetric_string_methods_swap),
    (cst.Call, mutators.operator_unsymmetrical_string_methods_swap),
    (cst.Call, _remove_keyword_argument),
    (cst.Lambda, mutators.operator_lambda),
    (cst.CSTNode, mutators.operator_keywords),
    (cst.CSTNode, mutators.operator_swap_op),
    (cst.IfExp, mutators.operator_if_exp),
    (cst.If, _fix_condition),
    (cst.While, _fix_condition),
    (cst.CompIf, _fix_condition),
    (cst.BooleanOperation, _remove_operand),
    (cst.SimpleStatementLine, _remove_call),
]


def _code(tree: cst.Module, node: cst.CSTNode) -> str:
    """The code of a node in one line; of a compound statement, its condition."""
    if isinstance(node, cst.If | cst.While | cst.CompIf):
        return f"if {tree.code_for_node(node.test)}"
    return " ".join(tree.code_for_node(node).split())
