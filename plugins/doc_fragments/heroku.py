# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Options for calls of the Heroku Platform API about one app."""

from __future__ import annotations


class ModuleDocFragment:
    """The options of ``module_utils/_heroku/connection.py``."""

    DOCUMENTATION = r"""
options:
  app:
    description:
      - Name of the app, or its id, a UUID. It must exist.
      - As with every option of this module, an empty string means "not set".
    type: str
    required: true
  api_token:
    description:
      - Token of an account that has access to the app, as C(heroku authorizations:create) makes it.
      - If not set, the environment variable E(HEROKU_API_KEY) is looked at, which Heroku's own command-line tool reads
        too. It has to be set for Ansible itself; what a task sets by its keyword C(environment) is shown at high
        verbosity.
    type: str
  api_url:
    description:
      - Base URL of the API. V(http) is accepted for addresses of this machine only.
    type: str
    default: https://api.heroku.com
  timeout:
    description:
      - Seconds that one try may take, until the last byte of the answer.
    type: float
    default: 20.0
  retries:
    description:
      - Further tries after one without a usable answer (no connection, a broken answer, HTTP 429, 500, 502, 503 and
        504). What the API asks for in C(Retry-After) is kept to; whether it does is not documented. Without it the
        pauses begin at half a second and double, which suits a limit that frees about 75 calls a minute.
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
notes:
  - The token needs the OAuth scope C(global) or C(write-protected); C(read-protected) is enough where nothing is to be
    changed. C(heroku authorizations:create --scope write-protected) makes one. In a team, the account also has to be
    allowed to change the app's config vars.
  - Nothing here was tried against the live service. Calls, names and values follow the API's own schema
    (U(https://github.com/heroku/heroku-go/blob/main/v5/schema.json)), headers and errors the article
    L(Platform API Reference, https://devcenter.heroku.com/articles/platform-api-reference).
"""
