# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Options for requests to the Vonage Video API for an account."""

from __future__ import annotations


class ModuleDocFragment:
    """The options ``CONNECTION`` of ``module_utils/_vonage/account.py``."""

    DOCUMENTATION = r"""
options:
  account_key:
    description:
      - The key of the account in the OpenTok environment, not of a project. An administrator finds it in the settings
        of the account, "OpenTok REST API", "View account keys". A number is accepted too.
      - If not set, or empty, the environment variable E(VONAGE_VIDEO_ACCOUNT_KEY) is used.
    type: str
  account_secret:
    description:
      - The secret of the account. It gives full access to every project of the account, and to their secrets.
      - If not set, or empty, the environment variable E(VONAGE_VIDEO_ACCOUNT_SECRET) is used.
    type: str
  api_url:
    description:
      - The base URL of the API, by default V(https://api.opentok.com). V(http) is accepted only for addresses of this
        machine.
      - If not set, or empty, the environment variable E(VONAGE_VIDEO_ACCOUNT_API_URL) is used.
      - E(VONAGE_VIDEO_API_URL) is ignored, because it belongs to the credentials of a project. A host that is set for a
        project does not receive tokens of the account.
    type: str
  timeout:
    description:
      - The maximum time of one attempt, until the last byte of the response.
      - A duration in seconds, or with the unit V(s), V(m), V(h), or V(d), for example V(20s).
    type: str
    default: "20.0"
  retries:
    description:
      - The number of further attempts if there is no usable response (no connection, an incomplete response, HTTP 429,
        500, 502, 503, or 504). Every attempt sends a new token, and waits as long as C(Retry-After) requests.
    type: int
    default: 4
  total_timeout:
    description:
      - The maximum time of all attempts of one request, with the pauses between them.
      - A duration in seconds, or with the unit V(s), V(m), V(h), or V(d), for example V(2m).
    type: str
    default: "90.0"
requirements:
  - python >= 3.9
  - requests
  - PyJWT >= 2.0
"""
