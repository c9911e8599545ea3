#!/usr/bin/python

# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Ansible module: config vars of an app on Heroku."""

from __future__ import annotations

DOCUMENTATION = r"""
module: heroku_config_vars
short_description: Set and remove config vars of an app on Heroku, all in one release
version_added: 1.0.0
author:
  - Vonage Archiving Contributors (@vonage-archiving)
description:
  - Sets and removes config vars of an app. Those that are not named stay as they are.
  - Every change of config vars makes a release and restarts the app. So the module reads what there is, and sends all
    that differs in one call. Where nothing differs, nothing is sent and the app is not restarted.
  - Values come in two options. Those in O(config) are shown in results and differences; those in O(secrets) never are,
    neither the new ones nor the old ones. Of a var in O(absent) nothing but the name is shown.
extends_documentation_fragment:
  - vonage.archiving.heroku
  - vonage.archiving.attributes
  - vonage.archiving.attributes.actiongroup_heroku
attributes:
  check_mode:
    support: full
    details:
      - The config vars are read, and nothing is sent. What Heroku itself would refuse is not found out.
  diff_mode:
    support: full
    details:
      - Shows what differs of O(config). Of O(secrets) and O(absent) it shows the names.
  idempotent:
    support: full
    details:
      - While a release command runs, Heroku shows the old values; a run at that time sets the new ones again. See
        RV(pending).
options:
  config:
    description:
      - Names and values of config vars that everybody may see. If the app has one of them already, its old value is
        shown too when it changes.
      - Names consist of letters, digits and underscores. Those that begin with C(HEROKU_) or C(__) are Heroku's own and
        refused.
      - Values are strings. A whole number is taken for its decimal digits. Booleans, and numbers with a fraction, are
        refused, since YAML does not tell whether C(true) or C(yes), C(1.1) or C(1.10) was written. Quote these, and
        everything that YAML could read as something else, such as C(0755) or C(12:30). A template needs the filter
        C(string) besides.
      - Within this option, an empty string is a value. Heroku's command-line tool keeps such vars; that the API takes
        them is not documented.
    type: dict
  secrets:
    description:
      - As O(config), for values that nobody may see. Empty strings are refused.
      - Ansible hides such values wherever they occur. One of less than eight characters occurs by chance, so that other
        output may look garbled; a warning says so.
    type: dict
  absent:
    description:
      - Names of config vars that the app shall not have.
    type: list
    elements: str
notes:
  - One of O(config), O(secrets) and O(absent) is required, and no name may stand in two of them.
  - Old values stay readable. Heroku keeps the config vars of earlier releases, and who may read the app's config vars
    can read those too (C(GET /apps/{app}/releases/{release}/config-vars)); a rollback brings them back. A secret that
    got into wrong hands has to be revoked where it came from.
  - If no answer comes to a change, it is sent again. Setting the same values twice does no harm, but can make a second
    release.
  - How much an app's config vars may have together is not verified. A copy of Heroku's article says 32 kB; beyond that
    there is a warning, and Heroku decides. More than 64 kB in O(config) and O(secrets) is refused, with nothing sent.
seealso:
  - name: Configuration and Config Vars
    description: What Heroku says of names, sizes, releases and restarts.
    link: https://devcenter.heroku.com/articles/config-vars
  - name: OAuth
    description: What Heroku says of tokens and scopes.
    link: https://devcenter.heroku.com/articles/oauth
"""

EXAMPLES = r"""
- name: Tell the application where recordings are, and give it a key of its own
  vonage.archiving.heroku_config_vars:
    app: example-broadcast
    api_token: "{{ heroku_api_token }}"
    config:
      S3_BUCKET_NAME: example-broadcasts
      S3_COMPOSEDVIDEO_URL: https://example-broadcasts.s3.eu-west-1.amazonaws.com/
      INSTANCE_ENABLE_ARCHIVING: "true"
    secrets:
      AWS_ACCESS_KEY_ID: "{{ application_key.id }}"
      AWS_SECRET_ACCESS_KEY: "{{ application_key.secret }}"

- name: Remove what an older version of the application needed, with the token from HEROKU_API_KEY
  vonage.archiving.heroku_config_vars:
    app: 01234567-89ab-cdef-0123-456789abcdef
    absent:
      - S3_BUCKET_NAME_IMAGES
      - CLOUDINARY_URL

- name: Replace one var by another in the same release, with values that come from variables
  vonage.archiving.heroku_config_vars:
    app: example-broadcast
    config:
      BUCKET_URL: "{{ bucket_url }}"
      WEB_CONCURRENCY: 2
      FEATURE_FLAG: "{{ feature_flag | bool | string | lower }}"
      EMPTY_ON_PURPOSE: ""
    absent:
      - S3_COMPOSEDVIDEO_URL
    api_url: https://api.heroku.com
    timeout: 10
    retries: 2
    total_timeout: 40
  register: vars_of_app

- name: Say so when the app was restarted
  ansible.builtin.debug:
    msg: "Restarted for {{ vars_of_app.changes | dict2items | map(attribute='key') | join(', ') }}"
  when: vars_of_app.release

- name: Look at what would change, without any change
  vonage.archiving.heroku_config_vars:
    app: example-broadcast
    config:
      BUCKET_URL: https://example-broadcasts.s3.eu-west-1.amazonaws.com
  check_mode: true
  diff: true
"""

RETURN = r"""
app:
  description: Name or id of the app, as given.
  returned: success
  type: str
  sample: example-broadcast
changes:
  description: What differed, V(added), V(changed) or V(removed) for each name; in check mode, what would.
  returned: success
  type: dict
  sample:
    S3_BUCKET_NAME: changed
    AWS_SECRET_ACCESS_KEY: added
    CLOUDINARY_URL: removed
release:
  description:
    - Whether a release was made and the app restarted; in check mode, whether that would happen.
  returned: success
  type: bool
  sample: true
pending:
  description:
    - Names whose change Heroku has taken but does not show yet. That is so while the app's release command runs; if it
      fails, the config vars stay as they were. Always empty in check mode.
  returned: success
  type: list
  elements: str
  sample: []
error:
  description:
    - What went wrong, for decisions of a playbook.
  returned: failure
  type: dict
  contains:
    kind:
      description:
        - One of V(input), V(denied), V(rejected), V(not_found), V(conflict), V(unreachable) and V(missing_library).
      type: str
      returned: always
      sample: denied
    operation:
      description: The operation that failed.
      type: str
      returned: always
      sample: change the config vars of example-broadcast
    problem:
      description: What came back.
      type: str
      returned: always
      sample: "https://api.heroku.com answered HTTP 403 (forbidden): You do not have access to the app."
    hint:
      description: What to do next; may be empty.
      type: str
      returned: always
      sample: The token's account must have access to the app.
    problems:
      description: All that is wrong with the options, one sentence each.
      type: list
      elements: str
      returned: with RV(error.kind=input)
    status:
      description: HTTP status of the answer.
      type: int
      returned: when there was an answer
    code:
      description: Heroku's own word for the error, such as V(not_found), V(invalid_params) or V(rate_limit).
      type: str
      returned: when Heroku gave one
    tries:
      description: How many requests were sent.
      type: int
      returned: when the API was called
    library:
      description: The Python library that is not there.
      type: str
      returned: with RV(error.kind=missing_library)
    interpreter:
      description: The Python that does not have it.
      type: str
      returned: with RV(error.kind=missing_library)
  sample:
    kind: not_found
    operation: read the config vars of example-broadcast
    problem: "https://api.heroku.com answered HTTP 404 (not_found): Couldn't find that app."
    hint: Look whether app is right, and whether the token is of an account that sees it.
    status: 404
    code: not_found
    tries: 1
"""

from ansible_collections.vonage.archiving.plugins.module_utils._core.module import run
from ansible_collections.vonage.archiving.plugins.module_utils._heroku.config_vars import ARGUMENTS, VERBATIM, reconcile


def main() -> None:
    run(reconcile, ARGUMENTS, verbatim=VERBATIM)


if __name__ == "__main__":
    main()
