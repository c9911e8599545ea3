# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Wait for a call or a deletion that another run announced in the state file. Those of this run must be the last.

PRIVATE to the collection ``vonage.archiving``: there is no stability promise outside of it.

The clocks of the two machines may differ. The state file contains the maximum duration of the call. The call is over
if the state file is older than that by the clock of the store, or if it has not changed for that long during this run.
"""

from __future__ import annotations

import contextlib
import itertools
import typing as t
from dataclasses import dataclass

from .._core import errors
from .._core.plan import Context
from .._core.retry import Deadline, attempts
from .._core.runtime import Runtime
from .._state_file import state
from .._state_file.store import DeletableStore, Store, StoredObject
from .._vonage.project import Project
from .fetch import CurrentStateFile, fetch_state_file
from .journal import OTHER_RUN, RUN_AGAIN

# Seconds: stores report times in whole seconds.
MARGIN = 2.0
# Seconds between two reads of the state file.
INTERVAL = 2.0


def seconds_remaining(last: state.State | None, age: float | None, watched: float) -> float:
    """For how many seconds the announced call can still take effect; 0 without such a call. Pure.

    :param age: seconds since the write of the state file, by the clock of the store; ``None`` if unknown.
    :param watched: seconds for which this run has read the same state file.
    """
    if last is None or not last.announced_seconds:
        return 0.0
    return max(0.0, last.announced_seconds + MARGIN - max(age or 0.0, watched))


@dataclass
class AnnouncedCalls:
    """The announced calls of one state file during one run.

    :param ended: the content of the state file whose call this run has watched until its end.
    """

    project: Project
    store: Store
    runtime: Runtime
    ended: bytes | None = None

    def wait(self, stored: StoredObject, last: state.State | None) -> bool:
        """Wait until the announced call can no longer take effect, or until the state file changes.

        :param stored: the content of the state file.
        :param last: the same, parsed.
        :returns: whether it waited. If so, the caller must read the state file again.
        :raises errors.ConflictError: the wait would exceed the time budget of the API calls.
        """
        seconds = seconds_remaining(last, stored.age, 0.0)
        if not seconds or stored.data == self.ended:
            return False
        if seconds > self.project.budget.total + 2 * MARGIN:
            raise errors.ConflictError(
                f"change the upload target of {self.project.name}",
                f"another run may still change it within the next {seconds:.0f} seconds",
                f"Run it again after that, or delete {self.store.location} if there is no other run.",
            )
        awaited = f"another run that may still change the upload target of {self.project.name}"
        deadline = Deadline(seconds, self.runtime, awaited=awaited)
        for number in attempts(deadline, itertools.repeat(INTERVAL)):
            if number == 1:
                continue  # `stored` is the first read
            current = self.store.read()
            if current.data != stored.data:
                return True
            if not seconds_remaining(last, current.age, deadline.elapsed):
                break
        # The age of a local file is reduced by the maximum difference of the clocks: the next read may show less.
        self.ended = stored.data
        return True


def fetch_after_announced_call(
    project: Project, store: Store | None, runtime: Runtime, read_only: bool
) -> CurrentStateFile:
    """Fetch the state file once no call of another run is in progress. A read-only run does not wait for it."""
    calls = None if read_only or store is None else AnnouncedCalls(project, store, runtime)
    while True:
        current = fetch_state_file(project, store, runtime.now())
        is_deletion = current.last is not None and current.last.status == state.ABSENT
        if calls is None or is_deletion or not calls.wait(current.stored, current.last):
            return current


@contextlib.contextmanager
def announce_deletion(
    project: Project, store: Store | None, operation: str, seconds: float, runtime: Runtime
) -> t.Iterator[None]:
    """Announce in the state file that the block deletes the IAM users: no other run creates a key in the meantime.

    :param seconds: the maximum time until the last request takes effect.
    :raises ConflictError: another run has changed the state file.
    """
    current = fetch_state_file(project, store, runtime.now())
    if store is None or not current.stored.bucket_exists:
        yield
        return
    if current.known is None or current.known.status != state.ABSENT:
        raise errors.ConflictError(operation, OTHER_RUN, RUN_AGAIN)
    announced = state.announce_deletion(current.known, runtime.now(), seconds)
    written = store.write(state.dump(announced), current.stored)
    try:
        yield
    except errors.UnreachableError:
        raise  # a request may take effect until the announced end
    except errors.ArchivingError:
        store.write(state.dump(current.known), written)
        raise
    store.write(state.dump(current.known), written)


@contextlib.contextmanager
def delete_state_file_after(
    project: Project, store: DeletableStore | None, stored: StoredObject, seconds: float, context: Context
) -> t.Iterator[None]:
    """Delete the state file after the block deleted the IAM users. It is pending in the meantime, as during a call.

    The target may still exist: a state file ``absent`` would hide it from later runs.

    :param stored: the content of the state file.
    :param seconds: the maximum time until the last request of the block takes effect.
    :raises ConflictError: another run has changed the state file.
    """
    if store is None or stored.data is None:
        yield
        return
    now = context.runtime.now()
    pending = state.create_pending(project.id, project.api_url, now, {}, None, project.secret, seconds_left=seconds)
    written = store.write(state.dump(pending), stored)
    try:
        yield
    except errors.UnreachableError:
        raise  # a request may take effect until the announced end
    except errors.ArchivingError:
        store.write(state.dump(state.end_call(pending)), written)
        raise
    try:
        store.delete(written)
    except errors.DeniedError as exc:
        store.write(state.dump(state.end_call(pending)), written)
        context.warn(f"Could not {exc.operation}: {exc.problem}. It does not affect other runs. Delete it yourself.")
