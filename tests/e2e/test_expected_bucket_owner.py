# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``expected_bucket_owner`` in all modules that use S3, with a server that enforces it like AWS.

moto ignores the header. The response of AWS is documented in the Amazon S3 User Guide, "Verifying bucket ownership with
bucket owner condition": 403 if the account is not the owner.
"""

from __future__ import annotations

import datetime
import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.exceptions import ClientError
from botocore.httpsession import URLLib3Session

from ansible_collections.vonage.archiving.plugins.module_utils._archive_audit import reconcile as archive_audit
from ansible_collections.vonage.archiving.plugins.module_utils._archives import reconcile as archive_info
from ansible_collections.vonage.archiving.plugins.module_utils._aws import bucket_owner
from ansible_collections.vonage.archiving.plugins.module_utils._bucket import info as bucket_info
from ansible_collections.vonage.archiving.plugins.module_utils._bucket.facets import policy
from ansible_collections.vonage.archiving.plugins.module_utils._core.errors import DeniedError
from ansible_collections.vonage.archiving.plugins.module_utils._core.plan import Context
from ansible_collections.vonage.archiving.plugins.module_utils._fleet_report import reconcile as fleet_report
from ansible_collections.vonage.archiving.plugins.module_utils._interactive_broadcast import verify
from ansible_collections.vonage.archiving.plugins.module_utils._upload_check import access_checks
from ansible_collections.vonage.archiving.plugins.module_utils._upload_check import cleanup as upload_cleanup
from ansible_collections.vonage.archiving.plugins.module_utils._upload_check import reconcile as upload_check
from ansible_collections.vonage.archiving.plugins.module_utils._upload_check.probe import Check
from ansible_collections.vonage.archiving.plugins.module_utils._upload_target.reconcile import reconcile
from ansible_collections.vonage.archiving.plugins.module_utils._uploader import reconcile as uploader_module
from tests.e2e.broadcast_environment import BroadcastEnvironment, new_broadcast_environment
from tests.e2e.iam_policy_evaluator import ACCOUNT, HOST, PolicyEvaluator, _Body
from tests.e2e.lifecycle_scenario import LifecycleScenario
from tests.sandbox import Sandbox

pytestmark = pytest.mark.xdist_group("expected_bucket_owner")

HEADER = "x-amz-expected-bucket-owner"
OTHER = "666666666666"


@dataclass
class OwnerEvaluator(PolicyEvaluator):
    """Evaluates the expected owner of a bucket like AWS.

    :param owners: by bucket; other buckets belong to the account of the operator.
    :param unnamed: the requests to S3 without an expected owner.
    :param to_s3: the number of all requests to S3.
    :param to_sts: the hosts of requests to STS.
    """

    owners: dict[str, str] = field(default_factory=dict)
    unnamed: list[str] = field(default_factory=list)
    to_s3: int = 0
    to_sts: list[str] = field(default_factory=list)

    def send(self, session: URLLib3Session, request: AWSPreparedRequest) -> AWSResponse:
        parts = urlsplit(request.url)
        host = str(parts.hostname)
        if host == HOST:
            return super().send(session, request)
        if host.startswith("sts."):
            self.to_sts.append(host)
        elif ".s3." in f".{host}":
            denial = self._check_owner(request, host, parts.path)
            if denial:
                return denial
        return super().send(session, request)

    def _check_owner(self, request: AWSPreparedRequest, host: str, path: str) -> AWSResponse | None:
        self.to_s3 += 1
        name = path.split("/")[1] if host.startswith("s3.") else host.partition(".s3.")[0]
        expected = request.headers.get(HEADER)
        expected = expected.decode() if isinstance(expected, bytes) else expected
        if expected is None:
            query = ",".join(sorted(parse_qs(urlsplit(request.url).query, keep_blank_values=True)))
            self.unnamed.append(f"{request.method} {path.replace(f'/{name}', '', 1) or '/'} {query}".strip())
        elif expected != self.owners.get(name, ACCOUNT):
            text = "<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>"
            return AWSResponse(request.url, 403, {"Content-Type": "text/xml"}, _Body(text.encode()))
        return None


class OwnedScenario(LifecycleScenario):
    """A project whose operator sets ``expected_bucket_owner``."""

    expected = bucket_owner.CALLER

    @property
    def _operator(self) -> dict[str, Any]:
        return {**super()._operator, "expected_bucket_owner": self.expected}


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(stores=("moto-iam",), heroku=True) as sandbox:
        yield sandbox


@pytest.fixture
def broadcast(
    sandbox: Sandbox, evaluator: OwnerEvaluator, monkeypatch: pytest.MonkeyPatch
) -> Iterator[BroadcastEnvironment]:
    """An Interactive Broadcast app. moto responds neither to requests without a key nor to a preflight."""
    for name in ("_verify_public_read", "_verify_private", "_verify_preflight"):
        monkeypatch.setattr(verify.AppVerifier, name, lambda *_args: Check("skipped", True, ""))
    with new_broadcast_environment(sandbox, sandbox.heroku) as broadcast:
        broadcast.ensure_bucket()
        evaluator.to_s3 = 0
        evaluator.unnamed.clear()
        yield broadcast


@pytest.fixture
def evaluator(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> OwnerEvaluator:
    evaluator = OwnerEvaluator(sandbox.store.endpoint_url)
    # Python does not bind a bound method again, so the lambda takes the session.
    # pylint: disable-next=unnecessary-lambda
    monkeypatch.setattr(URLLib3Session, "send", lambda session, request: evaluator.send(session, request))
    monkeypatch.setattr(upload_cleanup, "STALE", datetime.timedelta(0))
    # Requests without a key do not use botocore, and moto does not emulate them.
    monkeypatch.setattr(
        access_checks.AccessChecks, "_anonymous_list", lambda _checks: Check("anonymous_list", True, "")
    )
    monkeypatch.setattr(policy, "CONFIRM_BACKOFF", (0.1,))
    return evaluator


def new_scenario(sandbox: Sandbox) -> OwnedScenario:
    project, name = sandbox.vonage.add_project(), f"owned-{secrets.token_hex(6)}"
    everything = '{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}'
    operator = sandbox.store.make_user(f"operator-{secrets.token_hex(4)}", everything)
    return OwnedScenario(sandbox.store, sandbox.vonage, name, operator, project.key, project.secret)


def test_lifecycle_all_requests_have_the_expected_owner(sandbox: Sandbox, evaluator: OwnerEvaluator) -> None:
    """The full lifecycle of a project, with the keys of the operator and of upload users."""
    scenario = new_scenario(sandbox)
    scenario.run(scenario.steps)
    assert scenario.warnings == []
    assert evaluator.to_s3 > 200
    assert set(evaluator.unnamed) == {"PUT /"}  # CreateBucket
    assert evaluator.to_sts == ["sts.eu-west-1.amazonaws.com"]


def modules(scenario: OwnedScenario) -> dict[str, Callable[[], Any]]:
    """A function that runs each module that uses the bucket."""
    operator, project, context = scenario._operator, scenario._project, Context(warn=scenario.warnings.append)
    state_file = f"s3://{scenario.bucket}/{scenario.state_file_key}"
    key = {
        "bucket": scenario.bucket,
        "access_key": scenario.operator[0],
        "secret_key": scenario.operator[1],
        "sse": "s3",
    }
    target = {"s3": key, "fallback": "opentok", "state_file": state_file}
    probe = {"s3": key, "prefix": scenario.key, "timeout": 0}
    return {
        "s3_archive_bucket": scenario.ensure_bucket,
        "s3_archive_bucket absent": lambda: scenario.ensure_bucket(state="absent", force=True),
        "s3_archive_bucket_info": lambda: bucket_info.gather({**operator, "name": scenario.bucket}, context),
        "vonage_archive_storage, managed key": scenario.ensure_target,
        "vonage_archive_storage, external key": lambda: reconcile({**operator, **project, **target}, context),
        "archive_upload_check": lambda: upload_check.reconcile({**operator, **probe}, context),
        "archive_fleet_report": lambda: fleet_report.reconcile(
            {**operator, "report_path": f"s3://{scenario.bucket}/report", "show": False},
            context,
            [],
            scenario.warnings.append,
        ),
        "vonage_archive_info": lambda: archive_info.reconcile(
            {**operator, **project, "state_file": state_file}, context
        ),
        "vonage_archive_audit": lambda: archive_audit.reconcile(
            {**operator, **project, "bucket": scenario.bucket}, context
        ),
        "iam_archive_uploader absent": lambda: uploader_module.reconcile(
            {**operator, "state": "absent", "name": scenario.user, "drain_timeout": 1}, context
        ),
    }


@pytest.mark.parametrize("expected", [bucket_owner.CALLER, ACCOUNT])
def test_module_bucket_of_another_account_is_denied(sandbox: Sandbox, evaluator: OwnerEvaluator, expected: str) -> None:
    """Another account has created the bucket, and its policy allows everything."""
    scenario = new_scenario(sandbox)
    scenario.expected = expected
    scenario.admin.create_bucket(Bucket=scenario.bucket)
    evaluator.owners[scenario.bucket] = OTHER
    runs = modules(scenario)
    # It lists uploads in progress only if its user has a key.
    del runs["iam_archive_uploader absent"]
    for name, run in runs.items():
        hint = f"another account than expected_bucket_owner={ACCOUNT if name == 'archive_upload_check' else expected}"
        try:
            message = run().failed
        except DeniedError as exc:
            message = str(exc)
        assert hint in message, name
        assert "before you change expected_bucket_owner" in message, name
    assert scenario.admin.list_objects_v2(Bucket=scenario.bucket)["KeyCount"] == 0
    assert evaluator.unnamed == []
    assert scenario.emulator.target(scenario.key) is None
    assert scenario.all_keys == []


def test_uploader_absent_bucket_of_another_account_keeps_the_user(sandbox: Sandbox, evaluator: OwnerEvaluator) -> None:
    """Uploads in progress cannot be listed, so the key can be in use."""
    scenario = new_scenario(sandbox)
    scenario.create()
    evaluator.owners[scenario.bucket] = OTHER
    with pytest.raises(DeniedError, match="another account than expected_bucket_owner=caller"):
        modules(scenario)["iam_archive_uploader absent"]()
    assert scenario.all_keys == [scenario.target_key_id]


def test_configure_expected_owner_is_another_account_succeeds(sandbox: Sandbox, evaluator: OwnerEvaluator) -> None:
    scenario = new_scenario(sandbox)
    scenario.expected = OTHER
    scenario.admin.create_bucket(Bucket=scenario.bucket)
    evaluator.owners[scenario.bucket] = OTHER
    assert scenario.configure()
    assert scenario.emulator.record_archive(scenario.key)["status"] == "uploaded"
    assert evaluator.unnamed == []
    assert evaluator.to_sts == []


AT_AWS: dict[str, Any] = {"endpoint_url": "", "region": "us-east-1", "expected_bucket_owner": bucket_owner.CALLER}


def test_broadcast_app_all_requests_have_the_expected_owner(
    broadcast: BroadcastEnvironment, evaluator: OwnerEvaluator
) -> None:
    """Requests with the application's key also expect the account of the operator."""
    assert broadcast.run(**AT_AWS).changed
    assert not broadcast.run(**AT_AWS).changed
    assert broadcast.run(**AT_AWS, verify="only").result["changes"] == []
    assert broadcast.warnings == []
    assert evaluator.to_s3 > 10
    assert evaluator.unnamed == []
    assert evaluator.to_sts == ["sts.us-east-1.amazonaws.com"]


def test_broadcast_app_bucket_of_another_account_is_denied(
    broadcast: BroadcastEnvironment, evaluator: OwnerEvaluator
) -> None:
    evaluator.owners[broadcast.bucket] = OTHER
    before = dict(broadcast.config)
    with pytest.raises(DeniedError, match="another account than expected_bucket_owner=caller"):
        broadcast.run(**AT_AWS, verify="never")
    assert broadcast.config == before
    with pytest.raises(ClientError, match="NoSuchEntity"):
        broadcast.iam.get_user(UserName=broadcast.user)
