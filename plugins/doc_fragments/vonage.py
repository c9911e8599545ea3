# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Options for calls of the Vonage Video API about one project."""

from __future__ import annotations


class ModuleDocFragment:
    """The options of ``module_utils/_vonage/project.py``."""

    DOCUMENTATION = r"""
options:
  api_key:
    description:
      - API key of the project in the OpenTok environment. Numbers are taken too. Goes together with O(api_secret).
      - Excludes O(application_id). If neither is set, the environment variables E(VONAGE_VIDEO_API_KEY) and
        E(VONAGE_VIDEO_APPLICATION_ID) are looked at; only one of them may be set.
      - As with every option of this module, an empty string means "not set".
    type: str
  api_secret:
    description:
      - API secret of the project, as the project's page in the account shows it. It is not the account's own secret.
      - If not set, the environment variable E(VONAGE_VIDEO_API_SECRET) is looked at.
    type: str
  application_id:
    description:
      - Id, a UUID, of the application in the Vonage unified environment. Goes together with O(private_key) or
        O(private_key_path).
      - The vendor documents the path for this environment, but neither its host nor its kind of token. What is sent
        here is what the vendor's SDKs send for all other calls; take it as experimental.
    type: str
  private_key:
    description:
      - The application's private key, RSA, in PEM. Line ends may be escaped as C(\n).
    type: str
  private_key_path:
    description:
      - Path of a file with the application's private key. Excludes O(private_key).
      - If neither is set, the environment variable E(VONAGE_VIDEO_PRIVATE_KEY_PATH) is looked at.
    type: path
  api_url:
    description:
      - Base URL of the API, V(https://api.opentok.com) or, with O(application_id), V(https://video.api.vonage.com) by
        default. V(http) is accepted for addresses of this machine only.
      - If not set, the environment variable E(VONAGE_VIDEO_API_URL) is looked at.
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
      - Seconds that all tries of one call may take together, pauses included. At most a day, as O(timeout).
    type: float
    default: 90.0
requirements:
  - python >= 3.9
  - requests
  - PyJWT >= 2.0
  - cryptography, with O(application_id) only
"""
