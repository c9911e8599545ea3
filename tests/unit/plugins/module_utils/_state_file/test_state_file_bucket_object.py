# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""State files in S3: the requests, and the differences between stores."""

from __future__ import annotations

import hashlib
import threading
import typing as t

import pytest

from ansible_collections.vonage.archiving.plugins.module_utils._aws.session import Connection
from ansible_collections.vonage.archiving.plugins.module_utils._core import errors
from ansible_collections.vonage.archiving.plugins.module_utils._state_file import bucket_object
from ansible_collections.vonage.archiving.plugins.module_utils._state_file.bucket_object import ObjectStore
from ansible_collections.vonage.archiving.plugins.module_utils._state_file.store import StoredObject
from ansible_collections.vonage.archiving.tests.unit.plugins.module_utils.local_server import (
    LocalServer,
    ReceivedRequest,
    Reply,
    replies,
)


def error_reply(status: int, code: str) -> Reply:
    return Reply(status, f"<Error><Code>{code}</Code><Message>no</Message></Error>".encode())


class Bucket:
    """One object of an S3 store that behaves like AWS; ``override`` can return another response."""

    def __init__(self) -> None:
        self.data: bytes | None = None
        self.override: t.Callable[[ReceivedRequest], Reply | None] = lambda request: None
        self.lock = threading.Lock()

    def __call__(self, request: ReceivedRequest, before: int) -> Reply:
        with self.lock:
            return self.override(request) or (self.put(request) if request.method == "PUT" else self.get())

    @property
    def etag(self) -> str:
        return f'"{hashlib.sha256(self.data or b"").hexdigest()}"'

    def get(self) -> Reply:
        return error_reply(404, "NoSuchKey") if self.data is None else Reply(200, self.data, {"ETag": self.etag})

    def put(self, request: ReceivedRequest) -> Reply:
        if request.headers.get("if-none-match") == "*" and self.data is not None:
            return error_reply(412, "PreconditionFailed")
        if "if-match" in request.headers:
            if self.data is None:
                return error_reply(404, "NoSuchKey")
            if request.headers["if-match"] != self.etag:
                return error_reply(412, "PreconditionFailed")
        self.data = request.body
        return Reply(200, b"", {"ETag": self.etag})


class BucketStore(t.NamedTuple):
    bucket: Bucket
    server: LocalServer
    store: ObjectStore


@pytest.fixture
def bucket_store() -> t.Iterator[BucketStore]:
    bucket = Bucket()
    with LocalServer(bucket) as server:
        connection = Connection(endpoint_url=server.url, access_key="AK", secret_key="operators-secret")
        yield BucketStore(bucket, server, bucket_object.object_store(connection, "b-1", "p/state.json"))


def test_write_new_object_is_conditional(bucket_store: BucketStore) -> None:
    stored = bucket_store.store.read()
    assert stored == StoredObject(None)
    assert bucket_store.store.write(b"one", stored).data == b"one"
    put = bucket_store.server.requests[-1]
    assert (put.path, put.headers["if-none-match"]) == ("/b-1/p/state.json", "*")
    assert "x-amz-server-side-encryption" not in put.headers
    with pytest.raises(errors.ConflictError, match="another run has written it in between"):
        bucket_store.store.write(b"two", stored)
    assert bucket_store.bucket.data == b"one"


def test_write_unexpected_content_raises_a_conflict(bucket_store: BucketStore) -> None:
    first = bucket_store.store.write(b"one", None)
    assert "if-match" not in bucket_store.server.requests[-1].headers
    second = bucket_store.store.write(b"two", first)
    assert bucket_store.server.requests[-1].headers["if-match"] == first.version
    assert bucket_store.store.read() == second
    with pytest.raises(errors.ConflictError):
        bucket_store.store.write(b"three", first)
    bucket_store.bucket.data = None
    with pytest.raises(errors.ConflictError):
        bucket_store.store.write(b"three", second)
    assert bucket_store.bucket.data is None


def test_write_store_ignores_conditions_reads_first(bucket_store: BucketStore) -> None:
    def ignore(request: ReceivedRequest) -> Reply | None:
        if request.method == "PUT":
            bucket_store.bucket.data = request.body
            return Reply(200, b"", {"ETag": bucket_store.bucket.etag})
        return None

    bucket_store.bucket.override = ignore
    first = bucket_store.store.write(b"one", StoredObject(None))
    bucket_store.store.write(b"two", first)
    for stale in (StoredObject(None), first):
        with pytest.raises(errors.ConflictError):
            bucket_store.store.write(b"three", stale)
    assert bucket_store.bucket.data == b"two"


def test_write_concurrent_write_raises_a_conflict(bucket_store: BucketStore) -> None:
    def write_concurrently(request: ReceivedRequest) -> Reply | None:
        if request.method == "PUT":
            bucket_store.bucket.data = b"of another run"
        return None

    bucket_store.bucket.override = write_concurrently
    for expected in (StoredObject(None), bucket_store.store.read()):
        bucket_store.bucket.data = expected.data
        with pytest.raises(errors.ConflictError, match="another run has written it in between"):
            bucket_store.store.write(b"one", expected)
    assert bucket_store.bucket.data == b"of another run"


def test_write_lost_response_succeeds(bucket_store: BucketStore) -> None:
    """botocore sends the write again, after the first one took effect."""
    lost = iter([True])

    def lose(request: ReceivedRequest) -> Reply | None:
        if request.method == "PUT" and next(lost, False):
            bucket_store.bucket.put(request)
            return Reply(503)
        return None

    bucket_store.bucket.override = lose
    assert bucket_store.store.write(b"one", StoredObject(None)).data == b"one"
    assert [request.method for request in bucket_store.server.requests] == ["GET", "PUT", "PUT", "GET"]


@pytest.mark.parametrize(("status", "code"), [(501, "NotImplemented"), (400, "InvalidArgument"), (405, "")])
def test_write_without_conditions_reads_before_and_after(bucket_store: BucketStore, status: int, code: str) -> None:
    def refuse(request: ReceivedRequest) -> Reply | None:
        conditional = "if-match" in request.headers or "if-none-match" in request.headers
        return error_reply(status, code) if conditional else None

    bucket_store.bucket.override = refuse
    stored = bucket_store.store.write(b"one", StoredObject(None))
    assert [request.method for request in bucket_store.server.requests] == ["GET", "PUT", "GET", "PUT", "GET"]
    bucket_store.store.write(b"two", stored)
    with pytest.raises(errors.ConflictError):
        bucket_store.store.write(b"three", stored)
    assert bucket_store.bucket.data == b"two"


def test_write_without_conditions_detects_a_concurrent_write(bucket_store: BucketStore) -> None:
    def write_concurrently(request: ReceivedRequest) -> Reply | None:
        if "if-none-match" in request.headers:
            return error_reply(501, "NotImplemented")
        if request.method == "PUT":
            bucket_store.bucket.data = b"of another run"
            return Reply(200)
        return None

    bucket_store.bucket.override = write_concurrently
    with pytest.raises(errors.ConflictError, match="another run has written it concurrently"):
        bucket_store.store.write(b"one", StoredObject(None))


def test_write_without_etags_reads_before_and_after(bucket_store: BucketStore) -> None:
    bucket_store.bucket.data = b"one"
    bucket_store.store.write(b"two", StoredObject(b"one"))
    assert [request.method for request in bucket_store.server.requests] == ["GET", "GET", "PUT", "GET"]


def test_write_policy_requires_encryption_succeeds(bucket_store: BucketStore) -> None:
    def require_encryption(request: ReceivedRequest) -> Reply | None:
        encrypted = request.headers.get("x-amz-server-side-encryption") == "AES256"
        return error_reply(403, "AccessDenied") if request.method == "PUT" and not encrypted else None

    bucket_store.bucket.override = require_encryption
    stored = bucket_store.store.write(b"one", StoredObject(None))
    with pytest.raises(errors.ConflictError):
        bucket_store.store.write(b"two", StoredObject(None))
    assert bucket_store.store.read() == stored


def test_write_denied_reports_the_first_response(bucket_store: BucketStore) -> None:
    def refuse(request: ReceivedRequest) -> Reply | None:
        if request.method == "GET":
            return None
        encrypted = "x-amz-server-side-encryption" in request.headers
        return error_reply(500, "InternalError") if encrypted else error_reply(403, "AccessDenied")

    bucket_store.bucket.override = refuse
    with pytest.raises(
        errors.DeniedError, match=r"responded with AccessDenied: no\. These credentials need the permission s3:P"
    ):
        bucket_store.store.write(b"one", StoredObject(None))


def test_write_aws_requests_encryption(monkeypatch: pytest.MonkeyPatch, bucket_store: BucketStore) -> None:
    monkeypatch.setattr(Connection, "is_aws", True)
    bucket_store.store.write(b"one", StoredObject(None))
    (put,) = bucket_store.server.requests
    assert put.method == "PUT"
    assert put.headers["x-amz-server-side-encryption"] == "AES256"


def test_read_denied_names_the_permission(bucket_store: BucketStore) -> None:
    bucket_store.server.respond = replies(error_reply(403, "AccessDenied"))
    with pytest.raises(errors.DeniedError, match=r"need the permission s3:GetObject here\. Without s3:ListBucket"):
        bucket_store.store.read()
    bucket_store.server.respond = replies(error_reply(403, "InvalidAccessKeyId"))
    with pytest.raises(errors.DeniedError, match="The access key is unknown to this store"):
        bucket_store.store.read()


def test_write_missing_bucket_raises_and_read_does_not(bucket_store: BucketStore) -> None:
    bucket_store.server.respond = replies(error_reply(404, "NoSuchBucket"))
    assert bucket_store.store.read() == StoredObject(None, bucket_exists=False)
    with pytest.raises(errors.NotFoundError, match=r"responded with NoSuchBucket: no\. The bucket must exist before"):
        bucket_store.store.write(b"one", StoredObject(None))


def test_read_other_data_returns_it_up_to_the_limit(bucket_store: BucketStore) -> None:
    bucket_store.server.respond = replies(Reply(200, b"<html>" + b"x" * 1_000_000))
    stored = bucket_store.store.read()
    assert stored.data is not None
    assert len(stored.data) == 65536
    assert stored.version == ""


def test_read_unreachable_store_raises(bucket_store: BucketStore) -> None:
    bucket_store.server.respond = replies(error_reply(500, "InternalError"))
    with pytest.raises(errors.UnreachableError, match="Nothing is lost: run it again later"):
        bucket_store.store.read()
