# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Loaded once by the process that forks the processes to kill, with botocore's description of S3."""

from __future__ import annotations

from typing import Any

from ansible_collections.vonage.archiving.plugins.module_utils._aws.session import connection, make_client
from ansible_collections.vonage.archiving.plugins.module_utils._core.plan import Context
from ansible_collections.vonage.archiving.plugins.module_utils._upload_check import reconcile as upload_check
from tests.e2e import botocore_cache

botocore_cache.enable()
make_client(connection({"endpoint_url": "http://127.0.0.1:9", "access_key": "none", "secret_key": "none"}, {}))


def check_uploads(options: dict[str, Any]) -> None:
    """Run the use case of ``archive_upload_check``, and ignore failed checks."""
    upload_check.reconcile(options, Context())
