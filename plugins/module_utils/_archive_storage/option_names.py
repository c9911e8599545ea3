# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Replaces the options of modules in messages by the variables of the role that the user sets. Pure.

PRIVATE to the collection ``vonage.archiving``: there is no stability promise outside of it.
"""

from __future__ import annotations

import re

from .._core.problems import Problem
from .variables import OPTIONS, PREFIX

# Options that a message mentions, such as uploader.grace_period or api_url.
_MENTION = re.compile(r"(?<![\w./-])[a-z0-9]+(?:[._][a-z0-9]+)+(?![\w/-])")
# Options of one word, which are also words of the language: as name=value, or after a verb that takes an option.
_WORDS = "|".join(sorted(option for option in OPTIONS if option.isalpha()))
_WORD = re.compile(
    rf"(?<![\w./-])(?:{_WORDS})(?==)|(?:(?<=\b[Cc]orrect )|(?<=\b[Ss]et )|(?<=\bthe option ))(?:{_WORDS})\b(?! of\b)"
)


def rename_options(problem: Problem) -> Problem:
    """Return a problem with the names of variables in place of options, also of those that its message mentions."""
    return problem.rename(OPTIONS)._replace(message=rename_mentions(problem.message))


def rename_mentions(text: str) -> str:
    """Return a text with the names of variables in place of the options that it mentions.

    >>> rename_mentions("Check that api_url is correct. Correct region.")
    'Check that archive_storage_api_url is correct. Correct archive_storage_region.'
    """
    renamed = _WORD.sub(_rename, _MENTION.sub(_rename, text))
    return renamed.replace(f"the option {PREFIX}", PREFIX)


def _rename(match: re.Match[str]) -> str:
    mention = match.group()
    if mention not in OPTIONS and "_" not in mention.partition(".")[0]:
        # The name of a bucket or file can begin with an option, such as bucket.example.com.
        return mention
    return Problem(mention, "").rename(OPTIONS).option
