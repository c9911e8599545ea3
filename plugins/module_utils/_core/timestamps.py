# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Times in UTC, and times in options. Pure.

PRIVATE to the collection ``vonage.archiving``: there is no stability promise outside of it.
"""

from __future__ import annotations

import datetime
import typing as t

from .problems import Problems
from .values import describe_value, none_if_blank, parse_duration

UTC_FORMAT = "%Y-%m-%dT%H:%M:%SZ"
# Seconds; clocks of machines that use NTP differ less.
MAX_CLOCK_DIFFERENCE = 300
# Seconds, 31 years. A larger number is more likely a Unix time.
MAX_SECONDS_AGO = 10**9


def format_utc(time: float) -> str:
    """Format Unix seconds as ISO 8601 in UTC, without fractions of a second."""
    return datetime.datetime.fromtimestamp(int(time), datetime.timezone.utc).strftime(UTC_FORMAT)


def parse_utc(text: str) -> float | None:
    """Parse a time that :func:`format_utc` formatted; ``None`` for any other text.

    :returns: Unix seconds.
    """
    try:
        parsed = datetime.datetime.strptime(text, UTC_FORMAT)
    except ValueError:
        return None
    return parsed.replace(tzinfo=datetime.timezone.utc).timestamp()


def parse_time_option(params: t.Mapping[str, t.Any], name: str, now: float, problems: Problems) -> float | None:
    """Parse an option that takes a time in ISO 8601, or the duration since then: a number of seconds, or ``7d``.

    :param now: Unix seconds.
    :returns: Unix seconds; ``None`` if the option is not set or not valid.
    """
    value = none_if_blank(params.get(name))
    if value is None:
        return None
    text = str(value).strip()
    if text.isascii() and text.isdigit():
        return _parse_seconds_ago(name, text, now, problems)
    seconds = parse_duration(text)
    if seconds is not None:
        return _parse_seconds_ago(name, str(seconds), now, problems)
    time = _parse_iso(text)
    if time is None:
        problems.add(
            name,
            f"{describe_value(text)} is not a time such as 2026-11-21T18:00:00Z, and not the duration since then, such "
            "as 7d or a whole number of seconds",
        )
    elif time > now + MAX_CLOCK_DIFFERENCE:
        problems.add(name, f"{text!r} is in the future")
        return None
    return time


def _parse_seconds_ago(name: str, digits: str, now: float, problems: Problems) -> float | None:
    # Python limits the number of digits that it converts.
    if len(digits) < 50 and int(digits) < MAX_SECONDS_AGO:
        return now - int(digits)
    problems.add(
        name,
        f"{digits[:50]} seconds ago is more than 31 years ago. Set a point in time as a time such as "
        "2026-11-21T18:00:00Z",
    )
    return None


def _parse_iso(text: str) -> float | None:
    """Unix seconds of a time in ISO 8601; a time without a zone is UTC."""
    # Before Python 3.11, fromisoformat() does not accept "Z".
    without_z = text[:-1] + "+00:00" if text[-1] in "Zz" else text
    try:
        parsed = datetime.datetime.fromisoformat(without_z)
        in_zone = parsed if parsed.tzinfo else parsed.replace(tzinfo=datetime.timezone.utc)
        return in_zone.timestamp()
    except (ValueError, OverflowError):
        return None
