# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Objects of a bucket: read, list, write, and delete them.

PRIVATE to the collection ``vonage.archiving``: there is no stability promise outside of it.
"""

from __future__ import annotations

import contextlib
import typing as t

from .._core import errors
from .s3_client import Bucket
from .session import md5

# "The request can contain a list of up to 1,000 keys" (S3 API Reference, DeleteObjects).
MOST_DELETED = 1000


def head_object(bucket: Bucket, key: str) -> dict[str, t.Any] | None:
    """The headers of an object; ``None`` if it does not exist.

    :raises DeniedError: also for a missing object if the credentials lack s3:ListBucket.
    """
    operation = f"check whether {key} exists in bucket {bucket.name}"
    action = "s3:GetObject (and s3:ListBucket, without which S3 denies access to a missing object too)"
    try:
        return bucket.call_with_client(bucket.client, "head_object", operation, action, Key=key)
    except errors.NotFoundError:
        return None


def first_key(bucket: Bucket, prefix: str) -> str | None:
    """The first key that begins with the prefix; keys are listed in the order of their bytes (ListObjectsV2)."""
    operation = f"list objects below {prefix} in bucket {bucket.name}"
    page = bucket.call("list_objects_v2", operation, "s3:ListBucket", Prefix=prefix, MaxKeys=1)
    return next((entry.get("Key") for entry in page.get("Contents") or []), None)


def list_first_page(bucket: Bucket, prefix: str) -> list[dict[str, t.Any]]:
    """Up to 1000 objects whose keys begin with the prefix."""
    operation = f"list objects below {prefix or '/'} in bucket {bucket.name}"
    page = bucket.call("list_objects_v2", operation, "s3:ListBucket", Prefix=prefix)
    return [entry for entry in page.get("Contents") or [] if str(entry.get("Key", "")).startswith(prefix)]


class ListedObject(t.NamedTuple):
    """:param modified: Unix seconds; 0 if the store returns none."""

    key: str
    size: int
    modified: float


class ObjectPage(t.NamedTuple):
    """:param is_last: whether no object follows."""

    objects: tuple[ListedObject, ...]
    is_last: bool


def list_object_pages(bucket: Bucket, prefix: str) -> t.Iterator[ObjectPage]:
    """The current objects whose keys begin with the prefix, in pages of up to 1000; one request for each page."""
    operation = f"list objects below {prefix} in bucket {bucket.name}"
    for page in _pages(bucket, "list_objects_v2", operation, "s3:ListBucket", Prefix=prefix):
        entries = [entry for entry in page.get("Contents") or [] if str(entry.get("Key", "")).startswith(prefix)]
        yield ObjectPage(tuple(map(_listed_object, entries)), not page.get("IsTruncated"))


def _listed_object(entry: t.Mapping[str, t.Any]) -> ListedObject:
    modified = entry.get("LastModified")
    return ListedObject(str(entry["Key"]), int(entry.get("Size") or 0), modified.timestamp() if modified else 0.0)


def list_keys(bucket: Bucket, prefix: str) -> t.Iterator[str]:
    """The keys that begin with the prefix."""
    operation = f"list objects below {prefix} in bucket {bucket.name}"
    for page in _pages(bucket, "list_objects_v2", operation, "s3:ListBucket", Prefix=prefix):
        yield from (str(entry["Key"]) for entry in page.get("Contents") or [] if entry["Key"].startswith(prefix))


def list_top_level(bucket: Bucket) -> list[str]:
    """Keys without a slash, and prefixes up to their first slash: the first page of them."""
    operation = f"list the first level of bucket {bucket.name}"
    page = bucket.call("list_objects_v2", operation, "s3:ListBucket", Delimiter="/")
    prefixes = [str(entry.get("Prefix", "")) for entry in page.get("CommonPrefixes") or []]
    return [*(str(entry.get("Key", "")) for entry in page.get("Contents") or []), *prefixes]


def list_noncurrent_versions(bucket: Bucket, prefix: str) -> list[dict[str, t.Any]]:
    """The noncurrent versions below the prefix in the first page.

    If the first page contains none, and there are more pages of a bucket with versions, the result is its first object.
    """
    operation = f"list versions below {prefix or '/'} in bucket {bucket.name}"
    try:
        status = bucket.call("get_bucket_versioning", operation, "s3:GetBucketVersioning").get("Status")
        if not status:
            return []
        page = bucket.call("list_object_versions", operation, "s3:ListBucketVersions", Prefix=prefix)
    except errors.UnsupportedError:
        return []
    versions = [entry for entry in page.get("Versions") or [] if str(entry.get("Key", "")).startswith(prefix)]
    noncurrent = [entry for entry in versions if not entry.get("IsLatest")]
    return noncurrent or (versions[:1] if page.get("IsTruncated") else [])


def list_top_level_prefixes(bucket: Bucket) -> tuple[str, ...]:
    """The prefixes of the first level, each with a slash at its end."""
    operation = f"list the folders of bucket {bucket.name}"
    pages = _pages(bucket, "list_objects_v2", operation, "s3:ListBucket", Delimiter="/")
    return tuple(dict.fromkeys(entry.get("Prefix", "") for page in pages for entry in page.get("CommonPrefixes") or []))


def put_small_object(bucket: Bucket, key: str, body: bytes, operation: str, **params: t.Any) -> dict[str, t.Any]:
    """Write an object in one request, encrypted if the bucket requires it.

    AWS always supports SSE-S3. Other stores may reject the header. They get it only after they denied a write without
    it, as a policy for ``require_encryption`` does; a denied write has no effect.
    """
    params.update(Key=key, Body=body, ContentMD5=md5(body))
    encrypted = {**params, "ServerSideEncryption": "AES256"}
    if bucket.connection.is_aws:
        return bucket.call("put_object", operation, "s3:PutObject", **encrypted)
    try:
        return bucket.call("put_object", operation, "s3:PutObject", **params)
    except errors.DeniedError as denied:
        try:
            return bucket.call("put_object", operation, "s3:PutObject", **encrypted)
        except errors.ArchivingError:
            raise denied from None


class Entry(t.NamedTuple):
    """An object, a version of it or a delete marker; or a prefix, which ends in a slash.

    :param size: ``None`` for delete markers and prefixes.
    """

    key: str
    size: int | None = None
    is_prefix: bool = False


def list_contents(bucket: Bucket, prefix: str = "", delimiter: str = "") -> t.Iterator[Entry]:
    """Everything below a prefix, versions and delete markers included. With a delimiter, keys that contain it are
    listed by their common prefix.
    """
    for page in _list_pages(bucket, {"Prefix": prefix, **({"Delimiter": delimiter} if delimiter else {})}):
        yield from (Entry(str(entry["Key"]), entry.get("Size")) for entry in _entries(bucket, page))
        yield from (Entry(str(entry.get("Prefix", "")), is_prefix=True) for entry in page.get("CommonPrefixes") or [])


def _list_pages(bucket: Bucket, params: dict[str, t.Any], after: str = "") -> t.Iterator[dict[str, t.Any]]:
    """The pages of a listing of versions, or of objects where the store has no versions.

    :param after: only keys after this one.
    """
    operation = f"list the contents of bucket {bucket.name}"
    marker = {"KeyMarker": after} if after else {}
    pages = _pages(bucket, "list_object_versions", operation, "s3:ListBucketVersions", **params, **marker)
    try:
        page = next(pages, {})
        has_versions = page.get("RootElement") in ("ListVersionsResult", "ListVersionResult")
    except errors.UnsupportedError:
        has_versions = False
    if not has_versions:
        marker = {"StartAfter": after} if after else {}
        pages = _pages(bucket, "list_objects_v2", operation, "s3:ListBucket", **params, **marker)
        page = next(pages, {})
        if page.get("RootElement") != "ListBucketResult":
            raise _not_a_listing_error(bucket)
    yield page
    yield from pages


def _pages(bucket: Bucket, method: str, operation: str, action: str, **params: t.Any) -> t.Iterator[dict[str, t.Any]]:
    """The pages of a listing. Some stores repeat a page, or return a truncated one without the next position."""
    position: dict[str, str] = {}
    while True:
        page = bucket.call(method, operation, action, **{**params, **position})
        yield page
        before, position = position, _next_position(page)
        if not page.get("IsTruncated") or not position or position == before:
            return


def _next_position(page: t.Mapping[str, t.Any]) -> dict[str, str]:
    """The parameters for the next page; empty if the page names none."""
    if page.get("NextContinuationToken"):
        return {"ContinuationToken": str(page["NextContinuationToken"])}
    names = ("KeyMarker", "VersionIdMarker", "UploadIdMarker") if page.get("NextKeyMarker") else ()
    return {name: str(page[f"Next{name}"]) for name in names if page.get(f"Next{name}")}


def _entries(bucket: Bucket, page: t.Mapping[str, t.Any]) -> list[dict[str, t.Any]]:
    """The objects, versions, and delete markers of a page."""
    entries = [*(page.get("Versions") or page.get("Contents") or []), *(page.get("DeleteMarkers") or [])]
    if not all(entry.get("Key") for entry in entries):
        raise _not_a_listing_error(bucket)
    return entries


def inspect_contents(bucket: Bucket, key: str) -> tuple[bool, bool]:
    """Whether the bucket contains this object, and whether it contains anything else, uploads in progress included."""
    keys = {entry["Key"] for entry in _list_deletable(bucket, most=MOST_DELETED)}
    if keys == {key}:
        # Its versions may fill more than a page.
        keys.update(entry["Key"] for entry in _list_deletable(bucket, most=1, after=key))
    return key in keys, bool(keys - {key}) or next(_uploads(bucket), None) is not None


def remove(bucket: Bucket, key: str) -> None:
    """Delete all versions of an object that is the only one in the bucket."""
    _delete_all(bucket, lambda entry: entry["Key"] == key)


def delete_below(bucket: Bucket, prefix: str) -> int:
    """Delete every object, version and delete marker whose key begins with the prefix.

    :returns: how many were deleted.
    """
    return _delete_all(bucket, lambda entry: entry["Key"].startswith(prefix), prefix)


def delete_key(bucket: Bucket, key: str) -> int:
    """Delete all versions of an object.

    :returns: how many were deleted.
    """
    return _delete_all(bucket, lambda entry: entry["Key"] == key, key)


def list_uploads_in_progress(bucket: Bucket) -> list[str]:
    """The keys of multipart uploads that have not been completed."""
    return [upload["Key"] for upload in _uploads(bucket)]


def empty(bucket: Bucket) -> dict[str, int]:
    """Delete every object, version and delete marker, and abort every multipart upload in progress.

    :returns: how many of each were deleted.
    """
    deleted = _delete_all(bucket, lambda entry: True)
    return {"objects": deleted, "uploads": abort_uploads(bucket, lambda key: True)}


def abort_uploads(bucket: Bucket, is_included: t.Callable[[str], bool]) -> int:
    """Abort the multipart uploads in progress whose keys are included.

    :returns: how many were aborted.
    """
    aborted = 0
    for upload in [upload for upload in _uploads(bucket) if is_included(upload["Key"])]:
        operation = f"abort the upload of {upload['Key']} to bucket {bucket.name}"
        try:
            bucket.call("abort_multipart_upload", operation, "s3:AbortMultipartUpload", **upload)
        except errors.NotFoundError:
            continue  # it was completed or aborted meanwhile
        aborted += 1
    return aborted


def _delete_all(bucket: Bucket, is_included: t.Callable[[dict[str, str]], bool], prefix: str = "") -> int:
    """Delete in pages. Each listing starts at the beginning, since not every store can continue after a deleted key."""
    removed = 0
    before: list[dict[str, str]] = []
    while keys := [entry for entry in _list_deletable(bucket, most=MOST_DELETED, prefix=prefix) if is_included(entry)]:
        if keys == before:
            hint = "Check whether there is an object lock, and whether the store can delete versions."
            problem = f"{bucket.connection.display_name} accepted it, but still lists {keys[0]['Key']}"
            raise errors.RejectedError(f"delete {len(keys)} objects of bucket {bucket.name}", problem, hint)
        _delete(bucket, keys)
        removed += len(keys)
        before = keys
    return removed


def _delete(bucket: Bucket, keys: list[dict[str, str]]) -> None:
    operation = f"delete {len(keys)} objects of bucket {bucket.name}"
    request = {"Objects": keys, "Quiet": True}
    response = bucket.call("delete_objects", operation, "s3:DeleteObject and s3:DeleteObjectVersion", Delete=request)
    failures = response.get("Errors") or []
    if failures:
        first = failures[0]
        problem = f"{len(failures)} of them were not deleted, the first is {first.get('Key')}: {first.get('Message')}"
        hint = "Check whether an object lock or a policy denies it. The other objects have been deleted."
        raise errors.RejectedError(operation, problem, hint, code=first.get("Code"))


def _list_deletable(bucket: Bucket, most: int, after: str = "", prefix: str = "") -> list[dict[str, str]]:
    """The first entries of the bucket, in the form for DeleteObjects; empty only if the bucket is empty.

    Not every store returns a version for an object with only one.

    :param after: only keys after this one.
    :param prefix: only keys that begin with it.
    """
    page = next(_list_pages(bucket, {"MaxKeys": most, **({"Prefix": prefix} if prefix else {})}, after))
    names = ("Key", "VersionId")
    return [{name: entry[name] for name in names if entry.get(name)} for entry in _entries(bucket, page)][:MOST_DELETED]


def _not_a_listing_error(bucket: Bucket) -> errors.UnsupportedError:
    operation, store = f"list the contents of bucket {bucket.name}", bucket.connection.display_name
    problem = f"{store} returned a response that is not a listing"
    return errors.UnsupportedError(operation, problem, "Nothing was deleted.", store=store)


def _uploads(bucket: Bucket) -> t.Iterator[dict[str, str]]:
    operation = f"list the uploads in progress of bucket {bucket.name}"
    pages = _pages(bucket, "list_multipart_uploads", operation, "s3:ListBucketMultipartUploads")
    # In a store that cannot list them, they do not prevent the deletion of the bucket.
    with contextlib.suppress(errors.UnsupportedError, errors.NotFoundError):
        for page in pages:
            for upload in page.get("Uploads") or []:
                yield {"Key": upload.get("Key", ""), "UploadId": upload.get("UploadId", "")}
