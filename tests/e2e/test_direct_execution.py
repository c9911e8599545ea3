# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Direct execution and module processes: equal results, the conditions of both, time limits, and memory."""

from __future__ import annotations

import contextlib
import json
import re
import secrets
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.vonage.archiving.plugins.module_utils._core import direct
from tests.e2e import playbook_runs
from tests.e2e.adapters import PACKAGES
from tests.e2e.module_runs import CoreProcesses
from tests.e2e.playbook_runs import Run, run_playbook
from tests.e2e.test_leaks import Watcher
from tests.sandbox import Sandbox
from tools.cores import SUPPORTED, ensure_core
from tools.pythons import find_pythons

PLAYBOOK = Path(__file__).with_name("direct_execution.yml")
INVENTORY = "localhost ansible_connection=local\nremote ansible_connection=ssh ansible_host=192.0.2.1\n"
OLDEST, *_, NEWEST = SUPPORTED
CONTROLLER = {"ansible_python_interpreter": "{{ ansible_playbook_python }}"}
ACTION = "vonage.archiving.archive_upload_check"
# Lines of the output about the way, and about module processes. Only direct execution reports waits.
WAY = re.compile(
    r"<\S+> .*|Using module file .*|Pipelining is enabled\.|Running vonage\.archiving\..*|\[\S+\]: Waiting up to .*"
)
TIME = re.compile(
    r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z?|[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f-]{22}"
    r"|(?<=clock_skew\": )-?\d+|\d+\.\d(?= s after )"
)
# The output of the test contains the traceback as JSON, with escaped quotes.
FRAME = re.compile(r'File \\?"[^"]*?/((?:ansible_collections|site-packages|lib/python[\d.]+)/[^"\\]+)')


@dataclass
class Comparison:
    """A playbook run in one way, with the names of its bucket and its project."""

    run: Run
    names: dict[str, str] = field(default_factory=dict)

    def normalize(self, text: str) -> str:
        """Replace names, times, random IDs, and the folder of modules."""
        for name, placeholder in self.names.items():
            text = text.replace(name, placeholder)
        return FRAME.sub(r"File \1", TIME.sub("TIME", text))

    @property
    def events(self) -> list[str]:
        lines = [json.dumps([e.kind, e.task, e.host, e.action, e.result], sort_keys=True) for e in self.run.events]
        return [self.normalize(line) for line in lines]

    @property
    def output(self) -> list[str]:
        lines = self.run.output.splitlines()
        return [self.normalize(line) for line in lines if not WAY.fullmatch(line)]


def compare_run(sandbox: Sandbox, home: Path, core: Path, is_direct: bool) -> Comparison:
    store, project = sandbox.store, sandbox.vonage.add_project()
    bucket = f"direct-{secrets.token_hex(5)}"
    home.mkdir()
    broken = home / "models" / "s3" / "2006-03-01"
    broken.mkdir(parents=True)
    (broken / "service-2.json").write_text("{}")
    (home / "inventory").write_text(INVENTORY)
    variables = {
        **CONTROLLER,
        "vonage_archiving_direct": is_direct,
        "store": {
            "endpoint_url": store.endpoint_url,
            "region": store.region,
            "access_key": store.access_key,
            "secret_key": store.secret_key,
        },
        "api_url": sandbox.vonage.url,
        "api_secret": project.secret,
        "project": project.key,
        "bucket": bucket,
        "broken_models": str(home / "models"),
    }
    run = run_playbook(PLAYBOOK, variables, home, {}, core, ["-i", str(home / "inventory")])
    assert ("AnsiballZ_" in run.output) is not is_direct
    comparison = Comparison(run, {bucket: "BUCKET", project.key: "PROJECT", str(home): "HOME"})
    # At -vvv, Ansible shows the command of a module process, with the keyword environment.
    shown = [run.output] if is_direct else comparison.output
    all_secrets = [project.secret, project.secret[::-1], store.secret_key]
    assert not playbook_runs.find_leaks("\n".join([*shown, run.events_text]), all_secrets)
    return comparison


@pytest.fixture(scope="module")
def newest() -> Path:
    return find_core(NEWEST)


def find_core(line: str) -> Path:
    path = ensure_core(line, find_pythons())
    if path is None:
        pytest.skip(f"ansible-core {line} has no suitable Python on this machine")
    return path


@pytest.mark.slow
@pytest.mark.parametrize("line", [OLDEST, NEWEST])
def test_playbook_results_are_equal_in_both_ways(e2e_sandbox: Sandbox, home: Path, line: str) -> None:
    e2e_sandbox.vonage.echo_secrets = False
    core = find_core(line)
    directly, as_module = (compare_run(e2e_sandbox, home / way, core, way == "direct") for way in ("direct", "module"))
    assert directly.run.rc == as_module.run.rc == 0, directly.run.output
    assert len(directly.events) > 25
    for one, other in zip(directly.events, as_module.events, strict=True):
        assert one == other
    assert directly.output == as_module.output
    assert directly.run.recap == as_module.run.recap
    bug = directly.run.task("Use a broken library").result
    assert "please report it" in bug["msg"]
    # From ansible-core 2.19 on, tracebacks have a setting of their own.
    assert ("Traceback" in str(bug["exception"])) is (line == OLDEST)
    assert directly.run.task("Show a warning").result["warnings"]
    invocation = directly.run.task("Set an upload target").result["invocation"]["module_args"]
    assert invocation["api_secret"] == "VALUE_SPECIFIED_IN_NO_LOG_PARAMETER"


def test_supported_releases_are_those_of_direct_execution() -> None:
    assert [f"{major}.{minor}" for major, minor in (direct.OLDEST_CORE, direct.NEWEST_CORE)] == [OLDEST, NEWEST]


# KiB in 400 items.
LEAK = 3 * 1024


def test_adapter_memory_does_not_grow_over_1000_items(e2e_sandbox: Sandbox, core_processes: CoreProcesses) -> None:
    store = e2e_sandbox.store
    bucket = f"direct-{secrets.token_hex(5)}"
    store.client().create_bucket(Bucket=bucket)
    options = {"name": bucket, "endpoint_url": store.endpoint_url, "encryption": "none"}
    keys = {"access_key": store.access_key, "secret_key": store.secret_key}
    growths: list[int] = []
    # The process also runs other tests, whose garbage can be collected or reused at any time. A leak grows each time.
    while len(growths) < 3 and min(growths, default=LEAK) >= LEAK:
        response = core_processes.of_line(NEWEST).run("direct", "s3_archive_bucket", {**options, **keys}, repeat=1000)
        assert response["result"]["changed"] is False
        growths.append(response["growth"])
    assert min(growths) < LEAK, growths


def has_module_process(watcher: Watcher) -> bool:
    """Whether a process of this run was one of the module; the watcher sees those of other tests, too."""
    lines = [line for line in watcher.command_lines if str(watcher.home) in line]
    return any("AnsiballZ_archive_upload_check" in line for line in lines)


@dataclass
class Probe:
    """A play whose only task is a check of options. It sends nothing.

    :param task: keywords of the task.
    :param variables: variables of the play.
    """

    task: dict[str, Any] = field(default_factory=dict)
    variables: dict[str, Any] = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=dict)
    arguments: Sequence[str] = ()

    def write(self, home: Path) -> Path:
        key = {"bucket": "recordings", "access_key": "AKIAIOSFODNN7EXAMPLE", "secret_key": "x" * 40}
        task = {ACTION: {"s3": key, "prefix": "471"}, "check_mode": True}
        play = {"hosts": "localhost", "gather_facts": False, "vars": self.variables, "tasks": [{**task, **self.task}]}
        path = home / "play.yml"
        path.write_text(yaml.safe_dump([play]))
        return path

    def run(self, home: Path, core: Path) -> tuple[Run, bool]:
        """Run the play, and return whether a module process started."""
        watcher = Watcher(home)
        arguments = ["-c", "local", *self.arguments]
        run = run_playbook(self.write(home), {}, home, self.environment, core, arguments, watcher)
        is_watched = has_module_process(watcher)
        assert is_watched is ("AnsiballZ_archive_upload_check" in run.output)
        return run, is_watched


# A connection plugin with another name runs modules as the local one does.
CONNECTION = """
from ansible.plugins.connection.local import Connection as Local
DOCUMENTATION = '''
name: other
short_description: Runs modules on the controller
description: Runs modules on the controller.
extends_documentation_fragment: connection_pipelining
'''


class Connection(Local):
    transport = "other"
"""


def create_other_interpreter(home: Path, core: Path) -> str:
    path = home / "python"
    path.write_text(f'#!/bin/sh\nexec {core.with_name("python")} "$@"\n')
    path.chmod(0o700)
    return str(path)


def probes(home: Path, core: Path) -> dict[str, Probe]:
    """The probes of all conditions under which a module process starts."""
    plugins = home / "connections"
    plugins.mkdir()
    (plugins / "other.py").write_text(CONNECTION)
    broken = home / "broken"
    broken.mkdir()
    (broken / "botocore.py").write_text("raise ImportError('broken')\n")
    return {
        "variable": Probe(variables={"vonage_archiving_direct": "no"}),
        "extra variable": Probe(arguments=["-e", "vonage_archiving_direct=false"]),
        "environment variable": Probe(environment={"VONAGE_ARCHIVING_DIRECT": "false"}),
        "connection": Probe({"connection": "other"}, environment={"ANSIBLE_CONNECTION_PLUGINS": str(plugins)}),
        "become": Probe({"become": True, "become_method": "su"}),
        # In check mode, Ansible skips an asynchronous task. This one lacks a required option.
        "async": Probe({ACTION: {}, "check_mode": False, "async": 60, "poll": 1}),
        "interpreter": Probe({"vars": {"ansible_python_interpreter": create_other_interpreter(home, core)}}),
        "configured interpreter": Probe(
            environment={"ANSIBLE_PYTHON_INTERPRETER": create_other_interpreter(home, core)}
        ),
        "environment": Probe({"environment": {"PYTHONPATH": "/nowhere"}}),
        "files of modules": Probe(environment={"ANSIBLE_KEEP_REMOTE_FILES": "true"}),
        "library": Probe(environment={"PYTHONPATH": str(broken)}),
    }


CONDITIONS = (
    "variable",
    "extra variable",
    "environment variable",
    "connection",
    "become",
    "async",
    "interpreter",
    "configured interpreter",
    "environment",
    "files of modules",
    "library",
)


@pytest.mark.parametrize("condition", CONDITIONS)
def test_playbook_condition_starts_module_process(home: Path, newest: Path, condition: str) -> None:
    all_probes = probes(home, newest)
    assert tuple(all_probes) == CONDITIONS
    probe = all_probes[condition]
    if "interpreter" not in condition:
        # Without it, Ansible searches for an interpreter, which may have no libraries.
        probe.arguments = [*probe.arguments, "-e", json.dumps(CONTROLLER)]
    run, has_process = probe.run(home, newest)
    assert has_process
    assert "Running vonage.archiving.archive_upload_check as a module: " in run.output
    # The module process does not find the broken library either.
    assert run.rc == (2 if condition in ("async", "library") else 0), run.output
    # Secrets of options are in no output.
    assert "x" * 40 not in run.output + run.events_text


DIRECT_PROBES = {
    "no interpreter": Probe(),
    "interpreter of Ansible": Probe(variables=CONTROLLER),
    "discovery": Probe(variables={"ansible_python_interpreter": "auto_silent"}),
    "local connection": Probe(variables={"ansible_connection": "ansible.builtin.local", **CONTROLLER}),
    "delegated": Probe({"delegate_to": "localhost"}),
    "environment": Probe({"environment": {"AWS_REGION": "eu-west-1"}}),
    "empty": Probe(variables={"vonage_archiving_direct": ""}, environment={"VONAGE_ARCHIVING_DIRECT": ""}),
    "variable": Probe(variables={"vonage_archiving_direct": True}, environment={"VONAGE_ARCHIVING_DIRECT": "no"}),
}


@pytest.mark.parametrize("name", DIRECT_PROBES)
def test_playbook_starts_no_module_process(home: Path, newest: Path, name: str) -> None:
    probe = DIRECT_PROBES[name]
    run, has_process = probe.run(home, newest)
    assert not has_process
    assert run.ok().events[0].result["planned"]
    assert "Running vonage.archiving.archive_upload_check without a module process" in run.output
    assert "ansible_facts" not in run.events[0].result


def test_playbook_invalid_setting_fails_task(home: Path, newest: Path) -> None:
    run, has_process = Probe(variables={"vonage_archiving_direct": "maybe"}).run(home, newest)
    assert not has_process
    assert 'vonage_archiving_direct: "maybe" is not a boolean. Set it to true or false.' in run.failed().error


def test_playbook_without_these_modules_loads_no_library(home: Path, newest: Path) -> None:
    """The library of S3 is loaded once, by the process that forks, and only for these tasks."""
    debug = {"hosts": "localhost", "gather_facts": False, "tasks": [{"ansible.builtin.debug": {"msg": "x"}}]}
    path = home / "play.yml"
    path.write_text(yaml.safe_dump([debug]))
    assert loaded_libraries(run_playbook(path, {}, home, {}, newest, ["-c", "local"]).ok()) == []
    run, _has_process = Probe().run(home, newest)
    assert loaded_libraries(run.ok()) == ["botocore"]
    disabled = Probe(environment={"VONAGE_ARCHIVING_DIRECT": "0"}, variables=CONTROLLER)
    assert loaded_libraries(disabled.run(home, newest)[0].ok()) == []


def loaded_libraries(run: Run) -> Any:
    lines = [json.loads(line) for line in run.events_text.splitlines()]
    return next(line["result"] for line in lines if line["kind"] == "libraries")


@pytest.mark.parametrize("setting", [True, False])
def test_runner_job_starts_module_process_only_if_disabled(home: Path, newest: Path, setting: bool) -> None:
    for name in ("project", "env", "inventory"):
        (home / "job" / name).mkdir(parents=True)
    job = home / "job"
    probe = Probe(variables={"vonage_archiving_direct": setting, **CONTROLLER})
    probe.write(job / "project")
    (job / "inventory" / "hosts").write_text("localhost ansible_connection=local\n")
    environment = {**playbook_runs.environment(home, {}), "PATH": f"{newest.parent}:/usr/bin:/bin"}
    command = [sys.executable, "-m", "ansible_runner", "run", str(job), "-p", "play.yml", "-i", "1"]
    watcher = Watcher(home)
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    with process:
        watcher(process)
        assert process.stdout
        output = process.stdout.read()
    assert (job / "artifacts" / "1" / "status").read_text() == "successful", output
    has_process = has_module_process(watcher)
    assert has_process is not setting
    assert ("without a module process" in output) is setting


@pytest.fixture
def hanging_store() -> Iterator[tuple[str, list[float]]]:
    """The URL of a server that accepts connections and never responds, and the times of its connections."""
    times: list[float] = []
    connections: list[socket.socket] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def accept() -> None:
            with contextlib.suppress(OSError):
                while True:
                    connections.append(server.accept()[0])
                    times.append(time.monotonic())

        threading.Thread(target=accept, daemon=True).start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}", times
        server.shutdown(socket.SHUT_RDWR)
        for connection in connections:
            connection.close()


OPERATOR = {"access_key": "AKIAIOSFODNN7EXAMPLE", "secret_key": "x" * 40}


def options_of(module: str, url: str) -> dict[str, Any]:
    """The options with which a module uses the store at this URL."""
    target = {"bucket": "recordings", "endpoint": url, **OPERATOR}
    state_file = "s3://recordings/.vonage-archiving/471.json"
    specific: dict[str, dict[str, Any]] = {
        "s3_archive_bucket": {"name": "recordings", "encryption": "s3", "versioning": "Enabled", "cors_rules": []},
        "archive_upload_check": {"s3": target, "prefix": "471"},
        "vonage_archive_audit": {"api_key": "471", "api_secret": "0" * 40, "state_file": state_file},
        "vonage_archive_storage": {
            "api_key": "471",
            "api_secret": "0" * 40,
            "s3": target,
            "fallback": "none",
            "state_file": state_file,
        },
    }
    return {**specific[module], **OPERATOR, "endpoint_url": url}


@pytest.mark.slow
@pytest.mark.parametrize("way", ["direct", "module"])
@pytest.mark.parametrize(
    ("line", "module"), [*((NEWEST, module) for module in PACKAGES), (OLDEST, "s3_archive_bucket")]
)
def test_playbook_timeout_ends_hanging_task(
    hanging_store: tuple[str, list[float]], home: Path, line: str, module: str, way: str
) -> None:
    url, times = hanging_store
    task = {f"vonage.archiving.{module}": options_of(module, url), "timeout": 5}
    path = home / "play.yml"
    path.write_text(yaml.safe_dump([{"hosts": "localhost", "gather_facts": False, "tasks": [task]}]))
    variables = {"vonage_archiving_direct": way == "direct", **CONTROLLER}
    run = run_playbook(path, variables, home, {}, find_core(line), ["-c", "local"])
    assert_ended_in_time(run, times, time.monotonic())


def assert_ended_in_time(run: Run, times: Sequence[float], end: float) -> None:
    """Assert that the task failed within 7 seconds, and that no thread kept the process from exiting."""
    assert run.rc == 2, run.output
    assert "Timed out after 5" in run.error or "expected time frame (5)" in run.error
    (failed,) = [event for event in map(json.loads, run.events_text.splitlines()) if event["kind"] == "failed"]
    assert times
    # The task starts a moment before its first request.
    assert failed["time"] - times[0] < 7
    assert end - times[0] < 15


def test_fleet_action_timeout_ends_hanging_task(
    hanging_store: tuple[str, list[float]], home: Path, newest: Path
) -> None:
    url, times = hanging_store
    settings = {"api_key": "47123456", "api_secret": "0" * 40, "bucket": "recordings", "endpoint": url}
    settings.update(OPERATOR, region="us-east-1", state_file="s3://recordings/.vonage-archiving/47123456.json")
    variables = {f"archive_storage_{name}": value for name, value in settings.items()}
    task = {"vonage.archiving.archive_storage_project": {"archives": 0}, "timeout": 5, "vars": variables}
    path = home / "play.yml"
    path.write_text(yaml.safe_dump([{"hosts": "localhost", "gather_facts": False, "tasks": [task]}]))
    run = run_playbook(path, CONTROLLER, home, {}, newest, ["-c", "local"])
    assert_ended_in_time(run, times, time.monotonic())
