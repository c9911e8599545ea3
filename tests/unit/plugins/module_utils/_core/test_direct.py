# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Direct execution: when a task runs without a module process, and its isolation."""

from __future__ import annotations

import gc
import json
import locale
import logging
import os
import re
import signal
import sys
import threading
import time
import typing as t
import warnings
from dataclasses import replace
from pathlib import Path

import pytest
from ansible.module_utils import basic
from ansible.module_utils.common import warnings as ansible_warnings

from ansible_collections.vonage.archiving.plugins.module_utils._core import direct
from ansible_collections.vonage.archiving.plugins.module_utils._core.execute import ModuleSpec, UseCase
from ansible_collections.vonage.archiving.plugins.module_utils._core.plan import Context, Outcome

SPEC: dict[str, t.Any] = {
    "name": {"type": "str"},
    "token": {"type": "str", "no_log": True},
    "old": {"type": "str", "removed_in_version": "9.0.0", "removed_from_collection": "vonage.archiving"},
}
ENVIRONMENT = "VONAGE_ARCHIVING_DIRECT"
FACTS = direct.Facts(platform="linux")


def test_reason_for_module_usual_task_runs_directly() -> None:
    assert direct.reason_for_module(FACTS) == ""


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"is_enabled": False}, "vonage_archiving_direct is false"),
        ({"platform": "darwin"}, "the controller runs on darwin"),
        ({"core": (2, 15)}, "direct execution is not tested with this ansible-core"),
        ({"core": (2, 22)}, "direct execution is not tested with this ansible-core"),
        ({"connection": "ansible.builtin.ssh"}, "the connection is ansible.builtin.ssh"),
        ({"connection": "example.tools.local"}, "the connection is example.tools.local"),
        ({"has_become": True}, "the task has become"),
        ({"is_async": True}, "the task is asynchronous"),
        ({"keeps_module_files": True}, "Ansible keeps the files of modules"),
        ({"interpreter": "/usr/bin/other"}, "the interpreter is /usr/bin/other"),
        ({"folder": "/nowhere"}, "/nowhere is not accessible"),
        ({"library_problem": "boto3 is missing"}, "boto3 is missing"),
    ],
)
def test_reason_for_module_condition_is_the_reason(change: dict[str, t.Any], reason: str) -> None:
    assert direct.reason_for_module(replace(FACTS, **change)) == reason


@pytest.mark.parametrize("core", [(2, 16), (2, 21)])
def test_reason_for_module_tested_core_runs_directly(core: tuple[int, int]) -> None:
    assert direct.reason_for_module(replace(FACTS, core=core)) == ""


@pytest.mark.parametrize(
    "name",
    [
        *("PYTHONPATH", "PYTHONHASHSEED", "PYTHONWARNINGS", "LD_PRELOAD", "LD_LIBRARY_PATH", "LC_ALL", "LANG", "TZ"),
        *("TMPDIR", "OPENSSL_CONF", "GLIBC_TUNABLES", "RES_OPTIONS", "CRYPTOGRAPHY_OPENSSL_NO_LEGACY"),
        *("NO-NAME", "", "1ST"),
    ],
)
def test_reason_for_module_variable_read_at_start_needs_a_process(name: str) -> None:
    facts = replace(FACTS, environ={"AWS_REGION": "eu-west-1", name: "1"})
    assert direct.reason_for_module(facts) == f"only a new process can use the variable {name}"


@pytest.mark.parametrize(
    "name",
    ["AWS_REGION", "AWS_CA_BUNDLE", "VONAGE_VIDEO_API_SECRET", "HTTPS_PROXY", "no_proxy", "HOME", "PATH", "LDAP_URL"],
)
def test_reason_for_module_variable_read_later_runs_directly(name: str) -> None:
    assert direct.reason_for_module(replace(FACTS, environ={name: ""})) == ""


def create_interpreter(path: Path) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    return str(path)


def test_reason_for_module_variable_with_null_needs_a_process() -> None:
    assert direct.reason_for_module(replace(FACTS, environ={"A": "\0"})) == "only a new process can use the variable A"


def test_reason_for_module_interpreter_of_ansible_runs_directly(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = create_interpreter(tmp_path / "real" / "python3.12")
    controller = tmp_path / "bin" / "python"
    controller.parent.mkdir()
    for name in ("python", "python3"):
        (tmp_path / "bin" / name).symlink_to(real)
    (tmp_path / "merged").symlink_to(tmp_path / "bin")
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    same = [str(controller), f" {controller} ", f"{tmp_path}/bin/../bin/python3", f"{tmp_path}/merged/python"]
    for path in [*same, "python3", "", None, "auto", "auto_silent", "auto_legacy", "auto_legacy_silent"]:
        assert direct.reason_for_module(replace(FACTS, interpreter=path, controller=str(controller))) == "", path


def test_reason_for_module_other_environment_of_same_python_needs_a_process(tmp_path: Path) -> None:
    """The python of a virtual environment is a link to the python from which it was created."""
    real = create_interpreter(tmp_path / "real" / "python")
    for environment in ("a", "b"):
        (tmp_path / environment).mkdir()
        (tmp_path / environment / "python").symlink_to(real)
    controller = str(tmp_path / "a" / "python")
    for path in (str(tmp_path / "b" / "python"), real, f"{controller} -I", "/usr/bin/env python", str(tmp_path / "c")):
        assert direct.reason_for_module(replace(FACTS, interpreter=path, controller=controller)), path


@pytest.mark.parametrize(
    ("variable", "environment", "expected"),
    [
        (None, None, True),
        ("", "", True),
        (False, None, False),
        ("false", None, False),
        (" no ", None, False),
        ("True", "false", True),
        (None, "false", False),
        ("", "0", False),
        (None, "yes", True),
    ],
)
def test_is_enabled_variable_takes_precedence(variable: t.Any, environment: str | None, expected: bool) -> None:
    environ = {} if environment is None else {ENVIRONMENT: environment}
    assert direct.is_enabled(variable, environ) is expected


@pytest.mark.parametrize(
    ("variable", "environ", "message"),
    [
        ("maybe", {}, 'vonage_archiving_direct: "maybe" is not a boolean. Set it to true or false.'),
        (
            None,
            {"VONAGE_ARCHIVING_DIRECT": "2"},
            'VONAGE_ARCHIVING_DIRECT: "2" is not a boolean. Set it to true or false.',
        ),
    ],
)
def test_is_enabled_invalid_value_raises_value_error(variable: t.Any, environ: dict[str, str], message: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        direct.is_enabled(variable, environ)


def run(use_case: UseCase, folder: Path, environ: t.Mapping[str, str] | None = None, **options: t.Any) -> t.Any:
    """Run a use case directly, and return its result."""
    output = direct.run_directly(ModuleSpec(use_case, SPEC), direct.encode_options(options), environ or {}, str(folder))
    assert output.stderr == ""
    return json.loads(output.stdout)


def succeed(_params: t.Mapping[str, t.Any], _context: Context) -> Outcome:
    return Outcome(changed=False)


def process_state() -> dict[str, t.Any]:
    umask = os.umask(0)
    os.umask(umask)
    return {
        "environ": dict(os.environ),
        "folder": os.getcwd(),
        "umask": umask,
        "handlers": [signal.getsignal(number) for number in signal.valid_signals()],
        "path": list(sys.path),
        "garbage": (gc.isenabled(), gc.get_threshold()),
        "locale": locale.setlocale(locale.LC_ALL),
        "log": logging.root.manager.disable,
        "filters": list(warnings.filters),
        "options": [
            getattr(basic, name, None) for name in ("_ANSIBLE_ARGS", "_ANSIBLE_PROFILE", "_PARSED_MODULE_ARGS")
        ],
        "messages": [list(ansible_warnings._global_warnings), list(ansible_warnings._global_deprecations)],
        "output": (sys.stdout, sys.stderr),
        "descriptors": len(os.listdir("/proc/self/fd")) if sys.platform == "linux" else 0,
    }


@pytest.mark.parametrize("error", [None, ValueError("broken"), SystemExit(3), KeyboardInterrupt()])
def test_run_directly_restores_process(tmp_path: Path, error: BaseException | None) -> None:
    """Also if the library ends the process or the user interrupts it."""

    def change_everything(_params: t.Mapping[str, t.Any], context: Context) -> Outcome:
        assert (os.environ["ADDED"], context.environ["ADDED"], os.getcwd()) == ("yes", "yes", str(tmp_path))
        os.environ.clear()
        os.environ["OTHER"] = "1"
        os.chdir("/")
        os.umask(0o777)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        signal.signal(signal.SIGALRM, signal.SIG_IGN)
        sys.path.insert(0, "/elsewhere")
        gc.disable()
        gc.set_threshold(1)
        locale.setlocale(locale.LC_ALL, "C")
        warnings.simplefilter("error")
        context.warn("this item only")
        print("noise of a library")
        if error:
            raise error
        return Outcome(changed=True)

    before = process_state()
    output: direct.Output | None = None
    spec = ModuleSpec(change_everything, SPEC)
    try:
        output = direct.run_directly(spec, direct.encode_options({}), {"ADDED": "yes"}, str(tmp_path))
    except KeyboardInterrupt:
        assert isinstance(error, KeyboardInterrupt)
    assert process_state() == before
    if output:
        assert "noise of a library" in output.stdout
        assert output.status == {type(None): 0, ValueError: 1, SystemExit: 3}[type(error)]


def test_run_directly_bug_of_ansible_fails_task(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_args: t.Any, **_options: t.Any) -> t.NoReturn:
        raise RuntimeError("no module")

    monkeypatch.setattr(direct, "exit_module", fail)
    output = direct.run_directly(ModuleSpec(succeed, SPEC), direct.encode_options({}), {}, str(tmp_path))
    assert (output.status, output.stdout) == (1, "")
    assert output.stderr.startswith("Traceback")
    assert "RuntimeError: no module" in output.stderr


def test_run_directly_messages_stay_in_their_item(tmp_path: Path) -> None:
    def warn(params: t.Mapping[str, t.Any], context: Context) -> Outcome:
        context.warn(f"item {params['name']}")
        return Outcome(changed=False)

    first = run(warn, tmp_path, name="1", old="x")
    second = run(warn, tmp_path, name="2")
    assert "item 1" in json.dumps(first["warnings"])
    assert "old" in json.dumps(first["deprecations"])
    assert len(second["warnings"]) == 1
    assert "item 1" not in json.dumps(second)
    assert "deprecations" not in second


def test_run_directly_secret_of_an_item_is_unknown_to_the_next(tmp_path: Path) -> None:
    secret = "Xv7pQ2mKd9wLzR4t"

    def echo(params: t.Mapping[str, t.Any], context: Context) -> Outcome:
        values = [
            context.secrets,
            context.environ.get("AWS_SECRET_ACCESS_KEY"),
            os.environ.get("AWS_SECRET_ACCESS_KEY"),
        ]
        return Outcome(changed=False, result={"has_secret": any(values), "echo": f"{params['name']} of {secret}"})

    environ = {"AWS_SECRET_ACCESS_KEY": secret}
    first = run(echo, tmp_path, environ, name="a", token=secret)
    assert (first["has_secret"], secret in json.dumps(first)) == (True, False)
    # Known to the first item only, it is an ordinary word for the second one.
    assert run(echo, tmp_path, name="b")["echo"] == f"b of {secret}"
    assert not run(echo, tmp_path, name="b")["has_secret"]


def test_run_directly_memory_does_not_grow(tmp_path: Path) -> None:
    options: dict[str, t.Any] = {"name": "x" * 1000, "token": "Xv7pQ2mKd9wLzR4t"}
    for _number in range(50):
        run(succeed, tmp_path, **options)
    gc.collect()
    before = len(gc.get_objects())
    for _number in range(1000):
        run(succeed, tmp_path, **options)
    gc.collect()
    assert len(gc.get_objects()) - before < 200


class Timeout(BaseException):
    """Like the exception of the keyword ``timeout``."""


@pytest.fixture
def alarm() -> t.Iterator[list[float]]:
    """Raise Timeout after a tenth of a second, as Ansible does; the times of the exceptions."""
    times: list[float] = []

    def on_alarm(_signal: int, _frame: t.Any) -> None:
        times.append(time.monotonic())
        raise Timeout

    before = signal.signal(signal.SIGALRM, on_alarm)
    signal.setitimer(signal.ITIMER_REAL, 0.1)
    yield times
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)


def test_run_directly_timeout_ends_cleanup_that_hangs(tmp_path: Path, alarm: list[float]) -> None:
    def hang(_params: t.Mapping[str, t.Any], _context: Context) -> Outcome:
        try:
            threading.Event().wait(20)
        finally:
            threading.Event().wait(20)
        return Outcome(changed=False)

    before, start = process_state(), time.monotonic()
    with pytest.raises(Timeout):
        run(hang, tmp_path)
    assert 0.5 < time.monotonic() - start < 3
    assert len(alarm) == 2
    assert process_state() == before
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)


def test_run_directly_timeout_lets_quick_cleanup_succeed(tmp_path: Path, alarm: list[float]) -> None:
    events: list[str] = []

    def hang(_params: t.Mapping[str, t.Any], _context: Context) -> Outcome:
        try:
            threading.Event().wait(20)
        finally:
            time.sleep(0.05)
            events.append("deleted")
        return Outcome(changed=False)

    with pytest.raises(Timeout):
        run(hang, tmp_path)
    assert events == ["deleted"]
    time.sleep(0.6)
    assert len(alarm) == 1


def test_run_directly_in_time_keeps_alarm_of_ansible(tmp_path: Path, alarm: list[float]) -> None:
    run(succeed, tmp_path)
    with pytest.raises(Timeout):
        time.sleep(1)
    time.sleep(0.6)
    assert len(alarm) == 1
