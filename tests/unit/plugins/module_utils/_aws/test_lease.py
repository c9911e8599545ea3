# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The lease at its limits, and the message of a lock that another run holds."""

from __future__ import annotations

import json

import pytest

from ansible_collections.vonage.archiving.plugins.module_utils._aws import lease
from ansible_collections.vonage.archiving.plugins.module_utils._aws.bucket_lock import Lock
from ansible_collections.vonage.archiving.plugins.module_utils._aws.conditional_object import StoredObject
from ansible_collections.vonage.archiving.plugins.module_utils._aws.lease import ClockReading, Lease
from ansible_collections.vonage.archiving.plugins.module_utils._core import errors
from ansible_collections.vonage.archiving.plugins.module_utils._core.runtime import Runtime


def test_lease_data_is_json_with_the_end_for_people() -> None:
    document = json.loads(Lease("o", "471", "2026-01-01T00:00:00Z", 45.0).data("later"))
    assert document == {
        "owner": "o",
        "project": "471",
        "since": "2026-01-01T00:00:00Z",
        "seconds": 45.0,
        "until": "later",
    }
    assert Lease().data().endswith(b"\n")


@pytest.mark.parametrize(
    ("seconds", "parsed"), [(45, 45.0), (0, 0.0), (-5, 0.0), (600, 600.0), (601, 600.0), ("7", 7.0)]
)
def test_parse_lease_limits_the_duration(seconds: object, parsed: float) -> None:
    data = json.dumps({"owner": "o", "project": 471, "since": "s", "seconds": seconds}).encode()
    assert lease.parse_lease(data) == Lease("o", "471", "s", parsed)


@pytest.mark.parametrize("data", [b"", b"x", b"[]", b"{}", b"null", b"[" * 100_000, b'{"owner": "o"}'])
def test_parse_lease_of_other_data_is_a_lease_of_an_unknown_run(data: bytes) -> None:
    assert lease.parse_lease(data) == Lease("unknown", "", "", 45.0)
    assert lease.parse_lease(None) == Lease()


@pytest.mark.parametrize(
    ("owner", "age", "watched", "seconds"),
    [
        ("", None, 0, 0),
        ("o", None, 0, 47),
        ("o", 10, 0, 37),
        ("o", 10, 20, 27),
        ("o", 20, 10, 27),
        ("o", None, 47, 0),
        ("o", 1e9, 0, 0),
    ],
)
def test_remaining_counts_the_longer_time(owner: str, age: float | None, watched: float, seconds: float) -> None:
    assert lease.remaining(Lease(owner, seconds=45), age, watched) == seconds


@pytest.mark.parametrize(("monotonic", "wall", "left"), [(10, 20, 25), (20, 10, 25), (0, 0, 45), (0, -5, 45)])
def test_clock_reading_uses_the_clock_that_is_ahead(monotonic: float, wall: float, left: float) -> None:
    start = ClockReading(100.0, 1000.0)
    assert start.left(45, ClockReading(100.0 + monotonic, 1000.0 + wall)) == left
    assert ClockReading.read(Runtime(lambda: 7.0, lambda: 5.0)) == ClockReading(5.0, 7.0)


class HeldObject:
    """A lock that another run renews all the time."""

    def __init__(self, owner: Lease) -> None:
        self.owner, self.reads = owner, 0

    def read(self) -> StoredObject:
        self.reads += 1
        return StoredObject(self.owner.data(str(self.reads)))

    def write(self, data: bytes, expected: StoredObject | None) -> StoredObject:
        raise AssertionError


@pytest.mark.parametrize(
    ("owner", "text"),
    [
        (Lease("o", "472", "2026-01-01T00:00:00Z", 45.0), "the run of project 472 since 2026-01-01T00:00:00Z."),
        (Lease("o", seconds=45.0), "most recently runs of other projects."),
    ],
)
def test_acquire_of_a_lock_that_stays_held_names_its_owner(owner: Lease, text: str) -> None:
    times = [0.0]
    runtime = Runtime(lambda: times[-1], lambda: times[-1], lambda pause: times.append(times[-1] + pause), lambda: 1.0)
    with pytest.raises(errors.ConflictError) as failure:
        Lock(HeldObject(owner), "bucket b-1", "471", runtime).acquire()
    assert text in str(failure.value)
    assert 178 <= times[-1] <= 180
