# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Action: tell what became of a fleet of projects."""

from __future__ import annotations

import typing as t

from ansible.plugins.action import ActionBase
from ansible.utils.display import Display

from ansible_collections.vonage.archiving.plugins.module_utils._core.action import act
from ansible_collections.vonage.archiving.plugins.module_utils._core.plan import Context, Outcome
from ansible_collections.vonage.archiving.plugins.module_utils._fleet_report.reconcile import ARGUMENTS, Told, publish

FACTS = ("vonage_project_id", "vonage_project_name")


class ActionModule(ActionBase):
    """See the documentation of the module of the same name."""

    _requires_connection = False
    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, t.Any] | None = None) -> dict[str, t.Any]:
        result: dict[str, t.Any] = super().run(tmp, task_vars)
        known = task_vars or {}
        every = [_told(host, known["hostvars"][host]) for host in known["ansible_play_hosts_all"]]

        def use_case(params: t.Mapping[str, t.Any], context: Context) -> Outcome:
            return publish(params, context, every, Display().display)

        return {**result, **act(self, use_case, ARGUMENTS)}


def _told(host: str, known: t.Mapping[str, t.Any]) -> Told:
    """What a host of this play registered."""
    result = known.get("archive_storage_result")
    return Told(host, {name: _text(known, name) for name in FACTS}, result if isinstance(result, dict) else None)


def _text(known: t.Any, name: str) -> str:
    """A variable of a host. One that is a template which cannot be read must not cost the report of all hosts."""
    try:
        return str(known.get(name) or "")
    except Exception:  # up to ansible-core 2.18, whatever an expression raises
        return ""
