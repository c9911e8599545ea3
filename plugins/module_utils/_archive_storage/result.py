# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The result of a run of the role ``archive_storage``. Pure.

PRIVATE to the collection ``vonage.archiving``: there is no stability promise outside of it.

The role builds it from the results of its tasks, see :func:`read_steps`; fleets from the outcomes of the use cases.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from .._core.errors import ArchivingError, SecretNeededError

Result = dict[str, t.Any]
TARGET_KEYS = ("reason", "storage", "state_file", "checks", "verification")
KEY_KEYS = ("uploader", "access_keys", "rotate_at", "retained_keys_reason", "retained_keys_until")
EMPTY: Result = {
    "bucket": {},
    "bucket_changes": [],
    "pending_requirements": [],
    "unsupported": [],
    "reason": "",
    "storage": {},
    "state_file": {},
    "checks": [],
    "verification": "",
    "uploader": {},
    "uploader_changes": [],
    "access_keys": [],
    "rotate_at": None,
    "retained_keys_reason": "",
    "retained_keys_until": None,
}
# Changes of a managed key that are not drift: the reason of the upload target and the age of keys explain them.
EXPECTED_CHANGES = ("target", "access_keys")


@dataclass
class Steps:
    """The results of the steps of one run, as the modules return them; ``None`` for a step that has no result.

    :param bucket: of the task that creates, updates or deletes the bucket.
    :param target: of the task that creates, updates or deletes the upload target.
    :param requirements: of the task that applies pending requirements to the bucket.
    :param is_rolled_back: whether the requirements were removed again.
    :param error: the reason for the failure of the run, as ``error`` of a module.
    :param failed: the name of the step that failed.
    :param is_deletion: whether the run deletes the archive storage.
    :param is_read_only: whether the run changes nothing, because of check mode or of ``verify``.
    :param is_external: whether the upload target has an external key, with which the checks upload.
    """

    bucket: t.Mapping[str, t.Any] | None = None
    target: t.Mapping[str, t.Any] | None = None
    requirements: t.Mapping[str, t.Any] | None = None
    is_rolled_back: bool = False
    error: t.Mapping[str, t.Any] | None = None
    failed: str = ""
    is_deletion: bool = False
    is_read_only: bool = False
    is_external: bool = False

    @property
    def applied_requirements(self) -> list[str]:
        """The new requirements that the bucket has after the run."""
        is_applied = self.requirements is not None and not self.is_rolled_back
        return list((self.requirements or {}).get("changes") or ()) if is_applied else []


def build_result(project: str, managed: bool, steps: Steps, *, verify_only: bool = False) -> Result:
    """Return the result, with ``changed``.

    :param managed: whether the collection manages the access key of the upload target.
    """
    target = steps.target or {}
    requirements = {} if steps.is_rolled_back or not steps.requirements else steps.requirements
    result: Result = {**EMPTY, "project": project}
    result.update(_bucket_result(steps.bucket or {}, requirements))
    result.update({name: target[name] for name in TARGET_KEYS if name in target})
    if managed:
        result.update({name: target[name] for name in KEY_KEYS if name in target})
        result["uploader_changes"] = list(target.get("changes") or ())
    if steps.error is not None:
        result["error"] = dict(steps.error)
    changed = any(step.get("changed") for step in (steps.bucket or {}, target, requirements))
    return {**result, "changed": changed and not verify_only}


def _bucket_result(bucket: t.Mapping[str, t.Any], requirements: t.Mapping[str, t.Any]) -> Result:
    applied = list(requirements.get("changes") or ())
    return {
        "bucket": {**(bucket.get("bucket") or {}), **(requirements.get("bucket") or {})},
        "bucket_changes": [*(bucket.get("changes") or ()), *applied],
        "pending_requirements": [name for name in bucket.get("pending_requirements") or () if name not in applied],
        "unsupported": list(bucket.get("unsupported") or ()),
    }


def describe_mismatch(result: t.Mapping[str, t.Any], managed: bool) -> str:
    """Return a description of the drift, for a run that changes nothing; empty if there is none."""
    uploader = [name for name in result["uploader_changes"] if name not in EXPECTED_CHANGES]
    reason, state_file = result["reason"], result["state_file"]
    is_target_unknown = reason in ("unknown", "no_state_file") and bool(state_file.get("location"))
    if not (result["bucket_changes"] or uploader or is_target_unknown or reason in ("changed", "expired")):
        return ""
    lost_key = _find_lost_key(result) if managed else ""
    subject = "Uploads arrive, but something" if result["checks"] and not lost_key else "Something"
    target = state_file.get("reason") or _describe_reason(reason, managed)
    ending = f"Recordings are not arriving: {lost_key}." if lost_key else "Nothing was changed."
    return (
        f"{subject} is not as configured. Bucket: {', '.join(result['bucket_changes']) or 'as configured'}. "
        f"Uploader: {', '.join(uploader) or 'as configured'}. Upload target: {target}. Run the playbook configure to "
        f"repair it, or with --check --diff to show the differences. {ending}"
    )


def _find_lost_key(result: t.Mapping[str, t.Any]) -> str:
    """Return the problem if the access key of the upload target does not exist or is inactive."""
    if result["state_file"].get("status") != "applied" or result["state_file"].get("reason"):
        return ""
    in_target = [key for key in result["access_keys"] if key.get("in_target")]
    if in_target and all(key.get("status") == "Inactive" for key in in_target):
        return "the access key of the upload target is inactive"
    # If the user has other keys, or does not exist, the target may contain an external key.
    has_no_keys = bool(result["uploader"].get("arn")) and not result["access_keys"]
    return "the access key of the upload target does not exist" if has_no_keys else ""


def _describe_reason(reason: str, managed: bool) -> str:
    period = f"archive_storage_{'rotate_after' if managed else 'max_age'}"
    return {
        "unchanged": "as configured",
        "changed": "the last applied values differ from the configured ones",
        "expired": f"set longer ago than {period} allows",
        "forced": "set in every run, because of archive_storage_update",
    }.get(reason, "not known")


def summarize(result: t.Mapping[str, t.Any], bucket: str, *, failed: bool, check_mode: bool) -> Result:
    """Return the artifact of a workflow. AWX shows it: it must not contain a secret."""
    reason = "failed" if "error" in result else result["reason"]
    return {
        "project": result["project"],
        "bucket": bucket,
        "changed": result["changed"],
        "reason": reason,
        "failed": failed,
        "check_mode": check_mode,
    }


# ---- from the results of tasks


def read_steps(registered: t.Mapping[str, t.Any], *, check_mode: bool) -> Steps:
    """Return the results of the steps of this run of the role.

    Variables of an earlier run of the role may exist. A step is read only if all steps before it succeeded, because a
    run that fails at a step does not register the later ones.

    :param registered: the registered results, by the name of the step.
    """
    validated = registered.get("validate") or {}
    is_deletion = validated.get("state") == "absent"
    steps = Steps(is_deletion=is_deletion, is_read_only=check_mode or bool(validated.get("verify_only")))
    steps.is_external = validated.get("managed") is False
    deletion = ("bucket_check", "target", "bucket_settings", "deletion")
    names = deletion if is_deletion else ("secret_check", "bucket", "target")
    if _stops(steps, "validate", registered.get("validate")):
        return steps
    for name in names:
        if not _is_executed(name, validated):
            continue
        result = registered.get(name)
        if _stops(steps, name, result):
            return steps
        _accept(steps, name, t.cast(t.Mapping[str, t.Any], result))
        if name == "secret_check" and _needs_secret_key(steps, check_mode):
            return steps
    _read_requirements(steps, registered, validated)
    return steps


def _is_executed(step: str, validated: t.Mapping[str, t.Any]) -> bool:
    """Whether the run executes a step that has a condition."""
    if step == "secret_check":
        return bool(validated["lacks_secret_key"])
    if step in ("bucket_check", "deletion"):
        return bool(validated["delete_bucket"])
    if step == "bucket_settings":
        return not validated["delete_bucket"] and bool((validated.get("bucket") or {}).get("name"))
    return True


# The operations in error messages, by the name of the step.
_OPERATIONS = {
    "validate": "validate the variables",
    "bucket_check": "check that the bucket can be deleted",
    "secret_check": "check that the secret key is not needed",
    "bucket": "create or update the bucket",
    "target": "create, update or delete the upload target",
    "bucket_settings": "delete the settings of the project in the bucket",
    "deletion": "delete the bucket",
    "requirements": "apply the new requirements to the bucket",
    "requirements_check": "verify that uploads meet the new requirements",
    "rollback": "remove the requirements that uploads do not meet",
}


def _stops(steps: Steps, name: str, result: t.Mapping[str, t.Any] | None) -> bool:
    """Whether the run ended at this step. If so, set the error."""
    operation = _OPERATIONS[name]
    if result is None:
        steps.error = ArchivingError(operation, "the task was not executed").as_result()
    elif result.get("failed") or result.get("unreachable"):
        error = result.get("error")
        message = " ".join(str(result.get("msg") or "the task failed without a message").split())
        steps.error = dict(error) if isinstance(error, dict) else ArchivingError(operation, message).as_result()
    steps.failed = name if steps.error is not None else ""
    return steps.error is not None


def _accept(steps: Steps, name: str, result: t.Mapping[str, t.Any]) -> None:
    if result.get("skipped"):
        return
    if name in ("bucket", "bucket_settings", "deletion"):
        steps.bucket = result
    elif name == "secret_check":
        steps.target = {**result, "changed": False}
    elif name == "target":
        steps.target = result


def _needs_secret_key(steps: Steps, check_mode: bool) -> bool:
    reason = (steps.target or {}).get("reason")
    if reason == "unchanged" or check_mode:
        return False
    steps.error, steps.failed = secret_key_error(str(reason)).as_result(), "secret_check"
    return True


def secret_key_error(reason: str) -> SecretNeededError:
    """Return the error of a run whose upload target needs an update without the secret key."""
    return SecretNeededError(
        "update the upload target",
        f"archive_storage_uploader_secret_key is not set, and the upload target needs an update (reason: {reason})",
        "Set archive_storage_uploader_secret_key.",
        reason=reason,
    )


def _read_requirements(steps: Steps, registered: t.Mapping[str, t.Any], validated: t.Mapping[str, t.Any]) -> None:
    if not is_requirements_due(steps, verify_only=bool(validated.get("verify_only"))):
        return
    result = registered.get("requirements")
    if _stops(steps, "requirements", result):
        return
    steps.requirements = result
    check = registered.get("requirements_check")
    if _stops(steps, "requirements_check", check):
        rollback = registered.get("rollback") or {}
        steps.is_rolled_back = not (rollback.get("failed") or rollback.get("skipped"))


def is_requirements_due(steps: Steps, *, verify_only: bool) -> bool:
    """Whether the pending requirements of the bucket are applied by this run."""
    pending = (steps.bucket or {}).get("pending_requirements")
    previous = (steps.target or {}).get("previous_target") or {}
    return bool(pending) and not verify_only and previous.get("in_use") is False
