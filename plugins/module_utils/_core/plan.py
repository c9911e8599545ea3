# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a run is going to do: pure data, no input or output, no Ansible.

PRIVATE to the collection ``vonage.archiving``: there is no stability promise outside of it.

``plan(desired, observed)`` of each resource returns a :class:`Plan`. Check mode reports it, a real run applies its
steps in order; both report the very same changes, which is what makes check mode exact.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Change:
    """One thing that differs: plain data as a person would write it, for the diff and the result."""

    name: str
    before: t.Any
    after: t.Any


@dataclass(frozen=True)
class Step:
    """One write: of what, and the state to bring about."""

    target: str
    value: t.Any = None


@dataclass(frozen=True)
class Plan:
    """The changes to report and the steps that bring them about, in an order that is safe to interrupt."""

    changes: tuple[Change, ...] = ()
    steps: tuple[Step, ...] = ()

    @property
    def changed(self) -> bool:
        return bool(self.changes)

    @property
    def names(self) -> list[str]:
        """The names of what changes, in order, each once."""
        return list(dict.fromkeys(change.name for change in self.changes))

    def before(self) -> dict[str, t.Any]:
        return {change.name: change.before for change in self.changes if change.before is not None}

    def after(self) -> dict[str, t.Any]:
        return {change.name: change.after for change in self.changes if change.after is not None}


@dataclass(frozen=True)
class Context:
    """What a use case may know of the run it is part of.

    :param check_mode: plan only; nothing is written anywhere.
    :param environ: the environment for fallbacks of options.
    :param warn: shows a sentence to the user.
    :param learn: takes a secret that was not given but fetched, so that it is hidden like those that were.
    """

    check_mode: bool = False
    environ: t.Mapping[str, str] = field(default_factory=dict)
    warn: t.Callable[[str], None] = lambda text: None
    learn: t.Callable[[str], None] = lambda secret: None


@dataclass
class Outcome:
    """What a use case hands back; only ``_module.run`` turns it into an exit of the module.

    :param result: the module's return values, without ``changed`` and ``diff``.
    :param before: plain data for the diff; equal to ``after`` where nothing changes.
    :param failed: a sentence when the run has to end as failed although ``result`` is worth returning.
    """

    changed: bool
    result: dict[str, t.Any] = field(default_factory=dict)
    before: t.Any = None
    after: t.Any = None
    failed: str = ""
