# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs of single modules in the process of the test, or in a process with another ansible-core."""

from __future__ import annotations

import contextlib
import functools
import importlib
import json
import os
import subprocess
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from ansible_collections.vonage.archiving.plugins.module_utils._core import errors
from ansible_collections.vonage.archiving.plugins.module_utils._core.plan import Context, Outcome
from tests.e2e import adapters
from tests.e2e.playbook_runs import TREE
from tools.cores import SUPPORTED, ensure_core
from tools.pythons import find_pythons

# Contract tests that run or change a part of the use case, or kill its process.
NEED_USE_CASE = {
    "test_reconcile_four_keys_in_use_raises_quota_error",
    "test_reconcile_killed_after_any_write_next_run_repairs",
    "test_reconcile_killed_at_every_request_next_check_deletes_leftovers",
    "test_reconcile_leftovers_of_killed_check_are_deleted_after_an_hour",
    "test_reconcile_missing_library_raises_typed_error",
}
ERRORS = {kind.kind: kind for kind in errors.ArchivingError.__subclasses__()}


def run_module(name: str, args: dict[str, Any], way: str = "module") -> dict[str, Any]:
    """Run a module in this process as Ansible does, and return its result.

    :param way: ``module`` or ``direct``.
    """
    return adapters.run(way, name, args)


@dataclass
class CoreProcess:
    """A process that runs modules with one ansible-core, see ``adapters.py``."""

    process: subprocess.Popen[str]

    def run(self, way: str, name: str, options: Mapping[str, Any], **request: Any) -> dict[str, Any]:
        """Run a module, and return its response."""
        assert self.process.stdin
        assert self.process.stdout
        message = {"way": way, "module": name, "options": options, **request}
        self.process.stdin.write(json.dumps(message) + "\n")
        self.process.stdin.flush()
        return dict(json.loads(self.process.stdout.readline()))

    def use_case(self, way: str, name: str, options: Mapping[str, Any], context: Context) -> Outcome:
        """Run a module instead of its use case.

        :raises ArchivingError: the module failed.
        """
        internal = {"_ansible_check_mode": context.check_mode, "_ansible_diff": True}
        response = self.run(way, name, {**options, **internal}, environ=dict(context.environ))
        return read_outcome(response["result"], context)


def read_outcome(result: dict[str, Any], context: Context) -> Outcome:
    """Convert the result of a module to the outcome of its use case.

    :raises ArchivingError: the module failed with an error.
    """
    for warning in result.pop("warnings", []):
        # From ansible-core 2.19 on, a warning is an object.
        context.warn(warning if isinstance(warning, str) else warning["event"]["msg"])
    assert "please report it" not in str(result.get("msg")), result
    failed = result.pop("msg", "") if result.pop("failed", False) else ""
    if failed and "error" in result:
        error = result.pop("error")
        raise read_error(error)
    for name in ("invocation", "exception"):
        result.pop(name, None)
    diff = result.pop("diff", {})
    changed = bool(result.pop("changed", False))
    return Outcome(changed, result, diff.get("before"), diff.get("after"), failed)


def read_error(fields: dict[str, Any]) -> errors.ArchivingError:
    """Convert the data of an error to the error."""
    kind, operation, problem, hint = (fields.pop(name) for name in ("kind", "operation", "problem", "hint"))
    if kind == errors.InputError.kind:
        return errors.InputError(fields["problems"], hint)
    return ERRORS[kind](operation, problem, hint, **fields)


@dataclass
class CoreProcesses:
    """Processes that run modules, one for each ansible-core."""

    stack: contextlib.ExitStack
    processes: dict[str, CoreProcess] = field(default_factory=dict)

    def of_line(self, line: str) -> CoreProcess:
        """The process with this release line; the test is skipped without a suitable Python."""
        if line not in self.processes:
            path = ensure_core(line, find_pythons())
            if path is None:
                oldest, newest = SUPPORTED[line]
                pytest.skip(f"ansible-core {line} needs Python {oldest} to {newest}, and there is none on this machine")
            self.processes[line] = self.stack.enter_context(core_process(path))
        return self.processes[line]

    def replace_use_case(
        self, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, owner: ModuleType, name: str
    ) -> None:
        """Let a contract test run a module directly instead of its use case, with one of the supported ansible-core."""
        if request.node.originalname in NEED_USE_CASE:
            pytest.skip("needs the use case in the process of the test")
        lines = list(SUPPORTED)
        line = lines[zlib.crc32(request.node.name.encode()) % len(lines)]
        use_case = functools.partial(self.of_line(line).use_case, "direct", name)
        monkeypatch.setattr(owner, "reconcile", use_case)


@contextlib.contextmanager
def core_process(ansible_playbook: Path) -> Iterator[CoreProcess]:
    """Start a process with the ansible-core of this program."""
    environment = {name: os.environ[name] for name in ("PATH", "PYTHONPYCACHEPREFIX") if name in os.environ}
    environment.update(AWS_CONFIG_FILE=os.devnull, AWS_SHARED_CREDENTIALS_FILE=os.devnull)
    with subprocess.Popen(
        [ansible_playbook.with_name("python"), "-P", adapters.__file__, TREE],
        env={"LANG": "C.UTF-8", "AWS_EC2_METADATA_DISABLED": "true", **environment},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        yield CoreProcess(process)
        assert process.stdin
        process.stdin.close()


def without_libraries(monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
    """Make imports at run time fail for these libraries."""
    original = importlib.import_module

    def import_module(name: str, package: str | None = None) -> ModuleType:
        if name.partition(".")[0] in names:
            raise ImportError(f"No module named {name!r}")
        return original(name, package)

    monkeypatch.setattr(importlib, "import_module", import_module)
