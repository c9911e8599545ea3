# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The URL under which an Interactive Broadcast application looks for recordings. Pure.

PRIVATE to the collection ``vonage.archiving``: there is no stability promise outside of it.

The two generations of the application join the URL and the key of an object differently (public code: generation 1 in
``opentok/interactive-broadcast-js`` at 03980f1, ``routes/admin.js``; generation 2 in
``opentok/interactive-broadcast-api``, ``server/services/event.js``). What suits one breaks the other.
"""

from __future__ import annotations

from urllib.parse import urljoin

from .._aws.session import is_url

VARIABLES = {1: "S3_COMPOSEDVIDEO_URL", 2: "BUCKET_URL"}


def variable_value(generation: int, base: str) -> str:
    """What the config var has to be.

    Generation 1 resolves the key as a link on a page at that URL, which drops everything after the last slash: without
    a slash at its end the bucket is lost. Generation 2 puts a slash between the two, so that a second one would become
    a part of the key.
    """
    plain = base.rstrip("/")
    return f"{plain}/" if generation == 1 else plain


def recording(generation: int, value: str, key: str) -> str:
    """The URL that the application makes of the config var's value and the key of an object."""
    return urljoin(value, key) if generation == 1 else f"{value}/{key}"


def base_problems(base: str, name: str = "base_url") -> list[str]:
    """What is wrong with a base URL that was given.

    :param name: where it stands.
    """
    if holds_credentials(base):
        return [f"{name} holds credentials: everybody gets to see this URL"]
    if not is_url(base):
        return [f"{name} {base!r} is no URL such as https://recordings.example.com"]
    return []


def holds_credentials(value: str) -> bool:
    """Whether a URL, however it is mistyped, may have a password in it."""
    return "@" in value


def value_problem(generation: int, value: str) -> str:
    """What is wrong with the config var's value as somebody has written it; empty if it can be right."""
    name = VARIABLES[generation]
    problems = base_problems(value, name)
    if problems:
        return problems[0]
    if value == variable_value(generation, value):
        return ""
    return f"{name} has {'no' if generation == 1 else 'a'} slash at its end, where the application needs it otherwise"
