#!/usr/bin/python
# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Documentation of the action: a report of what became of a fleet of projects."""

from __future__ import annotations

DOCUMENTATION = r"""
module: archive_fleet_report
short_description: Tell what became of a fleet of projects
version_added: 1.0.0
author:
  - Vonage Archiving Contributors (@vonage-archiving)
description:
  - Shows a table of all hosts of the play, with what they registered as C(archive_storage_result). Those that failed
    come first, each failure in full below the table; of projects in which nothing was to be done, 50 are shown.
  - Writes the same, on request, as an HTML page that needs nothing else, and as JSON. No secret is in either.
  - It is an action, which runs on the controller. It belongs into the C(always) section of the block in which
    M(vonage.archiving.archive_storage_project) runs, with C(run_once), as in the playbook C(vonage.archiving.fleet).
options:
  report_path:
    description:
      - Where the page is written to. The folder has to be there. The JSON is written beside it, with C(.json) at its
        end.
      - C(s3://bucket/key) writes both into a bucket, with the options of the connection. In AWX, whose jobs run in
        containers that are thrown away, that is the place where a report lasts.
      - It is written in check mode too, since it says what would be done, and does not count as a change.
    type: str
  show:
    description:
      - Whether to show the table. The playbook shows it in one task, and writes the report in another, so that what is
        wrong with O(report_path) or the connection does not cost the table.
    type: bool
    default: true
attributes:
  check_mode:
    support: full
  diff_mode:
    support: N/A
    details:
      - There is nothing to compare with.
  idempotent:
    support: full
extends_documentation_fragment:
  - vonage.archiving.aws
  - vonage.archiving.attributes
  - vonage.archiving.attributes.actiongroup_aws
notes:
  - With C(serial), there is a report after each batch, of all hosts of the play; those whose turn has not come are not
    run yet. The strategy of the play has to know C(run_once), which C(free) does not.
  - The options of the connection are those of the first host, where they are templates.
  - "IAM actions: C(s3:PutObject) on the objects of O(report_path), where it is in a bucket."
seealso:
  - module: vonage.archiving.archive_storage_project
"""

EXAMPLES = r"""
# Tasks of a play whose hosts are projects:
- name: Set up each project, then report, whatever became of single ones
  block:
    - name: Bring about the archive storage of the project
      ansible.builtin.import_role:
        name: vonage.archiving.archive_storage
        tasks_from: fleet
  always:
    - name: Show the table and write the report
      vonage.archiving.archive_fleet_report:
        report_path: reports/fleet.html
      run_once: true

- name: Into a bucket, a report for each job of AWX
  vonage.archiving.archive_fleet_report:
    report_path: "s3://example-reports/fleet-{{ awx_job_id }}.html"
    region: eu-west-1
    show: false
  run_once: true

- name: Into a bucket of another store
  vonage.archiving.archive_fleet_report:
    report_path: s3://example-reports/fleet.html
    endpoint_url: https://s3.example.com
    access_key: AKIAI44QH8DHBEXAMPLE
    secret_key: "{{ vaulted_operator_secret }}"
    aws_ca_bundle: /etc/ssl/certs/ca.pem
    validate_certs: true
  run_once: true

- name: With a profile, or with temporary credentials
  vonage.archiving.archive_fleet_report:
    report_path: s3://example-reports/fleet.html
    profile: "{{ report_profile | default('') }}"
    session_token: "{{ report_session_token | default('') }}"
  run_once: true
"""

RETURN = r"""
summary:
  description: The counts, and the projects that somebody has to look at.
  returned: success
  type: dict
  contains:
    total:
      description: Hosts of the play.
      type: int
    ok:
      description: Projects in which nothing was to be done.
      type: int
    changed:
      description: Projects in which something was changed, or would be in check mode.
      type: int
    failed:
      description: Projects that failed.
      type: int
    not_run:
      description: Projects that the run did not get to.
      type: int
    reasons:
      description: How many targets were set for which reason; V(unchanged) for those that were not.
      type: dict
    failed_projects:
      description: Ids of projects that failed, or that the run did not get to.
      type: list
      elements: str
    troubled_projects:
      description: Ids of projects of whose latest archives some were not uploaded.
      type: list
      elements: str
    repeated_projects:
      description: Ids of projects that more than one host stands for.
      type: list
      elements: str
  sample:
    total: 1000
    ok: 989
    changed: 1
    failed: 10
    not_run: 0
    reasons: {unchanged: 989, changed: 1}
    failed_projects: ["47123456"]
    troubled_projects: []
    repeated_projects: []
report:
  description: Where the page and the data are; nothing if none were asked for.
  returned: success
  type: dict
  contains:
    html:
      description: The page.
      type: str
    json:
      description: The data.
      type: str
  sample: {html: reports/fleet.html, json: reports/fleet.json}
error:
  description: What went wrong, as data.
  returned: failure
  type: dict
  contains:
    kind:
      description:
        - One of V(input), V(denied), V(unsupported), V(conflict), V(unreachable), V(rejected), V(not_found),
          V(not_managed), V(quota), V(verification_failed), V(secret_needed), V(missing_library).
      type: str
      returned: always
    operation:
      description: The operation that failed.
      type: str
      returned: always
    problem:
      description: What came back.
      type: str
      returned: always
    hint:
      description: What to do next; may be empty.
      type: str
      returned: always
"""
