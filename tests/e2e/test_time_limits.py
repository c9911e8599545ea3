# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A store that stops responding: each run ends within its time budget, and the next one is correct.

The use cases run in this process, with a budget of a second in place of a minute.
"""

from __future__ import annotations

import contextlib
import secrets
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from ansible_collections.vonage.archiving.plugins.module_utils._aws import time_budget
from ansible_collections.vonage.archiving.plugins.module_utils._bucket import reconcile as bucket
from ansible_collections.vonage.archiving.plugins.module_utils._core.errors import UnreachableError
from ansible_collections.vonage.archiving.plugins.module_utils._core.plan import Context, Outcome
from ansible_collections.vonage.archiving.plugins.module_utils._upload_target.reconcile import reconcile
from ansible_collections.vonage.archiving.plugins.module_utils._uploader import reconcile as uploader_module
from tests.sandbox import ProxiedRequest, RecordingProxy, Sandbox

pytestmark = pytest.mark.xdist_group("time_limits")

BUDGET = 1.5
# The machine may be busy. Without a budget, the first call takes a minute.
MARGIN = 6.0
OPTIONS: dict[str, Any] = {
    "state": "present",
    "region": "eu-west-1",
    "encryption": "s3",
    "cors_rules": [{"allowed_origins": ["https://player.example.com"], "allowed_methods": ["GET"]}],
    "lifecycle": {"prefix": "471/", "expire_days": 90},
    "tags": {"owner": "video"},
}


class StoreScenario:
    """A store behind a proxy that can withhold responses."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self.released = threading.Event()
        self.proxy = RecordingProxy(sandbox.store.endpoint_url)
        self.name = f"slow-{secrets.token_hex(6)}"
        self.admin = sandbox.store.client()

    @property
    def operator(self) -> dict[str, Any]:
        keys = {"access_key": self.sandbox.store.access_key, "secret_key": self.sandbox.store.secret_key}
        return {"endpoint_url": self.proxy.url, **keys}

    def withhold(self, method: str, part: str, applied: bool) -> None:
        """Withhold the responses to these requests.

        :param part: of the path and the query.
        :param applied: whether the store receives the request.
        """

        def withhold_response(n: int, request: ProxiedRequest) -> None:
            if request.method == method and part in f"{request.path}?{request.query}":
                self.released.wait(60)

        self.proxy.before, self.proxy.after = (None, withhold_response) if applied else (withhold_response, None)

    def respond(self) -> None:
        self.proxy.before = self.proxy.after = None

    def run(self, **options: Any) -> Outcome:
        return bucket.reconcile({**self.operator, "name": self.name, **OPTIONS, **options}, Context())

    @contextlib.contextmanager
    def assert_abandoned(self, operation: str) -> Iterator[pytest.ExceptionInfo[UnreachableError]]:
        """Assert that the block ends within its budget with an error that names the operation."""
        start = time.monotonic()
        with pytest.raises(UnreachableError, match=f"did not complete {operation} within the time budget") as caught:
            yield caught
        assert time.monotonic() - start < BUDGET + MARGIN
        assert caught.value.facts["api_operation"] == operation


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(stores=("moto",)) as running:
        yield running


@pytest.fixture
def scenario(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Iterator[StoreScenario]:
    monkeypatch.setattr(time_budget, "CALL_SECONDS", BUDGET)
    store_scenario = StoreScenario(sandbox)
    with store_scenario.proxy:
        yield store_scenario
        store_scenario.released.set()


# The query of each request that writes, and its operation.
WRITES = [
    ("", "CreateBucket"),
    ("cors", "PutBucketCors"),
    ("lifecycle", "PutBucketLifecycleConfiguration"),
    ("tagging", "PutBucketTagging"),
]


@pytest.mark.parametrize("applied", [True, False])
@pytest.mark.parametrize(("part", "operation"), WRITES)
def test_bucket_abandoned_write_next_run_repairs(
    scenario: StoreScenario, part: str, operation: str, applied: bool
) -> None:
    scenario.withhold("PUT", f"?{part}" if part else f"/{scenario.name}?", applied)
    with scenario.assert_abandoned(operation):
        scenario.run()
    scenario.respond()
    scenario.run()
    assert not scenario.run().changed
    cors = scenario.admin.get_bucket_cors(Bucket=scenario.name)["CORSRules"]
    assert cors[0]["AllowedOrigins"] == ["https://player.example.com"]
    rules = scenario.admin.get_bucket_lifecycle_configuration(Bucket=scenario.name)["Rules"]
    assert [rule["Expiration"]["Days"] for rule in rules] == [90]
    assert {"Key": "owner", "Value": "video"} in scenario.admin.get_bucket_tagging(Bucket=scenario.name)["TagSet"]


def test_bucket_abandoned_last_write_is_reported_as_applied(scenario: StoreScenario) -> None:
    scenario.run()
    scenario.withhold("PUT", "?cors", applied=True)
    rules = [{"allowed_origins": ["https://other.example.com"], "allowed_methods": ["GET"]}]
    with scenario.assert_abandoned("PutBucketCors"):
        scenario.run(cors_rules=rules)
    scenario.respond()
    assert not scenario.run(cors_rules=rules).changed
    cors = scenario.admin.get_bucket_cors(Bucket=scenario.name)["CORSRules"]
    assert cors[0]["AllowedOrigins"] == ["https://other.example.com"]


def test_bucket_check_mode_ends_within_budget(scenario: StoreScenario) -> None:
    scenario.run()
    scenario.withhold("GET", "?cors", applied=False)
    with scenario.assert_abandoned("GetBucketCors"):
        bucket.reconcile({**scenario.operator, "name": scenario.name, **OPTIONS}, Context(check_mode=True))


def target_options(scenario: StoreScenario) -> dict[str, Any]:
    project = scenario.sandbox.vonage.add_project()
    key = {"access_key": "AKIAIOSFODNN7EXAMPLE", "secret_key": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"}
    return {
        **scenario.operator,
        "api_url": scenario.sandbox.vonage.url,
        "api_key": project.key,
        "api_secret": project.secret,
        "s3": {"bucket": scenario.name, "endpoint": "https://s3.example.com", "sse": "s3", **key},
        "fallback": "opentok",
        "verify": "never",
        "state_file": f"s3://{scenario.name}/.vonage-archiving/{project.key}.json",
    }


@pytest.mark.parametrize("applied", [True, False])
def test_target_abandoned_write_of_state_file_next_run_repairs(scenario: StoreScenario, applied: bool) -> None:
    scenario.run()
    options = target_options(scenario)
    scenario.withhold("PUT", "/.vonage-archiving/", applied)
    with scenario.assert_abandoned("PutObject"):
        reconcile(options, Context())
    # The state file is written before the target.
    assert scenario.sandbox.vonage.target(options["api_key"]) is None
    scenario.respond()
    assert reconcile(options, Context()).changed
    assert not reconcile(options, Context()).changed
    target = scenario.sandbox.vonage.target(options["api_key"])
    assert target is not None
    assert target["config"]["bucket"] == scenario.name


def test_target_read_of_state_file_ends_within_budget(scenario: StoreScenario) -> None:
    scenario.run()
    options = target_options(scenario)
    scenario.withhold("GET", "/.vonage-archiving/", applied=True)
    with scenario.assert_abandoned("GetObject"):
        reconcile(options, Context())
    assert scenario.sandbox.vonage.target(options["api_key"]) is None


def test_uploader_abandoned_creation_of_key_next_run_lists_the_key(scenario: StoreScenario) -> None:
    options = {
        **scenario.operator,
        "state": "present",
        "name": f"uploader-{secrets.token_hex(4)}",
        "bucket": scenario.name,
        "prefix": "471",
    }

    def withhold_response(n: int, request: ProxiedRequest) -> None:
        if b"Action=CreateAccessKey" in request.body:
            scenario.released.wait(60)

    scenario.proxy.after = withhold_response
    with scenario.assert_abandoned("CreateAccessKey") as caught:
        uploader_module.reconcile(options, Context())
    assert "The key may exist" in caught.value.hint
    scenario.respond()
    keys = scenario.sandbox.store.iam_client().list_access_keys(UserName=options["name"])["AccessKeyMetadata"]
    result = uploader_module.reconcile(options, Context()).result
    assert [key["id"] for key in result["access_keys"]] == [key["AccessKeyId"] for key in keys]
    assert len(keys) == 1
