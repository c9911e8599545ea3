# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t

import pytest
from ansible.errors import AnsibleFilterError

from ansible_collections.vonage.archiving.plugins.filter.awx_survey import FilterModule

SURVEY: dict[str, t.Any] = {
    "name": "",
    "description": "",
    "spec": [
        {"variable": "a_text", "type": "text", "default": ""},
        {"variable": "a_choice", "type": "multiplechoice", "default": "false", "choices": ["true", "false"]},
        {"variable": "a_number", "type": "integer", "default": 7, "min": 0},
        {"variable": "a_secret", "type": "password", "default": ""},
    ],
}
awx_survey = FilterModule().filters()["awx_survey"]


def set_defaults(**values: t.Any) -> list[t.Any]:
    return [question["default"] for question in awx_survey(SURVEY, values)["spec"]]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({}, ["", "false", 7, ""]),
        ({"a_text": "recordings", "a_choice": True, "a_number": "30"}, ["recordings", "true", 30, ""]),
        ({"a_text": {"team": "vidéo"}, "a_choice": "true", "a_number": 0}, ['{"team": "vidéo"}', "true", 0, ""]),
        ({"a_text": None, "a_choice": "", "a_number": None}, ["", "", "", ""]),
        ({"a_text": 47123456}, ["47123456", "false", 7, ""]),
    ],
)
def test_awx_survey_any_value_is_converted_to_the_type_of_the_question(
    values: dict[str, t.Any], expected: list[t.Any]
) -> None:
    assert set_defaults(**values) == expected
    assert [question["default"] for question in SURVEY["spec"]] == ["", "false", 7, ""], "The input is unchanged."


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"a_txet": "x", "b": 1}, "the survey has no question for a_txet, b"),
        ({"a_choice": "maybe"}, "a_choice: 'maybe' is not one of true, false"),
        ({"a_number": "many"}, "a_number: 'many' is not a whole number"),
        ({"a_secret": "hunter2"}, "a_secret: is a secret. Enter it in AWX"),
    ],
)
def test_awx_survey_invalid_default_is_an_error(values: dict[str, t.Any], message: str) -> None:
    with pytest.raises(AnsibleFilterError) as caught:
        set_defaults(**values)
    assert str(caught.value) == message
    assert "hunter2" not in str(caught.value)


def test_awx_survey_partial_ignores_other_defaults() -> None:
    survey = awx_survey(SURVEY, {"a_number": 1, "elsewhere": 2}, partial=True)
    assert [question["default"] for question in survey["spec"]] == ["", "false", 1, ""]
    assert (survey["name"], survey["description"]) == ("", "")
