# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Ansible filter: set other defaults in an AWX survey."""

from __future__ import annotations

import json
import typing as t

from ansible.errors import AnsibleFilterError

DOCUMENTATION = r"""
name: awx_survey
short_description: Set other defaults in an AWX survey
version_added: 1.0.0
author:
  - Vonage Archiving Contributors (@vonage-archiving)
description:
  - If a job sets no value for a question, for example in a schedule or a workflow, AWX uses the default of the survey.
    Therefore the defaults must contain the desired state. The files in C(extensions/awx) use this filter; other code
    does not need it.
  - Values are converted to the type of the question. A boolean becomes V(true) or V(false), a list or a mapping becomes
    JSON.
options:
  _input:
    description: The survey, a mapping with C(spec), a list of questions.
    type: dict
    required: true
  defaults:
    description:
      - The defaults, by the variable of the question. A question of the type C(password) cannot have a default, because
        AWX would need it again in every run.
    type: dict
    required: true
  partial:
    description: Whether defaults without a question in the survey are ignored.
    type: bool
    default: false
"""

EXAMPLES = r"""
- name: Print the survey with its new defaults
  ansible.builtin.debug:
    msg: "{{ lookup('ansible.builtin.file', 'surveys/configure.yml') | from_yaml
             | vonage.archiving.awx_survey({'archive_storage_bucket': 'example-recordings'}) }}"
"""

RETURN = r"""
_value:
  description: The survey with the new defaults.
  type: dict
"""


def set_defaults(
    survey: t.Mapping[str, t.Any], defaults: t.Mapping[str, t.Any], partial: bool = False
) -> dict[str, t.Any]:
    """Replace the defaults of questions.

    :param partial: whether defaults without a question are ignored.
    """
    questions = [dict(question) for question in survey["spec"]]
    unknown = sorted(set(defaults) - {question["variable"] for question in questions})
    if unknown and not partial:
        raise AnsibleFilterError(f"the survey has no question for {', '.join(unknown)}")
    for question in questions:
        if question["variable"] in defaults:
            question["default"] = _convert(question, defaults[question["variable"]])
    return {**survey, "spec": questions}


def _convert(question: t.Mapping[str, t.Any], value: t.Any) -> t.Any:
    kind, name = question["type"], question["variable"]
    if kind == "password":
        raise AnsibleFilterError(f"{name}: is a secret. Enter it in AWX")
    if value is None or value == "":
        return ""
    if kind == "integer":
        return _parse_integer(name, value)
    text = str(value) if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    if kind == "multiplechoice" and text not in question["choices"]:
        raise AnsibleFilterError(f"{name}: {text!r} is not one of {', '.join(question['choices'])}")
    return text


def _parse_integer(name: str, value: t.Any) -> int:
    try:
        return int(str(value))
    except ValueError:
        raise AnsibleFilterError(f"{name}: {value!r} is not a whole number") from None


class FilterModule:
    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        return {"awx_survey": set_defaults}
