# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Permissions that the uploader's key must not have.

PRIVATE to the collection ``vonage.archiving``: there is no stability promise outside of it.

"Partners should not provide any additional permissions for the credentials that they store with Vonage" (Vonage's
security guide for archiving).
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from .._aws.errors import translate_errors
from .._core.errors import ArchivingError
from .probe import Check, is_denied, is_key_unknown, problem, retry_until_effective
from .upload_checks import ProbeUploader


@dataclass(frozen=True)
class PermissionChecks:
    """Checks that the store denies operations to the key under test. Threads can share it."""

    uploader: ProbeUploader

    def check_read(self, is_publicly_readable: t.Callable[[], bool]) -> Check:
        """Check that the key cannot read.

        :param is_publicly_readable: whether the probe can be read without a key: then the key adds no permission.
        """

        def read() -> None:
            with self._as_uploader("read the probe"):
                self.uploader.client.get_object(**self._probe)["Body"].close()

        check = self._check_denied("no_read", read, "read recordings", "s3:GetObject")
        if check.ok or not is_publicly_readable():
            return check
        detail = "Objects below this prefix can be read without a key. The key adds no permission to read."
        return Check("no_read", True, detail)

    def check_list_outside(self) -> Check:
        def list_bucket() -> None:
            with self._as_uploader("list the bucket"):
                self.uploader.client.list_objects_v2(Bucket=self._probe["Bucket"], MaxKeys=1)

        return self._check_denied("no_list_outside", list_bucket, "list the whole bucket", "s3:ListBucket")

    def check_put_outside(self) -> Check:
        """Only *create* a multipart upload: this needs the permission to put, and creates no object."""

        def create_upload() -> None:
            self.uploader.create_multipart_upload(self.uploader.keys.outside)

        operation = "write outside of the project's prefix"
        return self._check_denied("no_put_outside", create_upload, operation, "s3:PutObject")

    def check_delete(self) -> Check:
        """The last check: it may delete the probe."""
        key, created = self._probe["Key"], self.uploader.created
        versions = [version for object_key, version in created.objects if object_key == key and version]

        def delete() -> None:
            with self._as_uploader("delete the probe"):
                response = self.uploader.client.delete_object(**self._probe)
            if response.get("VersionId"):
                created.add_object(key, response["VersionId"])

        def delete_version() -> None:
            with self._as_uploader("delete a version of the probe"):
                self.uploader.client.delete_object(**self._probe, VersionId=versions[0])

        check = self._check_denied("no_delete", delete, "delete recordings", "s3:DeleteObject")
        if not check.ok or not versions:
            return check
        action = "s3:DeleteObjectVersion"
        return self._check_denied("no_delete", delete_version, "delete versions of recordings", action)

    @property
    def _probe(self) -> dict[str, str]:
        return {"Bucket": self.uploader.params.bucket, "Key": self.uploader.keys.single}

    def _as_uploader(self, operation: str) -> t.ContextManager[None]:
        return translate_errors(f"{operation} with the uploader's key", self.uploader.params.uploader)

    def _check_denied(self, name: str, call: t.Callable[[], None], operation: str, action: str) -> Check:
        try:
            retry_until_effective(call, is_key_unknown, self.uploader.deadline)
        except ArchivingError as exc:
            if is_denied(exc):
                return Check(name, True, f"The key cannot {operation}: {problem(exc)}")
            return Check(name, False, f"Could not check whether the key can {operation}: {problem(exc)}")
        detail = (
            f"The key can {operation}, which is not necessary for uploads. Remove {action} there from the permissions "
            "of its user: a stolen key must not allow more than uploads."
        )
        return Check(name, False, detail)
