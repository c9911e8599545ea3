# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The state file of a project as evidence that the project uses a bucket.

PRIVATE to the collection ``vonage.archiving``: there is no stability promise outside of it.
"""

from __future__ import annotations

from .._aws.session import Connection
from .._state_file.state import read_fields
from .._state_file.store import Location, open_store


def shows_use_of(bucket: str, state_file: Location, project: str, connection: Connection) -> bool:
    """Whether the state file exists and belongs to the project. A file that names another bucket does not count."""
    fields = read_fields(open_store(state_file, connection).read().data)
    storage = fields.get("storage")
    is_same_bucket = not isinstance(storage, dict) or storage.get("bucket", bucket) == bucket
    return fields.get("project") == project and is_same_bucket
