# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The files for AWX comply with its rules, and all names in them exist."""

from __future__ import annotations

import datetime
import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from dateutil import rrule  # type: ignore[import-untyped]

from ansible_collections.vonage.archiving.plugins.module_utils._archive_storage.unknown_variables import (
    BROADCAST_VARIABLES,
)
from ansible_collections.vonage.archiving.plugins.module_utils._archive_storage.variables import VARIABLES
from ansible_collections.vonage.archiving.plugins.module_utils._core.values import parse_duration
from tests.awx import rules
from tests.awx.injection import AWX, ROOT, TYPES, read
from tests.awx.objects import STATE, resolve

SURVEYS = sorted((AWX / "surveys").iterdir())
PROJECT = AWX / "project"
PLAYBOOK_FILES = [
    *PROJECT.glob("*.yml"),
    *(ROOT / "playbooks").glob("*.yml"),
    *ROOT.glob("roles/archive_storage/tasks/*.yml"),
]
PLAYBOOKS = {str(path.relative_to(PROJECT)): path.read_text() for path in PROJECT.rglob("*.yml")}


@pytest.mark.parametrize("path", sorted(TYPES.iterdir()), ids=lambda path: path.stem)
def test_credential_types_have_no_problems(path: Path) -> None:
    kind = read(path)
    assert rules.credential_type_problems(kind) == []
    assert rules.credential_type_traps(kind) == []
    assert kind["inputs"]["required"]
    sources = "".join(module.read_text() for module in (ROOT / "plugins" / "module_utils").rglob("*.py"))
    # The code builds these names from the names of options.
    computed = {"VONAGE_VIDEO_ACCOUNT_KEY", "VONAGE_VIDEO_ACCOUNT_SECRET"}
    unread = [name for name in kind["injectors"]["env"] if f'"{name}"' not in sources and name not in computed]
    assert not unread, "No module reads this variable."


def test_credential_types_of_one_job_set_different_variables() -> None:
    """AWX sets the variables of one credential after the other, including empty ones."""
    types = {path.stem: set(read(path)["injectors"]["env"]) for path in TYPES.iterdir()}
    amazon = {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_SECURITY_TOKEN"}
    assert not types["s3_compatible_store"] & amazon
    assert not types["vonage_video_account"] & (types["vonage_video_project"] | types["vonage_video_application"])
    assert not types["heroku_api_token"] & (types["vonage_video_project"] | types["s3_compatible_store"] | amazon)


@pytest.mark.parametrize("path", SURVEYS, ids=lambda path: path.stem)
def test_surveys_have_no_problems(path: Path) -> None:
    survey = read(path)
    assert rules.survey_problems(survey) == []
    assert rules.survey_traps(survey) == []
    # A schedule or a workflow sends no values. Only the rulebook launches "recover", and it sends the project.
    answers = {"archive_recover_project": "47123456"} if path.stem == "recover" else {}
    assert rules.launch_problems(survey, answers) == []
    assert rules.launch_problems(survey, rules.launch_variables(survey, answers)) == []


def role_defaults(role: str) -> dict[str, Any]:
    if role == "archive_storage":
        # A choice without a default of its own depends on other variables.
        return {
            variable.full_name: "" if variable.default is None else variable.default
            for variable in VARIABLES.values()
            if variable.default is not None or not variable.choices
        }
    return read(ROOT / "roles" / role / "defaults" / "main.yml")


def to_text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


@pytest.mark.parametrize("path", SURVEYS, ids=lambda path: path.stem)
def test_questions_are_known_variables_with_their_defaults(path: Path) -> None:
    defaults = {**role_defaults("archive_storage"), **role_defaults("interactive_broadcast")}
    known = {f"archive_storage_{name}" for name in VARIABLES}
    known |= {f"interactive_broadcast_{name}" for name in BROADCAST_VARIABLES}
    texts = "".join(path.read_text() for path in PLAYBOOK_FILES)
    others = set(re.findall(r"archive_(?:fleet|recover)_[a-z_]+", texts))
    for question in read(path)["spec"]:
        name = question["variable"]
        assert name in known | others
        # A value cannot be an asterisk. An empty value has the same meaning.
        if name in defaults and defaults[name] != ["*"]:
            # Surveys write a duration with its unit.
            values = [parse_duration(value) or to_text(value) for value in (question["default"], defaults[name])]
            assert values[0] == values[1], name


def test_surveys_of_verify_and_rotate_have_questions_of_configure() -> None:
    """Verify with fewer questions than configure would report differences that do not exist."""
    configure, verify, rotate = (
        read(AWX / "surveys" / f"{name}.yml")["spec"] for name in ("configure", "verify", "rotate")
    )
    assert verify == configure
    emergency = ("archive_storage_grace_period", "archive_storage_delete_after", "archive_storage_revoke_old_keys")
    shared = [question for question in rotate if question["variable"] not in emergency]
    assert shared == [question for question in configure if not re.search("upload(er|_key)", question["variable"])]
    assert [question["variable"] for question in rotate[len(shared) :]] == list(emergency)


def test_survey_of_fleet_has_no_variables_of_inventory() -> None:
    """Values of a survey are extra variables, which have precedence over those of hosts."""
    variables = {question["variable"] for question in read(AWX / "surveys" / "fleet.yml")["spec"]}
    assert not [name for name in variables if name.startswith("archive_storage_")]


def test_playbooks_have_a_listed_wrapper() -> None:
    # Administrators run these two before AWX has credentials.
    playbooks = {path.stem for path in (ROOT / "playbooks").glob("*.yml")} - {"awx_setup", "policy"}
    wrappers = {path.stem for path in PROJECT.glob("*.yml")}
    assert wrappers == playbooks
    for name in wrappers:
        assert rules.is_listed(f"{name}.yml", PLAYBOOKS[f"{name}.yml"])
        [play] = yaml.safe_load(PLAYBOOKS[f"{name}.yml"])
        assert play["ansible.builtin.import_playbook"] == f"vonage.archiving.{name}"
    [collection] = read(PROJECT / "collections" / "requirements.yml")["collections"]
    assert collection["name"] == "vonage.archiving"


@pytest.fixture(scope="module")
def objects(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[dict[str, Any]]]:
    return resolve(tmp_path_factory.mktemp("objects"))


def names(objects: dict[str, list[dict[str, Any]]], kind: str) -> set[str]:
    return {item["name"] for item in objects[f"controller_{kind}"]}


def test_credential_types_templates_are_not_evaluated(objects: dict[str, list[dict[str, Any]]]) -> None:
    shipped = {kind["name"]: kind for kind in map(read, TYPES.iterdir())}
    assert {kind["name"]: kind for kind in objects["controller_credential_types"]} == shipped


def test_job_templates_refer_to_existing_objects(objects: dict[str, list[dict[str, Any]]]) -> None:
    types = {credential["name"]: credential["credential_type"] for credential in objects["controller_credentials"]}
    assert set(types.values()) <= names(objects, "credential_types") | {"Amazon Web Services"}
    templates = objects["controller_templates"]
    for template in templates:
        assert rules.is_listed(template["playbook"], PLAYBOOKS[template["playbook"]])
        used = [types[name] for name in template["credentials"]]
        assert len(set(used)) == len(used), "A job template can have one credential of each type."
        assert template["project"] in names(objects, "projects")
        assert template["inventory"] in names(objects, "inventories")
        assert template["execution_environment"] in names(objects, "execution_environments")
        assert not template["allow_simultaneous"]
        assert rules.survey_problems(template["survey_spec"]) == []
        assert rules.survey_traps(template["survey_spec"]) == []
    playbooks = {"configure", "verify", "rotate", "fleet", "interactive_broadcast", "recover"}
    assert {Path(template["playbook"]).stem for template in templates} == playbooks
    rulebook = (ROOT / "extensions" / "eda" / "rulebooks" / "archive_status_controller.yml").read_text()
    assert f"default('{templates[3]['name']}', true)" in rulebook


def test_inventories_workflow_and_schedules_refer_to_existing_objects(objects: dict[str, list[dict[str, Any]]]) -> None:
    templates = {template["name"]: template for template in objects["controller_templates"]}
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


def test_schedules_external_key_disables_verify(tmp_path: Path) -> None:
    """Surveys have no default for the secret of an external key."""
    objects = resolve(tmp_path, {**STATE, "archive_storage_upload_key": "external"})
    schedules = objects["controller_schedules"]
    enabled = {schedule["name"].rpartition(": ")[2]: schedule["enabled"] for schedule in schedules}
    assert enabled == {"rotate when due": True, "verify": False}


def start_times(schedule: dict[str, Any]) -> list[datetime.datetime]:
    """Return the start times in four weeks."""
    first = datetime.datetime(2026, 3, 1, tzinfo=datetime.UTC)
    last = first + datetime.timedelta(days=28, seconds=-1)
    return list(rrule.rrulestr(schedule["rrule"]).between(first, last, inc=True))


@pytest.mark.parametrize("time", ["031700", "000000", "235959", "220000"])
def test_schedules_verify_starts_after_configure(time: str, tmp_path: Path) -> None:
    objects = resolve(tmp_path, archive_awx_time=time)
    configure, verify = objects["controller_schedules"]
    configure_times, verify_times = start_times(configure), start_times(verify)
    intervals = [abs(one - other) for one in configure_times for other in verify_times]
    assert min(intervals) >= datetime.timedelta(hours=1)
    assert (len(configure_times), len(verify_times)) == (28, 4)
    for time_of_verify in verify_times[1:]:
        previous = max(start for start in configure_times if start < time_of_verify)
        assert time_of_verify - previous == datetime.timedelta(hours=2)
    templates = objects["controller_templates"]
    [limit] = [template["timeout"] for template in templates if template["playbook"] == "configure.yml"]
    assert limit < 2 * 3600, "The job configure must end before verify starts."


def test_job_templates_have_a_timeout(objects: dict[str, list[dict[str, Any]]]) -> None:
    limits = {Path(template["playbook"]).stem: template["timeout"] for template in objects["controller_templates"]}
    assert all(300 <= seconds <= 6 * 3600 for seconds in limits.values())
    # Verify ends within 10 minutes.
    assert limits["verify"] >= 2 * 600
    assert limits["recover"] >= limits["rotate"] + 600
    updates = [*objects["controller_projects"], *objects["controller_inventory_sources"]]
    assert all(update["timeout"] == 600 for update in updates)


def test_launch_without_values_uses_desired_state(objects: dict[str, list[dict[str, Any]]]) -> None:
    templates = [
        template
        for template in objects["controller_templates"]
        if template["playbook"] in ("configure.yml", "verify.yml", "rotate.yml")
    ]
    assert len(templates) == 3
    for template in templates:
        variables = rules.launch_variables(template["survey_spec"], {})
        assert variables["archive_storage_bucket"] == "example-recordings"
        assert template["extra_vars"] == {"archive_storage_public": True}
