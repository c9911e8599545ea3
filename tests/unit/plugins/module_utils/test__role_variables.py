# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which names count as mistyped ones."""

from __future__ import annotations

import pathlib

import pytest

from ansible_collections.vonage.archiving.plugins.module_utils._role_variables import (
    OTHERS,
    PREFIX,
    VARIABLES,
    mistyped,
)


def test_the_names_are_those_of_the_role() -> None:
    yaml = pytest.importorskip("yaml")
    root = pathlib.Path(__file__).resolve().parents[4]
    spec = yaml.safe_load((root / "roles/archive_storage/meta/argument_specs.yml").read_text())["argument_specs"]
    assert {PREFIX + name for name in VARIABLES} == set(spec["main"]["options"])
    assert mistyped([PREFIX + name for name in VARIABLES | OTHERS]) == []


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
def test_a_mistyped_name_is_told_with_the_one_that_is_meant(name: str, meant: str) -> None:
    (told,) = mistyped(["archive_storage_bucket", PREFIX + name])
    assert f"{PREFIX}{name} is ignored" in told
    assert told.endswith(f"is {PREFIX}{meant} meant?")


@pytest.mark.parametrize(
    "name", ["archive_storage_projects", "archive_storage_team", "bukcet", "_archive_storage_bukcet"]
)
def test_names_of_ones_own_are_let_be(name: str) -> None:
    assert mistyped([name]) == []
