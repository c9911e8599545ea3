# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The selection of mutants, the tests of each module, and the list of equivalent mutants."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tools import mutation
from tools.paths import ROOT


@dataclass(frozen=True)
class FakeMutant:
    id: str
    code: str = "pass"


MUTANTS = [FakeMutant(f"id-{number}") for number in range(100)]


def test_select_mutants_is_deterministic() -> None:
    selected = mutation.select_mutants(MUTANTS, 1, 20)
    assert len(set(selected)) == 20
    assert mutation.select_mutants(reversed(MUTANTS), 1, 20) == selected
    assert mutation.select_mutants(MUTANTS, 2, 20) != selected


def test_select_mutants_after_a_change_of_one_mutant_replaces_only_this_one() -> None:
    selected = mutation.select_mutants(MUTANTS, 1, 20)
    remaining = [mutant for mutant in MUTANTS if mutant != selected[0]]
    assert mutation.select_mutants(remaining, 1, 20)[:19] == selected[1:]


def test_select_mutants_skips_code_that_does_not_compile() -> None:
    assert mutation.select_mutants([FakeMutant("a", ""), FakeMutant("b")], 1, 2) == [FakeMutant("b")]


@pytest.mark.parametrize(
    ("names", "modules"),
    [
        (["rotation"], ["_upload_target/rotation"]),
        (["_bucket/plan"], ["_bucket/plan"]),
        (["plan"], ["_upload_target/plan", "_bucket/plan", "_uploader/plan", "_archive_audit/plan"]),
        ([], list(mutation.MODULES)),
    ],
)
def test_find_modules_by_name(names: list[str], modules: list[str]) -> None:
    assert mutation.find_modules(names) == modules


def test_find_modules_with_an_unknown_name_fails() -> None:
    with pytest.raises(SystemExit, match=r"--modules: unknown: rotate\. Use some of: _upload_target/plan"):
        mutation.find_modules(["rotation", "rotate"])


@pytest.mark.parametrize("module", list(mutation.MODULES))
def test_every_module_has_tests(module: str) -> None:
    assert (ROOT / mutation.SOURCES / f"{module}.py").is_file()
    assert mutation.find_tests(module)


def test_find_tests_uses_the_folder_of_the_package(tmp_path: Path) -> None:
    folder = tmp_path / mutation.TESTS / "_core"
    folder.mkdir(parents=True)
    for name in ("test_redaction_more.py", "test_redaction.py", "test_secrets.py"):
        (folder / name).touch()
    names = [path.name for path in mutation.find_tests("_core/redaction", tmp_path)]
    assert names == ["test_redaction.py", "test_redaction_more.py"]


def test_equivalent_mutants_have_a_reason() -> None:
    for entry, reason in mutation.equivalent_reasons(mutation.EQUIVALENT.read_text()).items():
        assert reason.endswith("."), entry


@pytest.mark.parametrize(
    ("statuses", "text"),
    [
        (["killed", "survived", "timeout", "equivalent"], "66.7 % (2 of 3 killed, 1 by time limit, 1 survived, 1 equi"),
        ([], "100.0 % (0 of 0 killed"),
    ],
)
def test_score_counts_mutants_that_are_not_equivalent(statuses: list[str], text: str) -> None:
    results: list[dict[str, Any]] = [{"status": status} for status in statuses]
    assert mutation.score(results).startswith(text)
