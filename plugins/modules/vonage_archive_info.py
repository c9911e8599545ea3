#!/usr/bin/python

# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Ansible module: the archives of a project, and the health of their uploads."""

from __future__ import annotations

DOCUMENTATION = r"""
module: vonage_archive_info
short_description: List the archives of a Vonage Video project and the health of their uploads
version_added: 1.0.0
author:
  - Vonage Archiving Contributors (@vonage-archiving)
description:
  - Lists the archives of a project of the Vonage Video API, with all pages of the list fetched concurrently.
  - RV(health) summarizes which archives were uploaded, fell back to the cloud of Vonage, failed, or are stuck.
  - Vonage reports a failed upload by e-mail, for each archive. It is inferred that the status in the list and in the
    callback is then C(available). No reason is documented. This module detects failed uploads in the list.
  - It can also check that the recordings are in the bucket, with the size that the API reports.
  - A problem with uploads does not fail the task; see RV(health.ok) and the examples.
extends_documentation_fragment:
  - vonage.archiving.vonage
  - vonage.archiving.aws
  - vonage.archiving.attributes
  - vonage.archiving.attributes.info_module
  - vonage.archiving.attributes.actiongroup_vonage
options:
  status:
    description:
      - Return in RV(archives) only archives with one of these statuses. By default, all archives are returned. The API
        has no such filter, so the module filters the list. RV(health) includes all archives in any case.
    type: list
    elements: str
    choices: [started, paused, stopped, uploaded, available, expired, failed, deleted]
  since:
    description:
      - Ignore archives that were created earlier, and do not fetch pages that contain only such archives. By default,
        all archives are listed.
      - A time in ISO 8601, such as V(2026-11-21T18:00:00Z) (a time without a zone is UTC), or the duration since then,
        such as V(1d), or a whole number of seconds.
    type: str
  limit:
    description:
      - The maximum number of archives in RV(archives), the newest first. V(0) returns none. RV(health) includes all
        archives in any case.
      - An archive takes about 350 bytes of the result. AWX truncates results at 700 kB.
    type: int
    default: 100
  target_set_at:
    description:
      - The time at which the upload target of the project was set, in the format of O(since).
      - Without this option and O(state_file), the module cannot distinguish archives that fell back from archives that
        were recorded when there was no upload target.
    type: str
  state_file:
    description:
      - The location of the state file that M(vonage.archiving.vonage_archive_storage) writes, a path or
        C(s3://bucket/key). It contains the time since which the project has an upload target, whichever it is. Mutually
        exclusive with O(target_set_at).
      - The module reads it with the credentials of O(access_key) and the other connection options.
    type: str
  stuck_after:
    description:
      - An archive counts as stuck if it is still C(stopped) this long after its end, or if it is still C(started) or
        C(paused) this long after the longest possible recording, 12 hours.
      - A number of seconds, or a number with the unit V(s), V(m), V(h), or V(d), for example V(1h).
