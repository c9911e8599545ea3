# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Test that no secret appears in the output at -vvv, in diffs, logs, callbacks, state files, or process lists.

The end-to-end tests verify the output of all other runs in the same way (``ProjectEnvironment.run``). For a module
process without pipelining, Ansible writes the module with its arguments to a file in its own temporary folder while the
task runs. Only the user can read that folder, and Ansible deletes it after the task. With pipelining, and in direct
execution, there is no such file.
"""

from __future__ import annotations

import contextlib
import json
import stat
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from subprocess import Popen
from typing import Any

import psutil
import pytest

from ansible_collections.vonage.archiving.plugins.module_utils._aws.s3_naming import LOCK_KEY
from tests.e2e import playbook_runs
from tests.e2e.playbook_runs import Run
from tests.e2e.project_environment import ProjectEnvironment, created_secrets, leftovers

NOWHERE = "http://127.0.0.1:1"
SESSION_TOKEN = "IQoJb3JpZ2luX2VjEXAMPLE//session+token=="


@dataclass
class Watcher:
    """Records the processes and the temporary files of a run while it runs."""

    home: Path
    command_lines: set[str] = field(default_factory=set)
    contents: dict[str, str] = field(default_factory=dict)
    readable_by_others: set[str] = field(default_factory=set)

    def __call__(self, process: Popen[str]) -> None:
        earlier_pids = set(psutil.pids()) - {process.pid}
        versions: dict[Path, tuple[int, int, int]] = {}
        while process.poll() is None:
            self._check_processes(earlier_pids)
            self._check_files(versions)
            time.sleep(0.01)

    def _check_processes(self, earlier_pids: set[int]) -> None:
        """Record every process that started since, without a search for descendants."""
        for pid in set(psutil.pids()) - earlier_pids:
            with contextlib.suppress(psutil.Error):
                self.command_lines.add(" ".join(psutil.Process(pid).cmdline()))

    def _check_files(self, versions: dict[Path, tuple[int, int, int]]) -> None:
        for folder in ("tmp", "ansible"):
            for path in (self.home / folder).rglob("*"):
                with contextlib.suppress(OSError):
                    status = path.stat()
                    version = (status.st_ino, status.st_size, status.st_mtime_ns)
                    if stat.S_ISREG(status.st_mode) and self._check_access(path) and versions.get(path) != version:
                        self._read(path)
                        versions[path] = version

    def _check_access(self, path: Path) -> bool:
        """Record whether other users can read a file, and return whether its content is relevant."""
        other_users = stat.S_IRWXG | stat.S_IRWXO
        parents = [path, *path.parents[: len(path.relative_to(self.home).parts) - 1]]
        if all(parent.stat().st_mode & other_users for parent in parents):
            self.readable_by_others.add(str(path.relative_to(self.home)))
        return path.suffix != ".pyc"

    def _read(self, path: Path) -> None:
        # The caller searches for secrets. Most modules are large and similar.
        self.contents[str(path.relative_to(self.home))] = path.read_bytes().decode("utf-8", "replace")


@dataclass
class ObservedRun:
    """A run, its processes and files, and all text that it created."""

    run: Run
    watcher: Watcher
    text: str = field(repr=False)


def run_verbosely(
    project: ProjectEnvironment,
    playbook: str,
    secrets: Sequence[str] = (),
    env: dict[str, str] | None = None,
    is_direct: bool = True,
    **changes: Any,
) -> ObservedRun:
    """Run a playbook with verbose output, and assert that no secret appears.

    :param is_direct: whether modules run directly if possible.
    """
    log, junit, tree = project.home / "ansible.log", project.home / "junit", project.home / "tree"
    environment = {
        **project.operator,
        "ANSIBLE_LOG_PATH": str(log),
        "ANSIBLE_CALLBACKS_ENABLED": "e2e_events,ansible.builtin.junit,ansible.builtin.tree",
        "JUNIT_OUTPUT_DIR": str(junit),
        "ANSIBLE_CALLBACK_TREE_DIR": str(tree),
        "ANSIBLE_DISPLAY_ARGS_TO_STDOUT": "true",
        **(env or {}),
    }
    variables = {**project.variables, **{f"archive_storage_{name}": value for name, value in changes.items()}}
    variables["vonage_archiving_direct"] = is_direct
    watcher = Watcher(project.home)
    run = playbook_runs.run_playbook(
        playbook, variables, project.home, environment, args=["-vvv", "--diff"], watch=watcher
    )
    files = [path for folder in (junit, tree) for path in folder.rglob("*") if path.is_file()]
    assert log.stat().st_size > 1000
    assert len(files) >= 2
    text = "\n".join([run.output, run.events_text, log.read_text(), *(path.read_text() for path in files)])
    log.unlink()
    all_secrets = [*project.secrets, *secrets]
    assert not playbook_runs.find_leaks(text, all_secrets)
    assert not playbook_runs.find_leaks("\n".join(watcher.command_lines), all_secrets)
    assert any("ansible-playbook" in line for line in watcher.command_lines)
    assert watcher.readable_by_others == set()
    assert leftovers(project.home) == []
    assert "Traceback" not in text
    return ObservedRun(run, watcher, text)


@pytest.mark.parametrize("is_direct", [True, False])
def test_playbooks_successful_show_no_secret(project: ProjectEnvironment, is_direct: bool) -> None:
    first = run_verbosely(project, "configure", is_direct=is_direct)
    assert first.run.ok().stats["changed"] == 3
    assert "secret_key" in first.text
    run_verbosely(project, "verify", is_direct=is_direct).run.ok()
    changed = run_verbosely(project, "configure", is_direct=is_direct, fallback="none").run.ok()
    assert changed.task("Create or update the upload target").result["diff"]["after"]["fallback"] == "none"
    run_verbosely(project, "teardown").run.ok()
    # All objects, including the state file.
    for key in [*project.objects(), LOCK_KEY]:
        body = project.client.get_object(Bucket=project.bucket, Key=key)["Body"].read().decode("utf-8", "replace")
        assert not playbook_runs.find_leaks(body, project.secrets)


@pytest.mark.parametrize("is_direct", [True, False])
def test_playbooks_managed_key_shows_no_secret(managed_project: ProjectEnvironment, is_direct: bool) -> None:
    """The IAM API returns the secrets, and the run sends them to Vonage."""
    first = run_verbosely(managed_project, "configure", is_direct=is_direct)
    assert first.run.ok().stats["changed"] == 3
    assert run_verbosely(managed_project, "rotate", is_direct=is_direct).run.ok().result["reason"] == "forced"
    created = created_secrets(managed_project.s3.requests)
    assert len(set(created)) == 2
    assert managed_project.target_key[1] == created[-1]
    # The argument files of module processes contain the secrets from the options only.
    contents = "\n".join(first.watcher.contents.values())
    assert bool(playbook_runs.find_leaks(contents, [managed_project.secret])) is not is_direct
    assert not playbook_runs.find_leaks(contents, created)
    assert not playbook_runs.find_leaks(json.dumps(managed_project.state_file()), created)


def test_configure_error_response_with_secrets_shows_no_secret(project: ProjectEnvironment) -> None:
    project.emulator.echo_secrets = True
    for status in (400, 403, 500, 502):
        project.emulator.fail_next(status=status, retry_after=0, times=9, path=f"/{project.key}/archive/storage")
        # One verification is enough.
        run = run_verbosely(project, "configure", verify="new_key" if status == 400 else "never").run.failed()
        assert f"HTTP {status}" in run.error
        assert project.state_file()["status"] == "pending"
        project.emulator.clear_faults()


def test_configure_wrong_secret_is_not_shown(project: ProjectEnvironment) -> None:
    """A wrong secret must not appear either: it can be the secret of another project."""
    wrong = project.uploader[1][::-1]
    run = run_verbosely(project, "configure", [wrong], uploader_secret_key=wrong).run.failed()
    assert run.failed_task == "Create or update the upload target"
    run = run_verbosely(project, "configure", [project.secret[::-1]], api_secret=project.secret[::-1]).run.failed()
    assert run.failed_task == "Create or update the upload target"
    # The secret is in the option for the ID, and Ansible shows IDs. The message of the run does not contain it.
    keys: dict[str, Any] = {"uploader_access_key": wrong, "uploader_secret_key": project.uploader[0]}
    run = run_verbosely(project, "configure", [wrong], **keys).run.failed()
    assert "are swapped" in run.error
    assert run.failed_task == "Validate the variables"


def test_configure_store_unreachable_shows_no_secret(project: ProjectEnvironment) -> None:
    run = run_verbosely(project, "configure", endpoint=NOWHERE).run.failed()
    assert "Could not connect to the endpoint URL" in run.error
    # A temporary key of the operator, in variables instead of the environment.
    operator: dict[str, Any] = {
        "access_key": "ASIAIOSFODNN7EXAMPLE",
        "secret_key": project.store.secret_key[::-1],
        "session_token": SESSION_TOKEN,
    }
    run = run_verbosely(project, "configure", [operator["secret_key"], SESSION_TOKEN], **operator).run.failed()
    assert project.calls() == []


def test_configure_private_key_is_not_shown(project: ProjectEnvironment) -> None:
    application = project.emulator.add_application()
    options: dict[str, Any] = {"api_key": "", "api_secret": "", "application_id": application.key}
    secrets = [application.private_key_pem]
    run_verbosely(project, "configure", secrets, private_key=application.private_key_pem, **options).run.ok()
    # With escaped line breaks, as single-line forms send the key, and truncated.
    escaped = application.private_key_pem.replace("\n", "\\n")
    run_verbosely(project, "configure", [*secrets, escaped], private_key=escaped, fallback="none", **options).run.ok()
    broken = application.private_key_pem[:900]
    run = run_verbosely(project, "configure", [broken], private_key=broken, **options).run.failed()
    assert "archive_storage_private_key: does not contain a readable private key" in run.error


def test_configure_pipelining_writes_no_secret_to_files(project: ProjectEnvironment) -> None:
    without_pipelining = run_verbosely(project, "configure", env={"ANSIBLE_PIPELINING": "false"}, is_direct=False)
    without_pipelining.run.ok()
    assert any("AnsiballZ_vonage_archive_storage" in name for name in without_pipelining.watcher.contents)
    pipelining = {"ANSIBLE_PIPELINING": "true"}
    with_pipelining = run_verbosely(project, "configure", env=pipelining, is_direct=False, fallback="none")
    with_pipelining.run.ok()
    assert with_pipelining.watcher.contents
    assert [
        name
        for name, text in with_pipelining.watcher.contents.items()
        if playbook_runs.find_leaks(text, project.secrets)
    ] == []
