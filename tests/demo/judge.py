# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What has to be true at the end, and whether it is. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .playbook import Run
from .servers import Holdings

REFUSED = 403


@dataclass(frozen=True)
class Finding:
    """One thing that has to be true, with what was found."""

    ok: bool
    text: str


@dataclass(frozen=True)
class Runs:
    """The runs of the demo, in their order."""

    first: Run
    second: Run
    verified: Run
    rotated: Run


def judge(runs: Runs, found: Holdings, origin: str) -> list[Finding]:
    """Return everything the demo claims, in the order it is shown."""
    return [
        first_run(runs.first, found),
        bucket(found),
        cors(found, origin),
        target(found),
        second_run(runs.second, found),
        arrived("the recording", found, 0),
        encrypted(found),
        private(found),
        proof(runs.verified),
        rotation(runs.rotated, found),
        arrived("the recording after that", found, 1),
    ]


def first_run(run: Run, found: Holdings) -> Finding:
    """The first run made what was not there, and called the API once."""
    requests = found.calls_of_runs[0] if found.calls_of_runs else 0
    users = [change for change in run.facts().get("uploader_changes", []) if change.endswith(": user")]
    made = [*run.facts().get("bucket_changes", []), *(["user"] if users else [])]
    made += ["upload target"] if requests else []
    shown = f"the first run made what was not there: {', '.join(made) or 'nothing'}"
    return Finding(run.ok and "bucket" in made and "user" in made and requests == 1, shown)


def bucket(found: Holdings) -> Finding:
    """The bucket exists and encrypts by default."""
    state = found.encryption or "no default encryption" if found.bucket_exists else "there is no such bucket"
    return Finding(state == "AES256", f"the bucket {found.bucket} encrypts by default: {state}")


def cors(found: Holdings, origin: str) -> Finding:
    """The CORS rule that was asked for is there."""
    rules = [rule for rule in found.cors_rules if origin in rule.get("AllowedOrigins", [])]
    methods = ", ".join(sorted(rules[0].get("AllowedMethods", []))) if rules else "nothing"
    return Finding(bool(rules) and "GET" in methods, f"web pages of {origin} may ask the bucket for: {methods}")


def target(found: Holdings) -> Finding:
    """The project uploads to the bucket, with encryption."""
    held = found.target
    if not held:
        return Finding(False, "the project has an upload target: none")
    shown = f"the project uploads to: bucket {held['bucket']}, sse {held.get('sse')}, fallback {held['fallback']}"
    return Finding(held["bucket"] == found.bucket and held.get("sse") == "s3", shown)


def second_run(run: Run, found: Holdings) -> Finding:
    """The second run changed nothing, by Ansible's count and by that of the API."""
    changed, requests = run.recap.get("changed"), found.calls_of_runs[-1] if found.calls_of_runs else None
    shown = f"the second run changed nothing: changed={changed}, requests to the Vonage API: {requests}"
    return Finding(run.ok and changed == 0 and requests == 0, shown)


def arrived(which: str, found: Holdings, number: int) -> Finding:
    """A recording is in the bucket, whole."""
    archive, stored = found.archives[number], found.stored[number]
    if archive.get("status") != "uploaded":
        why = (archive.get("sandbox") or {}).get("upload_error") or "no upload target"
        return Finding(False, f"{which} arrived: no, its status is {archive.get('status')} ({why})")
    shown = f"{which} arrived: s3://{stored.bucket}/{stored.key}, {stored.size} bytes of {archive.get('size')}"
    return Finding(stored.bucket == found.bucket and stored.size == archive.get("size"), shown)


def encrypted(found: Holdings) -> Finding:
    """The store says that it has encrypted the recording."""
    return Finding(
        found.stored[0].encryption == "AES256",
        f"it is stored encrypted: HEAD says x-amz-server-side-encryption: {found.stored[0].encryption or 'nothing'}",
    )


def private(found: Holdings) -> Finding:
    """Nobody without a key can read it."""
    status = found.stored[0].anonymous_status
    return Finding(
        status == REFUSED,
        f"nobody reads it without a key: an anonymous GET is answered with HTTP {status or '... not tried'}",
    )


def proof(run: Run) -> Finding:
    """The playbook verify has tried an upload, and every check is ok."""
    checks: list[Mapping[str, Any]] = list(run.facts().get("checks", []))
    good = [check for check in checks if check.get("ok")]
    shown = (
        f"verify found {len(good)} of {len(checks)} checks ok and changed nothing: changed={run.recap.get('changed')}"
    )
    return Finding(run.ok and bool(checks) and good == checks and run.recap.get("changed") == 0, shown)


def rotation(run: Run, found: Holdings) -> Finding:
    """The target holds another key than before, and the old one stays for recordings in progress."""
    new, keys = found.target.get("accessKey", ""), ", ".join(f"{key} {status}" for key, status in found.keys.items())
    shown = f"the project has another access key; {found.old_key} stays for recordings in progress: {keys or 'none'}"
    replaced = bool(found.old_key) and new != found.old_key
    return Finding(run.ok and replaced and dict(found.keys) == dict.fromkeys((found.old_key, new), "Active"), shown)
