# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Options for requests to the Vonage Video API for a project."""

from __future__ import annotations


class ModuleDocFragment:
    """The options of ``module_utils/_vonage/project.py``."""

    DOCUMENTATION = r"""
options:
  api_key:
    description:
      - The API key of the project in the OpenTok environment. A number is accepted too. Requires O(api_secret).
      - Mutually exclusive with O(application_id). If neither is set, one of the environment variables
        E(VONAGE_VIDEO_API_KEY) and E(VONAGE_VIDEO_APPLICATION_ID) is used. Only one of them can be set.
      - As for every option of this module, an empty string means "not set".
    type: str
  api_secret:
    description:
      - The API secret of the project, from the page of the project in the account. It is not the secret of the account.
      - If not set, the environment variable E(VONAGE_VIDEO_API_SECRET) is used.
    type: str
  application_id:
    description:
      - The ID, a UUID, of the application in the Vonage unified environment. Requires O(private_key) or
        O(private_key_path).
      - Setting the upload target in this environment is experimental. The vendor documents the path, but neither the
        host nor the type of token. The module uses those of all other requests of the SDKs of the vendor.
    type: str
  private_key:
    description:
      - The private RSA key of the application, in PEM. Line ends can be escaped as C(\n).
    type: str
  private_key_path:
    description:
      - The path of a file with the private key. Mutually exclusive with O(private_key).
      - If neither is set, the environment variable E(VONAGE_VIDEO_PRIVATE_KEY_PATH) is used.
    type: path
  api_url:
    description:
      - The base URL of the API, by default V(https://api.opentok.com), or V(https://video.api.vonage.com) with
        O(application_id). V(http) is accepted only for addresses of this machine.
      - If not set, the environment variable E(VONAGE_VIDEO_API_URL) is used.
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
      - The maximum time of all attempts of one request, with the pauses between them. At most V(1d), as
        O(timeout).
      - A duration in seconds, or with the unit V(s), V(m), V(h), or V(d), for example V(2m).
    type: str
    default: "90.0"
requirements:
  - python >= 3.9
  - requests
  - PyJWT >= 2.0
  - cryptography, with O(application_id) only
"""
