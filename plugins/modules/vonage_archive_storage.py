#!/usr/bin/python

# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Ansible module: where a project's archives are uploaded to."""

from __future__ import annotations

DOCUMENTATION = r"""
module: vonage_archive_storage
short_description: Set where the archives of a Vonage Video project are uploaded to
version_added: 1.0.0
author:
  - Vonage Archiving Contributors (@vonage-archiving)
description:
  - Sets or deletes the archive upload target of one project of the Vonage Video API (OpenTok), so that its recordings
    are uploaded to an S3 bucket, to an S3-compatible store, or to a container of Azure.
  - The API can set the target and delete it, but nothing can read it. So that a second run changes nothing, the module
    keeps a O(record) of what it has set, in a file or in a bucket. It never holds a secret.
  - Before the API is called, the record is marked C(pending), and only after the API has agreed does it say what is.
    A run that was cut off at any point therefore leaves a record that is true, or one that counts as unknown; then the
    next run calls the API again, which does no harm.
  - The API takes any target, also one that cannot work. Everything that can be known to be wrong is told before
    anything is sent. Whether uploads arrive is shown by M(vonage.archiving.archive_upload_check).
extends_documentation_fragment:
  - vonage.archiving.vonage
  - vonage.archiving.aws
  - vonage.archiving.attributes
  - vonage.archiving.attributes.actiongroup_vonage
attributes:
  check_mode:
    support: full
    details:
      - The record is read, nothing is written, and the Vonage Video API is not called.
      - With O(state=absent) and no usable record, a change is predicted that does not come if there was no target.
  diff_mode:
    support: full
    details:
      - Shows the public fields; of secrets it says only whether they are known to differ.
      - What cannot be known is shown as unknown, on the left side as C(state=unknown).
  idempotent:
    support: partial
    details:
      - With a O(record). Without one, the target is set in every run.
      - A change made in the vendor's dashboard, or by other programs, cannot be seen. O(update=always) and O(max_age)
        set the target again nevertheless.
options:
  state:
    description:
      - V(present) sets the target. V(absent) deletes it; recordings then stay in Vonage's cloud for 72 hours.
      - With V(absent), O(s3), O(azure), O(fallback) and O(certificate) play no part and may be left in the task.
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
          - Name of the bucket. Required. Recordings land below the API key or application id in it; this cannot be
            changed.
        type: str
      access_key:
        description:
          - Id of the access key that Vonage uploads with. Required. It must be lasting (an IAM user's); temporary
            keys are refused, since the API has no field for their session token.
        type: str
      secret_key:
        description:
          - The secret of O(s3.access_key).
          - Can be left out as long as the O(record) shows that the target has this access key and nothing else has
            changed. When the API has to be called without it, the task fails and says why (its C(error.kind) is
            C(secret_needed)); in check mode it reports the change.
        type: str
      endpoint:
        description:
          - Base URL of the store, with its scheme, for example V(https://storage.googleapis.com). Not set means
            AWS S3.
        type: str
      sse:
        description:
          - V(s3) has Vonage ask for encryption with keys managed by S3 (SSE-S3, AES256) for every upload, V(none) does
            not. Always sent, since its default is not documented.
          - Keys of AWS KMS and keys of customers are not possible; the vendor says so.
        type: str
        default: s3
  azure:
    description:
      - A container of Azure Blob Storage.
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
  fallback:
    description:
      - What becomes of a recording that cannot be uploaded. Required with O(state=present), and always sent; the
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
  record:
    description:
      - Where the record is kept, an absolute path or C(s3://bucket/key). Without it every run sets the target.
      - A file is replaced atomically and has mode 0600; its folder must exist. What is there and is no record is never
        overwritten; the task fails (its C(error.kind) is C(not_ours)). Below C(.vonage-archiving/) of a bucket there is
        nothing else, so that it counts as a record that was damaged, and is replaced.
      - In S3 it is written with conditional writes where the store has them (where it has not, two runs at the very
        same moment can go unnoticed), with the credentials of O(access_key) and
        the other connection options, those of the operator. It cannot lie below the API key, where recordings go.
      - One record is for one project. A record that names another project is never overwritten; the task fails (its
        C(error.kind) is C(not_ours)).
    type: str
  update:
    description:
      - V(on_change) calls the API only if the record does not show that the target is as asked for. V(always) calls it
        in every run.
    type: str
    choices: [on_change, always]
    default: on_change
  max_age:
    description:
      - Calls the API also if the record is older than this many seconds, to repair what was changed elsewhere.
    type: int
  check_previous_target:
    description:
      - Returns RV(previous_target), whether a recording can still use the target that was set before this one, or that
        was deleted. Reads the archive list of the project during O(grace_period).
    type: bool
    default: false
  grace_period:
    description:
      - With O(check_previous_target), seconds after which no recording can use the previous target. The default is 18
        hours. A recording can be open for 12 hours, and its upload takes time.
    type: int
    default: 64800
  drain_timeout:
    description:
      - With O(check_previous_target), seconds to wait at most until no recording can use the previous target.
    type: int
    default: 0
notes:
  - The API does not tell what it holds, so this module never does either. It says what it has set.
  - The AWS connection options of this module are used for O(record) in S3 alone. The credentials that Vonage uploads
    with are O(s3.access_key) and O(s3.secret_key).
  - "IAM actions needed on the object of an O(record) in S3: C(s3:GetObject), C(s3:PutObject); and on its bucket
    C(s3:ListBucket), without which S3 answers C(403) for a record that does not exist yet."
  - A proxy and authorities for the calls of the Vonage Video API are taken from the environment variables
    E(HTTPS_PROXY) and E(REQUESTS_CA_BUNDLE).
seealso:
  - module: vonage.archiving.s3_archive_bucket
  - module: vonage.archiving.archive_upload_check
"""

EXAMPLES = r"""
- name: Upload the archives of a project to an encrypted bucket
  vonage.archiving.vonage_archive_storage:
    api_key: "{{ video_api_key }}"
    api_secret: "{{ video_api_secret }}"
    s3:
      bucket: example-archives
      access_key: "{{ uploader_access_key }}"
      secret_key: "{{ uploader_secret_key }}"
      sse: s3
    fallback: opentok
    record: "s3://example-archives/.vonage-archiving/{{ video_api_key }}.json"
    region: eu-west-1
    profile: operator

- name: Use a store that is not AWS, and set the target again once a day
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
    record: /var/lib/vonage-archiving/video.json
    max_age: 86400

- name: Keep the record with other credentials, at another store
  vonage.archiving.vonage_archive_storage:
    api_key: "{{ video_api_key }}"
    api_secret: "{{ video_api_secret }}"
    s3:
      bucket: example-archives
      access_key: "{{ uploader_access_key }}"
      # secret_key is left out: the record shows that the target has this access key already.
    fallback: none
    record: "s3://operations/records/{{ video_api_key }}.json"
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
    record: /var/lib/vonage-archiving/video.json
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
      access_key: "{{ uploader_access_key }}"
      secret_key: "{{ uploader_secret_key }}"
    fallback: vonage
    record: /var/lib/vonage-archiving/application.json

- name: The same with the key from a vault
  vonage.archiving.vonage_archive_storage:
    application_id: 78d335fa-323d-0114-9c3d-d6f0d48968cf
    private_key: "{{ vaulted_private_key }}"
    s3:
      bucket: example-archives
      access_key: "{{ uploader_access_key }}"
      secret_key: "{{ uploader_secret_key }}"
    fallback: vonage

- name: Delete the target, and wait up to a minute for recordings that still use it
  vonage.archiving.vonage_archive_storage:
    api_key: "{{ video_api_key }}"
    api_secret: "{{ video_api_secret }}"
    state: absent
    record: "s3://example-archives/.vonage-archiving/{{ video_api_key }}.json"
    check_previous_target: true
    grace_period: 64800
    drain_timeout: 60

- name: Stop uploading
  vonage.archiving.vonage_archive_storage:
    api_key: "{{ video_api_key }}"
    api_secret: "{{ video_api_secret }}"
    state: absent
    record: "s3://example-archives/.vonage-archiving/{{ video_api_key }}.json"
"""

RETURN = r"""
project:
  description: The API key or application id.
  returned: success
  type: str
  sample: "45828062"
reason:
  description:
    - Why the API was called, or would be called in check mode.
    - V(unknown) if no record says what is set, V(changed) if the record says something else, V(forced) by
      O(update=always), V(expired) by O(max_age), V(unchanged) if it was not called.
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
      description: Id of the access key that Vonage uploads with.
      returned: with O(s3)
      type: str
      sample: AKIAIOSFODNN7EXAMPLE
    sse:
      description: The encryption that Vonage asks for.
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
      description: What becomes of a recording that cannot be uploaded.
      returned: with O(state=present)
      type: str
      sample: opentok
    certificate_sha256:
      description: SHA-256 fingerprint of the certificate, in hex.
      returned: with O(certificate)
      type: str
      sample: 6c2b9a3f0e1d4c5b8a79686756453423120f1e2d3c4b5a69788796a5b4c3d2e1
record:
  description: The record as it is after the run; in check mode, and where nothing was to be done, as it was found.
  returned: success
  type: dict
  sample:
    location: s3://example-archives/.vonage-archiving/45828062.json
    status: applied
    time: "2026-11-21T18:00:00Z"
    since: "2026-05-01T09:30:00Z"
  contains:
    location:
      description: Where it is kept; V(null) without O(record).
      returned: success
      type: str
      sample: s3://example-archives/.vonage-archiving/45828062.json
    status:
      description: V(applied), V(absent), or V(pending) for a run that did not finish; V(null) where there is none.
      returned: success
      type: str
      sample: applied
    time:
      description: When the API agreed, UTC; V(null) where there is none.
      returned: success
      type: str
      sample: "2026-11-21T18:00:00Z"
    since:
      description:
        - Since when the project has had a target, whichever, as far as records tell; UTC. Rotations do not change it.
          V(null) where there is no target, or that is not known.
      returned: success
      type: str
      sample: "2026-05-01T09:30:00Z"
    why:
      description: Why the record did not say what is set.
      returned: when no usable record was found, and none has been written since
      type: str
      sample: there is no record yet
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
      description: When O(grace_period) is over; UTC, ISO 8601.
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
      description:
        - One of V(input), V(secret_needed), V(denied), V(rejected), V(not_found), V(not_ours), V(conflict),
          V(unreachable), V(unsupported) and V(missing_library).
      type: str
      returned: always
      sample: secret_needed
    attempted:
      description: What could not be done.
      type: str
      returned: always
      sample: set the upload target of project 45828062
    problem:
      description: What came back.
      type: str
      returned: always
      sample: "s3.secret_key is needed now and was left out (reason: changed)"
    hint:
      description: What to do next; may be empty.
      type: str
      returned: always
      sample: Nothing was sent.
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
    tries:
      description: How many requests were sent.
      type: int
      returned: when the API of Vonage was called
    clock_skew:
      description: Seconds that this machine's clock is ahead of the API's.
      type: int
      returned: when the API answered with a date and said no
    reason:
      description: As RV(reason).
      type: str
      returned: with RV(error.kind=secret_needed)
  sample:
    kind: secret_needed
    attempted: set the upload target of project 45828062
    problem: "s3.secret_key is needed now and was left out (reason: changed)"
    hint: >-
      Nothing was sent. It can be left out only while a record shows that the target is just as asked for.
    reason: changed
"""

from ansible_collections.vonage.archiving.plugins.module_utils._module import run
from ansible_collections.vonage.archiving.plugins.module_utils._vonage.storage import ARGUMENTS, reconcile


def main() -> None:
    run(reconcile, ARGUMENTS)


if __name__ == "__main__":
    main()
