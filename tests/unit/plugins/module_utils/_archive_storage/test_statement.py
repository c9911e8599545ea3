# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The lines that a run shows at its end."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.vonage.archiving.plugins.module_utils._archive_storage.result import EMPTY
from ansible_collections.vonage.archiving.plugins.module_utils._archive_storage.statement import Mode, format_statement

CHECKS = [{"name": "credentials", "ok": True}, {"name": "put_object", "ok": True}]
STEADY: dict[str, t.Any] = {
    **EMPTY,
    "project": "471",
    "changed": False,
    "reason": "unchanged",
    "bucket": {"name": "b"},
    "storage": {"bucket": "b", "sse": "s3", "fallback": "opentok", "access_key": "AKIA1"},
    "uploader": {"name": "u"},
    "rotate_at": "2027-02-26T09:12:44Z",
}
CHANGED = {
    **STEADY,
    "changed": True,
    "reason": "no_state_file",
    "bucket_changes": ["bucket", "encryption"],
    "uploader_changes": ["u: user", "u: policy", "target", "access_keys"],
    "checks": CHECKS,
    "verification": "uploads with AKIA1 work",
}
DESTINATION = "Recordings of project 471 go to s3://b/471/ (sse: s3, fallback: opentok)."
KEY = "Access key: AKIA1 of IAM user u. The next rotation is due on 2027-02-26."
VERIFIED = "Verified: 2 of 2 upload checks passed (credentials, put_object)."
CHANGES = (
    "bucket b (created, encryption); IAM user u (created, policy); access keys; upload target (reason: no_state_file)."
)


def test_format_statement_of_the_first_run_has_four_lines() -> None:
    assert format_statement(CHANGED, Mode()) == [DESTINATION, VERIFIED, KEY, f"Changed: {CHANGES}"]


def test_format_statement_of_a_steady_run_names_the_playbook_that_verifies() -> None:
    lines = format_statement(STEADY, Mode())
    assert (lines[0], lines[2:]) == (DESTINATION, [KEY, "Nothing was changed."])
    assert lines[1].endswith("nothing changed that affects uploads. The playbook verify tests them.")


def test_format_statement_of_check_mode_is_conditional() -> None:
    planned = {**CHANGED, "checks": [], "rotate_at": None, "storage": {**STEADY["storage"], "access_key": "(new)"}}
    assert format_statement(planned, Mode(check_mode=True)) == [
        DESTINATION.replace("go to", "would go to"),
        "Not verified: check mode uploads nothing.",
        "Access key: a new key of IAM user u.",
        f"Would change: {CHANGES}",
    ]


def test_format_statement_of_verify_changes_nothing() -> None:
    verified = {**STEADY, "checks": CHECKS}
    assert format_statement(verified, Mode(verify_only=True)) == [DESTINATION, VERIFIED, KEY, "Nothing was changed."]


def test_format_statement_of_verify_does_not_claim_an_unknown_target() -> None:
    lines = format_statement({**STEADY, "reason": "unknown"}, Mode(managed=False, verify_only=True))
    assert lines[0] == "The upload target of project 471 is not known: there is no state file."


def test_format_statement_of_an_external_key() -> None:
    lines = format_statement({**STEADY, "uploader": {}, "rotate_at": None}, Mode(managed=False))
    assert lines[2] == "Access key: AKIA1, external. You rotate it yourself."


@pytest.mark.parametrize(
    ("changes", "line", "text"),
    [
        (
            {"verification": "uploads were not verified: each user has two keys"},
            1,
            "Not verified: each user has two keys.",
        ),
        ({"reason": "changed", "changed": True}, 1, "Not verified: archive_storage_verify is never."),
        (
            {"retained_keys_reason": "the grace period is not over", "retained_keys_until": "2026-11-23T14:05:09Z"},
            2,
            "Old keys are kept: the grace period is not over, at most until 2026-11-23T14:05:09Z.",
        ),
        ({"rotate_at": None}, 2, "No rotation is due."),
        ({"pending_requirements": ["require_tls"]}, 3, "A later run adds to the bucket: require_tls."),
        ({"unsupported": ["lifecycle"]}, 3, "Not supported by the store: lifecycle."),
        ({"changed": True, "reason": "expired"}, 3, "Changed: upload target (reason: expired)."),
    ],
)
def test_format_statement_remarks(changes: dict[str, t.Any], line: int, text: str) -> None:
    assert text in format_statement({**STEADY, **changes}, Mode())[line]


DELETED: dict[str, t.Any] = {
    **EMPTY,
    "project": "471",
    "changed": True,
    "reason": "changed",
    "bucket": {"name": "b", "exists": True},
}


def test_format_statement_of_a_deletion() -> None:
    changes = ["target", "u: access_keys", "u: user"]
    assert format_statement({**DELETED, "uploader_changes": changes}, Mode(is_deletion=True)) == [
        "The upload target of project 471 is deleted.",
        "Recordings: those in bucket b stay. Later ones stay in Vonage's cloud for 72 hours.",
        "Access keys: all are deleted, with IAM user u.",
        "Changed: IAM user u (access keys, deleted); upload target (deleted).",
    ]


def test_format_statement_of_a_deletion_with_retained_keys() -> None:
    kept = {"retained_keys_reason": "recordings are in progress", "retained_keys_until": "2026-11-23T14:05:09Z"}
    lines = format_statement({**DELETED, **kept, "uploader": {"name": "u"}}, Mode(is_deletion=True))
    assert lines[2] == (
        "Access keys of IAM user u are kept: recordings are in progress. A run after 2026-11-23T14:05:09Z deletes them."
    )


@pytest.mark.parametrize(
    ("changes", "mode", "line", "text"),
    [
        ({"reason": "unchanged"}, Mode(is_deletion=True), 0, "Project 471 has no upload target."),
        ({"reason": "refused"}, Mode(is_deletion=True), 0, "The upload target of project 471 may still exist: the API"),
        (
            {"reason": "refused", "uploader_changes": ["u: user"]},
            Mode(is_deletion=True),
            3,
            "Changed: IAM user u (deleted).",
        ),
        ({}, Mode(is_deletion=True, check_mode=True), 0, "The upload target of project 471 would be deleted."),
        (
            {"uploader_changes": ["u: user"]},
            Mode(is_deletion=True, check_mode=True),
            2,
            "Access keys: all would be deleted, with IAM user u.",
        ),
        ({}, Mode(is_deletion=True), 2, "Access keys: none. The IAM user does not exist."),
        ({"reason": "refused"}, Mode(is_deletion=True), 1, "Recordings: those in bucket b stay."),
        ({"bucket": {"name": "b", "exists": False}}, Mode(is_deletion=True), 1, "Recordings: none were deleted. Later"),
        (
            {"bucket_changes": ["bucket"]},
            Mode(is_deletion=True, check_mode=True),
            1,
            "Recordings: all would be deleted, with bucket b.",
        ),
        ({}, Mode(is_deletion=True, managed=False), 2, "Access key: external. Delete it yourself."),
        ({"bucket": {"name": "b"}, "bucket_changes": ["bucket"]}, Mode(is_deletion=True), 3, "bucket b (deleted)"),
    ],
)
def test_format_statement_of_deletions(changes: dict[str, t.Any], mode: Mode, line: int, text: str) -> None:
    assert text in format_statement({**DELETED, **changes}, mode)[line]


def test_format_statement_of_a_failure_ends_with_the_ending() -> None:
    error = {"kind": "denied", "operation": "read it", "problem": "403", "hint": "Allow it.", "ending": "The end."}
    lines = format_statement({**EMPTY, "project": "471", "error": error}, Mode(check_mode=True))
    assert lines == ["Project 471: failed (check mode).", "Could not read it: 403. Allow it.", "The end."]


def test_format_statement_of_invalid_variables_lists_all() -> None:
    error = {
        "kind": "input",
        "operation": "o",
        "problem": "p",
        "problems": ["a: is 1", "b: is 2"],
        "ending": "The end.",
    }
    lines = format_statement({**EMPTY, "project": "", "error": error}, Mode())
    assert lines == ["Project (unknown): failed.", "Invalid options: a: is 1; b: is 2.", "The end."]


def test_format_statement_of_a_mismatch_shows_it() -> None:
    lines = format_statement({**STEADY, "mismatch": "Something is not as configured."}, Mode(verify_only=True))
    assert lines == ["Project 471: failed.", "Something is not as configured."]
