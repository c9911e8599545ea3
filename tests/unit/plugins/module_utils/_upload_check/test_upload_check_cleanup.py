# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What an upload check takes away again, what it leaves alone, and how long it waits."""

from __future__ import annotations

import datetime
import typing as t

import pytest
from botocore import exceptions

from ansible_collections.vonage.archiving.plugins.module_utils._aws.session import Connection
from ansible_collections.vonage.archiving.plugins.module_utils._core import errors
from ansible_collections.vonage.archiving.plugins.module_utils._core.deadline import Patience
from ansible_collections.vonage.archiving.plugins.module_utils._upload_check import cleanup as upload_cleanup
from ansible_collections.vonage.archiving.plugins.module_utils._upload_check.cleanup import (
    Cleanup,
    Thing,
    removable,
    run_of,
)
from ansible_collections.vonage.archiving.plugins.module_utils._upload_check.params import Settings
from ansible_collections.vonage.archiving.plugins.module_utils._upload_check.probe import (
    Keys,
    Ledger,
    is_denied,
    key_is_unknown,
    may_pass,
    new_keys,
)

NOW = datetime.datetime(2026, 5, 4, 12, 0, tzinfo=datetime.timezone.utc)
OURS, OTHER = "vonage-archiving-probe-1", "vonage-archiving-probe-2"
STORE = Connection(endpoint_url="http://127.0.0.1:1")


def ago(minutes: float) -> datetime.datetime:
    return NOW - datetime.timedelta(minutes=minutes)


@pytest.mark.parametrize("key", [f"4567/{OURS}/archive.mp4", f"{OURS}/archive.mp4", f"4567/{OURS}/", f"4567/{OURS}"])
def test_the_run_of_a_key(key: str) -> None:
    assert run_of(key) == OURS


def test_keys_are_like_those_of_vonage_and_never_the_same() -> None:
    keys = new_keys("4567")
    assert keys.single == f"4567/{keys.run}/archive.mp4"
    assert keys.multipart == f"4567/{keys.run}/archive.zip"
    assert keys.outside == f"{keys.run}/archive.mp4"
    assert new_keys("4567").run != keys.run


@pytest.mark.parametrize(("minutes", "gone"), [(59, False), (60, False), (61, True)])
def test_other_runs_are_left_alone_for_an_hour(minutes: float, gone: bool) -> None:
    thing = Thing(f"4567/{OTHER}/archive.mp4")
    assert removable([(thing, ago(minutes))], OURS, NOW) == ({thing} if gone else set())


def test_our_own_run_goes_at_any_age() -> None:
    thing = Thing(f"4567/{OURS}/archive.mp4", "v1")
    assert removable([(thing, NOW)], OURS, NOW) == {thing}


def test_a_run_that_wrote_anything_lately_still_works() -> None:
    # Some stores date every open upload back to a fixed day.
    old, young = Thing(f"4567/{OTHER}/archive.zip", "u", True), Thing(f"4567/{OTHER}/archive.mp4")
    outside = Thing(f"{OTHER}/archive.mp4", "u", True)
    assert removable([(old, ago(9999)), (young, ago(1)), (outside, ago(9999))], OURS, NOW) == set()


def test_the_ledger_knows_what_may_be_there() -> None:
    ledger = Ledger()
    assert ledger.empty
    with pytest.raises(errors.UnreachableError), ledger.putting("lost"):
        raise errors.UnreachableError("put", "no answer")
    with pytest.raises(errors.DeniedError), ledger.putting("refused"):
        raise errors.DeniedError("put", "no")
    assert (ledger.unsure, ledger.empty) == ({"lost"}, False)
    with ledger.putting("there"):
        ledger.put("there", "null")
    assert (ledger.objects, ledger.unsure, ledger.versioned) == ({("there", None)}, {"lost"}, False)
    ledger.put("there", "v1")
    assert ledger.versioned
    ledger.begun("there", "u1")
    ledger.begun("there", "u2")
    ledger.ended("there", "u1")
    assert ledger.uploads == {("there", "u2")}


class Clock:
    """Time that passes only in sleep."""

    def __init__(self) -> None:
        self.now, self.slept = 100.0, list[float]()

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


def patience(seconds: float) -> tuple[Patience, Clock]:
    clock = Clock()
    return Patience(seconds, clock=lambda: clock.now, sleep=clock.sleep), clock


def denied(code: str = "AccessDenied") -> errors.DeniedError:
    return errors.DeniedError("put", "no", code=code)


def test_waiting_gets_longer_and_ends_with_the_budget() -> None:
    waiting, clock = patience(20)
    assert len(list(waiting.pauses())) == len(clock.slept) + 1
    assert clock.slept == [0.5, 1, 2, 4, 4, 4, 4, 0.5]
    assert waiting.waited == 20


def test_without_a_budget_there_is_one_try() -> None:
    waiting, clock = patience(0)
    assert len(list(waiting.pauses())) == 1
    assert clock.slept == []


def test_what_may_pass_is_tried_again_until_it_does() -> None:
    waiting, clock = patience(20)
    answers: list[t.Any] = [denied("InvalidAccessKeyId"), denied(), "there"]

    def attempt() -> str:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return str(answer)

    assert waiting.call(attempt, may_pass) == "there"
    assert clock.slept == [0.5, 1]


def test_what_does_not_pass_is_raised_when_the_budget_is_spent() -> None:
    waiting, clock = patience(3)

    def attempt() -> str:
        raise denied()

    with pytest.raises(errors.DeniedError):
        waiting.call(attempt, may_pass)
    assert sum(clock.slept) == 3


def test_anything_else_is_raised_at_once() -> None:
    waiting, clock = patience(20)

    def attempt() -> str:
        raise errors.NotFoundError("put", "no", code="NoSuchBucket")

    with pytest.raises(errors.NotFoundError):
        waiting.call(attempt, may_pass)
    assert clock.slept == []


@pytest.mark.parametrize(
    ("error", "unknown", "refused"),
    [
        (denied("InvalidAccessKeyId"), True, False),
        (denied("AccessDenied"), False, True),
        (denied(""), False, True),
        (denied("SignatureDoesNotMatch"), False, False),
        (denied("RequestTimeTooSkewed"), False, False),
        (errors.NotFoundError("put", "no", code="NoSuchBucket"), False, False),
        (errors.UnreachableError("put", "no"), False, False),
    ],
)
def test_what_may_pass(error: errors.ArchivingError, unknown: bool, refused: bool) -> None:
    assert key_is_unknown(error) is unknown
    assert is_denied(error) is refused
    assert may_pass(error) is (unknown or refused)


class Store:
    """An S3 client that remembers what was removed.

    :param listed: pages by operation; an exception is raised.
    :param answers: what a deletion of a key answers; an exception is raised.
    """

    def __init__(self, listed: dict[str, t.Any], answers: dict[str, t.Any] | None = None) -> None:
        self.listed, self.answers = listed, answers or {}
        self.looked: list[tuple[str, str]] = []
        self.removed: list[tuple[str, t.Any]] = []

    def get_paginator(self, operation: str) -> Store:
        self.operation = operation
        return self

    def paginate(self, Bucket: str, Prefix: str) -> t.Any:
        assert Bucket == "b"
        return self._pages(self.listed.get(self.operation, []), self.operation, Prefix)

    def _pages(self, pages: t.Any, operation: str, prefix: str) -> t.Iterator[t.Any]:
        self.looked.append((operation, prefix))
        if isinstance(pages, Exception):
            raise pages
        yield from pages

    def delete_object(self, Bucket: str, Key: str, VersionId: str | None = None) -> t.Any:
        return self._remove(Key, VersionId)

    def abort_multipart_upload(self, Bucket: str, Key: str, UploadId: str) -> t.Any:
        return self._remove(Key, f"upload {UploadId}")

    def _remove(self, key: str, mark: str | None) -> t.Any:
        self.removed.append((key, mark))
        answer = self.answers.get(key, {}) if mark is None or key not in self.answers else self.answers[key]
        if isinstance(answer, Exception):
            raise answer
        return {} if mark else answer


def says(status: int, code: str) -> exceptions.ClientError:
    response: t.Any = {"Error": {"Code": code, "Message": "m"}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return exceptions.ClientError(response, "X")


SINGLE, MULTIPART = f"4567/{OURS}/archive.mp4", f"4567/{OURS}/archive.zip"


def cleanup(store: Store, ledger: Ledger, least: bool = False) -> dict[str, t.Any]:
    settings = Settings("b", "4567", True, STORE, STORE, expect_least_privilege=least)
    return Cleanup(settings, store, Keys("4567", OURS), ledger).run()


@pytest.fixture(autouse=True)
def now(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upload_cleanup, "_now", lambda: NOW)


def both_there() -> Ledger:
    ledger = Ledger()
    ledger.put(SINGLE)
    ledger.put(MULTIPART)
    return ledger


def test_when_nothing_was_sent_nothing_is_sent() -> None:
    store = Store({})
    assert cleanup(store, Ledger()) == {"ok": True, "detail": "Nothing was uploaded.", "left": []}
    assert store.looked == []


def test_objects_without_versions_go_by_their_keys() -> None:
    store = Store({"list_objects_v2": [{"Contents": [{"Key": SINGLE, "LastModified": NOW}]}, {}]})
    found = cleanup(store, both_there())
    assert found == {"ok": True, "detail": "Objects and uploads removed: 2.", "left": []}
    assert sorted(store.removed) == [(SINGLE, None), (MULTIPART, None)]
    prefix = "4567/vonage-archiving-probe-"
    assert sorted(store.looked) == [("list_multipart_uploads", prefix), ("list_objects_v2", prefix)]


def test_versions_and_delete_markers_go_by_their_ids() -> None:
    ledger = both_there()
    ledger.put(SINGLE, "v1")
    page = {
        "Versions": [{"Key": SINGLE, "VersionId": "v1", "LastModified": NOW}],
        "DeleteMarkers": [{"Key": SINGLE, "VersionId": "m1", "LastModified": NOW}],
    }
    store = Store({"list_object_versions": [page]})
    assert cleanup(store, ledger)["ok"]
    assert sorted(store.removed) == [(SINGLE, "m1"), (SINGLE, "v1")]


def test_open_uploads_are_aborted_outside_of_the_prefix_too() -> None:
    ledger = both_there()
    ledger.begun(MULTIPART, "u1")
    stale = f"{OTHER}/archive.mp4"
    store = Store({"list_multipart_uploads": [{"Uploads": [{"Key": stale, "UploadId": "u2", "Initiated": ago(99)}]}]})
    found = cleanup(store, ledger, least=True)
    assert (MULTIPART, "upload u1") in store.removed
    assert (stale, "upload u2") in store.removed
    assert ("list_multipart_uploads", "vonage-archiving-probe-") in store.looked
    assert "Of these, 1 had been left behind" in found["detail"]


def test_an_upload_that_is_gone_already_is_no_trouble() -> None:
    ledger = Ledger()
    ledger.begun(MULTIPART, "u1")
    store = Store({}, {MULTIPART: says(404, "NoSuchUpload")})
    assert cleanup(store, ledger) == {"ok": True, "detail": "Objects and uploads removed: 0.", "left": []}


def test_what_cannot_be_removed_is_told() -> None:
    store = Store({}, {SINGLE: says(403, "AccessDenied"), MULTIPART: says(403, "AccessDenied")})
    found = cleanup(store, both_there())
    assert not found["ok"]
    assert found["left"] == [f"s3://b/{SINGLE}", f"s3://b/{MULTIPART}"]
    assert f"Still there, to be removed by hand: s3://b/{SINGLE}, s3://b/{MULTIPART}." in found["detail"]
    assert found["detail"].count("s3:DeleteObject") == 1


def test_a_key_without_an_answer_is_removed_only_if_the_listing_has_it_or_is_not_there() -> None:
    ledger = Ledger()
    ledger.unsure.add(SINGLE)
    seen = Store({"list_objects_v2": [{}]})
    assert cleanup(seen, ledger)["ok"]
    assert seen.removed == []
    blind = Store({"list_objects_v2": says(403, "AccessDenied")})
    found = cleanup(blind, ledger)
    assert blind.removed == [(SINGLE, None)]
    assert found["ok"]
    assert "s3:ListBucket" in found["detail"]


def test_a_marker_that_a_blind_removal_makes_goes_too() -> None:
    ledger = Ledger()
    ledger.unsure.add(SINGLE)
    store = Store({"list_objects_v2": says(403, "AccessDenied")}, {SINGLE: {"DeleteMarker": True, "VersionId": "m1"}})
    assert cleanup(store, ledger)["ok"]
    assert store.removed == [(SINGLE, None), (SINGLE, "m1")]


def test_a_store_that_never_had_an_upload_in_parts_is_no_trouble() -> None:
    store = Store({"list_multipart_uploads": says(404, "NoSuchUpload")})
    assert cleanup(store, both_there())["detail"] == "Objects and uploads removed: 2."


def test_what_was_not_asked_for_and_what_has_no_date_is_left_alone() -> None:
    """A store that ignores prefixes, and says less than S3 does."""
    theirs = {"Key": "4567/a-recording/archive.mp4", "LastModified": ago(99)}
    undated = [{"Key": f"4567/{OTHER}/archive.mp4"}, {"Key": SINGLE}]
    store = Store({"list_objects_v2": [{"Contents": [theirs, *undated, {}]}]})
    found = cleanup(store, both_there())
    assert found == {"ok": True, "detail": "Objects and uploads removed: 2.", "left": []}
    assert sorted(store.removed) == [(SINGLE, None), (MULTIPART, None)]


def test_listings_have_an_end() -> None:
    def pages() -> t.Iterator[t.Any]:
        for number in range(upload_cleanup.MOST_PAGES):
            yield {"Contents": [{"Key": f"4567/{OTHER}/{number}", "LastModified": ago(99)}]}
        raise AssertionError("one page too many was asked for")

    store = Store({"list_objects_v2": pages()})
    cleanup(store, both_there())
    assert len(store.removed) == upload_cleanup.MOST_PAGES + 2
