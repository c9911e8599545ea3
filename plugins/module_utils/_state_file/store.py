# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where a state file is kept: the interface of its stores, and the store of a location.

PRIVATE to the collection ``vonage.archiving``: there is no stability promise outside of it.
"""

from __future__ import annotations

import os
import re
import typing as t
from dataclasses import dataclass

from .._aws import session as aws
from .._aws.conditional_object import LARGEST, StoredObject
from .._aws.errors import told
from .._aws.s3_naming import RECORDS_PREFIX, record_key
from .._core.errors import InputError
from .._core.values import given, without_userinfo
from .bucket_object import object_store
from .local_file import FileStore

__all__ = ["LARGEST", "StoredObject", "Location", "Store", "is_reserved", "location", "parse_store"]


class Store(t.Protocol):
    """The store of one state file. Errors are those of ``_errors``."""

    @property
    def location(self) -> str:
        """As the user has set it, as an absolute path."""

    def read(self) -> StoredObject:
        """The current content."""

    def write(self, data: bytes, expected: StoredObject | None) -> StoredObject:
        """Replace the content, and return the new one.

        :param expected: replace only this content; ``None`` replaces any.
        :raises ConflictError: the current content is another one.
        """


@dataclass(frozen=True)
class Location:
    """A parsed ``state_file`` option; ``bucket`` is empty for a local file."""

    bucket: str
    path: str


def location(text: str, project_id: str, problems: list[str]) -> Location | None:
    """Parse the option ``state_file``.

    :param project_id: recordings of the project lie below it in their bucket.
    :param problems: gets a sentence for everything that is wrong; then the answer is ``None``.
    """
    if re.match(r"[A-Za-z][A-Za-z0-9+.-]*://", text):
        return _s3_location(text, project_id, problems)
    path = os.path.expanduser(text)
    if not os.path.isabs(path):
        problems.append(f"state_file: {text!r} is neither an absolute path nor s3://bucket/key")
    elif path.endswith("/"):
        problems.append(f"state_file: {text!r} is a folder, not a file")
    else:
        return Location("", os.path.normpath(path))
    return None


def parse_store(
    params: t.Mapping[str, t.Any], environ: t.Mapping[str, str], project_id: str, problems: list[str]
) -> Store | None:
    """The store of the state file that the option ``state_file`` names.

    :param problems: gets a sentence for everything that is wrong.
    :returns: ``None`` if the option is not set, or after a problem.
    """
    text = given(params.get("state_file"))
    place = location(str(text), project_id, problems) if text is not None else None
    if place is None:
        return None
    if not place.bucket:
        return FileStore(place.path)
    try:
        operator = aws.connection(params, environ)
    except InputError as exc:
        problems.extend(exc.problems)
        return None
    if problems:
        return None
    with told(f"prepare to read the state file {text}", operator):
        return object_store(operator, place.bucket, place.path)


def is_reserved(place: str) -> bool:
    """Whether only state files are kept there: anything else is a damaged one.

    :param place: :attr:`Store.location`.
    """
    bucket, _slash, key = place.partition("s3://")[2].partition("/")
    return bool(bucket) and key.startswith(RECORDS_PREFIX)


def _s3_location(text: str, project_id: str, problems: list[str]) -> Location | None:
    match = re.fullmatch(r"s3://([A-Za-z0-9][A-Za-z0-9._-]{1,220}[A-Za-z0-9])/([^/].*)", text)
    if not match or text.endswith("/") or "?" in text or "#" in text:
        problems.append(f"state_file: {without_userinfo(text)!r} is not of the form s3://bucket/key")
        return None
    bucket, key = match.groups()
    if project_id and key.startswith(f"{project_id}/"):
        problems.append(
            f"state_file: {text!r} lies below {project_id}/, where recordings go and which may be public: use another "
            f"key, such as s3://{bucket}/{record_key(project_id)}"
        )
        return None
    return Location(bucket, key)
