# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Recordings that are open for hours while playbooks run: each arrives, with the target of its start.

Hours pass by moving the times that the state file and the archive list hold into the past.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.vonage.archiving.plugins.module_utils._core.timestamps import format_utc, parse_utc
from tests.e2e.runs import Run
from tests.e2e.site import MANAGED, Site, new_site
from tests.sandbox import Sandbox
from tests.sandbox.vonage.emulator import Recording

HOUR = 3600
# Two parts, with a pause after each.
SLOW: dict[str, Any] = {"size": 6 * 2**20, "pause": 1.0}


def pass_time(site: Site, seconds: float, *recordings: Recording) -> None:
    """Let time pass for the state file and for recordings."""
    site.pass_time(seconds)
    for recording in recordings:
        recording.archive.created_at -= int(seconds * 1000)


def finish(site: Site, recording: Recording, **options: Any) -> dict[str, Any]:
    """Stop and upload a recording, which must arrive."""
    archive = site.emulator.finish_archive(recording, **options)
    assert archive["status"] == "uploaded", archive["sandbox"]
    where = archive["sandbox"]
    head: dict[str, Any] = site.client.head_object(Bucket=where["bucket"], Key=where["key"])
    assert head["ContentLength"] == archive["size"]
    return head


def recover(site: Site) -> Run:
    """Set the target again after a recording did not arrive."""
    given = {"archive_recover_project": site.key, "archive_recover_rotate": "always"}
    return site.run_bare("recover", {**site.variables, **given}).ok()


@pytest.mark.slow
def test_recording_of_12_hours_with_a_slow_upload_survives_every_playbook(managed: Site) -> None:
    site = managed
    site.configure()
    first = site.held_key[0]
    recording = site.emulator.start_archive(site.key)
    site.emulator.set_archive_status(recording, "paused")
    site.run("rotate").ok()
    assert site.all_keys() == {first: "Active", site.held_key[0]: "Active"}
    pass_time(site, 3 * HOUR, recording)
    kept = site.configure()
    assert (kept.changed, kept.result["reason"]) == ([], "unchanged")
    assert recording.archive.id in kept.result["retained_keys_reason"]
    site.run("verify").ok()
    pass_time(site, 4 * HOUR, recording)
    recover(site)
    assert (site.all_keys()[first], len(site.all_keys())) == ("Active", 3)
    pass_time(site, 5 * HOUR, recording)
    # Its upload takes as long as another rotation.
    arrived: list[dict[str, Any]] = []
    upload = threading.Thread(target=lambda: arrived.append(finish(site, recording, **SLOW)))
    upload.start()
    site.run("rotate").ok()
    upload.join(60)
    assert len(arrived) == 1
    assert len(site.all_keys()) == 4
    # When no recording can use the old keys, they go in two steps.
    pass_time(site, 60)
    site.configure()
    assert site.all_keys().pop(site.held_key[0]) == "Active"
    assert sorted(site.all_keys().values()) == ["Active", "Inactive", "Inactive", "Inactive"]
    pass_time(site, 42 * HOUR)
    site.configure()
    assert site.all_keys() == {site.held_key[0]: "Active"}
    site.uploaded()
    site.steady()


@pytest.mark.slow
def test_recording_in_progress_survives_teardown(managed: Site) -> None:
    site = managed
    site.configure()
    held = site.held_key[0]
    recording = site.emulator.start_archive(site.key)
    pass_time(site, 60, recording)
    run = site.run("teardown", drain_timeout=1).ok()
    assert (site.target(), site.all_keys()) == (None, {held: "Active"})
    changed_at = parse_utc(site.record()["time"])
    assert changed_at
    assert run.result["retained_keys_until"] == format_utc(changed_at + 18 * HOUR)
    pass_time(site, 11 * HOUR, recording)
    again = site.run("teardown", drain_timeout=1).ok()
    assert (again.changed, site.all_keys()) == ([], {held: "Active"})
    assert recording.archive.id in again.result["retained_keys_reason"]
    finish(site, recording, **SLOW)
    last = site.run("teardown", drain_timeout=1).ok()
    assert (site.all_keys(), last.result["retained_keys_until"]) == ({}, None)
    assert site.run("teardown", drain_timeout=1).ok().changed == []


@pytest.mark.slow
def test_teardown_revoke_old_keys_deletes_keys_immediately(managed: Site) -> None:
    site = managed
    site.configure()
    site.emulator.start_archive(site.key)
    site.run("teardown", revoke_old_keys=True).ok()
    assert (site.target(), site.all_keys()) == (None, {})


@pytest.mark.slow
def test_recording_without_encryption_survives_the_requirement_of_encryption(managed: Site) -> None:
    """The target changes from C(sse) none to s3, and the bucket requires encryption only when it has ended."""
    site = managed
    site.configure(sse="none")
    recording = site.emulator.start_archive(site.key)
    pass_time(site, HOUR, recording)
    changed = site.configure(require_encryption=True)
    assert changed.result["pending_requirements"] == ["require_encryption"]
    assert site.holds("get_bucket_policy") is None
    verified = site.run("verify", require_encryption=True).ok()
    assert verified.result["pending_requirements"] == ["require_encryption"]
    pass_time(site, 11 * HOUR, recording)
    site.run("rotate", require_encryption=True).ok()
    finish(site, recording, **SLOW)
    assert site.holds("get_bucket_policy") is None
    # SeaweedFS 4.48 then refuses every upload, which the run notices: it removes the requirement again.
    pass_time(site, 60)
    failed = site.run("configure", require_encryption=True).failed()
    assert failed.failed_task == "Verify that uploads meet the new requirements"
    assert site.holds("get_bucket_policy") is None
    site.uploaded()


@pytest.fixture
def moto_site(home: Path) -> Iterator[Site]:
    """On a store that applies policies of buckets, and says when keys were created."""
    with Sandbox(stores=("moto-iam",)) as sandbox, new_site(sandbox, home, MANAGED) as made:
        yield made


@pytest.mark.slow
def test_requirement_applies_when_the_grace_period_is_over(moto_site: Site) -> None:
    site = moto_site
    site.configure(sse="none")
    recording = site.emulator.start_archive(site.key, age=HOUR)
    site.configure(require_encryption=True)
    assert site.holds("get_bucket_policy") is None
    pass_time(site, 17 * HOUR, recording)
    assert site.configure(require_encryption=True).result["pending_requirements"] == ["require_encryption"]
    pass_time(site, HOUR, recording)
    # moto does not look at the condition of a statement, and would refuse the upload that verifies it.
    applied = site.configure(require_encryption=True, verify="never")
    assert applied.result["pending_requirements"] == []
    assert applied.result["bucket_changes"] == ["require_encryption"]
    (statement,) = json.loads(site.holds("get_bucket_policy")["Policy"])["Statement"]
    assert json.dumps(statement["Resource"]).count(f"{site.bucket}/{site.key}/*") == 1
    site.steady(require_encryption=True, verify="never")
