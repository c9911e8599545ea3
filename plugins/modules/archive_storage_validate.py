#!/usr/bin/python
# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Documentation of the action: validate the variables of the role archive_storage."""

from __future__ import annotations

DOCUMENTATION = r"""
module: archive_storage_validate
short_description: Validate the variables of the role archive_storage
version_added: 1.0.0
author:
  - Vonage Archiving Contributors (@vonage-archiving)
description:
  - Reads the variables of the role P(vonage.archiving.archive_storage#role) from the variables of the task, checks all
    of them, and returns the options of the modules that the role runs. It sends nothing.
  - The first task of the role runs it. You do not need it in a playbook.
  - A misspelled name of a variable is an error if C(archive_storage_strict) is V(true), as in the playbooks of the
    collection, else a warning.
  - It is an action and runs on the controller.
options:
  mode:
    description:
      - The purpose of the run. V(apply) creates, updates, or deletes. V(verify) changes nothing. V(recover) only
        compares the project of a recording that did not arrive with the project of the host, and sets the fact
        C(archive_storage_recovery). V(names) only validates the names of the variables of both roles.
    type: str
    choices: [apply, verify, recover, names]
    default: apply
attributes:
  check_mode:
    support: full
  diff_mode:
    support: N/A
    details:
      - The action does not change anything.
  idempotent:
    support: full
extends_documentation_fragment:
  - vonage.archiving.attributes
  - vonage.archiving.attributes.actiongroup_all
seealso:
  - module: vonage.archiving.archive_storage_report
"""

EXAMPLES = r"""
- name: Validate the variables
  vonage.archiving.archive_storage_validate:
    mode: verify
  register: _archive_storage
"""

RETURN = r"""
project:
  description: The ID of the project. Also returned on failure.
  returned: if O(mode) is V(apply) or V(verify)
  type: str
  sample: "47123456"
state:
  description: The state of the archive storage, V(present) or V(absent).
  returned: success, if O(mode) is V(apply) or V(verify)
  type: str
  sample: present
managed:
  description: Whether the collection creates the access key of the upload target.
  returned: success, if O(mode) is V(apply) or V(verify)
  type: bool
  sample: true
verify_only:
  description: Whether the run changes nothing.
  returned: success, if O(mode) is V(apply) or V(verify)
  type: bool
  sample: false
can_verify:
  description: Whether uploads are verified when the bucket changed.
  returned: success, if O(mode) is V(apply) or V(verify)
  type: bool
  sample: true
lacks_secret_key:
  description: Whether the secret of an external key is not set.
  returned: success, if O(mode) is V(apply) or V(verify)
  type: bool
  sample: false
delete_bucket:
  description: Whether the bucket is deleted.
  returned: success, if O(mode) is V(apply) or V(verify)
  type: bool
  sample: false
bucket:
  description: The options of M(vonage.archiving.s3_archive_bucket). An empty string is an option that is not set.
  returned: success, if O(mode) is V(apply) or V(verify)
  type: dict
  sample: {name: example-recordings, project: "47123456", encryption: s3}
upload_target:
  description: The options of M(vonage.archiving.vonage_archive_storage), without secrets.
  returned: success, if O(mode) is V(apply) or V(verify)
  type: dict
  sample: {state: present, fallback: opentok, verify: new_key}
connection:
  description: The options of the action groups C(aws) and C(vonage), without secrets.
  returned: success, if O(mode) is V(apply) or V(verify)
  type: dict
  sample: {aws: {region: eu-west-1}, vonage: {api_key: "47123456"}}
error:
  description:
    - The reason for the failure, for a playbook that handles errors. All kinds and fields are in
      R(Errors,ansible_collections.vonage.archiving.docsite.guide_errors).
  returned: failure
  type: dict
  sample:
    kind: input
    operation: validate the options
    problem: "archive_storage_bucket: is not set"
    hint: Nothing was changed.
    problems: ["archive_storage_bucket: is not set"]
"""
