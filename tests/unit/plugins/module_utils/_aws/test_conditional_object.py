# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Requests and responses of a conditional object, with a client in this process."""

from __future__ import annotations

import datetime
import io
import typing as t

import pytest
from botocore.exceptions import ClientError

from ansible_collections.vonage.archiving.plugins.module_utils._aws.conditional_object import (
    ConditionalObject,
    StoredObject,
)
from ansible_collections.vonage.archiving.plugins.module_utils._aws.session import Connection
from ansible_collections.vonage.archiving.plugins.module_utils._core import errors

Response = t.Union[dict[str, t.Any], ClientError]
WRITTEN = datetime.datetime(2026, 3, 1, 9, 0, 0, tzinfo=datetime.timezone.utc)


def failure(status: int, code: str) -> ClientError:
    error = {"Error": {"Code": code, "Message": "no"}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(t.cast(t.Any, error), "PutObject")


class Client:
    """Returns the data, and one response for each write."""

    def __init__(self, data: bytes | None, *responses: Response, **fields: t.Any) -> None:
        self.data, self.responses, self.fields = data, list(responses), fields
        self.requests: list[dict[str, t.Any]] = []

    def get_object(self, Bucket: str, Key: str) -> dict[str, t.Any]:
        if self.data is None:
            raise failure(404, "NoSuchKey")
        return {"Body": io.BytesIO(self.data), "ResponseMetadata": {}, **self.fields}

    def put_object(self, **request: t.Any) -> dict[str, t.Any]:
        self.requests.append(request)
        response = self.responses.pop(0) if self.responses else {}
        if isinstance(response, ClientError):
            # pylint: disable-next=raising-bad-type # pylint expects the other type of the list
            raise response
        self.data = request["Body"]
        return response


def conditional(client: Client, is_aws: bool = False) -> ConditionalObject:
    connection = Connection(region="eu-west-1", endpoint_url=None if is_aws else "http://127.0.0.1:9")
    assert connection.is_aws is is_aws
    return ConditionalObject(connection, "b-1", "k", client, "the object")


def test_read_returns_the_age_by_the_clock_of_the_store() -> None:
    headers = {"HTTPHeaders": {"date": "Sun, 01 Mar 2026 09:01:30 GMT"}}
    stored = conditional(Client(b"one", ETag='"e"', LastModified=WRITTEN, ResponseMetadata=headers)).read()
    assert (stored.data, stored.version, stored.age) == (b"one", '"e"', 90.0)


@pytest.mark.parametrize(
    "fields",
    [
        {"LastModified": WRITTEN},
        {"LastModified": WRITTEN, "ResponseMetadata": {"HTTPHeaders": {"date": "yesterday"}}},
        {"ResponseMetadata": {"HTTPHeaders": {"date": "Sun, 01 Mar 2026 09:01:30 GMT"}}},
        {"LastModified": "x", "ResponseMetadata": {"HTTPHeaders": {"date": "Sun, 01 Mar 2026 09:01:30 GMT"}}},
    ],
)
def test_read_without_valid_times_has_no_age(fields: dict[str, t.Any]) -> None:
    stored = conditional(Client(b"one", **fields)).read()
    assert (stored.version, stored.age) == ("", None)


@pytest.mark.parametrize(("is_aws", "encryption"), [(True, "AES256"), (False, None)])
def test_write_sends_the_data_with_its_type_and_checksum(is_aws: bool, encryption: str | None) -> None:
    client = Client(None, {"ETag": '"e"'})
    stored = conditional(client, is_aws).write(b"{}", None)
    assert (stored.data, stored.version) == (b"{}", '"e"')
    [request] = client.requests
    expected = {"Bucket": "b-1", "Key": "k", "Body": b"{}", "ContentType": "application/json"}
    encrypted = {"ServerSideEncryption": encryption} if encryption else {}
    assert request == {**expected, "ContentMD5": "mZFLkyvTelC5g8XnyQrpOw==", **encrypted}


@pytest.mark.parametrize("is_aws", [True, False])
def test_write_without_an_etag_in_the_response_has_no_version(is_aws: bool) -> None:
    assert conditional(Client(None), is_aws).write(b"{}", None).version == ""


@pytest.mark.parametrize(
    ("expected", "condition"),
    [
        (StoredObject(None), {"IfNoneMatch": "*"}),
        (StoredObject(b"one", '"e"'), {"IfMatch": '"e"'}),
        (StoredObject(b"one"), {}),
    ],
)
def test_write_sends_the_condition(expected: StoredObject, condition: dict[str, str]) -> None:
    client = Client(expected.data)
    conditional(client).write(b"two", expected)
    assert {key: value for key, value in client.requests[0].items() if key.startswith("If")} == condition


def test_write_after_a_denial_without_encryption_is_sent_with_encryption() -> None:
    client = Client(None, failure(403, "AccessDenied"))
    assert conditional(client).write(b"{}", None).version == ""
    assert [request.get("ServerSideEncryption") for request in client.requests] == [None, "AES256"]


@pytest.mark.parametrize(
    ("second", "error"),
    [
        (failure(403, "AccessDenied"), errors.DeniedError),
        (failure(500, "InternalError"), errors.DeniedError),
        (failure(412, "PreconditionFailed"), errors.ConflictError),
        (failure(404, "NoSuchKey"), errors.ConflictError),
    ],
)
def test_write_after_two_errors_reports_the_denial_unless_the_condition_failed(
    second: ClientError, error: type[errors.ArchivingError]
) -> None:
    client = Client(b"one", failure(403, "AccessDenied"), second)

    def change(**request: t.Any) -> dict[str, t.Any]:
        try:
            return Client.put_object(client, **request)
        finally:
            client.data = b"of another run"

    client.put_object = change  # type: ignore[method-assign]
    with pytest.raises(error):
        conditional(client).write(b"two", StoredObject(b"one", '"e"'))


@pytest.mark.parametrize(("status", "code"), [(400, "InvalidRequest"), (404, "NoSuchBucket"), (500, "InternalError")])
def test_write_after_another_error_without_encryption_is_not_repeated(status: int, code: str) -> None:
    client = Client(None, failure(status, code))
    with pytest.raises(errors.ArchivingError):
        conditional(client).write(b"{}", None)
    assert len(client.requests) == 1


@pytest.mark.parametrize(("is_aws", "is_written"), [(True, False), (False, True)])
def test_write_whose_condition_fails_for_an_unchanged_object(is_aws: bool, is_written: bool) -> None:
    """In SeaweedFS, the ETag of an old version never matches. AWS has no such defect."""
    client = Client(b"one", failure(412, "PreconditionFailed"), ETag='"e"')
    expected = StoredObject(b"one", '"e"')
    if is_written:
        assert conditional(client, is_aws).write(b"two", expected).data == b"two"
        assert "IfMatch" not in client.requests[-1]
    else:
        with pytest.raises(errors.ConflictError):
            conditional(client, is_aws).write(b"two", expected)
        assert client.data == b"one"


def test_write_whose_condition_fails_with_another_status_is_a_conflict() -> None:
    client = Client(b"one", failure(409, "ConditionalRequestConflict"), ETag='"e"')
    with pytest.raises(errors.ConflictError):
        conditional(client).write(b"two", StoredObject(b"one", '"e"'))


@pytest.mark.parametrize(("is_aws", "is_written"), [(True, False), (False, True)])
def test_write_without_support_for_conditions_compares_except_on_aws(is_aws: bool, is_written: bool) -> None:
    client = Client(b"one", failure(501, "NotImplemented"), ETag='"e"')
    if is_written:
        conditional(client, is_aws).write(b"two", StoredObject(b"one", '"e"'))
    else:
        with pytest.raises(errors.ArchivingError):
            conditional(client, is_aws).write(b"two", StoredObject(b"one", '"e"'))
    assert client.data == (b"two" if is_written else b"one")
