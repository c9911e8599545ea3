# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Folders of a bucket: zero-byte objects whose key ends in a slash, as the S3 console makes them.

PRIVATE to the collection ``vonage.archiving``: there is no stability promise outside of it.
"""

from __future__ import annotations

import typing as t

from ansible_collections.vonage.archiving.plugins.module_utils import _errors as errors
from ansible_collections.vonage.archiving.plugins.module_utils._aws.bucket_api import Bucket, Subresource
from ansible_collections.vonage.archiving.plugins.module_utils._aws.facets.base import Facet
from ansible_collections.vonage.archiving.plugins.module_utils._aws.objects import head_object, put_small_object

Folders = tuple[str, ...]


class FoldersFacet(Facet[Folders, Folders]):
    name = "folders"
    sub = Subresource(
        title="the folders",
        get="head_object",
        put="put_object",
        delete="",
        roots=frozenset(),
        absent=frozenset(),
        actions=("s3:GetObject", "s3:PutObject", ""),
    )

    def read(self, bucket: Bucket, wanted: Folders) -> Folders:
        return tuple(name for name in wanted if head_object(bucket, name) is not None)

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

    def write(self, bucket: Bucket, wanted: Folders, state: Folders) -> None:
        present = self.read(bucket, wanted)
        for name in wanted:
            if name not in present:
                put_small_object(bucket, name, b"", f"make the folder {name} in bucket {bucket.name}")
        missing = sorted(set(wanted) - set(self.read(bucket, wanted)))
        if missing:
            raise errors.UnsupportedError(
                f"make the folder {missing[0]} in bucket {bucket.name}",
                f"{bucket.connection.store} accepted it, but does not show it",
                "This store may keep no empty objects: leave the folders out, uploads do not need them.",
            )
