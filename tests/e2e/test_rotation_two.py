# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two rotations of one project at the same time: no key that the target may hold goes, and one run sees to it all."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from ansible_collections.vonage.archiving.plugins.module_utils import _errors as errors
from tests.e2e.rotation_site import RotationSite, iam_action, rotation_site
from tests.sandbox import ProxiedRequest, Sandbox

PATIENT = {"timeout": 20, "total_timeout": 20, "proof": "none"}


@pytest.fixture
def rotation(e2e_sandbox: Sandbox) -> Iterator[RotationSite]:
    with rotation_site(e2e_sandbox) as site:
        yield site


def attempt(site: RotationSite, **options: Any) -> str:
    """Rotate; return what came of it."""
    try:
        return "done" if site.run(**options).changed else "unchanged"
    except errors.ConflictError as error:
        assert "another run" in str(error)
        assert "again" in str(error)
        return "conflict"


def meanwhile(site: RotationSite, matches: Callable[[ProxiedRequest], bool], deed: Callable[[], None]) -> None:
    """Do something while a run waits with its first request that matches, before that is sent on."""
    once = threading.Lock()

    def before(n: int, request: ProxiedRequest) -> None:
        if matches(request) and once.acquire(blocking=False):
            deed()

    site.s3.before = site.api.before = before


def is_call(action: str) -> Callable[[ProxiedRequest], bool]:
    return lambda request: iam_action(request).get("Action") == action


def works(site: RotationSite) -> None:
    """The key that the target holds is there and works."""
    assert site.keys().get(site.held) == "Active"
    site.archive_arrives()


def in_order(site: RotationSite) -> None:
    """The next run brings everything in order, and the one after it has nothing to do."""
    site.s3.before = site.api.before = None
    site.run(proof="none")
    site.settled()
    site.steady(proof="none")


def test_both_before_the_claim(rotation: RotationSite) -> None:
    """Both have seen the same record when they write theirs."""
    rotation.run(proof="none")
    met = threading.Barrier(2)

    def meet(n: int, request: ProxiedRequest) -> None:
        if request.method == "PUT" and request.path.endswith(rotation.record_key) and not met.broken:
            met.wait(20)
            met.abort()

    rotation.s3.before = meet
    with ThreadPoolExecutor(2) as pool:
        both = [pool.submit(attempt, rotation, rotate=True, proof="none") for _unused in range(2)]
        assert sorted(each.result() for each in both) == ["conflict", "done"]
    works(rotation)
    assert [call["method"] for call in rotation.emulator.log() if rotation.key in call["path"]].count("PUT") == 2
    in_order(rotation)


@pytest.mark.parametrize("proof", ["none", "new"])
def test_taken_over_before_its_call(rotation: RotationSite, proof: str) -> None:
    """The second run finds a key that no target can hold, and takes the place of the first."""
    rotation.run(proof="none")
    came: list[str] = []

    def second() -> None:
        came.append(attempt(rotation, rotate=True, proof="none"))

    # With a proof: in the middle of it. Without: before the record says that the API is going to be called.
    matches: Callable[[ProxiedRequest], bool] = lambda request: bool(  # noqa: E731
        "archive.mp4" in request.path if proof == "new" else len(rotation.keys()) == 2 and is_record(request)
    )
    is_record = lambda request: request.method == "PUT" and request.path.endswith(rotation.record_key)  # noqa: E731
    meanwhile(rotation, matches, second)
    assert attempt(rotation, rotate=True, proof=proof) == "conflict"
    assert came == ["done"]
    rotation.settled()
    in_order(rotation)


def test_the_call_is_under_way(rotation: RotationSite) -> None:
    """The second run waits for the end of it, and then has nothing to do."""
    rotation.run(proof="none")
    came: list[str] = []
    thread = threading.Thread(target=lambda: came.append(attempt(rotation, **PATIENT)))
    meanwhile(
        rotation,
        lambda request: request.path.endswith("/archive/storage"),
        lambda: (thread.start(), thread.join(1)) and None,
    )
    assert attempt(rotation, rotate=True, **PATIENT) == "done"
    thread.join(30)
    assert came in (["unchanged"], ["done"])
    works(rotation)
    in_order(rotation)


def test_other_bucket_at_the_same_time(rotation: RotationSite) -> None:
    """Whoever loses has not narrowed what the key of the other is allowed."""
    rotation.run(proof="none")
    other = f"{rotation.bucket}-2"
    rotation.client.create_bucket(Bucket=other)
    moved = {"s3": {**rotation.params["s3"], "bucket": other}, "proof": "none"}
    came: list[str] = []
    # The second run has observed before the first began, and writes after the first has claimed the record.
    waits, goes = threading.Event(), threading.Event()
    seen: list[str] = []

    def before(n: int, request: ProxiedRequest) -> None:
        if threading.current_thread().name.startswith("none"):
            return
        if iam_action(request).get("Action") == "PutUserPolicy" or (
            request.method == "PUT" and request.path.endswith(rotation.record_key)
        ):
            if not seen:
                seen.append("second")
                waits.set()
                goes.wait(20)

    rotation.s3.before = before
    thread = threading.Thread(target=lambda: came.append(attempt(rotation, rotate=True, proof="none")))
    thread.start()
    waits.wait(20)
    meanwhile(
        rotation,
        lambda request: request.path.endswith("/archive/storage"),
        lambda: (goes.set(), thread.join(20)) and None,
    )
    first = attempt(rotation, **{**PATIENT, **moved})
    thread.join(20)
    assert sorted([first, *came]) == ["conflict", "done"]
    works(rotation)
    rotation.s3.before = rotation.api.before = None
    rotation.run(**moved)
    rotation.settled()
    rotation.steady(**moved)
    rotation.store.empty_and_delete(other)


def requests_of_a_rotation(site: RotationSite, **options: Any) -> int:
    site.forget()
    site.run(**options)
    return len(site.sent)


@pytest.mark.slow
@pytest.mark.parametrize("second", [{}, {"rotate": True}], ids=["nothing to do", "forced"])
def test_a_whole_run_within_another_at_every_request(rotation: RotationSite, second: dict[str, Any]) -> None:
    """Before each request of a rotation, another run comes and goes."""
    rotation.run(proof="none")
    count = requests_of_a_rotation(rotation, rotate=True, proof="none")
    assert count > 12
    for point in range(1, count + 1):
        came: list[str] = []
        numbers = iter(range(1, 1000))
        lock = threading.Lock()

        def at_point(_request: ProxiedRequest, point: int = point) -> bool:
            with lock:
                return next(numbers) == point

        def run_second() -> None:
            came.append(attempt(rotation, proof="none", **second))
            works(rotation)

        meanwhile(rotation, at_point, run_second)
        came.append(attempt(rotation, rotate=True, **PATIENT))
        assert came.count("conflict") <= 1, (point, came)
        assert len(came) == 2
        works(rotation)
        in_order(rotation)
