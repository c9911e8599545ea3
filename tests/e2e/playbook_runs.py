# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs of ansible-playbook, each with a separate home folder, and their results."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus

import yaml

from tests.e2e.fork_server import launcher

ROOT = Path(__file__).resolve().parents[2]
TREE = ROOT / "build" / "tree"
ANSIBLE_PLAYBOOK = Path(sys.executable).with_name("ansible-playbook")
RUN_SECONDS = 120
REPORT = "vonage.archiving.archive_storage_report"


@dataclass(frozen=True)
class Event:
    """The result of one task; ``kind`` is ok, failed, skipped, or unreachable."""

    kind: str
    task: str
    action: str
    result: dict[str, Any] = field(repr=False)
    host: str = ""

    @property
    def changed(self) -> bool:
        return self.kind == "ok" and bool(self.result.get("changed"))


@dataclass
class Run:
    """A finished run."""

    rc: int
    stdout: str = field(repr=False)
    stderr: str = field(repr=False)
    events: list[Event] = field(repr=False)
    #: the file of the events, which has everything that Ansible passes to callbacks
    events_text: str = field(repr=False)
    stats: dict[str, int]
    seconds: float
    home: Path
    #: the recap of all hosts; ``stats`` is that of localhost
    recap: dict[str, dict[str, int]] = field(default_factory=dict, repr=False)

    @property
    def output(self) -> str:
        """Return everything that the user sees."""
        return self.stdout + self.stderr

    @property
    def changed(self) -> list[str]:
        """Return the names of the tasks that changed something, except the report, which repeats the changes."""
        return [event.task for event in self.events if event.changed and event.action != REPORT]

    @property
    def error(self) -> str:
        """Return the message of the task that failed."""
        failed = [event for event in self.events if event.kind == "failed"]
        assert failed, self.output
        return str(failed[-1].result.get("msg", ""))

    @property
    def failed_task(self) -> str:
        """Return the name of the task that failed, without the name of the role."""
        failed = [event for event in self.events if event.kind == "failed"]
        return failed[-1].task.rpartition(" : ")[2] if failed else ""

    @property
    def result(self) -> dict[str, Any]:
        """Return the result of the role, which its last task registers."""
        reports = [event.result for event in self.events if event.action == REPORT and "project" in event.result]
        assert reports, self.output
        return dict(reports[-1])

    def task(self, name: str) -> Event:
        """Return the last event of the task whose name ends with this text."""
        events = [event for event in self.events if event.task.endswith(name)]
        assert events, f"no task {name!r} in {[event.task for event in self.events]}"
        return events[-1]

    def ok(self) -> Run:
        """Assert that the run succeeded, and return it."""
        assert self.rc == 0, self.output
        return self

    def failed(self) -> Run:
        """Assert that a task failed with a message and without a traceback, and return the run."""
        assert self.rc == 2, self.output
        assert self.error, self.output
        assert "Traceback" not in self.output, self.output
        assert "please report it" not in self.output, self.output
        return self


def environment(home: Path, env: Mapping[str, str]) -> dict[str, str]:
    """Return environment variables with which all files are in ``home``, and no account can be used."""
    for name in ("tmp", "ansible/tmp"):
        (home / name).mkdir(parents=True, exist_ok=True, mode=0o700)
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "LANG": "C.UTF-8",
        "HOME": str(home),
        "TMPDIR": str(home / "tmp"),
        "ANSIBLE_HOME": str(home / "ansible"),
        "ANSIBLE_LOCAL_TEMP": str(home / "ansible" / "local"),
        "ANSIBLE_REMOTE_TEMP": str(home / "ansible" / "remote"),
        "ANSIBLE_COLLECTIONS_PATH": str(TREE),
        "ANSIBLE_CALLBACK_PLUGINS": str(Path(__file__).with_name("callback_plugins")),
        "ANSIBLE_CALLBACKS_ENABLED": "e2e_events",
        "ANSIBLE_LOCALHOST_WARNING": "false",
        "ANSIBLE_NOCOLOR": "1",
        # The tests search the output for secrets.
        "ANSIBLE_VERBOSITY": "3",
        "ANSIBLE_DIFF_ALWAYS": "true",
        # Include the options in results, as ansible-core before 2.21 always does.
        "ANSIBLE_INJECT_INVOCATION": "true",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
        "E2E_EVENTS": str(home / "events.jsonl"),
        **env,
    }


def write_private(path: Path, text: str) -> Path:
    """Write a file that only its owner can read."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
    return path


def awx_variables(variables: Mapping[str, Any]) -> str:
    """Return a file of extra variables as AWX writes it: keys and strings are marked as unsafe."""
    lines = []
    for name, value in variables.items():
        text = "'" + value.replace("'", "''") + "'" if isinstance(value, str) else json.dumps(value)
        # YAML folds line ends in single quotes.
        text = json.dumps(value) if isinstance(value, str) and "\n" in value else text
        lines.append(f"!unsafe '{name}': {'!unsafe ' if isinstance(value, str) else ''}{text}")
    return "---\n" + "\n".join(lines) + "\n"


def command_line(
    playbook: str | Path, extra_vars: Path, ansible_playbook: Path | None, args: Sequence[str], fork_server: bool
) -> list[str]:
    """Return the command, which does not contain the values of variables."""
    path = playbook if isinstance(playbook, Path) else ROOT / "playbooks" / f"{playbook}.yml"
    program = str(ansible_playbook or ANSIBLE_PLAYBOOK)
    python = ["-e", f"ansible_python_interpreter={launcher.interpreter()}"] if fork_server else []
    return [program, "-i", "localhost,", *python, "-e", f"@{extra_vars}", *args, str(path)]


def run_playbook(
    playbook: str | Path,
    variables: Mapping[str, Any] | str,
    home: Path,
    env: Mapping[str, str],
    ansible_playbook: Path | None = None,
    args: Sequence[str] = (),
    watch: Callable[[subprocess.Popen[str]], None] | None = None,
    seconds: float = RUN_SECONDS,
) -> Run:
    """Run one playbook.

    :param playbook: the name of a playbook of the collection, or a path.
    :param variables: extra variables, or the text of a file of extra variables.
    :param home: the folder of all files of the run.
    :param env: added to a minimal environment.
    :param watch: called with the process while it runs.
    :param seconds: the time limit.
    """
    full_env = environment(home, env)
    if not watch:
        full_env["E2E_MODULE_CACHE"] = str(launcher.module_cache(ansible_playbook or ANSIBLE_PLAYBOOK))
    events = Path(full_env["E2E_EVENTS"])
    events.unlink(missing_ok=True)
    text = variables if isinstance(variables, str) else yaml.safe_dump(dict(variables))
    extra_vars = write_private(home / "extra_vars.yml", text)
    # A watched run must have its own processes and files, and another ansible-core uses another Python.
    command = command_line(playbook, extra_vars, ansible_playbook, args, fork_server=not watch and not ansible_playbook)
    started = time.monotonic()
    # Unlike pipes, files do not have to be read during the run.
    with open(home / "stdout", "w+") as out, open(home / "stderr", "w+") as err:
        with subprocess.Popen(
            command, env=full_env, cwd=home, stdout=out, stderr=err, text=True, start_new_session=True
        ) as process:
            try:
                if watch:
                    watch(process)
                process.wait(seconds)
            finally:
                process.kill()
        duration = time.monotonic() - started
        stdout, stderr = (home / "stdout").read_text(), (home / "stderr").read_text()
    events_text = events.read_text() if events.exists() else ""
    lines = [json.loads(line) for line in events_text.splitlines()]
    stats = [line["result"] for line in lines if line["kind"] == "stats"]
    names = ("kind", "task", "action", "result", "host")
    results = [Event(*(line[name] for name in names)) for line in lines if "task" in line]
    recap = (stats or [{}])[-1]
    return Run(
        process.returncode, stdout, stderr, results, events_text, recap.get("localhost", {}), duration, home, recap
    )


def encoded_forms(secret: str) -> set[str]:
    """Return a secret in all encodings in which it can appear: plain, base64, URL-encoded, JSON-escaped."""
    encoded = base64.b64encode(secret.encode()).decode()
    forms = {secret, encoded, encoded.rstrip("="), quote(secret, safe=""), quote_plus(secret), json.dumps(secret)[1:-1]}
    if "\n" in secret.strip():
        # Single lines of a PEM are also secret, except short lines, which all keys have.
        forms |= {line for line in secret.splitlines() if len(line) > 40}
    return forms


def find_leaks(text: str, secrets: Iterable[str]) -> list[str]:
    """Return the text before each secret, without the secret."""
    leaks = []
    for secret in secrets:
        for form in encoded_forms(secret):
            position = text.find(form)
            if position >= 0:
                leaks.append(f"…{text[max(0, position - 80) : position]}<secret of {len(secret)} characters>")
    return leaks
