#!/usr/bin/python

# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Ansible module: the upload target of a project, with an external or a managed access key."""

from __future__ import annotations

DOCUMENTATION = r"""
module: vonage_archive_storage
short_description: Set the upload target for the archives of a Vonage Video project
version_added: 1.0.0
author:
  - Vonage Archiving Contributors (@vonage-archiving)
description:
  - Sets or deletes the archive upload target of one project of the Vonage Video API (OpenTok). Vonage then uploads the
    recordings of the project to an S3 bucket, to an S3-compatible store, or to a container of Azure.
  - The access key of an S3 target is either an external key, which you supply as O(s3.access_key) and O(s3.secret_key),
    or a managed key. With O(uploader), the module creates an IAM user that may upload recordings and nothing else,
    creates its access key, and rotates it.
  - The API can set and delete the target, but it cannot return it. The module writes the last applied settings to a
    O(state_file), in a local file or in a bucket. A second run compares the options with it and makes no changes. The
    state file never contains a secret.
  - Before each call of the API, the module sets the status in the state file to C(pending), and after the API has
    confirmed the call, to the new target. If a run is interrupted, the state file is either correct or C(pending). In
    the latter case, the next run calls the API again, which does no harm.
  - The API accepts any target, including one that cannot work. The module validates all options before it sends
    anything, and O(verify) uploads probes with a key before the target uses it.
  - With a managed key, the module creates a new key, verifies uploads with it, sets the target, and writes the state
    file, in this order. Only then does it deactivate and later delete the old keys. If the target is up to date, the
    module creates no key and needs no secret.
  - The module sends the secret of a managed key only to the API of Vonage. No result, file, or process argument
    contains it.
  - A new managed key is created for the user that has fewer keys, O(uploader.name) or a second user with the suffix
    C(-spare). This keeps one slot free for a verification and for a second rotation.
  - If both users have two keys, the oldest unused key is deleted for the new one, an active one only if no recording
    can use it. Otherwise the task fails and states when the grace period ends.
  - A managed key that the state file does not contain and that is younger than 15 minutes, by the clock of the IAM
    server, may belong to a verification. It does not cause a rotation, and it is neither deactivated nor deleted. If an
    IAM server does not return creation dates, the verification tags the user with C(vonage-archiving:verification) and
    the time.
  - If two runs change one project concurrently, one of them fails (C(error.kind) is C(conflict)), or waits for the
    other one. Neither deactivates or deletes a key that the target may contain.
  - After an interrupted run, the next run with a managed key or with O(state=absent) waits until the announced call
    must have ended, at most O(total_timeout), by the clock of the store and not by the clock of a machine. It creates
    another key only if the API responds to a read (the list of archives).
  - Before it creates a user or a key, or uploads a probe, the module checks the credentials of the project, see
    O(preflight).
extends_documentation_fragment:
  - vonage.archiving.vonage
  - vonage.archiving.aws
  - vonage.archiving.iam
  - vonage.archiving.attributes
  - vonage.archiving.attributes.direct
  - vonage.archiving.attributes.actiongroup_vonage
attributes:
  check_mode:
    support: full
    details:
      - The module reads the state file and, with O(uploader), IAM. It writes and uploads nothing.
      - It calls the Vonage Video API only for O(preflight), or if old keys or O(check_previous_target) require the list
        of archives.
      - With O(verify=only), the result shows what a run without that option would change.
      - With O(state=absent) and no usable state file, the module predicts a change. A run changes nothing if
        there is no target.
  diff_mode:
    support: full
    details:
      - Shows the public fields of the target, and with O(uploader) the user, its policy, and the IDs of access keys. A
        managed key that does not exist yet is C((new)). Secrets are shown only as changed, unchanged, or unknown.
      - If the current target is unknown, the left side is C(state=unknown).
  idempotent:
    support: partial
    details:
      - Idempotent with a O(state_file). Without one, every run sets the target.
      - The module cannot detect a change in the dashboard of Vonage or by other programs. With an external key,
        O(update=always) and O(max_age) set the target again.
      - O(uploader.rotate=true) rotates in every run.
options:
  state:
    description:
      - V(present) sets the target. V(absent) deletes it; recordings then stay in Vonage's cloud for 72 hours.
      - With V(absent) and O(uploader), the module also deletes the IAM users and their keys, as soon as no recording
        can use them. It waits up to O(uploader.drain_timeout). If recordings may still use the keys after that, the
        users are kept, RV(retained_keys_reason) contains the reason, and a later run deletes them.
      - With V(absent), if the API refuses the credentials of the project, nothing is deleted unless O(allow) contains
        V(teardown_without_api).
      - With V(absent), O(s3), O(azure), O(fallback), and O(certificate) have no effect.
    type: str
    choices: [present, absent]
    default: present
  s3:
    description:
      - A bucket on AWS S3 or on an S3-compatible store. One of O(s3) and O(azure) is required with O(state=present).
      - Vonage supports AWS, Cloudian, and Google Cloud Storage (with its HMAC keys). Other stores may lack features.
    type: dict
    suboptions:
      bucket:
        description:
          - The name of the bucket. Required. Vonage stores recordings below the API key or application ID; you cannot
            change this.
        type: str
      access_key:
        description:
          - The ID of the external access key that Vonage uploads with. Required without O(uploader). It must be a
            permanent key of an IAM user. Temporary keys are refused, because the API has no field for a session token.
          - Mutually exclusive with O(uploader).
        type: str
      secret_key:
        description:
          - The secret of O(s3.access_key).
          - You can omit it while the O(state_file) shows that the target has this access key and nothing else has
            changed. If the module must call the API without it, the task fails (C(error.kind) is C(secret_needed)) and
            states the reason. In check mode, it reports the change.
          - Mutually exclusive with O(uploader).
        type: str
      endpoint:
        description:
          - The base URL of the store for Vonage, with its scheme, for example V(https://storage.googleapis.com). If not
            set, it is AWS S3.
        type: str
      sse:
        description:
          - With V(s3), Vonage requests encryption with keys managed by S3 (SSE-S3, AES256) for every upload. With
            V(none), it does not. The module always sends it, because the default of the API is not documented.
          - If not set, it is V(s3), except if O(s3.endpoint) is Google Cloud Storage. There it is V(none), and the
            module warns.
          - Keys of AWS KMS and customer-provided keys are not possible, according to Vonage.
        type: str
  azure:
    description:
      - A container of Azure Blob Storage.
      - Mutually exclusive with O(s3) and O(uploader).
    type: dict
    suboptions:
      account_name:
        description:
          - The name of the storage account. Required.
        type: str
      account_key:
        description:
          - One of the two keys of the account. It gives full access to the account.
          - You can omit it under the same conditions as O(s3.secret_key).
        type: str
      container:
        description:
          - The name of the container. Required.
        type: str
      domain:
        description:
          - The domain of the service, without a scheme, if it is not the default, for example V(core.chinacloudapi.cn).
        type: str
  uploader:
    description:
      - The IAM user of the managed keys. If it does not exist, the module creates it with the same inline policy as
        M(vonage.archiving.iam_archive_uploader).
      - Set it to an empty dictionary for a managed key with all defaults. Without it, the key is an external key.
      - Mutually exclusive with O(s3.access_key), O(s3.secret_key) and O(azure). Requires O(state_file).
    type: dict
    suboptions:
      name:
        description:
          - The name of the user, at most 58 characters, to leave room for the suffix C(-spare). If not set, it is
            C(vonage-archiving-) and the API key or application ID.
          - Use one user for each project. The module refuses a user whose policy allows uploads for another project.
        type: str
      path:
        description:
          - The path of the user, such as V(/video/). The module moves a user that has another path, which changes its
            ARN.
          - If not set, it is V(/).
        type: str
      permissions_boundary:
        description:
          - The ARN of a policy that limits the permissions of the user. If not set, the current boundary is kept, if
            any.
        type: str
      tags:
        description:
          - Tags that the user must have. The module keeps other tags.
        type: dict
      list_all_my_buckets:
        description:
          - Also allows C(s3:ListAllMyBuckets), as in Vonage's guide. It shows the names of all buckets of the account.
        type: bool
        default: false
      force:
        description:
          - Also manages a user of that name without the tag C(vonage-archiving:managed), that is, one that this
            collection has not created. All its keys except the new one are deactivated and later deleted.
          - Also manages a user that another project uploads with.
          - With O(state=absent), also deletes a user without the tag, or with policies or groups that this collection
            has not added. The module never deletes the user of another project.
        type: bool
        default: false
      rotate:
        description:
          - Rotates the key in this run, regardless of the current state.
        type: bool
        default: false
      rotate_after:
        description:
          - The age of the key after which it is rotated. V(0) means never. If a store does not return when
            a key was created, the age counts from when the target was set.
          - A duration in seconds, or with the unit V(s), V(m), V(h), or V(d), for example V(90d).
        type: str
        default: "0"
      grace_period:
        description:
          - The time for which an old key stays active after the target has a new one. A run after that
            time deactivates it. Vonage does not document which key a recording uses that started before. A recording
            can be open for 12 hours, and its upload takes time. The default is 18 hours.
          - The grace period ends early if the archive list of the project shows that no archive that started before the
            change is still in progress (started, paused, or stopped and not uploaded). Only a run at least 30 seconds
            after the change reads the list.
          - A duration in seconds, or with the unit V(s), V(m), V(h), or V(d), for example V(18h).
        type: str
        default: "64800"
      delete_after:
        description:
          - The time for which an old key then stays inactive before a later run deletes it. Until then,
            you can activate it again. The default is 24 hours.
          - O(uploader.rotate_after) must exceed O(uploader.grace_period) plus O(uploader.delete_after).
          - A duration in seconds, or with the unit V(s), V(m), V(h), or V(d), for example V(24h).
        type: str
        default: "86400"
      drain_timeout:
        description:
          - The time to wait for multipart uploads of the project that started before the target was set.
            If uploads are still in progress after that, the old key stays active, and a later run deactivates it. An
            upload that started a day ago counts as abandoned.
          - The module always waits at least a tenth of it, for uploads that are about to start. How soon Vonage uses a
            new key is not documented; see O(uploader.grace_period).
          - With O(state=absent), the time to wait until no recording can use the keys of the users.
          - A duration in seconds, or with the unit V(s), V(m), V(h), or V(d), for example V(30s).
        type: str
        default: "30"
      revoke_old_keys:
        description:
          - For emergencies. Deactivates all keys of both users without a grace period, except the key in the target.
            Recordings that use an old key are lost unless O(fallback) keeps them.
          - This includes the key of a concurrent verification, which then fails.
          - With O(state=absent), deletes both users immediately.
        type: bool
        default: false
  fallback:
    description:
      - The storage for a recording that cannot be uploaded. Required with O(state=present), and always sent, because
        Vonage's documents contradict each other about its default.
      - With V(none), the recording is lost. With V(opentok), it stays in Vonage's cloud for 72 hours. V(vonage) is
        another name for V(opentok) on some pages of Vonage. Use it only if the API rejects V(opentok).
    type: str
    choices: [none, opentok, vonage]
  certificate:
    description:
      - An X.509 certificate in PEM, with an RSA key of at most 2048 bits, to encrypt archives with before they are
        uploaded. This is a paid feature of Vonage, for composed archives only.
      - If you omit it, this encryption ends, because every run sets the whole target.
    type: str
  state_file:
    description:
      - The location of the state file, an absolute path or C(s3://bucket/key). Without it, every run sets the target.
      - Required with O(uploader). It contains the IDs of the keys that the target may contain. Without these, no key
        could be deleted.
      - A local file is replaced atomically and has mode 0600. Its folder must exist.
      - The module never overwrites other content at this location; the task fails (C(error.kind) is C(not_managed)).
        Below C(.vonage-archiving/) of a bucket, other content counts as a damaged state file and is replaced.
      - The module writes an object in S3 with the credentials of O(access_key) and the other connection options. It
        uses conditional writes if the store supports them. If not, two runs at exactly the same time may not detect
        each other. The object cannot be below the API key, where recordings are stored.
      - Use one state file for each project. The module never overwrites the state file of another project; the task
        fails before it writes anything (C(error.kind) is C(not_managed)).
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
      - The age of the state file after which the module sets the target again. This repairs changes by
        other programs.
      - For an external key only. It is an error with O(uploader); use O(uploader.rotate_after).
      - A duration in seconds, or with the unit V(s), V(m), V(h), or V(d), for example V(90d).
    type: str
  verify:
    description:
      - When to verify uploads, in the same way as M(vonage.archiving.archive_upload_check), before the target uses a
        key. If the verification fails, the task fails (C(error.kind) is C(verification_failed)) and does not change the
        target.
      - V(new_key) verifies before every call that sets the target. V(never) does not verify. If not set, it is
        V(new_key) with O(s3) and V(never) with O(azure).
      - V(always) also verifies if the target is up to date. For a managed key, it uses a temporary key.
      - V(only) verifies and makes no changes. The result shows the changes of a run without it.
      - With an external key, V(always) and V(only) require O(s3.secret_key). With O(azure), only V(never) is possible.
        With O(state=absent), nothing is verified, and V(only) is an error.
      - If both IAM users have two keys already, there is no slot for a temporary key; RV(verification) and a warning
        state that uploads were not verified.
    type: str
    choices: [never, new_key, always, only]
  expect_public:
    description:
      - For the verification. V(true) checks that anyone can read recordings without a key, V(false) checks that this is
        not possible. If not set, this is not checked.
    type: bool
  expect_least_privilege:
    description:
      - For the verification. Also checks that the key has no permission that it does not need.
    type: bool
    default: false
  cors_origin:
    description:
      - For the verification. An origin from which the CORS rules of the bucket must allow requests.
    type: str
  cors_method:
    description:
      - For the verification. The method of such a request.
    type: str
    choices: [GET, HEAD, PUT, POST, DELETE]
    default: GET
  verify_timeout:
    description:
      - For the verification. The time to wait until a new key works, at most V(5m). IAM is eventually
        consistent.
      - A duration in seconds, or with the unit V(s), V(m), V(h), or V(d), for example V(1m).
    type: str
    default: "30"
  check_previous_target:
    description:
      - Returns RV(previous_target), whether a recording can still use the target that was set before this one, or that
        was deleted. Reads the archive list of the project during the grace period.
    type: bool
    default: false
  grace_period:
    description:
      - With O(check_previous_target) and an external key, the time after which no recording can use the
        previous target. If not set, it is 18 hours. A recording can be open for 12 hours, and its
        upload takes time.
      - It is an error with O(uploader); use O(uploader.grace_period).
      - A duration in seconds, or with the unit V(s), V(m), V(h), or V(d), for example V(18h).
    type: str
  preflight:
    description:
      - When to check the credentials of the project before changes, in check mode too. The check is a request that
        changes nothing (list one archive). If the API does not accept the credentials or does not respond, the task
        fails, and nothing was changed.
      - V(auto) checks them if the target needs an update, or if the O(state_file) does not show that the API has
        accepted the same credentials. A run without changes sends no request. After a change of the secret, every run
        checks it until the next update of the target. V(always) checks them in every run. V(never) does not check them.
      - With O(state=absent), the deletion of the target is the check. In check mode, the module sends the request
        instead.
    type: str
    choices: [auto, always, never]
    default: auto
  allow:
    description:
      - Consent to a deletion that may be incomplete. Requires O(state=absent).
      - V(teardown_without_api) deletes the IAM users, their keys, and the state file although the API refuses the
        credentials of the project with HTTP 401 or 403. The upload target may still exist. The module warns about it,
        and RV(state_file) contains the reason. Recordings in progress cannot be listed. The keys are only kept while
        multipart uploads are in progress.
    type: list
    elements: str
    choices: [teardown_without_api]
notes:
  - The module returns the settings that it has sent. It cannot read the settings from the API.
  - With an external key, the AWS connection options apply to a O(state_file) in S3, and to the reads and deletions of
    probes. Vonage uploads with O(s3.access_key) and O(s3.secret_key).
  - "IAM actions for a O(state_file) in S3: C(s3:GetObject) and C(s3:PutObject) on the object, and C(s3:ListBucket) on
    its bucket, and C(s3:DeleteObject) with V(teardown_without_api). Without C(s3:ListBucket), S3 responds with C(403)
    if the state file does not exist yet. For the verification: the actions of
    M(vonage.archiving.archive_upload_check) on C(<bucket>/<project>/vonage-archiving-probe-*)."
  - "IAM actions with O(uploader) on C(arn:aws:iam::<account>:user<path><name>) and the same ARN with the suffix
    C(-spare): C(iam:GetUser), C(iam:GetUserPolicy), C(iam:ListAccessKeys) in every run; C(iam:CreateUser),
    C(iam:TagUser), C(iam:PutUserPolicy) for the user; C(iam:CreateAccessKey), C(iam:UpdateAccessKey),
    C(iam:DeleteAccessKey) for its keys."
  - "In addition, on a store other than AWS: C(iam:ListUserTags), and for a user without tags C(iam:ListUserPolicies),
    C(iam:ListAttachedUserPolicies), and C(iam:ListGroupsForUser). C(iam:PutUserPermissionsBoundary) sets
    O(uploader.permissions_boundary) on an existing user; C(iam:UpdateUser) moves it to another O(uploader.path), on
    both ARNs. C(iam:GetAccessKeyLastUsed) is not used."
  - "To delete the users with O(state=absent): C(iam:ListUserPolicies), C(iam:ListAttachedUserPolicies),
    C(iam:ListGroupsForUser), C(iam:DeleteAccessKey), C(iam:UpdateAccessKey), C(iam:DeleteUserPolicy),
    C(iam:DeleteUser); with O(uploader.force), also C(iam:DetachUserPolicy) and C(iam:RemoveUserFromGroup)."
  - "S3 actions with O(uploader) on the bucket: C(s3:ListBucket), C(s3:ListBucketMultipartUploads), and
    C(s3:ListBucketVersions) if it has versions. After a change of the bucket, the module also uses
    C(s3:ListBucketMultipartUploads) on the former one. Without this permission, an old key is kept for a day, as if an
    upload were in progress."
  - It is not documented whether Vonage continues with the old key after an upload has started. S3 checks the key for
    every part of a multipart upload. Therefore, the module has O(uploader.drain_timeout) and O(uploader.grace_period).
  - IAM allows two keys for each user. With a managed key, O(verify=always) and O(verify=only) require a free slot for a
    temporary key. There is none while four keys exist, for example after three rotations within
    O(uploader.grace_period).
  - A managed key requires an API that is compatible with AWS IAM, at O(iam_endpoint_url). For a store without one, use
    an external key.
  - For calls of the Vonage Video API, the environment variable E(HTTPS_PROXY) sets a proxy, and E(REQUESTS_CA_BUNDLE)
    sets the certificate authorities.
seealso:
  - module: vonage.archiving.s3_archive_bucket
  - module: vonage.archiving.archive_upload_check
  - module: vonage.archiving.iam_archive_uploader
  - name: Amazon S3 API Reference, UploadPart
    description: S3 checks the signature of each part.
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
      rotate_after: 90d
    region: eu-west-1
    expected_bucket_owner: caller
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
      grace_period: 24h
      delete_after: 7d
      drain_timeout: 2m
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

- name: Verify that uploads work, are public, and that a web page can play them, and make no changes
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

- name: Use a managed key of a named user on a store other than AWS, with encrypted archives
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
    max_age: 1d
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
      # secret_key is not required: the state file shows that the target has this access key.
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

- name: Set the same target with the private key from a vault and an external key
  vonage.archiving.vonage_archive_storage:
    application_id: 78d335fa-323d-0114-9c3d-d6f0d48968cf
    private_key: "{{ vaulted_private_key }}"
    s3:
      bucket: example-archives
      access_key: "{{ uploader_access_key }}"
      secret_key: "{{ uploader_secret_key }}"
    fallback: vonage
    region: eu-west-1

- name: Change the bucket, and check whether recordings can still use the previous one
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
    grace_period: 18h
    region: eu-west-1

- name: Delete the target, and the IAM users as soon as no recording can use their keys
  vonage.archiving.vonage_archive_storage:
    api_key: "{{ video_api_key }}"
    api_secret: "{{ video_api_secret }}"
    state: absent
    state_file: "s3://example-archives/.vonage-archiving/{{ video_api_key }}.json"
    uploader:
      drain_timeout: 1m
    region: eu-west-1

- name: Delete everything that the collection manages for an API key that does not exist
  vonage.archiving.vonage_archive_storage:
    api_key: "83"
    api_secret: "{{ video_api_secret }}"
    state: absent
    allow: [teardown_without_api]
    state_file: "s3://example-archives/.vonage-archiving/83.json"
    uploader: {}
    region: eu-west-1

- name: Delete a target that uses an external key
  vonage.archiving.vonage_archive_storage:
    api_key: "{{ video_api_key }}"
    api_secret: "{{ video_api_secret }}"
    state: absent
    state_file: "s3://example-archives/.vonage-archiving/{{ video_api_key }}.json"
"""

RETURN = r"""
project:
  description: The API key or application ID.
  returned: success
  type: str
  sample: "45828062"
reason:
  description:
    - The reason for the call of the API, in check mode for the predicted call. With a managed key, it is also the
      reason for a new key.
    - V(no_state_file) if the location of O(state_file) is empty, as before the first run. V(unknown) if the state file
      does not show the current target, if O(state_file) is not set, or if a managed key exists that the state file does
      not contain.
    - V(changed) if the state file differs from the options, or the managed key does not exist or is inactive. V(forced)
      by O(update=always) or O(uploader.rotate). V(expired) by O(max_age) or O(uploader.rotate_after). V(unchanged) if
      the API was not called.
    - V(refused) if the API refused the credentials, and O(allow=teardown_without_api). The target may still exist.
    - With O(state=absent), the API may be called although there is no target to delete. RV(ignore:changed) is then
      V(false).
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
      description: The base URL of the store.
      returned: with O(s3.endpoint)
      type: str
      sample: https://storage.googleapis.com
    access_key:
      description: The ID of the access key that Vonage uploads with. In check mode, it can be C((new)).
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
      description: The storage for a recording that cannot be uploaded.
      returned: with O(state=present)
      type: str
      sample: opentok
    certificate_sha256:
      description: The SHA-256 fingerprint of the certificate, in hexadecimal.
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
      description: The location; V(null) without O(state_file).
      returned: success
      type: str
      sample: s3://example-archives/.vonage-archiving/45828062.json
    status:
      description: V(applied), V(absent), or V(pending) after an interrupted run; V(null) if there is no state file.
      returned: success
      type: str
      sample: applied
    time:
      description: The time at which the API confirmed the target, in UTC; V(null) if there is no state file.
      returned: success
      type: str
      sample: "2026-11-21T18:00:00Z"
    since:
      description:
        - The time since which the project has had a target, for any bucket, according to the state file, in UTC.
          Rotations do not change it. V(null) if there is no target, or the time is unknown.
      returned: success
      type: str
      sample: "2026-05-01T09:30:00Z"
    reason:
      description: Why the state file does not show the current target.
      returned: if there is no usable state file, and this run wrote none
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
      description: The name.
      returned: with O(uploader)
      type: str
      sample: vonage-archiving-45828062
    arn:
      description: The ARN; V(null) if the user did not exist before this run.
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
      description: The ID.
      returned: success
      type: str
      sample: AKIAIOSFODNN7EXAMPLE
    user:
      description: The user of the key.
      returned: success
      type: str
      sample: vonage-archiving-45828062
    status:
      description: V(Active) or V(Inactive).
      returned: success
      type: str
      sample: Active
    created:
      description: The time of creation, in UTC (ISO 8601); V(null) if the store does not return it.
      returned: success
      type: str
      sample: "2026-11-21T20:05:02Z"
    in_target:
      description: Whether the target contains the key, according to the state file.
      returned: success
      type: bool
      sample: true
changes:
  description:
    - The changes of this run, in check mode the predicted ones. They can be V(target), V(access_keys), and changes of
      an IAM user, such as V(vonage-archiving-45828062:policy).
  returned: success
  type: list
  elements: str
  sample: [target, access_keys]
rotate_at:
  description:
    - The time at which the next rotation is due by O(uploader.rotate_after), in UTC (ISO 8601). V(null) if there is
      none, or the time is unknown.
  returned: success
  type: str
  sample: "2027-02-19T20:05:09Z"
retained_keys_reason:
  description: Why old keys that are not in the target are kept; empty if there are none.
  returned: success
  type: str
  sample: the grace period is not over
retained_keys_until:
  description:
    - The time at which O(uploader.grace_period) and O(uploader.delete_after) have passed, and a run deletes the old
      keys, in UTC (ISO 8601). A run can delete them earlier to create a new key. With O(state=absent), the latest time
      at which the users can be deleted. V(null) if there are no old keys.
  returned: success
  type: str
  sample: "2026-11-23T14:05:09Z"
checks:
  description:
    - The results of the verification, as in RV(vonage.archiving.archive_upload_check#module:checks). Empty if uploads
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
      description: The name of the check.
      returned: success
      type: str
      sample: put_object
    ok:
      description: Whether the check passed.
      returned: success
      type: bool
      sample: true
    detail:
      description: The response. If the check failed, also the expected response, and what to do.
      returned: success
      type: str
      sample: s3://example-archives/45828062/... was uploaded in one piece.
verification:
  description: The result of the verification; empty if there was none.
  returned: success
  type: str
  sample: uploads with AKIAIOSFODNN7EXAMPLE work
previous_target:
  description:
    - Whether a recording can still use the previous or deleted target. V(null) without O(check_previous_target).
  returned: success
  type: dict
  sample:
    in_use: true
    until: "2026-11-22T12:00:00Z"
    reason: "recordings that started before the target changed are in progress: 3c5e0a8e-0c43-4f4b-9f8d-6f4c1a7e9b21"
  contains:
    in_use:
      description: Whether a recording can still use the target.
      returned: with O(check_previous_target)
      type: bool
      sample: true
    until:
      description: The end of the grace period, in UTC (ISO 8601).
      returned: with O(check_previous_target)
      type: str
      sample: "2026-11-22T12:00:00Z"
    reason:
      description: Why a recording can still use the target; empty if none can.
      returned: with O(check_previous_target)
      type: str
      sample: the target changed a moment ago
error:
  description:
    - The error, for playbooks that handle errors. All kinds and fields are in
      R(Errors,ansible_collections.vonage.archiving.docsite.guide_errors).
  returned: failure
  type: dict
"""

from ansible_collections.vonage.archiving.plugins.module_utils._core.module import run_module
from ansible_collections.vonage.archiving.plugins.module_utils._upload_target.module import MODULE


def main() -> None:
    run_module(*MODULE)


if __name__ == "__main__":
    main()
