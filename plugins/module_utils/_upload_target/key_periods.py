# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The lifetime of access keys, in seconds. Pure.

PRIVATE to the collection ``vonage.archiving``: there is no stability promise outside of it.
"""

from __future__ import annotations

# A recording can be open for 12 hours, including pauses (Vonage guide "Archiving"), and its upload takes time.
GRACE_PERIOD = 18 * 3600
# An old key stays inactive for this time before it is deleted. Until then, an operator can activate it again.
DELETE_AFTER = 24 * 3600


def rotate_after_problem(rotate_after: float, grace_period: float, delete_after: float) -> str | None:
    """Validate ``rotate_after``, and return the problem: an old key must be deleted before the next rotation.

    :param rotate_after: 0 for never.
    """
    least = grace_period + delete_after
    if not rotate_after or rotate_after > least:
        return None
    return (
        f"must exceed uploader.grace_period plus uploader.delete_after ({least:.0f} seconds), got {rotate_after:.0f} "
        "seconds"
    )
