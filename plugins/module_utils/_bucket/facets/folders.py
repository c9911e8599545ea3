# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Folders of a bucket: zero-byte objects whose key ends in a slash, as the S3 console creates them.

PRIVATE to the collection ``vonage.archiving``: there is no stability promise outside of it.

A store that keeps objects as files may confuse ``name/`` with ``name``: rclone replaces a folder and its contents by an
empty file. Therefore a listing decides whether a folder exists. On a store other than AWS, no folder replaces an
existing object. If the store creates another object instead of a folder, the object is deleted again: it would block
all uploads below the folder.
"""

from __future__ import annotations

import typing as t

from ..._aws.s3_client import Bucket, Subresource
from ..._aws.s3_objects import first_key, head_object, put_small_object
from ..._core import errors
from .base import Facet

Folders = tuple[str, ...]


class FoldersFacet(Facet[Folders, Folders]):
    name = "folders"
    subresource = Subresource(
        title="the folders",
        get="list_objects_v2",
        put="put_object",
        delete="",
        expected_root_elements=frozenset(),
        not_set_codes=frozenset(),
        actions=("s3:ListBucket", "s3:PutObject", ""),
    )

    def read(self, bucket: Bucket, desired: Folders) -> Folders:
        return tuple(name for name in desired if _exists(bucket, name))

    def parse(self, response: dict[str, t.Any] | None) -> Folders:
        return ()

    def target(self, desired: Folders, current: Folders) -> Folders:
        return desired

    def equal(self, one: Folders, other: Folders) -> bool:
        return set(one) == set(other)

    def to_option(self, state: Folders) -> list[str]:
        return sorted(name.rstrip("/") for name in state)

    def payload(self, state: Folders) -> dict[str, t.Any] | None:
        raise NotImplementedError("folders are objects; write() creates each of them")

    def write(self, bucket: Bucket, desired: Folders, state: Folders) -> bool:
        for name in desired:
            if not _exists(bucket, name):
                _create_folder(bucket, name)
        return True


def _exists(bucket: Bucket, name: str) -> bool:
    """Whether the folder exists. On a store other than AWS, a folder that contains anything needs no marker."""
    key = first_key(bucket, name)
    return key == name or (key is not None and not bucket.connection.is_aws)


def _create_folder(bucket: Bucket, name: str) -> None:
    if not bucket.connection.is_aws and head_object(bucket, name) is not None:
        raise _folder_not_kept_error(
            bucket, name, f"returns an object {name.rstrip('/')!r} under this name", "Nothing was written."
        )
    with bucket.runtime.changes.record(f"bucket {bucket.name}", f"folder {name}"):
        put_small_object(bucket, name, b"", f"create the folder {name} in bucket {bucket.name}")
    if _exists(bucket, name):
        return
    if bucket.connection.is_aws or head_object(bucket, name) is None:
        raise _folder_not_kept_error(bucket, name, "accepted it, but does not list it", "")
    bucket.call("delete_object", f"delete the object that replaced the folder {name}", "s3:DeleteObject", Key=name)
    raise _folder_not_kept_error(bucket, name, "created another object", "The object was deleted again.")


def _folder_not_kept_error(bucket: Bucket, name: str, problem: str, consequence: str) -> errors.UnsupportedError:
    hint = (
        "This store may not keep empty objects. Leave the folders out, or add folders to skip_unsupported: uploads do "
        "not need them."
    )
    return errors.UnsupportedError(
        f"create the folder {name} in bucket {bucket.name}",
        f"{bucket.connection.display_name} {problem}",
        f"{consequence} {hint}".strip(),
        store=bucket.connection.display_name,
        facet=FoldersFacet.subresource.title,
    )
