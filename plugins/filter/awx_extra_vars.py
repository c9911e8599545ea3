# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Ansible filter: select the variables that have no question in an AWX survey."""

from __future__ import annotations

import re
import typing as t

from ansible.errors import AnsibleFilterError

from ansible_collections.vonage.archiving.plugins.module_utils._archive_storage.settings import read_settings
from ansible_collections.vonage.archiving.plugins.module_utils._archive_storage.unknown_variables import (
    BROADCAST_VARIABLES,
)
from ansible_collections.vonage.archiving.plugins.module_utils._archive_storage.variables import (
    EXTERNAL,
    PREFIX,
    SECRETS,
    VARIABLES,
)
from ansible_collections.vonage.archiving.plugins.module_utils._core.problems import Problem, Problems

DOCUMENTATION = r"""
name: awx_extra_vars
short_description: Select the variables that have no question in an AWX survey
version_added: 1.0.0
author:
  - Vonage Archiving Contributors (@vonage-archiving)
description:
  - An administrator sets the extra variables of a job template. A user who launches the template cannot change them,
    except variables with a question in the survey. The files in C(extensions/awx) use this filter to divide the desired
    state between extra variables and survey; other code does not need it.
  - The filter fails if a name is not a variable of the collection, if a value is a secret, which belongs in a
    credential, if a variable deletes or rotates something in every run, or if a value is not valid.
options:
  _input:
    description:
      - The desired state. Names begin with C(archive_storage_), C(interactive_broadcast_) or C(archive_fleet_).
    type: dict
    required: true
  survey:
    description: The survey of the job template, a mapping with C(spec), a list of questions.
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: Print the extra variables of the template
  ansible.builtin.debug:
    msg: "{{ {'archive_storage_bucket': 'example-recordings', 'archive_storage_retention_days': 365}
             | vonage.archiving.awx_extra_vars(lookup('ansible.builtin.file', 'surveys/configure.yml') | from_yaml) }}"
"""

RETURN = r"""
_value:
  description: The variables of the input that are not questions of the survey.
  type: dict
"""

KNOWN = {
    PREFIX: frozenset(VARIABLES),
    "interactive_broadcast_": BROADCAST_VARIABLES,
    "archive_fleet_": frozenset(("archives", "report_path", "timeout", "total_timeout")),
}
ALL_SECRETS = frozenset((*SECRETS, "heroku_api_token"))
# In extra variables, these would delete or replace something in every scheduled job.
ONCE = frozenset(("state", "delete_bucket", "delete_recordings", "rotate", "revoke_old_keys"))
_URL = re.compile(r"https?://[^/\s@]+(?:/\S*)?")


def select_extra_vars(state: t.Mapping[str, t.Any], survey: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
    """Select the variables without a question in the survey.

    :raises AnsibleFilterError: a variable cannot be an extra variable.
    """
    questions = {question["variable"] for question in survey["spec"]}
    names = sorted(name for name in state if name not in questions)
    problems = Problems()
    for name in names:
        problems.add_if(name, _variable_problem(name, state[name]))
    if not problems:
        problems.extend(_role_problems(state))
    if problems:
        raise AnsibleFilterError("; ".join(map(str, problems)))
    return {name: state[name] for name in names}


def _variable_problem(name: str, value: t.Any) -> str | None:
    prefix = next((prefix for prefix in KNOWN if name.startswith(prefix)), "")
    option = name[len(prefix) :]
    if prefix and option in ONCE:
        return "cannot be set here, because it would apply to every scheduled job"
    if not prefix or option not in KNOWN[prefix]:
        return "is not a variable of this collection"
    if option in ALL_SECRETS:
        return "is a secret. Enter it in a credential of AWX"
    is_url = option.endswith(("endpoint", "_url"))
    if is_url and value not in (None, "") and not _URL.fullmatch(str(value)):
        return "is not a valid URL without credentials, such as https://s3.example.com"
    return None


def _role_problems(state: t.Mapping[str, t.Any]) -> t.Iterable[Problem]:
    """The problems of the role ``archive_storage`` with these variables, independent of credentials and the survey."""
    variables = {name[len(PREFIX) :]: value for name, value in state.items() if name.startswith(PREFIX) and value != ""}
    survey_variables = {"bucket": "example-recordings"}
    if "application_id" not in variables:
        survey_variables["api_key"] = "1"
    if variables.get("upload_key") == EXTERNAL:
        survey_variables["uploader_access_key"] = "AKIAIOSFODNN7EXAMPLE"
        survey_variables["uploader_secret_key"] = "example"
    problems: t.Iterable[Problem] = read_settings({**survey_variables, **variables})["problems"]
    return problems


class FilterModule:
    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        return {"awx_extra_vars": select_extra_vars}
