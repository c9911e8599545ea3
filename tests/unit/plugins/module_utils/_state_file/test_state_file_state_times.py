# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""State files: literal content, the times of a target, and the keys that the target may hold."""

from __future__ import annotations

import typing as t
from dataclasses import replace

import pytest

from ansible_collections.vonage.archiving.plugins.module_utils._state_file import state
from ansible_collections.vonage.archiving.plugins.module_utils._state_file.state import State

NOW, NOW_TEXT, LATER_TEXT = 1_800_000_000.0, "2027-01-15T08:00:00Z", "2027-01-15T08:01:00Z"
KEY, SECRET = "the-project-secret", "the-storage-secret"
STORAGE = {"type": "s3", "bucket": "b-1", "access_key": "AKIA", "sse": "s3", "fallback": "none"}


def pending(**options: t.Any) -> State:
    return state.create_pending("1", "https://a.b", NOW, STORAGE, SECRET, KEY, **options)


def applied(**changes: t.Any) -> State:
    return replace(pending().commit(state.APPLIED, NOW), **changes)


def test_state_without_optional_fields_is_empty() -> None:
    minimal = State("1", "https://a.b", "absent", NOW_TEXT)
    assert (minimal.storage, minimal.salt, minimal.secret_hmac, minimal.run) == ({}, "", "", "")
    assert (minimal.may_hold, minimal.until, minimal.others) == ((), "", ())
    assert (minimal.since, minimal.settings_since) == ("", "")


def test_dump_writes_sorted_ascii_lines() -> None:
    """People read and compare the file; a store must not change its bytes."""
    minimal = State("ä", "https://a.b", "absent", NOW_TEXT, others=("A",))
    assert state.dump(minimal).decode("ascii").splitlines() == [
        "{",
        '  "api_url": "https://a.b",',
        '  "credentials_hmac": "",',
        '  "deleting_since": "",',
        '  "format": 1,',
        '  "may_hold": [],',
        '  "others": [',
        '    "A"',
        "  ],",
        '  "project": "\\u00e4",',
        '  "run": "",',
        '  "salt": "",',
        '  "secret_hmac": "",',
        '  "settings_since": "",',
        '  "since": "",',
        '  "status": "absent",',
        '  "storage": {},',
        f'  "time": "{NOW_TEXT}",',
        '  "until": ""',
        "}",
    ]


def test_create_pending_announces_the_call() -> None:
    announced = pending(may_hold=["B", "A"], seconds_left=59, since="2026-01-01T00:00:00Z")
    assert (announced.status, announced.time, announced.until) == ("pending", NOW_TEXT, LATER_TEXT)
    assert (announced.may_hold, announced.since, announced.others) == (("A", "B"), "2026-01-01T00:00:00Z", ())
    assert pending().may_hold is None
    assert pending().until == "2027-01-15T08:00:01Z"
    assert pending().run != pending().run
    assert pending().salt != pending().salt
    without_target = state.create_pending("1", "https://a.b", NOW, {}, None, KEY)
    assert (without_target.secret_hmac, without_target.since) == ("", "")


def test_compute_secret_hmac_is_a_known_value() -> None:
    """Other releases compare it: it must not change."""
    assert len(state.compute_secret_hmac(SECRET, "salt", KEY)) == 64
    assert state.compute_secret_hmac(SECRET, "salt", KEY) != state.compute_secret_hmac(SECRET, "salt", "other")
    assert state.compute_secret_hmac(SECRET, "salt", KEY) != state.compute_secret_hmac(SECRET, "other", KEY)
    assert state.has_secret(pending(), SECRET, KEY)
    assert not state.has_secret(pending(), "other", KEY)


def test_commit_sets_the_times_of_the_target() -> None:
    committed = pending(may_hold=["A"], seconds_left=9).commit(state.APPLIED, NOW + 60, ["B", "A"])
    assert (committed.status, committed.time) == ("applied", LATER_TEXT)
    assert (committed.may_hold, committed.until, committed.others) == ((), "", ("A", "B"))
    assert (committed.since, committed.settings_since) == (LATER_TEXT, LATER_TEXT)
    kept = replace(pending(since=NOW_TEXT), settings_since=NOW_TEXT).commit(state.APPLIED, NOW + 60)
    assert (kept.time, kept.since, kept.settings_since) == (LATER_TEXT, NOW_TEXT, NOW_TEXT)
    deleted = replace(pending(since=NOW_TEXT), settings_since=NOW_TEXT).commit(state.ABSENT, NOW + 60)
    assert (deleted.status, deleted.time, deleted.since, deleted.settings_since) == ("absent", LATER_TEXT, "", "")


def test_announced_seconds_are_those_of_a_call_or_of_a_deletion() -> None:
    announced = pending(seconds_left=59)
    assert announced.announced_seconds == 60
    assert pending(seconds_left=0.0).announced_seconds == 0
    assert pending(seconds_left=1).announced_seconds == 2
    assert replace(announced, time="").announced_seconds == 0
    assert replace(announced, until="").announced_seconds == 0
    assert announced.commit(state.APPLIED, NOW).announced_seconds == 0
    absent = announced.commit(state.ABSENT, NOW - 5)
    assert absent.announced_seconds == 0
    deleting = state.announce_deletion(absent, NOW, 60)
    assert (deleting.deleting_since, deleting.until, deleting.announced_seconds) == (NOW_TEXT, LATER_TEXT, 60)
    assert replace(deleting, deleting_since="", until="") == absent


def test_end_call_changes_the_announced_end_only() -> None:
    announced = pending(seconds_left=59)
    ended = state.end_call(announced)
    assert (ended.until, ended.announced_seconds) == ("2027-01-15T08:00:01Z", 0)
    assert replace(ended, until=announced.until) == announced


def test_named_keys_are_all_keys_of_a_state_file() -> None:
    last = replace(pending(may_hold=["B"]), others=("C",))
    assert state.named_keys(last) == {"AKIA", "B", "C"}
    assert state.named_keys(replace(last, may_hold=None)) == {"AKIA", "C"}
    assert state.named_keys(replace(last, storage={}, may_hold=(), others=())) == frozenset()


@pytest.mark.parametrize(
    ("status", "since", "target_since"),
    [("applied", "", NOW), ("applied", LATER_TEXT, NOW + 60), ("pending", LATER_TEXT, NOW + 60), ("pending", "", None)],
)
def test_target_since_is_the_start_or_the_last_update(status: str, since: str, target_since: float | None) -> None:
    assert applied(status=status, since=since).target_since == target_since


def test_changed_at_is_the_change_of_the_settings_or_the_last_update() -> None:
    assert applied(settings_since=LATER_TEXT).changed_at == NOW + 60
    assert applied(settings_since="").changed_at == NOW


@pytest.mark.parametrize(
    ("name", "is_setting"),
    [("type", True), ("bucket", True), ("endpoint", True), ("sse", True), ("access_key", False), ("fallback", False)],
)
def test_has_settings_of_ignores_the_key_and_the_fallback(name: str, is_setting: bool) -> None:
    assert applied().has_settings_of(STORAGE)
    assert applied().has_settings_of({**STORAGE, name: "other"}) is not is_setting


def test_possible_target_keys_depend_on_the_status() -> None:
    assert state.possible_target_keys(None, True) is None
    assert state.possible_target_keys(applied(), False) is None
    assert state.possible_target_keys(applied(may_hold=("B",)), True) == frozenset({"AKIA"})
    assert state.possible_target_keys(applied(status="absent", storage={}), True) == frozenset()
    assert state.possible_target_keys(pending(may_hold=["B"]), True) == frozenset({"AKIA", "B"})
    assert state.possible_target_keys(pending(), True) is None
    assert state.possible_target_keys(state.mark_keys_unknown(pending(may_hold=["B"])), True) is None


def test_update_reason_in_the_order_of_its_causes() -> None:
    current = applied()

    def reason(now: float = NOW, always: bool = False, max_age: float | None = None, **changes: t.Any) -> str:
        return state.update_reason(replace(current, **changes), STORAGE, SECRET, KEY, now, always, max_age)

    assert state.update_reason(current, STORAGE, SECRET, KEY, NOW) == "unchanged"
    assert state.update_reason(None, STORAGE, SECRET, KEY, NOW) == "unknown"
    assert reason(always=True) == "forced"
    assert reason(storage={}, always=True) == "changed"
    assert [reason(NOW + age, max_age=60) for age in (59, 60)] == ["unchanged", "expired"]
    assert reason(time="never", max_age=60) == "expired"
    assert state.update_reason(replace(current, time="never"), STORAGE, SECRET, KEY, 60, max_age=60) == "expired"


@pytest.mark.parametrize(
    ("status", "storage", "secret", "is_different"),
    [
        ("applied", STORAGE, SECRET, False),
        ("applied", STORAGE, None, False),
        ("applied", STORAGE, "other", True),
        ("applied", {**STORAGE, "bucket": "b-2"}, None, True),
        ("applied", None, None, True),
        ("absent", None, None, False),
        ("absent", STORAGE, SECRET, True),
    ],
)
def test_differs_compares_fields_and_secret(
    status: str, storage: dict[str, str] | None, secret: str | None, is_different: bool
) -> None:
    assert state.differs(applied(status=status), storage, secret, KEY) is is_different


@pytest.mark.parametrize(
    ("changes", "project", "reason"),
    [
        ({}, "1", ""),
        ({}, "2", "the state file is of another project"),
        ({"api_url": "https://c.d"}, "1", "the state file is of the same project at another address"),
        ({"time": "2027-01-15T09:00:00Z"}, "1", "the time of the state file is in the future"),
        ({"status": "pending"}, "1", "the run that wrote the state file did not finish"),
    ],
)
def test_distrust_reason_names_the_first_cause(changes: dict[str, str], project: str, reason: str) -> None:
    actual = state.distrust_reason(applied(**changes), project, "https://a.b", NOW)
    assert actual.startswith(reason)
    assert bool(actual) is bool(reason)


@pytest.mark.parametrize(
    ("data", "project"),
    [
        (b'{"format": 9, "project": "1"}', "1"),
        (b'{"project": "1"}', ""),
        (b'{"format": 1, "project": 1}', ""),
        (b'["format"]', ""),
        (b"x", ""),
        (b"", ""),
    ],
)
def test_parse_project_of_any_data(data: bytes, project: str) -> None:
    assert state.parse_project(data) == project
    assert state.read_fields(None) == {}
