# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Ansible filter: the variables of the role archive_storage, read and checked."""

from __future__ import annotations

import typing as t

from ansible.utils.display import Display

from ansible_collections.vonage.archiving.plugins.module_utils._role_variables import mistyped
from ansible_collections.vonage.archiving.plugins.module_utils._settings import settings

DOCUMENTATION = r"""
name: archive_storage_settings
short_description: Read and check the variables of the role archive_storage
version_added: 1.0.0
author:
  - Vonage Archiving Contributors (@vonage-archiving)
description:
  - Turns the variables of the role P(vonage.archiving.archive_storage#role), as people, inventories and AWX write them,
    into the values its tasks use, and finds what contradicts itself. The role uses it; other code has no need to.
  - It reads no secrets and returns none.
  - Warns of variables whose names look like mistyped ones of the role.
options:
  _input:
    description:
      - The variables of the role without their prefix C(archive_storage_), but for the secrets.
      - The names of all variables that are set can be in it as C(names).
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: See what the role would make of these values
  ansible.builtin.debug:
    msg: "{{ {'api_key': 47123456, 'bucket': 'example-recordings', 'public': 'no'}
             | vonage.archiving.archive_storage_settings }}"
"""

RETURN = r"""
_value:
  description:
    - The settings; C(problems) lists what is wrong with them, one sentence each.
  type: dict
"""


def read(given: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
    """The settings; warns of names that look mistyped."""
    for warning in mistyped(given.get("names") or ()):
        Display().warning(warning)
    return settings(given)


class FilterModule:
    """The filters of this file."""

    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        return {"archive_storage_settings": read}
