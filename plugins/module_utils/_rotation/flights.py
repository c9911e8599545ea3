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

import typing as t
from dataclasses import dataclass

from ansible_collections.vonage.archiving.plugins.module_utils import _errors as errors
from ansible_collections.vonage.archiving.plugins.module_utils._aws.errors import told
from ansible_collections.vonage.archiving.plugins.module_utils._aws.upload_probe import FOLDER_START, Patience
from ansible_collections.vonage.archiving.plugins.module_utils._rotation.options import Desired
from ansible_collections.vonage.archiving.plugins.module_utils._rotation.plan import LONGEST_UPLOAD

# Clocks of this machine and of the store differ by less.
SKEW = 30


@dataclass(frozen=True)
class Flights:
    """Looks at the uploads of one project.

    :param client: the operator's, for S3.
    """

    wanted: Desired
    client: t.Any

    def begun_before(self, moment: float) -> int:
        """How many uploads that began before then, in Unix seconds, are still under way."""
        begun = [upload["Initiated"].timestamp() for upload in self._listed()]
        return sum(moment - LONGEST_UPLOAD < each <= moment + SKEW for each in begun)

    def landed(self, moment: float, patience: Patience) -> bool:
        """Wait for these uploads to end; whether they have."""
        return any(not self.begun_before(moment) for _pause in patience.pauses())

    def _listed(self) -> list[t.Any]:
        bucket, prefix = self.wanted.target.place, f"{self.wanted.project.id}/"
        attempted = f"look for uploads under way below s3://{bucket}/{prefix}"
        try:
            with told(attempted, self.wanted.operator, "s3:ListBucketMultipartUploads"):
                pages = self.client.get_paginator("list_multipart_uploads").paginate(Bucket=bucket, Prefix=prefix)
                found = [upload for page in pages for upload in page.get("Uploads", [])]
        except errors.NotFoundError:
            # No such bucket, so nothing is uploaded to it.
            return []
        return [upload for upload in found if not upload["Key"].startswith(f"{prefix}{FOLDER_START}")]
