# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Records: what is kept, what is believed, and what follows from it."""

from __future__ import annotations

import json
import typing as t
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.vonage.archiving.plugins.module_utils._state_file import state, store
from ansible_collections.vonage.archiving.plugins.module_utils._state_file.state import State

NOW = 1_800_000_000.0
KEY, SECRET = "the-project-secret", "the-storage-secret"
STORAGE = {"type": "s3", "bucket": "b-1", "access_key": "AKIA", "sse": "s3", "fallback": "none"}

TEXTS = st.text(max_size=40)
RECORDS = st.builds(
    State,
    project=TEXTS,
    api_url=TEXTS,
    status=st.sampled_from([state.PENDING, state.APPLIED, state.ABSENT]),
    time=st.floats(0, 4e9).map(state.stamp),
    storage=st.dictionaries(TEXTS, TEXTS, max_size=5),
    salt=TEXTS,
    secret_hmac=TEXTS,
    run=TEXTS,
    may_hold=st.none() | st.lists(TEXTS, max_size=3).map(tuple),
    until=TEXTS,
    others=st.lists(TEXTS, max_size=3).map(tuple),
)


def applied(secret: str = SECRET, **changes: t.Any) -> State:
    begun = state.begin("1", "https://a.b", NOW, STORAGE, secret, KEY)
    return replace(begun.done(state.APPLIED, NOW), **changes)


@given(RECORDS)
def test_what_is_written_is_read_back(kept: State) -> None:
    data = state.dump(kept)
    assert state.parse(data) == kept
    assert state.dump(state.parse(data)) == data
    assert data.endswith(b"}\n")


@given(st.binary(max_size=200))
def test_any_bytes_are_a_record_or_a_reason(data: bytes) -> None:
    with pytest.raises(ValueError, match="its content is not"):
        state.parse(data)


@given(RECORDS, st.data())
def test_a_damaged_record_is_no_record(kept: State, data: st.DataObject) -> None:
    document = json.loads(state.dump(kept))
    name = data.draw(st.sampled_from(sorted(document)))
    wrong = [7, [7], True] if name in ("may_hold", "others") else [None, 7, ["x"], True]
    document[name] = data.draw(st.sampled_from(wrong))
    with pytest.raises(ValueError, match=r"damaged|format|not a state file"):
        state.parse(json.dumps(document).encode())


@pytest.mark.parametrize(
    ("data", "why"),
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
    # A state file has a salt of its own in every process, and a name made of it would differ between workers.
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_why_it_is_no_record(data: bytes, why: str) -> None:
    with pytest.raises(ValueError, match="^" + why + "$"):
        state.parse(data)


# Letters that neither hexadecimal digits nor the names of fields are made of.
@given(st.text('ghjkqwxyzGHJKQWXYZäß"\\', min_size=8, max_size=60), st.text(max_size=60))
def test_a_record_holds_no_secret_and_knows_it(secret: str, key: str) -> None:
    kept = state.begin("1", "https://a.b", NOW, STORAGE, secret, key)
    data = state.dump(kept)
    assert secret.encode() not in data
    assert json.dumps(secret)[1:-1].encode() not in data
    assert set(kept.secret_hmac) <= set("0123456789abcdef")
    assert state.matches(kept, secret, key)
    assert not state.matches(kept, secret + "x", key)
    assert not state.matches(kept, secret, key + "x")


def test_the_same_secret_never_looks_the_same() -> None:
    first, second = applied(), applied()
    assert first.secret_hmac != second.secret_hmac
    assert first.run != second.run


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({}, ""),
        ({"status": "absent"}, ""),
        ({"time": state.stamp(NOW + 300)}, ""),
        ({"project": "2"}, "the state file is of another project (2)"),
        ({"api_url": "https://c.d"}, "the state file is of the same project at another address (https://c.d)"),
        ({"status": "pending"}, "the run that wrote the state file did not finish"),
        (
            {"time": state.stamp(NOW + 301)},
            "the state file comes from the future (2027-01-15T08:05:01Z): a clock is or was off",
        ),
    ],
)
def test_what_casts_doubt(changes: dict[str, t.Any], why: str) -> None:
    assert state.doubt(applied(**changes), "1", "https://a.b", NOW) == why


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
def test_owner_is_the_project_that_a_state_file_names(data: bytes, project: str) -> None:
    assert state.owner(data) == project


OTHER = {**STORAGE, "bucket": "b-2"}
ABSENT = applied(status="absent", storage={}, secret_hmac="")


@pytest.mark.parametrize(
    ("known", "storage", "secret", "always", "max_age", "expected"),
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
def test_every_reason(
    known: State | None,
    storage: dict[str, t.Any] | None,
    secret: str | None,
    always: bool,
    max_age: float | None,
    expected: str,
) -> None:
    assert state.reason(known, storage, secret, KEY, NOW + 100, always, max_age) == expected


@given(
    st.none() | st.sampled_from([applied(), ABSENT]),
    st.none() | st.sampled_from([STORAGE, OTHER]),
    st.none() | st.sampled_from([SECRET, "another"]),
    st.booleans(),
    st.none() | st.integers(0, 200),
)
def test_nothing_is_left_undone(
    known: State | None, storage: dict[str, t.Any] | None, secret: str | None, always: bool, max_age: int | None
) -> None:
    """It is unchanged only if the state file has just what is wanted, was not to be forced, and is young enough."""
    found = state.reason(known, storage, secret if storage else None, KEY, NOW + 100, always, max_age)
    same = known is not None and (known.storage or None) == storage and (not storage or secret in (None, SECRET))
    assert (found == "unchanged") == (same and not always and (max_age is None or max_age > 100))


@given(st.floats(0, 4e9))
def test_times_survive(now: float) -> None:
    assert state.seconds(state.stamp(now)) == int(now)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("s3://b-1/x", ("b-1", "x")),
        ("s3://example.com.records/.vonage-archiving/1.json", ("example.com.records", ".vonage-archiving/1.json")),
        ("s3://b-1/10/x", ("b-1", "10/x")),
        ("/var/lib//record.json", ("", "/var/lib/record.json")),
    ],
)
def test_locations(text: str, expected: tuple[str, str]) -> None:
    problems: list[str] = []
    found = store.location(text, "1", problems)
    assert found is not None
    assert ((found.bucket, found.path), problems) == (expected, [])


@pytest.mark.parametrize(
    ("place", "expected"),
    [
        ("s3://b-1/.vonage-archiving/1.json", True),
        ("s3://b-1/.vonage-archiving/a/1.json", True),
        ("s3://b-1/records/1.json", False),
        ("s3://b-1/a/.vonage-archiving/1.json", False),
        ("/home/somebody/.vonage-archiving/1.json", False),
        (".vonage-archiving/1.json", False),
    ],
)
def test_where_nothing_but_records_is(place: str, expected: bool) -> None:
    assert store.is_reserved(place) is expected


def test_a_home_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/somebody")
    assert store.location("~/record.json", "1", []) == store.Location("", "/home/somebody/record.json")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("record.json", "state_file: 'record.json' is neither an absolute path nor s3://bucket/key"),
        ("./record.json", "is neither an absolute path nor s3://bucket/key"),
        ("/var/lib/", "state_file: '/var/lib/' is a folder, not a file"),
        ("s3://b-1", "is not of the form s3://bucket/key"),
        ("s3://b-1/", "is not of the form s3://bucket/key"),
        ("s3://b-1/x/", "is not of the form s3://bucket/key"),
        ("s3:///x", "is not of the form s3://bucket/key"),
        ("s3://b-1/x?versionId=1", "is not of the form s3://bucket/key"),
        ("https://b-1.s3.amazonaws.com/x", "is not of the form s3://bucket/key"),
        ("s3://AKIA:hidden@b-1/x", "state_file: 's3://********@b-1/x' is not of the form s3://bucket/key"),
        ("s3://b-1/1/record.json", "lies below 1/, where recordings go and which may be public"),
    ],
)
def test_locations_that_cannot_be(text: str, says: str) -> None:
    problems: list[str] = []
    assert store.location(text, "1", problems) is None
    assert says in problems[0]
