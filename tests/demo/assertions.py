# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Check the runs and the state of the servers against the claims of the demo, without side effects."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .playbook import Run
from .servers import ServerState

FORBIDDEN = 403
# Two checks of the credentials, before the bucket and before the upload target, and the update of the target.
FIRST_RUN_REQUESTS = 3


@dataclass(frozen=True)
class Check:
    """A claim of the demo with the current values, and whether it is true."""

    ok: bool
    text: str


@dataclass(frozen=True)
class Runs:
    """The playbook runs of the demo, in their order."""

    first: Run
    second: Run
    verified: Run
    rotated: Run


def check_all(runs: Runs, state: ServerState, origin: str) -> list[Check]:
    """Check all claims, in the order of the output."""
    return [
        check_first_run(runs.first, state),
        check_encryption(state),
        check_cors(state, origin),
        check_target(state),
        check_second_run(runs.second, state),
        check_archive("the recording", state, 0),
        check_object_encryption(state),
        check_object_access(state),
        check_verification(runs.verified),
        check_rotation(runs.rotated, state),
        check_archive("the recording after the rotation", state, 1),
    ]


def check_first_run(run: Run, state: ServerState) -> Check:
    """Check that the first run created the bucket and the user, and sent the expected requests to the API."""
    requests = state.requests_of_runs[0] if state.requests_of_runs else 0
    users = [change for change in run.facts().get("uploader_changes", []) if change.endswith(": user")]
    changes = [*run.facts().get("bucket_changes", []), *(["user"] if users else [])]
    changes += ["upload target"] if requests else []
    text = f"the first run created or updated: {', '.join(changes) or 'nothing'}"
    return Check(run.ok and "bucket" in changes and "user" in changes and requests == FIRST_RUN_REQUESTS, text)


def check_encryption(state: ServerState) -> Check:
    """Check that the bucket exists and encrypts by default."""
    encryption = (state.encryption or "no default encryption") if state.bucket_exists else "the bucket does not exist"
    return Check(encryption == "AES256", f"the bucket {state.bucket} encrypts by default: {encryption}")


def check_cors(state: ServerState, origin: str) -> Check:
    """Check that the bucket has the CORS rule."""
    rules = [rule for rule in state.cors_rules if origin in rule.get("AllowedOrigins", [])]
    methods = ", ".join(sorted(rules[0].get("AllowedMethods", []))) if rules else "none"
    return Check(bool(rules) and "GET" in methods, f"the bucket allows these methods for pages of {origin}: {methods}")


def check_target(state: ServerState) -> Check:
    """Check that the project uploads to the bucket, with encryption."""
    target = state.target
    if not target:
        return Check(False, "the project uploads to: no upload target")
    text = f"the project uploads to: bucket {target['bucket']}, sse {target.get('sse')}, fallback {target['fallback']}"
    return Check(target["bucket"] == state.bucket and target.get("sse") == "s3", text)


def check_second_run(run: Run, state: ServerState) -> Check:
    """Check that the second run made no changes, according to Ansible and to the API."""
    changed, requests = run.recap.get("changed"), state.requests_of_runs[-1] if state.requests_of_runs else None
    text = f"the second run changed nothing: changed={changed}, requests to the Vonage API: {requests}"
    return Check(run.ok and changed == 0 and requests == 0, text)


def check_archive(title: str, state: ServerState, number: int) -> Check:
    """Check that a recording is in the bucket, complete."""
    archive, stored = state.archives[number], state.objects[number]
    if archive.get("status") != "uploaded":
        reason = (archive.get("sandbox") or {}).get("upload_error") or "no upload target"
        return Check(False, f"{title} arrived: no, its status is {archive.get('status')} ({reason})")
    text = f"{title} arrived: s3://{stored.bucket}/{stored.key}, {stored.size} bytes of {archive.get('size')}"
    return Check(stored.bucket == state.bucket and stored.size == archive.get("size"), text)


def check_object_encryption(state: ServerState) -> Check:
    """Check that the store reports the recording as encrypted."""
    encryption = state.objects[0].encryption
    text = f"the recording is encrypted: HEAD returns x-amz-server-side-encryption: {encryption or 'nothing'}"
    return Check(encryption == "AES256", text)


def check_object_access(state: ServerState) -> Check:
    """Check that the recording cannot be read without a key."""
    status = state.objects[0].anonymous_status
    response = f"HTTP {status}" if status else "no response, because the object does not exist"
    return Check(status == FORBIDDEN, f"the recording is private: an anonymous GET returns {response}")


def check_verification(run: Run) -> Check:
    """Check that the playbook verify ran checks, that all are ok, and that it made no changes."""
    checks: list[Mapping[str, Any]] = list(run.facts().get("checks", []))
    passed = [check for check in checks if check.get("ok")]
    changed = run.recap.get("changed")
    text = f"verify reported {len(passed)} of {len(checks)} checks ok and changed nothing: changed={changed}"
    return Check(run.ok and bool(checks) and passed == checks and changed == 0, text)


def check_rotation(run: Run, state: ServerState) -> Check:
    """Check that the target has a new key, and that the old key is active for recordings in progress."""
    new_key, keys = state.target.get("accessKey", ""), ", ".join(f"{key} {value}" for key, value in state.keys.items())
    text = f"the project has a new access key; {state.old_key} stays for recordings in progress: {keys or 'none'}"
    rotated = bool(state.old_key) and new_key != state.old_key
    return Check(run.ok and rotated and dict(state.keys) == dict.fromkeys((state.old_key, new_key), "Active"), text)
