# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t

import pytest
from ansible.errors import AnsibleFilterError

from ansible_collections.vonage.archiving.plugins.filter.awx_extra_vars import FilterModule

SURVEY: dict[str, t.Any] = {
    "spec": [{"variable": "archive_storage_bucket"}, {"variable": "archive_storage_upload_key"}]
}
awx_extra_vars = FilterModule().filters()["awx_extra_vars"]


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        ({}, {}),
        ({"archive_storage_bucket": "recordings"}, {}),
        (
            {"archive_storage_bucket": "recordings", "archive_storage_public": True, "archive_storage_region": ""},
            {"archive_storage_public": True, "archive_storage_region": ""},
        ),
        ({"archive_storage_upload_key": "external"}, {}),
        ({"interactive_broadcast_base_url": "https://cdn.example.com/a"},) * 2,
        ({"archive_fleet_report_path": "s3://reports/fleet-{job}.html"},) * 2,
        ({"archive_storage_application_id": "78d335fa-323d-0114-9c3d-d6f0d48968cf"},) * 2,
    ],
)
def test_awx_extra_vars_valid_state_returns_variables_without_question(
    state: dict[str, t.Any], expected: dict[str, t.Any]
) -> None:
    assert awx_extra_vars(state, SURVEY) == expected


@pytest.mark.parametrize(
    ("state", "problem"),
    [
        ({"archive_storage_bukcet": "x"}, "archive_storage_bukcet: is not a variable of this collection"),
        ({"ansible_connection": "ssh"}, "ansible_connection: is not a variable of this collection"),
        ({"archive_storage_secret_key": "hunter2"}, "archive_storage_secret_key: is a secret"),
        ({"interactive_broadcast_heroku_api_token": "hunter2"}, "interactive_broadcast_heroku_api_token: is a secret"),
        ({"archive_storage_delete_bucket": True}, "archive_storage_delete_bucket: cannot be set here"),
        ({"archive_storage_rotate": True}, "archive_storage_rotate: cannot be set here"),
        ({"archive_storage_revoke_old_keys": True}, "archive_storage_revoke_old_keys: cannot be set here"),
        ({"archive_storage_endpoint": "https://user:hunter2@s3.example.com"}, "is not a valid URL without credentials"),
        ({"interactive_broadcast_endpoint": "s3.example.com"}, "is not a valid URL without credentials"),
        # Messages of the role.
        ({"archive_storage_retention_days": "many"}, "archive_storage_retention_days"),
        ({"archive_storage_require_encryption": True, "archive_storage_sse": "none"}, "would reject every recording"),
    ],
)
def test_awx_extra_vars_invalid_variable_is_refused(state: dict[str, t.Any], problem: str) -> None:
    with pytest.raises(AnsibleFilterError) as caught:
        awx_extra_vars(state, SURVEY)
    assert problem in str(caught.value)
    assert "hunter2" not in str(caught.value)
