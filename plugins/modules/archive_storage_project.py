#!/usr/bin/python
# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Documentation of the action: the archive storage of one project of a fleet."""

from __future__ import annotations

DOCUMENTATION = r"""
module: archive_storage_project
short_description: Bring about the archive storage of one project out of many, all in one task
version_added: 1.0.0
author:
  - Vonage Archiving Contributors (@vonage-archiving)
description:
  - Does all that the role P(vonage.archiving.archive_storage#role) does for one project, bucket, uploader, proof and
    upload target, in one task, and looks at the latest archives of the project.
  - It is an action. It runs on the controller, in the process that Ansible has made for the task anyway, where the
    libraries are loaded already; a role run starts about ten processes that each load them anew. For one project use
    the role, whose steps are seen one by one. For hundreds of projects, each of them a host, use this, with as many of
    them at a time as C(--forks) says.
  - The playbook C(vonage.archiving.fleet) runs it over an inventory. A project that fails is a failed host; it does
    not concern the others.
options:
  variables:
    description:
      - The variables of the role P(vonage.archiving.archive_storage#role) without their prefix C(archive_storage_), but
        for the secrets and the options below; any other name is an error. C(names) may list the names of all variables
        that are set, to have those that look mistyped told.
      - C(api_key) or C(application_id) say which project it is. Environment variables that name one project are not
        looked at, since they would be the same for all hosts.
      - Only C(state=present) is possible.
    type: dict
    required: true
  project:
    description:
      - API key of the project that this host stands for. If C(variables.api_key) names another one, the task fails
        before anything is touched.
    type: str
  archives:
    description:
      - How many of the latest archives to look at, at most 1000, in one call. V(0) for none.
    type: int
    default: 20
  api_secret:
    description:
      - Secret of the project. If not set, or empty, the account is asked for it, with O(account_key) and
        O(account_secret). It is in no result, and stays in this task.
    type: str
  private_key:
    description:
      - Private key (PEM) of an application of the unified environment.
    type: str
  api_url:
    description:
      - Base URL of the API, for the account and for the project.
      - If not set, or empty, and the account returns the secret of the project, the environment variable
        E(VONAGE_VIDEO_ACCOUNT_API_URL) is used for both. With O(api_secret) or O(private_key), it is
        E(VONAGE_VIDEO_API_URL).
    type: str
  account_key:
    description:
      - Key of the account, to get the secret of the project with. If not set, or empty, the environment variable
        E(VONAGE_VIDEO_ACCOUNT_KEY) is looked at.
    type: str
  account_secret:
    description:
      - Secret of the account. If not set, or empty, the environment variable E(VONAGE_VIDEO_ACCOUNT_SECRET) is looked
        at.
    type: str
  uploader_secret_key:
    description:
      - Secret of the access key for uploads, where C(variables.uploader) is V(given).
    type: str
  certificate:
    description:
      - Certificate (PEM) for encrypted archives.
    type: str
  timeout:
    description: Seconds for each call of the API.
    type: float
    default: 20
  retries:
    description: How often a call is repeated at most.
    type: int
    default: 4
  total_timeout:
    description: Seconds for a call of the API with all its repetitions.
    type: float
    default: 90
  region:
    description:
      - Region of the bucket. If not set, or empty, E(AWS_REGION) and E(AWS_DEFAULT_REGION) are looked at.
    type: str
    aliases: [aws_region]
  access_key:
    description:
      - Id of the operator's access key. If not set, or empty, E(AWS_ACCESS_KEY_ID) is looked at, and then what boto3
        finds.
    type: str
    aliases: [aws_access_key_id, aws_access_key]
  secret_key:
    description:
      - Secret of O(access_key). If not set, or empty, E(AWS_SECRET_ACCESS_KEY) is looked at.
    type: str
    aliases: [aws_secret_access_key, aws_secret_key]
  session_token:
    description:
      - Session token of temporary credentials. If not set, or empty, E(AWS_SESSION_TOKEN) is looked at.
    type: str
    aliases: [aws_session_token]
  profile:
    description:
      - Profile of the AWS configuration. If not set, or empty, E(AWS_PROFILE) is looked at.
    type: str
    aliases: [aws_profile]
  aws_ca_bundle:
    description:
      - File with the certificates of the authorities to trust. If not set, or empty, E(AWS_CA_BUNDLE) is looked at.
    type: path
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
  - The Python that runs Ansible needs boto3, requests and PyJWT; without them, the task of each host says so. The
    connection and the interpreter of the host, C(delegate_to) and C(become) have no meaning.
  - C(environment) counts, for this task alone. C(until) repeats all of it, which changes nothing that is as it should
    be. C(async) is refused, and not needed, since hosts run side by side.
  - "IAM actions: those of the role P(vonage.archiving.archive_storage#role)."
  - On macOS a forked process may not use some system libraries. If tasks die there, set the environment variable
    C(no_proxy) to C(*) for Ansible (unverified).
seealso:
  - module: vonage.archiving.archive_fleet_report
  - plugin: vonage.archiving.vonage_projects
    plugin_type: inventory
"""

EXAMPLES = r"""
# Tasks of a play whose hosts are projects. Commonly through the role, which hands its variables on:
- name: Bring about the archive storage of the project
  ansible.builtin.import_role:
    name: vonage.archiving.archive_storage
    tasks_from: project
  vars:
    archive_storage_bucket: "recordings-{{ vonage_project_id }}"

- name: By itself, with the secret of the project from its account
  vonage.archiving.archive_storage_project:
    project: "{{ vonage_project_id }}"
    variables:
      bucket: example-recordings
      fallback: none
      rotate_after: 2592000
    account_key: "1234567"
    account_secret: "{{ vaulted_account_secret }}"
    region: eu-west-1
    archives: 100

- name: With a key that is given, on another store
  vonage.archiving.archive_storage_project:
    variables:
      api_key: "47123456"
      bucket: example-recordings
      uploader: given
      uploader_access_key: AKIAIOSFODNN7EXAMPLE
      endpoint: https://s3.example.com
    uploader_secret_key: "{{ vaulted_uploader_secret }}"
    api_secret: "{{ vaulted_api_secret }}"
    api_url: https://api.opentok.com
    certificate: "{{ lookup('ansible.builtin.file', 'archives.pem') }}"
    access_key: AKIAI44QH8DHBEXAMPLE
    secret_key: "{{ vaulted_operator_secret }}"
    session_token: "{{ vaulted_session_token | default('') }}"
    aws_ca_bundle: /etc/ssl/certs/ca.pem
    timeout: 10
    retries: 2
    total_timeout: 45

- name: An application of the unified environment
  vonage.archiving.archive_storage_project:
    variables:
      application_id: 78d335fa-323d-0114-9c3d-d6f0d48968cf
      bucket: example-recordings
    private_key: "{{ lookup('ansible.builtin.file', 'private.key') }}"
    profile: video
"""

RETURN = r"""
project:
  description: Id of the project.
  returned: once the options have been read
  type: str
  sample: "47123456"
bucket:
  description: The bucket, as RV(vonage.archiving.s3_archive_bucket#module:bucket).
  returned: success
  type: dict
  sample: {name: example-recordings, exists: true, region: eu-west-1}
bucket_changes:
  description: What was changed of the bucket, also where the task failed later.
  returned: once the options have been read
  type: list
  elements: str
  sample: [encryption]
storage:
  description: The public fields of the upload target.
  returned: success
  type: dict
  sample: {bucket: example-recordings, access_key: AKIAIOSFODNN7EXAMPLE, sse: s3, fallback: opentok}
reason:
  description: Why the target was set, or V(unchanged).
  returned: success
  type: str
  sample: unchanged
record:
  description: Where the record is, and what it says.
  returned: success
  type: dict
  sample: {location: "s3://example-recordings/.vonage-archiving/47123456.json", status: applied}
uploader:
  description: The IAM user. Empty where the key is given.
  returned: success
  type: dict
  sample: {name: vonage-archiving-47123456, arn: "arn:aws:iam::123456789012:user/vonage-archiving-47123456"}
uploader_changes:
  description: What was changed of the uploader and its keys.
  returned: success
  type: list
  elements: str
  sample: []
access_keys:
  description: The access keys of the uploader, without their secrets.
  returned: success
  type: list
  elements: dict
  sample: []
rotate_at:
  description: When the next rotation is due, UTC.
  returned: success
  type: str
  sample: "2027-02-19T09:12:44Z"
pending_requirements:
  description:
    - Requirements that the bucket gets in a later run, when no recording can violate them. V(require_tls) or
      V(require_encryption).
  returned: success
  type: list
  elements: str
  sample: [require_encryption]
retained_keys_until:
  description: When old keys are deleted at the latest; UTC, ISO 8601. V(null) if there are none.
  returned: success
  type: str
  sample: "2026-11-23T14:05:09Z"
waits:
  description: Why keys are still there that the target does not hold.
  returned: success
  type: str
  sample: ""
checks:
  description: The findings of the upload check, if uploads were tried.
  returned: success
  type: list
  elements: dict
  sample: []
proof:
  description: What was tried, in a sentence.
  returned: success
  type: str
  sample: ""
archives:
  description: How the uploads of the latest archives went. Nothing where O(archives) is V(0) or the API did not tell.
  returned: success
  type: dict
  contains:
    looked_at:
      description: How many archives were looked at.
      type: int
    newest:
      description: When the newest one was begun, UTC.
      type: str
    ok:
      description: Whether nothing went wrong; nothing where that cannot be told.
      type: bool
    ids:
      description: Ids of those that went wrong, as lists C(failed), C(fell_back) and C(stuck).
      type: dict
  sample: {looked_at: 20, ok: true, uploaded: 20, fell_back: 0, failed: 0, stuck: 0, ids: {}}
seconds:
  description: How long it took.
  returned: once the options have been read
  type: float
  sample: 0.4
error:
  description: What went wrong, as data.
  returned: failure
  type: dict
  contains:
    kind:
      description:
        - One of V(input), V(denied), V(unsupported), V(conflict), V(unreachable), V(rejected), V(not_found),
          V(not_ours), V(quota), V(not_proven), V(secret_needed), V(missing_library).
      type: str
      returned: always
    attempted:
      description: What could not be done.
      type: str
      returned: always
    problem:
      description: What came back.
      type: str
      returned: always
    hint:
      description: What to do next; may be empty.
      type: str
      returned: always
"""
