# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""ansible-rulebook, in an environment of its own below .cache, and a process of it.

``python -m tests.e2e.rulebook`` installs it (some 150 MB).
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

from tests.e2e import runs
from tools.environment import ensure
from tools.paths import CACHE, ROOT

ENVIRONMENT = CACHE / "eda"
# ansible-rulebook leaves out the collections' own playbooks with newer ones.
REQUIREMENTS = (
    "ansible-rulebook>=1.2,<2",
    "ansible-core>=2.16,<2.20",
    "-r",
    str(ROOT / "meta" / "ee-requirements.txt"),
)
START_SECONDS = 60
STOP_SECONDS = 20


def missing() -> str:
    """Why it cannot run here; empty where it can. It is installed on the way."""
    if not shutil.which("java"):
        return "ansible-rulebook needs Java"
    try:
        ensure(ENVIRONMENT, REQUIREMENTS)
    except SystemExit as error:
        return str(error)
    return ""


@dataclass
class Rulebook:
    """A rulebook that runs."""

    process: subprocess.Popen[str]
    url: str
    home: Path
    #: what ansible-runner wrote of its runs, as far as it was seen before it was removed
    artifacts: dict[str, str] = field(default_factory=dict)

    @property
    def output(self) -> str:
        """All that it has said so far, and the playbooks it ran."""
        return (self.home / "rulebook.out").read_text()

    def wait_for(self, text: str, times: int = 1, seconds: float = START_SECONDS) -> None:
        """Wait until it has said something so many times."""
        deadline = time.monotonic() + seconds
        while self.output.count(text) < times:
            assert self.process.poll() is None, self.output
            assert time.monotonic() < deadline, self.output
            self._read_artifacts()
            time.sleep(0.1)

    def _read_artifacts(self) -> None:
        """Read what is kept of the playbook that runs; beside it, the command has the environment of this process."""
        for path in self.home.glob("tmp/eda*/artifacts/*/**/*"):
            with contextlib.suppress(OSError):
                if path.name != "command" and path.is_file():
                    self.artifacts[path.name] = path.read_text()


@contextlib.contextmanager
def running(
    home: Path, variables: Mapping[str, Any], inventory: Mapping[str, Any], env: Mapping[str, str]
) -> Iterator[Rulebook]:
    """Run the collection's rulebook as the documentation says, and show all that it can show."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    given = {"archive_status_host": "127.0.0.1", "archive_status_port": port, **variables}
    files = {
        "vars": runs.write_private(home / "events.yml", yaml.safe_dump(given)),
        "inventory": runs.write_private(home / "inventory.yml", yaml.safe_dump(dict(inventory))),
    }
    command = [str(ENVIRONMENT / "bin" / "ansible-rulebook"), "-r", "vonage.archiving.archive_status", "-vv"]
    command += ["-i", str(files["inventory"]), "--vars", str(files["vars"]), "--shutdown-delay", "1"]
    surroundings = runs.environment(home, env)
    surroundings["PATH"] = f"{ENVIRONMENT / 'bin'}{os.pathsep}{surroundings['PATH']}"
    with open(home / "rulebook.out", "w") as out:
        process = subprocess.Popen(
            command, env=surroundings, cwd=home, stdout=out, stderr=out, text=True, start_new_session=True
        )
    try:
        made = Rulebook(process, f"http://127.0.0.1:{port}/vonage/archive-status", home)
        made.wait_for("Listening at")
        yield made
    finally:
        _stop(process)


def _stop(process: subprocess.Popen[str]) -> None:
    """Stop it and what it has started."""
    process.terminate()
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(STOP_SECONDS)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


if __name__ == "__main__":
    sys.exit(missing() or 0)
