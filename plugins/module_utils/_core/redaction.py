# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Redacts secrets. Pure.

PRIVATE to the collection ``vonage.archiving``: there is no stability promise outside of it.
"""

from __future__ import annotations

import base64
import json
import typing as t
from urllib.parse import quote, quote_plus

REDACTED = "********"

# A service can echo a part of a secret, for example in a truncated message. Shorter parts are not redacted: they reveal
# little, and redacting them would make ordinary words unreadable.
SHORTEST_ECHO = 8
LONGEST_EXCERPT = 300


def encodings(secret: str) -> list[str]:
    """The forms of a secret in messages: plain, URL-encoded, JSON-escaped, and base64."""
    # Python represents bytes of an environment variable that are not UTF-8 as surrogates.
    data = secret.encode("utf-8", "surrogatepass")
    encoded = base64.b64encode(data).decode()
    return list(dict.fromkeys([secret, quote(data, safe=""), quote_plus(data), json.dumps(secret)[1:-1], encoded]))


def redact(text: str, secrets: t.Iterable[str | None]) -> str:
    """The text without secrets, and without parts of a secret of eight or more characters.

    :param secrets: ``None`` and empty strings are ignored.
    """
    hidden = [False] * len(text)
    for secret in secrets:
        for encoding in encodings(secret) if secret else ():
            _mark(text, encoding, hidden)
    return _mask(text, hidden)


def safe_excerpt(text: str, secrets: t.Iterable[str | None]) -> str:
    """A printable text from a response for a message: redacted, and truncated to 300 characters."""
    printable = "".join(char if char.isprintable() else " " for char in redact(text, secrets))
    return printable if len(printable) <= LONGEST_EXCERPT else f"{printable[:LONGEST_EXCERPT]} (truncated)"


def redact_nested(value: t.Any, secrets: t.Sequence[str]) -> t.Any:
    """A copy of nested data with all texts redacted; keys are kept."""
    if isinstance(value, str):
        return redact(value, secrets)
    if isinstance(value, dict):
        return {key: redact_nested(item, secrets) for key, item in value.items()}
    return [redact_nested(item, secrets) for item in value] if isinstance(value, (list, tuple)) else value


def _mark(text: str, secret: str, hidden: list[bool]) -> None:
    size = min(len(secret), SHORTEST_ECHO)
    pieces = {secret[at : at + size] for at in range(len(secret) - size + 1)}
    for at in range(len(text) - size + 1):
        if text[at : at + size] in pieces:
            hidden[at : at + size] = [True] * size


def _mask(text: str, hidden: list[bool]) -> str:
    parts: list[str] = []
    for at, char in enumerate(text):
        if not hidden[at]:
            parts.append(char)
        elif at == 0 or not hidden[at - 1]:
            parts.append(REDACTED)
    return "".join(parts)
