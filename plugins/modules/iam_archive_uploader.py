#!/usr/bin/python
# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Ansible module: an IAM user that can upload archives and do nothing else, and its access keys."""

from __future__ import annotations

DOCUMENTATION = r"""
module: iam_archive_uploader
short_description: Manage the upload-only IAM user for a project's archives, and its access keys
version_added: 1.0.0
author:
  - Vonage Archiving Contributors (@vonage-archiving)
description:
  - Makes an IAM user that can put objects below a project's prefix of a bucket and do nothing else, and makes, rotates
    and retires its access keys. It works with AWS IAM and with stores that have an API like it.
  - The user is allowed C(s3:PutObject) and C(s3:AbortMultipartUpload) on C(<bucket>/<prefix>/*) and C(s3:ListBucket)
    on the bucket for listings of C(<prefix>/) only, by the inline policy C(vonage-archiving). Other policies of the
    user are not looked at.
  - A user is the module's own if it has the tag C(vonage-archiving:managed). Others are refused without O(force).
  - M(vonage.archiving.vonage_archive_storage) does all of a rotation in one task, the target included, if its option
    O(vonage.archiving.vonage_archive_storage#module:uploader) is set. Use this module to set the key in the target in
    another way.
options:
  name:
    description:
      - Name of the user, 1 to 64 letters, digits and characters of C(_+=,.@-).
      - One user is for one project, since its policy names one bucket and one prefix.
    type: str
    required: true
  state:
    description:
      - V(present) makes the user if need be and brings about all that is given.
      - V(absent) removes its access keys, the policy and the user. A user with other inline policies, attached policies
        or groups is removed only with O(force=true). Only O(name), O(prefix), O(drain_timeout) and O(force) matter
        then.
    type: str
    choices: [present, absent]
    default: present
  force:
    description:
      - Takes over a user without the tag C(vonage-archiving:managed), and tags it.
      - With O(state=absent), removes also such a user, and one that has policies or groups besides.
    type: bool
    default: false
  path:
    description:
      - Path of the user, such as V(/video/). A user that is at another path is moved, which changes its ARN.
    type: str
    default: /
  permissions_boundary:
    description:
      - ARN of the policy that bounds what the user may do.
      - Not set leaves the boundary that is there, if any.
    type: str
  tags:
    description:
      - Tags that the user has to have, 49 at most. Those of others stay.
      - Names are compared without case, as IAM does.
    type: dict
  bucket:
    description:
      - The bucket to upload to. It need not exist yet. Required with O(state=present).
    type: str
  prefix:
    description:
      - The API key or the application id of the project, below which Vonage puts its recordings. Required with
        O(state=present).
      - With O(state=absent), the task fails and deletes nothing if the policy of the user allows uploads for another
        project (C(error.kind) is C(not_managed)), also with O(force=true). Without O(prefix), the policy is not
        checked.
    type: str
  list_all_my_buckets:
    description:
      - Whether to allow C(s3:ListAllMyBuckets), too. It shows the names of all buckets of the account.
      - The vendor's guide "Using S3 storage" lists it. Nothing documented needs it for an upload.
    type: bool
    default: false
  create_key:
    description:
      - V(when_missing) makes an access key if the user has no active one, or would have none after O(keep_keys) or
        O(retire_keys). V(always) makes one in every run, which begins a rotation. V(never) makes none.
      - The secret is in RV(access_key) of the run that made the key, and nowhere else, ever. A run that fails to hand
        it on leaves a key that nobody can use. Retire it by O(retire_keys).
      - A key is asked for once, and not again should the answer be lost.
    type: str
    choices: [never, when_missing, always]
    default: when_missing
  keep_keys:
    description:
      - Ids of the access keys that stay. Every other key of the user is deactivated and then deleted, which ends a
        rotation. An empty list means that all go. Not set means that all stay.
      - What goes is retired before a new key is made, so that there is room for it. The new key always stays.
      - It also hits a key that another run made a moment ago. Where runs may overlap, use O(retire_keys).
      - Excludes O(retire_keys).
    type: list
    elements: str
  retire_keys:
    description:
      - Ids of the access keys that go. All others stay. Ids that the user does not have are passed over.
      - Otherwise as O(keep_keys).
    type: list
    elements: str
  deactivate_only:
    description:
      - Deactivates the keys that go and does not delete them. An inactive key can be activated again, and counts among
        the two that a user can have.
    type: bool
    default: false
  drain_timeout:
    description:
      - With O(state=absent), seconds to wait for multipart uploads that have begun, before anything is removed. S3
        refuses the rest of an upload whose key is gone, and the recording is lost. Remove the upload target first, so
        that no more begin.
      - If some are still under way then, the task fails, and nothing was removed. V(0) does not look for uploads.
      - Where they are looked for, the user's policy tells. Uploads that are older than a day do not count.
    type: int
    default: 0
  max_key_age:
    description:
      - Seconds after which RV(rotation_due) says that the key is to be rotated. Nothing is rotated by it.
    type: int
extends_documentation_fragment:
  - vonage.archiving.iam
  - vonage.archiving.aws
  - vonage.archiving.attributes
  - vonage.archiving.attributes.actiongroup_aws
attributes:
  check_mode:
    support: full
    details:
      - Reports the same changes and the same difference as the run does. A key to be made is shown without an id.
  diff_mode:
    support: full
    details:
      - The user, its tags, path and boundary, the policy, and ids and states of keys. Never a secret.
  idempotent:
    support: partial
    details:
      - O(create_key=always) makes a key in every run. So does an O(keep_keys) that leaves no active key, with
        O(create_key=when_missing).
notes:
  - The secret is returned in clear, since to hand it on is the purpose. Give the task C(no_log=true), register the
    result, and pass RV(access_key.secret) on to the next task only, itself with C(no_log=true). Ansible-core 2.22 and
    later hides it in what is shown also without that. The role
    P(vonage.archiving.archive_storage#role) does not pass it from task to task, but uses a managed key of
    M(vonage.archiving.vonage_archive_storage).
  - A user has two access keys at most (IAM User Guide, "IAM and AWS STS quotas"), also on stores that do not limit it.
    If there is no room for a key that is wanted, the task fails before anything is written, and the error names both.
  - IAM is eventually consistent (IAM User Guide, "Troubleshoot IAM"). What is written is read back, for up to 30
    seconds on AWS. A new key may still be refused for some seconds after that;
    M(vonage.archiving.archive_upload_check) waits for it.
  - To read takes C(iam:GetUser), C(iam:ListAccessKeys) and C(iam:GetUserPolicy), and C(iam:ListUserTags) on stores
    other than AWS. C(iam:GetAccessKeyLastUsed) is used and can be missing; RV(access_keys[].last_used) is null then.
  - To make the user takes C(iam:CreateUser), C(iam:TagUser) and C(iam:PutUserPolicy). Changes take the same, and
    C(iam:UpdateUser) for the path (on the old and the new ARN) and C(iam:PutUserPermissionsBoundary) for the boundary.
  - To make keys takes C(iam:CreateAccessKey). To retire them takes C(iam:UpdateAccessKey) and C(iam:DeleteAccessKey).
  - O(state=absent) takes C(iam:ListUserPolicies), C(iam:ListAttachedUserPolicies), C(iam:ListGroupsForUser),
    C(iam:UpdateAccessKey), C(iam:DeleteAccessKey), C(iam:DeleteUserPolicy) and C(iam:DeleteUser); with O(force=true) on
    a user that has them also C(iam:DetachUserPolicy) and C(iam:RemoveUserFromGroup). O(drain_timeout) takes
    C(s3:ListBucketMultipartUploads) on the bucket, too.
  - All actions of IAM can be limited to the resource C(arn:aws:iam::<account>:user<path><name>), with the exception of
    C(iam:RemoveUserFromGroup), whose resource is the group (Service Authorization Reference, "Actions, resources, and
    condition keys for AWS Identity and Access Management").
  - Of a user with a password, MFA devices or certificates, IAM refuses the removal when its keys and policies are gone
    already; take these away first. Uploaders of this module have none.
  - SeaweedFS (4.48) has its IAM API at the address of its S3 API. It knows neither paths nor permissions boundaries,
    which are refused with an error, and does not tell when keys were made or used.
seealso:
  - module: vonage.archiving.vonage_archive_storage
  - module: vonage.archiving.archive_upload_check
  - name: IAM User Guide, Update access keys
    description: The order of a rotation that the vendor of IAM recommends.
    link: https://docs.aws.amazon.com/IAM/latest/UserGuide/id-credentials-access-keys-update.html
"""

EXAMPLES = r"""
- name: See that there is an uploader with a key
  vonage.archiving.iam_archive_uploader:
    name: video-uploader
    path: /video/
    permissions_boundary: arn:aws:iam::123456789012:policy/uploaders
    tags:
      owner: video
    bucket: example-recordings
    prefix: "{{ vonage_api_key }}"
    list_all_my_buckets: false
    create_key: when_missing
    max_key_age: 7776000
    region: eu-west-1
  register: uploader
  no_log: true

- name: Begin a rotation, with a second key
  vonage.archiving.iam_archive_uploader:
    name: video-uploader
    path: /video/
    bucket: example-recordings
    prefix: "{{ vonage_api_key }}"
    create_key: always
  register: second
  no_log: true

- name: Hand the second key on
  vonage.archiving.vonage_archive_storage:
    api_key: "{{ vonage_api_key }}"
    api_secret: "{{ vonage_api_secret }}"
    s3:
      bucket: example-recordings
      access_key: "{{ second.access_key.id }}"
      secret_key: "{{ second.access_key.secret }}"
    fallback: none
    record: s3://example-recordings/.vonage-archiving/{{ vonage_api_key }}.json
  no_log: true

- name: End the rotation, with the second key as the only one
  vonage.archiving.iam_archive_uploader:
    name: video-uploader
    path: /video/
    bucket: example-recordings
    prefix: "{{ vonage_api_key }}"
    create_key: never
    keep_keys:
      - "{{ second.access_key.id }}"

- name: Deactivate one key, to see whether anything still uses it, on a store other than AWS
  vonage.archiving.iam_archive_uploader:
    name: video-uploader
    bucket: example-recordings
    prefix: "{{ vonage_api_key }}"
    create_key: never
    retire_keys:
      - AKIAIOSFODNN7EXAMPLE
    deactivate_only: true
    endpoint_url: https://s3.example.com
    iam_endpoint_url: https://iam.example.com
    access_key: "{{ admin_access_key }}"
    secret_key: "{{ admin_secret_key }}"
    session_token: "{{ admin_session_token | default('') }}"
    validate_certs: true
    aws_ca_bundle: /etc/ssl/certs/internal.pem

- name: Delete the uploader with its keys, unless another project uploads with it
  vonage.archiving.iam_archive_uploader:
    name: video-uploader
    prefix: "{{ vonage_api_key }}"
    state: absent
    force: false
    drain_timeout: 60
    profile: operations
"""

RETURN = r"""
user:
  description: The user.
  returned: success
  type: dict
  contains:
    name:
      description: Its name.
      type: str
    exists:
      description: Whether it is there after this run.
      type: bool
    arn:
      description: Its ARN; null where it is not there, or not yet.
      type: str
    path:
      description: Its path; null where it is not there.
      type: str
    created:
      description: When it was made, in UTC; null where the store does not tell.
      type: str
  sample:
    name: video-uploader
    exists: true
    arn: arn:aws:iam::123456789012:user/video/video-uploader
    path: /video/
    created: "2026-03-01T09:00:00Z"
access_keys:
  description: The access keys that the user has after this run, the oldest first where the store tells.
  returned: success
  type: list
  elements: dict
  contains:
    id:
      description: Its id; null in check mode for a key that would be made.
      type: str
    status:
      description: V(Active) or V(Inactive).
      type: str
    created:
      description: When it was made, in UTC; null where the store does not tell.
      type: str
    last_used:
      description: When it was used last, in UTC; null if it never was, or where that is not known.
      type: str
  sample:
    - id: AKIAIOSFODNN7EXAMPLE
      status: Active
      created: "2026-03-01T09:00:00Z"
      last_used: "2026-05-29T17:12:00Z"
rotation_due:
  description:
    - Whether the newest active key is older than O(max_key_age). Null without that option, without an active key, and
      where the store does not tell when keys were made.
  returned: success
  type: bool
  sample: false
access_key:
  description: The key that was made.
  returned: in the run that made it, outside check mode
  type: dict
  contains:
    id:
      description: Its id.
      type: str
    secret:
      description: Its secret, in clear. This is the only time that it can be had.
      type: str
changes:
  description:
    - What was changed, or would be in check mode. V(user), V(path), V(tags), V(permissions_boundary), V(policy),
      V(access_keys).
  returned: success
  type: list
  elements: str
  sample: [user, tags, policy, access_keys]
error:
  description: What went wrong, as data.
  returned: failure
  type: dict
  contains:
    kind:
      description:
        - One of V(input), V(denied), V(unsupported), V(not_managed), V(quota), V(conflict), V(unreachable),
          V(rejected), V(not_found), V(missing_library).
      type: str
      returned: always
    operation:
      description: The operation that failed.
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
    access_keys:
      description: The ids of the keys that take the room.
      type: list
      elements: str
      returned: with RV(error.kind=quota), unless another run took the room in between
    user:
      description: The user that is not this module's.
      type: str
      returned: with RV(error.kind=not_managed)
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
      description: The error code of IAM, such as V(NoSuchEntity).
      type: str
      returned: when there was one
    store:
      description: Which IAM API it was.
      type: str
      returned: when one was asked
    action:
      description: The IAM action that is needed.
      type: str
      returned: when a permission is missing
  sample:
    kind: quota
    operation: make an access key for the IAM user video-uploader
    problem: "it has 2 already, and IAM allows 2: AKIAIOSFODNN7EXAMPLE (active) and AKIAI44QH8DHBEXAMPLE (active)"
    hint: "Name the one that stays in keep_keys, or the one that goes in retire_keys. Nothing was changed."
    access_keys: [AKIAIOSFODNN7EXAMPLE, AKIAI44QH8DHBEXAMPLE]
"""

from ansible_collections.vonage.archiving.plugins.module_utils._core.module import run
from ansible_collections.vonage.archiving.plugins.module_utils._uploader.params import (
    ARGUMENTS,
    MUTUALLY_EXCLUSIVE,
    REQUIRED_IF,
)
from ansible_collections.vonage.archiving.plugins.module_utils._uploader.reconcile import reconcile


def main() -> None:
    run(reconcile, ARGUMENTS, verbatim=("tags",), required_if=REQUIRED_IF, mutually_exclusive=MUTUALLY_EXCLUSIVE)


if __name__ == "__main__":
    main()
