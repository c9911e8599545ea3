# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Names of buckets and prefixes: what a store takes, and what must never be public. Pure.

PRIVATE to the collection ``vonage.archiving``: there is no stability promise outside of it.

Rules: Amazon S3 User Guide, "General purpose bucket naming rules" and "Naming Amazon S3 objects".
"""

from __future__ import annotations

import re
import typing as t

# Records of what was applied live below this prefix of a bucket; it can never be made public.
RECORDS_PREFIX = ".vonage-archiving/"
# The bucket lock.
LOCK_KEY = f"{RECORDS_PREFIX}bucket.lock"

# How the keys of state files end.
STATE_FILE_SUFFIX = ".json"

_NAME = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_ADDRESS = re.compile(r"\d+\.\d+\.\d+\.\d+")
_TAKEN_STARTS = ("xn--", "sthree-", "amzn-s3-demo-")
_TAKEN_ENDS = ("-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3")
# Stores other than AWS, and buckets made before 2018 in us-east-1, know longer names, upper case and underscores.
_LEGACY_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,220}[A-Za-z0-9]")
# Policies give a meaning to * ? and $, and these are "characters that might require special handling" in keys.
_RISKY = re.compile(r"[*?${}^%`\[\]\"'<>~#|\\\x00-\x1f\x7f\ud800-\udfff]")
_PROJECT = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}")


def record_key(project: str) -> str:
    """Where the record of a project is in a bucket, if nothing else is asked for."""
    return f"{RECORDS_PREFIX}{project}{STATE_FILE_SUFFIX}"


def bucket_problem(name: str) -> str | None:
    """What is wrong with a name for a bucket of ours, ``None`` if nothing is."""
    if not _NAME.fullmatch(name):
        return (
            f"the bucket name {name!r} must have 3 to 63 lower-case letters, digits, dots and hyphens, "
            "with a letter or digit at both ends"
        )
    if ".." in name or ".-" in name or "-." in name:
        return f"the bucket name {name!r} has a dot next to a dot or hyphen"
    if _ADDRESS.fullmatch(name):
        return f"the bucket name {name!r} looks like an IP address"
    if name.startswith(_TAKEN_STARTS) or name.endswith(_TAKEN_ENDS):
        return f"the bucket name {name!r} starts or ends in a way that S3 keeps for itself"
    return None


def legacy_bucket_problem(name: str) -> str | None:
    """What is wrong with the name of a bucket that exists already, whatever store has it."""
    if not _LEGACY_NAME.fullmatch(name) or ".." in name or _ADDRESS.fullmatch(name):
        return f"no store takes {name!r} as the name of a bucket"
    return None


def prefix_problem(prefix: str) -> str | None:
    """What is wrong with a prefix (a folder's name, without the slash at its end)."""
    bare = prefix.strip("/")
    if not bare:
        return f"the prefix {prefix!r} is empty: it would mean the whole bucket"
    if prefix.startswith("/") or "//" in prefix:
        return f"the prefix {prefix!r} has a slash at its start or two in a row: S3 keys would really hold them"
    if any(part in (".", "..") for part in bare.split("/")):
        return f"the prefix {prefix!r} has a part that is only dots"
    if _RISKY.search(prefix) or prefix != prefix.strip():
        return f"the prefix {prefix!r} holds characters with a meaning of their own in policies or URLs"
    if len(prefix.encode()) > 900:
        return f"the prefix {prefix[:40]!r}… is longer than 900 bytes; keys have at most 1024"
    return None


def project_problem(prefix: str) -> str | None:
    """What is wrong with the prefix that Vonage uploads to, the id of a project."""
    if _PROJECT.fullmatch(prefix):
        return None
    return (
        f"prefix {prefix!r} is no id of a project: Vonage puts recordings below the API key or the application "
        "id, which are letters, digits and hyphens"
    )


def project_id_problem(project: str) -> str | None:
    """The problem with the id of a project that shares a bucket."""
    if _PROJECT.fullmatch(project):
        return None
    return f"project: {project!r} is not a valid project id. An id consists of letters, digits and hyphens"


def exposes_records(prefix: str) -> bool:
    """Whether anonymous read below this prefix would show records."""
    return f"{prefix.strip('/')}/".startswith(RECORDS_PREFIX)


def folder(prefix: str) -> str:
    """The prefix with exactly one slash at its end."""
    return f"{prefix.strip('/')}/"


# How the names of regions of other partitions than the usual one begin, with the partition and the domain of its hosts.
_PARTITIONS = {
    "cn-": ("aws-cn", "amazonaws.com.cn"),
    "us-gov-": ("aws-us-gov", "amazonaws.com"),
    "eusc-": ("aws-eusc", "amazonaws.eu"),
}
AWS_DOMAINS = ("amazonaws.com", *sorted({domain for _name, domain in _PARTITIONS.values()} - {"amazonaws.com"}))


def partition(region: str | None) -> str:
    """The ARN partition of a region (AWS General Reference, "ARN format")."""
    return _of_partition(region)[0]


def aws_host(region: str) -> str:
    """The host of S3 in a region (AWS General Reference, "Amazon S3 endpoints and quotas")."""
    return f"s3.{region}.{_of_partition(region)[1]}"


def _of_partition(region: str | None) -> tuple[str, str]:
    found = (names for start, names in _PARTITIONS.items() if (region or "").startswith(start))
    return next(found, ("aws", "amazonaws.com"))


PROBE_PREFIX = "vonage-archiving-probe-"


class UploadLocation(t.NamedTuple):
    """Where recordings go; the prefix without a slash at its end."""

    bucket: str
    prefix: str
