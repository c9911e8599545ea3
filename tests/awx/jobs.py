# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run jobs like AWX: ansible-runner with a temporary private folder in the layout of AWX.

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
from tests.e2e import playbook_runs
from tests.e2e.playbook_runs import TREE

JOB_SECONDS = 150
# The maximum verbosity of a launch, whose output is visible to a user with Execute.
VERBOSE = "-vvvvv"
# The settings of a job.
SETTINGS = {"job_timeout": 0, "suppress_ansible_output": True, "suppress_output_file": False}


@dataclass
class Job:
    """A finished job, whose folder is deleted.

    :param content: the output and the content of all files, except the credentials that AWX wrote.
    """

    status: str
    stats: dict[str, Any]
    artifacts: dict[str, Any]
    events: list[dict[str, Any]] = field(repr=False)
    content: str = field(repr=False)
    output: str = field(repr=False)

    @property
    def changed(self) -> list[str]:
        """The names of the changed tasks."""
        tasks = [event["event_data"] for event in self.events if event["event"] == "runner_on_ok"]
        return [task["task"] for task in tasks if task["res"].get("changed")]

    def ok(self) -> Job:
        """Assert that the job succeeded."""
        assert self.status == "successful", self.output[-3000:]
        return self

    def unchanged(self) -> Job:
        """Assert that the job succeeded without changes."""
        assert self.ok().changed == []
        assert not any(self.stats["changed"].values())
        return self


def questions(playbook: str) -> dict[str, Any]:
    """Return the variables of a survey with their defaults."""
    path = AWX / "surveys" / f"{playbook}.yml"
    return {question["variable"]: question["default"] for question in read(path)["spec"]} if path.exists() else {}


@dataclass(frozen=True)
class Launch:
    """A job template with the values of a launch.

    :param credentials: the inputs by the name of the credential type's file in this collection.
    :param environment: the variables of credentials of other types.
    :param inventory: the output of the inventory script.
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
        defaults = questions(self.playbook)
        assert set(self.answers) <= set(defaults), "AWX ignores values without a question"
        return {**self.more, **defaults, **self.answers, "awx_job_id": 1, "awx_job_launch_type": "manual"}


def run(launch: Launch, core: Path, home: Path) -> Job:
    """Run a job and delete its folder.

    :param core: the path of ansible-playbook.
    :param home: a folder with a short path.
    """
    folder = home / "job"
    folder.mkdir(mode=0o700)
    try:
        environment = _prepare(launch, folder)
        # Without the environment of the tests.
        base_environment = {
            "PATH": f"{core.parent}{os.pathsep}{os.environ['PATH']}",
            "HOME": str(folder / "home"),
            "LANG": "C.UTF-8",
        }
        playbook_runs.write_private(folder / "env" / "envvars", json.dumps({**base_environment, **environment}))
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
        process = subprocess.run(
            command,
            check=False,
            env=base_environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=JOB_SECONDS,
        )
        return _read_job(folder / "artifacts" / "1", _read_files(folder) + process.stdout, process.stdout)
    finally:
        shutil.rmtree(folder)


def _prepare(launch: Launch, folder: Path) -> dict[str, str]:
    for name in ("home", "tmp", "env", "inventory", "requirements_collections"):
        (folder / name).mkdir(mode=0o700)
    shutil.copytree(AWX / "project", folder / "project")
    (folder / "requirements_collections" / "ansible_collections").symlink_to(TREE / "ansible_collections")
    script = playbook_runs.write_private(folder / "inventory" / "hosts", _format_script(launch.inventory))
    script.chmod(0o700)
    playbook_runs.write_private(folder / "env" / "extravars", playbook_runs.awx_variables(launch.variables))
    playbook_runs.write_private(
        folder / "env" / "cmdline", " ".join(["-u", "root", VERBOSE, "--diff", *launch.arguments])
    )
    playbook_runs.write_private(folder / "env" / "settings", json.dumps(SETTINGS))
    injected: dict[str, str] = {}
    for name, inputs in launch.credentials.items():
        injected.update(inject(read(TYPES / f"{name}.yml"), inputs, folder)[0])
    return {**_job_environment(folder), **launch.environment, **injected}


def _format_script(inventory: Mapping[str, Any]) -> str:
    return "#! /usr/bin/env python3\nprint(%r)\n" % json.dumps(inventory)  # noqa: UP031


def _job_environment(folder: Path) -> dict[str, str]:
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
        # Not set by AWX. Tests must not use a real account, and results must contain the invocation.
        "AWS_EC2_METADATA_DISABLED": "true",
        "ANSIBLE_INJECT_INVOCATION": "true",
    }


def _read_files(folder: Path) -> str:
    """Read all files of a job, except its environment, which contains the credentials, and the collections."""
    # ansible-runner writes the environment into the file "command" too.
    excluded = (folder / "env", folder / "requirements_collections", folder / "artifacts" / "1" / "command")
    paths = [
        path
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not any(path.is_relative_to(parent) for parent in excluded)
    ]
    return "\n".join(path.read_text(errors="replace") for path in paths)


def _read_job(artifacts: Path, content: str, runner_output: str) -> Job:
    paths = sorted((artifacts / "job_events").glob("*.json"), key=lambda path: int(path.name.split("-")[0]))
    events = [json.loads(path.read_text()) for path in paths]
    stats = [event["event_data"] for event in events if event["event"] == "playbook_on_stats"]
    output = (artifacts / "stdout").read_text() if (artifacts / "stdout").exists() else runner_output
    assert stats, [output[-3000:], runner_output[-3000:], sorted(map(str, artifacts.iterdir()))]
    status = (artifacts / "status").read_text()
    return Job(status, stats[-1], stats[-1].get("artifact_data", {}), events, content, output)
