# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A user with Execute on a template can only set values of its survey."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.awx import rules
from tests.awx.injection import AWX, read
from tests.awx.objects import STATE, Objects, resolve

OWNED: dict[str, Any] = {
    **STATE,
    "archive_storage_endpoint": "https://s3.example.com",
    "archive_storage_retention_days": 365,
}
BROADCAST = {"interactive_broadcast_bucket": "broadcasts", "interactive_broadcast_endpoint": "https://s3.example.com"}
FLEET = {"archive_fleet_report_path": "s3://reports/fleet.html", "archive_fleet_archives": 5}
TEMPLATES = ("configure", "verify", "rotate", "recover", "fleet", "interactive_broadcast")
# Each value exposes the credentials of the job to the user who launches it, or overrides a value of the owner.
HOSTILE: dict[str, Any] = {
    "ansible_remote_tmp": "/tmp/x;env>/tmp/y;echo /tmp/x",
    "ansible_connection": "ssh",
    "ansible_ssh_common_args": "-o ProxyCommand=env",
    "ansible_python_interpreter": "/tmp/x",
    "archive_storage_api_url": "https://attacker.example.com",
    "archive_storage_endpoint_url": "https://attacker.example.com",
    "archive_storage_iam_endpoint_url": "https://attacker.example.com",
    "archive_storage_endpoint": "https://attacker.example.com",
    "archive_storage_public": "true",
    "archive_storage_retention_days": 1,
    "archive_storage_allow": ["shorter_retention"],
    "archive_storage_hosts": "all",
    "archive_storage_state": "absent",
    "archive_fleet_report_path": "s3://any-bucket/any-key.html",
    "interactive_broadcast_endpoint": "https://attacker.example.com",
    "interactive_broadcast_base_url": "https://attacker.example.com",
    "interactive_broadcast_heroku_api_url": "https://attacker.example.com",
}
PROMPTED: dict[str, Any] = {
    "credentials": [1],
    "diff_mode": True,
    "execution_environment": 1,
    "forks": 1,
    "instance_groups": [1],
    "inventory": 1,
    "job_slice_count": 2,
    "job_tags": "x",
    "job_type": "check",
    "labels": [1],
    "limit": "@/proc/self/environ",
    "scm_branch": "mine",
    "skip_tags": "x",
    "timeout": 0,
    "verbosity": 4,
}


@pytest.fixture(scope="module")
def objects(tmp_path_factory: pytest.TempPathFactory) -> Objects:
    folder = tmp_path_factory.mktemp("objects")
    return resolve(folder, OWNED, archive_awx_broadcast=BROADCAST, archive_awx_fleet=FLEET)


def template(objects: Objects, name: str) -> dict[str, Any]:
    [item] = [item for item in objects["controller_templates"] if item["playbook"] == f"{name}.yml"]
    return item


@pytest.mark.parametrize("name", TEMPLATES)
def test_launch_with_variables_that_are_not_questions_ignores_them(objects: Objects, name: str) -> None:
    item = template(objects, name)
    used, ignored = rules.split_launch_request(item, item["survey_spec"], {"extra_vars": HOSTILE})
    assert used["extra_vars"] == {}
    assert ignored["extra_vars"] == HOSTILE


@pytest.mark.parametrize("name", TEMPLATES)
def test_launch_with_every_prompt_uses_only_dry_run_and_verbosity(objects: Objects, name: str) -> None:
    assert set(PROMPTED) == set(rules.PROMPTS)
    item = template(objects, name)
    used, _ignored = rules.split_launch_request(item, item["survey_spec"], PROMPTED)
    assert used == {"job_type": "check", "diff_mode": True, "verbosity": 4, "extra_vars": {}}


def test_objects_set_every_prompt(objects: Objects) -> None:
    """A run disables a prompt that was enabled in AWX."""
    for item in objects["controller_templates"]:
        assert {*rules.PROMPTS.values(), "ask_variables_on_launch"} <= set(item)
    [workflow] = objects["controller_workflows"]
    prompts = {name: value for name, value in workflow.items() if name.startswith("ask_")}
    assert set(prompts.values()) == {False}
    assert {"ask_variables_on_launch", "ask_inventory_on_launch", "ask_limit_on_launch"} <= set(prompts)


@pytest.mark.parametrize("name", ["configure", "verify", "rotate", "recover"])
def test_template_has_the_owners_values_as_extra_vars(objects: Objects, name: str) -> None:
    item = template(objects, name)
    variables = {**item["extra_vars"], **rules.launch_variables(item["survey_spec"], {})}
    assert item["extra_vars"]["archive_storage_endpoint"] == "https://s3.example.com"
    assert item["extra_vars"]["archive_storage_retention_days"] == 365
    assert item["extra_vars"]["archive_storage_public"] is True
    assert {variable: variables[variable] for variable in OWNED} == OWNED
    # A default of the survey would override them.
    assert not set(item["extra_vars"]) & {question["variable"] for question in item["survey_spec"]["spec"]}


def test_fleet_and_broadcast_have_the_owners_values(objects: Objects) -> None:
    fleet, broadcast = template(objects, "fleet"), template(objects, "interactive_broadcast")
    assert fleet["extra_vars"] == {"archive_fleet_report_path": "s3://reports/fleet.html"}
    assert rules.launch_variables(fleet["survey_spec"], {})["archive_fleet_archives"] == 5
    assert broadcast["extra_vars"] == {"interactive_broadcast_endpoint": "https://s3.example.com"}
    assert rules.launch_variables(broadcast["survey_spec"], {})["interactive_broadcast_bucket"] == "broadcasts"


def test_surveys_of_configure_and_verify_cannot_end_a_recording_in_progress(objects: Objects) -> None:
    for name in ("configure", "verify"):
        variables = {question["variable"] for question in template(objects, name)["survey_spec"]["spec"]}
        assert not variables & {
            "archive_storage_grace_period",
            "archive_storage_delete_after",
            "archive_storage_revoke_old_keys",
        }


def test_grace_period_of_owner_applies_to_every_template_and_is_default_of_rotate(tmp_path: Path) -> None:
    times = {"archive_storage_grace_period": 50000, "archive_storage_delete_after": 90000}
    objects = resolve(tmp_path, {**STATE, **times, "archive_storage_allow": ["shorter_retention"]})
    for name in ("configure", "verify", "recover"):
        assert times.items() <= template(objects, name)["extra_vars"].items()
    questions = rules.launch_variables(template(objects, "rotate")["survey_spec"], {})
    assert {name: str(value) for name, value in times.items()}.items() <= questions.items()


@pytest.mark.parametrize(
    ("answers", "problem"),
    [
        ({"archive_recover_project": "47123456"}, ""),
        ({"archive_recover_project": "78d335fa-323d-0114-9c3d-d6f0d48968cf", "archive_recover_rotate": "always"}, ""),
        ({}, "'archive_recover_project' value missing"),
        ({"archive_recover_project": ""}, "archive_recover_project is too small"),
        ({"archive_recover_project": "4" * 65}, "archive_recover_project is too large"),
        ({"archive_recover_project": 47123456}, "archive_recover_project has to be a string"),
        ({"archive_recover_project": "4", "archive_recover_rotate": "never"}, "is not one of the choices"),
        ({"archive_recover_project": "4", "archive_recover_archive_created": "2" * 33}, "is too large"),
    ],
)
def test_recover_survey_validates_its_answers(answers: dict[str, Any], problem: str) -> None:
    problems = rules.launch_problems(read(AWX / "surveys" / "recover.yml"), answers)
    assert problem in "; ".join(problems)
    assert bool(problems) is bool(problem)


def test_recover_survey_has_only_questions_of_the_recording() -> None:
    """A token of Event-Driven Ansible can launch the template, and it is stored outside AWX."""
    variables = [question["variable"] for question in read(AWX / "surveys" / "recover.yml")["spec"]]
    assert variables == ["archive_recover_project", "archive_recover_archive_created", "archive_recover_rotate"]


def test_surveys_have_a_template_each(objects: Objects) -> None:
    assert {path.stem for path in Path(AWX / "surveys").iterdir()} == set(TEMPLATES)
    assert len(objects["controller_templates"]) == len(TEMPLATES)
