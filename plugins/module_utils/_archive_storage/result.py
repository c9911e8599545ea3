# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The result of a run of the role ``archive_storage``. Pure.

PRIVATE to the collection ``vonage.archiving``: there is no stability promise outside of it.

The role builds it from the results of its tasks, see :func:`read_steps`; fleets from the outcomes of the use cases.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field

from .._core.errors import ArchivingError, SecretNeededError
from .._core.values import first_few

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
MOST_NAMES = 8


@dataclass
class Steps:
    """The results of the steps of one run, as the modules return them; ``None`` for a step that has no result.

    :param bucket: of the task that creates, updates or deletes the bucket.
    :param target: of the task that creates, updates or deletes the upload target.
    :param requirements: of the task that applies pending requirements to the bucket.
    :param is_rolled_back: whether the requirements were removed again.
    :param error: the reason for the failure of the run, as ``error`` of a module.
    """

    bucket: t.Mapping[str, t.Any] | None = None
    target: t.Mapping[str, t.Any] | None = None
    requirements: t.Mapping[str, t.Any] | None = None
    is_rolled_back: bool = False
    error: t.Mapping[str, t.Any] | None = field(default=None)


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
    is_target_wrong = reason in ("changed", "expired") or (reason == "unknown" and bool(state_file.get("location")))
    if not (result["bucket_changes"] or uploader or is_target_wrong):
        return ""
    subject = "Uploads arrive, but something" if result["checks"] else "Something"
    target = state_file.get("reason") or _describe_reason(reason, managed)
    return (
        f"{subject} is not as configured. Bucket: {', '.join(result['bucket_changes']) or 'as configured'}. "
        f"Uploader: {', '.join(uploader) or 'as configured'}. Upload target: {target}. Run the playbook configure to "
        "repair it, or with --check --diff to show the differences."
    )


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


def format_lines(result: t.Mapping[str, t.Any], *, check_mode: bool = False) -> list[str]:
    """Return the lines to show to the user."""
    state = "failed" if "error" in result else "changed" if result["changed"] else "ok"
    lines = [f"Project {result['project'] or '(unknown)'}: {state}{' (check mode)' if check_mode else ''}"]
    lines += [f"  {name}: {text}" for name, text in _details(result).items() if text]
    return lines


def _details(result: t.Mapping[str, t.Any]) -> dict[str, str]:
    bucket, storage, state_file = result["bucket"], result["storage"], result["state_file"]
    bucket_changes, uploader_changes = result["bucket_changes"], result["uploader_changes"]
    failed = [check["name"] for check in result["checks"] if not check.get("ok")]
    passed = len(result["checks"]) - len(failed)
    return {
        "Bucket": f"{bucket['name']} ({_changes(bucket_changes)})" if bucket.get("name") else "",
        "Pending requirements": ", ".join(result["pending_requirements"]),
        "Not supported by the store": ", ".join(result["unsupported"]),
        "Uploader": f"{result['uploader']['name']} ({_changes(uploader_changes)})"
        if result["uploader"].get("name")
        else "",
        "Upload target": f"s3://{storage['bucket']}/{result['project']}/" if storage.get("bucket") else "",
        "Reason": result["reason"],
        "State file": f"{state_file['location']} ({state_file.get('status') or 'none'})"
        if state_file.get("location")
        else "",
        "Checks": f"{passed} passed" + (f", failed: {', '.join(failed)}" if failed else "") if result["checks"] else "",
        "Verification": result["verification"],
        "Next rotation": result["rotate_at"] or "",
        "Old keys": result["retained_keys_reason"],
        "Old keys until": result["retained_keys_until"] or "",
        "Error": (result.get("error") or {}).get("problem", ""),
    }


def _changes(names: t.Sequence[str]) -> str:
    return first_few(names, MOST_NAMES) or "no changes"


# ---- from the results of tasks


def read_steps(registered: t.Mapping[str, t.Any], *, check_mode: bool) -> Steps:
    """Return the results of the steps of this run of the role.

    Variables of an earlier run of the role may exist. A step is read only if all steps before it succeeded, because a
    run that fails at a step does not register the later ones.

    :param registered: the registered results, by the name of the step.
    """
    validated = registered.get("validate") or {}
    steps = Steps()
    names = (
        ("bucket_check", "target", "bucket_settings", "deletion")
        if validated.get("state") == "absent"
        else ("secret_check", "bucket", "target")
    )
    if _stops(steps, "validate the variables", registered.get("validate")):
        return steps
    for name in names:
        if name == "secret_check" and not validated["lacks_secret_key"]:
            continue
        if name in ("bucket_check", "deletion") and not validated["delete_bucket"]:
            continue
        bucket_name = (validated.get("bucket") or {}).get("name")
        if name == "bucket_settings" and (validated["delete_bucket"] or not bucket_name):
            continue
        result = registered.get(name)
        if _stops(steps, _OPERATIONS[name], result):
            return steps
        _accept(steps, name, t.cast(t.Mapping[str, t.Any], result))
        if name == "secret_check" and _needs_secret_key(steps, check_mode):
            return steps
    _read_requirements(steps, registered, validated)
    return steps


# The operations in error messages, by the name of the step.
_OPERATIONS = {
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


def _stops(steps: Steps, operation: str, result: t.Mapping[str, t.Any] | None) -> bool:
    """Whether the run ended at this step. If so, set the error."""
    if result is None:
        steps.error = ArchivingError(operation, "the task was not executed").as_result()
    elif result.get("failed") or result.get("unreachable"):
        error = result.get("error")
        message = " ".join(str(result.get("msg") or "the task failed without a message").split())
        steps.error = dict(error) if isinstance(error, dict) else ArchivingError(operation, message).as_result()
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
    steps.error = secret_key_error(str(reason)).as_result()
    return True


def secret_key_error(reason: str) -> SecretNeededError:
    """Return the error of a run whose upload target needs an update without the secret key."""
    return SecretNeededError(
        "update the upload target",
        f"archive_storage_uploader_secret_key is not set, and the upload target needs an update (reason: {reason})",
        "Nothing was changed. Set archive_storage_uploader_secret_key.",
        reason=reason,
    )


def _read_requirements(steps: Steps, registered: t.Mapping[str, t.Any], validated: t.Mapping[str, t.Any]) -> None:
    if not is_requirements_due(steps, verify_only=bool(validated.get("verify_only"))):
        return
    result = registered.get("requirements")
    if _stops(steps, _OPERATIONS["requirements"], result):
        return
    steps.requirements = result
    check = registered.get("requirements_check")
    if _stops(steps, _OPERATIONS["requirements_check"], check):
        rollback = registered.get("rollback") or {}
        steps.is_rolled_back = not (rollback.get("failed") or rollback.get("skipped"))


def is_requirements_due(steps: Steps, *, verify_only: bool) -> bool:
    """Whether the pending requirements of the bucket are applied by this run."""
    pending = (steps.bucket or {}).get("pending_requirements")
    previous = (steps.target or {}).get("previous_target") or {}
    return bool(pending) and not verify_only and previous.get("in_use") is False
