# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The process of a task: secrets in its environment, variables that botocore rejects, and garbage collection.

PRIVATE to the collection ``vonage.archiving``: there is no stability promise outside of it.
"""

from __future__ import annotations

import os
import typing as t

from .values import url_userinfo

# Variables that are fallbacks of no_log options.
SECRET_VARIABLES = (
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_SECURITY_TOKEN",
    "HEROKU_API_KEY",
    "VONAGE_VIDEO_ACCOUNT_SECRET",
    "VONAGE_VIDEO_API_SECRET",
)
# Libraries quote a part of a proxy's address that they cannot parse.
PROXY_VARIABLES = ("ALL_PROXY", "HTTP_PROXY", "HTTPS_PROXY", "all_proxy", "http_proxy", "https_proxy")
# New objects between two garbage collections. Python's default is 700 to 2000, depending on the version.
GARBAGE_THRESHOLD = 100_000


def secrets_in_environment(environ: t.Mapping[str, str]) -> list[str]:
    """The secrets in environment variables."""
    values = [environ.get(name, "") for name in SECRET_VARIABLES]
    # The parts of a user name can be ordinary words, which must stay readable.
    passwords = (url_userinfo(environ.get(name, "")).partition(":") for name in PROXY_VARIABLES)
    values += [f":{password}" for _user, _colon, password in passwords if password]
    return [value for value in values if value.strip()]


def drop_empty_aws_variables() -> None:
    """Remove empty variables of AWS from the environment: AWX sets them, and botocore fails on some of them."""
    for name in [name for name, value in os.environ.items() if name.startswith("AWS_") and not value.strip()]:
        del os.environ[name]
