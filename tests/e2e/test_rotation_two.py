# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Test two concurrent rotations of a project: no key that the target may contain is deleted, and one run succeeds."""

from __future__ import annotations

import contextlib
import itertools
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from ansible_collections.vonage.archiving.plugins.module_utils._core import errors
from tests.e2e.rotation_environment import RotationEnvironment, iam_action, new_rotation_environment
from tests.sandbox import ProxiedRequest, Sandbox

# A run that waits for the other one.
LONG_TIMEOUT: dict[str, Any] = {"timeout": 20, "total_timeout": 20, "verify": "never"}
Matches = Callable[[ProxiedRequest], bool]


@pytest.fixture
def rotation(e2e_sandbox: Sandbox) -> Iterator[RotationEnvironment]:
    """A project that has its first key."""
    with new_rotation_environment(e2e_sandbox) as rotation:
        rotation.run(verify="never")
        yield rotation


def outcome_of(rotation: RotationEnvironment, **options: Any) -> str:
    """Run the use case, and return the outcome: "conflict" only if the message contains the next step."""
    try:
        return "done" if rotation.run(**options).changed else "unchanged"
    except errors.ConflictError as error:
        has_next_step = "another run" in str(error) and "again" in str(error)
        return "conflict" if has_next_step else str(error)


def call_before_request(rotation: RotationEnvironment, matches: Matches, function: Callable[[], object]) -> None:
    """Call a function before the first matching request of a run is sent."""
    lock = threading.Lock()

    def before(n: int, request: ProxiedRequest) -> None:
        if matches(request) and lock.acquire(blocking=False):
            function()

    rotation.s3.before = rotation.api.before = before


def is_state_file_write(request: ProxiedRequest) -> bool:
    return request.method == "PUT" and "/.vonage-archiving/" in request.path


def is_target_request(request: ProxiedRequest) -> bool:
    return request.path.endswith("/archive/storage")


def assert_target_works(rotation: RotationEnvironment) -> None:
    """Assert that the key in the target exists and works."""
    assert rotation.statuses().get(rotation.target_key_id) == "Active"
    rotation.record_archive()


def test_rotate_two_runs_with_the_same_state_file_one_conflicts(rotation: RotationEnvironment) -> None:
    """Both runs read the same state file before they write it."""
    barrier = threading.Barrier(2)

    def meet(n: int, request: ProxiedRequest) -> None:
        if is_state_file_write(request) and not barrier.broken:
            # The first two requests meet. Then the barrier is released for all others.
            with contextlib.suppress(threading.BrokenBarrierError):
                barrier.wait(20)
            barrier.abort()

    rotation.clear_request_log()
    rotation.s3.before = meet
    with ThreadPoolExecutor(2) as pool:
        futures = [pool.submit(outcome_of, rotation, rotate=True, verify="never") for _unused in range(2)]
        assert sorted(future.result() for future in futures) == ["conflict", "done"]
    assert_target_works(rotation)
    assert [request.method for request in rotation.api.requests] == ["GET", "GET", "PUT"]
    rotation.assert_repaired()


@pytest.mark.parametrize("verify", ["never", "new_key"])
def test_rotate_replaced_before_its_request_conflicts(rotation: RotationEnvironment, verify: str) -> None:
    """The second run finds a key that no target can contain, and replaces the first run."""

    def has_a_key(request: ProxiedRequest) -> bool:
        # During the verification; without one, when the state file is set to pending.
        if verify == "new_key":
            return "archive.mp4" in request.path
        return is_state_file_write(request) and len(rotation.statuses()) == 2

    outcomes: list[str] = []
    call_before_request(rotation, has_a_key, lambda: outcomes.append(outcome_of(rotation, rotate=True, verify="never")))
    assert outcome_of(rotation, rotate=True, verify=verify, verify_timeout=1) == "conflict"
    assert outcomes == ["done"]
    rotation.assert_configured()
    rotation.assert_repaired()


@pytest.mark.parametrize(
    ("duration", "clock"), [("not long", 0), ("not long", 61), ("not long", -400), ("too long", 0)]
)
def test_reconcile_during_request_of_another_run_waits_or_conflicts(
    rotation: RotationEnvironment, duration: str, clock: float
) -> None:
    """The second run waits for the end of the request and changes nothing, or its message states when to run it
    again.

    :param clock: seconds that the clock of the second run is ahead.
    """
    outcomes: list[str] = []
    options: dict[str, Any] = {**(LONG_TIMEOUT if duration == "not long" else {"verify": "never"}), "later": clock}
    thread = threading.Thread(target=lambda: outcomes.append(outcome_of(rotation, **options)))

    def start() -> None:
        thread.start()
        thread.join(1)

    call_before_request(rotation, is_target_request, start)
    assert outcome_of(rotation, rotate=True, **LONG_TIMEOUT) == "done"
    thread.join(30)
    # If the clock is minutes behind, the time in the state file is in the future. The run sets the target again.
    expected = "done" if clock < 0 else "unchanged" if duration == "not long" else "conflict"
    assert outcomes == [expected]
    assert_target_works(rotation)
    rotation.assert_repaired()


def test_rotate_late_run_with_another_bucket_conflicts(rotation: RotationEnvironment) -> None:
    """The losing run has not changed the policy of the key of the other run."""
    other_bucket = f"{rotation.bucket}-2"
    rotation.client.create_bucket(Bucket=other_bucket)
    options: dict[str, Any] = {**LONG_TIMEOUT, "s3": {**rotation.params["s3"], "bucket": other_bucket}}
    outcomes: list[str] = []
    is_waiting, may_continue = threading.Event(), threading.Event()

    def is_policy_or_state_file_write(request: ProxiedRequest) -> bool:
        return is_state_file_write(request) or iam_action(request).get("Action") == "PutUserPolicy"

    def wait() -> None:
        is_waiting.set()
        may_continue.wait(20)

    call_before_request(rotation, is_policy_or_state_file_write, wait)
    late_run = threading.Thread(target=lambda: outcomes.append(outcome_of(rotation, rotate=True, verify="never")))
    late_run.start()
    assert is_waiting.wait(20)

    def finish_late_run() -> None:
        may_continue.set()
        late_run.join(20)

    call_before_request(rotation, is_target_request, finish_late_run)
    assert outcome_of(rotation, **options) == "done"
    assert outcomes == ["conflict"]
    assert rotation.target()["config"]["bucket"] == other_bucket
    assert_target_works(rotation)
    rotation.assert_repaired(s3=options["s3"])
    rotation.store.empty_and_delete(other_bucket)


def test_rotate_suspended_run_does_not_send_its_request(rotation: RotationEnvironment) -> None:
    """A run that was suspended for longer than the time limit of its request detects this."""
    key, before = rotation.target_key_id, rotation.state_file_text()
    announcements: list[bool] = []

    def is_announcement(request: ProxiedRequest) -> bool:
        return is_state_file_write(request) and b'"bucket"' in request.body

    call_before_request(rotation, is_announcement, lambda: announcements.append(True))
    rotation.clock = lambda: time.time() + 60 * len(announcements)
    with pytest.raises(errors.UnreachableError, match="longer than the time limit of the call"):
        rotation.run(rotate=True, verify="never")
    assert (rotation.target_key_id, rotation.state_file_text()) == (key, before)
    rotation.clock = time.time
    rotation.assert_configured()
    rotation.assert_repaired()


@pytest.mark.slow
@pytest.mark.parametrize("second", [{}, {"rotate": True}], ids=["nothing to do", "forced"])
def test_rotate_other_run_before_every_request_keeps_target_working(
    rotation: RotationEnvironment, second: dict[str, Any]
) -> None:
    """Before each request of a rotation, another run starts and ends."""
    # Both users exist from here on.
    rotation.run(rotate=True, verify="never")
    rotation.clear_request_log()
    rotation.run(rotate=True, verify="never")
    count = len(rotation.described_requests)
    assert count > 12
    # Options of the second run do not affect this. Every third request is sufficient.
    for point in range(1, count + 1, 1 if second else 3):
        rotation.clear_request_log()
        outcomes = run_within(rotation, point, second)
        assert outcomes.count("conflict") <= 1, (point, outcomes)
        assert len(outcomes) == 2
        assert_target_works(rotation)
        rotation.run(verify="never")
        rotation.assert_configured()
    rotation.assert_idempotent()


def at_request(point: int) -> Matches:
    """Return whether a request has this number."""
    numbers = itertools.count(1)
    lock = threading.Lock()

    def matches(_request: ProxiedRequest) -> bool:
        with lock:
            return next(numbers) == point

    return matches


def run_within(rotation: RotationEnvironment, point: int, second: dict[str, Any]) -> list[str]:
    """Run the use case within another run, before the request with this number, and return both outcomes."""
    outcomes: list[str] = []

    def run_second() -> None:
        outcomes.append(outcome_of(rotation, verify="never", **second))
        assert_target_works(rotation)

    call_before_request(rotation, at_request(point), run_second)
    outcomes.append(outcome_of(rotation, rotate=True, **LONG_TIMEOUT))
    rotation.s3.before = rotation.api.before = None
    return outcomes


@pytest.fixture(params=["seaweedfs", "moto-iam"])
def rotation_on_iam(request: pytest.FixtureRequest, e2e_sandbox: Sandbox) -> Iterator[RotationEnvironment]:
    """A project that has its first key, on IAM servers that return creation dates and that do not."""
    if request.param == "seaweedfs":
        with new_rotation_environment(e2e_sandbox) as rotation:
            rotation.run(verify="never")
            yield rotation
    else:
        with Sandbox(stores=("moto-iam",)) as sandbox, new_rotation_environment(sandbox) as rotation:
            rotation.run(verify="never")
            yield rotation


VERIFY: dict[str, Any] = {"verify": "only", "timeout": 20, "total_timeout": 20}
OTHER_RUNS: dict[str, dict[str, Any]] = {
    "configure": {"verify": "never"},
    "rotate": {"verify": "never", "rotate": True, "grace_period": 3600, "delete_after": 3600},
    "verify": {"verify": "only"},
}


@pytest.mark.slow
@pytest.mark.parametrize("other_run", OTHER_RUNS)
def test_verify_other_run_before_every_request_succeeds(rotation_on_iam: RotationEnvironment, other_run: str) -> None:
    """The temporary key of a verification does not cause a rotation, and no other run deletes it."""
    rotation_on_iam.clear_request_log()
    rotation_on_iam.run(**VERIFY)
    count = len(rotation_on_iam.described_requests)
    assert count > 20
    for point in range(1, count + 1, 1 if other_run == "configure" else 4):
        _delete_old_keys(rotation_on_iam)
        before = rotation_on_iam.target_key_id
        outcomes = run_before_request(
            rotation_on_iam, point, lambda: outcome_of(rotation_on_iam, **OTHER_RUNS[other_run])
        )
        assert rotation_on_iam.run(**VERIFY).result["verification"].startswith("uploads with "), (other_run, point)
        rotation_on_iam.s3.before = rotation_on_iam.api.before = None
        assert outcomes == ["done" if other_run == "rotate" else "unchanged"], (other_run, point)
        assert (rotation_on_iam.target_key_id == before) == (other_run != "rotate")
        assert_target_works(rotation_on_iam)


@pytest.mark.slow
@pytest.mark.parametrize("other_run", ["configure", "rotate"])
def test_reconcile_verification_before_every_request_succeeds(
    rotation_on_iam: RotationEnvironment, other_run: str
) -> None:
    options = {**OTHER_RUNS[other_run], "timeout": 20, "total_timeout": 20}
    # Both users exist from here on.
    rotation_on_iam.run(verify="never", rotate=True)
    _delete_old_keys(rotation_on_iam)
    rotation_on_iam.run(**options)
    count = len(rotation_on_iam.described_requests)
    for point in range(1, count + 1):
        _delete_old_keys(rotation_on_iam)
        outcomes = run_before_request(
            rotation_on_iam, point, lambda: str(rotation_on_iam.run(**VERIFY).result["verification"])
        )
        assert outcome_of(rotation_on_iam, **options) == ("done" if other_run == "rotate" else "unchanged"), point
        rotation_on_iam.s3.before = rotation_on_iam.api.before = None
        assert len(outcomes) == 1
        assert outcomes[0].startswith("uploads with "), point
        assert_target_works(rotation_on_iam)


def run_before_request(rotation: RotationEnvironment, point: int, run_other: Callable[[], str]) -> list[str]:
    """Run another use case before the request with this number. The list receives its outcome."""
    outcomes: list[str] = []
    call_before_request(rotation, at_request(point), lambda: outcomes.append(run_other()))
    return outcomes


def _delete_old_keys(rotation: RotationEnvironment) -> None:
    """Delete all keys except the current one, as after the grace period."""
    rotation.s3.before = rotation.api.before = None
    rotation.run(verify="never", later=7300)
    assert list(rotation.statuses()) == [rotation.target_key_id]
    rotation.clear_request_log()
