# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Select the files with text to check, and their readers."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from tools.paths import ROOT
from tools.prose import python_text, yaml_text
from tools.prose.markup import markdown_paragraphs, rst_paragraphs
from tools.prose.text import Paragraph
from tools.tree import collection_files

Reader = Callable[[str], Iterator[Paragraph]]


def _fragment(text: str) -> Iterator[Paragraph]:
    return yaml_text.paragraphs(text, everything=True)


# The first match applies. None is for text of other projects and for generated files.
READERS: tuple[tuple[re.Pattern[str], Reader | None], ...] = (
    (re.compile(r"changelogs/changelog\.yaml|CHANGELOG\.md|CHANGELOG\.rst"), None),
    (re.compile(r"changelogs/fragments/.*\.ya?ml"), _fragment),
    (re.compile(r".*\.md"), markdown_paragraphs),
    (re.compile(r"docs/.*\.rst"), rst_paragraphs),
    (re.compile(r".*\.ya?ml"), yaml_text.paragraphs),
    (re.compile(r".*\.py"), python_text.paragraphs),
)


def reader_of(path: Path) -> Reader | None:
    """Return the reader of a file; None if it has no text to check."""
    return next((reader for pattern, reader in READERS if pattern.fullmatch(path.as_posix())), None)


def read_all(paths: Sequence[Path]) -> dict[Path, list[Paragraph]]:
    """Return the paragraphs of the collection's files at or below these paths."""
    texts = {}
    for path in collection_files():
        reader = reader_of(path)
        if reader is not None and any(other == path or other in path.parents for other in paths):
            texts[path] = list(reader((ROOT / path).read_text()))
    return texts
