#!/usr/bin/python
# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: s3_archive_bucket_info
short_description: Read the settings of the S3 bucket that video recordings land in
version_added: 1.0.0
author:
  - Vonage Archiving Contributors (@vonage-archiving)
description:
  - Reads the facets that M(vonage.archiving.s3_archive_bucket) manages, in parallel, and returns them in the form of
    its options.
  - A facet that the store lacks, or that the credentials cannot read, is not a failure. It is C(null), and
    RV(unavailable) contains the reason.
options:
  name:
    description: Name of the bucket.
    type: str
    required: true
    aliases: [bucket]
  facets:
    description:
      - The facets to read. Without it, all.
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
        and the requirement of encrypted uploads. All other facets are those of the bucket.
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
    details: This module changes nothing.
  diff_mode:
    support: N/A
    details: This module changes nothing.
  idempotent:
    support: full
  action_group:
    membership: [vonage.archiving.all, vonage.archiving.aws]
notes:
  - "IAM actions. For each facet the one to read it, as named in the notes of M(vonage.archiving.s3_archive_bucket), and
    C(s3:ListBucket), without which AWS may deny access to a missing bucket. A missing permission is a failure only if
    the credentials cannot read any facet. Otherwise it is in RV(unavailable)."
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
"""

RETURN = r"""
bucket:
  description:
    - The bucket. Besides the keys below, it contains every facet of O(facets), under the name and in the form of the
      option of M(vonage.archiving.s3_archive_bucket); C(null) if it is not set or not available.
    - A managed statement or rule that was changed by hand is returned unchanged. So is, as C(require_encryption), a
      statement about some projects if O(project) is not set, and one about the whole bucket if it is set.
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
      description: Its name.
      type: str
      returned: always
    exists:
      description: Whether it exists. If not, nothing else is known.
      type: bool
      returned: always
    region:
      description: Its region, if the store returns it, else the region of the connection.
      type: str
      returned: the bucket exists
    url:
      description: Base of the URLs of its objects, without a slash at its end.
      type: str
      returned: the bucket exists
    folders:
      description: The prefixes of the first level, without the slash at their end.
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
  description: Facets that could not be read, each with V(unsupported) or V(denied).
  returned: success
  type: dict
  sample: {"block_public_access": "unsupported"}
error:
  description: The failure as data.
  returned: failure
  type: dict
  contains:
    kind:
      description:
        - One of V(input), V(denied), V(unsupported), V(conflict), V(unreachable), V(rejected), V(not_found),
          V(missing_library).
      type: str
      returned: always
    operation:
      description: The operation that failed.
      type: str
      returned: always
    problem:
      description: Why it failed.
      type: str
      returned: always
    hint:
      description: What to do next; may be empty.
      type: str
      returned: always
    problems:
      description: The problems of the options, one sentence each.
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
      description: HTTP status of the response.
      type: int
      returned: when there was a response
    code:
      description: The error code of the store, such as V(NoSuchBucket).
      type: str
      returned: when the store gave one
    store:
      description: The store.
      type: str
      returned: when a request was sent
    action:
      description: The IAM action that is needed.
      type: str
      returned: when a permission is missing
"""

from ansible_collections.vonage.archiving.plugins.module_utils._aws import session as connection
from ansible_collections.vonage.archiving.plugins.module_utils._bucket.info import READABLE, gather
from ansible_collections.vonage.archiving.plugins.module_utils._core.module import run


def main() -> None:
    run(
        gather,
        {
            "name": {"type": "str", "required": True, "aliases": ["bucket"]},
            "project": {"type": "str"},
            "facets": {"type": "list", "elements": "str", "choices": list(READABLE)},
            **connection.ARGUMENTS,
        },
    )


if __name__ == "__main__":
    main()
