# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a rotation tells, and how it looks for uploads."""

from __future__ import annotations

import datetime
import json
import typing as t
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.vonage.archiving.plugins.module_utils import _errors as errors
from ansible_collections.vonage.archiving.plugins.module_utils._aws.upload_probe import FOLDER_START, Patience
from ansible_collections.vonage.archiving.plugins.module_utils._aws.uploader import NewKey
from ansible_collections.vonage.archiving.plugins.module_utils._libraries import load
from ansible_collections.vonage.archiving.plugins.module_utils._plan import Outcome
from ansible_collections.vonage.archiving.plugins.module_utils._rotation import plan, telling
from ansible_collections.vonage.archiving.plugins.module_utils._rotation.flights import Flights
from ansible_collections.vonage.archiving.plugins.module_utils._rotation.options import Desired
from ansible_collections.vonage.archiving.plugins.module_utils._rotation.plan import Observed
from ansible_collections.vonage.archiving.plugins.module_utils._vonage import record
from ansible_collections.vonage.archiving.tests.unit.plugins.module_utils._rotation.rotation_cases import (
    API_SECRET,
    IDS,
    MAIN,
    NOW,
    OBSERVED,
    PROJECT,
    WANTED,
    access_key,
    applied,
    seen,
    wanted,
)

SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
M1, M2 = (access_key(name) for name in IDS[:2])


def told(asked: Desired, found: Observed, story: telling.Story | None = None) -> Outcome:
    decision = plan.decide(asked, found, NOW)
    if story is None:
        story = telling.Story()
        story.begin(found)
    return telling.outcome(asked, found, decision, story, decision.changed)


@given(WANTED, OBSERVED)
def test_what_is_told_before_is_what_is_told_after(asked: Desired, found: Observed) -> None:
    """Check mode knows no new key and no new record; all else is the same."""
    preview = told(asked, found)
    story = telling.Story()
    story.begin(found)
    decision = plan.decide(asked, found, NOW)
    if decision.reason != "unchanged":
        done = applied(IDS[0]).done(record.APPLIED, NOW)
        story.applied(done, NewKey(IDS[0], SECRET, MAIN), [])
    story.retired(decision.fates)
    real = told(asked, found, story)
    assert (real.changed, real.before, real.after) == (preview.changed, preview.before, preview.after)
    assert [real.result[name] for name in ("reason", "changes")] == [
        preview.result[name] for name in ("reason", "changes")
    ]
    assert set(real.result) == set(preview.result)
    assert preview.changed == (preview.before != preview.after)
    for outcome in (preview, real):
        text = json.dumps([outcome.result, outcome.before, outcome.after])
        assert SECRET not in text
        assert API_SECRET not in text


def test_a_first_run() -> None:
    outcome = told(wanted(), seen())
    assert outcome.result["changes"] == ["target", "access_keys"]
    assert outcome.after["target"]["access_key"] == "(new)"
    assert outcome.after["access_keys"] == {"(new)": "Active"}
    assert (outcome.before["target"], outcome.before["access_keys"]) == ("unknown", {})


def test_why_the_record_is_not_believed() -> None:
    assert told(wanted(), seen(M1, M2, last=applied(M1.id))).result["record"]["why"] == telling.STRANGE
    assert "why" not in told(wanted(), seen(M1, last=applied(M1.id))).result["record"]


def test_what_is_waited_for() -> None:
    found = seen(M1, access_key(M2.id, active=False), last=applied(M1.id, [M2.id]))
    assert told(wanted(overlap=60), found).result["waits"] == telling.DELAY
    found = seen(M1, M2, last=applied(M1.id, [M2.id]))
    assert told(wanted(overlap=60), found).result["waits"] == telling.OVERLAP
    assert told(wanted(), seen(M1, last=applied(M1.id))).result["waits"] == ""


def test_when_the_next_rotation_is_due() -> None:
    found = seen(M1, last=applied(M1.id))
    assert told(wanted(rotate_after=60), found).result["rotate_at"] == record.stamp(NOW + 60)
    assert told(wanted(), found).result["rotate_at"] is None
    assert told(wanted(rotate_after=60), seen(M1)).result["rotate_at"] is None


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
    return Flights(wanted(), listing, ["b-1", *others], lambda: now)


@given(st.floats(-3 * plan.LONGEST_UPLOAD, 3600))
def test_which_uploads_count(began: float) -> None:
    listing = Listing({"b-1": {"one": NOW + began}})
    expected = -plan.LONGEST_UPLOAD < began <= 30
    assert bool(flights(listing).begun_before(NOW)) == expected
    # A day later it is given up, whenever the target was set.
    assert not flights(listing, now=NOW + plan.LONGEST_UPLOAD + 3601).begun_before(NOW)


def test_uploads_of_probes_do_not_count() -> None:
    assert not flights(Listing({"b-1": {f"{FOLDER_START}1": NOW}})).begun_before(NOW)


def test_every_bucket_is_looked_at() -> None:
    listing = Listing({"b-1": {}, "b-0": {"one": NOW}})
    assert flights(listing, "b-0", "gone").begun_before(NOW) == {("b-0", "one")}
    assert listing.looks == ["b-1", "b-0", "gone"]


def test_where_they_cannot_be_listed() -> None:
    """In a bucket that recordings do not go to any more, a day is waited; in the target's own it is an error."""
    listing = Listing({"b-1": {}}, denied="b-0")
    assert flights(listing, "b-0").begun_before(NOW)
    assert not flights(listing, "b-0", now=NOW + plan.LONGEST_UPLOAD).begun_before(NOW)
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
