# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Single objects and the emptying of a bucket.

PRIVATE to the collection ``vonage.archiving``: there is no stability promise outside of it.
"""

from __future__ import annotations

import typing as t

from .._core import errors
from .s3_client import Bucket
from .session import md5

# "The request can contain a list of up to 1,000 keys" (S3 API Reference, DeleteObjects).
MOST_DELETED = 1000


def head_object(bucket: Bucket, key: str) -> dict[str, t.Any] | None:
    """The headers of an object, ``None`` if there is no such object.

    :raises DeniedError: also for a missing object if the credentials lack s3:ListBucket.
    """
    attempted = f"look for {key} in bucket {bucket.name}"
    action = "s3:GetObject (and s3:ListBucket, without which a missing object is refused too)"
    try:
        return bucket.call_with_client(bucket.client, "head_object", attempted, action, Key=key)
    except errors.NotFoundError:
        return None


def first_key(bucket: Bucket, prefix: str) -> str | None:
    """The first key that begins with the prefix; keys are listed in the order of their bytes (ListObjectsV2)."""
    attempted = f"look for {prefix} in bucket {bucket.name}"
    page = bucket.call("list_objects_v2", attempted, "s3:ListBucket", Prefix=prefix, MaxKeys=1)
    return next((entry.get("Key") for entry in page.get("Contents") or []), None)


def list_first_page(bucket: Bucket, prefix: str) -> list[dict[str, t.Any]]:
    """Up to 1000 objects whose keys begin with the prefix."""
    attempted = f"list objects below {prefix or '/'} in bucket {bucket.name}"
    page = bucket.call("list_objects_v2", attempted, "s3:ListBucket", Prefix=prefix)
    return [entry for entry in page.get("Contents") or [] if str(entry.get("Key", "")).startswith(prefix)]


def list_keys(bucket: Bucket, prefix: str) -> t.Iterator[str]:
    """The keys that begin with the prefix."""
    token: dict[str, str] = {}
    while True:
        attempted = f"list objects below {prefix} in bucket {bucket.name}"
        page = bucket.call("list_objects_v2", attempted, "s3:ListBucket", Prefix=prefix, **token)
        yield from (str(entry["Key"]) for entry in page.get("Contents") or [] if entry["Key"].startswith(prefix))
        before, token = token, {"ContinuationToken": page.get("NextContinuationToken", "")}
        if not page.get("IsTruncated") or not token["ContinuationToken"] or token == before:
            return


def list_top_level(bucket: Bucket) -> list[str]:
    """Keys without a slash, and prefixes up to their first slash: the first page of them."""
    attempted = f"list the first level of bucket {bucket.name}"
    page = bucket.call("list_objects_v2", attempted, "s3:ListBucket", Delimiter="/")
    prefixes = [str(entry.get("Prefix", "")) for entry in page.get("CommonPrefixes") or []]
    return [*(str(entry.get("Key", "")) for entry in page.get("Contents") or []), *prefixes]


def list_noncurrent_versions(bucket: Bucket, prefix: str) -> list[dict[str, t.Any]]:
    """Noncurrent versions below the prefix, as far as the first page shows.

    If the first page shows none but there are more pages of a bucket with versions, the answer is its first object.
    """
    attempted = f"look for versions below {prefix or '/'} in bucket {bucket.name}"
    try:
        status = bucket.call("get_bucket_versioning", attempted, "s3:GetBucketVersioning").get("Status")
        if not status:
            return []
        page = bucket.call("list_object_versions", attempted, "s3:ListBucketVersions", Prefix=prefix)
    except errors.UnsupportedError:
        return []
    versions = [entry for entry in page.get("Versions") or [] if str(entry.get("Key", "")).startswith(prefix)]
    noncurrent = [entry for entry in versions if not entry.get("IsLatest")]
    return noncurrent or (versions[:1] if page.get("IsTruncated") else [])


def folders_at_the_top(bucket: Bucket) -> tuple[str, ...]:
    """The prefixes of the first level, each with a slash at its end."""
    found: list[str] = []
    token: dict[str, str] = {}
    while True:
        attempted = f"list the folders of bucket {bucket.name}"
        page = bucket.call("list_objects_v2", attempted, "s3:ListBucket", Delimiter="/", **token)
        found += [entry.get("Prefix", "") for entry in page.get("CommonPrefixes") or []]
        before, token = token, {"ContinuationToken": page.get("NextContinuationToken", "")}
        if not page.get("IsTruncated") or not token["ContinuationToken"] or token == before:
            return tuple(dict.fromkeys(found))


def put_small_object(bucket: Bucket, key: str, body: bytes, attempted: str, **params: t.Any) -> dict[str, t.Any]:
    """Write an object in one piece, encrypted where the bucket insists on it.

    AWS always knows SSE-S3. Other stores may refuse the header, so that there it is sent only after a refusal that a
    policy of the kind ``require_encryption`` would explain; a refused write has no effect.
    """
    params.update(Key=key, Body=body, ContentMD5=md5(body))
    encrypted = {**params, "ServerSideEncryption": "AES256"}
    if bucket.connection.is_aws:
        return bucket.call("put_object", attempted, "s3:PutObject", **encrypted)
    try:
        return bucket.call("put_object", attempted, "s3:PutObject", **params)
    except errors.DeniedError as denied:
        try:
            return bucket.call("put_object", attempted, "s3:PutObject", **encrypted)
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
        for entry in [*(page.get("Versions") or page.get("Contents") or []), *(page.get("DeleteMarkers") or [])]:
            if not entry.get("Key"):
                raise _no_listing(bucket, f"list the contents of bucket {bucket.name}")
            yield Entry(str(entry["Key"]), entry.get("Size"))
        yield from (Entry(str(entry.get("Prefix", "")), is_prefix=True) for entry in page.get("CommonPrefixes") or [])


def _list_pages(bucket: Bucket, params: dict[str, str]) -> t.Iterator[dict[str, t.Any]]:
    """The pages of a listing of versions, or of objects where the store has no versions."""
    operation = "list_object_versions"
    try:
        page = _list_page(bucket, operation, params)
        has_versions = _is_version_listing(page)
    except errors.UnsupportedError:
        has_versions = False
    if not has_versions:
        operation = "list_objects_v2"
        page = _list_page(bucket, operation, params)
        if page.get("RootElement") != "ListBucketResult":
            raise _no_listing(bucket, f"list the contents of bucket {bucket.name}")
    position: dict[str, str] = {}
    while True:
        yield page
        before, position = position, _next_position(page)
        if not page.get("IsTruncated") or not position or position == before:
            return
        page = _list_page(bucket, operation, {**params, **position})


def _list_page(bucket: Bucket, operation: str, params: dict[str, str]) -> dict[str, t.Any]:
    action = "s3:ListBucketVersions" if operation == "list_object_versions" else "s3:ListBucket"
    return bucket.call(operation, f"list the contents of bucket {bucket.name}", action, **params)


def _next_position(page: t.Mapping[str, t.Any]) -> dict[str, str]:
    """The parameters for the next page; empty if the page names none."""
    names = ("KeyMarker", "VersionIdMarker") if page.get("NextKeyMarker") else ()
    position = {name: str(page[f"Next{name}"]) for name in names if page.get(f"Next{name}")}
    token = page.get("NextContinuationToken")
    return {"ContinuationToken": str(token)} if token else position


def _is_version_listing(page: t.Mapping[str, t.Any]) -> bool:
    return page.get("RootElement") in ("ListVersionsResult", "ListVersionResult")


def what_it_holds(bucket: Bucket, apart: str) -> tuple[bool, bool]:
    """Whether a certain object is in the bucket, and whether anything else is, or is on its way into it."""
    keys = {found["Key"] for found in _contents(bucket, most=MOST_DELETED)}
    if keys == {apart}:
        # Its versions may be more than a page.
        keys.update(found["Key"] for found in _contents(bucket, most=1, after=apart))
    return apart in keys, bool(keys - {apart}) or next(_uploads(bucket), None) is not None


def remove(bucket: Bucket, key: str) -> None:
    """Delete all versions of an object that is the only one in the bucket."""
    _delete_all(bucket, lambda found: found["Key"] == key)


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
    """Delete every object, version and delete marker, and abort every open multipart upload.

    :returns: how many of each were removed.
    """
    deleted = _delete_all(bucket, lambda entry: True)
    return {"objects": deleted, "uploads": abort_uploads(bucket, lambda key: True)}


def abort_uploads(bucket: Bucket, is_included: t.Callable[[str], bool]) -> int:
    """Abort the multipart uploads in progress whose keys are included.

    :returns: how many were aborted.
    """
    aborted = 0
    for upload in [upload for upload in _uploads(bucket) if is_included(upload["Key"])]:
        attempted = f"abort the upload of {upload['Key']} to bucket {bucket.name}"
        try:
            bucket.call("abort_multipart_upload", attempted, "s3:AbortMultipartUpload", **upload)
        except errors.NotFoundError:
            continue  # it was completed or aborted meanwhile
        aborted += 1
    return aborted


def _delete_all(bucket: Bucket, which: t.Callable[[dict[str, str]], bool], prefix: str = "") -> int:
    """Each listing starts at the beginning: not every store can go on after a key that is gone meanwhile."""
    removed = 0
    before: list[dict[str, str]] = []
    while keys := [found for found in _contents(bucket, most=MOST_DELETED, prefix=prefix) if which(found)]:
        if keys == before:
            hint = "Look for an object lock, or whether the store can delete versions."
            problem = f"{bucket.connection.store} accepted it, but still shows {keys[0]['Key']}"
            raise errors.RejectedError(f"delete {len(keys)} objects of bucket {bucket.name}", problem, hint)
        _delete(bucket, keys)
        removed += len(keys)
        before = keys
    return removed


def _delete(bucket: Bucket, keys: list[dict[str, str]]) -> None:
    attempted = f"delete {len(keys)} objects of bucket {bucket.name}"
    request = {"Objects": keys, "Quiet": True}
    answer = bucket.call("delete_objects", attempted, "s3:DeleteObject and s3:DeleteObjectVersion", Delete=request)
    refused = answer.get("Errors") or []
    if refused:
        problem = f"{len(refused)} of them stayed, the first being {refused[0].get('Key')}: {refused[0].get('Message')}"
        hint = "Look for an object lock or a policy that denies deleting; what could be deleted is gone."
        raise errors.RejectedError(attempted, problem, hint, code=refused[0].get("Code"))


def _contents(bucket: Bucket, most: int, after: str = "", prefix: str = "") -> list[dict[str, str]]:
    """What DeleteObjects takes for the first things in the bucket; empty only if nothing is in it.

    :param after: only what comes after this key.
    :param prefix: only what begins with it.
    """
    attempted = f"list what bucket {bucket.name} holds"
    below = {"Prefix": prefix} if prefix else {}
    marker = {**below, **({"KeyMarker": after} if after else {})}
    try:
        page = bucket.call("list_object_versions", attempted, "s3:ListBucketVersions", MaxKeys=most, **marker)
        versions = _is_version_listing(page)
    except errors.UnsupportedError:
        versions = False
    if versions:
        found = [*(page.get("Versions") or []), *(page.get("DeleteMarkers") or [])]
        return [_named(bucket, attempted, entry) for entry in found][:MOST_DELETED]
    marker = {**below, **({"StartAfter": after} if after else {})}
    page = bucket.call("list_objects_v2", attempted, "s3:ListBucket", MaxKeys=most, **marker)
    if page.get("RootElement") != "ListBucketResult":
        raise _no_listing(bucket, attempted)
    return [_named(bucket, attempted, entry) for entry in page.get("Contents") or []]


def _named(bucket: Bucket, attempted: str, entry: t.Mapping[str, t.Any]) -> dict[str, str]:
    """An entry of a listing as DeleteObjects takes it; not every store names the one version of what has no others."""
    if not entry.get("Key"):
        raise _no_listing(bucket, attempted)
    return {name: entry[name] for name in ("Key", "VersionId") if entry.get(name)}


def _no_listing(bucket: Bucket, attempted: str) -> errors.UnsupportedError:
    problem = f"{bucket.connection.store} answered with something that is no listing"
    return errors.UnsupportedError(attempted, problem, "Nothing was deleted.", store=bucket.connection.store)


def _uploads(bucket: Bucket) -> t.Iterator[dict[str, str]]:
    attempted = f"list the open uploads of bucket {bucket.name}"
    markers: dict[str, str] = {}
    while True:
        try:
            page = bucket.call("list_multipart_uploads", attempted, "s3:ListBucketMultipartUploads", **markers)
        except (errors.UnsupportedError, errors.NotFoundError):
            return  # a store that cannot list them has none that would keep the bucket from going
        for upload in page.get("Uploads") or []:
            yield {"Key": upload.get("Key", ""), "UploadId": upload.get("UploadId", "")}
        before, markers = markers, {}
        for name in ("KeyMarker", "UploadIdMarker"):
            if page.get(f"Next{name}"):
                markers[name] = str(page[f"Next{name}"])
        if not page.get("IsTruncated") or not markers or markers == before:
            return
