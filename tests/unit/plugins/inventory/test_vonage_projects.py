# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pathlib

import pytest
import yaml

from ansible_collections.vonage.archiving.plugins.inventory import vonage_projects


@pytest.mark.parametrize(
    ("name", "valid"),
    [
        ("vonage_projects.yml", True),
        ("fleet.vonage_projects.yaml", True),
        ("fleet_vonage_projects.yml", True),
        ("vonage_projects.json", False),
        ("hosts.yml", False),
    ],
)
def test_verify_file_accepts_names_of_inventory_files(tmp_path: pathlib.Path, name: str, valid: bool) -> None:
    path = tmp_path / name
    plugin = vonage_projects.InventoryModule()
    assert not plugin.verify_file(str(path))
    path.write_text("")
    assert plugin.verify_file(str(path)) is valid


def test_examples_use_existing_options() -> None:
    options = set(yaml.safe_load(vonage_projects.DOCUMENTATION)["options"])
    shared = {"account_key", "account_secret", "compose", "groups", "keyed_groups"}
    cache = {"cache", "cache_plugin", "cache_connection", "cache_timeout"}
    for example in yaml.safe_load_all(vonage_projects.EXAMPLES):
        assert example["plugin"] == vonage_projects.InventoryModule.NAME
        assert set(example) <= options | shared | cache
