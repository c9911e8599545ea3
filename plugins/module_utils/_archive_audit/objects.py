# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Fetch the objects of archives with a bounded number of requests, and verify the content of samples.

PRIVATE to the collection ``vonage.archiving``: there is no stability promise outside of it.

A page of the listing contains up to 1000 objects, and pages are fetched one after the other. Requests for single
archives run concurrently. Therefore, the prefix of the project is listed, but at most one page for ten archives, and at
least one page. If the prefix contains more objects, one request follows for each archive that these pages do not
contain. For n archives, there are at most n + n/10 + 1 requests, and one page is enough for a small bucket.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import typing as t
from dataclasses import dataclass, field

from .._archives.archives import MAX_IDS
from .._aws.errors import translate_errors
from .._aws.s3_client import Bucket
from .._aws.s3_naming import PROBE_PREFIX
from .._aws.s3_objects import ListedObject, list_object_pages
from .._aws.session import CONNECTIONS
from .plan import ArchiveObject

ARCHIVES_PER_PAGE = 10
BLOCK = 1024 * 1024


@dataclass
class Objects:
    """The objects of a project in the bucket.

    :param by_archive: only for the archives of the audit.
    :param unknown: the number of objects without an archive.
    :param unknown_archives: the first ids of archives in their keys.
    :param is_whole: whether the whole prefix was listed. Otherwise, objects without an archive are not known.
    """

    by_archive: dict[str, list[ArchiveObject]] = field(default_factory=dict)
    unknown: int = 0
    unknown_archives: dict[str, None] = field(default_factory=dict)
    is_whole: bool = False
    requests: int = 0

    def add(self, archive_id: str, name: str, size: int) -> None:
        self.by_archive.setdefault(archive_id, []).append(ArchiveObject(name, size))

    def add_unknown(self, archive_id: str) -> None:
        self.unknown += 1
        if len(self.unknown_archives) < MAX_IDS:
            self.unknown_archives[archive_id] = None


def fetch_objects(
    bucket: Bucket, project_id: str, audited: t.Collection[str], known: t.Collection[str], since: float
) -> Objects:
    """Fetch the objects of archives, and count objects without an archive.

    :param audited: the ids of the archives whose objects are needed.
    :param known: the ids of all archives in the list of the API.
    :param since: Unix seconds. Older objects can belong to archives that were not listed.
    """
    audited, known = set(audited), set(known)
    objects = Objects()
    prefix, last = f"{project_id}/", ""
    for page in list_object_pages(bucket, prefix):
        objects.requests += 1
        for item in page.objects:
            archive_id, _slash, name = item.key[len(prefix) :].partition("/")
            last = archive_id
            _add(objects, archive_id, name, item, audited, known, since)
        objects.is_whole = page.is_last
        if objects.is_whole or objects.requests >= max(1, len(audited) // ARCHIVES_PER_PAGE):
            break
    if not objects.is_whole:
        # The next page may contain further objects of the last archive.
        objects.by_archive.pop(last, None)
        _fetch_single(objects, bucket, prefix, sorted(audited - objects.by_archive.keys()))
    return objects


def _add(
    objects: Objects,
    archive_id: str,
    name: str,
    item: ListedObject,
    audited: t.Collection[str],
    known: t.Collection[str],
    since: float,
) -> None:
    if not name:
        return  # a folder
    if archive_id in audited:
        objects.add(archive_id, name, item.size)
    elif archive_id not in known and item.modified >= since and not archive_id.startswith(PROBE_PREFIX):
        objects.add_unknown(archive_id)


def _fetch_single(objects: Objects, bucket: Bucket, prefix: str, ids: t.Sequence[str]) -> None:
    tasks = [functools.partial(_first_page, bucket, f"{prefix}{archive_id}/") for archive_id in ids]
    for archive_id, page in zip(ids, bucket.runtime.run_concurrently(tasks, CONNECTIONS)):
        objects.requests += 1
        for item in page:
            name = item.key[len(prefix) + len(archive_id) + 1 :]
            if name:
                objects.add(archive_id, name, item.size)


def _first_page(bucket: Bucket, prefix: str) -> tuple[ListedObject, ...]:
    return next(page.objects for page in list_object_pages(bucket, prefix))


@dataclass(frozen=True)
class Content:
    """The content of an object.

    :param sha256: base64.
    :param downloaded: bytes; 0 if the store has the checksum of the whole object.
    """

    sha256: str
    downloaded: int


def fetch_content(bucket: Bucket, key: str) -> Content:
    """Fetch the SHA-256 of an object: the checksum that the store has verified, else that of a download in blocks.

    :raises DeniedError: these credentials lack s3:GetObject.
    """
    operation = f"download {key} from bucket {bucket.name}"
    response = bucket.call("get_object", operation, "s3:GetObject", Key=key, ChecksumMode="ENABLED")
    body = response["Body"]
    try:
        stored = response.get("ChecksumSHA256") or ""
        # The checksum of a multipart upload covers the checksums of its parts ("-<number of parts>").
        if stored and "-" not in stored:
            return Content(stored, 0)
        digest, size = hashlib.sha256(), 0
        with translate_errors(operation, bucket.connection, "s3:GetObject"):
            while block := body.read(BLOCK):
                digest.update(block)
                size += len(block)
    finally:
        body.close()
    return Content(base64.b64encode(digest.digest()).decode(), size)
