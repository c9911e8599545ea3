# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The options in which users paste a secret by mistake."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.vonage.archiving.plugins.module_utils._core.misplaced_secrets import find_misplaced_secrets

AWS_SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
API_SECRET = "0123456789abcdef0123456789abcdef01234567"
AZURE_SECRET = "A" * 86 + "=="
HEROKU_TOKEN = "HRKU-01234567-89ab-cdef-0123-456789abcdef"


@pytest.mark.parametrize(
    ("name", "secret"),
    [
        ("access_key", AWS_SECRET),
        ("uploader_access_key", AWS_SECRET),
        ("account_key", API_SECRET),
        ("api_key", API_SECRET),
        ("application_id", API_SECRET),
        ("ids", API_SECRET),
        ("project", API_SECRET),
        ("account_name", AZURE_SECRET),
        ("container", AZURE_SECRET),
        ("domain", AZURE_SECRET),
        ("account_name", "DefaultEndpointsProtocol=https;AccountKey=x"),
        ("container", "c?sv=1&SIG=x"),
        ("domain", "SharedAccessSignature=x"),
        ("app", HEROKU_TOKEN),
    ],
)
def test_find_misplaced_secrets_by_the_option(name: str, secret: str) -> None:
    assert find_misplaced_secrets({name: secret}) == [secret]
    assert find_misplaced_secrets({name: f" {secret}\n"}) == [secret]
    assert find_misplaced_secrets({"s3": {name: secret}, "other": secret}) == [secret]
    assert find_misplaced_secrets({name: [secret, "x"]}) == [secret]


@pytest.mark.parametrize("text", ["-----BEGIN RSA", "MII\n-----END PRIVATE KEY-----"])
def test_find_misplaced_secrets_finds_a_private_key_in_any_option(text: str) -> None:
    assert find_misplaced_secrets({"bucket": text}) == [text]


@pytest.mark.parametrize(
    ("options", "secrets"),
    [
        ({"access_key": "x", "secret_key": "AKIAIOSFODNN7EXAMPLE"}, ["x"]),
        ({"access_key": "x", "secret_key": " AKIAIOSFODNN7EXAMPLE "}, ["x"]),
        ({"access_key": "", "secret_key": "AKIAIOSFODNN7EXAMPLE"}, []),
        ({"access_key": "x", "secret_key": "y"}, []),
        ({"access_key": "x", "secret_key": None}, []),
        ({"access_key": AWS_SECRET, "secret_key": "AKIAIOSFODNN7EXAMPLE"}, [AWS_SECRET]),
        ({"api_url": "https://user:word@host/"}, ["user:word"]),
        ({"api_url": "https://host/"}, []),
        ({"bucket": "user:word@host"}, []),
        ({"app": " ", "ids": 7, "s3": None}, []),
        ({"access_key": "x" + AWS_SECRET}, []),
    ],
)
def test_find_misplaced_secrets_of_swapped_options_and_urls(options: dict[str, t.Any], secrets: list[str]) -> None:
    assert find_misplaced_secrets(options) == secrets
