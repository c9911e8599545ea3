# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What can be known to be wrong with an app, a token or a config var before anything is sent. Pure.

PRIVATE to the collection ``vonage.archiving``: there is no stability promise outside of it.

Names and their form: the schema of the Platform API (``config-var`` and ``app`` in heroku/heroku-go, v5/schema.json)
and the article "Configuration and Config Vars". No message here quotes the value of a config var.
"""

from __future__ import annotations

import re
import typing as t

# The schema says ^\w+$; the article says letters and digits, "accessible from all programming languages".
NAME = re.compile(r"[A-Za-z0-9_]+")
RESERVED = ("HEROKU_", "__")
APP_NAME = re.compile(r"[a-z][a-z0-9-]{1,28}[a-z0-9]")
APP_ID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
TOKEN = re.compile(r"[\x21-\x7e]+")
# The article "OAuth": access tokens begin so.
TOKEN_PREFIX = "HRKU-"

# All names and values of an app together. 32 kB is what a copy of the article says, and is not verified; nothing that
# was found says more than 64.
EXPECTED_LIMIT = 32 * 1024
HIGHEST_LIMIT = 64 * 1024

# Ansible hides a secret wherever its text occurs: one so short occurs by chance.
SHORT_SECRET = 8

QUOTE = 'write it in quotes, and add the filter string where it comes from a template ("{{ value | string }}")'


def app(value: str, token: str) -> list[str]:
    """What is wrong with the option ``app``."""
    if not value:
        return ["app is required"]
    if looks_like_token(value) or value == token:
        return ["app holds an API token: that belongs in api_token, and the name of the app here"]
    if APP_NAME.fullmatch(value) or APP_ID.fullmatch(value):
        return []
    form = "a name has 3 to 30 lower-case letters, digits and dashes, an id is a UUID"
    return [f"app {value!r} is neither the name nor the id of an app: {form}"]


def looks_like_token(value: str) -> bool:
    return TOKEN_PREFIX in value


def token(value: str) -> list[str]:
    """What is wrong with the option ``api_token``."""
    if not value:
        return ["api_token is required, or the environment variable HEROKU_API_KEY"]
    if value != value.strip():
        return ["api_token begins or ends with white space"]
    return [] if TOKEN.fullmatch(value) else ["api_token holds characters that no token has"]


def name(where: str, value: str) -> list[str]:
    """What is wrong with the name of a config var.

    :param where: the option it stands in.
    """
    if not NAME.fullmatch(value):
        return [f"{where} has the name {value!r}: letters, digits and underscores of ASCII are allowed"]
    if value.startswith(RESERVED):
        return [f"{where} has the name {value!r}: names that begin with HEROKU_ or __ are Heroku's own"]
    return []


def text(where: str, value: t.Any, problems: list[str]) -> str:
    """The value of a config var as the user wrote it.

    A whole number is its decimal digits. Of a boolean and of a fraction YAML leaves only the meaning: ``yes``, ``on``
    and ``true`` arrive as the same, and so do ``1.10`` and ``1.1``.

    :param problems: gets a sentence if that cannot be known; then the answer says nothing.
    """
    problem = ""
    if isinstance(value, bool):
        problem = f"is a boolean to YAML, and how it was written cannot be known: {QUOTE}"
    elif isinstance(value, float):
        problem = f"is a number with a fraction to YAML, and how it was written cannot be known: {QUOTE}"
    elif value is None:
        problem = 'has no value: write "" for the empty string, or name it in absent to remove it'
    elif isinstance(value, (dict, list)):
        problem = "is a list or dict, and config vars are strings: the filter to_json makes one"
    elif "\0" in str(value):
        problem = "holds a NUL character, which no environment variable can"
    if problem:
        problems.append(f"{where} {problem}")
    return str(value)


def twice(named: t.Mapping[str, t.Iterable[str]]) -> list[str]:
    """Names that stand in more than one option."""
    places: dict[str, list[str]] = {}
    for option, names in named.items():
        for each in dict.fromkeys(names):
            places.setdefault(each, []).append(option)
    return [f"{each} stands in {' and in '.join(where)}" for each, where in places.items() if len(where) > 1]


def size(variables: t.Mapping[str, str]) -> int:
    """Bytes of all names and values. What no UTF-8 can say is counted as what its bytes would be."""
    return sum(len(text.encode("utf-8", "surrogatepass")) for pair in variables.items() for text in pair)
