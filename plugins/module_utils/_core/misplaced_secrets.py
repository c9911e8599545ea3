# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Finds secrets in options that are not for secrets: users swap options, and paste a key where its ID belongs. Pure.

PRIVATE to the collection ``vonage.archiving``: there is no stability promise outside of it.

An option for an ID or a URL is shown in messages, results, and logs. A secret in it must be redacted there.
"""

from __future__ import annotations

import re
import typing as t

from .values import API_SECRET, AWS_KEY_ID, AWS_SECRET, PEM, url_userinfo

# Keys of Azure storage accounts are 64 bytes in base64; connection strings contain one, and signatures grant access.
AZURE_SECRET = re.compile(r"[A-Za-z0-9+/]{86}==|(AccountKey|SharedAccessSignature|sig)=.", re.IGNORECASE)
# Heroku Platform API Reference, "Authentication": how API tokens start.
HEROKU_TOKEN = re.compile(r"HRKU-")
PRIVATE_KEY = "PRIVATE KEY-----"

_FORMS: dict[str, t.Callable[[str], t.Any]] = {
    "access_key": AWS_SECRET.fullmatch,
    "account_key": API_SECRET.search,
    "account_name": AZURE_SECRET.search,
    "api_key": API_SECRET.search,
    "app": HEROKU_TOKEN.search,
    "application_id": API_SECRET.search,
    "container": AZURE_SECRET.search,
    "domain": AZURE_SECRET.search,
    "ids": API_SECRET.search,
    "project": API_SECRET.search,
    "uploader_access_key": AWS_SECRET.fullmatch,
}


def find_misplaced_secrets(options: t.Any, name: str = "") -> list[str]:
    """Return the secrets in options for something else.

    :param options: the options of a call, with their suboptions.
    :param name: the name of the option that this is the value of.
    """
    if isinstance(options, t.Mapping):
        secrets = [secret for key, value in options.items() for secret in find_misplaced_secrets(value, str(key))]
        return list(dict.fromkeys([*secrets, *_swapped_access_key(options)]))
    if isinstance(options, (list, tuple)):
        return [secret for item in options for secret in find_misplaced_secrets(item, name)]
    if not isinstance(options, str) or not options.strip():
        return []
    return _in_text(options.strip(), name)


def _in_text(text: str, name: str) -> list[str]:
    is_secret = _FORMS.get(name)
    if PEM in text or PRIVATE_KEY in text or (is_secret and is_secret(text)):
        return [text]
    userinfo = url_userinfo(text) if "://" in text else ""
    return [userinfo] if userinfo else []


def _swapped_access_key(options: t.Mapping[str, t.Any]) -> list[str]:
    """The value of ``access_key`` if ``secret_key`` contains the ID of a key."""
    key, secret = options.get("access_key"), options.get("secret_key")
    return [str(key)] if key and AWS_KEY_ID.fullmatch(str(secret or "").strip()) else []
