# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Multipart uploads in progress: a key must not be deactivated while a recording is uploaded with it.

PRIVATE to the collection ``vonage.archiving``: there is no stability promise outside of it.

S3 verifies the signature of every part of a multipart upload: without an active key, the upload fails. Uploads in
progress are listed (Amazon S3 API Reference, ListMultipartUploads). An upload in one piece is not listed; its signature
is only verified at its start.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from .._core import errors
from .._core.retry import Deadline, backoff, wait_until
from .._core.runtime import SYSTEM, Runtime
from .errors import translate_errors
from .s3_naming import PROBE_PREFIX, UploadLocation
from .session import Connection

# Older uploads have failed: recordings end after four hours (Vonage's archiving guide). A leftover of a failed upload
# must not keep a key active forever.
LONGEST_UPLOAD = 24 * 3600
# Maximum difference between the clocks of this machine and of the store.
MAX_CLOCK_SKEW = 30
# The part of the timeout that passes before the first listing.
FIRST_WAIT = 0.1

# A bucket, and the id of an upload.
Upload = tuple[str, str]


@dataclass(frozen=True)
class MultipartUploads:
    """The uploads of one project.

    :param operator: the connection of ``client``, which lists the uploads.
    :param locations: where uploads may be in progress; the first one is that of the target.
    """

    operator: Connection
    client: t.Any
    locations: t.Sequence[UploadLocation]
    runtime: Runtime = SYSTEM

    def started_before(self, time: float) -> set[Upload]:
        """The uploads in progress that started before a time, in Unix seconds."""
        return {upload for location in self.locations for upload in self._fetch(location, time)}

    @property
    def _buckets(self) -> list[str]:
        return list(dict.fromkeys(location.bucket for location in self.locations))

    def drain(self, seconds: float) -> bool:
        """Wait for the uploads that started until now; whether they have ended."""
        awaited = f"uploads in progress to {' and '.join(f's3://{bucket}' for bucket in self._buckets)}"
        start, deadline = self.runtime.now(), Deadline(seconds, self.runtime, awaited=awaited)
        # A client that has read the old target just before the change starts its upload a moment later.
        deadline.pause(seconds * FIRST_WAIT)
        return self.wait(start, deadline)

    def wait(self, time: float, deadline: Deadline) -> bool:
        """Wait for the uploads that started before a time; whether they have ended. Later uploads are ignored."""
        pending: set[Upload] | None = None

        def fetch() -> set[Upload]:
            nonlocal pending
            current = self.started_before(time)
            pending = current if pending is None else pending & current
            return pending

        return wait_until(fetch, lambda uploads: not uploads, deadline, backoff()) == set()

    def _fetch(self, location: UploadLocation, time: float) -> set[Upload]:
        earliest = self.runtime.now() - LONGEST_UPLOAD
        try:
            uploads = self._list_uploads(location)
        except errors.NotFoundError:
            # Without the bucket there are no uploads.
            return set()
        except errors.DeniedError:
            if location == self.locations[0]:
                raise
            # The operator may lack permissions on a previous bucket: assume an upload in progress for the longest time
            # that an upload can take.
            return {(location.bucket, "")} if time > earliest else set()
        starts = {(location.bucket, item["UploadId"]): item["Initiated"].timestamp() for item in uploads}
        return {upload for upload, start in starts.items() if earliest < start <= time + MAX_CLOCK_SKEW}

    def _list_uploads(self, location: UploadLocation) -> list[t.Any]:
        prefix = f"{location.prefix}/"
        operation = f"list uploads in progress below s3://{location.bucket}/{prefix}"
        with translate_errors(operation, self.operator, "s3:ListBucketMultipartUploads"):
            pages = self.client.get_paginator("list_multipart_uploads").paginate(Bucket=location.bucket, Prefix=prefix)
            uploads = [upload for page in pages for upload in page.get("Uploads", [])]
        return [upload for upload in uploads if not upload["Key"].startswith(f"{prefix}{PROBE_PREFIX}")]
