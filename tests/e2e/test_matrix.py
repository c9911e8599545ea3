# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The playbooks on each line of ansible-core that is supported, the oldest to the newest.

A line that no interpreter of this machine runs is skipped and says so.
"""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.site import Site, make_uploader
from tools.cores import DEFAULT_LINES, SUPPORTED, ensure_core
from tools.pythons import find_pythons


@pytest.fixture(scope="module", params=DEFAULT_LINES)
def core(request: pytest.FixtureRequest) -> Path:
    """Return the ansible-playbook of one line."""
    line = str(request.param)
    found = ensure_core(line, find_pythons())
    if found is None:
        oldest, newest = SUPPORTED[line]
        pytest.skip(f"ansible-core {line} needs Python {oldest} to {newest}, and there is none on this machine")
    told = subprocess.run([found, "--version"], check=True, stdout=subprocess.PIPE, text=True).stdout
    assert told.startswith(f"ansible-playbook [core {line}.")
    return found


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
    "uploader": "",
    "uploader_tags": "team: video",
    "uploader_list_all_my_buckets": "no",
    "rotate_after": "7776000",
    "delete_after": "",
}
# The same as a playbook has it.
TYPED: dict[str, Any] = {
    "public": True,
    "retention_days": 30,
    "tags": {"team": "video", "cost": "47"},
    "cors_rules": [{"allowed_origins": ["https://*.example.com"], "allowed_methods": ["GET"]}],
    "folders": ["incoming"],
    "uploader_tags": {"team": "video"},
}


@pytest.mark.slow
def test_the_playbooks_on_each_core(core: Path, managed: Site) -> None:
    """First with values as AWX sends them: up to 2.18 a survey's answers stay strings, from 2.19 on they become what
    their text looks like. On each line they mean the same as values of the right types.
    """
    site = managed
    env = dict.fromkeys(("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_CA_BUNDLE", "AWS_DEFAULT_REGION"), "")
    first = site.configure(args=["--diff"], awx=True, env=env, ansible_playbook=core, **SURVEY)
    assert first.stats["changed"] == 3
    assert first.result["project"] == site.key
    assert first.result["bucket"]["tags"] == {"team": "video", "cost": "47"}
    assert first.result["bucket"]["lifecycle"]["expire_days"] == 30
    assert "incoming/" in site.objects()
    (rule,) = site.holds("get_bucket_cors")["CORSRules"]
    assert rule["AllowedOrigins"] == ["https://*.example.com"]
    site.uploaded()
    site.steady(args=["--diff"], ansible_playbook=core, **TYPED)
    # Nor is there anything to do for the values of AWX: else this would fail.
    verified = site.run("verify", awx=True, env=env, ansible_playbook=core, **SURVEY).ok()
    assert verified.changed == []
    assert all(check["ok"] for check in verified.result["checks"])
    site.forget()
    refused = site.run("configure", require_encryption=True, sse="none", ansible_playbook=core).failed()
    assert "require_encryption would reject every recording" in refused.error
    assert site.silent
    key, secret = make_uploader(site.store, site.bucket)
    given = {"upload_key": "external", "uploader_access_key": key, "uploader_secret_key": secret}
    assert site.configure(ansible_playbook=core, **given, **TYPED).stats["changed"] == 2
    assert site.held_key == (key, secret)
    gone = site.run("teardown", ansible_playbook=core).ok()
    assert gone.stats["changed"] == 2
    assert (site.target(), site.exists(), site.keys()) == (None, True, {})
