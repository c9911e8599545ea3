#!/usr/bin/python
# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Documentation of the action: report the result of the role archive_storage."""

from __future__ import annotations

DOCUMENTATION = r"""
module: archive_storage_report
short_description: Report the result of the role archive_storage
version_added: 1.0.0
author:
  - Vonage Archiving Contributors (@vonage-archiving)
description:
  - Builds the result of a run of the role P(vonage.archiving.archive_storage#role) from the results of its tasks,
    shows its RV(statement), and publishes a summary as C(set_stats) does, as C(archive_storage_summary). In AWX, it is
    an artifact of the job.
  - The last task of the role runs it, also after a failure, and registers the result as C(archive_storage_result). You
    do not need it in a playbook.
  - The task shows as changed if the run changed something, or would change something in check mode.
  - It is an action and runs on the controller. It contacts no server, and the result contains no secret.
options:
  mode:
    description:
      - V(run) reports a run of the role. V(recovery_plan) decides after a verification whether a new access key is a
        repair. V(recovery) reports a recovery. Both set the fact C(archive_storage_recovery).
    type: str
    choices: [run, recovery_plan, recovery]
    default: run
attributes:
  check_mode:
    support: full
  diff_mode:
    support: N/A
    details:
      - The action does not change anything.
  idempotent:
    support: full
extends_documentation_fragment:
  - vonage.archiving.attributes
  - vonage.archiving.attributes.actiongroup_all
seealso:
  - module: vonage.archiving.archive_storage_validate
"""

EXAMPLES = r"""
- name: Report
  vonage.archiving.archive_storage_report:
    mode: run
  register: archive_storage_result
"""

RETURN = r"""
project:
  description: The ID of the project.
  returned: if O(mode=run)
  type: str
  sample: "47123456"
bucket:
  description: The bucket, as RV(vonage.archiving.s3_archive_bucket#module:bucket).
  returned: if O(mode=run)
  type: dict
  sample: {name: example-recordings, exists: true, region: eu-west-1}
bucket_changes:
  description: The parts of the bucket that were changed, also if the run failed later.
  returned: if O(mode=run)
  type: list
  elements: str
  sample: [encryption]
pending_requirements:
  description:
    - Requirements that a later run applies to the bucket, when no recording can violate them. V(require_tls) or
      V(require_encryption).
  returned: if O(mode=run)
  type: list
  elements: str
  sample: [require_encryption]
unsupported:
  description: Options of the bucket that the store does not support, and that were skipped because they are only
    defaults.
  returned: if O(mode=run)
  type: list
  elements: str
  sample: [lifecycle]
storage:
  description: The public fields of the upload target.
  returned: if O(mode=run)
  type: dict
  sample: {bucket: example-recordings, access_key: AKIAIOSFODNN7EXAMPLE, sse: s3, fallback: opentok}
reason:
  description: The reason why the upload target was set, or V(unchanged). Empty if the run failed before that was known.
  returned: if O(mode=run)
  type: str
  sample: unchanged
state_file:
  description: The location and content of the state file.
  returned: if O(mode=run)
  type: dict
  sample:
    location: s3://example-recordings/.vonage-archiving/47123456.json
    status: applied
    time: "2026-11-21T09:12:44Z"
    since: "2026-08-21T09:10:02Z"
checks:
  description: The checks of the verification, if uploads were verified.
  returned: if O(mode=run)
  type: list
  elements: dict
  sample: [{name: put_object, ok: true}]
verification:
  description: A summary of the verification.
  returned: if O(mode=run)
  type: str
  sample: ""
uploader:
  description: The IAM user of a managed key. Empty with an external key.
  returned: if O(mode=run)
  type: dict
  sample: {name: vonage-archiving-47123456, arn: "arn:aws:iam::123456789012:user/vonage-archiving-47123456"}
uploader_changes:
  description: The parts of the IAM user and its keys that were changed.
  returned: if O(mode=run)
  type: list
  elements: str
  sample: []
access_keys:
  description: The access keys of the IAM user, without their secrets.
  returned: if O(mode=run)
  type: list
  elements: dict
  sample: []
rotate_at:
  description: When the next rotation is due, in UTC, ISO 8601.
  returned: if O(mode=run)
  type: str
  sample: "2027-02-19T09:12:44Z"
retained_keys_reason:
  description: The reason why keys exist that the upload target does not use.
  returned: if O(mode=run)
  type: str
  sample: ""
retained_keys_until:
  description: The latest time when these keys are deleted, in UTC, ISO 8601. V(null) if there are none.
  returned: if O(mode=run)
  type: str
  sample: "2026-11-23T14:05:09Z"
mismatch:
  description: The differences from the configuration, after a run that only verifies. Empty if there are none.
  returned: if O(mode=run)
  type: str
  sample: ""
statement:
  description:
    - The lines that the task shows. After success, they contain the location of recordings, the verification, the
      access key with its next rotation, and the changes. After a deletion, they contain the target, the recordings,
      the access keys, and the changes. After a failure, they contain the error, what the run left behind, and where
      recordings go.
    - The task shows the other fields with the option C(-v) of C(ansible-playbook).
  returned: if O(mode=run)
  type: list
  elements: str
  sample:
    - "Recordings of project 47123456 go to s3://example-recordings/47123456/ (sse: s3, fallback: opentok)."
    - "Not verified in this run: nothing changed that affects uploads. The playbook verify tests them."
    - "Access key: AKIAIOSFODNN7EXAMPLE of IAM user vonage-archiving-47123456. The next rotation is due on 2027-02-19."
    - Nothing was changed.
error:
  description:
    - The reason for the failure, for a playbook that handles errors. All kinds and fields are in
      R(Errors,ansible_collections.vonage.archiving.docsite.guide_errors).
  returned: if O(mode=run) and the run failed
  type: dict
  sample:
    kind: denied
    operation: read the policy of bucket example-recordings
    problem: "the S3 store at https://s3.example.com responded with AccessDenied: Access Denied"
    hint: Allow s3:GetBucketPolicy.
    action: s3:GetBucketPolicy
    ending: Nothing was changed.
rotate:
  description: Whether a new access key repairs the uploads.
  returned: if O(mode=recovery_plan)
  type: bool
  sample: true
message:
  description: The findings and the manual repair, if a new access key is not a repair.
  returned: if O(mode=recovery_plan)
  type: str
  sample: ""
"""
