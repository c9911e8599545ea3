# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Redaction: nothing of a secret is left, nothing else is lost."""

from __future__ import annotations

import base64
import json
import string
import sys
import types
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.vonage.archiving.plugins.module_utils._core import secrets as _secrets
from ansible_collections.vonage.archiving.plugins.module_utils._core.secrets import REDACTED, SHORTEST_ECHO, redact

SECRETS = st.text(string.ascii_letters + string.digits + "/+=-_ \"'\\äß", min_size=1, max_size=60)
WORDS = st.text(string.printable, max_size=80)


def pieces(secret: str) -> set[str]:
    size = min(len(secret), SHORTEST_ECHO)
    return {secret[at : at + size] for at in range(len(secret) - size + 1)}


@given(SECRETS, WORDS, WORDS)
def test_nothing_of_a_secret_is_left(secret: str, before: str, after: str) -> None:
    shown = redact(f"{before}{secret}{after}", [secret])
    assert not any(piece in shown for piece in pieces(secret))
    assert REDACTED in shown


@given(SECRETS.filter(lambda secret: len(secret) >= SHORTEST_ECHO), st.data())
def test_a_part_of_a_secret_is_hidden_too(secret: str, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(secret) - SHORTEST_ECHO))
    end = data.draw(st.integers(start + SHORTEST_ECHO, len(secret)))
    shown = redact(f"<{secret[start:end]}>", [secret])
    assert not any(piece in shown for piece in pieces(secret))


@given(SECRETS.filter(lambda secret: len(secret) >= SHORTEST_ECHO))
def test_encoded_forms_are_hidden(secret: str) -> None:
    for form in (quote(secret, safe=""), json.dumps(secret), base64.b64encode(secret.encode()).decode()):
        assert form.strip('"') not in redact(f"it said {form}!", [secret])


def test_a_secret_of_bytes_that_are_no_text_is_hidden() -> None:
    secret = b"not-in-utf-8-\xff\xfc".decode("utf-8", "surrogateescape")
    assert redact(f"it is {secret}.", [secret]) == f"it is {REDACTED}."


@given(st.text(string.ascii_lowercase + " ", max_size=200), st.text(string.digits, min_size=1, max_size=40))
def test_other_text_is_left_alone(text: str, secret: str) -> None:
    assert redact(text, [secret, None, ""]) == text


@given(st.lists(SECRETS, max_size=4), WORDS)
def test_redacting_twice_is_redacting_once(secrets: list[str], text: str) -> None:
    once = redact("-".join([text, *secrets]), secrets)
    assert redact(once, secrets) == once


def test_a_secret_next_to_another_is_one_gap() -> None:
    assert redact("a=12345678abcdefgh.", ["12345678", "abcdefgh"]) == f"a={REDACTED}."


def test_short_echoes_are_ordinary_words() -> None:
    assert redact("the bucket", ["the bucket of 1999"]) == REDACTED
    assert redact("bucket 9", ["the buckets of 1999"]) == "bucket 9"


def test_marking_does_nothing_without_the_api_of_ansible(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ansible.module_utils.secrets", None)
    _secrets.mark_as_secret("value")


def test_marking_uses_the_api_of_ansible(monkeypatch: pytest.MonkeyPatch) -> None:
    marked: list[str] = []
    module = types.ModuleType("secrets")
    module.register_secret = marked.append  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "ansible.module_utils.secrets", module)
    for value in ("one", "", None):
        _secrets.mark_as_secret(value)
    assert marked == ["one"]
