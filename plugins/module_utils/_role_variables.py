# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Mistyped names of variables of the roles ``archive_storage`` and ``interactive_broadcast``. Pure.

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
        "grace_period",
        "delete_after",
        "revoke_old_keys",
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
        "allow",
        "expected_bucket_owner",
    ]
)
BROADCAST_PREFIX = "interactive_broadcast_"
BROADCAST_VARIABLES = frozenset(
    [
        "state",
        "generation",
        "api_key",
        "api_secret",
        "api_url",
        "bucket",
        "region",
        "allowed_origins",
        "images_bucket",
        "image_acls",
        "endpoint",
        "base_url",
        "heroku_app",
        "heroku_api_token",
        "heroku_api_url",
        "enable_archiving",
        "adopt_app",
        "user_name",
        "user_path",
        "user_permissions_boundary",
        "user_tags",
        "rotate",
        "rotate_after",
        "grace",
        "endpoint_url",
        "iam_endpoint_url",
        "access_key",
        "secret_key",
        "session_token",
        "profile",
        "validate_certs",
        "aws_ca_bundle",
        "verify",
        "verify_timeout",
    ]
)
# What the roles and their playbooks set or read besides.
OTHERS = frozenset(("hosts", "result", "check"))
# High enough for names of one's own that begin in the same way, of a list of projects for example.
SIMILAR = 0.75


def mistyped(names: t.Iterable[str]) -> list[str]:
    """One sentence for each name that is no variable of a role and looks as if it were meant to be."""
    every = sorted(names)
    roles = {PREFIX: VARIABLES, BROADCAST_PREFIX: BROADCAST_VARIABLES}
    return [told for prefix, known in roles.items() for told in _mistyped(every, prefix, known)]


def _mistyped(names: t.Iterable[str], prefix: str, known: t.Collection[str]) -> list[str]:
    given = [name[len(prefix) :] for name in names if name.startswith(prefix)]
    return [
        f"The variable {prefix}{name} is ignored, since the role has none of that name: is {prefix}{meant} meant?"
        for name in given
        if name not in known and name not in OTHERS
        for meant in difflib.get_close_matches(name, sorted(known), n=1, cutoff=SIMILAR)
    ]
