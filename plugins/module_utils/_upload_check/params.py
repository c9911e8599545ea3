# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Options of ``archive_upload_check``, validated offline. Pure.

PRIVATE to the collection ``vonage.archiving``: there is no stability promise outside of it.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, replace

from .._aws import session as aws
from .._aws.s3_naming import project_problem
from .._core.params import parse_seconds
from .._core.problems import Problems
from .._core.validation import url_problem
from .._core.values import none_if_blank
from .._vonage import rules

S3_ARGUMENTS: dict[str, t.Any] = {
    "bucket": {"type": "str", "required": True},
    "access_key": {"type": "str", "required": True, "no_log": False},
    "secret_key": {"type": "str", "required": True, "no_log": True},
    "endpoint": {"type": "str"},
    # No choices: the rules of vonage_archive_storage have messages that give the reasons.
    "sse": {"type": "str", "default": "s3"},
}
DEFAULT_TIMEOUT = 30
# The methods that a CORS rule of S3 can allow (Amazon S3 API Reference, CORSRule).
METHODS = ["GET", "HEAD", "PUT", "POST", "DELETE"]
ARGUMENTS: dict[str, t.Any] = {
    "s3": {"type": "dict", "required": True, "options": S3_ARGUMENTS},
    "prefix": {"type": "str", "required": True},
    "multipart": {"type": "bool", "default": True},
    "expect_public": {"type": "bool"},
    "expect_least_privilege": {"type": "bool", "default": False},
    "cors_origin": {"type": "str"},
    "cors_method": {"type": "str", "choices": METHODS, "default": "GET"},
    "timeout": {"type": "str", "default": DEFAULT_TIMEOUT},
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
# Seconds. With this limit, a verification ends within ten minutes.
LONGEST_WAIT = 300


@dataclass(frozen=True)
class UploadCheckParams:
    """The validated options.

    :param prefix: the ID of the project, without slashes.
    :param uploader: the connection of Vonage to the store.
    :param operator: the connection that reads and deletes the stored probes.
    :param timeout: seconds until a recent change must be in effect.
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
    timeout: float = DEFAULT_TIMEOUT

    def with_key(self, access_key: str, secret_key: str) -> UploadCheckParams:
        """The same check with another key."""
        return replace(self, uploader=replace(self.uploader, access_key=access_key, secret_key=secret_key))

    @property
    def secrets(self) -> tuple[str | None, ...]:
        return (*self.uploader.secrets, *self.operator.secrets)

    @property
    def planned(self) -> list[str]:
        """The names of the checks of these options, in order."""
        conditions = {
            "put_sse_echo": self.sse,
            "multipart_upload": self.multipart,
            "multipart_sse_echo": self.multipart and self.sse,
            "anonymous_read": self.expect_public is not None,
            "cors_preflight": self.cors_origin is not None,
            **dict.fromkeys([name for name in CHECKS if name.startswith("no_")], self.expect_least_privilege),
        }
        return [name for name in CHECKS if conditions.get(name, True)]


def parse_params(params: t.Mapping[str, t.Any], environ: t.Mapping[str, str]) -> UploadCheckParams:
    """Parse the options, offline.

    :raises InputError: with all problems.
    """
    problems = Problems()
    s3: t.Mapping[str, t.Any] = params.get("s3") or {}
    prefix = str(params.get("prefix") or "").strip().rstrip("/")
    problems.extend(rules.s3_problems(s3))
    if none_if_blank(s3.get("secret_key")) is None:
        problems.add("s3.secret_key", "is required")
    problems.add_if("prefix", project_problem(prefix))
    validate_probe(params, problems)
    operator = problems.collect(aws.connection, params, environ)
    problems.raise_if_any()
    return create_params(params, s3, prefix, s3["secret_key"], t.cast(aws.Connection, operator))


def create_params(
    params: t.Mapping[str, t.Any],
    s3: t.Mapping[str, t.Any],
    prefix: str,
    secret_key: str | None,
    operator: aws.Connection,
    timeout_option: str = "timeout",
) -> UploadCheckParams:
    """Create the parameters from valid options.

    :param s3: the suboptions of ``s3``.
    :param timeout_option: the name of the option with the timeout.
    """
    endpoint = none_if_blank(s3.get("endpoint"))
    # Region and certificate authorities are those of the operator.
    uploader = aws.Connection(
        endpoint_url=endpoint.rstrip("/") if endpoint else None,
        region=operator.region,
        access_key=s3.get("access_key"),
        secret_key=secret_key,
        validate_certs=operator.validate_certs,
        ca_bundle=operator.ca_bundle,
    )
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
        timeout=parse_seconds(params, timeout_option, DEFAULT_TIMEOUT, Problems()),
    )


def validate_probe(params: t.Mapping[str, t.Any], problems: Problems, timeout_option: str = "timeout") -> None:
    """Validate the options of the checks, without key and location.

    :param timeout_option: the name of the option with the timeout.
    """
    origin = none_if_blank(params.get("cors_origin"))
    if origin:
        problem = url_problem(origin, "https://www.example.com")
        is_folder = origin.endswith("/")
        problems.add_if("cors_origin", problem or (f"{origin!r} ends with a slash. Remove it" if is_folder else None))
    timeout = parse_seconds(params, timeout_option, DEFAULT_TIMEOUT, problems)
    if timeout > LONGEST_WAIT:
        problems.add(timeout_option, f"at most {LONGEST_WAIT} seconds are allowed, got {timeout:.0f}")
