# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rulebooks: variables of the options, defaults, and actions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jinja2.nativetypes
import pytest
import yaml

from ansible_collections.vonage.archiving.extensions.eda.plugins.event_source import archive_status as source
from tests.awx.rules import launch_problems

ROOT = Path(__file__).resolve().parents[3]
RULEBOOKS = ("archive_status", "archive_status_controller")
SECRET = "a-secret-of-the-callback-URL"


def ruleset(name: str) -> dict[str, Any]:
    (rules,) = yaml.safe_load((ROOT / "extensions/eda/rulebooks" / f"{name}.yml").read_text())
    return dict(rules)


def render_options(name: str, **variables: Any) -> dict[str, Any]:
    """Render the options of the source like ansible-rulebook."""
    env = jinja2.nativetypes.NativeEnvironment(undefined=jinja2.StrictUndefined)
    templates = ruleset(name)["sources"][0]["vonage.archiving.archive_status"]
    return {option: env.from_string(text).render(variables) for option, text in templates.items()}


@pytest.mark.parametrize("name", RULEBOOKS)
def test_rulebook_with_secret_only_is_valid(name: str) -> None:
    assert source.parse_params(render_options(name, archive_status_secret=SECRET)) == source.SourceParams(
        5000, "0.0.0.0", secret=SECRET
    )
    with pytest.raises(ValueError, match="anyone could send events"):
        source.parse_params(render_options(name))


@pytest.mark.parametrize("name", RULEBOOKS)
def test_rulebook_passes_on_every_option(name: str) -> None:
    values: dict[str, Any] = {
        "host": "127.0.0.1",
        "port": 5001,
        "path": "/hooks/archives",
        "certfile": "/etc/eda/tls.pem",
        "keyfile": "/etc/eda/key.pem",
        "secret": SECRET,
        "signature_secret": "the signature secret",
        "require_payload_hash": False,
        "api_key": "abcd1234",
        "projects": ["47123456", "47123457"],
        "max_age": 60,
        "max_body": 1000,
        "dedup_cache_size": 10,
        "max_queued_events": 20,
        "max_connections": 30,
        "header_timeout": 4,
        "body_timeout": 5,
    }
    assert set(values) == set(source.SourceParams.__dataclass_fields__)
    options = render_options(name, **{f"archive_status_{option}": value for option, value in values.items()})
    expected = source.SourceParams(**{**values, "projects": frozenset(values["projects"])})
    assert source.parse_params(options) == expected
    # A list as a string, for example from an environment variable.
    options = render_options(name, archive_status_secret=SECRET, archive_status_projects="47123456,47123457")
    assert source.parse_params(options).projects == {"47123456", "47123457"}


def test_rulebooks_differ_in_action_only() -> None:
    local, controller = map(ruleset, RULEBOOKS)
    run_playbook = local["rules"][0].pop("action")["run_playbook"]
    run_job_template = controller["rules"][0].pop("action")["run_job_template"]
    assert local == controller
    assert run_playbook["name"] == "vonage.archiving.recover"
    assert (ROOT / "playbooks/recover.yml").is_file()
    local_vars, controller_vars = run_playbook["extra_vars"], run_job_template["job_args"]["extra_vars"]
    assert {name: str(value) for name, value in render(local_vars).items()} == render(controller_vars)


def render(extra_vars: dict[str, str], project: str = "47123456", **variables: Any) -> dict[str, Any]:
    """Render the variables of an action like ansible-rulebook."""
    env = jinja2.nativetypes.NativeEnvironment(undefined=jinja2.StrictUndefined)
    archive = {"project": project, "created_at": "2026-01-31T12:00:00Z"}
    context = {"event": {"archive": archive}, **variables}
    return {name: env.from_string(text).render(context) for name, text in extra_vars.items()}


@pytest.mark.parametrize("project", ["47123456", "0471234", "78d335fa-323d-0114-9c3d-d6f0d48968cf", "1e5", "None"])
@pytest.mark.parametrize("variables", [{}, {"archive_recover_rotate": "always"}])
def test_controller_rulebook_variables_are_valid_survey_answers(project: str, variables: dict[str, str]) -> None:
    survey = yaml.safe_load((ROOT / "extensions/awx/surveys/recover.yml").read_text())
    action = ruleset("archive_status_controller")["rules"][0]["action"]["run_job_template"]
    answers = render(action["job_args"]["extra_vars"], project, **variables)
    assert launch_problems(survey, answers) == []
    assert answers["archive_recover_project"] == project
    assert set(answers) == {question["variable"] for question in survey["spec"]}
