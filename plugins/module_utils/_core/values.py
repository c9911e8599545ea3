# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Helpers for values of options and environment variables. Pure.

PRIVATE to the collection ``vonage.archiving``: there is no stability promise outside of it.
"""

from __future__ import annotations

import re
import typing as t

_USERINFO = re.compile(r"^([A-Za-z][A-Za-z0-9+.-]*://)?.*@", re.DOTALL)
# Passwords often contain unescaped special characters.
_CREDENTIALS = re.compile(r"://([^/@\s]*(?::[^@]*)?)@")

# AWS: IAM User Guide, "IAM identifiers", unique id prefixes.
AWS_KEY_ID = re.compile(r"(AKIA|ASIA)[A-Z0-9]{16}")
# A secret key has twice the length of a key ID.
AWS_SECRET = re.compile(r"[A-Za-z0-9/+]{40}")
# The secret of a Vonage project or account, also as a part: the first form of credentials of the API was key:secret.
API_SECRET = re.compile(r"(?<![0-9a-z])[0-9a-f]{40}(?![0-9a-z])")
PEM = "-----BEGIN"
# Longer values are not IDs, names, or numbers.
LONGEST_SHOWN = 100

DURATION_FORMS = "a whole number of seconds, or a whole number with a unit, such as 30s, 15m, 12h, or 90d"
DAYS_FORMS = "a whole number of days, also with the unit d, such as 90d"
_DURATION = re.compile(r"([0-9]{1,15})([smhd]?)")
_SECONDS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}
_DAYS = re.compile(r"([0-9]{1,15})d?")


def none_if_blank(value: t.Any) -> t.Any:
    """``None`` for an empty string, else the value.

    AWX passes an empty input as an empty string.
    """
    return None if isinstance(value, str) and not value.strip() else value


def without_empty(value: t.Any) -> t.Any:
    """A copy of nested options without empty strings.

    Items of lists are kept: an empty name in a list is a mistake to report.
    """
    if isinstance(value, dict):
        return {key: without_empty(item) for key, item in value.items() if not isinstance(item, str) or item.strip()}
    return [without_empty(item) for item in value] if isinstance(value, list) else value


def first_env(environ: t.Mapping[str, str], *names: str) -> str | None:
    """The first of these environment variables that is set and not empty."""
    for name in names:
        value: str | None = none_if_blank(environ.get(name))
        if value is not None:
            return value
    return None


def without_userinfo(url: str) -> str:
    """The URL for a message, without credentials, also if the URL is not valid."""
    return _USERINFO.sub(lambda match: f"{match.group(1) or ''}********@", url)


def url_userinfo(url: str) -> str:
    """The credentials before the host of a URL; empty if there are none."""
    match = _CREDENTIALS.search(url if "://" in url else f"http://{url}")
    return match.group(1) if match else ""


def first_few(values: t.Sequence[str], most: int) -> str:
    """``a, b and 3 more`` for a sentence."""
    more = len(values) - most
    return ", ".join(values[:most]) + (f" and {more} more" if more > 0 else "")


def quote_list(values: t.Iterable[str]) -> str:
    """``"a", "b" and "c"`` for a sentence."""
    quoted = [f'"{value}"' for value in values]
    return quoted[0] if len(quoted) == 1 else f"{', '.join(quoted[:-1])} and {quoted[-1]}" if quoted else "none"


def parse_duration(value: t.Any) -> int | None:
    """Return the seconds of a duration in one of ``DURATION_FORMS``; ``None`` if it is none of them.

    >>> parse_duration("12h"), parse_duration(30), parse_duration("soon")
    (43200, 30, None)
    """
    match = _DURATION.fullmatch(_number_text(value))
    return int(match[1]) * _SECONDS[match[2]] if match else None


def parse_days(value: t.Any) -> int | None:
    """Return the days of a value in one of ``DAYS_FORMS``; ``None`` if it is none of them.

    A number without a unit is a number of days, and other units are errors: the meaning never depends on the size.
    """
    match = _DAYS.fullmatch(_number_text(value))
    return int(match[1]) if match else None


def _number_text(value: t.Any) -> str:
    return "" if isinstance(value, bool) else str(value).strip()


def describe_value(value: t.Any) -> str:
    """Return an invalid value for a message, without one that can be a secret: users swap options."""
    is_secret = is_possible_secret(str(value).strip())
    return "the value, which is not shown because it can be a secret," if is_secret else repr(value)


def is_possible_secret(text: str) -> bool:
    """Whether a text has the form of a secret. Some names and ARNs have it, too."""
    return bool(PEM in text or API_SECRET.search(text) or AWS_SECRET.fullmatch(text) or len(text) > LONGEST_SHOWN)
