# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The total time budget of S3 and IAM calls, against servers that never complete a response."""

from __future__ import annotations

import contextlib
import json
import os
import re
import socket
import subprocess
import sys
import threading
import time
import typing as t

import pytest

from ansible_collections.vonage.archiving.plugins.module_utils._aws import bucket_lock as lock
from ansible_collections.vonage.archiving.plugins.module_utils._aws import lease, time_budget
from ansible_collections.vonage.archiving.plugins.module_utils._aws.conditional_object import ConditionalObject
from ansible_collections.vonage.archiving.plugins.module_utils._aws.errors import translate_errors
from ansible_collections.vonage.archiving.plugins.module_utils._aws.iam_client import Iam
from ansible_collections.vonage.archiving.plugins.module_utils._aws.s3_client import Bucket
from ansible_collections.vonage.archiving.plugins.module_utils._aws.session import (
    Connection,
    capture_responses,
    make_client,
)
from ansible_collections.vonage.archiving.plugins.module_utils._bucket import reconcile as bucket_module
from ansible_collections.vonage.archiving.plugins.module_utils._core import errors
from ansible_collections.vonage.archiving.plugins.module_utils._core.plan import Context

BUDGET = 1.0
# The machine may be busy. A call without a budget goes on for minutes.
MARGIN = 4.0
OK = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n"
Behaviour = t.Callable[[socket.socket, threading.Event], None]


def trickle(data: bytes, at_once: bytes = b"") -> Behaviour:
    """Send the data one byte at a time, well within every socket time-out."""

    def send(client: socket.socket, stopping: threading.Event) -> None:
        read_request(client)
        client.sendall(at_once)
        for at in range(len(data)):
            client.sendall(data[at : at + 1])
            if stopping.wait(0.2):
                return

    return send


def hang(client: socket.socket, stopping: threading.Event) -> None:
    stopping.wait(30)


def respond(head: bytes) -> Behaviour:
    """Send the same response to each request."""

    def send(client: socket.socket, stopping: threading.Event) -> None:
        while read_request(client):
            client.sendall(head)

    return send


def read_request(client: socket.socket) -> bytes:
    """The header of a request; its body is not read."""
    data = b""
    while b"\r\n\r\n" not in data:
        received = client.recv(65536)
        if not received:
            return b""
        data += received
    return data


class Server:
    """A server that treats each connection in the same way."""

    def __init__(self, behaviour: Behaviour, receive_buffer: int = 0) -> None:
        self.behaviour = behaviour
        self.connections = 0
        self._stopping = threading.Event()
        self._socket = socket.socket()
        if receive_buffer:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self._socket.bind(("127.0.0.1", 0))
        self._socket.listen(32)
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"

    def __enter__(self) -> Server:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _address = self._socket.accept()
                self.connections += 1
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with contextlib.suppress(OSError), client:
            self.behaviour(client, self._stopping)

    def connection(self, service: str = "s3") -> Connection:
        return Connection(self.url, "us-east-1", "AK", "operators-secret-key", service=service)


@pytest.fixture(autouse=True)
def small_budget(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time_budget, "CALL_SECONDS", BUDGET)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, "/dev/null")


@contextlib.contextmanager
def in_time(most: float = BUDGET + MARGIN) -> t.Iterator[None]:
    start = time.monotonic()
    yield
    assert time.monotonic() - start < most


HEADERS = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX-Long: " + b"x" * 500
LOOP = b"HTTP/1.1 307 Temporary Redirect\r\nLocation: /\r\nx-amz-bucket-region: us-east-1\r\nContent-Length: 0\r\n\r\n"
BUSY = b"HTTP/1.1 503 Slow Down\r\nContent-Length: 0\r\n\r\n"
UNRESPONSIVE: dict[str, Behaviour] = {
    "trickled headers": trickle(HEADERS),
    "trickled body": trickle(b" " * 500, OK % 500),
    "hangs": hang,
}


@pytest.mark.parametrize("name", UNRESPONSIVE)
def test_read_of_unresponsive_store_fails_within_budget(name: str) -> None:
    with Server(UNRESPONSIVE[name]) as server:
        bucket = Bucket("bucket-1", server.connection())
        with in_time(), pytest.raises(errors.UnreachableError) as caught:
            bucket.call("list_objects_v2", "list the objects of bucket-1", "s3:ListBucket")
    error = caught.value
    assert str(error).startswith(
        f"Could not list the objects of bucket-1: the S3 store at {server.url} did not complete ListObjectsV2 within "
        f"the time budget of 1 s. Check the network path to {server.url}"
    )
    assert (error.facts["api_operation"], error.facts["time_budget"]) == ("ListObjectsV2", BUDGET)
    assert "applied" not in error.hint
    assert not errors.is_definite_refusal(error)


@pytest.mark.parametrize("name", UNRESPONSIVE)
def test_write_to_unresponsive_store_counts_as_possibly_applied(name: str) -> None:
    with Server(UNRESPONSIVE[name]) as server:
        bucket = Bucket("bucket-1", server.connection())
        with in_time(), pytest.raises(errors.UnreachableError, match="The change may have been applied") as caught:
            bucket.call("delete_bucket_cors", "delete the CORS rules", "s3:PutBucketCORS")
    assert not errors.is_definite_refusal(caught.value)


@pytest.mark.parametrize("name", UNRESPONSIVE)
def test_iam_call_to_unresponsive_server_fails_within_budget(name: str) -> None:
    with Server(UNRESPONSIVE[name]) as server:
        iam = Iam(server.connection("iam"))
        with in_time(), pytest.raises(errors.UnreachableError, match=r"the IAM API at .* did not complete GetUser"):
            iam.call("get_user", "read the user", "iam:GetUser", UserName="u")
        with in_time(), pytest.raises(errors.UnreachableError, match="did not complete CreateAccessKey within"):
            iam.call("create_access_key", "create a key", "iam:CreateAccessKey", UserName="u")
    assert server.connections == 2


def test_read_of_small_object_that_trickles_its_body_fails_within_budget() -> None:
    with Server(trickle(b"{" * 500, OK % 500)) as server:
        connection = server.connection()
        state_file = ConditionalObject(connection, "b-1", "k", make_client(connection), "the state file")
        with in_time(), pytest.raises(errors.UnreachableError, match="did not complete GetObject within") as caught:
            state_file.read()
    assert caught.value.operation == "read the state file s3://b-1/k"


@pytest.mark.parametrize(("name", "head"), [("redirects in a loop", LOOP), ("is always busy", BUSY)])
def test_store_that_never_gives_a_result_fails_within_budget(name: str, head: bytes) -> None:
    with Server(respond(head)) as server:
        bucket = Bucket("bucket-1", server.connection())
        with in_time(), pytest.raises((errors.UnreachableError, errors.RejectedError)):
            bucket.call("list_objects_v2", "list", "s3:ListBucket")
    assert server.connections


def test_module_run_against_trickling_store_fails_within_budget() -> None:
    options = {"access_key": "AK", "secret_key": "operators-secret-key", "cors_rules": [], "tags": {"a": "b"}}
    with Server(trickle(HEADERS)) as server:
        params = {"name": "b-1", "state": "present", "endpoint_url": server.url, **options}
        with in_time(), pytest.raises(errors.UnreachableError, match="within the time budget of 1 s"):
            bucket_module.reconcile(params, Context())


def test_abandoned_call_sends_no_further_request(monkeypatch: pytest.MonkeyPatch) -> None:
    """Otherwise a retry could replace what a later run has written."""
    sleep = time.sleep
    monkeypatch.setattr("botocore.endpoint.time.sleep", lambda seconds: sleep(1.5 * BUDGET))
    with Server(respond(BUSY)) as server:
        bucket = Bucket("bucket-1", server.connection())
        with pytest.raises(errors.UnreachableError, match="DeleteBucketCors within"):
            bucket.call("delete_bucket_cors", "delete", "s3:PutBucketCORS")
        sent: list[bytes] = []
        server.behaviour = lambda client, stopping: sent.append(read_request(client))
        sleep(BUDGET)
    assert (server.connections, sent) == (1, [])


def test_call_without_retries_ends_before_its_lease(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time_budget, "CALL_SECONDS", 60.0)
    assert time_budget.budget(tries=1) < lease.WRITE_SECONDS
    assert time_budget.budget(tries=3) == 60.0


def test_abandoned_write_under_the_lock_is_not_sent_again() -> None:
    class FreeLock:
        def renew(self) -> None:
            """The lease never runs out."""

    with Server(hang) as server:
        locked = lock.LockedBucket(Bucket("bucket-1", server.connection()), t.cast("t.Any", FreeLock()))
        with in_time(), pytest.raises(errors.UnreachableError, match="within the time budget"):
            locked.call("delete_bucket_cors", "delete", "s3:PutBucketCORS")
    assert server.connections == 1


def test_large_upload_may_take_longer_than_the_budget() -> None:
    """It depends on the bandwidth; each block that is sent starts the budget again."""
    part = b"\0" * 32 * 1024 * 1024  # much more than the buffers of both sockets

    def read_slowly(client: socket.socket, stopping: threading.Event) -> None:
        head, _end, body = read_request(client).partition(b"\r\n\r\n")
        size = int(re.search(rb"(?i)content-length: (\d+)", head)[1])  # type: ignore[index]
        client.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        length = len(body)
        while length < size:
            received = len(client.recv(1024 * 1024))
            length += received
            stopping.wait(3 * BUDGET * received / size)
        client.sendall(b'HTTP/1.1 200 OK\r\nETag: "e"\r\nContent-Length: 0\r\n\r\n')

    with Server(read_slowly, receive_buffer=262144) as server:
        client, start = make_client(server.connection()), time.monotonic()
        assert client.upload_part(Bucket="b-1", Key="k", UploadId="u", PartNumber=1, Body=part)["ETag"] == '"e"'
    assert time.monotonic() - start > 1.5 * BUDGET


def test_large_upload_that_stalls_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    def read_nothing(client: socket.socket, stopping: threading.Event) -> None:
        read_request(client)
        client.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        stopping.wait(30)

    with Server(read_nothing, receive_buffer=4096) as server:
        connection = server.connection()
        client, body = make_client(connection), b"\0" * 16 * 1024 * 1024
        with (
            in_time(),
            pytest.raises(errors.UnreachableError, match="UploadPart within"),
            translate_errors("upload", connection),
        ):
            client.upload_part(Bucket="b-1", Key="k", UploadId="u", PartNumber=1, Body=body)


def test_responses_are_noted_for_the_caller_of_each_thread() -> None:
    """Calls run in worker threads; a listener still gets the responses to its own calls only."""
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nx-amz-bucket-region: eu-west-1\r\n\r\n"
    with Server(respond(head)) as server:
        client = make_client(server.connection())
        client.head_bucket(Bucket="b-1")
        with capture_responses() as outer:
            client.head_bucket(Bucket="b-1")
            with capture_responses() as inner:
                client.head_bucket(Bucket="b-1")
            other = threading.Thread(target=client.head_bucket, kwargs={"Bucket": "b-1"})
            other.start()
            other.join()
            client.head_bucket(Bucket="b-1")
    assert (outer, inner) == ([(200, "eu-west-1")] * 2, [(200, "eu-west-1")])


def test_call_ends_its_thread() -> None:
    with Server(respond(OK % 0)) as server:
        client = make_client(server.connection())
        client.head_bucket(Bucket="b-1")
        before = threading.active_count()
        for _number in range(20):
            client.head_bucket(Bucket="b-1")
        # The server starts threads too, one for each connection; the thread of the last call may not have ended.
        assert threading.active_count() <= before + server.connections + 1


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")
def test_calls_work_in_a_forked_process() -> None:
    """Ansible forks for each host and task. Threads do not survive that."""
    with Server(respond(OK % 0)) as server:
        make_client(server.connection()).head_bucket(Bucket="b-1")
        child = os.fork()
        if not child:
            try:
                make_client(server.connection()).head_bucket(Bucket="b-1")
                os._exit(0)
            finally:
                os._exit(1)
        with in_time():
            assert os.waitpid(child, 0)[1] == 0


MODULE = """
import io, json, sys
from ansible.module_utils import basic
from ansible_collections.vonage.archiving.plugins.module_utils._aws import time_budget
from ansible_collections.vonage.archiving.plugins.modules import s3_archive_bucket
time_budget.CALL_SECONDS = 1.0
basic._ANSIBLE_ARGS = json.dumps({"ANSIBLE_MODULE_ARGS": json.loads(sys.argv[1])}).encode()
basic._ANSIBLE_PROFILE = "legacy"
s3_archive_bucket.main()
"""


def test_module_process_exits_after_an_abandoned_call() -> None:
    options = {"access_key": "AK", "secret_key": "operators-secret-key", "cors_rules": [], "tags": {"a": "b"}}
    with Server(trickle(HEADERS)) as server:
        params = json.dumps({"name": "b-1", "endpoint_url": server.url, **options})
        with in_time(BUDGET + MARGIN + 10):
            done = subprocess.run(
                [sys.executable, "-c", MODULE, params],
                capture_output=True,
                text=True,
                timeout=60,
                check=False,
                env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            )
    assert done.returncode == 1, done.stderr
    result = json.loads(done.stdout)
    assert result["failed"]
    assert result["error"]["kind"] == "unreachable"
    assert result["error"]["time_budget"] == 1.0
    assert "operators-secret-key" not in done.stdout
