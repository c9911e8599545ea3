# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The playbook fleet and the entry point fleet of the role run the same task."""

from __future__ import annotations

from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[3]


def test_fleet_playbook_has_the_task_of_the_role() -> None:
    plays = yaml.safe_load((ROOT / "playbooks" / "fleet.yml").read_text())
    [task] = yaml.safe_load((ROOT / "roles" / "archive_storage" / "tasks" / "fleet.yml").read_text())
    assert plays[-1]["tasks"][0]["block"] == [task]


def test_fleet_playbook_gets_the_defaults_of_the_role() -> None:
    """Without the role, its defaults are not set, which only an empty string equals."""
    defaults = yaml.safe_load((ROOT / "roles" / "archive_storage" / "defaults" / "main.yml").read_text())
    assert set(defaults.values()) == {""}
