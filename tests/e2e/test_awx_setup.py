# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The playbook awx_setup with the modules of awx.awx, and an API that rejects the same requests as AWX."""

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
from tests.e2e import playbook_runs
from tests.e2e.playbook_runs import ROOT, TREE, Run
from tools.cores import DEFAULT_LINES, SUPPORTED, ensure_core
from tools.pythons import find_pythons

PROJECT = AWX / "project"
VARIABLES: dict[str, Any] = {
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
    """An AWX whose project has a copy of the project of the collection."""
    with api.running({str(path.relative_to(PROJECT)): path.read_text() for path in PROJECT.rglob("*.yml")}) as server:
        yield server


def setup(home: Path, awx: Awx | None, core: Path | None = None, args: list[str] | None = None, **changes: Any) -> Run:
    env = {"ANSIBLE_COLLECTIONS_PATH": f"{TREE}{os.pathsep}{collection.ensure()}"}
    if awx:
        env |= {"CONTROLLER_HOST": awx.url, "CONTROLLER_OAUTH_TOKEN": api.TOKEN}
    variables = {name: value for name, value in {**VARIABLES, **changes}.items() if value is not None}
    # Thirty modules run sequentially.
    with mock.patch.object(playbook_runs, "RUN_SECONDS", 280):
        run = playbook_runs.run_playbook("awx_setup", variables, home, env, core, args or [])
    assert api.TOKEN not in run.output + run.events_text
    return run


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_awx_setup_creates_all_objects_and_is_idempotent(awx: Awx, home: Path) -> None:
    """The oldest ansible-core creates the objects, and the newest one does not change them."""
    oldest = ensure_core(DEFAULT_LINES[0], find_pythons())
    if oldest is None:
        pytest.skip(f"ansible-core {DEFAULT_LINES[0]} needs Python {' to '.join(SUPPORTED[DEFAULT_LINES[0]])}")
    first = setup(home, awx, oldest).ok()
    assert len(first.changed) == 9
    assert_objects(awx)
    awx.written.clear()
    second = setup(home, awx).ok()
    assert (second.changed, second.stats["changed"], awx.written) == ([], 0, [])


def assert_objects(awx: Awx) -> None:
    for path in TYPES.iterdir():
        shipped = read(path)
        current = awx.named("credential_types", shipped["name"])
        assert (current["inputs"], current["injectors"]) == (shipped["inputs"], shipped["injectors"])
    configure = awx.named("job_templates", "Vonage archiving: configure")
    defaults = {question["variable"]: question["default"] for question in awx.surveys[configure["id"]]["spec"]}
    assert (defaults["archive_storage_bucket"], defaults["archive_storage_sse"]) == ("example-recordings", "none")
    fixed = {"archive_storage_public": True, "archive_storage_endpoint": "https://s3.example.com"}
    assert json.loads(configure["extra_vars"]) == fixed
    assert_permissions(awx)
    names = {credential["id"]: credential["name"] for credential in awx.objects["credentials"]}
    attached = {names[number] for number in awx.associated[(configure["id"], "credentials")]}
    assert attached == {"Vonage archiving project", "Vonage archiving AWS", "Vonage archiving store"}
    assert all(credential["inputs"] == {} for credential in awx.objects["credentials"]), "the user sets the secrets"
    nightly = awx.named("schedules", "Vonage archiving: rotate when due")
    assert (nightly["unified_job_template"], nightly["enabled"]) == (configure["id"], True)
    nodes = {node["identifier"]: node["id"] for node in awx.objects["workflow_job_template_nodes"]}
    assert awx.associated[(nodes["configure"], "success_nodes")] == [nodes["verify"]]


def assert_permissions(awx: Awx) -> None:
    """Assert the values that a user with the role Execute can pass to a job."""
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
    assert_permissions(awx)
    changed = {template["url"] for template in (recover, fleet, workflow)}
    assert {line.removeprefix("PATCH ") for line in awx.written if line.startswith("PATCH ")} == changed


def test_awx_setup_check_mode_creates_nothing(awx: Awx, home: Path) -> None:
    run = setup(home, awx, args=["--check"])
    # The next tasks need the credential types.
    assert run.changed == [f"{TASK_PREFIX}credential types"]
    assert run.failed_task == f"{TASK_PREFIX}credentials, without their secrets"
    assert awx.written == []


@pytest.mark.parametrize(
    ("changes", "message"),
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
        # YAML parses 031700 as this number.
        ({"archive_awx_time": 13248}, "archive_awx_time: must be a time as HHMMSS, got 13248"),
    ],
)
def test_awx_setup_missing_or_invalid_variable_fails_without_changes(
    awx: Awx, home: Path, changes: dict[str, Any], message: str
) -> None:
    run = setup(home, awx, **changes)
    assert message in run.error
    assert awx.written == []


def test_awx_setup_without_controller_or_collection_fails(home: Path) -> None:
    assert "controller_host (or the environment variable CONTROLLER_HOST) is not set" in setup(home, None).error
    env = {"CONTROLLER_HOST": "https://awx.example.com"}
    run = playbook_runs.run_playbook("awx_setup", VARIABLES, home, env)
    assert "The collection awx.awx is not installed. Nothing was changed." in run.error


def test_awx_setup_included_tasks_have_valid_syntax(home: Path) -> None:
    """--syntax-check of the playbook does not read files that are included at run time."""
    play = home / "play.yml"
    tasks = ROOT / "playbooks" / "tasks" / "awx_setup.yml"
    play.write_text(f"- hosts: localhost\n  tasks:\n    - ansible.builtin.import_tasks: {tasks}\n")
    env = {"ANSIBLE_COLLECTIONS_PATH": f"{TREE}{os.pathsep}{collection.ensure()}"}
    assert playbook_runs.run_playbook(play, {}, home, env, args=["--syntax-check"]).rc == 0
    assert playbook_runs.run_playbook("awx_setup", {}, home, env, args=["--syntax-check"]).rc == 0
