# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where a record is kept: the part that all stores share, and which store a location means.

PRIVATE to the collection ``vonage.archiving``: there is no stability promise outside of it.
"""

from __future__ import annotations

import os
import re
import typing as t
from dataclasses import dataclass

from ansible_collections.vonage.archiving.plugins.module_utils._aws.conditional import LARGEST, Held
from ansible_collections.vonage.archiving.plugins.module_utils._aws.names import RECORDS_PREFIX, record_key
from ansible_collections.vonage.archiving.plugins.module_utils._values import without_userinfo

__all__ = ["LARGEST", "Held", "Location", "Store", "is_reserved", "location"]


class Store(t.Protocol):
    """A place for one record. Errors are those of ``_errors``."""

    @property
    def location(self) -> str:
        """As the user gave it, made absolute."""

    def read(self) -> Held:
        """What is there now."""

    def write(self, data: bytes, expected: Held | None) -> Held:
        """Replace what is there, and say what is held now.

        :param expected: replace only this; ``None`` replaces whatever there is.
        :raises ConflictError: something else is there.
        """


@dataclass(frozen=True)
class Location:
    """A parsed ``record`` option; ``bucket`` is empty for a local file."""

    bucket: str
    path: str


def location(text: str, project_id: str, problems: list[str]) -> Location | None:
    """What the option ``record`` names.

    :param project_id: recordings of the project lie below it in their bucket.
    :param problems: gets a sentence for everything that is wrong; then the answer is ``None``.
    """
    if re.match(r"[A-Za-z][A-Za-z0-9+.-]*://", text):
        return _s3_location(text, project_id, problems)
    path = os.path.expanduser(text)
    if not os.path.isabs(path):
        problems.append(f"record {text!r} is neither an absolute path nor s3://bucket/key")
    elif path.endswith("/"):
        problems.append(f"record {text!r} is a folder, not a file")
    else:
        return Location("", os.path.normpath(path))
    return None


def is_reserved(place: str) -> bool:
    """Whether nothing but records is there: what is none is one that was damaged.

    :param place: :attr:`Store.location`.
    """
    bucket, _slash, key = place.partition("s3://")[2].partition("/")
    return bool(bucket) and key.startswith(RECORDS_PREFIX)


def _s3_location(text: str, project_id: str, problems: list[str]) -> Location | None:
    match = re.fullmatch(r"s3://([A-Za-z0-9][A-Za-z0-9._-]{1,220}[A-Za-z0-9])/([^/].*)", text)
    if not match or text.endswith("/") or "?" in text or "#" in text:
        problems.append(f"record {without_userinfo(text)!r} is not of the form s3://bucket/key")
        return None
    bucket, key = match.groups()
    if project_id and key.startswith(f"{project_id}/"):
        problems.append(
            f"record {text!r} lies below {project_id}/, where recordings go and which may be public: use another key, "
            f"such as s3://{bucket}/{record_key(project_id)}"
        )
        return None
    return Location(bucket, key)
