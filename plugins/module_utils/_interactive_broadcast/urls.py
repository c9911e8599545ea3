# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The URL at which an Interactive Broadcast application expects recordings. Pure.

PRIVATE to the collection ``vonage.archiving``: there is no stability promise outside of it.

The two generations of the application join this URL and an object key differently (public code: generation 1 in
``opentok/interactive-broadcast-js`` at 03980f1, ``routes/admin.js``; generation 2 in
``opentok/interactive-broadcast-api``, ``server/services/event.js``). A value for one generation breaks the other.
"""

from __future__ import annotations

from urllib.parse import urljoin

from .._core.validation import url_problem

CONFIG_VARS = {1: "S3_COMPOSEDVIDEO_URL", 2: "BUCKET_URL"}
EXAMPLE = "https://recordings.example.com"


def config_var_value(generation: int, base_url: str) -> str:
    """The desired value of the config var.

    Generation 1 resolves the object key as a relative link, which drops everything after the last slash: without a
    slash at the end, the bucket is lost. Generation 2 adds a slash: a second one would become a part of the object key.
    """
    stripped = base_url.rstrip("/")
    return f"{stripped}/" if generation == 1 else stripped


def recording_url(generation: int, value: str, key: str) -> str:
    """The URL that the application builds from the value of the config var and an object key."""
    return urljoin(value, key) if generation == 1 else f"{value}/{key}"


def base_url_problem(url: str) -> str | None:
    """The problem of the base URL of recordings; ``None`` if it is valid."""
    problem = url_problem(url, EXAMPLE, allow_path=True)
    return f"{problem}; this URL is public" if problem and has_credentials(url) else problem


def has_credentials(value: str) -> bool:
    """Whether a URL may contain a password, even if the URL is not valid."""
    return "@" in value


def value_problem(generation: int, value: str) -> str | None:
    """The problem of the current value of the config var; ``None`` if it is as desired."""
    name = CONFIG_VARS[generation]
    problem = base_url_problem(value)
    if problem:
        return f"{name}: {problem}"
    if value == config_var_value(generation, value):
        return None
    if generation == 1:
        return f"{name}: {value!r} does not end with a slash. The application needs one"
    return f"{name}: {value!r} ends with a slash. The application adds its own"
