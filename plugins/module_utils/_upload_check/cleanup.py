# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Takes the probes of upload checks away again, with the operator's credentials.

PRIVATE to the collection ``vonage.archiving``: there is no stability promise outside of it.
"""

from __future__ import annotations

import datetime
import typing as t
from dataclasses import dataclass, field

from .._aws.errors import told
from .._aws.s3_naming import PROBE_PREFIX
from .._core.deadline import Deadline
from .._core.errors import ArchivingError, NotFoundError
from .params import Settings
from .probe import Keys, Ledger, code, problem

# A check ends within minutes; what is older than this was left behind by one that was killed.
STALE = datetime.timedelta(hours=1)
# Should there be more, the next run goes on.
MOST_PAGES = 20
WORKERS = 6
# Time limits of the two phases of a clean-up. A later check deletes what this one could not.
LIST_SECONDS = 50.0
DELETE_SECONDS = 50.0


class Thing(t.NamedTuple):
    """An object, a version of one, a delete marker, or an open multipart upload.

    :param mark: the version's or the upload's id.
    """

    key: str
    mark: str | None = None
    is_upload: bool = False

    def __str__(self) -> str:
        what = "multipart upload" if self.is_upload else "version"
        return f"{self.key} ({what} {self.mark})" if self.mark else self.key


Dated = tuple[Thing, datetime.datetime]


def run_of(key: str) -> str:
    """The unique name of the run a probe belongs to; pure."""
    return key[key.index(PROBE_PREFIX) :].partition("/")[0]


def removable(found: t.Iterable[Dated], ours: str, now: datetime.datetime) -> set[Thing]:
    """What of a listing may go: what is of our own run, and of runs that wrote nothing for an hour; pure."""
    dated = list(found)
    newest: dict[str, datetime.datetime] = {}
    for thing, time in dated:
        newest[run_of(thing.key)] = max(time, newest.get(run_of(thing.key), time))
    gone = {run for run, time in newest.items() if run == ours or now - time > STALE}
    return {thing for thing, _time in dated if run_of(thing.key) in gone}


@dataclass
class Cleanup:
    """One clean-up, which ends within ``LIST_SECONDS + DELETE_SECONDS``.

    :param deadline: its clock is used, not its end.
    :param left: what is still there although it should not be.
    :param troubles: why, each reason once.
    :param notes: what could not be looked for.
    """

    settings: Settings
    client: t.Any
    keys: Keys
    ledger: Ledger
    deadline: Deadline = field(default_factory=lambda: Deadline(0))
    left: list[str] = field(default_factory=list)
    troubles: dict[str, None] = field(default_factory=dict)
    notes: dict[str, None] = field(default_factory=dict)

    def run(self) -> dict[str, t.Any]:
        """Removes what it can; raises nothing.

        :return: the value of ``cleanup`` in the result.
        """
        if self.ledger.empty:
            return {"ok": True, "detail": "Nothing was uploaded.", "left": []}
        listings = self._looks()
        listed = self.deadline.renewed(LIST_SECONDS).run(listings)
        if len(listed) < len(listings):
            self.notes[f"The store did not list probes of earlier checks within {LIST_SECONDS:.0f} seconds."] = None
        found = removable((dated for look in listed.values() for dated in look), self.keys.run, _now())
        things = sorted(self._known(seen=not self.notes) | found, key=str)
        removed = sum(self._removed(things))
        earlier = len([thing for thing in found if run_of(thing.key) != self.keys.run])
        return {"ok": not self.left, "detail": self._detail(removed, earlier), "left": sorted(self.left)}

    def _known(self, seen: bool) -> set[Thing]:
        """What this run has made.

        :param seen: whether all listings worked, so that keys for which no answer came need not be tried.
        """
        # Copies, since a step that was abandoned may still change the ledger.
        uploads, objects, unsure = set(self.ledger.uploads), set(self.ledger.objects), set(self.ledger.unsure)
        things = {Thing(key, mark, is_upload=True) for key, mark in uploads}
        if not seen:
            return things | {Thing(key, mark) for key, mark in objects} | {Thing(key) for key in unsure}
        # Where there are versions, the listing has told them.
        return things | {Thing(key, mark) for key, mark in objects if mark or not self.ledger.versioned}

    def _looks(self) -> list[t.Callable[[], list[Dated]]]:
        inside = f"{self.settings.prefix}/{PROBE_PREFIX}"
        objects = self._versions if self.ledger.versioned else self._objects
        looks = [lambda: objects(inside), lambda: self._uploads(inside)]
        return [*looks, lambda: self._uploads(PROBE_PREFIX)] if self.settings.expect_least_privilege else looks

    def _objects(self, prefix: str) -> list[Dated]:
        found = self._pages("list_objects_v2", prefix, "s3:ListBucket", "Contents")
        return [(Thing(item["Key"]), _dated(item, "LastModified")) for item in found]

    def _versions(self, prefix: str) -> list[Dated]:
        found = self._pages("list_object_versions", prefix, "s3:ListBucketVersions", "Versions", "DeleteMarkers")
        return [(Thing(item["Key"], item.get("VersionId")), _dated(item, "LastModified")) for item in found]

    def _uploads(self, prefix: str) -> list[Dated]:
        found = self._pages("list_multipart_uploads", prefix, "s3:ListBucketMultipartUploads", "Uploads")
        return [(Thing(item["Key"], item.get("UploadId"), is_upload=True), _dated(item, "Initiated")) for item in found]

    def _pages(self, operation: str, prefix: str, action: str, *fields: str) -> list[t.Any]:
        what = f"look for probes of earlier checks below s3://{self.settings.bucket}/{prefix}"
        try:
            with told(what, self.settings.operator, action):
                pages = self.client.get_paginator(operation).paginate(Bucket=self.settings.bucket, Prefix=prefix)
                taken = [page for _number, page in zip(range(MOST_PAGES), pages)]
        except ArchivingError as exc:
            # rclone's answer to a listing of uploads as long as there never was one.
            if code(exc) != "NoSuchUpload":
                self.notes[str(exc)] = None
            return []
        items = (item for page in taken for name in fields for item in page.get(name, []))
        # There may be stores that list more than they were asked for.
        return [item for item in items if str(item.get("Key")).startswith(prefix)]

    def _removed(self, things: t.Sequence[Thing]) -> list[bool]:
        """For each thing, whether it was there and is gone."""
        removals = [lambda thing=thing: self._remove(thing) for thing in things]
        done = self.deadline.renewed(DELETE_SECONDS).run(removals, WORKERS)
        missed = [thing for number, thing in enumerate(things) if number not in done]
        if missed:
            self.left += [f"s3://{self.settings.bucket}/{thing}" for thing in missed]
            self.troubles[f"The store did not delete them within {DELETE_SECONDS:.0f} seconds."] = None
        return list(done.values())

    def _remove(self, thing: Thing) -> bool:
        """Whether it was there and is gone."""
        what = f"remove s3://{self.settings.bucket}/{thing}"
        try:
            with told(what, self.settings.operator, _action(thing)):
                self._send_away(thing)
        except NotFoundError:
            return False
        except ArchivingError as exc:
            self.left.append(f"s3://{self.settings.bucket}/{thing}")
            self.troubles[f"{problem(exc)} {exc.hint}".strip()] = None
            return False
        return True

    def _send_away(self, thing: Thing) -> None:
        place = {"Bucket": self.settings.bucket, "Key": thing.key}
        if thing.is_upload:
            self.client.abort_multipart_upload(**place, UploadId=thing.mark)
            return
        answer = self.client.delete_object(**place, **({"VersionId": thing.mark} if thing.mark else {}))
        if answer.get("DeleteMarker") and not thing.mark:
            # The bucket has versions, which nobody had told: the key's upload was not answered, or not in full.
            self.client.delete_object(**place, VersionId=answer.get("VersionId") or "null")

    def _detail(self, removed: int, earlier: int) -> str:
        parts = [f"Objects and uploads removed: {removed}."]
        if earlier:
            parts.append(f"Of these, {earlier} had been left behind by checks that were broken off.")
        if self.left:
            parts += [f"Still there, to be removed by hand: {', '.join(sorted(self.left))}.", *self.troubles]
        return " ".join([*parts, *self.notes])


def _action(thing: Thing) -> str:
    if thing.is_upload:
        return "s3:AbortMultipartUpload"
    return "s3:DeleteObjectVersion" if thing.mark else "s3:DeleteObject"


def _dated(item: t.Mapping[str, t.Any], name: str) -> datetime.datetime:
    """What has no date may have been written just now."""
    return item.get(name) or _now()


def _now() -> datetime.datetime:
    return datetime.datetime.now(datetime.timezone.utc)
