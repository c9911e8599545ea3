# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Delete an empty bucket, a bucket with all its contents, or a bucket with only the recordings of one project.

PRIVATE to the collection ``vonage.archiving``: there is no stability promise outside of it.

The part of a project consists of the objects below its prefix, and its state file. The bucket lock, empty folder
markers, and the probes of killed upload checks are deleted too. Every deletion names a prefix or a key of that part. An
object that another client puts into the bucket meanwhile is never deleted.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass
from itertools import chain, islice

from .._aws import s3_naming as names
from .._aws import s3_objects as objects
from .._aws.s3_client import Bucket
from .._aws.s3_naming import PROBE_PREFIX
from .._core import errors
from .._core.values import first_few

MOST_SHOWN = 5


@dataclass(frozen=True)
class Part:
    """The part of a bucket that is deleted with a project.

    :param folders: folders whose markers are deleted if they are empty, each with a slash at its end.
    """

    project: str
    folders: t.Sequence[str] = ()

    @property
    def prefix(self) -> str:
        return names.folder(self.project)

    @property
    def keys(self) -> tuple[str, ...]:
        """The objects outside the prefix, in the order of their deletion: the lock comes last."""
        return (*self.folders, names.STATE_FILE_PREFIX, names.state_file_key(self.project), names.LOCK_KEY)

    def includes(self, entry: objects.Entry) -> bool:
        if self.includes_upload(entry.key):
            return True
        # A folder marker has no content.
        return entry.key in self.keys and not (entry.key.endswith("/") and entry.size)

    def includes_upload(self, key: str) -> bool:
        return key.startswith((self.prefix, PROBE_PREFIX))


def refuse_other_contents(bucket: Bucket, part: Part) -> None:
    """Check that the bucket contains only the project's part.

    :raises NotManagedError: it contains other objects.
    """
    others = list(islice(_list_others(bucket, part), MOST_SHOWN + 1))
    if others:
        raise errors.NotManagedError(
            f"delete bucket {bucket.name} with the recordings of project {part.project}",
            f"it contains objects that do not belong to this project: {', '.join(others[:MOST_SHOWN])}"
            f"{' and more' if len(others) > MOST_SHOWN else ''}",
            "Nothing was deleted. Move these objects to another bucket or delete them, or keep the bucket. To delete "
            "the bucket with everything in it, run s3_archive_bucket with state=absent and force=true, and without "
            "project.",
        )


def delete_part(bucket: Bucket, part: Part) -> dict[str, int]:
    """Delete the project's part and then the bucket.

    :returns: the number of deleted objects and of aborted uploads.
    :raises ConflictError: other objects appeared meanwhile. These objects and the bucket have not been deleted.
    """
    removed = {"objects": 0, "uploads": 0}
    try:
        # Uploads come first: one that completes after the objects are deleted would add an object.
        removed["uploads"] = objects.abort_uploads(bucket, part.includes_upload)
        for prefix in (part.prefix, PROBE_PREFIX):
            removed["objects"] += objects.delete_below(bucket, prefix)
        for key in part.keys:
            removed["objects"] += objects.delete_key(bucket, key)
        # Some stores delete a bucket with its contents.
        _refuse_remains(bucket)
        _delete_shared_bucket(bucket)
    except errors.NotFoundError as exc:
        _accept_deleted(exc)
    return removed


def delete_bucket(bucket: Bucket, force: bool) -> dict[str, int]:
    """Delete the bucket.

    :returns: the number of deleted objects and of aborted uploads; empty without ``force``.
    """
    removed: dict[str, int] = {}
    try:
        removed = objects.empty(bucket) if force else {}
        _send_delete(bucket)
    except errors.NotFoundError as exc:
        _accept_deleted(exc)
    return removed


def only_lock_object_remains(bucket: Bucket) -> bool:
    """Whether the bucket contains the lock, and nothing else.

    :raises RejectedError: it contains something else.
    """
    has_lock, has_others = objects.inspect_contents(bucket, names.LOCK_KEY)
    if has_others:
        raise errors.RejectedError(
            f"delete bucket {bucket.name}",
            "it contains objects, versions of objects or uploads in progress",
            "Nothing was deleted. Check its contents. force=true deletes all of it, which cannot be undone.",
        )
    return has_lock


def _accept_deleted(exc: errors.NotFoundError) -> None:
    """Accept that the bucket was deleted by another run, or by a request of this run whose response was lost.

    :raises NotFoundError: something else is missing.
    """
    if exc.facts.get("code") != "NoSuchBucket":
        raise exc


def _send_delete(bucket: Bucket) -> None:
    bucket.call("delete_bucket", f"delete bucket {bucket.name}", "s3:DeleteBucket")


def _delete_shared_bucket(bucket: Bucket) -> None:
    try:
        _send_delete(bucket)
    except errors.ConflictError as exc:
        _refuse_remains(bucket, exc)
        raise


def _refuse_remains(bucket: Bucket, cause: errors.ConflictError | None = None) -> None:
    keys = islice((entry.key for entry in objects.list_contents(bucket)), MOST_SHOWN)
    remains = list(dict.fromkeys(keys)) or objects.list_uploads_in_progress(bucket)
    if remains:
        raise errors.ConflictError(
            f"delete bucket {bucket.name}",
            f"it contains objects that appeared during the deletion: {first_few(remains, MOST_SHOWN)}",
            "The recordings of the project have been deleted, these objects have not. Find out who writes to the "
            "bucket. Then run it again, or keep the bucket.",
            **(cause.facts if cause else {}),
        ) from cause


def _list_others(bucket: Bucket, part: Part) -> t.Iterator[str]:
    """The contents outside the project's part, each key once."""
    returned = set[str]()
    for key in chain(_list_other_keys(bucket, part), _list_other_uploads(bucket, part)):
        if key not in returned:
            returned.add(key)
            yield key


def _list_other_keys(bucket: Bucket, part: Part) -> t.Iterator[str]:
    for entry in objects.list_contents(bucket, delimiter="/"):
        if not entry.is_prefix:
            if not part.includes(entry):
                yield entry.key
        elif not part.includes_upload(entry.key):
            # Some stores still list a prefix whose objects are all deleted.
            contents = objects.list_contents(bucket, entry.key)
            keys = (content.key for content in contents if not part.includes(content))
            # The key of a state file names a project. One key of any other prefix is enough.
            yield from islice(keys, MOST_SHOWN if entry.key == names.STATE_FILE_PREFIX else 1)


def _list_other_uploads(bucket: Bucket, part: Part) -> t.Iterator[str]:
    keys = (key for key in objects.list_uploads_in_progress(bucket) if not part.includes_upload(key))
    return (f"the upload in progress of {key}" for key in keys)
