# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The operator's policy in the guide allows what the user and the key of an application need, and nothing else.

``aws_gate`` evaluates requests to AWS, and moto responds to them. moto does not emulate anonymous reads of a probe:
test_interactive_broadcast.py covers them on SeaweedFS.
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
from tests.e2e.aws_gate import Gate, matches, pairs
from tests.e2e.broadcast_site import BroadcastSite, broadcast_site
from tests.e2e.runs import ROOT
from tests.e2e.test_permissions import documented_policy
from tests.sandbox import Sandbox

pytestmark = pytest.mark.xdist_group("permissions")

GUIDE = ROOT / "docs" / "docsite" / "rst" / "guide_interactive_broadcast.rst"
# For the bucket, which s3_archive_bucket manages.
OWNERSHIP = ("s3:GetBucketOwnershipControls", "s3:PutBucketOwnershipControls")


def guide_policy(site: BroadcastSite) -> dict[str, Any]:
    """The policy of the guide, with the bucket and the project of the test."""
    match = re.search(r"code-block:: json\n\n((?:(?: {4}.*)?\n)+)", GUIDE.read_text())
    assert match
    text = match[1].replace("example-recordings", site.bucket).replace("47123456", site.key)
    return dict(json.loads(text))


@pytest.fixture
def site() -> Iterator[BroadcastSite]:
    with Sandbox(stores=("moto-iam",), heroku=True) as running, broadcast_site(running, running.heroku) as broadcast:
        yield broadcast


@pytest.fixture
def gate(site: BroadcastSite, monkeypatch: pytest.MonkeyPatch) -> Gate:
    """A gate in front of moto, which responds neither to requests without a key nor to a preflight."""
    evaluator = Gate(site.store.endpoint_url)
    # Python does not bind a bound method again, so the lambda takes the session.
    # pylint: disable-next=unnecessary-lambda
    monkeypatch.setattr(URLLib3Session, "send", lambda session, request: evaluator.send(session, request))
    passed = Check("skipped", True, "")
    for name in ("_verify_public_read", "_verify_private", "_verify_preflight"):
        monkeypatch.setattr(verify.AppVerifier, name, lambda *_args: passed)
    return evaluator


def test_guide_policy_allows_what_is_needed_and_nothing_else(site: BroadcastSite, gate: Gate) -> None:
    site.ensure_bucket()
    allowed = guide_policy(site)
    readme_policy = documented_policy("operator", site.bucket, site.key)["Statement"]
    gate.policies[site.store.access_key] = {"Statement": [*allowed["Statement"], *readme_policy]}
    at_aws: dict[str, Any] = {"endpoint_url": "", "region": "us-east-1"}
    assert site.run(**at_aws).result["reason"] == "missing"
    everything = {"Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}], "Version": "2012-10-17"}
    site.iam.put_user_policy(UserName=site.user, PolicyName="vonage-archiving", PolicyDocument=json.dumps(everything))
    assert site.run(**at_aws).result["changes"] == [f"{site.user}: policy"]
    assert site.run(**at_aws, rotate=True).result["reason"] == "forced"
    assert not site.run(**at_aws).changed
    assert site.run(**at_aws, verify="only").result["changes"] == []
    assert site.warnings == []
    site.assert_configured()
    assert site.run(**at_aws, state="absent").changed
    used = gate.used[site.store.access_key]
    unused = [pair for pair in pairs(allowed) if not any(matches(pair, need) for need in used)]
    assert sorted(pair.action for pair in unused) == sorted(OWNERSHIP)
    # The region of the bucket is also fetched; S3 returns it even if it denies the request.
    others = {need for need in used if not any(matches(pair, need) for pair in pairs(allowed))}
    assert {need.action for need in others} == {"s3:ListBucket"}
