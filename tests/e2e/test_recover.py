# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The playbook recover: projects with one fault each, all in one run; and the same again, which changes nothing."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.e2e import driver
from tests.e2e.prepared import variables
from tests.e2e.runs import Run, write_private
from tests.e2e.site import MANAGED, Site, new_site
from tests.sandbox import Sandbox

# A key that is gone is what test_eda.py is about.
FAULTS = ("forbidden", "no_bucket", "drifted", "fine", "suspect", "given", "other", "bad_time")
REPAIRED = ("forbidden", "suspect")
Sites = dict[str, Site]


@pytest.fixture
def sites(e2e_sandbox: Sandbox, home: Path) -> Iterator[Sites]:
    with contextlib.ExitStack() as stack:
        made = {
            fault: stack.enter_context(new_site(e2e_sandbox, home, None if fault == "given" else MANAGED))
            for fault in FAULTS
        }
        for site in (made[fault] for fault in FAULTS[:-2]):
            assert driver.configure(variables(site)) == ["bucket", "target"]
        yield made


def break_them(sites: Sites) -> None:
    """What somebody else does behind the target's back."""
    iam = sites["forbidden"].store.iam_client()
    iam.delete_user_policy(UserName=sites["forbidden"].user, PolicyName="vonage-archiving")
    sites["no_bucket"].store.empty_and_delete(sites["no_bucket"].bucket)
    sites["drifted"].client.delete_bucket_lifecycle(Bucket=sites["drifted"].bucket)
    given = sites["given"]
    user = next(each for each in users_of(given) if given.uploader[0] in given.keys(each))
    iam.update_access_key(UserName=user, AccessKeyId=given.uploader[0], Status="Inactive")


def users_of(site: Site) -> list[str]:
    return [user["UserName"] for user in site.store.iam_client().list_users()["Users"]]


def inventory(sites: Sites) -> dict[str, Any]:
    """As somebody writes it, and with types as YAML makes them of it."""
    hosts = {fault: {**site.variables, "archive_recover_project": int(site.key)} for fault, site in sites.items()}
    for host in hosts.values():
        # What does not work is not waited for.
        host.update(archive_storage_drain_timeout=1, archive_storage_verify_timeout=2)
    # A time, not a text.
    began = yaml.safe_load(sites["suspect"].record()["time"])
    hosts["suspect"].update(archive_recover_rotate="always", archive_recover_archive_created=began)
    for fault in ("suspect", "fine"):
        # Seconds are saved where the upload itself is not what is looked at.
        hosts[fault]["archive_storage_verify"] = "never"
    hosts["other"]["archive_recover_project"] = "47999999"
    # A host of the account's inventory has no secret: the account is asked for it.
    fine = hosts["fine"]
    fine.update(vonage_project_id=fine.pop("archive_storage_api_key"), archive_storage_api_secret="")
    hosts["bad_time"]["archive_recover_archive_created"] = "yesterday"
    return {"all": {"hosts": hosts}}


def recover(sites: Sites, given: dict[str, Any], *args: str) -> dict[str, dict[str, Any]]:
    """Run it; return the fact and the message of each host."""
    any_site = sites["fine"]
    account = {
        "VONAGE_VIDEO_ACCOUNT_KEY": any_site.emulator.account_key,
        "VONAGE_VIDEO_ACCOUNT_SECRET": any_site.emulator.account_secret,
        # Of one project, which is none of these.
        "VONAGE_VIDEO_API_KEY": "47999998",
        "VONAGE_VIDEO_API_SECRET": "0123456789abcdef0123456789abcdef01234567",
    }
    path = write_private(any_site.home / "inventory.yml", yaml.safe_dump(given))
    secrets = [secret for site in sites.values() for secret in site.secrets] + [account["VONAGE_VIDEO_ACCOUNT_SECRET"]]
    run = any_site.run_bare(
        "recover",
        {"archive_storage_hosts": "all:!localhost"},
        args=["-i", str(path), "-f", "5", *args],
        env=account,
        secrets=secrets,
    )
    return told(run)


def told(run: Run) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for line in map(json.loads, run.told.splitlines()):
        if line["kind"] in ("ok", "failed"):
            host = found.setdefault(line["host"], {"error": "", "stats": {}})
            host.update(line["result"].get("ansible_facts", {}).get("archive_storage_recovery", {}))
            host["error"] = line["result"].get("msg", "") if line["kind"] == "failed" else host["error"]
            stats = line["result"].get("ansible_stats", {}).get("data", {})
            host["stats"] = stats.get("archive_storage_summary", host["stats"])
    return found


def test_each_fault_is_repaired_or_told_and_no_other_project_is_touched(sites: Sites) -> None:
    break_them(sites)
    broken = {fault: sites[fault].emulator.record_archive(sites[fault].key)["status"] for fault in REPAIRED}
    assert broken == {"forbidden": "available", "suspect": "uploaded"}
    given = inventory(sites)
    before = {fault: site.target() for fault, site in sites.items()}
    for site in sites.values():
        site.forget()
    found = recover(sites, given)
    reasons = {fault: found[fault]["reason"] for fault in FAULTS if fault != "bad_time"}
    assert reasons == {
        **dict.fromkeys(("no_bucket", "drifted", "fine", "given", "other"), "manual_repair_required"),
        "forbidden": "bad_credentials",
        "suspect": "forced_rotation",
    }
    assert {fault for fault in FAULTS if sites[fault].target() != before[fault]} == set(REPAIRED)
    for fault in REPAIRED:
        assert (found[fault]["stats"]["changed"], found[fault]["stats"]["failed"]) == (True, False)
        assert sites[fault].methods == ["PUT"]
        assert sites[fault].all_keys()[sites[fault].held_key[0]] == "Active"
        sites[fault].uploaded()
    look_at_the_rest(sites, found)
    # The recording began before the target was set: no second rotation for the same.
    again = recover(sites, given, "--limit", "suspect")["suspect"]
    assert (again["reason"], again["changed"], again["stats"]["failed"]) == ("already_rotated", False, False)


def look_at_the_rest(sites: Sites, found: dict[str, dict[str, Any]]) -> None:
    """Nothing is changed; what is wrong is told, in the words of verify."""
    assert "NoSuchBucket" in found["no_bucket"]["error"]
    assert not sites["no_bucket"].exists()
    assert "Uploads arrive, but something is not as configured. Bucket: lifecycle." in found["drifted"]["error"]
    assert "the upload target was changed in the vendor's dashboard" in found["fine"]["error"]
    assert "credentials: " in found["given"]["error"]
    assert "is external (archive_storage_upload_key): a run cannot replace it" in found["given"]["error"]
    # Of a project that the recording is not of, nothing is even asked.
    assert sites["other"].silent
    assert found["other"]["stats"] == {}
    assert "archive_recover_archive_created: must be a UTC time such as" in found["bad_time"]["error"]
    assert sites["bad_time"].silent
    assert found["fine"]["stats"] == {
        "project": sites["fine"].key,
        "bucket": sites["fine"].bucket,
        "changed": False,
        "reason": "manual_repair_required",
        "failed": True,
        "check_mode": False,
    }


def test_a_call_about_a_project_that_is_not_there(managed: Site) -> None:
    run = managed.run_bare("recover", {**managed.variables, "archive_recover_project": "47999999"}).failed()
    assert "No host of this inventory is the project 47999999. Nothing was changed." in run.error
    assert managed.silent
