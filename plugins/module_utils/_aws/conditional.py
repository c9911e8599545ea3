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

from ansible_collections.vonage.archiving.plugins.module_utils import _errors as errors
from ansible_collections.vonage.archiving.plugins.module_utils._aws import time_budget
from ansible_collections.vonage.archiving.plugins.module_utils._aws.connection import TRIES, Connection, md5
from ansible_collections.vonage.archiving.plugins.module_utils._aws.errors import answered, told
from ansible_collections.vonage.archiving.plugins.module_utils._libraries import load

# No object of this kind is ever near this size; what is larger is something else.
LARGEST = 65536
# What stores answer to a write because of its condition: the object is another, has appeared, or is gone.
CONFLICTS = frozenset({409, 412})
AES256 = {"ServerSideEncryption": "AES256"}
AGAIN = "Run it again once the other run has ended."


@dataclass(frozen=True)
class Held:
    """What a store holds at one moment.

    :param data: ``None`` where there is nothing.
    :param version: the store's own name for this very content (an ETag); empty where it has none.
    :param place: whether there is a bucket that could hold it.
    :param age: how many seconds ago it was written, in whole seconds and by the store's own clock; ``None`` where the
        store does not tell.
    """

    data: bytes | None
    version: str = ""
    place: bool = True
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

    def read(self) -> Held:
        """What is there now."""
        try:
            with told(f"read {self.title} {self.location}", self.connection, "s3:GetObject"):
                data, answer = get_small_object(self.client, self.bucket, self.key, LARGEST)
                return Held(data, answer.get("ETag", ""), age=_age(answer))
        except errors.NotFoundError as exc:
            return Held(None, place=exc.facts.get("code") != "NoSuchBucket")

    def write(self, data: bytes, expected: Held | None) -> Held:
        """Replace what is there, and say what is held now.

        :param expected: replace only this; ``None`` replaces whatever there is.
        :raises ConflictError: something else is there.
        """
        attempted = f"write {self.title} {self.location}"
        with told(attempted, self.connection, "s3:PutObject"):
            if expected is None:
                return self._put(data, {})
            if not self.connection.is_aws:
                # Some stores take a condition and ignore it (rclone does): looking first leaves them a moment to be
                # wrong in, where it would otherwise be the whole run.
                self._compare(expected, attempted)
            condition = _condition(expected)
            try:
                return self._put(data, condition) if condition else self._compare_and_put(data, expected, attempted)
            except load("botocore.exceptions").ClientError as exc:
                answer = answered(exc)
                if not condition:
                    raise
                if _is_conflict(answer.status, answer.code):
                    found = self._after_conflict(data, expected, answer.status, attempted, exc)
                    if found:
                        return found
                elif self.connection.is_aws or answer.status not in (400, 405, 501):
                    raise  # AWS has conditions: what it refuses, it refuses for another reason
            return self._compare_and_put(data, expected, attempted)

    def _put(self, data: bytes, condition: dict[str, str]) -> Held:
        # AWS encrypts anyway, but a policy may demand the header. Elsewhere it is sent only after a plain write was
        # refused: a store that cannot encrypt fails on it.
        ours = {"Bucket": self.bucket, "Key": self.key, "Body": data, "ContentMD5": md5(data)}
        ours.update(ContentType="application/json", **condition)
        if self.connection.is_aws:
            return Held(data, self.client.put_object(**ours, **AES256).get("ETag", ""))
        try:
            return Held(data, self.client.put_object(**ours).get("ETag", ""))
        except load("botocore.exceptions").ClientError as exc:
            if answered(exc).status != 403:
                raise
            refused = exc
        try:
            return Held(data, self.client.put_object(**ours, **AES256).get("ETag", ""))
        except load("botocore.exceptions").ClientError as exc:
            # Of the two answers, the one to the write without frills says what is wrong, unless it is the condition.
            raise (exc if _is_conflict(answered(exc).status, answered(exc).code) else refused) from None

    def _compare_and_put(self, data: bytes, expected: Held, attempted: str) -> Held:
        """Without conditional writes: look, write, look again. The second look finds whoever wrote at the same time."""
        self._compare(expected, attempted)
        self._put(data, {})
        held = self.read()
        if held.data != data:
            raise errors.ConflictError(attempted, "another run has written it at the same time", AGAIN)
        return held

    def _compare(self, expected: Held, attempted: str) -> None:
        if self.read().data != expected.data:
            raise errors.ConflictError(attempted, "another run has written it in between", AGAIN)

    def _after_conflict(self, data: bytes, expected: Held, status: int, attempted: str, exc: Exception) -> Held | None:
        """What is held, if it is ours: a write whose answer was lost is sent again by botocore, and then meets itself.

        ``None`` if the condition does hold: SeaweedFS 4.48 finds no ETag equal to that of a version that was written
        before versioning was suspended.
        """
        held = self.read()
        if held.data == data:
            return held
        unchanged = (held.data, held.version) == (expected.data, expected.version)
        if status == 412 and unchanged and not self.connection.is_aws:
            return None
        raise errors.ConflictError(attempted, "another run has written it in between", AGAIN) from exc


def get_small_object(client: t.Any, bucket: str, key: str, most: int) -> tuple[bytes, dict[str, t.Any]]:
    """The first bytes of an object, and the response. The time budget includes the body."""

    def get() -> tuple[bytes, dict[str, t.Any]]:
        response = client.get_object(Bucket=bucket, Key=key)
        return response["Body"].read(most), response

    data, response = time_budget.run("GetObject", get, TRIES)
    return data, response


def _condition(expected: Held) -> dict[str, str]:
    """The condition for a write; empty where the store has no means for it."""
    if expected.data is None:
        return {"IfNoneMatch": "*"}
    return {"IfMatch": expected.version} if expected.version else {}


def _is_conflict(status: int, code: str) -> bool:
    # AWS answers 404 to If-Match where the object is gone.
    return status in CONFLICTS or code == "NoSuchKey"


def _age(answer: t.Mapping[str, t.Any]) -> float | None:
    """Both times are the store's: no clock of ours has to be right."""
    now = email.utils.parsedate_tz(answer["ResponseMetadata"].get("HTTPHeaders", {}).get("date", ""))
    then = answer.get("LastModified")
    if now is None or not isinstance(then, datetime.datetime):
        return None
    return email.utils.mktime_tz(now) - then.timestamp()
