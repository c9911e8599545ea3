# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Records in S3: what is asked of a store, and what becomes of its peculiarities."""

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
    Asked,
    LocalServer,
    Reply,
    answers,
)


def error(status: int, code: str) -> Reply:
    return Reply(status, f"<Error><Code>{code}</Code><Message>no</Message></Error>".encode())


class Bucket:
    """One object of an S3 store, as AWS behaves; ``peculiar`` may answer first."""

    def __init__(self) -> None:
        self.data: bytes | None = None
        self.peculiar: t.Callable[[Asked], Reply | None] = lambda asked: None
        self.lock = threading.Lock()

    def __call__(self, asked: Asked, before: int) -> Reply:
        with self.lock:
            return self.peculiar(asked) or (self.put(asked) if asked.method == "PUT" else self.get())

    @property
    def etag(self) -> str:
        return f'"{hashlib.sha256(self.data or b"").hexdigest()}"'

    def get(self) -> Reply:
        return error(404, "NoSuchKey") if self.data is None else Reply(200, self.data, {"ETag": self.etag})

    def put(self, asked: Asked) -> Reply:
        if asked.headers.get("if-none-match") == "*" and self.data is not None:
            return error(412, "PreconditionFailed")
        if "if-match" in asked.headers:
            if self.data is None:
                return error(404, "NoSuchKey")
            if asked.headers["if-match"] != self.etag:
                return error(412, "PreconditionFailed")
        self.data = asked.body
        return Reply(200, b"", {"ETag": self.etag})


class Here(t.NamedTuple):
    bucket: Bucket
    server: LocalServer
    store: ObjectStore


@pytest.fixture
def here() -> t.Iterator[Here]:
    bucket = Bucket()
    with LocalServer(bucket) as server:
        connection = Connection(endpoint_url=server.url, access_key="AK", secret_key="operators-secret")
        yield Here(bucket, server, bucket_object.object_store(connection, "b-1", "p/record.json"))


def test_the_first_write_must_be_the_first(here: Here) -> None:
    held = here.store.read()
    assert held == StoredObject(None)
    assert here.store.write(b"one", held).data == b"one"
    put = here.server.asked[-1]
    assert (put.path, put.headers["if-none-match"]) == ("/b-1/p/record.json", "*")
    assert "x-amz-server-side-encryption" not in put.headers
    with pytest.raises(errors.ConflictError, match="another run has written it in between"):
        here.store.write(b"two", held)
    assert here.bucket.data == b"one"


def test_later_writes_must_meet_what_was_read(here: Here) -> None:
    first = here.store.write(b"one", None)
    assert "if-match" not in here.server.asked[-1].headers
    second = here.store.write(b"two", first)
    assert here.server.asked[-1].headers["if-match"] == first.version
    assert here.store.read() == second
    with pytest.raises(errors.ConflictError):
        here.store.write(b"three", first)
    here.bucket.data = None
    with pytest.raises(errors.ConflictError):
        here.store.write(b"three", second)
    assert here.bucket.data is None


def test_a_condition_that_is_ignored_is_looked_at_before(here: Here) -> None:
    def ignore(asked: Asked) -> Reply | None:
        if asked.method == "PUT":
            here.bucket.data = asked.body
            return Reply(200, b"", {"ETag": here.bucket.etag})
        return None

    here.bucket.peculiar = ignore
    first = here.store.write(b"one", StoredObject(None))
    here.store.write(b"two", first)
    for stale in (StoredObject(None), first):
        with pytest.raises(errors.ConflictError):
            here.store.write(b"three", stale)
    assert here.bucket.data == b"two"


def test_a_race_after_the_look_is_lost_by_the_condition(here: Here) -> None:
    def overtaken(asked: Asked) -> Reply | None:
        if asked.method == "PUT":
            here.bucket.data = b"of another run"
        return None

    here.bucket.peculiar = overtaken
    for expected in (StoredObject(None), here.store.read()):
        here.bucket.data = expected.data
        with pytest.raises(errors.ConflictError, match="another run has written it in between"):
            here.store.write(b"one", expected)
    assert here.bucket.data == b"of another run"


def test_an_answer_that_was_lost_is_no_conflict(here: Here) -> None:
    """botocore sends the write again, and the second one meets what the first one wrote."""
    lost = iter([True])

    def lose(asked: Asked) -> Reply | None:
        if asked.method == "PUT" and next(lost, False):
            here.bucket.put(asked)
            return Reply(503)
        return None

    here.bucket.peculiar = lose
    assert here.store.write(b"one", StoredObject(None)).data == b"one"
    assert [asked.method for asked in here.server.asked] == ["GET", "PUT", "PUT", "GET"]


@pytest.mark.parametrize(("status", "code"), [(501, "NotImplemented"), (400, "InvalidArgument"), (405, "")])
def test_a_store_without_conditions_is_read_before_and_after(here: Here, status: int, code: str) -> None:
    def refuse(asked: Asked) -> Reply | None:
        conditional = "if-match" in asked.headers or "if-none-match" in asked.headers
        return error(status, code) if conditional else None

    here.bucket.peculiar = refuse
    held = here.store.write(b"one", StoredObject(None))
    assert [asked.method for asked in here.server.asked] == ["GET", "PUT", "GET", "PUT", "GET"]
    here.store.write(b"two", held)
    with pytest.raises(errors.ConflictError):
        here.store.write(b"three", held)
    assert here.bucket.data == b"two"


def test_a_store_without_conditions_shows_who_wrote_at_the_same_time(here: Here) -> None:
    def overtaken(asked: Asked) -> Reply | None:
        if "if-none-match" in asked.headers:
            return error(501, "NotImplemented")
        if asked.method == "PUT":
            here.bucket.data = b"of another run"
            return Reply(200)
        return None

    here.bucket.peculiar = overtaken
    with pytest.raises(errors.ConflictError, match="another run has written it at the same time"):
        here.store.write(b"one", StoredObject(None))


def test_a_store_without_etags_is_read_before_and_after(here: Here) -> None:
    here.bucket.data = b"one"
    here.store.write(b"two", StoredObject(b"one"))
    assert [asked.method for asked in here.server.asked] == ["GET", "GET", "PUT", "GET"]


def test_a_policy_that_asks_for_encryption_gets_it(here: Here) -> None:
    def demand(asked: Asked) -> Reply | None:
        encrypted = asked.headers.get("x-amz-server-side-encryption") == "AES256"
        return error(403, "AccessDenied") if asked.method == "PUT" and not encrypted else None

    here.bucket.peculiar = demand
    held = here.store.write(b"one", StoredObject(None))
    with pytest.raises(errors.ConflictError):
        here.store.write(b"two", StoredObject(None))
    assert here.store.read() == held


def test_a_denied_write_is_told_by_its_first_answer(here: Here) -> None:
    def refuse(asked: Asked) -> Reply | None:
        if asked.method == "GET":
            return None
        encrypted = "x-amz-server-side-encryption" in asked.headers
        return error(500, "InternalError") if encrypted else error(403, "AccessDenied")

    here.bucket.peculiar = refuse
    with pytest.raises(
        errors.DeniedError, match=r"answered AccessDenied: no\. These credentials need the permission s3:P"
    ):
        here.store.write(b"one", StoredObject(None))


def test_aws_is_told_to_encrypt_at_once(monkeypatch: pytest.MonkeyPatch, here: Here) -> None:
    monkeypatch.setattr(Connection, "is_aws", True)
    here.store.write(b"one", StoredObject(None))
    (put,) = here.server.asked
    assert put.method == "PUT"
    assert put.headers["x-amz-server-side-encryption"] == "AES256"


def test_a_denied_read_says_what_is_needed(here: Here) -> None:
    here.server.answer = answers(error(403, "AccessDenied"))
    with pytest.raises(errors.DeniedError, match=r"need the permission s3:GetObject here\. Without s3:ListBucket"):
        here.store.read()
    here.server.answer = answers(error(403, "InvalidAccessKeyId"))
    with pytest.raises(errors.DeniedError, match="The access key is unknown to this store"):
        here.store.read()


def test_a_missing_bucket_is_no_record_until_it_is_written(here: Here) -> None:
    here.server.answer = answers(error(404, "NoSuchBucket"))
    assert here.store.read() == StoredObject(None, bucket_exists=False)
    with pytest.raises(errors.NotFoundError, match=r"answered NoSuchBucket: no\. The bucket must be there before"):
        here.store.write(b"one", StoredObject(None))


def test_an_alien_answer_is_only_what_it_is(here: Here) -> None:
    here.server.answer = answers(Reply(200, b"<html>" + b"x" * 1_000_000))
    held = here.store.read()
    assert held.data is not None
    assert len(held.data) == 65536
    assert held.version == ""


def test_a_store_that_cannot_be_reached_is_told(here: Here) -> None:
    here.server.answer = answers(error(500, "InternalError"))
    with pytest.raises(errors.UnreachableError, match="Nothing is lost: run it again later"):
        here.store.read()
