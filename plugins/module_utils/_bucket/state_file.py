# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The state file of a project as evidence that the project uses a bucket.

PRIVATE to the collection ``vonage.archiving``: there is no stability promise outside of it.
"""

from __future__ import annotations

import json

from .._aws.errors import translate_errors
from .._aws.session import Connection
from .._state_file.bucket_object import object_store
from .._state_file.local_file import FileStore
from .._state_file.store import Location, Store, parse_location

__all__ = ["Location", "parse_location", "shows_use_of"]


def shows_use_of(bucket: str, state_file: Location, project: str, connection: Connection) -> bool:
    """Whether the state file exists and belongs to the project. A file that names another bucket does not count."""
    data = _open(state_file, connection).read().data
    try:
        document = json.loads(data or b"")
    except (ValueError, RecursionError):
        return False
    # Only state files have a format.
    if not isinstance(document, dict) or "format" not in document or document.get("project") != project:
        return False
    storage = document.get("storage")
    return not isinstance(storage, dict) or storage.get("bucket", bucket) == bucket


def _open(state_file: Location, connection: Connection) -> Store:
    if not state_file.bucket:
        return FileStore(state_file.path)
    with translate_errors(f"prepare to read the state file s3://{state_file.bucket}/{state_file.path}", connection):
        return object_store(connection, state_file.bucket, state_file.path)
