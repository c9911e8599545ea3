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
  - Lists the projects of an account of the Vonage Video API (OpenTok), or fetches single projects by their IDs.
  - The API returns the secret of every project. The module returns the secrets only with O(include_secrets=true).
  - The unified environment has no such list.
extends_documentation_fragment:
  - vonage.archiving.account
  - vonage.archiving.attributes
  - vonage.archiving.attributes.info_module
  - vonage.archiving.attributes.actiongroup_all
options:
  ids:
    description:
      - Fetch only the projects with these API keys, with one request each. It is an error if one of them does not
        exist.
    type: list
    elements: str
  names:
    description:
      - Patterns for project names, with the wildcards of file names (C(*), C(?), C([...])). They are case-sensitive. A
        project is returned if its name matches one of them. By default, all projects match.
    type: list
    elements: str
  status:
    description:
      - Return only projects with one of these statuses. By default, all projects are returned.
    type: list
    elements: str
    choices: [ACTIVE, SUSPENDED]
  include_secrets:
    description:
      - Also return the secret of each project. Set C(no_log) on the task. Otherwise, the secrets are printed at high
        verbosity and stored in logs.
      - The module registers them as secrets with ansible-core 2.22 and later.
    type: bool
    default: false
notes:
  - The page of the inventory P(vonage.archiving.vonage_projects#inventory) shows how a play gets the secret of the
    project of each host.
  - The documented fields of a project are ID, secret, status, name, environment, and the time of creation. In public
    code, the status C(VALID) occurs instead of the documented C(ACTIVE); it is returned as V(ACTIVE).
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

- name: Get the secret of one project, with a request for this project only
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

- name: Use the secret
  vonage.archiving.vonage_archive_info:
    api_key: "{{ vonage_project_id }}"
    api_secret: "{{ owned.projects[0].secret }}"
    api_url: "{{ owned.api_url }}"
    since: 86400
"""

RETURN = r"""
account:
  description: The key of the account.
  returned: success
  type: str
  sample: "1234567"
api_url:
  description:
    - The host that returned the projects. Use secrets from O(include_secrets=true) only at this host.
  returned: success
  type: str
  sample: https://api.opentok.com
total:
  description: The number of projects of the account, or of fetched projects with O(ids).
  returned: success
  type: int
  sample: 812
projects:
  description: The projects that match O(names) and O(status), sorted by name, or in the order of O(ids).
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
      description: The API key of the project.
      returned: success
      type: str
      sample: "45828062"
    name:
      description: The name; it can be empty.
      returned: success
      type: str
      sample: acme-lessons
    status:
      description: V(ACTIVE), V(SUSPENDED), or another status of the API, in upper case.
      returned: success
      type: str
      sample: ACTIVE
    environment:
      description: V(standard) or V(enterprise); V(null) if unknown.
      returned: success
      type: str
      sample: standard
    created:
      description: The time of creation, in UTC; V(null) if unknown.
      returned: success
      type: str
      sample: "2026-03-01T09:00:00Z"
    secret:
      description: The API secret.
      returned: with O(include_secrets=true)
      type: str
      sample: (secret)
error:
  description:
    - The error, for playbooks that handle errors. All kinds and fields are in
      R(Errors,ansible_collections.vonage.archiving.docsite.guide_errors).
  returned: failure
  type: dict
  sample:
    kind: denied
    operation: list the projects of account 1234567
    problem: "https://api.opentok.com responded with HTTP 403: code 403, Invalid token"
    hint: "Use the key and secret of the account, not those of a project."
"""

from ansible_collections.vonage.archiving.plugins.module_utils._core.module import run_module
from ansible_collections.vonage.archiving.plugins.module_utils._vonage.account import ARGUMENTS, reconcile


def main() -> None:
    run_module(reconcile, ARGUMENTS)


if __name__ == "__main__":
    main()
