#!/usr/bin/python

# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Ansible module: a project's upload target with a key that is made, proven, set and retired here."""

from __future__ import annotations

DOCUMENTATION = r"""
module: archive_key_rotation
short_description: Give the upload target of a project an access key, and rotate it
version_added: 1.0.0
author:
  - Vonage Archiving Contributors (@vonage-archiving)
description:
  - Sees to it that the archive upload target of one project of the Vonage Video API (OpenTok) holds an access key of
    an IAM user that may upload recordings and nothing else, that the key works, and that it is not too old.
  - When the target has to be set, for whatever reason, a new key is made, uploads with it are tried, the target is
    set, the O(record) is written, and only then are other keys of the user retired. Where nothing has to be set, no
    key is made and no secret is needed.
  - The secret of a key never leaves the process of this module but for the API of Vonage. It is in no result, in no
    record, in no file and in no argument.
  - The module may be killed at any moment. Every key that the target may hold works then, and the next run goes on
    from there. Whether a call took effect that was under way, nobody can know, since the API cannot be read; so both
    keys stay, and the next run makes a third one.
  - A new key goes to the user that has fewer keys, O(uploader.name) or a second user with the same name and C(-spare)
    at its end. A free slot is left for a verification and for a second rotation.
  - If both users have two keys, the oldest unused key is deleted for the new one, an active one only if no recording
    can use it. Otherwise the task fails and states when the grace period ends.
  - A key that the record does not name and that is younger than 15 minutes by the clock of the IAM server may belong to
    a verification. It is no reason for a rotation, and it is neither deactivated nor deleted. For an IAM server that
    does not return creation dates, the verification tags the user with C(vonage-archiving:verification) and the time.
  - Of two runs at the same time on one project one ends with an error of the kind C(conflict), or waits for the other
    one. No key that the target may hold is deactivated or deleted by either.
  - After a run that was cut off, the next one waits until the call that was announced must be over, for
    O(total_timeout) at most, by the clock of the store and not by that of a machine. It creates another key only if
    the API answers a harmless question (the list of archives).
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
      - IAM, the record and, if a key is to be retired, the list of open uploads are read. Nothing is written, and the
        Vonage Video API is not called.
      - With O(proof=only) it says what a run without that option would change.
  diff_mode:
    support: full
    details:
      - Shows the user, its policy, the public fields of the target and the ids of access keys. A key that is yet to
        be made is shown as C((new)). Never a secret.
  idempotent:
    support: full
    details:
      - But for O(rotate=true), which rotates in every run.
options:
  s3:
    description:
      - Where recordings are uploaded to. The key is not among it, since it is made here.
    type: dict
    required: true
    suboptions:
      bucket:
        description:
          - Name of the bucket. Recordings land below the API key or application id in it.
        type: str
        required: true
      endpoint:
        description:
          - Base URL of the store for Vonage, with its scheme. Not set means AWS S3.
        type: str
      sse:
        description:
          - V(s3) has Vonage ask for encryption with keys managed by S3 (SSE-S3, AES256) for every upload, V(none)
            does not.
        type: str
        default: s3
  fallback:
    description:
      - What becomes of a recording that cannot be uploaded. Required.
      - V(none) keeps nothing, the recording is lost. V(opentok) keeps it in Vonage's cloud for 72 hours. V(vonage) is
        what some pages of the vendor call the same.
    type: str
    choices: [none, opentok, vonage]
  certificate:
    description:
      - An X.509 certificate in PEM, with an RSA key of at most 2048 bits, to encrypt archives with before they are
        uploaded.
    type: str
  record:
    description:
      - Where the record is kept, an absolute path or C(s3://bucket/key), as in
        M(vonage.archiving.vonage_archive_storage), with which it can be shared.
      - One record is for one project. With a record that names another project, the task fails before anything is
        written (its C(error.kind) is C(not_ours)).
      - It says which keys the target may hold. Without it no key could ever be retired, hence it is required.
    type: str
    required: true
  uploader:
    description:
      - The IAM user whose keys are used. It is made if it is not there, with an inline policy of this collection, as
        M(vonage.archiving.iam_archive_uploader) does it.
    type: dict
    suboptions:
      name:
        description:
          - Name of the user, at most 58 characters, for C(-spare) has to fit in. Not set means C(vonage-archiving-)
            and the API key or application id.
          - A user is for one project. One whose policy says that another project uploads with it is refused.
        type: str
      path:
        description:
          - Path of the user, such as V(/video/). A user that is at another path is moved, which changes its ARN.
          - Not set means V(/).
        type: str
      permissions_boundary:
        description:
          - ARN of a policy that bounds what the user may do. Not set leaves the boundary that is there, if any.
        type: str
      tags:
        description:
          - Tags the user has to have. Others are kept.
        type: dict
      list_all_my_buckets:
        description:
          - Also allows C(s3:ListAllMyBuckets), as the vendor's guide does. It shows the names of all buckets of the
            account.
        type: bool
        default: false
      force:
        description:
          - Takes over a user of that name which this collection has not made, that is, one without the tag
            C(vonage-archiving:managed), with its keys; other keys than the new one are retired.
          - Also takes a user that another project uploads with.
        type: bool
        default: false
  rotate:
    description:
      - Rotates whatever the state is.
    type: bool
    default: false
  rotate_after:
    description:
      - Rotates when the key is older than this many seconds. V(0) never does. Where a store does not tell when a key
        was made, the time counts from when the target was set.
    type: int
    default: 0
  grace_period:
    description:
      - Seconds for which an old key stays active after the target was given another one. A run after that time
        deactivates it. The vendor does not document which key a recording uses that started before. A recording can be
        open for 12 hours, and its upload takes time. The default is 18 hours.
      - The grace period ends early if the archive list of the project shows that no archive that started before the
        change is still in progress (started, paused, or stopped and not uploaded). Only a run at least 30 seconds
        after the change reads the list.
    type: int
    default: 64800
  delete_after:
    description:
      - Seconds for which an old key then stays inactive before a later run deletes it. Until then it can be activated
        again by hand. The default is 24 hours.
      - O(rotate_after) must exceed O(grace_period) plus O(delete_after).
    type: int
    default: 86400
  revoke_old_keys:
    description:
      - For emergencies. Deactivates all keys of both users except the target's, without a grace period. Recordings that
        use an old key are lost unless O(fallback) keeps them.
      - Keys of a verification that runs at the same time are deactivated, too; it fails then.
    type: bool
    default: false
  drain_timeout:
    description:
      - How many seconds to wait for multipart uploads of the project that began before the target was set. If some
        are still under way then, the old key stays active, and a later run retires it. An upload that began a day ago
        counts as given up.
      - A tenth of it passes in any case, for uploads that are just about to begin. How soon Vonage uses a new key is
        not documented; see O(grace_period).
    type: int
    default: 30
  proof:
    description:
      - When to try a key before anything depends on it, as M(vonage.archiving.archive_upload_check) does.
      - V(new) tries every new key, V(none) none.
      - V(always) tries uploads also if the target keeps its key, with a key that is made and deleted for that.
      - V(only) does nothing else but that. The result says what would change otherwise.
      - If both users have two keys already, there is no room for another one; RV(proof) and a warning say that none
        was tried.
    type: str
    choices: [none, new, always, only]
    default: new
  expect_public:
    description:
      - Whether recordings have to be readable, or not readable, for everybody.
    type: bool
  expect_least_privilege:
    description:
      - Also tries what the key must not be able to do.
    type: bool
    default: false
  cors_origin:
    description:
      - An origin whose requests the CORS rules of the bucket have to allow.
    type: str
  cors_method:
    description:
      - The method such a request has.
    type: str
    choices: [GET, HEAD, PUT, POST, DELETE]
    default: GET
  verify_timeout:
    description:
      - How many seconds a new key may take until it works. IAM is eventually consistent.
    type: int
    default: 30
notes:
  - "IAM actions needed on C(arn:aws:iam::<account>:user<path><name>) and the same with C(-spare) at its end:
    C(iam:GetUser), C(iam:GetUserPolicy), C(iam:ListAccessKeys) in every run; C(iam:CreateUser), C(iam:TagUser),
    C(iam:PutUserPolicy) for the user; C(iam:CreateAccessKey), C(iam:UpdateAccessKey), C(iam:DeleteAccessKey) for its
    keys."
  - "Besides, on a store other than AWS: C(iam:ListUserTags), and for a user without tags C(iam:ListUserPolicies),
    C(iam:ListAttachedUserPolicies), and C(iam:ListGroupsForUser). C(iam:PutUserPermissionsBoundary) sets
    O(uploader.permissions_boundary) on an existing user; C(iam:UpdateUser) moves it to another O(uploader.path), on
    both ARNs. C(iam:GetAccessKeyLastUsed) is not used."
  - "S3 actions needed on the bucket: C(s3:ListBucket), C(s3:ListBucketMultipartUploads), and C(s3:ListBucketVersions)
    if it has versions; on the object of the O(record): C(s3:GetObject), C(s3:PutObject); for the proof those of
    M(vonage.archiving.archive_upload_check) on C(<bucket>/<project>/vonage-archiving-probe-*)."
  - After a change of the bucket, C(s3:ListBucketMultipartUploads) is used on the former one as well. Where it is not
    allowed there, an old key stays for a day, as if an upload were under way.
  - Whether Vonage goes on with the old key where an upload has begun is not documented. S3 checks the key for every
    part of a multipart upload, hence O(drain_timeout) and O(grace_period).
  - IAM allows two keys for each user. O(proof=always) and O(proof=only) need a free slot for a temporary key. They have
    none while four keys exist, for example after three rotations within O(grace_period).
  - A store needs an API like that of AWS IAM, at O(iam_endpoint_url). Where there is none, use
    M(vonage.archiving.vonage_archive_storage) with a key made by hand.
seealso:
  - module: vonage.archiving.iam_archive_uploader
  - module: vonage.archiving.vonage_archive_storage
  - module: vonage.archiving.archive_upload_check
  - name: Amazon S3 API Reference, UploadPart
    description: Every part is signed by itself.
    link: https://docs.aws.amazon.com/AmazonS3/latest/API/API_UploadPart.html
"""

EXAMPLES = r"""
- name: Upload recordings with a key that is made, proven and rotated here
  vonage.archiving.archive_key_rotation:
    api_key: "{{ video_api_key }}"
    api_secret: "{{ video_api_secret }}"
    s3:
      bucket: example-archives
      sse: s3
    fallback: opentok
    record: "s3://example-archives/.vonage-archiving/{{ video_api_key }}.json"
    rotate_after: 7776000
    region: eu-west-1
    profile: operator

- name: Rotate now; keep the old key for a day, inactive for another week
  vonage.archiving.archive_key_rotation:
    api_key: "{{ video_api_key }}"
    api_secret: "{{ video_api_secret }}"
    s3:
      bucket: example-archives
    fallback: none
    record: "s3://example-archives/.vonage-archiving/{{ video_api_key }}.json"
    rotate: true
    grace_period: 86400
    delete_after: 604800
    drain_timeout: 120
    region: eu-west-1

- name: Replace a leaked key and deactivate it immediately
  vonage.archiving.archive_key_rotation:
    api_key: "{{ video_api_key }}"
    api_secret: "{{ video_api_secret }}"
    s3:
      bucket: example-archives
    fallback: opentok
    record: "s3://example-archives/.vonage-archiving/{{ video_api_key }}.json"
    rotate: true
    revoke_old_keys: true
    region: eu-west-1

- name: Change nothing, and prove that uploads would arrive, are public and can be played by a page
  vonage.archiving.archive_key_rotation:
    api_key: "{{ video_api_key }}"
    api_secret: "{{ video_api_secret }}"
    s3:
      bucket: example-archives
    fallback: opentok
    record: "s3://example-archives/.vonage-archiving/{{ video_api_key }}.json"
    proof: only
    expect_public: true
    expect_least_privilege: true
    cors_origin: https://player.example.com
    cors_method: GET
    verify_timeout: 60
    region: eu-west-1

- name: Try uploads also when the key is kept, without TLS verification and with little time, on a store for tests
  vonage.archiving.archive_key_rotation:
    api_key: "{{ video_api_key }}"
    api_secret: "{{ video_api_secret }}"
    api_url: http://127.0.0.1:8080
    timeout: 5
    retries: 1
    total_timeout: 20
    s3:
      bucket: example-archives
      endpoint: https://127.0.0.1:8333
    fallback: opentok
    record: /tmp/records/archives.json
    proof: always
    endpoint_url: https://127.0.0.1:8333
    validate_certs: false
    access_key: "{{ operator_access_key }}"
    secret_key: "{{ operator_secret_key }}"
    session_token: "{{ operator_session_token | default('') }}"

- name: For an application of the unified environment, which is experimental
  vonage.archiving.archive_key_rotation:
    application_id: "{{ video_application_id }}"
    private_key_path: /etc/vonage/private.key
    s3:
      bucket: example-archives
    fallback: opentok
    record: "s3://example-archives/.vonage-archiving/{{ video_application_id }}.json"
    region: eu-west-1

- name: The same with the private key out of a vault
  vonage.archiving.archive_key_rotation:
    application_id: "{{ video_application_id }}"
    private_key: "{{ vaulted_private_key }}"
    s3:
      bucket: example-archives
    fallback: opentok
    record: "s3://example-archives/.vonage-archiving/{{ video_application_id }}.json"
    region: eu-west-1

- name: A user of one's own naming, on a store that is not AWS, with encrypted archives
  vonage.archiving.archive_key_rotation:
    api_key: "{{ video_api_key }}"
    api_secret: "{{ video_api_secret }}"
    s3:
      bucket: example-archives
      endpoint: https://s3.example.com
    fallback: opentok
    certificate: "{{ lookup('ansible.builtin.file', 'archives.pem') }}"
    record: /var/lib/vonage-archiving/video.json
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
"""

RETURN = r"""
project:
  description: The API key or application id.
  returned: success
  type: str
  sample: "45828062"
reason:
  description:
    - Why the target was given another key, or would be in check mode.
    - V(unknown) if no record says what is set, or a key is there that was made without it, V(changed) if the record
      says something else or the key is not there or inactive, V(forced) by O(rotate), V(expired) by O(rotate_after),
      V(unchanged) if it keeps its key.
  returned: success
  type: str
  sample: expired
storage:
  description: The target without its secret. In check mode RV(storage.access_key) may be C((new)).
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
      description: Always V(s3).
      returned: success
      type: str
      sample: s3
    bucket:
      description: The bucket.
      returned: success
      type: str
      sample: example-archives
    endpoint:
      description: Base URL of the store.
      returned: with O(s3.endpoint)
      type: str
      sample: https://s3.example.com
    access_key:
      description: Id of the access key that Vonage uploads with.
      returned: success
      type: str
      sample: AKIAIOSFODNN7EXAMPLE
    sse:
      description: The encryption that Vonage asks for.
      returned: success
      type: str
      sample: s3
    fallback:
      description: What becomes of a recording that cannot be uploaded.
      returned: success
      type: str
      sample: opentok
    certificate_sha256:
      description: SHA-256 fingerprint of the certificate, in hex.
      returned: with O(certificate)
      type: str
      sample: 6c2b9a3f0e1d4c5b8a79686756453423120f1e2d3c4b5a69788796a5b4c3d2e1
record:
  description: What the record says.
  returned: success
  type: dict
  sample:
    location: s3://example-archives/.vonage-archiving/45828062.json
    status: applied
    time: "2026-11-21T20:05:09Z"
    since: "2026-05-01T09:30:00Z"
  contains:
    location:
      description: Where it is.
      returned: success
      type: str
      sample: s3://example-archives/.vonage-archiving/45828062.json
    status:
      description: V(applied), V(absent) or V(pending); null if there is none.
      returned: success
      type: str
      sample: applied
    time:
      description: When it was written; UTC, ISO 8601.
      returned: success
      type: str
      sample: "2026-11-21T20:05:09Z"
    since:
      description:
        - Since when the project has had a target, whichever, as far as records tell; UTC. Rotations do not change it.
          V(null) where there is no target, or that is not known.
      returned: success
      type: str
      sample: "2026-05-01T09:30:00Z"
    why:
      description: Why it is not believed.
      returned: if it is not
      type: str
      sample: there is no record yet
uploader:
  description: The user.
  returned: success
  type: dict
  sample:
    name: vonage-archiving-45828062
    arn: arn:aws:iam::123456789012:user/vonage-archiving-45828062
  contains:
    name:
      description: Its name.
      returned: success
      type: str
      sample: vonage-archiving-45828062
    arn:
      description: Its ARN; null if it was not there before this run.
      returned: success
      type: str
      sample: arn:aws:iam::123456789012:user/vonage-archiving-45828062
access_keys:
  description: The keys that are there at the end, of both users.
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
      description: Whose it is.
      returned: success
      type: str
      sample: vonage-archiving-45828062
    status:
      description: V(Active) or V(Inactive).
      returned: success
      type: str
      sample: Active
    created:
      description: When it was made; UTC, ISO 8601. Null where the store does not tell.
      returned: success
      type: str
      sample: "2026-11-21T20:05:02Z"
    in_target:
      description: Whether the target holds it, as far as is known.
      returned: success
      type: bool
      sample: true
changes:
  description: The names of what was changed, or would be in check mode.
  returned: success
  type: list
  elements: str
  sample: [target, access_keys]
rotate_at:
  description: When the next rotation is due by O(rotate_after), in UTC, ISO 8601; null for never and not known.
  returned: success
  type: str
  sample: "2027-02-19T20:05:09Z"
waits:
  description: Why keys are still there that the target does not hold; empty if there are none.
  returned: success
  type: str
  sample: the grace period is not over
retained_keys_until:
  description:
    - When O(grace_period) and O(delete_after) are over, and a run deletes the old keys; UTC, ISO 8601. They can be
      deleted earlier for a new key. V(null) if there are no old keys.
  returned: success
  type: str
  sample: "2026-11-23T14:05:09Z"
proof:
  description: What was tried, in a sentence; empty if nothing was.
  returned: success
  type: str
  sample: uploads with AKIAIOSFODNN7EXAMPLE arrive
checks:
  description: The findings, as RV(vonage.archiving.archive_upload_check#module:checks).
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
      description: Whether it found what it should.
      returned: success
      type: bool
      sample: true
    detail:
      description: What it found.
      returned: success
      type: str
      sample: s3://example-archives/45828062/... was uploaded in one piece.
error:
  description: What went wrong, for a playbook to decide by.
  returned: failure
  type: dict
  contains:
    kind:
      description: >-
        V(input), V(missing_library), V(denied), V(not_found), V(conflict), V(unreachable), V(rejected), V(unsupported),
        V(quota) if every key that there can be may be in use, V(not_ours) for a user that this collection has not made
        or that another project uploads with, or V(not_proven) for uploads that would not work.
      type: str
      returned: failure
    attempted:
      description: What was being done.
      type: str
      returned: failure
    problem:
      description: What came back.
      type: str
      returned: failure
    hint:
      description: What to do next.
      type: str
      returned: failure
    problems:
      description: All that is wrong with the options, one sentence each.
      type: list
      elements: str
      returned: with RV(error.kind=input)
    user:
      description: The user that is not this collection's, or another project's.
      type: str
      returned: with RV(error.kind=not_ours)
    checks:
      description: As RV(checks).
      type: list
      elements: dict
      returned: with RV(error.kind=not_proven)
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
      description: Which store or IAM API it was.
      type: str
      returned: when one was asked
    action:
      description: The IAM action that is needed.
      type: str
      returned: when a permission is missing
    tries:
      description: How many requests were sent.
      type: int
      returned: when the API of Vonage was called
    clock_skew:
      description: Seconds that this machine's clock is ahead of the API's.
      type: int
      returned: when the API answered with a date and said no
  sample:
    kind: conflict
    attempted: write the record s3://example-archives/.vonage-archiving/45828062.json
    problem: another run has written it in between
    hint: Run it again once the other run has ended.
"""

from ansible_collections.vonage.archiving.plugins.module_utils._module import run
from ansible_collections.vonage.archiving.plugins.module_utils._rotation.options import ARGUMENTS
from ansible_collections.vonage.archiving.plugins.module_utils._rotation.run import reconcile


def main() -> None:
    run(reconcile, ARGUMENTS)


if __name__ == "__main__":
    main()
