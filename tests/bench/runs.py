# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs of ansible-playbook: how long one took, what it changed and which requests it sent."""

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

from tests.bench.scene import Scene, Side
from tools.paths import BUILD, ROOT, user_environment
from tools.peers import ensure_peers

HERE = Path(__file__).resolve().parent
LIMIT_SECONDS = 300
_CHANGED = re.compile(r"changed=(\d+)")


class BenchError(Exception):
    """A side cannot be measured; the text says why."""


@dataclass(frozen=True)
class Run:
    """One finished run.

    :param cpu: seconds of processor time, of ansible-playbook and of all it started.
    """

    seconds: float
    cpu: float
    changed: int
    requests: list[str]


def environment() -> dict[str, str]:
    """Return the same environment for every side: nothing of the caller's Ansible or cloud settings."""
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
    """Return the file of a side's play."""
    own = HERE / "playbooks" / side.playbook
    return own if own.exists() else ROOT / "playbooks" / side.playbook


def execute(path: Path, variables: dict[str, Any], env: dict[str, str]) -> tuple[float, float, str]:
    """Run a playbook; return its seconds, those of the processor, and what it printed.

    :raises BenchError: it failed.
    """
    with tempfile.TemporaryDirectory(prefix="vonage-archiving-bench-") as folder:
        # Not on the command line: there are secrets among them.
        given = Path(folder) / "vars.json"
        given.touch(mode=0o600)
        given.write_text(json.dumps(variables))
        command = [str(Path(sys.executable).with_name("ansible-playbook")), "-e", f"@{given}", str(path)]
        used, began = processor_seconds(), time.perf_counter()
        done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=LIMIT_SECONDS, check=False)
        seconds = time.perf_counter() - began
    if done.returncode:
        raise BenchError(f"{path.name} failed:\n{done.stdout[-3000:]}\n{done.stderr[-1000:]}")
    return seconds, processor_seconds() - used, done.stdout


def processor_seconds() -> float:
    """Return what the children that have ended have used; the servers of the sandbox have not."""
    spent = resource.getrusage(resource.RUSAGE_CHILDREN)
    return spent.ru_utime + spent.ru_stime


def run(scene: Scene, side: Side, env: dict[str, str]) -> Run:
    """Run one side once."""
    variables = scene.variables(side)
    scene.clear()
    seconds, cpu, output = execute(playbook(side), variables, env)
    changed = sum(int(count) for count in _CHANGED.findall(output.rpartition("PLAY RECAP")[2]))
    return Run(seconds, cpu, changed, scene.kinds())
