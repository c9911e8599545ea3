# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The changes of a run so far: what a run that fails leaves behind.

PRIVATE to the collection ``vonage.archiving``: there is no stability promise outside of it.

Writes are recorded where they are sent. A write without a final response may have taken effect, and stays recorded as
possible. A run that deletes or restores the resource again removes the change.
"""

from __future__ import annotations

import contextlib
import threading
import typing as t

from .errors import ArchivingError, UnreachableError

# The resource that decides where recordings are uploaded.
UPLOAD_TARGET = "upload target"
# The values of ``upload_target`` in the error of a failed run.
SET, UNKNOWN = "set", "unknown"


def has_no_effect(exc: ArchivingError) -> bool:
    """Whether the server refused the write that caused the error."""
    status = exc.facts.get("status") or 0
    is_refusal = 400 <= status < 500 or status == 501
    return is_refusal and status not in (408, 425, 429) and not isinstance(exc, UnreachableError)


class Changes:
    """The changes of one run. Threads can share them."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        # The parts of each resource, and whether the change of the part is certain.
        self._parts: dict[str, dict[str, bool]] = {}

    @contextlib.contextmanager
    def record(
        self, resource: str, part: str, is_refusal: t.Callable[[ArchivingError], bool] = has_no_effect
    ) -> t.Iterator[None]:
        """Record the write that the block sends.

        :param resource: for the user, such as ``bucket recordings``.
        :param part: the changed part of the resource, such as ``policy``.
        :param is_refusal: whether the write certainly changed nothing, in spite of the error.
        """
        is_recorded = self.add(resource, part, is_certain=False)
        try:
            yield
        except ArchivingError as exc:
            if not is_recorded and is_refusal(exc):
                self.discard(resource, part)
            raise
        self.add(resource, part)

    def add(self, resource: str, part: str, *, is_certain: bool = True) -> bool:
        """Record a change, and return whether it was recorded already. A certain change stays certain."""
        with self._lock:
            parts = self._parts.setdefault(resource, {})
            is_recorded = part in parts
            parts[part] = is_certain or parts.get(part, False)
            return is_recorded

    def doubt(self, resource: str, part: str) -> None:
        """Mark a change as possible: another run may have overwritten it."""
        with self._lock:
            self._parts.setdefault(resource, {})[part] = False

    def discard(self, resource: str, part: str) -> bool:
        """Remove a change that the run has reverted, and return whether it was recorded."""
        with self._lock:
            parts = self._parts.get(resource, {})
            is_recorded = parts.pop(part, None) is not None
            if not parts:
                self._parts.pop(resource, None)
            return is_recorded

    def as_facts(self) -> dict[str, t.Any]:
        """Return the fields of ``error`` in the result of a failed task; none for a run that changed nothing."""
        with self._lock:
            target = self._parts.get(UPLOAD_TARGET, {})
            texts = [_describe(*item) for item in self._parts.items() if item[0] != UPLOAD_TARGET]
        facts: dict[str, t.Any] = {"left_behind": texts} if texts else {}
        return {**facts, "upload_target": SET if all(target.values()) else UNKNOWN} if target else facts


def _describe(resource: str, parts: t.Mapping[str, bool]) -> str:
    names = [part if is_certain else f"possibly {part}" for part, is_certain in parts.items()]
    return f"{resource} ({', '.join(names)})"
