# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Test that recordings in progress arrive at the target that was set at their start, while playbooks run for hours.

The tests move the times in the state file and the archive list into the past.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.vonage.archiving.plugins.module_utils._core.timestamps import format_utc, parse_utc
from tests.e2e.playbook_runs import Run
from tests.e2e.project_environment import MANAGED_KEY, ProjectEnvironment, new_project_environment
from tests.sandbox import Sandbox
from tests.sandbox.vonage.emulator import Recording

HOUR = 3600
# Two parts, with a pause after each.
SLOW: dict[str, Any] = {"size": 6 * 2**20, "pause": 1.0}


def pass_time(project: ProjectEnvironment, seconds: float, *recordings: Recording) -> None:
    """Move the times of the state file and of recordings into the past."""
    project.pass_time(seconds)
    for recording in recordings:
        recording.archive.created_at -= int(seconds * 1000)


def finish(project: ProjectEnvironment, recording: Recording, **options: Any) -> dict[str, Any]:
    """Stop and upload a recording, and assert that it arrives."""
    archive = project.emulator.finish_archive(recording, **options)
    assert archive["status"] == "uploaded", archive["sandbox"]
    location = archive["sandbox"]
    head: dict[str, Any] = project.client.head_object(Bucket=location["bucket"], Key=location["key"])
    assert head["ContentLength"] == archive["size"]
    return head


def recover(project: ProjectEnvironment) -> Run:
    """Set the target again after a recording did not arrive."""
    options = {"archive_recover_project": project.key, "archive_recover_rotate": "always"}
    return project.run_bare("recover", {**project.variables, **options}).ok()


@pytest.mark.slow
def test_playbooks_recording_of_12_hours_arrives(managed_project: ProjectEnvironment) -> None:
    project = managed_project
    project.configure()
    first = project.target_key[0]
    recording = project.emulator.start_archive(project.key)
    project.emulator.set_archive_status(recording, "paused")
    project.run("rotate").ok()
    assert project.all_keys() == {first: "Active", project.target_key[0]: "Active"}
    pass_time(project, 3 * HOUR, recording)
    run = project.configure()
    assert (run.changed, run.result["reason"]) == ([], "unchanged")
    assert recording.archive.id in run.result["retained_keys_reason"]
    project.run("verify").ok()
    pass_time(project, 4 * HOUR, recording)
    recover(project)
    assert (project.all_keys()[first], len(project.all_keys())) == ("Active", 3)
    pass_time(project, 5 * HOUR, recording)
    # The upload takes as long as another rotation.
    uploaded: list[dict[str, Any]] = []
    upload = threading.Thread(target=lambda: uploaded.append(finish(project, recording, **SLOW)))
    upload.start()
    project.run("rotate").ok()
    upload.join(60)
    assert len(uploaded) == 1
    assert len(project.all_keys()) == 4
    # When no recording can use the old keys, two runs deactivate and delete them.
    pass_time(project, 60)
    project.configure()
    assert project.all_keys().pop(project.target_key[0]) == "Active"
    assert sorted(project.all_keys().values()) == ["Active", "Inactive", "Inactive", "Inactive"]
    pass_time(project, 42 * HOUR)
    project.configure()
    assert project.all_keys() == {project.target_key[0]: "Active"}
    project.record_archive()
    project.assert_idempotent()


@pytest.mark.slow
def test_teardown_recording_in_progress_keeps_its_key(managed_project: ProjectEnvironment) -> None:
    project = managed_project
    project.configure()
    key = project.target_key[0]
    recording = project.emulator.start_archive(project.key)
    pass_time(project, 60, recording)
    run = project.run("teardown", drain_timeout=1).ok()
    assert (project.target(), project.all_keys()) == (None, {key: "Active"})
    changed_at = parse_utc(project.state_file()["time"])
    assert changed_at
    assert run.result["retained_keys_until"] == format_utc(changed_at + 18 * HOUR)
    pass_time(project, 11 * HOUR, recording)
    second = project.run("teardown", drain_timeout=1).ok()
    assert (second.changed, project.all_keys()) == ([], {key: "Active"})
    assert recording.archive.id in second.result["retained_keys_reason"]
    finish(project, recording, **SLOW)
    last = project.run("teardown", drain_timeout=1).ok()
    assert (project.all_keys(), last.result["retained_keys_until"]) == ({}, None)
    assert project.run("teardown", drain_timeout=1).ok().changed == []


@pytest.mark.slow
def test_teardown_revoke_old_keys_deletes_keys_immediately(managed_project: ProjectEnvironment) -> None:
    project = managed_project
    project.configure()
    project.emulator.start_archive(project.key)
    project.run("teardown", revoke_old_keys=True).ok()
    assert (project.target(), project.all_keys()) == (None, {})


@pytest.mark.slow
def test_require_encryption_recording_without_encryption_in_progress_is_deferred(
    managed_project: ProjectEnvironment,
) -> None:
    """The target changes from C(sse) none to s3. The bucket requires encryption only after the recording has ended."""
    project = managed_project
    project.configure(sse="none")
    recording = project.emulator.start_archive(project.key)
    pass_time(project, HOUR, recording)
    changed = project.configure(require_encryption=True)
    assert changed.result["pending_requirements"] == ["require_encryption"]
    assert project.get_bucket_config("get_bucket_policy") is None
    verified = project.run("verify", require_encryption=True).ok()
    assert verified.result["pending_requirements"] == ["require_encryption"]
    pass_time(project, 11 * HOUR, recording)
    project.run("rotate", require_encryption=True).ok()
    finish(project, recording, **SLOW)
    assert project.get_bucket_config("get_bucket_policy") is None
    # SeaweedFS 4.48 then rejects every upload. The run detects this and removes the requirement.
    pass_time(project, 60)
    failed = project.run("configure", require_encryption=True).failed()
    assert failed.failed_task == "Verify that uploads meet the new requirements"
    assert project.get_bucket_config("get_bucket_policy") is None
    project.record_archive()


@pytest.fixture
def moto_project(home: Path) -> Iterator[ProjectEnvironment]:
    """A project on a store that applies bucket policies and returns the creation times of keys."""
    with Sandbox(stores=("moto-iam",)) as sandbox, new_project_environment(sandbox, home, MANAGED_KEY) as environment:
        yield environment


@pytest.mark.slow
def test_require_encryption_grace_period_over_is_applied(moto_project: ProjectEnvironment) -> None:
    project = moto_project
    project.configure(sse="none")
    recording = project.emulator.start_archive(project.key, age=HOUR)
    project.configure(require_encryption=True)
    assert project.get_bucket_config("get_bucket_policy") is None
    pass_time(project, 17 * HOUR, recording)
    assert project.configure(require_encryption=True).result["pending_requirements"] == ["require_encryption"]
    pass_time(project, HOUR, recording)
    # moto ignores the condition of a statement, and would reject the upload of the verification.
    applied = project.configure(require_encryption=True, verify="never")
    assert applied.result["pending_requirements"] == []
    assert applied.result["bucket_changes"] == ["require_encryption"]
    (statement,) = json.loads(project.get_bucket_config("get_bucket_policy")["Policy"])["Statement"]
    assert json.dumps(statement["Resource"]).count(f"{project.bucket}/{project.key}/*") == 1
    project.assert_idempotent(require_encryption=True, verify="never")
