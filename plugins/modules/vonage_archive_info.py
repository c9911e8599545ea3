#!/usr/bin/python

# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Ansible module: the archives of a project, and the health of their uploads."""

from __future__ import annotations

DOCUMENTATION = r"""
module: vonage_archive_info
short_description: List the archives of a Vonage Video project and the health of their uploads
version_added: 1.0.0
author:
  - Vonage Archiving Contributors (@vonage-archiving)
description:
  - Lists the archives of a project of the Vonage Video API, with all pages of the list fetched concurrently.
  - RV(health) summarizes which archives were uploaded, fell back to the cloud of Vonage, failed, or are stuck.
  - Vonage reports a failed upload by e-mail, for each archive. It is inferred that the status in the list and in the
    callback is then C(available). No reason is documented. This module detects failed uploads in the list.
  - It can also check that the recordings are in the bucket, with the size that the API reports.
  - A problem with uploads does not fail the task; see RV(health.ok) and the examples.
extends_documentation_fragment:
  - vonage.archiving.vonage
  - vonage.archiving.aws
  - vonage.archiving.attributes
  - vonage.archiving.attributes.info_module
  - vonage.archiving.attributes.actiongroup_vonage
options:
  status:
    description:
      - Return in RV(archives) only archives with one of these statuses. By default, all archives are returned. The API
        has no such filter, so the module filters the list. RV(health) includes all archives in any case.
    type: list
    elements: str
    choices: [started, paused, stopped, uploaded, available, expired, failed, deleted]
  since:
    description:
      - Ignore archives that were created earlier, and do not fetch pages that contain only such archives. By default,
        all archives are listed.
      - A time in ISO 8601, such as V(2026-11-21T18:00:00Z) (a time without a zone is UTC), or the duration since then,
        such as V(1d), or a whole number of seconds.
    type: str
  limit:
    description:
      - The maximum number of archives in RV(archives), the newest first. V(0) returns none. RV(health) includes all
        archives in any case.
      - An archive takes about 350 bytes of the result. AWX truncates results at 700 kB.
    type: int
    default: 100
  target_set_at:
    description:
      - The time at which the upload target of the project was set, in the format of O(since).
      - Without this option and O(state_file), the module cannot distinguish archives that fell back from archives that
        were recorded when there was no upload target.
    type: str
  state_file:
    description:
      - The location of the state file that M(vonage.archiving.vonage_archive_storage) writes, a path or
        C(s3://bucket/key). It contains the time since which the project has an upload target, whichever it is. Mutually
        exclusive with O(target_set_at).
      - The module reads it with the credentials of O(access_key) and the other connection options.
    type: str
  stuck_after:
    description:
      - An archive counts as stuck if it is still C(stopped) this long after its end, or if it is still C(started) or
        C(paused) this long after the longest possible recording, 12 hours.
      - A duration in seconds, or with the unit V(s), V(m), V(h), or V(d), for example V(1h).
    type: str
    default: "3600"
  bucket:
    description:
      - Check that every uploaded archive is in this bucket, with the size that the API reports. The module uses the
        credentials of O(access_key) and the other connection options.
      - It is not documented whether the sizes match for archives that are encrypted before the upload, with
        O(vonage.archiving.vonage_archive_storage#module:certificate).
    type: str
  bucket_limit:
    description:
      - The maximum number of uploaded archives to check in O(bucket), the newest first. Each takes one request.
    type: int
    default: 1000
  include_urls:
    description:
      - Also return the URLs of archives that are C(available). Anyone can download the recording from its URL for ten
        minutes, so the URL is a secret. Set C(no_log) on the task.
    type: bool
    default: false
notes:
  - "Certainty: the list, its order, the statuses, and the keys of objects in the bucket are documented. It is inferred
    that C(available) or C(expired) in a project with an upload target means that the upload failed. It is not
    documented whether an archive is briefly C(available) before its upload, and which status an archive has if its
    upload failed without a fallback; C(failed) and a permanent C(stopped) are possible."
  - The password of an archive is never returned.
  - "IAM actions for O(bucket): C(s3:ListBucket) on the bucket; no recording is read. For a O(state_file) in S3:
    C(s3:GetObject) on it, and C(s3:ListBucket)."
  - The vendor documents the list of archives for applications of the unified environment (O(application_id)). The token
    is the one that the SDKs of the vendor send.
seealso:
  - module: vonage.archiving.vonage_archive_storage
  - module: vonage.archiving.archive_upload_check
  - module: vonage.archiving.vonage_project_info
"""

EXAMPLES = r"""
- name: Check the uploads of the last day
  vonage.archiving.vonage_archive_info:
    api_key: "{{ video_api_key }}"
    api_secret: "{{ video_api_secret }}"
    since: 86400
    limit: 0
    state_file: "s3://example-archives/.vonage-archiving/{{ video_api_key }}.json"
    bucket: example-archives
    region: eu-west-1
  register: recordings

- name: Stop if an upload failed
  ansible.builtin.assert:
    that: recordings.health.ok
    fail_msg: "{{ recordings.health }}"

- name: List archives that failed or are stuck, without a state file
  vonage.archiving.vonage_archive_info:
    api_key: "{{ video_api_key }}"
    api_secret: "{{ video_api_secret }}"
    status: [failed, stopped]
    since: "2026-11-01T00:00:00Z"
    target_set_at: "2026-10-15T09:30:00Z"
    stuck_after: 600
    bucket: example-archives
    bucket_limit: 5000

- name: Get the URLs of recordings that fell back, before they expire
  vonage.archiving.vonage_archive_info:
    api_key: "{{ video_api_key }}"
    api_secret: "{{ video_api_secret }}"
    status: [available]
    limit: 1000
    include_urls: true
  register: fallbacks
  no_log: true

- name: Check an application of the unified environment, with a store other than AWS
  vonage.archiving.vonage_archive_info:
    application_id: 78d335fa-323d-0114-9c3d-d6f0d48968cf
    private_key_path: /etc/vonage/private.key
    since: 3600
    bucket: example-archives
    endpoint_url: https://s3.example.com
    access_key: "{{ operator_access_key }}"
    secret_key: "{{ operator_secret_key }}"
"""

RETURN = r"""
project:
  description: The API key or the application ID.
  returned: success
  type: str
  sample: "45828062"
total:
  description: The number of all archives according to the API, independent of O(since).
  returned: success
  type: int
  sample: 2500
complete:
  description:
    - Whether no archive can be missing in the list. V(false), with a warning, if archives were deleted while the list
      was fetched, twice in a row.
  returned: success
  type: bool
  sample: true
matching:
  description: The number of archives that match O(status) and O(since).
  returned: success
  type: int
  sample: 3
archives:
  description: The newest of these archives, at most O(limit).
  returned: success
  type: list
  elements: dict
  sample:
    - id: ab0baa3d-2539-43a6-be42-b41ff1488af3
      status: uploaded
      name: lesson 12
      reason: user initiated
      session_id: 1_MX40NTgyODA2Mn5-example
      created: "2026-11-21T18:00:00Z"
      duration: 3600
      size: 734003200
      output_mode: composed
  contains:
    id:
      description: The ID of the archive.
      returned: success
      type: str
      sample: ab0baa3d-2539-43a6-be42-b41ff1488af3
    status:
      description: The status, in lower case.
      returned: success
      type: str
      sample: uploaded
    name:
      description: The name; it can be empty.
      returned: success
      type: str
      sample: lesson 12
    reason:
      description: Why the recording ended or failed, as the API states it; it can be empty.
      returned: success
      type: str
      sample: user initiated
    session_id:
      description: The recorded session.
      returned: success
      type: str
      sample: 1_MX40NTgyODA2Mn5-example
    created:
      description: The time of creation, in UTC.
      returned: success
      type: str
      sample: "2026-11-21T18:00:00Z"
    duration:
      description: The duration in seconds. The API reports 0 for archives that are encrypted before the upload.
      returned: success
      type: int
      sample: 3600
    size:
      description: The size in bytes.
      returned: success
      type: int
      sample: 734003200
    output_mode:
      description: V(composed) or V(individual).
      returned: success
      type: str
      sample: composed
    url:
      description: The URL for a download without credentials; V(null) if the API returns none.
      returned: with O(include_urls)
      type: str
      sample: null
health:
  description:
    - The health of the uploads of all archives since O(since).
    - Each category has C(count), and C(ids), the IDs of the newest archives, at most 100.
  returned: success
  type: dict
  sample:
    ok: false
    checked: 3
    target_set_at: "2026-11-20T09:30:00Z"
    reason: null
    uploaded: {count: 2, ids: [ab0baa3d-2539-43a6-be42-b41ff1488af3, 0a1b2c3d-2539-43a6-be42-b41ff1488af3]}
    fell_back: {count: 1, ids: [5f3c1d2e-2539-43a6-be42-b41ff1488af3]}
    failed: {count: 0, ids: []}
    stuck: {count: 0, ids: []}
    in_progress: {count: 0, ids: []}
    in_cloud: {count: 0, ids: []}
    other: {count: 0, ids: []}
  contains:
    ok:
      description:
        - V(false) if an archive fell back, failed, or is stuck, or if one is missing in the O(bucket) or has another
          size there.
        - V(null) if it is unknown, because archives are in the cloud of Vonage and the time of the upload target is
          unknown, or because RV(complete) is V(false). V(true) otherwise.
      returned: success
      type: bool
      sample: false
    checked:
      description: The number of archives in this summary.
      returned: success
      type: int
      sample: 3
    target_set_at:
      description: The time since which there is an upload target, in UTC; V(null) if unknown.
      returned: success
      type: str
      sample: "2026-11-20T09:30:00Z"
    reason:
      description: Why RV(health.target_set_at) is unknown; V(null) if it is known.
      returned: success
      type: str
      sample: null
    uploaded:
      description: Archives that are uploaded according to Vonage.
      returned: success
      type: dict
      sample: {count: 0, ids: []}
    fell_back:
      description:
        - Archives that are C(available) or C(expired), and were created after the upload target was set. This means
          that their upload failed (inferred). Vonage keeps them for 72 hours.
        - V(null) if RV(health.target_set_at) is.
      returned: success
      type: dict
      sample: {count: 0, ids: []}
    failed:
      description: Archives with the status C(failed).
      returned: success
      type: dict
      sample: {count: 0, ids: []}
    stuck:
      description: Archives that are stuck, see O(stuck_after).
      returned: success
      type: dict
      sample: {count: 0, ids: []}
    in_progress:
      description: Archives that are being recorded, or ended recently.
      returned: success
      type: dict
      sample: {count: 0, ids: []}
    in_cloud:
      description:
        - Archives that are C(available) or C(expired), and were created before the upload target was set, or the time
          of the upload target is unknown.
      returned: success
      type: dict
      sample: {count: 0, ids: []}
    other:
      description: Archives with any other status.
      returned: success
      type: dict
      sample: {count: 0, ids: []}
    objects:
      description: The result of the check of the bucket.
      returned: with O(bucket)
      type: dict
      sample:
        bucket: example-archives
        checked: 2
        not_checked: 0
        missing: {count: 0, ids: []}
        mismatched: {count: 0, archives: []}
      contains:
        bucket:
          description: The name of the bucket.
          returned: success
          type: str
          sample: example-archives
        checked:
          description: The number of checked archives.
          returned: success
          type: int
          sample: 2
        not_checked:
          description: The number of uploaded archives beyond O(bucket_limit).
          returned: success
          type: int
          sample: 0
        missing:
          description: The archives that are not in the bucket, with C(count) and C(ids) as above.
          returned: success
          type: dict
          sample: {count: 0, ids: []}
        mismatched:
          description:
            - The archives with another size than the API reports. C(archives) contains C(id), and the sizes C(expected)
              and C(found) in bytes, for at most 100 archives.
          returned: success
          type: dict
          sample: {count: 0, archives: []}
error:
  description:
    - The error, for playbooks that handle errors. All kinds and fields are in
      R(Errors,ansible_collections.vonage.archiving.docsite.guide_errors).
  returned: failure
  type: dict
  sample:
    kind: denied
    operation: list the archives of project 45828062
    problem: "https://api.opentok.com responded with HTTP 403: code 403, Invalid token"
    hint: "Possible causes: api_secret does not belong to api_key 45828062, or was replaced; ..."
"""

from ansible_collections.vonage.archiving.plugins.module_utils._archives.reconcile import ARGUMENTS, reconcile
from ansible_collections.vonage.archiving.plugins.module_utils._core.module import run_module


def main() -> None:
    run_module(reconcile, ARGUMENTS)


if __name__ == "__main__":
    main()
