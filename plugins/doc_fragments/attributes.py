# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation fragments: what every module says of check mode, diff mode, idempotence and action groups."""

from __future__ import annotations


class ModuleDocFragment:
    """Fragments `vonage.archiving.attributes` and, for action groups, `vonage.archiving.attributes.actiongroup_all`."""

    DOCUMENTATION = r"""
options: {}
attributes:
  check_mode:
    description: Can run in C(check_mode) and return changed status prediction without modifying target.
  diff_mode:
    description:
      - Will return details on what has changed (or possibly needs changing in C(check_mode)), when in diff mode.
  idempotent:
    description:
      - When run twice in a row outside check mode, with the same arguments, the second invocation indicates no change.
      - This assumes that the system controlled by the module has not changed in a relevant way.
  action_group:
    description: Use one of these groups, as C(group/NAME), in C(module_defaults) to set defaults for this module.
    support: full
"""

    # For modules that only read.
    INFO_MODULE = r"""
options: {}
attributes:
  check_mode:
    support: full
    details:
      - This action does not modify state.
  diff_mode:
    support: N/A
    details:
      - This action does not modify state.
  idempotent:
    support: full
    details:
      - This action does not modify state.
"""

    # Membership for the attribute above; one block of module_defaults serves every module of a group.
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
