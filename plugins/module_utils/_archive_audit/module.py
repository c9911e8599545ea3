# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The module ``vonage_archive_audit``, for its module and its action plugin.

PRIVATE to the collection ``vonage.archiving``: there is no stability promise outside of it.
"""

from __future__ import annotations

from .._core.execute import ModuleSpec
from .params import ARGUMENTS
from .reconcile import reconcile

MODULE = ModuleSpec(reconcile, ARGUMENTS)
