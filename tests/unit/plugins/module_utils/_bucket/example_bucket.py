# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The bucket of the tests, its projects, and a policy statement that the module does not manage."""

from __future__ import annotations

from ansible_collections.vonage.archiving.plugins.module_utils._aws.session import Connection

AWS = Connection(region="eu-west-1")
ARN = "arn:aws:s3:::b-1"
# Prefixes of each other: a comparison without the slash would confuse them.
PROJECTS = ("471", "4711", "4712", "a-b", "a")
UNMANAGED = {
    "Sid": "Unmanaged",
    "Effect": "Allow",
    "Principal": {"AWS": "111122223333"},
    "Action": "s3:*",
    "Resource": ARN,
}
