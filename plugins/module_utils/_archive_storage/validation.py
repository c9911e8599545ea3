# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Variables of the role ``archive_storage`` that contradict each other. Pure.

PRIVATE to the collection ``vonage.archiving``: there is no stability promise outside of it.

Problems of single values are found by the parsers of the modules, see ``params.py``.
"""

from __future__ import annotations

import re
import typing as t

from .._aws.session import is_at_aws
from .._core.validation import is_url
from .variables import ALLOW, PREFIX

URLS = ("endpoint", "endpoint_url", "iam_endpoint_url")
_ACCOUNT = re.compile(r"[0-9]{12}")
_PROJECT = re.compile(r"[A-Za-z0-9_-]+")
_RULE_OPTIONS = (
    "allowed_origins",
    "allowed_methods",
    "allowed_headers",
    "expose_headers",
    "max_age_seconds",
    "id",
)


def find_contradictions(settings: t.Mapping[str, t.Any]) -> list[str]:
    """Return one sentence for each contradiction."""
    present = settings["state"] == "present"
    checks = {
        **_project_contradictions(settings),
        **_key_contradictions(settings, present),
        **_store_contradictions(settings, present),
        **_deletion_contradictions(settings, present),
    }
    problems = [text for text, wrong in checks.items() if wrong]
    return problems + _url_problems(settings) + _cors_problems(settings["cors_rules"] or []) + _value_problems(settings)


def _project_contradictions(settings: t.Mapping[str, t.Any]) -> dict[str, bool]:
    project, api_key, application_id = (settings[name] for name in ("project", "api_key", "application_id"))
    return {
        "archive_storage_api_key (or archive_storage_application_id) is not set": not project,
        "archive_storage_api_key and archive_storage_application_id are mutually exclusive": bool(
            api_key and application_id
        ),
        f"the project id {project!r} contains characters that are not valid in an id": (
            bool(project) and not _PROJECT.fullmatch(project)
        ),
    }


def _key_contradictions(settings: t.Mapping[str, t.Any], present: bool) -> dict[str, bool]:
    managed = present and settings["managed"]
    external = present and not settings["managed"]
    has_secret = "uploader_secret_key" in settings["secrets"]
    return {
        "archive_storage_uploader_access_key and archive_storage_uploader_secret_key are for an external key, and "
        "archive_storage_upload_key is managed: delete them, or set archive_storage_upload_key to external": (
            managed and (bool(settings["uploader_access_key"]) or has_secret)
        ),
        "archive_storage_state_file is none: a managed key needs a state file, which contains the key of the upload "
        "target": managed and bool(settings["bucket"]) and not settings["state_file"],
        "archive_storage_max_age is for an external key: set archive_storage_rotate_after": (
            managed and settings["max_age"] is not None
        ),
        "archive_storage_rotate: an external key cannot be rotated: set archive_storage_upload_key to managed": (
            external and settings["rotate"] and settings["update"] != "always"
        ),
        "archive_storage_revoke_old_keys: an external key is not managed: deactivate it yourself": not settings[
            "managed"
        ]
        and settings["revoke_old_keys"],
        "archive_storage_upload_key is external, and archive_storage_uploader_access_key is not set": (
            external and not settings["uploader_access_key"]
        ),
        "archive_storage_uploader_secret_key is not set: without it, uploads cannot be verified": (
            external and settings["verify_only"] and not has_secret
        ),
    }


def _store_contradictions(settings: t.Mapping[str, t.Any], present: bool) -> dict[str, bool]:
    project, bucket = settings["project"], settings["bucket"]
    endpoint_url = settings["endpoint_url"]
    return {
        "archive_storage_bucket is not set": not bucket and (present or settings["delete_bucket"]),
        "archive_storage_require_encryption would reject every recording: archive_storage_sse is not s3": (
            settings["require_encryption"] and settings["sse"] != "s3"
        ),
        "archive_storage_require_tls would reject every recording: an endpoint is not https": (
            present and settings["require_tls"] and not settings["https"]
        ),
        f"archive_storage_endpoint is not set, and the store of the operator is not AWS: {endpoint_url} "
        "(archive_storage_endpoint_url, or AWS_ENDPOINT_URL_S3 or AWS_ENDPOINT_URL of the environment). Set "
        "archive_storage_endpoint to the URL at which Vonage reaches the store": (
            present and not settings["endpoint"] and is_url(endpoint_url) and not is_at_aws(endpoint_url)
        ),
        "archive_storage_public would make the state file public (archive_storage_state_file)": (
            settings["public"] and settings["state_file"].startswith(f"s3://{bucket}/{project}/")
        ),
    }


def _deletion_contradictions(settings: t.Mapping[str, t.Any], present: bool) -> dict[str, bool]:
    return {
        "archive_storage_state is absent, which cannot be verified": settings["verify_only"] and not present,
        "archive_storage_delete_bucket deletes every recording in the bucket: to confirm, set "
        "archive_storage_delete_recordings to the name of the bucket": (
            settings["delete_bucket"] and settings["delete_recordings"] != settings["bucket"]
        ),
        "archive_storage_delete_bucket needs archive_storage_state=absent": present and settings["delete_bucket"],
    }


def _url_problems(settings: t.Mapping[str, t.Any]) -> list[str]:
    return [
        f"{PREFIX}{name} {settings[name]!r} does not start with http:// or https://"
        for name in URLS
        if settings[name] and not re.match(r"https?://[^/]", settings[name])
        # The endpoint of the upload target is its default.
        if name != "endpoint_url" or settings[name] != settings["endpoint"]
    ]


def _value_problems(settings: t.Mapping[str, t.Any]) -> list[str]:
    unknown = [name for name in settings["allow"] if name not in ALLOW]
    problems = [f"{PREFIX}allow: {name!r} is not one of {', '.join(ALLOW)}" for name in unknown]
    owner = settings["expected_bucket_owner"]
    if owner and not _ACCOUNT.fullmatch(owner):
        problems.append(f"{PREFIX}expected_bucket_owner: must be an account id of 12 digits, got {owner!r}")
    return problems


def _cors_problems(rules: list[t.Any]) -> list[str]:
    """Return problems for which the argument spec of the module has less specific messages."""
    no_dicts = [
        f"{PREFIX}cors_rules[{at}] is not a dictionary" for at, rule in enumerate(rules) if not isinstance(rule, dict)
    ]
    if no_dicts:
        return no_dicts
    unknown = [
        f"{PREFIX}cors_rules[{at}] has {name!r}, not one of {', '.join(_RULE_OPTIONS)}"
        for at, rule in enumerate(rules)
        for name in rule
        if name not in _RULE_OPTIONS
    ]
    return unknown or [
        f"{PREFIX}cors_rules[{at}] needs at least one of allowed_origins and one of allowed_methods"
        for at, rule in enumerate(rules)
        if not (rule.get("allowed_origins") and rule.get("allowed_methods"))
    ]
