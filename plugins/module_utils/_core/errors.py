# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Typed errors whose text is a pure function of what they know.

PRIVATE to the collection ``vonage.archiving``: there is no stability promise outside of it.

Every error has three parts: the operation that failed, the problem, and a hint what to do next. The result of a failed
task contains the same parts in C(error). A playbook can decide by them without parsing prose.
"""

from __future__ import annotations

import typing as t


class ArchivingError(Exception):
    """Anything a user can be told about.

    :param operation: the operation that failed, as the object of "could not": ``"read the CORS rules of bucket b"``.
    :param problem: what came back, a sentence without its final full stop.
    :param hint: what to do next, whole sentences; empty where nothing sensible can be said.
    :param facts: plain values for ``error`` in the result (``status``, ``code``, ``facet`` and the like).
    """

    kind = "error"
    # Values that turned out to be secrets in an option for something else: to be hidden wherever options are shown.
    secrets: t.Sequence[str] = ()

    def __init__(self, operation: str, problem: str, hint: str = "", **facts: t.Any) -> None:
        self.operation = operation
        self.problem = problem
        self.hint = hint
        self.facts = facts
        super().__init__(compose(operation, problem, hint))

    def with_hint(self, more: str) -> ArchivingError:
        """The same error with one more sentence."""
        found = self._with(f"{self.hint} {more}".strip())
        found.secrets = self.secrets
        return found

    def _with(self, hint: str) -> ArchivingError:
        return type(self)(self.operation, self.problem, hint, **self.facts)

    def as_result(self) -> dict[str, t.Any]:
        """The error as plain data; values that are not known are left out."""
        known = {key: value for key, value in self.facts.items() if value is not None}
        return {"kind": self.kind, "operation": self.operation, "problem": self.problem, "hint": self.hint, **known}


class InputError(ArchivingError):
    """The options cannot be right; nothing was sent.

    :param problems: one sentence for each thing that is wrong; all of them are told at once.
    """

    kind = "input"

    def __init__(self, problems: t.Sequence[str], hint: str = "Nothing was sent.") -> None:
        self.problems = list(problems)
        count = len(self.problems)
        what = "this is wrong with the options" if count == 1 else f"these {count} things are wrong with the options"
        super().__init__("start", f"{what}: {'; '.join(self.problems)}", hint, problems=self.problems)

    def _with(self, hint: str) -> ArchivingError:
        return InputError(self.problems, hint)


class MissingLibraryError(ArchivingError):
    """A Python library is not there for the interpreter that runs the module."""

    kind = "missing_library"


class UnsupportedError(ArchivingError):
    """The other side does not have what was asked for."""

    kind = "unsupported"


class DeniedError(ArchivingError):
    """The other side refuses these credentials, or this action for them."""

    kind = "denied"


class NotFoundError(ArchivingError):
    """What was named is not there."""

    kind = "not_found"


class NotManagedError(ArchivingError):
    """The named resource exists, and is not managed by this collection or belongs to somebody else."""

    kind = "not_managed"


class QuotaError(ArchivingError):
    """There is no room for one more, and nothing was named that may go."""

    kind = "quota"


class ConflictError(ArchivingError):
    """Somebody else changed the same thing at the same time."""

    kind = "conflict"


class VerificationFailedError(ArchivingError):
    """A verification failed. Nothing that depends on it was changed."""

    kind = "verification_failed"


class UnreachableError(ArchivingError):
    """No usable answer within the time budget."""

    kind = "unreachable"


class RejectedError(ArchivingError):
    """The other side understood, and said no."""

    kind = "rejected"


def is_definite(exc: ArchivingError) -> bool:
    """Whether nothing has changed for sure: a plain refusal of the one and only try."""
    if isinstance(exc, UnreachableError):
        return False
    status = exc.facts.get("status") or 0
    return 400 <= status < 500 and status not in (408, 409, 425, 429) and exc.facts.get("tries") == 1


def compose(operation: str, problem: str, hint: str = "") -> str:
    """The one sentence form every error has: "Could not X: Y. Z"."""
    text = f"Could not {operation}: {problem.rstrip('.')}."
    return f"{text} {hint}" if hint else text
