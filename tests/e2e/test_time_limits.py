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


class Scene:
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
        """Do not respond to such requests.

        :param part: of the path and the query.
        :param applied: whether the store gets the request.
        """

        def hold(n: int, request: ProxiedRequest) -> None:
            if request.method == method and part in f"{request.path}?{request.query}":
                self.released.wait(60)

        self.proxy.before, self.proxy.after = (None, hold) if applied else (hold, None)

    def respond(self) -> None:
        self.proxy.before = self.proxy.after = None

    def run(self, **options: Any) -> Outcome:
        return bucket.reconcile({**self.operator, "name": self.name, **OPTIONS, **options}, Context())

    @contextlib.contextmanager
    def abandoned(self, operation: str) -> Iterator[pytest.ExceptionInfo[UnreachableError]]:
        """The block ends within its budget, with an error that names the operation."""
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
def scene(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Iterator[Scene]:
    monkeypatch.setattr(time_budget, "CALL_SECONDS", BUDGET)
    found = Scene(sandbox)
    with found.proxy:
        yield found
        found.released.set()


# The query of each request that writes, and its operation.
WRITES = [
    ("", "CreateBucket"),
    ("cors", "PutBucketCors"),
    ("lifecycle", "PutBucketLifecycleConfiguration"),
    ("tagging", "PutBucketTagging"),
]


@pytest.mark.parametrize("applied", [True, False])
@pytest.mark.parametrize(("part", "operation"), WRITES)
def test_next_run_is_correct_after_an_abandoned_write(scene: Scene, part: str, operation: str, applied: bool) -> None:
    scene.withhold("PUT", f"?{part}" if part else f"/{scene.name}?", applied)
    with scene.abandoned(operation):
        scene.run()
    scene.respond()
    scene.run()
    assert not scene.run().changed
    cors = scene.admin.get_bucket_cors(Bucket=scene.name)["CORSRules"]
    assert cors[0]["AllowedOrigins"] == ["https://player.example.com"]
    rules = scene.admin.get_bucket_lifecycle_configuration(Bucket=scene.name)["Rules"]
    assert [rule["Expiration"]["Days"] for rule in rules] == [90]
    assert {"Key": "owner", "Value": "video"} in scene.admin.get_bucket_tagging(Bucket=scene.name)["TagSet"]


def test_abandoned_write_that_was_the_last_one_is_seen_as_applied(scene: Scene) -> None:
    scene.run()
    scene.withhold("PUT", "?cors", applied=True)
    rules = [{"allowed_origins": ["https://other.example.com"], "allowed_methods": ["GET"]}]
    with scene.abandoned("PutBucketCors"):
        scene.run(cors_rules=rules)
    scene.respond()
    assert not scene.run(cors_rules=rules).changed
    cors = scene.admin.get_bucket_cors(Bucket=scene.name)["CORSRules"]
    assert cors[0]["AllowedOrigins"] == ["https://other.example.com"]


def test_check_mode_ends_as_well(scene: Scene) -> None:
    scene.run()
    scene.withhold("GET", "?cors", applied=False)
    with scene.abandoned("GetBucketCors"):
        bucket.reconcile({**scene.operator, "name": scene.name, **OPTIONS}, Context(check_mode=True))


def target_options(scene: Scene) -> dict[str, Any]:
    project = scene.sandbox.vonage.add_project()
    key = {"access_key": "AKIAIOSFODNN7EXAMPLE", "secret_key": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"}
    return {
        **scene.operator,
        "api_url": scene.sandbox.vonage.url,
        "api_key": project.key,
        "api_secret": project.secret,
        "s3": {"bucket": scene.name, "endpoint": "https://s3.example.com", "sse": "s3", **key},
        "fallback": "opentok",
        "verify": "never",
        "state_file": f"s3://{scene.name}/.vonage-archiving/{project.key}.json",
    }


@pytest.mark.parametrize("applied", [True, False])
def test_next_run_is_correct_after_an_abandoned_write_of_the_state_file(scene: Scene, applied: bool) -> None:
    scene.run()
    options = target_options(scene)
    scene.withhold("PUT", "/.vonage-archiving/", applied)
    with scene.abandoned("PutObject"):
        reconcile(options, Context())
    # The state file is written before the target.
    assert scene.sandbox.vonage.target(options["api_key"]) is None
    scene.respond()
    assert reconcile(options, Context()).changed
    assert not reconcile(options, Context()).changed
    target = scene.sandbox.vonage.target(options["api_key"])
    assert target is not None
    assert target["config"]["bucket"] == scene.name


def test_read_of_the_state_file_ends_as_well(scene: Scene) -> None:
    scene.run()
    options = target_options(scene)
    scene.withhold("GET", "/.vonage-archiving/", applied=True)
    with scene.abandoned("GetObject"):
        reconcile(options, Context())
    assert scene.sandbox.vonage.target(options["api_key"]) is None


def test_next_run_sees_a_key_whose_creation_was_abandoned(scene: Scene) -> None:
    options = {
        **scene.operator,
        "state": "present",
        "name": f"uploader-{secrets.token_hex(4)}",
        "bucket": scene.name,
        "prefix": "471",
    }

    def hold(n: int, request: ProxiedRequest) -> None:
        if b"Action=CreateAccessKey" in request.body:
            scene.released.wait(60)

    scene.proxy.after = hold
    with scene.abandoned("CreateAccessKey") as caught:
        uploader_module.reconcile(options, Context())
    assert "The key may exist" in caught.value.hint
    scene.respond()
    keys = scene.sandbox.store.iam_client().list_access_keys(UserName=options["name"])["AccessKeyMetadata"]
    result = uploader_module.reconcile(options, Context()).result
    assert [key["id"] for key in result["access_keys"]] == [key["AccessKeyId"] for key in keys]
    assert len(keys) == 1
