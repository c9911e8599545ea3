# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Turns at a shared bucket: nobody writes while another may, and whoever was killed is waited for only so long."""

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
from ansible_collections.vonage.archiving.tests.unit.plugins.module_utils.local_server import Asked, LocalServer, Reply

THEIRS = Lease("other", "472", "2026-11-22T00:00:00Z", SECONDS)


class Time:
    """It passes only where somebody sleeps or a request takes some."""

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
        self.held = StoredObject(None)
        self.written = 0.0
        self.writes = 0
        self.tells_age = True
        self.takes = 0.0
        self.before_write: t.Callable[[], None] = lambda: None

    def put(self, found: Lease) -> None:
        self.writes += 1
        self.held = StoredObject(found.data(), f'"{self.writes}"')
        self.written = self.time.now

    def read(self) -> StoredObject:
        age = float(int(self.time.now) - int(self.written)) if self.tells_age else None
        return StoredObject(self.held.data, self.held.version, age=age)

    def write(self, data: bytes, expected: StoredObject | None) -> StoredObject:
        self.before_write()
        self.time.now += self.takes
        if expected is None or expected.version != self.held.version:
            raise errors.ConflictError("write", "another run has written it in between")
        self.put(lease.parse_lease(data))
        self.held = StoredObject(data, self.held.version)
        self.time.now += self.takes
        return self.held

    @property
    def owner(self) -> str:
        return lease.parse_lease(self.held.data).owner

    @property
    def project(self) -> str:
        return lease.parse_lease(self.held.data).project


@dataclass
class Here:
    time: Time
    store: Store

    def lock(self, project: str = "471", offset: float = 0.0) -> Lock:
        return Lock(self.store, "bucket b-1, which projects share", project, self.time.runtime(offset))


@pytest.fixture
def here() -> Here:
    time = Time()
    return Here(time, Store(time))


def test_a_turn(here: Here) -> None:
    turn = here.lock()
    turn.acquire()
    found = json.loads(here.store.held.data or b"")
    assert (found["project"], found["seconds"], len(found["owner"])) == ("471", SECONDS, 36)
    assert (found["since"], found["until"]) == ("1970-01-01T00:16:40Z", "1970-01-01T00:17:25Z")
    turn.renew()
    assert here.store.writes == 1
    turn.release()
    assert lease.parse_lease(here.store.held.data) == FREE
    here.lock("472").acquire()
    assert here.store.project == "472"
    assert here.time.slept == []


def test_who_comes_second_waits_until_the_first_has_ended(here: Here) -> None:
    first, second = here.lock(), here.lock("472")
    first.acquire()
    here.time.on_sleep = lambda: first.release() if len(here.time.slept) == 5 else None
    second.acquire()
    assert here.store.project == "472"
    assert here.time.slept == [0.05, 0.1, 0.2, 0.4, 0.8]


def test_pauses_grow_to_a_limit_and_are_any_part_of_it() -> None:
    longest = list(islice(lease.pauses(lambda: 1.0), 51))
    assert [longest[n] for n in (0, 5, 6, 50)] == [0.05, 1.6, 2.0, 2.0]
    assert list(islice(lease.pauses(lambda: 0.25), 51))[50] == 0.5


@pytest.mark.parametrize("tells_age", [True, False])
@pytest.mark.parametrize("fraction", [0.0, 0.5, 0.9])
def test_a_lease_that_has_run_out_is_taken_over_and_not_before(
    here: Here, tells_age: bool, fraction: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lease, "LONGEST_PAUSE", 0.05)
    here.time.now += fraction
    here.store.put(THEIRS)
    here.store.tells_age = tells_age
    begun = here.time.now
    here.lock().acquire()
    assert here.store.project == "471"
    # Both of the store's times are cut to whole seconds.
    assert SECONDS + lease.MARGIN - 1 < here.time.now - begun < SECONDS + lease.MARGIN + 1
    assert lease.MARGIN >= 1


def test_what_was_left_long_ago_is_taken_at_once(here: Here) -> None:
    here.store.put(THEIRS)
    here.time.now += 3600
    here.lock(offset=-86400).acquire()
    assert here.time.slept == []


def test_a_lease_is_watched_anew_when_it_is_renewed(here: Here) -> None:
    here.store.tells_age = False
    first = here.lock("472")
    first.acquire()
    renewed: list[float] = []

    def work() -> None:
        if here.time.now - 1000 < 100:
            writes = here.store.writes
            first.renew()
            renewed.extend([here.time.now] if here.store.writes > writes else [])

    here.time.on_sleep = work
    here.lock().acquire()
    assert len(renewed) > 4
    assert here.time.now - renewed[-1] >= SECONDS + lease.MARGIN


def test_the_wait_has_an_end_that_says_what_to_do(here: Here) -> None:
    here.store.put(THEIRS)
    here.time.on_sleep = lambda: here.store.put(Lease(str(here.time.now), "472", "2026-11-22T00:00:00Z", SECONDS))
    with pytest.raises(errors.ConflictError) as caught:
        here.lock().acquire()
    assert str(caught.value) == (
        "Could not write to bucket b-1, which projects share: runs of other projects held the bucket lock for 180 "
        "s, most recently the run of project 472 since 2026-11-22T00:00:00Z. Run it again later, or run fewer changes "
        "of this bucket concurrently. The lease of a run that was killed expires after 45 s. The object "
        ".vonage-archiving/bucket.lock in the bucket names the owner of the lock."
    )
    assert lease.BUDGET <= here.time.now - 1000 <= lease.BUDGET + 2 * lease.LONGEST_PAUSE
    assert lease.BUDGET > 2 * (SECONDS + lease.MARGIN)


def test_of_two_who_see_it_free_one_gets_it(here: Here) -> None:
    second = here.lock("472")

    def quicker() -> None:
        here.store.before_write = lambda: None
        second.acquire()

    here.store.before_write = quicker
    here.time.on_sleep = second.release
    here.lock().acquire()
    assert here.store.project == "471"
    assert len(here.time.slept) == 1


def test_a_lease_is_made_longer_before_a_write_that_it_does_not_cover(here: Here) -> None:
    turn = here.lock()
    turn.acquire()
    first = here.store.owner
    here.time.now += SECONDS - WRITE_SECONDS
    turn.renew()
    assert here.store.writes == 1
    here.time.now += 0.1
    turn.renew()
    assert here.store.writes == 2
    assert here.store.owner != first
    turn.release()


def test_who_slept_through_the_lease_writes_no_more(here: Here) -> None:
    turn = here.lock()
    turn.acquire()
    here.time.now += SECONDS + lease.MARGIN + 1
    here.lock("472").acquire()
    for step in (turn.renew, turn.release):
        with pytest.raises(LeaseLostError, match="the lease of 45 s has expired, and another run"):
            step()
    assert here.store.project == "472"


def test_a_machine_that_slept_is_noticed_by_the_other_clock() -> None:
    began = lease.ClockReading(100.0, 5000.0)
    assert began.left(45.0, lease.ClockReading(101.0, 5040.0)) == 5.0
    assert began.left(45.0, lease.ClockReading(140.0, 5001.0)) == 5.0


def test_a_renewal_that_takes_too_long_is_none(here: Here) -> None:
    turn = here.lock()
    turn.acquire()
    here.time.now += SECONDS
    here.store.takes = 10.0
    with pytest.raises(LeaseLostError):
        turn.renew()


@pytest.mark.parametrize(
    "data", [b"", b"{}", b"null", b"[1]", b"\xff", b'{"owner": "a", "project": "b", "seconds": "x"}']
)
def test_what_is_no_lease_counts_as_somebodys(here: Here, data: bytes) -> None:
    assert lease.parse_lease(data) == Lease("unknown", seconds=SECONDS)
    here.store.put(FREE)
    here.store.held = StoredObject(data, here.store.held.version)
    here.lock().acquire()
    assert here.store.project == "471"
    assert here.time.now - 1000 >= SECONDS


@pytest.mark.parametrize(("given", "found"), [(1e9, lease.MOST_SECONDS), (-5, 0.0)])
def test_nobody_can_keep_others_out_for_ever(given: float, found: float) -> None:
    assert lease.parse_lease(Lease("a", "b", "c", given).data()).seconds == found


class Taking(RuleBasedStateMachine):
    """Runs on machines whose clocks differ, with requests that take time, stop, go on, or are killed, in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.time = Time()
        self.store = Store(self.time)
        self.time.on_sleep = self.give_way
        self.runs: dict[int, Lock] = {}
        self.may_write_until: dict[int, float] = {}

    @staticmethod
    def give_way() -> None:
        raise TimeoutError

    @rule(
        run=st.integers(0, 2), offset=st.sampled_from([-86400.0, 0.0, 86400.0]), takes=st.sampled_from([0.0, 0.4, 7.0])
    )
    def look(self, run: int, offset: float, takes: float) -> None:
        if run in self.runs:
            return
        self.store.takes = takes
        mine = Lock(self.store, "b-1", str(run), self.time.runtime(offset))
        try:
            mine.acquire()
        except TimeoutError:
            return
        assert all(until <= self.store.written for until in self.may_write_until.values())
        self.runs[run] = mine

    @rule(run=st.integers(0, 2), takes=st.sampled_from([0.0, 0.4, 7.0]))
    def write(self, run: int, takes: float) -> None:
        self.store.takes = takes
        if run in self.runs:
            try:
                self.runs[run].renew()
            except LeaseLostError:
                del self.runs[run]
            else:
                assert self.store.project == str(run)
                self.may_write_until[run] = self.time.now + WRITE_SECONDS

    @rule(run=st.integers(0, 2))
    def end(self, run: int) -> None:
        self.store.takes = 0.0
        if run in self.runs:
            # Whoever ends has no write under way any more.
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


Taking.TestCase.settings = settings(max_examples=150, stateful_step_count=25, deadline=None)
TestTaking = Taking.TestCase


def error(status: int, code: str) -> Reply:
    return Reply(status, f"<Error><Code>{code}</Code><Message>no</Message></Error>".encode())


class Shared:
    """A store over HTTP: the lock as AWS would keep it; ``peculiar`` may answer first."""

    def __init__(self, server: LocalServer) -> None:
        self.server = server
        server.answer = self.answer
        self.data: bytes | None = None
        self.peculiar: t.Callable[[Asked], Reply | None] = lambda asked: None
        self.warnings: list[str] = []
        connection = Connection(endpoint_url=server.url, access_key="AK", secret_key="operators-secret")
        self.bucket = Bucket("b-1", connection, Runtime(sleep=lambda seconds: None))

    def answer(self, asked: Asked, before: int) -> Reply:
        return self.peculiar(asked) or (self.put(asked) if asked.method == "PUT" else self.get())

    @property
    def etag(self) -> str:
        return f'"{hash(self.data)}"'

    def get(self) -> Reply:
        return error(404, "NoSuchKey") if self.data is None else Reply(200, self.data, {"ETag": self.etag})

    def put(self, asked: Asked) -> Reply:
        meets = asked.headers.get("if-match", self.etag) == self.etag
        if not meets or (self.data is not None and "if-none-match" in asked.headers):
            return error(412, "PreconditionFailed")
        self.data = asked.body
        return Reply(200, b"", {"ETag": self.etag})

    def work(self, work: t.Callable[[Bucket], None]) -> None:
        lock.with_bucket_lock(self.bucket, "471", work, self.warnings.append)

    @property
    def project(self) -> str:
        return lease.parse_lease(self.data).project


@pytest.fixture
def shared(monkeypatch: pytest.MonkeyPatch) -> t.Iterator[Shared]:
    monkeypatch.setattr("botocore.endpoint.time.sleep", lambda seconds: None)
    with LocalServer(lambda asked, before: error(404, "NoSuchKey")) as server:
        yield Shared(server)


def test_work_is_done_while_the_lock_is_held(shared: Shared) -> None:
    shared.work(lambda bucket: None if shared.project == "471" else pytest.fail("no turn"))
    assert lease.parse_lease(shared.data) == FREE
    assert shared.warnings == []


def test_an_answer_that_was_lost_is_no_loss(shared: Shared) -> None:
    """The client sends the write again, and it meets itself."""
    lost: list[str] = []

    def lose(asked: Asked) -> Reply | None:
        if asked.method == "PUT" and asked.body.decode() not in lost:
            lost.append(asked.body.decode())
            assert shared.put(asked).status == 200
            return error(500, "InternalError")
        return None

    shared.peculiar = lose
    done: list[str] = []
    shared.work(lambda bucket: done.append(shared.project))
    assert (done, len(lost)) == (["471"], 2)
    assert lease.parse_lease(shared.data) == FREE


@pytest.mark.parametrize(("status", "code"), [(412, "PreconditionFailed"), (409, "ConditionalRequestConflict")])
def test_a_conflict_is_waited_out(shared: Shared, status: int, code: str) -> None:
    refusals = [error(status, code)] * 2
    shared.peculiar = lambda asked: refusals.pop() if asked.method == "PUT" and refusals else None
    done: list[str] = []
    shared.work(lambda bucket: done.append(shared.project))
    assert (done, refusals) == (["471"], [])


def test_a_condition_that_is_refused_although_it_holds(shared: Shared) -> None:
    """SeaweedFS does so where versioning was suspended: nobody would ever get the turn again."""
    shared.work(lambda bucket: None)
    shared.peculiar = lambda asked: error(412, "PreconditionFailed") if "if-match" in asked.headers else None
    done: list[str] = []
    shared.work(lambda bucket: done.append(shared.project))
    assert (done, shared.warnings) == (["471"], [])
    assert lease.parse_lease(shared.data) == FREE


def test_aws_is_never_written_to_without_a_condition() -> None:
    """It answers 400 to what came too slowly, or with credentials that have expired."""
    asked: list[dict[str, t.Any]] = []

    class Client:
        def put_object(self, **params: t.Any) -> t.NoReturn:
            asked.append(params)
            answer = {"Error": {"Code": "RequestTimeout"}, "ResponseMetadata": {"HTTPStatusCode": 400}}
            raise ClientError(answer, "PutObject")

    aws = ConditionalObject(Connection(region="eu-west-1"), "b-1", "k", Client())
    with pytest.raises(errors.UnreachableError):
        aws.write(b"one", StoredObject(None))
    assert [params.get("IfNoneMatch") for params in asked] == ["*"]


def test_it_is_not_free_twice_in_the_same_words(shared: Shared) -> None:
    """Else somebody's whole turn could lie between a look and the next without a trace."""
    found = set()
    for _unused in range(2):
        shared.work(lambda bucket: None)
        found.add(shared.data)
    assert len(found) == 2


@pytest.mark.parametrize("method", ["GET", "PUT"])
def test_without_permission_it_goes_on_and_says_which(shared: Shared, method: str) -> None:
    shared.peculiar = lambda asked: error(403, "AccessDenied") if asked.method == method else None
    done: list[Bucket] = []
    shared.work(done.append)
    assert done == [shared.bucket]
    assert shared.warnings == [
        "Bucket b-1 is shared, and its bucket lock cannot be used: the S3 store at "
        f"{shared.server.url} answered AccessDenied: no. Concurrent changes of another project may be lost. "
        "These credentials need the permissions s3:GetObject and s3:PutObject on b-1/.vonage-archiving/*."
    ]


def test_wrong_credentials_are_told(shared: Shared) -> None:
    shared.peculiar = lambda asked: error(403, "InvalidAccessKeyId")
    with pytest.raises(errors.DeniedError, match="The access key is unknown to this store"):
        shared.work(lambda bucket: pytest.fail("nothing may be done"))


def test_work_that_fails_ends_the_turn(shared: Shared) -> None:
    def fail(bucket: Bucket) -> None:
        raise errors.RejectedError("write", "no")

    with pytest.raises(errors.RejectedError):
        shared.work(fail)
    assert lease.parse_lease(shared.data) == FREE


@pytest.mark.parametrize(("status", "project"), [(503, ""), (None, "471")])
def test_a_write_that_may_yet_take_effect_keeps_the_turn(shared: Shared, status: int | None, project: str) -> None:
    def fail(bucket: Bucket) -> None:
        raise errors.UnreachableError("write", "no answer", status=status)

    with pytest.raises(errors.UnreachableError):
        shared.work(fail)
    assert shared.project == project


def test_work_is_done_again_where_the_turn_was_lost_meanwhile(shared: Shared) -> None:
    done: list[bytes | None] = []

    def slow(bucket: Bucket) -> None:
        done.append(shared.data)
        if len(done) < 3:
            # Somebody took over, and has ended.
            shared.data = Lease("", "472").data()

    shared.work(slow)
    assert len(done) == 3
    assert lease.parse_lease(shared.data) == FREE


def test_a_turn_that_is_lost_again_and_again_is_told(shared: Shared) -> None:
    with pytest.raises(LeaseLostError):
        shared.work(lambda bucket: setattr(shared, "data", Lease("", "472").data()))


def test_a_write_is_sent_once_for_each_look_at_the_lease(shared: Shared, monkeypatch: pytest.MonkeyPatch) -> None:
    held: list[str] = []
    monkeypatch.setattr(Lock, "renew", lambda lock: held.append("renew"))

    def peculiar(asked: Asked) -> Reply | None:
        if asked.path.endswith("?tagging"):
            held.append(asked.method)
            return error(503, "SlowDown")
        return None

    shared.peculiar = peculiar

    def write(bucket: Bucket) -> None:
        bucket.call("delete_bucket_tagging", "write", "s3:PutBucketTagging")

    with pytest.raises(errors.UnreachableError):
        shared.work(write)
    assert held == ["renew", "DELETE"] * 3
    # An answer came: nothing is under way any more.
    assert lease.parse_lease(shared.data) == FREE


def test_an_end_that_cannot_be_told_is_no_failure(shared: Shared) -> None:
    def peculiar(asked: Asked) -> Reply | None:
        released = asked.method == "PUT" and not lease.parse_lease(asked.body).owner
        return error(503, "SlowDown") if released else None

    shared.peculiar = peculiar
    shared.work(lambda bucket: None)
    assert len(shared.warnings) == 1
    assert "Runs of other projects wait until the lease of the lock of bucket b-1 expires" in shared.warnings[0]
