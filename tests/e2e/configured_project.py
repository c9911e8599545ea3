# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Configures a project without Ansible, in a tenth of the time, for tests of other features.

``test_kill.py`` verifies that the driver sends the same requests as the role, and ``test_role.py`` that the role
changes nothing after the driver.
"""

from __future__ import annotations

from typing import Any

from tests.e2e import workflow_driver
from tests.e2e.project_environment import ProjectEnvironment


def driver_variables(project: ProjectEnvironment, **changes: Any) -> dict[str, Any]:
    """Return the variables of the role without their prefix, as the driver uses them."""
    variables = {name.removeprefix("archive_storage_"): value for name, value in project.variables.items()}
    keys = {"access_key": project.store.access_key, "secret_key": project.store.secret_key}
    return {**variables, **keys, **changes}


def configure_project(project: ProjectEnvironment, **changes: Any) -> ProjectEnvironment:
    """Apply the same changes as the first run of the playbook configure."""
    assert workflow_driver.configure(driver_variables(project, **changes)) == ["bucket", "target"]
    return project
