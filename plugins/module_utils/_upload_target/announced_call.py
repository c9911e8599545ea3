# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Wait for a call that another run has announced in the state file: the call of this run has to be the last one.

PRIVATE to the collection ``vonage.archiving``: there is no stability promise outside of it.

No two machines need to have the same time. The state file states for how long its writer may call the API. That
time has passed if the state file is older than that by the clock of the store, or if this run has watched the same
state file for that long.
"""

from __future__ import annotations

import typing as t

from .._core import errors
from .._state_file import state
from .._state_file.store import Store, StoredObject
from .._vonage.project import Project

# Seconds: stores report times in whole seconds.
MARGIN = 2.0
# Seconds for which a claim is valid, which announces no call: see Journal.claim.
CLAIM = 1.0
# Seconds between two reads of the state file.
INTERVAL = 2.0


def remaining(last: state.State | None, age: float | None, watched: float) -> float:
    """For how many seconds the announced call may still take effect; 0 if there is none. Pure.

    :param age: seconds since the state file was written, by the clock of the store; ``None`` if unknown.
    :param watched: seconds for which this run has seen the same state file.
    """
    if last is None or last.status != state.PENDING:
        return 0.0
    begin, end = state.seconds(last.time), state.seconds(last.until)
    validity = 0.0 if begin is None or end is None else end - begin
    if validity <= CLAIM:
        return 0.0
    return max(0.0, validity + MARGIN - max(age or 0.0, watched))


def wait(
    project: Project,
    store: Store,
    stored: StoredObject,
    last: state.State | None,
    now: t.Callable[[], float],
    sleep: t.Callable[[float], None],
) -> bool:
    """Wait until the announced call can no longer take effect, or until the state file changes.

    :param stored: the content of the state file, and ``last`` the same parsed.
    :param now: seconds of any clock that advances evenly.
    :returns: whether it waited; then the state file must be read again.
    :raises errors.ConflictError: the wait would exceed the time budget of the API calls.
    """
    left = remaining(last, stored.age, 0.0)
    if not left:
        return False
    if left > project.budget.total + 2 * MARGIN:
        raise errors.ConflictError(
            f"change the upload target of {project.name}",
            f"another run has announced that it may change it within the next {left:.0f} seconds",
            f"Run it again after that, or delete {store.location} if there is no other run.",
        )
    started = now()
    while left > 0:
        sleep(min(left, INTERVAL))
        current = store.read()
        if current.data != stored.data:
            break
        left = remaining(last, current.age, now() - started)
    return True
