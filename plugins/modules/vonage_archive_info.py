#!/usr/bin/python

# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Ansible module: what became of a project's recordings."""

from __future__ import annotations

DOCUMENTATION = r"""
module: vonage_archive_info
short_description: List the archives of a Vonage Video project, and say how their uploads went
version_added: 1.0.0
author:
  - Vonage Archiving Contributors (@vonage-archiving)
description:
  - Lists the archives of one project of the Vonage Video API, all pages of the list side by side, and sums up in
    RV(health) which were uploaded, which fell back to Vonage's cloud, which failed, and which are stuck.
  - That an upload has failed, the vendor tells by e-mail, for each archive; no callback, status or reason for it is
    documented. This module finds it in the list.
  - Can also look whether the recordings are in the bucket, with the size that the API says.
  - It tells and does not judge. A task that finds trouble does not fail; see RV(health.ok) and the examples.
extends_documentation_fragment:
  - vonage.archiving.vonage
  - vonage.archiving.aws
  - vonage.archiving.attributes
  - vonage.archiving.attributes.info_module
  - vonage.archiving.attributes.actiongroup_vonage
options:
  status:
    description:
      - The archives to return in RV(archives) are those with one of these statuses. Without it, all. The API has no
        such filter; it is applied here, and RV(health) is about all archives nevertheless.
    type: list
    elements: str
    choices: [started, paused, stopped, uploaded, available, expired, failed, deleted]
  since:
    description:
      - Look at archives that were created then or later, and read only the pages of the list that takes. Without it, at
        all.
      - A time in ISO 8601, such as V(2026-11-21T18:00:00Z) (without a zone it is UTC), or a whole number of seconds
        ago, such as V(86400) for one day.
    type: str
  limit:
    description:
      - How many archives to return in RV(archives) at most, the newest. V(0) returns none. RV(health) is about all
        archives nevertheless.
      - An archive takes about 350 bytes of the result. AWX cuts results at 700 kB.
    type: int
    default: 100
  target_set_at:
    description:
      - When the upload target of the project was set, a time in ISO 8601 or a whole number of seconds ago, as O(since).
      - Without it and without O(state_file), archives that fell back cannot be told from those that were recorded when
        there was no target.
    type: str
  state_file:
    description:
      - Where M(vonage.archiving.vonage_archive_storage) keeps the state file of the upload target, a path or
        C(s3://bucket/key). What it says of since when the project has had a target, whichever, takes the
        place of O(target_set_at); they exclude each other.
      - It is read with the credentials of O(access_key) and the other connection options.
    type: str
  stuck_after:
    description:
      - An archive that is still C(stopped) so many seconds after its end counts as stuck.
    type: int
    default: 3600
  bucket:
    description:
      - Look whether every archive that counts as uploaded is in this bucket, with the size that the API says. The
        credentials are those of O(access_key) and the other connection options.
      - Whether the sizes that the API says are those of the objects for archives that are encrypted before they are
        uploaded, by O(vonage.archiving.vonage_archive_storage#module:certificate), is not documented.
    type: str
  bucket_limit:
    description:
      - Look for so many uploaded archives in the O(bucket) at most, the newest; each takes one request.
    type: int
    default: 1000
  include_urls:
    description:
      - Also return the URLs that the API gives for archives that are C(available). For ten minutes each lets anybody
        fetch the recording, so it is a secret; use C(no_log) on the task.
    type: bool
    default: false
notes:
  - "How sure this is. Documented are the list, its order, the statuses, and the keys of objects in the bucket. Inferred
    is that C(available) or C(expired) in a project with an upload target means that the upload failed. Not documented
    are whether an archive is C(available) for a moment before it is uploaded, and the status of one whose upload failed
    without a fallback; C(failed) and a C(stopped) that stays are what it can be."
  - What the API says of an archive's password is never returned.
  - "IAM actions for O(bucket): C(s3:ListBucket) on the bucket; no recording is read. For a O(state_file) in S3:
    C(s3:GetObject) on it, and C(s3:ListBucket)."
  - Listing the archives of an application of the unified environment (O(application_id)) is documented by the vendor.
    That it takes the token that is sent here is what the vendor's SDKs do.
seealso:
  - module: vonage.archiving.vonage_archive_storage
  - module: vonage.archiving.archive_upload_check
  - module: vonage.archiving.vonage_project_info
"""

EXAMPLES = r"""
- name: See how the uploads of the last day went
  vonage.archiving.vonage_archive_info:
    api_key: "{{ video_api_key }}"
    api_secret: "{{ video_api_secret }}"
    since: 86400
    limit: 0
    state_file: "s3://example-archives/.vonage-archiving/{{ video_api_key }}.json"
    bucket: example-archives
    region: eu-west-1
  register: recordings

- name: Stop if a recording did not arrive
  ansible.builtin.assert:
    that: recordings.health.ok
    fail_msg: "{{ recordings.health }}"

- name: List what failed since a certain time, without the state file
  vonage.archiving.vonage_archive_info:
    api_key: "{{ video_api_key }}"
    api_secret: "{{ video_api_secret }}"
    status: [failed, stopped]
    since: "2026-11-01T00:00:00Z"
    target_set_at: "2026-10-15T09:30:00Z"
    stuck_after: 600
    bucket: example-archives
    bucket_limit: 5000

- name: Get at recordings that fell back before they expire
  vonage.archiving.vonage_archive_info:
    api_key: "{{ video_api_key }}"
    api_secret: "{{ video_api_secret }}"
    status: [available]
    limit: 1000
    include_urls: true
  register: kept
  no_log: true

- name: An application of the unified environment, whose recordings are on a store that is not AWS
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
  description: The API key or application id.
  returned: success
  type: str
  sample: "45828062"
total:
  description: How many archives the API says there are, whatever O(since) says.
  returned: success
  type: int
  sample: 2500
complete:
  description:
    - Whether no archive can be missing. V(false), with a warning, if archives were deleted while they were listed, two
      times in a row.
  returned: success
  type: bool
  sample: true
matching:
  description: How many archives there are with O(status) and since O(since).
  returned: success
  type: int
  sample: 3
archives:
  description: The newest of these, at most O(limit).
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
      description: Its id.
      returned: success
      type: str
      sample: ab0baa3d-2539-43a6-be42-b41ff1488af3
    status:
      description: Its status, in lower case.
      returned: success
      type: str
      sample: uploaded
    name:
      description: Its name; may be empty.
      returned: success
      type: str
      sample: lesson 12
    reason:
      description: Why the recording ended or failed, in the API's words; may be empty.
      returned: success
      type: str
      sample: user initiated
    session_id:
      description: The session that was recorded.
      returned: success
      type: str
      sample: 1_MX40NTgyODA2Mn5-example
    created:
      description: When it began, UTC.
      returned: success
      type: str
      sample: "2026-11-21T18:00:00Z"
    duration:
      description: Seconds. The API says 0 for archives that are encrypted before they are uploaded.
      returned: success
      type: int
      sample: 3600
    size:
      description: Bytes.
      returned: success
      type: int
      sample: 734003200
    output_mode:
      description: V(composed) or V(individual).
      returned: success
      type: str
      sample: composed
    url:
      description: Where it can be fetched from, without credentials; V(null) if the API gives none.
      returned: with O(include_urls)
      type: str
      sample: null
health:
  description:
    - How uploads went, of all archives since O(since).
    - Each category has C(count) and C(ids), the ids of the newest, 100 at most.
  returned: success
  type: dict
  sample:
    ok: false
    checked: 3
    target_set_at: "2026-11-20T09:30:00Z"
    why: null
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
        - V(false) if an archive fell back, failed or is stuck, or if one is missing in the O(bucket) or has another
          size there.
        - V(null) if that cannot be told, because archives are in Vonage's cloud and it is not known since when there is
          an upload target, or because RV(complete) is V(false). V(true) otherwise.
      returned: success
      type: bool
      sample: false
    checked:
      description: How many archives were checked.
      returned: success
      type: int
      sample: 3
    target_set_at:
      description: Since when there is an upload target, UTC; V(null) if not known.
      returned: success
      type: str
      sample: "2026-11-20T09:30:00Z"
    why:
      description: Why it is not known since when there is an upload target; V(null) if it is.
      returned: success
      type: str
      sample: null
    uploaded:
      description: Archives that Vonage says it has uploaded.
      returned: success
      type: dict
      sample: {count: 0, ids: []}
    fell_back:
      description:
        - Archives that are C(available) or C(expired) although they were created after the upload target was set, which
          means that they were not uploaded (inferred). Vonage keeps them for 72 hours.
        - V(null) if it is not known since when there is a target.
      returned: success
      type: dict
      sample: {count: 0, ids: []}
    failed:
      description: Archives that are C(failed).
      returned: success
      type: dict
      sample: {count: 0, ids: []}
    stuck:
      description: Archives that are still C(stopped), O(stuck_after) seconds after their end.
      returned: success
      type: dict
      sample: {count: 0, ids: []}
    in_progress:
      description: Archives that are being recorded, or have ended a short time ago.
      returned: success
      type: dict
      sample: {count: 0, ids: []}
    in_cloud:
      description:
        - Archives that are C(available) or C(expired) and were created before the target was set, or with no time of
          that known.
      returned: success
      type: dict
      sample: {count: 0, ids: []}
    other:
      description: Archives with any other status.
      returned: success
      type: dict
      sample: {count: 0, ids: []}
    objects:
      description: What was found in the bucket.
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
          description: The bucket.
          returned: success
          type: str
          sample: example-archives
        checked:
          description: How many uploaded archives were checked.
          returned: success
          type: int
          sample: 2
        not_checked:
          description: How many uploaded archives are beyond O(bucket_limit).
          returned: success
          type: int
          sample: 0
        missing:
          description: Those that are not there, C(count) and C(ids) as above.
          returned: success
          type: dict
          sample: {count: 0, ids: []}
        mismatched:
          description:
            - Those that have another size than the API says. C(archives) holds C(id), C(expected) and C(found), the
              sizes in bytes, of 100 of them at most.
          returned: success
          type: dict
          sample: {count: 0, archives: []}
error:
  description:
    - What went wrong, for decisions of a playbook.
  returned: failure
  type: dict
  contains:
    kind:
      description:
        - One of V(input), V(denied), V(rejected), V(not_found), V(unreachable), V(conflict), V(unsupported) and
          V(missing_library).
      type: str
      returned: always
      sample: denied
    operation:
      description: The operation that failed.
      type: str
      returned: always
      sample: list the archives of project 45828062
    problem:
      description: What came back.
      type: str
      returned: always
      sample: "https://api.opentok.com answered HTTP 403: code 403, Invalid token"
    hint:
      description: What to do next; may be empty.
      type: str
      returned: always
      sample: The cause can be that api_secret does not belong to api_key 45828062, or has been replaced.
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
      description: How many requests were sent for the call that failed.
      type: int
      returned: when the API of Vonage was called
    clock_skew:
      description: Seconds that this machine's clock is ahead of the API's.
      type: int
      returned: when the API answered with a date and said no
  sample:
    kind: denied
    operation: list the archives of project 45828062
    problem: "https://api.opentok.com answered HTTP 403: code 403, Invalid token"
    hint: The cause can be that api_secret does not belong to api_key 45828062, or has been replaced.
    status: 403
    tries: 1
"""

from ansible_collections.vonage.archiving.plugins.module_utils._archives.reconcile import ARGUMENTS, gather
from ansible_collections.vonage.archiving.plugins.module_utils._core.module import run


def main() -> None:
    run(gather, ARGUMENTS)


if __name__ == "__main__":
    main()
