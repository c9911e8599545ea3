# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Direct execution: runs a module in the process that Ansible forks for the task.

PRIVATE to the collection ``vonage.archiving``: there is no stability promise outside of it.

The result must be the same as from a module process. Therefore, AnsibleModule itself parses the options, redacts
secrets, and formats the result. :func:`reason_for_module` is the decision between both ways.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import json
import os
import re
import shutil
import sys
import syslog
import traceback
import typing as t
from dataclasses import dataclass, field

from ansible.module_utils import basic
from ansible.module_utils.common import json as ansible_json
from ansible.module_utils.common import warnings as ansible_warnings
from ansible.module_utils.parsing.convert_bool import boolean

from .execute import ModuleSpec
from .module import exit_module
from .process_state import isolated_process
from .runtime import SYSTEM, Runtime

VARIABLE = "vonage_archiving_direct"
ENVIRONMENT_VARIABLE = VARIABLE.upper()
# The releases of ansible-core with which the tests compare both ways. It has no public interface for this.
OLDEST_CORE = (2, 16)
NEWEST_CORE = (2, 21)
# With these values of the interpreter, Ansible searches for one.
DISCOVERY = frozenset({"auto", "auto_legacy", "auto_silent", "auto_legacy_silent"})
# Variables that Python and libraries of C read only when the process starts, or on first use.
_READ_AT_START = re.compile(
    r"(PYTHON|LD_|DYLD_|LC_|OPENSSL_|CRYPTOGRAPHY_|MALLOC_|GCONV_|LSAN_|ASAN_).*"
    r"|LANG|LANGUAGE|TZ|TZDIR|TMPDIR|TEMP|TMP|GLIBC_TUNABLES|HOSTALIASES|LOCALDOMAIN|RES_OPTIONS|LOCPATH|NLSPATH"
)
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
# ansible-core 2.19 and later serialize the options and the result by a profile. This is the one of all modules.
PROFILE = "legacy"


@dataclass(frozen=True)
class Facts:
    """The facts that decide whether a task runs directly.

    :param core: the release line of ansible-core.
    :param connection: the name of the connection plugin.
    :param interpreter: the configured interpreter of modules, if any.
    :param controller: the interpreter of Ansible.
    :param environ: the keyword ``environment`` of the task.
    :param folder: the working directory of modules.
    :param library_problem: the reason why the libraries cannot be used; empty if they can.
    """

    is_enabled: bool = True
    platform: str = sys.platform
    core: tuple[int, ...] = NEWEST_CORE
    connection: str = "ansible.builtin.local"
    has_become: bool = False
    is_async: bool = False
    keeps_module_files: bool = False
    interpreter: str | None = None
    controller: str = sys.executable
    environ: t.Mapping[str, str] = field(default_factory=dict)
    folder: str = "/"
    library_problem: str = ""


def reason_for_module(facts: Facts) -> str:
    """The reason why a task runs as a module; empty if it runs directly."""
    checks = (
        (not facts.is_enabled, f"{VARIABLE} is false"),
        (facts.platform != "linux", f"the controller runs on {facts.platform}"),
        (not OLDEST_CORE <= facts.core <= NEWEST_CORE, "direct execution is not tested with this ansible-core"),
        (facts.connection != "ansible.builtin.local", f"the connection is {facts.connection}"),
        (facts.has_become, "the task has become"),
        (facts.is_async, "the task is asynchronous"),
        (facts.keeps_module_files, "Ansible keeps the files of modules"),
        (_is_other_interpreter(facts), f"the interpreter is {facts.interpreter}"),
        ((name := _variable_for_module(facts.environ)) is not None, f"only a new process can use the variable {name}"),
        (not os.access(facts.folder, os.F_OK | os.R_OK | os.X_OK), f"{facts.folder} is not accessible"),
        (bool(facts.library_problem), facts.library_problem),
    )
    return next((reason for applies, reason in checks if applies), "")


def _is_other_interpreter(facts: Facts) -> bool:
    path = (facts.interpreter or "").strip()
    if not path or path in DISCOVERY:
        return False
    # A command with arguments is not found. Python takes its environment from the folder of the link to it.
    path, controller = shutil.which(path) or "", facts.controller
    return _real_folder(path) != _real_folder(controller) or os.path.realpath(path) != os.path.realpath(controller)


def _real_folder(path: str) -> str:
    return os.path.realpath(os.path.dirname(os.path.abspath(path)))


def _variable_for_module(environ: t.Mapping[str, str]) -> str | None:
    """The first variable that has no effect in this process, or that the shell of a module does not accept."""
    names = (
        name
        for name, value in environ.items()
        if not _NAME.fullmatch(name) or "\0" in value or _READ_AT_START.fullmatch(name)
    )
    return next(names, None)


def is_enabled(variable: t.Any, environ: t.Mapping[str, str]) -> bool:
    """Whether direct execution is enabled: by the variable of the task, or else by the environment variable.

    An empty value counts as not set, since AWX sends empty inputs.

    :raises ValueError: the value is not a boolean.
    """
    for name, value in ((VARIABLE, variable), (ENVIRONMENT_VARIABLE, environ.get(ENVIRONMENT_VARIABLE))):
        if value is None or not str(value).strip():
            continue
        try:
            return bool(boolean(str(value).strip()))
        except TypeError:
            raise ValueError(f'{name}: "{value}" is not a boolean. Set it to true or false.') from None
    return True


def encode_options(options: t.Mapping[str, t.Any]) -> bytes:
    """Serialize the options of a module, with the internal ones of Ansible, as for a module process.

    :raises TypeError: they cannot be serialized.
    """
    document, encoders = {"ANSIBLE_MODULE_ARGS": options}, t.cast(t.Any, ansible_json)
    if hasattr(encoders, "get_module_encoder"):
        encoder = encoders.get_module_encoder(PROFILE, encoders.Direction.CONTROLLER_TO_MODULE)
        return json.dumps(document, cls=encoder).encode()
    return json.dumps(document, cls=encoders.AnsibleJSONEncoder, vault_to_text=True).encode()


@dataclass(frozen=True)
class Output:
    """The output and the exit status of a module."""

    status: int
    stdout: str
    stderr: str


def run_directly(
    spec: ModuleSpec, options: bytes, environ: t.Mapping[str, str], folder: str, runtime: Runtime = SYSTEM
) -> Output:
    """Run a module in this process.

    :param options: see :func:`encode_options`.
    :param environ: the keyword ``environment`` of the task.
    :param folder: the working directory.
    :param runtime: see :func:`.progress.runtime_with_reports`.
    """
    stdout, stderr = io.StringIO(), io.StringIO()
    with isolated_process(), _module_side(options):
        os.environ.update(environ)
        os.chdir(folder)
        with contextlib.redirect_stdout(stdout), contextlib.redirect_stderr(stderr):
            status = _run(spec, runtime)
    return Output(status, stdout.getvalue(), stderr.getvalue())


def _run(spec: ModuleSpec, runtime: Runtime) -> int:
    try:
        exit_module(*spec, runtime=runtime)
    except SystemExit as exc:
        return exc.code if isinstance(exc.code, int) else int(exc.code is not None)
    except Exception:  # a bug in AnsibleModule fails the task only
        traceback.print_exc()
        return 1
    finally:
        # AnsibleModule has logged the options under its own name.
        syslog.closelog()


@contextlib.contextmanager
def _module_side(options: bytes) -> t.Iterator[None]:
    """Let AnsibleModule read these options, and let ansible-core behave as in a module process.

    On the controller, ansible-core 2.19 and later would show warnings immediately, instead of returning them.
    """
    values = {"_ANSIBLE_ARGS": options, "_ANSIBLE_PROFILE": PROFILE, "_PARSED_MODULE_ARGS": None}
    with contextlib.ExitStack() as stack:
        for name in [name for name in values if hasattr(basic, name)]:
            stack.enter_context(_replaced(basic, name, values[name]))
        with contextlib.suppress(ImportError):
            internal = importlib.import_module("ansible.module_utils._internal")
            if hasattr(internal, "is_controller"):
                stack.enter_context(_replaced(internal, "is_controller", False))
        for messages in (ansible_warnings._global_warnings, ansible_warnings._global_deprecations):
            stack.enter_context(_emptied(messages))
        yield


@contextlib.contextmanager
def _replaced(owner: t.Any, name: str, value: t.Any) -> t.Iterator[None]:
    before = getattr(owner, name)
    setattr(owner, name, value)
    try:
        yield
    finally:
        setattr(owner, name, before)


@contextlib.contextmanager
def _emptied(messages: t.Any) -> t.Iterator[None]:
    """Empty a list or dict for the block, and restore its content."""
    before = messages.copy()
    messages.clear()
    try:
        yield
    finally:
        messages.clear()
        (messages.update if isinstance(messages, dict) else messages.extend)(before)
