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

from tests.e2e import driver, rulebook, runs
from tests.e2e.prepared import variables
from tests.e2e.site import Site, leftovers
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


def resend_callbacks(site: Site, url: str) -> list[int]:
    """Send all callbacks again, as Vonage does when it has not received the response."""
    callbacks = [delivery["json"] for delivery in site.emulator.deliveries.entries(site.key)]
    bodies = [json.dumps(callback, separators=(",", ":")).encode() for callback in callbacks]
    return [send_callback(url, body, site, SIGNATURE) for body in bodies]


def send_callback(url: str, body: bytes, site: Site, signature: str) -> int:
    headers = {
        "Content-Type": "application/json",
        "Authorization": f"Bearer {create_token(signature, body, site.key, time.time())}",
    }
    return requests.post(url, data=body, headers=headers, timeout=10).status_code


def send_invalid_callbacks(site: Site, url: str) -> list[int]:
    """Send a callback with a wrong signature, one without a signature, and malformed ones."""
    body = {
        "id": "forged",
        "event": "archive",
        "status": "failed",
        "createdAt": 1_800_000_000_000,
        "partnerId": site.key,
    }
    forged = json.dumps(body).encode()
    statuses = [send_callback(url, forged, site, "a" * 64), requests.post(url, data=forged, timeout=10).status_code]
    other_project = forged.replace(site.key.encode(), b"47999999")
    signed = (b"{", b"[]", forged.replace(b"failed", b"unknown"), other_project)
    return [*statuses, *(send_callback(url, content, site, SIGNATURE) for content in signed)]


@pytest.mark.usefixtures("_ansible_rulebook")
def test_rulebook_failed_upload_rotates_key_and_next_archive_arrives(managed: Site, home: Path) -> None:
    site = managed
    assert driver.configure(variables(site)) == ["bucket", "target"]
    old_key = site.held_key[0]
    site.store.iam_client().delete_access_key(UserName=site.user, AccessKeyId=old_key)
    events = {
        "archive_status_secret": URL_SECRET,
        "archive_status_signature_secret": SIGNATURE,
        "archive_status_projects": [site.key],
    }
    # The secret of the project is in the environment, like the credential of a job.
    host = {name: value for name, value in site.variables.items() if name != "archive_storage_api_secret"}
    inventory = {"all": {"hosts": {"localhost": {**host, "archive_storage_drain_timeout": 1}}}}
    env = {**site.operator, "VONAGE_VIDEO_API_SECRET": site.secret}
    with rulebook.run_rulebook("archive_status", home, events, inventory, env) as process:
        url = f"{process.url}/{URL_SECRET}"
        assert send_invalid_callbacks(site, url) == [401, 401, 400, 422, 422, 403]
        assert send_invalid_callbacks(site, process.url) == [401] * 6
        site.emulator.set_callback(url, site.key, SIGNATURE)
        site.forget()
        # An invalid key makes all recordings fail: two callbacks start one playbook.
        fell_back = [site.emulator.record_archive(site.key) for _recording in range(2)]
        assert [archive["status"] for archive in fell_back] == ["available", "available"]
        process.wait_for(FINISHED)
        assert site.held_key[0] != old_key
        assert site.keys() == {site.held_key[0]: "Active"}
        site.uploaded()
        assert set(resend_callbacks(site, url)) == {200}
        # The rulebook processes the event of this callback after those of the repeated callbacks.
        site.uploaded()
        process.wait_for(RECEIVED, times=12)
        process.wait_for("Ansible runner rc: 0, status: successful")
        assert {delivery["answer"] for delivery in site.emulator.deliveries.entries(site.key)} == {200}
        output = process.output
    assert (site.methods, output.count(RECEIVED), output.count(STARTED), output.count(FINISHED)) == (["PUT"], 12, 1, 1)
    assert output.count("Rejected a request from") == 12
    assert '"reason": "bad_credentials"' in output
    hidden_texts = [*site.secrets, SIGNATURE, URL_SECRET, *(archive["url"] for archive in fell_back)]
    assert not runs.leaks(output, hidden_texts)
    assert not runs.leaks((home / "events.jsonl").read_text(), hidden_texts)
    assert "stdout" in process.artifacts
    assert not runs.leaks("".join(process.artifacts.values()), hidden_texts)
    # Such as the variables of the playbook, and the files of ansible-runner.
    assert leftovers(home) == []
