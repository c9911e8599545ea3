# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Wrong credentials of a project, and what a teardown deletes: playbooks with ansible-playbook."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.project_environment import MANAGED_KEY, ProjectEnvironment, new_project_environment
from tests.e2e.test_role_managed import configure, users
from tests.sandbox import Sandbox

WRONG_SECRET = "0" * 40
WITHOUT_API: dict[str, Any] = {"allow": "teardown_without_api"}


def rules(project: ProjectEnvironment) -> list[str]:
    """The IDs of the lifecycle rules."""
    config = project.get_bucket_config("get_bucket_lifecycle_configuration")
    return sorted(rule["ID"] for rule in (config or {}).get("Rules", []))


def policy(project: ProjectEnvironment) -> str:
    config = project.get_bucket_config("get_bucket_policy")
    return str((config or {}).get("Policy", ""))


def warnings(run: Any) -> str:
    return " ".join(run.output.split())


@pytest.mark.parametrize("direct", [True, False], ids=["direct", "module process"])
def test_configure_first_run_with_wrong_secret_writes_nothing(
    managed_project: ProjectEnvironment, direct: bool
) -> None:
    project = managed_project
    env = {"VONAGE_ARCHIVING_DIRECT": str(direct).lower()}
    for args in (["--check"], []):
        project.clear_request_log()
        run = project.run("configure", args=args, env=env, api_secret=WRONG_SECRET).failed()
        assert run.failed_task == "Create or update the bucket"
        assert run.error.startswith(f"Could not check the credentials of project {project.key}: ")
        assert f"archive_storage_api_secret does not belong to archive_storage_api_key {project.key}" in run.error
        assert run.error.endswith("Nothing was changed.")
        assert (project.writes, project.calls(), len(project.preflights())) == ([], [], 1)
    assert (project.exists(), users(project), project.target()) == (False, [], None)


def test_configure_with_key_that_yaml_reads_as_another_number_writes_nothing(
    managed_project: ProjectEnvironment,
) -> None:
    """YAML 1.1 reads an unquoted 0123 as 83."""
    project = managed_project
    run = project.run("configure", api_key=83).failed()
    assert "Could not check the credentials of project 83: " in run.error
    assert (project.writes, project.exists()) == ([], False)


def test_steady_run_with_wrong_secret_fails_and_with_the_correct_one_sends_no_request(
    managed_project: ProjectEnvironment,
) -> None:
    project = managed_project
    configure(project)
    project.clear_request_log()
    for playbook, args in (("configure", []), ("configure", ["--check"]), ("verify", [])):
        run = project.run(playbook, args=args, api_secret=WRONG_SECRET).failed()
        assert f"Could not check the credentials of project {project.key}: " in run.error
        assert run.error.endswith(" Nothing was changed.")
    assert (project.writes, project.calls(), len(project.preflights())) == ([], [], 3)
    project.assert_idempotent()
    # A change of the bucket needs no request either.
    project.clear_request_log()
    project.configure(tags={"team": "video"})
    assert (project.calls(), project.preflights()) == ([], [])
    # The option decides.
    project.configure(tags={"team": "video"}, preflight="always")
    assert len(project.preflights()) == 1
    project.configure(tags={"team": "video"}, preflight="never", api_secret=WRONG_SECRET)
    assert len(project.preflights()) == 1


def test_change_of_the_bucket_with_wrong_secret_writes_nothing(managed_project: ProjectEnvironment) -> None:
    project = managed_project
    configure(project)
    project.clear_request_log()
    run = project.run("configure", api_secret=WRONG_SECRET, retention_days=30).failed()
    assert run.failed_task == "Create or update the bucket"
    assert project.writes == []


def test_teardown_without_api_deletes_everything_else(managed_project: ProjectEnvironment) -> None:
    project = managed_project
    configure(project)
    target, state_file = project.target(), project.state_file()
    project.clear_request_log()
    for args in (["--check"], []):
        refused = project.run("teardown", args=args, api_secret=WRONG_SECRET).failed()
        assert "add teardown_without_api to archive_storage_allow." in refused.error
    assert (project.state_file(), users(project)) == (state_file, [project.user])
    assert rules(project) == [f"vonage-archiving-{project.key}"]
    run = project.run("teardown", api_secret=WRONG_SECRET, **WITHOUT_API).ok()
    assert f"The upload target of project {project.key} may still exist" in warnings(run)
    assert run.result["state_file"]["reason"].startswith("the upload target may still exist: ")
    assert run.result["bucket_changes"] == ["lifecycle"]
    assert (users(project), rules(project), project.objects()) == ([], [], [])
    # The target is still there, and a teardown with the correct secret deletes it.
    assert project.target() == target
    second = project.run("teardown").ok()
    assert (second.result["reason"], project.target()) == ("no_state_file", None)


def test_teardown_keeps_recordings_and_reports_a_public_prefix(managed_project: ProjectEnvironment) -> None:
    project = managed_project
    project.configure(public=True, retention_days=90)
    assert rules(project) == [f"vonage-archiving-{project.key}"]
    reported = project.run("teardown").ok()
    assert f"Recordings of project {project.key} in bucket {project.bucket} stay public." in warnings(reported)
    assert reported.result["bucket"]["public_prefixes"] == [project.key]
    assert (rules(project), project.key in policy(project)) == ([], True)
    closed = project.run("teardown", public=False).ok()
    assert "stay public" not in closed.output
    assert closed.result["bucket"]["public_prefixes"] == []
    assert "VonageArchivingPublicRead" not in policy(project)
    project.clear_request_log()
    again = project.run("teardown", public=False).ok()
    assert (again.changed, project.writes) == ([], [])
    # Nothing is created for a bucket that does not exist.
    project.store.empty_and_delete(project.bucket)
    missing = project.run("teardown").ok()
    assert missing.result["bucket"] == {"name": project.bucket, "exists": False}
    assert not project.exists()


@pytest.fixture
def kms_project(home: Path) -> Iterator[ProjectEnvironment]:
    """A project whose bucket has a default encryption with KMS. SeaweedFS has no KMS."""
    with Sandbox(stores=("moto-iam",)) as sandbox, new_project_environment(sandbox, home, MANAGED_KEY) as project:
        project.client.create_bucket(Bucket=project.bucket)
        rule = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms"}}
        project.client.put_bucket_encryption(Bucket=project.bucket, ServerSideEncryptionConfiguration={"Rules": [rule]})
        project.clear_request_log()
        yield project


def default_algorithm(project: ProjectEnvironment) -> str:
    config = project.client.get_bucket_encryption(Bucket=project.bucket)["ServerSideEncryptionConfiguration"]
    return str(config["Rules"][0]["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"])


def test_configure_keeps_a_default_encryption_with_kms_unless_uploads_use_it(kms_project: ProjectEnvironment) -> None:
    project = kms_project
    refused = project.run("configure", sse="none").failed()
    assert "its default encryption is aws:kms, which applies to every upload that does not request" in refused.error
    assert "archive_storage_sse=s3" in refused.error
    assert (project.writes, project.calls()) == ([], [])
    run = project.configure()
    assert default_algorithm(project) == "aws:kms"
    assert "encryption" not in run.result["bucket_changes"]
    assert run.result["bucket"]["encryption"] == "aws:kms"
    checks = {check["name"]: check for check in run.result["checks"]}
    assert checks["stored_encryption"]["ok"]
    assert "AES256" in checks["stored_encryption"]["detail"]
    project.assert_idempotent()
