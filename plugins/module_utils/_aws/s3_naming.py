# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Names of prefixes and of the objects of this collection; regions and their partitions. Pure.

PRIVATE to the collection ``vonage.archiving``: there is no stability promise outside of it.

Rules: Amazon S3 User Guide, "Naming Amazon S3 objects".
"""

from __future__ import annotations

import re
import typing as t

# State files and the lock are below this prefix, which can never be public.
STATE_FILE_PREFIX = ".vonage-archiving/"
LOCK_KEY = f"{STATE_FILE_PREFIX}bucket.lock"

STATE_FILE_SUFFIX = ".json"

# * ? and $ have a meaning in policies, and these are "characters that might require special handling" in keys.
_RISKY = re.compile(r"[*?${}^%`\[\]\"'<>~#|\\\x00-\x1f\x7f\ud800-\udfff]")
_PROJECT = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}")


def state_file_key(project: str) -> str:
    """The default key of the state file of a project."""
    return f"{STATE_FILE_PREFIX}{project}{STATE_FILE_SUFFIX}"


def prefix_problem(prefix: str) -> str | None:
    """The problem of a prefix, with or without its final slash, if any."""
    bare = prefix.strip("/")
    if not bare:
        return f"the prefix {prefix!r} is empty: it would mean the whole bucket"
    if prefix.startswith("/") or "//" in prefix:
        return f"the prefix {prefix!r} has a slash at its start or two in a row: these slashes would be part of S3 keys"
    if any(part in (".", "..") for part in bare.split("/")):
        return f"the prefix {prefix!r} has a part that is only dots"
    if _RISKY.search(prefix) or prefix != prefix.strip():
        return f"the prefix {prefix!r} contains characters with a special meaning in policies or URLs"
    if len(prefix.encode()) > 900:
        return f"the prefix {prefix[:40]!r}… is longer than 900 bytes; keys have at most 1024"
    return None


def project_problem(project: str) -> str | None:
    """The problem of a project ID, if any; it is the prefix of the recordings."""
    if _PROJECT.fullmatch(project):
        return None
    return (
        f"{project!r} is not a valid project ID. Vonage uploads recordings below the API key or the application ID: "
        "letters, digits, and hyphens"
    )


def exposes_state_files(prefix: str) -> bool:
    """Whether public access to this prefix would include the state files."""
    return f"{prefix.strip('/')}/".startswith(STATE_FILE_PREFIX)


def folder(prefix: str) -> str:
    """The prefix with exactly one slash at its end."""
    return f"{prefix.strip('/')}/"


# The partition and the domain of regions outside of the partition aws, by the start of the name of the region.
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
    partitions = (names for start, names in _PARTITIONS.items() if (region or "").startswith(start))
    return next(partitions, ("aws", "amazonaws.com"))


PROBE_PREFIX = "vonage-archiving-probe-"


class UploadLocation(t.NamedTuple):
    """The bucket of recordings and their prefix, without a slash at its end."""

    bucket: str
    prefix: str
