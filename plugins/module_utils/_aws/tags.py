# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Tags of buckets and of IAM users. Pure.

PRIVATE to the collection ``vonage.archiving``: there is no stability promise outside of it.
"""

from __future__ import annotations

import typing as t

Tags = tuple[tuple[str, str], ...]


MOST_TAGS = 50


def tags_from_option(option: t.Mapping[str, t.Any]) -> Tags:
    """Sorted pairs. A boolean becomes the YAML word for it."""
    return tuple(sorted((str(key), _text(value)) for key, value in option.items()))


def _text(value: t.Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value)


def tag_problems(option: t.Mapping[str, t.Any], most: int = MOST_TAGS, service: str = "S3") -> list[str]:
    """The problems of the tags of an option, without its name."""
    problems = [f"at most {most} tags are allowed by {service}, got {len(option)}"] if len(option) > most else []
    for key, value in option.items():
        if not 1 <= len(str(key)) <= 128 or str(key).lower().startswith("aws:"):
            problems.append(f"the tag name {key!r} must have 1 to 128 characters and not start with aws:")
        if isinstance(value, (dict, list)) or len(_text(value)) > 256:
            problems.append(f"the value of tag {key!r} must be a string of at most 256 characters")
    return problems
