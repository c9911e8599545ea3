# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The plan of a run, its context, and its outcome. Pure.

PRIVATE to the collection ``vonage.archiving``: there is no stability promise outside of it.

``plan(desired, current)`` of each resource returns a :class:`Plan`. Check mode reports its changes; a real run applies
its steps in order and reports the same changes.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field

from .runtime import SYSTEM, Runtime


@dataclass(frozen=True)
class Change:
    """One difference, as plain data for the diff and the result."""

    name: str
    before: t.Any
    after: t.Any


@dataclass(frozen=True)
class Step:
    """One write: its target and the desired value."""

    target: str
    value: t.Any = None


@dataclass(frozen=True)
class Plan:
    """The changes to report, and the steps that apply them, in an order that is safe to interrupt."""

    changes: tuple[Change, ...] = ()
    steps: tuple[Step, ...] = ()

    @property
    def changed(self) -> bool:
        return bool(self.changes)

    @property
    def names(self) -> list[str]:
        """The names of the changes, in order and without duplicates."""
        return list(dict.fromkeys(change.name for change in self.changes))

    def before(self) -> dict[str, t.Any]:
        return {change.name: change.before for change in self.changes if change.before is not None}

    def after(self) -> dict[str, t.Any]:
        return {change.name: change.after for change in self.changes if change.after is not None}


@dataclass(frozen=True)
class Context:
    """The run that a use case is a part of.

    :param check_mode: plan only, write nothing.
    :param environ: the environment for fallbacks of options.
    :param warn: shows a warning to the user.
    :param register_secret: takes a secret to redact in the result that is not the value of a ``no_log`` option, for
        example one that was fetched.
    :param runtime: the clock, the sleep, and the threads of the run.
    :param diff_mode: the result includes the diff.
    :param secrets: the values of ``no_log`` options.
    """

    check_mode: bool = False
    environ: t.Mapping[str, str] = field(default_factory=dict)
    warn: t.Callable[[str], None] = lambda text: None
    register_secret: t.Callable[[str], None] = lambda secret: None
    runtime: Runtime = SYSTEM
    diff_mode: bool = False
    secrets: t.Sequence[str] = field(default=(), repr=False)


@dataclass
class Outcome:
    """The outcome of a use case; :func:`.execute.execute` converts it to the result of the task.

    :param result: the return values, without ``changed`` and ``diff``.
    :param before: plain data for the diff; equal to ``after`` if nothing changes.
    :param failed: the message of a failed task whose ``result`` is returned, too.
    """

    changed: bool
    result: dict[str, t.Any] = field(default_factory=dict)
    before: t.Any = None
    after: t.Any = None
    failed: str = ""
