# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""ansible-rulebook launches the template "recover" of an API that accepts and ignores the same variables as AWX."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from tests.awx import api
from tests.awx.api import FIELDS, REFERENCES, Awx
from tests.awx.injection import AWX
from tests.awx.objects import resolve
from tests.e2e import rulebook
from tests.sandbox.vonage.callbacks import create_token

SIGNATURE = secrets.token_hex(32)
URL_SECRET = secrets.token_urlsafe(24)
PROJECT = "47123456"
PLAYBOOK = "recover.yml"


@pytest.fixture
def awx(tmp_path: Path) -> Iterator[Awx]:
    """An AWX with the template "recover"."""
    with api.running({PLAYBOOK: (AWX / "project" / PLAYBOOK).read_text()}) as server:
        templates = resolve(tmp_path)["controller_templates"]
        [template] = [template for template in templates if template["playbook"] == PLAYBOOK]
        fields = {name: template[name] for name in set(FIELDS["job_templates"]) & set(template) - set(REFERENCES)}
        organization = server.named("organizations", "Default")["id"]
        job_template = server.add(
            "job_templates",
            {**fields, "organization": organization, "extra_vars": json.dumps(template["extra_vars"])},
        )
        server.set_survey(job_template["id"], template["survey_spec"])
        yield server


@pytest.fixture
def callback_url(awx: Awx, home: Path) -> Iterator[str]:
    """The callback URL of a rulebook that launches templates of the AWX."""
    if reason := rulebook.install():
        pytest.skip(reason)
    variables = {
        "archive_status_secret": URL_SECRET,
        "archive_status_signature_secret": SIGNATURE,
        "archive_status_projects": [PROJECT],
    }
    inventory = {"all": {"hosts": {"localhost": None}}}
    env = {"EDA_JOB_TEMPLATE_REFRESH_DELAY": "0.1", "EDA_CONTROLLER_URL": awx.url, "EDA_CONTROLLER_TOKEN": api.TOKEN}
    with rulebook.run_rulebook("archive_status_controller", home, variables, inventory, env) as process:
        yield f"{process.url}/{URL_SECRET}"


def test_controller_rulebook_failed_archive_launches_recover_with_answers_only(
    awx: Awx, callback_url: str, home: Path
) -> None:
    callback = {
        "id": "6a3b0d3a-0000-4000-8000-000000000001",
        "event": "archive",
        "status": "failed",
        "createdAt": 1_769_860_800_000,
        "partnerId": PROJECT,
        "name": "ansible_connection: ssh",
    }
    body = json.dumps(callback).encode()
    headers = {"Content-Type": "application/json"}
    headers |= {"Authorization": f"Bearer {create_token(SIGNATURE, body, PROJECT, time.time())}"}
    assert requests.post(callback_url, data=body, headers=headers, timeout=10).status_code == 200
    deadline = time.monotonic() + 30
    while not awx.jobs:
        assert time.monotonic() < deadline, (home / "rulebook.out").read_text()[-3000:]
        time.sleep(0.1)
    [job] = awx.jobs
    assert job["name"] == "Vonage archiving: recover"
    answers = {name: value for name, value in job["extra_vars"].items() if name.startswith("archive_recover_")}
    assert answers == {
        "archive_recover_project": PROJECT,
        "archive_recover_archive_created": "2026-01-31T12:00:00Z",
        "archive_recover_rotate": "bad_credentials",
    }
    assert set(job["extra_vars"]) - set(answers) == {"archive_storage_bucket", "archive_storage_public"}
    # The rulebook also sends the event, which contains what users of the application wrote.
    assert set(job["ignored_fields"]["extra_vars"]) == {"ansible_eda"}
