# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The client of an IAM API: its address, and calls with validated responses.

PRIVATE to the collection ``vonage.archiving``: there is no stability promise outside of it.

Most stores other than AWS have no IAM API. They treat a call as a request about a bucket, and respond with an error of
S3, with HTML, or without XML. SeaweedFS also rejects wrong keys with an error of S3 if it has an IAM API (tested with
real servers). Therefore, a response is valid only if its root element is one of IAM.
"""

from __future__ import annotations

import re
import typing as t
from dataclasses import replace
from functools import cached_property
from urllib.parse import urlsplit

from .._core import errors
from .._core.optional_imports import load
from .._core.problems import Problems
from .._core.runtime import SYSTEM, Runtime
from .._core.validation import is_loopback
from .._core.values import none_if_blank
from .errors import CREDENTIAL_CODES, translate_errors
from .session import (
    Connection,
    configured_endpoint,
    connection,
    endpoint_problem,
    make_client,
    root_element,
    with_resolved_defaults,
)

# Option of the doc fragment vonage.archiving.iam, next to those of vonage.archiving.aws.
ARGUMENTS: dict[str, t.Any] = {"iam_endpoint_url": {"type": "str"}}

OWN_KEY = (
    "create a user and an access key with the tools of the store, and set them as s3.access_key and s3.secret_key."
)
ELSEWHERE = f"If the IAM API has another address, set iam_endpoint_url. If the store has no IAM API, {OWN_KEY}"
INCOMPLETE = f"The IAM API of the store does not support users. Instead, {OWN_KEY}"
# Not idempotent: a retry after a lost response would create a second object.
NOT_IDEMPOTENT = frozenset({"create_access_key"})
_CODE = re.compile(rb"<Code>([^<]*)</Code>")
_DECLARATION = re.compile(rb"^\s*<\?xml[^>]*\?>")


def iam_connection(params: t.Mapping[str, t.Any], environ: t.Mapping[str, str]) -> Connection:
    """The connection to the IAM API of the S3 store of these options.

    For stores other than AWS, the default is the address of the S3 API.

    :raises InputError: the options are not valid.
    """
    endpoint = none_if_blank(params.get("iam_endpoint_url")) or configured_endpoint(environ, "AWS_ENDPOINT_URL_IAM")
    problems = Problems()
    problems.add_if("iam_endpoint_url", endpoint_problem(endpoint))
    try:
        store = connection(params, environ)
    except errors.InputError as exc:
        raise errors.InputError([*exc.problems, *problems]) from exc
    problems.raise_if_any()
    default = None if store.is_aws else store.endpoint_url
    url = endpoint.rstrip("/") if endpoint else default
    return replace(store, service="iam", endpoint_url=url, expected_owner=None)


def warn_of_exposed_keys(connection: Connection, warn: t.Callable[[str], None]) -> None:
    """Warn if others can read the secret of a new key on its way from the IAM API.

    :param connection: as in :attr:`Iam.connection`.
    """
    if is_loopback(urlsplit(connection.endpoint_url or "").hostname or ""):
        return
    new_key = "the new secret key in the response to CreateAccessKey"
    if not connection.is_encrypted:
        warn(
            f"{connection.display_name} is used without TLS: anyone on the network path can read {new_key}. Use https."
        )
    elif not connection.validate_certs:
        warn(
            f"validate_certs=false: the certificate of {connection.display_name} is not verified. Anyone on the "
            f"network path can pose as it and read {new_key}. Set validate_certs=true, and aws_ca_bundle for a private "
            "certificate authority."
        )


class Iam:
    """A client of an IAM API. Threads can share it."""

    def __init__(self, connection: Connection, runtime: Runtime = SYSTEM) -> None:
        self._connection, self.runtime = connection, runtime
        self.client = self._with_validation(make_client(connection))
        self.connection = with_resolved_defaults(connection, self.client)

    @cached_property
    def _client_without_retries(self) -> t.Any:
        return self._with_validation(make_client(self._connection, tries=1))

    def _with_validation(self, client: t.Any) -> t.Any:
        # The id prevents a second registration with a shared client.
        client.meta.events.register("before-parse.*.*", _validate_response, unique_id="vonage-archiving-validation")
        return client

    @property
    def partition(self) -> str:
        """The partition of ARNs in policies; "aws" for other stores."""
        partition: str = self.client.meta.partition
        return partition if self.connection.is_aws else "aws"

    def call(self, method: str, operation: str, action: str, **params: t.Any) -> dict[str, t.Any]:
        """Call a client method.

        :param operation: for errors, the object of "could not".
        :param action: the IAM action that it needs.
        :raises UnsupportedError: the store has no IAM API, or does not support the operation.
        :raises NotFoundError: an object of the operation does not exist.
        """
        client = self._client_without_retries if method in NOT_IDEMPOTENT else self.client
        try:
            with translate_errors(operation, self.connection, action):
                response: dict[str, t.Any] = getattr(client, method)(**params)
                return response
        except _NoIamError as exc:
            problem = f"{self.connection.display_name} returned {exc}, which is not a response of an IAM API"
            raise errors.UnsupportedError(operation, problem, ELSEWHERE, store=self.connection.display_name) from exc
        except load("botocore.parsers").ResponseParserError as exc:
            problem = f"{self.connection.display_name} returned incomplete XML"
            facts = {"store": self.connection.display_name}
            raise errors.UnreachableError(operation, problem, "Run it again.", **facts) from exc
        except errors.UnsupportedError as exc:
            hint = INCOMPLETE if method == "get_user" else exc.hint
            raise errors.UnsupportedError(operation, exc.problem, hint, **exc.facts) from exc.__cause__
        except errors.DeniedError as exc:
            if not self._may_be_elsewhere(exc):
                raise
            raise errors.DeniedError(operation, exc.problem, f"{exc.hint} {ELSEWHERE}", **exc.facts) from exc.__cause__

    def _may_be_elsewhere(self, exc: errors.DeniedError) -> bool:
        """Whether the server of this response may not be an IAM API: an IAM API has another form of errors."""
        response = getattr(exc.__cause__, "response", {})
        return bool(response.get("AsS3")) and not self.connection.is_aws

    def list_all(self, method: str, key: str, operation: str, action: str, **params: t.Any) -> list[t.Any]:
        """All items of a method that returns pages."""
        pages = self.pages(method, operation, action, **params)
        return [item for page in pages for item in page.get(key) or []]

    def pages(self, method: str, operation: str, action: str, **params: t.Any) -> t.Iterator[dict[str, t.Any]]:
        """All responses of a method that returns pages."""
        page = self.call(method, operation, action, **params)
        yield page
        while page.get("IsTruncated") and page.get("Marker"):
            page = self.call(method, operation, action, **params, Marker=page["Marker"])
            yield page


class _NoIamError(Exception):
    """A response that is not one of IAM; the text describes the response."""


def _validate_response(
    operation_model: t.Any, response_dict: t.Any, customized_response_dict: t.Any, **_kwargs: t.Any
) -> None:
    """Check the root element of a response before botocore parses it.

    :raises _NoIamError: it is not a response of IAM.
    """
    body, status = response_dict.get("body") or b"", response_dict["status_code"]
    root = root_element(body)
    if root in ("ErrorResponse", f"{operation_model.name}Response"):
        return
    if status >= 500 and status != 501:
        response_dict["body"] = b""  # a page of a proxy; the status is sufficient
        return
    match = _CODE.search(body)
    code = match.group(1).decode("utf-8", "replace") if match else ""
    if root == "Error" and (status in (401, 403) or code in CREDENTIAL_CODES):
        # botocore does not find the code in an error of S3.
        response_dict["body"] = b"<ErrorResponse>" + _DECLARATION.sub(b"", body) + b"</ErrorResponse>"
        customized_response_dict["AsS3"] = True
        return
    description = f"the error {code}" if code else f"{root} XML" if root else "no XML"
    raise _NoIamError(f"{description} (HTTP {status})")
