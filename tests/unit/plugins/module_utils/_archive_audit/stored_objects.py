# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A model of the listing of a bucket."""

from __future__ import annotations

import bisect
import datetime
import typing as t

from ansible_collections.vonage.archiving.plugins.module_utils._core.runtime import SYSTEM

EPOCH = datetime.datetime(2026, 11, 1, tzinfo=datetime.timezone.utc)


class StoredObjects:
    """A bucket with these objects, in the order of their keys.

    :param objects: the keys, or the sizes by key; an object without a size has three bytes.
    :param page_size: the number of objects in a page.
    """

    name = "recordings"
    runtime = SYSTEM

    def __init__(self, objects: t.Iterable[str], page_size: int = 1000) -> None:
        self.sizes: t.Mapping[str, int] = objects if isinstance(objects, dict) else {}
        self.keys = sorted(objects)
        self.page_size = page_size
        self.prefixes: list[str] = []

    def call(self, method: str, operation: str, action: str, **params: t.Any) -> dict[str, t.Any]:
        assert (method, action) == ("list_objects_v2", "s3:ListBucket")
        self.prefixes.append(params["Prefix"])
        first = bisect.bisect_right(self.keys, params.get("ContinuationToken", ""))
        first = max(first, bisect.bisect_left(self.keys, params["Prefix"]))
        page = [key for key in self.keys[first : first + self.page_size + 1] if key.startswith(params["Prefix"])]
        contents = [
            {"Key": key, "Size": self.sizes.get(key, 3), "LastModified": EPOCH} for key in page[: self.page_size]
        ]
        is_truncated = len(page) > self.page_size
        token = {"NextContinuationToken": contents[-1]["Key"]} if is_truncated else {}
        return {"Contents": contents, "IsTruncated": is_truncated, **token}
