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

from ansible_collections.vonage.archiving.plugins.module_utils import _errors as errors
from ansible_collections.vonage.archiving.plugins.module_utils._aws.connection import Connection
from ansible_collections.vonage.archiving.plugins.module_utils._libraries import load
from ansible_collections.vonage.archiving.plugins.module_utils._secrets import redact

UNSUPPORTED_CODES = frozenset({"NotImplemented", "XNotImplemented", "NotSupported", "MethodNotAllowed", "501", "405"})
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
    except exceptions.ClientError as exc:
        raise translate(answered(exc), attempted, connection, action) from exc
    except exceptions.BotoCoreError as exc:
        raise _local(exc, exceptions, attempted, connection) from exc
    except (load("botocore.parsers").ResponseParserError, ValueError) as exc:
        if connection.service != "s3":
            raise  # who calls IAM knows more of such answers
        problem = f"{connection.store} answered with something that cannot be read: {exc}"
        hint = "Look whether this is the address of an S3 API; if it is, run it again."
        raise errors.UnreachableError(attempted, redact(problem, connection.secrets), hint) from exc


def translate(answer: Answered, attempted: str, connection: Connection, action: str = "") -> errors.ArchivingError:
    """The error for an answer; pure."""
    status, code, message = answer
    what = redact(f"{connection.store} answered {code or status}: {message or 'no message'}", connection.secrets)
    facts: dict[str, t.Any] = {"status": status or None, "code": code or None, "store": connection.store}
    if code in CREDENTIAL_CODES:
        return errors.DeniedError(attempted, what, CREDENTIAL_CODES[code], **facts)
    if code in UNSUPPORTED_CODES or status in (405, 501):
        return errors.UnsupportedError(attempted, what, "This store does not have it: leave the option out.", **facts)
    if status in (401, 403):
        return errors.DeniedError(attempted, what, _permission(action), action=action or None, **facts)
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


def _permission(action: str) -> str:
    return f"These credentials need the permission {action} here." if action else "These credentials may not do this."


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
