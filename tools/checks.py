# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Check license headers, action groups, and that no file contains a path of a developer's machine.

usage: python -m tools.checks      (tools.lint runs it, with the collection in the search path of ansible-doc)
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import yaml

from tools.paths import ROOT
from tools.tree import collection_files

LICENSE = "SPDX-License-Identifier: GPL-3.0-or-later"
LICENSED = {".py", ".yml", ".yaml", ".sh", ".toml", ".txt", ".cfg", ".j2"}
# The output of antsibull-changelog, the ignore lists of ansible-test, and the license itself.
UNLICENSED = re.compile(r"^(changelogs/changelog\.yaml|tests/sanity/ignore-[\d.]+\.txt|LICENSES/.*)$")
# Home folders, except placeholders. AWX's containers have one for their runner.
MACHINE_PATH = re.compile(
    r"(?<![\w.~)}-])(?:/(?:root/\S|home/(?!(?:runner|somebody|user)\b)\w|Users/\w)|[A-Z]:\\Users\\)"
)


def license_problems(files: dict[Path, str]) -> Iterator[str]:
    """Yield a problem for each file that has neither a license header nor a .license file beside it."""
    for path, text in files.items():
        needs_header = path.suffix in LICENSED or path.name == "Makefile"
        if not needs_header or not text.strip() or UNLICENSED.match(path.as_posix()):
            continue
        if LICENSE not in "\n".join(text.splitlines()[:8]) and path.with_name(f"{path.name}.license") not in files:
            yield f"{path}: no license header. Add one, or a file {path.name}.license."


def action_group_problems(runtime: dict[str, object], modules: set[str]) -> Iterator[str]:
    """Yield the differences between action groups and modules; the group `all` must contain every module."""
    groups = runtime.get("action_groups")
    if not isinstance(groups, dict) or not isinstance(groups.get("all"), list):
        yield "meta/runtime.yml: no action group `all`"
        return
    for missing in sorted(modules - set(groups["all"])):
        yield f"meta/runtime.yml: action group `all` lacks {missing}"
    for group, members in sorted(groups.items()):
        for unknown in sorted(set(members) - modules):
            yield f"meta/runtime.yml: action group `{group}` names {unknown}, which is not a module"
        if list(members) != sorted(members):
            yield f"meta/runtime.yml: action group `{group}` is not sorted"


def membership_problems(groups: dict[str, list[str]], documented: dict[str, list[str]]) -> Iterator[str]:
    """Yield a problem for each module whose documentation and meta/runtime.yml name different groups."""
    for module, names in sorted(documented.items()):
        actual = sorted(f"vonage.archiving.{group}" for group, members in groups.items() if module in members)
        if sorted(names) != actual:
            yield f"plugins/modules/{module}.py: documents the groups {sorted(names)}, meta/runtime.yml has {actual}"


def documented_groups(modules: set[str]) -> dict[str, list[str]]:
    """Return the groups of every module as ansible-doc reports them, with documentation fragments merged."""
    command = ["ansible-doc", "--json", *(f"vonage.archiving.{module}" for module in sorted(modules))]
    docs = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout) if modules else {}
    attributes = {name.rpartition(".")[2]: plugin["doc"].get("attributes", {}) for name, plugin in docs.items()}
    return {module: attributes.get(module, {}).get("action_group", {}).get("membership", []) for module in modules}


def machine_problems(files: dict[Path, str], root: Path) -> Iterator[str]:
    """Yield a problem for each line with a path that exists only on the developer's machine."""
    checkout = re.compile(re.escape(str(root)) + r"(?!\w)")
    for path, text in files.items():
        for number, line in enumerate(text.splitlines(), 1):
            if MACHINE_PATH.search(line) or checkout.search(line):
                yield f"{path}:{number}: path of a developer's machine: {line.strip()[:100]}"


def read_files() -> dict[Path, str]:
    """Return the text of every file of the collection, except binary files."""
    texts = {}
    for path in collection_files():
        content = (ROOT / path).read_bytes()
        if b"\0" not in content:
            texts[path] = content.decode("utf-8", errors="replace")
    return texts


def main() -> int:
    """Print every problem."""
    files = read_files()
    modules = {path.stem for path in files if path.match("plugins/modules/*.py") and path.stem != "__init__"}
    runtime = yaml.safe_load(files[Path("meta/runtime.yml")])
    problems = [
        *license_problems(files),
        *action_group_problems(runtime, modules),
        *membership_problems(runtime["action_groups"], documented_groups(modules)),
        *machine_problems(files, ROOT),
    ]
    sys.stdout.writelines(f"{problem}\n" for problem in problems)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
