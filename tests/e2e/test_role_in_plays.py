# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Test the role in the plays of users: defaults of the play, loops, and the argument specs."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.e2e import playbook_runs
from tests.e2e.project_environment import ProjectEnvironment

GUIDE = Path(__file__).resolve().parents[2] / "docs" / "docsite" / "rst" / "guide_getting_started.rst"
NOWHERE = "http://127.0.0.1:1"
ROLE = "vonage.archiving.archive_storage"


def write_play(home: Path, **keywords: Any) -> Path:
    play = {"name": "Test", "hosts": "localhost", "connection": "local", "gather_facts": False, **keywords}
    play["vars"] = {"ansible_python_interpreter": "{{ ansible_playbook_python }}", **keywords.get("vars", {})}
    return playbook_runs.write_private(home / "play.yml", yaml.safe_dump([play], sort_keys=False))


def test_role_ignores_module_defaults_of_play(project: ProjectEnvironment) -> None:
    """An inner group replaces an outer one, and the role sets the other defaults to nothing."""
    connection = {"endpoint_url": NOWHERE, "region": "us-west-2", "profile": "none"}
    defaults = {
        "group/vonage.archiving.aws": {**connection, "access_key": "AKIAIOSFODNN7EXAMPLE", "secret_key": "wrong"},
        "group/vonage.archiving.vonage": {"api_url": NOWHERE, "timeout": "1s", "api_key": "47000000"},
        "group/vonage.archiving.all": connection,
        "vonage.archiving.s3_archive_bucket": {"tags": {"owner": "another"}, "versioning": "enabled"},
        "vonage.archiving.vonage_archive_storage": {"retries": 0, "certificate": "not a certificate"},
    }
    run = project.run_bare(write_play(project.home, module_defaults=defaults, roles=[ROLE]), project.variables).ok()
    assert run.result["changed"]
    target = project.target()
    assert target
    assert target["config"]["bucket"] == project.bucket
    assert target["certificate"] is None
    assert project.get_bucket_config("get_bucket_tagging") is None
    assert "Status" not in project.client.get_bucket_versioning(Bucket=project.bucket)


def write_documented_loop(folder: Path) -> Path:
    """Write the files of the example in the guide."""
    for name in ("projects.yml", "project.yml"):
        match = re.search(rf"^    # {name}\n((?:(?: {{4}}.*)?\n)+)", GUIDE.read_text(), re.M)
        assert match
        text = re.sub("^    ", "", match[1], flags=re.M)
        (folder / name).write_text(text)
    return folder / "projects.yml"


@pytest.mark.parametrize("is_valid", [True, False])
def test_documented_loop_over_role_collects_each_result(
    project: ProjectEnvironment, tmp_path: Path, is_valid: bool
) -> None:
    other = project.emulator.add_project()
    projects = [{"key": key, "bucket": project.bucket} for key in (other.key, project.key)]
    vaulted = {other.key: other.secret if is_valid else "wrong", project.key: project.secret}
    shared = {name: value for name, value in project.variables.items() if not re.search("api_(key|secret)", name)}
    playbook = write_documented_loop(tmp_path)
    secrets = [other.secret, project.secret]
    run = project.run_bare(playbook, {**shared, "projects": projects, "vault_api_secrets": vaulted}, secrets=secrets)
    assert run.stats["rescued"] == (0 if is_valid else 1)
    assert bool(run.stats["failures"]) is not is_valid
    assert (project.emulator.target(other.key) is not None) is is_valid
    assert project.target() is not None
    results = run.task("Collect the result").result["ansible_facts"]["results"]
    assert {key: result["project"] for key, result in results.items()} == {key: key for key in results}
    assert set(results) == {other.key, project.key}
    assert [key for key, result in results.items() if "error" in result] == ([] if is_valid else [other.key])


@pytest.mark.parametrize("form", ["vars", "parameters"])
def test_role_with_ansible_validation_accepts_variables_and_shows_no_secret(
    project: ProjectEnvironment, form: str
) -> None:
    """Ansible validates the argument specs, and would print a value that it rejects."""
    variables = {**project.variables, "archive_storage_verify": "", "archive_storage_public": ""}
    swapped = {**variables, "archive_storage_fallback": project.secret, "archive_storage_rotate_after": project.secret}
    for given, is_valid in ((variables, True), (swapped, False)):
        role = {"role": ROLE, "vars": given} if form == "vars" else {"role": ROLE, **given}
        run = project.run_bare(write_play(project.home, roles=[role]))
        if is_valid:
            assert run.ok().result["changed"]
        else:
            assert "archive_storage_fallback: the value" in run.failed().error
