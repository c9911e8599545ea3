# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import base64
import hashlib
import io
import tracemalloc
import typing as t
import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.vonage.archiving.plugins.module_utils._archive_audit import objects as audit_objects
from ansible_collections.vonage.archiving.plugins.module_utils._archive_audit.objects import (
    fetch_content,
    fetch_objects,
)
from ansible_collections.vonage.archiving.plugins.module_utils._archive_audit.plan import ArchiveObject
from ansible_collections.vonage.archiving.plugins.module_utils._aws.s3_client import Bucket
from ansible_collections.vonage.archiving.plugins.module_utils._aws.session import Connection

from .stored_objects import EPOCH, StoredObjects

MIB = 1024 * 1024


def fetch(bucket: StoredObjects, audited: t.Collection[str], known: t.Collection[str] = (), since: float = 0) -> t.Any:
    return fetch_objects(t.cast(Bucket, bucket), "47", audited, {*audited, *known}, since)


def archive_ids(number: int, first: int = 0) -> list[str]:
    return [str(uuid.UUID(int=hash((7, index)) & (2**128 - 1))) for index in range(first, first + number)]


@given(
    stored=st.sets(st.integers(0, 60)),
    audited=st.sets(st.integers(0, 60)),
    transcripts=st.sets(st.integers(0, 60)),
    page_size=st.integers(1, 20),
)
def test_fetch_objects_returns_all_objects_of_audited_archives_within_the_bound(
    stored: set[int], audited: set[int], transcripts: set[int], page_size: int
) -> None:
    keys = [f"47/{index}/archive.mp4" for index in stored] + [f"47/{index}/t.json" for index in transcripts]
    bucket = StoredObjects([*keys, "46/0/archive.mp4", "470/0/archive.mp4"], page_size)
    objects = fetch(bucket, {str(index) for index in audited})
    expected = {}
    for index in audited & (stored | transcripts):
        names = ["archive.mp4"] * (index in stored) + ["t.json"] * (index in transcripts)
        expected[str(index)] = {ArchiveObject(name, 3) for name in names}
    # A page of the listing of one archive has room for its objects, as in S3.
    if page_size > 1:
        assert {name: set(items) for name, items in objects.by_archive.items()} == expected
    assert objects.requests == len(bucket.prefixes) <= len(audited) + max(1, len(audited) // 10)
    if objects.is_whole:
        assert objects.unknown == len([key for key in keys if int(key.split("/")[1]) not in audited])


def test_fetch_objects_small_bucket_takes_one_request() -> None:
    ids = archive_ids(900)
    bucket = StoredObjects(f"47/{name}/archive.mp4" for name in ids)
    objects = fetch(bucket, ids)
    assert (objects.requests, len(objects.by_archive), objects.is_whole) == (1, 900, True)


def test_fetch_objects_ten_thousand_archives_take_a_page_per_thousand() -> None:
    ids = archive_ids(10_000)
    bucket = StoredObjects(f"47/{name}/archive.mp4" for name in ids)
    objects = fetch(bucket, ids)
    assert (objects.requests, len(objects.by_archive), objects.unknown) == (10, 10_000, 0)


def test_fetch_objects_few_archives_in_a_large_bucket_take_one_request_each() -> None:
    ids = archive_ids(30_000)
    bucket = StoredObjects(f"47/{name}/archive.mp4" for name in ids)
    objects = fetch(bucket, ids[:25])
    assert len(objects.by_archive) == 25
    assert not objects.is_whole
    assert objects.requests <= 2 + 25


def test_fetch_objects_hundred_thousand_objects_need_less_than_64_mib() -> None:
    """The bucket of the test exists before the measurement. The result of one day is small."""
    ids = archive_ids(100_000)
    bucket = StoredObjects(f"47/{name}/archive.mp4" for name in ids)
    tracemalloc.start()
    try:
        objects = fetch(bucket, ids[:1000])
        kept, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert objects.requests == 100
    assert (len(objects.by_archive), objects.unknown, len(objects.unknown_archives)) == (1000, 99_000, 100)
    assert kept < 4 * MIB
    assert peak < 64 * MIB


def test_fetch_objects_unknown_ignores_folders_probes_and_older_objects() -> None:
    keys = ["47/", "47/a/", "47/a/archive.mp4", "47/vonage-archiving-probe-1/archive.mp4", "47/b/archive.mp4"]
    bucket = StoredObjects([*keys, "47/old/archive.mp4"])
    objects = fetch(bucket, ["a"], known=["old"])
    assert (objects.unknown, list(objects.unknown_archives)) == (1, ["b"])
    assert objects.by_archive == {"a": [ArchiveObject("archive.mp4", 3)]}
    assert fetch(bucket, ["a"], since=EPOCH.timestamp() + 1).unknown == 0


class Body(io.BytesIO):
    """A response body that records the sizes of its reads."""

    def __init__(self, content: bytes) -> None:
        super().__init__(content)
        self.reads: list[int | None] = []

    def read(self, size: int | None = None) -> bytes:
        self.reads.append(size)
        return super().read(size)


class StoredContent:
    """A bucket with one object."""

    connection = Connection(endpoint_url="http://127.0.0.1:9")
    name = "recordings"

    def __init__(self, content: bytes, checksum: str | None) -> None:
        self.body = Body(content)
        self.checksum = checksum

    def call(self, method: str, operation: str, action: str, **params: t.Any) -> dict[str, t.Any]:
        assert (method, action, params["ChecksumMode"]) == ("get_object", "s3:GetObject", "ENABLED")
        return {"Body": self.body, **({"ChecksumSHA256": self.checksum} if self.checksum else {})}


@pytest.mark.parametrize("checksum", [None, "AAAA-3"])
def test_fetch_content_hashes_blocks_without_a_checksum_of_the_whole_object(checksum: str | None) -> None:
    recording = b"recording" * 300_000
    bucket = StoredContent(recording, checksum)
    content = fetch_content(t.cast(Bucket, bucket), "47/a/archive.mp4")
    assert base64.b64decode(content.sha256) == hashlib.sha256(recording).digest()
    assert content.downloaded == len(recording)
    assert set(bucket.body.reads) == {audit_objects.BLOCK}
    assert bucket.body.closed


def test_fetch_content_checksum_of_the_store_needs_no_download() -> None:
    bucket = StoredContent(b"recording", "c3RvcmVk")
    content = fetch_content(t.cast(Bucket, bucket), "47/a/archive.mp4")
    assert (content.sha256, content.downloaded, bucket.body.reads) == ("c3RvcmVk", 0, [])
    assert bucket.body.closed
