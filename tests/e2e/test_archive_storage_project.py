# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The action ``archive_storage_project`` in runs of the playbook fleet over the projects of an account."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
import yaml

from tests.e2e import playbook_runs
from tests.e2e.fleet_environment import (
    HOSTILE_NAME,
    FleetEnvironment,
    failures,
    new_fleet_environment,
    report,
    results,
    stats,
)
from tests.e2e.project_environment import new_project_environment
from tests.sandbox import Sandbox

pytestmark = pytest.mark.xdist_group("fleet")


@pytest.fixture
def fleet(e2e_sandbox: Sandbox, home: Path) -> Iterator[FleetEnvironment]:
    """Eight projects that share two buckets."""
    with new_fleet_environment(e2e_sandbox, home, [HOSTILE_NAME, *map(str, range(7))], buckets=2) as fleet:
        yield fleet


def test_action_check_mode_then_create_then_idempotent_then_one_change(fleet: FleetEnvironment) -> None:
    planned = fleet.configure("--check")
    assert all(result["changed"] and result["diff"]["after"] for result in results(planned).values())
    assert fleet.writes == []
    assert fleet.puts() == []
    first = fleet.configure()
    assert all(result["changed"] and result["reason"] == "no_state_file" for result in results(first).values())
    assert fleet.puts() == fleet.ids
    assert stats(first)["changed"] == stats(first)["total"] == 8
    for project in fleet.ids[:2]:
        fleet.record_archive(project)
    for bucket in {fleet.bucket(project) for project in fleet.ids}:
        assert fleet.rules(bucket) == [f"{project}/" for project in fleet.ids if fleet.bucket(project) == bucket]

    # One request lists the projects; each project then has one request for its secret and one for its archives.
    again = fleet.assert_idempotent(env={"ANSIBLE_STRATEGY": "free"})
    assert len([event for event in again.events if event.task == "Report"]) == 1
    calls = sorted((call["method"], call["path"]) for call in fleet.emulator.log())
    reads = [("GET", f"/v2/project/{project}{path}") for project in fleet.ids for path in ("", "/archive")]
    assert calls == sorted([("GET", "/v2/project"), *reads])
    changed_project = fleet.ids[5]
    variables = fleet.home / "host_vars"
    variables.mkdir()
    # The action does not connect to the host.
    (variables / f"{changed_project}.yml").write_text(
        "archive_storage_fallback: none\nansible_connection: ssh\nansible_host: 192.0.2.1\n"
    )
    fleet.clear_request_log()
    changed = fleet.configure()
    assert [event.host for event in changed.events if event.changed] == [changed_project]
    assert results(changed)[changed_project]["diff"]["after"]["upload target"]["fallback"] == "none"
    assert fleet.puts() == [changed_project]
    assert (fleet.emulator.target(changed_project) or {})["fallback"] == "none"
    assert stats(changed)["reasons"] == {"changed": 1, "unchanged": 7}


def test_action_failed_projects_are_reported_and_do_not_affect_others(fleet: FleetEnvironment) -> None:
    fleet.configure()
    ids = fleet.ids
    denied, hanging, lost = ids[1], ids[3], ids[4]
    away, foreign, mistaken = ids[5], ids[6], ids[7]
    fleet.record_archive(ids[0])
    variables = fleet.home / "host_vars"
    variables.mkdir()
    for name, changes in {
        # The upload targets of these two have to be set.
        denied: {"fallback": "none"},
        hanging: {"fallback": "none"},
        lost: {"bucket": "Not A Bucket"},
        away: {"endpoint": "http://127.0.0.1:9", "endpoint_url": "http://127.0.0.1:9"},
        foreign: {"api_key": ids[0]},
        mistaken: {"fallback": "{{ nowhere_to_be_found }}"},
    }.items():
        text = yaml.safe_dump({f"archive_storage_{key}": value for key, value in changes.items()})
        (variables / f"{name}.yml").write_text(text)
    # Extra variables would override the variables of hosts.
    (fleet.home / "group_vars").mkdir()
    (fleet.home / "group_vars" / "all.yml").write_text(yaml.safe_dump(fleet.variables))
    fleet.emulator.fail_next(status=403, path=f"/{denied}/archive/storage", times=9)
    fleet.emulator.fail_next("hang", path=f"/{hanging}/archive/storage", times=9)
    # A project with a correct configuration has a failed archive.
    fleet.emulator.record_archive(ids[2])
    with fleet.emulator.state.lock:
        fleet.emulator.state.projects[ids[2]].archives[-1].status = "failed"
    fleet.clear_request_log()
    path = fleet.home / "report.html"
    run = fleet.run(bare=True, forks=6, variables={"archive_fleet_report_path": str(path)})
    assert run.rc == 2
    broken = {denied, hanging, lost, away, foreign, mistaken}
    assert {host for host, counts in run.recap.items() if counts["failures"]} == broken
    host_results = results(run)
    assert set(failures(run)) == broken
    assert not any(host_results[project]["changed"] for project in set(ids) - broken)
    kinds = {project: host_results[project].get("error", {}).get("kind") for project in broken - {mistaken}}
    assert kinds == {
        denied: "denied",
        hanging: "unreachable",
        lost: "input",
        away: "unreachable",
        foreign: "input",
    }
    # A host with the credentials of another project sends nothing.
    assert [call for call in fleet.emulator.log() if f"/{foreign}/" in call["path"]] == []
    assert fleet.puts().count(ids[0]) == 0
    # The table, the report, and the statistics name all failed projects.
    summary = stats(run)
    assert (summary["total"], summary["failed"], summary["ok"]) == (8, 6, 2)
    assert set(summary["failed_projects"]) == broken
    assert summary["troubled_projects"] == [ids[2]]
    rows = {row["project"]: row for row in report(path.with_suffix(".json"))["projects"]}
    assert {project for project, row in rows.items() if row["state"] == "failed"} == broken
    for project in broken - {mistaken}:
        assert rows[project]["problem"]["problem"]
        assert f"\n{project}: " in run.stdout
    assert "nowhere_to_be_found" in rows[mistaken]["reason"]
    assert rows[ids[2]]["archives"]["failed"] == 1
    # The next run changes only failed projects.
    for project in broken:
        (variables / f"{project}.yml").unlink()
    fleet.emulator.clear_faults()
    fleet.clear_request_log()
    run = fleet.run(bare=True).ok()
    # The request that hung can have set the desired target.
    assert {event.host for event in run.events if event.changed} <= {denied, hanging}
    for project in (denied, hanging):
        fleet.record_archive(project)


def test_action_concurrent_slices_with_one_bucket_keep_all_projects(fleet: FleetEnvironment) -> None:
    fleet.buckets = 1
    slices = [",".join([*fleet.ids[number::2], "localhost"]) for number in (0, 1)]
    finished = []
    homes = [fleet.home / str(number) for number in (0, 1)]
    for home in homes:
        home.mkdir()
    environments = [FleetEnvironment(**{**fleet.__dict__, "home": home}) for home in homes]

    def run_slice(number: int) -> None:
        finished.append(environments[number].run("--limit", slices[number], forks=3, public=True))

    threads = [threading.Thread(target=run_slice, args=[number]) for number in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [run.rc for run in finished] == [0, 0], [run.output for run in finished]
    assert sorted(host for run in finished for host in results(run)) == fleet.ids
    assert fleet.puts() == fleet.ids
    bucket = fleet.bucket(fleet.ids[0])
    assert fleet.rules(bucket) == [f"{project}/" for project in fleet.ids]
    policy = json.loads(fleet.store.client().get_bucket_policy(Bucket=bucket)["Policy"])
    public = [
        statement["Resource"] for statement in policy["Statement"] if statement["Sid"] == "VonageArchivingPublicRead"
    ]
    assert public == [sorted(f"arn:aws:s3:::{bucket}/{project}/*" for project in fleet.ids)]
    fleet.assert_idempotent(public=True)


def test_action_killed_run_is_repaired_by_the_next(fleet: FleetEnvironment) -> None:
    """The kill ends all processes, like the end of a container."""
    reached = threading.Event()
    fleet.s3.before = lambda number, _request: reached.set() if number == 60 else None

    def kill(process: subprocess.Popen[str]) -> None:
        assert reached.wait(60)
        # Workers of ansible-core 2.19 and later have separate sessions.
        leader = psutil.Process(process.pid)
        leader.suspend()
        for member in [*leader.children(recursive=True), leader]:
            member.kill()

    # Without the bucket lock: the lease of the killed run would delay the next one.
    unlocked: dict[str, Any] = {"abort_incomplete_uploads_days": 0}
    variables = {**fleet.variables, **{f"archive_storage_{name}": value for name, value in unlocked.items()}}
    env = {**fleet.operator, "ANSIBLE_FORKS": "4"}
    run = playbook_runs.run_playbook(
        "fleet", variables, fleet.home, env, None, ["-i", str(fleet.inventory)], watch=kill
    )
    assert run.rc == -signal.SIGKILL
    fleet.s3.before = None
    for name in ("ansible", "tmp"):
        shutil.rmtree(fleet.home / name)
    before = fleet.puts()
    assert len(before) < len(fleet.ids)
    time.sleep(fleet.variables["archive_fleet_total_timeout"])
    after = fleet.run(**unlocked).ok()
    assert all(fleet.emulator.target(project) for project in fleet.ids)
    assert {project for project in fleet.ids if results(after)[project]["reason"] == "unchanged"} <= set(before)
    fleet.assert_idempotent(**unlocked)
    for project in fleet.ids[:3]:
        fleet.record_archive(project)


def test_action_invalid_input_is_refused_before_any_request(fleet: FleetEnvironment) -> None:
    # An inventory without projects is an error.
    empty = fleet.run(hosts="no_such_group")
    assert empty.rc == 2
    assert "No host of the inventory matches no_such_group" in empty.output
    # Extra variables set the same project for all hosts.
    same = fleet.run("--check", api_key=fleet.ids[0])
    assert same.rc == 2
    messages = {host: result["msg"] for host, result in failures(same).items()}
    assert set(messages) == set(fleet.ids[1:])
    assert all(f"is {fleet.ids[0]}, and this host is project {project}" in text for project, text in messages.items())
    # The environment has credentials of one project, and no credentials of the account.
    env = {"VONAGE_VIDEO_API_KEY": fleet.ids[0], "VONAGE_VIDEO_API_SECRET": fleet.projects[0].secret}
    hosts = fleet.home / "hosts"
    lines = [f"{project} vonage_project_id={project} archive_storage_bucket=b-1" for project in fleet.ids[:2]]
    hosts.write_text("\n".join(["[vonage_projects]", *lines]))
    fleet.clear_request_log()
    env = {**fleet.operator, **env, "ANSIBLE_FORKS": "4"}
    env = {name: value for name, value in env.items() if "ACCOUNT" not in name}
    report_path = {"archive_fleet_report_path": str(fleet.home / "no" / "where.html")}
    variables = {**fleet.variables, **report_path}
    run = playbook_runs.run_playbook("fleet", variables, fleet.home, env, None, ["-i", str(hosts)])
    assert run.rc == 2
    assert "Could not write the report" in run.output
    assert stats(run)["failed"] == 2
    messages = {host: result["msg"] for host, result in failures(run).items()}
    assert sorted(messages) == sorted(fleet.ids[:2])
    assert all("archive_storage_api_secret: is not set" in text for text in messages.values()), messages
    assert fleet.emulator.log() == []
    assert fleet.s3.requests == []
    # A required secret is missing. The report uses the endpoint of the operator, not that of Vonage.
    fleet.clear_request_log()
    bucket = fleet.bucket(fleet.ids[0])
    fleet.store.client().create_bucket(Bucket=bucket)
    without_secret = fleet.run(
        "--limit",
        f"{fleet.ids[0]},{fleet.ids[1]},localhost",
        env={"AWS_ENDPOINT_URL_S3": fleet.s3.url},
        variables={"archive_fleet_report_path": f"s3://{bucket}/fleet.html"},
        uploader_secret_key="",
        endpoint="http://127.0.0.1:9",
    )
    assert without_secret.rc == 2
    assert {result["error"]["kind"] for result in failures(without_secret).values()} == {"secret_needed"}
    assert fleet.writes == [f"PUT /{bucket}/fleet.html?", f"PUT /{bucket}/fleet.json?"]


RICH: dict[str, Any] = {
    "cors_rules": [{"allowed_origins": "https://www.example.com", "allowed_methods": ["GET"], "max_age_seconds": "60"}],
    "folders": "docs, images",
    "public": "yes",
    "retention_days": "30",
    "tags": {"team": "video", "empty": ""},
    "fallback": "vonage",
}


@pytest.mark.parametrize("managed", [False, True], ids=["external", "managed"])
def test_action_result_equals_the_result_of_the_role(e2e_sandbox: Sandbox, home: Path, managed: bool) -> None:
    key = ("", "") if managed else None
    homes = [home / "role", home / "fleet"]
    for folder in homes:
        folder.mkdir()
    with (
        new_project_environment(e2e_sandbox, homes[0], key) as role,
        new_project_environment(e2e_sandbox, homes[1], key) as fleet,
    ):
        # A fleet has the summary, the findings of a verification, and the statement in other results.
        excluded = ("ansible_stats", "mismatch", "statement", "diff")
        by_role = {name: value for name, value in role.configure(**RICH).result.items() if name not in excluded}
        hosts = homes[1] / "hosts"
        hosts.write_text(f"[vonage_projects]\n{fleet.key}\n")
        by_action = results(fleet.run("fleet", args=["-i", str(hosts)], **RICH).ok())[fleet.key]
        assert _comparable(role.target(), role) == _comparable(fleet.target(), fleet)
        for facet in ("policy", "cors", "lifecycle_configuration", "encryption", "tagging"):
            assert _comparable(role.get_bucket_config(f"get_bucket_{facet}"), role) == _comparable(
                fleet.get_bucket_config(f"get_bucket_{facet}"), fleet
            )
        assert {name for name in by_role if name not in by_action} == set()
        common = {name: by_action[name] for name in by_role}
        assert _comparable(by_role, role) == _comparable(common, fleet)
        role.record_archive()
        fleet.record_archive()


def _comparable(value: Any, project: Any) -> Any:
    """Return a value without IDs, keys, secrets, addresses, and times."""
    text = json.dumps(value, default=str, sort_keys=True)
    config = (project.target() or {}).get("config", {})
    words = {project.bucket: "BUCKET", project.key: "PROJECT", project.s3.url: "STORE"}
    words |= {config.get("accessKey", "-"): "KEY", config.get("secretKey", "-"): "SECRET"}
    for word, name in words.items():
        text = text.replace(word, name)
    return _without_times(json.loads(text))


def _without_times(value: Any) -> Any:
    if isinstance(value, dict):
        excluded = ("time", "since", "created", "rotate_at", "ResponseMetadata", "id", "verification", "detail")
        return {name: _without_times(entry) for name, entry in value.items() if name not in excluded}
    return [_without_times(entry) for entry in value] if isinstance(value, list) else value
