# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Action: run the module of the same name in the process that Ansible forks for the task, if possible."""

from __future__ import annotations

from ansible_collections.vonage.archiving.plugins.module_utils._archive_audit.module import MODULE
from ansible_collections.vonage.archiving.plugins.plugin_utils._direct_action import DirectAction


class ActionModule(DirectAction):
    """See the documentation of the module of the same name."""

    module = MODULE
