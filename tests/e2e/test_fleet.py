# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The playbook fleet over projects of an account: each on its own, all told of, and no more done than has to be."""

from __future__ import annotations

import html.parser
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

from tests.e2e import runs
from tests.e2e.fleet_site import FleetSite, failures, new_fleet, report, results, stats
from tests.e2e.site import new_site
from tests.sandbox import Sandbox

pytestmark = pytest.mark.xdist_group("fleet")
HOSTILE = '<script>alert(1)</script> {{ 7 * 7 }} "&\u202e\x1b[31m'


@pytest.fixture
def fleet(e2e_sandbox: Sandbox, home: Path) -> Iterator[FleetSite]:
    """Eight projects that share two buckets."""
    with new_fleet(e2e_sandbox, home, [HOSTILE, *map(str, range(7))], buckets=2) as made:
        yield made


class _Page(html.parser.HTMLParser):
    """The elements of a page, and its text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: dict[str, list[str]] = {}
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        for name, value in attrs:
            self.attributes.setdefault(name, []).append(value or "")

    def handle_data(self, data: str) -> None:
        self.text += data


def test_the_life_of_a_fleet(fleet: FleetSite) -> None:
    # From nothing: check mode tells, and does nothing.
    dry = fleet.configure("--check")
    assert all(result["changed"] and result["diff"]["after"] for result in results(dry).values())
    assert fleet.written == []
    assert fleet.puts() == []
    first = fleet.configure(variables={"archive_fleet_report_path": str(fleet.home / "report.html")})
    assert all(result["changed"] and result["reason"] == "unknown" for result in results(first).values())
    assert fleet.puts() == fleet.ids
    assert stats(first)["changed"] == stats(first)["total"] == 8
    for project in fleet.ids[:2]:
        fleet.uploaded(project)
    for bucket in {fleet.bucket(each) for each in fleet.ids}:
        assert fleet.rules(bucket) == [f"{each}/" for each in fleet.ids if fleet.bucket(each) == bucket]
    _is_a_page(fleet, (fleet.home / "report.html").read_text())

    # Nothing to do: the account is asked for its projects, each for its secret, and for its archives. Whatever strategy
    # is configured, there is one report.
    free = fleet.steady(env={"ANSIBLE_STRATEGY": "free"})
    assert len([event for event in free.events if event.task == "Report"]) == 1
    calls = sorted((call["method"], call["path"]) for call in fleet.emulator.log())
    asked = [("GET", f"/v2/project/{each}{what}") for each in fleet.ids for what in ("", "/archive")]
    assert calls == sorted([("GET", "/v2/project"), *asked])
    # Without a look at archives, as many calls fewer. The uploader's secret is not needed. The report is all there is.
    where = f"s3://{fleet.bucket(fleet.ids[0])}/reports/fleet.html"
    given = {name: value for name, value in fleet.variables.items() if name != "archive_storage_uploader_secret_key"}
    fleet.forget()
    told = fleet.run(
        bare=True, variables={**given, "archive_fleet_archives": 0, "archive_fleet_report_path": where}
    ).ok()
    assert told.changed == []
    assert len(fleet.emulator.log()) == 9
    assert len(fleet.written) == 2
    _is_in_the_bucket(fleet, told, where)

    # One is to be different.
    one = fleet.ids[5]
    variables = fleet.home / "host_vars"
    variables.mkdir()
    # Nothing is connected to, whatever the inventory says.
    (variables / f"{one}.yml").write_text(
        "archive_storage_fallback: none\nansible_connection: ssh\nansible_host: 192.0.2.1\n"
    )
    fleet.forget()
    changed = fleet.configure()
    assert [event.host for event in changed.events if event.changed] == [one]
    assert results(changed)[one]["diff"]["after"]["upload target"]["fallback"] == "none"
    assert fleet.puts() == [one]
    assert (fleet.emulator.target(one) or {})["fallback"] == "none"
    assert stats(changed)["reasons"] == {"changed": 1, "unchanged": 7}


def _is_in_the_bucket(fleet: FleetSite, run: runs.Run, where: str) -> None:
    assert run.task("Write the report").result["report"] == {"html": where, "json": where.replace(".html", ".json")}
    client, bucket = fleet.store.client(), fleet.bucket(fleet.ids[0])
    page = client.get_object(Bucket=bucket, Key="reports/fleet.html")
    assert page["ContentType"] == "text/html; charset=utf-8"
    assert fleet.ids[0] in _Page(page["Body"].read().decode()).text
    data = json.loads(client.get_object(Bucket=bucket, Key="reports/fleet.json")["Body"].read())
    assert {each["archives"] for each in data["projects"]} == {None}


def _is_a_page(fleet: FleetSite, text: str) -> None:
    """The page needs nothing else, runs nothing, and says what the data say."""
    page = _Page(text)
    assert not {"script", "link", "img", "iframe", "object", "a", "form"} & set(page.tags)
    assert not {"src", "href", "onload", "onclick"} & set(page.attributes)
    assert "<script>alert(1)</script> {{ 7 * 7 }}" in page.text
    assert page.tags.count("tr") == 9
    data = report(fleet.home / "report.json")
    assert sorted(each["project"] for each in data["projects"]) == fleet.ids
    assert {each["target"] for each in data["projects"]} == {f"s3://{fleet.bucket(e)}/{e}/" for e in fleet.ids}
    for shown in (text, json.dumps(data)):
        assert not runs.leaks(shown, fleet.secrets)


def test_some_are_broken(fleet: FleetSite) -> None:
    fleet.configure()
    ids = fleet.ids
    denied, hanging, lost = ids[1], ids[3], ids[4]
    away, foreign, mistaken = ids[5], ids[6], ids[7]
    fleet.uploaded(ids[0])
    variables = fleet.home / "host_vars"
    variables.mkdir()
    for name, told in {
        # All of these have to set their target.
        denied: {"fallback": "none"},
        hanging: {"fallback": "none"},
        lost: {"bucket": "Not A Bucket"},
        away: {"endpoint": "http://127.0.0.1:9", "endpoint_url": "http://127.0.0.1:9"},
        foreign: {"api_key": ids[0]},
        mistaken: {"fallback": "{{ nowhere_to_be_found }}"},
    }.items():
        text = yaml.safe_dump({f"archive_storage_{key}": value for key, value in told.items()})
        (variables / f"{name}.yml").write_text(text)
    # Variables that differ between hosts: extra variables would win over them.
    (fleet.home / "group_vars").mkdir()
    (fleet.home / "group_vars" / "all.yml").write_text(yaml.safe_dump(fleet.variables))
    fleet.emulator.fail_next(status=403, path=f"/{denied}/archive/storage", times=9)
    fleet.emulator.fail_next("hang", path=f"/{hanging}/archive/storage", times=9)
    # An archive of a project in which all is well has failed.
    fleet.emulator.record_archive(ids[2])
    with fleet.emulator.state.lock:
        fleet.emulator.state.projects[ids[2]].archives[-1].status = "failed"
    fleet.forget()
    path = fleet.home / "report.html"
    run = fleet.run(bare=True, forks=6, variables={"archive_fleet_report_path": str(path)})
    assert run.rc == 2
    broken = {denied, hanging, lost, away, foreign, mistaken}
    assert {host for host, counts in run.recap.items() if counts["failures"]} == broken
    found = results(run)
    assert set(failures(run)) == broken
    assert not any(found[each]["changed"] for each in set(ids) - broken)
    kinds = {each: found[each].get("error", {}).get("kind") for each in broken - {mistaken}}
    assert kinds == {
        denied: "denied",
        hanging: "unreachable",
        lost: "input",
        away: "unreachable",
        foreign: "input",
    }
    # Nothing was done for the one that says it is another.
    assert [call for call in fleet.emulator.log() if f"/{foreign}/" in call["path"]] == []
    assert fleet.puts().count(ids[0]) == 0
    # All of them are named, in the table, in the data, and to what comes next.
    summary = stats(run)
    assert (summary["total"], summary["failed"], summary["ok"]) == (8, 6, 2)
    assert set(summary["failed_projects"]) == broken
    assert summary["troubled_projects"] == [ids[2]]
    rows = {each["project"]: each for each in report(path.with_suffix(".json"))["projects"]}
    assert {each for each, row in rows.items() if row["state"] == "failed"} == broken
    for each in broken - {mistaken}:
        assert rows[each]["problem"]["problem"]
        assert f"\n{each}: " in run.stdout
    assert "nowhere_to_be_found" in rows[mistaken]["reason"]
    assert rows[ids[2]]["archives"]["failed"] == 1
    # What was broken is whole again: only these are touched.
    for each in broken:
        (variables / f"{each}.yml").unlink()
    fleet.emulator.clear_faults()
    fleet.forget()
    run = fleet.run(bare=True).ok()
    # The target of one may be what is wanted now, or have been left as it was.
    assert {event.host for event in run.events if event.changed} <= {denied, hanging}
    for each in (denied, hanging):
        fleet.uploaded(each)


def test_two_slices_of_one_fleet_share_a_bucket(fleet: FleetSite) -> None:
    fleet.buckets = 1
    halves = [",".join([*fleet.ids[at::2], "localhost"]) for at in (0, 1)]
    runs_of = []
    homes = [fleet.home / str(at) for at in (0, 1)]
    for home in homes:
        home.mkdir()
    sites = [FleetSite(**{**fleet.__dict__, "home": home}) for home in homes]

    def go(at: int) -> None:
        runs_of.append(sites[at].run("--limit", halves[at], forks=3, public=True))

    threads = [threading.Thread(target=go, args=[at]) for at in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [run.rc for run in runs_of] == [0, 0], [run.output for run in runs_of]
    assert sorted(host for run in runs_of for host in results(run)) == fleet.ids
    assert fleet.puts() == fleet.ids
    # Nothing of one was lost to the other.
    bucket = fleet.bucket(fleet.ids[0])
    assert fleet.rules(bucket) == [f"{each}/" for each in fleet.ids]
    policy = json.loads(fleet.store.client().get_bucket_policy(Bucket=bucket)["Policy"])
    opened = [each["Resource"] for each in policy["Statement"] if each["Sid"] == "VonageArchivingPublicRead"]
    assert opened == [sorted(f"arn:aws:s3:::{bucket}/{each}/*" for each in fleet.ids)]
    fleet.steady(public=True)


def test_a_kill_in_the_middle_costs_nothing(fleet: FleetSite) -> None:
    """Of Ansible and all its processes, as when a container goes."""
    held = threading.Event()
    fleet.s3.before = lambda number, _request: held.set() if number == 60 else None

    def kill(process: subprocess.Popen[str]) -> None:
        assert held.wait(60)
        # Workers of ansible-core 2.19 and later have sessions of their own.
        leader = psutil.Process(process.pid)
        leader.suspend()
        for each in [*leader.children(recursive=True), leader]:
            each.kill()

    # Without a write that needs the bucket's lock, whose lease would be waited for after the kill.
    plain: dict[str, Any] = {"abort_incomplete_uploads_days": 0}
    given = {**fleet.variables, **{f"archive_storage_{name}": value for name, value in plain.items()}}
    surroundings = {**fleet.operator, "ANSIBLE_FORKS": "4"}
    run = runs.run_playbook("fleet", given, fleet.home, surroundings, None, ["-i", str(fleet.inventory)], watch=kill)
    assert run.rc == -signal.SIGKILL
    fleet.s3.before = None
    for name in ("ansible", "tmp"):
        shutil.rmtree(fleet.home / name)
    # Some were set and some were not.
    before = fleet.puts()
    assert len(before) < len(fleet.ids)
    time.sleep(fleet.variables["archive_fleet_total_timeout"])
    after = fleet.run(**plain).ok()
    assert all(fleet.emulator.target(each) for each in fleet.ids)
    assert {each for each in fleet.ids if results(after)[each]["reason"] == "unchanged"} <= set(before)
    fleet.steady(**plain)
    for each in fleet.ids[:3]:
        fleet.uploaded(each)


def test_what_is_refused_before_anything_is_done(fleet: FleetSite) -> None:
    # An inventory without projects must not pass for a fleet in which all is well.
    nothing = fleet.run(hosts="no_such_group")
    assert nothing.rc == 2
    assert "No host of the inventory matches no_such_group" in nothing.output
    # One project for all hosts, from extra variables.
    same = fleet.run("--check", api_key=fleet.ids[0])
    assert same.rc == 2
    told = {host: result["msg"] for host, result in failures(same).items()}
    assert set(told) == set(fleet.ids[1:])
    assert all(f"is {fleet.ids[0]}, and this host is project {each}" in text for each, text in told.items())
    # Credentials of one project in the environment belong to none of these, and there is no account.
    env = {"VONAGE_VIDEO_API_KEY": fleet.ids[0], "VONAGE_VIDEO_API_SECRET": fleet.projects[0].secret}
    hosts = fleet.home / "hosts"
    lines = [f"{each} vonage_project_id={each} archive_storage_bucket=b-1" for each in fleet.ids[:2]]
    hosts.write_text("\n".join(["[vonage_projects]", *lines]))
    fleet.forget()
    without = {**fleet.operator, **env, "ANSIBLE_FORKS": "4"}
    without = {name: value for name, value in without.items() if "ACCOUNT" not in name}
    report_path = {"archive_fleet_report_path": str(fleet.home / "no" / "where.html")}
    variables = {**fleet.variables, **report_path}
    run = runs.run_playbook("fleet", variables, fleet.home, without, None, ["-i", str(hosts)])
    assert run.rc == 2
    assert "Could not write the report" in run.output
    assert stats(run)["failed"] == 2
    told = {host: result["msg"] for host, result in failures(run).items()}
    assert sorted(told) == sorted(fleet.ids[:2])
    assert all("archive_storage_api_secret is not set" in text for text in told.values()), told
    assert fleet.emulator.log() == []
    assert fleet.s3.requests == []
    # A secret that is needed now. The report goes where the operator reaches the store, not where Vonage does.
    fleet.forget()
    bucket = fleet.bucket(fleet.ids[0])
    fleet.store.client().create_bucket(Bucket=bucket)
    needed = fleet.run(
        "--limit",
        f"{fleet.ids[0]},{fleet.ids[1]},localhost",
        env={"AWS_ENDPOINT_URL_S3": fleet.s3.url},
        variables={"archive_fleet_report_path": f"s3://{bucket}/fleet.html"},
        uploader_secret_key="",
        endpoint="http://127.0.0.1:9",
    )
    assert needed.rc == 2
    assert {result["error"]["kind"] for result in failures(needed).values()} == {"secret_needed"}
    assert fleet.written == [f"PUT /{bucket}/fleet.html?", f"PUT /{bucket}/fleet.json?"]


RICH: dict[str, Any] = {
    "cors_rules": [{"allowed_origins": "https://www.example.com", "allowed_methods": ["GET"], "max_age_seconds": "60"}],
    "folders": "docs, images",
    "public": "yes",
    "retention_days": "30",
    "tags": {"team": "video", "empty": ""},
    "fallback": "vonage",
}


@pytest.mark.parametrize("managed", [False, True], ids=["given", "managed"])
def test_it_does_what_the_role_does(e2e_sandbox: Sandbox, home: Path, managed: bool) -> None:
    key = ("", "") if managed else None
    homes = [home / "role", home / "fleet"]
    for each in homes:
        each.mkdir()
    with new_site(e2e_sandbox, homes[0], key) as role, new_site(e2e_sandbox, homes[1], key) as fleet:
        # The report of the role has a summary, and the findings of a verification, that a fleet has elsewhere.
        other = ("ansible_stats", "mismatch", "diff")
        by_role = {name: value for name, value in role.configure(**RICH).result.items() if name not in other}
        hosts = homes[1] / "hosts"
        hosts.write_text(f"[vonage_projects]\n{fleet.key}\n")
        found = results(fleet.run("fleet", args=["-i", str(hosts)], **RICH).ok())[fleet.key]
        assert _comparable(role.target(), role) == _comparable(fleet.target(), fleet)
        for facet in ("policy", "cors", "lifecycle_configuration", "encryption", "tagging"):
            assert _comparable(role.holds(f"get_bucket_{facet}"), role) == _comparable(
                fleet.holds(f"get_bucket_{facet}"), fleet
            )
        assert {name for name in by_role if name not in found} == set()
        ours = {name: found[name] for name in by_role}
        assert _comparable(by_role, role) == _comparable(ours, fleet)
        role.uploaded()
        fleet.uploaded()


def _comparable(value: Any, site: Any) -> Any:
    """Without what is another in each site: ids, keys, secrets, addresses, times."""
    text = json.dumps(value, default=str, sort_keys=True)
    held = (site.target() or {}).get("config", {})
    words = {site.bucket: "BUCKET", site.key: "PROJECT", site.s3.url: "STORE"}
    words |= {held.get("accessKey", "-"): "KEY", held.get("secretKey", "-"): "SECRET"}
    for word, name in words.items():
        text = text.replace(word, name)
    return _timeless(json.loads(text))


def _timeless(value: Any) -> Any:
    if isinstance(value, dict):
        gone = ("time", "since", "created", "rotate_at", "ResponseMetadata", "id", "verification", "detail")
        return {name: _timeless(each) for name, each in value.items() if name not in gone}
    return [_timeless(each) for each in value] if isinstance(value, list) else value
