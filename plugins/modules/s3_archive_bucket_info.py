#!/usr/bin/python
# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: s3_archive_bucket_info
short_description: Read the settings of the S3 bucket for video recordings
version_added: 1.0.0
author:
  - Vonage Archiving Contributors (@vonage-archiving)
description:
  - Reads the facets that M(vonage.archiving.s3_archive_bucket) manages, in parallel, and returns them in the form of
    its options.
  - If the store lacks a facet, or the credentials cannot read it, the task does not fail. The facet is V(null), and
    RV(unavailable) contains the reason.
options:
  name:
    description: The name of the bucket.
    type: str
    required: true
    aliases: [bucket]
  facets:
    description:
      - The facets to read. By default, all facets.
    type: list
    elements: str
    choices:
      - encryption
      - object_ownership
      - block_public_access
      - public_prefixes
      - require_encryption
      - require_tls
      - versioning
      - lifecycle
      - tags
      - folders
      - cors_rules
  project:
    description:
      - The project whose part of a shared bucket to return, as in
        O(vonage.archiving.s3_archive_bucket#module:project). This applies to the lifecycle rule, the public prefixes
        and the requirement of encrypted uploads. All other facets apply to the whole bucket.
      - If not set, RV(bucket) contains the lifecycle rule V(vonage-archiving), and the public prefixes of all projects.
    type: str
  region:
    description:
      - The region of the connection. RV(bucket.region) is the actual region of the bucket, if the store returns it.
extends_documentation_fragment:
  - vonage.archiving.aws
  - vonage.archiving.attributes
attributes:
  check_mode:
    support: full
    details: The module makes no changes.
  diff_mode:
    support: N/A
    details: The module makes no changes.
  idempotent:
    support: full
  action_group:
    membership: [vonage.archiving.all, vonage.archiving.aws]
notes:
  - "IAM actions: for each facet, the action to read it, see the notes of M(vonage.archiving.s3_archive_bucket), and
    C(s3:ListBucket). Without C(s3:ListBucket), AWS may deny access if the bucket does not exist. If a permission is
    missing, the task fails only if the credentials cannot read any facet. Otherwise, RV(unavailable) contains the
    facet."
seealso:
  - module: vonage.archiving.s3_archive_bucket
"""

EXAMPLES = r"""
- name: Read all facets of a bucket
  vonage.archiving.s3_archive_bucket_info:
    name: example-recordings
    region: eu-west-1
  register: recordings

- name: Fail unless the public access block suppresses public policies and ACLs
  ansible.builtin.assert:
    that:
      - recordings.bucket.block_public_access.restrict_public_buckets
      - recordings.bucket.block_public_access.ignore_public_acls

- name: Read the part of one project in a shared bucket
  vonage.archiving.s3_archive_bucket_info:
    name: example-recordings
    project: "47123456"
    region: eu-west-1
    facets: [lifecycle, public_prefixes]

- name: Read only two facets, on a store other than AWS
  vonage.archiving.s3_archive_bucket_info:
    name: example-recordings
    endpoint_url: https://s3.example.com
    access_key: "{{ operator_access_key }}"
    secret_key: "{{ operator_secret_key }}"
    facets: [encryption, cors_rules]

- name: Fail if the bucket belongs to another AWS account
  vonage.archiving.s3_archive_bucket_info:
    name: example-recordings
    region: eu-west-1
    profile: operations
    expected_bucket_owner: caller

- name: Use temporary credentials, and the certificate authority of a company
  vonage.archiving.s3_archive_bucket_info:
    name: example-recordings
    endpoint_url: https://s3.example.com
    access_key: "{{ sts.access_key }}"
    secret_key: "{{ sts.secret_key }}"
    session_token: "{{ sts.session_token }}"
    validate_certs: true
    aws_ca_bundle: /etc/ssl/certs/example-ca.pem
"""

RETURN = r"""
bucket:
  description:
    - The bucket. In addition to the keys below, it contains every facet in O(facets), with the name and in the form of
      the option of M(vonage.archiving.s3_archive_bucket); V(null) if it is not set or not available.
    - A managed statement or rule that was changed manually is returned unchanged. C(require_encryption) also contains
      the unchanged statement if it applies to some projects and O(project) is not set, or if it applies to the whole
      bucket and O(project) is set.
  returned: success
  type: dict
  sample:
    name: example-recordings
    exists: true
    region: eu-west-1
    url: https://example-recordings.s3.eu-west-1.amazonaws.com
    encryption: s3
    cors_rules: []
    public_prefixes: []
  contains:
    name:
      description: The name.
      type: str
      returned: always
    exists:
      description: Whether the bucket exists. If not, the result contains only this and the name.
      type: bool
      returned: always
    region:
      description: The region of the bucket, if the store returns it, else the region of the connection.
      type: str
      returned: the bucket exists
    url:
      description: The base URL of its objects, without a slash at the end.
      type: str
      returned: the bucket exists
    folders:
      description: The prefixes of the first level, without the slash at the end.
      type: list
      elements: str
      returned: V(folders) is in O(facets)
    lifecycle_projects:
      description:
        - The projects that have their own lifecycle rule, see O(project). RV(bucket) contains only one of these rules,
          or none, as C(lifecycle).
      type: list
      elements: str
      returned: V(lifecycle) is in O(facets) and available
      sample: ["47123456", "47123457"]
    encryption_projects:
      description: The projects that require encrypted uploads, see O(project).
      type: list
      elements: str
      returned: V(require_encryption) is in O(facets) and available
      sample: ["47123456", "47123457"]
unavailable:
  description: The facets that could not be read, each with V(unsupported) or V(denied).
  returned: success
  type: dict
  sample: {"block_public_access": "unsupported"}
error:
  description:
    - The error, for playbooks that handle errors. All kinds and fields are in
      R(Errors,ansible_collections.vonage.archiving.docsite.guide_errors).
  returned: failure
  type: dict
"""

from ansible_collections.vonage.archiving.plugins.module_utils._aws import session as connection
from ansible_collections.vonage.archiving.plugins.module_utils._bucket.facets.registry import FACET_NAMES
from ansible_collections.vonage.archiving.plugins.module_utils._bucket.info import gather
from ansible_collections.vonage.archiving.plugins.module_utils._core.module import run_module


def main() -> None:
    run_module(
        gather,
        {
            "name": {"type": "str", "required": True, "aliases": ["bucket"]},
            "project": {"type": "str"},
            "facets": {"type": "list", "elements": "str", "choices": list(FACET_NAMES)},
            **connection.ARGUMENTS,
        },
    )


if __name__ == "__main__":
    main()
