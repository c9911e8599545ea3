# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Registers secrets with Ansible.

PRIVATE to the collection ``vonage.archiving``: there is no stability promise outside of it.
"""

from __future__ import annotations


def mark_as_secret(value: str | None) -> None:
    """Register a value as a secret with ansible-core 2.22 and later.

    Earlier releases know only ``no_log`` options. There, ``no_log`` on the task protects secrets in the result.
    """
    if not value:
        return
    try:
        from ansible.module_utils.secrets import register_secret
    except ImportError:
        return
    register_secret(value)
