# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A bucket of the run, with requests to any store that accepts signatures of AWS."""

from __future__ import annotations

import base64
import hashlib
from xml.sax.saxutils import escape

from tests.live.http import S3, Response
from tests.live.question import Run, require

BUCKET = "bucket"
# The smallest part of a multipart upload, except the last part.
PART_SIZE = 5 * 1024 * 1024


def create_bucket(run: Run, s3: S3, location: str) -> str:
    """Create the bucket of the run, and return its name."""
    configuration = (
        f"<CreateBucketConfiguration><LocationConstraint>{location}</LocationConstraint></CreateBucketConfiguration>"
    )
    body = configuration.encode() if location else b""
    run.create(BUCKET, run.name, lambda: s3.send("PUT", run.name, body=body))
    return run.name


def delete_bucket(s3: S3, bucket: str) -> bool:
    """Delete a bucket of a run with its objects and uploads, and return whether it existed."""
    uploads = s3.send("GET", bucket, query={"uploads": ""})
    if uploads.status == 404:
        return False
    require(uploads, "list the uploads")
    for key, upload_id in zip(uploads.texts("Key"), uploads.texts("UploadId"), strict=True):
        s3.send("DELETE", bucket, key, query={"uploadId": upload_id})
    for key in require(s3.send("GET", bucket, query={"list-type": "2"}), "list the objects").texts("Key"):
        s3.send("DELETE", bucket, key)
    deleted = s3.send("DELETE", bucket)
    if deleted.status != 404:
        require(deleted, "delete the bucket")
    return True


def start_upload(s3: S3, bucket: str, key: str) -> str:
    """Start a multipart upload, and return its ID."""
    response = require(s3.send("POST", bucket, key, query={"uploads": ""}), "start an upload")
    return response.texts("UploadId")[0]


def upload_part(s3: S3, bucket: str, key: str, upload_id: str, number: int, body: bytes) -> Response:
    """Upload one part."""
    return s3.send("PUT", bucket, key, query={"partNumber": str(number), "uploadId": upload_id}, body=body)


def complete_upload(s3: S3, bucket: str, key: str, upload_id: str, tags: list[str]) -> Response:
    """Complete an upload; ``tags`` are the headers ETag of its parts."""
    parts = "".join(
        f"<Part><PartNumber>{number}</PartNumber><ETag>{escape(tag)}</ETag></Part>"
        for number, tag in enumerate(tags, 1)
    )
    body = f"<CompleteMultipartUpload>{parts}</CompleteMultipartUpload>".encode()
    return s3.send("POST", bucket, key, query={"uploadId": upload_id}, body=body)


def content_md5(body: bytes) -> str:
    """Return the value of the header Content-MD5."""
    return base64.b64encode(hashlib.md5(body).digest()).decode()
