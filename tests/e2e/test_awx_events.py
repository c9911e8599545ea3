# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The real ansible-rulebook launches the template "recover" of an API that accepts and ignores what AWX does."""

from __future__ import annotations

import json
import os
import secrets
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
import yaml

from tests.awx import api
from tests.awx.api import FIELDS, REFERENCES, Awx
from tests.awx.injection import AWX
from tests.awx.objects import resolve
from tests.e2e import rulebook, runs
from tests.sandbox.vonage.callbacks import token

SIGNATURE = secrets.token_hex(32)
IN_URL = secrets.token_urlsafe(24)
PROJECT = "47123456"
PLAYBOOK = "recover.yml"


@pytest.fixture
def awx(tmp_path: Path) -> Iterator[Awx]:
    """An AWX with the template."""
    with api.running({PLAYBOOK: (AWX / "project" / PLAYBOOK).read_text()}) as running:
        templates = resolve(tmp_path)["controller_templates"]
        [template] = [each for each in templates if each["playbook"] == PLAYBOOK]
        fields = {name: template[name] for name in set(FIELDS["job_templates"]) & set(template) - set(REFERENCES)}
        organization = running.named("organizations", "Default")["id"]
        made = running.add(
            "job_templates",
            {**fields, "organization": organization, "extra_vars": json.dumps(template["extra_vars"])},
        )
        running.keep_survey(made["id"], template["survey_spec"])
        yield running


@pytest.fixture
def callback_url(awx: Awx, home: Path) -> Iterator[str]:
    """Where the rulebook, which launches templates of that AWX, takes callbacks."""
    if why := rulebook.missing():
        pytest.skip(why)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    variables = {
        "archive_status_host": "127.0.0.1",
        "archive_status_port": port,
        "archive_status_secret": IN_URL,
        "archive_status_signature_secret": SIGNATURE,
        "archive_status_projects": [PROJECT],
    }
    inventory = runs.write_private(home / "inventory.yml", "all: {hosts: {localhost: {}}}\n")
    given = runs.write_private(home / "events.yml", yaml.safe_dump(variables))
    binaries = rulebook.ENVIRONMENT / "bin"
    command = [str(binaries / "ansible-rulebook"), "-r", "vonage.archiving.archive_status_controller", "-vv"]
    command += ["-i", str(inventory), "--vars", str(given)]
    env = runs.environment(home, {"EDA_JOB_TEMPLATE_REFRESH_DELAY": "0.1"})
    env |= {"EDA_CONTROLLER_URL": awx.url, "EDA_CONTROLLER_TOKEN": api.TOKEN}
    env["PATH"] = f"{binaries}{os.pathsep}{env['PATH']}"
    with open(home / "rulebook.out", "w") as out:
        process = subprocess.Popen(
            command, env=env, cwd=home, stdout=out, stderr=out, text=True, start_new_session=True
        )
    try:
        url = f"http://127.0.0.1:{port}/vonage/archive-status/{IN_URL}"
        rulebook.Rulebook(process, url, home).wait_for("Listening at")
        yield url
    finally:
        rulebook._stop(process)


def test_callback_of_a_failed_archive_launches_recover_with_answers_only(
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
    headers |= {"Authorization": f"Bearer {token(SIGNATURE, body, PROJECT, time.time())}"}
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
