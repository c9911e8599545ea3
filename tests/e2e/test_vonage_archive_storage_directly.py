# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The contract tests of vonage_archive_storage in direct execution, spread over the supported releases of ansible-core.

Those of managed keys are not included: they run a part of the use case, with another clock.
"""

from __future__ import annotations

import pytest

from tests.e2e import test_vonage_archive_storage as contract
from tests.e2e.module_runs import CoreProcesses
from tests.e2e.test_vonage_archive_storage import (  # noqa: F401  # pylint: disable=unused-import
    TestErrors,
    TestExternalKey,
    external,
    rotation,
    test_reconcile_google_cloud_storage_sets_no_encryption,
)

pytestmark = pytest.mark.xdist_group("vonage_archive_storage_directly")


@pytest.fixture(autouse=True)
def _run_directly(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, core_processes: CoreProcesses
) -> None:
    core_processes.replace_use_case(request, monkeypatch, contract, "vonage_archive_storage")
