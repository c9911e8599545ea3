# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The projects of an account and their archives, with the emulator and an S3 store."""

from __future__ import annotations

import json
import secrets
import subprocess
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.vonage.archiving.plugins.module_utils._archives import reconcile as archive_info
from ansible_collections.vonage.archiving.plugins.module_utils._core import errors
from ansible_collections.vonage.archiving.plugins.module_utils._core.plan import Context
from ansible_collections.vonage.archiving.plugins.module_utils._upload_target.reconcile import reconcile
from ansible_collections.vonage.archiving.plugins.module_utils._vonage import account
from tests.e2e import runs
from tests.sandbox import Sandbox, Store, VonageEmulator, upload_only_policy
from tests.sandbox.vonage.state import Archive, Project
from tools.cores import DEFAULT_LINES, ensure_core
from tools.pythons import find_pythons

MAX_RESULT = 700_000  # AWX truncates larger results.


@dataclass
class Recorder:
    """A project, and calls of vonage_archive_info for it."""

    emulator: VonageEmulator
    project: Project
    store: Store
    warnings: list[str] = field(default_factory=list)

    @property
    def operator(self) -> dict[str, Any]:
        """The connection options of the store."""
        names = ("endpoint_url", "region", "access_key", "secret_key")
        return {name: getattr(self.store, name) for name in names}

    @property
    def credentials(self) -> dict[str, Any]:
        """The options of the project."""
        return {
            "api_key": self.project.key,
            "api_secret": self.project.secret,
            "api_url": self.emulator.url,
            "timeout": 5,
            "retries": 2,
            "total_timeout": 15,
        }

    def info(self, **options: Any) -> dict[str, Any]:
        """Run the use case, and assert that the result contains no secret."""
        params = {**self.credentials, **options}
        result = archive_info.reconcile(params, Context(warn=self.warnings.append)).result
        hidden = [self.project.secret, self.store.secret_key]
        assert not runs.leaks(json.dumps(result), hidden)
        return result

    def add(self, status: str, age: float, count: int = 1) -> list[str]:
        """Add archives to the list of the API, the oldest first."""
        created = int((time.time() - age) * 1000)
        archives = [Archive(str(uuid.uuid4()), "1_s", "lesson", created, status, 7, 60) for _number in range(count)]
        with self.emulator.state.lock:
            self.project.archives += archives
        return [each.id for each in reversed(archives)]

    def create_bucket(self) -> str:
        name = f"recordings-{secrets.token_hex(6)}"
        self.store.client().create_bucket(Bucket=name)
        return name

    def set_target(self, bucket: str, key: tuple[str, str]) -> str:
        """Set the upload target as the module does, and return the location of the state file."""
        state_file = f"s3://{bucket}/.vonage-archiving/{self.project.key}.json"
        target = {"bucket": bucket, "access_key": key[0], "secret_key": key[1], "endpoint": self.store.endpoint_url}
        params = {
            "s3": target,
            "fallback": "opentok",
            "state_file": state_file,
            "verify": "never",
            **self.credentials,
            **self.operator,
        }
        assert reconcile(params, Context()).changed
        return state_file

    def calls(self) -> list[dict[str, Any]]:
        """The requests of this project to the emulator."""
        return [call for call in self.emulator.log() if f"/{self.project.key}/" in call["path"]]

    @property
    def queries(self) -> list[str]:
        """The sorted queries of the requests."""
        return sorted(call["query"] for call in self.calls())


@pytest.fixture
def recorder(e2e_sandbox: Sandbox) -> Iterator[Recorder]:
    e2e_sandbox.vonage.clear_log()
    yield Recorder(e2e_sandbox.vonage, e2e_sandbox.vonage.add_project("lessons"), e2e_sandbox.store)
    e2e_sandbox.vonage.clear_faults()


def test_reconcile_sends_one_request_per_thousand_archives(recorder: Recorder) -> None:
    recorder.add("expired", 9 * 86400, 400)
    uploaded = recorder.add("uploaded", 7200, 2000)
    failed = recorder.add("failed", 7000, 98)
    fell_back = recorder.add("available", 6900)
    stuck = recorder.add("stopped", 6800)
    found = recorder.info(target_set_at="86400", limit=1000)
    assert recorder.queries == [f"offset={offset}&count=1000" for offset in (0, 1000, 2000)]
    assert len({call["headers"]["X-Opentok-Auth"] for call in recorder.calls()}) == 3
    health = found["health"]
    names = ("uploaded", "failed", "fell_back", "stuck", "in_cloud")
    assert [health[name]["count"] for name in names] == [2000, 98, 1, 1, 400]
    assert [health[name]["ids"] for name in ("failed", "fell_back", "stuck")] == [failed, fell_back, stuck]
    assert health["uploaded"]["ids"] == uploaded[:100]
    assert (found["total"], found["complete"], health["ok"]) == (2500, True, False)
    assert [each["id"] for each in found["archives"]] == [*stuck, *fell_back, *failed, *uploaded[:900]]
    assert len(json.dumps(found)) < MAX_RESULT


def test_reconcile_since_fetches_only_recent_pages(recorder: Recorder) -> None:
    recorder.add("expired", 9 * 86400, 2400)
    recent = recorder.add("uploaded", 60, 3)
    found = recorder.info(since="3600", status=["uploaded"])
    assert recorder.queries == ["offset=0&count=1000"]
    assert [each["id"] for each in found["archives"]] == recent
    assert (found["total"], found["health"]["checked"], found["health"]["ok"]) == (2403, 3, True)


def test_reconcile_retries_after_faults(recorder: Recorder) -> None:
    recorder.add("uploaded", 60, 2500)
    path = f"/{recorder.project.key}/archive$"
    recorder.emulator.fail_next(status=429, retry_after=0, path=path)
    recorder.emulator.fail_next("truncate", path=path)
    recorder.emulator.fail_next(status=500, path=path)
    assert recorder.info(retries=3)["health"]["uploaded"]["count"] == 2500
    assert len(recorder.queries) == 6


@pytest.mark.parametrize("kind", ["hang", "trickle"])
def test_reconcile_hanging_api_fails_within_the_budget(recorder: Recorder, kind: str) -> None:
    recorder.add("uploaded", 60, 1500)
    recorder.emulator.fail_next("delay", seconds=0, path=f"/{recorder.project.key}/archive$")
    recorder.emulator.fail_next(kind, times=9, path=f"/{recorder.project.key}/archive$")
    started = time.monotonic()
    with pytest.raises(errors.UnreachableError, match=r"^Could not list the archives of project \d+: .*2 attempts"):
        recorder.info(timeout=0.5, retries=1, total_timeout=2)
    assert time.monotonic() - started < 5


def test_reconcile_wrong_secret_error_states_the_cause(recorder: Recorder) -> None:
    with pytest.raises(errors.DeniedError, match="api_secret does not belong to api_key") as caught:
        recorder.info(api_secret="0" * 40)
    assert caught.value.facts["status"] == 403
    assert not runs.leaks(str(caught.value), ["0" * 40, recorder.calls()[0]["headers"]["X-Opentok-Auth"]])


def test_reconcile_state_file_detects_a_fallback(recorder: Recorder) -> None:
    bucket = recorder.create_bucket()
    recorder.emulator.record_archive(recorder.project.key)
    time.sleep(1.1)  # The state file has times in whole seconds.
    key = recorder.store.make_user(f"uploader-{bucket}", upload_only_policy(bucket))
    state_file = recorder.set_target(bucket, key)
    assert recorder.emulator.record_archive(recorder.project.key)["status"] == "uploaded"
    good = recorder.info(state_file=state_file, bucket=bucket, **recorder.operator)["health"]
    assert (good["ok"], good["uploaded"]["count"], good["in_cloud"]["count"]) == (True, 1, 1)
    (recorder.emulator.state.holder(recorder.project.key).target or {})["config"]["secretKey"] = "0" * 40
    lost = recorder.emulator.record_archive(recorder.project.key)
    assert lost["status"] == "available"
    bad = recorder.info(state_file=state_file, include_urls=True, **recorder.operator)
    assert (bad["health"]["ok"], bad["health"]["fell_back"]["ids"]) == (False, [lost["id"]])
    assert bad["archives"][0]["url"] == lost["url"]
    assert lost["url"] not in json.dumps(recorder.info())


def test_reconcile_bucket_reports_missing_and_mismatched_objects(recorder: Recorder) -> None:
    """The key can list the bucket, and read no object."""
    bucket = recorder.create_bucket()
    recorder.set_target(bucket, (recorder.store.access_key, recorder.store.secret_key))
    archives = [recorder.emulator.record_archive(recorder.project.key) for _number in range(5)]
    keys = [each["sandbox"]["key"] for each in archives]
    client = recorder.store.client()
    client.delete_object(Bucket=bucket, Key=keys[0])
    client.put_object(Bucket=bucket, Key=keys[1], Body=b"half")
    # Recordings of individual streams have another extension.
    zipped = keys[2].replace(".mp4", ".zip")
    client.copy_object(Bucket=bucket, Key=zipped, CopySource={"Bucket": bucket, "Key": keys[2]})
    client.delete_object(Bucket=bucket, Key=keys[2])
    listing = {"Effect": "Allow", "Action": ["s3:ListBucket"], "Resource": [f"arn:aws:s3:::{bucket}"]}
    policy = {"Version": "2012-10-17", "Statement": [listing]}
    access_key, secret_key = recorder.store.make_user(f"lister-{bucket}", policy)
    lister = {**recorder.operator, "access_key": access_key, "secret_key": secret_key}
    health = recorder.info(bucket=bucket, **lister)["health"]
    mismatch = {"id": archives[1]["id"], "expected": archives[1]["size"], "found": 4}
    assert health["objects"] == {
        "bucket": bucket,
        "checked": 5,
        "not_checked": 0,
        "missing": {"count": 1, "ids": [archives[0]["id"]]},
        "mismatched": {"count": 1, "archives": [mismatch]},
    }
    assert health["ok"] is False
    newest = recorder.info(bucket=bucket, bucket_limit=3, **lister)["health"]
    assert (newest["ok"], newest["objects"]["checked"], newest["objects"]["not_checked"]) == (True, 3, 2)
    with pytest.raises(errors.NotFoundError, match=f"{bucket}-gone"):
        recorder.info(bucket=f"{bucket}-gone", **recorder.operator)
    with pytest.raises(errors.DeniedError, match="s3:ListBucket"):
        recorder.info(bucket=recorder.create_bucket(), **lister)


def test_reconcile_application_of_the_unified_environment(recorder: Recorder) -> None:
    emulator = recorder.emulator
    emulator.state.holder(emulator.application_id).archives.append(
        Archive(str(uuid.uuid4()), "1_s", "", int(time.time() * 1000), "uploaded", 7, 60)
    )
    params = {"application_id": emulator.application_id, "private_key": emulator.private_key_pem}
    found = archive_info.reconcile({**params, "api_url": emulator.url}, Context()).result
    assert (found["project"], found["total"], found["health"]["ok"]) == (emulator.application_id, 1, True)
    emulator.state.holder(emulator.application_id).archives.clear()


@dataclass
class Fleet:
    """Projects of the account, and the options to list them."""

    emulator: VonageEmulator
    projects: list[Project]
    mark: str

    @property
    def credentials(self) -> dict[str, Any]:
        """The options of the account."""
        return {
            "account_key": self.emulator.account_key,
            "account_secret": self.emulator.account_secret,
            "api_url": self.emulator.url,
        }

    @property
    def environ(self) -> dict[str, str]:
        """The same options as AWX passes them: in the environment, with empty strings for other variables."""
        empty = dict.fromkeys(("VONAGE_VIDEO_API_KEY", "VONAGE_VIDEO_API_SECRET", "VONAGE_VIDEO_PRIVATE_KEY_PATH"), "")
        given = {
            f"VONAGE_VIDEO_ACCOUNT_{name.removeprefix('account_').upper()}": value
            for name, value in self.credentials.items()
        }
        return {**empty, **given}

    @property
    def secrets(self) -> list[str]:
        """The secrets of the account and of all projects, and all tokens."""
        tokens = [call["headers"].get("X-Opentok-Auth", "") for call in self.emulator.log()]
        known = [each.secret for each in self.emulator.state.projects.values()]
        return [self.emulator.account_secret, *known, *filter(None, tokens)]

    def calls(self) -> list[str]:
        """The account requests to the emulator."""
        log = [call for call in self.emulator.log() if "/archive" not in call["path"]]
        return [f"{call['method']} {call['path']} {call['status']}" for call in log]


@pytest.fixture
def fleet(e2e_sandbox: Sandbox) -> Iterator[Fleet]:
    emulator = e2e_sandbox.vonage
    mark = f"fleet-{secrets.token_hex(4)}"
    projects = [emulator.add_project(f"{mark}-{name}") for name in ("lessons", "broadcast", "{{ 6 * 7 }}")]
    projects[0].status = "VALID"
    projects[1].status = "SUSPENDED"
    emulator.clear_log()
    yield Fleet(emulator, projects, mark)
    emulator.clear_faults()
    with emulator.state.lock:
        for project in [each for each in emulator.state.projects.values() if each.name.startswith(mark)]:
            del emulator.state.projects[project.key]


def test_reconcile_large_account_sends_one_request(fleet: Fleet) -> None:
    for number in range(1200):
        fleet.emulator.add_project(f"{fleet.mark}-{number:04}", key=f"{3 * 10**7 + number}")
    found = account.reconcile({**fleet.credentials, "names": [f"{fleet.mark}-[01]*"]}, Context()).result
    assert fleet.calls() == ["GET /v2/project 200"]
    assert [each["id"] for each in found["projects"]] == [f"{3 * 10**7 + number}" for number in range(1200)]
    assert found["total"] >= 1203
    text = json.dumps(found)
    assert len(text) < MAX_RESULT
    assert not [each for each in fleet.secrets if each in text]


def test_reconcile_returns_the_projects_of_the_account(fleet: Fleet) -> None:
    found = account.reconcile({**fleet.credentials, "names": [f"{fleet.mark}*"]}, Context()).result["projects"]
    assert [(each["name"], each["status"]) for each in found] == [
        (f"{fleet.mark}-broadcast", "SUSPENDED"),
        (f"{fleet.mark}-lessons", "ACTIVE"),
        (f"{fleet.mark}-{{{{ 6 * 7 }}}}", "ACTIVE"),
    ]
    wanted = [fleet.projects[1].key, fleet.projects[0].key]
    some = account.reconcile({**fleet.credentials, "ids": wanted, "include_secrets": True}, Context()).result[
        "projects"
    ]
    assert [each["secret"] for each in some] == [fleet.projects[1].secret, fleet.projects[0].secret]
    with pytest.raises(errors.NotFoundError, match="Could not read project 1 of account"):
        account.reconcile({**fleet.credentials, "ids": ["1"]}, Context())


def test_reconcile_credentials_of_a_project_are_denied(fleet: Fleet) -> None:
    project = {"account_key": fleet.projects[0].key, "account_secret": fleet.projects[0].secret}
    with pytest.raises(errors.DeniedError, match="not those of a project") as caught:
        account.reconcile({**fleet.credentials, **project}, Context())
    assert not runs.leaks(str(caught.value), fleet.secrets)


def test_reconcile_account_requests_are_retried_within_the_budget(fleet: Fleet) -> None:
    fleet.emulator.fail_next(status=429, retry_after=0, path="^/v2/project$")
    fleet.emulator.fail_next(status=500, path="^/v2/project$")
    assert account.reconcile(fleet.credentials, Context()).result["total"] >= 3
    fleet.emulator.fail_next("hang", times=9, path="^/v2/project$")
    started = time.monotonic()
    with pytest.raises(errors.UnreachableError, match="2 attempts"):
        account.reconcile({**fleet.credentials, "timeout": 0.5, "retries": 1, "total_timeout": 2}, Context())
    assert time.monotonic() - started < 4


INVENTORY = """
plugin: vonage.archiving.vonage_projects
names: ["{mark}*"]
hostname: name
cache: true
cache_plugin: ansible.builtin.jsonfile
cache_connection: {home}/cache
compose:
  archive_storage_api_key: vonage_project_id
groups:
  taught: "'lessons' in vonage_project_name"
keyed_groups:
  - key: vonage_project_name.split('-') | last
    prefix: kind
"""


def write_inventory(fleet: Fleet, home: Path, more: str = "") -> Path:
    """Write an inventory file."""
    path = home / "fleet.vonage_projects.yml"
    path.write_text(INVENTORY.format(mark=fleet.mark, home=home) + more)
    return path


def list_inventory(
    path: Path, home: Path, environ: dict[str, str], core: Path = runs.ANSIBLE_PLAYBOOK
) -> tuple[str, Any]:
    """Run ansible-inventory --list, and return its output and the parsed inventory, ``None`` after a failure."""
    command = [str(core.with_name("ansible-inventory")), "-i", str(path), "--list", "-vvv"]
    unparsed = {"ANSIBLE_INVENTORY_UNPARSED_FAILED": "True", "ANSIBLE_VERBOSITY": "0"}
    surroundings = runs.environment(home, {**environ, **unparsed})
    run = subprocess.run(command, env=surroundings, cwd=home, capture_output=True, text=True, check=False, timeout=60)
    text = run.stdout + run.stderr
    return text, json.loads(run.stdout[run.stdout.index("\n{") :]) if run.returncode == 0 else None


def hostvars(inventory: Any, name: str) -> dict[str, Any]:
    """The variables of a host; later releases of ansible-core mark untrusted texts in this output."""
    found = inventory["_meta"]["hostvars"][name]
    return {
        variable: value["__ansible_unsafe"] if isinstance(value, dict) and "__ansible_unsafe" in value else value
        for variable, value in found.items()
    }


@pytest.mark.parametrize("line", DEFAULT_LINES)
def test_inventory_with_each_ansible_core(fleet: Fleet, home: Path, line: str) -> None:
    core = ensure_core(line, find_pythons())
    if core is None:
        pytest.skip(f"no Python of this machine runs ansible-core {line}")
    path = write_inventory(fleet, home)
    text, inventory = list_inventory(path, home, fleet.environ, core)
    lessons, strange = f"{fleet.mark}-lessons", f"{fleet.mark}-6-7"
    assert sorted(inventory["vonage_projects"]["hosts"]) == sorted([lessons, strange]), text
    for group in ("vonage_status_active", "vonage_environment_standard"):
        assert sorted(inventory[group]["hosts"]) == sorted([lessons, strange])
    assert inventory["taught"]["hosts"] == inventory["kind_lessons"]["hosts"] == [lessons]
    shown = hostvars(inventory, lessons)
    created = shown.pop("vonage_project_created")
    assert created.startswith("20")
    assert shown == {
        "ansible_connection": "local",
        "ansible_python_interpreter": "{{ ansible_playbook_python }}",
        "archive_storage_api_key": fleet.projects[0].key,
        "vonage_project_id": fleet.projects[0].key,
        "vonage_project_name": lessons,
        "vonage_project_status": "ACTIVE",
        "vonage_project_environment": "standard",
    }
    assert hostvars(inventory, strange)["vonage_project_name"] == f"{fleet.mark}-{{{{ 6 * 7 }}}}"
    (cached,) = (home / "cache").iterdir()
    assert fleet.mark in cached.read_text()
    assert not runs.leaks(text + cached.read_text(), fleet.secrets)
    assert fleet.calls() == ["GET /v2/project 200"]


def test_inventory_project_with_the_name_of_a_group_gets_another_name(fleet: Fleet, home: Path) -> None:
    """Ansible uses such a name for the host: a play for the group would run for this project only."""
    called = [fleet.emulator.add_project(name) for name in ("all", "vonage_projects")]
    path = home / "fleet.vonage_projects.yml"
    names = json.dumps([f"{fleet.mark}-lessons", "all", "vonage_projects"])
    path.write_text(
        f"plugin: vonage.archiving.vonage_projects\nhostname: name\nnames: {names}\n"
        "compose: {bucket: vonage_project_id}\n"
        "groups: {sure: true}\nkeyed_groups: [{key: vonage_project_name, separator: ''}]\n"
    )
    try:
        inventory = list_inventory(path, home, fleet.environ)[1]
    finally:
        with fleet.emulator.state.lock:
            for project in called:
                del fleet.emulator.state.projects[project.key]
    wanted = {f"{each.name}-{each.key}": each.key for each in called}
    wanted[f"{fleet.mark}-lessons"] = fleet.projects[0].key
    assert set(inventory["vonage_projects"]["hosts"]) == set(inventory["sure"]["hosts"]) == set(wanted)
    found = {name: hostvars(inventory, name) for name in wanted}
    assert {name: each["vonage_project_id"] for name, each in found.items()} == wanted
    assert {name: each["bucket"] for name, each in found.items()} == wanted


def test_inventory_cache_is_used_only_for_its_account(fleet: Fleet, home: Path) -> None:
    path = write_inventory(fleet, home)
    first = list_inventory(path, home, fleet.environ)[1]
    assert list_inventory(write_inventory(fleet, home, "status: [SUSPENDED]"), home, fleet.environ)[1][
        "vonage_projects"
    ] == {"hosts": [f"{fleet.mark}-broadcast"]}
    assert fleet.calls() == ["GET /v2/project 200"]
    assert sorted(first["_meta"]["hostvars"]) == sorted([f"{fleet.mark}-lessons", f"{fleet.mark}-6-7"])
    other = {**fleet.environ, "VONAGE_VIDEO_ACCOUNT_KEY": "1", "VONAGE_VIDEO_ACCOUNT_SECRET": secrets.token_hex(20)}
    text, nothing = list_inventory(path, home, other)
    assert nothing is None
    assert "Could not list the projects of account 1" in text
    assert not runs.leaks(text, [*fleet.secrets, other["VONAGE_VIDEO_ACCOUNT_SECRET"]])
    assert fleet.calls() == ["GET /v2/project 200", "GET /v2/project 403"]


def test_inventory_invalid_options_are_reported_without_secrets(fleet: Fleet, home: Path) -> None:
    """A secret as the key, and a template for the secret."""
    misplaced = secrets.token_hex(20)
    more = f"account_key: {misplaced}\naccount_secret: \"{{{{ lookup('env', 'ELSEWHERE') }}}}\"\napi_url: ''\n"
    text, nothing = list_inventory(write_inventory(fleet, home, more), home, {"ELSEWHERE": misplaced})
    assert nothing is None
    assert "account_key: is 40 hexadecimal digits, the form of a secret" in text
    assert misplaced not in text
    assert fleet.calls() == []


def test_inventory_error_contains_no_password_of_the_proxy(fleet: Fleet, home: Path) -> None:
    """Libraries parse the text between colon and slash as the port, and quote it."""
    secret = secrets.token_hex(8)
    proxy = {"HTTP_PROXY": f"http://somebody:{secret}/more@proxy.example.com:3128", "NO_PROXY": "", "no_proxy": ""}
    text, nothing = list_inventory(write_inventory(fleet, home, ""), home, {**fleet.environ, **proxy})
    assert nothing is None
    assert "Could not list the projects of account" in text
    assert secret not in text


PLAY = """
- hosts: vonage_projects
  gather_facts: false
  tasks:
    - name: List all projects
      vonage.archiving.vonage_project_info:
        names: ["{{ mark }}*"]
      run_once: true
    - name: Get the secret of this project
      vonage.archiving.vonage_project_info:
        ids: ["{{ vonage_project_id }}"]
        include_secrets: true
      register: owned
      no_log: true
    - name: List the archives
      vonage.archiving.vonage_archive_info:
        api_key: "{{ vonage_project_id }}"
        api_secret: "{{ owned.projects[0].secret }}"
        api_url: "{{ owned.api_url }}"
    - name: Use a wrong secret
      vonage.archiving.vonage_project_info:
        account_secret: "{{ wrong }}"
      ignore_errors: true
      run_once: true
    - name: Misplace secrets
      vonage.archiving.vonage_project_info:
        account_key: "{{ wrong }}"
        ids: ["{{ owned.projects[0].secret }}"]
      ignore_errors: true
      run_once: true
"""


def test_play_over_the_inventory_prints_no_secret(fleet: Fleet, home: Path) -> None:
    """With -vvv, which prints the options and the result of each task."""
    play = home / "play.yml"
    play.write_text(PLAY)
    variables = {"mark": fleet.mark, "wrong": secrets.token_hex(20)}
    with fleet.emulator.state.lock:
        now = int(time.time() * 1000)
        fleet.projects[0].archives.append(Archive(str(uuid.uuid4()), "1_s", "lesson", now, "available", 7, 60))
    inventory = write_inventory(fleet, home)
    run = runs.run_playbook(play, variables, home, fleet.environ, args=["-i", str(inventory)]).ok()
    known = [*fleet.secrets, variables["wrong"]]
    assert not runs.leaks(run.output, known)
    assert not runs.leaks(run.told, known)
    assert "/_sandbox/download/" not in run.output  # The URL of the available archive.
    projects = run.task("List all projects").result["projects"]
    assert sorted(each["id"] for each in projects) == sorted(each.key for each in fleet.projects)
    recordings = [event.result for event in run.events if event.task == "List the archives"]
    in_cloud = {each["project"]: each["health"]["in_cloud"]["count"] for each in recordings}
    assert in_cloud == {fleet.projects[0].key: 1, fleet.projects[2].key: 0}
    assert run.task("Use a wrong secret").result["error"]["kind"] == "denied"
    assert len(run.task("Misplace secrets").result["error"]["problems"]) == 2
