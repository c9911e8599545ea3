# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Typed errors.

PRIVATE to the collection ``vonage.archiving``: there is no stability promise outside of it.

Every error has three parts: the operation that failed, the problem, and a hint what to do next. The result of a failed
task contains the same parts in ``error``, for playbooks that handle errors.
"""

from __future__ import annotations

import typing as t


class ArchivingError(Exception):
    """An error that is reported to the user.

    :param operation: the operation that failed, as the object of "could not": ``"read the CORS rules of bucket b"``.
    :param problem: a sentence without its final full stop.
    :param hint: what to do next, in whole sentences; empty if there is no useful hint.
    :param facts: plain values for ``error`` in the result, such as ``status``, ``code``, or ``facet``.
    """

    kind = "error"
    # Secrets in options for something else. They are redacted wherever options are shown.
    secrets: t.Sequence[str] = ()

    def __init__(self, operation: str, problem: str, hint: str = "", **facts: t.Any) -> None:
        self.operation = operation
        self.problem = problem
        self.hint = hint
        self.facts = facts
        super().__init__(self._format())

    def _format(self) -> str:
        return format_message(self.operation, self.problem, self.hint)

    def with_hint(self, more: str) -> ArchivingError:
        """The same error with another sentence in its hint."""
        error = self._replace_hint(f"{self.hint} {more}".strip())
        error.secrets = self.secrets
        return error

    def _replace_hint(self, hint: str) -> ArchivingError:
        return type(self)(self.operation, self.problem, hint, **self.facts)

    def as_result(self) -> dict[str, t.Any]:
        """The error as plain data, without unknown values."""
        known = {key: value for key, value in self.facts.items() if value is not None}
        return {"kind": self.kind, "operation": self.operation, "problem": self.problem, "hint": self.hint, **known}


class InputError(ArchivingError):
    """The options are not valid. No request was sent.

    :param problems: each is a :class:`.problems.Problem` or a text. Equal problems are reported once.
    """

    kind = "input"

    def __init__(self, problems: t.Iterable[t.Any], hint: str = "Nothing was sent.") -> None:
        self.problems = [*{str(problem): problem for problem in problems}.values()]
        texts = [*map(str, self.problems)]
        super().__init__("validate the options", "; ".join(texts), hint, problems=texts)

    def _format(self) -> str:
        text = f"Invalid options: {self.problem.rstrip('.')}."
        return f"{text} {self.hint}" if self.hint else text

    def _replace_hint(self, hint: str) -> ArchivingError:
        return InputError(self.problems, hint)


class MissingLibraryError(ArchivingError):
    """The Python interpreter that runs the module does not have a library, or has an old version of it."""

    kind = "missing_library"


class UnsupportedError(ArchivingError):
    """The server does not support a requested feature."""

    kind = "unsupported"


class DeniedError(ArchivingError):
    """The server refuses the credentials, or the action for these credentials."""

    kind = "denied"


class NotFoundError(ArchivingError):
    """A named resource does not exist."""

    kind = "not_found"


class NotManagedError(ArchivingError):
    """The named resource exists, and is not managed by this collection, or has another owner."""

    kind = "not_managed"


class QuotaError(ArchivingError):
    """A limit of the service is reached, and the options allow no deletion."""

    kind = "quota"


class ConflictError(ArchivingError):
    """Another process changed the same resource concurrently."""

    kind = "conflict"


class SecretNeededError(ArchivingError):
    """The target needs an update, and its secret is not set."""

    kind = "secret_needed"


class VerificationFailedError(ArchivingError):
    """A verification failed. Nothing that depends on it was changed."""

    kind = "verification_failed"


class UnreachableError(ArchivingError):
    """There was no usable response within the time budget."""

    kind = "unreachable"


class RejectedError(ArchivingError):
    """The server rejected the request."""

    kind = "rejected"


def is_over(exc: ArchivingError) -> bool:
    """Whether the request cannot take effect later: its only attempt has a response that is not a time-out."""
    status = exc.facts.get("status") or 0
    return 400 <= status < 500 and status not in (408, 409, 425, 429) and exc.facts.get("tries") == 1


def is_definite_refusal(exc: ArchivingError) -> bool:
    """Whether the request certainly changed nothing: its only attempt was refused."""
    return is_over(exc) and not isinstance(exc, UnreachableError)


def format_message(operation: str, problem: str, hint: str = "") -> str:
    """Format the message of an error: "Could not X: Y. Z"."""
    text = f"Could not {operation}: {problem.rstrip('.')}."
    return f"{text} {hint}" if hint else text
