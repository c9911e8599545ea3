# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Keeping secrets out of everything that is shown.

PRIVATE to the collection ``vonage.archiving``: there is no stability promise outside of it.
"""

from __future__ import annotations

import base64
import json
import typing as t
from urllib.parse import quote, quote_plus

REDACTED = "********"

# A service may echo a part of what it was sent (a message cut off at some length, say). Shorter runs than this are
# left alone: they say little, and masking them would garble ordinary words.
SHORTEST_ECHO = 8


def forms(secret: str) -> list[str]:
    """The secret as it may stand in a message: as it is, URL-encoded, JSON-escaped, in base64."""
    # Bytes of a variable that are no UTF-8 reach Python as surrogates, which nothing but this encodes.
    data = secret.encode("utf-8", "surrogatepass")
    encoded = base64.b64encode(data).decode()
    return list(dict.fromkeys([secret, quote(data, safe=""), quote_plus(data), json.dumps(secret)[1:-1], encoded]))


def redact(text: str, secrets: t.Iterable[str | None]) -> str:
    """``text`` without any of the secrets, nor a run of eight or more of a secret's characters.

    :param secrets: values to hide; ``None`` and empty strings are passed over.
    """
    hidden = [False] * len(text)
    for secret in secrets:
        for form in forms(secret) if secret else ():
            _mark(text, form, hidden)
    return _masked(text, hidden)


def _mark(text: str, secret: str, hidden: list[bool]) -> None:
    size = min(len(secret), SHORTEST_ECHO)
    pieces = {secret[at : at + size] for at in range(len(secret) - size + 1)}
    for at in range(len(text) - size + 1):
        if text[at : at + size] in pieces:
            hidden[at : at + size] = [True] * size


def _masked(text: str, hidden: list[bool]) -> str:
    parts: list[str] = []
    for at, char in enumerate(text):
        if not hidden[at]:
            parts.append(char)
        elif at == 0 or not hidden[at - 1]:
            parts.append(REDACTED)
    return "".join(parts)


def mark_as_secret(value: str | None) -> None:
    """Tell ansible-core that a value is a secret, where it has an API for that (2.22 and later).

    Earlier releases know only ``no_log`` options; there, what is returned is protected by the task's ``no_log``.
    """
    if not value:
        return
    try:
        from ansible.module_utils.secrets import register_secret  # 2.22 and later
    except ImportError:
        return
    register_secret(value)
