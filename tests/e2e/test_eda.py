# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From an upload that fails to the next one that arrives, with nobody touching it: the real ansible-rulebook."""

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
from tests.sandbox.vonage.callbacks import token

SIGNATURE = secrets.token_hex(32)
IN_URL = secrets.token_urlsafe(24)
FINISHED = "PLAY RECAP"
RECEIVED = "[received event]"
STARTED = "call_action run_playbook"


@pytest.fixture(scope="session")
def _installed() -> None:
    if why := rulebook.missing():
        pytest.skip(why)


def repeat(site: Site, url: str) -> list[int]:
    """Send what was delivered once more, as Vonage does where an answer was lost."""
    delivered = [each["json"] for each in site.emulator.deliveries.entries(site.key)]
    return [send(url, json.dumps(each, separators=(",", ":")).encode(), site, SIGNATURE) for each in delivered]


def send(url: str, body: bytes, site: Site, signature: str) -> int:
    headers = {
        "Content-Type": "application/json",
        "Authorization": f"Bearer {token(signature, body, site.key, time.time())}",
    }
    return requests.post(url, data=body, headers=headers, timeout=10).status_code


def forge(site: Site, url: str) -> list[int]:
    """Send what nobody should act on: a fallback of this project signed by somebody else, and what is no callback."""
    body = {
        "id": "forged",
        "event": "archive",
        "status": "failed",
        "createdAt": 1_800_000_000_000,
        "partnerId": site.key,
    }
    forged = json.dumps(body).encode()
    answers = [send(url, forged, site, "a" * 64), requests.post(url, data=forged, timeout=10).status_code]
    malformed = (b"{", b"[]", forged.replace(b"failed", b"gone"), forged.replace(site.key.encode(), b"47999999"))
    return [*answers, *(send(url, each, site, SIGNATURE) for each in malformed)]


@pytest.mark.usefixtures("_installed")
def test_a_failed_upload_ends_in_a_rotated_key_and_the_next_archive_arrives(managed: Site, home: Path) -> None:
    site = managed
    assert driver.configure(variables(site, has_secret=False)) == ["bucket", "target"]
    old = site.held_key[0]
    site.store.iam_client().delete_access_key(UserName=site.user, AccessKeyId=old)
    events = {
        "archive_status_secret": IN_URL,
        "archive_status_signature_secret": SIGNATURE,
        "archive_status_projects": [site.key],
    }
    # The project's secret comes out of the environment, as from a credential.
    host = {name: value for name, value in site.variables.items() if name != "archive_storage_api_secret"}
    inventory = {"all": {"hosts": {"localhost": {**host, "archive_storage_drain_timeout": 1}}}}
    env = {**site.operator, "VONAGE_VIDEO_API_SECRET": site.secret}
    with rulebook.running(home, events, inventory, env) as running:
        url = f"{running.url}/{IN_URL}"
        assert forge(site, url) == [401, 401, 400, 422, 422, 403]
        assert forge(site, running.url) == [401] * 6
        site.emulator.set_callback(url, site.key, SIGNATURE)
        site.forget()
        # A burst: a bad key fails every recording.
        fell_back = [site.emulator.record_archive(site.key) for _recording in range(2)]
        assert [archive["status"] for archive in fell_back] == ["available", "available"]
        running.wait_for(FINISHED)
        assert site.held_key[0] != old
        assert site.keys() == {site.held_key[0]: "Active"}
        site.uploaded()
        assert set(repeat(site, url)) == {200}
        # Whatever came of the repetitions came before what comes of this one.
        site.uploaded()
        running.wait_for(RECEIVED, times=12)
        running.wait_for("Ansible runner rc: 0, status: successful")
        assert {each["answer"] for each in site.emulator.deliveries.entries(site.key)} == {200}
        output = running.output
    assert (site.methods, output.count(RECEIVED), output.count(STARTED), output.count(FINISHED)) == (["PUT"], 12, 1, 1)
    assert output.count("Refused a request") == 12
    assert '"reason": "bad_credentials"' in output
    hidden = [*site.secrets, SIGNATURE, IN_URL, *(archive["url"] for archive in fell_back)]
    assert not runs.leaks(output, hidden)
    assert not runs.leaks((home / "events.jsonl").read_text(), hidden)
    assert "stdout" in running.artifacts
    assert not runs.leaks("".join(running.artifacts.values()), hidden)
    # Neither the variables of the playbook nor what ansible-runner keeps of a run.
    assert leftovers(home) == []
