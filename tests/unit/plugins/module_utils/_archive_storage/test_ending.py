# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The last sentence of an error: each of its forms, and the conditions for it."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.vonage.archiving.plugins.module_utils._archive_storage import ending
from ansible_collections.vonage.archiving.plugins.module_utils._archive_storage.ending import describe_ending
from ansible_collections.vonage.archiving.plugins.module_utils._archive_storage.result import Steps
from ansible_collections.vonage.archiving.plugins.module_utils._core import errors

NOTHING = "Nothing was changed."
UNKNOWN = "It is unknown whether the target was set; the next run sets it again."
BUCKET: dict[str, t.Any] = {"changed": True, "bucket": {"name": "b"}, "changes": ["bucket", "encryption"]}
TARGET: dict[str, t.Any] = {"changed": True, "changes": ["u: policy", "target", "access_keys"]}
SAME_TARGET: dict[str, t.Any] = {"changed": True, "changes": ["u: policy"]}
REQUIREMENT: dict[str, t.Any] = {"changed": True, "changes": ["require_tls"]}
USER = "IAM user u (created, policy)"
CREDENTIALS_FAILED = [{"name": "credentials", "ok": False}]
UPLOAD_FAILED = [{"name": "credentials", "ok": True}, {"name": "put_object", "ok": False}]


def describe(kind: str = "denied", failed: str = "target", error: t.Any = None, **steps: t.Any) -> str:
    return describe_ending(Steps(error={"kind": kind, **(error or {})}, failed=failed, **steps))


def kinds_of(kind: type[errors.ArchivingError]) -> set[str]:
    return {kind.kind}.union(*(kinds_of(subclass) for subclass in kind.__subclasses__()))


def test_each_kind_of_error_has_an_ending() -> None:
    assert kinds_of(errors.ArchivingError) == set(ending.KINDS)


@pytest.mark.parametrize("kind", sorted(ending.KINDS))
def test_describe_ending_of_the_validation_is_that_nothing_changed(kind: str) -> None:
    assert describe(kind, "validate") == NOTHING


@pytest.mark.parametrize(
    ("error", "steps", "expected"),
    [
        ({}, {}, NOTHING),
        ({"left_behind": [USER]}, {}, f"Left behind: {USER}; recordings go to the previous target."),
        ({}, {"bucket": BUCKET}, "Left behind: bucket b (created, encryption); recordings go to the previous target."),
        ({}, {"bucket": {**BUCKET, "changed": False, "changes": []}}, NOTHING),
        (
            {"left_behind": [USER], "upload_target": "set"},
            {"bucket": BUCKET},
            f"Left behind: bucket b (created, encryption); {USER}; recordings go to the new target.",
        ),
        ({"upload_target": "set"}, {}, "Left behind: the upload target; recordings go to the new target."),
        ({"left_behind": [USER], "upload_target": "unknown"}, {"bucket": BUCKET}, UNKNOWN),
    ],
)
def test_describe_ending_depends_on_recorded_changes(error: t.Any, steps: dict[str, t.Any], expected: str) -> None:
    assert describe(error=error, **steps) == expected


@pytest.mark.parametrize(
    ("failed", "steps", "expected"),
    [
        ("secret_check", {}, NOTHING),
        ("bucket", {}, "Left behind: the bucket (possibly changed); recordings go to the previous target."),
        ("target", {"bucket": BUCKET}, UNKNOWN),
        (
            "requirements",
            {"target": TARGET},
            "Left behind: upload target (u: policy, target, access_keys); the bucket (possibly changed); recordings go "
            "to the new target.",
        ),
    ],
)
def test_describe_ending_without_recorded_changes(failed: str, steps: dict[str, t.Any], expected: str) -> None:
    assert describe("error", failed, **steps) == expected


@pytest.mark.parametrize(
    ("target", "rolled_back", "expected"),
    [
        (SAME_TARGET, False, "Left behind: bucket b (created, encryption, require_tls); upload target (u: policy); "),
        (SAME_TARGET, True, "Left behind: bucket b (created, encryption); upload target (u: policy); "),
    ],
)
def test_describe_ending_after_the_requirements_of_the_bucket(
    target: dict[str, t.Any], rolled_back: bool, expected: str
) -> None:
    steps = {"bucket": BUCKET, "target": target, "requirements": REQUIREMENT, "is_rolled_back": rolled_back}
    text = describe("unreachable", "requirements_check", **steps)
    assert text == f"{expected}recordings go to the previous target."


@pytest.mark.parametrize("rolled_back", [True, False])
def test_describe_ending_of_a_rejected_upload_depends_on_the_rollback(rolled_back: bool) -> None:
    error = {"checks": UPLOAD_FAILED, "reason": "unchanged"}
    steps = {"bucket": BUCKET, "target": TARGET, "requirements": REQUIREMENT, "is_rolled_back": rolled_back}
    text = describe("verification_failed", "requirements_check", error, **steps)
    assert text.startswith("Left behind: bucket b" if rolled_back else "Recordings are not arriving: uploads")
    assert ("require_tls" in text, "new target" in text) == (False, rolled_back)


@pytest.mark.parametrize("reason", ["unchanged", "expired", "forced"])
def test_describe_ending_of_failed_uploads_of_the_current_target(reason: str) -> None:
    error = {"checks": UPLOAD_FAILED, "reason": reason}
    text = describe("verification_failed", "target", error, is_read_only=True)
    expected = "uploads with the settings of the upload target fail (put_object)."
    assert text == f"Recordings are not arriving: {expected}"


@pytest.mark.parametrize(
    ("is_external", "expected"),
    [
        (True, "Recordings are not arriving: uploads with the settings of the upload target fail (credentials)."),
        # The key of the check is a temporary one.
        (False, NOTHING),
    ],
)
def test_describe_ending_of_refused_credentials_depends_on_the_key(is_external: bool, expected: str) -> None:
    error = {"checks": CREDENTIALS_FAILED, "reason": "unchanged"}
    steps = {"is_read_only": True, "is_external": is_external}
    assert describe("verification_failed", "target", error, **steps) == expected


@pytest.mark.parametrize(
    "error",
    [
        {"checks": UPLOAD_FAILED},
        {"checks": UPLOAD_FAILED, "reason": "changed"},
        {"checks": UPLOAD_FAILED, "reason": "no_state_file"},
        {"checks": [{"name": "anonymous_read", "ok": False}], "reason": "unchanged"},
    ],
)
def test_describe_ending_of_another_failed_check_does_not_claim_a_loss(error: dict[str, t.Any]) -> None:
    assert describe("verification_failed", "target", error, is_read_only=True) == NOTHING
    text = describe("verification_failed", "target", error, bucket=BUCKET)
    assert text == "Left behind: bucket b (created, encryption); recordings go to the previous target."


def test_describe_ending_of_a_read_only_run_names_only_recorded_changes() -> None:
    assert describe("unreachable", is_read_only=True, bucket=BUCKET) == NOTHING
    assert describe("error", is_read_only=True, bucket=BUCKET) == NOTHING
    text = describe("unreachable", error={"left_behind": ["IAM user u (access key A)"]}, is_read_only=True)
    assert text == "Left behind: IAM user u (access key A); recordings go to the previous target."


@pytest.mark.parametrize("failed", ["bucket_settings", "deletion"])
@pytest.mark.parametrize(("reason", "status"), [("refused", "may still exist"), ("unchanged", "is deleted")])
def test_describe_ending_of_a_deletion_after_the_users(failed: str, reason: str, status: str) -> None:
    target = {"changed": True, "reason": reason, "changes": ["u: user"]}
    text = describe("denied", failed, is_deletion=True, target=target)
    assert text.endswith(f", as far as it was not deleted; the upload target {status}.")


@pytest.mark.parametrize(
    ("kind", "failed", "error", "expected"),
    [
        ("denied", "target", {}, NOTHING),
        ("unreachable", "target", {"upload_target": "unknown"}, "whether the target was deleted; the next run deletes"),
        ("error", "target", {}, "It is unknown whether the target was deleted; the next run deletes it again."),
        (
            "denied",
            "target",
            {"upload_target": "set"},
            "the IAM user of the upload target, as far as it was not deleted;",
        ),
        (
            "denied",
            "target",
            {"reason": "refused", "left_behind": [USER]},
            "Left behind: the IAM user of the upload target, as far as it was not deleted; the upload target may still",
        ),
        (
            "denied",
            "deletion",
            {},
            "Left behind: the bucket, as far as it was not deleted; the upload target is deleted.",
        ),
    ],
)
def test_describe_ending_of_a_deletion(kind: str, failed: str, error: dict[str, t.Any], expected: str) -> None:
    assert expected in describe(kind, failed, error, is_deletion=True)
