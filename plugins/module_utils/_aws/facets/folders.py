# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Folders of a bucket: zero-byte objects whose key ends in a slash, as the S3 console makes them.

PRIVATE to the collection ``vonage.archiving``: there is no stability promise outside of it.

A store that keeps objects as files may take ``name/`` for ``name``: rclone replaces a folder and all that is in it by
an empty file. So a listing decides what is there, nothing is written over what a store other than AWS may confuse it
with, and what became something else is taken away again, for it would refuse all uploads below it.
"""

from __future__ import annotations

import typing as t

from ansible_collections.vonage.archiving.plugins.module_utils import _errors as errors
from ansible_collections.vonage.archiving.plugins.module_utils._aws.bucket_api import Bucket, Subresource
from ansible_collections.vonage.archiving.plugins.module_utils._aws.facets.base import Facet
from ansible_collections.vonage.archiving.plugins.module_utils._aws.objects import (
    first_key,
    head_object,
    put_small_object,
)

Folders = tuple[str, ...]


class FoldersFacet(Facet[Folders, Folders]):
    name = "folders"
    sub = Subresource(
        title="the folders",
        get="list_objects_v2",
        put="put_object",
        delete="",
        roots=frozenset(),
        absent=frozenset(),
        actions=("s3:ListBucket", "s3:PutObject", ""),
    )

    def read(self, bucket: Bucket, wanted: Folders) -> Folders:
        return tuple(name for name in wanted if _is_there(bucket, name))

    def parse(self, found: dict[str, t.Any] | None) -> Folders:
        return ()

    def target(self, wanted: Folders, current: Folders) -> Folders:
        return wanted

    def same(self, one: Folders, other: Folders) -> bool:
        return set(one) == set(other)

    def show(self, state: Folders) -> list[str]:
        return sorted(name.rstrip("/") for name in state)

    def payload(self, state: Folders) -> dict[str, t.Any] | None:
        raise NotImplementedError("folders are objects; write() makes each of them")

    def write(self, bucket: Bucket, wanted: Folders, state: Folders) -> bool:
        for name in wanted:
            if not _is_there(bucket, name):
                _make(bucket, name)
        return True


def _is_there(bucket: Bucket, name: str) -> bool:
    """On a store other than AWS, a folder that holds anything is there as it is."""
    found = first_key(bucket, name)
    return found == name or (found is not None and not bucket.connection.is_aws)


def _make(bucket: Bucket, name: str) -> None:
    if not bucket.connection.is_aws and head_object(bucket, name) is not None:
        raise _confused(bucket, name, f"shows an object {name.rstrip('/')!r} under this name", "Nothing was written.")
    put_small_object(bucket, name, b"", f"make the folder {name} in bucket {bucket.name}")
    if _is_there(bucket, name):
        return
    if bucket.connection.is_aws or head_object(bucket, name) is None:
        raise _confused(bucket, name, "accepted it, but does not show it", "")
    bucket.call("delete_object", f"remove what became of the folder {name}", "s3:DeleteObject", Key=name)
    raise _confused(bucket, name, "made something else of it", "That was removed again.")


def _confused(bucket: Bucket, name: str, problem: str, deed: str) -> errors.UnsupportedError:
    hint = "This store may keep no empty objects: leave the folders out, uploads do not need them."
    return errors.UnsupportedError(
        f"make the folder {name} in bucket {bucket.name}",
        f"{bucket.connection.store} {problem}",
        f"{deed} {hint}".strip(),
        store=bucket.connection.store,
        facet=FoldersFacet.sub.title,
    )
