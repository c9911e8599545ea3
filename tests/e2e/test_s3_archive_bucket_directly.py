# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The contract tests of s3_archive_bucket in direct execution, spread over the supported releases of ansible-core."""

from __future__ import annotations

import pytest

from tests.e2e import bucket_environment
from tests.e2e.module_runs import CoreProcesses
from tests.e2e.test_s3_archive_bucket import *  # noqa: F403  # pylint: disable=wildcard-import,unused-wildcard-import

pytestmark = pytest.mark.xdist_group("s3_archive_bucket_directly")


@pytest.fixture(autouse=True)
def _run_directly(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, core_processes: CoreProcesses
) -> None:
    core_processes.replace_use_case(request, monkeypatch, bucket_environment, "s3_archive_bucket")
