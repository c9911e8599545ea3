# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Parse options that several packages share: numbers, and the time budget of an API.

PRIVATE to the collection ``vonage.archiving``: there is no stability promise outside of it.
"""

from __future__ import annotations

import math
import typing as t

from .budget import Budget
from .problems import Problems
from .values import DURATION_FORMS, describe_value, none_if_blank, parse_duration

BUDGET_ARGUMENTS: dict[str, t.Any] = {
    "timeout": {"type": "str", "default": Budget.timeout},
    "retries": {"type": "int", "default": Budget.retries},
    "total_timeout": {"type": "str", "default": Budget.total},
}
# Seconds, one day.
MAX_TIMEOUT = 86400


def parse_budget(params: t.Mapping[str, t.Any], problems: Problems) -> Budget:
    """Parse the options of ``BUDGET_ARGUMENTS``."""
    return Budget(
        timeout=parse_seconds(params, "timeout", Budget.timeout, problems, above=0, most=MAX_TIMEOUT),
        retries=int(parse_number(params, "retries", Budget.retries, problems, whole=True)),
        total=parse_seconds(params, "total_timeout", Budget.total, problems, above=0, most=MAX_TIMEOUT),
    )


def parse_number(
    params: t.Mapping[str, t.Any],
    name: str,
    default: float,
    problems: Problems,
    above: float | None = None,
    whole: bool = False,
    most: float = math.inf,
) -> float:
    """Parse a number, which can be a string, from an option.

    :param above: the number must be greater; ``None`` for 0 or greater.
    :param most: the largest valid number.
    :returns: the default if there is a problem.
    """
    value = none_if_blank(params.get(name))
    if value is None:
        return default
    number = _to_number(value)
    is_valid = math.isfinite(number) and (number > above if above is not None else number >= 0)
    if not is_valid or (whole and number != int(number)):
        kind = "a whole number" if whole else "a number"
        least = f"greater than {above:g}" if above is not None else "that is 0 or greater"
        problems.add(name, f"{describe_value(value)} is not {kind} {least}")
        return default
    if number > most:
        problems.add(name, f"{value!r} is greater than {most:g}, the largest valid value")
        return default
    return number


def parse_seconds(
    params: t.Mapping[str, t.Any],
    name: str,
    default: float,
    problems: Problems,
    above: float | None = None,
    most: float = math.inf,
) -> float:
    """Parse a duration from an option: a number of seconds, or text such as ``90d``.

    For the parameters, see :func:`parse_number`.
    """
    value = none_if_blank(params.get(name))
    seconds = parse_duration(value)
    if value is not None and seconds is None and not math.isfinite(_to_number(value)):
        problems.add(name, f"{describe_value(value)} is not a duration. Use {DURATION_FORMS}")
        return default
    whole = isinstance(default, int)
    return parse_number({name: value if seconds is None else seconds}, name, default, problems, above, whole, most)


def _to_number(value: t.Any) -> float:
    """Return the number, or NaN."""
    try:
        return math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError, OverflowError):
        return math.nan
