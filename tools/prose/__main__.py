# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Check the writing style of the project's text with the rules in docs/docsite/rst/dev_style.rst.

usage: python -m tools.prose [--count | --update | --install] [PATH]...
  --count    print the number of sentences and of sentences with a finding, by folder
  --update   rewrite the list of files that are not checked yet
  --install  install the linter, and check nothing
  PATH       print the findings of these files and folders, on the list or not
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tools.prose import textlint
from tools.prose.rules import read_rules
from tools.prose.sources import read_all
from tools.prose.text import Paragraph

Texts = dict[Path, list[Paragraph]]


@dataclass(frozen=True)
class Finding:
    """A match of a rule in a paragraph of a file."""

    path: Path
    paragraph: Paragraph
    offset: int
    message: str

    def __str__(self) -> str:
        return f"{self.path}:{self.paragraph.line_at(self.offset)}: {self.message.replace(' => ', ' -> ')}"


def find(texts: Texts) -> list[Finding]:
    """Check all paragraphs, each as one line of the linter's input."""
    flat = [(path, paragraph) for path, paragraphs in texts.items() for paragraph in paragraphs]
    matches = textlint.check([paragraph.text for _path, paragraph in flat], read_rules())
    findings = [Finding(*flat[match.line - 1], match.offset, match.message) for match in matches]
    return sorted(findings, key=lambda item: (item.path, item.paragraph.line_at(item.offset), item.offset))


def count(texts: Texts, findings: Sequence[Finding]) -> str:
    """Format the number of sentences, and of those with a finding, by folder."""
    offsets: dict[int, list[int]] = {}
    for finding in findings:
        offsets.setdefault(id(finding.paragraph), []).append(finding.offset)
    total: Counter[str] = Counter()
    matching: Counter[str] = Counter()
    for path, paragraphs in texts.items():
        for paragraph in paragraphs:
            matches = offsets.get(id(paragraph), [])
            total[folder_of(path)] += len(paragraph.sentences)
            matching[folder_of(path)] += sum(any(offset in span for offset in matches) for span in paragraph.sentences)
    rows = [(folder, total[folder], matching[folder]) for folder in sorted(total)]
    rows.append(("total", total.total(), matching.total()))
    lines = [f"{'folder':<26}{'sentences':>10}{'matching':>10}{'share':>8}"]
    lines += [
        f"{name:<26}{sentences:>10}{matches:>10}{matches / max(sentences, 1):>8.1%}"
        for name, sentences, matches in rows
    ]
    return "\n".join(lines)


def folder_of(path: Path) -> str:
    """Return the first two folders of a path, or `.` for a file of the root."""
    return "/".join(path.parent.parts[:2]) or "."


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the findings."""
    parser = argparse.ArgumentParser(prog="python -m tools.prose", description="check the writing style")
    mode = parser.add_mutually_exclusive_group()
    for name in ("count", "install"):
        mode.add_argument(f"--{name}", action="store_true")
    parser.add_argument("paths", nargs="*", type=Path, metavar="PATH")
    options = parser.parse_args(arguments)
    if options.install:
        textlint.install()
        return 0
    texts = read_all(options.paths or [Path()])
    findings = find(texts)
    if options.count:
        sys.stdout.write(count(texts, findings) + "\n")
        return 0
    sys.stdout.writelines(f"{finding}\n" for finding in findings)
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
