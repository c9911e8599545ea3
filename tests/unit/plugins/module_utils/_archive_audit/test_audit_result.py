# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t
from dataclasses import replace

import pytest

from ansible_collections.vonage.archiving.plugins.module_utils._archive_audit.plan import (
    AT_RISK,
    LOST,
    PROBLEMS,
    STATES,
    Audit,
)
from ansible_collections.vonage.archiving.plugins.module_utils._archive_audit.result import (
    Subject,
    format_audit,
    format_failure,
    format_message,
)
from ansible_collections.vonage.archiving.plugins.module_utils._archives.archives import Archive

from .audit_cases import DAY, HOUR, NOW, create_archive

SUBJECT = Subject("47", "project 47", "recordings", NOW - 7 * DAY, NOW, limit=2)


def audit_of(**archives: t.Sequence[Archive]) -> Audit:
    return Audit({state: tuple(archives.get(state, ())) for state in STATES})


@pytest.mark.parametrize("state", STATES)
def test_format_failure_only_lost_and_at_risk_states_fail(state: str) -> None:
    audit = audit_of(**{state: [create_archive("any", HOUR, id="a1")]})
    failure, result = format_failure(SUBJECT, audit), format_audit(SUBJECT, audit)
    fails = state in ("fell_back", "stuck", "missing", "wrong_size", "wrong_checksum", "expired", "failed")
    assert bool(failure) is fails
    assert result["ok"] is not fails
    assert [problem["state"] for problem in result["problems"]] == [state] * fails
    if fails:
        assert f"{state}" in failure
        assert "a1" in failure
        assert result["problems"][0]["remedy"] in failure


def test_states_with_problems_are_lost_or_at_risk() -> None:
    assert sorted(PROBLEMS) == sorted({*LOST, *AT_RISK})


def test_format_audit_missing_report_does_not_fail() -> None:
    audit, subject = (
        audit_of(missing=[create_archive("uploaded", HOUR, id="a1")]),
        replace(SUBJECT, fails_if_missing=False),
    )
    assert format_failure(subject, audit) == ""
    result = format_audit(subject, audit)
    assert (result["ok"], result["counts"]["missing"], result["ids"]["missing"]) == (True, 1, ["a1"])
    assert [(problem["state"], problem["fails"]) for problem in result["problems"]] == [("missing", False)]


def test_format_audit_incomplete_list_is_ok_only_if_known() -> None:
    incomplete = replace(SUBJECT, complete=False)
    result = format_audit(incomplete, audit_of())
    assert result["ok"] is None
    assert result["transcripts"] == {"objects": 0, "missing": 0, "missing_ids": []}
    assert format_audit(incomplete, audit_of(failed=[create_archive("failed", HOUR)]))["ok"] is False


def test_format_audit_at_risk_is_sorted_by_deadline_and_limited() -> None:
    fell_back = [
        create_archive("available", age * HOUR, id=f"f{age}", url="https://x/?Signature=s") for age in (80, 60)
    ]
    stuck = [create_archive("stopped", 70 * HOUR, id="s70", name="lesson")]
    result = format_audit(SUBJECT, audit_of(fell_back=fell_back, stuck=stuck))
    assert [(risk["id"], risk["state"], risk["hours_left"]) for risk in result["at_risk"]] == [
        ("f80", "fell_back", 0.0),
        ("s70", "stuck", 2.0),
    ]
    assert result["at_risk"][1] == {
        "id": "s70",
        "state": "stuck",
        "name": "lesson",
        "size": 7000,
        "deadline": "2026-11-18T13:06:40Z",
        "hours_left": 2.0,
    }
    assert result["counts"]["fell_back"] == 2
    assert "Signature" not in str(result)


def test_format_audit_ids_are_limited() -> None:
    result = format_audit(SUBJECT, audit_of(missing=[create_archive("uploaded", HOUR, id=f"m{n}") for n in range(5)]))
    assert (result["counts"]["missing"], result["ids"]["missing"]) == (5, ["m0", "m1"])


def test_format_message_is_one_sentence() -> None:
    archives = [create_archive("uploaded", HOUR)] * 2
    message = format_message(SUBJECT, audit_of(landed=archives, stuck=archives[:1]))
    assert message == (
        "Audited 3 recordings of project 47 since 2026-11-11T11:06:40Z against bucket recordings: 2 landed, 1 stuck."
    )


def test_format_failure_states_all_problems_and_the_first_deadline() -> None:
    audit = audit_of(
        landed=[create_archive("uploaded", HOUR)],
        fell_back=[create_archive("available", 60 * HOUR, id="f1"), create_archive("available", HOUR, id="f2")],
        failed=[create_archive("failed", HOUR, id=f"x{n}") for n in range(5)],
    )
    failure = format_failure(SUBJECT, audit)
    assert failure.startswith("project 47: 5 lost and 2 at risk. Audited 8 recordings")
    assert "fell_back (Vonage deletes the first in 12 hours): f1, f2. Run the playbook recover" in failure
    assert "as 47/ID/archive.mp4" in failure
    assert "failed: x0, x1, x2 and 2 more. Get the reason" in failure
