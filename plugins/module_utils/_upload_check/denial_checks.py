# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the uploader's key must not be able to do, tried in an upload check.

PRIVATE to the collection ``vonage.archiving``: there is no stability promise outside of it.

"Partners should not provide any additional permissions for the credentials that they store with Vonage" (Vonage's
security guide for archiving).
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from .._aws.errors import told
from .._core.errors import ArchivingError
from .probe import Check, is_denied, key_is_unknown, problem
from .upload_checks import Uploader


@dataclass(frozen=True)
class Denials:
    """The key under test, trying what it must not; safe to share between threads."""

    uploader: Uploader

    def read(self, anybody_can: t.Callable[[], bool]) -> Check:
        """Whether the key is kept from reading.

        :param anybody_can: whether the object can be read without a key, so that the key adds nothing.
        """

        def attempt() -> None:
            with self._as_uploader("read the probe"):
                self.uploader.client.get_object(**self._probe)["Body"].close()

        check = self._forbidden("no_read", attempt, "read recordings", "s3:GetObject")
        if check.ok or not anybody_can():
            return check
        return Check("no_read", True, "Anybody can read below this prefix without a key: the key adds nothing to that.")

    def list_outside(self) -> Check:
        def attempt() -> None:
            with self._as_uploader("list the bucket"):
                self.uploader.client.list_objects_v2(Bucket=self._probe["Bucket"], MaxKeys=1)

        return self._forbidden("no_list_outside", attempt, "list the whole bucket", "s3:ListBucket")

    def put_outside(self) -> Check:
        """Only *begins* an upload: that takes the permission of a put and makes no object."""

        def attempt() -> None:
            self.uploader.begin(self.uploader.keys.outside)

        return self._forbidden("no_put_outside", attempt, "write outside of the project's prefix", "s3:PutObject")

    def delete(self) -> Check:
        """Comes last: it may take the probe away."""
        key, ledger = self._probe["Key"], self.uploader.ledger
        versions = [version for put, version in ledger.objects if put == key and version]

        def attempt() -> None:
            with self._as_uploader("delete the probe"):
                answer = self.uploader.client.delete_object(**self._probe)
            if answer.get("VersionId"):
                ledger.put(key, answer["VersionId"])

        def attempt_version() -> None:
            with self._as_uploader("delete a version of the probe"):
                self.uploader.client.delete_object(**self._probe, VersionId=versions[0])

        check = self._forbidden("no_delete", attempt, "delete recordings", "s3:DeleteObject")
        if not check.ok or not versions:
            return check
        return self._forbidden("no_delete", attempt_version, "delete versions of recordings", "s3:DeleteObjectVersion")

    @property
    def _probe(self) -> dict[str, str]:
        return {"Bucket": self.uploader.settings.bucket, "Key": self.uploader.keys.single}

    def _as_uploader(self, deed: str) -> t.ContextManager[None]:
        return told(f"{deed} with the uploader's key", self.uploader.settings.uploader)

    def _forbidden(self, name: str, attempt: t.Callable[[], None], deed: str, action: str) -> Check:
        try:
            self.uploader.patience.call(attempt, key_is_unknown)
        except ArchivingError as exc:
            if is_denied(exc):
                return Check(name, True, f"The key cannot {deed}: {problem(exc)}")
            return Check(name, False, f"It could not be found out whether the key can {deed}: {problem(exc)}")
        return Check(
            name,
            False,
            f"The key can {deed}, which an upload does not need: take {action} there away from its user, so that "
            "whoever gets hold of the key can do no more than upload.",
        )
