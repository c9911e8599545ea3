# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The project's own checks: licence headers, action groups, and that no file knows the machine it was written on.

usage: python -m tools.checks      (tools.lint calls it, with the collection where ansible-doc finds it)
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

LICENCE = "SPDX-License-Identifier: GPL-3.0-or-later"
LICENSED = {".py", ".yml", ".yaml", ".sh", ".toml", ".txt", ".cfg", ".j2"}
# Written by antsibull-changelog; ansible-test's own lists; the licence itself.
UNLICENSED = re.compile(r"^(changelogs/changelog\.yaml|tests/sanity/ignore-[\d.]+\.txt|LICENSES/.*)$")
# Home folders, apart from those of nobody in particular (AWX's containers have one for their runner).
MACHINE_PATH = re.compile(
    r"(?<![\w.~)}-])(?:/(?:root/\S|home/(?!(?:runner|somebody|user)\b)\w|Users/\w)|[A-Z]:\\Users\\)"
)


def licence_problems(files: dict[Path, str]) -> Iterator[str]:
    """Say which files lack the licence header and have no .license file beside them."""
    for path, text in files.items():
        named = path.suffix in LICENSED or path.name == "Makefile"
        if not named or not text.strip() or UNLICENSED.match(path.as_posix()):
            continue
        if LICENCE not in "\n".join(text.splitlines()[:8]) and path.with_name(f"{path.name}.license") not in files:
            yield f"{path}: no licence header"


def action_group_problems(runtime: dict[str, object], modules: set[str]) -> Iterator[str]:
    """Say where the action groups and the modules differ; group `all` has every module, the others their share."""
    groups = runtime.get("action_groups")
    if not isinstance(groups, dict) or not isinstance(groups.get("all"), list):
        yield "meta/runtime.yml: no action group `all`"
        return
    for missing in sorted(modules - set(groups["all"])):
        yield f"meta/runtime.yml: action group `all` lacks {missing}"
    for group, members in sorted(groups.items()):
        for unknown in sorted(set(members) - modules):
            yield f"meta/runtime.yml: action group `{group}` names {unknown}, which is no module"
        if list(members) != sorted(members):
            yield f"meta/runtime.yml: action group `{group}` is not sorted"


def membership_problems(groups: dict[str, list[str]], documented: dict[str, list[str]]) -> Iterator[str]:
    """Say which modules document other groups than those that have them as a member."""
    for module, told in sorted(documented.items()):
        actual = sorted(f"vonage.archiving.{group}" for group, members in groups.items() if module in members)
        if sorted(told) != actual:
            yield f"plugins/modules/{module}.py: documents the groups {sorted(told)}, meta/runtime.yml says {actual}"


def documented_groups(modules: set[str]) -> dict[str, list[str]]:
    """Ask ansible-doc, which merges the documentation fragments, for every module's groups."""
    command = ["ansible-doc", "--json", *(f"vonage.archiving.{module}" for module in sorted(modules))]
    docs = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout) if modules else {}
    attributes = {name.rpartition(".")[2]: plugin["doc"].get("attributes", {}) for name, plugin in docs.items()}
    return {module: attributes.get(module, {}).get("action_group", {}).get("membership", []) for module in modules}


def machine_problems(files: dict[Path, str], root: Path) -> Iterator[str]:
    """Say which lines name a path that exists on one machine only."""
    here = re.compile(re.escape(str(root)) + r"(?!\w)")
    for path, text in files.items():
        for number, line in enumerate(text.splitlines(), 1):
            if MACHINE_PATH.search(line) or here.search(line):
                yield f"{path}:{number}: a path of one machine: {line.strip()[:100]}"


def read_files() -> dict[Path, str]:
    """Read every text file of the collection."""
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
        *licence_problems(files),
        *action_group_problems(runtime, modules),
        *membership_problems(runtime["action_groups"], documented_groups(modules)),
        *machine_problems(files, ROOT),
    ]
    sys.stdout.writelines(f"{problem}\n" for problem in problems)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
