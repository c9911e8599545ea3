# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The result of an audit, and its message. Pure.

PRIVATE to the collection ``vonage.archiving``: there is no stability promise outside of it.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from .._archives.archives import Archive
from .._core.timestamps import format_utc
from .._core.values import first_few
from .plan import AT_RISK, LOST, PROBLEMS, Audit

# IDs in the message; the result has more.
SHOWN_IDS = 3
REMEDIES = {
    "fell_back": "Run the playbook recover to repair the uploads. Download each recording with the URL that "
    "vonage_archive_info returns with include_urls, and store it in the bucket as {project}/ID/archive.mp4, or "
    "archive.zip for individual streams, before Vonage deletes it.",
    "stuck": "Check the upload target with archive_upload_check, and send the IDs to the support of Vonage before "
    "Vonage deletes the recordings.",
    "missing": "Check whether a user, a program, or a lifecycle rule deletes recordings, and restore a version if the "
    "bucket has versions. If you delete recordings on purpose, set missing=report, or retention_days.",
    "wrong_size": "Check which program writes to the bucket, and restore a version or a backup. Vonage deletes an "
    "uploaded recording in its cloud.",
    "wrong_checksum": "Check which program writes to the bucket, and restore a version or a backup. Vonage deletes an "
    "uploaded recording in its cloud.",
    "expired": "Vonage has deleted the recording after 72 hours. Run the playbook recover to repair the uploads, and "
    "add the IDs to acknowledged.",
    "failed": "Get the reason with vonage_archive_info, send the IDs to the support of Vonage, and add them to "
    "acknowledged.",
}


@dataclass(frozen=True)
class Subject:
    """The subject of an audit, and the facts for its result; times are Unix seconds.

    :param project: its id; ``name`` is for messages.
    :param target_since: the start of the period with an upload target; if ``None``, ``unknown_reason`` is set.
    :param complete: whether no archive can be missing in the list.
    """

    project: str
    name: str
    bucket: str
    since: float
    now: float
    fails_if_missing: bool = True
    limit: int = 0
    target_since: float | None = None
    bucket_since: float | None = None
    unknown_reason: str | None = None
    retention_days: int = 0
    complete: bool = True

    @property
    def failing_states(self) -> tuple[str, ...]:
        return tuple(state for state in PROBLEMS if state != "missing" or self.fails_if_missing)


def format_audit(subject: Subject, audit: Audit) -> dict[str, t.Any]:
    """The result, without the facts of the bucket as a whole."""
    failures = audit.count(subject.failing_states)
    return {
        "project": subject.project,
        "bucket": subject.bucket,
        "window": _format_window(subject),
        "retention_days": subject.retention_days,
        "complete": subject.complete,
        "ok": False if failures else (True if subject.complete else None),
        "total": audit.total,
        "counts": {state: len(archives) for state, archives in audit.archives.items()},
        "ids": {state: [archive.id for archive in audit.archives[state][: subject.limit]] for state in PROBLEMS},
        "at_risk": _format_risks(subject, audit),
        "problems": [_problem(state, subject, audit) for state in PROBLEMS if audit.archives[state]],
        "transcripts": {
            "objects": audit.transcripts,
            "missing": len(audit.missing_transcripts),
            "missing_ids": list(audit.missing_transcripts[: subject.limit]),
        },
    }


def _format_window(subject: Subject) -> dict[str, t.Any]:
    times = {"target_set_at": subject.target_since, "bucket_since": subject.bucket_since}
    return {
        "since": format_utc(subject.since),
        "until": format_utc(subject.now),
        **{name: None if time is None else format_utc(time) for name, time in times.items()},
        "reason": subject.unknown_reason,
    }


def _format_risks(subject: Subject, audit: Audit) -> list[dict[str, t.Any]]:
    risks = [(archive, state) for state in AT_RISK for archive in audit.archives[state]]
    by_deadline = sorted(risks, key=lambda risk: (risk[0].cloud_deadline, risk[0].id))
    return [
        {
            "id": archive.id,
            "state": state,
            "name": archive.name,
            "size": archive.size,
            "deadline": format_utc(archive.cloud_deadline),
            "hours_left": _hours_left(archive, subject.now),
        }
        for archive, state in by_deadline[: subject.limit]
    ]


def _problem(state: str, subject: Subject, audit: Audit) -> dict[str, t.Any]:
    return {
        "state": state,
        "count": len(audit.archives[state]),
        "fails": state in subject.failing_states,
        "remedy": REMEDIES[state].format(project=subject.project),
    }


def format_message(subject: Subject, audit: Audit) -> str:
    """The message: one sentence on all archives."""
    counts = [f"{len(archives)} {state}" for state, archives in audit.archives.items() if archives]
    text = f": {', '.join(counts)}" if counts else ""
    since = format_utc(subject.since)
    return f"Audited {audit.total} recordings of {subject.name} since {since} against bucket {subject.bucket}{text}."


def format_failure(subject: Subject, audit: Audit) -> str:
    """The message of a failed audit, with the remedy for each state; empty if the audit does not fail."""
    states = [state for state in subject.failing_states if audit.archives[state]]
    if not states:
        return ""
    lost, at_risk = (audit.count(set(states) & set(group)) for group in (LOST, AT_RISK))
    parts = [f"{lost} lost" if lost else "", f"{at_risk} at risk" if at_risk else ""]
    summary = " and ".join(part for part in parts if part)
    problems = [_format_problem(state, audit.archives[state], subject) for state in states]
    return " ".join([f"{subject.name}: {summary}. {format_message(subject, audit)}", *problems])


def _format_problem(state: str, archives: t.Sequence[Archive], subject: Subject) -> str:
    ids = first_few([archive.id for archive in archives], SHOWN_IDS)
    left = _hours_left(archives[0], subject.now)
    deadline = f" (Vonage deletes the first in {left:g} hours)" if state in AT_RISK else ""
    return f"{state}{deadline}: {ids}. {REMEDIES[state].format(project=subject.project)}"


def _hours_left(archive: Archive, now: float) -> float:
    return round(max(0.0, archive.cloud_deadline - now) / 3600, 1)
