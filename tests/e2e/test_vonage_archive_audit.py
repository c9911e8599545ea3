# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module ``vonage_archive_audit`` with the emulator and S3 stores."""

from __future__ import annotations

import copy
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.vonage.archiving.plugins.module_utils._archive_audit.plan import STATES
from ansible_collections.vonage.archiving.plugins.module_utils._core import errors
from tests.e2e import playbook_runs
from tests.e2e.archive_scenario import ArchiveScenario
from tests.e2e.test_permissions import documented_policy, without
from tests.sandbox import RecordingProxy, Sandbox, upload_only_policy
from tests.sandbox.vonage.state import encode_sha256

pytestmark = pytest.mark.xdist_group("vonage_archive_audit")

HOUR, DAY = 3600, 86400
PLAY = """
- hosts: localhost
  connection: local
  gather_facts: false
  module_defaults:
    group/vonage.archiving.vonage:
      api_key: "{{ api_key }}"
      api_secret: "{{ api_secret }}"
      api_url: "{{ api_url }}"
      endpoint_url: "{{ endpoint_url }}"
      region: "{{ region }}"
      access_key: "{{ access_key }}"
      secret_key: "{{ secret_key }}"
  tasks:
    - name: Audit
      vonage.archiving.vonage_archive_audit:
        bucket: "{{ bucket }}"
        since: 60d
        target_set_at: 59d
        retention_days: 30d
        sample: 20
        acknowledged: "{{ acknowledged }}"
      ignore_errors: true
    - name: Audit in check mode
      vonage.archiving.vonage_archive_audit:
        bucket: "{{ bucket }}"
        since: 60d
        target_set_at: 59d
        retention_days: 30
        sample: 20
        acknowledged: "{{ acknowledged }}"
      check_mode: true
      ignore_errors: true
    - name: Misplace a secret
      vonage.archiving.vonage_archive_audit:
        bucket: "{{ bucket }}"
        since: "{{ api_secret }}"
      ignore_errors: true
"""


@pytest.fixture(params=["seaweedfs", "moto-iam"])
def scenario(request: pytest.FixtureRequest, audit_sandbox: Sandbox) -> ArchiveScenario:
    """The tests with this fixture run with each store."""
    return new_scenario(audit_sandbox, request.param)


@pytest.fixture
def moto(audit_sandbox: Sandbox) -> ArchiveScenario:
    return new_scenario(audit_sandbox, "moto-iam")


@pytest.fixture(scope="module")
def audit_sandbox() -> Iterator[Sandbox]:
    with Sandbox(stores=("seaweedfs", "moto-iam")) as running:
        yield running


def new_scenario(sandbox: Sandbox, store: str) -> ArchiveScenario:
    sandbox.vonage.clear_log()
    return ArchiveScenario(sandbox.vonage, sandbox.vonage.add_project("lessons"), sandbox.stores[store])


def record_every_state(scenario: ArchiveScenario, bucket: str) -> dict[str, str]:
    """Record an archive of each state that needs no state file, and return the ids."""
    ids = {
        "landed": scenario.record("uploaded"),
        "empty": scenario.record("uploaded", content=b""),
        "copied": scenario.record("expired", 80 * HOUR),
        "in_progress": scenario.record("started", content=None),
        "expired_by_retention": scenario.record("uploaded", 31 * DAY),
        "acknowledged": scenario.record("failed", 3 * HOUR),
        "other": scenario.record("deleted"),
        "fell_back": scenario.record("available", 60 * HOUR),
        "stuck": scenario.record("stopped", 10 * HOUR),
        "missing": scenario.record("uploaded", 5 * HOUR),
        "wrong_size": scenario.record("uploaded", 6 * HOUR),
        "wrong_checksum": scenario.record("uploaded", 7 * HOUR),
        "expired": scenario.record("expired", 80 * HOUR),
        "failed": scenario.record("failed", 8 * HOUR),
    }
    contents = {"empty": b"", "wrong_size": b"half", "wrong_checksum": b"v1deo"}
    for state in ("landed", "empty", "copied", "wrong_size", "wrong_checksum"):
        scenario.store_object(bucket, ids[state], contents.get(state, b"video"))
    return ids


def test_audit_playbook_reports_every_state_without_secrets(scenario: ArchiveScenario, home: Path) -> None:
    """With -vvv, which prints the options and the result of each task."""
    bucket = scenario.create_bucket()
    ids = record_every_state(scenario, bucket)
    urls = [archive["url"] for archive in scenario.emulator.archives(scenario.project.key) if archive["url"]]
    assert len(urls) == 1
    play = home / "play.yml"
    play.write_text(PLAY)
    names = ("api_key", "api_secret", "api_url")
    variables = {name: scenario.credentials[name] for name in names}
    variables.update(scenario.operator, bucket=bucket, acknowledged=[ids["acknowledged"]])
    run = playbook_runs.run_playbook(play, variables, home, {})
    assert run.rc == 0, run.output
    hidden = [scenario.project.secret, scenario.store.secret_key, *urls]
    assert not playbook_runs.find_leaks(run.output, hidden)
    assert not playbook_runs.find_leaks(run.events_text, hidden)
    result = run.task("Audit").result
    assert run.task("Audit").kind == "failed"
    assert result["counts"] == {state: int(state in ids) for state in STATES}
    assert {state: found for state, found in result["ids"].items() if found != [ids[state]]} == {}
    assert [risk["id"] for risk in result["at_risk"]] == [ids["fell_back"], ids["stuck"]]
    assert [risk["hours_left"] for risk in result["at_risk"]] == [12, 62]
    assert (result["ok"], result["complete"], result["total"], result["retention_days"]) == (False, True, 14, 30)
    assert result["sample"] == {"verified": 3, "corrupt": 1, "downloaded_bytes": 15}
    assert len(result["problems"]) == 7
    assert f"{scenario.project.key}: 5 lost and 2 at risk. Audited 14 recordings" in result["msg"]
    assert all(problem["remedy"] in result["msg"] for problem in result["problems"])
    in_check_mode = run.task("Audit in check mode").result
    times = ("window", "msg", "invocation")
    assert {k: v for k, v in in_check_mode.items() if k not in times} == {
        k: v for k, v in result.items() if k not in times
    }
    assert run.task("Misplace a secret").result["error"]["kind"] == "input"


def test_audit_everything_landed_succeeds_with_one_sentence(scenario: ArchiveScenario) -> None:
    bucket = scenario.create_bucket()
    for _number in range(3):
        archive_id = scenario.record("uploaded", transcription="uploaded")
        scenario.store_object(bucket, archive_id)
    scenario.store_object(bucket, archive_id, b"{}", "transcription.json")
    scenario.store_object(bucket, "deleted-at-vonage")
    outcome = scenario.audit(bucket=bucket, since="1d")
    result = outcome.result
    assert (outcome.failed, result["ok"], result["problems"]) == ("", True, [])
    assert result["msg"].endswith(f"against bucket {bucket}: 3 landed.")
    assert result["objects_without_archive"] == {"count": 1, "archive_ids": ["deleted-at-vonage"]}
    assert (result["transcripts"]["objects"], result["transcripts"]["missing"]) == (1, 2)
    assert result["requests"] == {"vonage": 1, "s3": 1}


def test_audit_archives_of_the_emulator_land_and_have_a_matching_checksum(scenario: ArchiveScenario) -> None:
    bucket = scenario.create_bucket()
    target = (scenario.store.access_key, scenario.store.secret_key)
    state_file = scenario.set_target(bucket, target)
    for _number in range(2):
        assert scenario.emulator.record_archive(scenario.project.key)["status"] == "uploaded"
    result = scenario.audit(state_file=state_file, sample=5).result
    assert (result["bucket"], result["counts"]["landed"], result["ok"]) == (bucket, 2, True)
    assert (result["sample"]["verified"], result["sample"]["corrupt"]) == (2, 0)
    (scenario.emulator.state.holder(scenario.project.key).target or {})["config"]["secretKey"] = "0" * 40
    lost = scenario.emulator.record_archive(scenario.project.key)
    outcome = scenario.audit(state_file=state_file)
    assert outcome.result["ids"]["fell_back"] == [lost["id"]]
    assert "1 at risk" in outcome.failed
    content = scenario.emulator.state.holder(scenario.project.key).archive(lost["id"]).content
    scenario.store_object(bucket, lost["id"], content or b"")
    after = scenario.audit(state_file=state_file, sample=5)
    assert (after.failed, after.result["counts"]["copied"], after.result["sample"]["corrupt"]) == ("", 1, 0)


def test_audit_window_begins_when_the_target_was_set(scenario: ArchiveScenario) -> None:
    bucket, old_bucket = scenario.create_bucket(), scenario.create_bucket()
    scenario.record("expired", 5 * DAY)
    key = (scenario.store.access_key, scenario.store.secret_key)
    state_file = scenario.set_target(old_bucket, key)
    time.sleep(1.1)  # The state file has times in whole seconds.
    previous = scenario.record("uploaded", 0)
    time.sleep(1.1)
    target = {"bucket": bucket, "access_key": key[0], "secret_key": key[1], "endpoint": scenario.store.endpoint_url}
    scenario.apply_target(target, state_file)
    time.sleep(1.1)
    missing = scenario.record("uploaded", 0)
    result = scenario.audit(state_file=state_file).result
    assert (result["bucket"], result["total"]) == (bucket, 2)
    assert (result["counts"]["previous_bucket"], result["ids"]["missing"]) == (1, [missing])
    assert result["window"]["since"] == result["window"]["target_set_at"] < result["window"]["bucket_since"]
    other = scenario.audit(state_file=state_file, bucket=old_bucket)
    assert sorted(other.result["ids"]["missing"]) == sorted([previous, missing])
    assert f"the upload target has the bucket {bucket}" in scenario.warnings[-1]


def test_audit_unknown_target_warns_and_audits_the_whole_window(moto: ArchiveScenario) -> None:
    bucket = moto.create_bucket()
    expired = moto.record("expired", 5 * DAY)
    state_file = f"s3://{bucket}/.vonage-archiving/none.json"
    result = moto.audit(bucket=bucket, state_file=state_file).result
    assert result["ids"]["expired"] == [expired]
    assert result["window"]["reason"] == "there is no state file"
    assert "is unknown: there is no state file." in moto.warnings[0]
    with pytest.raises(errors.InputError, match="bucket: is required, because the upload target is unknown"):
        moto.audit(state_file=state_file)


def test_audit_options_for_users_who_delete_recordings(moto: ArchiveScenario) -> None:
    bucket = moto.create_bucket()
    deleted = moto.record("uploaded", 2 * DAY)
    assert moto.audit(bucket=bucket).failed
    reported = moto.audit(bucket=bucket, missing="report")
    assert (reported.failed, reported.result["ok"], reported.result["ids"]["missing"]) == ("", True, [deleted])
    silenced = moto.audit(bucket=bucket, acknowledged=[deleted])
    assert (silenced.failed, silenced.result["counts"]["acknowledged"]) == ("", 1)
    rule = {"ID": "r", "Status": "Enabled", "Filter": {"Prefix": f"{moto.project.key}/"}, "Expiration": {"Days": 1}}
    moto.store.client().put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration={"Rules": [rule]})
    expired = moto.audit(bucket=bucket)
    assert (expired.failed, expired.result["counts"]["expired_by_retention"]) == ("", 1)
    assert (expired.result["retention_days"], expired.result["requests"]["s3"]) == (1, 2)
    assert "1 lost" in moto.audit(bucket=bucket, retention_days=0).failed


def test_audit_requests_are_bounded_and_counted(scenario: ArchiveScenario) -> None:
    """600 objects of other archives, in pages of 1000: more archives than a page, and few archives."""
    bucket = scenario.create_bucket()
    ids = [scenario.record("uploaded") for _number in range(1100)]
    stored = ids[:1090]
    put_many(scenario, bucket, stored)
    with RecordingProxy(scenario.store.endpoint_url) as proxy:
        result = scenario.audit(bucket=bucket, endpoint_url=proxy.url, retention_days=0).result
        assert result["requests"] == {"vonage": 2, "s3": 2}
        assert len(proxy.requests) == 2
    assert (result["counts"]["landed"], result["counts"]["missing"]) == (1090, 10)
    assert len(result["ids"]["missing"]) == 10
    with scenario.emulator.state.lock:
        del scenario.project.archives[5:]
    with RecordingProxy(scenario.store.endpoint_url) as proxy:
        few = scenario.audit(bucket=bucket, endpoint_url=proxy.url, retention_days=0).result
        assert len(proxy.requests) == few["requests"]["s3"] <= 1 + 5
    assert (few["counts"]["landed"], few["objects_without_archive"]) == (5, None)


def put_many(scenario: ArchiveScenario, bucket: str, ids: list[str]) -> None:
    client = scenario.store.client()
    for archive_id in ids:
        client.put_object(Bucket=bucket, Key=f"{scenario.project.key}/{archive_id}/archive.mp4", Body=b"video")


def test_audit_second_run_has_the_same_result_except_for_the_time(moto: ArchiveScenario) -> None:
    bucket = moto.create_bucket()
    record_every_state(moto, bucket)
    first, second = (
        moto.audit(check_mode, bucket=bucket, since="60d", sample=9).result for check_mode in (False, True)
    )
    for result in (first, second):
        result.pop("window")
        # In direct execution, the message of a failed task is in the outcome.
        result.pop("msg", None)
    assert first == second


def test_audit_documented_policy_is_sufficient_and_minimal(moto: ArchiveScenario) -> None:
    bucket = moto.create_bucket()
    key = (moto.store.access_key, moto.store.secret_key)
    state_file = moto.set_target(bucket, key)
    time.sleep(1.1)
    landed = moto.record("uploaded", 0)
    moto.store_object(bucket, landed)
    moto.record("uploaded", 0)
    full_policy = documented_policy("auditor", bucket, moto.project.key)

    def audit(policy: dict[str, Any]) -> dict[str, Any]:
        moto.warnings.clear()
        name = f"auditor-{bucket}-{len(json.dumps(policy))}-{time.monotonic_ns()}"
        access_key, secret_key = moto.store.make_user(name, policy)
        return moto.audit(state_file=state_file, sample=1, access_key=access_key, secret_key=secret_key).result

    result = audit(full_policy)
    assert (result["counts"]["landed"], result["counts"]["missing"], result["sample"]["verified"]) == (1, 1, 1)
    assert moto.warnings == []
    assert audit(without(full_policy, "Bucket", "s3:GetLifecycleConfiguration"))["counts"]["missing"] == 1
    assert "s3:GetLifecycleConfiguration" in moto.warnings[0]
    for sid, action in (("Bucket", "s3:ListBucket"), ("StateFile", "s3:GetObject"), ("Sample", "s3:GetObject")):
        with pytest.raises(errors.DeniedError, match=action):
            audit(without(full_policy, sid, action))
    permissions = {
        (statement["Sid"], action) for statement in full_policy["Statement"] for action in statement["Action"]
    }
    assert len(permissions) == 4


def test_audit_denied_bucket_and_missing_bucket_are_typed_errors(scenario: ArchiveScenario) -> None:
    bucket = scenario.create_bucket()
    scenario.record("uploaded")
    access_key, secret_key = scenario.store.make_user(f"uploader-{bucket}", upload_only_policy(bucket))
    with pytest.raises(errors.DeniedError, match="s3:ListBucket"):
        scenario.audit(bucket=scenario.create_bucket(), access_key=access_key, secret_key=secret_key)
    with pytest.raises(errors.NotFoundError, match=f"{bucket}-none"):
        scenario.audit(bucket=f"{bucket}-none")


def test_audit_objects_and_archives_are_not_changed(moto: ArchiveScenario) -> None:
    bucket = moto.create_bucket()
    record_every_state(moto, bucket)
    before = copy.deepcopy(moto.emulator.archives(moto.project.key))
    with RecordingProxy(moto.store.endpoint_url) as proxy:
        moto.audit(bucket=bucket, since="60d", sample=3, endpoint_url=proxy.url)
        assert {request.method for request in proxy.requests} == {"GET"}
    assert {call["method"] for call in moto.calls()} == {"GET"}
    assert moto.emulator.archives(moto.project.key) == before


def test_audit_checksum_of_the_store_is_compared_without_a_download(moto: ArchiveScenario) -> None:
    bucket = moto.create_bucket()
    good, bad = moto.record("uploaded"), moto.record("uploaded")
    for archive_id, content in ((good, b"video"), (bad, b"v1deo")):
        key = f"{moto.project.key}/{archive_id}/archive.mp4"
        moto.store.client().put_object(
            Bucket=bucket, Key=key, Body=content, ChecksumAlgorithm="SHA256", ChecksumSHA256=encode_sha256(content)
        )
    result = moto.audit(bucket=bucket, sample=2).result
    assert result["ids"]["wrong_checksum"] == [bad]
    assert result["sample"] == {"verified": 2, "corrupt": 1, "downloaded_bytes": 0}
