# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Mistyped names of variables of the role ``archive_storage``. Pure.

PRIVATE to the collection ``vonage.archiving``: there is no stability promise outside of it.

Ansible refuses an unknown option of a module, and passes over an unknown variable of a role: with
``archive_storage_require_encription`` a bucket would be less than what was asked for, and nobody would hear of it.
"""

from __future__ import annotations

import difflib
import typing as t

PREFIX = "archive_storage_"
VARIABLES = frozenset(
    [
        "state",
        "api_key",
        "api_secret",
        "application_id",
        "private_key",
        "api_url",
        "bucket",
        "region",
        "cors_rules",
        "folders",
        "public",
        "require_tls",
        "require_encryption",
        "retention_days",
        "abort_incomplete_uploads_days",
        "tags",
        "endpoint_url",
        "access_key",
        "secret_key",
        "session_token",
        "profile",
        "validate_certs",
        "aws_ca_bundle",
        "endpoint",
        "iam_endpoint_url",
        "uploader",
        "uploader_name",
        "uploader_path",
        "uploader_permissions_boundary",
        "uploader_tags",
        "uploader_list_all_my_buckets",
        "rotate",
        "rotate_after",
        "overlap",
        "retire_delay",
        "drain_timeout",
        "uploader_access_key",
        "uploader_secret_key",
        "sse",
        "fallback",
        "certificate",
        "record",
        "update",
        "max_age",
        "verify",
        "verify_timeout",
        "expect_least_privilege",
        "delete_bucket",
        "delete_recordings",
    ]
)
# What the role and its playbooks set or read besides.
OTHERS = frozenset(("hosts", "result", "check"))
# High enough for names of one's own that begin in the same way, of a list of projects for example.
SIMILAR = 0.75


def mistyped(names: t.Iterable[str]) -> list[str]:
    """One sentence for each name that is no variable of the role and looks as if it were meant to be."""
    given = {name[len(PREFIX) :] for name in names if name.startswith(PREFIX)}
    return [
        f"The variable {PREFIX}{name} is ignored, since the role has none of that name: is {PREFIX}{meant} meant?"
        for name in sorted(given - VARIABLES - OTHERS)
        for meant in difflib.get_close_matches(name, sorted(VARIABLES), n=1, cutoff=SIMILAR)
    ]
