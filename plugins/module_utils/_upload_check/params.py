# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What an upload check is asked to do: options, validated offline. Pure.

PRIVATE to the collection ``vonage.archiving``: there is no stability promise outside of it.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from .._aws import s3_naming as names
from .._aws import session as aws
from .._core.errors import InputError
from .._core.values import none_if_blank, without_userinfo
from .._vonage import rules

S3_ARGUMENTS: dict[str, t.Any] = {
    "bucket": {"type": "str", "required": True},
    "access_key": {"type": "str", "required": True, "no_log": False},
    "secret_key": {"type": "str", "required": True, "no_log": True},
    "endpoint": {"type": "str"},
    # Checked with the rules of vonage_archive_storage, whose texts give the reasons.
    "sse": {"type": "str", "default": "s3"},
}
# The methods a CORS rule of S3 can allow (Amazon S3 API Reference, CORSRule).
METHODS = ["GET", "HEAD", "PUT", "POST", "DELETE"]
ARGUMENTS: dict[str, t.Any] = {
    "s3": {"type": "dict", "required": True, "options": S3_ARGUMENTS},
    "prefix": {"type": "str", "required": True},
    "multipart": {"type": "bool", "default": True},
    "expect_public": {"type": "bool"},
    "expect_least_privilege": {"type": "bool", "default": False},
    "cors_origin": {"type": "str"},
    "cors_method": {"type": "str", "choices": METHODS, "default": "GET"},
    "timeout": {"type": "int", "default": 30},
    **aws.ARGUMENTS,
}

# All names of checks, in the order of the result. They are documented and stable.
CHECKS = (
    "credentials",
    "put_object",
    "put_sse_echo",
    "multipart_upload",
    "multipart_sse_echo",
    "stored_encryption",
    "anonymous_read",
    "anonymous_list",
    "cors_preflight",
    "no_read",
    "no_list_outside",
    "no_put_outside",
    "no_delete",
)
# Seconds. With the rest of a verification, it leaves room for a job that has to end within ten minutes.
LONGEST_WAIT = 300


@dataclass(frozen=True)
class UploadCheckParams:
    """The options, validated.

    :param prefix: the project's id, without slashes.
    :param uploader: the connection that Vonage will make.
    :param operator: the connection that looks at what is stored, and removes it.
    :param timeout: seconds for what was set a moment ago to take effect.
    """

    bucket: str
    prefix: str
    sse: bool
    uploader: aws.Connection
    operator: aws.Connection
    multipart: bool = True
    expect_public: bool | None = None
    expect_least_privilege: bool = False
    cors_origin: str | None = None
    cors_method: str = "GET"
    timeout: float = 30

    def with_key(self, access_key: str, secret_key: str) -> UploadCheckParams:
        """The same check with another key."""
        return replace(self, uploader=replace(self.uploader, access_key=access_key, secret_key=secret_key))

    @property
    def secrets(self) -> tuple[str | None, ...]:
        return (*self.uploader.secrets, *self.operator.secrets)

    @property
    def planned(self) -> list[str]:
        """The names of the checks these settings ask for, in order."""
        asked = {
            "put_sse_echo": self.sse,
            "multipart_upload": self.multipart,
            "multipart_sse_echo": self.multipart and self.sse,
            "anonymous_read": self.expect_public is not None,
            "cors_preflight": self.cors_origin is not None,
            **dict.fromkeys([name for name in CHECKS if name.startswith("no_")], self.expect_least_privilege),
        }
        return [name for name in CHECKS if asked.get(name, True)]


def parse_params(params: t.Mapping[str, t.Any], environ: t.Mapping[str, str]) -> UploadCheckParams:
    """The settings that options and environment describe.

    :raises InputError: with everything that is wrong with them.
    """
    s3: t.Mapping[str, t.Any] = params.get("s3") or {}
    prefix = str(params.get("prefix") or "").strip().rstrip("/")
    problems = [*_s3_problems(s3), *probe_problems(params, prefix)]
    try:
        operator = aws.connection(params, environ)
    except InputError as exc:
        raise InputError([*problems, *exc.problems]) from exc
    if problems:
        raise InputError(problems)
    uploader = uploader_connection(operator, none_if_blank(s3.get("endpoint")), s3["access_key"], s3["secret_key"])
    return UploadCheckParams(
        bucket=s3["bucket"],
        prefix=prefix,
        sse=s3.get("sse") != "none",
        uploader=uploader,
        operator=replace(operator, endpoint_url=operator.endpoint_url or uploader.endpoint_url),
        multipart=params.get("multipart") is not False,
        expect_public=params.get("expect_public"),
        expect_least_privilege=bool(params.get("expect_least_privilege")),
        cors_origin=none_if_blank(params.get("cors_origin")),
        cors_method=params.get("cors_method") or "GET",
        timeout=_timeout(params),
    )


def _s3_problems(s3: t.Mapping[str, t.Any]) -> list[str]:
    missing = (
        [] if none_if_blank(s3.get("secret_key")) else ["s3.secret_key is required: without it nothing can be uploaded"]
    )
    return rules.s3(s3) + missing


def probe_problems(params: t.Mapping[str, t.Any], prefix: str, timeout_option: str = "timeout") -> list[str]:
    """What is wrong with the options that say what to look at; the key and the place apart.

    :param timeout_option: what the caller's users know the timeout as.
    """
    problems = [why for why in [names.project_problem(prefix)] if why]
    origin = none_if_blank(params.get("cors_origin"))
    if origin and (not _is_plain_url(origin) or origin.endswith("/")):
        problems.append(
            f"cors_origin {without_userinfo(origin)!r} must be the origin of a page as browsers send it, such as https://www.example.com"
        )
    return problems + timeout_problems(timeout_option, _timeout(params))


def timeout_problems(option: str, seconds: float) -> list[str]:
    """What is wrong with how long to wait for what was set a moment ago."""
    shown = f"{seconds:g}" if isinstance(seconds, float) else str(seconds)
    if seconds < 0:
        return [f"{option}: at least 0 seconds are required, got {shown}"]
    return [f"{option}: at most {LONGEST_WAIT} seconds are allowed, got {shown}"] if seconds > LONGEST_WAIT else []


def _timeout(params: t.Mapping[str, t.Any]) -> int:
    value = params.get("timeout")
    return 30 if value is None else int(value)


def _is_plain_url(value: str) -> bool:
    try:
        parts = urlsplit(value)
        port_is_fine = parts.port != 0
    except ValueError:
        return False
    rest = parts.path.strip("/") or parts.query or parts.fragment or parts.username or parts.password
    return parts.scheme in ("http", "https") and bool(parts.hostname) and port_is_fine and not rest


def uploader_connection(
    operator: aws.Connection, endpoint: str | None, access_key: str | None = None, secret_key: str | None = None
) -> aws.Connection:
    """The connection of Vonage: its own endpoint and key; region and certificate authorities of the operator."""
    return aws.Connection(
        endpoint_url=endpoint.rstrip("/") if endpoint else None,
        region=operator.region,
        access_key=access_key,
        secret_key=secret_key,
        validate_certs=operator.validate_certs,
        ca_bundle=operator.ca_bundle,
    )
