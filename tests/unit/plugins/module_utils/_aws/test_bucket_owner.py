# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The expected owner of a bucket: the requests that name it, and the errors of a refusal."""

from __future__ import annotations

import contextlib
import time
import typing as t
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import pytest
from botocore.awsrequest import AWSResponse
from botocore.httpsession import URLLib3Session

from ansible_collections.vonage.archiving.plugins.module_utils._aws import bucket_owner, time_budget
from ansible_collections.vonage.archiving.plugins.module_utils._aws import session as connections
from ansible_collections.vonage.archiving.plugins.module_utils._aws.iam_client import iam_connection
from ansible_collections.vonage.archiving.plugins.module_utils._aws.s3_client import Bucket, check_owner
from ansible_collections.vonage.archiving.plugins.module_utils._aws.session import (
    Connection,
    connection,
    make_client,
    with_known_owner,
)
from ansible_collections.vonage.archiving.plugins.module_utils._bucket import reconcile as bucket_module
from ansible_collections.vonage.archiving.plugins.module_utils._bucket.facets.registry import FACETS
from ansible_collections.vonage.archiving.plugins.module_utils._core import errors
from ansible_collections.vonage.archiving.plugins.module_utils._core.plan import Context
from ansible_collections.vonage.archiving.plugins.module_utils._state_file.bucket_object import object_store

OWNER, OTHER = "111111111111", "222222222222"
KEYS = {"access_key": "AKIAEXAMPLE", "secret_key": "s" * 40}
STORE = "https://s3.example.com"
IDENTITY = (
    "<GetCallerIdentityResponse><GetCallerIdentityResult><Account>%s</Account></GetCallerIdentityResult>"
    "</GetCallerIdentityResponse>"
)


class Request(t.NamedTuple):
    method: str
    host: str
    path: str
    owner: str | None


class Aws:
    """S3 and STS, as far as the owner of a bucket is concerned."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.identity = (200, IDENTITY % OWNER)
        self.refusal: tuple[int, str] | None = None

    def send(self, request: t.Any) -> AWSResponse:
        parts = urlsplit(request.url)
        owner = request.headers.get("x-amz-expected-bucket-owner")
        owner = owner.decode() if isinstance(owner, bytes) else owner
        self.requests.append(Request(request.method, parts.hostname or "", parts.path, owner))
        if "sts" in (parts.hostname or ""):
            return self._response(request.url, *self.identity)
        if owner not in (None, OWNER):
            return self._response(request.url, 403, error("AccessDenied", "Access Denied"))
        if self.refusal:
            return self._response(request.url, self.refusal[0], error(self.refusal[1], "no"))
        return self._response(request.url, 200, "")

    def _response(self, url: str, status: int, text: str) -> AWSResponse:
        response = AWSResponse(url, status, {"Content-Type": "text/xml"}, t.cast("t.Any", None))
        response._content = text.encode()
        return response

    @property
    def to_sts(self) -> list[Request]:
        return [request for request in self.requests if "sts" in request.host]

    @property
    def to_s3(self) -> list[Request]:
        return [request for request in self.requests if "sts" not in request.host]


def error(code: str, message: str) -> str:
    return f"<Error><Code>{code}</Code><Message>{message}</Message></Error>"


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Aws:
    """In place of the network."""
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, "/dev/null")
    for name in ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL_STS", "AWS_REGION", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(connections, "_SHARED", {})
    monkeypatch.setattr(bucket_owner, "_ACCOUNTS", {})
    found = Aws()
    monkeypatch.setattr(URLLib3Session, "send", lambda session, request: found.send(request))
    return found


def reach(owner: str | None = OWNER, region: str = "eu-west-1", **options: t.Any) -> Connection:
    return connection({**KEYS, "region": region, "expected_bucket_owner": owner, **options}, {})


@pytest.mark.parametrize("value", [None, "", OWNER, "caller", "caller_for_writes", "012345678901"])
def test_option_accepts_account_ids_and_caller(value: str | None) -> None:
    assert reach(value).expected_owner == (value or None)


@pytest.mark.parametrize(
    "value", ["11111111111", "1111111111111", "11111111111a", "Caller", "arn:aws:iam::1:root", "\u0661" * 12]
)
def test_option_refuses_other_values(value: str) -> None:
    with pytest.raises(errors.InputError) as caught:
        reach(value)
    assert [*map(str, caught.value.problems)] == [
        f"expected_bucket_owner: {value!r} is not valid: it must be the 12 digits of an AWS account id (in quotes, if "
        "it begins with 0), caller, or caller_for_writes"
    ]


def test_account_id_is_refused_for_a_store_that_is_not_aws() -> None:
    with pytest.raises(errors.InputError) as caught:
        reach(endpoint_url=STORE)
    assert [*map(str, caught.value.problems)] == [
        f"expected_bucket_owner: only AWS checks the owner of a bucket, and {STORE} is not AWS. caller and "
        "caller_for_writes are ignored there"
    ]


def test_account_id_is_refused_for_a_store_that_only_the_configuration_names(
    aws: Aws, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", STORE)
    with pytest.raises(errors.InputError, match=f"{STORE} is not AWS"):
        make_client(reach())
    assert aws.requests == []


def test_caller_is_ignored_for_a_store_that_is_not_aws(aws: Aws) -> None:
    make_client(reach("caller", endpoint_url=STORE)).head_bucket(Bucket="b-1")
    assert aws.requests == [Request("HEAD", "s3.example.com", "/b-1", None)]


def test_caller_for_writes_names_the_owner_in_requests_that_change_something(aws: Aws) -> None:
    """A run that only reads does not call STS."""
    client = make_client(reach("caller_for_writes"))
    client.head_bucket(Bucket="b-1")
    client.list_objects_v2(Bucket="b-1")
    client.get_bucket_location(Bucket="b-1")
    assert ({request.owner for request in aws.to_s3}, aws.to_sts) == ({None}, [])
    client.put_object(Bucket="b-1", Key="k", Body=b"x")
    client.delete_bucket_policy(Bucket="b-1")
    assert ([request.owner for request in aws.to_s3[3:]], len(aws.to_sts)) == ([OWNER, OWNER], 1)


def test_iam_and_other_stores_expect_no_owner(aws: Aws) -> None:
    assert iam_connection({**KEYS, "expected_bucket_owner": "caller"}, {}).expected_owner is None
    assert with_known_owner(reach("caller"), Connection(STORE)).expected_owner is None
    assert with_known_owner(reach("caller", endpoint_url=STORE), Connection()).expected_owner is None
    assert with_known_owner(reach(None), Connection()).expected_owner is None
    assert aws.requests == []


def test_another_connection_expects_the_account_of_the_operator(aws: Aws) -> None:
    """The key of an uploader may belong to another account."""
    uploader = Connection(region="eu-west-1", access_key="AKIAOTHER", secret_key="x")
    assert with_known_owner(reach("caller"), uploader).expected_owner == OWNER
    assert with_known_owner(reach(OTHER), uploader).expected_owner == OTHER
    assert len(aws.to_sts) == 1


def arguments(shape: t.Any) -> dict[str, t.Any]:
    """Values for the required parameters of an operation."""
    values: dict[str, t.Any] = {"string": "v-1", "integer": 1, "long": 1, "boolean": True, "blob": b"x", "list": []}
    found: dict[str, t.Any] = {}
    for name in shape.required_members:
        member = shape.members[name]
        found[name] = arguments(member) if member.type_name == "structure" else values.get(member.type_name, "v-1")
    return {**found, **({"Bucket": "b-1"} if "Bucket" in shape.members else {})}


def test_each_operation_that_accepts_it_names_the_owner(aws: Aws) -> None:
    client = make_client(reach())
    owners: dict[str, set[str | None]] = {}
    for operation in client.meta.service_model.operation_names:
        shape = client.meta.service_model.operation_model(operation).input_shape
        if "Bucket" not in getattr(shape, "members", {}):
            continue
        aws.requests.clear()
        # The response is empty, and some operations need better values: only the request counts, where there is one.
        with contextlib.suppress(Exception):
            client._make_api_call(operation, arguments(shape))
        if aws.requests:
            owners[operation] = {request.owner for request in aws.requests}
    assert len(owners) > 60
    unnamed = {operation for operation, found in owners.items() if found != {OWNER}}
    # The others are of directory buckets, which this collection does not use.
    assert unnamed - {"CreateSession", "RenameObject"} == {"CreateBucket"}


def test_caller_is_fetched_once_for_all_clients_and_threads(aws: Aws) -> None:
    clients = [make_client(reach("caller", region)) for region in ("eu-west-1", "eu-west-2")]
    clients.append(make_client(reach("caller"), tries=1))
    assert aws.requests == []
    with ThreadPoolExecutor(max_workers=8) as pool:
        list(pool.map(lambda number: clients[number % 3].head_bucket(Bucket="b-1"), range(24)))
    assert len(aws.to_sts) == 1
    assert {request.owner for request in aws.to_s3} == {OWNER}
    make_client(reach("caller", access_key="AKIAOTHER")).head_bucket(Bucket="b-1")
    assert len(aws.to_sts) == 2


@pytest.mark.parametrize(
    ("region", "host"),
    [
        ("eu-west-1", "sts.eu-west-1.amazonaws.com"),
        ("us-east-1", "sts.us-east-1.amazonaws.com"),
        ("us-gov-west-1", "sts.us-gov-west-1.amazonaws.com"),
        ("cn-north-1", "sts.cn-north-1.amazonaws.com.cn"),
    ],
)
def test_caller_is_fetched_at_the_regional_endpoint_of_the_partition(
    aws: Aws, monkeypatch: pytest.MonkeyPatch, region: str, host: str
) -> None:
    monkeypatch.setenv("AWS_STS_REGIONAL_ENDPOINTS", "legacy")
    make_client(reach("caller", region)).head_bucket(Bucket="b-1")
    assert [request.host for request in aws.to_sts] == [host]


def test_endpoint_of_stores_is_not_used_for_sts(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", STORE)
    given = {"endpoint_url": "https://s3.eu-west-1.amazonaws.com"}
    make_client(reach("caller", **given)).head_bucket(Bucket="b-1")
    assert [request.host for request in aws.to_sts] == ["sts.eu-west-1.amazonaws.com"]
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", "https://vpce-1.sts.eu-west-1.vpce.amazonaws.com")
    make_client(reach("caller", access_key="AKIAOTHER", **given)).head_bucket(Bucket="b-1")
    assert aws.to_sts[-1].host == "vpce-1.sts.eu-west-1.vpce.amazonaws.com"


@pytest.mark.parametrize(
    ("identity", "kind", "words"),
    [
        (
            (403, f"<ErrorResponse>{error('AccessDenied', 'explicit deny')}</ErrorResponse>"),
            errors.DeniedError,
            "AWS STS responded with AccessDenied: explicit deny. These credentials need the permission sts:Get",
        ),
        (
            (403, f"<ErrorResponse>{error('InvalidClientTokenId', 'no')}</ErrorResponse>"),
            errors.DeniedError,
            "The access key is unknown here",
        ),
        ((200, IDENTITY % ""), errors.RejectedError, "AWS STS returned no account ID"),
        ((200, "<html"), errors.UnreachableError, "AWS STS returned a response that cannot be parsed"),
    ],
)
def test_failure_of_sts_is_reported_as_such(
    aws: Aws, identity: tuple[int, str], kind: type[errors.ArchivingError], words: str
) -> None:
    aws.identity = identity
    bucket = Bucket("b-1", reach("caller"))
    with pytest.raises(kind) as caught:
        bucket.exists()
    assert caught.value.operation == "determine the account of the operator's credentials"
    assert words in str(caught.value)
    assert aws.to_s3 == []
    # The next attempt fetches it again.
    aws.identity = (200, IDENTITY % OWNER)
    assert bucket.exists()


def test_caller_without_response_error_names_sts(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time_budget, "CALL_SECONDS", 1.0)
    monkeypatch.setattr(bucket_owner.Owner, "_fetch", lambda self: time.sleep(3))
    with pytest.raises(errors.UnreachableError, match="AWS STS did not complete GetCallerIdentity within") as caught:
        Bucket("b-1", reach("caller")).exists()
    assert "applied" not in caught.value.hint


@pytest.mark.parametrize(
    ("value", "whose"), [(OTHER, f"account {OTHER}"), ("caller", "the account of these credentials")]
)
def test_bucket_of_another_account_is_reported_with_the_option(aws: Aws, value: str, whose: str) -> None:
    aws.identity = (200, IDENTITY % OTHER)
    bucket = Bucket("b-1", reach(value))
    hint = (
        f"Or the bucket belongs to another account than expected_bucket_owner={value} ({whose}): S3 gives the same "
        "response in both cases. Check the name of the bucket, and who owns it, before you change "
        "expected_bucket_owner."
    )
    with pytest.raises(errors.DeniedError) as caught:
        bucket.exists()
    assert caught.value.hint == f"These credentials need the permission s3:ListBucket here. {hint}"
    assert caught.value.facts["expected_bucket_owner"] == value
    with pytest.raises(errors.DeniedError, match="before you change expected_bucket_owner"):
        bucket.call("put_object", "write", "s3:PutObject", Key="k", Body=b"x")
    with pytest.raises(errors.DeniedError) as caught:
        object_store(reach(value), "b-1", "k").read()
    assert hint in caught.value.hint
    assert "Without s3:ListBucket on the bucket" in caught.value.hint
    options = {**KEYS, "region": "eu-west-1", "expected_bucket_owner": value}
    with pytest.raises(errors.DeniedError, match="before you change expected_bucket_owner"):
        bucket_module.reconcile({"name": "b-1", "state": "present", "cors_rules": [], **options}, Context())
    assert {request.owner for request in aws.to_s3} == {OTHER}


@pytest.mark.parametrize("code", ["MethodNotAllowed", "405"])
def test_policy_of_a_bucket_of_another_account_is_not_reported_as_missing_in_the_store(aws: Aws, code: str) -> None:
    """Amazon S3 API Reference, GetBucketPolicy: 405 if the identity is not one of the bucket owner's account."""
    aws.refusal = (405, code)
    bucket = Bucket("b-1", reach(None))
    for operation in (
        lambda: FACETS["policy"].read(bucket, None),
        lambda: bucket.call("put_bucket_policy", "write the policy", "s3:PutBucketPolicy", Policy="{}"),
    ):
        with pytest.raises(errors.DeniedError) as caught:
            operation()
        assert "the bucket belongs to another account. Check the name of the bucket." in caught.value.hint
        assert "set expected_bucket_owner to the id of that account" in caught.value.hint
        assert "The store does not support this" not in str(caught.value)


def test_policy_of_another_store_is_reported_as_missing_in_the_store(aws: Aws) -> None:
    aws.refusal = (405, "MethodNotAllowed")
    with pytest.raises(errors.UnsupportedError, match="The store probably does not support the policy"):
        FACETS["policy"].read(Bucket("b-1", reach(None, endpoint_url=STORE)), None)


def test_owner_is_checked_for_callers_that_send_no_other_request(aws: Aws) -> None:
    for owner, options in ((None, {}), ("caller", {"endpoint_url": STORE})):
        check_owner("b-1", reach(owner, **options))
    assert aws.requests == []
    check_owner("b-1", reach("caller"))
    assert [(request.method, request.owner) for request in aws.to_s3] == [("HEAD", OWNER)]
    with pytest.raises(errors.DeniedError, match=f"another account than expected_bucket_owner={OTHER}"):
        check_owner("b-1", reach(OTHER))
