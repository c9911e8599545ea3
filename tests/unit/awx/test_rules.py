# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The checker itself: each rule of AWX finds what breaks it."""

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
Breaking = Callable[[dict[str, Any]], object]


def kind(breaking: Breaking) -> dict[str, Any]:
    made = copy.deepcopy(KIND)
    breaking(made)
    return made


def field(**changes: Any) -> Breaking:
    return lambda made: made["inputs"]["fields"][0].update(changes)


def env(**changes: Any) -> Breaking:
    return lambda made: made["injectors"]["env"].update(changes)


def test_problems_valid_objects_have_none() -> None:
    assert rules.credential_type_problems(KIND) == []
    assert rules.credential_type_traps(KIND) == []
    assert rules.survey_problems(survey()) == []
    assert rules.survey_traps(survey()) == []


@pytest.mark.parametrize(
    ("breaking", "problem"),
    [
        (lambda made: made.update(kind="ssh"), "neither cloud nor net"),
        (lambda made: made.update(namespace="x"), "the key namespace is unknown"),
        (lambda made: made["inputs"].update(dependencies={}), "inputs.dependencies is unknown"),
        (lambda made: made["inputs"].update(required=["tokn"]), "required contains tokn"),
        (lambda made: made["inputs"]["fields"].append(made["inputs"]["fields"][0]), "the field token exists twice"),
        (field(required=True), "unknown key required"),
        (field(placeholder="x"), "unknown key placeholder"),
        (field(id="to-ken"), "no valid id"),
        (field(id="tower"), "no valid id"),
        (field(label=None), "no label"),
        (field(type="text"), "neither string nor boolean"),
        (field(format="pem"), "unknown format"),
        (field(ask_at_runtime=True), "ask_at_runtime"),
        (field(choices=["a", "a"]), "the same twice"),
        (field(choices=[]), "no choices"),
        (field(default=1), "of another type"),
        (lambda made: made["inputs"]["fields"][1].update(secret=True), "the boolean field skip has secret"),
        (lambda made: made["injectors"].update(ssh={}), "injectors.ssh is unknown"),
        (env(ANSIBLE_FOO="x"), "env.ANSIBLE_FOO is not allowed"),
        (env(JOB_ID="x"), "env.JOB_ID is not allowed"),
        (env(EXAMPLE_N=1), "env.EXAMPLE_N is not an ASCII string"),
        (env(EXAMPLE_U="ü"), "env.EXAMPLE_U is not an ASCII string"),
        (env(EXAMPLE_X="{{ other }}"), "does not render: 'other' is undefined"),
        (env(EXAMPLE_X="{{ token | to_json }}"), "No filter named 'to_json'"),
        (env(EXAMPLE_X="{{ tower.filename.cert }}"), "does not render"),
        (env(EXAMPLE_X="{{ awx.filename }}"), "'awx' is undefined"),
        (env(EXAMPLE_X="{{ token"), "does not render"),
        (lambda made: made["injectors"].update(file={"template": "a", "template.b": "c"}), "beside file.template.NAME"),
        (lambda made: made["injectors"].update(file={"pem": "a"}), "file.pem is unknown"),
        (lambda made: made["injectors"].update(extra_vars={"a-b": "c"}), "extra_vars.a-b is not a valid name"),
        (lambda made: made["injectors"].update(extra_vars={"a": {"b": [1]}}), "extra_vars.a.b is not a string"),
    ],
)
def test_credential_type_problems_invalid_type_is_rejected(breaking: Breaking, problem: str) -> None:
    assert problem in "; ".join(rules.credential_type_problems(kind(breaking)))


@pytest.mark.parametrize(
    ("breaking", "problem"),
    [
        (field(default="x"), "the default of token only fills the form in"),
        (field(multiline=True), "several lines"),
        (lambda made: made["injectors"].update(extra_vars={"a": "{{ token }}"}), "extra_vars change the types"),
        (lambda made: made["injectors"]["env"].pop("EXAMPLE_TOKEN"), "token is not used"),
    ],
)
def test_credential_type_traps_unexpected_effect_is_reported(breaking: Breaking, problem: str) -> None:
    assert rules.credential_type_problems(kind(breaking)) == []
    assert problem in "; ".join(rules.credential_type_traps(kind(breaking)))


def survey(*more: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return {"name": "", "description": "", "spec": [{**QUESTION, **changes}, *more]}


CHOICE = {"type": "multiplechoice", "choices": ["x", "y"]}


@pytest.mark.parametrize(
    ("made", "problem"),
    [
        ({"spec": [QUESTION]}, "name is not a string; description is not a string"),
        ({"name": "", "description": "", "spec": []}, "spec is not a list, or is empty"),
        ({**survey(), "more": 1}, "the key more is unknown"),
        (survey(QUESTION), "a has two questions"),
        (survey(variable=""), "has no variable"),
        (survey(question_name=None), "has no question_name"),
        (survey(required="no"), "required of a is neither true nor false"),
        (survey(type="boolean"), "unknown type boolean"),
        (survey(default=None), "the default of a is of another type"),
        (survey(type="integer", default="1"), "the default of a is of another type"),
        (survey(type="integer", default=True), "the default of a is of another type"),
        (survey(type="float", default=1.5, min=0.5), "min of a is not a whole number"),
        (survey(**CHOICE, default="z"), "none of its choices"),
        (survey(type="multiplechoice"), "has no choices"),
        (survey(type="multiplechoice", choices=[True, False]), "has no choices"),
        (survey(type="multiselect", choices=["x"], default=["x"]), "of another type"),
        (survey(default="$encrypted$x"), "encrypted"),
        (survey(defalut=""), "unknown key defalut"),
    ],
)
def test_survey_problems_invalid_survey_is_rejected(made: dict[str, Any], problem: str) -> None:
    assert problem in "; ".join(rules.survey_problems(made))


@pytest.mark.parametrize(
    ("made", "problem"),
    [
        (survey(required=True, default="x"), "still have to send it"),
        ({**survey(), "spec": [{key: value for key, value in QUESTION.items() if key != "default"}]}, "has no default"),
        (survey(type="multiselect", choices=["x"], default="x"), "no launch but those by hand"),
        (survey(default="*"), "ansible-core 2.19 and later cannot read"),
        (survey(type="multiplechoice", choices=["=", "x"], default="x"), "cannot read"),
        (survey(type="password", default="x"), "changed in every run"),
        (survey(min=3), "which its min refuses"),
        (survey(type="integer", default=""), "sent as an empty text"),
        (survey(type="integer", default=0, min=1), "out of its range"),
        (survey(type="multiplechoice", choices="xy\nz", default="xy"), "any part of the text"),
    ],
)
def test_survey_traps_unexpected_effect_is_reported(made: dict[str, Any], problem: str) -> None:
    assert rules.survey_problems(made) == []
    assert problem in "; ".join(rules.survey_traps(made))


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
        ("DTSTART:20300101T030000Z RRULE:FREQ=SECONDLY;INTERVAL=1", "not by seconds"),
        ("DTSTART:20300101T030000Z RRULE:FREQ=OFTEN;INTERVAL=1", "invalid 'FREQ'"),
        ("DTSTART:20301301T030000Z RRULE:FREQ=DAILY;INTERVAL=1", "month"),
    ],
)
def test_rrule_problems_invalid_rule_is_rejected(text: str, problem: str) -> None:
    found = "; ".join(rules.rrule_problems(text))
    assert problem in found
    assert bool(found) is bool(problem)


def test_launch_problems_and_variables_of_survey() -> None:
    asked = survey({**QUESTION, "variable": "n", "type": "integer", "default": 7}, **CHOICE, default="x", required=True)
    assert rules.launch_problems(asked, {}) == ["'a' value missing"]
    assert rules.launch_problems(asked, {"a": "z", "n": "5"}) == ["a is none of the choices", "n has to be a number"]
    assert rules.launch_problems(asked, {"a": "y", "n": 5}) == []
    assert rules.launched(asked, {"a": "y"}) == {"a": "y", "n": 7}


@pytest.mark.parametrize(
    ("question", "answer", "problem"),
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
def test_answer_out_of_its_range_is_refused(question: dict[str, Any], answer: Any, problem: str) -> None:
    assert rules.launch_problems(survey(**question), {"a": answer}) == ([problem] if problem else [])


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
def test_launch_uses_questions_and_prompts_and_ignores_the_rest(
    template: dict[str, Any], used: dict[str, Any], ignored: dict[str, Any]
) -> None:
    request = {"extra_vars": {"a": "1", "b": "2"}, "limit": "x"}
    assert rules.accepted(template, survey(), request) == (used, ignored)
