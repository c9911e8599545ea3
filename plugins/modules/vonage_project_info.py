#!/usr/bin/python

# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Ansible module: the projects of an account."""

from __future__ import annotations

DOCUMENTATION = r"""
module: vonage_project_info
short_description: List the projects of a Vonage Video account
version_added: 1.0.0
author:
  - Vonage Archiving Contributors (@vonage-archiving)
description:
  - Lists the projects of an account of the Vonage Video API (OpenTok), or reads some of them by their ids.
  - The API gives the secret of every project together with it. Nothing of them is returned, unless
    O(include_secrets=true).
  - The unified environment has no such list.
extends_documentation_fragment:
  - vonage.archiving.account
  - vonage.archiving.attributes
  - vonage.archiving.attributes.info_module
  - vonage.archiving.attributes.actiongroup_all
options:
  ids:
    description:
      - Read these projects, by their API keys, each with a call of its own, and do not list the others. It is an error
        if one of them is not there.
    type: list
    elements: str
  names:
    description:
      - Patterns for names of projects, as of file names (C(*), C(?), C([...])); upper and lower case differ. A project
        whose name matches one of them is returned. Without it, all.
    type: list
    elements: str
  status:
    description:
      - Return projects with one of these statuses. Without it, all.
    type: list
    elements: str
    choices: [ACTIVE, SUSPENDED]
  include_secrets:
    description:
      - Also return the secret of each project. Use C(no_log) on the task, or it is shown at high verbosity and kept in
        logs.
      - They are marked as secrets where ansible-core has a way to do so (2.22 and later).
    type: bool
    default: false
notes:
  - How a play over the inventory P(vonage.archiving.vonage_projects#inventory) gets the secret of the project that it
    is about is shown there.
  - What is documented of a project are id, secret, status, name, environment and the time it was created. The API has
    been seen to say C(VALID) where the documents say C(ACTIVE); it is returned as V(ACTIVE).
seealso:
  - plugin: vonage.archiving.vonage_projects
    plugin_type: inventory
  - module: vonage.archiving.vonage_archive_info
"""

EXAMPLES = r"""
- name: List the active projects of a customer
  vonage.archiving.vonage_project_info:
    account_key: "{{ video_account_key }}"
    account_secret: "{{ video_account_secret }}"
    names: ["acme-*"]
    status: [ACTIVE]
  register: account

- name: Show their names
  ansible.builtin.debug:
    msg: "{{ account.projects | map(attribute='name') }}"

- name: Get the secret of one project, by a call for this project alone
  vonage.archiving.vonage_project_info:
    account_key: "{{ video_account_key }}"
    account_secret: "{{ video_account_secret }}"
    ids: ["{{ vonage_project_id }}"]
    include_secrets: true
    api_url: https://api.opentok.com
    timeout: 10
    retries: 6
    total_timeout: 120
  register: owned
  no_log: true

- name: Use it
  vonage.archiving.vonage_archive_info:
    api_key: "{{ vonage_project_id }}"
    api_secret: "{{ owned.projects[0].secret }}"
    api_url: "{{ owned.api_url }}"
    since: 86400
"""

RETURN = r"""
account:
  description: The account's key.
  returned: success
  type: str
  sample: "1234567"
api_url:
  description:
    - The host that returned the projects. With O(include_secrets=true), use the secrets at this host.
  returned: success
  type: str
  sample: https://api.opentok.com
total:
  description: How many projects the account has, or were read with O(ids).
  returned: success
  type: int
  sample: 812
projects:
  description: The projects that O(names) and O(status) let pass, by their names, or in the order of O(ids).
  returned: success
  type: list
  elements: dict
  sample:
    - id: "45828062"
      name: acme-lessons
      status: ACTIVE
      environment: standard
      created: "2026-03-01T09:00:00Z"
  contains:
    id:
      description: The project's API key.
      returned: success
      type: str
      sample: "45828062"
    name:
      description: Its name; may be empty.
      returned: success
      type: str
      sample: acme-lessons
    status:
      description: V(ACTIVE), V(SUSPENDED), or what else the API says, in upper case.
      returned: success
      type: str
      sample: ACTIVE
    environment:
      description: V(standard) or V(enterprise); V(null) if the API does not say.
      returned: success
      type: str
      sample: standard
    created:
      description: When it was made, UTC; V(null) if the API does not say.
      returned: success
      type: str
      sample: "2026-03-01T09:00:00Z"
    secret:
      description: Its API secret.
      returned: with O(include_secrets=true)
      type: str
      sample: (secret)
error:
  description:
    - What went wrong, for decisions of a playbook.
  returned: failure
  type: dict
  contains:
    kind:
      description:
        - One of V(input), V(denied), V(rejected), V(not_found), V(unreachable) and V(missing_library).
      type: str
      returned: always
      sample: denied
    operation:
      description: The operation that failed.
      type: str
      returned: always
      sample: list the projects of account 1234567
    problem:
      description: What came back.
      type: str
      returned: always
      sample: "https://api.opentok.com answered HTTP 403: code 403, Invalid token"
    hint:
      description: What to do next; may be empty.
      type: str
      returned: always
      sample: It takes the key and secret of the account; those of a project are others.
    problems:
      description: All that is wrong with the options, one sentence each.
      type: list
      elements: str
      returned: with RV(error.kind=input)
    library:
      description: The Python library that is not there.
      type: str
      returned: with RV(error.kind=missing_library)
    interpreter:
      description: The Python that does not have it.
      type: str
      returned: with RV(error.kind=missing_library)
    status:
      description: HTTP status of the answer.
      type: int
      returned: when there was an answer
    tries:
      description: How many requests were sent for the call that failed.
      type: int
      returned: when the API of Vonage was called
    clock_skew:
      description: Seconds that this machine's clock is ahead of the API's.
      type: int
      returned: when the API answered with a date and said no
  sample:
    kind: denied
    operation: list the projects of account 1234567
    problem: "https://api.opentok.com answered HTTP 403: code 403, Invalid token"
    hint: It takes the key and secret of the account; those of a project are others.
    status: 403
    tries: 1
"""

from ansible_collections.vonage.archiving.plugins.module_utils._core.module import run
from ansible_collections.vonage.archiving.plugins.module_utils._vonage.account import ARGUMENTS, gather


def main() -> None:
    run(gather, ARGUMENTS)


if __name__ == "__main__":
    main()
