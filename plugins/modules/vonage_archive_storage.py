#!/usr/bin/python

# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Ansible module: the upload target of a project, with an external or a managed access key."""

from __future__ import annotations

DOCUMENTATION = r"""
module: vonage_archive_storage
short_description: Set where the archives of a Vonage Video project are uploaded to
version_added: 1.0.0
author:
  - Vonage Archiving Contributors (@vonage-archiving)
description:
  - Sets or deletes the archive upload target of one project of the Vonage Video API (OpenTok). Vonage then uploads the
    recordings of the project to an S3 bucket, to an S3-compatible store, or to a container of Azure.
  - The access key of an S3 target is either an external key, which you supply as O(s3.access_key) and O(s3.secret_key),
    or a managed key. With O(uploader), the module creates an IAM user that may upload recordings and nothing else,
    creates its access key, and rotates it.
  - The API can set and delete the target, but it cannot return it. The module keeps a O(state_file) of what it has set,
    in a file or in a bucket, so that a second run makes no changes. It never contains a secret.
  - Before the API is called, the state file is marked C(pending). Only after the API has agreed does it show the new
    target. A run that is interrupted at any point leaves a state file that is true, or one that counts as unknown. Then
    the next run calls the API again, which does no harm.
  - The API accepts any target, also one that cannot work. The module validates all options before it sends anything,
    and O(verify) uploads test objects with a key before the target gets it.
  - With a managed key, the order is as follows. The module creates a new key, verifies uploads with it, sets the
    target, and writes the state file. Only then does it deactivate and later delete the old keys. If the target does
    not have to be set, no key is created and no secret is needed.
  - The secret of a managed key never leaves the process of this module, except for the API of Vonage. It is in no
    result, state file, other file, or argument.
  - A new managed key is created for the user that has fewer keys, O(uploader.name) or a second user with the same name
    and C(-spare) at its end. One slot stays free for a verification and for a second rotation.
  - If both users have two keys, the oldest unused key is deleted for the new one, an active one only if no recording
    can use it. Otherwise the task fails and states when the grace period ends.
  - A managed key that the state file does not contain and that is younger than 15 minutes, by the clock of the IAM
    server, may belong to a verification. It does not cause a rotation, and it is neither deactivated nor deleted. If an
    IAM server does not return creation dates, the verification tags the user with C(vonage-archiving:verification) and
    the time.
  - If two runs change one project at the same time, one of them ends with an error of the kind C(conflict), or waits
    for the other one. Neither deactivates or deletes a key that the target may hold.
  - After a run that was interrupted, the next one with a managed key or with O(state=absent) waits until the announced
    call must be over, for O(total_timeout) at most, by the clock of the store and not by that of a machine. It creates
    another key only if the API responds to a harmless request (the list of archives).
extends_documentation_fragment:
  - vonage.archiving.vonage
  - vonage.archiving.aws
  - vonage.archiving.iam
  - vonage.archiving.attributes
  - vonage.archiving.attributes.actiongroup_vonage
attributes:
  check_mode:
    support: full
    details:
      - The state file is read and, with O(uploader), IAM. Nothing is written or uploaded.
      - The Vonage Video API is only called if old keys or O(check_previous_target) require the list of archives.
      - With O(verify=only), the result shows what a run without that option would change.
      - With O(state=absent) and no usable state file, a change is predicted that does not happen if there is no target.
  diff_mode:
    support: full
    details:
      - Shows the public fields of the target, and with O(uploader) the user, its policy, and the ids of access keys. A
        managed key that does not exist yet is shown as C((new)). Of secrets it shows only whether they are known to
        differ.
      - What is not known is shown as unknown, on the left side as C(state=unknown).
  idempotent:
    support: partial
    details:
      - With a O(state_file). Without one, every run sets the target.
      - A change made in the vendor's dashboard or by other programs cannot be detected. With an external key,
        O(update=always) and O(max_age) set the target again nevertheless.
      - O(uploader.rotate=true) rotates in every run.
options:
  state:
    description:
      - V(present) sets the target. V(absent) deletes it; recordings then stay in Vonage's cloud for 72 hours.
      - With V(absent) and O(uploader), the IAM users and their keys are deleted, too, as soon as no recording can use
        them. The module waits up to O(uploader.drain_timeout). If recordings may still use the keys then, the users are
        kept, RV(retained_keys_reason) contains the reason, and a later run deletes them.
      - With V(absent), O(s3), O(azure), O(fallback) and O(certificate) have no effect and can be left in the task.
    type: str
    choices: [present, absent]
    default: present
  s3:
    description:
      - A bucket on AWS S3 or on an S3-compatible store. One of O(s3) and O(azure) is required with O(state=present).
      - The vendor supports AWS, Cloudian and Google Cloud Storage (with its HMAC keys); others may lack features.
    type: dict
    suboptions:
      bucket:
        description:
          - Name of the bucket. Required. Recordings are stored below the API key or application id in it; this cannot
            be changed.
        type: str
      access_key:
        description:
          - Id of the external access key that Vonage uploads with. Required without O(uploader). It must be permanent
            (an IAM user's); temporary keys are refused, since the API has no field for their session token.
          - Mutually exclusive with O(uploader).
        type: str
      secret_key:
        description:
          - The secret of O(s3.access_key).
          - Can be left out as long as the O(state_file) shows that the target has this access key and nothing else has
            changed. If the API has to be called without it, the task fails and states why (its C(error.kind) is
            C(secret_needed)); in check mode it reports the change.
          - Mutually exclusive with O(uploader).
        type: str
      endpoint:
        description:
          - Base URL of the store for Vonage, with its scheme, for example V(https://storage.googleapis.com). If not
            set, it is AWS S3.
        type: str
      sse:
        description:
          - With V(s3), Vonage requests encryption with keys managed by S3 (SSE-S3, AES256) for every upload, with
            V(none) it does not. Always sent, since the default of the API is not documented.
          - If not set, it is V(s3), except with Google Cloud Storage as O(s3.endpoint). There it is V(none), and the
            module warns.
          - Keys of AWS KMS and keys of customers are not possible, according to the vendor.
        type: str
  azure:
    description:
      - A container of Azure Blob Storage.
      - Mutually exclusive with O(s3) and O(uploader).
    type: dict
    suboptions:
      account_name:
        description:
          - Name of the storage account. Required.
        type: str
      account_key:
        description:
          - One of the two keys of the account; it gives full access to all of the account.
          - Can be left out under the same conditions as O(s3.secret_key).
        type: str
      container:
        description:
          - Name of the container. Required.
        type: str
      domain:
        description:
          - Domain of the service if it is not the usual one, for example V(core.chinacloudapi.cn), without a scheme.
        type: str
  uploader:
    description:
      - The IAM user whose managed keys are used. If it does not exist, it is created with an inline policy of this
        collection, as M(vonage.archiving.iam_archive_uploader) does.
      - Set it to an empty dictionary for a managed key with all defaults. Without it, the key is an external key.
      - Mutually exclusive with O(s3.access_key), O(s3.secret_key) and O(azure). Requires O(state_file).
    type: dict
    suboptions:
      name:
        description:
          - Name of the user, at most 58 characters, since C(-spare) must fit in. If not set, it is
            C(vonage-archiving-) and the API key or application id.
          - A user is for one project. A user whose policy allows uploads for another project is refused.
        type: str
      path:
        description:
          - Path of the user, such as V(/video/). A user at another path is moved, which changes its ARN.
          - If not set, it is V(/).
        type: str
      permissions_boundary:
        description:
          - ARN of a policy that limits what the user may do. If not set, the current boundary is kept, if any.
        type: str
      tags:
        description:
          - Tags that the user must have. Others are kept.
        type: dict
      list_all_my_buckets:
        description:
          - Also allows C(s3:ListAllMyBuckets), as the vendor's guide does. It shows the names of all buckets of the
            account.
        type: bool
        default: false
      force:
        description:
          - Takes over a user of that name that this collection has not created, that is, one without the tag
            C(vonage-archiving:managed), with its keys. All keys except the new one are deactivated and later deleted.
          - Also takes over a user that another project uploads with.
          - With O(state=absent), also deletes a user without the tag, and with policies or groups that this collection
            has not given it. The user of another project is never deleted.
        type: bool
        default: false
      rotate:
        description:
          - Rotates the key in this run, whatever the state is.
        type: bool
        default: false
      rotate_after:
        description:
          - Rotates the key when it is older than this many seconds. V(0) never does. If a store does not return when a
            key was created, the time counts from when the target was set.
        type: int
        default: 0
      grace_period:
        description:
          - Seconds for which an old key stays active after the target was given another one. A run after that time
            deactivates it. The vendor does not document which key a recording uses that started before. A recording can
            be open for 12 hours, and its upload takes time. The default is 18 hours.
          - The grace period ends early if the archive list of the project shows that no archive that started before the
            change is still in progress (started, paused, or stopped and not uploaded). Only a run at least 30 seconds
            after the change reads the list.
        type: int
        default: 64800
      delete_after:
        description:
          - Seconds for which an old key then stays inactive before a later run deletes it. Until then it can be
            activated again by hand. The default is 24 hours.
          - O(uploader.rotate_after) must exceed O(uploader.grace_period) plus O(uploader.delete_after).
        type: int
        default: 86400
      drain_timeout:
        description:
          - Seconds to wait for multipart uploads of the project that began before the target was set. If some are still
            in progress then, the old key stays active, and a later run deactivates it. An upload that began a day ago
            counts as abandoned.
          - A tenth of it passes in any case, for uploads that are just about to begin. How soon Vonage uses a new key
            is not documented; see O(uploader.grace_period).
          - With O(state=absent), seconds to wait until no recording can use the keys of the users.
        type: int
        default: 30
      revoke_old_keys:
        description:
          - For emergencies. Deactivates all keys of both users except the target's, without a grace period. Recordings
            that use an old key are lost unless O(fallback) keeps them.
          - Keys of a verification that runs at the same time are deactivated, too; it fails then.
          - With O(state=absent), deletes both users immediately.
        type: bool
        default: false
  fallback:
    description:
      - What happens to a recording that cannot be uploaded. Required with O(state=present), and always sent; the
        vendor's documents contradict each other about its default.
      - V(none) keeps nothing, the recording is lost. V(opentok) keeps it in Vonage's cloud for 72 hours. V(vonage) is
        what some pages of the vendor call the same; use it only if the API refuses V(opentok).
    type: str
    choices: [none, opentok, vonage]
  certificate:
    description:
      - An X.509 certificate in PEM, with an RSA key of at most 2048 bits, to encrypt archives with before they are
        uploaded. A paid feature, for composed archives only.
      - Leaving it out ends that encryption, since every run sets all of the target.
    type: str
  state_file:
    description:
      - Location of the state file, an absolute path or C(s3://bucket/key). Without it every run sets the target.
      - Required with O(uploader). It contains the ids of the keys that the target may hold, without which no key could
        be deleted.
      - A file is replaced atomically and has mode 0600; its folder must exist. A location that contains something else
        is never overwritten; the task fails (its C(error.kind) is C(not_managed)). Below C(.vonage-archiving/) of a
        bucket there are only state files, so that other content counts as a damaged state file and is replaced.
      - In S3 it is written with conditional writes if the store has them (if it does not, two runs at the very same
        moment can go unnoticed), with the credentials of O(access_key) and the other connection options, those of the
        operator. It cannot be below the API key, where recordings are stored.
      - One state file is for one project. A state file that names another project is never overwritten; the task fails
        before anything is written (its C(error.kind) is C(not_managed)).
    type: str
  update:
    description:
      - V(on_change) calls the API only if the state file does not show the desired target. V(always) calls it in every
        run.
      - For an external key only. V(always) is an error with O(uploader); use O(uploader.rotate).
    type: str
    choices: [on_change, always]
    default: on_change
  max_age:
    description:
      - Calls the API also if the state file is older than this many seconds, to repair what was changed elsewhere.
      - For an external key only. It is an error with O(uploader); use O(uploader.rotate_after).
    type: int
  verify:
    description:
      - When to verify uploads, as M(vonage.archiving.archive_upload_check) does, before the target depends on a key. If
        the verification fails, the task fails (its C(error.kind) is C(verification_failed)) and the target is not
        changed.
      - V(new_key) verifies before every call that sets the target. V(never) does not verify. If not set, it is
        V(new_key) with O(s3) and V(never) with O(azure).
      - V(always) verifies also if the target does not have to be set, with a managed key by means of a temporary key.
      - V(only) verifies and does nothing else. The result shows what would change otherwise.
      - With an external key, V(always) and V(only) require O(s3.secret_key). With O(azure), only V(never) is possible.
        With O(state=absent), nothing is verified, and V(only) is an error.
      - If both IAM users have two keys already, there is no slot for a temporary key; RV(verification) and a warning
        state that uploads were not verified.
    type: str
    choices: [never, new_key, always, only]
  expect_public:
    description:
      - For the verification. Whether everybody, or nobody, must be able to read recordings without a key. Not checked
        if not set.
    type: bool
  expect_least_privilege:
    description:
      - For the verification. Also checks that the key cannot do more than it should.
    type: bool
    default: false
  cors_origin:
    description:
      - For the verification. An origin whose requests the CORS rules of the bucket must allow.
    type: str
  cors_method:
    description:
      - For the verification. The method of such a request.
    type: str
    choices: [GET, HEAD, PUT, POST, DELETE]
    default: GET
  verify_timeout:
    description:
      - For the verification. Seconds that a new key may take until it works. IAM is eventually consistent. At most
        V(300).
    type: int
    default: 30
  check_previous_target:
    description:
      - Returns RV(previous_target), whether a recording can still use the target that was set before this one, or that
        was deleted. Reads the archive list of the project during the grace period.
    type: bool
    default: false
  grace_period:
    description:
      - With O(check_previous_target) and an external key, seconds after which no recording can use the previous target.
        If not set, it is 64800, which is 18 hours. A recording can be open for 12 hours, and its upload takes time.
      - It is an error with O(uploader); use O(uploader.grace_period).
    type: int
notes:
  - The module returns what it has set. It cannot return what the API holds.
  - With an external key, the AWS connection options are used for a O(state_file) in S3, and to check and delete what
    the verification uploads. The credentials that Vonage uploads with are O(s3.access_key) and O(s3.secret_key).
  - "IAM actions needed on the object of a O(state_file) in S3: C(s3:GetObject), C(s3:PutObject); and on its bucket
    C(s3:ListBucket), without which S3 responds with C(403) for a state file that does not exist yet. For the
    verification, those of M(vonage.archiving.archive_upload_check) on C(<bucket>/<project>/vonage-archiving-probe-*)."
  - "With O(uploader), IAM actions needed on C(arn:aws:iam::<account>:user<path><name>) and the same with C(-spare) at
    its end: C(iam:GetUser), C(iam:GetUserPolicy), C(iam:ListAccessKeys) in every run; C(iam:CreateUser),
    C(iam:TagUser), C(iam:PutUserPolicy) for the user; C(iam:CreateAccessKey), C(iam:UpdateAccessKey),
    C(iam:DeleteAccessKey) for its keys."
  - "In addition, on a store other than AWS: C(iam:ListUserTags), and for a user without tags C(iam:ListUserPolicies),
    C(iam:ListAttachedUserPolicies), and C(iam:ListGroupsForUser). C(iam:PutUserPermissionsBoundary) sets
    O(uploader.permissions_boundary) on an existing user; C(iam:UpdateUser) moves it to another O(uploader.path), on
    both ARNs. C(iam:GetAccessKeyLastUsed) is not used."
  - "To delete the users with O(state=absent): C(iam:ListUserPolicies), C(iam:ListAttachedUserPolicies),
    C(iam:ListGroupsForUser), C(iam:DeleteAccessKey), C(iam:UpdateAccessKey), C(iam:DeleteUserPolicy),
    C(iam:DeleteUser); with O(uploader.force), also C(iam:DetachUserPolicy) and C(iam:RemoveUserFromGroup)."
  - "With O(uploader), S3 actions needed on the bucket: C(s3:ListBucket), C(s3:ListBucketMultipartUploads), and
    C(s3:ListBucketVersions) if it has versions. After a change of the bucket, C(s3:ListBucketMultipartUploads) is used
    on the former one as well. If it is not allowed there, an old key is kept for a day, as if an upload were in
    progress."
  - Whether Vonage continues with the old key after an upload has begun is not documented. S3 checks the key for every
    part of a multipart upload, hence O(uploader.drain_timeout) and O(uploader.grace_period).
  - IAM allows two keys for each user. With a managed key, O(verify=always) and O(verify=only) need a free slot for a
    temporary key. There is none while four keys exist, for example after three rotations within
    O(uploader.grace_period).
  - A managed key needs an API like that of AWS IAM, at O(iam_endpoint_url). For a store without one, use an external
    key.
  - A proxy and certificate authorities for the calls of the Vonage Video API are taken from the environment variables
    E(HTTPS_PROXY) and E(REQUESTS_CA_BUNDLE).
seealso:
  - module: vonage.archiving.s3_archive_bucket
  - module: vonage.archiving.archive_upload_check
  - module: vonage.archiving.iam_archive_uploader
  - name: Amazon S3 API Reference, UploadPart
    description: Every part is signed by itself.
    link: https://docs.aws.amazon.com/AmazonS3/latest/API/API_UploadPart.html
"""

EXAMPLES = r"""
- name: Upload recordings with a managed key that is verified, and rotated every 90 days
  vonage.archiving.vonage_archive_storage:
    api_key: "{{ video_api_key }}"
    api_secret: "{{ video_api_secret }}"
    s3:
      bucket: example-archives
      sse: s3
    fallback: opentok
    state_file: "s3://example-archives/.vonage-archiving/{{ video_api_key }}.json"
    uploader:
      rotate_after: 7776000
    region: eu-west-1
    profile: operator

- name: Use a managed key with all defaults
  vonage.archiving.vonage_archive_storage:
    api_key: "{{ video_api_key }}"
    api_secret: "{{ video_api_secret }}"
    s3:
      bucket: example-archives
    fallback: opentok
    state_file: "s3://example-archives/.vonage-archiving/{{ video_api_key }}.json"
    uploader: {}
    region: eu-west-1

- name: Rotate the managed key now, keep the old key for a day, and inactive for another week
  vonage.archiving.vonage_archive_storage:
    api_key: "{{ video_api_key }}"
    api_secret: "{{ video_api_secret }}"
    s3:
      bucket: example-archives
    fallback: none
    state_file: "s3://example-archives/.vonage-archiving/{{ video_api_key }}.json"
    uploader:
      rotate: true
      grace_period: 86400
      delete_after: 604800
      drain_timeout: 120
    region: eu-west-1

- name: Replace a leaked managed key and deactivate it immediately
  vonage.archiving.vonage_archive_storage:
    api_key: "{{ video_api_key }}"
    api_secret: "{{ video_api_secret }}"
    s3:
      bucket: example-archives
    fallback: opentok
    state_file: "s3://example-archives/.vonage-archiving/{{ video_api_key }}.json"
    uploader:
      rotate: true
      revoke_old_keys: true
    region: eu-west-1

- name: Verify that uploads work, are public, and can be played by a page, and make no changes
  vonage.archiving.vonage_archive_storage:
    api_key: "{{ video_api_key }}"
    api_secret: "{{ video_api_secret }}"
    s3:
      bucket: example-archives
    fallback: opentok
    state_file: "s3://example-archives/.vonage-archiving/{{ video_api_key }}.json"
    uploader: {}
    verify: only
    expect_public: true
    expect_least_privilege: true
    cors_origin: https://player.example.com
    cors_method: GET
    verify_timeout: 60
    region: eu-west-1

- name: Use a managed key of a named user on a store that is not AWS, with encrypted archives
  vonage.archiving.vonage_archive_storage:
    api_key: "{{ video_api_key }}"
    api_secret: "{{ video_api_secret }}"
    s3:
      bucket: example-archives
      endpoint: https://s3.example.com
    fallback: opentok
    certificate: "{{ lookup('ansible.builtin.file', 'archives.pem') }}"
    state_file: /var/lib/vonage-archiving/video.json
    uploader:
      name: video-uploads
      path: /video/
      permissions_boundary: arn:aws:iam::123456789012:policy/video
      tags:
        owner: video
      list_all_my_buckets: true
      force: true
    endpoint_url: https://s3.example.com
    iam_endpoint_url: https://iam.example.com
    aws_ca_bundle: /etc/ssl/certs/internal.pem
    access_key: "{{ operator_access_key }}"
    secret_key: "{{ operator_secret_key }}"

- name: Use an external key
  vonage.archiving.vonage_archive_storage:
    api_key: "{{ video_api_key }}"
    api_secret: "{{ video_api_secret }}"
    s3:
      bucket: example-archives
      access_key: "{{ uploader_access_key }}"
      secret_key: "{{ uploader_secret_key }}"
      sse: s3
    fallback: opentok
    state_file: "s3://example-archives/.vonage-archiving/{{ video_api_key }}.json"
    region: eu-west-1
    profile: operator

- name: Use Google Cloud Storage, set the target again once a day, and verify uploads in every run
  vonage.archiving.vonage_archive_storage:
    api_key: "{{ video_api_key }}"
    api_secret: "{{ video_api_secret }}"
    s3:
      bucket: example-archives
      endpoint: https://storage.googleapis.com
      access_key: "{{ hmac_access_id }}"
      secret_key: "{{ hmac_secret }}"
      sse: none
    fallback: opentok
    state_file: /var/lib/vonage-archiving/video.json
    max_age: 86400
    verify: always
    access_key: "{{ operator_hmac_access_id }}"
    secret_key: "{{ operator_hmac_secret }}"

- name: Keep the state file with other credentials, at another store
  vonage.archiving.vonage_archive_storage:
    api_key: "{{ video_api_key }}"
    api_secret: "{{ video_api_secret }}"
    s3:
      bucket: example-archives
      access_key: "{{ uploader_access_key }}"
      # secret_key is left out: the state file shows that the target has this access key already.
    fallback: none
    state_file: "s3://operations/state-files/{{ video_api_key }}.json"
    verify: never
    endpoint_url: https://s3.example.com
    access_key: "{{ operator_access_key }}"
    secret_key: "{{ operator_secret_key }}"
    session_token: "{{ operator_session_token | default(omit) }}"
    validate_certs: true
    aws_ca_bundle: /etc/ssl/certs/ca-certificates.crt

- name: Encrypt archives before they are uploaded to Azure
  vonage.archiving.vonage_archive_storage:
    api_key: "{{ video_api_key }}"
    api_secret: "{{ video_api_secret }}"
    azure:
      account_name: examplearchives
      account_key: "{{ azure_account_key }}"
      container: archives
      domain: core.windows.net
    fallback: none
    certificate: "{{ lookup('ansible.builtin.file', 'archives.pem') }}"
    state_file: /var/lib/vonage-archiving/video.json
    update: always
    timeout: 10
    retries: 2
    total_timeout: 40

- name: Set the target of an application of the unified environment (experimental)
  vonage.archiving.vonage_archive_storage:
    application_id: 78d335fa-323d-0114-9c3d-d6f0d48968cf
    private_key_path: /etc/vonage/private.key
    api_url: https://video.api.vonage.com
    s3:
      bucket: example-archives
    fallback: vonage
    state_file: /var/lib/vonage-archiving/application.json
    uploader: {}
    region: eu-west-1

- name: The same with the private key from a vault and an external key
  vonage.archiving.vonage_archive_storage:
    application_id: 78d335fa-323d-0114-9c3d-d6f0d48968cf
    private_key: "{{ vaulted_private_key }}"
    s3:
      bucket: example-archives
      access_key: "{{ uploader_access_key }}"
      secret_key: "{{ uploader_secret_key }}"
    fallback: vonage
    region: eu-west-1

- name: Change the bucket, and check whether recordings can still use the former one
  vonage.archiving.vonage_archive_storage:
    api_key: "{{ video_api_key }}"
    api_secret: "{{ video_api_secret }}"
    s3:
      bucket: example-archives-2
      access_key: "{{ uploader_access_key }}"
      secret_key: "{{ uploader_secret_key }}"
    fallback: none
    state_file: "s3://example-archives-2/.vonage-archiving/{{ video_api_key }}.json"
    check_previous_target: true
    grace_period: 64800
    region: eu-west-1

- name: Delete the target, and the IAM users as soon as no recording can use their keys
  vonage.archiving.vonage_archive_storage:
    api_key: "{{ video_api_key }}"
    api_secret: "{{ video_api_secret }}"
    state: absent
    state_file: "s3://example-archives/.vonage-archiving/{{ video_api_key }}.json"
    uploader:
      drain_timeout: 60
    region: eu-west-1

- name: Stop uploading with an external key
  vonage.archiving.vonage_archive_storage:
    api_key: "{{ video_api_key }}"
    api_secret: "{{ video_api_secret }}"
    state: absent
    state_file: "s3://example-archives/.vonage-archiving/{{ video_api_key }}.json"
"""

RETURN = r"""
project:
  description: The API key or application id.
  returned: success
  type: str
  sample: "45828062"
reason:
  description:
    - Why the API was called, or would be called in check mode; with a managed key, why the target was given another
      key.
    - V(unknown) if no state file shows what is set, or if a managed key exists that the state file does not contain.
      V(changed) if the state file shows something else, or the managed key does not exist or is inactive. V(forced) by
      O(update=always) or O(uploader.rotate). V(expired) by O(max_age) or O(uploader.rotate_after). V(unchanged) if it
      was not called.
    - With O(state=absent) the API may be called and have nothing to delete; then RV(ignore:changed) is false.
  returned: success
  type: str
  sample: changed
storage:
  description: The target without its secret; empty with O(state=absent).
  returned: success
  type: dict
  sample:
    type: s3
    bucket: example-archives
    access_key: AKIAIOSFODNN7EXAMPLE
    sse: s3
    fallback: opentok
  contains:
    type:
      description: V(s3) or V(azure).
      returned: with O(state=present)
      type: str
      sample: s3
    bucket:
      description: The bucket.
      returned: with O(s3)
      type: str
      sample: example-archives
    endpoint:
      description: Base URL of the store.
      returned: with O(s3.endpoint)
      type: str
      sample: https://storage.googleapis.com
    access_key:
      description: Id of the access key that Vonage uploads with. In check mode it may be C((new)).
      returned: with O(s3)
      type: str
      sample: AKIAIOSFODNN7EXAMPLE
    sse:
      description: The encryption that Vonage requests.
      returned: with O(s3)
      type: str
      sample: s3
    account_name:
      description: The storage account.
      returned: with O(azure)
      type: str
      sample: examplearchives
    container:
      description: The container.
      returned: with O(azure)
      type: str
      sample: archives
    domain:
      description: The domain of the service.
      returned: with O(azure.domain)
      type: str
      sample: core.windows.net
    fallback:
      description: What happens to a recording that cannot be uploaded.
      returned: with O(state=present)
      type: str
      sample: opentok
    certificate_sha256:
      description: SHA-256 fingerprint of the certificate, in hex.
      returned: with O(certificate)
      type: str
      sample: 6c2b9a3f0e1d4c5b8a79686756453423120f1e2d3c4b5a69788796a5b4c3d2e1
state_file:
  description: The state file after the run; in check mode, and if it was not written, the current one.
  returned: success
  type: dict
  sample:
    location: s3://example-archives/.vonage-archiving/45828062.json
    status: applied
    time: "2026-11-21T18:00:00Z"
    since: "2026-05-01T09:30:00Z"
  contains:
    location:
      description: Where it is kept; V(null) without O(state_file).
      returned: success
      type: str
      sample: s3://example-archives/.vonage-archiving/45828062.json
    status:
      description: V(applied), V(absent), or V(pending) after a run that did not finish; V(null) if there is none.
      returned: success
      type: str
      sample: applied
    time:
      description: When the API agreed, UTC; V(null) if there is no state file.
      returned: success
      type: str
      sample: "2026-11-21T18:00:00Z"
    since:
      description:
        - Since when the project has had a target, of whatever bucket, as far as state files show; UTC. Rotations do not
          change it. V(null) if there is no target, or the time is not known.
      returned: success
      type: str
      sample: "2026-05-01T09:30:00Z"
    reason:
      description: Why it does not show what is set.
      returned: when there is no usable state file, and none has been written in this run
      type: str
      sample: there is no state file yet
uploader:
  description: The IAM user of a managed key; empty with an external key, and after the user was deleted.
  returned: success
  type: dict
  sample:
    name: vonage-archiving-45828062
    arn: arn:aws:iam::123456789012:user/vonage-archiving-45828062
  contains:
    name:
      description: Its name.
      returned: with O(uploader)
      type: str
      sample: vonage-archiving-45828062
    arn:
      description: Its ARN; V(null) if it did not exist before this run.
      returned: with O(uploader)
      type: str
      sample: arn:aws:iam::123456789012:user/vonage-archiving-45828062
access_keys:
  description: The keys of both IAM users after the run; empty with an external key.
  returned: success
  type: list
  elements: dict
  sample:
    - id: AKIAIOSFODNN7EXAMPLE
      user: vonage-archiving-45828062
      status: Active
      created: "2026-11-21T20:05:02Z"
      in_target: true
  contains:
    id:
      description: Its id.
      returned: success
      type: str
      sample: AKIAIOSFODNN7EXAMPLE
    user:
      description: The user that has it.
      returned: success
      type: str
      sample: vonage-archiving-45828062
    status:
      description: V(Active) or V(Inactive).
      returned: success
      type: str
      sample: Active
    created:
      description: When it was created; UTC, ISO 8601. V(null) if the store does not return that.
      returned: success
      type: str
      sample: "2026-11-21T20:05:02Z"
    in_target:
      description: Whether the target holds it, as far as is known.
      returned: success
      type: bool
      sample: true
changes:
  description:
    - The names of the parts that were changed, or would be in check mode. C(target), C(access_keys), and parts of an
      IAM user after its name, such as C(vonage-archiving-45828062) and C(policy) with a colon between them.
  returned: success
  type: list
  elements: str
  sample: [target, access_keys]
rotate_at:
  description:
    - When the next rotation is due by O(uploader.rotate_after), in UTC, ISO 8601. V(null) for never and not known.
  returned: success
  type: str
  sample: "2027-02-19T20:05:09Z"
retained_keys_reason:
  description: Why IAM users still have keys that the target does not hold; empty if there are none.
  returned: success
  type: str
  sample: the grace period is not over
retained_keys_until:
  description:
    - When O(uploader.grace_period) and O(uploader.delete_after) are over, and a run deletes the old keys; UTC, ISO
      8601. They can be deleted earlier for a new key. With O(state=absent), when the users can be deleted at the
      latest. V(null) if there are no old keys.
  returned: success
  type: str
  sample: "2026-11-23T14:05:09Z"
checks:
  description:
    - The findings of the verification, as RV(vonage.archiving.archive_upload_check#module:checks). Empty if uploads
      were not verified.
  returned: success
  type: list
  elements: dict
  sample:
    - name: put_object
      ok: true
      detail: s3://example-archives/45828062/... was uploaded in one piece.
  contains:
    name:
      description: Name of the check.
      returned: success
      type: str
      sample: put_object
    ok:
      description: Whether it passed.
      returned: success
      type: bool
      sample: true
    detail:
      description: What it found.
      returned: success
      type: str
      sample: s3://example-archives/45828062/... was uploaded in one piece.
verification:
  description: The outcome of the verification, in a sentence; empty if there was none.
  returned: success
  type: str
  sample: uploads with AKIAIOSFODNN7EXAMPLE work
previous_target:
  description:
    - Whether a recording can still use the target that was set before, or that was deleted. V(null) without
      O(check_previous_target).
  returned: success
  type: dict
  sample:
    in_use: true
    until: "2026-11-22T12:00:00Z"
    reason: "recordings that started before the target changed are in progress: 3c5e0a8e-0c43-4f4b-9f8d-6f4c1a7e9b21"
  contains:
    in_use:
      description: Whether a recording can still use it.
      returned: with O(check_previous_target)
      type: bool
      sample: true
    until:
      description: When the grace period is over; UTC, ISO 8601.
      returned: with O(check_previous_target)
      type: str
      sample: "2026-11-22T12:00:00Z"
    reason:
      description: Why it can still be in use; empty if it cannot.
      returned: with O(check_previous_target)
      type: str
      sample: the target changed a moment ago
error:
  description:
    - What went wrong, for decisions of a playbook.
  returned: failure
  type: dict
  contains:
    kind:
      description: >-
        V(input), V(missing_library), V(secret_needed), V(denied), V(rejected), V(not_found), V(conflict),
        V(unreachable), V(unsupported), V(quota) if every key that can exist may be in use, V(not_managed) for a state
        file or an IAM user that is not managed by this collection or belongs to another project, or
        V(verification_failed) if the verification failed.
      type: str
      returned: always
      sample: secret_needed
    operation:
      description: The operation that failed.
      type: str
      returned: always
      sample: set the upload target of project 45828062
    problem:
      description: The cause.
      type: str
      returned: always
      sample: "s3.secret_key is required now and is not set (reason: changed)"
    hint:
      description: What to do next; may be empty.
      type: str
      returned: always
      sample: Nothing was sent.
    problems:
      description: All problems of the options, one sentence each.
      type: list
      elements: str
      returned: with RV(error.kind=input)
    user:
      description: The IAM user that is not managed by this collection, or belongs to another project.
      type: str
      returned: with RV(error.kind=not_managed) and O(uploader)
    checks:
      description: As RV(checks).
      type: list
      elements: dict
      returned: with RV(error.kind=verification_failed)
    library:
      description: The missing Python library.
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
      returned: when the store returned one
    store:
      description: The store or IAM API.
      type: str
      returned: when one was called
    action:
      description: The IAM action that is needed.
      type: str
      returned: when a permission is missing
    tries:
      description: How many requests were sent.
      type: int
      returned: when the API of Vonage was called
    clock_skew:
      description: Seconds by which the clock of this machine is ahead of the API's.
      type: int
      returned: when the API returned a date and refused the request
    reason:
      description: As RV(reason).
      type: str
      returned: with RV(error.kind=secret_needed)
  sample:
    kind: secret_needed
    operation: set the upload target of project 45828062
    problem: "s3.secret_key is required now and is not set (reason: changed)"
    hint: >-
      Nothing was sent. It can be left out only while the state file shows that the target has the desired
      configuration.
    reason: changed
"""

from ansible_collections.vonage.archiving.plugins.module_utils._core.module import run
from ansible_collections.vonage.archiving.plugins.module_utils._upload_target.params import ARGUMENTS
from ansible_collections.vonage.archiving.plugins.module_utils._upload_target.reconcile import reconcile


def main() -> None:
    run(reconcile, ARGUMENTS)


if __name__ == "__main__":
    main()
