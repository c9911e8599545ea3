# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run a playbook of the collection as a user does, and read its events while it runs."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

ROOT = Path(__file__).resolve().parents[2]
CALLBACKS = Path(__file__).with_name("callback_plugins")
HOST = "localhost"
REPORT = "vonage.archiving.archive_storage_report"
HALTED = {psutil.STATUS_STOPPED, psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD}
HALT_SECONDS = 5.0
# The demo must not use the AWS account of the user.
EXCLUDED_PREFIXES = ("AWS_", "ANSIBLE_", "VONAGE_", "S3_URL")


@dataclass(frozen=True)
class Event:
    """A task that has ended."""

    name: str
    action: str
    status: str
    result: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Run:
    """The exit status, the recap, and the tasks of a playbook run."""

    status: int
    recap: Mapping[str, int] = field(default_factory=dict)
    events: tuple[Event, ...] = ()
    errors: str = ""

    @property
    def ok(self) -> bool:
        """Return whether the exit status and the recap report success."""
        return self.status == 0 and bool(self.recap) and not (self.recap["failures"] or self.recap["unreachable"])

    def facts(self) -> Mapping[str, Any]:
        """Return the role's result, which its last task registers."""
        reports = [event.result for event in self.events if event.action == REPORT]
        return reports[-1] if reports else {}

    def failure_message(self) -> str:
        """Return the messages of the failed tasks, or else the errors of Ansible."""
        messages = [str(event.result.get("msg", "no message")) for event in self.events if event.status == "failed"]
        return "\n".join(messages) or self.errors.strip() or f"ansible-playbook ended with status {self.status}"


@dataclass(frozen=True)
class Ansible:
    """The variables, environment, and folder of all runs."""

    variables: Mapping[str, Any]
    environment: Mapping[str, str]
    folder: Path

    def run(self, playbook: str, report: Callable[[Event], None]) -> Run:
        """Run a playbook of this collection and report each task when it ends; kill all its processes at the end."""
        # In a file, because other users of the machine can read command lines.
        variables = self.folder / "variables.json"
        with os.fdopen(os.open(variables, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            json.dump(dict(self.variables), file)
        errors = self.folder / "errors.log"
        # A short name, because Ansible creates a socket in this folder and the length of socket paths is limited.
        with errors.open("w") as log, tempfile.TemporaryDirectory(prefix="va-") as temporary:
            process = subprocess.Popen(
                [*command(playbook), "-e", f"@{variables}"],
                cwd=ROOT,
                env=self._environment(temporary),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                start_new_session=True,
            )
            try:
                events, recap = read_events(process, report)
            finally:
                kill_process_tree(process)
        return Run(process.wait(), recap, tuple(events), errors.read_text())

    def _environment(self, temporary: str) -> dict[str, str]:
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(EXCLUDED_PREFIXES)}
        settings = {
            # A killed run does not delete its temporary files.
            "TMPDIR": temporary,
            "ANSIBLE_HOME": str(self.folder / "ansible"),
            "ANSIBLE_REMOTE_TMP": str(self.folder / "ansible" / "tmp"),
            "ANSIBLE_COLLECTIONS_PATH": str(ROOT / "build" / "tree"),
            "ANSIBLE_CALLBACK_PLUGINS": str(CALLBACKS),
            "ANSIBLE_STDOUT_CALLBACK": "demo_events",
            "ANSIBLE_NOCOLOR": "1",
            "ANSIBLE_LOCALHOST_WARNING": "false",
            "ANSIBLE_INVENTORY_UNPARSED_WARNING": "false",
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "AWS_EC2_METADATA_DISABLED": "true",
        }
        return {**inherited, **settings, **self.environment}


def command(playbook: str) -> list[str]:
    """Return the command, with the ansible-playbook in the environment of this Python instead of the one on PATH."""
    return [str(Path(sys.executable).with_name("ansible-playbook")), f"vonage.archiving.{playbook}"]


def read_events(process: subprocess.Popen[str], report: Callable[[Event], None]) -> tuple[list[Event], dict[str, int]]:
    """Read the events of a run until its end."""
    events: list[Event] = []
    recap: dict[str, int] = {}
    for line in process.stdout or ():
        document = parse_event(line)
        if "recap" in document:
            recap = document["recap"].get(HOST, {})
        elif document:
            events.append(Event(document["task"], document["action"], document["status"], document["result"]))
            report(events[-1])
    return events, recap


def parse_event(line: str) -> dict[str, Any]:
    """Return the event of a line; an empty dict for any other line."""
    try:
        document = json.loads(line)
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}


def kill_process_tree(process: subprocess.Popen[str]) -> None:
    """Kill a run with its workers and modules; a signal to the group does not reach their sessions."""
    try:
        root = psutil.Process(process.pid)
    except psutil.NoSuchProcess:
        return
    halted: dict[int, psutil.Process] = {}
    while True:
        # Halt all processes before the first kill, because a running process can create another child.
        running = [member for member in _tree(root) if member.pid not in halted]
        if not running:
            break
        for member in running:
            halted[member.pid] = member
            _halt(member)
    for member in halted.values():
        _signal(member.kill)
    process.wait()
    psutil.wait_procs(list(halted.values()), timeout=10)


def _tree(root: psutil.Process) -> list[psutil.Process]:
    try:
        return [root, *root.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def _halt(process: psutil.Process) -> None:
    """Halt a process and wait until it has stopped, because it may fork before it stops."""
    deadline = time.monotonic() + HALT_SECONDS
    _signal(process.suspend)
    with contextlib.suppress(psutil.NoSuchProcess):
        while process.status() not in HALTED and time.monotonic() < deadline:
            time.sleep(0.005)


def _signal(send: Callable[[], None]) -> None:
    try:
        send()
    except psutil.NoSuchProcess:
        return
