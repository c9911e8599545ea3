# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Uploads that are under way: a key must not go while a recording is being uploaded with it.

PRIVATE to the collection ``vonage.archiving``: there is no stability promise outside of it.

S3 checks the signature of every part of a multipart upload: once its key is inactive, the upload is lost. Open uploads
show in a listing (Amazon S3 API Reference, ListMultipartUploads); an upload in one piece does not, and needs none,
since its signature is checked when it begins.
"""

from __future__ import annotations

import time
import typing as t
from dataclasses import dataclass

from .._core import errors
from .._core.deadline import Patience
from .errors import told
from .s3_naming import PROBE_PREFIX, UploadLocation
from .session import Connection

# An upload that has taken longer will not end any more: recordings are cut at four hours (Vonage's archiving guide),
# and what a broken upload leaves must not keep a key alive for ever.
LONGEST_UPLOAD = 24 * 3600
# Clocks of this machine and of the store differ by less.
SKEW = 30
# The part of the time to wait for uploads that passes before the first look for them.
GRACE = 0.1

Flight = tuple[str, str]


@dataclass(frozen=True)
class Flights:
    """Looks at the uploads of one project.

    :param operator: who looks, and ``client`` with it.
    :param places: where they may be; the first is that of the target.
    :param now: Unix seconds.
    """

    operator: Connection
    client: t.Any
    places: t.Sequence[UploadLocation]
    now: t.Callable[[], float] = time.time

    def begun_before(self, moment: float) -> set[Flight]:
        """The uploads that began before then, in Unix seconds, and are still under way."""
        return {flight for place in self.places for flight in self._at(place, moment)}

    def drained(self, seconds: float, sleep: t.Callable[[float], None] = time.sleep) -> bool:
        """Wait that long for those that began until now; whether they have ended."""
        moment, patience = self.now(), Patience(seconds, sleep=sleep)
        # Who has read the target a moment before it was set begins the upload a moment after.
        sleep(seconds * GRACE)
        return self.landed(moment, patience)

    def landed(self, moment: float, patience: Patience) -> bool:
        """Wait for these uploads to end; whether they have. What begins later does not count, whatever the clocks."""
        left: set[Flight] | None = None
        for _pause in patience.pauses():
            found = self.begun_before(moment)
            left = found if left is None else left & found
            if not left:
                return True
        return False

    def _at(self, place: UploadLocation, moment: float) -> set[Flight]:
        earliest = self.now() - LONGEST_UPLOAD
        try:
            uploads = self._listed(place)
        except errors.NotFoundError:
            # No such bucket, so nothing is uploaded to it.
            return set()
        except errors.DeniedError:
            if place == self.places[0]:
                raise
            # Of a bucket that recordings went to formerly, nobody has to know: then there may be one until it must be
            # over.
            return {(place.bucket, "")} if moment > earliest else set()
        begun = {(place.bucket, each["UploadId"]): each["Initiated"].timestamp() for each in uploads}
        return {flight for flight, when in begun.items() if earliest < when <= moment + SKEW}

    def _listed(self, place: UploadLocation) -> list[t.Any]:
        prefix = f"{place.prefix}/"
        attempted = f"look for uploads under way below s3://{place.bucket}/{prefix}"
        with told(attempted, self.operator, "s3:ListBucketMultipartUploads"):
            pages = self.client.get_paginator("list_multipart_uploads").paginate(Bucket=place.bucket, Prefix=prefix)
            found = [upload for page in pages for upload in page.get("Uploads", [])]
        return [upload for upload in found if not upload["Key"].startswith(f"{prefix}{PROBE_PREFIX}")]
