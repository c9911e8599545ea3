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
  - Reads the facets that M(vonage.archiving.s3_archive_bucket) manages, side by side, and shows them as its options
    would be written.
  - A facet that the store does not have, or that the credentials may not read, is no failure. It is C(null), and
    RV(unavailable) says why.
options:
  name:
    description: Name of the bucket.
    type: str
    required: true
    aliases: [bucket]
  facets:
    description:
      - What to read. Without it, everything.
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
  scope:
    description:
      - The project whose part of a shared bucket is to be shown, as in
        O(vonage.archiving.s3_archive_bucket#module:scope). These are its lifecycle rule, its public prefixes and
        whether its uploads must be encrypted; all other facets are those of the bucket.
      - Without it, RV(bucket) has the lifecycle rule that is no project's own, and the public prefixes of all projects.
    type: str
  region:
    description:
      - The region of the connection. The answer names the region the bucket is really in, where the store tells.
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
    C(s3:ListBucket), without which AWS may say of a missing bucket that access is denied. A missing permission is
    reported, and a failure only if nothing at all may be read."
seealso:
  - module: vonage.archiving.s3_archive_bucket
"""

EXAMPLES = r"""
- name: Everything about a bucket
  vonage.archiving.s3_archive_bucket_info:
    name: example-recordings
    region: eu-west-1
  register: recordings

- name: Stop unless everything in it is kept from the public, whatever policies and ACLs say
  ansible.builtin.assert:
    that:
      - recordings.bucket.block_public_access.restrict_public_buckets
      - recordings.bucket.block_public_access.ignore_public_acls

- name: One project's part of a bucket that projects share
  vonage.archiving.s3_archive_bucket_info:
    name: example-recordings
    scope: "47123456"
    region: eu-west-1
    facets: [lifecycle, public_prefixes]

- name: Only two facets, on a store that is not AWS
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
    - The bucket. Besides the keys below, every facet that was asked for, under the name and in the form of the option
      of M(vonage.archiving.s3_archive_bucket); C(null) for one that is not set or not available.
    - A statement or rule of the collection that was changed by hand is shown as the store has it. So is, under
      C(require_encryption), a statement about some projects if O(scope) is not given, and one about the whole bucket
      if it is.
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
      description: The region it is in, where the store tells, else the region of the connection.
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
      returned: asked for
    lifecycle_scopes:
      description:
        - The projects that have a lifecycle rule of their own, see O(scope). RV(bucket) then has that of one of them
          only, or none, under C(lifecycle).
      type: list
      elements: str
      returned: V(lifecycle) is asked for and available
      sample: ["47123456", "47123457"]
    encryption_scopes:
      description: The projects that require encrypted uploads, see O(scope).
      type: list
      elements: str
      returned: V(require_encryption) is asked for and available
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
    code:
      description: The error code of the store, such as V(NoSuchBucket).
      type: str
      returned: when the store gave one
    store:
      description: Which store it was.
      type: str
      returned: when a store was asked
    action:
      description: The IAM action that is needed.
      type: str
      returned: when a permission is missing
"""

from ansible_collections.vonage.archiving.plugins.module_utils._aws import connection
from ansible_collections.vonage.archiving.plugins.module_utils._aws.bucket_info import READABLE, gather
from ansible_collections.vonage.archiving.plugins.module_utils._module import run


def main() -> None:
    run(
        gather,
        {
            "name": {"type": "str", "required": True, "aliases": ["bucket"]},
            "scope": {"type": "str"},
            "facets": {"type": "list", "elements": "str", "choices": list(READABLE)},
            **connection.ARGUMENTS,
        },
    )


if __name__ == "__main__":
    main()
