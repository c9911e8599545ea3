# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One time limit for all steps, and a verification of uploads that keeps it at a store that is slow or hangs."""

from __future__ import annotations

import functools
import io
import threading
import time
import typing as t

import pytest
from botocore.exceptions import ClientError

from ansible_collections.vonage.archiving.plugins.module_utils._aws.session import Connection
from ansible_collections.vonage.archiving.plugins.module_utils._core.deadline import Deadline, Patience
from ansible_collections.vonage.archiving.plugins.module_utils._core.errors import UnreachableError
from ansible_collections.vonage.archiving.plugins.module_utils._core.plan import Context
from ansible_collections.vonage.archiving.plugins.module_utils._upload_check import cleanup as upload_cleanup
from ansible_collections.vonage.archiving.plugins.module_utils._upload_check import reconcile as upload_check
from ansible_collections.vonage.archiving.plugins.module_utils._upload_check.params import Settings
from ansible_collections.vonage.archiving.tests.unit.plugins.module_utils.local_server import Asked, LocalServer, Reply

# How much faster than the real one the injected clock is.
SPEED = 300.0
# What a request takes at most that botocore sends three times and nobody answers, in seconds.
SLOWEST_REQUEST = 75.0
WHOLE_VERIFICATION = 480.0


@pytest.fixture(autouse=True)
def no_thread_stays() -> t.Iterator[None]:
    """Wait for abandoned threads, which would disturb other tests."""
    before = set(threading.enumerate())
    yield
    for thread in set(threading.enumerate()) - before:
        thread.join(20)


def now() -> float:
    return time.monotonic() * SPEED


def fast(seconds: float) -> Deadline:
    return Deadline(seconds, now, lambda pause: time.sleep(pause / SPEED), lambda event, left: event.wait(left / SPEED))


def test_run_returns_the_results_of_tasks_that_end_in_time() -> None:
    hang = threading.Event()
    tasks: list[t.Callable[[], str]] = [lambda: "a", lambda: str(hang.wait(60)), lambda: "c"]
    started = time.monotonic()
    assert Deadline(0.2).run(tasks) == {0: "a", 2: "c"}
    assert time.monotonic() - started < 5
    hang.set()


def test_run_with_few_workers_runs_every_task_and_starts_none_after_the_deadline() -> None:
    numbers = [functools.partial(int, number) for number in range(20)]
    assert Deadline(10).run(numbers, workers=3) == {number: number for number in range(20)}
    ran: list[int] = []

    def task() -> None:
        ran.append(1)
        time.sleep(0.3)

    assert len(Deadline(0.4).run([task] * 20, workers=1)) < 3
    time.sleep(0.4)
    assert len(ran) < 4


def test_run_raises_the_error_of_a_task() -> None:
    def wrong() -> None:
        raise KeyError("a bug")

    with pytest.raises(KeyError, match="a bug"):
        Deadline(5).run([lambda: None, wrong])


def test_run_without_tasks_or_after_the_deadline_runs_nothing() -> None:
    assert Deadline(5).run([]) == {}
    assert Deadline(0).run([lambda: 1]) == {}


def test_patience_attempts_nothing_after_the_deadline() -> None:
    patience = Patience(100, deadline=Deadline(0))
    assert list(patience.pauses()) == []
    with pytest.raises(UnreachableError, match="the time limit of the verification was reached"):
        patience.call(lambda: pytest.fail("attempted"), lambda _error: True)


class SlowClient:
    """A client whose every request takes as long as possible, and then succeeds.

    :param denied: whether every request but the first upload is denied.
    """

    def __init__(self, denied: bool) -> None:
        self.denied = denied
        self.calls: list[str] = []
        self.meta = type("Meta", (), {"region_name": "us-east-1"})

    def __getattr__(self, operation: str) -> t.Any:
        return lambda **_params: self._slow(operation)

    def get_paginator(self, operation: str) -> t.Any:
        return type("Pages", (), {"paginate": lambda _self, **_params: iter([self._slow(operation)])})()

    def _slow(self, operation: str) -> dict[str, t.Any]:
        self.calls.append(operation)
        time.sleep(SLOWEST_REQUEST / SPEED)
        if self.denied and operation != "put_object":
            error: t.Any = {"Error": {"Code": "AccessDenied"}, "ResponseMetadata": {"HTTPStatusCode": 403}}
            raise ClientError(error, operation)
        return {"UploadId": "u", "ETag": "e", "Body": io.BytesIO()}


@pytest.mark.parametrize("denied", [False, True], ids=["slow", "slow and denied"])
def test_probe_every_request_slow_ends_within_the_limit(denied: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    client = SlowClient(denied)
    monkeypatch.setattr(upload_check, "make_client", lambda *_args, **_kwargs: client)
    nowhere = Connection(endpoint_url="http://127.0.0.1:9")
    settings = Settings("b", "4567", True, nowhere, nowhere, expect_least_privilege=True, timeout=300)
    started = now()
    checks, cleaned = upload_check.probe(settings, client, "us-east-1", fast(upload_check.PROBE_SECONDS))
    # A busy machine may be late by some tenths of a second, which the injected clock makes longer.
    assert now() - started < WHOLE_VERIFICATION + 0.3 * SPEED
    assert [check for check in checks if not check.ok]
    # The clean-up runs after the deadline of the probes, is limited itself, and lists what it could not delete.
    assert "delete_object" in client.calls
    assert bool(cleaned["left"]) == (not cleaned["ok"])
    assert cleaned["left"] or not denied


def test_probe_limits_add_up_to_less_than_a_whole_verification() -> None:
    limits = upload_check.PROBE_SECONDS + upload_cleanup.LIST_SECONDS + upload_cleanup.DELETE_SECONDS
    assert limits < WHOLE_VERIFICATION


def test_reconcile_store_that_hangs_after_the_upload_ends_and_reports_what_is_left(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(upload_check, "PROBE_SECONDS", 1.0)
    monkeypatch.setattr(upload_cleanup, "LIST_SECONDS", 0.3)
    monkeypatch.setattr(upload_cleanup, "DELETE_SECONDS", 0.3)

    def answer(asked: Asked, _count: int) -> Reply:
        if asked.method == "PUT" and asked.path.endswith("archive.mp4"):
            return Reply(200, b"", {"ETag": '"e"'})
        return Reply(fault="hang")

    s3 = {"bucket": "b-1", "access_key": "AKIAQQQQQQQQQQQQQQQQ", "secret_key": "s" * 40, "sse": "none"}
    warnings: list[str] = []
    with LocalServer(answer) as server:
        operator = {"access_key": "o", "secret_key": "o" * 40}
        options = {"s3": {**s3, "endpoint": server.url}, "prefix": "45678901", **operator}
        started = time.monotonic()
        outcome = upload_check.reconcile({**options, "multipart": False}, Context(warn=warnings.append))
        assert time.monotonic() - started < 8
    checks = {check["name"]: check for check in outcome.result["checks"]}
    assert [name for name, check in checks.items() if not check["ok"]] == ["stored_encryption", "anonymous_list"]
    assert "Not finished within 1 seconds" in checks["anonymous_list"]["detail"]
    (left,) = outcome.result["cleanup"]["left"]
    assert left.endswith("archive.mp4")
    assert "The store did not delete them within" in outcome.result["cleanup"]["detail"]
    assert warnings
