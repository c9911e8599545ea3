# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Ansible filter: a survey of AWX with other defaults."""

from __future__ import annotations

import json
import typing as t

from ansible.errors import AnsibleFilterError

DOCUMENTATION = r"""
name: awx_survey
short_description: Give the questions of an AWX survey other defaults
version_added: 1.0.0
author:
  - Vonage Archiving Contributors (@vonage-archiving)
description:
  - AWX answers questions that nobody answers, in schedules and workflows for example, with the defaults of the survey.
    So the state that is wanted has to be in these. The files in C(extensions/awx) use it; other code has no need to.
  - Values become what the type of the question wants. A boolean becomes V(true) or V(false), a list or a mapping
    becomes JSON.
options:
  _input:
    description: The survey, a mapping with C(spec), a list of questions.
    type: dict
    required: true
  defaults:
    description:
      - The defaults, by the variable of the question. Of a question about a password no default is taken, since AWX
        would have to be told it again in every run.
    type: dict
    required: true
  partial:
    description: Whether there may be defaults of which the survey has no question.
    type: bool
    default: false
"""

EXAMPLES = r"""
- name: Show the questions with their new defaults
  ansible.builtin.debug:
    msg: "{{ lookup('ansible.builtin.file', 'surveys/configure.yml') | from_yaml
             | vonage.archiving.awx_survey({'archive_storage_bucket': 'example-recordings'}) }}"
"""

RETURN = r"""
_value:
  description: The survey.
  type: dict
"""


def with_defaults(
    survey: t.Mapping[str, t.Any], defaults: t.Mapping[str, t.Any], partial: bool = False
) -> dict[str, t.Any]:
    """The survey with these defaults in place of its own."""
    questions = [dict(question) for question in survey["spec"]]
    unknown = sorted(set(defaults) - {question["variable"] for question in questions})
    if unknown and not partial:
        raise AnsibleFilterError(f"the survey has no question about {', '.join(unknown)}")
    for question in questions:
        if question["variable"] in defaults:
            question["default"] = _default(question, defaults[question["variable"]])
    return {**survey, "spec": questions}


def _default(question: t.Mapping[str, t.Any], value: t.Any) -> t.Any:
    kind, name = question["type"], question["variable"]
    if kind == "password":
        raise AnsibleFilterError(f"{name} is a secret: enter it in AWX")
    if value is None or value == "":
        return ""
    if kind == "integer":
        return _integer(name, value)
    text = str(value) if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    if kind == "multiplechoice" and text not in question["choices"]:
        raise AnsibleFilterError(f"{name} is {text!r}, not one of {', '.join(question['choices'])}")
    return text


def _integer(name: str, value: t.Any) -> int:
    try:
        return int(str(value))
    except ValueError:
        raise AnsibleFilterError(f"{name} is {value!r}, not a whole number") from None


class FilterModule:
    """The filters of this file."""

    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        return {"awx_survey": with_defaults}
