# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The time limits of requests. Pure.

PRIVATE to the collection ``vonage.archiving``: there is no stability promise outside of it.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Budget:
    """The time limits of requests.

    :param timeout: seconds for one attempt.
    :param retries: attempts after the first one.
    :param total: seconds for all attempts of one request, with the pauses between them.
    """

    timeout: float = 20.0
    retries: int = 4
    total: float = 90.0
