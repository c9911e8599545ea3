# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The project for AWX, run as AWX runs it, each job in a folder that is thrown away.

Every playbook of it, on each line of ansible-core: the form that answers arrive in differs between the lines.
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
from tests.e2e import runs
from tests.e2e.broadcast_site import BroadcastSite, broadcast_site
from tests.e2e.fleet_site import FleetSite, new_fleet
from tests.e2e.site import PROBE, Site, users
from tests.sandbox import HerokuEmulator, Sandbox
from tools.cores import DEFAULT_LINES, SUPPORTED, ensure_core
from tools.pythons import find_pythons

NEWEST = DEFAULT_LINES[-1]


def core_of(line: str) -> Path:
    """Return the ansible-playbook of one line."""
    found = ensure_core(line, find_pythons())
    if found is None:
        oldest, newest = SUPPORTED[line]
        pytest.skip(f"ansible-core {line} needs Python {oldest} to {newest}, and there is none on this machine")
    return found


def launched(site: Site, line: str, playbook: str, more: Mapping[str, Any] | None = None, **state: Any) -> Job:
    """Launch a job about one project, with its credential, that of AWS, and that of a store elsewhere.

    :param state: variables of the role: answers if the survey asks for them, else extra variables of the template.
    """
    variables = {
        "archive_storage_bucket": site.bucket,
        "archive_storage_endpoint": site.s3.url,
        **{f"archive_storage_{name}": value for name, value in state.items()},
        **(more or {}),
    }
    asked = jobs.questions(playbook)
    launch = Launch(
        playbook,
        {
            "vonage_video_project": {"api_key": site.key, "api_secret": site.secret, "api_url": site.api.url},
            "s3_compatible_store": {"endpoint_url": site.s3.url},
        },
        site.operator,
        answers={name: value for name, value in variables.items() if name in asked},
        more={name: value for name, value in variables.items() if name not in asked},
    )
    job = jobs.run(launch, core_of(line), site.home)
    assert not runs.leaks(job.left, site.secrets)
    return job


def summary(site: Site, job: Job, **expected: Any) -> None:
    """See what the job hands on to the next node of a workflow."""
    told = job.artifacts["archive_storage_summary"]
    wanted = {"project": site.key, "bucket": site.bucket, "failed": False, "check_mode": False, **expected}
    assert told == wanted
    assert not runs.leaks(json.dumps(job.artifacts), [*site.secrets, *site.keys()] if site.exists() else site.secrets)


# Answers that ansible-core 2.19 and later makes something else of.
ANSWERS: dict[str, Any] = {
    "public": "true",
    "retention_days": 30,
    "tags": "team: video\ncost: 47\n",
    "folders": "incoming\n2024-01-01",
    "cors_rules": "- allowed_origins: ['https://*.example.com']\n  allowed_methods: [GET]\n",
}


def configured(site: Site, line: str) -> None:
    first = launched(site, line, "configure", **ANSWERS).ok()
    assert len(first.changed) == 3
    summary(site, first, changed=True, reason="unknown")
    assert site.store.client().get_bucket_tagging(Bucket=site.bucket)["TagSet"]
    assert {"incoming/", "2024-01-01/"} <= set(site.objects())
    site.uploaded()
    site.forget()
    again = launched(site, line, "configure", **ANSWERS).unchanged()
    summary(site, again, changed=False, reason="unchanged")
    assert (site.written, site.calls()) == ([], [])


def verified(site: Site, line: str) -> None:
    found = launched(site, line, "verify", **ANSWERS).unchanged()
    summary(site, found, changed=False, reason="unchanged")
    assert len(site.probes) > 0
    assert (site.calls(), site.left_probes()) == ([], [])
    failed = launched(site, line, "verify", **{**ANSWERS, "retention_days": 60})
    assert failed.status == "failed"
    summary(site, failed, changed=False, reason="unchanged", failed=True)


def access_keys(site: Site) -> dict[str, tuple[str, str]]:
    """The access keys of the uploader, which has up to two users, each with its user and status."""
    names = users(site.store) & {site.user, f"{site.user}-spare"}
    return {key: (name, status) for name in names for key, status in site.keys(name).items()}


def rotated(site: Site, line: str) -> None:
    """Rotate twice: it changes something in every run, for that is what it is for."""
    keys = [site.held_key[0]]
    for _time in range(2):
        # The old key is deleted immediately.
        job = launched(site, line, "rotate", grace_period=0, delete_after=0, **ANSWERS).ok()
        assert len(job.changed) == 2
        summary(site, job, changed=True, reason="forced")
        assert {key: status for key, (_user, status) in access_keys(site).items()} == {site.held_key[0]: "Active"}
        assert site.held_key[0] not in keys
        keys.append(site.held_key[0])
        site.uploaded()


def recovered(site: Site, line: str) -> None:
    began = {"archive_recover_project": site.key, "archive_recover_archive_created": "2026-01-31T12:00:00Z"}
    user, _status = access_keys(site)[site.held_key[0]]
    site.store.iam_client().delete_access_key(UserName=user, AccessKeyId=site.held_key[0])
    job = launched(site, line, "recover", began, **ANSWERS).ok()
    summary(site, job, changed=True, reason="bad_credentials")
    site.uploaded()
    # What is told again of the same recording.
    again = launched(site, line, "recover", began, **ANSWERS).unchanged()
    summary(site, again, changed=False, reason="already_rotated")


def torn_down(site: Site, line: str) -> None:
    gone = launched(site, line, "teardown", **ANSWERS).ok()
    assert gone.changed != []
    assert (site.target(), access_keys(site), site.exists()) == (None, {}, True)
    launched(site, line, "teardown", **ANSWERS).unchanged()


@pytest.mark.slow
@pytest.mark.parametrize("line", DEFAULT_LINES)
def test_the_life_of_a_project(managed: Site, line: str) -> None:
    for step in (configured, verified, rotated, recovered, torn_down):
        step(managed, line)


@pytest.fixture
def fleet(e2e_sandbox: Sandbox, home: Path) -> Iterator[FleetSite]:
    """Three projects in one bucket."""
    with new_fleet(e2e_sandbox, home, ["one", "two", "three"], managed=True) as made:
        yield made


def synchronised(fleet: FleetSite, core: Path) -> dict[str, Any]:
    """Return the inventory as AWX has it after an update of its source, a file of the project.

    The bucket is one for all here; what else all projects have in common are variables of the inventory.
    """
    source = runs.write_private(
        fleet.home / "fleet.vonage_projects.yml",
        (AWX / "project" / "inventories" / "fleet.vonage_projects.yml").read_text(),
    )
    quiet = {"ANSIBLE_VERBOSITY": "0", "VONAGE_VIDEO_ACCOUNT_API_URL": fleet.emulator.url}
    env = runs.environment(fleet.home, {**fleet.operator, **quiet})
    command = [str(core.with_name("ansible-inventory")), "-i", str(source), "--list"]
    found = json.loads(subprocess.run(command, check=True, env=env, stdout=subprocess.PIPE, text=True).stdout)
    assert not runs.leaks(json.dumps(found), fleet.secrets)
    hosts = found["_meta"]["hostvars"]
    # Of these only: other tests call projects what no text of a template is told from.
    assert "__ansible_unsafe" not in json.dumps([hosts[project] for project in fleet.ids]), "AWX would keep it"
    for variables in hosts.values():
        assert variables["archive_storage_bucket"] == f"recordings-{variables['vonage_project_id']}"
        variables["archive_storage_bucket"] = f"{fleet.mark}-0"
    found["all"]["vars"] = {
        name: value
        for name, value in fleet.variables.items()
        if name in ("archive_storage_region", "archive_storage_endpoint", "archive_storage_verify_timeout")
    }
    return dict(found)


@pytest.mark.slow
@pytest.mark.parametrize("line", DEFAULT_LINES)
def test_a_fleet(fleet: FleetSite, line: str) -> None:
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
        synchronised(fleet, core),
        {"archive_fleet_projects": ", ".join(fleet.ids)},
        {"archive_fleet_report_path": f"s3://{fleet.mark}-0/reports/fleet-{{job}}.html"},
    )
    first = jobs.run(launch, core, fleet.home).ok()
    told = first.artifacts["archive_fleet"]
    assert (told["total"], told["changed"], told["failed"]) == (3, 3, 0)
    for project in fleet.ids:
        fleet.uploaded(project)
    fleet.forget()
    again = jobs.run(launch, core, fleet.home).unchanged()
    assert (again.artifacts["archive_fleet"]["changed"], fleet.puts()) == (0, [])
    written = {line.split("?")[0].partition(f"/{fleet.mark}-0/")[2] for line in fleet.written}
    assert written == {"reports/fleet-1.html", "reports/fleet-1.json"}
    for job in (first, again):
        assert not runs.leaks(job.left, fleet.secrets)


@pytest.mark.parametrize(
    ("answer", "selected"),
    [
        ("47123456,", True),
        ("elsewhere, localhost", False),
        ("@/proc/self/environ", False),
        # Patterns and groups do not reach beyond the projects.
        ("all, others", True),
        ("!47123456", True),
        ("* ][", True),
    ],
)
def test_fleet_answer_that_names_other_hosts_does_not_reach_them(home: Path, answer: str, selected: bool) -> None:
    """A limit would. It could also name a file, whose lines Ansible shows."""
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
    assert "hunter2" not in job.left


@pytest.fixture
def broadcast(e2e_sandbox: Sandbox) -> Iterator[BroadcastSite]:
    """An application that has nothing yet."""
    with HerokuEmulator() as heroku, broadcast_site(e2e_sandbox, heroku) as made:
        yield made


@pytest.mark.slow
@pytest.mark.parametrize("line", DEFAULT_LINES)
def test_interactive_broadcast(broadcast: BroadcastSite, home: Path, line: str) -> None:
    site, core = broadcast, core_of(line)
    launch = Launch(
        "interactive_broadcast",
        {
            "vonage_video_project": {"api_key": site.key, "api_secret": site.secret, "api_url": site.vonage.url},
            "heroku_api_token": {"api_token": site.heroku.api_token},
            "s3_compatible_store": {"endpoint_url": site.s3.url},
        },
        {"AWS_ACCESS_KEY_ID": site.store.access_key, "AWS_SECRET_ACCESS_KEY": site.store.secret_key},
        answers={
            "interactive_broadcast_bucket": site.bucket,
            "interactive_broadcast_heroku_app": site.app.name,
        },
        more={
            "interactive_broadcast_endpoint": site.s3.url,
            "interactive_broadcast_heroku_api_url": site.api.url,
        },
    )
    first = jobs.run(launch, core, home).ok()
    told = first.artifacts["interactive_broadcast_summary"]
    assert (told["project"], told["bucket"], told["changed"], told["failed"]) == (site.key, site.bucket, True, False)
    assert site.config["S3_COMPOSEDVIDEO_URL"].startswith(site.s3.url)
    site.clear_log()
    again = jobs.run(launch, core, home).unchanged()
    assert again.artifacts["interactive_broadcast_summary"]["changed"] is False
    assert [each for each in site.writes if PROBE not in each] == []
    for job in (first, again):
        site.assert_no_secret(job.left)
        site.assert_no_secret(json.dumps(job.artifacts))


def test_nothing_of_a_job_is_found_by_the_next(home: Path) -> None:
    """Else a second run would show nothing."""
    launch = Launch("verify", {"vonage_video_project": {"api_key": "47123456", "api_secret": "x"}})
    job = jobs.run(launch, core_of(NEWEST), home)
    assert job.status == "failed"
    assert "archive_storage_bucket is not set" in job.left
    assert job.artifacts["archive_storage_summary"]["reason"] == "failed"
    assert os.listdir(home) == []
