#!/usr/bin/python
# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Ansible module: verify that Vonage can upload archives."""

from __future__ import annotations

DOCUMENTATION = r"""
module: archive_upload_check
short_description: Verify that Vonage can upload archives to a bucket with an access key
version_added: 1.0.0
author:
  - Vonage Archiving Contributors (@vonage-archiving)
description:
  - Uploads small test objects, called probes, below the prefix of the project with the access key that Vonage uses, in
    one piece and in parts. Checks what the store returns, what it has stored, and who can access it. Use it before you
    set the upload target.
  - The API of Vonage accepts any upload target, as far as is documented, including one that cannot work. Vonage reports
    a failed upload by e-mail, for each recording.
  - The module then deletes the probes, with all their versions and open multipart uploads, with the credentials of the
    operator (O(access_key) and the other connection options). It also deletes probes of earlier checks that were
    killed, if nothing was written to these for an hour.
  - The requests with the key under test use no credentials, profiles, or endpoints of the operator from the environment
    or from configuration files, and vice versa.
extends_documentation_fragment:
  - vonage.archiving.aws
  - vonage.archiving.attributes
  - vonage.archiving.attributes.direct
  - vonage.archiving.attributes.actiongroup_aws
attributes:
  check_mode:
    support: full
    details:
      - The module validates the options, and RV(planned) contains the checks that a run would perform. It sends nothing
        to the store.
  diff_mode:
    support: none
    details:
      - The module makes no changes. The results are in RV(checks).
  idempotent:
    support: full
    details:
      - The module never reports a change, because it deletes the probes. Every run uploads them again.
options:
  s3:
    description:
      - The upload target, as in O(vonage.archiving.vonage_archive_storage#module:s3).
    type: dict
    required: true
    suboptions:
      bucket:
        description: The name of the bucket.
        type: str
        required: true
      access_key:
        description: The ID of the permanent access key that Vonage uploads with.
        type: str
        required: true
      secret_key:
        description: The secret of O(s3.access_key).
        type: str
        required: true
      endpoint:
        description:
          - The base URL of the store for Vonage, with its scheme. If not set, it is AWS S3.
          - The machine that runs the module must be able to reach it.
        type: str
      sse:
        description:
          - V(s3) uploads with encryption with keys managed by S3 (SSE-S3, AES256), and checks that the store confirms
            it. V(none) requests no encryption, and accepts any.
        type: str
        default: s3
  prefix:
    description:
      - The API key or the application ID of the project. Vonage uploads recordings below it, as
        C(<prefix>/<archive id>/archive.mp4), or C(archive.zip) for individual streams.
      - The probes are C(<prefix>/vonage-archiving-probe-<unique>/archive.mp4), and C(archive.zip) in the same folder.
    type: str
    required: true
  multipart:
    description:
      - Whether to also upload a probe in parts. Recordings of more than 5 GB require such uploads. The upload transfers
        5 MiB.
    type: bool
    default: true
  expect_public:
    description:
      - V(true) checks that a probe is readable without a key, at the URL that a player would use. V(false) checks that
        it is not. If not set, this is not checked.
      - A server error counts as not readable. The check contains the HTTP status.
      - Independently of this option, listing the bucket without a key must be refused. Players do not need it.
    type: bool
  expect_least_privilege:
    description:
      - Whether to check that the key cannot read or delete a probe, list the whole bucket, or write outside the prefix.
        For the last check, the module starts a multipart upload outside the prefix and aborts it. No object is created.
      - This check fails for the permissions in Vonage's guide for S3 storage (C(s3:ListBucket) on the bucket and
        C(s3:PutObject) on all of it), because they exceed what an upload needs.
    type: bool
    default: false
  cors_origin:
    description:
      - An origin in the form that browsers send, such as V(https://www.example.com). If set, the module checks that a
        CORS preflight from it is allowed.
    type: str
  cors_method:
    description:
      - The method of the preflight from O(cors_origin).
    type: str
    choices: [GET, HEAD, PUT, POST, DELETE]
    default: GET
  timeout:
    description:
      - The total time to wait for recent changes to take effect, at most V(5m). Until then, the module
        repeats the check if the key is unknown, if an upload is denied, or if anonymous access or a CORS preflight
        differs from the expected result. It reports any other problem immediately.
      - A run ends within 480 seconds, even if the store responds slowly or not at all. All probes together have 360
        seconds; a check that has not finished by then fails. The cleanup has 100 more seconds, and RV(cleanup.left)
        lists what it could not delete in that time.
      - A duration in seconds, or with the unit V(s), V(m), V(h), or V(d), for example V(1m).
    type: str
    default: "30"
  endpoint_url:
    description:
      - The URL of the store, with its scheme, for the requests of the operator.
      - If not set, the module uses the environment variables E(AWS_ENDPOINT_URL_S3) and E(AWS_ENDPOINT_URL), then
        O(s3.endpoint).
notes:
  - "The names in RV(checks) are stable: C(credentials), C(put_object), C(put_sse_echo) (with O(s3.sse=s3)),
    C(multipart_upload) and C(multipart_sse_echo) (with O(multipart)), C(stored_encryption), C(anonymous_read) (with
    O(expect_public)), C(anonymous_list), C(cors_preflight) (with O(cors_origin)), and C(no_read), C(no_list_outside),
    C(no_put_outside), and C(no_delete) (with O(expect_least_privilege))."
  - C(stored_encryption) also fails if the size of a probe in the store differs from the uploaded size. This happens
    with a proxy that reports success for any request.
  - C(anonymous_list) sends ListObjectsV2 requests without a key, with and without O(prefix). It fails if one of the
    responses is a list. The cause can be a bucket policy, or the public-read ACL that many older buckets have. Any
    other response counts as refused, and RV(checks[].detail) contains the HTTP status.
  - The probes trigger the event notifications of the bucket for new objects. Their keys contain
    C(/vonage-archiving-probe-), which distinguishes them from recordings.
  - RV(planned) contains checks that RV(checks) does not contain, if they depend on an upload that failed.
  - On AWS, the module sends the probes to the region of the bucket, which S3 returns. Vonage's guide contains no region
    for the target, and C(https://s3.amazonaws.com) is its default endpoint. It is not documented whether this endpoint
    reaches buckets in regions that an account must enable first (all regions opened since March 2019). In such a
    region, check that the first recording arrives, or set O(s3.endpoint) to the endpoint of the region.
  - A failed cleanup causes a warning and does not fail the task. RV(cleanup) lists what to delete manually.
  - The uploader needs only the permission C(s3:PutObject) on C(arn:aws:s3:::<bucket>/<prefix>/*).
  - The operator needs C(s3:GetObject), C(s3:DeleteObject), C(s3:AbortMultipartUpload), and C(s3:DeleteObjectVersion) if
    the bucket has or had versioning, on C(arn:aws:s3:::<bucket>/<prefix>/vonage-archiving-probe-*). With
    O(expect_least_privilege), the operator also needs C(s3:AbortMultipartUpload) on
    C(arn:aws:s3:::<bucket>/vonage-archiving-probe-*).
  - To find probes of killed checks, the operator needs C(s3:ListBucket), C(s3:ListBucketMultipartUploads), and
    C(s3:ListBucketVersions) if the bucket has or had versioning, on C(arn:aws:s3:::<bucket>). Without these
    permissions, the rest of the module works.
seealso:
  - module: vonage.archiving.vonage_archive_storage
  - module: vonage.archiving.s3_archive_bucket
"""

EXAMPLES = r"""
- name: Verify that recordings arrive encrypted, and are not public
  vonage.archiving.archive_upload_check:
    s3:
      bucket: example-recordings
      access_key: "{{ uploader_access_key }}"
      secret_key: "{{ uploader_secret_key }}"
    prefix: "{{ vonage_api_key }}"
    expect_public: false
    expect_least_privilege: true
    region: eu-west-1
    expected_bucket_owner: caller

- name: Verify uploads with a new key and new CORS rules, before the upload target is set
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

- name: Verify uploads in one piece to a store other than AWS, which the operator reaches at another URL
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
    access_key: "{{ operator_access_key }}"
    secret_key: "{{ operator_secret_key }}"
    session_token: "{{ operator_session_token | default('') }}"
    validate_certs: true
    aws_ca_bundle: /etc/ssl/certs/internal.pem
"""

RETURN = r"""
bucket:
  description: The bucket.
  returned: success, or if a check fails
  type: str
  sample: example-recordings
prefix:
  description: The prefix, without a slash at the end.
  returned: success, or if a check fails
  type: str
  sample: "123456"
url:
  description:
    - The URL below which a player would find the recordings, if they are public. On AWS, the URL is in virtual-host
      style, or in path style if the name of the bucket contains dots. On other stores, it is in path style.
  returned: success, or if a check fails
  type: str
  sample: https://example-recordings.s3.eu-west-1.amazonaws.com/123456/
planned:
  description: The names of the checks that the options require.
  returned: success, or if a check fails
  type: list
  elements: str
  sample: [credentials, put_object, put_sse_echo, stored_encryption, anonymous_list]
checks:
  description: The results, in this order. Empty in check mode.
  returned: success, or if a check fails
  type: list
  elements: dict
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
      sample: s3://example-recordings/123456/... was uploaded in one piece.
  sample:
    - name: put_object
      ok: true
      detail: s3://example-recordings/123456/... was uploaded in one piece.
cleanup:
  description: The result of the deletion of the probes.
  returned: success, or if a check fails, not in check mode
  type: dict
  contains:
    ok:
      description: Whether all probes of this run, and all probes of earlier runs that were found, are deleted.
      returned: success
      type: bool
      sample: true
    detail:
      description: The number of deleted objects and uploads, and why others could not be deleted.
      returned: success
      type: str
      sample: "Objects and uploads removed: 2."
    left:
      description: The objects and uploads that still exist and that you must delete manually.
      returned: success
      type: list
      elements: str
      sample: []
  sample:
    ok: true
    detail: "Objects and uploads deleted: 2."
    left: []
error:
  description:
    - The error, for playbooks that handle errors. All kinds and fields are in
      R(Errors,ansible_collections.vonage.archiving.docsite.guide_errors).
  returned: failure, except if a check fails
  type: dict
"""

from ansible_collections.vonage.archiving.plugins.module_utils._core.module import run_module
from ansible_collections.vonage.archiving.plugins.module_utils._upload_check.module import MODULE


def main() -> None:
    run_module(*MODULE)


if __name__ == "__main__":
    main()
