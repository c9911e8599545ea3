# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Jobs as AWX runs them: ansible-runner with a temporary private folder in the layout of AWX.

The layout, the environment variables, and the format of the extra variables are those of AWX 24.6.1. There is no
container: the folder is not at /runner.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.awx.injection import AWX, TYPES, inject, read
from tests.e2e import runs
from tests.e2e.runs import TREE

JOB_SECONDS = 150
# The maximum verbosity of a launch: a user with Execute sees its output.
VERBOSE = "-vvvvv"
# The settings of a job.
SETTINGS = {"job_timeout": 0, "suppress_ansible_output": True, "suppress_output_file": False}


@dataclass
class Job:
    """One finished job, whose folder is deleted.

    :param left: the content of its folder, except the credentials that AWX wrote.
    """

    status: str
    stats: dict[str, Any]
    artifacts: dict[str, Any]
    events: list[dict[str, Any]] = field(repr=False)
    left: str = field(repr=False)
    output: str = field(repr=False)

    @property
    def changed(self) -> list[str]:
        """The tasks that changed something."""
        done = [each["event_data"] for each in self.events if each["event"] == "runner_on_ok"]
        return [each["task"] for each in done if each["res"].get("changed")]

    def ok(self) -> Job:
        """Return this job, which must have succeeded."""
        assert self.status == "successful", self.output[-3000:]
        return self

    def unchanged(self) -> Job:
        """Return this job, which must have changed nothing."""
        assert self.ok().changed == []
        assert not any(self.stats["changed"].values())
        return self


def questions(playbook: str) -> dict[str, Any]:
    """Return the defaults of the questions of a survey, by their variables."""
    path = AWX / "surveys" / f"{playbook}.yml"
    return {each["variable"]: each["default"] for each in read(path)["spec"]} if path.exists() else {}


@dataclass(frozen=True)
class Launch:
    """A job template and what it is launched with.

    :param credentials: of our types, by their files' names, the inputs.
    :param environment: of other types, what they set.
    :param inventory: what the inventory's script prints.
    :param answers: values of the survey; the defaults are used for other questions.
    :param more: extra variables of the job template.
    """

    playbook: str
    credentials: Mapping[str, Mapping[str, str]]
    environment: Mapping[str, str] = field(default_factory=dict)
    inventory: Mapping[str, Any] = field(default_factory=lambda: {"_meta": {"hostvars": {}}})
    answers: Mapping[str, Any] = field(default_factory=dict)
    more: Mapping[str, Any] = field(default_factory=dict)
    arguments: Sequence[str] = ()

    @property
    def variables(self) -> dict[str, Any]:
        """The extra variables."""
        defaults = questions(self.playbook)
        assert set(self.answers) <= set(defaults), "AWX ignores values without a question"
        return {**self.more, **defaults, **self.answers, "awx_job_id": 1, "awx_job_launch_type": "manual"}


def run(launch: Launch, core: Path, home: Path) -> Job:
    """Run a job and throw its folder away.

    :param core: the ansible-playbook of some ansible-core.
    :param home: a folder with a short name.
    """
    folder = home / "job"
    folder.mkdir(mode=0o700)
    try:
        environment = _prepare(launch, folder)
        # Otherwise what the tests themselves have set would be there too.
        bare = {
            "PATH": f"{core.parent}{os.pathsep}{os.environ['PATH']}",
            "HOME": str(folder / "home"),
            "LANG": "C.UTF-8",
        }
        runs.write_private(folder / "env" / "envvars", json.dumps({**bare, **environment}))
        command = [
            sys.executable,
            "-m",
            "ansible_runner",
            "run",
            str(folder),
            "-p",
            f"{launch.playbook}.yml",
            "-i",
            "1",
        ]
        done = subprocess.run(
            command,
            check=False,
            env=bare,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=JOB_SECONDS,
        )
        return _gathered(folder / "artifacts" / "1", _left(folder) + done.stdout, done.stdout)
    finally:
        shutil.rmtree(folder)


def _prepare(launch: Launch, folder: Path) -> dict[str, str]:
    for name in ("home", "tmp", "env", "inventory", "requirements_collections"):
        (folder / name).mkdir(mode=0o700)
    shutil.copytree(AWX / "project", folder / "project")
    (folder / "requirements_collections" / "ansible_collections").symlink_to(TREE / "ansible_collections")
    script = runs.write_private(folder / "inventory" / "hosts", _script(launch.inventory))
    script.chmod(0o700)
    runs.write_private(folder / "env" / "extravars", runs.awx_variables(launch.variables))
    runs.write_private(folder / "env" / "cmdline", " ".join(["-u", "root", VERBOSE, "--diff", *launch.arguments]))
    runs.write_private(folder / "env" / "settings", json.dumps(SETTINGS))
    injected: dict[str, str] = {}
    for name, inputs in launch.credentials.items():
        injected.update(inject(read(TYPES / f"{name}.yml"), inputs, folder)[0])
    return {**_surroundings(folder), **launch.environment, **injected}


def _script(inventory: Mapping[str, Any]) -> str:
    return "#! /usr/bin/env python3\nprint(%r)\n" % json.dumps(inventory)  # noqa: UP031


def _surroundings(folder: Path) -> dict[str, str]:
    return {
        "ANSIBLE_COLLECTIONS_PATH": f"{folder}/requirements_collections:~/.ansible/collections",
        "ANSIBLE_ROLES_PATH": f"{folder}/requirements_roles:~/.ansible/roles",
        "ANSIBLE_FORCE_COLOR": "True",
        "ANSIBLE_HOST_KEY_CHECKING": "False",
        "ANSIBLE_INVENTORY_UNPARSED_FAILED": "True",
        "ANSIBLE_PARAMIKO_RECORD_HOST_KEYS": "False",
        "ANSIBLE_RETRY_FILES_ENABLED": "False",
        "AWX_HOST": "https://awx.example.com",
        "AWX_PRIVATE_DATA_DIR": str(folder),
        "JOB_ID": "1",
        "INVENTORY_ID": "1",
        "PROJECT_REVISION": "0" * 40,
        "MAX_EVENT_RES": "700000",
        "TMPDIR": str(folder / "tmp"),
        # Not set by AWX: tests must not reach a real account, and results must contain the invocation.
        "AWS_EC2_METADATA_DISABLED": "true",
        "ANSIBLE_INJECT_INVOCATION": "true",
    }


def _left(folder: Path) -> str:
    """Everything a job leaves; its environment is where AWX has put the credentials, and ansible-runner repeats it."""
    given = (folder / "env", folder / "requirements_collections", folder / "artifacts" / "1" / "command")
    paths = [
        path
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not any(path.is_relative_to(each) for each in given)
    ]
    return "\n".join(path.read_text(errors="replace") for path in paths)


def _gathered(artifacts: Path, left: str, said: str) -> Job:
    paths = sorted((artifacts / "job_events").glob("*.json"), key=lambda path: int(path.name.split("-")[0]))
    events = [json.loads(path.read_text()) for path in paths]
    ends = [event["event_data"] for event in events if event["event"] == "playbook_on_stats"]
    output = (artifacts / "stdout").read_text() if (artifacts / "stdout").exists() else said
    assert ends, [output[-3000:], said[-3000:], sorted(map(str, artifacts.iterdir()))]
    status = (artifacts / "status").read_text()
    return Job(status, ends[-1], ends[-1].get("artifact_data", {}), events, left, output)
