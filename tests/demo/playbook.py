# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs a playbook of the collection as a user would, and follows it event by event."""

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
HALTED = {psutil.STATUS_STOPPED, psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD}
HALT_SECONDS = 5.0
# Whoever is at the keyboard may have an AWS account; nothing here may come near it.
NOT_OURS = ("AWS_", "ANSIBLE_", "VONAGE_", "S3_URL")


@dataclass(frozen=True)
class Event:
    """A task that has ended."""

    name: str
    action: str
    status: str
    result: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Run:
    """A playbook run that has ended: its exit status, its recap and its tasks."""

    status: int
    recap: Mapping[str, int] = field(default_factory=dict)
    events: tuple[Event, ...] = ()
    errors: str = ""

    @property
    def ok(self) -> bool:
        """Tell whether Ansible itself says that it went well."""
        return self.status == 0 and bool(self.recap) and not (self.recap["failures"] or self.recap["unreachable"])

    def facts(self) -> Mapping[str, Any]:
        """Return the role's result, which its last task leaves as a fact."""
        for event in reversed(self.events):
            found = event.result.get("ansible_facts", {}).get("archive_storage_result")
            if isinstance(found, dict):
                return found
        return {}

    def problem(self) -> str:
        """Return why it failed, in Ansible's words."""
        told = [str(event.result.get("msg", "no reason given")) for event in self.events if event.status == "failed"]
        return "\n".join(told) or self.errors.strip() or f"ansible-playbook ended with status {self.status}"


@dataclass(frozen=True)
class Ansible:
    """What every run has in common."""

    variables: Mapping[str, Any]
    environment: Mapping[str, str]
    folder: Path

    def run(self, playbook: str, show: Callable[[Event], None]) -> Run:
        """Run a playbook of this collection and show each task as it ends; nothing of it outlives this call."""
        # By file: other users of the machine can read command lines.
        variables = self.folder / "variables.json"
        with os.fdopen(os.open(variables, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            json.dump(dict(self.variables), file)
        errors = self.folder / "errors.log"
        # A short name: Ansible has a socket in there, and paths of sockets are limited.
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
                events, recap = follow(process, show)
            finally:
                end_family(process)
        return Run(process.wait(), recap, tuple(events), errors.read_text())

    def _environment(self, temporary: str) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(NOT_OURS)}
        own = {
            # A run that is killed leaves temporary files.
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
        return {**kept, **own, **self.environment}


def command(playbook: str) -> list[str]:
    """Return the command of the environment this Python is in, whatever PATH says."""
    return [str(Path(sys.executable).with_name("ansible-playbook")), f"vonage.archiving.{playbook}"]


def follow(process: subprocess.Popen[str], show: Callable[[Event], None]) -> tuple[list[Event], dict[str, int]]:
    """Read the events of a run until its end."""
    events: list[Event] = []
    recap: dict[str, int] = {}
    for line in process.stdout or ():
        told = read(line)
        if "recap" in told:
            recap = told["recap"].get(HOST, {})
        elif told:
            events.append(Event(told["task"], told["action"], told["status"], told["result"]))
            show(events[-1])
    return events, recap


def read(line: str) -> dict[str, Any]:
    """Return an event; nothing for a line that is none."""
    try:
        told = json.loads(line)
    except ValueError:
        return {}
    return told if isinstance(told, dict) else {}


def end_family(process: subprocess.Popen[str]) -> None:
    """Kill a run with its workers and modules; they are in sessions of their own, where no signal to a group comes."""
    try:
        root = psutil.Process(process.pid)
    except psutil.NoSuchProcess:
        return
    family: dict[int, psutil.Process] = {}
    while True:
        # Halted first, so that none has a child while the others are being counted.
        found = [each for each in _tree(root) if each.pid not in family]
        if not found:
            break
        for each in found:
            family[each.pid] = each
            _halt(each)
    for each in family.values():
        _signal(each.kill)
    process.wait()
    psutil.wait_procs(list(family.values()), timeout=10)


def _tree(root: psutil.Process) -> list[psutil.Process]:
    try:
        return [root, *root.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def _halt(process: psutil.Process) -> None:
    """Halt a process and wait until it is: one that is about to fork does so before it stops."""
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
