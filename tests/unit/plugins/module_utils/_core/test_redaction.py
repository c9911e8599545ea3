# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import base64
import json
import string
from urllib.parse import quote

from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.vonage.archiving.plugins.module_utils._core.redaction import REDACTED, SHORTEST_ECHO, redact

SECRETS = st.text(string.ascii_letters + string.digits + "/+=-_ \"'\\äß", min_size=1, max_size=60)
WORDS = st.text(string.printable, max_size=80)


def pieces(secret: str) -> set[str]:
    size = min(len(secret), SHORTEST_ECHO)
    return {secret[at : at + size] for at in range(len(secret) - size + 1)}


@given(SECRETS, WORDS, WORDS)
def test_redact_removes_each_part_of_a_secret(secret: str, before: str, after: str) -> None:
    shown = redact(f"{before}{secret}{after}", [secret])
    assert not any(piece in shown for piece in pieces(secret))
    assert REDACTED in shown


@given(SECRETS.filter(lambda secret: len(secret) >= SHORTEST_ECHO), st.data())
def test_redact_removes_a_single_part_of_a_secret(secret: str, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(secret) - SHORTEST_ECHO))
    end = data.draw(st.integers(start + SHORTEST_ECHO, len(secret)))
    shown = redact(f"<{secret[start:end]}>", [secret])
    assert not any(piece in shown for piece in pieces(secret))


@given(SECRETS.filter(lambda secret: len(secret) >= SHORTEST_ECHO))
def test_redact_removes_encodings(secret: str) -> None:
    for form in (quote(secret, safe=""), json.dumps(secret), base64.b64encode(secret.encode()).decode()):
        assert form.strip('"') not in redact(f"it said {form}!", [secret])


def test_redact_removes_a_secret_that_is_not_utf_8() -> None:
    secret = b"not-in-utf-8-\xff\xfc".decode("utf-8", "surrogateescape")
    assert redact(f"it is {secret}.", [secret]) == f"it is {REDACTED}."


@given(st.text(string.ascii_lowercase + " ", max_size=200), st.text(string.digits, min_size=1, max_size=40))
def test_redact_keeps_other_text(text: str, secret: str) -> None:
    assert redact(text, [secret, None, ""]) == text


@given(st.lists(SECRETS, max_size=4), WORDS)
def test_redact_is_idempotent(secrets: list[str], text: str) -> None:
    once = redact("-".join([text, *secrets]), secrets)
    assert redact(once, secrets) == once


def test_redact_adjacent_secrets_are_replaced_once() -> None:
    assert redact("a=12345678abcdefgh.", ["12345678", "abcdefgh"]) == f"a={REDACTED}."


def test_redact_keeps_short_parts() -> None:
    assert redact("the bucket", ["the bucket of 1999"]) == REDACTED
    assert redact("bucket 9", ["the buckets of 1999"]) == "bucket 9"
