# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run all static checks; a failed check does not stop the others.

usage: python -m tools.lint [CHECK]...
"""

from __future__ import annotations

import os
import sys
import time

from tools import environment
from tools.paths import BUILD, COLLECTION, ROOT, homeless_environment
from tools.run_stages import Result, Stage, format_summary, run_stages
from tools.tree import copy_tree

LINKED = BUILD / "tree" / COLLECTION
# Imported as ansible_collections.vonage.archiving; FROM_ROOT is imported from the root of the checkout.
AS_COLLECTION = ("plugins", "extensions/eda", "tests/unit")
FROM_ROOT = ("tools", "tests/*")
ZIZMOR_FILES = (".github/workflows", ".github/dependabot.yml", ".pre-commit-config.yaml")
ZIZMOR_ARGUMENTS = ("--offline", "--pedantic", "--strict-collection", *ZIZMOR_FILES)


def module(name: str, *arguments: str) -> list[str]:
    """Return the command that runs a Python module."""
    return [sys.executable, "-m", name, *arguments]


def mypy_targets() -> list[str]:
    """Return the folders and files that contain Python code."""
    linked = [LINKED / name for name in AS_COLLECTION]
    from_root = [path for name in FROM_ROOT for path in sorted(ROOT.glob(name)) if path != ROOT / "tests" / "unit"]
    return [
        str(path.relative_to(ROOT)) for path in linked + from_root if path.suffix == ".py" or any(path.rglob("*.py"))
    ]


def schema(name: str, schema_name: str, *files: str) -> Stage:
    """Return the check of files below .github with a schema that check-jsonschema contains."""
    paths = [str(path.relative_to(ROOT)) for file in files for path in sorted((ROOT / ".github").glob(file))]
    return Stage(
        name, [environment.project_tool("check-jsonschema"), "--builtin-schema", f"vendor.{schema_name}", *paths]
    )


def stages() -> list[Stage]:
    """Return the checks; those that require a clean tree check a copy of the collection."""
    tree = copy_tree(BUILD / "lint")
    return [
        Stage("project", module("tools.checks")),
        Stage("locks", module("tools.locks")),
        Stage("variables", module("tools.role_variables", "--check")),
        Stage("ruff", module("ruff", "check", ".")),
        Stage("format", module("ruff", "format", "--check", "--diff", ".")),
        Stage("mypy", module("mypy", *mypy_targets())),
        Stage("imports", ["env", f"PYTHONPATH={BUILD / 'tree'}", "lint-imports", "--no-cache", "--no-logo"]),
        Stage("prose", module("tools.prose")),
        Stage("yamllint", module("yamllint", "--strict", ".")),
        Stage("ansible-lint", module("ansiblelint", "--offline", "--strict", "--nocolor", "-q")),
        schema("workflows", "github-workflows", "workflows/*.yml"),
        schema("dependabot", "dependabot", "dependabot.yml"),
        schema("issue-forms", "github-issue-forms", "ISSUE_TEMPLATE/[!c]*.yml"),
        schema("issue-links", "github-issue-config", "ISSUE_TEMPLATE/config.yml"),
        Stage("zizmor", [environment.project_tool("zizmor"), *ZIZMOR_ARGUMENTS]),
        Stage("hooks", ["pre-commit", "validate-config", ".pre-commit-config.yaml"]),
        Stage("changelog", ["antsibull-changelog", "lint"]),
        Stage("plugin-docs", ["antsibull-docs", "lint-collection-docs", "--plugin-docs", str(tree)]),
    ]


def main(names: list[str]) -> int:
    """Run the named checks, or all checks."""
    os.environ.update(homeless_environment("lint-home"), ANSIBLE_COLLECTIONS_PATH=str(BUILD / "tree"))
    available = stages()
    unknown = sorted(set(names) - {stage.name for stage in available})
    if unknown:
        valid = ", ".join(stage.name for stage in available)
        sys.stderr.write(f"ARGS: unknown checks: {', '.join(unknown)}. Valid names are: {valid}.\n")
        return 2
    selected = [stage for stage in available if not names or stage.name in names]
    start = time.monotonic()
    results: list[Result] = run_stages(selected, logs=BUILD / "logs" / "lint", jobs=2, timeout=600)
    sys.stdout.write(format_summary(results, time.monotonic() - start) + "\n")
    return 0 if all(result.passed for result in results) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
