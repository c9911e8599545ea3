# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module ``vonage_archive_info`` with the emulator and an S3 store."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Iterator

import pytest

from ansible_collections.vonage.archiving.plugins.module_utils._archives import reconcile as archive_info
from ansible_collections.vonage.archiving.plugins.module_utils._core import errors
from ansible_collections.vonage.archiving.plugins.module_utils._core.plan import Context
from tests.e2e import playbook_runs
from tests.e2e.archive_scenario import ArchiveScenario
from tests.e2e.module_runs import without_libraries
from tests.sandbox import Sandbox, upload_only_policy
from tests.sandbox.vonage.state import Archive

MAX_RESULT = 700_000  # AWX truncates larger results.


@pytest.fixture
def scenario(e2e_sandbox: Sandbox) -> Iterator[ArchiveScenario]:
    e2e_sandbox.vonage.clear_log()
    yield ArchiveScenario(e2e_sandbox.vonage, e2e_sandbox.vonage.add_project("lessons"), e2e_sandbox.store)
    e2e_sandbox.vonage.clear_faults()


def test_reconcile_sends_one_request_per_thousand_archives(scenario: ArchiveScenario) -> None:
    scenario.add("expired", 9 * 86400, 400)
    uploaded = scenario.add("uploaded", 7200, 2000)
    failed = scenario.add("failed", 7000, 98)
    fell_back = scenario.add("available", 6900)
    stuck = scenario.add("stopped", 6800)
    result = scenario.info(target_set_at="86400", limit=1000)
    assert scenario.queries == [f"offset={offset}&count=1000" for offset in (0, 1000, 2000)]
    assert len({call["headers"]["X-Opentok-Auth"] for call in scenario.calls()}) == 3
    health = result["health"]
    names = ("uploaded", "failed", "fell_back", "stuck", "in_cloud")
    assert [health[name]["count"] for name in names] == [2000, 98, 1, 1, 400]
    assert [health[name]["ids"] for name in ("failed", "fell_back", "stuck")] == [failed, fell_back, stuck]
    assert health["uploaded"]["ids"] == uploaded[:100]
    assert (result["total"], result["complete"], health["ok"]) == (2500, True, False)
    assert [archive["id"] for archive in result["archives"]] == [*stuck, *fell_back, *failed, *uploaded[:900]]
    assert len(json.dumps(result)) < MAX_RESULT


def test_reconcile_since_fetches_only_recent_pages(scenario: ArchiveScenario) -> None:
    scenario.add("expired", 9 * 86400, 2400)
    recent = scenario.add("uploaded", 60, 3)
    result = scenario.info(since="3600", status=["uploaded"])
    assert scenario.queries == ["offset=0&count=1000"]
    assert [archive["id"] for archive in result["archives"]] == recent
    assert (result["total"], result["health"]["checked"], result["health"]["ok"]) == (2403, 3, True)


def test_reconcile_retries_after_faults(scenario: ArchiveScenario) -> None:
    scenario.add("uploaded", 60, 2500)
    path = f"/{scenario.project.key}/archive$"
    scenario.emulator.fail_next(status=429, retry_after=0, path=path)
    scenario.emulator.fail_next("truncate", path=path)
    scenario.emulator.fail_next(status=500, path=path)
    assert scenario.info(retries=3)["health"]["uploaded"]["count"] == 2500
    assert len(scenario.queries) == 6


@pytest.mark.parametrize("kind", ["hang", "trickle"])
def test_reconcile_hanging_api_fails_within_the_budget(scenario: ArchiveScenario, kind: str) -> None:
    scenario.add("uploaded", 60, 1500)
    scenario.emulator.fail_next("delay", seconds=0, path=f"/{scenario.project.key}/archive$")
    scenario.emulator.fail_next(kind, times=9, path=f"/{scenario.project.key}/archive$")
    started = time.monotonic()
    with pytest.raises(errors.UnreachableError, match=r"^Could not list the archives of project \d+: .*2 attempts"):
        scenario.info(timeout=0.5, retries=1, total_timeout=2)
    assert time.monotonic() - started < 5


def test_reconcile_wrong_secret_error_states_the_cause(scenario: ArchiveScenario) -> None:
    with pytest.raises(errors.DeniedError, match="api_secret does not belong to api_key") as caught:
        scenario.info(api_secret="0" * 40)
    assert caught.value.facts["status"] == 403
    assert not playbook_runs.find_leaks(str(caught.value), ["0" * 40, scenario.calls()[0]["headers"]["X-Opentok-Auth"]])


def test_reconcile_state_file_detects_a_fallback(scenario: ArchiveScenario) -> None:
    bucket = scenario.create_bucket()
    scenario.emulator.record_archive(scenario.project.key)
    time.sleep(1.1)  # The state file has times in whole seconds.
    key = scenario.store.make_user(f"uploader-{bucket}", upload_only_policy(bucket))
    state_file = scenario.set_target(bucket, key)
    assert scenario.emulator.record_archive(scenario.project.key)["status"] == "uploaded"
    good = scenario.info(state_file=state_file, bucket=bucket, **scenario.operator)["health"]
    assert (good["ok"], good["uploaded"]["count"], good["in_cloud"]["count"]) == (True, 1, 1)
    (scenario.emulator.state.holder(scenario.project.key).target or {})["config"]["secretKey"] = "0" * 40
    lost = scenario.emulator.record_archive(scenario.project.key)
    assert lost["status"] == "available"
    bad = scenario.info(state_file=state_file, include_urls=True, **scenario.operator)
    assert (bad["health"]["ok"], bad["health"]["fell_back"]["ids"]) == (False, [lost["id"]])
    assert bad["archives"][0]["url"] == lost["url"]
    assert lost["url"] not in json.dumps(scenario.info())


def test_reconcile_bucket_reports_missing_and_mismatched_objects(scenario: ArchiveScenario) -> None:
    """The key can list the bucket, and read no object."""
    bucket = scenario.create_bucket()
    scenario.set_target(bucket, (scenario.store.access_key, scenario.store.secret_key))
    archives = [scenario.emulator.record_archive(scenario.project.key) for _number in range(5)]
    keys = [archive["sandbox"]["key"] for archive in archives]
    client = scenario.store.client()
    client.delete_object(Bucket=bucket, Key=keys[0])
    client.put_object(Bucket=bucket, Key=keys[1], Body=b"half")
    # Recordings of individual streams have another extension.
    zipped = keys[2].replace(".mp4", ".zip")
    client.copy_object(Bucket=bucket, Key=zipped, CopySource={"Bucket": bucket, "Key": keys[2]})
    client.delete_object(Bucket=bucket, Key=keys[2])
    listing = {"Effect": "Allow", "Action": ["s3:ListBucket"], "Resource": [f"arn:aws:s3:::{bucket}"]}
    policy = {"Version": "2012-10-17", "Statement": [listing]}
    access_key, secret_key = scenario.store.make_user(f"lister-{bucket}", policy)
    lister = {**scenario.operator, "access_key": access_key, "secret_key": secret_key}
    health = scenario.info(bucket=bucket, **lister)["health"]
    mismatch = {"id": archives[1]["id"], "expected": archives[1]["size"], "found": 4}
    assert health["objects"] == {
        "bucket": bucket,
        "checked": 5,
        "not_checked": 0,
        "missing": {"count": 1, "ids": [archives[0]["id"]]},
        "mismatched": {"count": 1, "archives": [mismatch]},
    }
    assert health["ok"] is False
    newest = scenario.info(bucket=bucket, bucket_limit=3, **lister)["health"]
    assert (newest["ok"], newest["objects"]["checked"], newest["objects"]["not_checked"]) == (True, 3, 2)
    with pytest.raises(errors.NotFoundError, match=f"{bucket}-gone"):
        scenario.info(bucket=f"{bucket}-gone", **scenario.operator)
    with pytest.raises(errors.DeniedError, match="s3:ListBucket"):
        scenario.info(bucket=scenario.create_bucket(), **lister)


def test_reconcile_application_of_the_unified_environment_returns_its_archives(scenario: ArchiveScenario) -> None:
    emulator = scenario.emulator
    emulator.state.holder(emulator.application_id).archives.append(
        Archive(str(uuid.uuid4()), "1_s", "", int(time.time() * 1000), "uploaded", 7, 60)
    )
    params = {"application_id": emulator.application_id, "private_key": emulator.private_key_pem}
    result = archive_info.reconcile({**params, "api_url": emulator.url}, Context()).result
    assert (result["project"], result["total"], result["health"]["ok"]) == (emulator.application_id, 1, True)
    emulator.state.holder(emulator.application_id).archives.clear()


@pytest.mark.parametrize(("library", "package"), [("requests", "requests"), ("jwt", "PyJWT")])
def test_reconcile_missing_library_raises_typed_error(
    scenario: ArchiveScenario, monkeypatch: pytest.MonkeyPatch, library: str, package: str
) -> None:
    without_libraries(monkeypatch, library)
    with pytest.raises(errors.MissingLibraryError, match=f"Install {package} for this interpreter"):
        scenario.info()


def test_reconcile_invalid_options_raise_input_error_without_a_request(scenario: ArchiveScenario) -> None:
    with pytest.raises(errors.InputError) as caught:
        scenario.info(since="yesterday", limit=-1)
    assert len(caught.value.problems) == 2
    assert scenario.calls() == []


def test_reconcile_check_mode_returns_the_same_result(scenario: ArchiveScenario) -> None:
    scenario.add("uploaded", 60, 3)
    outcomes = [archive_info.reconcile(scenario.credentials, Context(check_mode)) for check_mode in (True, False)]
    assert [(outcome.changed, outcome.result["total"]) for outcome in outcomes] == [(False, 3)] * 2
    assert outcomes[0].result["archives"] == outcomes[1].result["archives"]
