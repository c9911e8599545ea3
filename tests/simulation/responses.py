# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Errors and responses in the form of botocore, for the models of S3 and IAM."""

from __future__ import annotations

import email.utils
from functools import lru_cache
from typing import Any

from botocore.exceptions import ClientError

OPERATOR = "AKIAOPERATOR00000000"
OPERATOR_SECRET = "operator-secret-0123456789abcdef01234567"
ACCOUNT = "123456789012"
REGION = "us-east-1"
# S3 User Guide: a request whose time differs by more than 15 minutes is denied.
MAX_SKEW = 900


class ApiError(Exception):
    """An error response of a model."""

    def __init__(self, status: int, code: str, message: str = "") -> None:
        super().__init__(f"{status} {code}")
        self.status, self.code, self.message = status, code, message or code

    def as_client_error(self, operation: str, now: float) -> ClientError:
        error = {"Code": self.code, "Message": self.message}
        metadata = {"HTTPStatusCode": self.status, "HTTPHeaders": headers(now)}
        # botocore gives the error of a HEAD request, which has no body, the status as its code.
        if operation.startswith("Head"):
            error = {"Code": str(self.status), "Message": "Not Found" if self.status == 404 else "Forbidden"}
        return ClientError({"Error": error, "ResponseMetadata": metadata}, operation)


@lru_cache(maxsize=64)
def http_date(second: int) -> str:
    return email.utils.formatdate(second, usegmt=True)


def headers(now: float) -> dict[str, str]:
    return {"date": http_date(int(now)), "x-amz-bucket-region": REGION}


@lru_cache(maxsize=512)
def camel_case(operation: str) -> str:
    """The API's name of an operation of a client."""
    return "".join(part.title() for part in operation.split("_"))


def respond(now: float, status: int = 200, **values: Any) -> dict[str, Any]:
    return {**values, "ResponseMetadata": {"HTTPStatusCode": status, "HTTPHeaders": headers(now)}}
