# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The operator's policy of the guide is enough for an application's user and key, and no more than that.

Requests to AWS are judged by ``aws_gate`` and answered by moto. What everybody sees of a probe moto cannot show: it is
looked at on SeaweedFS, by test_interactive_broadcast.py.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.httpsession import URLLib3Session

from ansible_collections.vonage.archiving.plugins.module_utils._interactive_broadcast import verify as proof
from ansible_collections.vonage.archiving.plugins.module_utils._upload_check.probe import Check
from tests.e2e.aws_gate import Gate, matches, pairs
from tests.e2e.broadcast_site import BroadcastSite, broadcast_site
from tests.e2e.runs import ROOT
from tests.e2e.test_permissions import documented_policy
from tests.sandbox import Sandbox

pytestmark = pytest.mark.xdist_group("permissions")

GUIDE = ROOT / "docs" / "docsite" / "rst" / "guide_interactive_broadcast.rst"
# Of the bucket, which s3_archive_bucket brings about.
OWNERSHIP = ("s3:GetBucketOwnershipControls", "s3:PutBucketOwnershipControls")


def of_the_guide(site: BroadcastSite) -> dict[str, Any]:
    """The policy, for the bucket and the project of a test."""
    found = re.search(r"code-block:: json\n\n((?:(?: {4}.*)?\n)+)", GUIDE.read_text())
    assert found
    text = found[1].replace("example-recordings", site.bucket).replace("47123456", site.key)
    return dict(json.loads(text))


@pytest.fixture
def site() -> Iterator[BroadcastSite]:
    with Sandbox(stores=("moto-iam",), heroku=True) as running, broadcast_site(running, running.heroku) as made:
        yield made


@pytest.fixture
def gate(site: BroadcastSite, monkeypatch: pytest.MonkeyPatch) -> Gate:
    """In front of moto, which answers nobody who comes without a key, and no preflight."""
    judge = Gate(site.store.endpoint_url)
    # A bound method is not bound again: the lambda is what takes the session.
    # pylint: disable-next=unnecessary-lambda
    monkeypatch.setattr(URLLib3Session, "send", lambda session, request: judge.send(session, request))
    fine = Check("seen", True, "")
    for name in ("_readable", "_private", "_preflight"):
        monkeypatch.setattr(proof.Prover, name, lambda *_args: fine)
    return judge


def test_the_policy_is_enough_and_no_more(site: BroadcastSite, gate: Gate) -> None:
    site.make_bucket()
    allowed = of_the_guide(site)
    rest = documented_policy("operator", site.bucket, site.key)["Statement"]
    gate.policies[site.store.access_key] = {"Statement": [*allowed["Statement"], *rest]}
    at_aws: dict[str, Any] = {"endpoint_url": "", "region": "us-east-1"}
    assert site.run(**at_aws).result["reason"] == "missing"
    everything = {"Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}], "Version": "2012-10-17"}
    site.iam.put_user_policy(UserName=site.user, PolicyName="vonage-archiving", PolicyDocument=json.dumps(everything))
    assert site.run(**at_aws).result["changes"] == [f"{site.user}: policy"]
    assert site.run(**at_aws, rotate=True).result["reason"] == "forced"
    assert not site.run(**at_aws).changed
    assert site.run(**at_aws, proof="only").result["changes"] == []
    assert site.warnings == []
    site.settled()
    assert site.run(**at_aws, state="absent").changed
    used = gate.used[site.store.access_key]
    unused = [pair for pair in pairs(allowed) if not any(matches(pair, need) for need in used)]
    assert sorted(pair.action for pair in unused) == sorted(OWNERSHIP)
    # Beside them it asks for the region of the bucket, which S3 tells with a refusal too.
    others = {need for need in used if not any(matches(pair, need) for pair in pairs(allowed))}
    assert {need.action for need in others} == {"s3:ListBucket"}
