# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""boto3 clients without the environment variables, configuration files, and proxies of the caller."""

from __future__ import annotations

import functools
from typing import Any

import boto3
import botocore.session
from botocore.config import Config
from botocore.exceptions import ClientError

# botocore's format: (configuration variable, environment variable, default, cast).
_ISOLATED: dict[str, tuple[None, None, str | None, None]] = {
    "profile": (None, None, None, None),
    "config_file": (None, None, "/nonexistent/config", None),
    "credentials_file": (None, None, "/nonexistent/credentials", None),
    "ca_bundle": (None, None, None, None),
}


@functools.lru_cache(maxsize=64)
def aws_client(
    service: str,
    endpoint_url: str,
    access_key: str,
    secret_key: str,
    region: str = "us-east-1",
    timeout: float = 30,
) -> Any:
    """Return a client without retries, with path-style URLs.

    Clients are cached, because creating one takes longer than most calls. They are thread-safe.
    """
    core = botocore.session.Session(session_vars=_ISOLATED)
    session = boto3.session.Session(
        aws_access_key_id=access_key,
        aws_secret_access_key=secret_key,
        region_name=region,
        botocore_session=core,
    )
    config = Config(
        retries={"total_max_attempts": 1},
        s3={"addressing_style": "path"},
        connect_timeout=timeout,
        read_timeout=timeout,
        proxies={},
        ignore_configured_endpoint_urls=True,
    )
    return session.client(service, endpoint_url=endpoint_url, config=config)


def error_code(error: ClientError) -> str:
    """Return the error code of an S3 or IAM response."""
    return str(error.response.get("Error", {}).get("Code", ""))
