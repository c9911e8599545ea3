# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is shipped for AWX obeys AWX's rules, and every name in it is the name of something."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.vonage.archiving.plugins.module_utils._role_variables import BROADCAST_VARIABLES, VARIABLES
from tests.awx import rules
from tests.awx.injection import AWX, ROOT, TYPES, read

SURVEYS = sorted((AWX / "surveys").iterdir())
PROJECT = AWX / "project"
PLAYBOOKS = {str(path.relative_to(PROJECT)): path.read_text() for path in PROJECT.rglob("*.yml")}
STATE = {"archive_storage_bucket": "example-recordings", "archive_storage_public": True}
LISTS = (
    "credential_types credentials execution_environments projects inventories inventory_sources templates workflows "
    "schedules"
)


@pytest.mark.parametrize("path", sorted(TYPES.iterdir()), ids=lambda path: path.stem)
def test_credential_types(path: Path) -> None:
    kind = read(path)
    assert rules.credential_type_problems(kind) == []
    assert rules.credential_type_traps(kind) == []
    assert kind["inputs"]["required"]
    sources = "".join(each.read_text() for each in (ROOT / "plugins" / "module_utils").rglob("*.py"))
    # Made of the name of the option there.
    computed = {"VONAGE_VIDEO_ACCOUNT_KEY", "VONAGE_VIDEO_ACCOUNT_SECRET"}
    unread = [name for name in kind["injectors"]["env"] if f'"{name}"' not in sources and name not in computed]
    assert not unread, "no module reads this"


def test_no_type_sets_what_another_sets_that_goes_with_it() -> None:
    """AWX sets the variables of one credential after the other, the empty ones too."""
    types = {path.stem: set(read(path)["injectors"]["env"]) for path in TYPES.iterdir()}
    amazon = {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_SECURITY_TOKEN"}
    assert not types["s3_compatible_store"] & amazon
    vonage = types["vonage_video_project"] & types["vonage_video_account"]
    # Both help texts say so.
    assert vonage == {"VONAGE_VIDEO_API_URL"}
    assert not types["heroku_api_token"] & (types["vonage_video_project"] | types["s3_compatible_store"] | amazon)


@pytest.mark.parametrize("path", SURVEYS, ids=lambda path: path.stem)
def test_surveys(path: Path) -> None:
    survey = read(path)
    assert rules.survey_problems(survey) == []
    assert rules.survey_traps(survey) == []
    # A schedule, a workflow or a rulebook answers nothing.
    assert rules.launch_problems(survey, {}) == []
    assert rules.launch_problems(survey, rules.launched(survey, {})) == []


def role_defaults(role: str) -> dict[str, Any]:
    return read(ROOT / "roles" / role / "defaults" / "main.yml")


def in_text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


@pytest.mark.parametrize("path", SURVEYS, ids=lambda path: path.stem)
def test_questions_are_about_variables_that_exist_and_have_their_defaults(path: Path) -> None:
    defaults = {**role_defaults("archive_storage"), **role_defaults("interactive_broadcast")}
    known = {f"archive_storage_{name}" for name in VARIABLES}
    known |= {f"interactive_broadcast_{name}" for name in BROADCAST_VARIABLES}
    fleet = set(re.findall(r"archive_fleet_(?:archives|report_path)", "".join(role_files())))
    for question in read(path)["spec"]:
        name = question["variable"]
        assert name in known | fleet
        # A star cannot be an answer; an empty one means it, too.
        if name in defaults and defaults[name] != ["*"]:
            assert in_text(question["default"]) == in_text(defaults[name]), name


def role_files() -> list[str]:
    paths = [ROOT / "playbooks" / "fleet.yml", *(ROOT / "roles" / "archive_storage" / "tasks").iterdir()]
    return [path.read_text() for path in paths]


def test_what_is_compared_is_asked_in_the_same_way() -> None:
    """Verify with fewer questions than configure would find differences that are none."""
    configure, verify, rotate = (
        read(AWX / "surveys" / f"{name}.yml")["spec"] for name in ("configure", "verify", "rotate")
    )
    assert verify == configure
    assert rotate == [each for each in configure if "uploader" not in each["variable"]]


def test_a_fleet_is_asked_nothing_that_its_inventory_says() -> None:
    """Answers are extra variables, which overrule those of hosts."""
    asked = {question["variable"] for question in read(AWX / "surveys" / "fleet.yml")["spec"]}
    assert not [name for name in asked if name.startswith("archive_storage_")]


def test_every_playbook_has_a_wrapper_that_awx_finds() -> None:
    ours = {path.stem for path in (ROOT / "playbooks").glob("*.yml")} - {"awx_setup"}
    wrappers = {path.stem for path in PROJECT.glob("*.yml")}
    assert wrappers == ours
    for name in wrappers:
        assert rules.is_listed(f"{name}.yml", PLAYBOOKS[f"{name}.yml"])
        [play] = yaml.safe_load(PLAYBOOKS[f"{name}.yml"])
        assert play["ansible.builtin.import_playbook"] == f"vonage.archiving.{name}"
    [needed] = read(PROJECT / "collections" / "requirements.yml")["collections"]
    assert needed["name"] == "vonage.archiving"


@pytest.fixture(scope="module")
def objects(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[dict[str, Any]]]:
    return resolved(tmp_path_factory.mktemp("objects"), STATE)


def resolved(folder: Path, state: Mapping[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """The lists of controller_objects.yml, as Ansible resolves them."""
    found = folder / "found.json"
    names = [f"controller_{name}" for name in LISTS.split()]
    content = "{{ {" + ", ".join(f"'{name}': {name}" for name in names) + "} | to_json }}"
    play = {
        "hosts": "localhost",
        "connection": "local",
        "gather_facts": False,
        "vars": {
            "ansible_python_interpreter": sys.executable,
            "archive_awx_directory": str(AWX),
            "archive_awx_scm_url": "https://git.example.com/archiving.git",
            "archive_awx_image": "registry.example.com/archiving:1",
            "archive_awx_storage": dict(state),
        },
        "vars_files": [str(AWX / "controller_objects.yml")],
        "tasks": [{"ansible.builtin.copy": {"content": content, "dest": str(found), "mode": "0600"}}],
    }
    playbook = folder / "play.yml"
    playbook.write_text(yaml.safe_dump([play]))
    env = {**os.environ, "ANSIBLE_COLLECTIONS_PATH": str(ROOT / "build" / "tree"), "ANSIBLE_LOCALHOST_WARNING": "false"}
    command = [str(Path(sys.executable).with_name("ansible-playbook")), str(playbook)]
    done = subprocess.run(command, check=False, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert done.returncode == 0, done.stdout
    return dict(json.loads(found.read_text()))


def names(objects: dict[str, list[dict[str, Any]]], kind: str) -> set[str]:
    return {each["name"] for each in objects[f"controller_{kind}"]}


def test_types_keep_their_braces(objects: dict[str, list[dict[str, Any]]]) -> None:
    shipped = {kind["name"]: kind for kind in map(read, TYPES.iterdir())}
    assert {kind["name"]: kind for kind in objects["controller_credential_types"]} == shipped


def test_job_templates_refer_to_what_there_is(objects: dict[str, list[dict[str, Any]]]) -> None:
    types = {each["name"]: each["credential_type"] for each in objects["controller_credentials"]}
    assert set(types.values()) <= names(objects, "credential_types") | {"Amazon Web Services"}
    templates = objects["controller_templates"]
    for template in templates:
        assert rules.is_listed(template["playbook"], PLAYBOOKS[template["playbook"]])
        used = [types[name] for name in template["credentials"]]
        assert len(set(used)) == len(used), "one credential of each type"
        assert template["project"] in names(objects, "projects")
        assert template["inventory"] in names(objects, "inventories")
        assert template["execution_environment"] in names(objects, "execution_environments")
        assert template["ask_job_type_on_launch"]
        assert template["ask_diff_mode_on_launch"]
        assert not template["allow_simultaneous"]
        assert rules.survey_problems(template["survey_spec"]) == []
        assert rules.survey_traps(template["survey_spec"]) == []
    wanted = {"configure", "verify", "rotate", "fleet", "interactive_broadcast", "recover"}
    assert {Path(template["playbook"]).stem for template in templates} == wanted
    # What EDA launches says of which recording: not a question of the survey.
    assert [each["playbook"] for each in templates if each.get("ask_variables_on_launch")] == ["recover.yml"]
    rulebook = (ROOT / "extensions" / "eda" / "rulebooks" / "archive_status_controller.yml").read_text()
    assert f"default('{templates[3]['name']}', true)" in rulebook


def test_inventories_workflow_and_schedules_refer_to_what_there_is(objects: dict[str, list[dict[str, Any]]]) -> None:
    templates = {each["name"]: each for each in objects["controller_templates"]}
    [source] = objects["controller_inventory_sources"]
    assert source["inventory"] in names(objects, "inventories")
    assert source["source_project"] in names(objects, "projects")
    assert source["credential"] in names(objects, "credentials")
    assert read(PROJECT / source["source_path"])["plugin"] == "vonage.archiving.vonage_projects"
    assert source["source_path"].endswith("vonage_projects.yml")
    [workflow] = objects["controller_workflows"]
    nodes = {node["identifier"]: node for node in workflow["workflow_nodes"]}
    assert nodes["configure"]["related"]["success_nodes"] == [{"identifier": "verify"}]
    assert {node["unified_job_template"]["name"] for node in nodes.values()} <= set(templates)
    assert workflow["survey_spec"] == templates["Vonage archiving: configure"]["survey_spec"]
    for schedule in objects["controller_schedules"]:
        assert rules.rrule_problems(schedule["rrule"]) == []
        assert schedule["enabled"] is True
        # Rotate would replace the key every night.
        assert templates[schedule["unified_job_template"]]["playbook"] in ("configure.yml", "verify.yml")


def test_no_schedule_is_on_that_can_only_fail(tmp_path: Path) -> None:
    """Nobody answers what the secret of a given key is."""
    objects = resolved(tmp_path, {**STATE, "archive_storage_uploader": "given"})
    enabled = {each["name"].rpartition(": ")[2]: each["enabled"] for each in objects["controller_schedules"]}
    assert enabled == {"rotate when due": True, "verify": False}


def test_unanswered_questions_mean_the_state_that_is_wanted(objects: dict[str, list[dict[str, Any]]]) -> None:
    asked = [
        each
        for each in objects["controller_templates"]
        if each["playbook"] in ("configure.yml", "verify.yml", "rotate.yml")
    ]
    assert len(asked) == 3
    for template in asked:
        launched = rules.launched(template["survey_spec"], {})
        assert (launched["archive_storage_bucket"], launched["archive_storage_public"]) == (
            "example-recordings",
            "true",
        )
