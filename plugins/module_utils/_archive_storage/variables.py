# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The variables of the role ``archive_storage``: the only list of them. Pure.

PRIVATE to the collection ``vonage.archiving``: there is no stability promise outside of it.

``tools/role_variables.py`` writes ``defaults/main.yml`` and the table in the README of the role from this list, and
checks ``meta/argument_specs.yml`` and the surveys for AWX against it. The actions read the variables by it.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

PREFIX = "archive_storage_"
TEXT, CHOICE, BOOLEAN, NAMES, LIST, DICT = "text", "choice", "boolean", "names", "list", "dict"
# Whole numbers of seconds or days, also with a unit.
DURATION, DAYS = "duration", "days"

STATES = ("present", "absent")
UPLOAD_KEYS = MANAGED, EXTERNAL = ("managed", "external")
VERIFY = NEVER, NEW_KEY, ALWAYS = ("never", "new_key", "always")
# Changes that need the consent of the user: the values of archive_storage_allow.
ALLOW = ("adopt_bucket", "shorter_retention", "teardown_without_api")
PREFLIGHT = ("auto", "always", "never")


@dataclass(frozen=True)
class Variable:
    """One variable of the role.

    :param name: without the prefix ``archive_storage_``.
    :param kind: how its value is parsed, see ``settings.py``.
    :param default: of an unset variable; ``None`` if there is none, or if it depends on other variables.
    :param choices: the possible values of a choice or of a list of names.
    :param secret: the value is in no result, and the modules get it directly from the variable.
    :param fleet: whether it can be set for a fleet, where each host is a project.
    :param options: the options of modules that get its value and have another name.
    """

    name: str
    kind: str = TEXT
    default: t.Any = None
    choices: tuple[str, ...] = ()
    secret: bool = False
    fleet: bool = True
    options: tuple[str, ...] = ()

    @property
    def full_name(self) -> str:
        return f"{PREFIX}{self.name}"


def _secret(name: str, *options: str) -> Variable:
    return Variable(name, secret=True, options=options)


def _boolean(name: str, *options: str, default: bool | None = False, fleet: bool = True) -> Variable:
    return Variable(name, BOOLEAN, default, fleet=fleet, options=options)


def _duration(name: str, default: int | None, *options: str) -> Variable:
    return Variable(name, DURATION, default, options=options)


def _days(name: str, default: int, *options: str) -> Variable:
    return Variable(name, DAYS, default, options=options)


# By section, in the order of defaults/main.yml.
SECTIONS: dict[str, tuple[Variable, ...]] = {
    "Run": (Variable("state", CHOICE, "present", STATES), _boolean("strict")),
    "Project": (
        Variable("api_key"),
        _secret("api_secret"),
        Variable("application_id"),
        _secret("private_key"),
        Variable("api_url"),
        Variable("preflight", CHOICE, "auto", PREFLIGHT),
    ),
    "Bucket": (
        Variable("bucket", options=("name", "s3.bucket")),
        Variable("region", options=("region_name",)),
        Variable("cors_rules", LIST),
        Variable("folders", NAMES),
        _boolean("public", "public_prefixes"),
        _boolean("require_tls", default=None),
        _boolean("require_encryption"),
        _days("retention_days", 0, "lifecycle", "lifecycle.expire_days"),
        _days("abort_incomplete_uploads_days", 7, "lifecycle.abort_incomplete_uploads_days"),
        Variable("tags", DICT),
        Variable("expected_bucket_owner"),
        Variable("allow", NAMES, choices=ALLOW),
    ),
    "Connection": (
        Variable("endpoint_url"),
        Variable("access_key"),
        _secret("secret_key"),
        _secret("session_token"),
        Variable("profile"),
        _boolean("validate_certs", default=True),
        Variable("aws_ca_bundle"),
        Variable("iam_endpoint_url"),
    ),
    "Upload key": (
        Variable("upload_key", CHOICE, MANAGED, UPLOAD_KEYS),
        Variable("uploader_access_key", options=("s3.access_key",)),
        _secret("uploader_secret_key", "s3.secret_key"),
        Variable("uploader_name", options=("uploader", "uploader.name")),
        Variable("uploader_path", options=("uploader.path",)),
        Variable("uploader_permissions_boundary", options=("uploader.permissions_boundary",)),
        Variable("uploader_tags", DICT, options=("uploader.tags",)),
        _boolean("uploader_list_all_my_buckets", "uploader.list_all_my_buckets"),
        _boolean("rotate", "uploader.rotate"),
        _duration("rotate_after", 90 * 86400, "uploader.rotate_after"),
        _duration("grace_period", 18 * 3600, "uploader.grace_period"),
        _duration("delete_after", 24 * 3600, "uploader.delete_after"),
        _boolean("revoke_old_keys", "uploader.revoke_old_keys"),
        _duration("drain_timeout", 30, "uploader.drain_timeout"),
    ),
    "Upload target": (
        Variable("endpoint", options=("s3.endpoint",)),
        Variable("sse", CHOICE, None, ("s3", "none"), options=("s3.sse", "encryption")),
        Variable("fallback", CHOICE, "opentok", ("none", "opentok", "vonage")),
        Variable("certificate"),
        Variable("state_file"),
        Variable("update", CHOICE, "on_change", ("on_change", "always")),
        _duration("max_age", None),
    ),
    "Verification": (
        Variable("verify", CHOICE, NEW_KEY, VERIFY),
        _duration("verify_timeout", 30),
        _boolean("expect_least_privilege"),
    ),
    "Deletion": (
        _boolean("delete_bucket", fleet=False),
        Variable("delete_recordings", fleet=False),
    ),
}
VARIABLES: dict[str, Variable] = {variable.name: variable for section in SECTIONS.values() for variable in section}
# The variables by the options of the modules that get their values.
OPTIONS: dict[str, str] = {
    option: variable.full_name for variable in VARIABLES.values() for option in (variable.name, *variable.options)
}
SECRETS = tuple(name for name, variable in VARIABLES.items() if variable.secret)


def of_kind(kind: str) -> tuple[str, ...]:
    """Return the names of the variables of a kind, without secrets."""
    return tuple(name for name, variable in VARIABLES.items() if variable.kind == kind and not variable.secret)
