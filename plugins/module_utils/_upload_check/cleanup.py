# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Delete the probes of upload checks with the operator's credentials.

PRIVATE to the collection ``vonage.archiving``: there is no stability promise outside of it.
"""

from __future__ import annotations

import datetime
import functools
import typing as t
from dataclasses import dataclass, field

from .._aws.errors import translate_errors
from .._aws.s3_naming import PROBE_PREFIX
from .._core.errors import ArchivingError, NotFoundError
from .._core.retry import Deadline
from .._core.runtime import SYSTEM, Runtime
from .params import UploadCheckParams
from .probe import CreatedObjects, ProbeKeys, code, problem

# A check ends within minutes: older probes are those of a check that was killed.
STALE = datetime.timedelta(hours=1)
# The next run deletes the rest.
MOST_PAGES = 20
WORKERS = 6
# Time limits of the two phases of a cleanup. A later check deletes the rest.
LIST_SECONDS = 50.0
DELETE_SECONDS = 50.0


class LeftoverObject(t.NamedTuple):
    """An object, a version of an object, a delete marker, or a multipart upload in progress."""

    key: str
    version_or_upload_id: str | None = None
    is_upload: bool = False

    def __str__(self) -> str:
        kind = "multipart upload" if self.is_upload else "version"
        return f"{self.key} ({kind} {self.version_or_upload_id})" if self.version_or_upload_id else self.key


TimestampedObject = tuple[LeftoverObject, datetime.datetime]


def run_name(key: str) -> str:
    """The unique name of the run of a probe."""
    return key[key.index(PROBE_PREFIX) :].partition("/")[0]


def find_deletable(listed: t.Iterable[TimestampedObject], own_run: str, now: datetime.datetime) -> set[LeftoverObject]:
    """The listed objects of this run, and of runs that have written nothing for an hour."""
    objects = list(listed)
    last_write: dict[str, datetime.datetime] = {}
    for item, time in objects:
        run = run_name(item.key)
        last_write[run] = max(time, last_write.get(run, time))
    ended = {run for run, time in last_write.items() if run == own_run or now - time > STALE}
    return {item for item, _time in objects if run_name(item.key) in ended}


@dataclass
class Cleanup:
    """One cleanup, which ends within ``LIST_SECONDS + DELETE_SECONDS``.

    :param remaining: the URLs of objects that could not be deleted.
    :param reasons: why they could not be deleted, each reason once.
    :param notes: listings that failed.
    """

    params: UploadCheckParams
    client: t.Any
    keys: ProbeKeys
    created: CreatedObjects
    runtime: Runtime = SYSTEM
    remaining: list[str] = field(default_factory=list)
    reasons: dict[str, None] = field(default_factory=dict)
    notes: dict[str, None] = field(default_factory=dict)

    def run(self) -> dict[str, t.Any]:
        """Delete as many probes as possible; raises no errors.

        :return: the value of ``cleanup`` in the result.
        """
        if self.created.is_empty:
            return {"ok": True, "detail": "Nothing was uploaded.", "left": []}
        listings = self._listings()
        results = Deadline(LIST_SECONDS, self.runtime).run(listings)
        if len(results) < len(listings):
            self.notes[f"The store did not list probes of earlier checks within {LIST_SECONDS:.0f} seconds."] = None
        listed = (item for result in results.values() for item in result)
        deletable = find_deletable(listed, self.keys.run, _now(self.runtime))
        objects = sorted(self._created_objects(all_listed=not self.notes) | deletable, key=str)
        count = sum(self._delete_all(objects))
        earlier = len([item for item in deletable if run_name(item.key) != self.keys.run])
        return {"ok": not self.remaining, "detail": self._detail(count, earlier), "left": sorted(self.remaining)}

    def _created_objects(self, all_listed: bool) -> set[LeftoverObject]:
        """The objects that this run has created.

        :param all_listed: whether all listings were successful: then unconfirmed keys need no request of their own.
        """
        # Copies: a check that was abandoned may still add objects.
        uploads, confirmed = set(self.created.uploads), set(self.created.objects)
        unconfirmed = set(self.created.unconfirmed)
        objects = {LeftoverObject(key, upload_id, is_upload=True) for key, upload_id in uploads}
        if not all_listed:
            objects |= {LeftoverObject(key, version) for key, version in confirmed}
            return objects | {LeftoverObject(key) for key in unconfirmed}
        # In a bucket with versions, the listing contains each version.
        return objects | {
            LeftoverObject(key, version) for key, version in confirmed if version or not self.created.versioned
        }

    def _listings(self) -> list[t.Callable[[], list[TimestampedObject]]]:
        inside = f"{self.params.prefix}/{PROBE_PREFIX}"
        list_objects = self._list_versions if self.created.versioned else self._list_objects
        listings = [functools.partial(list_objects, inside), functools.partial(self._list_uploads, inside)]
        if self.params.expect_least_privilege:
            listings.append(functools.partial(self._list_uploads, PROBE_PREFIX))
        return list(listings)

    def _list_objects(self, prefix: str) -> list[TimestampedObject]:
        items = self._list_pages("list_objects_v2", prefix, "s3:ListBucket", "Contents")
        return [(LeftoverObject(item["Key"]), self._timestamp(item, "LastModified")) for item in items]

    def _list_versions(self, prefix: str) -> list[TimestampedObject]:
        action = "s3:ListBucketVersions"
        items = self._list_pages("list_object_versions", prefix, action, "Versions", "DeleteMarkers")
        return [
            (LeftoverObject(item["Key"], item.get("VersionId")), self._timestamp(item, "LastModified"))
            for item in items
        ]

    def _list_uploads(self, prefix: str) -> list[TimestampedObject]:
        items = self._list_pages("list_multipart_uploads", prefix, "s3:ListBucketMultipartUploads", "Uploads")
        return [
            (LeftoverObject(item["Key"], item.get("UploadId"), is_upload=True), self._timestamp(item, "Initiated"))
            for item in items
        ]

    def _timestamp(self, item: t.Mapping[str, t.Any], name: str) -> datetime.datetime:
        """The time of a listed item. An item without a time may be new."""
        return item.get(name) or _now(self.runtime)

    def _list_pages(self, method: str, prefix: str, action: str, *fields: str) -> list[t.Any]:
        operation = f"list probes of earlier checks below s3://{self.params.bucket}/{prefix}"
        try:
            with translate_errors(operation, self.params.operator, action):
                paginator = self.client.get_paginator(method).paginate(Bucket=self.params.bucket, Prefix=prefix)
                pages = [page for _number, page in zip(range(MOST_PAGES), paginator)]
        except ArchivingError as exc:
            # The response of rclone to a listing of uploads before the first multipart upload.
            if code(exc) != "NoSuchUpload":
                self.notes[str(exc)] = None
            return []
        items = (item for page in pages for name in fields for item in page.get(name, []))
        # A store might ignore the prefix.
        return [item for item in items if str(item.get("Key")).startswith(prefix)]

    def _delete_all(self, objects: t.Sequence[LeftoverObject]) -> list[bool]:
        """For each object, whether this run has deleted it."""
        tasks = [functools.partial(self._delete, item) for item in objects]
        results = Deadline(DELETE_SECONDS, self.runtime).run(tasks, WORKERS)
        unfinished = [item for number, item in enumerate(objects) if number not in results]
        if unfinished:
            self.remaining += [f"s3://{self.params.bucket}/{item}" for item in unfinished]
            self.reasons[f"The store did not delete them within {DELETE_SECONDS:.0f} seconds."] = None
        return list(results.values())

    def _delete(self, item: LeftoverObject) -> bool:
        operation = f"delete s3://{self.params.bucket}/{item}"
        try:
            with translate_errors(operation, self.params.operator, _action(item)):
                self._send_delete(item)
        except NotFoundError:
            return False
        except ArchivingError as exc:
            self.remaining.append(f"s3://{self.params.bucket}/{item}")
            self.reasons[f"{problem(exc)} {exc.hint}".strip()] = None
            return False
        return True

    def _send_delete(self, item: LeftoverObject) -> None:
        location = {"Bucket": self.params.bucket, "Key": item.key}
        if item.is_upload:
            self.client.abort_multipart_upload(**location, UploadId=item.version_or_upload_id)
            return
        version = {"VersionId": item.version_or_upload_id} if item.version_or_upload_id else {}
        response = self.client.delete_object(**location, **version)
        if response.get("DeleteMarker") and not item.version_or_upload_id:
            # The bucket has versions. This run did not know: the upload had no response, or an incomplete one.
            self.client.delete_object(**location, VersionId=response.get("VersionId") or "null")

    def _detail(self, count: int, earlier: int) -> str:
        parts = [f"Objects and uploads deleted: {count}."]
        if earlier:
            parts.append(f"Leftovers of earlier, interrupted checks among them: {earlier}.")
        if self.remaining:
            urls = ", ".join(sorted(self.remaining))
            parts += [f"Could not be deleted: {urls}. Delete them manually.", *self.reasons]
        return " ".join([*parts, *self.notes])


def _action(item: LeftoverObject) -> str:
    if item.is_upload:
        return "s3:AbortMultipartUpload"
    return "s3:DeleteObjectVersion" if item.version_or_upload_id else "s3:DeleteObject"


def _now(runtime: Runtime) -> datetime.datetime:
    return datetime.datetime.fromtimestamp(runtime.now(), datetime.timezone.utc)
