# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""ansible-rulebook recovers an upload target after a failed upload, without user interaction."""

from __future__ import annotations

import json
import secrets
import time
from pathlib import Path

import pytest
import requests

from tests.e2e import playbook_runs, rulebook, workflow_driver
from tests.e2e.configured_project import driver_variables
from tests.e2e.project_environment import ProjectEnvironment, leftovers
from tests.sandbox.vonage.callbacks import create_token

SIGNATURE = secrets.token_hex(32)
URL_SECRET = secrets.token_urlsafe(24)
FINISHED = "PLAY RECAP"
RECEIVED = "[received event]"
STARTED = "call_action run_playbook"


@pytest.fixture(scope="session")
def _ansible_rulebook() -> None:
    if reason := rulebook.install():
        pytest.skip(reason)


def resend_callbacks(project: ProjectEnvironment, url: str) -> list[int]:
    """Send all callbacks again, as Vonage does when it has not received the response."""
    callbacks = [delivery["json"] for delivery in project.emulator.deliveries.entries(project.key)]
    bodies = [json.dumps(callback, separators=(",", ":")).encode() for callback in callbacks]
    return [send_callback(url, body, project, SIGNATURE) for body in bodies]


def send_callback(url: str, body: bytes, project: ProjectEnvironment, signature: str) -> int:
    headers = {
        "Content-Type": "application/json",
        "Authorization": f"Bearer {create_token(signature, body, project.key, time.time())}",
    }
    return requests.post(url, data=body, headers=headers, timeout=10).status_code


def send_invalid_callbacks(project: ProjectEnvironment, url: str) -> list[int]:
    """Send a callback with a wrong signature, one without a signature, and malformed ones."""
    body = {
        "id": "forged",
        "event": "archive",
        "status": "failed",
        "createdAt": 1_800_000_000_000,
        "partnerId": project.key,
    }
    forged = json.dumps(body).encode()
    statuses = [send_callback(url, forged, project, "a" * 64), requests.post(url, data=forged, timeout=10).status_code]
    other_project = forged.replace(project.key.encode(), b"47999999")
    signed = (b"{", b"[]", forged.replace(b"failed", b"unknown"), other_project)
    return [*statuses, *(send_callback(url, content, project, SIGNATURE) for content in signed)]


@pytest.mark.usefixtures("_ansible_rulebook")
def test_rulebook_failed_upload_rotates_key_and_next_archive_arrives(
    managed_project: ProjectEnvironment, home: Path
) -> None:
    project = managed_project
    assert workflow_driver.configure(driver_variables(project)) == ["bucket", "target"]
    old_key = project.target_key[0]
    project.store.iam_client().delete_access_key(UserName=project.user, AccessKeyId=old_key)
    events = {
        "archive_status_secret": URL_SECRET,
        "archive_status_signature_secret": SIGNATURE,
        "archive_status_projects": [project.key],
    }
    # The secret of the project is in the environment, like the credential of a job.
    host = {name: value for name, value in project.variables.items() if name != "archive_storage_api_secret"}
    inventory = {"all": {"hosts": {"localhost": {**host, "archive_storage_drain_timeout": 1}}}}
    env = {**project.operator, "VONAGE_VIDEO_API_SECRET": project.secret}
    with rulebook.run_rulebook("archive_status", home, events, inventory, env) as process:
        url = f"{process.url}/{URL_SECRET}"
        assert send_invalid_callbacks(project, url) == [401, 401, 400, 422, 422, 403]
        assert send_invalid_callbacks(project, process.url) == [401] * 6
        project.emulator.set_callback(url, project.key, SIGNATURE)
        project.clear_request_log()
        # An invalid key makes all recordings fail: two callbacks start one playbook.
        fell_back = [project.emulator.record_archive(project.key) for _recording in range(2)]
        assert [archive["status"] for archive in fell_back] == ["available", "available"]
        process.wait_for(FINISHED)
        assert project.target_key[0] != old_key
        assert project.keys() == {project.target_key[0]: "Active"}
        project.record_archive()
        assert set(resend_callbacks(project, url)) == {200}
        # The rulebook processes the event of this callback after those of the repeated callbacks.
        project.record_archive()
        process.wait_for(RECEIVED, times=12)
        process.wait_for("Ansible runner rc: 0, status: successful")
        assert {delivery["status"] for delivery in project.emulator.deliveries.entries(project.key)} == {200}
        output = process.output
    assert (project.methods, output.count(RECEIVED), output.count(STARTED), output.count(FINISHED)) == (
        ["PUT"],
        12,
        1,
        1,
    )
    assert output.count("Rejected a request from") == 12
    assert '"reason": "bad_credentials"' in output
    hidden_texts = [*project.secrets, SIGNATURE, URL_SECRET, *(archive["url"] for archive in fell_back)]
    assert not playbook_runs.find_leaks(output, hidden_texts)
    assert not playbook_runs.find_leaks((home / "events.jsonl").read_text(), hidden_texts)
    assert "stdout" in process.artifacts
    assert not playbook_runs.find_leaks("".join(process.artifacts.values()), hidden_texts)
    # Such as the variables of the playbook, and the files of ansible-runner.
    assert leftovers(home) == []
