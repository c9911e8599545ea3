# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An IAM API: where it is, and calls of it whose answers can be trusted.

PRIVATE to the collection ``vonage.archiving``: there is no stability promise outside of it.

Most stores other than AWS have no IAM API. They take a call of it for a request about a bucket and answer in the words
of S3, in HTML, or not at all in XML; SeaweedFS refuses wrong keys in the words of S3 also where it has IAM (all seen on
real servers). An answer therefore counts only if its root element is one of IAM's.
"""

from __future__ import annotations

import ipaddress
import re
import typing as t
from dataclasses import replace
from functools import cached_property
from urllib.parse import urlsplit

from .._core import errors
from .._core.optional_imports import load
from .._core.values import given
from .errors import CREDENTIAL_CODES, told
from .session import Connection, configured_endpoint, connection, make_client, root_element, settled, url_problems

# Option of the doc fragment vonage.archiving.iam, next to those of vonage.archiving.aws.
ARGUMENTS: dict[str, t.Any] = {"iam_endpoint_url": {"type": "str"}}

ELSEWHERE = (
    "If the IAM API is at another address, give that as iam_endpoint_url. Where there is none, make a user and its "
    "access key by hand, with the store's own tools, and give that key to the tasks that need one."
)
# Made anew with each call: sent again because an answer was lost, there would be two.
NEVER_TWICE = frozenset({"create_access_key"})
_CODE = re.compile(rb"<Code>([^<]*)</Code>")
_DECLARATION = re.compile(rb"^\s*<\?xml[^>]*\?>")


def iam_connection(params: t.Mapping[str, t.Any], environ: t.Mapping[str, str]) -> Connection:
    """The connection to the IAM API that goes with the S3 store of these options.

    A store that is not AWS has its IAM API, if any, at the address of its S3 API by default.

    :raises InputError: the options contradict each other.
    """
    endpoint = given(params.get("iam_endpoint_url")) or configured_endpoint(environ, "AWS_ENDPOINT_URL_IAM")
    problems = url_problems("iam_endpoint_url", endpoint)
    try:
        store = connection(params, environ)
    except errors.InputError as exc:
        raise errors.InputError([*exc.problems, *problems]) from exc
    if problems:
        raise errors.InputError(problems)
    beside = None if store.is_aws else store.endpoint_url
    found = endpoint.rstrip("/") if endpoint else beside
    return replace(store, service="iam", endpoint_url=found, expected_owner=None)


def warn_of_exposed_keys(connection: Connection, warn: t.Callable[[str], None]) -> None:
    """Warn if others can read the secret of a new key on its way from the IAM API.

    :param connection: as in :attr:`Iam.connection`.
    """
    if _is_loopback(urlsplit(connection.endpoint_url or "").hostname or ""):
        return
    new_key = "the new secret key in the response to CreateAccessKey"
    if not connection.is_encrypted:
        warn(f"{connection.store} is used without TLS: anyone on the network path can read {new_key}. Use https.")
    elif not connection.validate_certs:
        warn(
            f"validate_certs=false: the certificate of {connection.store} is not verified. Anyone on the network path "
            f"can pose as it and read {new_key}. Set validate_certs=true, and aws_ca_bundle for a private certificate "
            "authority."
        )


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


class Iam:
    """The IAM API behind a connection; safe to share between threads."""

    def __init__(self, connection: Connection) -> None:
        self._given = connection
        self.client = self._listening(make_client(connection))
        self.connection = settled(connection, self.client)

    @cached_property
    def _once(self) -> t.Any:
        return self._listening(make_client(self._given, tries=1))

    def _listening(self, client: t.Any) -> t.Any:
        # The client may be another's, too, who has done this already.
        client.meta.events.register("before-parse.*.*", _look, unique_id="vonage-archiving-look")
        return client

    @property
    def partition(self) -> str:
        """The ARN partition of the account; stores other than AWS write their policies as in the usual one."""
        found: str = self.client.meta.partition
        return found if self.connection.is_aws else "aws"

    def call(self, operation: str, attempted: str, action: str, **params: t.Any) -> dict[str, t.Any]:
        """Any operation of IAM.

        :param attempted: the object of "could not".
        :param action: the permission it needs.
        :raises UnsupportedError: there is no IAM API, or it does not have this operation.
        :raises NotFoundError: what was named is not there.
        """
        client = self._once if operation in NEVER_TWICE else self.client
        try:
            with told(attempted, self.connection, action):
                answer: dict[str, t.Any] = getattr(client, operation)(**params)
                return answer
        except _NoIamError as exc:
            problem = f"{self.connection.store} answered with {exc}, as no IAM API does"
            raise errors.UnsupportedError(attempted, problem, ELSEWHERE, store=self.connection.store) from exc
        except load("botocore.parsers").ResponseParserError as exc:
            problem = f"{self.connection.store} answered with XML that breaks off"
            raise errors.UnreachableError(attempted, problem, "Run it again.", store=self.connection.store) from exc
        except errors.ArchivingError as exc:
            if not self._may_be_elsewhere(exc, operation):
                raise
            hint = f"{exc.hint} {ELSEWHERE}" if isinstance(exc, errors.DeniedError) else ELSEWHERE
            raise exc.__class__(attempted, exc.problem, hint, **exc.facts) from exc.__cause__

    def _may_be_elsewhere(self, exc: errors.ArchivingError, operation: str) -> bool:
        """Whether this may be the answer of something that is no IAM API at all."""
        if isinstance(exc, errors.UnsupportedError):
            return operation == "get_user"
        answer = getattr(exc.__cause__, "response", {})
        return isinstance(exc, errors.DeniedError) and bool(answer.get("AsS3")) and not self.connection.is_aws

    def listed(self, operation: str, key: str, attempted: str, action: str, **params: t.Any) -> list[t.Any]:
        """All items of an operation that gives them in pages."""
        pages = self.pages(operation, attempted, action, **params)
        return [item for page in pages for item in page.get(key) or []]

    def pages(self, operation: str, attempted: str, action: str, **params: t.Any) -> t.Iterator[dict[str, t.Any]]:
        """All responses of an operation that returns pages."""
        page = self.call(operation, attempted, action, **params)
        yield page
        while page.get("IsTruncated") and page.get("Marker"):
            page = self.call(operation, attempted, action, **params, Marker=page["Marker"])
            yield page


class _NoIamError(Exception):
    """An answer that is none of IAM's; its text says what it was."""


def _look(operation_model: t.Any, response_dict: t.Any, customized_response_dict: t.Any, **_kwargs: t.Any) -> None:
    """Judge an answer by its root element before botocore's parser guesses at it.

    :raises _NoIamError: it is not IAM that answers.
    """
    body, status = response_dict.get("body") or b"", response_dict["status_code"]
    root = root_element(body)
    if root in ("ErrorResponse", f"{operation_model.name}Response"):
        return
    if status >= 500 and status != 501:
        response_dict["body"] = b""  # a page of a proxy; the status says all
        return
    found = _CODE.search(body)
    code = found.group(1).decode("utf-8", "replace") if found else ""
    if root == "Error" and (status in (401, 403) or code in CREDENTIAL_CODES):
        # botocore finds no code in the form that S3 gives to errors.
        response_dict["body"] = b"<ErrorResponse>" + _DECLARATION.sub(b"", body) + b"</ErrorResponse>"
        customized_response_dict["AsS3"] = True
        return
    what = f"the error {code}" if code else f"{root} XML" if root else "no XML"
    raise _NoIamError(f"{what} (HTTP {status})")
