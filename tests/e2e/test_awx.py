# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The playbooks of the project for AWX, in jobs like those of AWX. Each job has a temporary folder.

All playbooks run with each line of ansible-core, because the format of survey answers differs.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.awx import jobs
from tests.awx.injection import AWX
from tests.awx.jobs import Job, Launch
from tests.e2e import playbook_runs
from tests.e2e.broadcast_environment import BroadcastEnvironment, new_broadcast_environment
from tests.e2e.fleet_environment import FleetEnvironment, new_fleet_environment
from tests.e2e.project_environment import PROBE, ProjectEnvironment, list_users
from tests.sandbox import HerokuEmulator, Sandbox
from tools.cores import DEFAULT_LINES, SUPPORTED, ensure_core
from tools.pythons import find_pythons

NEWEST = DEFAULT_LINES[-1]


def core_of(line: str) -> Path:
    """Return the ansible-playbook of one line."""
    core = ensure_core(line, find_pythons())
    if core is None:
        oldest, newest = SUPPORTED[line]
        pytest.skip(f"ansible-core {line} needs Python {oldest} to {newest}, which this machine does not have")
    return core


def launch_job(
    project: ProjectEnvironment, line: str, playbook: str, more: Mapping[str, Any] | None = None, **state: Any
) -> Job:
    """Launch a job for one project, with the credentials of the project, of AWS, and of another store.

    :param state: variables of the role without their prefix: answers of the survey if it has them, or extra variables
    of the template.
    """
    variables = {
        "archive_storage_bucket": project.bucket,
        "archive_storage_endpoint": project.s3.url,
        **{f"archive_storage_{name}": value for name, value in state.items()},
        **(more or {}),
    }
    questions = jobs.questions(playbook)
    launch = Launch(
        playbook,
        {
            "vonage_video_project": {"api_key": project.key, "api_secret": project.secret, "api_url": project.api.url},
            "s3_compatible_store": {"endpoint_url": project.s3.url},
        },
        project.operator,
        answers={name: value for name, value in variables.items() if name in questions},
        more={name: value for name, value in variables.items() if name not in questions},
    )
    job = jobs.run(launch, core_of(line), project.home)
    assert not playbook_runs.find_leaks(job.content, project.secrets)
    return job


def assert_summary(project: ProjectEnvironment, job: Job, **expected: Any) -> None:
    """Assert the artifacts that the job passes to the next node of a workflow."""
    all_expected = {"project": project.key, "bucket": project.bucket, "failed": False, "check_mode": False, **expected}
    assert job.artifacts["archive_storage_summary"] == all_expected
    assert not playbook_runs.find_leaks(
        json.dumps(job.artifacts), [*project.secrets, *project.keys()] if project.exists() else project.secrets
    )


# Text that ansible-core 2.19 and later parses differently.
SURVEY: dict[str, Any] = {
    "public": "true",
    "retention_days": 30,
    "tags": "team: video\ncost: 47\n",
    "folders": "incoming\n2024-01-01",
    "cors_rules": "- allowed_origins: ['https://*.example.com']\n  allowed_methods: [GET]\n",
}


def assert_configure(project: ProjectEnvironment, line: str) -> None:
    first = launch_job(project, line, "configure", **SURVEY).ok()
    assert len(first.changed) == 3
    assert_summary(project, first, changed=True, reason="no_state_file")
    assert project.store.client().get_bucket_tagging(Bucket=project.bucket)["TagSet"]
    assert {"incoming/", "2024-01-01/"} <= set(project.objects())
    project.record_archive()
    project.clear_request_log()
    again = launch_job(project, line, "configure", **SURVEY).unchanged()
    assert_summary(project, again, changed=False, reason="unchanged")
    assert (project.writes, project.calls()) == ([], [])


def assert_verify(project: ProjectEnvironment, line: str) -> None:
    verified = launch_job(project, line, "verify", **SURVEY).unchanged()
    assert_summary(project, verified, changed=False, reason="unchanged")
    assert len(project.probes) > 0
    assert (project.calls(), project.leftover_probes()) == ([], [])
    failed = launch_job(project, line, "verify", **{**SURVEY, "retention_days": 60})
    assert failed.status == "failed"
    assert_summary(project, failed, changed=False, reason="unchanged", failed=True)


def access_keys(project: ProjectEnvironment) -> dict[str, tuple[str, str]]:
    """The user and the status of each access key of both users."""
    names = list_users(project.store) & {project.user, f"{project.user}-spare"}
    return {key: (name, status) for name in names for key, status in project.keys(name).items()}


def assert_rotate(project: ProjectEnvironment, line: str) -> None:
    """Rotate twice: each run changes the key."""
    keys = [project.target_key[0]]
    for _time in range(2):
        # The old key is deleted in the same run.
        job = launch_job(project, line, "rotate", grace_period=0, delete_after=0, **SURVEY).ok()
        assert len(job.changed) == 2
        assert_summary(project, job, changed=True, reason="forced")
        assert {key: status for key, (_user, status) in access_keys(project).items()} == {
            project.target_key[0]: "Active"
        }
        assert project.target_key[0] not in keys
        keys.append(project.target_key[0])
        project.record_archive()


def assert_recover(project: ProjectEnvironment, line: str) -> None:
    began = {"archive_recover_project": project.key, "archive_recover_archive_created": "2026-01-31T12:00:00Z"}
    user, _status = access_keys(project)[project.target_key[0]]
    project.store.iam_client().delete_access_key(UserName=user, AccessKeyId=project.target_key[0])
    job = launch_job(project, line, "recover", began, **SURVEY).ok()
    assert_summary(project, job, changed=True, reason="bad_credentials")
    project.record_archive()
    # A repeated callback of the same recording.
    again = launch_job(project, line, "recover", began, **SURVEY).unchanged()
    assert_summary(project, again, changed=False, reason="already_rotated")


def assert_teardown(project: ProjectEnvironment, line: str) -> None:
    job = launch_job(project, line, "teardown", **SURVEY).ok()
    assert job.changed != []
    assert (project.target(), access_keys(project), project.exists()) == (None, {}, True)
    launch_job(project, line, "teardown", **SURVEY).unchanged()


@pytest.mark.slow
@pytest.mark.parametrize("line", DEFAULT_LINES)
def test_jobs_of_all_playbooks_run_the_project_lifecycle(managed_project: ProjectEnvironment, line: str) -> None:
    for step in (assert_configure, assert_verify, assert_rotate, assert_recover, assert_teardown):
        step(managed_project, line)


@pytest.fixture
def fleet(e2e_sandbox: Sandbox, home: Path) -> Iterator[FleetEnvironment]:
    """Three projects in one bucket."""
    with new_fleet_environment(e2e_sandbox, home, ["one", "two", "three"], managed=True) as environment:
        yield environment


def read_inventory(fleet: FleetEnvironment, core: Path) -> dict[str, Any]:
    """Return the inventory of AWX after an update from its source, a file of the project.

    All projects have the same bucket. Other common variables are variables of the inventory.
    """
    source = playbook_runs.write_private(
        fleet.home / "fleet.vonage_projects.yml",
        (AWX / "project" / "inventories" / "fleet.vonage_projects.yml").read_text(),
    )
    quiet = {"ANSIBLE_VERBOSITY": "0", "VONAGE_VIDEO_ACCOUNT_API_URL": fleet.emulator.url}
    env = playbook_runs.environment(fleet.home, {**fleet.operator, **quiet})
    command = [str(core.with_name("ansible-inventory")), "-i", str(source), "--list"]
    inventory = json.loads(subprocess.run(command, check=True, env=env, stdout=subprocess.PIPE, text=True).stdout)
    assert not playbook_runs.find_leaks(json.dumps(inventory), fleet.secrets)
    hosts = inventory["_meta"]["hostvars"]
    # Only these projects: other tests use names of projects that look like templates.
    assert "__ansible_unsafe" not in json.dumps([hosts[project] for project in fleet.ids]), "AWX would keep it"
    for variables in hosts.values():
        assert variables["archive_storage_bucket"] == f"recordings-{variables['vonage_project_id']}"
        variables["archive_storage_bucket"] = f"{fleet.mark}-0"
    inventory["all"]["vars"] = {
        name: value
        for name, value in fleet.variables.items()
        if name in ("archive_storage_region", "archive_storage_endpoint", "archive_storage_verify_timeout")
    }
    return dict(inventory)


@pytest.mark.slow
@pytest.mark.parametrize("line", DEFAULT_LINES)
def test_fleet_job_configures_all_projects(fleet: FleetEnvironment, line: str) -> None:
    core = core_of(line)
    account = {
        "account_key": fleet.emulator.account_key,
        "account_secret": fleet.emulator.account_secret,
        "api_url": fleet.emulator.url,
    }
    launch = Launch(
        "fleet",
        {"vonage_video_account": account, "s3_compatible_store": {"endpoint_url": fleet.s3.url}},
        {"AWS_ACCESS_KEY_ID": fleet.store.access_key, "AWS_SECRET_ACCESS_KEY": fleet.store.secret_key},
        read_inventory(fleet, core),
        {"archive_fleet_projects": ", ".join(fleet.ids)},
        {"archive_fleet_report_path": f"s3://{fleet.mark}-0/reports/fleet-{{job}}.html"},
    )
    first = jobs.run(launch, core, fleet.home).ok()
    summary = first.artifacts["archive_fleet"]
    assert (summary["total"], summary["changed"], summary["failed"]) == (3, 3, 0)
    for project in fleet.ids:
        fleet.record_archive(project)
    fleet.clear_request_log()
    again = jobs.run(launch, core, fleet.home).unchanged()
    assert (again.artifacts["archive_fleet"]["changed"], fleet.puts()) == (0, [])
    objects = {line.split("?")[0].partition(f"/{fleet.mark}-0/")[2] for line in fleet.writes}
    assert objects == {"reports/fleet-1.html", "reports/fleet-1.json"}
    for job in (first, again):
        assert not playbook_runs.find_leaks(job.content, fleet.secrets)


@pytest.mark.parametrize(
    ("answer", "selected"),
    [
        ("47123456,", True),
        ("elsewhere, localhost", False),
        ("@/proc/self/environ", False),
        # Patterns and groups select projects only.
        ("all, others", True),
        ("!47123456", True),
        ("* ][", True),
    ],
)
def test_fleet_answer_with_other_hosts_selects_projects_only(home: Path, answer: str, selected: bool) -> None:
    """A limit would select other hosts, and could be the path of a file whose lines Ansible prints."""
    inventory = {
        "_meta": {"hostvars": {"47123456": {}, "elsewhere": {"ansible_connection": "local"}}},
        "vonage_projects": {"hosts": ["47123456"]},
        "others": {"hosts": ["elsewhere"]},
    }
    launch = Launch("fleet", {}, {"SECRET_OF_THE_JOB": "hunter2"}, inventory, {"archive_fleet_projects": answer})
    job = jobs.run(launch, core_of(NEWEST), home)
    assert job.status == "failed"
    assert set(job.stats["processed"]) == {"localhost", *(["47123456"] if selected else [])}
    assert ("No host of the inventory matches" in job.output) is not selected
    assert "hunter2" not in job.content


@pytest.fixture
def broadcast(e2e_sandbox: Sandbox) -> Iterator[BroadcastEnvironment]:
    """An application without config vars of the collection."""
    with HerokuEmulator() as heroku, new_broadcast_environment(e2e_sandbox, heroku) as environment:
        yield environment


@pytest.mark.slow
@pytest.mark.parametrize("line", DEFAULT_LINES)
def test_interactive_broadcast_job_configures_the_app(broadcast: BroadcastEnvironment, home: Path, line: str) -> None:
    core = core_of(line)
    launch = Launch(
        "interactive_broadcast",
        {
            "vonage_video_project": {
                "api_key": broadcast.key,
                "api_secret": broadcast.secret,
                "api_url": broadcast.vonage.url,
            },
            "heroku_api_token": {"api_token": broadcast.heroku.api_token},
            "s3_compatible_store": {"endpoint_url": broadcast.s3.url},
        },
        {"AWS_ACCESS_KEY_ID": broadcast.store.access_key, "AWS_SECRET_ACCESS_KEY": broadcast.store.secret_key},
        answers={
            "interactive_broadcast_bucket": broadcast.bucket,
            "interactive_broadcast_heroku_app": broadcast.app.name,
        },
        more={
            "interactive_broadcast_endpoint": broadcast.s3.url,
            "interactive_broadcast_heroku_api_url": broadcast.api.url,
        },
    )
    first = jobs.run(launch, core, home).ok()
    summary = first.artifacts["interactive_broadcast_summary"]
    assert (summary["project"], summary["bucket"], summary["changed"], summary["failed"]) == (
        broadcast.key,
        broadcast.bucket,
        True,
        False,
    )
    assert broadcast.config["S3_COMPOSEDVIDEO_URL"].startswith(broadcast.s3.url)
    broadcast.clear_request_log()
    again = jobs.run(launch, core, home).unchanged()
    assert again.artifacts["interactive_broadcast_summary"]["changed"] is False
    assert [request for request in broadcast.writes if PROBE not in request] == []
    for job in (first, again):
        broadcast.assert_no_secret(job.content)
        broadcast.assert_no_secret(json.dumps(job.artifacts))


def test_jobs_leave_no_file_for_the_next_job(home: Path) -> None:
    launch = Launch("verify", {"vonage_video_project": {"api_key": "47123456", "api_secret": "x"}})
    job = jobs.run(launch, core_of(NEWEST), home)
    assert job.status == "failed"
    assert "archive_storage_bucket: is not set" in job.content
    assert job.artifacts["archive_storage_summary"]["reason"] == "failed"
    assert os.listdir(home) == []
