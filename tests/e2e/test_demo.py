# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``make demo`` checks its claims, sets the exit status, and leaves no process or file behind."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.demo.assertions import Runs, check_all
from tests.demo.playbook import REPORT, Event, Run, kill_process_tree
from tests.demo.servers import ServerState, StoredObject

pytestmark = pytest.mark.xdist_group("demo")

ROOT = Path(__file__).resolve().parents[2]
# Without a prefix that the demo excludes from Ansible's environment.
MARK = "DEMO_TEST_MARK"
# Seconds for one demo, while other tests run on the same machine.
LIMIT = 240
ORIGIN = "https://player.example.com"


@dataclass
class DemoProcess:
    """A running demo, and a mark in the environment of all its processes."""

    arguments: tuple[str, ...] = ()
    mark: str = field(default_factory=lambda: uuid.uuid4().hex)

    def __post_init__(self) -> None:
        # Not pytest's folder, because the length of socket paths is limited.
        self.folder = Path(tempfile.mkdtemp(prefix="demo-"))
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.demo", *self.arguments],
            cwd=ROOT,
            # The width of the terminal and the AWS account of the user must have no effect.
            env={**os.environ, MARK: self.mark, "TMPDIR": str(self.folder), "AWS_PROFILE": "nobody", "COLUMNS": "40"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def read_until(self, text: str) -> None:
        """Read the output up to a line with this text."""
        for line in self.process.stdout or ():
            if text in line:
                return
        pytest.fail(f"the demo ended without printing {text!r}: {self.process.stderr and self.process.stderr.read()}")

    def processes(self) -> list[psutil.Process]:
        """Return all processes that inherited the mark."""
        return [process for process in psutil.process_iter() if _environment(process).get(MARK) == self.mark]

    def assert_no_leftovers(self) -> None:
        """Fail if a process of the demo runs or a file remains."""
        deadline = time.monotonic() + 15
        while (running := self.processes()) and time.monotonic() < deadline:
            time.sleep(0.2)
        assert not running, [process.cmdline() for process in running]
        assert not list(self.folder.rglob("*"))


def _environment(process: psutil.Process) -> dict[str, str]:
    try:
        return process.environ()
    except psutil.Error:
        return {}


@pytest.fixture
def start() -> Iterator[Callable[..., DemoProcess]]:
    demos: list[DemoProcess] = []

    def start_demo(*arguments: str) -> DemoProcess:
        demos.append(DemoProcess(arguments))
        return demos[-1]

    yield start_demo
    for demo in demos:
        for process in demo.processes():
            process.kill()
        shutil.rmtree(demo.folder)


@pytest.mark.slow
def test_two_concurrent_demos_with_one_closed_bucket_fail_only_for_this_bucket(
    start: Callable[..., DemoProcess],
) -> None:
    demo, closed = start(), start("--closed-bucket")
    out, err = demo.process.communicate(timeout=LIMIT)
    assert demo.process.returncode == 0, out + err
    assert err == ""
    _assert_claims(out)
    demo.assert_no_leftovers()

    out, err = closed.process.communicate(timeout=LIMIT)
    assert closed.process.returncode == 1
    assert "NO put_object" in out
    # Verification precedes the upload target, which therefore does not change.
    message = "Could not verify uploads with a key of vonage-archiving-"
    assert f"The demo failed: configure failed: {message}" in err
    assert "; recordings go to the previous target." in err
    closed.assert_no_leftovers()


def _assert_claims(out: str) -> None:
    """The summary agrees with the other lines of the output."""
    key = _one(r"with project (\d+)", out)
    archives = re.findall(r"archive ([0-9a-f-]{36}), (\d+) bytes: uploaded", out)
    recaps = re.findall(r"PLAY RECAP +ok=\d+ +changed=(\d+) +failed=(\d+)", out)
    assert recaps == [("3", "0"), ("0", "0"), ("0", "0"), ("2", "0")]
    patterns = _readme_patterns()
    assert len([pattern for pattern in patterns if "PLAY" in pattern]) == 3
    position = 0
    for pattern in patterns:
        match = re.compile(pattern).search(out, position)
        assert match, f"the README shows {pattern}"
        position = match.end()
    summary = out[out.index("7. ") :]
    assert re.findall(r"^ +(yes|NO) ", summary, re.M) == ["yes"] * 11
    assert len(archives) == 2
    for archive, size in archives:
        assert f"s3://demo-recordings/{key}/{archive}/archive.mp4, {size} bytes of {size}" in summary
    assert "bucket demo-recordings encrypts by default: AES256" in summary
    assert "x-amz-server-side-encryption: AES256" in summary
    assert "an anonymous GET returns HTTP 403" in summary
    assert re.search(
        r"the project has a new access key; (\w+) stays for recordings in progress: \w+ Active, \w+ Active", summary
    )
    assert "All 11 checks passed in " in summary


def _readme_patterns() -> list[str]:
    """Patterns for the output that the README shows, one for each line; "..." there stands for any characters."""
    block = re.search(r"^\$ make demo\n(.*?)^```", (ROOT / "README.md").read_text(), re.M | re.S)
    assert block
    return [re.escape(line).replace(r"\.\.\.", r"[^\n]*") for line in block[1].splitlines()]


def _one(pattern: str, text: str) -> str:
    matches = re.findall(pattern, text)
    assert len(matches) == 1, text
    return str(matches[0])


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_demo_with_a_signal_during_a_playbook_leaves_nothing(start: Callable[..., DemoProcess], number: int) -> None:
    demo = start()
    # The bucket is the first change. Ansible and its worker run the next task now.
    demo.read_until("   changed    ")
    running = [" ".join(process.cmdline()) for process in demo.processes()]
    assert any("ansible-playbook" in line for line in running), running
    assert any("weed" in line for line in running), running
    demo.process.send_signal(number)
    # A second signal must not stop the clean-up.
    demo.process.send_signal(number)
    _unused, err = demo.process.communicate(timeout=60)
    assert demo.process.returncode == 128 + number
    assert "Interrupted. All servers are stopped." in err
    assert "Traceback" not in err
    demo.assert_no_leftovers()


# Workers as in Ansible: each has its own session, and forks continue during the kill. They also end without a kill.
FORKING = """
import os, time
ballast = bytearray(100_000_000)
print("ready", flush=True)
deadline = time.monotonic() + 20
while time.monotonic() < deadline:
    if os.fork() == 0:
        os.setsid()
        time.sleep(20)
        os._exit(0)
"""


@pytest.mark.parametrize("attempt", range(5))
def test_kill_process_tree_during_forks_kills_all_workers(attempt: int) -> None:
    mark = uuid.uuid4().hex
    env = {**os.environ, MARK: mark}
    with subprocess.Popen([sys.executable, "-c", FORKING], env=env, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert process.stdout.readline() == "ready\n"
        time.sleep(0.05 * attempt)
        kill_process_tree(process)
    assert [process.pid for process in psutil.process_iter() if _environment(process).get(MARK) == mark] == []


CHECKS = [{"name": "put_object", "ok": True}]
ARCHIVE = {"status": "uploaded", "size": 9, "sandbox": {"upload_error": None}}
LOST = {**ARCHIVE, "status": "available"}
STORED = StoredObject("recordings", "4712/a/archive.mp4", 9, "AES256", "http://127.0.0.1:1/x", 403)
TARGET = {"bucket": "recordings", "sse": "s3", "fallback": "opentok", "accessKey": "AKIANEW"}
DEMO_STATE = ServerState(
    bucket="recordings",
    bucket_exists=True,
    encryption="AES256",
    cors_rules=[{"AllowedOrigins": [ORIGIN], "AllowedMethods": ["GET", "HEAD"]}],
    target=TARGET,
    requests_of_runs=(3, 0),
    archives=(ARCHIVE, ARCHIVE),
    objects=(STORED, STORED),
    keys={"AKIAOLD": "Active", "AKIANEW": "Active"},
    old_key="AKIAOLD",
)


def _run(changed: int, status: int = 0, failures: int = 0, **facts: Any) -> Run:
    recap = {"ok": 9, "changed": changed, "failures": failures, "unreachable": 0, "skipped": 0}
    event = Event("Report", REPORT, "ok", facts)
    return Run(status, recap, (event,))


USER = ["vonage-archiving-4712: user", "target"]
CREATED: dict[str, Any] = {"bucket_changes": ["bucket", "encryption"], "uploader_changes": USER}
RUNS = {
    "first": _run(2, **CREATED),
    "second": _run(0, bucket_changes=[]),
    "verified": _run(0, checks=CHECKS),
    "rotated": _run(1),
}


def test_check_all_with_all_claims_true_passes() -> None:
    assert [check.ok for check in check_all(Runs(**RUNS), DEMO_STATE, ORIGIN)] == [True] * 11


@pytest.mark.parametrize(
    ("changed", "text"),
    [
        ({"first": _run(2, **{**CREATED, "bucket_changes": ["encryption"]})}, "the first run created or updated"),
        ({"first": _run(2, **{**CREATED, "uploader_changes": ["target"]})}, "the first run created or updated"),
        ({"first": _run(2, status=2, **CREATED)}, "the first run created or updated"),
        ({"state": replace(DEMO_STATE, requests_of_runs=(0, 0))}, "the first run created or updated"),
        ({"state": replace(DEMO_STATE, requests_of_runs=(2, 0))}, "the first run created or updated"),
        ({"state": replace(DEMO_STATE, bucket_exists=False)}, "the bucket does not exist"),
        ({"state": replace(DEMO_STATE, encryption="")}, "no default encryption"),
        ({"state": replace(DEMO_STATE, encryption="aws:kms")}, "by default: aws:kms"),
        ({"state": replace(DEMO_STATE, cors_rules=[])}, "https://player.example.com: none"),
        ({"state": replace(DEMO_STATE, target={**TARGET, "bucket": "other"})}, "bucket other"),
        ({"state": replace(DEMO_STATE, target={**TARGET, "sse": "none"})}, "sse none"),
        ({"second": _run(1)}, "changed=1"),
        ({"second": _run(0, failures=1)}, "the second run changed nothing"),
        ({"state": replace(DEMO_STATE, requests_of_runs=(3, 1))}, "requests to the Vonage API: 1"),
        (
            {"state": replace(DEMO_STATE, archives=(LOST, ARCHIVE))},
            "the recording arrived: no, its status is available",
        ),
        (
            {"state": replace(DEMO_STATE, archives=(ARCHIVE, LOST))},
            "after the rotation arrived: no, its status is available",
        ),
        ({"state": replace(DEMO_STATE, objects=(replace(STORED, size=8), STORED))}, "8 bytes of 9"),
        ({"state": replace(DEMO_STATE, objects=(STORED, replace(STORED, size=8)))}, "8 bytes of 9"),
        (
            {"state": replace(DEMO_STATE, objects=(replace(STORED, encryption=""), STORED))},
            "server-side-encryption: nothing",
        ),
        ({"state": replace(DEMO_STATE, objects=(replace(STORED, anonymous_status=200), STORED))}, "HTTP 200"),
        ({"rotated": _run(1, failures=1)}, "new access key"),
        ({"state": replace(DEMO_STATE, old_key="AKIANEW")}, "new access key"),
        ({"state": replace(DEMO_STATE, old_key="")}, "new access key"),
        ({"state": replace(DEMO_STATE, keys={"AKIANEW": "Active"})}, "new access key"),
        ({"state": replace(DEMO_STATE, keys={"AKIANEW": "Active", "AKIAOLD": "Inactive"})}, "AKIAOLD Inactive"),
        ({"state": replace(DEMO_STATE, keys={"AKIANEW": "Inactive"})}, "AKIANEW Inactive"),
        ({"verified": _run(0, checks=[])}, "0 of 0 checks"),
        ({"verified": _run(0, checks=[*CHECKS, {"name": "credentials", "ok": False}])}, "1 of 2 checks"),
        ({"verified": _run(1, checks=CHECKS)}, "changed=1"),
    ],
)
def test_check_all_with_one_false_claim_fails_only_its_check(changed: dict[str, Any], text: str) -> None:
    runs = {name: changed.get(name, run) for name, run in RUNS.items()}
    checks = check_all(Runs(**runs), changed.get("state", DEMO_STATE), ORIGIN)
    failed = [check.text for check in checks if not check.ok]
    assert len(failed) == 1
    assert text in failed[0]


def test_check_all_without_a_target_fails_the_target_and_the_rotation() -> None:
    checks = check_all(Runs(**RUNS), replace(DEMO_STATE, target={}), ORIGIN)
    failed = [check.text for check in checks if not check.ok]
    assert len(failed) == 2
    assert "no upload target" in failed[0]
    assert "new access key" in failed[1]
