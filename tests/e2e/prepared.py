# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What tests begin with that are about something else: configured without Ansible, in a tenth of the time.

``test_kill.py`` shows that the driver sends what the role sends, and ``test_role.py`` that the role finds nothing to do
afterwards.
"""

from __future__ import annotations

from typing import Any

from tests.e2e import driver
from tests.e2e.site import Site


def variables(site: Site, **changes: Any) -> dict[str, Any]:
    """What the driver takes: the role's variables without their prefix."""
    given = {name.removeprefix("archive_storage_"): value for name, value in site.variables.items()}
    keys = {"access_key": site.store.access_key, "secret_key": site.store.secret_key}
    return {**given, **keys, **changes}


def configured(site: Site, **changes: Any) -> Site:
    """Bring about what the first run of the playbook configure does."""
    assert driver.configure(variables(site, **changes)) == ["bucket", "target"]
    return site
