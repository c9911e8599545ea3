# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The playbooks verify and teardown, and what the role refuses before anything is asked of anybody."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml

from tests.e2e.prepared import configured
from tests.e2e.site import PROBE, Site
from tests.sandbox import DropConnection, ProxiedRequest

REMOVE_TARGET = "vonage.archiving.archive_storage : Delete the upload target and its access keys"
DELETE_BUCKET = "vonage.archiving.archive_storage : Delete the bucket with all recordings of the project"


def test_verify_uploads_a_probe_and_changes_nothing(site: Site) -> None:
    configured(site)
    record, target = site.record(), site.target()
    site.forget()
    run = site.run("verify").ok()
    assert run.changed == []
    assert len(site.probes) == 3
    assert [line for line in site.written if PROBE not in line] == []
    assert site.calls() == []
    assert all(check["ok"] for check in run.result["checks"])
    assert len(run.result["checks"]) == 8
    assert (site.record(), site.target(), site.objects()) == (record, target, [site.record_key])


def test_verify_fails_for_what_is_not_as_configured(site: Site) -> None:
    configured(site)
    site.client.delete_bucket_lifecycle(Bucket=site.bucket)
    site.forget()
    drifted = site.run("verify", fallback="none").failed()
    assert drifted.failed_task == "Fail if something is not as configured"
    assert (
        "Bucket: lifecycle. Uploader: as configured. "
        "Upload target: the last applied values differ from the configured ones." in drifted.error
    )
    assert "Run the playbook configure to repair it, or with --check --diff to show the differences." in drifted.error
    halfway = site.run("verify").failed()
    assert "Bucket: lifecycle. Uploader: as configured. Upload target: as configured." in halfway.error
    expired = site.run("verify", max_age=0, retention_day=9).failed()
    assert "Did you mean archive_storage_retention_days?" in " ".join(expired.output.split())
    assert "Upload target: set longer ago than archive_storage_max_age allows." in expired.error
    wrong = site.run("verify", uploader_secret_key=site.uploader[1][::-1]).failed()
    assert wrong.failed_task == "Create or update the upload target"
    assert "of 1 checks failed. credentials: " in wrong.error
    broken = {**site.record(), "status": "pending"}
    site.client.put_object(Bucket=site.bucket, Key=site.record_key, Body=json.dumps(broken).encode())
    unfinished = site.run("verify").failed()
    assert "Upload target: the run that wrote the state file did not finish." in unfinished.error
    # Looking mends nothing.
    assert site.holds("get_bucket_lifecycle_configuration") is None
    assert site.calls() == []
    assert site.left_probes() == []


def test_verify_of_nothing(site: Site) -> None:
    run = site.run("verify").failed()
    assert "NoSuchBucket" in run.error
    assert (site.exists(), site.calls()) == (False, [])


def test_teardown_removes_the_target_and_keeps_the_recordings(site: Site) -> None:
    configured(site)
    archive = site.emulator.record_archive(site.key)["sandbox"]["key"]
    site.forget()
    planned = site.run("teardown", args=["--check"]).ok()
    assert (site.calls(), site.written) == ([], [])
    run = site.run("teardown").ok()
    assert planned.changed == run.changed == [REMOVE_TARGET]
    assert (site.target(), site.methods) == (None, ["DELETE"])
    assert sorted(site.objects()) == sorted([archive, site.record_key])
    assert site.record()["status"] == "absent"
    site.forget()
    again = site.run("teardown").ok()
    assert (again.changed, site.calls(), site.written) == ([], [], [])


def test_teardown_deletes_recordings_only_when_told_twice(site: Site) -> None:
    configured(site)
    site.emulator.record_archive(site.key)
    once = site.run("teardown", delete_bucket=True, delete_recordings="yes").failed()
    assert "to confirm, set archive_storage_delete_recordings to the name of the bucket" in once.error
    assert site.target() is not None
    twice: dict[str, Any] = {"delete_bucket": "true", "delete_recordings": site.bucket}
    # Nor when another project's recordings would go with them.
    other = {"Bucket": site.bucket, "Key": ".vonage-archiving/47999999.json"}
    site.client.put_object(**other, Body=b"{}")
    site.forget()
    shared = site.run("teardown", **twice).failed()
    assert "it contains objects that do not belong to this project: .vonage-archiving/47999999.json" in shared.error
    assert (site.written, site.calls()) == ([], [])
    site.client.delete_object(**other)
    run = site.run("teardown", **twice).ok()
    assert run.changed == [REMOVE_TARGET, DELETE_BUCKET]
    assert (site.exists(), site.target()) == (False, None)
    again = site.run("teardown", **twice).ok()
    assert again.changed == []
    assert site.run("teardown").ok().changed == []


def test_teardown_after_somebody_deleted_the_bucket(site: Site) -> None:
    configured(site)
    site.store.empty_and_delete(site.bucket)
    run = site.run("teardown").ok()
    assert (run.changed, site.target()) == ([REMOVE_TARGET], None)
    assert run.result["state_file"]["reason"] == "there is no state file: its bucket does not exist"
    assert site.run("teardown").ok().changed == []


def test_teardown_that_could_not_delete_the_bucket_leaves_a_true_record(site: Site) -> None:
    configured(site)

    def refuse(n: int, request: ProxiedRequest) -> None:
        if request.method == "DELETE" and request.path.strip("/") == site.bucket and not request.query:
            raise DropConnection

    site.s3.before = refuse
    run = site.run("teardown", delete_bucket=True, delete_recordings=site.bucket).failed()
    assert run.failed_task == "Delete the bucket with all recordings of the project"
    site.s3.before = None
    assert (site.exists(), site.target()) == (True, None)
    assert site.configure().result["reason"] == "unknown"
    assert site.target() is not None


# Variables on top of those of the smallest playbook, and a part of what is told.
REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"require_encryption": True, "sse": "none"}, "require_encryption would reject every recording"),
    ({"require_tls": "yes"}, "require_tls would reject every recording: an endpoint is not https"),
    ({"public": True, "state_file": "s3://{bucket}/{key}/r.json"}, "would make the state file public"),
    ({"delete_bucket": True, "delete_recordings": "{bucket}"}, "delete_bucket needs archive_storage_state=absent"),
    ({"state": "absent", "delete_bucket": True}, "to confirm, set archive_storage_delete_recordings"),
    ({"state": "gone"}, "archive_storage_state is 'gone', not one of present, absent"),
    ({"api_key": ""}, "archive_storage_api_key (or archive_storage_application_id) is not set"),
    ({"api_key": "a/b"}, "the project id 'a/b' contains characters that are not valid in an id"),
    ({"application_id": "78d335fa-323d-0114-9c3d-d6f0d48968cf"}, "are mutually exclusive"),
    ({"bucket": ""}, "archive_storage_bucket is not set"),
    ({"bucket": "No_Bucket"}, "'No_Bucket'"),
    (
        {"uploader_access_key": ""},
        "archive_storage_upload_key is external, and archive_storage_uploader_access_key is not set",
    ),
    ({"uploader_access_key": "ASIAIOSFODNN7EXAMPLE"}, "temporary"),
    ({"sse": "kms"}, "archive_storage_sse is 'kms', not one of s3, none"),
    ({"fallback": "maybe"}, "archive_storage_fallback is 'maybe', not one of none, opentok, vonage"),
    ({"endpoint": "s3.example.com"}, "does not start with http:// or https://"),
    ({"public": "perhaps"}, "archive_storage_public is 'perhaps', neither true nor false"),
    ({"retention_days": "-1"}, "archive_storage_retention_days is '-1', not a whole number"),
    ({"cors_rules": "["}, "archive_storage_cors_rules is a string that is not valid YAML"),
    ({"cors_rules": [{"allowed_origins": ["*"]}]}, "allowed_methods"),
    ({"tags": "word"}, "archive_storage_tags is not a dictionary"),
    ({"folders": ["../x"]}, "archive_storage_folders: the prefix '../x'"),
    ({"certificate": "no PEM"}, "certificate"),
    ({"state_file": "states/a.json"}, "is neither an absolute path nor s3://bucket/key"),
    ({"max_age": "soon"}, "archive_storage_max_age is 'soon', not a whole number"),
]
REFUSED_BY_VERIFY: list[tuple[dict[str, Any], str]] = [
    (
        {"uploader_secret_key": ""},
        "archive_storage_uploader_secret_key is not set: without it, uploads cannot be verified",
    ),
    ({"state": "absent"}, "archive_storage_state is absent, which cannot be verified"),
]


def attempt(number: int, variables: dict[str, Any], tasks_from: str) -> dict[str, Any]:
    """A block that runs the role and notes the message of its failure."""
    include = {
        "name": "Run the role",
        "ansible.builtin.include_role": {"name": "vonage.archiving.archive_storage", "tasks_from": tasks_from},
        "vars": {f"archive_storage_{name}": value for name, value in variables.items()},
    }
    note = {
        "name": f"Note case {number}",
        "ansible.builtin.debug": {"msg": "{{ ansible_failed_result.msg }}"},
    }
    return {"name": f"Case {number}", "block": [include], "rescue": [note]}


def test_contradictions_are_refused_before_anything_is_asked_of_anybody(site: Site) -> None:
    """All in one playbook: what is refused is told by the task that notes it."""
    cases = [(*case, "main") for case in REFUSED] + [(*case, "verify") for case in REFUSED_BY_VERIFY]
    blocks = []
    for number, (changes, _told, tasks_from) in enumerate(cases):
        filled = {
            name: value.replace("{bucket}", site.bucket).replace("{key}", site.key) if isinstance(value, str) else value
            for name, value in changes.items()
        }
        blocks.append(attempt(number, filled, tasks_from))
    play = {
        "name": "Contradictions",
        "hosts": "localhost",
        "connection": "local",
        "gather_facts": False,
        # Extra variables could not be overruled by the cases.
        "vars": {"ansible_python_interpreter": "{{ ansible_playbook_python }}", **site.variables},
        "tasks": blocks,
    }
    playbook = site.home / "contradictions.yml"
    playbook.write_text(yaml.safe_dump([play], sort_keys=False))
    playbook.chmod(0o600)
    run = site.run_bare(playbook).ok()
    missed: list[Any] = []
    for number, (changes, told, _tasks_from) in enumerate(cases):
        notes = [event for event in run.events if event.task == f"Note case {number}"]
        message = str(notes[0].result["msg"]) if notes else "(it was not refused)"
        if told not in message:
            missed.append((changes, told, message))
    assert not missed
    assert run.changed == []
    assert site.silent, [f"{each.method} {each.path}" for each in site.s3.requests]


@pytest.mark.parametrize("playbook", ["configure", "verify", "teardown"])
def test_syntax_is_right_without_any_variable(site: Site, playbook: str) -> None:
    run = site.run_bare(playbook, args=["--syntax-check"])
    assert run.rc == 0, run.output
    assert site.silent
