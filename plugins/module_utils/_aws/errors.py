# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What S3 and IAM answer when they say no, in words.

PRIVATE to the collection ``vonage.archiving``: there is no stability promise outside of it.

Error codes: Amazon S3 API Reference, "Error responses"; AWS IAM API Reference, "Common Error Types" and the errors of
each action; IAM User Guide, "Troubleshoot access denied".
"""

from __future__ import annotations

import contextlib
import typing as t

from .._core import errors
from .._core.optional_imports import load
from .._core.secrets import redact
from .time_budget import BudgetExceededError

if t.TYPE_CHECKING:
    # That module uses this one.
    from .session import Connection

UNSUPPORTED_CODES = frozenset({"NotImplemented", "XNotImplemented", "NotSupported", "MethodNotAllowed", "501", "405"})
METHOD_CODES = frozenset({"MethodNotAllowed", "405"})
CONFLICT_CODES = frozenset({"PreconditionFailed", "ConditionalRequestConflict", "OperationAborted", "412", "409"})
THROTTLED_CODES = frozenset({"SlowDown", "RequestTimeout", "Throttling", "ThrottlingException", "RequestLimitExceeded"})
# Wrong with the request as such, whatever it asks for.
REQUEST_CODES = frozenset(
    {
        "AuthorizationQueryParametersError",
        "IllegalLocationConstraintException",
        "InvalidBucketName",
        "InvalidSecurity",
        "TokenRefreshRequired",
    }
)
# Credentials that are wrong as such, each with what to look at.
CREDENTIAL_CODES = {
    "InvalidAccessKeyId": "The access key is unknown to this store: it was deleted, mistyped, or is another store's.",
    "SignatureDoesNotMatch": "The secret key does not belong to the access key, or a proxy changes the request.",
    "ExpiredToken": "The temporary credentials have expired: get new ones.",
    "InvalidToken": "The session token is not valid: it may belong to another key or account.",
    "RequestTimeTooSkewed": "The clock of this machine is off: set it by NTP.",
    "AuthorizationHeaderMalformed": "The region given is not the bucket's.",
    # STS API Reference, GetSessionToken: its credentials cannot call IAM unless they were got with MFA.
    "InvalidClientTokenId": "The access key is unknown here: it was deleted, mistyped, or is another service's; "
    "and temporary ones of GetSessionToken can use IAM only if they were got with MFA.",
    "RequestExpired": "The clock of this machine is off: set it by NTP.",
    "AccountProblem": "There is a problem with the account: ask its owner.",
}

ANOTHER_ACCOUNT = (
    "S3 gives this response when the bucket belongs to another account. Check the name of the bucket. To use a bucket "
    "of another account on purpose, set expected_bucket_owner to the id of that account, and have its owner grant "
    "access with a bucket policy. Only the account of the owner can read and change that policy: leave out the options "
    "that need it."
)


class Answered(t.NamedTuple):
    """The parts of an error answer that decisions need."""

    status: int
    code: str
    message: str


def answered(exc: t.Any) -> Answered:
    """The parts of a botocore ``ClientError``."""
    error = exc.response.get("Error", {})
    status = exc.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    return Answered(int(status), str(error.get("Code", "")), str(error.get("Message", "")))


@contextlib.contextmanager
def told(attempted: str, connection: Connection, action: str = "") -> t.Iterator[None]:
    """Turn what botocore raises inside the block into errors of ours.

    :param attempted: the object of "could not".
    :param action: the IAM action the call needs, for the hint of a denial.
    """
    exceptions = load("botocore.exceptions")
    try:
        yield
    except BudgetExceededError as exc:
        raise _abandoned(exc, attempted, connection) from exc
    except exceptions.ClientError as exc:
        raise translate(answered(exc), attempted, connection, action) from exc
    except exceptions.BotoCoreError as exc:
        raise _local(exc, exceptions, attempted, connection) from exc
    except (load("botocore.parsers").ResponseParserError, ValueError) as exc:
        if connection.service == "iam":
            raise  # who calls IAM knows more of such answers
        problem = f"{connection.store} answered with something that cannot be read: {exc}"
        hint = f"Look whether this is the address of an {connection.service.upper()} API; if it is, run it again."
        raise errors.UnreachableError(attempted, redact(problem, connection.secrets), hint) from exc


def translate(answer: Answered, attempted: str, connection: Connection, action: str = "") -> errors.ArchivingError:
    """The error for an answer; pure."""
    status, code, message = answer
    what = redact(f"{connection.store} answered {code or status}: {message or 'no message'}", connection.secrets)
    facts: dict[str, t.Any] = {"status": status or None, "code": code or None, "store": connection.store}
    if code in CREDENTIAL_CODES:
        return errors.DeniedError(attempted, what, CREDENTIAL_CODES[code], **facts)
    if is_of_another_account(answer, connection):
        return errors.DeniedError(attempted, what, ANOTHER_ACCOUNT, **facts)
    if code in UNSUPPORTED_CODES or status in (405, 501):
        return errors.UnsupportedError(attempted, what, "This store does not have it: leave the option out.", **facts)
    if status in (401, 403):
        hint = f"{_permission(action)} {owner_hint(connection)}".rstrip()
        facts["expected_bucket_owner"] = connection.expected_owner if owner_hint(connection) else None
        return errors.DeniedError(attempted, what, hint, action=action or None, **facts)
    if code == "LimitExceeded":
        hint = "A quota of this account is used up: remove what is not needed, or have it raised."
        return errors.RejectedError(attempted, what, hint, **facts)
    if code in CONFLICT_CODES or status in (409, 412):
        return errors.ConflictError(attempted, what, "Run it again once nothing else works on it.", **facts)
    if status == 404 or code == "NoSuchEntity":
        return errors.NotFoundError(attempted, what, **facts)
    if 300 <= status < 400:
        hint = "Give endpoint_url the address that it leads to, or region the bucket's."
        return errors.RejectedError(attempted, what, hint, **facts)
    if status >= 500 or status == 429 or code in THROTTLED_CODES:
        return errors.UnreachableError(attempted, what, "Nothing is lost: run it again later.", **facts)
    # A HEAD request is answered without a body, so without the reason.
    hint = "No reason came with it: look at the credentials, which may have expired, and at the region."
    return errors.RejectedError(attempted, what, hint if code == "400" else "", **facts)


def is_of_another_account(answer: Answered, connection: Connection) -> bool:
    """Whether this is what AWS answers for the policy of a bucket that another account owns.

    "If you have the correct permissions, but you're not using an identity that belongs to the bucket owner's account,
    Amazon S3 returns a 405 Method Not Allowed error" (Amazon S3 API Reference, GetBucketPolicy, PutBucketPolicy, and
    DeleteBucketPolicy).
    """
    return connection.is_aws and connection.service == "s3" and (answer.status == 405 or answer.code in METHOD_CODES)


def owner_hint(connection: Connection) -> str:
    """What a refusal may also mean where an owner of the bucket is expected; empty where none is."""
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
    return f"These credentials need the permission {action} here." if action else "These credentials may not do this."


def _abandoned(exc: BudgetExceededError, attempted: str, connection: Connection) -> errors.UnreachableError:
    """The error for a call that exceeded its time budget. A write counts as possibly applied, as without a response."""
    problem = f"{connection.store} did not complete {exc.operation} within the time budget of {exc.seconds:g} s"
    server = connection.endpoint_url or "AWS"
    hint = f"Check the network path to {server} and the load of the server, then run it again."
    if exc.is_write:
        hint = f"The change may have been applied; the next run reads the current state first. {hint}"
    facts = {"store": connection.store, "api_operation": exc.operation, "time_budget": exc.seconds}
    return errors.UnreachableError(attempted, problem, hint, **facts)


def _local(exc: t.Any, exceptions: t.Any, attempted: str, connection: Connection) -> errors.ArchivingError:
    """The error for what went wrong before or without an answer."""
    text = redact(str(exc), connection.secrets)
    missing = (exceptions.NoCredentialsError, exceptions.PartialCredentialsError, exceptions.ProfileNotFound)
    if isinstance(exc, missing):
        hint = "Give access_key and secret_key, profile, or the environment variables of boto3."
        return errors.DeniedError(attempted, text, hint, store=connection.store)
    if isinstance(exc, exceptions.ParamValidationError):
        return errors.RejectedError(attempted, text, store=connection.store)
    hint = f"Look whether {connection.endpoint_url or 'AWS'} can be reached from this machine, and its certificate."
    return errors.UnreachableError(attempted, text, hint, store=connection.store)
