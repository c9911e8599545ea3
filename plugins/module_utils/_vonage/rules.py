# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Offline validation of an upload target. Pure.

PRIVATE to the collection ``vonage.archiving``: there is no stability promise outside of it.

The API does not validate an upload target: an invalid value becomes apparent only when the first recording is lost. No
message quotes a value that may be a secret in the wrong option.
"""

from __future__ import annotations

import base64
import re
import typing as t

from .._core.misplaced_secrets import AZURE_SECRET
from .._core.problems import Problems
from .._core.validation import existing_bucket_name_problem, url_problem
from .._core.values import AWS_KEY_ID, AWS_SECRET

TEMPORARY_KEY_ID = re.compile(r"ASIA[A-Z0-9]{16}")
ACCOUNT = re.compile(r"[a-z0-9]{3,24}")
CONTAINER = re.compile(r"(?=.{3,63}$)[a-z0-9]+(-[a-z0-9]+)*")
DOMAIN = re.compile(r"(?=.{1,253}(:|$))[A-Za-z0-9-]{1,63}(\.[A-Za-z0-9-]{1,63})*(:[0-9]{1,5})?")

Options = t.Mapping[str, t.Optional[str]]


def s3_problems(options: Options, has_key: bool = True) -> Problems:
    """The problems of the suboptions of ``s3``.

    :param has_key: whether an access key is required.
    """
    problems = _shared_problems("s3", options, ("bucket", "access_key") if has_key else ("bucket",))
    s3 = problems.within("s3")
    bucket, endpoint = ((options.get(name) or "").strip() for name in ("bucket", "endpoint"))
    if bucket:
        s3.add_if("bucket", existing_bucket_name_problem(bucket))
    if endpoint:
        example, credentials = "https://storage.googleapis.com", "s3.access_key and s3.secret_key"
        s3.add_if("endpoint", url_problem(endpoint, example, credentials=credentials))
    s3.add_if("sse", _sse_problem(options.get("sse") or "s3"))
    _validate_keys((options.get("access_key") or "").strip(), (options.get("secret_key") or "").strip(), s3)
    return problems


def azure_problems(options: Options) -> Problems:
    """The problems of the suboptions of ``azure``."""
    problems = _shared_problems("azure", options, ("account_name", "container"))
    azure = problems.within("azure")
    names = ("account_name", "container", "domain")
    account, container, domain = (options.get(name) or "" for name in names)
    misplaced = [name for name in names if AZURE_SECRET.search(options.get(name) or "")]
    for name in misplaced:
        azure.add(name, "contains a secret. Set secrets only in azure.account_key")
    if misplaced:
        return problems
    if account and not ACCOUNT.fullmatch(account):
        azure.add("account_name", f"{account!r} is not valid: 3 to 24 lower-case letters and digits are required")
    if container and not CONTAINER.fullmatch(container):
        rule = "3 to 63 lower-case letters, digits, and single hyphens between them are required"
        azure.add("container", f"{container!r} is not valid: {rule}")
    if domain and not DOMAIN.fullmatch(domain):
        azure.add("domain", f"{domain!r} is not a valid domain such as core.windows.net")
    azure.add_if("account_key", _account_key_problem(options.get("account_key") or ""))
    return problems


def fallback_problem(value: t.Any, choices: t.Sequence[str]) -> str | None:
    """The problem of the option ``fallback``, if any."""
    if value is None:
        return "is required: none loses a recording whose upload fails, opentok keeps it in Vonage's cloud for 72 hours"
    return None if value in choices else f"{value!r} is not one of {', '.join(choices)}"


def _validate_keys(access_key: str, secret_key: str, problems: Problems) -> None:
    has_id_as_secret = AWS_KEY_ID.fullmatch(secret_key)
    if has_id_as_secret or AWS_SECRET.fullmatch(access_key):
        option, form = ("secret_key", "an access key ID") if has_id_as_secret else ("access_key", "a secret key")
        problems.add(option, f"has the form of {form}. Check whether s3.access_key and s3.secret_key are swapped")
    elif TEMPORARY_KEY_ID.fullmatch(access_key):
        problems.add(
            "access_key",
            f"{access_key} is temporary (it begins with ASIA). Vonage cannot use it, because an upload target has no "
            "session token. Set the key of an IAM user",
        )
    elif access_key and access_key == secret_key:
        problems.add("secret_key", "is the same as s3.access_key")
    else:
        for option, value in (("access_key", access_key), ("secret_key", secret_key)):
            if (option == "access_key" and " " in value) or not value.isprintable():
                problems.add(option, "contains white space or characters that are not printable")


def _sse_problem(value: str) -> str | None:
    if value in ("s3", "none"):
        return None
    if "kms" in value.lower():
        return f"{value!r} is not possible: Vonage uploads with keys managed by S3 (SSE-S3), not with AWS KMS. Set s3"
    hint = ". Set s3 for SSE-S3" if value in ("AES256", "SSE-S3", "sse-s3") else ""
    return f"{value!r} is not one of s3, none{hint}"


def _account_key_problem(value: str) -> str | None:
    try:
        base64.b64decode(value.strip(), validate=True)
    except ValueError:
        return "is not base64, the form of keys of storage accounts"
    return None


def _shared_problems(option: str, options: Options, required: t.Sequence[str]) -> Problems:
    """Missing suboptions, and white space around values."""
    problems = Problems()
    suboptions = problems.within(option)
    for name in required:
        suboptions.add_if(name, None if options.get(name) else "is required")
    for name, value in options.items():
        suboptions.add_if(name, "begins or ends with white space" if value and value != value.strip() else None)
    return problems
