# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Translation of errors of botocore and S3."""

from __future__ import annotations

import typing as t

import pytest
from botocore import exceptions

from ansible_collections.vonage.archiving.plugins.module_utils._aws.errors import (
    CREDENTIAL_CODES,
    ErrorResponse,
    parse_client_error,
    translate,
    translate_errors,
)
from ansible_collections.vonage.archiving.plugins.module_utils._aws.session import Connection
from ansible_collections.vonage.archiving.plugins.module_utils._core import errors

SECRET = "Xv7pQ2mKd9wLzR4t"
STORE = Connection(endpoint_url="https://s3.example.com", secret_key=SECRET)


def client_error(status: int, code: str, message: str = "the reason") -> exceptions.ClientError:
    response: t.Any = {"Error": {"Code": code, "Message": message}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return exceptions.ClientError(response, "GetBucketCors")


def test_parse_client_error_returns_status_code_and_message() -> None:
    assert parse_client_error(client_error(404, "NoSuchBucket")) == ErrorResponse(404, "NoSuchBucket", "the reason")
    assert parse_client_error(exceptions.ClientError(t.cast("t.Any", {}), "X")) == ErrorResponse(0, "", "")


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (403, "InvalidAccessKeyId", errors.DeniedError),
        (403, "SignatureDoesNotMatch", errors.DeniedError),
        (400, "ExpiredToken", errors.DeniedError),
        (400, "AuthorizationHeaderMalformed", errors.DeniedError),
        (403, "AccessDenied", errors.DeniedError),
        (401, "", errors.DeniedError),
        (501, "NotImplemented", errors.UnsupportedError),
        (405, "MethodNotAllowed", errors.UnsupportedError),
        (400, "NotImplemented", errors.UnsupportedError),
        (501, "", errors.UnsupportedError),
        (412, "PreconditionFailed", errors.ConflictError),
        (409, "OperationAborted", errors.ConflictError),
        (404, "NoSuchBucket", errors.NotFoundError),
        (404, "404", errors.NotFoundError),
        (500, "InternalError", errors.UnreachableError),
        (503, "SlowDown", errors.UnreachableError),
        (400, "RequestTimeout", errors.UnreachableError),
        (400, "MalformedPolicy", errors.RejectedError),
        (0, "Odd", errors.RejectedError),
    ],
)
def test_translate_status_and_code_select_the_error(status: int, code: str, kind: type[errors.ArchivingError]) -> None:
    error = translate(ErrorResponse(status, code, "m"), "read it", STORE, "s3:GetThing")
    assert error.__class__ is kind
    assert str(error).startswith(
        f"Could not read it: the S3 store at https://s3.example.com responded with {code or status}: m."
    )
    assert error.facts["code"] == (code or None)
    assert error.facts["status"] == (status or None)


def test_translate_denial_names_the_permission() -> None:
    with_action = translate(ErrorResponse(403, "AccessDenied", ""), "read it", Connection(), "s3:GetThing")
    assert str(with_action) == (
        "Could not read it: AWS S3 responded with AccessDenied: no message. "
        "These credentials need the permission s3:GetThing here."
    )
    assert with_action.as_result()["action"] == "s3:GetThing"
    without = translate(ErrorResponse(403, "AccessDenied", ""), "read it", Connection())
    assert without.hint == "These credentials lack a permission."
    assert "action" not in without.as_result()


@pytest.mark.parametrize("code", sorted(CREDENTIAL_CODES))
def test_translate_wrong_credentials_hint_names_no_permission(code: str) -> None:
    error = translate(ErrorResponse(403, code, "m"), "read it", STORE, "s3:GetThing")
    assert error.hint == CREDENTIAL_CODES[code]
    assert "s3:GetThing" not in str(error)


def test_translate_echoed_secret_is_redacted() -> None:
    error = translate(ErrorResponse(400, "Odd", f"your key {SECRET} is odd"), "read it", STORE)
    assert SECRET not in str(error)
    assert SECRET not in str(error.as_result())
    assert "is odd" in str(error)


def test_translate_errors_client_error_is_the_cause() -> None:
    cause = client_error(403, "AccessDenied")
    with pytest.raises(errors.DeniedError) as caught, translate_errors("read it", STORE, "s3:GetThing"):
        raise cause
    assert caught.value.__cause__ is cause
    assert "s3:GetThing" in str(caught.value)


@pytest.mark.parametrize(
    ("cause", "kind", "words"),
    [
        (exceptions.NoCredentialsError(), errors.DeniedError, "Set profile, or access_key and secret_key, or"),
        (exceptions.ProfileNotFound(profile="gone"), errors.DeniedError, "gone"),
        (exceptions.ParamValidationError(report="Bucket is odd"), errors.RejectedError, "Bucket is odd"),
        (
            exceptions.EndpointConnectionError(endpoint_url="https://s3.example.com"),
            errors.UnreachableError,
            "Check that this machine can connect to https://s3.example.com",
        ),
        (exceptions.ReadTimeoutError(endpoint_url="x", error="late"), errors.UnreachableError, "can connect to"),
        (exceptions.SSLError(endpoint_url="x", error=SECRET), errors.UnreachableError, "its certificate"),
    ],
)
def test_translate_errors_without_response(cause: Exception, kind: type[errors.ArchivingError], words: str) -> None:
    with pytest.raises(errors.ArchivingError) as caught, translate_errors("read it", STORE):
        raise cause
    assert caught.value.__class__ is kind
    assert words in str(caught.value)
    assert SECRET not in str(caught.value)


def test_other_exceptions_are_left_alone() -> None:
    with pytest.raises(KeyError), translate_errors("read it", STORE):
        raise KeyError("a bug")
