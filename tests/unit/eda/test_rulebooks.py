# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rulebooks: every option of the source can be given, nothing is needed, and both say the same."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jinja2.nativetypes
import pytest
import yaml

from ansible_collections.vonage.archiving.extensions.eda.plugins.event_source import archive_status as source
from tests.awx import rules

ROOT = Path(__file__).resolve().parents[3]
RULEBOOKS = ("archive_status", "archive_status_controller")
SECRET = "a-secret-of-the-callback-URL"


def ruleset(name: str) -> dict[str, Any]:
    (only,) = yaml.safe_load((ROOT / "extensions/eda/rulebooks" / f"{name}.yml").read_text())
    return dict(only)


def options(name: str, **variables: Any) -> dict[str, Any]:
    """What the source is given, templated as ansible-rulebook does it."""
    env = jinja2.nativetypes.NativeEnvironment(undefined=jinja2.StrictUndefined)
    templates = ruleset(name)["sources"][0]["vonage.archiving.archive_status"]
    return {option: env.from_string(text).render(variables) for option, text in templates.items()}


@pytest.mark.parametrize("name", RULEBOOKS)
def test_a_secret_is_all_it_takes(name: str) -> None:
    assert source.settings(options(name, archive_status_secret=SECRET)) == source.Settings(
        5000, "0.0.0.0", secret=SECRET
    )
    with pytest.raises(ValueError, match="anybody could send events"):
        source.settings(options(name))


@pytest.mark.parametrize("name", RULEBOOKS)
def test_every_option_can_be_given(name: str) -> None:
    given: dict[str, Any] = {
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
        "remember": 10,
        "max_queued_events": 20,
        "max_connections": 30,
        "header_timeout": 4,
        "body_timeout": 5,
    }
    assert set(given) == set(source.Settings.__dataclass_fields__)
    found = options(name, **{f"archive_status_{option}": value for option, value in given.items()})
    expected = source.Settings(**{**given, "projects": frozenset(given["projects"])})
    assert source.settings(found) == expected
    # As the environment gives them.
    found = options(name, archive_status_secret=SECRET, archive_status_projects="47123456,47123457")
    assert source.settings(found).projects == {"47123456", "47123457"}


def test_both_differ_in_what_they_run_alone() -> None:
    here, there = map(ruleset, RULEBOOKS)
    local, remote = (each["rules"][0].pop("action") for each in (here, there))
    assert here == there
    assert local["run_playbook"]["name"] == "vonage.archiving.recover"
    assert (ROOT / "playbooks/recover.yml").is_file()
    here, there = local["run_playbook"]["extra_vars"], remote["run_job_template"]["job_args"]["extra_vars"]
    assert {name: str(value) for name, value in rendered(here).items()} == rendered(there)


def rendered(variables: dict[str, str], project: str = "47123456", **given: Any) -> dict[str, Any]:
    """The variables of an action, templated as ansible-rulebook does it."""
    env = jinja2.nativetypes.NativeEnvironment(undefined=jinja2.StrictUndefined)
    archive = {"project": project, "created_at": "2026-01-31T12:00:00Z"}
    context = {"event": {"archive": archive}, **given}
    return {name: env.from_string(text).render(context) for name, text in variables.items()}


@pytest.mark.parametrize("project", ["47123456", "0471234", "78d335fa-323d-0114-9c3d-d6f0d48968cf", "1e5", "None"])
@pytest.mark.parametrize("given", [{}, {"archive_recover_rotate": "always"}])
def test_controller_rulebook_sends_answers_that_the_survey_accepts(project: str, given: dict[str, str]) -> None:
    """ansible-rulebook converts a text of digits into a number, which AWX refuses as the answer to a text question."""
    survey = yaml.safe_load((ROOT / "extensions/awx/surveys/recover.yml").read_text())
    action = ruleset("archive_status_controller")["rules"][0]["action"]["run_job_template"]
    answers = rendered(action["job_args"]["extra_vars"], project, **given)
    assert rules.launch_problems(survey, answers) == []
    assert answers["archive_recover_project"] == project
    assert set(answers) == {question["variable"] for question in survey["spec"]}
