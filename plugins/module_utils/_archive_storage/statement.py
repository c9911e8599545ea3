# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The lines that a run shows at its end. Pure.

PRIVATE to the collection ``vonage.archiving``: there is no stability promise outside of it.

After success, these are four: the location of recordings, the verification, the access key with its next rotation, and
the changes.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from .._core.errors import format_message
from .._core.values import first_few
from .ending import REFUSED, VERIFIED_REASONS

MOST_NAMES = 8


@dataclass(frozen=True)
class Mode:
    """The kind of run.

    :param managed: whether the collection manages the access key of the upload target.
    :param verify_only: whether the run only verifies.
    :param is_deletion: whether the run deletes the archive storage.
    """

    managed: bool = True
    verify_only: bool = False
    check_mode: bool = False
    is_deletion: bool = False


def format_statement(result: t.Mapping[str, t.Any], mode: Mode) -> list[str]:
    """Return the lines to show to the user.

    :param result: of the run, with ``mismatch``.
    """
    if "error" in result or result.get("mismatch"):
        return _format_failure(result, mode)
    if mode.is_deletion:
        lines = [_deleted_target(result, mode), _recordings_after_deletion(result, mode), _deleted_keys(result, mode)]
    else:
        lines = [_destination(result, mode), _verification(result, mode), _key(result, mode)]
    return [*lines, _changes(result, mode)]


def _format_failure(result: t.Mapping[str, t.Any], mode: Mode) -> list[str]:
    heading = f"Project {result['project'] or '(unknown)'}: failed{' (check mode)' if mode.check_mode else ''}."
    error = result.get("error")
    if not error:
        return [heading, str(result["mismatch"])]
    if error.get("problems"):
        message = "Invalid options: " + "; ".join(map(str, error["problems"])) + "."
    else:
        message = format_message(error["operation"], error["problem"], error.get("hint") or "")
    return [heading, message, str(error.get("ending") or "")]


def _destination(result: t.Mapping[str, t.Any], mode: Mode) -> str:
    project, storage = result["project"], result["storage"]
    details = ", ".join(f"{name}: {storage[name]}" for name in ("sse", "fallback") if storage.get(name))
    place = f"s3://{storage.get('bucket')}/{project}/" + (f" ({details})" if details else "")
    if result["reason"] in VERIFIED_REASONS or not (mode.verify_only or mode.check_mode):
        return f"Recordings of project {project} go to {place}."
    if mode.check_mode:
        return f"Recordings of project {project} would go to {place}."
    return f"The upload target of project {project} is not known: there is no state file."


def _verification(result: t.Mapping[str, t.Any], mode: Mode) -> str:
    checks = result["checks"]
    passed = [check["name"] for check in checks if check.get("ok")]
    if checks:
        return f"Verified: {len(passed)} of {len(checks)} upload checks passed ({first_few(passed, MOST_NAMES)})."
    if mode.check_mode:
        return "Not verified: check mode uploads nothing."
    if result["verification"]:
        reason = str(result["verification"]).removeprefix("uploads were not verified: ")
        return f"Not verified: {reason}."
    if result["reason"] == "unchanged":
        return "Not verified in this run: nothing changed that affects uploads. The playbook verify tests them."
    return "Not verified: archive_storage_verify is never."


def _key(result: t.Mapping[str, t.Any], mode: Mode) -> str:
    key = result["storage"].get("access_key")
    key = "a new key" if key == "(new)" else key
    if not mode.managed:
        return f"Access key: {key}, external. You rotate it yourself."
    user, rotate_at = result["uploader"].get("name"), result["rotate_at"]
    rotation = f"The next rotation is due on {rotate_at[:10]}." if rotate_at else "No rotation is due."
    lines = [f"Access key: {key} of IAM user {user}.", *([] if mode.check_mode and not rotate_at else [rotation])]
    if result["retained_keys_reason"]:
        until = f", at most until {result['retained_keys_until']}" if result["retained_keys_until"] else ""
        lines.append(f"Old keys are kept: {result['retained_keys_reason']}{until}.")
    return " ".join(lines)


def _deleted_target(result: t.Mapping[str, t.Any], mode: Mode) -> str:
    if result["reason"] == "unchanged":
        return f"Project {result['project']} has no upload target."
    if result["reason"] == REFUSED:
        return f"The upload target of project {result['project']} may still exist: the API refused the credentials."
    return f"The upload target of project {result['project']} {'would be' if mode.check_mode else 'is'} deleted."


def _recordings_after_deletion(result: t.Mapping[str, t.Any], mode: Mode) -> str:
    bucket = result["bucket"]
    if "bucket" in result["bucket_changes"]:
        return f"Recordings: all {'would be' if mode.check_mode else 'are'} deleted, with bucket {bucket.get('name')}."
    current = f"those in bucket {bucket['name']} stay" if bucket.get("exists") else "none were deleted"
    # The target may still exist: Vonage then tries to upload, and applies the fallback.
    later = "" if result["reason"] == REFUSED else " Later ones stay in Vonage's cloud for 72 hours."
    return f"Recordings: {current}.{later}"


def _deleted_keys(result: t.Mapping[str, t.Any], mode: Mode) -> str:
    if not mode.managed:
        return "Access key: external. Delete it yourself."
    if result["retained_keys_reason"]:
        return (
            f"Access keys of IAM user {result['uploader'].get('name')} are kept: {result['retained_keys_reason']}. "
            f"A run after {result['retained_keys_until']} deletes them."
        )
    users = [change.rpartition(": ")[0] for change in result["uploader_changes"] if change.endswith(": user")]
    if not users:
        return "Access keys: none. The IAM user does not exist."
    verb = "would be" if mode.check_mode else "are"
    return f"Access keys: all {verb} deleted, with IAM user {' and '.join(users)}."


def _changes(result: t.Mapping[str, t.Any], mode: Mode) -> str:
    if mode.verify_only or not result["changed"]:
        return f"Nothing was changed.{_remarks(result)}"
    names = ["deleted" if mode.is_deletion else "created"] if "bucket" in result["bucket_changes"] else []
    names += [name for name in result["bucket_changes"] if name != "bucket"]
    parts = [f"bucket {result['bucket'].get('name', '')} ({first_few(names, MOST_NAMES)})"] if names else []
    parts += _user_changes(result["uploader_changes"], is_deletion=mode.is_deletion)
    if result["reason"] not in ("unchanged", REFUSED):
        parts.append(f"upload target ({'deleted' if mode.is_deletion else 'reason: ' + result['reason']})")
    return f"{'Would change' if mode.check_mode else 'Changed'}: {'; '.join(parts)}.{_remarks(result)}"


def _user_changes(changes: t.Sequence[str], *, is_deletion: bool) -> list[str]:
    """Group changes such as ``user: policy``, and others, by their user."""
    users: dict[str, list[str]] = {}
    for change in changes:
        user, _colon, part = change.rpartition(": ")
        if user:
            users.setdefault(f"IAM user {user}", []).append(
                ("deleted" if is_deletion else "created") if part == "user" else part.replace("_", " ")
            )
    keys = ["access keys"] if "access_keys" in changes else []
    return [*(f"{user} ({', '.join(parts)})" for user, parts in users.items()), *keys]


def _remarks(result: t.Mapping[str, t.Any]) -> str:
    pending, unsupported = ", ".join(result["pending_requirements"]), ", ".join(result["unsupported"])
    later = f" A later run adds to the bucket: {pending}." if pending else ""
    return later + (f" Not supported by the store: {unsupported}." if unsupported else "")
