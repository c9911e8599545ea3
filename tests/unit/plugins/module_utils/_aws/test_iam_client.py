# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The IAM API: its address, and the validation of its responses."""

from __future__ import annotations

import typing as t

import pytest
from botocore.awsrequest import AWSResponse
from botocore.exceptions import ConnectionClosedError

from ansible_collections.vonage.archiving.plugins.module_utils._aws import session as connection
from ansible_collections.vonage.archiving.plugins.module_utils._aws.iam_client import (
    ELSEWHERE,
    Iam,
    iam_connection,
    warn_of_exposed_keys,
)
from ansible_collections.vonage.archiving.plugins.module_utils._aws.session import Connection
from ansible_collections.vonage.archiving.plugins.module_utils._core import errors

KEYS = {"access_key": "AKIAEXAMPLE", "secret_key": "s" * 40}
STORE = "https://s3.example.com"
Response = t.Union[tuple[int, bytes], Exception]


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_PROFILE", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_IAM", "AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, "/dev/null")
    monkeypatch.setattr("botocore.endpoint.time.sleep", lambda seconds: None)


@pytest.mark.parametrize(
    ("options", "environ", "endpoint"),
    [
        ({}, {}, None),
        ({"endpoint_url": STORE}, {}, STORE),
        ({}, {"AWS_ENDPOINT_URL_S3": STORE}, STORE),
        ({"endpoint_url": "https://s3.eu-west-1.amazonaws.com"}, {}, None),
        ({"endpoint_url": STORE}, {"AWS_ENDPOINT_URL_IAM": "http://iam:1/"}, "http://iam:1"),
        ({"iam_endpoint_url": "http://mine/"}, {"AWS_ENDPOINT_URL_IAM": "http://iam:1"}, "http://mine"),
        ({"iam_endpoint_url": ""}, {"AWS_ENDPOINT_URL_IAM": ""}, None),
        ({}, {"AWS_ENDPOINT_URL_IAM": "http://iam:1", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true"}, None),
    ],
)
def test_iam_connection_endpoint_of_option_or_environment(
    options: dict[str, str], environ: dict[str, str], endpoint: str | None
) -> None:
    found = iam_connection({**KEYS, **options}, environ)
    assert (found.service, found.endpoint_url) == ("iam", endpoint)
    assert found.display_name == (f"the IAM API at {endpoint}" if endpoint else "AWS IAM")


def test_iam_connection_reports_all_problems() -> None:
    with pytest.raises(errors.InputError) as caught:
        iam_connection({"endpoint_url": "x", "iam_endpoint_url": "https://me:pw@y", "access_key": "k"}, {})
    assert len(caught.value.problems) == 3
    problem = "iam_endpoint_url: 'https://********@y' contains credentials. Set access_key and secret_key instead"
    assert problem in str(caught.value)


@pytest.mark.parametrize(
    ("region", "endpoint", "partition"),
    [
        ("eu-west-1", None, "aws"),
        ("us-gov-west-1", None, "aws-us-gov"),
        ("cn-northwest-1", None, "aws-cn"),
        ("cn-northwest-1", STORE, "aws"),
        (None, None, "aws"),
    ],
)
def test_iam_partition_of_region(region: str | None, endpoint: str | None, partition: str) -> None:
    assert Iam(Connection(endpoint, region, "k", "s", service="iam")).partition == partition


class FakeServer:
    """Responds in place of a server, and counts the requests."""

    def __init__(self, *responses: Response, endpoint: str | None = STORE) -> None:
        self.sent = 0
        self.responses = list(responses)
        # Handlers must not stay on a shared client.
        connection._SHARED.clear()
        self.iam = Iam(Connection(endpoint, "us-east-1", "k", "secret-of-the-operator", service="iam"))
        for client in (self.iam.client, self.iam._client_without_retries):
            client.meta.events.register("before-send.iam", self._send)

    def _send(self, request: t.Any, **_kwargs: t.Any) -> t.Any:
        response = self.responses[min(self.sent, len(self.responses) - 1)]
        self.sent += 1
        if isinstance(response, Exception):
            raise response
        http_response = AWSResponse(request.url, response[0], {}, t.cast("t.Any", None))
        http_response._content = response[1]
        return http_response

    def call(self, operation: str = "get_user") -> dict[str, t.Any]:
        return self.iam.call(operation, "do it", "iam:DoIt", UserName="u")


def iam_error(code: str) -> bytes:
    return f"<ErrorResponse><Error><Code>{code}</Code><Message>m</Message></Error></ErrorResponse>".encode()


def s3_error(code: str) -> bytes:
    return f'<?xml version="1.0"?>\n<Error><Code>{code}</Code><Message>m</Message></Error>'.encode()


@pytest.mark.parametrize(
    ("status", "body", "what"),
    [
        (400, s3_error("AuthorizationParametersError"), "the error AuthorizationParametersError (HTTP 400)"),
        (405, s3_error("MethodNotAllowed"), "the error MethodNotAllowed (HTTP 405)"),
        (404, s3_error("NoSuchBucket"), "the error NoSuchBucket (HTTP 404)"),
        (501, s3_error("NotImplemented"), "the error NotImplemented (HTTP 501)"),
        (200, b"<ListAllMyBucketsResult/>", "ListAllMyBucketsResult XML (HTTP 200)"),
        (200, b"", "no XML (HTTP 200)"),
        (200, b"{}", "no XML (HTTP 200)"),
        (302, b"<html>log in", "html XML (HTTP 302)"),
        (404, b"404 page not found", "no XML (HTTP 404)"),
    ],
)
def test_call_other_response_is_unsupported(status: int, body: bytes, what: str) -> None:
    server = FakeServer((status, body))
    with pytest.raises(errors.UnsupportedError) as caught:
        server.call()
    assert str(caught.value) == (
        f"Could not do it: the IAM API at {STORE} returned {what}, which is not a response of an IAM API. {ELSEWHERE}"
    )
    assert "iam_endpoint_url" in ELSEWHERE
    assert server.sent == 1


@pytest.mark.parametrize(
    ("status", "body", "kind", "words"),
    [
        (404, iam_error("NoSuchEntity"), errors.NotFoundError, "responded with NoSuchEntity: m"),
        (403, iam_error("AccessDenied"), errors.DeniedError, "need the permission iam:DoIt here."),
        (403, iam_error("InvalidClientTokenId"), errors.DeniedError, "The access key is unknown here"),
        (409, iam_error("EntityAlreadyExists"), errors.ConflictError, "EntityAlreadyExists"),
        (409, iam_error("LimitExceeded"), errors.RejectedError, "A quota of this account is used up"),
        (400, iam_error("MalformedPolicyDocument"), errors.RejectedError, "MalformedPolicyDocument"),
        (400, iam_error("Throttling"), errors.UnreachableError, "run it again later"),
        (500, iam_error("ServiceFailure"), errors.UnreachableError, "run it again later"),
        (502, b"<html>Bad gateway</html>", errors.UnreachableError, "responded with 502"),
        (503, b"<!doctype html>no", errors.UnreachableError, "responded with 503"),
        (200, b"<GetUserResponse><GetUserResult>", errors.UnreachableError, "returned incomplete XML"),
    ],
)
def test_call_error_of_iam_is_translated(
    status: int, body: bytes, kind: type[errors.ArchivingError], words: str
) -> None:
    with pytest.raises(errors.ArchivingError) as caught:
        FakeServer((status, body)).call()
    assert caught.value.__class__ is kind
    assert words in str(caught.value)
    assert ELSEWHERE not in str(caught.value)


def test_call_denial_of_s3_has_the_hint_for_stores_without_iam() -> None:
    with pytest.raises(errors.DeniedError) as caught:
        FakeServer((403, s3_error("InvalidAccessKeyId"))).call()
    assert "responded with InvalidAccessKeyId: m" in str(caught.value)
    assert caught.value.hint.endswith(ELSEWHERE)
    with pytest.raises(errors.DeniedError) as caught:
        FakeServer((403, s3_error("AccessDenied")), endpoint=None).call()
    assert ELSEWHERE not in caught.value.hint


def test_call_unsupported_operation_is_not_a_missing_api() -> None:
    with pytest.raises(errors.UnsupportedError) as caught:
        FakeServer((501, iam_error("NotImplemented"))).call("list_user_tags")
    assert caught.value.hint == "The store does not support this. Omit the option."
    with pytest.raises(errors.UnsupportedError) as caught:
        FakeServer((501, iam_error("NotImplemented"))).call()
    assert caught.value.hint.startswith("The IAM API of the store does not support users. Instead, create a user")
    assert "iam_endpoint_url" not in caught.value.hint


@pytest.mark.parametrize("failure", [(500, iam_error("ServiceFailure")), ConnectionClosedError(endpoint_url="x")])
def test_call_create_access_key_is_not_retried(failure: Response) -> None:
    for operation, times in (("create_access_key", 1), ("list_access_keys", 3)):
        server = FakeServer(failure)
        with pytest.raises(errors.UnreachableError):
            server.call(operation)
        assert server.sent == times


def test_list_all_reads_all_pages() -> None:
    def page(name: str, rest: str) -> bytes:
        names = f"<PolicyNames><member>{name}</member></PolicyNames>"
        result = f"<ListUserPoliciesResult>{names}{rest}</ListUserPoliciesResult>"
        return f"<ListUserPoliciesResponse>{result}</ListUserPoliciesResponse>".encode()

    first = page("a", "<IsTruncated>true</IsTruncated><Marker>next</Marker>")
    server = FakeServer((200, first), (200, page("b", "<IsTruncated>false</IsTruncated>")))
    found = server.iam.list_all("list_user_policies", "PolicyNames", "list", "iam:ListUserPolicies", UserName="u")
    assert (found, server.sent) == (["a", "b"], 2)


@pytest.mark.parametrize(
    ("endpoint", "validate", "words"),
    [
        (None, True, None),
        (STORE, True, None),
        ("http://127.0.0.1:8333", True, None),
        ("http://[::1]:8333", False, None),
        ("http://localhost:8333", True, None),
        ("http://iam.localhost:8333", True, None),
        ("https://localhost:8333", False, None),
        ("http://iam.example.com", True, "the IAM API at http://iam.example.com is used without TLS"),
        ("http://127.0.0.1.example.com", True, "is used without TLS"),
        ("http://iam.example.com", False, "is used without TLS"),
        (STORE, False, f"validate_certs=false: the certificate of the IAM API at {STORE} is not verified"),
        (None, False, "validate_certs=false: the certificate of AWS IAM is not verified"),
    ],
)
def test_warn_of_exposed_keys_without_verified_tls_warns(
    endpoint: str | None, validate: bool, words: str | None
) -> None:
    warnings: list[str] = []
    warn_of_exposed_keys(Connection(endpoint, validate_certs=validate, service="iam"), warnings.append)
    assert len(warnings) == (1 if words else 0)
    assert all(str(words) in warning for warning in warnings)
    assert all("CreateAccessKey" in warning for warning in warnings)
