#!/usr/bin/python
# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Ansible module: proof that uploads of archives will arrive."""

from __future__ import annotations

DOCUMENTATION = r"""
module: archive_upload_check
short_description: Prove that Vonage will be able to upload archives with given credentials
version_added: 1.0.0
author:
  - Vonage Archiving Contributors (@vonage-archiving)
description:
  - Does what Vonage will do with an upload target, before Vonage does it. Uploads small probes below the project's
    prefix with the very key that Vonage gets, in one piece and in parts, and looks at the outcome from every side.
  - The API of Vonage takes any target, also one that cannot work, as far as is documented; that an upload has failed
    is told by e-mail, for each recording that did not arrive.
  - Afterwards the probes are removed with the operator's credentials, those of O(access_key) and the other connection
    options, with all their versions and open multipart uploads. So are those that earlier checks left behind because
    they were killed, once nothing has been written to them for an hour.
  - The key under test is used with nothing else of the operator's. Credentials, profiles and endpoints from the
    environment and from configuration files play no part in its requests, and the other way round.
extends_documentation_fragment:
  - vonage.archiving.aws
  - vonage.archiving.attributes
  - vonage.archiving.attributes.actiongroup_aws
attributes:
  check_mode:
    support: full
    details:
      - The options are validated and RV(planned) says what would be checked. Nothing is sent to the store.
  diff_mode:
    support: none
    details:
      - Nothing changes; the findings are in RV(checks).
  idempotent:
    support: full
    details:
      - Never reports a change, since the probes are removed again. The uploads themselves happen in every run.
options:
  s3:
    description:
      - The upload target, as O(vonage.archiving.vonage_archive_storage#module:s3).
    type: dict
    required: true
    suboptions:
      bucket:
        description: Name of the bucket.
        type: str
        required: true
      access_key:
        description: Id of the access key that Vonage uploads with, a lasting one.
        type: str
        required: true
      secret_key:
        description: The secret of O(s3.access_key).
        type: str
        required: true
      endpoint:
        description:
          - Base URL of the store as Vonage uses it, with its scheme. Not set means AWS S3.
          - It has to be reachable from where this module runs.
        type: str
      sse:
        description:
          - V(s3) uploads with encryption with keys managed by S3 (SSE-S3, AES256) and expects that the store says so.
            V(none) asks for no encryption and expects none.
        type: str
        default: s3
  prefix:
    description:
      - Where the recordings will land, the API key or the application id of the project. Vonage's key form is
        C(<prefix>/<archive id>/archive.mp4), or C(archive.zip) for individual streams.
      - The probes are C(<prefix>/vonage-archiving-probe-<unique>/archive.mp4) and C(archive.zip) beside it.
    type: str
    required: true
  multipart:
    description:
      - Whether to upload in parts too. Recordings above 5 GB cannot be uploaded otherwise. It transfers 5 MiB.
    type: bool
    default: true
  expect_public:
    description:
      - V(true) expects that anybody can read a probe, without a key, through the URL that a player would use. V(false)
        expects that nobody can. Not set means that it is not checked.
      - A server error counts as not readable, and the status is told.
      - Independently of this option, listing the bucket without a key must be refused. Players do not need it.
    type: bool
  expect_least_privilege:
    description:
      - Whether to check that the key can neither read or delete a probe, nor list the bucket as a whole, nor write
        next to the prefix. For this last one an upload is begun there and aborted, so that no object appears.
      - The permissions that Vonage's guide for S3 storage names (C(s3:ListBucket) on the bucket and C(s3:PutObject)
        on all of it) are more than an upload needs, and do not pass.
    type: bool
    default: false
  cors_origin:
    description:
      - An origin such as V(https://www.example.com), as browsers send it. If set, a CORS preflight from it is expected
        to be allowed.
    type: str
  cors_method:
    description:
      - The method that the preflight for O(cors_origin) asks for.
    type: str
    choices: [GET, HEAD, PUT, POST, DELETE]
    default: GET
  timeout:
    description:
      - How many seconds, in all, to wait for what was set a moment ago to take effect. Looked at again until then are a
        key that is unknown, an upload that is denied, anonymous access and a CORS preflight that are not as
        expected. Any other trouble is told at once.
      - At most V(300).
      - One verification ends within 480 seconds, also with a store that responds slowly or not at all. All probes
        together have 360 seconds; a check that is not finished then is not ok. The clean-up has 100 seconds more, and
        RV(cleanup.left) contains what it could not delete in that time.
    type: int
    default: 30
  endpoint_url:
    description:
      - URL of the store, with its scheme, for the operator's requests.
      - If not set, the environment variables E(AWS_ENDPOINT_URL_S3) and E(AWS_ENDPOINT_URL) are looked at, then
        O(s3.endpoint).
notes:
  - The names in RV(checks) are stable. C(credentials), C(put_object), C(put_sse_echo) (with O(s3.sse=s3)),
    C(multipart_upload) and C(multipart_sse_echo) (with O(multipart)), C(stored_encryption), C(anonymous_read) (with
    O(expect_public) set), C(anonymous_list), C(cors_preflight) (with O(cors_origin)), and C(no_read),
    C(no_list_outside), C(no_put_outside), C(no_delete) (with O(expect_least_privilege)).
  - C(stored_encryption) is not ok either if a probe has not the length that was uploaded, as at a proxy that answers
    anything with success.
  - C(anonymous_list) sends ListObjectsV2 requests without a key, with O(prefix) and without. It is not ok if one of
    them is answered with a list. A public-read ACL of the bucket, as many older buckets have, or a bucket policy can
    allow that. Any other response counts as refused, and the status is in RV(checks[].detail).
  - If events of the bucket start something for each new object, the probes start it too. Their keys hold
    C(/vonage-archiving-probe-), by which they can be told from recordings.
  - Checks that could not be tried because the upload before them failed are in RV(planned) and not in RV(checks).
  - On AWS, the probes go to the region of the bucket, which S3 tells. Vonage's guide names no region for the target,
    and C(https://s3.amazonaws.com) as the default endpoint; whether that reaches buckets in regions that have to be
    enabled for an account first (all that were opened since March 2019) is not documented. There, look at the first
    recording, or give the endpoint of the region as O(s3.endpoint).
  - If a clean-up fails, this is a warning and RV(cleanup) tells what to remove by hand; the task does not fail for it.
  - The uploader needs the permission C(s3:PutObject) on C(arn:aws:s3:::<bucket>/<prefix>/*) and no other.
  - The operator needs C(s3:GetObject), C(s3:DeleteObject), C(s3:AbortMultipartUpload) and, if the bucket has or had
    versioning, C(s3:DeleteObjectVersion) on C(arn:aws:s3:::<bucket>/<prefix>/vonage-archiving-probe-*); with
    O(expect_least_privilege) also C(s3:AbortMultipartUpload) on C(arn:aws:s3:::<bucket>/vonage-archiving-probe-*).
    To find what killed checks left, C(s3:ListBucket), C(s3:ListBucketMultipartUploads) and, if the bucket has or had
    versioning, C(s3:ListBucketVersions) on C(arn:aws:s3:::<bucket>); without these, nothing but that is amiss.
seealso:
  - module: vonage.archiving.vonage_archive_storage
  - module: vonage.archiving.s3_archive_bucket
"""

EXAMPLES = r"""
- name: Prove that recordings will arrive, encrypted, and that nobody else can read them
  vonage.archiving.archive_upload_check:
    s3:
      bucket: example-recordings
      access_key: "{{ uploader_access_key }}"
      secret_key: "{{ uploader_secret_key }}"
    prefix: "{{ vonage_api_key }}"
    expect_public: false
    expect_least_privilege: true
    region: eu-west-1

- name: Prove it before the target is set, for a key and CORS rules that were made a moment ago
  vonage.archiving.archive_upload_check:
    s3:
      bucket: example-broadcasts
      access_key: "{{ uploader_access_key }}"
      secret_key: "{{ uploader_secret_key }}"
      sse: s3
    prefix: "{{ vonage_api_key }}"
    expect_public: true
    cors_origin: https://broadcast.example.com
    cors_method: GET
    timeout: 120
    profile: operations

- name: Check a store other than AWS, in one piece only, as its own administrator
  vonage.archiving.archive_upload_check:
    s3:
      bucket: example-recordings
      access_key: "{{ uploader_access_key }}"
      secret_key: "{{ uploader_secret_key }}"
      endpoint: https://s3.example.com
      sse: none
    prefix: 8a1f0c52-6b1c-4b64-9d3e-0f4a3d2f6c11
    multipart: false
    endpoint_url: https://s3.internal.example.com
    access_key: "{{ admin_access_key }}"
    secret_key: "{{ admin_secret_key }}"
    session_token: "{{ admin_session_token | default('') }}"
    validate_certs: true
    aws_ca_bundle: /etc/ssl/certs/internal.pem
"""

RETURN = r"""
bucket:
  description: The bucket.
  returned: success, or when a check is not ok
  type: str
  sample: example-recordings
prefix:
  description: The prefix, without a slash at its end.
  returned: success, or when a check is not ok
  type: str
  sample: "123456"
url:
  description:
    - The URL below which a player would find the recordings, if they are public. On AWS in virtual-host style, or in
      path style where the bucket's name has dots; in path style on other stores.
  returned: success, or when a check is not ok
  type: str
  sample: https://example-recordings.s3.eu-west-1.amazonaws.com/123456/
planned:
  description: The names of the checks that the options ask for.
  returned: success, or when a check is not ok
  type: list
  elements: str
  sample: [credentials, put_object, put_sse_echo, stored_encryption, anonymous_list]
checks:
  description: The findings, in this order. Empty in check mode.
  returned: success, or when a check is not ok
  type: list
  elements: dict
  contains:
    name:
      description: The name of the check.
      type: str
    ok:
      description: Whether it is as expected.
      type: bool
    detail:
      description: What was expected if it is not ok, what came back, and what to do.
      type: str
  sample:
    - name: put_sse_echo
      ok: true
      detail: 'The store answered the upload with "x-amz-server-side-encryption: AES256".'
cleanup:
  description: What became of the probes.
  returned: outside check mode, on success or when a check is not ok
  type: dict
  contains:
    ok:
      description: Whether everything this check made is gone, and everything found of earlier ones.
      type: bool
    detail:
      description: What was removed, what was not, and why.
      type: str
    left:
      description: What is still there and has to be removed by hand.
      type: list
      elements: str
  sample:
    ok: true
    detail: "Objects and uploads removed: 2."
    left: []
error:
  description: What went wrong, as data, if the check could not start at all.
  returned: failure before the first check
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
  sample:
    kind: input
    operation: start
    problem: "this is wrong with the options: ..."
    hint: Nothing was sent.
"""

from ansible_collections.vonage.archiving.plugins.module_utils._core.module import run
from ansible_collections.vonage.archiving.plugins.module_utils._upload_check.params import ARGUMENTS
from ansible_collections.vonage.archiving.plugins.module_utils._upload_check.reconcile import reconcile


def main() -> None:
    run(reconcile, ARGUMENTS)


if __name__ == "__main__":
    main()
