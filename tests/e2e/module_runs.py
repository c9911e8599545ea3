# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs of single modules in the process of the test."""

from __future__ import annotations

import contextlib
import importlib
import io
import json
import runpy
import sys
from types import ModuleType
from typing import Any
from unittest import mock

import pytest
from ansible.module_utils import basic

from tests.e2e.playbook_runs import TREE

MODULES = TREE / "ansible_collections" / "vonage" / "archiving" / "plugins" / "modules"


def run_module(name: str, args: dict[str, Any]) -> dict[str, Any]:
    """Run a module in this process as Ansible does, and return its result."""
    out = io.StringIO()
    # Results include the options, as at high verbosity.
    arguments = json.dumps({"ANSIBLE_MODULE_ARGS": {**args, "_ansible_inject_invocation": True}}).encode()
    stack = contextlib.ExitStack()
    with stack:
        stack.enter_context(mock.patch.object(basic, "_ANSIBLE_ARGS", arguments))
        # ansible-core 2.19 and later need the profile of the arguments.
        if hasattr(basic, "_ANSIBLE_PROFILE"):
            stack.enter_context(mock.patch.object(basic, "_ANSIBLE_PROFILE", "legacy"))
        stack.enter_context(mock.patch.object(sys, "argv", [name]))
        stack.enter_context(contextlib.redirect_stdout(out))
        stack.enter_context(pytest.raises(SystemExit))
        runpy.run_path(str(MODULES / f"{name}.py"), run_name="__main__")
    return dict(json.loads(out.getvalue().strip().splitlines()[-1]))


def without_libraries(monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
    """Make imports at run time fail for these libraries."""
    original = importlib.import_module

    def import_module(name: str, package: str | None = None) -> ModuleType:
        if name.partition(".")[0] in names:
            raise ImportError(f"No module named {name!r}")
        return original(name, package)

    monkeypatch.setattr(importlib, "import_module", import_module)
