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
from .._bucket.params import CORS_RULE
from .._core.problems import Problems
from .._core.validation import is_url, url_problem

URLS = ("endpoint", "endpoint_url", "iam_endpoint_url")
_ACCOUNT = re.compile(r"[0-9]{12}")
_PROJECT = re.compile(r"[A-Za-z0-9_-]+")
Settings = t.Mapping[str, t.Any]


def find_contradictions(settings: Settings, problems: Problems) -> None:
    """Validate the settings together.

    :param problems: of variables, by their names without the prefix.
    """
    present = settings["state"] == "present"
    _validate_project(settings, problems)
    _validate_key(settings, problems, present)
    _validate_store(settings, problems, present)
    _validate_deletion(settings, problems, present)
    _validate_cors_rules(settings["cors_rules"] or [], problems)


def _validate_project(settings: Settings, problems: Problems) -> None:
    project, api_key, application_id = (settings[name] for name in ("project", "api_key", "application_id"))
    if not project:
        problems.add("api_key", "is not set, and archive_storage_application_id is not set. Set one of them")
    elif not _PROJECT.fullmatch(project):
        problem = f"{project!r} is not a valid ID: letters, digits, underscores, and hyphens are allowed"
        problems.add("api_key" if api_key else "application_id", problem)
    if api_key and application_id:
        problems.add("api_key", "cannot be set together with archive_storage_application_id")


def _validate_key(settings: Settings, problems: Problems, present: bool) -> None:
    managed = settings["managed"]
    has_secret = "uploader_secret_key" in settings["secrets"]
    if not managed and settings["revoke_old_keys"]:
        problems.add("revoke_old_keys", "an external key is not managed. Deactivate it yourself")
    if not present:
        return
    if managed:
        external = {"uploader_access_key": bool(settings["uploader_access_key"]), "uploader_secret_key": has_secret}
        for name in (name for name, is_set in external.items() if is_set):
            problems.add(
                name,
                "is for an external key, and archive_storage_upload_key is managed. Remove it, or set "
                "archive_storage_upload_key to external",
            )
        if "state_file" not in settings["unset"] and not settings["state_file"]:
            problem = "is none, but a managed key needs a state file, which contains the key of the upload target"
            problems.add("state_file", problem)
        if settings["max_age"] is not None:
            problems.add("max_age", "is for an external key. Set archive_storage_rotate_after")
        return
    if settings["rotate"] and settings["update"] != "always":
        problems.add("rotate", "an external key cannot be rotated. Set archive_storage_upload_key to managed")
    if not settings["uploader_access_key"]:
        problems.add("uploader_access_key", "is not set, and archive_storage_upload_key is external")
    if settings["verify_only"] and not has_secret:
        problems.add("uploader_secret_key", "is not set. Without it, uploads cannot be verified")


def _validate_store(settings: Settings, problems: Problems, present: bool) -> None:
    project, bucket, endpoint_url = settings["project"], settings["bucket"], settings["endpoint_url"]
    if not bucket and (present or settings["delete_bucket"]):
        problems.add("bucket", "is not set")
    if settings["require_encryption"] and settings["sse"] != "s3":
        problems.add("require_encryption", "would reject every recording: archive_storage_sse is not s3")
    if present and settings["require_tls"] and not settings["https"]:
        problems.add("require_tls", "would reject every recording: an endpoint is not https")
    if present and not settings["endpoint"] and is_url(endpoint_url) and not is_at_aws(endpoint_url):
        problems.add(
            "endpoint",
            f"is not set, and the store of the operator is not AWS: {endpoint_url} (archive_storage_endpoint_url, or "
            "AWS_ENDPOINT_URL_S3 or AWS_ENDPOINT_URL of the environment). Set archive_storage_endpoint to the URL at "
            "which Vonage reaches the store",
        )
    if settings["public"] and settings["state_file"].startswith(f"s3://{bucket}/{project}/"):
        problems.add("public", "would make the state file public (archive_storage_state_file)")
    for name in URLS:
        url = settings[name]
        # The endpoint of the upload target is the default of endpoint_url. Credentials in a URL are already reported.
        if url and "@" not in url and (name != "endpoint_url" or url != settings["endpoint"]):
            problems.add_if(name, url_problem(url, "https://s3.example.com", allow_path=True))
    owner = settings["expected_bucket_owner"]
    if owner and not _ACCOUNT.fullmatch(owner):
        problems.add("expected_bucket_owner", f"must be an account ID of 12 digits, got {owner!r}")


def _validate_deletion(settings: Settings, problems: Problems, present: bool) -> None:
    if settings["verify_only"] and not present:
        problems.add("state", "is absent, which cannot be verified")
    if not settings["delete_bucket"]:
        return
    if settings["delete_recordings"] != settings["bucket"]:
        problems.add(
            "delete_bucket",
            "deletes every recording in the bucket. To confirm, set archive_storage_delete_recordings to the name of "
            "the bucket",
        )
    if present:
        problems.add("delete_bucket", "needs archive_storage_state=absent")


def _validate_cors_rules(rules: list[t.Any], problems: Problems) -> None:
    """Find problems for which the argument spec of the module has less specific messages."""
    for index, rule in enumerate(rules):
        option = f"cors_rules[{index}]"
        if not isinstance(rule, dict):
            problems.add(option, "is not a dictionary")
            continue
        unknown = [name for name in rule if name not in CORS_RULE]
        for name in unknown:
            problems.add(option, f"{name!r} is not one of {', '.join(CORS_RULE)}")
        if not unknown and not (rule.get("allowed_origins") and rule.get("allowed_methods")):
            problems.add(option, "needs at least one of allowed_origins and one of allowed_methods")
