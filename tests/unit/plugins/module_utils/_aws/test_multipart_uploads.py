# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which uploads a key is still needed for, and how long they are waited for."""

from __future__ import annotations

import datetime
import typing as t
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.vonage.archiving.plugins.module_utils._aws.multipart_uploads import LONGEST_UPLOAD, Flights
from ansible_collections.vonage.archiving.plugins.module_utils._aws.s3_naming import PROBE_PREFIX, UploadLocation
from ansible_collections.vonage.archiving.plugins.module_utils._aws.session import Connection
from ansible_collections.vonage.archiving.plugins.module_utils._core import errors
from ansible_collections.vonage.archiving.plugins.module_utils._core.deadline import Patience
from ansible_collections.vonage.archiving.plugins.module_utils._core.optional_imports import load

NOW = 1_800_000_000.0
PROJECT = "45828062"
OPERATOR = Connection()


@dataclass
class Listing:
    """Open uploads, as S3 lists them: by bucket, name and the time they began."""

    buckets: dict[str, dict[str, float]]
    denied: str = ""
    looks: list[str] = field(default_factory=list)

    def get_paginator(self, operation: str) -> Listing:
        assert operation == "list_multipart_uploads"
        return self

    def paginate(self, Bucket: str, Prefix: str) -> t.Iterator[dict[str, t.Any]]:
        self.looks.append(Bucket)
        code = "AccessDenied" if self.denied == Bucket else "" if Bucket in self.buckets else "NoSuchBucket"
        if code:
            answer = {"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": 403 if self.denied else 404}}
            raise load("botocore.exceptions").ClientError(answer, operation_name="ListMultipartUploads")
        utc = datetime.timezone.utc
        for name, when in self.buckets[Bucket].items():
            began = datetime.datetime.fromtimestamp(when, utc)
            yield {"Uploads": [{"Key": f"{Prefix}{name}/archive.mp4", "UploadId": name, "Initiated": began}]}
        yield {}


def flights(listing: Listing, *others: str, now: float = NOW) -> Flights:
    return Flights(OPERATOR, listing, [UploadLocation(bucket, PROJECT) for bucket in ("b-1", *others)], lambda: now)


@given(st.floats(-3 * LONGEST_UPLOAD, 3600))
def test_which_uploads_count(began: float) -> None:
    listing = Listing({"b-1": {"one": NOW + began}})
    expected = -LONGEST_UPLOAD < began <= 30
    assert bool(flights(listing).begun_before(NOW)) == expected
    # A day later it is given up, whenever the target was set.
    assert not flights(listing, now=NOW + LONGEST_UPLOAD + 3601).begun_before(NOW)


def test_uploads_of_probes_do_not_count() -> None:
    assert not flights(Listing({"b-1": {f"{PROBE_PREFIX}1": NOW}})).begun_before(NOW)


def test_every_bucket_is_looked_at() -> None:
    listing = Listing({"b-1": {}, "b-0": {"one": NOW}})
    assert flights(listing, "b-0", "gone").begun_before(NOW) == {("b-0", "one")}
    assert listing.looks == ["b-1", "b-0", "gone"]


def test_where_they_cannot_be_listed() -> None:
    """In a bucket that recordings do not go to any more, a day is waited; in the target's own it is an error."""
    listing = Listing({"b-1": {}}, denied="b-0")
    assert flights(listing, "b-0").begun_before(NOW)
    assert not flights(listing, "b-0", now=NOW + LONGEST_UPLOAD).begun_before(NOW)
    with pytest.raises(errors.DeniedError, match=f"uploads under way below s3://b-1/{PROJECT}/"):
        flights(Listing({}, denied="b-1")).begun_before(NOW)


def test_uploads_that_begin_later_are_not_waited_for() -> None:
    listing = Listing({"b-1": {"old": NOW}})
    moments = iter([{"old": NOW, "new": NOW + 1}, {"new": NOW + 1}])

    def sleep(seconds: float) -> None:
        listing.buckets["b-1"] = next(moments)

    assert flights(listing).landed(NOW, Patience(60, sleep=sleep))
    assert listing.buckets == {"b-1": {"new": NOW + 1}}


def test_uploads_that_last_too_long() -> None:
    clock = [0.0]

    def sleep(seconds: float) -> None:
        clock[0] += seconds

    patience = Patience(10, clock=lambda: clock[0], sleep=sleep)
    assert not flights(Listing({"b-1": {"old": NOW}})).landed(NOW, patience)
    assert clock[0] == pytest.approx(10)
    assert flights(Listing({"b-1": {}})).landed(NOW, Patience(0))


def test_what_is_about_to_begin_has_a_moment() -> None:
    """The first look comes after a tenth of the time."""
    listing = Listing({"b-1": {}})
    slept: list[float] = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        listing.buckets["b-1"] = {"late": NOW} if len(slept) == 1 else {}

    assert flights(listing).drained(10, sleep)
    assert slept[0] == 1
    assert len(slept) == 2
