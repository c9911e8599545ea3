#!/usr/bin/python
# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Documentation of the action: report the results of a fleet of projects."""

from __future__ import annotations

DOCUMENTATION = r"""
module: archive_fleet_report
short_description: Report the results of a fleet of projects
version_added: 1.0.0
author:
  - Vonage Archiving Contributors (@vonage-archiving)
description:
  - Shows a table of all hosts of the play, from the results that they registered as C(archive_storage_result). Failed
    projects come first, and the table is followed by the whole message of each failure. At most 50 projects without
    changes are shown.
  - With O(report_path), also writes the report as an HTML page that loads nothing, and as JSON. Neither contains a
    secret.
  - It is an action and runs on the controller. Use it with C(run_once) in the C(always) section of the block that runs
    M(vonage.archiving.archive_storage_project), as the playbook C(vonage.archiving.fleet) does.
options:
  report_path:
    description:
      - Path of the HTML page, in an existing folder. The JSON file has the same name with the extension C(.json).
      - C(s3://bucket/key) writes both to a bucket, with the connection options. Use this in AWX, whose jobs run in
        temporary containers.
      - The report is also written in check mode, with the changes that a run would make. It does not count as a change.
    type: str
  show:
    description:
      - Whether to show the table. The playbook shows the table in one task, and writes the report in another. A wrong
        O(report_path) or connection then does not prevent the table.
    type: bool
    default: true
attributes:
  check_mode:
    support: full
  diff_mode:
    support: N/A
    details:
      - The report does not depend on the previous one.
  idempotent:
    support: full
extends_documentation_fragment:
  - vonage.archiving.aws
  - vonage.archiving.attributes
  - vonage.archiving.attributes.actiongroup_aws
notes:
  - With C(serial), there is a report of all hosts after each batch. Hosts of later batches are C(not run). The strategy
    of the play must support C(run_once). C(free) does not.
  - Connection options that are templates are evaluated for the first host.
  - "IAM actions: C(s3:PutObject) on the objects of O(report_path), if it is in a bucket."
seealso:
  - module: vonage.archiving.archive_storage_project
"""

EXAMPLES = r"""
# Tasks of a play whose hosts are projects:
- name: Configure all projects and always report
  block:
    - name: Configure the archive storage of the project
      ansible.builtin.import_role:
        name: vonage.archiving.archive_storage
        tasks_from: fleet
  always:
    - name: Show the table and write the report
      vonage.archiving.archive_fleet_report:
        report_path: reports/fleet.html
      run_once: true

- name: Write a report for each job of AWX to a bucket
  vonage.archiving.archive_fleet_report:
    report_path: "s3://example-reports/fleet-{{ awx_job_id }}.html"
    region: eu-west-1
    show: false
  run_once: true

- name: Write the report to a bucket of another store
  vonage.archiving.archive_fleet_report:
    report_path: s3://example-reports/fleet.html
    endpoint_url: https://s3.example.com
    access_key: AKIAI44QH8DHBEXAMPLE
    secret_key: "{{ vaulted_operator_secret }}"
    aws_ca_bundle: /etc/ssl/certs/ca.pem
    validate_certs: true
  run_once: true

- name: Write the report with a profile or with temporary credentials
  vonage.archiving.archive_fleet_report:
    report_path: s3://example-reports/fleet.html
    profile: "{{ report_profile | default('') }}"
    session_token: "{{ report_session_token | default('') }}"
  run_once: true
"""

RETURN = r"""
summary:
  description: The counts, and the projects that need attention.
  returned: success
  type: dict
  contains:
    total:
      description: The number of hosts of the play.
      type: int
    ok:
      description: The number of projects without changes.
      type: int
    changed:
      description: The number of projects that were changed, or would be changed in check mode.
      type: int
    failed:
      description: The number of projects that failed.
      type: int
    not_run:
      description: The number of projects that the run did not reach.
      type: int
    reasons:
      description: The number of projects by the reason for which the upload target was set, or V(unchanged).
      type: dict
    failed_projects:
      description: IDs of projects that failed, or that the run did not reach.
      type: list
      elements: str
    troubled_projects:
      description: IDs of projects with failed uploads among their latest archives.
      type: list
      elements: str
    repeated_projects:
      description: IDs of projects that more than one host has.
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
  description: The locations of the report. V(null) without O(report_path).
  returned: success
  type: dict
  contains:
    html:
      description: The location of the HTML page.
      type: str
    json:
      description: The location of the JSON file.
      type: str
  sample: {html: reports/fleet.html, json: reports/fleet.json}
error:
  description:
    - The reason for the failure, for a playbook that handles errors. All kinds and fields are in
      R(Errors,ansible_collections.vonage.archiving.docsite.guide_errors).
  returned: failure
  type: dict
"""
