# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``expected_bucket_owner`` in all modules that use S3, in front of a server that enforces it as AWS does.

moto does not know the header. What AWS does about it is taken from the Amazon S3 User Guide, "Verifying bucket
ownership with bucket owner condition": 403 if the account is not the owner.
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
from tests.e2e.aws_gate import ACCOUNT, HOST, Gate, _Body
from tests.e2e.broadcast_site import BroadcastSite, broadcast_site
from tests.e2e.lifecycle_scenario import LifecycleScenario
from tests.sandbox import Sandbox

pytestmark = pytest.mark.xdist_group("expected_bucket_owner")

HEADER = "x-amz-expected-bucket-owner"
OTHER = "666666666666"


@dataclass
class OwnerGate(Gate):
    """AWS, as far as the owner of a bucket is concerned.

    :param owners: by bucket; all others belong to the account of the operator.
    :param unnamed: the requests to S3 that did not name an owner.
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
            refusal = self._judge(request, host, parts.path)
            if refusal:
                return refusal
        return super().send(session, request)

    def _judge(self, request: AWSPreparedRequest, host: str, path: str) -> AWSResponse | None:
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
    """A project of an operator who expects an owner."""

    expected = bucket_owner.CALLER

    @property
    def _operator(self) -> dict[str, Any]:
        return {**super()._operator, "expected_bucket_owner": self.expected}


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(stores=("moto-iam",), heroku=True) as running:
        yield running


@pytest.fixture
def site(sandbox: Sandbox, gate: OwnerGate, monkeypatch: pytest.MonkeyPatch) -> Iterator[BroadcastSite]:
    """An Interactive Broadcast app. moto responds neither to requests without a key nor to a preflight."""
    for name in ("_verify_public_read", "_verify_private", "_verify_preflight"):
        monkeypatch.setattr(verify.AppVerifier, name, lambda *_args: Check("seen", True, ""))
    with broadcast_site(sandbox, sandbox.heroku) as found:
        found.ensure_bucket()
        gate.to_s3 = 0
        gate.unnamed.clear()
        yield found


@pytest.fixture
def gate(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> OwnerGate:
    judge = OwnerGate(sandbox.store.endpoint_url)
    # pylint: disable-next=unnecessary-lambda # a bound method is not bound again: the lambda takes the session
    monkeypatch.setattr(URLLib3Session, "send", lambda session, request: judge.send(session, request))
    monkeypatch.setattr(upload_cleanup, "STALE", datetime.timedelta(0))
    # Requests without a key are not sent by botocore, and moto cannot answer them.
    monkeypatch.setattr(
        access_checks.AccessChecks, "_anonymous_list", lambda _checks: Check("anonymous_list", True, "")
    )
    monkeypatch.setattr(policy, "CONFIRM_BACKOFF", (0.1,))
    return judge


def new_scenario(sandbox: Sandbox) -> OwnedScenario:
    project, name = sandbox.vonage.add_project(), f"owned-{secrets.token_hex(6)}"
    everything = '{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}'
    operator = sandbox.store.make_user(f"operator-{secrets.token_hex(4)}", everything)
    return OwnedScenario(sandbox.store, sandbox.vonage, name, operator, project.key, project.secret)


def test_every_request_of_a_project_names_the_owner(sandbox: Sandbox, gate: OwnerGate) -> None:
    """From the first bucket to the end of the target; with the operator's key, and with those of uploaders."""
    scenario = new_scenario(sandbox)
    scenario.run(scenario.steps)
    assert scenario.warnings == []
    assert gate.to_s3 > 200
    assert set(gate.unnamed) == {"PUT /"}  # CreateBucket
    assert gate.to_sts == ["sts.eu-west-1.amazonaws.com"]


def modules(scenario: OwnedScenario) -> dict[str, Callable[[], Any]]:
    """A run of each module that uses the bucket."""
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
        "iam_archive_uploader absent": lambda: uploader_module.reconcile(
            {**operator, "state": "absent", "name": scenario.user, "drain_timeout": 1}, context
        ),
    }


@pytest.mark.parametrize("expected", [bucket_owner.CALLER, ACCOUNT])
def test_no_module_uses_a_bucket_of_another_account(sandbox: Sandbox, gate: OwnerGate, expected: str) -> None:
    """Somebody else has registered the name before, and lets everybody use the bucket."""
    scenario = new_scenario(sandbox)
    scenario.expected = expected
    scenario.admin.create_bucket(Bucket=scenario.bucket)
    gate.owners[scenario.bucket] = OTHER
    runs = modules(scenario)
    # It looks for uploads in progress only if its user has a key.
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
    assert gate.unnamed == []
    assert scenario.emulator.target(scenario.key) is None
    assert scenario.all_keys == []


def test_uploader_stays_if_its_bucket_belongs_to_another_account(sandbox: Sandbox, gate: OwnerGate) -> None:
    """Uploads in progress cannot be listed there, so its key may be in use."""
    scenario = new_scenario(sandbox)
    scenario.create()
    gate.owners[scenario.bucket] = OTHER
    with pytest.raises(DeniedError, match="another account than expected_bucket_owner=caller"):
        modules(scenario)["iam_archive_uploader absent"]()
    assert scenario.all_keys == [scenario.target_key_id]


def test_owner_is_another_account_on_purpose(sandbox: Sandbox, gate: OwnerGate) -> None:
    scenario = new_scenario(sandbox)
    scenario.expected = OTHER
    scenario.admin.create_bucket(Bucket=scenario.bucket)
    gate.owners[scenario.bucket] = OTHER
    assert scenario.configure()
    assert scenario.emulator.record_archive(scenario.key)["status"] == "uploaded"
    assert gate.unnamed == []
    assert gate.to_sts == []


AT_AWS: dict[str, Any] = {"endpoint_url": "", "region": "us-east-1", "expected_bucket_owner": bucket_owner.CALLER}


def test_every_request_for_a_broadcast_app_names_the_owner(site: BroadcastSite, gate: OwnerGate) -> None:
    """The application's own key, too, expects the account of the operator."""
    assert site.run(**AT_AWS).changed
    assert not site.run(**AT_AWS).changed
    assert site.run(**AT_AWS, verify="only").result["changes"] == []
    assert site.warnings == []
    assert gate.to_s3 > 10
    assert gate.unnamed == []
    assert gate.to_sts == ["sts.us-east-1.amazonaws.com"]


def test_no_broadcast_app_gets_the_name_of_a_bucket_of_another_account(site: BroadcastSite, gate: OwnerGate) -> None:
    gate.owners[site.bucket] = OTHER
    before = dict(site.config)
    with pytest.raises(DeniedError, match="another account than expected_bucket_owner=caller"):
        site.run(**AT_AWS, verify="never")
    assert site.config == before
    with pytest.raises(ClientError, match="NoSuchEntity"):
        site.iam.get_user(UserName=site.user)
