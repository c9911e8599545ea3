# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The last sentence of an error: what the failed run left behind, and where recordings go. Pure.

PRIVATE to the collection ``vonage.archiving``: there is no stability promise outside of it.

The sentence depends on the kind of the error, and on what the steps of the run changed. Modules record their changes,
see ``_core/changes.py``: the error of a task contains them as ``left_behind`` and ``upload_target``.
"""

from __future__ import annotations

import typing as t

from .._core.changes import SET
from .result import Steps

NOTHING_CHANGED = "Nothing was changed."
NOT_ARRIVING = "Recordings are not arriving:"
TARGET_UNKNOWN = "It is unknown whether the target was set; the next run sets it again."
DELETION_UNKNOWN = "It is unknown whether the target was deleted; the next run deletes it again."

# The information about the changes of the failed step, by the kind of its error.
# The error lists all changes.
RECORDED = "recorded"
# The error lists all changes, and uploads failed that recordings depend on.
UPLOADS = "uploads"
# The error is not from this collection: Ansible, or a bug. The step may have changed anything.
UNRECORDED = "unrecorded"
KINDS = {
    "input": RECORDED,
    "missing_library": RECORDED,
    "unsupported": RECORDED,
    "denied": RECORDED,
    "not_found": RECORDED,
    "not_managed": RECORDED,
    "quota": RECORDED,
    "conflict": RECORDED,
    "secret_needed": RECORDED,
    "verification_failed": UPLOADS,
    "unreachable": RECORDED,
    "rejected": RECORDED,
    "error": UNRECORDED,
}
# The checks without which no recording arrives, and the reasons for which the target has the verified settings.
UPLOAD_CHECKS = frozenset({"put_object", "multipart_upload"})
# Only with the key of the upload target: a new key can be unknown to the store for some time.
KEY_CHECK = "credentials"
VERIFIED_REASONS = frozenset({"unchanged", "expired", "forced"})
# The steps that change the bucket.
BUCKET_STEPS = frozenset({"bucket", "bucket_settings", "requirements", "rollback"})
PREVIOUS, NEW = "previous", "new"
# The reason of a deletion for which the API refused the credentials.
REFUSED = "refused"


def describe_ending(steps: Steps) -> str:
    """Return the last sentence of the error of a run.

    :param steps: of a run that failed.
    """
    error = steps.error or {}
    information = KINDS.get(str(error.get("kind")), UNRECORDED)
    failed_uploads = _failed_uploads(steps, error) if information == UPLOADS else []
    if failed_uploads:
        names = ", ".join(failed_uploads)
        return f"{NOT_ARRIVING} uploads with the settings of the upload target fail ({names})."
    if steps.is_read_only:
        return _describe_left_behind(error.get("left_behind") or (), PREVIOUS)
    target = error.get("upload_target")
    if target not in (None, SET) or (steps.failed == "target" and information == UNRECORDED):
        return DELETION_UNKNOWN if steps.is_deletion else TARGET_UNKNOWN
    is_set = target == SET or (bool((steps.target or {}).get("changed")) and "target" in _changes(steps.target))
    # With a reason, the step of the target has ended, or has failed after that.
    reason = error.get("reason") or (steps.target or {}).get("reason")
    if steps.is_deletion and (is_set or reason or steps.failed == "deletion"):
        status = "may still exist" if reason == REFUSED else "is deleted"
        return f"Left behind: {_rest_of_deletion(steps)}, as far as it was not deleted; the upload target {status}."
    left = [*_changes_of_steps(steps), *(error.get("left_behind") or ())]
    if information == UNRECORDED and steps.failed in BUCKET_STEPS:
        left.append("the bucket (possibly changed)")
    return _describe_left_behind(left or ["the upload target"] if is_set else left, NEW if is_set else PREVIOUS)


def _failed_uploads(steps: Steps, error: t.Mapping[str, t.Any]) -> list[str]:
    """Return the names of the failed uploads if recordings are uploaded in the same way."""
    # Requirements that uploads do not meet are removed from the bucket again.
    is_rejected = bool(steps.applied_requirements)
    is_in_use = is_rejected if steps.failed == "requirements_check" else error.get("reason") in VERIFIED_REASONS
    names = [check["name"] for check in error.get("checks") or () if not check.get("ok")]
    checks = UPLOAD_CHECKS | ({KEY_CHECK} if steps.is_external else set())
    return [name for name in names if name in checks] if is_in_use else []


def _describe_left_behind(left: t.Sequence[str], target: str) -> str:
    return f"Left behind: {'; '.join(left)}; recordings go to the {target} target." if left else NOTHING_CHANGED


def _rest_of_deletion(steps: Steps) -> str:
    rests = {"deletion": "the bucket", "bucket_settings": "the lifecycle rule of the project in the bucket"}
    return rests.get(steps.failed, "the IAM user of the upload target")


def _changes_of_steps(steps: Steps) -> list[str]:
    """Return the changes of the steps before the failed one."""
    bucket, target = steps.bucket or {}, steps.target or {}
    parts = [*(_changes(bucket) if bucket.get("changed") else ()), *steps.applied_requirements]
    parts = ["created" if part == "bucket" else part for part in parts]
    name = (bucket.get("bucket") or {}).get("name")
    changes = [f"bucket {name} ({', '.join(dict.fromkeys(parts))})"] if parts else []
    if target.get("changed") and (names := _changes(target)):
        changes.append(f"upload target ({', '.join(names)})")
    return changes


def _changes(result: t.Mapping[str, t.Any] | None) -> list[str]:
    return list((result or {}).get("changes") or ())
