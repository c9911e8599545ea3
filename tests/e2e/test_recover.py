# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Test the playbook recover with projects that each have one fault, and a second run that changes nothing."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.e2e import workflow_driver
from tests.e2e.configured_project import driver_variables
from tests.e2e.playbook_runs import Run, write_private
from tests.e2e.project_environment import MANAGED_KEY, ProjectEnvironment, new_project_environment
from tests.sandbox import Sandbox

# test_eda.py tests the deletion of a key.
FAULTS = ("forbidden", "no_bucket", "drifted", "fine", "suspect", "given", "other", "bad_time")
REPAIRED = ("forbidden", "suspect")
Projects = dict[str, ProjectEnvironment]


@pytest.fixture
def projects(e2e_sandbox: Sandbox, home: Path) -> Iterator[Projects]:
    with contextlib.ExitStack() as stack:
        environments = {
            fault: stack.enter_context(
                new_project_environment(e2e_sandbox, home, None if fault == "given" else MANAGED_KEY)
            )
            for fault in FAULTS
        }
        for project in (environments[fault] for fault in FAULTS[:-2]):
            assert workflow_driver.configure(driver_variables(project)) == ["bucket", "target"]
        yield environments


def break_projects(projects: Projects) -> None:
    """Change the resources without a run of the collection."""
    iam = projects["forbidden"].store.iam_client()
    iam.delete_user_policy(UserName=projects["forbidden"].user, PolicyName="vonage-archiving")
    projects["no_bucket"].store.empty_and_delete(projects["no_bucket"].bucket)
    projects["drifted"].client.delete_bucket_lifecycle(Bucket=projects["drifted"].bucket)
    external = projects["given"]
    user = next(name for name in users_of(external) if external.uploader[0] in external.keys(name))
    iam.update_access_key(UserName=user, AccessKeyId=external.uploader[0], Status="Inactive")


def users_of(project: ProjectEnvironment) -> list[str]:
    return [user["UserName"] for user in project.store.iam_client().list_users()["Users"]]


def inventory(projects: Projects) -> dict[str, Any]:
    """Values have the types that YAML assigns to them."""
    hosts = {
        fault: {**project.variables, "archive_recover_project": int(project.key)} for fault, project in projects.items()
    }
    for host in hosts.values():
        # Do not wait for uploads that cannot succeed.
        host.update(archive_storage_drain_timeout=1, archive_storage_verify_timeout=2)
    # YAML parses the value as a timestamp.
    began = yaml.safe_load(projects["suspect"].state_file()["time"])
    hosts["suspect"].update(archive_recover_rotate="always", archive_recover_archive_created=began)
    for fault in ("suspect", "fine"):
        # Skip the verification where uploads are not tested.
        hosts[fault]["archive_storage_verify"] = "never"
    hosts["other"]["archive_recover_project"] = "47999999"
    # Hosts of the inventory of an account have no secret. The playbook fetches the secret with the account.
    fine = hosts["fine"]
    fine.update(vonage_project_id=fine.pop("archive_storage_api_key"), archive_storage_api_secret="")
    hosts["bad_time"]["archive_recover_archive_created"] = "yesterday"
    return {"all": {"hosts": hosts}}


def recover(projects: Projects, hosts: dict[str, Any], *args: str) -> dict[str, dict[str, Any]]:
    """Run the playbook, and return the fact and the message of each host."""
    any_project = projects["fine"]
    account = {
        "VONAGE_VIDEO_ACCOUNT_KEY": any_project.emulator.account_key,
        "VONAGE_VIDEO_ACCOUNT_SECRET": any_project.emulator.account_secret,
        # The ID of a project that is not in the inventory.
        "VONAGE_VIDEO_API_KEY": "47999998",
        "VONAGE_VIDEO_API_SECRET": "0123456789abcdef0123456789abcdef01234567",
    }
    path = write_private(any_project.home / "inventory.yml", yaml.safe_dump(hosts))
    secrets = [secret for project in projects.values() for secret in project.secrets] + [
        account["VONAGE_VIDEO_ACCOUNT_SECRET"]
    ]
    run = any_project.run_bare(
        "recover",
        {"archive_storage_hosts": "all:!localhost"},
        args=["-i", str(path), "-f", "5", *args],
        env=account,
        secrets=secrets,
    )
    return recovery_results(run)


def recovery_results(run: Run) -> dict[str, dict[str, Any]]:
    results: dict[str, dict[str, Any]] = {}
    for line in map(json.loads, run.events_text.splitlines()):
        if line["kind"] in ("ok", "failed"):
            host = results.setdefault(line["host"], {"error": "", "stats": {}})
            host.update(line["result"].get("ansible_facts", {}).get("archive_storage_recovery", {}))
            host["error"] = line["result"].get("msg", "") if line["kind"] == "failed" else host["error"]
            stats = line["result"].get("ansible_stats", {}).get("data", {})
            host["stats"] = stats.get("archive_storage_summary", host["stats"])
    return results


def test_recover_each_fault_is_repaired_or_reported(projects: Projects) -> None:
    break_projects(projects)
    broken = {fault: projects[fault].emulator.record_archive(projects[fault].key)["status"] for fault in REPAIRED}
    assert broken == {"forbidden": "available", "suspect": "uploaded"}
    hosts = inventory(projects)
    before = {fault: project.target() for fault, project in projects.items()}
    for project in projects.values():
        project.clear_request_log()
    results = recover(projects, hosts)
    reasons = {fault: results[fault]["reason"] for fault in FAULTS if fault != "bad_time"}
    assert reasons == {
        **dict.fromkeys(("no_bucket", "drifted", "fine", "given", "other"), "manual_repair_required"),
        "forbidden": "bad_credentials",
        "suspect": "forced_rotation",
    }
    assert {fault for fault in FAULTS if projects[fault].target() != before[fault]} == set(REPAIRED)
    for fault in REPAIRED:
        assert (results[fault]["stats"]["changed"], results[fault]["stats"]["failed"]) == (True, False)
        assert projects[fault].methods == ["PUT"]
        assert projects[fault].all_keys()[projects[fault].target_key[0]] == "Active"
        projects[fault].record_archive()
    assert_unrepaired_faults(projects, results)
    # The recording started before the target was set. A second rotation is not required.
    second = recover(projects, hosts, "--limit", "suspect")["suspect"]
    assert (second["reason"], second["changed"], second["stats"]["failed"]) == ("already_rotated", False, False)


def assert_unrepaired_faults(projects: Projects, results: dict[str, dict[str, Any]]) -> None:
    """Assert that the run changed nothing, and reports each fault with the messages of verify."""
    assert "NoSuchBucket" in results["no_bucket"]["error"]
    assert not projects["no_bucket"].exists()
    assert "Uploads arrive, but something is not as configured. Bucket: lifecycle." in results["drifted"]["error"]
    assert "the upload target was changed in the vendor's dashboard" in results["fine"]["error"]
    assert "credentials: " in results["given"]["error"]
    assert "is external (archive_storage_upload_key): a run cannot replace it" in results["given"]["error"]
    # The recording is of another project. The run sends no request.
    assert projects["other"].no_requests
    assert results["other"]["stats"] == {}
    assert "archive_recover_archive_created: must be a UTC time such as" in results["bad_time"]["error"]
    assert projects["bad_time"].no_requests
    assert results["fine"]["stats"] == {
        "project": projects["fine"].key,
        "bucket": projects["fine"].bucket,
        "changed": False,
        "reason": "manual_repair_required",
        "failed": True,
        "check_mode": False,
    }


def test_recover_unknown_project_changes_nothing(managed_project: ProjectEnvironment) -> None:
    run = managed_project.run_bare(
        "recover", {**managed_project.variables, "archive_recover_project": "47999999"}
    ).failed()
    assert "No host of this inventory is the project 47999999. Nothing was changed." in run.error
    assert managed_project.no_requests
