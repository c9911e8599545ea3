#!/usr/bin/python

# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Ansible module: config vars of an app on Heroku."""

from __future__ import annotations

DOCUMENTATION = r"""
module: heroku_config_vars
short_description: Set and delete config vars of an app on Heroku in one release
version_added: 1.0.0
author:
  - Vonage Archiving Contributors (@vonage-archiving)
description:
  - Sets and deletes config vars of an app. Other config vars are not changed.
  - Every change of config vars creates a release and restarts the app. The module reads the config vars and sends all
    differences in one call. Without a difference, it sends nothing, and the app is not restarted.
  - Results and diffs show the values in O(config). They never show old or new values in O(secrets). For O(absent), they
    show only the names.
extends_documentation_fragment:
  - vonage.archiving.heroku
  - vonage.archiving.attributes
  - vonage.archiving.attributes.actiongroup_heroku
attributes:
  check_mode:
    support: full
    details:
      - Reads the config vars and sends nothing. Does not detect what only Heroku refuses.
  diff_mode:
    support: full
    details:
      - Shows the differences of O(config). For O(secrets) and O(absent), it shows the names.
  idempotent:
    support: full
    details:
      - While a release command runs, Heroku shows the old values; a run at that time sets the new ones again. See
        RV(pending).
options:
  config:
    description:
      - Names and values of config vars that are not secret. If the value of an existing config var changes, its old
        value is also shown.
      - Names can contain letters, digits, and underscores. Heroku reserves names that begin with C(HEROKU_) or C(__);
        they are refused.
      - Values are strings. A whole number becomes its decimal digits. Booleans and numbers with a fraction are
        refused, because YAML does not keep whether C(true) or C(yes), C(1.1) or C(1.10) was written. Write these
        values in quotes, and also values that YAML could interpret, such as C(0755) or C(12:30). In a template, also
        add the filter C(string).
      - Within this option, an empty string is a value. Heroku's command-line tool keeps such config vars; whether the
        API accepts them is not documented.
    type: dict
  secrets:
    description:
      - Like O(config), for secret values. Empty strings are refused.
      - Ansible redacts these values everywhere. A value with fewer than eight characters also occurs by chance, so
        other output may be redacted; the module warns about this.
    type: dict
  absent:
    description:
      - Names of config vars to delete.
    type: list
    elements: str
notes:
  - One of O(config), O(secrets), and O(absent) is required, and a name must not be in two of them.
  - Old values stay readable. Heroku keeps the config vars of earlier releases, and anyone who can read the config
    vars of the app can read those too (C(GET /apps/{app}/releases/{release}/config-vars)); a rollback restores them.
    Revoke an exposed secret at its origin.
  - If there is no response to a change, it is sent again. The values are the same, but there can be a second release.
  - The size limit of an app's config vars is not verified. A copy of Heroku's article has 32 kB; above that, the module
    warns, and Heroku decides. More than 64 kB in O(config) and O(secrets) is refused, and nothing is sent.
seealso:
  - name: Configuration and Config Vars
    description: Heroku's article about names, sizes, releases, and restarts.
    link: https://devcenter.heroku.com/articles/config-vars
  - name: OAuth
    description: Heroku's article about tokens and scopes.
    link: https://devcenter.heroku.com/articles/oauth
"""

EXAMPLES = r"""
- name: Set the URL of recordings and the access key of the application
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

- name: Delete config vars of an older version of the application, with the token from HEROKU_API_KEY
  vonage.archiving.heroku_config_vars:
    app: 01234567-89ab-cdef-0123-456789abcdef
    absent:
      - S3_BUCKET_NAME_IMAGES
      - CLOUDINARY_URL

- name: Replace a config var in one release, with values from variables
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
  register: config_vars

- name: Show that the app was restarted
  ansible.builtin.debug:
    msg: "Restarted for {{ config_vars.changes | dict2items | map(attribute='key') | join(', ') }}"
  when: config_vars.release

- name: Show the changes without making them
  vonage.archiving.heroku_config_vars:
    app: example-broadcast
    config:
      BUCKET_URL: https://example-broadcasts.s3.eu-west-1.amazonaws.com
  check_mode: true
  diff: true
"""

RETURN = r"""
app:
  description: The value of O(app).
  returned: success
  type: str
  sample: example-broadcast
changes:
  description: V(added), V(changed), or V(removed) for each changed name; in check mode, the changes that a run would
    make.
  returned: success
  type: dict
  sample:
    S3_BUCKET_NAME: changed
    AWS_SECRET_ACCESS_KEY: added
    CLOUDINARY_URL: removed
release:
  description:
    - Whether a release was created and the app restarted; in check mode, whether a run would do that.
  returned: success
  type: bool
  sample: true
pending:
  description:
    - Names of config vars that Heroku has accepted, but does not show yet. This happens while the app's release command
      runs; if the command fails, the config vars keep their old values. Always empty in check mode.
  returned: success
  type: list
  elements: str
  sample: []
error:
  description: The error, for playbooks that handle errors. All kinds and fields are in
    R(Errors,ansible_collections.vonage.archiving.docsite.guide_errors).
  returned: failure
  type: dict
  sample: {"kind": "not_found", "operation": "read the config vars of ...", "problem": "...", "hint": "..."}
"""

from ansible_collections.vonage.archiving.plugins.module_utils._core.module import run_module
from ansible_collections.vonage.archiving.plugins.module_utils._heroku.config_vars import ARGUMENTS, VERBATIM, reconcile


def main() -> None:
    run_module(reconcile, ARGUMENTS, keep_empty_strings=VERBATIM)


if __name__ == "__main__":
    main()
