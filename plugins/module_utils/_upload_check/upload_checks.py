# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the uploader's key does in an upload check: put, and put in parts.

PRIVATE to the collection ``vonage.archiving``: there is no stability promise outside of it.

Vonage documents the key form ``<project>/<archive>/archive.mp4`` or ``archive.zip`` and the permission s3:PutObject
("Using Amazon S3 storage with OpenTok archiving"). How it uploads is not documented; recordings above 5 GB leave no
choice but a multipart upload (Amazon S3 User Guide, "Uploading objects"), so both kinds are tried.
"""

from __future__ import annotations

import functools
import typing as t
from dataclasses import dataclass

from .._aws.errors import CREDENTIAL_CODES, owner_hint, told
from .._core.deadline import Patience
from .._core.errors import ArchivingError, NotFoundError, RejectedError
from .params import Settings
from .probe import Check, Keys, Ledger, code, is_denied, key_is_unknown, may_pass, problem

# The smallest size S3 takes for a part that is not the last ("Amazon S3 multipart upload limits").
PART_SIZE = 5 * 1024 * 1024
AES256 = "AES256"


@dataclass(frozen=True)
class Uploader:
    """The key under test, at work; safe to share between threads."""

    settings: Settings
    client: t.Any
    keys: Keys
    ledger: Ledger
    patience: Patience

    @property
    def content(self) -> bytes:
        """What the single-part probe holds: unlike anything a web server would answer by itself."""
        return f"Upload check by vonage.archiving, to be removed: {self.keys.folder}\n".encode()

    def put(self) -> list[Check]:
        """The first upload, from which follows whether anything else can be tried."""
        try:
            answer = self.patience.call(self._put, may_pass)
        except ArchivingError as exc:
            return not_put(exc, self.settings, self.patience.waited)
        waited = f"The store knows the key, {self.patience.waited:.1f} s after the start of the check."
        where = f"s3://{self.settings.bucket}/{self.keys.single}"
        checks = [Check("credentials", True, waited), Check("put_object", True, f"{where} was uploaded in one piece.")]
        return [*checks, *self._echo("put_sse_echo", "the upload", [answer])]

    def _put(self) -> t.Any:
        what = f"upload s3://{self.settings.bucket}/{self.keys.single}"
        with self.ledger.putting(self.keys.single), told(what, self.settings.uploader, "s3:PutObject"):
            answer = self.client.put_object(
                Bucket=self.settings.bucket, Key=self.keys.single, Body=self.content, **self._encryption
            )
        self.ledger.put(self.keys.single, answer.get("VersionId"))
        return answer

    @property
    def _encryption(self) -> dict[str, str]:
        return {"ServerSideEncryption": AES256} if self.settings.sse else {}

    def put_in_parts(self) -> list[Check]:
        try:
            answers = self._put_in_parts()
        except ArchivingError as exc:
            advice = (
                "A multipart upload needs the permission s3:PutObject and nothing else; long recordings "
                "cannot arrive without it."
            )
            return [Check("multipart_upload", False, f"While trying to {exc.operation}: {problem(exc)} {advice}")]
        where = f"s3://{self.settings.bucket}/{self.keys.multipart}"
        check = Check("multipart_upload", True, f"{where} was uploaded in two parts.")
        return [check, *self._echo("multipart_sse_echo", "the multipart upload", answers)]

    def _put_in_parts(self) -> list[t.Any]:
        """All answers, since any of them can tell of encryption.

        That the first upload was let in says little of these: what is new in IAM comes to some servers later than to
        others.
        """
        place = {"Bucket": self.settings.bucket, "Key": self.keys.multipart}
        begun = self.patience.call(lambda: self.begin(self.keys.multipart), may_pass)
        upload = {**place, "UploadId": begun["UploadId"]}
        parts: list[t.Any] = []
        for number, body in enumerate((b"\0" * PART_SIZE, self.content), start=1):
            parts.append(self.patience.call(functools.partial(self._part, upload, number, body), may_pass))
        tags = [{"PartNumber": number, "ETag": part["ETag"]} for number, part in enumerate(parts, start=1)]
        completed = self.patience.call(lambda: self._complete(upload, tags), may_pass)
        self.ledger.ended(self.keys.multipart, begun["UploadId"])
        self.ledger.put(self.keys.multipart, completed.get("VersionId"))
        return [begun, *parts, completed]

    def begin(self, key: str) -> t.Any:
        what = f"begin the multipart upload of s3://{self.settings.bucket}/{key}"
        with told(what, self.settings.uploader, "s3:PutObject"):
            begun = self.client.create_multipart_upload(Bucket=self.settings.bucket, Key=key, **self._encryption)
        _require(begun, "UploadId", what)
        self.ledger.begun(key, begun["UploadId"])
        return begun

    def _part(self, upload: dict[str, str], number: int, body: bytes) -> t.Any:
        what = f"upload part {number} of s3://{self.settings.bucket}/{upload['Key']}"
        with told(what, self.settings.uploader, "s3:PutObject"):
            part = self.client.upload_part(**upload, PartNumber=number, Body=body)
        _require(part, "ETag", what)
        return part

    def _complete(self, upload: dict[str, str], parts: list[dict[str, t.Any]]) -> t.Any:
        what = f"complete the multipart upload of s3://{self.settings.bucket}/{upload['Key']}"
        with self.ledger.putting(upload["Key"]), told(what, self.settings.uploader, "s3:PutObject"):
            return self.client.complete_multipart_upload(**upload, MultipartUpload={"Parts": parts})

    def _echo(self, name: str, what: str, answers: t.Sequence[t.Any]) -> list[Check]:
        if not self.settings.sse:
            return []
        seen = [answer["ServerSideEncryption"] for answer in answers if answer.get("ServerSideEncryption")]
        return [echo(name, what, seen)]


def _require(answer: t.Any, name: str, attempted: str) -> None:
    """Something that answers anything with 200 is no store."""
    if not answer.get(name):
        raise RejectedError(attempted, f"the answer has no {name}, as that of every S3 store has")


def echo(name: str, what: str, seen: t.Sequence[str]) -> Check:
    """The judgement on what the store says of encryption in its answers to an upload; pure.

    The header x-amz-server-side-encryption belongs to the answers of PutObject, CreateMultipartUpload, UploadPart and
    CompleteMultipartUpload (Amazon S3 API Reference). One is enough: SeaweedFS has it in UploadPart's only.
    """
    if seen and set(seen) == {AES256}:
        return Check(name, True, f'The store answered {what} with "x-amz-server-side-encryption: AES256".')
    came = f'"x-amz-server-side-encryption: {seen[0]}"' if seen else "no x-amz-server-side-encryption"
    for value in seen:
        came = f'"x-amz-server-side-encryption: {value}"' if value != AES256 else came
    return Check(
        name,
        False,
        f"{what[0].upper()}{what[1:]} asked for AES256, the store's answer has {came}: it does not encrypt as asked. "
        "Use a store that does, or s3.sse=none where the store encrypts by itself.",
    )


def not_put(exc: ArchivingError, settings: Settings, waited: float) -> list[Check]:
    """The findings of a first upload that did not succeed; pure."""
    if key_is_unknown(exc):
        advice = "Look whether the key is active, and whether s3.endpoint is the store it belongs to."
        detail = f"Still not valid after {waited:.0f} s: {problem(exc)} {advice}"
        return [Check("credentials", False, detail)]
    if code(exc) in CREDENTIAL_CODES:
        return [Check("credentials", False, f"{problem(exc)} {exc.hint}")]
    if is_denied(exc):
        known = Check("credentials", True, "The store knows the key: what it refuses is the upload.")
        return [known, Check("put_object", False, f"After {waited:.0f} s still: {problem(exc)} {_refusal(settings)}")]
    advice = f"Create the bucket {settings.bucket} first, or correct its name." if _no_bucket(exc) else exc.hint
    return [Check("put_object", False, f"{problem(exc)} {advice}".rstrip())]


def _no_bucket(exc: ArchivingError) -> bool:
    return isinstance(exc, NotFoundError)


def _refusal(settings: Settings) -> str:
    rule = "" if settings.sse else " Or the bucket's policy demands encryption: then s3.sse must be s3."
    return (
        f"The key's user needs s3:PutObject on {settings.bucket}/{settings.prefix}/*, and the bucket's policy must "
        f"not deny it.{rule} {owner_hint(settings.uploader)}"
    ).rstrip()
