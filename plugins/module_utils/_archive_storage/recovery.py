# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Recovery after a recording that did not arrive: the request, and the decision whether to rotate the key. Pure.

PRIVATE to the collection ``vonage.archiving``: there is no stability promise outside of it.
"""

from __future__ import annotations

import datetime
import re
import typing as t
from dataclasses import dataclass

from .._core.problems import Problems
from .._core.timestamps import UTC_FORMAT
from .result import EXPECTED_CHANGES

PREFIX = "archive_recover_"
VARIABLES = ("project", "archive_created", "rotate")
BAD_CREDENTIALS, ALREADY_ROTATED, FORCED_ROTATION, MANUAL_REPAIR_REQUIRED = (
    "bad_credentials",
    "already_rotated",
    "forced_rotation",
    "manual_repair_required",
)
ROTATING = (BAD_CREDENTIALS, FORCED_ROTATION)
ROTATE_CHOICES = (BAD_CREDENTIALS, "always")
_TIME = re.compile(r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d)(?:\.\d+)?(?:Z|\+00:00)")


@dataclass(frozen=True)
class RecoveryRequest:
    """The request for a recovery, from the variables ``archive_recover_*``.

    :param project: of the recording.
    :param archive_created: when the recording began, such as ``2026-01-31T12:00:00Z``; empty if it is not known.
    :param rotate: one of ``ROTATE_CHOICES``.
    """

    project: str
    archive_created: str
    rotate: str

    def is_about(self, project: str) -> bool:
        return project.lower() == self.project


def parse_request(variables: t.Mapping[str, t.Any], problems: Problems) -> RecoveryRequest:
    """Parse the variables of a recovery.

    :param variables: without their prefix ``archive_recover_``.
    """
    texts = {name: _text(variables.get(name)) for name in VARIABLES}
    created, rotate = texts["archive_created"], texts["rotate"] or BAD_CREDENTIALS
    time = _TIME.fullmatch(created)
    if not texts["project"]:
        problems.add(f"{PREFIX}project", "is not set. Set it to the ID of the project of the recording")
    if created and not time:
        problem = f"must be a UTC time such as 2026-01-31T12:00:00Z, got {created!r}"
        problems.add(f"{PREFIX}archive_created", problem)
    if rotate not in ROTATE_CHOICES:
        problems.add(f"{PREFIX}rotate", f"must be one of {', '.join(ROTATE_CHOICES)}, got {rotate!r}")
    created_utc = f"{time.group(1)}T{time.group(2)}Z" if time else ""
    return RecoveryRequest(texts["project"].lower(), created_utc, rotate)


def _text(value: t.Any) -> str:
    """Return a variable as text: YAML may have parsed it as a number or a time."""
    if isinstance(value, datetime.datetime):
        utc = value.astimezone(datetime.timezone.utc) if value.tzinfo else value
        return utc.strftime(UTC_FORMAT)
    return "" if value is None else str(value).strip()


def plan_recovery(request: RecoveryRequest, result: t.Mapping[str, t.Any], *, managed: bool, findings: str) -> str:
    """Return the reason for the decision: one of ``ROTATING``, or a reason not to rotate.

    :param result: of a run that verified everything and changed nothing; it may have failed.
    :param findings: the problems that the run found; empty if there are none.
    """
    if "bucket" in result["bucket_changes"] or not managed:
        return MANUAL_REPAIR_REQUIRED
    if has_bad_credentials(result):
        return BAD_CREDENTIALS
    if findings:
        return MANUAL_REPAIR_REQUIRED
    # The recording began with another target. This ends a series of forced rotations.
    set_at = str(result["state_file"].get("time") or "")
    if request.archive_created and set_at > request.archive_created:
        return ALREADY_ROTATED
    return FORCED_ROTATION if request.rotate == "always" else MANUAL_REPAIR_REQUIRED


def has_bad_credentials(result: t.Mapping[str, t.Any]) -> bool:
    """Whether the key of the upload target is deleted, inactive or not allowed to upload."""
    # The error of a failed verification contains the differences.
    error = result.get("error") or {}
    changes = error.get("changes") or result["uploader_changes"]
    reason = error.get("reason") or result["reason"]
    return any(name not in EXPECTED_CHANGES for name in changes) or reason not in ("", "unchanged", "forced")


def advise(*, managed: bool, findings: str) -> str:
    """Return the manual repair, as sentences."""
    if not managed:
        return (
            "The access key of the upload target is external (archive_storage_upload_key): a run cannot replace it. "
            "Create another key yourself, or set archive_storage_upload_key to managed."
        )
    if findings:
        return "A new access key does not repair this. The upload target was not changed. Repair the findings first."
    return (
        "Uploads arrive as configured, but a recording did not. Either the upload target was changed in the vendor's "
        "dashboard, which no run can detect, or the failure was temporary. With archive_recover_rotate=always, a run "
        "sets the target again."
    )
