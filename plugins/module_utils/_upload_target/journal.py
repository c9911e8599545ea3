# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The write-ahead log of a call of the API: the state file before the call, after it, and after an error.

PRIVATE to the collection ``vonage.archiving``: there is no stability promise outside of it.

Every write is a compare-and-swap: it replaces only the content that the run read or wrote. If two runs change the same
project, one of them detects the other before it calls the API, or at the latest after the call.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field, replace

from .._core import errors
from .._core.changes import UPLOAD_TARGET
from .._core.runtime import SYSTEM, Runtime
from .._core.timestamps import format_utc, parse_utc
from .._state_file import state
from .._state_file.store import Store, StoredObject
from .._vonage.project import Project

# Seconds. Other runs distinguish an announced call from a claim by its duration.
MIN_CALL_SECONDS = 1.0
OTHER_RUN = "another run is changing the same project"
RUN_AGAIN = "Run it again once the other run has ended."


def record_call(runtime: Runtime) -> t.ContextManager[None]:
    """Record the call that sets or deletes the target: without a definite refusal, its effect is unknown."""
    return runtime.changes.record(UPLOAD_TARGET, "set", errors.is_definite_refusal)


@dataclass
class Journal:
    """The state file of one project during one run.

    :param stored: the content of the state file when the run read it.
    :param known: whether it reliably shows the current target.
    :param possible_keys: the access keys that the target may hold until this run updates it; ``None`` for any.
    """

    project: Project
    store: Store
    stored: StoredObject
    known: bool
    possible_keys: frozenset[str] | None = None
    runtime: Runtime = SYSTEM
    _previous: StoredObject = field(init=False)
    _last: state.State | None = field(init=False)
    _target_since: str = field(init=False)
    _pending: state.State = field(init=False)

    def __post_init__(self) -> None:
        self._previous = self.stored
        self._last = self._parse_last()
        self._target_since = self._parse_target_since()
        self._pending = self._pending_state({}, None, 0)

    def claim(self) -> None:
        """Reserve the state file before the first change: a run that loses this race has changed nothing."""
        self._write_pending({}, None, 0)

    def begin(self, storage: t.Mapping[str, t.Any], secret: str | None) -> None:
        """Announce the call: until the commit, its effect is unknown."""
        if secret is None:
            self._target_since = ""
        self._write_pending(storage, secret, max(self.project.budget.total, MIN_CALL_SECONDS))

    @property
    def seconds_left(self) -> float:
        """Until the announced end of the call; other runs do not wait for longer."""
        return (parse_utc(self._pending.until) or 0) - self.runtime.now()

    def project_for_call(self) -> Project:
        """The project with a time budget that ends before the announced end: after that, another run may call.

        :raises UnreachableError: no time is left.
        """
        budget = self.project.budget
        seconds = min(budget.total, self.seconds_left)
        if seconds <= 0:
            raise errors.UnreachableError(
                f"change the upload target of {self.project.name}",
                f"writing the state file {self.store.location} took longer than the time limit of the call",
                "The upload target was not changed. Run it again.",
            )
        return replace(self.project, budget=replace(budget, total=seconds))

    def commit(self, status: str, others: t.Iterable[str] = ()) -> state.State:
        """Record the success of the call.

        :param others: ids of the other access keys. Without a target, these are the keys in the previous state file.
        """
        others = self._named_keys() if status == state.ABSENT else others
        committed = self._pending.commit(status, self.runtime.now(), others)
        try:
            self.stored = self.store.write(state.dump(committed), self.stored)
        except errors.ConflictError as exc:
            # Two runs called the API in an unknown order: neither state file may remain "applied".
            raise self._concurrent_run_error() from exc
        except errors.ArchivingError as exc:
            hint = "The API accepted the change, but the state file may be pending. The next run calls the API again."
            raise exc.with_hint(hint) from exc
        self.runtime.changes.discard(*self._change)
        return committed

    def rollback_after_error(self, exc: errors.ArchivingError) -> errors.ArchivingError:
        """Correct the state file after the call failed.

        :returns: the error to raise; an error in here must not hide the error of the call.
        """
        try:
            if errors.is_definite_refusal(exc):
                self.rollback()
            # The call may still take effect: a state file that another run committed since then may become wrong.
            elif self.store.read().data != self.stored.data:
                self._mark_unknown()
            elif errors.is_over(exc):
                self._replace_own(state.dump(state.end_call(self._pending)))
        except errors.ArchivingError as second:
            return exc.with_hint(f"The state file could not be corrected either: {second.problem}.")
        return exc

    def rollback_before_call(self, exc: errors.ArchivingError) -> errors.ArchivingError:
        """Restore the state file after an error before the call.

        :returns: the error to raise.
        """
        try:
            self.rollback(before_call=True)
        except errors.ConflictError:
            # This is also the cause of the error: the other run deleted the key, or changed the policy.
            return errors.ConflictError(exc.operation, f"{OTHER_RUN}, and has claimed the state file", RUN_AGAIN)
        except errors.ArchivingError as second:
            return exc.with_hint(f"The state file could not be restored either: {second.problem}.")
        return exc

    def rollback(self, before_call: bool = False) -> None:
        """Restore the state file: the target was not changed.

        :param before_call: whether no call was sent. Then a state file that is not reliable is restored too.
        """
        if (self.known or before_call) and self._previous.data is not None:
            self._replace_own(self._previous.data)
            self.runtime.changes.discard(*self._change)
        elif self._pending.announced_seconds:
            self._replace_own(state.dump(state.end_call(self._pending)))

    def _replace_own(self, data: bytes) -> None:
        """Replace the pending state file, or the content before it: a write that failed may have taken effect."""
        current = self.store.read()
        is_own = current.data == state.dump(self._pending)
        self.stored = self.store.write(data, current if is_own else self.stored)

    def _write_pending(self, storage: t.Mapping[str, t.Any], secret: str | None, seconds: float) -> None:
        self._pending = self._pending_state(storage, secret, seconds)
        with self.runtime.changes.record(*self._change):
            self.stored = self.store.write(state.dump(self._pending), self.stored)

    @property
    def _change(self) -> tuple[str, str]:
        return f"state file {self.store.location}", "pending"

    def _pending_state(self, storage: t.Mapping[str, t.Any], secret: str | None, seconds: float) -> state.State:
        project, now = self.project, self.runtime.now()
        keys, since = self.possible_keys, self._target_since
        pending = state.create_pending(
            project.id, project.api_url, now, storage, secret, project.secret, keys, seconds, since
        )
        others = self._last.others if self._last else ()
        return replace(pending, settings_since=self._settings_since(storage), others=others)

    def _named_keys(self) -> frozenset[str]:
        """The ids of access keys in the previous state file: they do not belong to a verification."""
        return state.named_keys(self._last) if self._last else frozenset()

    def _settings_since(self, storage: t.Mapping[str, t.Any]) -> str:
        """The last change of bucket, endpoint, or encryption; empty if they change, or were unknown so far."""
        if not self.known or not storage:
            return ""
        last = state.parse(self._previous.data or b"")
        is_unchanged = last.status == state.APPLIED and last.has_settings_of(storage)
        return (last.settings_since or last.time) if is_unchanged else ""

    def _parse_last(self) -> state.State | None:
        """The previous state file; ``None`` if it is not about this target."""
        try:
            last = state.parse(self.stored.data or b"")
        except ValueError:
            return None
        return None if state.mismatch_reason(last, self.project.id, self.project.api_url) else last

    def _parse_target_since(self) -> str:
        """The time of the first target; a pending state file contains it too."""
        if self._last is None:
            return ""
        reason = state.distrust_reason(self._last, self.project.id, self.project.api_url, self.runtime.now())
        since = self._last.target_since
        return "" if since is None or reason not in ("", state.UNFINISHED) else format_utc(since)

    def _concurrent_run_error(self) -> errors.ConflictError:
        self.runtime.changes.doubt(UPLOAD_TARGET, "set")
        hint = "The state file is marked as pending. Run it again once the other run has ended."
        try:
            self._mark_unknown()
        except errors.ArchivingError:
            hint = "The state file could not be marked as pending. Delete it, and run it again after the other run."
        return errors.ConflictError(
            f"commit the state file {self.store.location}",
            "another run changed the same project, and the order of the two changes is unknown",
            hint,
        )

    def _mark_unknown(self) -> None:
        """Overwrite the state file of the other run: the key in the target is unknown."""
        self.store.write(state.dump(state.mark_keys_unknown(self._pending)), None)
