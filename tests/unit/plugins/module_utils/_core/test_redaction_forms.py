# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Redaction: literal forms of a secret, nested data, and excerpts."""

from __future__ import annotations

import pytest

from ansible_collections.vonage.archiving.plugins.module_utils._core.redaction import (
    encodings,
    redact,
    redact_nested,
    safe_excerpt,
)

SECRET = "s3cr/t +äq"


@pytest.mark.parametrize(
    "form",
    [
        "s3cr/t +äq",
        "s3cr%2Ft%20%2B%C3%A4q",
        "s3cr%2Ft+%2B%C3%A4q",
        "s3cr/t +\\u00e4q",
        "czNjci90ICvDpHE=",
    ],
)
def test_redact_replaces_each_form_by_eight_asterisks(form: str) -> None:
    assert form in encodings(SECRET)
    assert redact(f"<{form}>", [SECRET]) == "<********>"


def test_encodings_of_a_plain_secret_are_distinct() -> None:
    assert encodings("abcdefgh") == ["abcdefgh", "YWJjZGVmZ2g="]
    assert encodings('a"b') == ['a"b', "a%22b", 'a\\"b', "YSJi"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("x1234567x", "x1234567x"),
        ("x12345678x", "x********x"),
        ("12345678", "********"),
        ("12345678 and 3456789a", "******** and ********"),
        ("", ""),
    ],
)
def test_redact_parts_of_at_least_eight_characters(text: str, expected: str) -> None:
    assert redact(text, ["123456789abc"]) == expected


def test_redact_a_short_secret_replaces_it() -> None:
    assert redact("abc ab", ["abc"]) == "******** ab"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("a 12345678", "a ********"),
        ({"12345678": "12345678", "b": {"c": "12345678"}}, {"12345678": "********", "b": {"c": "********"}}),
        (["12345678", 7, None, True], ["********", 7, None, True]),
        (("12345678", ["x"]), ["********", ["x"]]),
        (12345678, 12345678),
        (None, None),
    ],
)
def test_redact_nested_keeps_keys_and_other_types(value: object, expected: object) -> None:
    assert redact_nested(value, ["12345678"]) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a\nb\x00c", "a b c"),
        ("x" * 300, "x" * 300),
        ("x" * 301, "x" * 300 + " (truncated)"),
        ("a\t12345678", "a ********"),
    ],
)
def test_safe_excerpt_is_printable_and_short(text: str, expected: str) -> None:
    assert safe_excerpt(text, ["12345678", None]) == expected
