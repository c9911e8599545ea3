#!/usr/bin/python
# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Documentation of the action: configure the archive storage of one project of a fleet."""

from __future__ import annotations

DOCUMENTATION = r"""
module: archive_storage_project
short_description: Configure the archive storage of one project of a fleet
version_added: 1.0.0
author:
  - Vonage Archiving Contributors (@vonage-archiving)
description:
  - Does the work of the role P(vonage.archiving.archive_storage#role) for one project in one task, and fetches the
    latest archives of the project. It reads the variables of the role, C(archive_storage_*), from the variables of the
    task.
  - For one project, use the role, whose steps are separate tasks. For hundreds of projects, each of them a host, use
    this action. C(--forks) is the number of concurrent projects.
  - It is an action and runs on the controller, in the process that Ansible forks for the task. The role needs such a
    process for each of its tasks.
  - The playbook C(vonage.archiving.fleet) runs it over an inventory. A project that fails is a failed host. It does not
    affect the others.
  - Environment variables that name one project are ignored, since they would be the same for all hosts. Only
    C(archive_storage_state=present) is possible.
options:
  project:
    description:
      - API key of the project of this host. If C(archive_storage_api_key) is another one, the task fails before it
        changes anything. If neither it nor C(archive_storage_application_id) is set, O(project) is used.
      - If not set, or empty, the variable C(vonage_project_id) is used.
    type: str
  archives:
    description:
      - The number of the latest archives to fetch, at most 1000. V(0) fetches none.
      - If not set, or empty, the variable C(archive_fleet_archives) is used.
    type: int
    default: 20
  account_key:
    description:
      - Key of the account. Without C(archive_storage_api_secret), the account returns the secret of the project. The
        secret is in no result. If not set, or empty, the variable C(archive_fleet_account_key) is used, or the
        environment variable E(VONAGE_VIDEO_ACCOUNT_KEY).
      - The URL of the account is C(archive_storage_api_url), or the environment variable
        E(VONAGE_VIDEO_ACCOUNT_API_URL). The project is called at the same URL.
    type: str
  account_secret:
    description:
      - Secret of the account. If not set, or empty, the variable C(archive_fleet_account_secret) is used, or the
        environment variable E(VONAGE_VIDEO_ACCOUNT_SECRET).
    type: str
  timeout:
    description:
      - The timeout of each call of the API. If not set, or empty, the variable C(archive_fleet_timeout) is
        used.
      - A duration in seconds, or with the unit V(s), V(m), V(h), or V(d), for example V(20s).
    type: str
    default: "20.0"
  retries:
    description: The maximum number of retries of a call.
    type: int
    default: 4
  total_timeout:
    description:
      - The timeout of a call of the API with all its retries. If not set, or empty, the variable
        C(archive_fleet_total_timeout) is used.
      - A duration in seconds, or with the unit V(s), V(m), V(h), or V(d), for example V(2m).
    type: str
    default: "90.0"
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
  idempotent:
    support: full
extends_documentation_fragment:
  - vonage.archiving.attributes
  - vonage.archiving.attributes.actiongroup_all
notes:
  - The Python that runs Ansible needs boto3, requests, and PyJWT. The connection and the interpreter of the host,
    C(delegate_to), and C(become) have no effect.
  - C(environment) has an effect on this task. C(async) is rejected. It is not needed, because hosts run concurrently.
  - "IAM actions: those of the role P(vonage.archiving.archive_storage#role)."
  - On macOS, a forked process must not use some system libraries. If tasks crash there, set the environment variable
    C(no_proxy) to C(*) for Ansible (unverified).
seealso:
  - module: vonage.archiving.archive_fleet_report
  - plugin: vonage.archiving.vonage_projects
    plugin_type: inventory
"""

EXAMPLES = r"""
# Tasks of a play whose hosts are projects. Usually the role runs it:
- name: Configure the archive storage of the project
  ansible.builtin.import_role:
    name: vonage.archiving.archive_storage
    tasks_from: fleet
  vars:
    archive_storage_bucket: "recordings-{{ vonage_project_id }}"

- name: Configure the archive storage with the secret of the project from its account
  vonage.archiving.archive_storage_project:
    project: "{{ vonage_project_id }}"
    account_key: "1234567"
    account_secret: "{{ vaulted_account_secret }}"
    archives: 100
  vars:
    archive_storage_bucket: example-recordings
    archive_storage_fallback: none
    archive_storage_rotate_after: 2592000
    archive_storage_region: eu-west-1

- name: Configure the archive storage with an external key, on another store
  vonage.archiving.archive_storage_project:
    timeout: 10
    retries: 2
    total_timeout: 45
  vars:
    archive_storage_api_key: "47123456"
    archive_storage_api_secret: "{{ vaulted_api_secret }}"
    archive_storage_bucket: example-recordings
    archive_storage_endpoint: https://s3.example.com
    archive_storage_upload_key: external
    archive_storage_uploader_access_key: AKIAIOSFODNN7EXAMPLE
    archive_storage_uploader_secret_key: "{{ vaulted_uploader_secret }}"
"""

RETURN = r"""
project:
  description: The ID of the project.
  returned: once the variables are valid
  type: str
  sample: "47123456"
bucket:
  description: The bucket, as RV(vonage.archiving.s3_archive_bucket#module:bucket).
  returned: once the variables are valid
  type: dict
  sample: {name: example-recordings, exists: true, region: eu-west-1}
bucket_changes:
  description: The parts of the bucket that were changed, also if the task failed later.
  returned: once the variables are valid
  type: list
  elements: str
  sample: [encryption]
pending_requirements:
  description:
    - Requirements that a later run applies to the bucket, when no recording can violate them. V(require_tls) or
      V(require_encryption).
  returned: once the variables are valid
  type: list
  elements: str
  sample: [require_encryption]
unsupported:
  description: Options of the bucket that the store does not support, and that were skipped because they are only
    defaults.
  returned: once the variables are valid
  type: list
  elements: str
  sample: []
storage:
  description: The public fields of the upload target.
  returned: once the variables are valid
  type: dict
  sample: {bucket: example-recordings, access_key: AKIAIOSFODNN7EXAMPLE, sse: s3, fallback: opentok}
reason:
  description: The reason why the upload target was set, such as V(no_state_file) in the first run, or V(unchanged).
  returned: once the variables are valid
  type: str
  sample: unchanged
state_file:
  description: The location and content of the state file.
  returned: once the variables are valid
  type: dict
  sample: {location: "s3://example-recordings/.vonage-archiving/47123456.json", status: applied}
uploader:
  description: The IAM user of a managed key. Empty with an external key.
  returned: once the variables are valid
  type: dict
  sample: {name: vonage-archiving-47123456, arn: "arn:aws:iam::123456789012:user/vonage-archiving-47123456"}
uploader_changes:
  description: The parts of the IAM user and its keys that were changed.
  returned: once the variables are valid
  type: list
  elements: str
  sample: []
access_keys:
  description: The access keys of the IAM user, without their secrets.
  returned: once the variables are valid
  type: list
  elements: dict
  sample: []
rotate_at:
  description: When the next rotation is due, in UTC, ISO 8601.
  returned: once the variables are valid
  type: str
  sample: "2027-02-19T09:12:44Z"
retained_keys_reason:
  description: The reason why keys exist that the upload target does not use.
  returned: once the variables are valid
  type: str
  sample: ""
retained_keys_until:
  description: The latest time when these keys are deleted, in UTC, ISO 8601. V(null) if there are none.
  returned: once the variables are valid
  type: str
  sample: "2026-11-23T14:05:09Z"
checks:
  description: The checks of the verification, if uploads were verified.
  returned: once the variables are valid
  type: list
  elements: dict
  sample: []
verification:
  description: A summary of the verification.
  returned: once the variables are valid
  type: str
  sample: ""
archives:
  description: The state of the uploads of the latest archives. V(null) if O(archives=0), or if the API did not return
    them.
  returned: success
  type: dict
  contains:
    checked:
      description: The number of archives that were fetched.
      type: int
    newest:
      description: When the newest archive was created, in UTC, ISO 8601.
      type: str
    ok:
      description: Whether all uploads succeeded. V(null) if that is not known.
      type: bool
    ids:
      description: IDs of the archives whose upload failed, as lists C(failed), C(fell_back) and C(stuck).
      type: dict
  sample: {checked: 20, ok: true, uploaded: 20, fell_back: 0, failed: 0, stuck: 0, ids: {}}
seconds:
  description: The duration of the task in seconds.
  returned: once the variables are valid
  type: float
  sample: 0.4
error:
  description:
    - The reason for the failure, for a playbook that handles errors. All kinds and fields are in
      R(Errors,ansible_collections.vonage.archiving.docsite.guide_errors).
  returned: failure
  type: dict
"""
