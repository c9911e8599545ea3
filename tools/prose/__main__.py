# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Check the writing style of the project's text; docs/docsite/rst/dev_style.rst has the rules.

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

from tools.paths import ROOT
from tools.prose import textlint
from tools.prose.rules import read_rules
from tools.prose.sources import read_all
from tools.prose.text import Paragraph

UNCONVERTED = ROOT / "tools" / "prose" / "unconverted.txt"
HEADER = """\
# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Files that the prose linter does not check yet; `python -m tools.prose --update` rewrites this list.
"""

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


def problems(findings: Sequence[Finding], unconverted: set[Path]) -> list[str]:
    """Return the findings in files that are checked, and files that do not belong on the list any more."""
    with_findings = {finding.path for finding in findings}
    return [
        *(str(finding) for finding in findings if finding.path not in unconverted),
        *(f"{path}: no findings; remove it from {UNCONVERTED.name}" for path in sorted(unconverted - with_findings)),
    ]


def count(texts: Texts, findings: Sequence[Finding]) -> str:
    """Format the number of sentences, and of those with a finding, by folder."""
    offsets: dict[int, list[int]] = {}
    for finding in findings:
        offsets.setdefault(id(finding.paragraph), []).append(finding.offset)
    total: Counter[str] = Counter()
    matching: Counter[str] = Counter()
    for path, paragraphs in texts.items():
        for paragraph in paragraphs:
            found = offsets.get(id(paragraph), [])
            total[folder_of(path)] += len(paragraph.sentences)
            matching[folder_of(path)] += sum(any(offset in span for offset in found) for span in paragraph.sentences)
    rows = [(folder, total[folder], matching[folder]) for folder in sorted(total)]
    rows.append(("total", total.total(), matching.total()))
    lines = [f"{'folder':<26}{'sentences':>10}{'matching':>10}{'share':>8}"]
    lines += [f"{name:<26}{all_:>10}{some:>10}{some / max(all_, 1):>8.1%}" for name, all_, some in rows]
    return "\n".join(lines)


def folder_of(path: Path) -> str:
    """Return the first two folders of a path, or `.` for a file of the root."""
    return "/".join(path.parent.parts[:2]) or "."


def read_unconverted() -> set[Path]:
    """Return the files on the list."""
    if not UNCONVERTED.exists():
        return set()
    return {Path(line) for line in UNCONVERTED.read_text().splitlines() if line and not line.startswith("#")}


def update(findings: Sequence[Finding]) -> None:
    """Write the list, or delete it when no file has findings."""
    paths = sorted({finding.path for finding in findings})
    if paths:
        UNCONVERTED.write_text(HEADER + "".join(f"{path}\n" for path in paths))
    else:
        UNCONVERTED.unlink(missing_ok=True)


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the findings."""
    parser = argparse.ArgumentParser(prog="python -m tools.prose", description="check the writing style")
    mode = parser.add_mutually_exclusive_group()
    for name in ("count", "update", "install"):
        mode.add_argument(f"--{name}", action="store_true")
    parser.add_argument("paths", nargs="*", type=Path, metavar="PATH")
    options = parser.parse_args(arguments)
    if options.install:
        textlint.install()
        return 0
    if options.update and options.paths:
        parser.error("--update: a PATH is not allowed.")
    texts = read_all(options.paths or [Path()])
    findings = find(texts)
    if options.update:
        update(findings)
        return 0
    if options.count:
        sys.stdout.write(count(texts, findings) + "\n")
        return 0
    lines = problems(findings, set() if options.paths else read_unconverted())
    sys.stdout.writelines(f"{line}\n" for line in lines)
    return 1 if lines else 0


if __name__ == "__main__":
    sys.exit(main())
