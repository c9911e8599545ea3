# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run ansible-playbook, and measure the time, the changes, and the requests."""

from __future__ import annotations

import json
import os
import re
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.bench.servers import BenchServers, Side
from tools.paths import BUILD, ROOT, user_environment
from tools.peers import ensure_peers

HERE = Path(__file__).resolve().parent
LIMIT_SECONDS = 1800
_CHANGED = re.compile(r"changed=(\d+)")


class BenchError(Exception):
    """A side cannot be measured."""


@dataclass(frozen=True)
class Run:
    """The measurements of one run.

    :param cpu: seconds of processor time of ansible-playbook and its child processes.
    """

    seconds: float
    cpu: float
    changed: int
    requests: list[str]


def environment() -> dict[str, str]:
    """Return the environment of all sides, without the Ansible and AWS settings of the user."""
    env = {name: value for name, value in user_environment("home").items() if not name.startswith(("AWS_", "ANSIBLE_"))}
    env.update(
        AWS_CONFIG_FILE=os.devnull,
        AWS_SHARED_CREDENTIALS_FILE=os.devnull,
        ANSIBLE_CONFIG=str(HERE / "ansible.cfg"),
        ANSIBLE_HOME=str(BUILD / "home"),
        ANSIBLE_REMOTE_TMP=str(BUILD / "home" / "tmp"),
        ANSIBLE_COLLECTIONS_PATH=os.pathsep.join([str(BUILD / "tree"), str(ensure_peers())]),
    )
    return env


def playbook(side: Side) -> Path:
    """Return the path of a side's playbook."""
    own = HERE / "playbooks" / side.playbook
    return own if own.exists() else ROOT / "playbooks" / side.playbook


def execute(path: Path, variables: dict[str, Any], env: dict[str, str]) -> tuple[float, float, str]:
    """Run a playbook, and return its wall time, its processor time, and its output.

    :raises BenchError: the playbook failed.
    """
    with tempfile.TemporaryDirectory(prefix="vonage-archiving-bench-") as folder:
        # Not on the command line, because some variables are secrets.
        file = Path(folder) / "vars.json"
        file.touch(mode=0o600)
        file.write_text(json.dumps(variables))
        command = [str(Path(sys.executable).with_name("ansible-playbook")), "-e", f"@{file}", str(path)]
        cpu, start = processor_seconds(), time.perf_counter()
        process = subprocess.run(command, env=env, capture_output=True, text=True, timeout=LIMIT_SECONDS, check=False)
        seconds = time.perf_counter() - start
    if process.returncode:
        raise BenchError(f"{path.name} failed:\n{process.stdout[-3000:]}\n{process.stderr[-1000:]}")
    return seconds, processor_seconds() - cpu, process.stdout


def processor_seconds() -> float:
    """Return the processor time of ended child processes, which excludes the servers of the sandbox."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def run(servers: BenchServers, side: Side, env: dict[str, str]) -> Run:
    """Run one side once."""
    variables = servers.variables(side)
    servers.clear()
    seconds, cpu, output = execute(playbook(side), variables, env)
    changed = sum(int(count) for count in _CHANGED.findall(output.rpartition("PLAY RECAP")[2]))
    return Run(seconds, cpu, changed, servers.request_kinds())
