# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The cleanup of probes, the tracking of created objects, and retries."""

from __future__ import annotations

import datetime
import typing as t

import pytest
from botocore import exceptions

from ansible_collections.vonage.archiving.plugins.module_utils._aws.session import Connection
from ansible_collections.vonage.archiving.plugins.module_utils._core import errors
from ansible_collections.vonage.archiving.plugins.module_utils._core.retry import Deadline
from ansible_collections.vonage.archiving.plugins.module_utils._core.runtime import Runtime
from ansible_collections.vonage.archiving.plugins.module_utils._upload_check import cleanup as cleanup_module
from ansible_collections.vonage.archiving.plugins.module_utils._upload_check.cleanup import (
    Cleanup,
    LeftoverObject,
    find_deletable,
    run_name,
)
from ansible_collections.vonage.archiving.plugins.module_utils._upload_check.params import UploadCheckParams
from ansible_collections.vonage.archiving.plugins.module_utils._upload_check.probe import (
    CreatedObjects,
    ProbeKeys,
    is_denied,
    is_key_unknown,
    is_retryable,
    new_probe_keys,
    retry_until_effective,
)

NOW = datetime.datetime(2026, 5, 4, 12, 0, tzinfo=datetime.timezone.utc)
OWN_RUN, OTHER_RUN = "vonage-archiving-probe-1", "vonage-archiving-probe-2"
STORE = Connection(endpoint_url="http://127.0.0.1:1")


def ago(minutes: float) -> datetime.datetime:
    return NOW - datetime.timedelta(minutes=minutes)


@pytest.mark.parametrize(
    "key", [f"4567/{OWN_RUN}/archive.mp4", f"{OWN_RUN}/archive.mp4", f"4567/{OWN_RUN}/", f"4567/{OWN_RUN}"]
)
def test_run_name_of_a_key(key: str) -> None:
    assert run_name(key) == OWN_RUN


def test_new_probe_keys_have_the_form_of_vonage_and_are_unique() -> None:
    keys = new_probe_keys("4567")
    assert keys.single == f"4567/{keys.run}/archive.mp4"
    assert keys.multipart == f"4567/{keys.run}/archive.zip"
    assert keys.outside == f"{keys.run}/archive.mp4"
    assert new_probe_keys("4567").run != keys.run


@pytest.mark.parametrize(("minutes", "is_deletable"), [(59, False), (60, False), (61, True)])
def test_find_deletable_keeps_other_runs_for_an_hour(minutes: float, is_deletable: bool) -> None:
    item = LeftoverObject(f"4567/{OTHER_RUN}/archive.mp4")
    assert find_deletable([(item, ago(minutes))], OWN_RUN, NOW) == ({item} if is_deletable else set())


def test_find_deletable_includes_own_run_of_any_age() -> None:
    item = LeftoverObject(f"4567/{OWN_RUN}/archive.mp4", "v1")
    assert find_deletable([(item, NOW)], OWN_RUN, NOW) == {item}


def test_find_deletable_keeps_a_run_with_a_recent_write() -> None:
    # Some stores return a fixed day for every upload in progress.
    old, young = (
        LeftoverObject(f"4567/{OTHER_RUN}/archive.zip", "u", True),
        LeftoverObject(f"4567/{OTHER_RUN}/archive.mp4"),
    )
    outside = LeftoverObject(f"{OTHER_RUN}/archive.mp4", "u", True)
    assert find_deletable([(old, ago(9999)), (young, ago(1)), (outside, ago(9999))], OWN_RUN, NOW) == set()


def test_created_objects_include_unconfirmed_uploads() -> None:
    created = CreatedObjects()
    assert created.is_empty
    with pytest.raises(errors.UnreachableError), created.track_put("lost"):
        raise errors.UnreachableError("put", "no answer")
    with pytest.raises(errors.DeniedError), created.track_put("refused"):
        raise errors.DeniedError("put", "no")
    assert (created.unconfirmed, created.is_empty) == ({"lost"}, False)
    with created.track_put("there"):
        created.add_object("there", "null")
    assert (created.objects, created.unconfirmed, created.versioned) == ({("there", None)}, {"lost"}, False)
    created.add_object("there", "v1")
    assert created.versioned
    created.add_upload("there", "u1")
    created.add_upload("there", "u2")
    created.remove_upload("there", "u1")
    assert created.uploads == {("there", "u2")}


def denied(code: str = "AccessDenied") -> errors.DeniedError:
    return errors.DeniedError("put", "no", code=code)


class Clock:
    """Time that advances with each sleep."""

    def __init__(self) -> None:
        self.now, self.pauses = 100.0, list[float]()

    def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.now += seconds

    def deadline(self, seconds: float, outer: Deadline | None = None) -> Deadline:
        return Deadline(seconds, Runtime(monotonic=lambda: self.now, sleep=self.sleep), outer)


def test_retry_until_effective_repeats_retryable_errors() -> None:
    clock = Clock()
    responses: list[t.Any] = [denied("InvalidAccessKeyId"), denied(), "response"]

    def call() -> str:
        response = responses.pop(0)
        if isinstance(response, Exception):
            raise response
        return str(response)

    assert retry_until_effective(call, is_retryable, clock.deadline(20)) == "response"
    assert clock.pauses == [0.5, 1]


def test_retry_until_effective_raises_the_last_error_at_the_deadline() -> None:
    clock = Clock()

    def call() -> str:
        raise denied()

    with pytest.raises(errors.DeniedError):
        retry_until_effective(call, is_retryable, clock.deadline(3))
    assert sum(clock.pauses) == 3


def test_retry_until_effective_raises_other_errors_immediately() -> None:
    clock = Clock()

    def call() -> str:
        raise errors.NotFoundError("put", "no", code="NoSuchBucket")

    with pytest.raises(errors.NotFoundError):
        retry_until_effective(call, is_retryable, clock.deadline(20))
    assert clock.pauses == []


def test_retry_until_effective_after_the_outer_deadline_attempts_nothing() -> None:
    clock = Clock()
    deadline = clock.deadline(100, clock.deadline(0))
    with pytest.raises(errors.UnreachableError, match="the time limit of the verification was reached"):
        retry_until_effective(lambda: pytest.fail("attempted"), lambda _error: True, deadline)


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
def test_is_retryable_by_error_code(error: errors.ArchivingError, unknown: bool, refused: bool) -> None:
    assert is_key_unknown(error) is unknown
    assert is_denied(error) is refused
    assert is_retryable(error) is (unknown or refused)


class Store:
    """An S3 client that records deletions.

    :param listed: pages by operation; an exception is raised.
    :param responses: by key of a deletion; an exception is raised.
    """

    def __init__(self, listed: dict[str, t.Any], responses: dict[str, t.Any] | None = None) -> None:
        self.listed, self.responses = listed, responses or {}
        self.listings: list[tuple[str, str]] = []
        self.deleted: list[tuple[str, t.Any]] = []

    def get_paginator(self, operation: str) -> Store:
        self.operation = operation
        return self

    def paginate(self, Bucket: str, Prefix: str) -> t.Any:
        assert Bucket == "b"
        return self._pages(self.listed.get(self.operation, []), self.operation, Prefix)

    def _pages(self, pages: t.Any, operation: str, prefix: str) -> t.Iterator[t.Any]:
        self.listings.append((operation, prefix))
        if isinstance(pages, Exception):
            raise pages
        yield from pages

    def delete_object(self, Bucket: str, Key: str, VersionId: str | None = None) -> t.Any:
        return self._delete(Key, VersionId)

    def abort_multipart_upload(self, Bucket: str, Key: str, UploadId: str) -> t.Any:
        return self._delete(Key, f"upload {UploadId}")

    def _delete(self, key: str, version_id: str | None) -> t.Any:
        self.deleted.append((key, version_id))
        response = self.responses.get(key, {})
        if isinstance(response, Exception):
            raise response
        return {} if version_id else response


def client_error(status: int, code: str) -> exceptions.ClientError:
    response: t.Any = {"Error": {"Code": code, "Message": "m"}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return exceptions.ClientError(response, "X")


SINGLE, MULTIPART = f"4567/{OWN_RUN}/archive.mp4", f"4567/{OWN_RUN}/archive.zip"


def cleanup(store: Store, created: CreatedObjects, least: bool = False) -> dict[str, t.Any]:
    settings = UploadCheckParams("b", "4567", True, STORE, STORE, expect_least_privilege=least)
    runtime = Runtime(now=NOW.timestamp)
    return Cleanup(settings, store, ProbeKeys("4567", OWN_RUN), created, runtime).run()


def both_created() -> CreatedObjects:
    created = CreatedObjects()
    created.add_object(SINGLE)
    created.add_object(MULTIPART)
    return created


def test_cleanup_without_uploads_sends_nothing() -> None:
    store = Store({})
    assert cleanup(store, CreatedObjects()) == {"ok": True, "detail": "Nothing was uploaded.", "left": []}
    assert store.listings == []


def test_cleanup_deletes_objects_without_versions_by_key() -> None:
    store = Store({"list_objects_v2": [{"Contents": [{"Key": SINGLE, "LastModified": NOW}]}, {}]})
    result = cleanup(store, both_created())
    assert result == {"ok": True, "detail": "Objects and uploads deleted: 2.", "left": []}
    assert sorted(store.deleted) == [(SINGLE, None), (MULTIPART, None)]
    prefix = "4567/vonage-archiving-probe-"
    assert sorted(store.listings) == [("list_multipart_uploads", prefix), ("list_objects_v2", prefix)]


def test_cleanup_deletes_versions_and_delete_markers_by_id() -> None:
    created = both_created()
    created.add_object(SINGLE, "v1")
    page = {
        "Versions": [{"Key": SINGLE, "VersionId": "v1", "LastModified": NOW}],
        "DeleteMarkers": [{"Key": SINGLE, "VersionId": "m1", "LastModified": NOW}],
    }
    store = Store({"list_object_versions": [page]})
    assert cleanup(store, created)["ok"]
    assert sorted(store.deleted) == [(SINGLE, "m1"), (SINGLE, "v1")]


def test_cleanup_aborts_uploads_outside_of_the_prefix_too() -> None:
    created = both_created()
    created.add_upload(MULTIPART, "u1")
    stale = f"{OTHER_RUN}/archive.mp4"
    store = Store({"list_multipart_uploads": [{"Uploads": [{"Key": stale, "UploadId": "u2", "Initiated": ago(99)}]}]})
    result = cleanup(store, created, least=True)
    assert (MULTIPART, "upload u1") in store.deleted
    assert (stale, "upload u2") in store.deleted
    assert ("list_multipart_uploads", "vonage-archiving-probe-") in store.listings
    assert "Leftovers of earlier, interrupted checks among them: 1." in result["detail"]


def test_cleanup_upload_that_does_not_exist_is_ok() -> None:
    created = CreatedObjects()
    created.add_upload(MULTIPART, "u1")
    store = Store({}, {MULTIPART: client_error(404, "NoSuchUpload")})
    assert cleanup(store, created) == {"ok": True, "detail": "Objects and uploads deleted: 0.", "left": []}


def test_cleanup_lists_objects_that_cannot_be_deleted() -> None:
    store = Store({}, {SINGLE: client_error(403, "AccessDenied"), MULTIPART: client_error(403, "AccessDenied")})
    result = cleanup(store, both_created())
    assert not result["ok"]
    assert result["left"] == [f"s3://b/{SINGLE}", f"s3://b/{MULTIPART}"]
    assert f"Could not be deleted: s3://b/{SINGLE}, s3://b/{MULTIPART}. Delete them manually." in result["detail"]
    assert result["detail"].count("s3:DeleteObject") == 1


def test_cleanup_deletes_unconfirmed_key_if_listed_or_without_a_listing() -> None:
    created = CreatedObjects()
    created.unconfirmed.add(SINGLE)
    listing = Store({"list_objects_v2": [{}]})
    assert cleanup(listing, created)["ok"]
    assert listing.deleted == []
    no_listing = Store({"list_objects_v2": client_error(403, "AccessDenied")})
    result = cleanup(no_listing, created)
    assert no_listing.deleted == [(SINGLE, None)]
    assert result["ok"]
    assert "s3:ListBucket" in result["detail"]


def test_cleanup_deletes_the_delete_marker_that_it_creates() -> None:
    created = CreatedObjects()
    created.unconfirmed.add(SINGLE)
    store = Store(
        {"list_objects_v2": client_error(403, "AccessDenied")}, {SINGLE: {"DeleteMarker": True, "VersionId": "m1"}}
    )
    assert cleanup(store, created)["ok"]
    assert store.deleted == [(SINGLE, None), (SINGLE, "m1")]


def test_cleanup_store_without_any_multipart_upload_is_ok() -> None:
    store = Store({"list_multipart_uploads": client_error(404, "NoSuchUpload")})
    assert cleanup(store, both_created())["detail"] == "Objects and uploads deleted: 2."


def test_cleanup_keeps_objects_outside_of_the_prefix_and_without_a_time() -> None:
    """The store ignores prefixes and omits fields."""
    recording = {"Key": "4567/a-recording/archive.mp4", "LastModified": ago(99)}
    undated = [{"Key": f"4567/{OTHER_RUN}/archive.mp4"}, {"Key": SINGLE}]
    store = Store({"list_objects_v2": [{"Contents": [recording, *undated, {}]}]})
    result = cleanup(store, both_created())
    assert result == {"ok": True, "detail": "Objects and uploads deleted: 2.", "left": []}
    assert sorted(store.deleted) == [(SINGLE, None), (MULTIPART, None)]


def test_cleanup_limits_the_pages_of_a_listing() -> None:
    def pages() -> t.Iterator[t.Any]:
        for number in range(cleanup_module.MOST_PAGES):
            yield {"Contents": [{"Key": f"4567/{OTHER_RUN}/{number}", "LastModified": ago(99)}]}
        raise AssertionError("one page too many was requested")

    store = Store({"list_objects_v2": pages()})
    cleanup(store, both_created())
    assert len(store.deleted) == cleanup_module.MOST_PAGES + 2
