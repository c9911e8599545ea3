# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation fragments for check mode, diff mode, idempotence, and action groups of all modules."""

from __future__ import annotations


class ModuleDocFragment:
    """Fragments `vonage.archiving.attributes` and, for action groups, `vonage.archiving.attributes.actiongroup_all`."""

    DOCUMENTATION = r"""
options: {}
attributes:
  check_mode:
    description: Runs in C(check_mode), predicts the changed status, and makes no changes.
  diff_mode:
    description: Returns details on the changes in diff mode, in C(check_mode) on the predicted changes.
  idempotent:
    description:
      - A second run in a row with the same options, outside check mode, reports no change.
      - This assumes that the managed system has not changed in the meantime in a relevant way.
  action_group:
    description: Groups that set defaults for this module in C(module_defaults), as C(group/NAME).
    support: full
"""

    # For modules that only read.
    INFO_MODULE = r"""
options: {}
attributes:
  check_mode:
    support: full
    details:
      - The module makes no changes.
  diff_mode:
    support: N/A
    details:
      - The module makes no changes.
  idempotent:
    support: full
    details:
      - The module makes no changes.
"""

    # For modules that the action of the same name runs without a process.
    DIRECT = r"""
options: {}
attributes:
  action:
    description: Has an action plugin of the same name, which runs on the controller.
    support: full
    details:
      - The action plugin runs the module in the process that Ansible forks for the task, if the result is the same. See
        R(Direct execution,ansible_collections.vonage.archiving.docsite.guide_getting_started.direct_execution).
  async:
    description: Supports the keyword C(async).
    support: full
    details:
      - An asynchronous task runs as a module process.
"""

    # Values of action_group. One block of module_defaults applies to all modules of a group.
    ACTIONGROUP_ALL = r"""
options: {}
attributes:
  action_group:
    membership:
      - vonage.archiving.all
"""

    ACTIONGROUP_AWS = r"""
options: {}
attributes:
  action_group:
    membership:
      - vonage.archiving.all
      - vonage.archiving.aws
"""

    ACTIONGROUP_HEROKU = r"""
options: {}
attributes:
  action_group:
    membership:
      - vonage.archiving.all
      - vonage.archiving.heroku
"""

    ACTIONGROUP_APP = r"""
options: {}
attributes:
  action_group:
    membership:
      - vonage.archiving.all
      - vonage.archiving.aws
      - vonage.archiving.heroku
"""

    ACTIONGROUP_VONAGE = r"""
options: {}
attributes:
  action_group:
    membership:
      - vonage.archiving.all
      - vonage.archiving.aws
      - vonage.archiving.vonage
"""
