# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The uploads in progress that still need a key, and the wait for their end."""

from __future__ import annotations

import datetime
import time
import typing as t
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.vonage.archiving.plugins.module_utils._aws.multipart_uploads import (
    LONGEST_UPLOAD,
    MultipartUploads,
)
from ansible_collections.vonage.archiving.plugins.module_utils._aws.s3_naming import PROBE_PREFIX, UploadLocation
from ansible_collections.vonage.archiving.plugins.module_utils._aws.session import Connection
from ansible_collections.vonage.archiving.plugins.module_utils._core import errors
from ansible_collections.vonage.archiving.plugins.module_utils._core.optional_imports import load
from ansible_collections.vonage.archiving.plugins.module_utils._core.retry import Deadline
from ansible_collections.vonage.archiving.plugins.module_utils._core.runtime import Runtime

NOW = 1_800_000_000.0
PROJECT = "45828062"
OPERATOR = Connection()


@dataclass
class Listing:
    """Uploads in progress as S3 lists them: start times by bucket and name."""

    buckets: dict[str, dict[str, float]]
    denied: str = ""
    buckets_listed: list[str] = field(default_factory=list)

    def get_paginator(self, operation: str) -> Listing:
        assert operation == "list_multipart_uploads"
        return self

    def paginate(self, Bucket: str, Prefix: str) -> t.Iterator[dict[str, t.Any]]:
        self.buckets_listed.append(Bucket)
        code = "AccessDenied" if self.denied == Bucket else "" if Bucket in self.buckets else "NoSuchBucket"
        if code:
            response = {"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": 403 if self.denied else 404}}
            raise load("botocore.exceptions").ClientError(response, operation_name="ListMultipartUploads")
        utc = datetime.timezone.utc
        for name, when in self.buckets[Bucket].items():
            began = datetime.datetime.fromtimestamp(when, utc)
            yield {"Uploads": [{"Key": f"{Prefix}{name}/archive.mp4", "UploadId": name, "Initiated": began}]}
        yield {}


def uploads(
    listing: Listing, *others: str, now: float = NOW, sleep: t.Callable[[float], None] = time.sleep
) -> MultipartUploads:
    locations = [UploadLocation(bucket, PROJECT) for bucket in ("b-1", *others)]
    return MultipartUploads(OPERATOR, listing, locations, Runtime(now=lambda: now, sleep=sleep))


@given(st.floats(-3 * LONGEST_UPLOAD, 3600))
def test_started_before_includes_uploads_of_the_last_day(start: float) -> None:
    listing = Listing({"b-1": {"one": NOW + start}})
    expected = -LONGEST_UPLOAD < start <= 30
    assert bool(uploads(listing).started_before(NOW)) == expected
    # A day later, the upload is ignored.
    assert not uploads(listing, now=NOW + LONGEST_UPLOAD + 3601).started_before(NOW)


def test_started_before_ignores_probes() -> None:
    assert not uploads(Listing({"b-1": {f"{PROBE_PREFIX}1": NOW}})).started_before(NOW)


def test_started_before_lists_every_bucket() -> None:
    listing = Listing({"b-1": {}, "b-0": {"one": NOW}})
    assert uploads(listing, "b-0", "gone").started_before(NOW) == {("b-0", "one")}
    assert listing.buckets_listed == ["b-1", "b-0", "gone"]


def test_started_before_denied_listing_of_a_previous_bucket_counts_for_a_day() -> None:
    """For the bucket of the target, a denied listing is an error."""
    listing = Listing({"b-1": {}}, denied="b-0")
    assert uploads(listing, "b-0").started_before(NOW)
    assert not uploads(listing, "b-0", now=NOW + LONGEST_UPLOAD).started_before(NOW)
    with pytest.raises(errors.DeniedError, match=f"list uploads in progress below s3://b-1/{PROJECT}/"):
        uploads(Listing({}, denied="b-1")).started_before(NOW)


def test_wait_ignores_uploads_that_start_later() -> None:
    listing = Listing({"b-1": {"old": NOW}})
    moments = iter([{"old": NOW, "new": NOW + 1}, {"new": NOW + 1}])

    def sleep(seconds: float) -> None:
        listing.buckets["b-1"] = next(moments)

    assert uploads(listing).wait(NOW, Deadline(60, Runtime(sleep=sleep)))
    assert listing.buckets == {"b-1": {"new": NOW + 1}}


def test_wait_ends_at_the_deadline() -> None:
    clock = [0.0]

    def sleep(seconds: float) -> None:
        clock[0] += seconds

    deadline = Deadline(10, Runtime(monotonic=lambda: clock[0], sleep=sleep))
    assert not uploads(Listing({"b-1": {"old": NOW}})).wait(NOW, deadline)
    assert clock[0] == pytest.approx(10)
    assert uploads(Listing({"b-1": {}})).wait(NOW, Deadline(0))


def test_drain_first_listing_is_after_a_tenth_of_the_time() -> None:
    listing = Listing({"b-1": {}})
    slept: list[float] = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        listing.buckets["b-1"] = {"late": NOW} if len(slept) == 1 else {}

    assert uploads(listing, sleep=sleep).drain(10)
    assert slept[0] == 1
    assert len(slept) == 2
