# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Start and stop of the sandbox, without leftovers after any end."""

from __future__ import annotations

import glob
import json
import os
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, ClassVar

import pytest
import requests
import yaml

from tests.sandbox import STORES, Sandbox, SandboxError, Store, upload_only_policy
from tests.sandbox._aws import aws_client

from .helpers import TIMEOUT, is_running, wait_for

ROOT = Path(__file__).parents[2]
REPORT = """
import json, sys, time
from tests.sandbox import Sandbox
sandbox = Sandbox(stores=("seaweedfs", "rclone")).start()
print(json.dumps({"pids": sandbox.pids, "state": str(sandbox.state_dir), "sockets": sandbox._workspace._extra_paths}))
sys.stdout.flush()
time.sleep(600)
"""


def spawn(temporary: Path, *arguments: str) -> subprocess.Popen[str]:
    """Start a Python process in the root of the repository, with its own directory for temporary files."""
    temporary.mkdir()
    env = {**os.environ, "TMPDIR": str(temporary)}
    return subprocess.Popen([sys.executable, *arguments], cwd=ROOT, env=env, stdout=subprocess.PIPE, text=True)


def assert_removed(pids: list[int], paths: list[str]) -> None:
    """Assert that no process runs and no file exists."""
    assert wait_for(lambda: not any(is_running(pid) for pid in pids)), [pid for pid in pids if is_running(pid)]
    assert wait_for(lambda: not any(os.path.lexists(path) for path in paths)), paths


def test_stop_leaves_no_process_or_file() -> None:
    started = time.monotonic()
    sandbox = Sandbox(stores=("seaweedfs", "moto", "rclone")).start()
    assert time.monotonic() - started < 30
    pids, state = sandbox.pids, sandbox.state_dir
    workspace: Any = sandbox._workspace
    sockets = list(workspace._extra_paths)
    endpoint, url = sandbox.store.endpoint_url, sandbox.vonage.url
    assert len(pids) == 4
    assert all(is_running(pid) for pid in pids)
    assert any(os.path.exists(path) for path in sockets)
    assert stat.S_IMODE(state.stat().st_mode) == 0o700
    assert stat.S_IMODE(next(state.rglob("identities.json")).stat().st_mode) == 0o600
    sandbox.stop()
    assert_removed(pids, [str(state), *sockets])
    for address in (endpoint, url):
        with pytest.raises(requests.ConnectionError):
            requests.get(address, timeout=TIMEOUT)
    sandbox.stop()


def test_command_lines_contain_no_secret(sandbox: Sandbox) -> None:
    secrets = [store.secret_key for store in sandbox.stores.values()]
    lines = subprocess.run(
        ["ps", "-ww", "-o", "args=", "-p", ",".join(map(str, sandbox.pids))], check=True, **_TEXT
    ).stdout
    assert "weed" in lines
    assert not [secret for secret in secrets if secret in lines]


def test_exception_leaves_no_process_or_file() -> None:
    resources: dict[str, Any] = {}

    def fail() -> None:
        with Sandbox(stores=("rclone",)) as sandbox:
            resources.update(pids=sandbox.pids, state=sandbox.state_dir)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert_removed(resources["pids"], [str(resources["state"])])


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_killed_parent_leaves_no_process_or_file(tmp_path: Path, number: signal.Signals) -> None:
    """No handler runs in the parent: the reaper process stops the servers."""
    temporary = tmp_path / "temporary"
    parent = spawn(temporary, "-c", REPORT)
    assert parent.stdout is not None
    report = json.loads(parent.stdout.readline())
    assert all(is_running(pid) for pid in report["pids"])
    assert os.path.exists(report["state"])
    parent.send_signal(number)
    parent.wait(timeout=TIMEOUT)
    assert_removed(report["pids"], [report["state"], *report["sockets"]])
    assert list(temporary.iterdir()) == []


class BrokenStore(Store):
    """A server that ends immediately."""

    name: ClassVar[str] = "broken"

    def command(self, ports: list[int], directory: Path) -> list[str]:
        """Return a command that prints an error."""
        return [sys.executable, "-c", "import sys; sys.exit('no disk')"]

    def environment(self, ports: list[int], directory: Path) -> dict[str, str]:
        return {}


def test_start_failure_states_the_reason_and_leaves_no_process_or_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(STORES, "broken", BrokenStore)
    sandbox = Sandbox(stores=("rclone", "broken"))
    with pytest.raises(SandboxError, match="no disk"):
        sandbox.start()
    with pytest.raises(SandboxError, match="is not running"):
        _unused = sandbox.state_dir
    assert glob.glob(os.environ.get("TMPDIR", "/tmp") + "/vonage-archiving-sandbox-*/broken-*") == []


def test_start_unknown_store_is_an_error() -> None:
    with pytest.raises(SandboxError, match="minio"):
        Sandbox(stores=("minio",))


EXTERNAL_KEY = ("--bucket", "lessons", "--external-key")
_TEXT: dict[str, Any] = {"capture_output": True, "text": True}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_command_runs_until_stopped(tmp_path: Path, number: signal.Signals) -> None:
    file = tmp_path / "sandbox.json"
    process = spawn(tmp_path / "temporary", "-m", "tests.sandbox", *EXTERNAL_KEY, "--json", str(file))
    assert wait_for(file.exists, 40)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    description = json.loads(file.read_text())
    assert description["pid"] == process.pid
    store, uploader = description["stores"]["seaweedfs"], description["uploader"]
    variables = description["extra_vars"]
    operator = aws_client("s3", store["endpoint_url"], store["access_key"], store["secret_key"])
    operator.create_bucket(Bucket="lessons")
    client = aws_client("s3", store["endpoint_url"], uploader["access_key"], uploader["secret_key"])
    client.put_object(Bucket="lessons", Key="a", Body=b"1")
    with pytest.raises(client.exceptions.ClientError, match="AccessDenied"):
        client.get_object(Bucket="lessons", Key="a")
    assert variables["archive_storage_bucket"] == "lessons"
    keys = (variables["archive_storage_uploader_access_key"], variables["archive_storage_uploader_secret_key"])
    assert (variables["archive_storage_upload_key"], *keys) == (
        "external",
        uploader["access_key"],
        uploader["secret_key"],
    )
    assert requests.get(f"{variables['archive_storage_api_url']}/_sandbox/log", timeout=TIMEOUT).json() == []
    process.send_signal(number)
    printed, _unused = process.communicate(timeout=TIMEOUT)
    assert process.returncode == 0
    assert f"export AWS_ENDPOINT_URL={store['endpoint_url']}" in printed
    assert "vonage.archiving.rotate" not in printed
    assert [path.name for path in tmp_path.rglob("*")] == ["temporary"]
    with pytest.raises(requests.ConnectionError):
        requests.get(store["endpoint_url"], timeout=TIMEOUT)


def test_command_leaves_keys_to_the_role(tmp_path: Path) -> None:
    file = tmp_path / "sandbox.json"
    process = spawn(tmp_path / "temporary", "-m", "tests.sandbox", "--json", str(file))
    try:
        assert wait_for(file.exists, 40)
        description = json.loads(file.read_text())
        store = description["stores"]["seaweedfs"]
        iam = aws_client("iam", store["endpoint_url"], store["access_key"], store["secret_key"])
        users = [user["UserName"] for user in iam.list_users()["Users"]]
    finally:
        process.send_signal(signal.SIGTERM)
    printed, _unused = process.communicate(timeout=TIMEOUT)
    assert "ansible-playbook vonage.archiving.rotate" in printed
    assert f"export VONAGE_VIDEO_ACCOUNT_SECRET={description['vonage']['account_secret']}" in printed
    variables = description["extra_vars"]
    assert (description["uploader"], users, variables["archive_storage_bucket"]) == ({}, ["admin"], "recordings")
    assert [name for name in variables if "uploader" in name] == []


def test_command_with_a_folder_writes_files_that_only_the_owner_can_read(tmp_path: Path) -> None:
    """A shell can source the environment, and the commands use both files. The files are deleted at the end."""
    folder = tmp_path / "build" / "sandbox"
    file = tmp_path / "sandbox.json"
    command = ("-m", "tests.sandbox", "--store", "rclone", "--files", str(folder), "--json", str(file))
    process = spawn(tmp_path / "temporary", *command)
    try:
        assert wait_for((folder / "recordings.yml").exists, 40)
        assert [stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()] == [0o600, 0o600]
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        description = json.loads(file.read_text())
        assert yaml.safe_load((folder / "recordings.yml").read_text()) == description["extra_vars"]
        shell = ["env", "-i", "sh", "-c", f". '{folder}/env.sh'; env"]
        sourced = subprocess.run(shell, check=True, **_TEXT).stdout.splitlines()
    finally:
        process.send_signal(signal.SIGTERM)
    printed, _unused = process.communicate(timeout=TIMEOUT)
    assert {f"{name}={value}" for name, value in description["environment"].items()} <= set(sourced)
    assert f"VONAGE_VIDEO_ACCOUNT_SECRET={description['vonage']['account_secret']}" in sourced
    assert f". {folder}/env.sh\nansible-playbook vonage.archiving.configure -e @{folder}/recordings.yml\n" in printed
    assert description["environment"]["AWS_SECRET_ACCESS_KEY"] not in printed
    assert list(folder.iterdir()) == []


def test_command_ends_when_a_server_ends(tmp_path: Path) -> None:
    file = tmp_path / "sandbox.json"
    process = spawn(
        tmp_path / "temporary", "-m", "tests.sandbox", "--store", "rclone", "--print-env", "--json", str(file)
    )
    assert wait_for(file.exists, 40)
    lines = subprocess.run(["ps", "-ww", "-o", "pid=,args=", "--ppid", str(process.pid)], check=True, **_TEXT).stdout
    server = next(line for line in lines.splitlines() if "rclone" in line)
    os.kill(int(server.split()[0]), signal.SIGKILL)
    printed, _unused = process.communicate(timeout=TIMEOUT)
    assert process.returncode == 1
    assert all(line.startswith("export AWS_") for line in printed.splitlines())
    assert [path.name for path in tmp_path.rglob("*")] == ["temporary"]


@pytest.mark.parametrize("delay", [0.0, 0.02, 0.1, 0.5])
def test_command_can_be_stopped_while_it_starts(tmp_path: Path, delay: float) -> None:
    temporary = tmp_path / "temporary"
    process = spawn(temporary, "-m", "tests.sandbox")
    assert wait_for(lambda: _children(process.pid), 40)
    time.sleep(delay)
    children = _children(process.pid)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=TIMEOUT)
    assert process.returncode == 0
    assert_removed(children, [])
    assert wait_for(lambda: not list(temporary.iterdir())), list(temporary.iterdir())


def _children(pid: int) -> list[int]:
    process = subprocess.run(["ps", "-o", "pid=", "--ppid", str(pid)], capture_output=True, text=True, check=False)
    return [int(line) for line in process.stdout.split()]


def test_two_sandboxes_run_concurrently() -> None:
    with Sandbox(stores=("rclone",)) as one, Sandbox(stores=("rclone",)) as two:
        one.store.client().create_bucket(Bucket="recordings")
        assert two.store.client().list_buckets()["Buckets"] == []
        assert one.vonage.api_key != two.vonage.api_key


def test_upload_only_policy_is_the_documented_policy() -> None:
    actions = [action for statement in upload_only_policy("b")["Statement"] for action in statement["Action"]]
    assert actions == ["s3:ListAllMyBuckets", "s3:ListBucket", "s3:PutObject", "s3:AbortMultipartUpload"]
