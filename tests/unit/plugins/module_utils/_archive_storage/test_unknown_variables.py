# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which names count as misspelled ones."""

from __future__ import annotations

import pathlib

import pytest

from ansible_collections.vonage.archiving.plugins.module_utils._archive_storage.unknown_variables import (
    BROADCAST_PREFIX,
    BROADCAST_VARIABLES,
    OTHERS,
    find_misspellings,
)
from ansible_collections.vonage.archiving.plugins.module_utils._archive_storage.variables import PREFIX, VARIABLES


@pytest.mark.parametrize(
    ("role", "prefix", "known"),
    [
        ("archive_storage", PREFIX, frozenset(VARIABLES)),
        ("interactive_broadcast", BROADCAST_PREFIX, BROADCAST_VARIABLES),
    ],
)
def test_variables_are_those_of_the_role(role: str, prefix: str, known: frozenset[str]) -> None:
    yaml = pytest.importorskip("yaml")
    root = pathlib.Path(__file__).resolve().parents[5] / "roles" / role
    spec = yaml.safe_load((root / "meta/argument_specs.yml").read_text())["argument_specs"]
    assert {prefix + name for name in known} == set(spec["main"]["options"])
    assert find_misspellings([prefix + name for name in known | OTHERS]) == []
    # A variable without a default would fail wherever it is not set.
    assert set(yaml.safe_load((root / "defaults/main.yml").read_text())) == set(spec["main"]["options"])


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("require_encription", "require_encryption"),
        ("retention_day", "retention_days"),
        ("bukcet", "bucket"),
        ("folder", "folders"),
        ("uploader_secret", "uploader_secret_key"),
        ("validate_cert", "validate_certs"),
    ],
)
def test_find_misspellings_misspelled_name_suggests_similar(name: str, meant: str) -> None:
    (misspelling,) = find_misspellings(["archive_storage_bucket", PREFIX + name])
    assert f"{PREFIX}{name} is ignored" in misspelling.warning
    assert misspelling.warning.endswith(f"Did you mean {PREFIX}{meant}?")
    assert str(misspelling.problem) == (
        f"{PREFIX}{name}: is not a variable of the role. Use {PREFIX}{meant}, or set archive_storage_strict to false"
    )


def test_find_misspellings_uses_names_of_same_role() -> None:
    (misspelling,) = find_misspellings(["interactive_broadcast_heroku_ap", "archive_storage_heroku_app"])
    assert misspelling.variable == "interactive_broadcast_heroku_app"


@pytest.mark.parametrize(
    "name", ["archive_storage_projects", "archive_storage_team", "bukcet", "_archive_storage_bukcet"]
)
def test_find_misspellings_other_names_are_ignored(name: str) -> None:
    assert find_misspellings([name]) == []
