# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Uploads with the uploader's key: in one piece, and as a multipart upload.

PRIVATE to the collection ``vonage.archiving``: there is no stability promise outside of it.

Vonage documents the key form ``<project>/<archive>/archive.mp4`` or ``archive.zip`` and the permission s3:PutObject
("Using Amazon S3 storage with OpenTok archiving"). How it uploads is not documented. Recordings above 5 GB require a
multipart upload (Amazon S3 User Guide, "Uploading objects"). The checks therefore cover both kinds.
"""

from __future__ import annotations

import functools
import typing as t
from dataclasses import dataclass

from .._aws.errors import CREDENTIAL_CODES, owner_hint, translate_errors
from .._core.errors import ArchivingError, NotFoundError, RejectedError
from .._core.retry import Deadline
from .params import UploadCheckParams
from .probe import (
    Check,
    CreatedObjects,
    ProbeKeys,
    code,
    is_denied,
    is_key_unknown,
    is_retryable,
    problem,
    retry_until_effective,
)

T = t.TypeVar("T")

# The smallest size of a part, except for the last one ("Amazon S3 multipart upload limits").
PART_SIZE = 5 * 1024 * 1024
AES256 = "AES256"


@dataclass(frozen=True)
class ProbeUploader:
    """Uploads probes with the key under test. Threads can share it.

    :param deadline: until then, a new key and its policy have to be in effect.
    """

    params: UploadCheckParams
    client: t.Any
    keys: ProbeKeys
    created: CreatedObjects
    deadline: Deadline

    @property
    def content(self) -> bytes:
        """The content of the single-part probe; no web server responds with it by chance."""
        return f"Upload check by vonage.archiving, to be removed: {self.keys.folder}\n".encode()

    def check_put_object(self) -> list[Check]:
        """The first upload: most other checks depend on it."""
        try:
            response = self._retry(self._put_object)
        except ArchivingError as exc:
            return upload_failed_checks(exc, self.params, self.deadline.elapsed)
        detail = f"The store knows the key, {self.deadline.elapsed:.1f} s after the start of the check."
        url = f"s3://{self.params.bucket}/{self.keys.single}"
        checks = [Check("credentials", True, detail), Check("put_object", True, f"{url} was uploaded in one piece.")]
        return [*checks, *self._sse_header_checks("put_sse_echo", "the upload", [response])]

    def _put_object(self) -> t.Any:
        operation = f"upload s3://{self.params.bucket}/{self.keys.single}"
        with (
            self.created.track_put(self.keys.single),
            translate_errors(operation, self.params.uploader, "s3:PutObject"),
        ):
            response = self.client.put_object(
                Bucket=self.params.bucket, Key=self.keys.single, Body=self.content, **self._encryption
            )
        self.created.add_object(self.keys.single, response.get("VersionId"))
        return response

    @property
    def _encryption(self) -> dict[str, str]:
        return {"ServerSideEncryption": AES256} if self.params.sse else {}

    def check_multipart_upload(self) -> list[Check]:
        try:
            responses = self._upload_multipart()
        except ArchivingError as exc:
            advice = (
                "A multipart upload needs only the permission s3:PutObject. Without multipart uploads, long recordings "
                "cannot be uploaded."
            )
            return [Check("multipart_upload", False, f"Could not {exc.operation}: {problem(exc)} {advice}")]
        url = f"s3://{self.params.bucket}/{self.keys.multipart}"
        check = Check("multipart_upload", True, f"{url} was uploaded in two parts.")
        return [check, *self._sse_header_checks("multipart_sse_echo", "the multipart upload", responses)]

    def _upload_multipart(self) -> list[t.Any]:
        """Upload two parts, and return all responses: each of them can have the encryption header.

        Each call is retried although the first upload has succeeded: a change of IAM reaches some servers later.
        """
        location = {"Bucket": self.params.bucket, "Key": self.keys.multipart}
        created = self._retry(lambda: self.create_multipart_upload(self.keys.multipart))
        upload = {**location, "UploadId": created["UploadId"]}
        parts: list[t.Any] = []
        for number, body in enumerate((b"\0" * PART_SIZE, self.content), start=1):
            parts.append(self._retry(functools.partial(self._upload_part, upload, number, body)))
        tags = [{"PartNumber": number, "ETag": part["ETag"]} for number, part in enumerate(parts, start=1)]
        completed = self._retry(lambda: self._complete_multipart_upload(upload, tags))
        self.created.remove_upload(self.keys.multipart, created["UploadId"])
        self.created.add_object(self.keys.multipart, completed.get("VersionId"))
        return [created, *parts, completed]

    def create_multipart_upload(self, key: str) -> t.Any:
        operation = f"create the multipart upload of s3://{self.params.bucket}/{key}"
        with translate_errors(operation, self.params.uploader, "s3:PutObject"):
            response = self.client.create_multipart_upload(Bucket=self.params.bucket, Key=key, **self._encryption)
        _require(response, "UploadId", operation)
        self.created.add_upload(key, response["UploadId"])
        return response

    def _upload_part(self, upload: dict[str, str], number: int, body: bytes) -> t.Any:
        operation = f"upload part {number} of s3://{self.params.bucket}/{upload['Key']}"
        with translate_errors(operation, self.params.uploader, "s3:PutObject"):
            response = self.client.upload_part(**upload, PartNumber=number, Body=body)
        _require(response, "ETag", operation)
        return response

    def _complete_multipart_upload(self, upload: dict[str, str], parts: list[dict[str, t.Any]]) -> t.Any:
        operation = f"complete the multipart upload of s3://{self.params.bucket}/{upload['Key']}"
        with self.created.track_put(upload["Key"]), translate_errors(operation, self.params.uploader, "s3:PutObject"):
            return self.client.complete_multipart_upload(**upload, MultipartUpload={"Parts": parts})

    def _retry(self, call: t.Callable[[], T]) -> T:
        return retry_until_effective(call, is_retryable, self.deadline)

    def _sse_header_checks(self, name: str, upload: str, responses: t.Sequence[t.Any]) -> list[Check]:
        if not self.params.sse:
            return []
        values = [response["ServerSideEncryption"] for response in responses if response.get("ServerSideEncryption")]
        return [sse_header_check(name, upload, values)]


def _require(response: t.Any, name: str, operation: str) -> None:
    """Reject servers that respond to any request with status 200."""
    if not response.get(name):
        raise RejectedError(operation, f"the response has no {name}. The server is not an S3 store")


def sse_header_check(name: str, upload: str, values: t.Sequence[str]) -> Check:
    """Check the encryption headers of the responses to an upload.

    The header x-amz-server-side-encryption is part of the responses of PutObject, CreateMultipartUpload, UploadPart,
    and CompleteMultipartUpload (Amazon S3 API Reference). One is sufficient: SeaweedFS sends it for UploadPart only.
    """
    if values and set(values) == {AES256}:
        return Check(name, True, f'The response to {upload} has "x-amz-server-side-encryption: AES256".')
    header = f'"x-amz-server-side-encryption: {values[0]}"' if values else "no x-amz-server-side-encryption"
    for value in values:
        header = f'"x-amz-server-side-encryption: {value}"' if value != AES256 else header
    detail = (
        f"{upload[0].upper()}{upload[1:]} requested AES256, but the response has {header}: the store does not encrypt "
        "as requested. Use a store that does. If the store encrypts all objects by default, set s3.sse=none."
    )
    return Check(name, False, detail)


def upload_failed_checks(exc: ArchivingError, settings: UploadCheckParams, waited: float) -> list[Check]:
    """The checks that fail with the first upload."""
    if is_key_unknown(exc):
        advice = "Check that the key is active, and that s3.endpoint is the store of the key."
        return [Check("credentials", False, f"Still not valid after {waited:.0f} s: {problem(exc)} {advice}")]
    if code(exc) in CREDENTIAL_CODES:
        return [Check("credentials", False, f"{problem(exc)} {exc.hint}")]
    if is_denied(exc):
        credentials = Check("credentials", True, "The store knows the key; it denies the upload.")
        detail = f"Still denied after {waited:.0f} s: {problem(exc)} {_permission_hint(settings)}"
        return [credentials, Check("put_object", False, detail)]
    is_missing = isinstance(exc, NotFoundError)
    advice = f"Create the bucket {settings.bucket} first, or correct its name." if is_missing else exc.hint
    return [Check("put_object", False, f"{problem(exc)} {advice}".rstrip())]


def _permission_hint(settings: UploadCheckParams) -> str:
    rule = "" if settings.sse else " If the bucket policy requires encryption, set s3.sse=s3."
    return (
        f"The key's user needs s3:PutObject on {settings.bucket}/{settings.prefix}/*, and the bucket policy must "
        f"not deny it.{rule} {owner_hint(settings.uploader)}"
    ).rstrip()
