# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The mutants of small sources. The expected code is written by hand."""

from __future__ import annotations

from itertools import pairwise

import pytest

from tools import mutation
from tools.mutants import Mutant, create_mutants
from tools.paths import ROOT

# By kind of mutant: the source, and the code of all its mutants.
KINDS: dict[str, tuple[str, list[str]]] = {
    "integer": ("a = 1", ["a = 2"]),
    "float": ("a = 0.5", ["a = 1.5"]),
    "string": ('a = "word"', ['a = "XXwordXX"']),
    "bytes": ('a = b"word"', ['a = b"XXwordXX"']),
    "empty string": ('a = ""', ['a = "XXXX"']),
    "true": ("a = True", ["a = False"]),
    "false": ("a = False", ["a = True"]),
    "default of a parameter": ("def f(a=1): ...", ["def f(a=2): ..."]),
    "attribute": ("a.b = c", ["a.b = None"]),
    "attribute that is None": ("a.b = None", ['a.b = ""']),
    "augmented assignment": ("a += b", ["a = b", "a -= b"]),
    "not": ("a = not b", ["a = b"]),
    "negative number": ("a = -b", ["a = +b"]),
    "string method": ("a = b.lower()", ["a = b.upper()"]),
    "string method with a limit": (
        "a = b.split(c, maxsplit=1)",
        ["a = b.rsplit(c, maxsplit=1)", "a = b.split(c, )", "a = b.split(c, maxsplit=2)"],
    ),
    "keyword argument": ("a = f(b, key=c, other=d)", ["a = f(b, other=d)", "a = f(b, key=c, )"]),
    "lambda": ("a = lambda: b", ["a = lambda: None"]),
    "lambda without a value": ("a = lambda: None", ["a = lambda: 0"]),
    "is": ("a = b is c", ["a = b is not c"]),
    "is not": ("a = b is not c", ["a = b is c"]),
    "in": ("a = b in c", ["a = b not in c"]),
    "not in": ("a = b not in c", ["a = b in c"]),
    "addition": ("a = b + c", ["a = b - c"]),
    "floor division": ("a = b // c", ["a = b / c"]),
    "less": ("a = b < c", ["a = b <= c"]),
    "greater or equal": ("a = b >= c", ["a = b > c"]),
    "equal": ("a = b == c", ["a = b != c"]),
    "and": ("a = b and c", ["a = b or c", "a = (b)", "a = (c)"]),
    "or": ("a = b or c", ["a = b and c", "a = (b)", "a = (c)"]),
    "operand with a lower precedence": (
        "a = (b or c) and d",
        ["a = (b or c) or d", "a = ((b or c))", "a = (d)", "a = (b and c) and d", "a = (b) and d", "a = (c) and d"],
    ),
    "conditional expression": (
        "a = b if c else d",
        ["a = b if (c) and False else d", "a = b if (c) or True else d"],
    ),
    "if": ("if a:\n    b = c", ["if True:\n    b = c", "if False:\n    b = c"]),
    "if without a blank": ("if(a):\n    b = c", ["if True:\n    b = c", "if False:\n    b = c"]),
    "while": ("while a:\n    b = c", ["while False:\n    b = c"]),
    "filter of a comprehension": ("a = [b for b in c if d]", ["a = [b for b in c if True]"]),
    "statement that is a call": ("f(a)", ["pass"]),
    "call in a function": ("def f():\n    g(a)\n    return b", ["def f():\n    pass\n    return b"]),
    "continue": ("for a in b:\n    continue", ["for a in b:\n    break"]),
    "break in a function": (
        "def f():\n    for a in b:\n        break",
        ["def f():\n    for a in b:\n        return"],
    ),
    "expression in an f-string": ('a = f"{b + c}-{d}"', ['a = f"{b - c}-{d}"']),
    "value of an annotated name": ("a: int = 1", ["a: int = 2"]),
    "function with a decorator": ("@d(1)\ndef f():\n    return 2", ["@d(1)\ndef f():\n    return 3"]),
}
# By reason: source without mutants.
SKIPPED: dict[str, str] = {
    "docstring of a module": '"""Word."""',
    "docstring of a function": 'def f():\n    """One.\n\n    Two words.\n    """',
    "docstring in single quotes": "class A:\n    'Two words.'",
    "message": 'a = "two words"',
    "message of several strings": 'a = ("word" "two words")',
    "message with a value": 'a = f"two words{b + c}"',
    "type of a parameter": 'def f(a: Literal["word"]) -> dict[Literal[1], "B"]: ...',
    "type of a name": 'a: Literal["word", 1, True]',
    "type of a value": 'a: Literal["word"] = b',
    "decorator": "@d(1, key=True)\ndef f(): ...",
    "import": "from a import b as c\nimport d.e",
    "exported names": '__all__ = ["word"]',
    "argument of an error": "a = RejectedError(b, status=c)",
    "positional argument": "a = f(b, c)",
    "local variable": "a = f(b)",
    "field of a dataclass": "a: int = field(default=1)",
    "cast": 'a = t.cast("word", b)',
    "type variable": 'A = TypeVar("A", bound=1)',
    "two calls in a line": "f(a); g(b)",
    "string method without a limit": "a = b.split(c)",
}


@pytest.mark.parametrize("kind", KINDS)
def test_create_mutants_of_each_kind(kind: str) -> None:
    source, expected = KINDS[kind]
    codes = [mutant.code for mutant in create_mutants("module", f"{source}\n")]
    assert sorted(codes) == sorted(f"{code}\n" for code in expected)


@pytest.mark.parametrize("reason", SKIPPED)
def test_create_mutants_skips_source_whose_mutants_mean_nothing(reason: str) -> None:
    assert [mutant.code for mutant in create_mutants("module", f"{SKIPPED[reason]}\n")] == []


def test_create_mutants_that_do_not_compile_have_no_code() -> None:
    (mutant,) = create_mutants("module", "for a in b:\n    break\n")
    assert (mutant.mutation, mutant.code) == ("break -> return", "")


SOURCE = '''\
"""A module."""

LIMIT = 2


def select(values, limit=LIMIT):
    # A comment with 1 + 1.
    if not values:
        raise ValueError("no values")
    return [
        value
        for value in values
        if value > 0 and value < limit
    ]
'''
# The lines and changes of the mutants, in the order of the lines.
MUTATIONS = [
    (3, "LIMIT = 2", "2 -> 3"),
    (8, "if not values:", "if not values -> if True"),
    (8, "if not values:", "if not values -> if False"),
    (8, "if not values:", "not values -> values"),
    (13, "if value > 0 and value < limit", "if value > 0 and value < limit -> if True"),
    (13, "if value > 0 and value < limit", "value > 0 and value < limit -> value > 0 or value < limit"),
    (13, "if value > 0 and value < limit", "value > 0 and value < limit -> (value > 0)"),
    (13, "if value > 0 and value < limit", "value > 0 and value < limit -> (value < limit)"),
    (13, "if value > 0 and value < limit", "> 0 -> >= 0"),
    (13, "if value > 0 and value < limit", "0 -> 1"),
    (13, "if value > 0 and value < limit", "< limit -> <= limit"),
]


def test_create_mutants_returns_lines_and_changes_in_the_order_of_lines() -> None:
    mutants = create_mutants("module", SOURCE)
    assert sorted((mutant.line, mutant.text, mutant.mutation) for mutant in mutants) == sorted(MUTATIONS)
    assert all(first.line <= second.line for first, second in pairwise(mutants))


def test_mutant_of_an_operator_after_a_line_break_has_the_line_of_the_operator() -> None:
    mutants = create_mutants("module", "a = (\n    b\n    # 1 + 1\n    == c\n)\n")
    assert [(mutant.line, mutant.text) for mutant in mutants] == [(4, "== c")]


def test_mutant_changes_only_its_line() -> None:
    lines = SOURCE.splitlines()
    for mutant in create_mutants("module", SOURCE):
        changed = mutant.code.splitlines()
        assert [number for number, (old, new) in enumerate(zip(lines, changed, strict=True), 1) if old != new] == [
            mutant.line
        ]


def test_mutant_id_does_not_depend_on_other_lines() -> None:
    before = {mutant.id for mutant in create_mutants("module", SOURCE)}
    after = {mutant.id for mutant in create_mutants("module", f"import re\n\nPATTERN = 1\n{SOURCE}")}
    assert before < after
    assert len(before) == len(MUTATIONS)
    assert len(after - before) == 1


def test_mutant_id_depends_on_module_and_occurrence() -> None:
    first, second = create_mutants("module", "a = 1\na = 1\n")
    (other,) = create_mutants("other", "a = 1\n")
    assert (first.text, first.mutation, first.occurrence) == ("a = 1", "1 -> 2", 1)
    assert (second.text, second.mutation, second.occurrence) == ("a = 1", "1 -> 2", 2)
    assert [mutant.code for mutant in (first, second)] == ["a = 2\na = 1\n", "a = 1\na = 2\n"]
    assert len({first.id, second.id, other.id}) == 3
    # printf 'module\0a = 1\0001 -> 2\0001' | sha256sum
    assert first.id == "ec9307525deb"


def selected_changes(source: str, seed: int) -> list[str]:
    return [mutant.mutation for mutant in mutation.select_mutants(create_mutants("module", source), seed, 4)]


def test_select_mutants_of_the_same_seed_is_stable() -> None:
    """Otherwise, the results of a seed cannot be compared with earlier ones."""
    condition = "value > 0 and value < limit"
    assert selected_changes(SOURCE, 1) == [
        f"if {condition} -> if True",
        "0 -> 1",
        f"{condition} -> value > 0 or value < limit",
        "< limit -> <= limit",
    ]
    assert selected_changes(SOURCE, 2) == [
        "if not values -> if False",
        "not values -> values",
        f"{condition} -> value > 0 or value < limit",
        "> 0 -> >= 0",
    ]
    assert selected_changes(SOURCE.replace("A module.", "Another module.\n"), 1) == selected_changes(SOURCE, 1)


EQUIVALENT = """
- module: module
  line: 'LIMIT = 2'
  mutation: '2 -> 3'
  reason: 'No value is 2.'
"""


def test_equivalent_mutant_is_matched_by_module_line_and_change() -> None:
    reasons = mutation.equivalent_reasons(EQUIVALENT)

    def matched(module: str, source: str) -> list[str]:
        """The changes of the mutants that are equivalent. Without test files, all others survive."""
        results = [
            (mutant, mutation._evaluate_one(mutant, [], 0.0, reasons)) for mutant in create_mutants(module, source)
        ]
        statuses = {result["status"] for _mutant, result in results}
        assert statuses <= {mutation.EQUIVALENT_STATUS, mutation.SURVIVED}
        return [mutant.mutation for mutant, result in results if result.get("reason") == "No value is 2."]

    assert matched("module", SOURCE) == ["2 -> 3"]
    assert matched("module", f"import re\n{SOURCE}") == ["2 -> 3"]
    assert matched("other", SOURCE) == []
    assert matched("module", SOURCE.replace("LIMIT = 2", "LIMIT = 3")) == []


def test_equivalent_mutants_of_the_list_exist() -> None:
    entries = set(mutation.equivalent_reasons(mutation.EQUIVALENT.read_text("utf-8")))
    existing = set()
    for module in {module for module, _line, _change in entries}:
        source = (ROOT / mutation.SOURCES / f"{module}.py").read_text("utf-8")
        existing |= {key(mutant) for mutant in create_mutants(module, source)}
    assert entries - existing == set()


def key(mutant: Mutant) -> tuple[str, str, str]:
    return mutant.module, mutant.text, mutant.mutation
