# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Recovery: what a request may contain, and when a rotation repairs what is wrong."""

from __future__ import annotations

import datetime
import typing as t

import pytest

from ansible_collections.vonage.archiving.plugins.module_utils._archive_storage.recovery import (
    RecoveryRequest,
    advise,
    parse_request,
    plan_recovery,
)
from ansible_collections.vonage.archiving.plugins.module_utils._archive_storage.result import EMPTY
from ansible_collections.vonage.archiving.plugins.module_utils._core.problems import Problems

BEGAN = "2026-11-21T09:00:00Z"
RESULT = {**EMPTY, "reason": "unchanged", "state_file": {"time": "2026-11-21T08:00:00Z"}}
FINDINGS = "Something is not as configured."
UTC = datetime.timezone.utc


def request(rotate: str = "bad_credentials", created: str = BEGAN) -> RecoveryRequest:
    return RecoveryRequest("47123456", created, rotate)


@pytest.mark.parametrize(
    ("created", "expected"),
    [
        (None, ""),
        ("", ""),
        (BEGAN, BEGAN),
        ("2026-11-21 09:00:00.25+00:00", BEGAN),
        (datetime.datetime(2026, 11, 21, 9, tzinfo=UTC), BEGAN),
        (datetime.datetime(2026, 11, 21, 11, tzinfo=datetime.timezone(datetime.timedelta(hours=2))), BEGAN),
        (datetime.datetime(2026, 11, 21, 9), BEGAN),
    ],
)
def test_parse_request_any_time_format_is_normalized(created: t.Any, expected: str) -> None:
    problems = Problems()
    parsed = parse_request({"project": 47123456, "archive_created": created, "rotate": ""}, problems)
    assert (parsed, list(problems)) == (request(created=expected), [])


@pytest.mark.parametrize(
    ("variables", "problem"),
    [
        ({"project": " "}, "archive_recover_project: is not set"),
        ({"project": "1", "rotate": "never"}, "archive_recover_rotate: must be one of bad_credentials, always"),
        (
            {"project": "1", "archive_created": "yesterday"},
            "archive_recover_archive_created: must be a UTC time such as",
        ),
        ({"project": "1", "archive_created": "2026-11-21T09:00:00+02:00"}, "archive_recover_archive_created"),
    ],
)
def test_parse_request_invalid_variable_is_a_problem(variables: dict[str, t.Any], problem: str) -> None:
    problems = Problems()
    parse_request(variables, problems)
    assert [text.startswith(problem) for text in map(str, problems)] == [True]


def test_is_about_application_id_ignores_case() -> None:
    parsed = parse_request({"project": "78D335FA"}, Problems())
    assert parsed.is_about("78d335fa")
    assert parsed.is_about("78D335FA")
    assert not parsed.is_about("47123456")


@pytest.mark.parametrize(
    ("changes", "request_", "findings", "managed", "reason"),
    [
        ({}, request(), "", True, "manual_repair_required"),
        ({}, request("always"), "", True, "forced_rotation"),
        ({}, request("always", ""), "", True, "forced_rotation"),
        ({}, request("always"), FINDINGS, True, "manual_repair_required"),
        ({}, request("always"), "", False, "manual_repair_required"),
        # The target was set after the recording began.
        ({"state_file": {"time": "2026-11-21T10:00:00Z"}}, request("always"), "", True, "already_rotated"),
        ({"state_file": {"time": "2026-11-21T10:00:00Z"}}, request("always", ""), "", True, "forced_rotation"),
        ({"state_file": {"time": None}}, request(), "", True, "manual_repair_required"),
        ({"reason": "expired"}, request(), FINDINGS, True, "bad_credentials"),
        ({"reason": "forced"}, request(), FINDINGS, True, "manual_repair_required"),
        ({"uploader_changes": ["policy", "target"]}, request(), FINDINGS, True, "bad_credentials"),
        ({"uploader_changes": ["policy"]}, request(), FINDINGS, False, "manual_repair_required"),
        # A run that failed before anything was known.
        ({"reason": "", "state_file": {}}, request(), FINDINGS, True, "manual_repair_required"),
        ({"bucket_changes": ["tags"]}, request(), FINDINGS, True, "manual_repair_required"),
        ({"bucket_changes": ["bucket"], "reason": "unknown"}, request(), FINDINGS, True, "manual_repair_required"),
    ],
)
def test_plan_recovery_returns_reason(
    changes: dict[str, t.Any], request_: RecoveryRequest, findings: str, managed: bool, reason: str
) -> None:
    assert plan_recovery(request_, {**RESULT, **changes}, managed=managed, findings=findings) == reason


def test_advise_depends_on_key_and_findings() -> None:
    texts = [advise(managed=False, findings=""), advise(managed=True, findings="x"), advise(managed=True, findings="")]
    assert "set archive_storage_upload_key to managed" in texts[0]
    assert "A new access key does not repair this" in texts[1]
    assert "archive_recover_rotate=always" in texts[2]
