# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Recovery after a recording that did not arrive: what the request says, and whether a rotation repairs it. Pure.

PRIVATE to the collection ``vonage.archiving``: there is no stability promise outside of it.
"""

from __future__ import annotations

import datetime
import re
import typing as t
from dataclasses import dataclass

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
    """What was reported.

    :param project: of the recording.
    :param archive_created: when the recording began, such as ``2026-01-31T12:00:00Z``; empty if that is not known.
    :param rotate: when a new key is set, one of ``ROTATE_CHOICES``.
    """

    project: str
    archive_created: str
    rotate: str

    def is_about(self, project: str) -> bool:
        return project.lower() == self.project


def parse_request(variables: t.Mapping[str, t.Any], problems: list[str]) -> RecoveryRequest:
    """Parse the variables of a recovery.

    :param variables: without their prefix ``archive_recover_``.
    :param problems: gets a sentence for everything that is wrong.
    """
    texts = {name: _text(variables.get(name)) for name in VARIABLES}
    created, rotate = texts["archive_created"], texts["rotate"] or BAD_CREDENTIALS
    matched = _TIME.fullmatch(created)
    if not texts["project"]:
        problems.append(f"{PREFIX}project is not set: it must be the id of the project of the recording")
    if created and not matched:
        problems.append(f"{PREFIX}archive_created: must be a UTC time such as 2026-01-31T12:00:00Z, got {created!r}")
    if rotate not in ROTATE_CHOICES:
        problems.append(f"{PREFIX}rotate: must be one of {', '.join(ROTATE_CHOICES)}, got {rotate!r}")
    since = f"{matched.group(1)}T{matched.group(2)}Z" if matched else ""
    return RecoveryRequest(texts["project"].lower(), since, rotate)


def _text(value: t.Any) -> str:
    """Return the text of a variable that became a number or a time on its way through YAML."""
    if isinstance(value, datetime.datetime):
        utc = value.astimezone(datetime.timezone.utc) if value.tzinfo else value
        return utc.strftime("%Y-%m-%dT%H:%M:%SZ")
    return "" if value is None else str(value).strip()


def plan_recovery(request: RecoveryRequest, result: t.Mapping[str, t.Any], *, managed: bool, findings: str) -> str:
    """Return the reason for a rotation, or why there is none.

    :param result: of a run that verified everything and changed nothing; it may have failed.
    :param findings: what is wrong, empty if nothing is.
    """
    if "bucket" in result["bucket_changes"] or not managed:
        return MANUAL_REPAIR_REQUIRED
    if has_bad_credentials(result):
        return BAD_CREDENTIALS
    if findings:
        return MANUAL_REPAIR_REQUIRED
    # The recording began with another target. This is how a series of forced rotations ends.
    set_at = str(result["state_file"].get("time") or "")
    if request.archive_created and set_at > request.archive_created:
        return ALREADY_ROTATED
    return FORCED_ROTATION if request.rotate == "always" else MANUAL_REPAIR_REQUIRED


def has_bad_credentials(result: t.Mapping[str, t.Any]) -> bool:
    """Whether the key of the upload target is deleted, inactive or not allowed to upload."""
    # A verification that failed says in its error what differs.
    error = result.get("error") or {}
    changes = error.get("changes") or result["uploader_changes"]
    reason = error.get("reason") or result["reason"]
    return any(name not in EXPECTED_CHANGES for name in changes) or reason not in ("", "unchanged", "forced")


def advise(*, managed: bool, findings: str) -> str:
    """Return what a person has to do."""
    if not managed:
        return (
            "The access key of the upload target is external (archive_storage_upload_key), so that no run can replace "
            "it: "
            "create another key yourself, or set archive_storage_upload_key to managed."
        )
    if findings:
        return "No other access key would repair that: the upload target was not changed."
    return (
        "Uploads arrive as configured, but a recording did not. The upload target may have been changed in the "
        "dashboard, "
        "where nothing can read it, or the failure is over. With archive_recover_rotate=always, the target is set "
        "again."
    )
