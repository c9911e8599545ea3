# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Check that uploaded archives are in the bucket, with the size that the API reports.

PRIVATE to the collection ``vonage.archiving``: there is no stability promise outside of it.

The key of a recording is fixed: ``<project>/<archive>/archive.mp4``, or ``archive.zip`` for individual streams (the
guide "Using S3 storage with archiving"). The extension of an encrypted recording is not documented. Therefore each
archive is searched by the prefix ``<project>/<archive>/archive.``. This matches every extension, and needs only
s3:ListBucket, while a HEAD request needs the permission to read recordings.
"""

from __future__ import annotations

import functools
import typing as t

from .._aws.s3_client import Bucket
from .._aws.session import CONNECTIONS
from .archives import MAX_IDS, Archive, summarize_ids


def check_objects(bucket: Bucket, project_id: str, archives: t.Sequence[Archive], limit: int) -> dict[str, t.Any]:
    """Check that the objects of archives exist in the bucket, with the expected size.

    :param archives: the uploaded archives, newest first.
    :param limit: the maximum number of archives to check.
    """
    checked = archives[:limit]
    tasks = [functools.partial(_list_sizes, bucket, project_id, archive) for archive in checked]
    sizes = dict(zip(checked, bucket.runtime.run_concurrently(tasks, CONNECTIONS)))
    mismatched = [
        {"id": archive.id, "expected": archive.size, "found": max(sizes[archive])}
        for archive in checked
        if sizes[archive] and archive.size not in sizes[archive]
    ]
    return {
        "bucket": bucket.name,
        "checked": len(checked),
        "not_checked": len(archives) - len(checked),
        "missing": summarize_ids([archive.id for archive in checked if not sizes[archive]]),
        "mismatched": {"count": len(mismatched), "archives": mismatched[:MAX_IDS]},
    }


def is_ok(objects: t.Mapping[str, t.Any]) -> bool:
    """Whether no object is missing or has another size."""
    return not objects["missing"]["count"] and not objects["mismatched"]["count"]


def _list_sizes(bucket: Bucket, project_id: str, archive: Archive) -> list[int]:
    """The sizes of the objects of an archive: one or none."""
    operation = f"list the objects of archive {archive.id} in bucket {bucket.name}"
    prefix = f"{project_id}/{archive.id}/archive."
    page = bucket.call("list_objects_v2", operation, "s3:ListBucket", Prefix=prefix)
    return [int(entry["Size"]) for entry in page.get("Contents") or []]
