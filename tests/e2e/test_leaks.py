# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""No secret is shown: at the highest verbosity that people use, in diffs, logs, callbacks, records and process lists.

Every other end-to-end test looks at the output of its runs in the same way (``Site.run``). What the collection cannot
help: without pipelining, Ansible writes each module with its arguments into a file of its own temporary folder while
the task runs. Nobody else may read that folder, and it is gone after the task; with pipelining there is no such file.
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

from ansible_collections.vonage.archiving.plugins.module_utils._aws.s3_naming import LOCK_KEY
from tests.e2e import runs
from tests.e2e.runs import Run
from tests.e2e.site import Site, leftovers, made_secrets

NOWHERE = "http://127.0.0.1:1"
SESSION_TOKEN = "IQoJb3JpZ2luX2VjEXAMPLE//session+token=="


@dataclass
class Watcher:
    """Looks at the processes and the temporary files of a run while it lasts."""

    home: Path
    command_lines: set[str] = field(default_factory=set)
    contents: dict[str, str] = field(default_factory=dict)
    readable_by_others: set[str] = field(default_factory=set)

    def __call__(self, process: Popen[str]) -> None:
        others = set(psutil.pids()) - {process.pid}
        known: dict[Path, tuple[int, int, int]] = {}
        while process.poll() is None:
            self._processes(others)
            self._files(known)
            time.sleep(0.01)

    def _processes(self, others: set[int]) -> None:
        """Look at whatever has been started since, wherever in the tree it is: that takes no search for descendants."""
        for pid in set(psutil.pids()) - others:
            with contextlib.suppress(psutil.Error):
                self.command_lines.add(" ".join(psutil.Process(pid).cmdline()))

    def _files(self, known: dict[Path, tuple[int, int, int]]) -> None:
        for place in ("tmp", "ansible"):
            for path in (self.home / place).rglob("*"):
                with contextlib.suppress(OSError):
                    status = path.stat()
                    seen = (status.st_ino, status.st_size, status.st_mtime_ns)
                    if stat.S_ISREG(status.st_mode) and self._file(path) and known.get(path) != seen:
                        self._read(path)
                        known[path] = seen

    def _file(self, path: Path) -> bool:
        """Look at who may read a file; tell whether it is worth reading."""
        open_to = stat.S_IRWXG | stat.S_IRWXO
        way = [path, *path.parents[: len(path.relative_to(self.home).parts) - 1]]
        if all(each.stat().st_mode & open_to for each in way):
            self.readable_by_others.add(str(path.relative_to(self.home)))
        return path.suffix != ".pyc"

    def _read(self, path: Path) -> None:
        # Modules are large and mostly the same; those that hold a secret are told apart by the caller.
        self.contents[str(path.relative_to(self.home))] = path.read_bytes().decode("utf-8", "replace")


@dataclass
class Seen:
    """A run with all that it left to be read."""

    run: Run
    watcher: Watcher
    text: str = field(repr=False)


def look(
    site: Site, playbook: str, secrets: Sequence[str] = (), env: dict[str, str] | None = None, **changes: Any
) -> Seen:
    """Run a playbook as talkatively as can be; nothing of it may show a secret."""
    log, junit, tree = site.home / "ansible.log", site.home / "junit", site.home / "tree"
    surroundings = {
        **site.operator,
        "ANSIBLE_LOG_PATH": str(log),
        "ANSIBLE_CALLBACKS_ENABLED": "e2e_events,ansible.builtin.junit,ansible.builtin.tree",
        "JUNIT_OUTPUT_DIR": str(junit),
        "ANSIBLE_CALLBACK_TREE_DIR": str(tree),
        "ANSIBLE_DISPLAY_ARGS_TO_STDOUT": "true",
        **(env or {}),
    }
    given = {**site.variables, **{f"archive_storage_{name}": value for name, value in changes.items()}}
    watcher = Watcher(site.home)
    run = runs.run_playbook(playbook, given, site.home, surroundings, args=["-vvv", "--diff"], watch=watcher)
    files = [path for place in (junit, tree) for path in place.rglob("*") if path.is_file()]
    assert log.stat().st_size > 1000
    assert len(files) >= 2
    text = "\n".join([run.output, run.told, log.read_text(), *(path.read_text() for path in files)])
    log.unlink()
    known = [*site.secrets, *secrets]
    assert not runs.leaks(text, known)
    assert not runs.leaks("\n".join(watcher.command_lines), known)
    assert any("ansible-playbook" in line for line in watcher.command_lines)
    assert watcher.readable_by_others == set()
    assert leftovers(site.home) == []
    assert "Traceback" not in text
    return Seen(run, watcher, text)


def test_when_all_goes_well(site: Site) -> None:
    first = look(site, "configure")
    assert first.run.ok().stats["changed"] == 3
    assert "secret_key" in first.text
    look(site, "verify").run.ok()
    changed = look(site, "configure", fallback="none").run.ok()
    assert changed.task("Create or update the upload target").result["diff"]["after"]["fallback"] == "none"
    look(site, "teardown").run.ok()
    # Every object that is there, the record among them.
    for key in [*site.objects(), LOCK_KEY]:
        body = site.client.get_object(Bucket=site.bucket, Key=key)["Body"].read().decode("utf-8", "replace")
        assert not runs.leaks(body, site.secrets)


def test_keys_that_a_run_makes_itself(managed: Site) -> None:
    """Nobody has given them: they come in an answer of the IAM API, and go to Vonage."""
    first = look(managed, "configure")
    assert first.run.ok().stats["changed"] == 3
    assert look(managed, "rotate").run.ok().result["reason"] == "forced"
    made = made_secrets(managed.s3.requests)
    assert len(set(made)) == 2
    assert managed.held_key[1] == made[-1]
    # Not even in the files of arguments, which hold the secrets that are given.
    contents = "\n".join(first.watcher.contents.values())
    assert runs.leaks(contents, [managed.secret])
    assert not runs.leaks(contents, made)
    assert not runs.leaks(json.dumps(managed.record()), made)


def test_when_the_api_echoes_what_it_refuses(site: Site) -> None:
    site.emulator.echo_secrets = True
    for status in (400, 403, 500, 502):
        site.emulator.fail_next(status=status, retry_after=0, times=9, path=f"/{site.key}/")
        # What was proven in the first run need not be proven in the others.
        run = look(site, "configure", verify="new_key" if status == 400 else "never").run.failed()
        assert f"HTTP {status}" in run.error
        assert site.record()["status"] == "pending"
        site.emulator.clear_faults()


def test_when_secrets_are_wrong(site: Site) -> None:
    """A wrong secret is one, too: of another project, or with a letter missing."""
    wrong = site.uploader[1][::-1]
    run = look(site, "configure", [wrong], uploader_secret_key=wrong).run.failed()
    assert run.failed_task == "Create or update the upload target"
    run = look(site, "configure", [site.secret[::-1]], api_secret=site.secret[::-1]).run.failed()
    assert run.failed_task == "Create or update the upload target"
    # Swapped: the secret stands where an id belongs, which is shown by right.
    keys: dict[str, Any] = {"uploader_access_key": wrong, "uploader_secret_key": site.uploader[0]}
    run = look(site, "configure", [wrong], **keys).run.failed()
    assert "are swapped" in run.error
    assert run.failed_task == "Validate the variables"


def test_when_nobody_answers(site: Site) -> None:
    run = look(site, "configure", endpoint=NOWHERE).run.failed()
    assert "Could not connect to the endpoint URL" in run.error
    # Of a temporary operator's key, and by variables instead of the environment.
    operator: dict[str, Any] = {
        "access_key": "ASIAIOSFODNN7EXAMPLE",
        "secret_key": site.store.secret_key[::-1],
        "session_token": SESSION_TOKEN,
    }
    run = look(site, "configure", [operator["secret_key"], SESSION_TOKEN], **operator).run.failed()
    assert site.calls() == []


def test_a_private_key(site: Site) -> None:
    application = site.emulator.add_application()
    options: dict[str, Any] = {"api_key": "", "api_secret": "", "application_id": application.key}
    secrets = [application.private_key_pem]
    look(site, "configure", secrets, private_key=application.private_key_pem, **options).run.ok()
    # As forms of one line send it, and cut off in the middle.
    escaped = application.private_key_pem.replace("\n", "\\n")
    look(site, "configure", [*secrets, escaped], private_key=escaped, fallback="none", **options).run.ok()
    broken = application.private_key_pem[:900]
    run = look(site, "configure", [broken], private_key=broken, **options).run.failed()
    assert "archive_storage_private_key: does not contain a readable private key" in run.error


def test_with_pipelining_no_file_holds_a_secret(site: Site) -> None:
    plain = look(site, "configure", env={"ANSIBLE_PIPELINING": "false"})
    plain.run.ok()
    assert any("AnsiballZ_vonage_archive_storage" in name for name in plain.watcher.contents)
    piped = look(site, "configure", env={"ANSIBLE_PIPELINING": "true"}, fallback="none")
    piped.run.ok()
    assert piped.watcher.contents
    assert [name for name, text in piped.watcher.contents.items() if runs.leaks(text, site.secrets)] == []
