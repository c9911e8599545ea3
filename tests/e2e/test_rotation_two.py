# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two rotations of one project at the same time: no key that the target may hold goes, and one run sees to it all."""

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
from tests.e2e.rotation_site import RotationSite, iam_action, rotation_site
from tests.sandbox import ProxiedRequest, Sandbox

# For a run that is held up by the other one.
PATIENT: dict[str, Any] = {"timeout": 20, "total_timeout": 20, "verify": "never"}
Matches = Callable[[ProxiedRequest], bool]


@pytest.fixture
def rotation(e2e_sandbox: Sandbox) -> Iterator[RotationSite]:
    """A project that has its first key."""
    with rotation_site(e2e_sandbox) as site:
        site.run(verify="never")
        yield site


def attempt(site: RotationSite, **options: Any) -> str:
    """Rotate; return what came of it, which is "conflict" only if the message says what to do."""
    try:
        return "done" if site.run(**options).changed else "unchanged"
    except errors.ConflictError as error:
        told = "another run" in str(error) and "again" in str(error)
        return "conflict" if told else str(error)


def meanwhile(site: RotationSite, matches: Matches, deed: Callable[[], object]) -> None:
    """Do something while a run waits with its first request that matches, before that is sent on."""
    once = threading.Lock()

    def before(n: int, request: ProxiedRequest) -> None:
        if matches(request) and once.acquire(blocking=False):
            deed()

    site.s3.before = site.api.before = before


def is_record(request: ProxiedRequest) -> bool:
    return request.method == "PUT" and "/.vonage-archiving/" in request.path


def is_call(request: ProxiedRequest) -> bool:
    return request.path.endswith("/archive/storage")


def works(site: RotationSite) -> None:
    """The key that the target holds is there and works."""
    assert site.statuses().get(site.held) == "Active"
    site.archive_arrives()


def test_both_before_the_claim(rotation: RotationSite) -> None:
    """Both have seen the same record when they write theirs."""
    met = threading.Barrier(2)

    def meet(n: int, request: ProxiedRequest) -> None:
        if is_record(request) and not met.broken:
            # The first two meet; the one that is quicker to go on spares all others.
            with contextlib.suppress(threading.BrokenBarrierError):
                met.wait(20)
            met.abort()

    rotation.forget()
    rotation.s3.before = meet
    with ThreadPoolExecutor(2) as pool:
        both = [pool.submit(attempt, rotation, rotate=True, verify="never") for _unused in range(2)]
        assert sorted(each.result() for each in both) == ["conflict", "done"]
    works(rotation)
    assert len(rotation.api.requests) == 1
    rotation.in_order()


@pytest.mark.parametrize("verify", ["never", "new_key"])
def test_taken_over_before_its_call(rotation: RotationSite, verify: str) -> None:
    """The second run finds a key that no target can hold, and takes the place of the first."""

    def has_a_key(request: ProxiedRequest) -> bool:
        # In the middle of the proof; without one, when the record is to say that the API is going to be called.
        if verify == "new_key":
            return "archive.mp4" in request.path
        return is_record(request) and len(rotation.statuses()) == 2

    came: list[str] = []
    meanwhile(rotation, has_a_key, lambda: came.append(attempt(rotation, rotate=True, verify="never")))
    assert attempt(rotation, rotate=True, verify=verify, verify_timeout=1) == "conflict"
    assert came == ["done"]
    rotation.settled()
    rotation.in_order()


@pytest.mark.parametrize(("lasts", "clock"), [("not long", 0), ("not long", 61), ("not long", -400), ("too long", 0)])
def test_the_call_is_under_way(rotation: RotationSite, lasts: str, clock: float) -> None:
    """The second run waits for the end of it, and then has nothing to do; or the message says when to run it again.

    :param clock: seconds that the clock of the second run is ahead.
    """
    came: list[str] = []
    options: dict[str, Any] = {**(PATIENT if lasts == "not long" else {"verify": "never"}), "later": clock}
    thread = threading.Thread(target=lambda: came.append(attempt(rotation, **options)))

    def start() -> None:
        thread.start()
        thread.join(1)

    meanwhile(rotation, is_call, start)
    assert attempt(rotation, rotate=True, **PATIENT) == "done"
    thread.join(30)
    # To a clock that is behind by minutes, a state file of the future proves nothing: the run sets the target again.
    expected = "done" if clock < 0 else "unchanged" if lasts == "not long" else "conflict"
    assert came == [expected]
    works(rotation)
    rotation.in_order()


def test_the_one_that_is_late_has_another_bucket(rotation: RotationSite) -> None:
    """Whoever loses has not changed what the key of the other is allowed."""
    other = f"{rotation.bucket}-2"
    rotation.client.create_bucket(Bucket=other)
    moved: dict[str, Any] = {**PATIENT, "s3": {**rotation.params["s3"], "bucket": other}}
    came: list[str] = []
    observed, goes = threading.Event(), threading.Event()

    def held_up(request: ProxiedRequest) -> bool:
        return is_record(request) or iam_action(request).get("Action") == "PutUserPolicy"

    def wait() -> None:
        observed.set()
        goes.wait(20)

    meanwhile(rotation, held_up, wait)
    late = threading.Thread(target=lambda: came.append(attempt(rotation, rotate=True, verify="never")))
    late.start()
    assert observed.wait(20)

    def let_go() -> None:
        goes.set()
        late.join(20)

    meanwhile(rotation, is_call, let_go)
    assert attempt(rotation, **moved) == "done"
    assert came == ["conflict"]
    assert rotation.target()["config"]["bucket"] == other
    works(rotation)
    rotation.in_order(s3=moved["s3"])
    rotation.store.empty_and_delete(other)


def test_a_zombie_does_not_call(rotation: RotationSite) -> None:
    """A run that was stopped for longer than its call may take finds that out by itself."""
    held, before = rotation.held, rotation.record_text()
    announced: list[bool] = []

    def announces(request: ProxiedRequest) -> bool:
        return is_record(request) and b'"bucket"' in request.body

    meanwhile(rotation, announces, lambda: announced.append(True))
    rotation.clock = lambda: time.time() + 60 * len(announced)
    with pytest.raises(errors.UnreachableError, match="longer than the time limit of the call"):
        rotation.run(rotate=True, verify="never")
    assert (rotation.held, rotation.record_text()) == (held, before)
    rotation.clock = time.time
    rotation.settled()
    rotation.in_order()


@pytest.mark.slow
@pytest.mark.parametrize("second", [{}, {"rotate": True}], ids=["nothing to do", "forced"])
def test_a_whole_run_within_another_at_every_request(rotation: RotationSite, second: dict[str, Any]) -> None:
    """Before each request of a rotation, another run comes and goes."""
    # Both users exist from here on.
    rotation.run(rotate=True, verify="never")
    rotation.forget()
    rotation.run(rotate=True, verify="never")
    count = len(rotation.sent)
    assert count > 12
    # Whether the second run has a wish of its own matters little: every third request will do.
    for point in range(1, count + 1, 1 if second else 3):
        rotation.forget()
        came = within(rotation, point, second)
        assert came.count("conflict") <= 1, (point, came)
        assert len(came) == 2
        works(rotation)
        rotation.run(verify="never")
        rotation.settled()
    rotation.steady()


def at_request(point: int) -> Matches:
    """Whether this is the request of that number."""
    numbers = itertools.count(1)
    lock = threading.Lock()

    def matches(_request: ProxiedRequest) -> bool:
        with lock:
            return next(numbers) == point

    return matches


def within(site: RotationSite, point: int, second: dict[str, Any]) -> list[str]:
    """Run one in another, before its request of that number; return what came of both."""
    came: list[str] = []

    def run_second() -> None:
        came.append(attempt(site, verify="never", **second))
        works(site)

    meanwhile(site, at_request(point), run_second)
    came.append(attempt(site, rotate=True, **PATIENT))
    site.s3.before = site.api.before = None
    return came


@pytest.fixture(params=["seaweedfs", "moto-iam"])
def verified(request: pytest.FixtureRequest, e2e_sandbox: Sandbox) -> Iterator[RotationSite]:
    """A project that has its first key, on IAM servers that return creation dates and that do not."""
    if request.param == "seaweedfs":
        with rotation_site(e2e_sandbox) as site:
            site.run(verify="never")
            yield site
    else:
        with Sandbox(stores=("moto-iam",)) as sandbox, rotation_site(sandbox) as site:
            site.run(verify="never")
            yield site


VERIFY: dict[str, Any] = {"verify": "only", "timeout": 20, "total_timeout": 20}
OTHERS: dict[str, dict[str, Any]] = {
    "configure": {"verify": "never"},
    "rotate": {"verify": "never", "rotate": True, "grace_period": 3600, "delete_after": 3600},
    "verify": {"verify": "only"},
}


@pytest.mark.slow
@pytest.mark.parametrize("other", OTHERS)
def test_verify_with_another_run_at_every_request(verified: RotationSite, other: str) -> None:
    """The key of a verification is no reason to rotate, and no other run deletes it."""
    verified.forget()
    verified.run(**VERIFY)
    count = len(verified.sent)
    assert count > 20
    for point in range(1, count + 1, 1 if other == "configure" else 4):
        _settle(verified)
        before = verified.held
        came = start_at(verified, point, lambda: attempt(verified, **OTHERS[other]))
        assert verified.run(**VERIFY).result["verification"].startswith("uploads with "), (other, point)
        verified.s3.before = verified.api.before = None
        assert came == ["done" if other == "rotate" else "unchanged"], (other, point)
        assert (verified.held == before) == (other != "rotate")
        works(verified)


@pytest.mark.slow
@pytest.mark.parametrize("other", ["configure", "rotate"])
def test_another_run_with_verify_at_every_request(verified: RotationSite, other: str) -> None:
    options = {**OTHERS[other], "timeout": 20, "total_timeout": 20}
    # Both users exist from here on.
    verified.run(verify="never", rotate=True)
    _settle(verified)
    verified.run(**options)
    count = len(verified.sent)
    for point in range(1, count + 1):
        _settle(verified)
        came = start_at(verified, point, lambda: str(verified.run(**VERIFY).result["verification"]))
        assert attempt(verified, **options) == ("done" if other == "rotate" else "unchanged"), point
        verified.s3.before = verified.api.before = None
        assert len(came) == 1
        assert came[0].startswith("uploads with "), point
        works(verified)


def start_at(site: RotationSite, point: int, run_other: Callable[[], str]) -> list[str]:
    """Have another run come and go before the request of that number; the list gets what came of it."""
    came: list[str] = []
    meanwhile(site, at_request(point), lambda: came.append(run_other()))
    return came


def _settle(site: RotationSite) -> None:
    """One key only, as after the grace period."""
    site.s3.before = site.api.before = None
    site.run(verify="never", later=7300)
    assert list(site.statuses()) == [site.held]
    site.forget()
