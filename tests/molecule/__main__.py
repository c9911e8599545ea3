# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Start and stop the sandbox that all molecule scenarios share, and print the state of a scenario.

    python -m tests.molecule start FILE           returns when FILE exists and the sandbox is ready
    python -m tests.molecule stop FILE
    python -m tests.molecule state FILE SCENARIO  prints the state of the bucket, the project, and the users

The folder of FILE has one file for each scenario, with the variables of the role. These files contain keys. Only their
owner can read them, and they are deleted when the sandbox stops. If ``molecule test`` is killed, the sandbox ends.
After ``molecule converge`` or ``molecule create``, it runs until ``molecule destroy``.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import psutil

from tests.sandbox import Sandbox, SandboxError, upload_only_policy
from tests.sandbox._aws import aws_client
from tests.sandbox._signals import handle_stop_signals

from .state import fetch_bucket, fetch_project, fetch_users

ROOT = Path(__file__).resolve().parents[2]
SCENARIOS = ROOT / "extensions" / "molecule"
MOLECULE_STATE = "state.yml"
# The scenario with an app on Heroku.
BROADCAST = "interactive_broadcast"
# The other scenarios have a managed key.
WITH_EXTERNAL_KEY = {"archive_storage_public"}
READY_TIMEOUT = 90.0
STOP_TIMEOUT = 30.0


def scenarios() -> list[str]:
    """Return the scenarios that need a project."""
    return sorted(path.parent.name for path in SCENARIOS.glob("*/molecule.yml") if path.parent.name != "default")


def variables(sandbox: Sandbox, scenario: str) -> dict[str, Any]:
    """Create the project of a scenario and its external key, if any; return the variables of the role."""
    store, project = sandbox.store, sandbox.vonage.add_project(scenario)
    bucket = f"molecule-{scenario.replace('_', '-')}"
    uploader: dict[str, str] = {}
    if scenario in WITH_EXTERNAL_KEY:
        access_key, secret_key = store.make_user(f"uploader-{scenario}", upload_only_policy(bucket))
        uploader = {
            "archive_storage_upload_key": "external",
            "archive_storage_uploader_access_key": access_key,
            "archive_storage_uploader_secret_key": secret_key,
        }
    return {
        "archive_storage_api_url": sandbox.vonage.url,
        "archive_storage_api_key": project.key,
        "archive_storage_api_secret": project.secret,
        "archive_storage_bucket": bucket,
        "archive_storage_region": store.region,
        "archive_storage_endpoint": store.endpoint_url,
        "archive_storage_access_key": store.access_key,
        "archive_storage_secret_key": store.secret_key,
        **uploader,
        **(broadcast_variables(sandbox, project.key, project.secret, bucket) if scenario == BROADCAST else {}),
    }


def broadcast_variables(sandbox: Sandbox, api_key: str, api_secret: str, bucket: str) -> dict[str, Any]:
    """Return the variables of the role interactive_broadcast for the app in the emulator of Heroku."""
    store = sandbox.store
    return {
        "interactive_broadcast_api_url": sandbox.vonage.url,
        "interactive_broadcast_api_key": api_key,
        "interactive_broadcast_api_secret": api_secret,
        "interactive_broadcast_bucket": bucket,
        "interactive_broadcast_region": store.region,
        "interactive_broadcast_endpoint": store.endpoint_url,
        "interactive_broadcast_access_key": store.access_key,
        "interactive_broadcast_secret_key": store.secret_key,
        "interactive_broadcast_heroku_app": sandbox.heroku.app_name,
        "interactive_broadcast_adopt_app": True,
        "interactive_broadcast_heroku_api_token": sandbox.heroku.api_token,
        "interactive_broadcast_heroku_api_url": sandbox.heroku.url,
    }


def serve(file: Path, owner: int) -> int:
    """Run the sandbox until a stop signal, or until the process ``owner`` ends."""
    stopping = threading.Event()

    handle_stop_signals(lambda _number: stopping.set())
    with Sandbox(heroku=BROADCAST in scenarios()) as sandbox:
        for name in scenarios():
            description = {"sandbox_file": str(file), "sandbox_scenario": name, **variables(sandbox, name)}
            sandbox.write_description(file.with_name(f"{name}.json"), description)
        sandbox.write_description(file)
        while not stopping.wait(1):
            if sandbox.unexpected_exits() or (owner and not psutil.pid_exists(owner)):
                # Otherwise the next run of molecule does not start a sandbox.
                file.with_name(MOLECULE_STATE).unlink(missing_ok=True)
                return 1
    return 0


def start(file: Path) -> int:
    """Start the sandbox in the background and wait until it is ready."""
    stop(file)
    file.parent.mkdir(parents=True, exist_ok=True)
    log = file.with_suffix(".log")
    with log.open("w") as output:
        server = subprocess.Popen(
            [sys.executable, "-m", "tests.molecule", "serve", str(file), "--owner", str(molecule_pid())],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    deadline = time.monotonic() + READY_TIMEOUT
    while not file.exists():
        if server.poll() is not None or time.monotonic() > deadline:
            server.terminate()
            raise SandboxError(f"The sandbox did not start:\n{log.read_text()}")
        time.sleep(0.1)
    return 0


def molecule_pid() -> int:
    """Return the id of the ``molecule test`` process above this process, or 0."""
    for ancestor in psutil.Process().parents():
        words = ancestor.cmdline()
        if any(Path(word).name == "molecule" for word in words[:3]) and "test" in words:
            return ancestor.pid
    return 0


def stop(file: Path) -> int:
    """Stop the sandbox, if it runs, and wait for its end."""
    if not file.exists():
        return 0
    pid = int(json.loads(file.read_text())["pid"])
    try:
        server = psutil.Process(pid)
        if "tests.molecule" in server.cmdline():
            os.kill(pid, signal.SIGTERM)
            server.wait(STOP_TIMEOUT)
    except psutil.NoSuchProcess:
        pass
    # A killed sandbox does not delete it, and its clean-up process runs in the background.
    file.unlink(missing_ok=True)
    return 0


def print_state(file: Path, scenario: str) -> int:
    """Print the state of the servers for a scenario, which is read with the operator's key."""
    values = json.loads(file.with_name(f"{scenario}.json").read_text())
    connection = [values[f"archive_storage_{name}"] for name in ("endpoint", "access_key", "secret_key", "region")]
    key = values["archive_storage_api_key"]
    state = {
        "bucket": fetch_bucket(aws_client("s3", *connection), values["archive_storage_bucket"]),
        "project": fetch_project(values["archive_storage_api_url"], key),
        "users": fetch_users(aws_client("iam", *connection), key),
    }
    json.dump(state, sys.stdout, indent=2, default=str)
    return 0


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one of the commands."""
    parser = argparse.ArgumentParser(prog="python -m tests.molecule")
    parser.add_argument("command", choices=["start", "serve", "stop", "state"])
    parser.add_argument("file", type=Path)
    parser.add_argument("scenario", nargs="?", choices=scenarios())
    parser.add_argument("--owner", type=int, default=0)
    options = parser.parse_args(arguments)
    try:
        if options.command == "state":
            return print_state(options.file, options.scenario)
        if options.command == "serve":
            return serve(options.file, options.owner)
        return {"start": start, "stop": stop}[options.command](options.file)
    except SandboxError as error:
        sys.stderr.write(f"{error}\n")
        return 1


if __name__ == "__main__":
    sys.exit(main())
