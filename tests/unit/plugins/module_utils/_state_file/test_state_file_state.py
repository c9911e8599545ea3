# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""State files: the format, the reliability, and the reason for an update."""

from __future__ import annotations

import hashlib
import hmac
import json
import typing as t
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.vonage.archiving.plugins.module_utils._core.problems import Problems
from ansible_collections.vonage.archiving.plugins.module_utils._core.timestamps import format_utc, parse_utc
from ansible_collections.vonage.archiving.plugins.module_utils._state_file import state, store
from ansible_collections.vonage.archiving.plugins.module_utils._state_file.state import State

NOW = 1_800_000_000.0
KEY, SECRET = "the-project-secret", "the-storage-secret"
STORAGE = {"type": "s3", "bucket": "b-1", "access_key": "AKIA", "sse": "s3", "fallback": "none"}

TEXTS = st.text(max_size=40)
STATES = st.builds(
    State,
    project=TEXTS,
    api_url=TEXTS,
    status=st.sampled_from([state.PENDING, state.APPLIED, state.ABSENT]),
    time=st.floats(0, 4e9).map(format_utc),
    storage=st.dictionaries(TEXTS, TEXTS, max_size=5),
    salt=TEXTS,
    secret_hmac=TEXTS,
    run=TEXTS,
    may_hold=st.none() | st.lists(TEXTS, max_size=3).map(tuple),
    until=TEXTS,
    others=st.lists(TEXTS, max_size=3).map(tuple),
    credentials_hmac=TEXTS,
)


def applied(secret: str = SECRET, **changes: t.Any) -> State:
    pending = state.create_pending("1", "https://a.b", NOW, STORAGE, secret, KEY)
    return replace(pending.commit(state.APPLIED, NOW), **changes)


@given(STATES)
def test_parse_dumped_state_returns_it(current: State) -> None:
    data = state.dump(current)
    assert state.parse(data) == current
    assert state.dump(state.parse(data)) == data
    assert data.endswith(b"}\n")


@given(st.binary(max_size=200))
def test_parse_any_bytes_raises_the_reason(data: bytes) -> None:
    with pytest.raises(ValueError, match="its content is not"):
        state.parse(data)


@given(STATES, st.data())
def test_parse_damaged_field_raises(current: State, data: st.DataObject) -> None:
    document = json.loads(state.dump(current))
    name = data.draw(st.sampled_from(sorted(document)))
    wrong = [7, [7], True] if name in ("may_hold", "others") else [None, 7, ["x"], True]
    document[name] = data.draw(st.sampled_from(wrong))
    with pytest.raises(ValueError, match=r"damaged|format|not a state file"):
        state.parse(json.dumps(document).encode())


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "its content is not JSON"),
        (b"<html>", "its content is not JSON"),
        (b"[" * 100_000, "its content is not JSON"),
        (b"[]", "its content is not a state file"),
        (b'{"a": 1}', "its content is not a state file"),
        (b'{"format": 2}', "the state file has a format that this version does not know"),
        (b'{"format": true}', "the state file has a format that this version does not know"),
        (b'{"format": 1}', "the state file is damaged"),
        (state.dump(applied(status="done")), "the state file is damaged"),
        (state.dump(applied(time="yesterday")), "the state file is damaged"),
    ],
    # The salt differs between processes: an ID with it would differ between workers.
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_parse_invalid_data_raises_the_reason(data: bytes, reason: str) -> None:
    with pytest.raises(ValueError, match="^" + reason + "$"):
        state.parse(data)


# Letters that are not in hexadecimal digits or field names.
@given(st.text('ghjkqwxyzGHJKQWXYZäß"\\', min_size=8, max_size=60), st.text(max_size=60))
def test_has_secret_any_secret_is_recognized_and_not_stored(secret: str, key: str) -> None:
    current = state.create_pending("1", "https://a.b", NOW, STORAGE, secret, key)
    data = state.dump(current)
    assert secret.encode() not in data
    assert json.dumps(secret)[1:-1].encode() not in data
    assert set(current.secret_hmac) <= set("0123456789abcdef")
    assert state.has_secret(current, secret, key)
    assert not state.has_secret(current, secret + "x", key)
    assert not state.has_secret(current, secret, key + "x")


def test_has_credentials_only_the_secret_of_an_applied_target_is_accepted() -> None:
    current = applied()
    assert state.has_credentials(current, KEY)
    assert not state.has_credentials(current, KEY + "x")
    assert not state.has_credentials(replace(current, project="2"), KEY)
    assert not state.has_credentials(replace(current, credentials_hmac=""), KEY)
    for status in (state.PENDING, state.ABSENT):
        assert not state.has_credentials(replace(current, status=status), KEY)


def test_compute_credentials_hmac_is_a_known_value() -> None:
    """Other releases compare it: it must not change."""
    expected = hmac.new(
        b"key", b'["vonage.archiving credentials of a project, version 1", "salt", "1"]', hashlib.sha256
    )
    assert state.compute_credentials_hmac("1", "salt", "key") == expected.hexdigest()[:16]
    current = applied()
    assert current.credentials_hmac not in current.secret_hmac
    assert KEY.encode() not in state.dump(current)


def test_create_pending_same_secret_is_unique() -> None:
    first, second = applied(), applied()
    assert first.credentials_hmac != second.credentials_hmac
    assert first.secret_hmac != second.secret_hmac
    assert first.run != second.run


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({}, ""),
        ({"status": "absent"}, ""),
        ({"time": format_utc(NOW + 300)}, ""),
        ({"project": "2"}, "the state file is of another project (2)"),
        ({"api_url": "https://c.d"}, "the state file is of the same project at another address (https://c.d)"),
        ({"status": "pending"}, "the run that wrote the state file did not finish"),
        (
            {"time": format_utc(NOW + 301)},
            "the time of the state file is in the future (2027-01-15T08:05:01Z): a clock is or was wrong",
        ),
    ],
)
def test_distrust_reason_any_state_returns_the_reason(changes: dict[str, t.Any], reason: str) -> None:
    assert state.distrust_reason(applied(**changes), "1", "https://a.b", NOW) == reason


@pytest.mark.parametrize(
    ("data", "project"),
    [
        (state.dump(applied()), "1"),
        (b'{"format": 2, "project": "2"}', "2"),
        (b'{"format": 1, "project": 2}', ""),
        (b'{"project": "2"}', ""),
        (b'["project"]', ""),
        (b"\xff{", ""),
        (b"[" * 100000, ""),
    ],
)
def test_parse_project_any_data_returns_the_project(data: bytes, project: str) -> None:
    assert state.parse_project(data) == project


OTHER = {**STORAGE, "bucket": "b-2"}
ABSENT = applied(status="absent", storage={}, secret_hmac="")


@pytest.mark.parametrize(
    ("current", "storage", "secret", "always", "max_age", "expected"),
    [
        # present
        (None, STORAGE, SECRET, False, None, "unknown"),
        (None, STORAGE, SECRET, True, 0, "unknown"),
        (applied(), STORAGE, SECRET, False, None, "unchanged"),
        (applied(), STORAGE, None, False, None, "unchanged"),
        (applied(), STORAGE, "another", False, None, "changed"),
        (applied(), OTHER, SECRET, False, None, "changed"),
        (applied(), OTHER, None, True, 0, "changed"),
        (applied(), STORAGE, SECRET, True, None, "forced"),
        (applied(), STORAGE, None, True, 1, "forced"),
        (applied(), STORAGE, SECRET, False, 101, "unchanged"),
        (applied(), STORAGE, SECRET, False, 100, "expired"),
        (applied(), STORAGE, None, False, 0, "expired"),
        (ABSENT, STORAGE, SECRET, False, None, "changed"),
        (ABSENT, STORAGE, None, False, None, "changed"),
        # absent
        (None, None, None, False, None, "unknown"),
        (applied(), None, None, False, None, "changed"),
        (ABSENT, None, None, False, None, "unchanged"),
        (ABSENT, None, None, True, None, "forced"),
        (ABSENT, None, None, False, 100, "expired"),
    ],
)
def test_update_reason_any_state_returns_the_reason(
    current: State | None,
    storage: dict[str, t.Any] | None,
    secret: str | None,
    always: bool,
    max_age: float | None,
    expected: str,
) -> None:
    assert state.update_reason(current, storage, secret, KEY, NOW + 100, always, max_age) == expected


@given(
    st.none() | st.sampled_from([applied(), ABSENT]),
    st.none() | st.sampled_from([STORAGE, OTHER]),
    st.none() | st.sampled_from([SECRET, "another"]),
    st.booleans(),
    st.none() | st.integers(0, 200),
)
def test_update_reason_without_differences_is_unchanged(
    current: State | None, storage: dict[str, t.Any] | None, secret: str | None, always: bool, max_age: int | None
) -> None:
    reason = state.update_reason(current, storage, secret if storage else None, KEY, NOW + 100, always, max_age)
    same = current is not None and (current.storage or None) == storage and (not storage or secret in (None, SECRET))
    assert (reason == "unchanged") == (same and not always and (max_age is None or max_age > 100))


@given(st.floats(0, 4e9))
def test_parse_utc_formatted_time_returns_it(now: float) -> None:
    assert parse_utc(format_utc(now)) == int(now)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("s3://b-1/x", ("b-1", "x")),
        ("s3://example.com.state/.vonage-archiving/1.json", ("example.com.state", ".vonage-archiving/1.json")),
        ("s3://b-1/10/x", ("b-1", "10/x")),
        ("/var/lib//state.json", ("", "/var/lib/state.json")),
    ],
)
def test_parse_location_valid_value_returns_bucket_and_path(text: str, expected: tuple[str, str]) -> None:
    problems = Problems()
    assert store.parse_location(text, "1", problems) == store.Location(*expected)
    assert not problems


@pytest.mark.parametrize(
    ("location", "expected"),
    [
        ("s3://b-1/.vonage-archiving/1.json", True),
        ("s3://b-1/.vonage-archiving/a/1.json", True),
        ("s3://b-1/state/1.json", False),
        ("s3://b-1/a/.vonage-archiving/1.json", False),
        ("/home/user/.vonage-archiving/1.json", False),
        (".vonage-archiving/1.json", False),
    ],
)
def test_is_reserved_only_prefix_of_state_files_is_reserved(location: str, expected: bool) -> None:
    assert store.is_reserved(location) is expected


def test_parse_location_home_folder_is_expanded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/user")
    assert store.parse_location("~/state.json", "1", Problems()) == store.Location("", "/home/user/state.json")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("state.json", "state_file: 'state.json' is neither an absolute path nor s3://bucket/key"),
        ("./state.json", "is neither an absolute path nor s3://bucket/key"),
        ("/var/lib/", "state_file: '/var/lib/' is a folder, not a file"),
        ("s3://b-1", "is not of the form s3://bucket/key"),
        ("s3://b-1/", "is not of the form s3://bucket/key"),
        ("s3://b-1/x/", "is not of the form s3://bucket/key"),
        ("s3:///x", "is not of the form s3://bucket/key"),
        ("s3://b-1/x?versionId=1", "is not of the form s3://bucket/key"),
        ("https://b-1.s3.amazonaws.com/x", "is not of the form s3://bucket/key"),
        ("s3://AKIA:hidden@b-1/x", "state_file: 's3://********@b-1/x' is not of the form s3://bucket/key"),
        ("s3://b-1/1/state.json", "is below 1/, the prefix of recordings, which may be public"),
    ],
)
def test_parse_location_invalid_value_is_a_problem(text: str, problem: str) -> None:
    problems = Problems()
    assert store.parse_location(text, "1", problems) is None
    assert problem in str(next(iter(problems)))
