# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``make demo``: its exit status, what it claims, and that nothing of it is left however it ends."""

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

from tests.demo.judge import Runs, judge
from tests.demo.playbook import Event, Run, end_family
from tests.demo.servers import Holdings, Stored

pytestmark = pytest.mark.xdist_group("demo")

ROOT = Path(__file__).resolve().parents[2]
# Not one of the names that the demo keeps from Ansible.
MARK = "DEMO_TEST_MARK"
# Of one demo on a machine that is busy with other tests.
LIMIT = 240
ORIGIN = "https://player.example.com"


@dataclass
class Started:
    """A demo under way, and how to find every process that has come of it."""

    arguments: tuple[str, ...] = ()
    mark: str = field(default_factory=lambda: uuid.uuid4().hex)

    def __post_init__(self) -> None:
        # Not pytest's: there are sockets in it, and paths of sockets have to be short.
        self.folder = Path(tempfile.mkdtemp(prefix="demo-"))
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.demo", *self.arguments],
            cwd=ROOT,
            # A terminal's width and the account of whoever runs the tests must not matter.
            env={**os.environ, MARK: self.mark, "TMPDIR": str(self.folder), "AWS_PROFILE": "nobody", "COLUMNS": "40"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def read_until(self, text: str) -> None:
        """Read what it prints up to a line with this text."""
        for line in self.process.stdout or ():
            if text in line:
                return
        pytest.fail(f"the demo ended without printing {text!r}: {self.process.stderr and self.process.stderr.read()}")

    def relatives(self) -> list[psutil.Process]:
        """Return every process that inherited the mark."""
        return [each for each in psutil.process_iter() if _environment(each).get(MARK) == self.mark]

    def assert_nothing_left(self) -> None:
        """Fail if a process runs or a file is left."""
        deadline = time.monotonic() + 15
        while (left := self.relatives()) and time.monotonic() < deadline:
            time.sleep(0.2)
        assert not left, [each.cmdline() for each in left]
        assert not list(self.folder.rglob("*"))


def _environment(process: psutil.Process) -> dict[str, str]:
    try:
        return process.environ()
    except psutil.Error:
        return {}


@pytest.fixture
def start() -> Iterator[Callable[..., Started]]:
    started: list[Started] = []

    def make(*arguments: str) -> Started:
        started.append(Started(arguments))
        return started[-1]

    yield make
    for each in started:
        for process in each.relatives():
            process.kill()
        shutil.rmtree(each.folder)


@pytest.mark.slow
def test_two_at_once_of_which_one_is_right_and_one_has_a_closed_bucket(start: Callable[..., Started]) -> None:
    right, wrong = start(), start("--closed-bucket")
    out, err = right.process.communicate(timeout=LIMIT)
    assert right.process.returncode == 0, out + err
    assert err == ""
    _assert_claims(out)
    right.assert_nothing_left()

    out, err = wrong.process.communicate(timeout=LIMIT)
    assert wrong.process.returncode == 1
    assert "NO put_object" in out
    # The proof comes before the target is set: the project is left as it was.
    assert "The demo failed: configure failed: Could not prove that uploads with a key of vonage-archiving-" in err
    assert "The target was not touched" in err
    wrong.assert_nothing_left()


def _assert_claims(out: str) -> None:
    """The summary names facts that the other lines of the output, and one another, agree with."""
    key = _one(r"with project (\d+)", out)
    archives = re.findall(r"archive ([0-9a-f-]{36}), (\d+) bytes: uploaded", out)
    recaps = re.findall(r"PLAY RECAP +ok=\d+ +changed=(\d+) +failed=(\d+)", out)
    assert recaps == [("2", "0"), ("0", "0"), ("0", "0"), ("1", "0")]
    # What the README says it prints.
    shown = re.findall(r"PLAY RECAP .*", (ROOT / "README.md").read_text())
    assert len(shown) == 3
    assert [line for line in re.findall(r"PLAY RECAP .*", out) if line in shown] == shown
    summary = out[out.index("7. ") :]
    assert re.findall(r"^ +(yes|NO) ", summary, re.M) == ["yes"] * 11
    assert len(archives) == 2
    for archive, size in archives:
        assert f"s3://demo-recordings/{key}/{archive}/archive.mp4, {size} bytes of {size}" in summary
    assert "bucket demo-recordings encrypts by default: AES256" in summary
    assert "x-amz-server-side-encryption: AES256" in summary
    assert "answered with HTTP 403" in summary
    assert re.search(
        r"the project has another access key; (\w+) stays for recordings in progress: \w+ Active, \w+ Active", summary
    )
    assert "All 11 are true." in summary


def _one(pattern: str, text: str) -> str:
    found = re.findall(pattern, text)
    assert len(found) == 1, text
    return str(found[0])


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_stopped_in_the_middle_of_a_playbook_leaves_nothing(start: Callable[..., Started], number: int) -> None:
    demo = start()
    # Ansible and its worker are at work on the next task by now.
    demo.read_until("changed    Bring about the bucket")
    running = [" ".join(each.cmdline()) for each in demo.relatives()]
    assert any("ansible-playbook" in line for line in running), running
    assert any("weed" in line for line in running), running
    demo.process.send_signal(number)
    # A second one, as impatient people send it, must not break the clean-up.
    demo.process.send_signal(number)
    _unused, err = demo.process.communicate(timeout=60)
    assert demo.process.returncode == 128 + number
    assert "Stopped; everything that was started is stopped again." in err
    assert "Traceback" not in err
    demo.assert_nothing_left()


# Workers as Ansible's: each in a session of its own, forked while the signals come. They end by themselves, in time.
FORKING = """
import os, time
ballast = bytearray(100_000_000)
print("ready", flush=True)
until = time.monotonic() + 20
while time.monotonic() < until:
    if os.fork() == 0:
        os.setsid()
        time.sleep(20)
        os._exit(0)
"""


@pytest.mark.parametrize("attempt", range(5))
def test_workers_that_are_being_forked_are_ended_too(attempt: int) -> None:
    mark = uuid.uuid4().hex
    env = {**os.environ, MARK: mark}
    with subprocess.Popen([sys.executable, "-c", FORKING], env=env, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert process.stdout.readline() == "ready\n"
        time.sleep(0.05 * attempt)
        end_family(process)
    assert [each.pid for each in psutil.process_iter() if _environment(each).get(MARK) == mark] == []


CHECKS = [{"name": "put_object", "ok": True}]
ARCHIVE = {"status": "uploaded", "size": 9, "sandbox": {"upload_error": None}}
LOST = {**ARCHIVE, "status": "available"}
STORED = Stored("recordings", "4712/a/archive.mp4", 9, "AES256", "http://127.0.0.1:1/x", 403)
HELD = {"bucket": "recordings", "sse": "s3", "fallback": "opentok", "accessKey": "AKIANEW"}
GOOD = Holdings(
    bucket="recordings",
    bucket_exists=True,
    encryption="AES256",
    cors_rules=[{"AllowedOrigins": [ORIGIN], "AllowedMethods": ["GET", "HEAD"]}],
    target=HELD,
    calls_of_runs=(1, 0),
    archives=(ARCHIVE, ARCHIVE),
    stored=(STORED, STORED),
    keys={"AKIAOLD": "Active", "AKIANEW": "Active"},
    old_key="AKIAOLD",
)


def _run(changed: int, status: int = 0, failures: int = 0, **facts: Any) -> Run:
    recap = {"ok": 9, "changed": changed, "failures": failures, "unreachable": 0, "skipped": 0}
    event = Event("Tell", "ansible.builtin.set_fact", "ok", {"ansible_facts": {"archive_storage_result": facts}})
    return Run(status, recap, (event,))


USER = ["vonage-archiving-4712: user", "target"]
MADE: dict[str, Any] = {"bucket_changes": ["bucket", "encryption"], "uploader_changes": USER}
RUNS = {
    "first": _run(2, **MADE),
    "second": _run(0, bucket_changes=[]),
    "verified": _run(0, checks=CHECKS),
    "rotated": _run(1),
}


def test_the_judge_agrees_when_all_is_true() -> None:
    assert [finding.ok for finding in judge(Runs(**RUNS), GOOD, ORIGIN)] == [True] * 11


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"first": _run(2, **{**MADE, "bucket_changes": ["encryption"]})}, "the first run made"),
        ({"first": _run(2, **{**MADE, "uploader_changes": ["target"]})}, "the first run made"),
        ({"first": _run(2, status=2, **MADE)}, "the first run made"),
        ({"found": replace(GOOD, calls_of_runs=(0, 0))}, "the first run made"),
        ({"found": replace(GOOD, calls_of_runs=(2, 0))}, "the first run made"),
        ({"found": replace(GOOD, bucket_exists=False)}, "there is no such bucket"),
        ({"found": replace(GOOD, encryption="")}, "no default encryption"),
        ({"found": replace(GOOD, encryption="aws:kms")}, "by default: aws:kms"),
        ({"found": replace(GOOD, cors_rules=[])}, "may ask the bucket for: nothing"),
        ({"found": replace(GOOD, target={**HELD, "bucket": "other"})}, "bucket other"),
        ({"found": replace(GOOD, target={**HELD, "sse": "none"})}, "sse none"),
        ({"second": _run(1)}, "changed=1"),
        ({"second": _run(0, failures=1)}, "the second run changed nothing"),
        ({"found": replace(GOOD, calls_of_runs=(1, 1))}, "requests to the Vonage API: 1"),
        ({"found": replace(GOOD, archives=(LOST, ARCHIVE))}, "the recording arrived: no, its status is available"),
        ({"found": replace(GOOD, archives=(ARCHIVE, LOST))}, "after that arrived: no, its status is available"),
        ({"found": replace(GOOD, stored=(replace(STORED, size=8), STORED))}, "8 bytes of 9"),
        ({"found": replace(GOOD, stored=(STORED, replace(STORED, size=8)))}, "8 bytes of 9"),
        ({"found": replace(GOOD, stored=(replace(STORED, encryption=""), STORED))}, "server-side-encryption: nothing"),
        ({"found": replace(GOOD, stored=(replace(STORED, anonymous_status=200), STORED))}, "HTTP 200"),
        ({"rotated": _run(1, failures=1)}, "another access key"),
        ({"found": replace(GOOD, old_key="AKIANEW")}, "another access key"),
        ({"found": replace(GOOD, old_key="")}, "another access key"),
        ({"found": replace(GOOD, keys={"AKIANEW": "Active"})}, "another access key"),
        ({"found": replace(GOOD, keys={"AKIANEW": "Active", "AKIAOLD": "Inactive"})}, "AKIAOLD Inactive"),
        ({"found": replace(GOOD, keys={"AKIANEW": "Inactive"})}, "AKIANEW Inactive"),
        ({"verified": _run(0, checks=[])}, "0 of 0 checks"),
        ({"verified": _run(0, checks=[*CHECKS, {"name": "credentials", "ok": False}])}, "1 of 2 checks"),
        ({"verified": _run(1, checks=CHECKS)}, "changed=1"),
    ],
)
def test_the_judge_names_the_one_thing_that_is_not_true(changed: dict[str, Any], words: str) -> None:
    runs = {name: changed.get(name, run) for name, run in RUNS.items()}
    findings = judge(Runs(**runs), changed.get("found", GOOD), ORIGIN)
    wrong = [finding.text for finding in findings if not finding.ok]
    assert len(wrong) == 1
    assert words in wrong[0]


def test_without_a_target_the_judge_believes_no_rotation_either() -> None:
    wrong = [finding.text for finding in judge(Runs(**RUNS), replace(GOOD, target={}), ORIGIN) if not finding.ok]
    assert len(wrong) == 2
    assert "upload target: none" in wrong[0]
    assert "another access key" in wrong[1]
