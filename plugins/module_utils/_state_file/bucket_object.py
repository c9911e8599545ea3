# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A state file in an S3 or S3-compatible store.

PRIVATE to the collection ``vonage.archiving``: there is no stability promise outside of it.
"""

from __future__ import annotations

from .._aws.conditional_object import ConditionalObject, StoredObject
from .._aws.session import Connection, make_client
from .._core import errors


class ObjectStore(ConditionalObject):
    """The store of one state file. Thread-safe."""

    def read(self) -> StoredObject:
        try:
            return super().read()
        except errors.DeniedError as exc:
            if exc.facts.get("action") != "s3:GetObject":
                raise
            raise errors.DeniedError(
                exc.operation,
                exc.problem,
                f"{exc.hint} Without s3:ListBucket on the bucket, the response is the same for a state file that "
                "does not exist yet.",
                **exc.facts,
            ) from exc

    def write(self, data: bytes, expected: StoredObject | None) -> StoredObject:
        try:
            return super().write(data, expected)
        except errors.NotFoundError as exc:
            hint = "The bucket must exist before the state file can be written. Create it first."
            raise errors.NotFoundError(exc.operation, exc.problem, hint, **exc.facts) from exc


def object_store(connection: Connection, bucket: str, key: str) -> ObjectStore:
    """Create the store of one state file."""
    return ObjectStore(connection, bucket, key, make_client(connection), "the state file")
