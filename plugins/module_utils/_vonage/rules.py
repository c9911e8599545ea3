# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What can be known to be wrong with an upload target before anything is sent. Pure.

PRIVATE to the collection ``vonage.archiving``: there is no stability promise outside of it.

The API does not check what it is given: a wrong value shows only when the first recording is lost. No message here
quotes a value that could be a secret in the wrong place.
"""

from __future__ import annotations

import base64
import binascii
import re
import typing as t
from urllib.parse import SplitResult, urlsplit

from .._core.misplaced_secrets import AZURE_SECRET
from .._core.validation import is_ip_address
from .._core.values import AWS_KEY_ID, AWS_SECRET, without_userinfo

TEMPORARY_KEY_ID = re.compile(r"ASIA[A-Z0-9]{16}")
# Wider than AWS, whose limit is 63 lower-case letters: Google's names may have 222 characters and "_", and the oldest
# buckets of us-east-1 have capitals.
BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,220}[A-Za-z0-9]")
ACCOUNT = re.compile(r"[a-z0-9]{3,24}")
CONTAINER = re.compile(r"(?=.{3,63}$)[a-z0-9]+(-[a-z0-9]+)*")
HOST = re.compile(r"(?=.{1,253}$)[A-Za-z0-9_-]{1,63}(\.[A-Za-z0-9_-]{1,63})*\.?")
DOMAIN = re.compile(r"(?=.{1,253}(:|$))[A-Za-z0-9-]{1,63}(\.[A-Za-z0-9-]{1,63})*(:[0-9]{1,5})?")


def s3(options: t.Mapping[str, t.Any], keyed: bool = True) -> list[str]:
    """Everything that is wrong with the options of ``s3``.

    :param keyed: whether an access key has to be among them.
    """
    required = ("bucket", "access_key") if keyed else ("bucket",)
    problems = _missing("s3", options, required) + _white_space("s3", options)
    if options.get("bucket"):
        problems += bucket(str(options["bucket"]))
    if options.get("endpoint"):
        problems += endpoint(str(options["endpoint"]))
    return problems + sse(str(options.get("sse") or "s3")) + keys(options.get("access_key"), options.get("secret_key"))


def azure(options: t.Mapping[str, t.Any]) -> list[str]:
    """Everything that is wrong with the options of ``azure``."""
    problems = _missing("azure", options, ("account_name", "container")) + _white_space("azure", options)
    account, container, domain = (options.get(name) for name in ("account_name", "container", "domain"))
    held = [name for name in ("account_name", "container", "domain") if AZURE_SECRET.search(options.get(name) or "")]
    if held:
        secrets = [f"azure.{name} holds a secret: only azure.account_key may" for name in held]
        return problems + secrets
    if account and not ACCOUNT.fullmatch(account):
        problems.append(f"azure.account_name {account!r} is not 3 to 24 lower-case letters and digits")
    if container and not CONTAINER.fullmatch(container):
        problems.append(
            f"azure.container {container!r} is not 3 to 63 lower-case letters, digits and single hyphens between them"
        )
    if domain and "://" in domain:
        problems.append(f"azure.domain {domain!r} is a URL: give the domain alone, such as core.windows.net")
    elif domain and not DOMAIN.fullmatch(domain):
        problems.append(f"azure.domain {domain!r} is no domain such as core.windows.net")
    return problems + _account_key(options.get("account_key"))


def keys(access_key: str | None, secret_key: str | None) -> list[str]:
    """What is wrong with an access key and its secret."""
    access, secret = (access_key or "").strip(), (secret_key or "").strip()
    if AWS_KEY_ID.fullmatch(secret) or AWS_SECRET.fullmatch(access):
        return [
            "s3.access_key and s3.secret_key look swapped: an access key id of AWS has 20 characters and begins with "
            "AKIA, a secret key has 40"
        ]
    if TEMPORARY_KEY_ID.fullmatch(access):
        return [
            f"s3.access_key {access} is temporary (it begins with ASIA): Vonage cannot use it, since there is no field "
            "for its session token; give the key of an IAM user"
        ]
    if access and access == secret:
        return ["s3.access_key and s3.secret_key are the same"]
    if " " in access or not (access + secret).isprintable():
        return ["s3.access_key or s3.secret_key is broken by white space or holds what cannot be printed"]
    return []


def bucket(name: str) -> list[str]:
    """What is wrong with the name of a bucket on any store."""
    if name.startswith("s3://") or "/" in name:
        return [f"s3.bucket {name!r} is not the name of a bucket alone: recordings cannot be put below a prefix"]
    if not BUCKET.fullmatch(name.strip()) or ".." in name or is_ip_address(name):
        return [
            f"s3.bucket {name!r} is a name that no store takes: 3 to 222 letters, digits, '.', '_' and '-', no two "
            "dots in a row, no IP address"
        ]
    return []


def endpoint(url: str) -> list[str]:
    """What is wrong with the URL of a store."""
    example = "such as https://storage.googleapis.com"
    if "://" not in url:
        return [f"s3.endpoint {without_userinfo(url)!r} has no scheme: give a URL {example}"]
    try:
        parts = urlsplit(url.strip())
        usable = parts.scheme in ("http", "https") and _has_host(parts) and parts.port != 0
    except ValueError:
        return [f"s3.endpoint is no URL {example}"]
    if "@" in parts.netloc:
        return ["s3.endpoint holds credentials: give them as s3.access_key and s3.secret_key"]
    # Python drops line breaks in URLs.
    if not usable or re.search(r"\s", url.strip()):
        return [f"s3.endpoint {without_userinfo(url)!r} is no http or https URL {example}"]
    if parts.path not in ("", "/") or parts.query or parts.fragment:
        return [f"s3.endpoint {url!r} holds a path or query: give the store's base URL, and the bucket as s3.bucket"]
    return []


def sse(value: str) -> list[str]:
    """What is wrong with the kind of server-side encryption."""
    if value in ("s3", "none"):
        return []
    if "kms" in value.lower():
        return [
            f"s3.sse {value!r} is not possible: Vonage uploads with keys managed by S3 (SSE-S3) only, never with keys "
            "of AWS KMS; use s3"
        ]
    if value in ("AES256", "SSE-S3", "sse-s3"):
        return [f"s3.sse {value!r} is called s3 here and in Vonage's documents"]
    return [f"s3.sse {value!r} is neither s3 nor none"]


def fallback(value: t.Any, allowed: t.Sequence[str]) -> list[str]:
    """What is wrong with the choice of where a recording goes when its upload fails."""
    if value is None:
        return [
            "fallback is required: none loses a recording whose upload fails, opentok keeps it in Vonage's cloud for "
            "72 hours"
        ]
    return [] if value in allowed else [f"fallback {value!r} is not one of {', '.join(allowed)}"]


def _account_key(value: str | None) -> list[str]:
    if not value:
        return []
    try:
        base64.b64decode(value.strip(), validate=True)
    except (binascii.Error, ValueError):
        return ["azure.account_key is not base64, as the keys of storage accounts are"]
    return []


def _missing(kind: str, options: t.Mapping[str, t.Any], names: t.Sequence[str]) -> list[str]:
    return [f"{kind}.{name} is required" for name in names if not options.get(name)]


def _white_space(kind: str, options: t.Mapping[str, t.Any]) -> list[str]:
    return [
        f"{kind}.{name} begins or ends with white space"
        for name, value in options.items()
        if isinstance(value, str) and value != value.strip()
    ]


def _has_host(parts: SplitResult) -> bool:
    name = parts.hostname or ""
    return is_ip_address(name) if "[" in parts.netloc else bool(HOST.fullmatch(name))
