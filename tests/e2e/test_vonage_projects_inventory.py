# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The inventory plugin ``vonage_projects`` in runs of ansible-inventory and ansible-playbook."""

from __future__ import annotations

import json
import secrets
import subprocess
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e import playbook_runs
from tests.e2e.account_environment import AccountEnvironment, new_account_environment
from tests.sandbox import Sandbox
from tests.sandbox.vonage.state import Archive
from tools.cores import DEFAULT_LINES, ensure_core
from tools.pythons import find_pythons


@pytest.fixture
def account(e2e_sandbox: Sandbox) -> Iterator[AccountEnvironment]:
    with new_account_environment(e2e_sandbox.vonage) as account:
        yield account


INVENTORY = """
plugin: vonage.archiving.vonage_projects
names: ["{mark}*"]
hostname: name
cache: true
cache_plugin: ansible.builtin.jsonfile
cache_connection: {home}/cache
compose:
  archive_storage_api_key: vonage_project_id
groups:
  taught: "'lessons' in vonage_project_name"
keyed_groups:
  - key: vonage_project_name.split('-') | last
    prefix: kind
"""


def write_inventory(account: AccountEnvironment, home: Path, more: str = "") -> Path:
    """Write an inventory file."""
    path = home / "fleet.vonage_projects.yml"
    path.write_text(INVENTORY.format(mark=account.mark, home=home) + more)
    return path


def list_inventory(
    path: Path, home: Path, environ: dict[str, str], core: Path = playbook_runs.ANSIBLE_PLAYBOOK
) -> tuple[str, Any]:
    """Run ansible-inventory --list, and return its output and the parsed inventory, ``None`` after a failure."""
    command = [str(core.with_name("ansible-inventory")), "-i", str(path), "--list", "-vvv"]
    unparsed = {"ANSIBLE_INVENTORY_UNPARSED_FAILED": "True", "ANSIBLE_VERBOSITY": "0"}
    env = playbook_runs.environment(home, {**environ, **unparsed})
    run = subprocess.run(command, env=env, cwd=home, capture_output=True, text=True, check=False, timeout=60)
    text = run.stdout + run.stderr
    return text, json.loads(run.stdout[run.stdout.index("\n{") :]) if run.returncode == 0 else None


def hostvars(inventory: Any, name: str) -> dict[str, Any]:
    """The variables of a host; later releases of ansible-core mark untrusted texts in this output."""
    variables = inventory["_meta"]["hostvars"][name]
    return {
        variable: value["__ansible_unsafe"] if isinstance(value, dict) and "__ansible_unsafe" in value else value
        for variable, value in variables.items()
    }


@pytest.mark.parametrize("line", DEFAULT_LINES)
def test_inventory_each_ansible_core_returns_hosts_and_groups(
    account: AccountEnvironment, home: Path, line: str
) -> None:
    core = ensure_core(line, find_pythons())
    if core is None:
        pytest.skip(f"no Python of this machine runs ansible-core {line}")
    path = write_inventory(account, home)
    text, inventory = list_inventory(path, home, account.environ, core)
    lessons, template = f"{account.mark}-lessons", f"{account.mark}-6-7"
    assert sorted(inventory["vonage_projects"]["hosts"]) == sorted([lessons, template]), text
    for group in ("vonage_status_active", "vonage_environment_standard"):
        assert sorted(inventory[group]["hosts"]) == sorted([lessons, template])
    assert inventory["taught"]["hosts"] == inventory["kind_lessons"]["hosts"] == [lessons]
    variables = hostvars(inventory, lessons)
    created = variables.pop("vonage_project_created")
    assert created.startswith("20")
    assert variables == {
        "ansible_connection": "local",
        "ansible_python_interpreter": "{{ ansible_playbook_python }}",
        "archive_storage_api_key": account.projects[0].key,
        "vonage_project_id": account.projects[0].key,
        "vonage_project_name": lessons,
        "vonage_project_status": "ACTIVE",
        "vonage_project_environment": "standard",
    }
    assert hostvars(inventory, template)["vonage_project_name"] == f"{account.mark}-{{{{ 6 * 7 }}}}"
    (cached,) = (home / "cache").iterdir()
    assert account.mark in cached.read_text()
    assert not playbook_runs.find_leaks(text + cached.read_text(), account.secrets)
    assert account.calls() == ["GET /v2/project 200"]


def test_inventory_project_with_the_name_of_a_group_gets_another_name(account: AccountEnvironment, home: Path) -> None:
    """Ansible uses such a name for the host: a play for the group would run for this project only."""
    reserved = [account.emulator.add_project(name) for name in ("all", "vonage_projects")]
    path = home / "fleet.vonage_projects.yml"
    names = json.dumps([f"{account.mark}-lessons", "all", "vonage_projects"])
    path.write_text(
        f"plugin: vonage.archiving.vonage_projects\nhostname: name\nnames: {names}\n"
        "compose: {bucket: vonage_project_id}\n"
        "groups: {sure: true}\nkeyed_groups: [{key: vonage_project_name, separator: ''}]\n"
    )
    try:
        inventory = list_inventory(path, home, account.environ)[1]
    finally:
        with account.emulator.state.lock:
            for project in reserved:
                del account.emulator.state.projects[project.key]
    expected = {f"{project.name}-{project.key}": project.key for project in reserved}
    expected[f"{account.mark}-lessons"] = account.projects[0].key
    assert set(inventory["vonage_projects"]["hosts"]) == set(inventory["sure"]["hosts"]) == set(expected)
    variables = {name: hostvars(inventory, name) for name in expected}
    assert {name: host["vonage_project_id"] for name, host in variables.items()} == expected
    assert {name: host["bucket"] for name, host in variables.items()} == expected


def test_inventory_cache_is_used_only_for_its_account(account: AccountEnvironment, home: Path) -> None:
    path = write_inventory(account, home)
    first = list_inventory(path, home, account.environ)[1]
    assert list_inventory(write_inventory(account, home, "status: [SUSPENDED]"), home, account.environ)[1][
        "vonage_projects"
    ] == {"hosts": [f"{account.mark}-broadcast"]}
    assert account.calls() == ["GET /v2/project 200"]
    assert sorted(first["_meta"]["hostvars"]) == sorted([f"{account.mark}-lessons", f"{account.mark}-6-7"])
    other = {**account.environ, "VONAGE_VIDEO_ACCOUNT_KEY": "1", "VONAGE_VIDEO_ACCOUNT_SECRET": secrets.token_hex(20)}
    text, inventory = list_inventory(path, home, other)
    assert inventory is None
    assert "Could not list the projects of account 1" in text
    assert not playbook_runs.find_leaks(text, [*account.secrets, other["VONAGE_VIDEO_ACCOUNT_SECRET"]])
    assert account.calls() == ["GET /v2/project 200", "GET /v2/project 403"]


def test_inventory_invalid_options_are_reported_without_secrets(account: AccountEnvironment, home: Path) -> None:
    """A secret as the key, and a template for the secret."""
    misplaced = secrets.token_hex(20)
    more = f"account_key: {misplaced}\naccount_secret: \"{{{{ lookup('env', 'ELSEWHERE') }}}}\"\napi_url: ''\n"
    text, inventory = list_inventory(write_inventory(account, home, more), home, {"ELSEWHERE": misplaced})
    assert inventory is None
    assert "account_key: is 40 hexadecimal digits, the form of a secret" in text
    assert misplaced not in text
    assert account.calls() == []


def test_inventory_error_contains_no_password_of_the_proxy(account: AccountEnvironment, home: Path) -> None:
    """Libraries parse the text between colon and slash as the port, and quote it."""
    secret = secrets.token_hex(8)
    proxy = {"HTTP_PROXY": f"http://somebody:{secret}/more@proxy.example.com:3128", "NO_PROXY": "", "no_proxy": ""}
    text, inventory = list_inventory(write_inventory(account, home, ""), home, {**account.environ, **proxy})
    assert inventory is None
    assert "Could not list the projects of account" in text
    assert secret not in text


PLAY = """
- hosts: vonage_projects
  gather_facts: false
  tasks:
    - name: List all projects
      vonage.archiving.vonage_project_info:
        names: ["{{ mark }}*"]
      run_once: true
    - name: Get the secret of this project
      vonage.archiving.vonage_project_info:
        ids: ["{{ vonage_project_id }}"]
        include_secrets: true
      register: owned
      no_log: true
    - name: List the archives
      vonage.archiving.vonage_archive_info:
        api_key: "{{ vonage_project_id }}"
        api_secret: "{{ owned.projects[0].secret }}"
        api_url: "{{ owned.api_url }}"
    - name: Use a wrong secret
      vonage.archiving.vonage_project_info:
        account_secret: "{{ wrong }}"
      ignore_errors: true
      run_once: true
    - name: Misplace secrets
      vonage.archiving.vonage_project_info:
        account_key: "{{ wrong }}"
        ids: ["{{ owned.projects[0].secret }}"]
      ignore_errors: true
      run_once: true
"""


def test_play_over_the_inventory_prints_no_secret(account: AccountEnvironment, home: Path) -> None:
    """With -vvv, which prints the options and the result of each task."""
    play = home / "play.yml"
    play.write_text(PLAY)
    variables = {"mark": account.mark, "wrong": secrets.token_hex(20)}
    with account.emulator.state.lock:
        now = int(time.time() * 1000)
        account.projects[0].archives.append(Archive(str(uuid.uuid4()), "1_s", "lesson", now, "available", 7, 60))
    inventory = write_inventory(account, home)
    run = playbook_runs.run_playbook(play, variables, home, account.environ, args=["-i", str(inventory)]).ok()
    all_secrets = [*account.secrets, variables["wrong"]]
    assert not playbook_runs.find_leaks(run.output, all_secrets)
    assert not playbook_runs.find_leaks(run.events_text, all_secrets)
    assert "/_sandbox/download/" not in run.output  # The URL of the available archive.
    projects = run.task("List all projects").result["projects"]
    assert sorted(project["id"] for project in projects) == sorted(project.key for project in account.projects)
    recordings = [event.result for event in run.events if event.task == "List the archives"]
    in_cloud = {result["project"]: result["health"]["in_cloud"]["count"] for result in recordings}
    assert in_cloud == {account.projects[0].key: 1, account.projects[2].key: 0}
    assert run.task("Use a wrong secret").result["error"]["kind"] == "denied"
    assert len(run.task("Misplace secrets").result["error"]["problems"]) == 2
