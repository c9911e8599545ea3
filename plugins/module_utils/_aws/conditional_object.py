# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An object in an S3 or S3-compatible store, replaced by conditional writes where the store has them.

PRIVATE to the collection ``vonage.archiving``: there is no stability promise outside of it.

Conditional writes: Amazon S3 User Guide, "How to prevent object overwrites with conditional writes".
"""

from __future__ import annotations

import datetime
import email.utils
import typing as t
from dataclasses import dataclass, field

from .._core import errors
from .._core.optional_imports import load
from . import time_budget
from .errors import parse_client_error, translate_errors
from .session import TRIES, Connection, md5

# Bytes. Locks and state files are much smaller.
LARGEST = 65536
# The statuses of a failed condition: the object has changed, appeared, or was deleted.
CONFLICTS = frozenset({409, 412})
AES256 = {"ServerSideEncryption": "AES256"}
HINT_RETRY_LATER = "Run it again once the other run has ended."


@dataclass(frozen=True)
class StoredObject:
    """The object at one moment.

    :param data: ``None`` if the object does not exist.
    :param version: the ETag; empty if the store returns none.
    :param bucket_exists: whether the bucket exists.
    :param age: seconds since it was written, in whole seconds by the clock of the store; ``None`` if it is not known.
    """

    data: bytes | None
    version: str = ""
    bucket_exists: bool = True
    age: float | None = field(default=None, compare=False)


@dataclass(frozen=True)
class ConditionalObject:
    """One object. Safe to use from many threads.

    :param title: what messages call it.
    """

    connection: Connection
    bucket: str
    key: str
    client: t.Any = field(default=None, repr=False)
    title: str = "the object"

    @property
    def location(self) -> str:
        return f"s3://{self.bucket}/{self.key}"

    def read(self) -> StoredObject:
        """The current object."""
        try:
            with translate_errors(f"read {self.title} {self.location}", self.connection, "s3:GetObject"):
                data, response = get_small_object(self.client, self.bucket, self.key, LARGEST)
                return StoredObject(data, response.get("ETag", ""), age=_age(response))
        except errors.NotFoundError as exc:
            return StoredObject(None, bucket_exists=exc.facts.get("code") != "NoSuchBucket")

    def write(self, data: bytes, expected: StoredObject | None) -> StoredObject:
        """Replace the object.

        :param expected: replace only this object; ``None`` replaces any.
        :raises ConflictError: the current object is another one.
        """
        operation = f"write {self.title} {self.location}"
        with translate_errors(operation, self.connection, "s3:PutObject"):
            if expected is None:
                return self._put(data, {})
            if not self.connection.is_aws:
                # Some stores accept a condition and ignore it (rclone does). A comparison before the write reduces the
                # time of a possible conflict from the whole run to a moment.
                self._compare(expected, operation)
            condition = _condition(expected)
            try:
                return self._put(data, condition) if condition else self._compare_and_put(data, expected, operation)
            except load("botocore.exceptions").ClientError as exc:
                response = parse_client_error(exc)
                if not condition:
                    raise
                if _is_conflict(response.status, response.code):
                    stored = self._resolve_conflict(data, expected, response.status, operation, exc)
                    if stored:
                        return stored
                elif self.connection.is_aws or response.status not in (400, 405, 501):
                    raise  # AWS supports conditions: there is another reason
            return self._compare_and_put(data, expected, operation)

    def delete(self, expected: StoredObject) -> None:
        """Delete the object, after a comparison: not all stores support a condition for it.

        :raises ConflictError: the current object is another one.
        """
        operation = f"delete {self.title} {self.location}"
        with translate_errors(operation, self.connection, "s3:DeleteObject"):
            self._compare(expected, operation)
            self.client.delete_object(Bucket=self.bucket, Key=self.key)

    def _put(self, data: bytes, condition: dict[str, str]) -> StoredObject:
        # AWS encrypts anyway, but a policy may require the header. Other stores get it only after they denied a write
        # without it, since a store that cannot encrypt fails on it.
        request = {"Bucket": self.bucket, "Key": self.key, "Body": data, "ContentMD5": md5(data)}
        request.update(ContentType="application/json", **condition)
        if self.connection.is_aws:
            return StoredObject(data, self.client.put_object(**request, **AES256).get("ETag", ""))
        try:
            return StoredObject(data, self.client.put_object(**request).get("ETag", ""))
        except load("botocore.exceptions").ClientError as exc:
            if parse_client_error(exc).status != 403:
                raise
            denial = exc
        try:
            return StoredObject(data, self.client.put_object(**request, **AES256).get("ETag", ""))
        except load("botocore.exceptions").ClientError as exc:
            # The error of the first write contains the reason, unless the condition of the second one failed.
            raise (
                exc if _is_conflict(parse_client_error(exc).status, parse_client_error(exc).code) else denial
            ) from None

    def _compare_and_put(self, data: bytes, expected: StoredObject, operation: str) -> StoredObject:
        """Without conditional writes: compare, write, read back. The last read detects a concurrent write."""
        self._compare(expected, operation)
        self._put(data, {})
        stored = self.read()
        if stored.data != data:
            raise errors.ConflictError(operation, "another run has written it concurrently", HINT_RETRY_LATER)
        return stored

    def _compare(self, expected: StoredObject, operation: str) -> None:
        if self.read().data != expected.data:
            raise errors.ConflictError(operation, "another run has written it in between", HINT_RETRY_LATER)

    def _resolve_conflict(
        self, data: bytes, expected: StoredObject, status: int, operation: str, exc: Exception
    ) -> StoredObject | None:
        """The current object if this run has written it: botocore retries a write whose response was lost.

        ``None`` if the condition holds: in SeaweedFS 4.48, no ETag equals that of a version that was written before
        versioning was suspended.
        """
        stored = self.read()
        if stored.data == data:
            return stored
        unchanged = (stored.data, stored.version) == (expected.data, expected.version)
        if status == 412 and unchanged and not self.connection.is_aws:
            return None
        raise errors.ConflictError(operation, "another run has written it in between", HINT_RETRY_LATER) from exc


def get_small_object(client: t.Any, bucket: str, key: str, most: int) -> tuple[bytes, dict[str, t.Any]]:
    """The first bytes of an object, and the response. The time budget includes the body."""

    def get() -> tuple[bytes, dict[str, t.Any]]:
        response = client.get_object(Bucket=bucket, Key=key)
        return response["Body"].read(most), response

    data, response = time_budget.run("GetObject", get, TRIES)
    return data, response


def _condition(expected: StoredObject) -> dict[str, str]:
    """The condition for a write; empty if the store returns no ETag."""
    if expected.data is None:
        return {"IfNoneMatch": "*"}
    return {"IfMatch": expected.version} if expected.version else {}


def _is_conflict(status: int, code: str) -> bool:
    # AWS returns 404 for If-Match if the object does not exist.
    return status in CONFLICTS or code == "NoSuchKey"


def _age(response: t.Mapping[str, t.Any]) -> float | None:
    """Both times are those of the store: no local clock matters."""
    now = email.utils.parsedate_tz(response["ResponseMetadata"].get("HTTPHeaders", {}).get("date", ""))
    modified = response.get("LastModified")
    if now is None or not isinstance(modified, datetime.datetime):
        return None
    return email.utils.mktime_tz(now) - modified.timestamp()
