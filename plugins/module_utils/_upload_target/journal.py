# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The state file while a run changes the target: what is written before a call, after it, and when it went wrong.

PRIVATE to the collection ``vonage.archiving``: there is no stability promise outside of it.

Every write replaces exactly what the run has seen or written itself (compare and swap), so that of two runs on the
same project one learns of the other before it calls the API, or at the latest after.
"""

from __future__ import annotations

import time
import typing as t
from dataclasses import dataclass, field, replace

from .._core import errors
from .._state_file import state
from .._state_file.store import Store, StoredObject
from .._vonage.project import Project

# Seconds: an announcement must differ from a claim, which announces no call.
SHORTEST_CALL = 1.0


@dataclass
class Journal:
    """The state file of one project during one run.

    :param stored: the content of the state file when the run read it.
    :param known: whether it shows for certain what is set.
    :param may_hold: the access keys the target may hold until this run has set it; ``None`` for any.
    """

    project: Project
    store: Store
    stored: StoredObject
    known: bool
    may_hold: frozenset[str] | None = None
    now: t.Callable[[], float] = time.time
    _before: StoredObject = field(init=False)
    _since: str = field(init=False)
    _pending: state.State = field(init=False)

    def __post_init__(self) -> None:
        self._before = self.stored
        self._since = self._target_since()
        self._pending = self._announcement({}, None, 0)

    def claim(self) -> None:
        """Say that this run is at work, before it touches anything. Whoever loses this race has touched nothing."""
        self._write({}, None, 0)

    def begin(self, storage: t.Mapping[str, t.Any], secret: str | None) -> None:
        """Before the call: whoever finds this does not know whether it took effect."""
        if secret is None:
            self._since = ""
        self._write(storage, secret, max(self.project.budget.total, SHORTEST_CALL))

    @property
    def seconds_left(self) -> float:
        """How long the announced call may still take: after that, others no longer wait for it."""
        return (state.seconds(self._pending.until) or 0) - self.now()

    def end(self, status: str, others: t.Iterable[str] = ()) -> state.State:
        """After the API has agreed.

        :param others: ids of the access keys that are there besides.
        """
        done = self._pending.done(status, self.now(), others)
        try:
            self.stored = self.store.write(state.dump(done), self.stored)
        except errors.ConflictError as exc:
            # Two runs have called the API, in an order nobody knows: neither may leave its "applied" behind.
            raise self._overtaken() from exc
        except errors.ArchivingError as exc:
            raise exc.with_hint(
                "The API has agreed, but the state file says pending: the next run calls again."
            ) from exc
        return done

    def failed(self, exc: errors.ArchivingError) -> errors.ArchivingError:
        """After the API has not agreed. What goes wrong here must not hide what went wrong there."""
        try:
            if errors.is_definite(exc):
                self.release()
            # The call may still take effect: a state file that another run has finished since may no longer be true.
            elif self.store.read().data != self.stored.data:
                self._doubt()
        except errors.ArchivingError as second:
            return exc.with_hint(f"Then the state file could not be corrected either: {second.problem}.")
        return exc

    def release(self) -> None:
        """Put back what was there: nothing was changed."""
        if self.known and self._before.data is not None:
            current = self.store.read()
            # A write that failed may have taken effect all the same.
            own = current.data == state.dump(self._pending)
            self.stored = self.store.write(self._before.data, current if own else self.stored)

    def _write(self, storage: t.Mapping[str, t.Any], secret: str | None, seconds: float) -> None:
        self._pending = self._announcement(storage, secret, seconds)
        self.stored = self.store.write(state.dump(self._pending), self.stored)

    def _announcement(self, storage: t.Mapping[str, t.Any], secret: str | None, seconds: float) -> state.State:
        project, key = self.project, self.project.secret
        pending = state.begin(
            project.id, project.api_url, self.now(), storage, secret, key, self.may_hold, seconds, self._since
        )
        return replace(pending, settings_since=self._settings_since(storage))

    def _settings_since(self, storage: t.Mapping[str, t.Any]) -> str:
        """Since when bucket, endpoint, and encryption are the same; empty if they change, or are unknown so far."""
        if not self.known or not storage:
            return ""
        last = state.parse(self._before.data or b"")
        same = last.status == state.APPLIED and last.has_settings_of(storage)
        return (last.settings_since or last.time) if same else ""

    def _target_since(self) -> str:
        """Since when there has been a target; also a run that did not finish has left that."""
        try:
            last = state.parse(self.stored.data or b"")
        except ValueError:
            return ""
        if state.doubt(last, self.project.id, self.project.api_url, self.now()) not in ("", state.UNFINISHED):
            return ""
        since = last.target_since
        return "" if since is None else state.stamp(since)

    def _overtaken(self) -> errors.ConflictError:
        hint = "The state file is marked as pending: run it again once the other run has ended."
        try:
            self._doubt()
        except errors.ArchivingError:
            hint = "The state file could not be marked so: delete it, then run it again once the other run has ended."
        return errors.ConflictError(
            f"finish the state file {self.store.location}",
            "another run was at work on the same project, and which of the two came last is not known",
            hint,
        )

    def _doubt(self) -> None:
        """Whatever the other run has written: which key the target holds is not known now."""
        self.store.write(state.dump(state.in_doubt(self._pending)), None)
