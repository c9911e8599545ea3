# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A run shows what it waits for while it waits, and for how many seconds."""

from __future__ import annotations

import re
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.vonage.archiving.plugins.module_utils._aws.lease import Lease
from ansible_collections.vonage.archiving.plugins.module_utils._aws.s3_naming import LOCK_KEY
from ansible_collections.vonage.archiving.plugins.module_utils._core.timestamps import format_utc
from ansible_collections.vonage.archiving.plugins.module_utils._state_file import state
from tests.e2e.configured_project import configure_project
from tests.e2e.fleet_environment import FleetEnvironment, new_fleet_environment
from tests.e2e.playbook_runs import Run, find_leaks, run_playbook
from tests.e2e.project_environment import ProjectEnvironment
from tests.sandbox import Sandbox

# Python keeps the output in a buffer if it is not a terminal.
UNBUFFERED = {"PYTHONUNBUFFERED": "1", "ANSIBLE_VERBOSITY": "0"}
WAIT = re.compile(r"^\[(\S+)\]: Waiting up to (\d+) s for (.*)\.$", re.MULTILINE)
ANNOUNCED = 5


def announce_call(client: Any, bucket: str, project: str, api_url: str, secret: str) -> None:
    """Write the state file of a run that was killed during its call of the API."""
    pending = state.create_pending(project, api_url, time.time(), {}, None, secret, (), ANNOUNCED)
    client.put_object(Bucket=bucket, Key=f".vonage-archiving/{project}.json", Body=state.dump(pending))


def run_and_watch(project: ProjectEnvironment, **changes: Any) -> tuple[Run, float]:
    """Run the playbook configure; return also the seconds between the first report of a wait and the end of the run."""
    reported: list[float] = []

    def watch(process: subprocess.Popen[str]) -> None:
        while process.poll() is None:
            if not reported and WAIT.search((project.home / "stdout").read_text()):
                reported.append(time.monotonic())
            time.sleep(0.05)

    variables = {**project.variables, **{f"archive_storage_{name}": value for name, value in changes.items()}}
    direct = {"vonage_archiving_direct": variables.pop("archive_storage_direct", True)}
    environment = {**project.operator, **UNBUFFERED}
    run = run_playbook("configure", {**variables, **direct}, project.home, environment, watch=watch)
    assert not find_leaks(run.output, project.secrets)
    return run, time.monotonic() - reported[0] if reported else 0.0


@pytest.mark.parametrize("direct", [True, False], ids=["direct", "module"])
def test_configure_shows_the_wait_for_another_run(managed_project: ProjectEnvironment, direct: bool) -> None:
    project = configure_project(managed_project)
    announce_call(project.client, project.bucket, project.key, project.api.url, project.secret)
    run, seconds = run_and_watch(project, direct=direct)
    assert run.ok().result["changed"]
    waits = [wait for wait in WAIT.findall(run.stdout) if "another run" in wait[2]]
    if not direct:
        # A module process shows nothing before it ends.
        assert waits == []
        return
    ((host, limit, awaited),) = waits
    assert (host, awaited) == (
        "localhost",
        f"another run that may still change the upload target of project {project.key}",
    )
    assert 3 <= int(limit) <= ANNOUNCED + 5
    assert seconds > 2
    assert run.stdout.index("Create or update the upload target") < run.stdout.index("Waiting up to")


def test_configure_shows_the_wait_for_the_bucket_lock(managed_project: ProjectEnvironment) -> None:
    project = configure_project(managed_project)
    lease = Lease("another run", "47999999", format_utc(time.time()), 15.0)
    project.client.put_object(Bucket=project.bucket, Key=LOCK_KEY, Body=lease.data())
    run, seconds = run_and_watch(project, retention_days=30)
    assert run.ok().result["bucket_changes"] == ["lifecycle"]
    awaited = [text for _host, _limit, text in WAIT.findall(run.stdout)]
    assert awaited == [f"the lock of bucket {project.bucket}, which projects share"]
    assert seconds > 1


def test_rotate_shows_the_wait_for_uploads_in_progress(managed_project: ProjectEnvironment) -> None:
    project = configure_project(managed_project)
    upload = {"Bucket": project.bucket, "Key": f"{project.key}/a/archive.mp4"}
    upload_id = project.client.create_multipart_upload(**upload)["UploadId"]
    options = {"rotate": True, "grace_period": 0, "delete_after": 0, "drain_timeout": 20}
    run, _seconds = run_and_watch(project, **options)
    project.client.abort_multipart_upload(**upload, UploadId=upload_id)
    waits = [(limit, text) for _host, limit, text in WAIT.findall(run.ok().stdout)]
    assert ("20", f"uploads in progress to s3://{project.bucket}") in waits
    assert run.result["retained_keys_reason"] == "uploads that started before the target was set are in progress"


@pytest.fixture
def fleet(e2e_sandbox: Sandbox, home: Path) -> Iterator[FleetEnvironment]:
    """A fleet of one project."""
    with new_fleet_environment(e2e_sandbox, home, ["one"]) as fleet:
        yield fleet


def test_fleet_shows_the_wait_for_another_run(fleet: FleetEnvironment) -> None:
    fleet.configure()
    (project,) = fleet.projects
    bucket = fleet.bucket(project.key)
    announce_call(fleet.store.client(), bucket, project.key, fleet.emulator.url, project.secret)
    run = fleet.configure()
    ((host, _limit, awaited),) = WAIT.findall(run.stdout)
    assert host == project.key
    assert awaited.startswith("another run that may still change the upload target of ")
