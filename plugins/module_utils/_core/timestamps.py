# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Times as people write them in options. Pure.

PRIVATE to the collection ``vonage.archiving``: there is no stability promise outside of it.
"""

from __future__ import annotations

import datetime
import typing as t

from .values import given

# Longer than clocks of machines that both use NTP differ.
FUTURE = 300
# As seconds ago, 31 years: more likely somebody gave Unix seconds.
MOST_SECONDS_AGO = 10**9


def moment(params: t.Mapping[str, t.Any], name: str, now: float, problems: list[str]) -> float | None:
    """The time that an option means, in Unix seconds; ``None`` where it is not set.

    :param now: Unix seconds.
    :param problems: gets a sentence if it means none; then the answer is ``None`` too.
    """
    value = given(params.get(name))
    if value is None:
        return None
    text = str(value).strip()
    if text.isascii() and text.isdigit():
        return _ago(name, text, now, problems)
    found = _iso(text)
    if found is None:
        problems.append(
            f"{name} {text!r} is neither a time such as 2026-11-21T18:00:00Z nor a whole number of seconds ago"
        )
    elif found > now + FUTURE:
        problems.append(f"{name} {text!r} lies in the future")
        return None
    return found


def _ago(name: str, digits: str, now: float, problems: list[str]) -> float | None:
    # Python makes no number of more than some thousand digits.
    if len(digits) < 50 and int(digits) < MOST_SECONDS_AGO:
        return now - int(digits)
    problems.append(
        f"{name} {digits[:50]} would be that many seconds ago, more than 31 years: for a point in time give "
        "a time such as 2026-11-21T18:00:00Z"
    )
    return None


def _iso(text: str) -> float | None:
    """Unix seconds of a time in ISO 8601; without a zone it is UTC."""
    # Before Python 3.11, fromisoformat() knows no "Z".
    plain = text[:-1] + "+00:00" if text[-1] in "Zz" else text
    try:
        parsed = datetime.datetime.fromisoformat(plain)
        zoned = parsed if parsed.tzinfo else parsed.replace(tzinfo=datetime.timezone.utc)
        return zoned.timestamp()
    except (ValueError, OverflowError):
        return None
