# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Validation of URLs, host names, and bucket names. Pure.

PRIVATE to the collection ``vonage.archiving``: there is no stability promise outside of it.

Each function returns the problem for a :class:`.problems.Problem`, without the name of the option; ``None`` if there is
none. A value that may contain credentials is never quoted.
"""

from __future__ import annotations

import ipaddress
import re
from urllib.parse import SplitResult, urlsplit

from .values import without_userinfo

_HOST = re.compile(r"(?=.{1,253}$)[A-Za-z0-9_-]{1,63}(\.[A-Za-z0-9_-]{1,63})*\.?")
# S3 User Guide, "General purpose bucket naming rules".
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_RESERVED_PREFIXES = ("xn--", "sthree-", "amzn-s3-demo-")
_RESERVED_SUFFIXES = ("-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3")
# Google's names may have 222 characters and "_"; buckets of us-east-1 that were created before 2018 may have capitals.
_EXISTING_BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,220}[A-Za-z0-9]")


def url_problem(
    url: str, example: str, allow_path: bool = False, require_https: bool = False, credentials: str = ""
) -> str | None:
    """The problem of the URL of a server, if any.

    :param example: a valid URL, for the message.
    :param allow_path: whether the URL may have a path other than ``/``.
    :param require_https: whether only HTTPS is allowed, except on this machine.
    :param credentials: the options that take credentials instead, such as ``access_key and secret_key``.
    """
    if "@" in url:
        instead = f". Set {credentials} instead" if credentials else ""
        return f"{without_userinfo(url)!r} contains credentials{instead}"
    parts = _split(url)
    if parts is None:
        return f"{url!r} is not a valid URL such as {example}"
    if parts.query or parts.fragment:
        return f"{url!r} contains a query or a fragment. Set a URL such as {example}"
    if not allow_path and parts.path not in ("", "/"):
        return f"{url!r} contains a path. Set a URL such as {example}"
    if require_https and parts.scheme == "http" and not is_loopback(parts.hostname or ""):
        return f"{url!r} would send secrets unencrypted. Use https; http is allowed only on this machine"
    return None


def is_url(url: str) -> bool:
    """Whether this is the URL of a server, with or without a path."""
    return url_problem(url, "", allow_path=True) is None


def _split(url: str) -> SplitResult | None:
    # Python drops line breaks in URLs.
    if re.search(r"\s", url):
        return None
    try:
        parts = urlsplit(url)
        valid = parts.scheme in ("http", "https") and _has_valid_host(parts) and parts.port != 0
    except ValueError:
        return None
    return parts if valid else None


def _has_valid_host(parts: SplitResult) -> bool:
    host = parts.hostname or ""
    # Not every Python rejects other text between brackets.
    return is_ip_address(host) if "[" in parts.netloc else bool(_HOST.fullmatch(host))


def is_ip_address(host: str) -> bool:
    """Whether this is an IPv4 or IPv6 address."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def is_loopback(host: str) -> bool:
    """Whether a host name or address is this machine, without a DNS query.

    RFC 6761, section 6.3: ``localhost`` and all names below it are loopback names, with or without a final dot.
    """
    name = host.lower().rstrip(".")
    if name == "localhost" or name.endswith(".localhost"):
        return True
    return is_ip_address(host) and ipaddress.ip_address(host).is_loopback


def bucket_name_problem(name: str) -> str | None:
    """The problem of the name of a bucket to create, by the rules of AWS, if any."""
    if not _BUCKET.fullmatch(name):
        return (
            f"{name!r} is not a valid bucket name: 3 to 63 lower-case letters, digits, dots, and hyphens are allowed, "
            "with a letter or digit at both ends"
        )
    if ".." in name or ".-" in name or "-." in name:
        return f"{name!r} is not a valid bucket name: a dot is next to a dot or a hyphen"
    if is_ip_address(name):
        return f"{name!r} is not a valid bucket name: it is an IP address"
    if name.startswith(_RESERVED_PREFIXES) or name.endswith(_RESERVED_SUFFIXES):
        return f"{name!r} is not a valid bucket name: S3 reserves how it starts or ends"
    return None


def existing_bucket_name_problem(name: str) -> str | None:
    """The problem of the name of a bucket that exists, by the widest rules of all stores, if any."""
    if name.startswith("s3://") or "/" in name:
        return f"{name!r} is not a bucket name. Set only the name; Vonage cannot upload below a prefix"
    if not _EXISTING_BUCKET.fullmatch(name) or ".." in name or is_ip_address(name):
        return (
            f"{name!r} is not a valid bucket name on any store: 3 to 222 letters, digits, dots, hyphens, and "
            "underscores are allowed, without two dots in a row, and an IP address is not allowed"
        )
    return None
