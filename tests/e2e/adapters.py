# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs modules in this process with the ansible-core of its interpreter, as a module process or as direct execution.

Requests are lines of JSON on standard input; each response is a line: the result of the module, and with ``repeat``
the growth of the memory in KiB, in the part of the runs in which it is smaller.

usage: python adapters.py TREE   (the folder with ansible_collections)
"""

from __future__ import annotations

import contextlib
import importlib
import inspect
import io
import itertools
import json
import os
import runpy
import sys
from collections.abc import Mapping
from typing import Any
from unittest import mock

COLLECTION = "ansible_collections.vonage.archiving.plugins"
PACKAGES = {
    "s3_archive_bucket": "_bucket",
    "archive_upload_check": "_upload_check",
    "vonage_archive_audit": "_archive_audit",
    "vonage_archive_storage": "_upload_target",
}


def run_as_module(name: str, options: Mapping[str, Any]) -> str:
    """Run the module of the tree as Ansible does in its own process, and return its output."""
    basic = importlib.import_module("ansible.module_utils.basic")
    warnings = importlib.import_module("ansible.module_utils.common.warnings")
    # Ansible packs the module without the folder "modules".
    path = os.path.join(os.path.dirname(importlib.import_module(f"{COLLECTION}.modules.{name}").__file__ or ""), name)
    out = io.StringIO()
    with contextlib.ExitStack() as stack:
        message = json.dumps({"ANSIBLE_MODULE_ARGS": options}).encode()
        stack.enter_context(replaced(basic, "_ANSIBLE_ARGS", message))
        # ansible-core 2.19 and later need the profile of the arguments, and have a mode for the controller.
        stack.enter_context(replaced(basic, "_ANSIBLE_PROFILE", "legacy"))
        with contextlib.suppress(ImportError):
            internal = importlib.import_module("ansible.module_utils._internal")
            stack.enter_context(replaced(internal, "is_controller", False))
        stack.enter_context(replaced(sys, "argv", [name]))
        stack.enter_context(contextlib.redirect_stdout(out))
        stack.enter_context(contextlib.suppress(SystemExit))
        try:
            runpy.run_path(f"{path}.py", run_name="__main__")
        finally:
            for messages in (warnings._global_warnings, warnings._global_deprecations):
                messages.clear()
    return out.getvalue()


def run_directly(name: str, options: Mapping[str, Any]) -> str:
    """Run a module in this process, as its action does, and return its output."""
    # The action runs on the controller.
    importlib.import_module("ansible.plugins.action")
    direct = importlib.import_module(f"{COLLECTION}.module_utils._core.direct")
    module = importlib.import_module(f"{COLLECTION}.module_utils.{PACKAGES[name]}.module").MODULE
    output = direct.run_directly(module, direct.encode_options(options), {}, os.getcwd())
    assert not output.stderr, output.stderr
    return str(output.stdout)


WAYS = {"module": run_as_module, "direct": run_directly}


def run(way: str, name: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """Run a module, and return its result."""
    internal: dict[str, Any] = {"_ansible_no_log": True}
    # Results include the options, as at high verbosity. Older releases of ansible-core always include them.
    if "_ansible_inject_invocation" in inspect.getsource(importlib.import_module("ansible.module_utils.basic")):
        internal["_ansible_inject_invocation"] = True
    output = WAYS[way](name, {**options, **internal})
    return dict(json.loads(output.strip().splitlines()[-1]))


def replaced(owner: Any, name: str, value: Any) -> contextlib.AbstractContextManager[Any]:
    """Replace an attribute, if it exists."""
    return mock.patch.object(owner, name, value) if hasattr(owner, name) else contextlib.nullcontext()


def resident_memory() -> int:
    """The memory of this process in KiB."""
    with open("/proc/self/status", encoding="ascii") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmRSS"))


def serve() -> None:
    """Respond to requests until the input ends."""
    for line in sys.stdin:
        request = json.loads(line)
        environ = {**os.environ}
        os.environ.update(request.get("environ", {}))
        memory, repeat = [], request.get("repeat", 1)
        for number in range(repeat):
            # Caches are full after the first runs.
            if number in (repeat // 10, repeat // 2):
                memory.append(resident_memory())
            response = run(request["way"], request["module"], request["options"])
        os.environ.clear()
        os.environ.update(environ)
        memory.append(resident_memory())
        # A leak grows in both parts. The memory pools of concurrent threads grow once.
        growth = min(after - before for before, after in itertools.pairwise(memory))
        print(json.dumps({"result": response, "growth": growth}), flush=True)


if __name__ == "__main__":
    sys.path.insert(0, sys.argv[1])
    serve()
