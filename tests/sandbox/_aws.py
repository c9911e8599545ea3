# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""boto3 clients that see nothing of the caller's environment, configuration files or proxies."""

from __future__ import annotations

import functools
from typing import Any

import boto3
import botocore.session
from botocore.config import Config
from botocore.exceptions import ClientError

# Each value is (configuration variable, environment variable, default, cast) as botocore wants it.
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
    """Return a client that tries once, addresses buckets by path, and takes only what it is given.

    Threads may share one; making it takes longer than most calls.
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
    """Return the error code of the S3 or IAM answer."""
    return str(error.response.get("Error", {}).get("Code", ""))
