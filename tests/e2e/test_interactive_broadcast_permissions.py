# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The operator's policy in the guide allows what the user and the key of an application need, and nothing else.

``iam_policy_evaluator`` evaluates requests to AWS, and moto responds to them. moto does not emulate anonymous reads of
a probe: test_interactive_broadcast.py covers them on SeaweedFS.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.httpsession import URLLib3Session

from ansible_collections.vonage.archiving.plugins.module_utils._interactive_broadcast import verify
from ansible_collections.vonage.archiving.plugins.module_utils._upload_check.probe import Check
from tests.e2e.broadcast_environment import BroadcastEnvironment, new_broadcast_environment
from tests.e2e.iam_policy_evaluator import PolicyEvaluator, is_match, list_permissions
from tests.e2e.playbook_runs import ROOT
from tests.e2e.test_permissions import documented_policy
from tests.sandbox import Sandbox

pytestmark = pytest.mark.xdist_group("permissions")

GUIDE = ROOT / "docs" / "docsite" / "rst" / "guide_interactive_broadcast.rst"
# For the bucket, which s3_archive_bucket manages.
OWNERSHIP = ("s3:GetBucketOwnershipControls", "s3:PutBucketOwnershipControls")


def guide_policy(broadcast: BroadcastEnvironment) -> dict[str, Any]:
    """The policy of the guide, with the bucket and the project of the test."""
    match = re.search(r"code-block:: json\n\n((?:(?: {4}.*)?\n)+)", GUIDE.read_text())
    assert match
    text = match[1].replace("example-recordings", broadcast.bucket).replace("47123456", broadcast.key)
    return dict(json.loads(text))


@pytest.fixture
def broadcast() -> Iterator[BroadcastEnvironment]:
    with (
        Sandbox(stores=("moto-iam",), heroku=True) as running,
        new_broadcast_environment(running, running.heroku) as broadcast,
    ):
        yield broadcast


@pytest.fixture
def evaluator(broadcast: BroadcastEnvironment, monkeypatch: pytest.MonkeyPatch) -> PolicyEvaluator:
    """An evaluator in front of moto, which responds neither to requests without a key nor to a preflight."""
    evaluator = PolicyEvaluator(broadcast.store.endpoint_url)
    # Python does not bind a bound method again, so the lambda takes the session.
    # pylint: disable-next=unnecessary-lambda
    monkeypatch.setattr(URLLib3Session, "send", lambda session, request: evaluator.send(session, request))
    passed = Check("skipped", True, "")
    for name in ("_verify_public_read", "_verify_private", "_verify_preflight"):
        monkeypatch.setattr(verify.AppVerifier, name, lambda *_args: passed)
    return evaluator


def test_guide_policy_allows_what_is_needed_and_nothing_else(
    broadcast: BroadcastEnvironment, evaluator: PolicyEvaluator
) -> None:
    broadcast.ensure_bucket()
    allowed = guide_policy(broadcast)
    readme_policy = documented_policy("operator", broadcast.bucket, broadcast.key)["Statement"]
    evaluator.policies[broadcast.store.access_key] = {"Statement": [*allowed["Statement"], *readme_policy]}
    at_aws: dict[str, Any] = {"endpoint_url": "", "region": "us-east-1"}
    assert broadcast.run(**at_aws).result["reason"] == "missing"
    everything = {"Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}], "Version": "2012-10-17"}
    broadcast.iam.put_user_policy(
        UserName=broadcast.user, PolicyName="vonage-archiving", PolicyDocument=json.dumps(everything)
    )
    assert broadcast.run(**at_aws).result["changes"] == [f"{broadcast.user}: policy"]
    assert broadcast.run(**at_aws, rotate=True).result["reason"] == "forced"
    assert not broadcast.run(**at_aws).changed
    assert broadcast.run(**at_aws, verify="only").result["changes"] == []
    assert broadcast.warnings == []
    broadcast.assert_configured()
    assert broadcast.run(**at_aws, state="absent").changed
    used = evaluator.used[broadcast.store.access_key]
    granted = list(list_permissions(allowed))
    unused = [permission for permission in granted if not any(is_match(permission, other) for other in used)]
    assert sorted(permission.action for permission in unused) == sorted(OWNERSHIP)
    # The region of the bucket is also fetched; S3 returns it even if it denies the request.
    others = {permission for permission in used if not any(is_match(other, permission) for other in granted)}
    assert {permission.action for permission in others} == {"s3:ListBucket"}
