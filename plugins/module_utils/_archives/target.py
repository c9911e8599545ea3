# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Read the current upload target from the state file.

PRIVATE to the collection ``vonage.archiving``: there is no stability promise outside of it.
"""

from __future__ import annotations

from .._state_file import state
from .._state_file.store import Store
from .._vonage.project import Project


def fetch_target(store: Store, project: Project, now: float) -> tuple[state.State | None, str | None]:
    """Fetch the state of the current upload target; without a target, or a reliable state file, the reason."""
    stored = store.read()
    if stored.data is None:
        return None, f"there is no state file{'' if stored.bucket_exists else ': its bucket does not exist'}"
    try:
        last = state.parse(stored.data)
    except ValueError as exc:
        return None, str(exc)
    reason = state.distrust_reason(last, project.id, project.api_url, now)
    if last.status == state.ABSENT:
        reason = reason or "the state file states that there is no upload target"
    return (None, reason) if reason else (last, None)
