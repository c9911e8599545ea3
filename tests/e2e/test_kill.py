# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A run is killed before and after every request it sends; the next one repairs it.

What holds at once, wherever the kill came: the record says ``pending`` or nothing, or what it says is true.
What the next run brings about: the bucket, the target and an ``applied`` record as asked for; the run after it changes
nothing. What a kill may leave: probes below ``<project>/vonage-archiving-probe-<uuid>/``, which cost nothing but space;
the first check that runs an hour later removes them, and the check before that leaves those of others alone.
"""

from __future__ import annotations

import contextlib
import datetime
import json
import re
import secrets
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from subprocess import Popen
from typing import Any, Protocol

import psutil
import pytest
from botocore.exceptions import ClientError

from ansible_collections.vonage.archiving.plugins.module_utils._aws import lease
from ansible_collections.vonage.archiving.plugins.module_utils._aws.s3_naming import LOCK_KEY
from ansible_collections.vonage.archiving.plugins.module_utils._upload_check import cleanup as upload_cleanup
from tests.e2e import driver, forks, runs
from tests.e2e.prepared import variables
from tests.e2e.site import Site, leftovers, make_uploader, new_site
from tests.sandbox import DropConnection, ProxiedRequest, RecordingProxy, Sandbox

PARTS = 4


class Proxied(Protocol):
    """A site whose requests go by proxies."""

    @property
    def s3(self) -> RecordingProxy:
        """To the store."""

    @property
    def api(self) -> RecordingProxy:
        """To the API."""

    @property
    def bucket(self) -> str:
        """The bucket."""

    @property
    def key(self) -> str:
        """The project's key."""


@dataclass
class Killer:
    """Ends a run at its ``point``-th request, counted over both proxies; with point 0 it only counts.

    :param like: count only requests of this form, see ``unnamed``.
    :param kill: ends all processes of the run, and returns when they are gone.
    """

    site: Proxied
    point: int = 0
    after: bool = False
    like: str = ""
    kill: Callable[[], None] = lambda: None
    count: int = 0
    hit: ProxiedRequest | None = None
    lock: threading.Lock = field(default_factory=threading.Lock)

    def __enter__(self) -> Killer:
        for proxy in (self.site.s3, self.site.api):
            proxy.clear()
            proxy.before, proxy.after = self._before, self._after
        return self

    def __exit__(self, *_: object) -> None:
        for proxy in (self.site.s3, self.site.api):
            proxy.before = proxy.after = None
        wait_until_idle(self.site, self.hit)

    def _before(self, n: int, request: ProxiedRequest) -> None:
        with self.lock:
            self.count += not self.like or unnamed(self.site, request) == self.like
            if self.count != self.point or self.hit:
                return
            self.hit = request
        if not self.after:
            self.kill()
            raise DropConnection

    def _after(self, n: int, request: ProxiedRequest) -> None:
        if self.after and request is self.hit:
            self.kill()


def unnamed(site: Proxied, request: ProxiedRequest) -> str:
    """A request in a line, with the names of this run left out."""
    line = f"{request.method} {request.path}?{request.query}"
    line = line.replace(site.bucket, "BUCKET").replace(site.key, "KEY")
    return re.sub(r"(probe-)[0-9a-f-]{36}|(uploadId=)\w+", r"\1\2*", line)


def wait_until_idle(site: Proxied, hit: ProxiedRequest | None) -> None:
    """Let requests that were under way at the same time end: the next run must not meet them."""
    until = time.monotonic() + 5
    while time.monotonic() < until:
        open_ones = [each for proxy in (site.s3, site.api) for each in proxy.requests if each.status is None]
        if all(each is hit for each in open_ones):
            return
        time.sleep(0.02)
    raise AssertionError(f"still under way: {open_ones}")


def run_and_kill(
    site: Site,
    action: str,
    given: dict[str, Any],
    point: int = 0,
    after: bool = False,
    file_kill: tuple[str, int, bool] | None = None,
) -> Killer:
    """Run the driver in a process of its own, and kill that at one of its requests."""
    process = forks.forked(driver.main, action, given, file_kill)
    with Killer(site, point, after, kill=lambda: forks.kill(process)) as killer:
        process.start()
        process.join(60)
    assert process.exitcode == (-9 if killer.hit or file_kill else 0), (point, after, process.exitcode)
    return killer


def test_a_kill_may_come_before_the_start_is_over() -> None:
    process = forks.forked(time.sleep, 30)
    killer = threading.Thread(target=forks.kill, args=(process,))
    killer.start()
    time.sleep(0.05)
    process.start()
    killer.join(20)
    process.join(20)
    assert process.exitcode == -9


def truth(site: Site, record: dict[str, Any] | None) -> None:
    """Assert that a record that claims to know something is right."""
    target = site.target()
    if record is None or record["status"] == "pending":
        return
    assert record["status"] == ("applied" if target else "absent")
    if target:
        stored = record["storage"]
        shown = {**target["config"], "accessKey": stored["access_key"]}
        assert (shown["bucket"], target["fallback"]) == (stored["bucket"], stored["fallback"])
        assert target["config"]["accessKey"] == stored["access_key"]


def kept(site: Site, given: dict[str, Any]) -> dict[str, Any] | None:
    """The record, wherever it is."""
    if "state_file" in given:
        path = Path(given["state_file"])
        return json.loads(path.read_text()) if path.exists() else None
    try:
        return site.record()
    except ClientError as error:
        if error.response["Error"]["Code"] not in ("NoSuchKey", "NoSuchBucket"):
            raise
        return None


def assert_configured(site: Site, given: dict[str, Any]) -> None:
    """Assert that store, API and record are as the variables say."""
    target = site.target()
    assert target is not None
    assert target["config"] == {
        "accessKey": given["uploader_access_key"],
        "secretKey": given["uploader_secret_key"],
        "bucket": given["bucket"],
        "endpoint": given["endpoint"],
        "sse": "s3",
    }
    record = kept(site, given)
    assert record is not None
    assert record["status"] == "applied"
    truth(site, record)
    rules = site.holds("get_bucket_encryption")["ServerSideEncryptionConfiguration"]["Rules"]
    assert rules[0]["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"] == "AES256"
    (rule,) = site.holds("get_bucket_lifecycle_configuration")["Rules"]
    assert rule["AbortIncompleteMultipartUpload"]["DaysAfterInitiation"] == 7


def assert_probes_go(site: Site, given: dict[str, Any], left: list[str]) -> None:
    """Assert that what a kill has left is where it may be, and that the first check after an hour removes it."""
    allowed = re.compile(rf"(open upload of )?{site.key}/vonage-archiving-probe-[0-9a-f-]{{36}}/archive\.(mp4|zip)")
    assert all(allowed.fullmatch(key) for key in left)
    # The repair has left none of its own, and none of others was touched.
    assert sorted(site.left_probes()) == sorted(left)
    if not left:
        return
    later = datetime.datetime.now(datetime.UTC) + datetime.timedelta(minutes=61)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(upload_cleanup, "_now", lambda _runtime: later)
        driver.check_uploads(given)
    assert site.left_probes() == []


@dataclass
class Scene:
    """One site after another, with what is to be killed there."""

    sandbox: Sandbox
    home: Path
    uploader: tuple[str, str]

    @contextlib.contextmanager
    def site(self) -> Iterator[Site]:
        with new_site(self.sandbox, self.home, uploader=self.uploader) as site:
            yield site


@pytest.fixture
def scene(e2e_sandbox: Sandbox, home: Path) -> Scene:
    return Scene(e2e_sandbox, home, make_uploader(e2e_sandbox.store, "e2e-*"))


@pytest.fixture(autouse=True)
def _leases_have_run_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """The next run comes a minute later, as far as the lock of the bucket is concerned."""
    monkeypatch.setattr(lease, "MOST_SECONDS", 0.0)
    monkeypatch.setattr(lease, "MARGIN", 0.0)


def in_turn(site: Site) -> range:
    """What a run sent while it had its turn at the bucket; ``test_shared_bucket.py`` has kills at these requests."""
    sent = sorted([*site.s3.requests, *site.api.requests], key=lambda each: each.time)
    locking = [n for n, each in enumerate(sent, start=1) if each.path.endswith(LOCK_KEY)]
    return range(locking[0] + 1, locking[-1])


def points(count: int, part: int, besides: range = range(0)) -> list[tuple[int, bool]]:
    """Before and after every request; every ``PARTS``-th of them, so that workers share."""
    every = [(point, after) for point in range(1, count + 1) for after in (False, True) if point not in besides]
    return every[part::PARTS]


@pytest.mark.slow
@pytest.mark.parametrize("part", range(PARTS))
def test_a_first_run_killed_at_every_request(scene: Scene, part: int) -> None:
    with scene.site() as site:
        count = run_and_kill(site, "configure", variables(site)).count
        turn = in_turn(site)
        assert_configured(site, variables(site))
    assert count > 20 + len(turn)
    for point, after in points(count, part, turn):
        with scene.site() as site:
            given = variables(site)
            run_and_kill(site, "configure", given, point, after)
            truth(site, kept(site, given))
            left = site.left_probes() if site.exists() else []
            driver.configure(given)
            assert_configured(site, given)
            assert driver.configure(given) == []
            assert_probes_go(site, given, left)


@pytest.mark.slow
@pytest.mark.parametrize("part", range(PARTS))
def test_a_rotation_killed_at_every_request(scene: Scene, part: int) -> None:
    """At no time is there no target, nor one whose key does not work."""
    new = make_uploader(scene.sandbox.store, "e2e-*")
    changes = {"uploader_access_key": new[0], "uploader_secret_key": new[1]}
    with scene.site() as site:
        driver.configure(variables(site))
        count = run_and_kill(site, "configure", variables(site, **changes)).count
    assert count > 10
    for point, after in points(count, part):
        with scene.site() as site:
            driver.configure(variables(site))
            given = variables(site, **changes)
            run_and_kill(site, "configure", given, point, after)
            truth(site, kept(site, given))
            assert (site.target() or {})["config"]["secretKey"] in (scene.uploader[1], new[1])
            left = site.left_probes()
            driver.configure(given)
            assert_configured(site, given)
            assert driver.configure(given) == []
            assert_probes_go(site, given, left)


def test_a_removal_killed_at_every_request(scene: Scene) -> None:
    with scene.site() as site:
        driver.configure(variables(site))
        count = run_and_kill(site, "remove", variables(site)).count
    assert count >= 4
    for point, after in [(point, after) for point in range(1, count + 1) for after in (False, True)]:
        with scene.site() as site:
            given = variables(site)
            driver.configure(given)
            run_and_kill(site, "remove", given, point, after)
            truth(site, kept(site, given))
            driver.remove(given)
            assert site.target() is None
            assert (kept(site, given) or {})["status"] == "absent"
            assert driver.remove(given) == []
            # What it had recorded is not believed any more: the target is set again.
            assert driver.configure(given) == ["target"]


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("operation", ["replace", "fsync", "PUT"])
def test_a_record_in_a_file_killed_at_every_step(scene: Scene, operation: str, after: bool) -> None:
    """Each of its two writes is: a file beside it, fsync of the file, replace, fsync of the folder."""
    counts = {"replace": (1, 2), "fsync": (1, 2, 3, 4), "PUT": (1,)}[operation]
    for count in counts:
        with scene.site() as site:
            folder = scene.home / f"records-{secrets.token_hex(4)}"
            folder.mkdir()
            given = variables(site, state_file=str(folder / "record.json"))
            if operation == "PUT":
                # The API is called once, by the last request of the run.
                with scene.site() as other:
                    total = run_and_kill(other, "configure", variables(other, state_file=f"{folder}-count.json")).count
                killer = run_and_kill(site, "configure", given, total, after)
                assert killer.hit in site.api.requests
            else:
                run_and_kill(site, "configure", given, file_kill=(operation, count, after))
            truth(site, kept(site, given))
            driver.configure(given)
            assert_configured(site, given)
            assert [path.name for path in folder.iterdir()] == ["record.json"]
            assert (folder / "record.json").stat().st_mode & 0o777 == 0o600
            assert driver.configure(given) == []


def test_the_driver_sends_what_the_role_sends(scene: Scene) -> None:
    with scene.site() as site:
        site.configure()
        of_the_role = Counter(unnamed(site, each) for each in [*site.s3.requests, *site.api.requests])
    with scene.site() as site:
        driver.configure(variables(site))
        of_the_driver = Counter(unnamed(site, each) for each in [*site.s3.requests, *site.api.requests])
    assert of_the_driver == of_the_role


def kill_tree(process: psutil.Process) -> None:
    """Kill a process and all its descendants, as the end of a container does; return when they are gone."""
    with contextlib.suppress(psutil.NoSuchProcess):
        tree = [process, *process.children(recursive=True)]
        for each in tree:
            with contextlib.suppress(psutil.NoSuchProcess):
                each.kill()
        psutil.wait_procs(tree[1:], timeout=10)


def kill_playbook(site: Site, like: str, point: int, after: bool) -> None:
    """Run the playbook configure, and kill all of it at the ``point``-th request of that form."""
    tree: list[psutil.Process] = []
    ready = threading.Event()

    def kill() -> None:
        assert ready.wait(10)
        kill_tree(tree[0])

    def watch(process: Popen[str]) -> None:
        tree.append(psutil.Process(process.pid))
        ready.set()

    with Killer(site, point, after, like, kill) as killer:
        run = runs.run_playbook("configure", site.variables, site.home, site.operator, watch=watch)
    assert run.rc == -9, run.output
    assert killer.hit is not None
    assert not runs.leaks(run.output, site.secrets)


RECORD = "PUT /BUCKET/.vonage-archiving/KEY.json?"
API = "PUT /v2/project/KEY/archive/storage?"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("like", "point", "after"),
    [
        ("PUT /BUCKET?", 1, True),
        ("PUT /BUCKET?lifecycle", 1, False),
        ("POST /BUCKET/KEY/vonage-archiving-probe-*/archive.zip?uploads", 1, True),
        (RECORD, 1, False),
        (RECORD, 1, True),
        (API, 1, False),
        (API, 1, True),
        (RECORD, 2, False),
        (RECORD, 2, True),
    ],
)
def test_a_playbook_killed(site: Site, like: str, point: int, after: bool) -> None:
    """The playbook repairs it where it can be worst: the record promises what the API may not have.

    Elsewhere the driver does, which sends the same, see ``test_the_driver_sends_what_the_role_sends``.
    """
    kill_playbook(site, like, point, after)
    given = variables(site)
    truth(site, kept(site, given))
    left = site.left_probes() if site.exists() else []
    # Of temporary files a killed run leaves what Ansible had made, as a killed run of anything does; none is ours.
    made_by_ansible = re.compile(
        r"(tmp/(pymp-|ansible_vonage\.|ansible_)|ansible/(local|remote)/ansible-(local|tmp)-)\S+"
    )
    assert [name for name in leftovers(site.home) if not made_by_ansible.fullmatch(name)] == []
    if like == API:
        # In a home of its own, so that what the killed one has left there does not count as left by this one.
        site.home = site.home / "next"
        site.home.mkdir()
        site.configure()
        assert_configured(site, given)
        site.steady()
    else:
        driver.configure(given)
        assert_configured(site, given)
        assert driver.configure(given) == []
    assert_probes_go(site, given, left)
