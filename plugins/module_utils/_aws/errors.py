# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Translate errors of botocore, S3, IAM, and STS into typed errors.

PRIVATE to the collection ``vonage.archiving``: there is no stability promise outside of it.

Error codes: Amazon S3 API Reference, "Error responses"; AWS IAM API Reference, "Common Error Types" and the errors of
each action; IAM User Guide, "Troubleshoot access denied".
"""

from __future__ import annotations

import contextlib
import typing as t

from .._core import errors
from .._core.optional_imports import load
from .._core.redaction import redact
from .time_budget import BudgetExceededError

if t.TYPE_CHECKING:
    # That module uses this one.
    from .session import Connection

UNSUPPORTED_CODES = frozenset({"NotImplemented", "XNotImplemented", "NotSupported", "MethodNotAllowed", "501", "405"})
METHOD_CODES = frozenset({"MethodNotAllowed", "405"})
CONFLICT_CODES = frozenset({"PreconditionFailed", "ConditionalRequestConflict", "OperationAborted", "412", "409"})
THROTTLED_CODES = frozenset({"SlowDown", "RequestTimeout", "Throttling", "ThrottlingException", "RequestLimitExceeded"})
# Errors of the request itself, whatever its operation.
REQUEST_CODES = frozenset(
    {
        "AuthorizationQueryParametersError",
        "IllegalLocationConstraintException",
        "InvalidBucketName",
        "InvalidSecurity",
        "TokenRefreshRequired",
    }
)
# Errors of the credentials, with hints.
CREDENTIAL_CODES = {
    "InvalidAccessKeyId": "The access key is unknown to this store: it was deleted, mistyped, or is of another store.",
    "SignatureDoesNotMatch": "The secret key does not belong to the access key, or a proxy changes the request.",
    "ExpiredToken": "The temporary credentials have expired. Request new ones.",
    "InvalidToken": "The session token is not valid: it may belong to another key or account.",
    "RequestTimeTooSkewed": "The clock of this machine is wrong. Synchronize it with NTP.",
    "AuthorizationHeaderMalformed": "The region is not that of the bucket. Correct region.",
    # STS API Reference, GetSessionToken: its credentials cannot call IAM unless they were requested with MFA.
    "InvalidClientTokenId": "The access key is unknown here: it was deleted, mistyped, or belongs to another service. "
    "Credentials of GetSessionToken can use IAM only if they were requested with MFA.",
    "RequestExpired": "The clock of this machine is wrong. Synchronize it with NTP.",
    "AccountProblem": "There is a problem with the account. Contact its owner.",
}

ANOTHER_ACCOUNT = (
    "S3 gives this response when the bucket belongs to another account. Check the name of the bucket. To use a bucket "
    "of another account on purpose, set expected_bucket_owner to the id of that account, and have its owner grant "
    "access with a bucket policy. Only the account of the owner can read and change that policy: omit the options that "
    "need it."
)


class ErrorResponse(t.NamedTuple):
    """The parts of an error response that decisions depend on."""

    status: int
    code: str
    message: str


def parse_client_error(exc: t.Any) -> ErrorResponse:
    """Parse a ``ClientError`` of botocore."""
    error = exc.response.get("Error", {})
    status = exc.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    return ErrorResponse(int(status), str(error.get("Code", "")), str(error.get("Message", "")))


@contextlib.contextmanager
def translate_errors(operation: str, connection: Connection, action: str = "") -> t.Iterator[None]:
    """Translate the errors of botocore inside the block.

    :param operation: the object of "could not".
    :param action: the IAM action that the call needs, for the hint of a denial.
    """
    exceptions = load("botocore.exceptions")
    try:
        yield
    except BudgetExceededError as exc:
        raise _abandoned_call_error(exc, operation, connection) from exc
    except exceptions.ClientError as exc:
        raise translate(parse_client_error(exc), operation, connection, action) from exc
    except exceptions.BotoCoreError as exc:
        raise _translate_local_error(exc, exceptions, operation, connection) from exc
    except (load("botocore.parsers").ResponseParserError, ValueError) as exc:
        if connection.service == "iam":
            raise  # iam_client handles such responses
        problem = f"{connection.display_name} returned a response that cannot be parsed: {exc}"
        hint = f"Check that this is the address of an {connection.service.upper()} API. If it is, run it again."
        raise errors.UnreachableError(operation, redact(problem, connection.secrets), hint) from exc


def translate(
    response: ErrorResponse, operation: str, connection: Connection, action: str = ""
) -> errors.ArchivingError:
    """Translate an error response. Pure."""
    status, code, message = response
    text = f"{connection.display_name} responded with {code or status}: {message or 'no message'}"
    problem = redact(text, connection.secrets)
    facts: dict[str, t.Any] = {"status": status or None, "code": code or None, "store": connection.display_name}
    if code in CREDENTIAL_CODES:
        return errors.DeniedError(operation, problem, CREDENTIAL_CODES[code], **facts)
    if is_of_another_account(response, connection):
        return errors.DeniedError(operation, problem, ANOTHER_ACCOUNT, **facts)
    if code in UNSUPPORTED_CODES or status in (405, 501):
        hint = "The store does not support this. Omit the option."
        return errors.UnsupportedError(operation, problem, hint, **facts)
    if status in (401, 403):
        hint = f"{_permission(action)} {owner_hint(connection)}".rstrip()
        facts["expected_bucket_owner"] = connection.expected_owner if owner_hint(connection) else None
        return errors.DeniedError(operation, problem, hint, action=action or None, **facts)
    if code == "LimitExceeded":
        hint = "A quota of this account is used up. Delete unused resources, or request a higher quota."
        return errors.RejectedError(operation, problem, hint, **facts)
    if code in CONFLICT_CODES or status in (409, 412):
        return errors.ConflictError(operation, problem, "Run it again when no other process changes it.", **facts)
    if status == 404 or code == "NoSuchEntity":
        return errors.NotFoundError(operation, problem, **facts)
    if 300 <= status < 400:
        hint = "Set endpoint_url to the target of the redirect, or set region to the region of the bucket."
        return errors.RejectedError(operation, problem, hint, **facts)
    if status >= 500 or status == 429 or code in THROTTLED_CODES:
        return errors.UnreachableError(operation, problem, "Nothing is lost: run it again later.", **facts)
    # The response to HEAD has no body, and so no reason.
    hint = "The response contains no reason. Check the credentials, which may have expired, and the region."
    return errors.RejectedError(operation, problem, hint if code == "400" else "", **facts)


def is_of_another_account(response: ErrorResponse, connection: Connection) -> bool:
    """Whether this is the response of AWS for the policy of a bucket of another account.

    "If you have the correct permissions, but you're not using an identity that belongs to the bucket owner's account,
    Amazon S3 returns a 405 Method Not Allowed error" (Amazon S3 API Reference, GetBucketPolicy, PutBucketPolicy, and
    DeleteBucketPolicy).
    """
    is_method_error = response.status == 405 or response.code in METHOD_CODES
    return connection.is_aws and connection.service == "s3" and is_method_error


def owner_hint(connection: Connection) -> str:
    """A hint that the expected owner may be the reason of a denial; empty if no owner is expected."""
    owner = connection.expected_owner
    if not owner or not connection.is_aws or connection.service != "s3":
        return ""
    whose = "the account of these credentials" if owner == "caller" else f"account {owner}"
    return (
        f"Or the bucket belongs to another account than expected_bucket_owner={owner} ({whose}): S3 gives the same "
        "response in both cases. Check the name of the bucket, and who owns it, before you change "
        "expected_bucket_owner."
    )


def _permission(action: str) -> str:
    return f"These credentials need the permission {action} here." if action else "These credentials lack a permission."


def _abandoned_call_error(exc: BudgetExceededError, operation: str, connection: Connection) -> errors.UnreachableError:
    """The error of a call that exceeded its time budget. A write may have been applied."""
    problem = f"{connection.display_name} did not complete {exc.operation} within the time budget of {exc.seconds:g} s"
    server = connection.endpoint_url or "AWS"
    hint = f"Check the network path to {server} and the load of the server, then run it again."
    if exc.is_write:
        hint = f"The change may have been applied; the next run reads the current state first. {hint}"
    facts = {"store": connection.display_name, "api_operation": exc.operation, "time_budget": exc.seconds}
    return errors.UnreachableError(operation, problem, hint, **facts)


def _translate_local_error(
    exc: t.Any, exceptions: t.Any, operation: str, connection: Connection
) -> errors.ArchivingError:
    """Translate an error of botocore without a response."""
    text = redact(str(exc), connection.secrets)
    missing = (exceptions.NoCredentialsError, exceptions.PartialCredentialsError, exceptions.ProfileNotFound)
    if isinstance(exc, missing):
        hint = (
            "Set profile, or access_key and secret_key, or the environment variable AWS_PROFILE, or AWS_ACCESS_KEY_ID "
            "and AWS_SECRET_ACCESS_KEY."
        )
        return errors.DeniedError(operation, text, hint, store=connection.display_name)
    if isinstance(exc, exceptions.ParamValidationError):
        return errors.RejectedError(operation, text, store=connection.display_name)
    url = connection.endpoint_url
    is_plain = bool(url) and not str(url).startswith("https:")
    hint = f"Check that this machine can connect to {url or 'AWS'}{'' if is_plain else ', and its certificate'}."
    return errors.UnreachableError(operation, text, hint, store=connection.display_name)
