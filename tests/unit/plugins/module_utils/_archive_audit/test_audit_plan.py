# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import collections
import random
import typing as t
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.vonage.archiving.plugins.module_utils._archive_audit.plan import (
    PROBLEMS,
    STATES,
    ArchiveObject,
    Audit,
    Rules,
    plan_audit,
    select_samples,
)
from ansible_collections.vonage.archiving.plugins.module_utils._archive_audit.result import Subject, format_audit

from .audit_cases import DAY, FAULTS, HOUR, NOW, SIZE, Case, create_archive, create_case, create_rules, mp4

SEEDS = st.integers(0, 2**32)


def audit_cases(cases: t.Iterable[Case], **rules: t.Any) -> Audit:
    cases = list(cases)
    objects = {case.archive.id: case.objects for case in cases}
    return plan_audit([case.archive for case in cases], objects, create_rules(**rules))


def states_of(audit: Audit) -> dict[str, str]:
    return {archive.id: state for state, archives in audit.archives.items() for archive in archives}


@pytest.mark.parametrize("fault", FAULTS)
@given(seed=SEEDS)
def test_plan_audit_injected_fault_has_its_state(fault: str, seed: int) -> None:
    case = create_case(fault, random.Random(seed))
    assert states_of(audit_cases([case])) == {case.archive.id: case.state}


def test_faults_include_every_state() -> None:
    by_fault = {fault[0] for fault in FAULTS.values()}
    assert by_fault | {"acknowledged", "wrong_checksum"} == set(STATES)


@given(faults=st.lists(st.sampled_from(sorted(FAULTS)), max_size=30), seed=SEEDS)
def test_plan_audit_each_archive_has_its_state_in_any_order(faults: list[str], seed: int) -> None:
    chance = random.Random(seed)
    cases = [create_case(fault, chance) for fault in faults]
    audit = audit_cases(cases)
    assert states_of(audit) == {case.archive.id: case.state for case in cases}
    assert list(audit.archives) == list(STATES)
    assert audit.total == len(cases)
    chance.shuffle(cases)
    assert audit_cases(cases) == audit
    for archives in audit.archives.values():
        assert [archive.created for archive in archives] == sorted(archive.created for archive in archives)


@given(faults=st.lists(st.sampled_from(sorted(FAULTS)), min_size=1, max_size=20), seed=SEEDS)
def test_plan_audit_acknowledged_archives_silence_only_problems(faults: list[str], seed: int) -> None:
    chance = random.Random(seed)
    cases = [create_case(fault, chance) for fault in faults]
    silenced = frozenset(case.archive.id for case in cases if chance.random() < 0.5)
    states = states_of(audit_cases(cases, acknowledged=silenced))
    for case in cases:
        is_silenced = case.archive.id in silenced and case.state in PROBLEMS
        assert states[case.archive.id] == ("acknowledged" if is_silenced else case.state)


def test_plan_audit_ten_thousand_archives_have_exact_counts_and_the_same_result_twice() -> None:
    chance = random.Random(14)
    cases = [create_case(fault, chance) for fault in chance.choices(list(FAULTS), k=10_000)]
    expected = collections.Counter(case.state for case in cases)
    subject = Subject("47", "project 47", "recordings", NOW - 90 * DAY, NOW, limit=100)
    audit = audit_cases(cases)
    first = format_audit(subject, audit)
    assert first["counts"] == {state: expected[state] for state in STATES}
    assert first["total"] == 10_000
    chance.shuffle(cases)
    later = replace(subject, now=NOW + 600)
    second = format_audit(later, audit_cases(cases))
    for result in (first, second):
        result["window"].pop("until")
        for risk in result["at_risk"]:
            risk.pop("hours_left")
    assert second == first


def test_plan_audit_boundaries_of_the_periods_are_exact() -> None:
    def state(archive_age: float, status: str = "uploaded", **rules: t.Any) -> str:
        archive = create_archive(status, archive_age, duration=0.0)
        (only,) = states_of(plan_audit([archive], {}, create_rules(**rules))).values()
        return only

    since: dict[str, t.Any] = {"bucket_since": NOW - DAY}
    assert [state(DAY, **since), state(DAY + 1, **since)] == ["missing", "previous_bucket"]
    rule: dict[str, t.Any] = {"bucket_since": None, "retention_days": 3}
    assert [state(3 * DAY, **rule), state(3 * DAY + 1, **rule)] == ["missing", "expired_by_retention"]
    assert [state(HOUR, "stopped"), state(HOUR + 1, "stopped")] == ["in_progress", "stuck"]
    assert [state(13 * HOUR, "paused"), state(13 * HOUR + 1, "paused")] == ["in_progress", "stuck"]
    old = create_archive("uploaded", 2000 * DAY)
    assert states_of(plan_audit([old], {}, Rules(NOW, HOUR))) == {old.id: "missing"}


def test_plan_audit_stopped_archive_without_content_is_not_landed() -> None:
    archive = create_archive("stopped", 60, size=0, duration=0.0)
    assert states_of(plan_audit([archive], {archive.id: [mp4(0)]}, create_rules())) == {archive.id: "in_progress"}


@pytest.mark.parametrize(
    ("status", "state"), [("uploaded", "wrong_checksum"), ("available", "fell_back"), ("expired", "expired")]
)
def test_plan_audit_corrupt_object_is_a_problem(status: str, state: str) -> None:
    archive = create_archive(status, HOUR)
    audit = plan_audit([archive], {archive.id: [mp4(SIZE)]}, create_rules(corrupt=frozenset({archive.id})))
    assert states_of(audit) == {archive.id: state}


def test_plan_audit_transcripts_are_counted_apart_from_recordings() -> None:
    transcribed = [create_archive("uploaded", HOUR, transcribed=True) for _number in range(3)]
    plain, old = create_archive("uploaded", HOUR), create_archive("uploaded", 50 * DAY, transcribed=True)
    objects = {
        transcribed[0].id: [mp4(SIZE), ArchiveObject("transcription.json", 3), ArchiveObject("a/archive.mp4", SIZE)],
        transcribed[1].id: [mp4(SIZE)],
        transcribed[2].id: [ArchiveObject("archive.parts/transcription.json", SIZE)],
        plain.id: [mp4(SIZE)],
    }
    audit = plan_audit([*transcribed, plain, old], objects, create_rules())
    assert audit.transcripts == 3
    assert audit.missing_transcripts == (transcribed[1].id,)
    assert states_of(audit)[transcribed[2].id] == "missing"


def test_plan_audit_several_recordings_the_right_size_counts() -> None:
    archive = create_archive("uploaded", HOUR)
    others = [mp4(SIZE + 5), ArchiveObject("archive.ts", SIZE)]
    assert states_of(plan_audit([archive], {archive.id: others}, create_rules())) == {archive.id: "landed"}
    others = [mp4(SIZE), ArchiveObject("archive.zip", 1)]
    assert states_of(plan_audit([archive], {archive.id: others}, create_rules())) == {archive.id: "landed"}
    others = [mp4(4), ArchiveObject("archive.txt", SIZE + 5)]
    assert states_of(plan_audit([archive], {archive.id: others}, create_rules())) == {archive.id: "wrong_size"}


def test_select_samples_returns_the_newest_with_a_checksum() -> None:
    archives = [create_archive("uploaded", age * HOUR, sha256="A" if age != 2 else "") for age in range(1, 6)]
    objects = {archive.id: [mp4(SIZE if archive is not archives[2] else 1)] for archive in archives}
    audit = plan_audit(archives, objects, create_rules())
    samples = select_samples(audit, objects, 2)
    assert samples == [(archives[0], mp4(SIZE)), (archives[3], mp4(SIZE))]
