#!/usr/bin/python

# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Ansible module: compare the archives of a project with the bucket."""

from __future__ import annotations

DOCUMENTATION = r"""
module: vonage_archive_audit
short_description: Verify that the recordings of a Vonage Video project are in the bucket
version_added: 1.0.0
author:
  - Vonage Archiving Contributors (@vonage-archiving)
description:
  - Compares the list of archives of a project, with all its pages, with the objects in the bucket. Each archive of the
    window (O(since)) has exactly one state, see RV(counts).
  - The task fails if a recording is lost or at risk, with the remedy for each problem. The result of a failed task is
    complete.
  - The module makes no changes, and downloads no recording unless O(sample) is set.
extends_documentation_fragment:
  - vonage.archiving.vonage
  - vonage.archiving.aws
  - vonage.archiving.attributes
  - vonage.archiving.attributes.direct
  - vonage.archiving.attributes.info_module
  - vonage.archiving.attributes.actiongroup_vonage
options:
  bucket:
    description:
      - The bucket with the recordings. The module uses the credentials of O(access_key) and the other connection
        options.
      - If not set, it is the bucket of the upload target in O(state_file). Required without O(state_file).
    type: str
  since:
    description:
      - Audit archives that were created later. The window never begins before the upload target was set, if this time
        is known from O(state_file) or O(target_set_at).
      - The duration until now, such as V(7d), V(12h), or a whole number of seconds, or a time in ISO 8601, such as
        V(2026-11-21T18:00:00Z). A time without a zone is UTC.
    type: str
    default: 7d
  state_file:
    description:
      - The location of the state file that M(vonage.archiving.vonage_archive_storage) writes, a path or
        C(s3://bucket/key). It contains the bucket of the upload target, and the times since which the project has a
        target, and has this one. Mutually exclusive with O(target_set_at).
      - The module reads it with the credentials of O(access_key) and the other connection options.
    type: str
  target_set_at:
    description:
      - The time at which the upload target of the project was set, in the format of O(since).
      - If it is unknown, the window is O(since), and all archives in the cloud of Vonage count as fallbacks, including
        archives from the time before the target.
    type: str
  stuck_after:
    description:
      - An archive counts as stuck if it is still C(stopped) this time after its end, or if it is still C(started) or
        C(paused) this time after the longest possible recording, 12 hours.
      - A duration, such as V(1h), V(90m), or a whole number of seconds.
    type: str
    default: 1h
  retention_days:
    description:
      - The age of recordings, in days since their creation, at which they are deleted from the bucket on purpose. Older
        recordings that are not in the bucket are C(expired_by_retention). V(0) means never.
      - A number of days, also with the unit V(d), for example V(90d).
      - If not set, and only if a recording is missing, the module reads the lifecycle rules of the bucket. The shortest
        C(Expiration) in days counts, of the enabled rules that apply to all objects of the project.
    type: str
  missing:
    description:
      - V(fail) fails if a recording is not in the bucket although Vonage has uploaded it.
      - V(report) only reports such recordings, for users who delete recordings after processing.
    type: str
    choices: [fail, report]
    default: fail
  acknowledged:
    description:
      - The IDs of archives with a known problem. They have the state C(acknowledged) instead of the problem, and do not
        fail the task. An ID has no effect if its archive has no problem.
    type: list
    elements: str
  sample:
    description:
      - The number of recordings to verify by their content, the newest first. Only recordings for which the API returns
        a checksum (C(sha256sum)) count. Each takes one request, and the memory does not depend on the size.
      - If the store has a SHA-256 checksum of the whole object, the module compares this one and does not download the
        object. S3 has none for objects that were uploaded in parts.
      - Requires C(s3:GetObject).
    type: int
    default: 0
  limit:
    description:
      - The maximum number of IDs for each state in RV(ids), RV(at_risk), and the other lists. RV(counts) includes all
        archives in any case.
    type: int
    default: 100
notes:
  - "Number of requests to the bucket: the prefix of the project is listed with up to 1000 objects for each request, but
    at most one request for 10 archives, and at least one. If the prefix has more objects, one request follows for each
    archive that has not been listed. For n archives, this is at most n + n/10 + 1 requests, plus one for the lifecycle
    rules, plus O(sample). Requests to list the archives: one for 1000 archives, in the worst case twice. Retries and
    the request for the state file are not counted."
  - "IAM actions: C(s3:ListBucket) on the bucket. If a recording is missing and O(retention_days) is not set,
    C(s3:GetLifecycleConfiguration); without it, the module warns and assumes that there is no lifecycle rule. For
    O(sample), C(s3:GetObject) on C(<bucket>/<project>/*). For a O(state_file) in S3, C(s3:GetObject) on it."
  - "Certainty: the list, its order, the statuses, the keys of recordings, the deletion in the cloud of Vonage 72 hours
    after the creation of an archive, and the limit of 12 hours for a recording are documented (guides \"Archiving\" and
    \"Using S3 storage with archiving\"). It is inferred that C(available) or C(expired) in a project with an upload
    target means that the upload failed."
  - "Unverified: C(sha256sum) is in no document of the vendor. Public code shows the base64 form of 32 bytes, and other
    values are ignored. It is unknown whether sizes and checksums match for archives that are encrypted before the
    upload, with O(vonage.archiving.vonage_archive_storage#module:certificate). The key of a transcript is not
    documented: every object of an archive other than C(archive.*) counts as a transcript."
  - The URLs and passwords of archives are never returned.
seealso:
  - module: vonage.archiving.vonage_archive_info
  - module: vonage.archiving.vonage_archive_storage
  - module: vonage.archiving.archive_upload_check
"""

EXAMPLES = r"""
- name: Verify that the recordings of the last week are in the bucket
  vonage.archiving.vonage_archive_audit:
    api_key: "{{ video_api_key }}"
    api_secret: "{{ video_api_secret }}"
    state_file: "s3://example-archives/.vonage-archiving/{{ video_api_key }}.json"
    region: eu-west-1

- name: Audit the last three days, except two recordings that are known to be lost
  vonage.archiving.vonage_archive_audit:
    api_key: "{{ video_api_key }}"
    api_secret: "{{ video_api_secret }}"
    bucket: example-archives
    since: 3d
    target_set_at: "2026-10-15T09:30:00Z"
    stuck_after: 30m
    acknowledged:
      - ab0baa3d-2539-43a6-be42-b41ff1488af3
      - 5f3c1d2e-2539-43a6-be42-b41ff1488af3

- name: Audit a project whose recordings are deleted after processing, and in any case after 30 days
  vonage.archiving.vonage_archive_audit:
    api_key: "{{ video_api_key }}"
    api_secret: "{{ video_api_secret }}"
    bucket: example-archives
    since: 60d
    missing: report
    retention_days: 30
  register: audit

- name: Show the recordings that are not in the bucket
  ansible.builtin.debug:
    var: audit.ids.missing

- name: Verify the content of the 10 newest recordings on a store other than AWS
  vonage.archiving.vonage_archive_audit:
    application_id: 78d335fa-323d-0114-9c3d-d6f0d48968cf
    private_key_path: /etc/vonage/private.key
    bucket: example-archives
    endpoint_url: https://s3.example.com
    access_key: "{{ operator_access_key }}"
    secret_key: "{{ operator_secret_key }}"
    sample: 10
    limit: 1000
"""

RETURN = r"""
msg:
  description: One sentence with the number of archives in each state. For a failed task, also the remedies.
  returned: always
  type: str
  sample: >-
    Audited 412 recordings of project 45828062 since 2026-11-21T18:00:00Z against bucket example-archives: 410 landed, 2
    in_progress.
project:
  description: The API key or the application ID.
  returned: after the comparison
  type: str
  sample: "45828062"
bucket:
  description: The name of the bucket.
  returned: after the comparison
  type: str
  sample: example-archives
ok:
  description:
    - V(false) if the task fails because of a recording. V(null) if there is no known problem, but RV(complete) is
      V(false). V(true) otherwise.
  returned: after the comparison
  type: bool
  sample: true
total:
  description: The number of archives in the window.
  returned: after the comparison
  type: int
  sample: 412
counts:
  description: The number of archives in each state. All states are always present.
  returned: after the comparison
  type: dict
  sample:
    landed: 410
    empty: 0
    copied: 0
    in_progress: 2
    expired_by_retention: 0
    previous_bucket: 0
    acknowledged: 0
    other: 0
    fell_back: 0
    stuck: 0
    missing: 0
    wrong_size: 0
    wrong_checksum: 0
    expired: 0
    failed: 0
  contains:
    landed:
      description: The recording is in the bucket, with the size that the API reports.
      returned: after the comparison
      type: int
      sample: 410
    empty:
      description: The recording is in the bucket with 0 bytes, and has 0 bytes. This is valid without streams.
      returned: after the comparison
      type: int
      sample: 0
    copied:
      description: The upload failed, and the bucket has a copy with the size that the API reports.
      returned: after the comparison
      type: int
      sample: 0
    in_progress:
      description: The archive is being recorded, or ended less than O(stuck_after) ago.
      returned: after the comparison
      type: int
      sample: 2
    expired_by_retention:
      description: The recording is not in the bucket, and is older than O(retention_days) or the lifecycle rule.
      returned: after the comparison
      type: int
      sample: 0
    previous_bucket:
      description:
        - Vonage has uploaded the recording, and it is not in the bucket. It was created before RV(window.bucket_since),
          so it can be in another bucket.
      returned: after the comparison
      type: int
      sample: 0
    acknowledged:
      description: The recording has a problem, and its ID is in O(acknowledged).
      returned: after the comparison
      type: int
      sample: 0
    other:
      description: The status of the archive is C(deleted), or a status that is not documented.
      returned: after the comparison
      type: int
      sample: 0
    fell_back:
      description:
        - B(At risk, fails.) The upload failed, and the recording is only in the cloud of Vonage. Vonage deletes it 72
          hours after its creation.
      returned: after the comparison
      type: int
      sample: 0
    stuck:
      description: B(At risk, fails.) The recording did not reach its next status in time, see O(stuck_after).
      returned: after the comparison
      type: int
      sample: 0
    missing:
      description:
        - B(Lost, fails) unless O(missing=report). Vonage has uploaded the recording, and it is not in the bucket.
      returned: after the comparison
      type: int
      sample: 0
    wrong_size:
      description: B(Lost, fails.) The object has another size than the API reports.
      returned: after the comparison
      type: int
      sample: 0
    wrong_checksum:
      description: B(Lost, fails.) The content of the object differs from the checksum of the API, see O(sample).
      returned: after the comparison
      type: int
      sample: 0
    expired:
      description: B(Lost, fails.) The upload failed, and Vonage has deleted the recording.
      returned: after the comparison
      type: int
      sample: 0
    failed:
      description: B(Lost, fails.) The status of the archive is C(failed).
      returned: after the comparison
      type: int
      sample: 0
ids:
  description: The IDs of the archives in each state with a problem, the oldest first, at most O(limit) for each state.
  returned: after the comparison
  type: dict
  sample:
    fell_back: [ab0baa3d-2539-43a6-be42-b41ff1488af3]
    stuck: []
    missing: []
    wrong_size: []
    wrong_checksum: []
    expired: []
    failed: []
at_risk:
  description: The recordings that fell back or are stuck, by deadline, at most O(limit).
  returned: after the comparison
  type: list
  elements: dict
  sample:
    - id: ab0baa3d-2539-43a6-be42-b41ff1488af3
      state: fell_back
      name: lesson 12
      size: 734003200
      deadline: "2026-11-24T18:00:00Z"
      hours_left: 12.5
  contains:
    id:
      description: The ID of the archive.
      returned: always
      type: str
      sample: ab0baa3d-2539-43a6-be42-b41ff1488af3
    state:
      description: V(fell_back) or V(stuck).
      returned: always
      type: str
      sample: fell_back
    name:
      description: The name; it can be empty.
      returned: always
      type: str
      sample: lesson 12
    size:
      description: The size in bytes, according to the API.
      returned: always
      type: int
      sample: 734003200
    deadline:
      description: 72 hours after the creation of the archive, in UTC. Vonage then deletes the recording.
      returned: always
      type: str
      sample: "2026-11-24T18:00:00Z"
    hours_left:
      description: The hours until RV(at_risk[].deadline); V(0) if it has passed.
      returned: always
      type: float
      sample: 12.5
problems:
  description: The states of RV(ids) that have archives, with their remedies.
  returned: after the comparison
  type: list
  elements: dict
  sample:
    - state: missing
      count: 1
      fails: true
      remedy: "Check whether a user, a program, or a lifecycle rule deletes recordings, ..."
  contains:
    state:
      description: The state.
      returned: always
      type: str
      sample: missing
    count:
      description: The number of archives.
      returned: always
      type: int
      sample: 1
    fails:
      description: Whether the task fails because of this state.
      returned: always
      type: bool
      sample: true
    remedy:
      description: How to solve the problem.
      returned: always
      type: str
      sample: "Check whether a user, a program, or a lifecycle rule deletes recordings, ..."
window:
  description: The window of the audit; times are in UTC.
  returned: after the comparison
  type: dict
  sample:
    since: "2026-11-21T18:00:00Z"
    until: "2026-11-28T18:00:00Z"
    target_set_at: "2026-10-15T09:30:00Z"
    bucket_since: "2026-10-15T09:30:00Z"
    reason: null
  contains:
    since:
      description: The later of O(since) and RV(window.target_set_at).
      returned: always
      type: str
      sample: "2026-11-21T18:00:00Z"
    until:
      description: The time of the audit.
      returned: always
      type: str
      sample: "2026-11-28T18:00:00Z"
    target_set_at:
      description: The time since which there is an upload target; V(null) if unknown.
      returned: always
      type: str
      sample: "2026-10-15T09:30:00Z"
    bucket_since:
      description:
        - The last change of the bucket, endpoint, or encryption of the upload target, from O(state_file); V(null) if
          unknown, or if O(bucket) is another one.
      returned: always
      type: str
      sample: "2026-10-15T09:30:00Z"
    reason:
      description: Why RV(window.target_set_at) is unknown; V(null) if it is known.
      returned: always
      type: str
      sample: null
retention_days:
  description: The retention that the audit used; V(0) if there is none, or if the lifecycle rules were not needed.
  returned: after the comparison
  type: int
  sample: 0
complete:
  description:
    - Whether no archive can be missing in the list. V(false), with a warning, if archives were deleted while the list
      was fetched, twice in a row.
  returned: after the comparison
  type: bool
  sample: true
transcripts:
  description:
    - The number of objects that are not recordings (C(objects)), and the archives without such an object although
      Vonage has uploaded their transcript (C(missing), C(missing_ids)). This does not fail the task, because the key of
      a transcript is not documented.
  returned: after the comparison
  type: dict
  sample: {objects: 12, missing: 0, missing_ids: []}
objects_without_archive:
  description:
    - The number of objects in the window without an archive in the list, and the first IDs in their keys. Archives that
      were deleted by a request of the API are not in the list, so this does not fail the task.
    - V(null) if the prefix was not listed completely, see the notes.
  returned: after the comparison
  type: dict
  sample: {count: 0, archive_ids: []}
sample:
  description: The number of recordings whose content was verified, of those that are corrupt, and of downloaded bytes.
  returned: with O(sample)
  type: dict
  sample: {verified: 10, corrupt: 0, downloaded_bytes: 7340032000}
requests:
  description: The number of requests to list the archives, and to the bucket, without retries.
  returned: after the comparison
  type: dict
  sample: {vonage: 1, s3: 2}
error:
  description:
    - The error, for playbooks that handle errors. All kinds and fields are in
      R(Errors,ansible_collections.vonage.archiving.docsite.guide_errors).
  returned: if the comparison was not possible
  type: dict
  sample:
    kind: denied
    operation: list objects below 45828062/ in bucket example-archives
    problem: "AWS S3 responded with AccessDenied: Access Denied"
    hint: "These credentials lack s3:ListBucket."
"""

from ansible_collections.vonage.archiving.plugins.module_utils._archive_audit.module import MODULE
from ansible_collections.vonage.archiving.plugins.module_utils._core.module import run_module


def main() -> None:
    run_module(*MODULE)


if __name__ == "__main__":
    main()
