#!/usr/bin/python
# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Ansible module: an IAM user that can only upload archives, and its access keys."""

from __future__ import annotations

DOCUMENTATION = r"""
module: iam_archive_uploader
short_description: Manage the upload-only IAM user for a project's archives, and its access keys
version_added: 1.0.0
author:
  - Vonage Archiving Contributors (@vonage-archiving)
description:
  - Creates an IAM user that can only put objects below the prefix of one project in one bucket. Creates, deactivates,
    and deletes its access keys. The module works with AWS IAM and with stores that have a compatible API.
  - The inline policy C(vonage-archiving) allows C(s3:PutObject) and C(s3:AbortMultipartUpload) on
    C(<bucket>/<prefix>/*), and C(s3:ListBucket) on the bucket for listings of C(<prefix>/) only. The module does not
    read other policies of the user.
  - The module manages a user with the tag C(vonage-archiving:managed). It refuses any other user without O(force).
  - M(vonage.archiving.vonage_archive_storage) rotates a key in one task, including the upload target, if its option
    O(vonage.archiving.vonage_archive_storage#module:uploader) is set. Use this module to set the key in the target in
    another way.
options:
  name:
    description:
      - The name of the user, 1 to 64 letters, digits, and characters of C(_+=,.@-).
      - Use one user for each project, because its policy contains one bucket and one prefix.
    type: str
    required: true
  state:
    description:
      - V(present) creates or updates the user, its policy, and its access keys.
      - V(absent) deletes the access keys, the policy, and the user. It deletes a user with other inline policies,
        attached policies, or groups only with O(force=true). It uses only O(name), O(prefix),
        O(drain_timeout), O(force), and the connection options.
    type: str
    choices: [present, absent]
    default: present
  force:
    description:
      - Also manages a user without the tag C(vonage-archiving:managed), and tags it.
      - With O(state=absent), also deletes such a user, and a user that has other policies or groups.
    type: bool
    default: false
  path:
    description:
      - The path of the user, such as V(/video/). The module moves a user that has another path, which changes its ARN.
    type: str
    default: /
  permissions_boundary:
    description:
      - The ARN of the policy that limits the permissions of the user.
      - If not set, the current boundary is kept, if any.
    type: str
  tags:
    description:
      - Tags that the user must have, at most 49. The module keeps other tags.
      - Names are compared without regard to case, as in IAM.
    type: dict
  bucket:
    description:
      - The bucket to upload to. It does not have to exist yet. Required with O(state=present).
    type: str
  prefix:
    description:
      - The API key or the application ID of the project. Vonage uploads recordings below it. Required with
        O(state=present).
      - With O(state=absent), the task fails and deletes nothing if the policy of the user allows uploads for another
        project (C(error.kind) is C(not_managed)), also with O(force=true). Without O(prefix), the policy is not
        checked.
    type: str
  list_all_my_buckets:
    description:
      - Whether to allow C(s3:ListAllMyBuckets) too. It shows the names of all buckets of the account.
      - Vonage's guide "Using S3 storage" lists this permission. According to the documentation, no upload needs it.
    type: bool
    default: false
  create_key:
    description:
      - V(when_missing) creates an access key if the user has no active one, or would have none after O(keep_keys) or
        O(retire_keys). V(always) creates one in every run, which starts a rotation. V(never) creates none.
      - The secret is only in RV(access_key) of the run that created the key. No later run can read it. If a run fails
        before the next task uses the secret, the key is of no use. Delete it with O(retire_keys).
      - The module sends the request for a new key once. It does not repeat the request if the response is lost.
    type: str
    choices: [never, when_missing, always]
    default: when_missing
  keep_keys:
    description:
      - The IDs of the access keys to keep. All other keys of the user are deactivated and then deleted, which ends a
        rotation. An empty list deletes all keys. If not set, all keys are kept.
      - The module deletes keys before it creates a new one, because a user can have only two. It always keeps the new
        key.
      - A key that another run created a moment ago is deleted too. If runs can overlap, use O(retire_keys).
      - Mutually exclusive with O(retire_keys).
    type: list
    elements: str
  retire_keys:
    description:
      - The IDs of the access keys to deactivate and then delete. All other keys are kept. IDs that the user does not
        have are ignored.
      - The module deletes these keys before it creates a new one.
      - Mutually exclusive with O(keep_keys).
    type: list
    elements: str
  deactivate_only:
    description:
      - Deactivates the keys and does not delete them. An inactive key can be activated again, and counts toward the
        limit of two keys for each user.
    type: bool
    default: false
  drain_timeout:
    description:
      - With O(state=absent), the time to wait for multipart uploads in progress, before anything is
        deleted. S3 rejects the remaining parts of an upload if its key is deleted, and the recording is lost. Delete
        the upload target first, to prevent new uploads.
      - If uploads are still in progress after that time, the task fails and deletes nothing. V(0) does not check for
        uploads.
      - The module checks the bucket and the prefix in the policy of the user. It ignores uploads that started more than
        a day ago.
      - A duration in seconds, or with the unit V(s), V(m), V(h), or V(d), for example V(5m).
    type: str
    default: "0"
  max_key_age:
    description:
      - The age of a key after which RV(rotation_due) is V(true). The module does not rotate the key.
      - A duration in seconds, or with the unit V(s), V(m), V(h), or V(d), for example V(90d).
    type: str
extends_documentation_fragment:
  - vonage.archiving.iam
  - vonage.archiving.aws
  - vonage.archiving.attributes
  - vonage.archiving.attributes.actiongroup_aws
attributes:
  check_mode:
    support: full
    details:
      - Returns the same changes and the same diff as a run. A key that would be created has no ID.
  diff_mode:
    support: full
    details:
      - Shows the user, its tags, path, and boundary, the policy, and the IDs and states of keys. It never shows a
        secret.
  idempotent:
    support: partial
    details:
      - O(create_key=always) creates a key in every run. So does O(create_key=when_missing), if O(keep_keys) contains no
        active key.
notes:
  - The result contains the secret in clear text, because the next task needs it. Set C(no_log=true) on the task,
    register the result, and use RV(access_key.secret) only in the next task, also with C(no_log=true). Ansible-core
    2.22 and later hides the secret in the output even without C(no_log). The role
    P(vonage.archiving.archive_storage#role) does not pass a secret between tasks. It uses a managed key of
    M(vonage.archiving.vonage_archive_storage).
  - A user can have two access keys (IAM User Guide, "IAM and AWS STS quotas"). The module applies this limit on all
    stores. If a new key would exceed it, the task fails before it writes anything, and the error contains the IDs of
    both keys.
  - IAM is eventually consistent (IAM User Guide, "Troubleshoot IAM"). The module reads every write back, for up to 30
    seconds on AWS. IAM can still reject a new key for some seconds after that.
    M(vonage.archiving.archive_upload_check) waits until the key works.
  - "IAM actions to read the user: C(iam:GetUser), C(iam:ListAccessKeys), C(iam:GetUserPolicy), and
    C(iam:ListUserTags) on stores other than AWS. C(iam:GetAccessKeyLastUsed) is optional; without it,
    RV(access_keys[].last_used) is V(null)."
  - "IAM actions to create the user: C(iam:CreateUser), C(iam:TagUser), and C(iam:PutUserPolicy). An update needs the
    same actions, C(iam:UpdateUser) for the path (on the old and the new ARN), and C(iam:PutUserPermissionsBoundary) for
    the boundary."
  - "IAM actions to create keys: C(iam:CreateAccessKey); to deactivate and delete keys: C(iam:UpdateAccessKey) and
    C(iam:DeleteAccessKey)."
  - "IAM actions for O(state=absent): C(iam:ListUserPolicies), C(iam:ListAttachedUserPolicies),
    C(iam:ListGroupsForUser), C(iam:UpdateAccessKey), C(iam:DeleteAccessKey), C(iam:DeleteUserPolicy), and
    C(iam:DeleteUser). If the user has other policies or groups, O(force=true) also needs C(iam:DetachUserPolicy) and
    C(iam:RemoveUserFromGroup). O(drain_timeout) also needs C(s3:ListBucketMultipartUploads) on the bucket."
  - You can limit all IAM actions to the resource C(arn:aws:iam::<account>:user<path><name>), except
    C(iam:RemoveUserFromGroup), whose resource is the group (Service Authorization Reference, "Actions, resources, and
    condition keys for AWS Identity and Access Management").
  - Before you delete a user that has a password, MFA devices, or certificates, delete these. Otherwise IAM rejects the
    deletion of the user after the module has deleted its keys and policies. Users that this module creates have none.
  - The IAM API of SeaweedFS (4.48) has the same address as its S3 API. It supports neither paths nor permissions
    boundaries, and the task fails if one of them is set. It does not return when a key was created or last used.
seealso:
  - module: vonage.archiving.vonage_archive_storage
  - module: vonage.archiving.archive_upload_check
  - name: IAM User Guide, Update access keys
    description: The order of steps in a rotation that AWS recommends.
    link: https://docs.aws.amazon.com/IAM/latest/UserGuide/id-credentials-access-keys-update.html
"""

EXAMPLES = r"""
- name: Ensure that the user exists and has an active key
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

- name: Start a rotation with a second key
  vonage.archiving.iam_archive_uploader:
    name: video-uploader
    path: /video/
    bucket: example-recordings
    prefix: "{{ vonage_api_key }}"
    create_key: always
  register: second
  no_log: true

- name: Set the second key in the upload target
  vonage.archiving.vonage_archive_storage:
    api_key: "{{ vonage_api_key }}"
    api_secret: "{{ vonage_api_secret }}"
    s3:
      bucket: example-recordings
      access_key: "{{ second.access_key.id }}"
      secret_key: "{{ second.access_key.secret }}"
    fallback: none
    state_file: s3://example-recordings/.vonage-archiving/{{ vonage_api_key }}.json
  no_log: true

- name: End the rotation, and delete all keys except the second one
  vonage.archiving.iam_archive_uploader:
    name: video-uploader
    path: /video/
    bucket: example-recordings
    prefix: "{{ vonage_api_key }}"
    create_key: never
    keep_keys:
      - "{{ second.access_key.id }}"

- name: Deactivate one key to find out whether a program still uses it, on a store other than AWS
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
    access_key: "{{ operator_access_key }}"
    secret_key: "{{ operator_secret_key }}"
    session_token: "{{ operator_session_token | default('') }}"
    validate_certs: true
    aws_ca_bundle: /etc/ssl/certs/internal.pem

- name: Delete the user and its keys, unless its policy allows uploads for another project
  vonage.archiving.iam_archive_uploader:
    name: video-uploader
    prefix: "{{ vonage_api_key }}"
    state: absent
    force: false
    drain_timeout: 60
    expected_bucket_owner: caller
    profile: operations
"""

RETURN = r"""
user:
  description: The user.
  returned: success
  type: dict
  contains:
    name:
      description: The name.
      returned: success
      type: str
      sample: video-uploader
    exists:
      description: Whether the user exists after this run.
      returned: success
      type: bool
      sample: true
    arn:
      description: The ARN; V(null) if the user does not exist, or would be created in check mode.
      returned: success
      type: str
      sample: arn:aws:iam::123456789012:user/video/video-uploader
    path:
      description: The path; V(null) if the user does not exist.
      returned: success
      type: str
      sample: /video/
    created:
      description: The time of creation, in UTC; V(null) if the store does not return it.
      returned: success
      type: str
      sample: "2026-03-01T09:00:00Z"
  sample:
    name: video-uploader
    exists: true
    arn: arn:aws:iam::123456789012:user/video/video-uploader
    path: /video/
    created: "2026-03-01T09:00:00Z"
access_keys:
  description:
    - The access keys of the user after this run. The oldest is first, if the store returns when keys were created.
  returned: success
  type: list
  elements: dict
  contains:
    id:
      description: The ID; V(null) in check mode for a key that would be created.
      returned: success
      type: str
      sample: AKIAIOSFODNN7EXAMPLE
    status:
      description: V(Active) or V(Inactive).
      returned: success
      type: str
      sample: Active
    created:
      description: The time of creation, in UTC; V(null) if the store does not return it.
      returned: success
      type: str
      sample: "2026-03-01T09:00:00Z"
    last_used:
      description: The time of the last use, in UTC; V(null) if the key was never used, or the time is unknown.
      returned: success
      type: str
      sample: "2026-05-29T17:12:00Z"
  sample:
    - id: AKIAIOSFODNN7EXAMPLE
      status: Active
      created: "2026-03-01T09:00:00Z"
      last_used: "2026-05-29T17:12:00Z"
rotation_due:
  description:
    - Whether the newest active key is older than O(max_key_age). V(null) without that option, without an active key,
      and if the store does not return when keys were created.
  returned: success
  type: bool
  sample: false
access_key:
  description: The new key.
  returned: if the run created a key, not in check mode
  type: dict
  contains:
    id:
      description: The ID.
      returned: success
      type: str
      sample: AKIAIOSFODNN7EXAMPLE
    secret:
      description: The secret, in clear text. Only this run returns it.
      returned: success
      type: str
changes:
  description:
    - The changes of this run, in check mode the predicted ones. They can be V(user), V(path), V(tags),
      V(permissions_boundary), V(policy), and V(access_keys).
  returned: success
  type: list
  elements: str
  sample: [user, tags, policy, access_keys]
error:
  description:
    - The error, for playbooks that handle errors. All kinds and fields are in
      R(Errors,ansible_collections.vonage.archiving.docsite.guide_errors).
  returned: failure
  type: dict
"""

from ansible_collections.vonage.archiving.plugins.module_utils._core.module import run_module
from ansible_collections.vonage.archiving.plugins.module_utils._uploader.params import (
    ARGUMENTS,
    MUTUALLY_EXCLUSIVE,
    REQUIRED_IF,
)
from ansible_collections.vonage.archiving.plugins.module_utils._uploader.reconcile import reconcile


def main() -> None:
    run_module(
        reconcile,
        ARGUMENTS,
        keep_empty_strings=("tags",),
        required_if=REQUIRED_IF,
        mutually_exclusive=MUTUALLY_EXCLUSIVE,
    )


if __name__ == "__main__":
    main()
