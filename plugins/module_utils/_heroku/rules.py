# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Offline validation of an app, a token, and config vars. Pure.

PRIVATE to the collection ``vonage.archiving``: there is no stability promise outside of it.

Sources: the schema of the Platform API (``config-var`` and ``app`` in heroku/heroku-go, v5/schema.json) and the article
"Configuration and Config Vars". No message contains the value of a config var.
"""

from __future__ import annotations

import re
import typing as t

from .._core.misplaced_secrets import HEROKU_TOKEN
from .._core.problems import Problems

# The schema has ^\w+$; the article allows letters and digits, "accessible from all programming languages".
NAME = re.compile(r"[A-Za-z0-9_]+")
RESERVED_PREFIXES = ("HEROKU_", "__")
APP_NAME = re.compile(r"[a-z][a-z0-9-]{1,28}[a-z0-9]")
APP_ID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
TOKEN = re.compile(r"[\x21-\x7e]+")

# The names and values of all config vars of an app. A copy of the article has 32 kB, which is not verified; no source
# has more than 64.
EXPECTED_LIMIT = 32 * 1024
HIGHEST_LIMIT = 64 * 1024

# Ansible redacts a secret wherever its text occurs; a shorter one occurs by chance.
SHORT_SECRET = 8

QUOTE = 'Write it in quotes; in a template, add the filter string ("{{ value | string }}")'


def app_problem(value: str, token: str) -> str | None:
    """The problem of the option ``app``, if any."""
    if not value:
        return "is required"
    if HEROKU_TOKEN.search(value) or value == token:
        return "contains an API token. Set the token in api_token and the name of the app in app"
    if APP_NAME.fullmatch(value) or APP_ID.fullmatch(value):
        return None
    return (
        f"{value!r} is neither the name nor the ID of an app. "
        "A name has 3 to 30 lower-case letters, digits, and dashes; an ID is a UUID"
    )


def token_problem(value: str) -> str | None:
    """The problem of the option ``api_token``, if any."""
    if not value:
        return "is required. Set the option or the environment variable HEROKU_API_KEY"
    if value != value.strip():
        return "begins or ends with white space"
    return None if TOKEN.fullmatch(value) else "contains characters that are not allowed in a token"


def name_problem(name: str) -> str | None:
    """The problem of the name of a config var, if any."""
    if not NAME.fullmatch(name):
        return f"{name!r} is not a valid name: ASCII letters, digits, and underscores are allowed"
    if name.startswith(RESERVED_PREFIXES):
        return f"{name!r} is not a valid name: Heroku reserves names that begin with HEROKU_ or __"
    return None


def parse_value(option: str, value: t.Any, problems: Problems) -> str:
    """Parse the value of a config var as the user wrote it.

    A whole number becomes its decimal digits. YAML does not keep the spelling of a boolean or a fraction: ``yes``,
    ``on`` and ``true`` are the same value, and so are ``1.10`` and ``1.1``.

    :returns: a value without a meaning if there is a problem.
    """
    problems.add_if(option, _value_problem(value))
    return str(value)


def _value_problem(value: t.Any) -> str | None:
    if isinstance(value, bool):
        return f"is a YAML boolean, whose spelling is not known. {QUOTE}"
    if isinstance(value, float):
        return f"is a YAML number with a fraction, whose spelling is not known. {QUOTE}"
    if value is None:
        return 'has no value. Write "" for the empty string, or list the name in absent to delete the config var'
    if isinstance(value, (dict, list)):
        return "is a list or dict, but config vars are strings. Add the filter to_json"
    if "\0" in str(value):
        return "contains a NUL character, which is not allowed in environment variables"
    return None


def duplicate_names(names_by_option: t.Mapping[str, t.Iterable[str]]) -> dict[str, list[str]]:
    """Names that are in more than one option, each with its options."""
    options: dict[str, list[str]] = {}
    for option, names in names_by_option.items():
        for name in dict.fromkeys(names):
            options.setdefault(name, []).append(option)
    return {name: of_name for name, of_name in options.items() if len(of_name) > 1}


def size_in_bytes(variables: t.Mapping[str, str]) -> int:
    """The size of all names and values; text that UTF-8 cannot encode counts as its original bytes."""
    return sum(len(text.encode("utf-8", "surrogatepass")) for pair in variables.items() for text in pair)
