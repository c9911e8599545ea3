# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rules of AWX: each one rejects its kind of invalid object."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from tests.awx import rules

KIND: dict[str, Any] = {
    "name": "Example",
    "kind": "cloud",
    "inputs": {
        "fields": [
            {"id": "token", "type": "string", "label": "Token", "secret": True},
            {"id": "skip", "type": "boolean", "label": "Skip"},
        ],
        "required": ["token"],
    },
    "injectors": {"env": {"EXAMPLE_TOKEN": "{{ token }}", "EXAMPLE_SKIP": "{{ skip }}"}},
}
QUESTION = {"variable": "a", "question_name": "A", "type": "text", "required": False, "default": ""}
Change = Callable[[dict[str, Any]], object]


def create_type(change: Change) -> dict[str, Any]:
    """Return the valid credential type with a change."""
    credential_type = copy.deepcopy(KIND)
    change(credential_type)
    return credential_type


def field(**changes: Any) -> Change:
    return lambda kind: kind["inputs"]["fields"][0].update(changes)


def env(**changes: Any) -> Change:
    return lambda kind: kind["injectors"]["env"].update(changes)


def test_problems_valid_objects_have_none() -> None:
    assert rules.credential_type_problems(KIND) == []
    assert rules.credential_type_traps(KIND) == []
    assert rules.survey_problems(survey()) == []
    assert rules.survey_traps(survey()) == []


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda kind: kind.update(kind="ssh"), "kind must be cloud or net, got 'ssh'"),
        (lambda kind: kind.update(namespace="x"), "the key namespace is unknown"),
        (lambda kind: kind["inputs"].update(dependencies={}), "inputs.dependencies is unknown"),
        (lambda kind: kind["inputs"].update(required=["tokn"]), "required contains tokn"),
        (lambda kind: kind["inputs"]["fields"].append(kind["inputs"]["fields"][0]), "the field token exists twice"),
        (field(required=True), "unknown key required"),
        (field(placeholder="x"), "unknown key placeholder"),
        (field(id="to-ken"), "no valid id"),
        (field(id="tower"), "no valid id"),
        (field(label=None), "no label"),
        (field(type="text"), "must be string or boolean"),
        (field(format="pem"), "unknown format"),
        (field(ask_at_runtime=True), "ask_at_runtime"),
        (field(choices=["a", "a"]), "duplicate ones"),
        (field(choices=[]), "no choices"),
        (field(default=1), "has the wrong type"),
        (lambda kind: kind["inputs"]["fields"][1].update(secret=True), "the boolean field skip has secret"),
        (lambda kind: kind["injectors"].update(ssh={}), "injectors.ssh is unknown"),
        (env(ANSIBLE_FOO="x"), "env.ANSIBLE_FOO is not allowed"),
        (env(JOB_ID="x"), "env.JOB_ID is not allowed"),
        (env(EXAMPLE_N=1), "env.EXAMPLE_N is not an ASCII string"),
        (env(EXAMPLE_U="ü"), "env.EXAMPLE_U is not an ASCII string"),
        (env(EXAMPLE_X="{{ other }}"), "cannot be rendered: 'other' is undefined"),
        (env(EXAMPLE_X="{{ token | to_json }}"), "No filter named 'to_json'"),
        (env(EXAMPLE_X="{{ tower.filename.cert }}"), "cannot be rendered"),
        (env(EXAMPLE_X="{{ awx.filename }}"), "'awx' is undefined"),
        (env(EXAMPLE_X="{{ token"), "cannot be rendered"),
        (
            lambda kind: kind["injectors"].update(file={"template": "a", "template.b": "c"}),
            "file.template.NAME are both set",
        ),
        (lambda kind: kind["injectors"].update(file={"pem": "a"}), "file.pem is unknown"),
        (lambda kind: kind["injectors"].update(extra_vars={"a-b": "c"}), "extra_vars.a-b is not a valid name"),
        (lambda kind: kind["injectors"].update(extra_vars={"a": {"b": [1]}}), "extra_vars.a.b is not a string"),
    ],
)
def test_credential_type_problems_invalid_type_is_rejected(change: Change, problem: str) -> None:
    assert problem in "; ".join(rules.credential_type_problems(create_type(change)))


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (field(default="x"), "the default of token is only used by the form"),
        (field(multiline=True), "several lines"),
        (lambda kind: kind["injectors"].update(extra_vars={"a": "{{ token }}"}), "extra_vars change the types"),
        (lambda kind: kind["injectors"]["env"].pop("EXAMPLE_TOKEN"), "token is not used"),
    ],
)
def test_credential_type_traps_unexpected_effect_is_reported(change: Change, problem: str) -> None:
    assert rules.credential_type_problems(create_type(change)) == []
    assert problem in "; ".join(rules.credential_type_traps(create_type(change)))


def survey(*questions: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """Return a survey: the valid question with changes, and other questions."""
    return {"name": "", "description": "", "spec": [{**QUESTION, **changes}, *questions]}


CHOICE = {"type": "multiplechoice", "choices": ["x", "y"]}


@pytest.mark.parametrize(
    ("spec", "problem"),
    [
        ({"spec": [QUESTION]}, "name is not a string; description is not a string"),
        ({"name": "", "description": "", "spec": []}, "spec is not a list, or is empty"),
        ({**survey(), "more": 1}, "the key more is unknown"),
        (survey(QUESTION), "a has two questions"),
        (survey(variable=""), "has no variable"),
        (survey(question_name=None), "has no question_name"),
        (survey(required="no"), "required of a must be true or false"),
        (survey(type="boolean"), "unknown type boolean"),
        (survey(default=None), "the default of a has the wrong type"),
        (survey(type="integer", default="1"), "the default of a has the wrong type"),
        (survey(type="integer", default=True), "the default of a has the wrong type"),
        (survey(type="float", default=1.5, min=0.5), "min of a is not an integer"),
        (survey(**CHOICE, default="z"), "not one of its choices"),
        (survey(type="multiplechoice"), "has no choices"),
        (survey(type="multiplechoice", choices=[True, False]), "has no choices"),
        (survey(type="multiselect", choices=["x"], default=["x"]), "has the wrong type"),
        (survey(default="$encrypted$x"), "encrypted"),
        (survey(defalut=""), "unknown key defalut"),
    ],
)
def test_survey_problems_invalid_survey_is_rejected(spec: dict[str, Any], problem: str) -> None:
    assert problem in "; ".join(rules.survey_problems(spec))


@pytest.mark.parametrize(
    ("spec", "problem"),
    [
        (survey(required=True, default="x"), "a is required and has a default"),
        (
            {**survey(), "spec": [{key: value for key, value in QUESTION.items() if key != "default"}]},
            "a must have a default",
        ),
        (
            survey(type="multiselect", choices=["x"], default="x"),
            "only launches in the user interface use the default of a",
        ),
        (survey(default="*"), "ansible-core 2.19 and later cannot read"),
        (survey(type="multiplechoice", choices=["=", "x"], default="x"), "cannot read"),
        (survey(type="password", default="x"), "each run reports the job template as changed"),
        (survey(min=3), "its min rejects an empty value"),
        (survey(type="integer", default=""), "rejects the empty string"),
        (survey(type="integer", default=0, min=1), "out of its range"),
        (survey(type="multiplechoice", choices="xy\nz", default="xy"), "any part of the text"),
    ],
)
def test_survey_traps_unexpected_effect_is_reported(spec: dict[str, Any], problem: str) -> None:
    assert rules.survey_problems(spec) == []
    assert problem in "; ".join(rules.survey_traps(spec))


@pytest.mark.parametrize(
    ("path", "text", "listed"),
    [
        ("configure.yml", "- ansible.builtin.import_playbook: a.b.c\n", True),
        ("configure.yml", "- name: A\n  ansible.builtin.import_playbook: a.b.c\n", True),
        ("sub/configure.yaml", "- hosts: all\n", True),
        ("configure.yml", "- name: A\n  ansible.builtin.import_playbook : a.b.c\n", False),
        ("configure.yml", "# import_playbook: a.b.c\n", False),
        ("tasks/configure.yml", "- hosts: all\n", False),
        ("group_vars/all.yml", "hosts: all\n", False),
        (".hidden/configure.yml", "- hosts: all\n", False),
        ("README.md", "hosts:\n", False),
    ],
)
def test_is_listed_file_of_project(path: str, text: str, listed: bool) -> None:
    assert rules.is_listed(path, text) is listed


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("DTSTART;TZID=UTC:20300101T030000 RRULE:FREQ=DAILY;INTERVAL=1", ""),
        ("DTSTART:20300101T030000Z RRULE:FREQ=DAILY;INTERVAL=1", ""),
        ("DTSTART:20300101T030000 RRULE:FREQ=DAILY;INTERVAL=1", "has no time zone"),
        ("RRULE:FREQ=DAILY;INTERVAL=1", "DTSTART is missing"),
        ("DTSTART:20300101T030000Z RRULE:FREQ=DAILY", "INTERVAL is missing"),
        ("DTSTART:20300101T030000Z RRULE:FREQ=SECONDLY;INTERVAL=1", "must not be SECONDLY"),
        ("DTSTART:20300101T030000Z RRULE:FREQ=OFTEN;INTERVAL=1", "invalid 'FREQ'"),
        ("DTSTART:20301301T030000Z RRULE:FREQ=DAILY;INTERVAL=1", "month"),
    ],
)
def test_rrule_problems_invalid_rule_is_rejected(text: str, problem: str) -> None:
    problems = "; ".join(rules.rrule_problems(text))
    assert problem in problems
    assert bool(problems) is bool(problem)


def test_launch_problems_and_variables_of_a_survey() -> None:
    number = {**QUESTION, "variable": "n", "type": "integer", "default": 7}
    spec = survey(number, **CHOICE, default="x", required=True)
    assert rules.launch_problems(spec, {}) == ["'a' value missing"]
    assert rules.launch_problems(spec, {"a": "z", "n": "5"}) == ["a is not one of the choices", "n has to be a number"]
    assert rules.launch_problems(spec, {"a": "y", "n": 5}) == []
    assert rules.launch_variables(spec, {"a": "y"}) == {"a": "y", "n": 7}


@pytest.mark.parametrize(
    ("question", "value", "problem"),
    [
        ({"min": 1, "max": 3}, "abc", ""),
        ({"min": 1, "max": 3}, "", "a is too small (at least 1)"),
        ({"min": 1, "max": 3}, "abcd", "a is too large (at most 3)"),
        ({}, 5, "a has to be a string"),
        ({"type": "integer", "default": 0, "min": 0, "max": 9}, 9, ""),
        ({"type": "integer", "default": 0, "min": 0, "max": 9}, 10, "a is too large (at most 9)"),
        ({"type": "integer", "default": 0, "min": 0}, -1, "a is too small (at least 0)"),
        ({"type": "integer", "default": 0}, True, "a has to be a number"),
        ({"type": "multiselect", "choices": ["x"]}, ["x"], ""),
    ],
)
def test_launch_problems_value_out_of_range_is_rejected(question: dict[str, Any], value: Any, problem: str) -> None:
    assert rules.launch_problems(survey(**question), {"a": value}) == ([problem] if problem else [])


@pytest.mark.parametrize(
    ("template", "used", "ignored"),
    [
        ({"survey_enabled": True}, {"extra_vars": {"a": "1"}}, {"limit": "x", "extra_vars": {"b": "2"}}),
        ({"survey_enabled": False}, {"extra_vars": {}}, {"limit": "x", "extra_vars": {"a": "1", "b": "2"}}),
        (
            {"survey_enabled": True, "ask_variables_on_launch": True},
            {"extra_vars": {"a": "1", "b": "2"}},
            {"limit": "x"},
        ),
        (
            {"survey_enabled": True, "ask_limit_on_launch": True},
            {"limit": "x", "extra_vars": {"a": "1"}},
            {"extra_vars": {"b": "2"}},
        ),
    ],
)
def test_split_launch_request_ignores_fields_that_are_not_questions_or_prompts(
    template: dict[str, Any], used: dict[str, Any], ignored: dict[str, Any]
) -> None:
    request = {"extra_vars": {"a": "1", "b": "2"}, "limit": "x"}
    assert rules.split_launch_request(template, survey(), request) == (used, ignored)
