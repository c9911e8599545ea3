# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The prose linter: its rules, the text that it extracts, and the list of files that it does not check yet."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tools.prose import __main__ as prose
from tools.prose import python_text, textlint, yaml_text
from tools.prose.markup import markdown_paragraphs, rst_paragraphs
from tools.prose.rules import Rule, read_rules
from tools.prose.sources import reader_of
from tools.prose.text import Paragraph, join_lines, split_paragraphs

EXAMPLES = [
    line.split(" ", 1)
    for line in Path(__file__).with_name("prose_examples.txt").read_text().splitlines()
    if line.startswith(("- ", "+ "))
]
RULES = read_rules()


@pytest.fixture(scope="module")
def matched_lines() -> set[int]:
    """Return the numbers of the examples that textlint reports."""
    return {match.line for match in textlint.check([text for _sign, text in EXAMPLES], RULES)}


def test_textlint_examples_are_reported_or_accepted(matched_lines: set[int]) -> None:
    expected = {number for number, (sign, _text) in enumerate(EXAMPLES, 1) if sign == "-"}
    assert [EXAMPLES[number - 1] for number in sorted(matched_lines ^ expected)] == []


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.pattern)
def test_rule_has_an_example_that_matches(rule: Rule) -> None:
    assert any(rule.compile().search(text) for sign, text in EXAMPLES if sign == "-")


@pytest.mark.parametrize("rule", [rule for rule in RULES if rule.examples], ids=lambda rule: rule.pattern)
def test_rule_row_of_the_page_has_an_example_that_matches(rule: Rule) -> None:
    patterns = [other.compile() for other in RULES if other.subject == rule.subject]
    assert any(pattern.search(example) for pattern in patterns for example in rule.examples)


def test_rule_with_upper_case_is_case_sensitive() -> None:
    assert Rule("", r"Of\S", "").flags == ""
    assert Rule("", r"of\S", "").flags == "i"


def test_check_offset_counts_characters() -> None:
    [match] = textlint.check(["\U0001f511 and wanted"], [Rule("", "wanted", "desired")])
    assert (match.line, match.offset, match.message) == (1, 6, "wanted => desired")


def texts(paragraphs: Iterator[Paragraph]) -> list[tuple[int, str]]:
    """Return the first line and the text of paragraphs."""
    return [(paragraph.starts[0][1], paragraph.text) for paragraph in paragraphs]


def test_line_at_text_of_several_lines_returns_the_line_of_the_word() -> None:
    paragraph = join_lines([(7, "    one two"), (8, "    three four")])
    assert paragraph is not None
    assert [paragraph.line_at(paragraph.text.index(word)) for word in ("one", "two", "three", "four")] == [7, 7, 8, 8]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Reads ``a b`` first", "Reads XXXXXXX first"),
        ("Reads `a b` first", "Reads XXXXX first"),
        ("Set O(state=present) and V(x)", "Set XXXXXXXXXXXXXXXX and XXXX"),
        ("Read https://example.org/is_no first", "Read XXXXXXXXXXXXXXXXXXXXXXXXX first"),
        ("Create the bucket {{ name }}", "Create the bucket XXXXXXXXXX"),
        (":param name: the bucket", "XXXXXXXXXXXX the bucket"),
    ],
)
def test_join_lines_inline_code_becomes_a_placeholder(text: str, expected: str) -> None:
    paragraph = join_lines([(1, text)])
    assert paragraph is not None
    assert paragraph.text == expected


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("One sentence. Another one! The third?", 3),
        ("The heading", 1),
        ('He wrote "stop." Then it ended.', 2),
        ("Buckets, e.g. those of S3, version 1.2 or later", 1),
        ("Two words. X.", 1),
    ],
)
def test_sentences_text_returns_their_number(text: str, number: int) -> None:
    assert len(Paragraph(text, ((0, 1),)).sentences) == number


def test_split_paragraphs_skips_literal_blocks() -> None:
    lines = ["Some text::", "", "    some code here", "", "- first item", "- second item", "  goes on"]
    assert texts(split_paragraphs(enumerate(lines, 1))) == [
        (1, "Some text::"),
        (5, "first item"),
        (6, "second item goes on"),
    ]


PYTHON = '''
"""Read the file.

More text
of the docstring.
"""

DOCUMENTATION = r"""
options:
  name:
    description:
      - Name of the bucket.
    default: not a text
"""
# A comment
# of two lines
value = "identifier"  # a trailing comment

# noqa: E501 and more


def read(name):
    raise ValueError(
        f"could not read {name} here, "
        "and not there"
    )


DATA = "key: some value of YAML\\nother: a value"
QUOTED = "the words of another product"  # prose: quoted
'''


def test_python_text_file_returns_docstrings_comments_and_messages() -> None:
    assert sorted(texts(python_text.paragraphs(PYTHON))) == [
        (2, "Read the file."),
        (4, "More text of the docstring."),
        (12, "Name of the bucket."),
        (15, "A comment of two lines"),
        (17, "a trailing comment"),
        (24, "could not read X here, and not there"),
    ]


def test_python_text_adjacent_strings_keep_their_lines() -> None:
    [message] = [item for item in python_text.paragraphs(PYTHON) if item.text.startswith("could")]
    assert message.line_at(message.text.index("and not")) == 25


YAML = """
---
# SPDX-License-Identifier: GPL-3.0-or-later
#
# The first comment
# goes on.
- name: Create the bucket
  vonage.archiving.s3_archive_bucket:
    name: "{{ bucket }}"
    tags: some text in an option
  # Another comment
- ansible.builtin.fail:
    msg: >-
      The first line
      and the second.

      A new paragraph.
- ansible.builtin.fail:
    msg: "The words of another product"  # prose: quoted
"""


def test_yaml_text_tasks_returns_comments_names_and_messages() -> None:
    assert sorted(texts(yaml_text.paragraphs(YAML))) == [
        (5, "The first comment goes on."),
        (7, "Create the bucket"),
        (11, "Another comment"),
        (14, "The first line and the second."),
        (17, "A new paragraph."),
    ]


def test_yaml_text_fragment_returns_all_values() -> None:
    text = "minor_changes:\n  - one ``option`` more\n  - 'and\n    another'\n"
    assert texts(yaml_text.paragraphs(text, everything=True)) == [(2, "one XXXXXXXXXX more"), (3, "and another")]


MARKDOWN = """
# The title of it

Some *text* with `code`
and a [link of it](https://example.org).

```console
$ this is no text
```

| one head | of two |
|---|---|
| one cell | another cell |
"""

RST = """
..
  A comment of it

.. _label:

The title of it
===============

Some *text* with ``code``
and :ref:`a title <label>`, or :ansplugin:`name of a plugin`.

.. code-block:: yaml

    this: is no text

======== ==========
one head of two
======== ==========
one cell another
         cell
======== ==========
"""


@pytest.mark.parametrize(
    ("read", "text", "expected"),
    [
        (
            markdown_paragraphs,
            MARKDOWN,
            [
                (2, "The title of it"),
                (4, "Some text with XXXX and a link of it."),
                (11, "one head"),
                (11, "of two"),
                (13, "one cell"),
                (13, "another cell"),
            ],
        ),
        (
            rst_paragraphs,
            RST,
            [
                (7, "The title of it"),
                (10, "Some text with XXXX and a title, or XXXXXXXXXXXXXXXX."),
                (18, "one head"),
                (18, "of two"),
                (20, "one cell"),
                (20, "another cell"),
            ],
        ),
    ],
    ids=["markdown", "rst"],
)
def test_markup_file_returns_text_without_code(
    read: Callable[[str], Iterator[Paragraph]], text: str, expected: list[tuple[int, str]]
) -> None:
    assert texts(read(text)) == expected


@pytest.mark.parametrize(
    ("path", "is_read"),
    [
        ("README.md", True),
        ("docs/docsite/rst/dev_style.rst", True),
        ("roles/archive_storage/tasks/main.yml", True),
        ("changelogs/fragments/a.yml", True),
        ("changelogs/changelog.yaml", False),
        ("COPYING", False),
    ],
)
def test_reader_of_path_depends_on_its_name(path: str, is_read: bool) -> None:
    assert (reader_of(Path(path)) is not None) is is_read


A, B = Path("a.py"), Path("docs/b/c/b.rst")
TWO_SENTENCES = Paragraph("It is right. The key is wrong.", ((0, 3),))


def test_finding_names_file_line_and_replacement() -> None:
    assert str(prose.Finding(A, TWO_SENTENCES, 19, "wanted => desired")) == "a.py:3: wanted -> desired"


def test_count_findings_returns_sentences_by_folder() -> None:
    findings = [prose.Finding(B, TWO_SENTENCES, offset, "") for offset in (19, 20)]
    table = prose.count({B: [TWO_SENTENCES]}, findings)
    assert [line.split() for line in table.splitlines()[1:]] == [
        ["docs/b", "2", "1", "50.0%"],
        ["total", "2", "1", "50.0%"],
    ]


def test_lock_file_names_the_public_registry_only() -> None:
    lock = textlint.PACKAGE[1].read_text()
    addresses = re.findall(r'"resolved": "(https?://[^/"]+)', lock)
    assert addresses
    assert set(addresses) == {"https://registry.npmjs.org"}
