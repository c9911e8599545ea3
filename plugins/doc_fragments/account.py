# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Options for calls of the Vonage Video API about all projects of an account."""

from __future__ import annotations


class ModuleDocFragment:
    """The options ``CONNECTION`` of ``module_utils/_vonage/account.py``."""

    DOCUMENTATION = r"""
options:
  account_key:
    description:
      - Key of the account in the OpenTok environment, not of one of its projects. An administrator finds it in the
        account's settings, OpenTok REST API, "View account keys". Numbers are taken too.
      - If not set, or empty, the environment variable E(VONAGE_VIDEO_ACCOUNT_KEY) is looked at.
    type: str
  account_secret:
    description:
      - Secret of the account. It can do everything with every project of the account, and get their secrets.
      - If not set, or empty, the environment variable E(VONAGE_VIDEO_ACCOUNT_SECRET) is looked at.
    type: str
  api_url:
    description:
      - Base URL of the API, V(https://api.opentok.com) by default. V(http) is accepted for addresses of this machine
        only.
      - If not set, or empty, the environment variable E(VONAGE_VIDEO_ACCOUNT_API_URL) is used.
      - E(VONAGE_VIDEO_API_URL) is ignored, since it belongs to the credentials of a project. Whoever sets it for a
        project does not receive tokens of the account.
    type: str
  timeout:
    description:
      - Seconds that one try may take, until the last byte of the answer.
    type: float
    default: 20.0
  retries:
    description:
      - Further tries after one without a usable answer (no connection, a broken answer, HTTP 429, 500, 502, 503 and
        504). Every try carries a new token. What the API asks for in C(Retry-After) is kept to.
    type: int
    default: 4
  total_timeout:
    description:
      - Seconds that all tries of one call may take together, pauses included.
    type: float
    default: 90.0
requirements:
  - python >= 3.9
  - requests
  - PyJWT >= 2.0
"""
