# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs ansible-rulebook in a separate environment in .cache.

``python -m tests.e2e.rulebook`` installs it (about 150 MB).
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from tests.e2e import playbook_runs
from tools.environment import ensure
from tools.paths import CACHE, ROOT

ENVIRONMENT = CACHE / "eda"
# With newer versions of ansible-core, ansible-rulebook does not find the playbooks of collections.
REQUIREMENTS = (
    "ansible-rulebook>=1.2,<2",
    "ansible-core>=2.16,<2.20",
    "-r",
    str(ROOT / "meta" / "ee-requirements.txt"),
)
START_SECONDS = 60
STOP_SECONDS = 20


def install() -> str:
    """Install ansible-rulebook if it is not installed. Return the reason if this is not possible."""
    if not shutil.which("java"):
        return "ansible-rulebook needs Java"
    try:
        ensure(ENVIRONMENT, REQUIREMENTS)
    except SystemExit as error:
        return str(error)
    return ""


@dataclass
class Rulebook:
    process: subprocess.Popen[str]
    url: str
    home: Path
    #: content of the files of ansible-runner by name; it removes some of them before they can be read
    artifacts: dict[str, str] = field(default_factory=dict)

    @property
    def output(self) -> str:
        """Return the output of ansible-rulebook and of the playbooks."""
        return (self.home / "rulebook.out").read_text()

    def wait_for(self, text: str, times: int = 1, seconds: float = START_SECONDS) -> None:
        deadline = time.monotonic() + seconds
        while self.output.count(text) < times:
            assert self.process.poll() is None, self.output
            assert time.monotonic() < deadline, self.output
            self._read_artifacts()
            time.sleep(0.1)

    def _read_artifacts(self) -> None:
        """Read all files except ``command``, which contains the environment of the test process."""
        for path in self.home.glob("tmp/eda*/artifacts/*/**/*"):
            with contextlib.suppress(OSError):
                if path.name != "command" and path.is_file():
                    self.artifacts[path.name] = path.read_text()


@contextlib.contextmanager
def run_rulebook(
    name: str, home: Path, variables: Mapping[str, Any], inventory: Mapping[str, Any], env: Mapping[str, str]
) -> Iterator[Rulebook]:
    """Run a rulebook of the collection with the maximum verbosity, until it listens on a free port.

    :param name: archive_status or archive_status_controller.
    """
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    variables = {"archive_status_host": "127.0.0.1", "archive_status_port": port, **variables}
    files = {
        "vars": playbook_runs.write_private(home / "events.yml", yaml.safe_dump(variables)),
        "inventory": playbook_runs.write_private(home / "inventory.yml", yaml.safe_dump(dict(inventory))),
    }
    command = [str(ENVIRONMENT / "bin" / "ansible-rulebook"), "-r", f"vonage.archiving.{name}", "-vv"]
    command += ["-i", str(files["inventory"]), "--vars", str(files["vars"]), "--shutdown-delay", "1"]
    environment = playbook_runs.environment(home, env)
    environment["PATH"] = f"{ENVIRONMENT / 'bin'}{os.pathsep}{environment['PATH']}"
    with open(home / "rulebook.out", "w") as out:
        process = subprocess.Popen(
            command, env=environment, cwd=home, stdout=out, stderr=out, text=True, start_new_session=True
        )
    try:
        rulebook = Rulebook(process, f"http://127.0.0.1:{port}/vonage/archive-status", home)
        rulebook.wait_for("Listening on")
        yield rulebook
    finally:
        _stop(process)


def _stop(process: subprocess.Popen[str]) -> None:
    """Stop the process and its children."""
    process.terminate()
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(STOP_SECONDS)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


if __name__ == "__main__":
    sys.exit(install() or 0)
