# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether archives that count as uploaded are in the bucket, with the size that the API says.

PRIVATE to the collection ``vonage.archiving``: there is no stability promise outside of it.

The key of a recording is fixed: ``<project>/<archive>/archive.mp4``, or ``archive.zip`` for individual streams (the
guide "Using S3 storage with archiving"); how that of an encrypted one ends is not documented. Each is looked for by
listing what begins with ``<project>/<archive>/archive.``: that finds every ending, and takes s3:ListBucket alone, where
a HEAD would take the permission to read recordings.
"""

from __future__ import annotations

import typing as t
from concurrent.futures import ThreadPoolExecutor

from .._aws.s3_client import Bucket
from .._aws.session import CONNECTIONS
from .archives import MOST_IDS, Archive, counted


def check(bucket: Bucket, project_id: str, archives: t.Sequence[Archive], most: int) -> dict[str, t.Any]:
    """What is missing in the bucket, or has another size.

    :param archives: those that count as uploaded, newest first.
    :param most: look for so many of them.
    """
    looked_for = archives[:most]
    with ThreadPoolExecutor(max_workers=CONNECTIONS) as pool:
        sizes = list(pool.map(lambda archive: _sizes(bucket, project_id, archive), looked_for))
    found = list(zip(looked_for, sizes))
    missing = [archive.id for archive, there in found if not there]
    other = [
        {"id": archive.id, "expected": archive.size, "found": max(there)}
        for archive, there in found
        if there and archive.size not in there
    ]
    return {
        "bucket": bucket.name,
        "checked": len(looked_for),
        "not_checked": len(archives) - len(looked_for),
        "missing": counted(missing),
        "mismatched": {"count": len(other), "archives": other[:MOST_IDS]},
    }


def is_good(checked: t.Mapping[str, t.Any]) -> bool:
    """Whether nothing was found to be wrong."""
    return not checked["missing"]["count"] and not checked["mismatched"]["count"]


def _sizes(bucket: Bucket, project_id: str, archive: Archive) -> list[int]:
    """The sizes of the files of one archive; there is one, or none."""
    attempted = f"look for archive {archive.id} in bucket {bucket.name}"
    prefix = f"{project_id}/{archive.id}/archive."
    page = bucket.call("list_objects_v2", attempted, "s3:ListBucket", Prefix=prefix)
    return [int(entry["Size"]) for entry in page.get("Contents") or []]
