# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The bucket lock: one run at a time can write, and the lease of a killed run expires."""

from __future__ import annotations

import json
import typing as t
from dataclasses import dataclass
from itertools import islice

import pytest
from botocore.exceptions import ClientError
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule

from ansible_collections.vonage.archiving.plugins.module_utils._aws import bucket_lock as lock
from ansible_collections.vonage.archiving.plugins.module_utils._aws import lease
from ansible_collections.vonage.archiving.plugins.module_utils._aws.bucket_lock import LeaseLostError, Lock
from ansible_collections.vonage.archiving.plugins.module_utils._aws.conditional_object import (
    ConditionalObject,
    StoredObject,
)
from ansible_collections.vonage.archiving.plugins.module_utils._aws.lease import FREE, SECONDS, WRITE_SECONDS, Lease
from ansible_collections.vonage.archiving.plugins.module_utils._aws.s3_client import Bucket
from ansible_collections.vonage.archiving.plugins.module_utils._aws.session import Connection
from ansible_collections.vonage.archiving.plugins.module_utils._core import errors
from ansible_collections.vonage.archiving.plugins.module_utils._core.runtime import Runtime
from ansible_collections.vonage.archiving.tests.unit.plugins.module_utils.local_server import (
    LocalServer,
    ReceivedRequest,
    Reply,
)

OTHER_LEASE = Lease("other", "472", "2026-11-22T00:00:00Z", SECONDS)


class Time:
    """A clock that only sleeps and requests advance."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.slept: list[float] = []
        self.on_sleep: t.Callable[[], None] = lambda: None

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds
        self.on_sleep()

    def runtime(self, offset: float = 0.0) -> Runtime:
        """The runtime of one machine, whose clock may be set wrong."""
        return Runtime(lambda: self.now + offset, lambda: self.now, self.sleep, lambda: 1.0)


class Store:
    """One object with conditional writes, whose times are in whole seconds as in headers."""

    def __init__(self, time: Time) -> None:
        self.time = time
        self.stored = StoredObject(None)
        self.written = 0.0
        self.writes = 0
        self.has_age = True
        self.delay = 0.0
        self.before_write: t.Callable[[], None] = lambda: None

    def put(self, found: Lease) -> None:
        self.writes += 1
        self.stored = StoredObject(found.data(), f'"{self.writes}"')
        self.written = self.time.now

    def read(self) -> StoredObject:
        age = float(int(self.time.now) - int(self.written)) if self.has_age else None
        return StoredObject(self.stored.data, self.stored.version, age=age)

    def write(self, data: bytes, expected: StoredObject | None) -> StoredObject:
        self.before_write()
        self.time.now += self.delay
        if expected is None or expected.version != self.stored.version:
            raise errors.ConflictError("write", "another run has written it in between")
        self.put(lease.parse_lease(data))
        self.stored = StoredObject(data, self.stored.version)
        self.time.now += self.delay
        return self.stored

    @property
    def owner(self) -> str:
        return lease.parse_lease(self.stored.data).owner

    @property
    def project(self) -> str:
        return lease.parse_lease(self.stored.data).project


@dataclass
class Scene:
    time: Time
    store: Store

    def lock(self, project: str = "471", offset: float = 0.0) -> Lock:
        return Lock(self.store, "bucket b-1, which projects share", project, self.time.runtime(offset))


@pytest.fixture
def scene() -> Scene:
    time = Time()
    return Scene(time, Store(time))


def test_lock_acquire_renew_release(scene: Scene) -> None:
    run_lock = scene.lock()
    run_lock.acquire()
    found = json.loads(scene.store.stored.data or b"")
    assert (found["project"], found["seconds"], len(found["owner"])) == ("471", SECONDS, 36)
    assert (found["since"], found["until"]) == ("1970-01-01T00:16:40Z", "1970-01-01T00:17:25Z")
    run_lock.renew()
    assert scene.store.writes == 1
    run_lock.release()
    assert lease.parse_lease(scene.store.stored.data) == FREE
    scene.lock("472").acquire()
    assert scene.store.project == "472"
    assert scene.time.slept == []


def test_acquire_second_run_waits_until_the_first_releases(scene: Scene) -> None:
    first, second = scene.lock(), scene.lock("472")
    first.acquire()
    scene.time.on_sleep = lambda: first.release() if len(scene.time.slept) == 5 else None
    second.acquire()
    assert scene.store.project == "472"
    assert scene.time.slept == [0.05, 0.1, 0.2, 0.4, 0.8]


def test_pauses_grow_to_a_limit_with_jitter() -> None:
    longest = list(islice(lease.pauses(lambda: 1.0), 51))
    assert [longest[n] for n in (0, 5, 6, 50)] == [0.05, 1.6, 2.0, 2.0]
    assert list(islice(lease.pauses(lambda: 0.25), 51))[50] == 0.5


@pytest.mark.parametrize("has_age", [True, False])
@pytest.mark.parametrize("fraction", [0.0, 0.5, 0.9])
def test_acquire_other_lease_waits_until_it_expires(
    scene: Scene, has_age: bool, fraction: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lease, "LONGEST_PAUSE", 0.05)
    scene.time.now += fraction
    scene.store.put(OTHER_LEASE)
    scene.store.has_age = has_age
    begun = scene.time.now
    scene.lock().acquire()
    assert scene.store.project == "471"
    # Both times of the store are in whole seconds.
    assert SECONDS + lease.MARGIN - 1 < scene.time.now - begun < SECONDS + lease.MARGIN + 1
    assert lease.MARGIN >= 1


def test_acquire_old_lease_does_not_wait(scene: Scene) -> None:
    scene.store.put(OTHER_LEASE)
    scene.time.now += 3600
    scene.lock(offset=-86400).acquire()
    assert scene.time.slept == []


def test_acquire_renewed_lease_is_watched_from_its_renewal(scene: Scene) -> None:
    scene.store.has_age = False
    first = scene.lock("472")
    first.acquire()
    renewed: list[float] = []

    def work() -> None:
        if scene.time.now - 1000 < 100:
            writes = scene.store.writes
            first.renew()
            renewed.extend([scene.time.now] if scene.store.writes > writes else [])

    scene.time.on_sleep = work
    scene.lock().acquire()
    assert len(renewed) > 4
    assert scene.time.now - renewed[-1] >= SECONDS + lease.MARGIN


def test_acquire_at_the_deadline_raises_error_with_hint(scene: Scene) -> None:
    scene.store.put(OTHER_LEASE)
    scene.time.on_sleep = lambda: scene.store.put(Lease(str(scene.time.now), "472", "2026-11-22T00:00:00Z", SECONDS))
    with pytest.raises(errors.ConflictError) as caught:
        scene.lock().acquire()
    assert str(caught.value) == (
        "Could not write to bucket b-1, which projects share: runs of other projects owned the bucket lock for 180 "
        "s, most recently the run of project 472 since 2026-11-22T00:00:00Z. Run it again later, or run fewer changes "
        "of this bucket concurrently. The lease of a run that was killed expires after 45 s. The object "
        ".vonage-archiving/bucket.lock in the bucket names the owner of the lock."
    )
    assert lease.BUDGET <= scene.time.now - 1000 <= lease.BUDGET + 2 * lease.LONGEST_PAUSE
    assert lease.BUDGET > 2 * (SECONDS + lease.MARGIN)


def test_acquire_two_runs_read_free_lock_one_acquires_it(scene: Scene) -> None:
    second = scene.lock("472")

    def quicker() -> None:
        scene.store.before_write = lambda: None
        second.acquire()

    scene.store.before_write = quicker
    scene.time.on_sleep = second.release
    scene.lock().acquire()
    assert scene.store.project == "471"
    assert len(scene.time.slept) == 1


def test_renew_short_remaining_time_extends_the_lease(scene: Scene) -> None:
    run_lock = scene.lock()
    run_lock.acquire()
    first = scene.store.owner
    scene.time.now += SECONDS - WRITE_SECONDS
    run_lock.renew()
    assert scene.store.writes == 1
    scene.time.now += 0.1
    run_lock.renew()
    assert scene.store.writes == 2
    assert scene.store.owner != first
    run_lock.release()


def test_renew_and_release_after_expiry_raise_error(scene: Scene) -> None:
    run_lock = scene.lock()
    run_lock.acquire()
    scene.time.now += SECONDS + lease.MARGIN + 1
    scene.lock("472").acquire()
    for step in (run_lock.renew, run_lock.release):
        with pytest.raises(LeaseLostError, match="the lease of 45 s has expired, and another run"):
            step()
    assert scene.store.project == "472"


def test_clock_reading_left_uses_the_clock_that_advanced_more() -> None:
    began = lease.ClockReading(100.0, 5000.0)
    assert began.left(45.0, lease.ClockReading(101.0, 5040.0)) == 5.0
    assert began.left(45.0, lease.ClockReading(140.0, 5001.0)) == 5.0


def test_renew_too_slow_raises_error(scene: Scene) -> None:
    run_lock = scene.lock()
    run_lock.acquire()
    scene.time.now += SECONDS
    scene.store.delay = 10.0
    with pytest.raises(LeaseLostError):
        run_lock.renew()


@pytest.mark.parametrize(
    "data", [b"", b"{}", b"null", b"[1]", b"\xff", b'{"owner": "a", "project": "b", "seconds": "x"}']
)
def test_parse_lease_other_data_is_a_lease_of_an_unknown_run(scene: Scene, data: bytes) -> None:
    assert lease.parse_lease(data) == Lease("unknown", seconds=SECONDS)
    scene.store.put(FREE)
    scene.store.stored = StoredObject(data, scene.store.stored.version)
    scene.lock().acquire()
    assert scene.store.project == "471"
    assert scene.time.now - 1000 >= SECONDS


@pytest.mark.parametrize(("given", "found"), [(1e9, lease.MOST_SECONDS), (-5, 0.0)])
def test_parse_lease_seconds_are_limited(given: float, found: float) -> None:
    assert lease.parse_lease(Lease("a", "b", "c", given).data()).seconds == found


class LockMachine(RuleBasedStateMachine):
    """Runs on machines with different clocks and slow requests, which stop, continue, or are killed, in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.time = Time()
        self.store = Store(self.time)
        self.time.on_sleep = self.interrupt
        self.runs: dict[int, Lock] = {}
        self.may_write_until: dict[int, float] = {}

    @staticmethod
    def interrupt() -> None:
        raise TimeoutError

    @rule(
        run=st.integers(0, 2), offset=st.sampled_from([-86400.0, 0.0, 86400.0]), delay=st.sampled_from([0.0, 0.4, 7.0])
    )
    def acquire(self, run: int, offset: float, delay: float) -> None:
        if run in self.runs:
            return
        self.store.delay = delay
        mine = Lock(self.store, "b-1", str(run), self.time.runtime(offset))
        try:
            mine.acquire()
        except TimeoutError:
            return
        assert all(until <= self.store.written for until in self.may_write_until.values())
        self.runs[run] = mine

    @rule(run=st.integers(0, 2), delay=st.sampled_from([0.0, 0.4, 7.0]))
    def write(self, run: int, delay: float) -> None:
        self.store.delay = delay
        if run in self.runs:
            try:
                self.runs[run].renew()
            except LeaseLostError:
                del self.runs[run]
            else:
                assert self.store.project == str(run)
                self.may_write_until[run] = self.time.now + WRITE_SECONDS

    @rule(run=st.integers(0, 2))
    def release(self, run: int) -> None:
        self.store.delay = 0.0
        if run in self.runs:
            # A run that releases the lock has no write in progress.
            self.may_write_until.pop(run, None)
            try:
                self.runs.pop(run).release()
            except LeaseLostError:
                return

    @rule(run=st.integers(0, 2))
    def kill(self, run: int) -> None:
        self.runs.pop(run, None)

    @rule(seconds=st.sampled_from([0.3, 1.0, 14.0, 16.0, 44.0, 48.0]))
    def wait(self, seconds: float) -> None:
        self.time.now += seconds


LockMachine.TestCase.settings = settings(max_examples=150, stateful_step_count=25, deadline=None)
TestLockMachine = LockMachine.TestCase


def error(status: int, code: str) -> Reply:
    return Reply(status, f"<Error><Code>{code}</Code><Message>no</Message></Error>".encode())


class Shared:
    """A store over HTTP with conditional writes as in AWS; ``peculiar`` can respond first."""

    def __init__(self, server: LocalServer) -> None:
        self.server = server
        server.respond = self.respond
        self.data: bytes | None = None
        self.peculiar: t.Callable[[ReceivedRequest], Reply | None] = lambda request: None
        self.warnings: list[str] = []
        connection = Connection(endpoint_url=server.url, access_key="AK", secret_key="operators-secret")
        self.bucket = Bucket("b-1", connection, Runtime(sleep=lambda seconds: None))

    def respond(self, request: ReceivedRequest, before: int) -> Reply:
        return self.peculiar(request) or (self.put(request) if request.method == "PUT" else self.get())

    @property
    def etag(self) -> str:
        return f'"{hash(self.data)}"'

    def get(self) -> Reply:
        return error(404, "NoSuchKey") if self.data is None else Reply(200, self.data, {"ETag": self.etag})

    def put(self, request: ReceivedRequest) -> Reply:
        meets = request.headers.get("if-match", self.etag) == self.etag
        if not meets or (self.data is not None and "if-none-match" in request.headers):
            return error(412, "PreconditionFailed")
        self.data = request.body
        return Reply(200, b"", {"ETag": self.etag})

    def work(self, work: t.Callable[[Bucket], None]) -> None:
        lock.with_bucket_lock(self.bucket, "471", work, self.warnings.append)

    @property
    def project(self) -> str:
        return lease.parse_lease(self.data).project


@pytest.fixture
def shared(monkeypatch: pytest.MonkeyPatch) -> t.Iterator[Shared]:
    monkeypatch.setattr("botocore.endpoint.time.sleep", lambda seconds: None)
    with LocalServer(lambda request, before: error(404, "NoSuchKey")) as server:
        yield Shared(server)


def test_with_bucket_lock_runs_work_with_the_lock(shared: Shared) -> None:
    shared.work(lambda bucket: None if shared.project == "471" else pytest.fail("no lock"))
    assert lease.parse_lease(shared.data) == FREE
    assert shared.warnings == []


def test_with_bucket_lock_lost_response_is_not_a_conflict(shared: Shared) -> None:
    """The client repeats the write, whose condition fails because of its first attempt."""
    lost: list[str] = []

    def lose(request: ReceivedRequest) -> Reply | None:
        if request.method == "PUT" and request.body.decode() not in lost:
            lost.append(request.body.decode())
            assert shared.put(request).status == 200
            return error(500, "InternalError")
        return None

    shared.peculiar = lose
    done: list[str] = []
    shared.work(lambda bucket: done.append(shared.project))
    assert (done, len(lost)) == (["471"], 2)
    assert lease.parse_lease(shared.data) == FREE


@pytest.mark.parametrize(("status", "code"), [(412, "PreconditionFailed"), (409, "ConditionalRequestConflict")])
def test_with_bucket_lock_conflict_is_retried(shared: Shared, status: int, code: str) -> None:
    refusals = [error(status, code)] * 2
    shared.peculiar = lambda request: refusals.pop() if request.method == "PUT" and refusals else None
    done: list[str] = []
    shared.work(lambda bucket: done.append(shared.project))
    assert (done, refusals) == (["471"], [])


def test_with_bucket_lock_condition_refused_without_reason_writes_unconditionally(shared: Shared) -> None:
    """SeaweedFS responds in this way where versioning was suspended."""
    shared.work(lambda bucket: None)
    shared.peculiar = lambda request: error(412, "PreconditionFailed") if "if-match" in request.headers else None
    done: list[str] = []
    shared.work(lambda bucket: done.append(shared.project))
    assert (done, shared.warnings) == (["471"], [])
    assert lease.parse_lease(shared.data) == FREE


def test_write_to_aws_always_has_a_condition() -> None:
    """It responds with 400 to a slow request, or to expired credentials."""
    request: list[dict[str, t.Any]] = []

    class Client:
        def put_object(self, **params: t.Any) -> t.NoReturn:
            request.append(params)
            response = {"Error": {"Code": "RequestTimeout"}, "ResponseMetadata": {"HTTPStatusCode": 400}}
            raise ClientError(response, "PutObject")

    aws = ConditionalObject(Connection(region="eu-west-1"), "b-1", "k", Client())
    with pytest.raises(errors.UnreachableError):
        aws.write(b"one", StoredObject(None))
    assert [params.get("IfNoneMatch") for params in request] == ["*"]


def test_release_never_writes_the_same_data_twice(shared: Shared) -> None:
    """Otherwise, a waiting run could not detect that another run had the lock between two reads."""
    found = set()
    for _unused in range(2):
        shared.work(lambda bucket: None)
        found.add(shared.data)
    assert len(found) == 2


@pytest.mark.parametrize("method", ["GET", "PUT"])
def test_with_bucket_lock_without_permission_warns_and_continues(shared: Shared, method: str) -> None:
    shared.peculiar = lambda request: error(403, "AccessDenied") if request.method == method else None
    done: list[Bucket] = []
    shared.work(done.append)
    assert done == [shared.bucket]
    assert shared.warnings == [
        "Bucket b-1 is shared, and its bucket lock cannot be used: the S3 store at "
        f"{shared.server.url} responded with AccessDenied: no. Concurrent changes of another project may be lost. "
        "These credentials need the permissions s3:GetObject and s3:PutObject on b-1/.vonage-archiving/*."
    ]


def test_with_bucket_lock_wrong_credentials_are_an_error(shared: Shared) -> None:
    shared.peculiar = lambda request: error(403, "InvalidAccessKeyId")
    with pytest.raises(errors.DeniedError, match="The access key is unknown to this store"):
        shared.work(lambda bucket: pytest.fail("nothing may be done"))


def test_with_bucket_lock_failed_work_releases_the_lock(shared: Shared) -> None:
    def fail(bucket: Bucket) -> None:
        raise errors.RejectedError("write", "no")

    with pytest.raises(errors.RejectedError):
        shared.work(fail)
    assert lease.parse_lease(shared.data) == FREE


@pytest.mark.parametrize(("status", "project"), [(503, ""), (None, "471")])
def test_with_bucket_lock_write_without_response_keeps_the_lock(
    shared: Shared, status: int | None, project: str
) -> None:
    def fail(bucket: Bucket) -> None:
        raise errors.UnreachableError("write", "no response", status=status)

    with pytest.raises(errors.UnreachableError):
        shared.work(fail)
    assert shared.project == project


def test_with_bucket_lock_lost_lease_runs_work_again(shared: Shared) -> None:
    done: list[bytes | None] = []

    def slow(bucket: Bucket) -> None:
        done.append(shared.data)
        if len(done) < 3:
            # Another run acquired the lock, and released it.
            shared.data = Lease("", "472").data()

    shared.work(slow)
    assert len(done) == 3
    assert lease.parse_lease(shared.data) == FREE


def test_with_bucket_lock_lease_lost_repeatedly_is_an_error(shared: Shared) -> None:
    with pytest.raises(LeaseLostError):
        shared.work(lambda bucket: setattr(shared, "data", Lease("", "472").data()))


def test_locked_bucket_renews_the_lease_before_each_attempt(shared: Shared, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []
    monkeypatch.setattr(Lock, "renew", lambda lock: calls.append("renew"))

    def peculiar(request: ReceivedRequest) -> Reply | None:
        if request.path.endswith("?tagging"):
            calls.append(request.method)
            return error(503, "SlowDown")
        return None

    shared.peculiar = peculiar

    def write(bucket: Bucket) -> None:
        bucket.call("delete_bucket_tagging", "write", "s3:PutBucketTagging")

    with pytest.raises(errors.UnreachableError):
        shared.work(write)
    assert calls == ["renew", "DELETE"] * 3
    # There was a response: no write is in progress.
    assert lease.parse_lease(shared.data) == FREE


def test_with_bucket_lock_failed_release_warns(shared: Shared) -> None:
    def peculiar(request: ReceivedRequest) -> Reply | None:
        released = request.method == "PUT" and not lease.parse_lease(request.body).owner
        return error(503, "SlowDown") if released else None

    shared.peculiar = peculiar
    shared.work(lambda bucket: None)
    assert len(shared.warnings) == 1
    assert "Runs of other projects wait until the lease of the lock of bucket b-1 expires" in shared.warnings[0]
