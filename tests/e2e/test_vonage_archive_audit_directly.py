# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The contract tests of vonage_archive_audit in direct execution, spread over the supported ansible-core."""

from __future__ import annotations

import pytest

from ansible_collections.vonage.archiving.plugins.module_utils._archive_audit import reconcile as archive_audit
from tests.e2e.module_runs import CoreProcesses
from tests.e2e.test_vonage_archive_audit import *  # noqa: F403  # pylint: disable=wildcard-import,unused-wildcard-import

pytestmark = pytest.mark.xdist_group("vonage_archive_audit_directly")


@pytest.fixture(autouse=True)
def _run_directly(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, core_processes: CoreProcesses
) -> None:
    core_processes.replace_use_case(request, monkeypatch, archive_audit, "vonage_archive_audit")
