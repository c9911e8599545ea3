#!/usr/bin/python
# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Documentation of the action: print the IAM policies that the variables of the role archive_storage need."""

from __future__ import annotations

DOCUMENTATION = r"""
module: archive_storage_policy
short_description: Print the IAM policies for the variables of the role archive_storage
version_added: 1.0.0
author:
  - Vonage Archiving Contributors (@vonage-archiving)
description:
  - Reads the variables of the role P(vonage.archiving.archive_storage#role) from the variables of the task, and prints
    and returns the policies of the operator and of the upload user as JSON. They contain the names of the project, and
    only the actions that these variables need.
  - The operator can then configure, verify, rotate, recover, and delete the archive storage of the project. If
    C(archive_storage_delete_bucket) is V(true), the operator can also delete the bucket with its recordings.
  - Needs no credentials and sends nothing. Variables for credentials are ignored.
  - The account in ARNs of IAM users is that of C(archive_storage_uploader_permissions_boundary), or else C(*). A policy
    applies to users of its own account only.
  - The playbook C(vonage.archiving.policy) runs it.
  - It is an action and runs on the controller.
options: {}
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
  - ref: ansible_collections.vonage.archiving.docsite.guide_permissions
    description: The permissions of the operator and of the upload user.
"""

EXAMPLES = r"""
- name: Print the policies
  vonage.archiving.archive_storage_policy:
  vars:
    archive_storage_api_key: "47123456"
    archive_storage_bucket: example-recordings
  register: policies

- name: Attach the policy to the operator
  amazon.aws.iam_policy:
    iam_type: user
    iam_name: ansible
    policy_name: vonage-archiving
    policy_json: "{{ policies.operator }}"
"""

RETURN = r"""
project:
  description: The ID of the project.
  returned: success
  type: str
  sample: "47123456"
operator:
  description: The policy of the operator, who runs Ansible.
  returned: success
  type: dict
  sample:
    Version: "2012-10-17"
    Statement:
      - Sid: StateFile
        Effect: Allow
        Action: ["s3:GetObject", "s3:PutObject"]
        Resource: ["arn:aws:s3:::example-recordings/.vonage-archiving/47123456.json"]
upload_user:
  description: The policy of the user whose access key Vonage uploads with. The role attaches it to a managed user.
  returned: success
  type: dict
  sample:
    Version: "2012-10-17"
    Statement:
      - Sid: VonageArchivingUpload
        Effect: Allow
        Action: ["s3:PutObject", "s3:AbortMultipartUpload"]
        Resource: ["arn:aws:s3:::example-recordings/47123456/*"]
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
    hint: Nothing was sent.
    problems: ["archive_storage_bucket: is not set"]
"""
