# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The location of a state file: its option, and the interface of the stores.

PRIVATE to the collection ``vonage.archiving``: there is no stability promise outside of it.
"""

from __future__ import annotations

import os
import re
import typing as t
from dataclasses import dataclass

from .._aws import session as aws
from .._aws.conditional_object import StoredObject
from .._aws.errors import translate_errors
from .._aws.s3_naming import STATE_FILE_PREFIX, state_file_key
from .._core.errors import InputError
from .._core.problems import Problems
from .._core.values import none_if_blank, without_userinfo
from .bucket_object import object_store
from .local_file import FileStore

__all__ = [
    "DeletableStore",
    "Location",
    "Store",
    "StoredObject",
    "is_reserved",
    "open_store",
    "parse_location",
    "parse_store",
]


class Store(t.Protocol):
    """The store of one state file. It raises the errors of ``_core/errors``."""

    @property
    def location(self) -> str:
        """An absolute path, or ``s3://bucket/key``."""

    def read(self) -> StoredObject:
        """Read the current content."""

    def write(self, data: bytes, expected: StoredObject | None) -> StoredObject:
        """Replace the content (compare-and-swap), and return the new one.

        :param expected: the content to replace; ``None`` for any.
        :raises ConflictError: the current content is not the expected one.
        """


class DeletableStore(Store, t.Protocol):
    """A store whose state file can be deleted."""

    def delete(self, expected: StoredObject) -> None:
        """Delete this content.

        :raises ConflictError: the current content is not the expected one.
        """


@dataclass(frozen=True)
class Location:
    """A parsed ``state_file`` option; ``bucket`` is empty for a local file."""

    bucket: str
    path: str


def parse_location(text: str, project_id: str, problems: Problems) -> Location | None:
    """Parse the option ``state_file``.

    :param project_id: the prefix of the recordings in the bucket.
    :returns: ``None`` after a problem.
    """
    if re.match(r"[A-Za-z][A-Za-z0-9+.-]*://", text):
        return _parse_s3_location(text, project_id, problems)
    path = os.path.expanduser(text)
    if not os.path.isabs(path):
        problems.add("state_file", f"{text!r} is neither an absolute path nor s3://bucket/key")
    elif path.endswith("/"):
        problems.add("state_file", f"{text!r} is a folder, not a file")
    else:
        return Location("", os.path.normpath(path))
    return None


def _parse_s3_location(text: str, project_id: str, problems: Problems) -> Location | None:
    match = re.fullmatch(r"s3://([A-Za-z0-9][A-Za-z0-9._-]{1,220}[A-Za-z0-9])/([^/].*)", text)
    if not match or text.endswith("/") or "?" in text or "#" in text:
        problems.add("state_file", f"{without_userinfo(text)!r} is not of the form s3://bucket/key")
        return None
    bucket, key = match.groups()
    if project_id and key.startswith(f"{project_id}/"):
        problems.add(
            "state_file",
            f"{text!r} is below {project_id}/, the prefix of recordings, which may be public. Use another key, such "
            f"as s3://{bucket}/{state_file_key(project_id)}",
        )
        return None
    return Location(bucket, key)


def parse_store(
    params: t.Mapping[str, t.Any], environ: t.Mapping[str, str], project_id: str, problems: Problems
) -> DeletableStore | None:
    """Parse the option ``state_file`` and, for a bucket, the options of its connection.

    :returns: ``None`` if the option is not set, or after any problem.
    """
    text, operator = none_if_blank(params.get("state_file")), aws.Connection()
    location = parse_location(str(text), project_id, problems) if text is not None else None
    if location and location.bucket:
        try:
            operator = aws.connection(params, environ)
        except InputError as exc:
            problems.extend(exc.problems)
    return open_store(location, operator) if location and not problems else None


def open_store(location: Location, connection: aws.Connection) -> DeletableStore:
    """Create the store of a state file; it sends no request.

    :param connection: for a bucket.
    """
    if not location.bucket:
        return FileStore(location.path)
    state_file = f"s3://{location.bucket}/{location.path}"
    with translate_errors(f"prepare to read the state file {state_file}", connection):
        return object_store(connection, location.bucket, location.path)


def is_reserved(location: str) -> bool:
    """Whether the location is only for state files: any other content is a damaged state file.

    :param location: see :attr:`Store.location`.
    """
    bucket, _slash, key = location.partition("s3://")[2].partition("/")
    return bool(bucket) and key.startswith(STATE_FILE_PREFIX)
