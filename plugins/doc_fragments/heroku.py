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
      - Name or ID (a UUID) of the app. The app must exist.
      - For every option of this module, an empty string means "not set".
    type: str
    required: true
  api_token:
    description:
      - Token of an account with access to the app. C(heroku authorizations:create) creates one.
      - Defaults to the environment variable E(HEROKU_API_KEY), which Heroku's command-line tool also reads. Set it for
        Ansible itself; the task keyword C(environment) shows its values at high verbosity.
    type: str
  api_url:
    description:
      - Base URL of the API. V(http) is allowed only for addresses of this machine.
    type: str
    default: https://api.heroku.com
  timeout:
    description:
      - Time limit of one attempt, until the last byte of the response.
      - A duration in seconds, or with the unit V(s), V(m), V(h), or V(d), for example V(20s).
    type: str
    default: "20.0"
  retries:
    description:
      - Number of further attempts after one without a usable response (no connection, an incomplete response, HTTP
        429, 500, 502, 503, and 504). The module honors C(Retry-After); whether the API sends it is not documented.
        Without it, pauses begin at half a second and double, which suits a limit of about 75 calls a minute.
    type: int
    default: 4
  total_timeout:
    description:
      - Time limit of all attempts of one call, including pauses.
      - A duration in seconds, or with the unit V(s), V(m), V(h), or V(d), for example V(2m).
    type: str
    default: "90.0"
requirements:
  - python >= 3.9
  - requests
notes:
  - The token needs the OAuth scope C(global) or C(write-protected); C(read-protected) is enough if nothing changes.
    C(heroku authorizations:create --scope write-protected) creates one. In a team, the account also needs the
    permission to change the app's config vars.
  - Calls, names, and values follow the API's schema
    (U(https://github.com/heroku/heroku-go/blob/main/v5/schema.json)); headers and errors follow the article
    L(Platform API Reference, https://devcenter.heroku.com/articles/platform-api-reference). For the tests, see
    R(Tested and untested services,ansible_collections.vonage.archiving.docsite.guide_tested).
"""
