# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A run is killed before and after every request, and the next run repairs its effects.

After a kill at any request, the state file does not exist, has the status ``pending``, or is correct. After the next
run, bucket and target are as desired, and the state file has the status ``applied``. The run after that changes
nothing. A kill can leave probes below ``<project>/vonage-archiving-probe-<uuid>/``, which only take space. The first
check after an hour deletes them. An earlier check does not delete probes of other checks.
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
from tests.e2e import forked_process, playbook_runs, workflow_driver
from tests.e2e.configured_project import driver_variables
from tests.e2e.project_environment import ProjectEnvironment, create_uploader, leftovers, new_project_environment
from tests.sandbox import DropConnection, ProxiedRequest, RecordingProxy, Sandbox

PARTS = 4


class Proxied(Protocol):
    """An environment whose requests use proxies."""

    @property
    def s3(self) -> RecordingProxy:
        """The proxy in front of the store."""

    @property
    def api(self) -> RecordingProxy:
        """The proxy in front of the API."""

    @property
    def bucket(self) -> str:
        """The name of the bucket."""

    @property
    def key(self) -> str:
        """The ID of the project."""


@dataclass
class Killer:
    """Kills a run at its ``point``-th request to both proxies; with point 0, counts the requests only.

    :param like: count only requests with this description, see ``describe_without_names``.
    :param kill: kills all processes of the run, and returns when they have ended.
    """

    project: Proxied
    point: int = 0
    after: bool = False
    like: str = ""
    kill: Callable[[], None] = lambda: None
    count: int = 0
    hit: ProxiedRequest | None = None
    lock: threading.Lock = field(default_factory=threading.Lock)

    def __enter__(self) -> Killer:
        for proxy in (self.project.s3, self.project.api):
            proxy.clear()
            proxy.before, proxy.after = self._before, self._after
        return self

    def __exit__(self, *_: object) -> None:
        for proxy in (self.project.s3, self.project.api):
            proxy.before = proxy.after = None
        wait_until_idle(self.project, self.hit)

    def _before(self, n: int, request: ProxiedRequest) -> None:
        with self.lock:
            self.count += not self.like or describe_without_names(self.project, request) == self.like
            if self.count != self.point or self.hit:
                return
            self.hit = request
        if not self.after:
            self.kill()
            raise DropConnection

    def _after(self, n: int, request: ProxiedRequest) -> None:
        if self.after and request is self.hit:
            self.kill()


def describe_without_names(project: Proxied, request: ProxiedRequest) -> str:
    """Method, path, and query of a request without random names."""
    line = f"{request.method} {request.path}?{request.query}"
    line = line.replace(project.bucket, "BUCKET").replace(project.key, "KEY")
    return re.sub(r"(probe-)[0-9a-f-]{36}|(uploadId=)\w+", r"\1\2*", line)


def wait_until_idle(project: Proxied, hit: ProxiedRequest | None) -> None:
    """Wait until concurrent requests have ended, which must not overlap with the next run."""
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        requests = [*project.s3.requests, *project.api.requests]
        in_progress = [request for request in requests if request.status is None]
        if all(request is hit for request in in_progress):
            return
        time.sleep(0.02)
    raise AssertionError(f"requests in progress: {in_progress}")


def run_and_kill(
    project: ProjectEnvironment,
    action: str,
    variables: dict[str, Any],
    point: int = 0,
    after: bool = False,
    file_kill: tuple[str, int, bool] | None = None,
) -> Killer:
    """Run the driver in another process, and kill that process at one of its requests."""
    process = forked_process.create_process(workflow_driver.main, action, variables, file_kill)
    with Killer(project, point, after, kill=lambda: forked_process.kill_process(process)) as killer:
        process.start()
        process.join(60)
    assert process.exitcode == (-9 if killer.hit or file_kill else 0), (point, after, process.exitcode)
    return killer


def test_kill_process_before_it_is_started_kills_it() -> None:
    process = forked_process.create_process(time.sleep, 30)
    killer = threading.Thread(target=forked_process.kill_process, args=(process,))
    killer.start()
    time.sleep(0.05)
    process.start()
    killer.join(20)
    process.join(20)
    assert process.exitcode == -9


def assert_state_file_correct(project: ProjectEnvironment, state_file: dict[str, Any] | None) -> None:
    """Assert that the state file is correct, unless it does not exist or has the status ``pending``."""
    target = project.target()
    if state_file is None or state_file["status"] == "pending":
        return
    assert state_file["status"] == ("applied" if target else "absent")
    if target:
        stored = state_file["storage"]
        assert (target["config"]["bucket"], target["fallback"]) == (stored["bucket"], stored["fallback"])
        assert target["config"]["accessKey"] == stored["access_key"]


def read_state_file(project: ProjectEnvironment, variables: dict[str, Any]) -> dict[str, Any] | None:
    """Read the state file from the folder or the bucket."""
    if "state_file" in variables:
        path = Path(variables["state_file"])
        return json.loads(path.read_text()) if path.exists() else None
    try:
        return project.state_file()
    except ClientError as error:
        if error.response["Error"]["Code"] not in ("NoSuchKey", "NoSuchBucket"):
            raise
        return None


def assert_configured(project: ProjectEnvironment, variables: dict[str, Any]) -> None:
    """Assert that store, API, and state file match the variables."""
    target = project.target()
    assert target is not None
    assert target["config"] == {
        "accessKey": variables["uploader_access_key"],
        "secretKey": variables["uploader_secret_key"],
        "bucket": variables["bucket"],
        "endpoint": variables["endpoint"],
        "sse": "s3",
    }
    state_file = read_state_file(project, variables)
    assert state_file is not None
    assert state_file["status"] == "applied"
    assert_state_file_correct(project, state_file)
    rules = project.get_bucket_config("get_bucket_encryption")["ServerSideEncryptionConfiguration"]["Rules"]
    assert rules[0]["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"] == "AES256"
    (rule,) = project.get_bucket_config("get_bucket_lifecycle_configuration")["Rules"]
    assert rule["AbortIncompleteMultipartUpload"]["DaysAfterInitiation"] == 7


def assert_probes_deleted_after_an_hour(
    project: ProjectEnvironment, variables: dict[str, Any], probes: list[str]
) -> None:
    """Assert that all leftovers are probes of the project, and that the first check after an hour deletes them."""
    allowed = re.compile(rf"(open upload of )?{project.key}/vonage-archiving-probe-[0-9a-f-]{{36}}/archive\.(mp4|zip)")
    assert all(allowed.fullmatch(key) for key in probes)
    # The repair has neither left nor deleted probes.
    assert sorted(project.leftover_probes()) == sorted(probes)
    if not probes:
        return
    later = datetime.datetime.now(datetime.UTC) + datetime.timedelta(minutes=61)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(upload_cleanup, "_now", lambda _runtime: later)
        workflow_driver.check_uploads(variables)
    assert project.leftover_probes() == []


@dataclass
class Projects:
    """Creates projects with the same external key."""

    sandbox: Sandbox
    home: Path
    uploader: tuple[str, str]

    @contextlib.contextmanager
    def new(self) -> Iterator[ProjectEnvironment]:
        with new_project_environment(self.sandbox, self.home, uploader=self.uploader) as project:
            yield project


@pytest.fixture
def projects(e2e_sandbox: Sandbox, home: Path) -> Projects:
    return Projects(e2e_sandbox, home, create_uploader(e2e_sandbox.store, "e2e-*"))


@pytest.fixture(autouse=True)
def _leases_have_run_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """The next run takes over the bucket lock of the killed run immediately."""
    monkeypatch.setattr(lease, "MOST_SECONDS", 0.0)
    monkeypatch.setattr(lease, "MARGIN", 0.0)


def locked_requests(project: ProjectEnvironment) -> range:
    """The requests with the bucket lock; ``test_shared_bucket.py`` kills runs at these requests."""
    requests = sorted([*project.s3.requests, *project.api.requests], key=lambda request: request.time)
    locking = [number for number, request in enumerate(requests, start=1) if request.path.endswith(LOCK_KEY)]
    return range(locking[0] + 1, locking[-1])


def points(count: int, part: int, excluded: range = range(0)) -> list[tuple[int, bool]]:
    """Before and after every request, except excluded ones. Each part is a share of them, for parallel workers."""
    all_points = [(point, after) for point in range(1, count + 1) for after in (False, True) if point not in excluded]
    return all_points[part::PARTS]


@pytest.mark.slow
@pytest.mark.parametrize("part", range(PARTS))
def test_configure_first_run_killed_at_every_request_is_repaired(projects: Projects, part: int) -> None:
    with projects.new() as project:
        count = run_and_kill(project, "configure", driver_variables(project)).count
        locked = locked_requests(project)
        assert_configured(project, driver_variables(project))
    assert count > 20 + len(locked)
    for point, after in points(count, part, locked):
        with projects.new() as project:
            variables = driver_variables(project)
            run_and_kill(project, "configure", variables, point, after)
            assert_state_file_correct(project, read_state_file(project, variables))
            probes = project.leftover_probes() if project.exists() else []
            workflow_driver.configure(variables)
            assert_configured(project, variables)
            assert workflow_driver.configure(variables) == []
            assert_probes_deleted_after_an_hour(project, variables, probes)


@pytest.mark.slow
@pytest.mark.parametrize("part", range(PARTS))
def test_configure_new_key_killed_at_every_request_is_repaired(projects: Projects, part: int) -> None:
    """The target always exists, and its key always works."""
    new = create_uploader(projects.sandbox.store, "e2e-*")
    changes = {"uploader_access_key": new[0], "uploader_secret_key": new[1]}
    with projects.new() as project:
        workflow_driver.configure(driver_variables(project))
        count = run_and_kill(project, "configure", driver_variables(project, **changes)).count
    assert count > 10
    for point, after in points(count, part):
        with projects.new() as project:
            workflow_driver.configure(driver_variables(project))
            variables = driver_variables(project, **changes)
            run_and_kill(project, "configure", variables, point, after)
            assert_state_file_correct(project, read_state_file(project, variables))
            assert (project.target() or {})["config"]["secretKey"] in (projects.uploader[1], new[1])
            probes = project.leftover_probes()
            workflow_driver.configure(variables)
            assert_configured(project, variables)
            assert workflow_driver.configure(variables) == []
            assert_probes_deleted_after_an_hour(project, variables, probes)


def test_remove_killed_at_every_request_is_repaired(projects: Projects) -> None:
    with projects.new() as project:
        workflow_driver.configure(driver_variables(project))
        count = run_and_kill(project, "remove", driver_variables(project)).count
    assert count >= 4
    for point, after in [(point, after) for point in range(1, count + 1) for after in (False, True)]:
        with projects.new() as project:
            variables = driver_variables(project)
            workflow_driver.configure(variables)
            run_and_kill(project, "remove", variables, point, after)
            assert_state_file_correct(project, read_state_file(project, variables))
            workflow_driver.remove(variables)
            assert project.target() is None
            assert (read_state_file(project, variables) or {})["status"] == "absent"
            assert workflow_driver.remove(variables) == []
            # The state file is absent, so the target is set again.
            assert workflow_driver.configure(variables) == ["target"]


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("operation", ["replace", "fsync", "PUT"])
def test_configure_local_state_file_killed_at_every_step_is_repaired(
    projects: Projects, operation: str, after: bool
) -> None:
    """Each of the two writes creates a file, calls fsync, replaces the state file, and calls fsync for the folder."""
    counts = {"replace": (1, 2), "fsync": (1, 2, 3, 4), "PUT": (1,)}[operation]
    for count in counts:
        with projects.new() as project:
            folder = projects.home / f"state-{secrets.token_hex(4)}"
            folder.mkdir()
            variables = driver_variables(project, state_file=str(folder / "state.json"))
            if operation == "PUT":
                # The last request of the run is the only one to the API.
                with projects.new() as other:
                    total = run_and_kill(
                        other, "configure", driver_variables(other, state_file=f"{folder}-count.json")
                    ).count
                killer = run_and_kill(project, "configure", variables, total, after)
                assert killer.hit in project.api.requests
            else:
                run_and_kill(project, "configure", variables, file_kill=(operation, count, after))
            assert_state_file_correct(project, read_state_file(project, variables))
            workflow_driver.configure(variables)
            assert_configured(project, variables)
            assert [path.name for path in folder.iterdir()] == ["state.json"]
            assert (folder / "state.json").stat().st_mode & 0o777 == 0o600
            assert workflow_driver.configure(variables) == []


def test_driver_and_role_send_the_same_requests(projects: Projects) -> None:
    with projects.new() as project:
        project.configure()
        role_requests = Counter(
            describe_without_names(project, request) for request in [*project.s3.requests, *project.api.requests]
        )
    with projects.new() as project:
        workflow_driver.configure(driver_variables(project))
        driver_requests = Counter(
            describe_without_names(project, request) for request in [*project.s3.requests, *project.api.requests]
        )
    assert driver_requests == role_requests


def kill_tree(process: psutil.Process) -> None:
    """Kill a process and all its descendants, as at the end of a container, and wait for their end."""
    with contextlib.suppress(psutil.NoSuchProcess):
        tree = [process, *process.children(recursive=True)]
        for member in tree:
            with contextlib.suppress(psutil.NoSuchProcess):
                member.kill()
        psutil.wait_procs(tree[1:], timeout=10)


def kill_playbook(project: ProjectEnvironment, like: str, point: int, after: bool, is_direct: bool) -> None:
    """Run the playbook configure, and kill all its processes at the ``point``-th request with this description."""
    variables = {**project.variables, "vonage_archiving_direct": is_direct}
    tree: list[psutil.Process] = []
    ready = threading.Event()

    def kill() -> None:
        assert ready.wait(10)
        kill_tree(tree[0])

    def watch(process: Popen[str]) -> None:
        tree.append(psutil.Process(process.pid))
        ready.set()

    with Killer(project, point, after, like, kill) as killer:
        run = playbook_runs.run_playbook("configure", variables, project.home, project.operator, watch=watch)
    assert run.rc == -9, run.output
    assert killer.hit is not None
    assert not playbook_runs.find_leaks(run.output, project.secrets)


STATE_FILE = "PUT /BUCKET/.vonage-archiving/KEY.json?"
API = "PUT /v2/project/KEY/archive/storage?"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("like", "point", "after", "is_direct"),
    [
        ("PUT /BUCKET?", 1, True, True),
        ("PUT /BUCKET?lifecycle", 1, False, True),
        ("POST /BUCKET/KEY/vonage-archiving-probe-*/archive.zip?uploads", 1, True, True),
        (STATE_FILE, 1, False, True),
        (STATE_FILE, 1, True, True),
        (API, 1, False, True),
        (API, 1, True, True),
        (API, 1, True, False),
        (STATE_FILE, 2, False, True),
        (STATE_FILE, 2, True, True),
        (STATE_FILE, 2, True, False),
    ],
)
def test_playbook_killed_is_repaired(
    project: ProjectEnvironment, like: str, point: int, after: bool, is_direct: bool
) -> None:
    """The playbook repairs the worst case, in which the state file can differ from the API.

    The driver, which sends the same requests, repairs the other cases.
    """
    kill_playbook(project, like, point, after, is_direct)
    variables = driver_variables(project)
    assert_state_file_correct(project, read_state_file(project, variables))
    probes = project.leftover_probes() if project.exists() else []
    # Ansible does not delete its temporary files after a kill; the collection leaves none.
    temporary_of_ansible = re.compile(
        r"(tmp/(pymp-|ansible_vonage\.|ansible_)|ansible/(local|remote)/ansible-(local|tmp)-)\S+"
    )
    assert [name for name in leftovers(project.home) if not temporary_of_ansible.fullmatch(name)] == []
    if like == API:
        # Another home folder, because the killed run has left temporary files.
        project.home = project.home / "next"
        project.home.mkdir()
        project.configure()
        assert_configured(project, variables)
        project.assert_idempotent()
    else:
        workflow_driver.configure(variables)
        assert_configured(project, variables)
        assert workflow_driver.configure(variables) == []
    assert_probes_deleted_after_an_hour(project, variables, probes)
