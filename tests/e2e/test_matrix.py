# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Test the playbooks with each supported version of ansible-core, from the oldest to the newest.

A version is skipped, with a reason, if this machine does not have a Python version that can run it.
"""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.project_environment import ProjectEnvironment, create_uploader
from tools.cores import DEFAULT_LINES, SUPPORTED, ensure_core
from tools.pythons import find_pythons


@pytest.fixture(scope="module", params=DEFAULT_LINES)
def core(request: pytest.FixtureRequest) -> Path:
    """Return the path of ansible-playbook of one version."""
    line = str(request.param)
    path = ensure_core(line, find_pythons())
    if path is None:
        oldest, newest = SUPPORTED[line]
        pytest.skip(f"ansible-core {line} needs Python {oldest} to {newest}, and there is none on this machine")
    version = subprocess.run([path, "--version"], check=True, stdout=subprocess.PIPE, text=True).stdout
    assert version.startswith(f"ansible-playbook [core {line}.")
    return path


SURVEY: dict[str, Any] = {
    "public": "yes",
    "verify": "new_key",
    "require_tls": "",
    "require_encryption": "False",
    "retention_days": "30",
    "abort_incomplete_uploads_days": "",
    "max_age": "",
    "tags": "{team: video, cost: 47}",
    "cors_rules": "- {allowed_origins: ['https://*.example.com'], allowed_methods: [GET]}",
    "folders": "incoming",
    "record": "",
    "certificate": "",
    "application_id": "",
    "profile": "",
    "validate_certs": "",
    "uploader_tags": "team: video",
    "uploader_list_all_my_buckets": "no",
    "rotate_after": "7776000",
    "delete_after": "",
}
# The same values as in a playbook.
TYPED: dict[str, Any] = {
    "public": True,
    "retention_days": 30,
    "tags": {"team": "video", "cost": "47"},
    "cors_rules": [{"allowed_origins": ["https://*.example.com"], "allowed_methods": ["GET"]}],
    "folders": ["incoming"],
    "uploader_tags": {"team": "video"},
}


@pytest.mark.slow
def test_playbooks_each_ansible_core_accept_awx_and_typed_values(
    core: Path, managed_project: ProjectEnvironment
) -> None:
    """The first run has values as AWX sends them. Up to ansible-core 2.18, survey responses stay strings. From 2.19
    on, Ansible converts them to the type of their text. With each version, they equal typed values.
    """
    project = managed_project
    env = dict.fromkeys(("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_CA_BUNDLE", "AWS_DEFAULT_REGION"), "")
    first = project.configure(args=["--diff"], awx=True, env=env, ansible_playbook=core, **SURVEY)
    assert first.stats["changed"] == 3
    assert first.result["project"] == project.key
    assert first.result["bucket"]["tags"] == {"team": "video", "cost": "47"}
    assert first.result["bucket"]["lifecycle"]["expire_days"] == 30
    assert "incoming/" in project.objects()
    (rule,) = project.get_bucket_config("get_bucket_cors")["CORSRules"]
    assert rule["AllowedOrigins"] == ["https://*.example.com"]
    project.record_archive()
    project.assert_idempotent(args=["--diff"], ansible_playbook=core, **TYPED)
    # The playbook verify fails if the values from AWX differ from the current state.
    verified = project.run("verify", awx=True, env=env, ansible_playbook=core, **SURVEY).ok()
    assert verified.changed == []
    assert all(check["ok"] for check in verified.result["checks"])
    project.clear_request_log()
    refused = project.run("configure", require_encryption=True, sse="none", ansible_playbook=core).failed()
    assert "require_encryption: would reject every recording" in refused.error
    assert project.no_requests
    key, secret = create_uploader(project.store, project.bucket)
    external_key = {"upload_key": "external", "uploader_access_key": key, "uploader_secret_key": secret}
    assert project.configure(ansible_playbook=core, **external_key, **TYPED).stats["changed"] == 2
    assert project.target_key == (key, secret)
    teardown = project.run("teardown", ansible_playbook=core).ok()
    assert teardown.stats["changed"] == 3
    assert (project.target(), project.exists(), project.keys()) == (None, True, {})
