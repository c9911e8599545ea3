# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Test that playbooks do not change resources of another owner: keys of a target, and state files of other projects."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.e2e import workflow_driver
from tests.e2e.configured_project import driver_variables
from tests.e2e.project_environment import (
    MANAGED_KEY,
    ProjectEnvironment,
    describe_request,
    iam_action,
    is_read,
    new_project_environment,
)
from tests.sandbox import Sandbox

REMOVE_TARGET = "vonage.archiving.archive_storage : Delete the upload target and its access keys"
DELETE_SETTINGS = "vonage.archiving.archive_storage : Delete the settings of the project in the bucket"


def iam_writes(project: ProjectEnvironment) -> list[str]:
    """The write requests to the IAM API."""
    return [
        describe_request(request) for request in project.s3.requests if iam_action(request) and not is_read(request)
    ]


def configure(project: ProjectEnvironment, **changes: Any) -> None:
    """Run the same steps as the first run of the playbook configure."""
    assert workflow_driver.configure(driver_variables(project, **changes)) == ["bucket", "target"]


def test_teardown_404_from_proxy_keeps_uploader_and_target(managed_project: ProjectEnvironment) -> None:
    project = managed_project
    configure(project)
    target, keys = project.target(), project.keys()
    project.clear_request_log()
    project.emulator.fail_next(status=404, method="DELETE", path=f"/{project.key}/")
    run = project.run("teardown").failed()
    assert "responded with HTTP 404, and the body is not an error of the Vonage API" in run.error
    assert "The upload target may still be set" in run.error
    assert (project.methods, iam_writes(project)) == (["DELETE"], [])
    assert (project.target(), project.keys()) == (target, keys)
    assert project.state_file()["status"] == "pending"
    project.record_archive()
    assert project.run("teardown").ok().changed == [REMOVE_TARGET, DELETE_SETTINGS]
    assert (project.target(), project.state_file()["status"]) == (None, "absent")


@pytest.mark.parametrize("playbook", ["configure", "rotate", "verify", "teardown"])
def test_playbook_state_file_of_another_project_is_rejected(
    e2e_sandbox: Sandbox, managed_project: ProjectEnvironment, home: Path, playbook: str
) -> None:
    first = managed_project
    shared = f"s3://{first.bucket}/state/shared.json"
    configure(first, state_file=shared)

    def state_file() -> bytes:
        return bytes(first.client.get_object(Bucket=first.bucket, Key="state/shared.json")["Body"].read())

    before, target, keys = state_file(), first.target(), first.keys()
    with new_project_environment(e2e_sandbox, home, MANAGED_KEY) as second:
        run = second.run(playbook, state_file=shared).failed()
        assert f"use the state file {shared} for project {second.key}: it belongs to project {first.key}" in run.error
        assert "Use one state file per project" in run.error
        # The bucket is reconciled first. If it does not change, the run sends only reads.
        assert (iam_writes(second), second.calls()) == ([], [])
        if playbook in ("verify", "teardown"):
            assert (second.writes, second.exists()) == ([], False)
    assert state_file() == before
    assert (first.target(), first.keys()) == (target, keys)
    assert workflow_driver.configure(driver_variables(first, state_file=shared)) == []
