# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The time limits of an upload check with a store that is slow or does not respond."""

from __future__ import annotations

import io
import threading
import time
import typing as t

import pytest
from botocore.exceptions import ClientError

from ansible_collections.vonage.archiving.plugins.module_utils._aws.session import Connection
from ansible_collections.vonage.archiving.plugins.module_utils._core.plan import Context
from ansible_collections.vonage.archiving.plugins.module_utils._core.retry import Deadline
from ansible_collections.vonage.archiving.plugins.module_utils._core.runtime import Runtime
from ansible_collections.vonage.archiving.plugins.module_utils._upload_check import cleanup, verify
from ansible_collections.vonage.archiving.plugins.module_utils._upload_check.params import UploadCheckParams
from ansible_collections.vonage.archiving.plugins.module_utils._upload_check.reconcile import reconcile
from ansible_collections.vonage.archiving.tests.unit.plugins.module_utils.local_server import (
    LocalServer,
    ReceivedRequest,
    Reply,
)

# The factor by which the clock of the test is faster than a real one.
SPEED = 300.0
# Seconds until botocore abandons a request without a response, after three attempts.
SLOWEST_REQUEST = 75.0
LONGEST_VERIFICATION = 480.0


@pytest.fixture(autouse=True)
def no_thread_stays() -> t.Iterator[None]:
    """Wait for abandoned threads, which would disturb other tests."""
    before = set(threading.enumerate())
    yield
    for thread in set(threading.enumerate()) - before:
        thread.join(20)


def now() -> float:
    return time.monotonic() * SPEED


def fast_runtime() -> Runtime:
    start = time.time()
    return Runtime(
        now=lambda: start,
        monotonic=now,
        sleep=lambda seconds: time.sleep(seconds / SPEED),
        wait=lambda event, seconds: event.wait(seconds / SPEED),
    )


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
def test_verify_with_probes_slow_requests_ends_within_the_limit(denied: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    client = SlowClient(denied)
    monkeypatch.setattr(verify, "make_client", lambda *_args, **_kwargs: client)
    nowhere = Connection(endpoint_url="http://127.0.0.1:9")
    settings = UploadCheckParams("b", "4567", True, nowhere, nowhere, expect_least_privilege=True, timeout=300)
    start = now()
    deadline = Deadline(verify.PROBE_SECONDS, fast_runtime())
    checks, result = verify.verify_with_probes(settings, client, "us-east-1", deadline)
    # A busy machine may be late by some tenths of a second; the clock of the test multiplies them.
    assert now() - start < LONGEST_VERIFICATION + 0.3 * SPEED
    assert [check for check in checks if not check.ok]
    # The cleanup runs after the deadline of the probes, has its own limits, and lists the remaining objects.
    assert "delete_object" in client.calls
    assert bool(result["left"]) == (not result["ok"])
    assert result["left"] or not denied


def test_time_limits_add_up_to_less_than_a_verification() -> None:
    limits = verify.PROBE_SECONDS + cleanup.LIST_SECONDS + cleanup.DELETE_SECONDS
    assert limits < LONGEST_VERIFICATION


def test_reconcile_no_response_after_the_upload_ends_and_reports_remaining_objects(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(verify, "PROBE_SECONDS", 1.0)
    monkeypatch.setattr(cleanup, "LIST_SECONDS", 0.3)
    monkeypatch.setattr(cleanup, "DELETE_SECONDS", 0.3)

    def respond(request: ReceivedRequest, _count: int) -> Reply:
        if request.method == "PUT" and request.path.endswith("archive.mp4"):
            return Reply(200, b"", {"ETag": '"e"'})
        return Reply(fault="hang")

    s3 = {"bucket": "b-1", "access_key": "AKIAQQQQQQQQQQQQQQQQ", "secret_key": "s" * 40, "sse": "none"}
    warnings: list[str] = []
    with LocalServer(respond) as server:
        operator = {"access_key": "o", "secret_key": "o" * 40}
        options = {"s3": {**s3, "endpoint": server.url}, "prefix": "45678901", **operator}
        start = time.monotonic()
        outcome = reconcile({**options, "multipart": False}, Context(warn=warnings.append))
        assert time.monotonic() - start < 8
    checks = {check["name"]: check for check in outcome.result["checks"]}
    assert [name for name, check in checks.items() if not check["ok"]] == ["stored_encryption", "anonymous_list"]
    assert "Not finished within 1 seconds" in checks["anonymous_list"]["detail"]
    (url,) = outcome.result["cleanup"]["left"]
    assert url.endswith("archive.mp4")
    assert "The store did not delete them within" in outcome.result["cleanup"]["detail"]
    assert warnings
