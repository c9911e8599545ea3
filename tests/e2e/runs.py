# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs of ansible-playbook as a person or AWX starts them, in a home folder of their own, and what came of them."""

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

from tests.e2e import warm_runs

ROOT = Path(__file__).resolve().parents[2]
TREE = ROOT / "build" / "tree"
ANSIBLE_PLAYBOOK = Path(sys.executable).with_name("ansible-playbook")
RUN_SECONDS = 120
REPORT = "vonage.archiving.archive_storage_report"


@dataclass(frozen=True)
class Event:
    """What one task returned; ``kind`` is ok, failed, skipped or unreachable."""

    kind: str
    task: str
    action: str
    result: dict[str, Any] = field(repr=False)
    host: str = ""

    @property
    def changed(self) -> bool:
        """Tell whether the task counts as a change."""
        return self.kind == "ok" and bool(self.result.get("changed"))


@dataclass
class Run:
    """One finished run."""

    rc: int
    stdout: str = field(repr=False)
    stderr: str = field(repr=False)
    events: list[Event] = field(repr=False)
    #: the events as they were written, for a look at all that callbacks are told
    told: str = field(repr=False)
    stats: dict[str, int]
    seconds: float
    home: Path
    #: the recap of all hosts; ``stats`` is that of localhost
    recap: dict[str, dict[str, int]] = field(default_factory=dict, repr=False)

    @property
    def output(self) -> str:
        """Return everything a person saw."""
        return self.stdout + self.stderr

    @property
    def changed(self) -> list[str]:
        """Return the names of the tasks that changed something; the report only repeats it."""
        return [event.task for event in self.events if event.changed and event.action != REPORT]

    @property
    def error(self) -> str:
        """Return the message of the task that failed."""
        failed = [event for event in self.events if event.kind == "failed"]
        assert failed, self.output
        return str(failed[-1].result.get("msg", ""))

    @property
    def failed_task(self) -> str:
        """Return the name of the task that failed, without the role's."""
        failed = [event for event in self.events if event.kind == "failed"]
        return failed[-1].task.rpartition(" : ")[2] if failed else ""

    @property
    def result(self) -> dict[str, Any]:
        """Return the role's result, which its last task registers."""
        reports = [event.result for event in self.events if event.action == REPORT and "project" in event.result]
        assert reports, self.output
        return dict(reports[-1])

    def task(self, name: str) -> Event:
        """Return the last event of the task whose name ends so."""
        found = [event for event in self.events if event.task.endswith(name)]
        assert found, f"no task {name!r} in {[event.task for event in self.events]}"
        return found[-1]

    def ok(self) -> Run:
        """Return this run, which must have succeeded."""
        assert self.rc == 0, self.output
        return self

    def failed(self) -> Run:
        """Return this run, which must have failed in a task, with a message and no traceback."""
        assert self.rc == 2, self.output
        assert self.error, self.output
        assert "Traceback" not in self.output, self.output
        assert "please report it" not in self.output, self.output
        return self


def environment(home: Path, env: Mapping[str, str]) -> dict[str, str]:
    """Return an environment in which everything that is kept is kept below ``home``, and no account is in reach."""
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
        # Whatever a run shows is looked through for secrets: so it shows all it can.
        "ANSIBLE_VERBOSITY": "3",
        "ANSIBLE_DIFF_ALWAYS": "true",
        # Results repeat the options, as they always did before ansible-core 2.21.
        "ANSIBLE_INJECT_INVOCATION": "true",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
        "E2E_EVENTS": str(home / "events.jsonl"),
        **env,
    }


def write_private(path: Path, text: str) -> Path:
    """Write a file that only its owner may read."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
    return path


def awx_variables(variables: Mapping[str, Any]) -> str:
    """Return the variables as AWX writes its file of extra variables: keys and strings marked as unsafe."""
    lines = []
    for name, value in variables.items():
        text = "'" + value.replace("'", "''") + "'" if isinstance(value, str) else json.dumps(value)
        # A single-quoted scalar folds its line ends: a text of several lines is written in double quotes.
        text = json.dumps(value) if isinstance(value, str) and "\n" in value else text
        lines.append(f"!unsafe '{name}': {'!unsafe ' if isinstance(value, str) else ''}{text}")
    return "---\n" + "\n".join(lines) + "\n"


def command_line(
    playbook: str | Path, extra_vars: Path, ansible_playbook: Path | None, args: Sequence[str], warm: bool
) -> list[str]:
    """Return the command; the values of variables are not in it."""
    path = playbook if isinstance(playbook, Path) else ROOT / "playbooks" / f"{playbook}.yml"
    program = str(ansible_playbook or ANSIBLE_PLAYBOOK)
    python = ["-e", f"ansible_python_interpreter={warm_runs.interpreter()}"] if warm else []
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

    :param playbook: the name of one of the collection's, or the path of another.
    :param variables: extra variables, or the text of a file of them.
    :param home: all that the run keeps is kept below it.
    :param env: on top of a bare environment.
    :param watch: called with the process while it runs.
    :param seconds: how long it may take.
    """
    surroundings = environment(home, env)
    if not watch:
        surroundings["E2E_PACKED"] = str(warm_runs.packed(ansible_playbook or ANSIBLE_PLAYBOOK))
    events = Path(surroundings["E2E_EVENTS"])
    events.unlink(missing_ok=True)
    text = variables if isinstance(variables, str) else yaml.safe_dump(dict(variables))
    extra_vars = write_private(home / "extra_vars.yml", text)
    # Whoever watches is to see all processes and files of a run; and another ansible-core has another Python.
    command = command_line(playbook, extra_vars, ansible_playbook, args, warm=not watch and not ansible_playbook)
    started = time.monotonic()
    # Files rather than pipes: whoever watches the process need not read them meanwhile.
    with open(home / "stdout", "w+") as out, open(home / "stderr", "w+") as err:
        with subprocess.Popen(
            command, env=surroundings, cwd=home, stdout=out, stderr=err, text=True, start_new_session=True
        ) as process:
            try:
                if watch:
                    watch(process)
                process.wait(seconds)
            finally:
                process.kill()
        took = time.monotonic() - started
        stdout, stderr = (home / "stdout").read_text(), (home / "stderr").read_text()
    told = events.read_text() if events.exists() else ""
    lines = [json.loads(line) for line in told.splitlines()]
    stats = [line["result"] for line in lines if line["kind"] == "stats"]
    names = ("kind", "task", "action", "result", "host")
    seen = [Event(*(line[name] for name in names)) for line in lines if "task" in line]
    recap = (stats or [{}])[-1]
    return Run(process.returncode, stdout, stderr, seen, told, recap.get("localhost", {}), took, home, recap)


def forms(secret: str) -> set[str]:
    """Return a secret as it may stand somewhere: as it is, in base64, URL-encoded, JSON-escaped."""
    encoded = base64.b64encode(secret.encode()).decode()
    found = {secret, encoded, encoded.rstrip("="), quote(secret, safe=""), quote_plus(secret), json.dumps(secret)[1:-1]}
    if "\n" in secret.strip():
        # Of a PEM, no line may show either, but for those that stand in every key.
        found |= {line for line in secret.splitlines() if len(line) > 40}
    return found


def leaks(text: str, secrets: Iterable[str]) -> list[str]:
    """Return the places where a text shows a secret, the secret itself left out."""
    found = []
    for secret in secrets:
        for form in forms(secret):
            at = text.find(form)
            if at >= 0:
                found.append(f"…{text[max(0, at - 80) : at]}<secret of {len(secret)} characters>")
    return found
