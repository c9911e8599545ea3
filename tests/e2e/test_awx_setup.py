# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The playbook awx_setup with the real modules of awx.awx, against an API that refuses what AWX refuses."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
import requests

from tests.awx import api, collection
from tests.awx.api import Awx
from tests.awx.injection import AWX, TYPES, read
from tests.e2e import runs
from tests.e2e.runs import ROOT, TREE, Run
from tools.cores import DEFAULT_LINES, SUPPORTED, ensure_core
from tools.pythons import find_pythons

PROJECT = AWX / "project"
WANTED: dict[str, Any] = {
    "archive_awx_scm_url": "https://git.example.com/archiving.git",
    "archive_awx_image": "registry.example.com/archiving:1",
    "archive_awx_storage": {
        "archive_storage_bucket": "example-recordings",
        "archive_storage_sse": "none",
        "archive_storage_public": True,
        "archive_storage_endpoint": "https://s3.example.com",
    },
    "archive_awx_fleet": {"archive_fleet_report_path": "s3://example-reports/fleet-{job}.html"},
    "archive_awx_store": True,
}
TASK_PREFIX = "Create or update the "


@pytest.fixture
def awx() -> Iterator[Awx]:
    """An AWX whose project has been updated from a copy of ours."""
    with api.running({str(path.relative_to(PROJECT)): path.read_text() for path in PROJECT.rglob("*.yml")}) as running:
        yield running


def setup(home: Path, awx: Awx | None, core: Path | None = None, args: list[str] | None = None, **changes: Any) -> Run:
    """Run the playbook."""
    env = {"ANSIBLE_COLLECTIONS_PATH": f"{TREE}{os.pathsep}{collection.ensure()}"}
    if awx:
        env |= {"CONTROLLER_HOST": awx.url, "CONTROLLER_OAUTH_TOKEN": api.TOKEN}
    given = {name: value for name, value in {**WANTED, **changes}.items() if value is not None}
    # Thirty modules, one after the other.
    with mock.patch.object(runs, "RUN_SECONDS", 280):
        run = runs.run_playbook("awx_setup", given, home, env, core, args or [])
    assert api.TOKEN not in run.output + run.told
    return run


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_everything_is_brought_about_once(awx: Awx, home: Path) -> None:
    """By the oldest ansible-core, and found by the newest as it would have made it itself."""
    oldest = ensure_core(DEFAULT_LINES[0], find_pythons())
    if oldest is None:
        pytest.skip(f"ansible-core {DEFAULT_LINES[0]} needs Python {' to '.join(SUPPORTED[DEFAULT_LINES[0]])}")
    first = setup(home, awx, oldest).ok()
    assert len(first.changed) == 9
    check_objects(awx)
    awx.written.clear()
    second = setup(home, awx).ok()
    assert (second.changed, second.stats["changed"], awx.written) == ([], 0, [])


def check_objects(awx: Awx) -> None:
    """What AWX holds then."""
    for path in TYPES.iterdir():
        shipped = read(path)
        held = awx.named("credential_types", shipped["name"])
        assert (held["inputs"], held["injectors"]) == (shipped["inputs"], shipped["injectors"])
    configure = awx.named("job_templates", "Vonage archiving: configure")
    defaults = {each["variable"]: each["default"] for each in awx.surveys[configure["id"]]["spec"]}
    assert (defaults["archive_storage_bucket"], defaults["archive_storage_sse"]) == ("example-recordings", "none")
    owned = {"archive_storage_public": True, "archive_storage_endpoint": "https://s3.example.com"}
    assert json.loads(configure["extra_vars"]) == owned
    check_permissions(awx)
    names = {each["id"]: each["name"] for each in awx.objects["credentials"]}
    attached = {names[each] for each in awx.associated[(configure["id"], "credentials")]}
    assert attached == {"Vonage archiving project", "Vonage archiving AWS", "Vonage archiving store"}
    assert all(each["inputs"] == {} for each in awx.objects["credentials"]), "a person fills them in"
    nightly = awx.named("schedules", "Vonage archiving: rotate when due")
    assert (nightly["unified_job_template"], nightly["enabled"]) == (configure["id"], True)
    nodes = {each["identifier"]: each["id"] for each in awx.objects["workflow_job_template_nodes"]}
    assert awx.associated[(nodes["configure"], "success_nodes")] == [nodes["verify"]]


def check_permissions(awx: Awx) -> None:
    """What a person with Execute gets into a job."""
    for template in awx.objects["job_templates"]:
        prompts = {name for name, value in template.items() if name.startswith("ask_") and value}
        assert prompts == {f"ask_{name}_on_launch" for name in ("job_type", "diff_mode", "verbosity")}
        assert template["timeout"] >= 1200
    [workflow] = awx.objects["workflow_job_templates"]
    assert not any(value for name, value in workflow.items() if name.startswith("ask_"))
    recover = awx.named("job_templates", "Vonage archiving: recover")
    hostile = {
        "ansible_remote_tmp": "/tmp/x;env>/tmp/y",
        "archive_storage_endpoint_url": "https://attacker.example.com",
    }
    answers = {"archive_recover_project": "47123456"}
    request = {"extra_vars": {**answers, **hostile}, "credentials": [1], "limit": "@/proc/self/environ"}
    headers = {"Authorization": f"Bearer {api.TOKEN}"}
    job = requests.post(f"{awx.url}{recover['related']['launch']}", json=request, headers=headers, timeout=10).json()
    assert job["ignored_fields"] == {"credentials": [1], "limit": "@/proc/self/environ", "extra_vars": hostile}
    assert not set(job["extra_vars"]) & set(hostile)
    assert job["extra_vars"]["archive_storage_endpoint"] == "https://s3.example.com"
    assert job["extra_vars"]["archive_recover_project"] == "47123456"


@pytest.mark.slow
def test_awx_setup_after_prompts_were_turned_on_turns_them_off(awx: Awx, home: Path) -> None:
    setup(home, awx).ok()
    recover, fleet = (awx.named("job_templates", f"Vonage archiving: {name}") for name in ("recover", "fleet"))
    recover |= {"ask_variables_on_launch": True, "ask_credential_on_launch": True, "extra_vars": "{}", "timeout": 0}
    fleet |= {"ask_limit_on_launch": True}
    [workflow] = awx.objects["workflow_job_templates"]
    workflow |= {"ask_variables_on_launch": True}
    awx.written.clear()
    setup(home, awx).ok()
    check_permissions(awx)
    changed = {each["url"] for each in (recover, fleet, workflow)}
    assert {line.removeprefix("PATCH ") for line in awx.written if line.startswith("PATCH ")} == changed


def test_a_dry_run_makes_nothing(awx: Awx, home: Path) -> None:
    run = setup(home, awx, args=["--check"])
    # The rest depends on what is not there yet.
    assert run.changed == [f"{TASK_PREFIX}credential types"]
    assert run.failed_task == f"{TASK_PREFIX}credentials, without their secrets"
    assert awx.written == []


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"archive_awx_scm_url": None}, "archive_awx_scm_url is not set"),
        ({"archive_awx_image": "", "archive_awx_scm_url": ""}, "archive_awx_scm_url, archive_awx_image are not set"),
        ({"archive_awx_storage": {"archive_storage_bukcet": "x"}}, "archive_storage_bukcet: is not a variable"),
        ({"archive_awx_storage": {"archive_storage_api_secret": "x"}}, "archive_storage_api_secret: is a secret"),
        ({"archive_awx_storage": {"archive_storage_state": "absent"}}, "archive_storage_state: cannot be set here"),
        ({"archive_awx_storage": {"archive_storage_endpoint": "s3"}}, "archive_storage_endpoint: is not a valid URL"),
        ({"archive_awx_storage": {"archive_storage_bucket": "example"}}, "does not contain archive_storage_endpoint"),
        ({"archive_awx_broadcast": {"interactive_broadcast_base_url": "x"}}, "is not a valid URL"),
        ({"archive_awx_fleet": {"archive_fleet_report": "x"}}, "archive_fleet_report: is not a variable"),
        ({"archive_awx_fleet_timeout": 10}, "a number of seconds from 300 to 86400, got 10"),
        # What YAML makes of 031700.
        ({"archive_awx_time": 13248}, "archive_awx_time: must be a time as HHMMSS, got 13248"),
    ],
)
def test_what_is_missing_or_mistyped_is_told(awx: Awx, home: Path, changes: dict[str, Any], told: str) -> None:
    run = setup(home, awx, **changes)
    assert told in run.error
    assert awx.written == []


def test_without_a_controller_or_the_collection(home: Path) -> None:
    assert "controller_host (or the environment variable CONTROLLER_HOST) is not set" in setup(home, None).error
    env = {"CONTROLLER_HOST": "https://awx.example.com"}
    run = runs.run_playbook("awx_setup", WANTED, home, env)
    assert "The collection awx.awx is not installed. Nothing was changed." in run.error


def test_the_syntax_of_what_is_included(home: Path) -> None:
    """It is not read before it is included, so --syntax-check of the playbook does not read it."""
    play = home / "play.yml"
    tasks = ROOT / "playbooks" / "tasks" / "awx_setup.yml"
    play.write_text(f"- hosts: localhost\n  tasks:\n    - ansible.builtin.import_tasks: {tasks}\n")
    env = {"ANSIBLE_COLLECTIONS_PATH": f"{TREE}{os.pathsep}{collection.ensure()}"}
    assert runs.run_playbook(play, {}, home, env, args=["--syntax-check"]).rc == 0
    assert runs.run_playbook("awx_setup", {}, home, env, args=["--syntax-check"]).rc == 0
